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
}

/// Users that stay while lists are walked.
pub const STAYING: usize = 20_000;

/// Users of a tenant that heaps up scans.
pub const HEAP: usize = 2_000;

/// Creations in each bulk request of a tenant that heaps up writes.
pub const BULK: usize = 200;

/// How long a server may go without knowing what a command beside it has changed.
pub const LEARNS: Duration = Duration::ZERO;
