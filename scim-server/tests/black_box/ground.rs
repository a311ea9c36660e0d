//! What the servers of these tests store in: an SQLite file in their folder.

use std::path::Path;
use std::time::Duration;

/// One store.
#[derive(Debug)]
pub struct Ground(String);

impl Ground {
    /// A fresh one for a server in this folder.
    pub fn fresh(folder: &Path) -> Ground {
        Ground(folder.join("scim.db").display().to_string())
    }

    /// The settings that lead a server to it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("SCIM__STORE__SQLITE__PATH", self.0.clone())]
    }

    /// The same, for a configuration file.
    pub fn toml(&self) -> String {
        format!("[store.sqlite]\npath = {:?}\n", self.0)
    }

    /// Runs statements in the database, while no server has it.
    pub fn run(&self, sql: &str) {
        rusqlite::Connection::open(&self.0).unwrap().execute_batch(sql).unwrap();
    }

    /// The number of its layout.
    pub fn layout(&self) -> i64 {
        let db = rusqlite::Connection::open(&self.0).unwrap();
        db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }
}

/// A store of the first layout as a server of that time left it, and what that server answered.
pub const OLDER: [&str; 2] = [include_str!("upgrade/sqlite-1.sql"), include_str!("upgrade/sqlite-1.jsonl")];

/// The setting that names what has an index.
pub const INDEX: &str = "SCIM__STORE__SQLITE__INDEX";

/// Users that stay while lists are walked.
pub const STAYING: usize = 20_000;

/// Users of a tenant that heaps up scans.
pub const HEAP: usize = 2_000;

/// Creations in each bulk request of a tenant that heaps up writes.
pub const BULK: usize = 200;

/// How long a server may go without knowing what a command beside it has changed.
pub const LEARNS: Duration = Duration::ZERO;
