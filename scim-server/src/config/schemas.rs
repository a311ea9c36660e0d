//! `[[schemas]]`: files with schemas and resource types in the RFC's own JSON (RFC 7643 sections 6 and 7).

use std::path::PathBuf;

use anyhow::{Context, Result};
use scim_core::schema::SchemaFile;
use serde::{Deserialize, Serialize};

/// One `[[schemas]]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SchemaSettings {
    /// The file.
    pub file: PathBuf,
    /// The resource type that a schema in it extends, such as `User`.
    pub extends: Option<String>,
}

impl SchemaSettings {
    /// Reads the file.
    pub fn read(&self) -> Result<SchemaFile> {
        let source = self.file.display().to_string();
        let text = std::fs::read_to_string(&self.file)
            .with_context(|| format!("schemas.file = {source:?}: cannot read it"))?;
        Ok(SchemaFile { source, text, extends: self.extends.clone() })
    }
}
