//! Settings: one TOML file, the environment over it; every key known and every value checked before anything starts.
//!
//! - A file for each section: `server`, `log`, `store` (and `control`), `tokens`, `schemas`, and one for each backend.
//!   `[limits]` is [`scim_core::limits::Limits`]
//! - `keys`: which keys there are, and the nearest to one that is not
//! - `values`: lists and secrets
//! - `show`: prints what is in force

pub mod keys;
#[cfg(feature = "ldap")]
pub mod ldap;
pub mod log;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod schemas;
pub mod server;
pub mod show;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod store;
pub mod tokens;
pub mod values;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use config::{Config, Environment, File, FileFormat, Map, Value};
use scim_core::limits::Limits;
use serde::de::DeserializeOwned;

use crate::backends::{DEFAULT, Factory};

pub use log::{LogFormat, LogSettings};
pub use schemas::SchemaSettings;
pub use server::{ClientAuth, ServerSettings, TlsSettings};
pub use store::{Section, StoreSettings};
pub use tokens::TokenSettings;

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "scim-server.toml";

/// The most seconds that a limit may have.
const YEAR: u64 = 365 * 86_400;

/// Everything that can be set, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[server]`.
    pub server: ServerSettings,
    /// `[log]`.
    pub log: LogSettings,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[control]`; None: the store itself.
    pub control: Option<StoreSettings>,
    /// `[[tokens]]`.
    pub tokens: Vec<TokenSettings>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[[schemas]]`.
    pub schemas: Vec<SchemaSettings>,
}

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file named on the command line, which must exist. None: `scim-server.toml`, which need not.
    pub file: Option<PathBuf>,
    /// Stands for the process environment where given: tests do not share theirs.
    pub environment: Option<HashMap<String, String>>,
}

impl Settings {
    /// Reads and checks them. `backends` decides which `[store.…]` tables there are. An error names the setting, the
    /// value and the mend.
    pub fn load(sources: &Sources, backends: &[Factory]) -> Result<Settings> {
        let (path, required) = match &sources.file {
            Some(path) => (path.as_path(), true),
            None => (Path::new(DEFAULT_FILE), false),
        };
        if required && !path.is_file() {
            bail!("--config {}: there is no such file", path.display());
        }
        let environment = Environment::with_prefix("SCIM")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(false)
            .source(sources.environment.clone().map(|all| all.into_iter().collect()));
        let read = Config::builder()
            .add_source(File::from(path).format(FileFormat::Toml).required(required))
            .add_source(environment)
            .build()?;
        let mut root = read.cache.into_table().context("the configuration is no table")?;
        let shape = keys::shape(backends);
        keys::check(&root, &shape)?;
        values::read_secret_files(&mut root, backends)?;

        let settings = Settings {
            server: section(&mut root, "server")?,
            log: section(&mut root, "log")?,
            store: StoreSettings::take(root.remove("store"), "store", Some(DEFAULT))?,
            control: root.remove("control").map(|own| StoreSettings::take(Some(own), "control", None)).transpose()?,
            tokens: list(&mut root, "tokens")?,
            limits: section(&mut root, "limits")?,
            schemas: list(&mut root, "schemas")?,
        };
        settings.check()?;
        settings.control.iter().try_for_each(|control| crate::backends::find(control, backends).map(drop))?;
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        self.server.check()?;
        self.log.check()?;
        for token in &self.tokens {
            token.check()?;
        }
        check_limits(&self.limits)
    }
}

/// The table of this name, or its defaults where it is absent.
fn section<T: DeserializeOwned>(root: &mut Map<String, Value>, name: &str) -> Result<T> {
    let value = root.remove(name).unwrap_or_else(|| Value::from(Map::<String, Value>::new()));
    value.try_deserialize().with_context(|| format!("[{name}]"))
}

/// The tables `[[name]]`.
fn list<T: DeserializeOwned>(root: &mut Map<String, Value>, name: &str) -> Result<Vec<T>> {
    let Some(value) = root.remove(name) else { return Ok(Vec::new()) };
    if !matches!(value.kind, config::ValueKind::Array(_)) {
        bail!("{name} are tables in a list: they can stand in the configuration file only");
    }
    value.try_deserialize().with_context(|| format!("[[{name}]]"))
}

/// Limits that would make the server useless are refused, and those that would make it unsafe.
fn check_limits(limits: &Limits) -> Result<()> {
    let at_least = |name: &str, value: u64, least: u64| {
        if value < least {
            bail!("limits.{name} = {value} is too small: it must be at least {least}");
        }
        Ok(())
    };
    at_least("body", limits.body as u64, 1_024)?;
    at_least("bulk_body", limits.bulk_body as u64, 1_024)?;
    at_least("url", limits.url as u64, 1_024)?;
    at_least("header", limits.header as u64, 1_024)?;
    at_least("keep_alive", limits.keep_alive, 1)?;
    at_least("health_time", limits.health_time, 1)?;
    at_least("stop_time", limits.stop_time, 1)?;
    at_least("header_time", limits.header_time, 1)?;
    at_least("request_time", limits.request_time, 1)?;
    at_least("json_depth", limits.json_depth as u64, 8)?;
    at_least("json_keys", limits.json_keys as u64, 50)?;
    at_least("json_string", limits.json_string as u64, 256)?;
    at_least("filter", limits.filter as u64, 64)?;
    at_least("filter_depth", limits.filter_depth as u64, 2)?;
    at_least("filter_terms", limits.filter_terms as u64, 2)?;
    at_least("path", limits.path as u64, 64)?;
    at_least("patch_operations", limits.patch_operations as u64, 1)?;
    at_least("patch_members", limits.patch_members as u64, 1)?;
    at_least("bulk_operations", limits.bulk_operations as u64, 1)?;
    at_least("page", limits.page.into(), 1)?;
    at_least("page_max", limits.page_max.into(), limits.page.into())?;
    at_least("scan_max", limits.scan_max, 1)?;
    at_least("retry_max", limits.retry_max.into(), 1)?;
    at_least("cursor_time", limits.cursor_time, 1)?;
    at_least("password", limits.password as u64, 16)?;
    at_least("connections", limits.connections as u64, 1)?;
    at_least("in_work", limits.in_work as u64, 1)?;
    at_least("auth_failures", limits.auth_failures.into(), 1)?;
    for (name, seconds) in [
        ("header_time", limits.header_time),
        ("request_time", limits.request_time),
        ("keep_alive", limits.keep_alive),
        ("health_time", limits.health_time),
        ("stop_time", limits.stop_time),
        ("cursor_time", limits.cursor_time),
        ("walk_time", limits.walk_time),
    ] {
        if seconds > YEAR {
            bail!("limits.{name} = {seconds} is too large: use at most {YEAR}, a year of seconds");
        }
    }
    if limits.json_depth > 100 {
        bail!(
            "limits.json_depth = {} is too large: the JSON reader itself stops at 128; use at most 100",
            limits.json_depth
        );
    }
    if limits.filter_depth > 512 {
        bail!("limits.filter_depth = {} is too large: use at most 512", limits.filter_depth);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
