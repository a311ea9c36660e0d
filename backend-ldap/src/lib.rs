//! The place of the LDAP gateway. It is not built yet: `store.backend = "ldap"` is refused at start, with a sentence that
//! says so.
