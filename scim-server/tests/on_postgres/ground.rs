//! What the servers of these tests store in: a database of the PostgreSQL that they share.

use std::path::Path;
use std::time::Duration;

use conformance_tests::servers::postgres::{Database, Postgres};

/// One store.
#[derive(Debug)]
pub struct Ground(Database);

impl Ground {
    /// A fresh one.
    pub fn fresh(_folder: &Path) -> Ground {
        Ground(Postgres::shared().unwrap().database().unwrap())
    }

    /// The settings that lead a server to it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        settings(&self.0.url())
    }

    /// The same, for a configuration file.
    pub fn toml(&self) -> String {
        format!("[store]\nbackend = \"postgres\"\n[store.postgres]\nurl = \"{}\"\nallow_unsafe = true\n", self.0.url())
    }

    /// Runs statements in the database.
    pub fn run(&self, sql: &str) {
        self.0.run(sql).unwrap();
    }

    /// The number of its layout.
    pub fn layout(&self) -> i64 {
        self.0.number("SELECT steps FROM layout").unwrap()
    }

    /// The database itself.
    pub fn database(&self) -> &Database {
        &self.0
    }
}

/// A store of the first layout as a server of that time left it, and what that server answered.
pub const OLDER: [&str; 2] =
    [include_str!("../black_box/upgrade/postgres-1.sql"), include_str!("../black_box/upgrade/postgres-1.jsonl")];

/// The setting that names what has an index.
pub const INDEX: &str = "SCIM__STORE__POSTGRES__INDEX";

/// The settings that lead a server to the database at this URL.
pub fn settings(url: &str) -> Vec<(&'static str, String)> {
    vec![
        ("SCIM__STORE__BACKEND", "postgres".into()),
        ("SCIM__STORE__POSTGRES__URL", url.into()),
        // The shared server of the tests does not wait for the disk.
        ("SCIM__STORE__POSTGRES__ALLOW_UNSAFE", "true".into()),
    ]
}

/// Users that stay while lists are walked: half as many as on a file, as each page is a round trip to another program.
pub const STAYING: usize = 10_000;

/// Users of a tenant that heaps up scans: sixteen are under way at once, so fewer show as well who waits for whom.
pub const HEAP: usize = 500;

/// Creations in each bulk request of a tenant that heaps up writes: as many of them are under way as there are connections.
pub const BULK: usize = 50;

/// How long a server may go without knowing what a command beside it has changed: the database tells it, as soon as the machine
/// lets it. That it is a second at most where nothing else runs is the promise; a test only waits.
pub const LEARNS: Duration = crate::support::PATIENCE;
