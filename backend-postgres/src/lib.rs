//! The place of the PostgreSQL store. It is not built yet: `store.backend = "postgres"` is refused at start, with a
//! sentence that says so. It will have the same file names as `backend-sqlite`, to be read side by side.
