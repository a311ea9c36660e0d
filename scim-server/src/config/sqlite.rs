//! `[store.sqlite]` and `[control.sqlite]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[store.sqlite]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqliteSettings {
    /// The database file; made if it is not there. Beside it stand `…-wal` and `…-shm`.
    pub path: PathBuf,
    /// Attributes that get an index for comparisons and sorting, such as `title`.
    #[serde(deserialize_with = "super::values::list")]
    pub index: Vec<String>,
    /// Attributes that get an index for `co` and `ew`.
    #[serde(deserialize_with = "super::values::list")]
    pub substring: Vec<String>,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        SqliteSettings { path: "scim.db".into(), index: Vec::new(), substring: Vec::new() }
    }
}
