//! What the tests share: a store in a directory of its own, and what changes are made of.

use std::path::Path;

use backend_sqlite::{Options, SqliteStore};
pub use conformance_tests::alike::making::*;
use rusqlite::Connection;
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

/// An empty database of this layout, as an older release left it.
pub fn laid_out(path: &Path, layout: usize) -> Connection {
    let steps = [
        include_str!("../../src/layout/001.sql"),
        include_str!("../../src/layout/002.sql"),
        include_str!("../../src/layout/003.sql"),
        include_str!("../../src/layout/004.sql"),
        include_str!("../../src/layout/005.sql"),
        include_str!("../../src/layout/006.sql"),
    ];
    let db = Connection::open(path).unwrap();
    for step in &steps[..layout] {
        db.execute_batch(step).unwrap();
    }
    db.execute_batch(&format!("PRAGMA application_id = 1396918605; PRAGMA user_version = {layout};")).unwrap();
    db
}
