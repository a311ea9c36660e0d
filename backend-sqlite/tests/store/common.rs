//! What the tests share: a store in a directory of its own, and what changes are made of.

use backend_sqlite::{Options, SqliteStore};
pub use conformance_tests::alike::making::*;
use scim_core::store::Store;
use tempfile::TempDir;

/// A store and the directory it lives in.
pub struct Home {
    pub store: SqliteStore,
    pub dir: TempDir,
}

impl Home {
    pub async fn new() -> Home {
        Home::with(|_| {}).await
    }

    pub async fn with(set: impl FnOnce(&mut Options)) -> Home {
        let dir = tempfile::tempdir().unwrap();
        let mut options = Options::new(dir.path().join("scim.db"));
        set(&mut options);
        let store = SqliteStore::open(options).unwrap();
        store.prepare(&tenant(), registry().types()).await.unwrap();
        Home { store, dir }
    }
}
