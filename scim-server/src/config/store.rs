//! `[store]` and `[control]`: a selector, and one table for each backend.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};
use config::{Map, Value, ValueKind};
use serde::de::DeserializeOwned;

use crate::backends::DEFAULT;

/// `[store]` or `[control]`.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Which section it is, for messages.
    pub place: &'static str,
    /// The backend that is used.
    pub backend: String,
    /// `[store.NAME]`, by name. Those of backends that are not used are not looked into.
    pub sections: BTreeMap<String, Section>,
}

/// One table, for the backend to read. What stands in it is not printed: it may be a secret.
#[derive(Clone)]
pub struct Section {
    place: String,
    value: Value,
}

impl StoreSettings {
    /// From the table, or from nothing.
    pub(super) fn take(given: Option<Value>, place: &'static str, default: Option<&str>) -> Result<Self> {
        let mut table = match given {
            Some(value) => value.into_table().with_context(|| format!("[{place}]"))?,
            None => Map::new(),
        };
        let backend = match (table.remove("backend"), default) {
            (Some(name), _) => name.into_string().with_context(|| format!("{place}.backend"))?,
            (None, Some(name)) => name.to_owned(),
            (None, None) => bail!("[{place}] needs {place}.backend, such as {DEFAULT:?}"),
        };
        let sections =
            table.into_iter().map(|(name, value)| (name.clone(), Section { place: format!("{place}.{name}"), value }));
        Ok(StoreSettings { place, backend, sections: sections.collect() })
    }

    /// The table of the backend in use; empty where there is none.
    pub fn selected(&self) -> Section {
        self.section(&self.backend)
    }

    /// The table of a backend; empty where there is none.
    pub fn section(&self, backend: &str) -> Section {
        self.sections.get(backend).cloned().unwrap_or_else(|| Section {
            place: format!("{}.{backend}", self.place),
            value: Value::new(None, ValueKind::Table(Map::new())),
        })
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.place)
    }
}

impl Section {
    /// What its keys begin with, for messages: `store.NAME`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The table as the backend's own type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        self.value.clone().try_deserialize().with_context(|| format!("[{}]", self.place))
    }

    /// The table as it was given.
    pub fn given(&self) -> serde_json::Value {
        self.value.clone().try_deserialize().unwrap_or_default()
    }
}
