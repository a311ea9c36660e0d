//! The factory table: the name in `store.backend` → how to open it. Nothing else in the server knows a backend by name.
//! Another binary adds rows through [`crate::Builder::backend`].

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use futures_util::future::BoxFuture;
use scim_core::clock::Timestamp;
use scim_core::limits::Limits;
use scim_core::schema::ResourceType;
use scim_core::store::Store;
use scim_core::store::control::{ControlStore, ExternalIds};
use serde_json::Value;

use crate::config::{Section, StoreSettings};

/// Backends of the product that a build may lack: their tables are no error while another backend is selected.
pub const ELSEWHERE: &[&str] = &["postgres", "ldap"];

/// The backend that is used where none is named.
pub const DEFAULT: &str = "sqlite";

/// What libraries of backends may say to the log: of ldap3 nothing, as it shows what a directory answered. Its connections are told of by
/// the backend.
pub const LOG: &str = "ldap3=off";

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve requests: a store that can have one server only refuses a second.
    Serve,
    /// For a command, which may run beside a server.
    Command,
    /// To look, beside a server: nothing of a store that is there is changed. One of an older layout is refused with [`Older`].
    Look,
}

/// The store has the layout of an older release, and is only to be looked at. Says so in one sentence.
#[derive(Debug)]
pub struct Older(pub String);

impl std::fmt::Display for Older {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Older {}

/// One row of the table.
#[derive(Clone)]
pub struct Factory {
    /// What `store.backend` calls it.
    pub name: &'static str,
    /// The keys of its table with their defaults; null where there is none.
    pub keys: fn() -> Value,
    /// Does it keep tenants and credentials too? One that does not cannot stand in `[control]`.
    pub keeps_control: bool,
    /// Is there a store already? Who only looks does not make one.
    pub begun: fn(&Section) -> Result<bool>,
    /// Opens it. Errors name the setting, the value and the mend.
    pub open: fn(Section, Purpose, Arc<Limits>) -> BoxFuture<'static, Result<Opened>>,
    /// Puts a backup in the place of the store, after checking it; nothing may have the store open.
    pub restore: Option<fn(Section, &Path) -> Result<()>>,
}

impl std::fmt::Debug for Factory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factory").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An open backend.
#[derive(Debug)]
pub struct Opened {
    /// The resources.
    pub store: Arc<dyn Store>,
    /// Tenants and credentials, where the backend keeps them.
    pub control: Option<Arc<dyn ControlStore>>,
    /// Backup and the like, where the backend can.
    pub upkeep: Option<Arc<dyn Upkeep>>,
}

/// What an operator does to a store as a whole.
#[async_trait::async_trait]
pub trait Upkeep: std::fmt::Debug + Send + Sync {
    /// Writes a consistent copy to a file that does not exist yet, also while the server writes.
    async fn backup(&self, to: &Path) -> Result<()>;
    /// Makes the indexes anew.
    async fn reindex(&self) -> Result<()>;
}

/// How a kind of backend is examined by `doctor`, beyond what every store can be asked.
#[derive(Debug, Clone, Copy)]
pub struct Doctor {
    /// What `store.backend` calls it.
    pub name: &'static str,
    /// How the URLs of such systems begin.
    pub schemes: &'static [&'static str],
    /// What these arguments of the command line are as settings: environment variables and their values.
    pub settings: fn(&Reached) -> Vec<(&'static str, String)>,
    /// Looks at it.
    pub examine: fn(Examination) -> BoxFuture<'static, Result<Diagnosis>>,
}

/// What the command line says of how a system is reached.
#[derive(Debug, Clone, Default)]
pub struct Reached {
    /// Its URL.
    pub url: Option<String>,
    /// As whom.
    pub user: Option<String>,
    /// The file of the password.
    pub password_file: Option<String>,
}

/// What is looked at.
#[derive(Debug)]
pub struct Examination {
    /// The table of the backend.
    pub section: Section,
    /// What the command line says besides.
    pub reached: Reached,
    /// The types that are served.
    pub types: Vec<Arc<ResourceType>>,
    /// The time.
    pub now: Timestamp,
    /// The bounds.
    pub limits: Limits,
    /// Is a configuration wanted rather than a report?
    pub print_config: bool,
    /// Is it tried too what only writing shows?
    pub write_probe: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// For people; or the configuration, where that was wanted.
    pub text: String,
    /// For machines.
    pub json: Value,
    /// Does it work?
    pub works: bool,
}

/// A format of files beside SCIM JSON Lines, for `import` and `export`.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// How the names of its files end.
    pub ending: &'static str,
    /// Writes a line of JSON for each resource of the file.
    pub into_lines: fn(&Exchanged, &Path, &mut dyn Write) -> Result<Left>,
    /// Writes the file that a file of such lines is.
    pub out_of_lines: fn(&Exchanged, &Path, &mut dyn Write) -> Result<Left>,
}

/// What a file is exchanged for.
#[derive(Debug)]
pub struct Exchanged<'a> {
    /// The table of the backend that brings the format.
    pub section: Section,
    /// The tenant.
    pub tenant: &'a str,
    /// Its types.
    pub types: &'a [Arc<ResourceType>],
    /// The bounds.
    pub limits: &'a Limits,
}

/// What one of the two sides has no place for, and how often that was.
#[derive(Debug, Default, PartialEq)]
pub struct Left {
    /// What, how often.
    pub out: BTreeMap<String, u64>,
}

/// The format of a file, with the name of the backend whose table it goes by; None: SCIM JSON Lines.
pub fn format(file: &Path) -> Option<(&'static str, Format)> {
    let formats: &[(&str, Format)] = &[
        #[cfg(feature = "ldap")]
        (crate::ldap::FACTORY.name, crate::ldif::FORMAT),
    ];
    formats
        .iter()
        .find(|(_, format)| file.extension().is_some_and(|own| own.eq_ignore_ascii_case(format.ending)))
        .copied()
}

/// The backends that know more about themselves than every store does.
pub fn doctors() -> Vec<Doctor> {
    vec![
        #[cfg(feature = "ldap")]
        crate::ldap::DOCTOR,
    ]
}

/// The backends of this build.
pub fn built_in() -> Vec<Factory> {
    vec![
        #[cfg(feature = "sqlite")]
        crate::sqlite::FACTORY,
        #[cfg(feature = "postgres")]
        crate::postgres::FACTORY,
        #[cfg(feature = "ldap")]
        crate::ldap::FACTORY,
    ]
}

/// A store that keeps no tenants, with the external ids of clients kept beside it where it cannot hold them itself.
pub fn beside(store: Arc<dyn Store>, kept: Arc<dyn ExternalIds>) -> Arc<dyn Store> {
    #[cfg(feature = "ldap")]
    let store = Arc::new(backend_ldap::Beside::new(store, kept));
    #[cfg(not(feature = "ldap"))]
    drop(kept);
    store
}

/// Opens the backend that these settings select.
pub async fn open(
    settings: &StoreSettings,
    backends: &[Factory],
    purpose: Purpose,
    limits: &Arc<Limits>,
) -> Result<Opened> {
    let factory = find(settings, backends)?;
    (factory.open)(settings.selected(), purpose, limits.clone()).await
}

/// The row that these settings select.
pub fn find<'a>(settings: &StoreSettings, backends: &'a [Factory]) -> Result<&'a Factory> {
    match backends.iter().find(|factory| factory.name == settings.backend) {
        Some(factory) if settings.place == "control" && !factory.keeps_control => {
            let able = backends.iter().filter(|factory| factory.keeps_control);
            let able = able.map(|factory| format!("{:?}", factory.name)).collect::<Vec<_>>().join(" or ");
            bail!(
                "control.backend = {:?}: it keeps no tenants, tokens and audit; write {able}, or leave [control] out and \
                 give the tokens in [[tokens]]",
                settings.backend
            )
        }
        Some(factory) => Ok(factory),
        None => {
            let known = backends.iter().map(|factory| factory.name).collect::<Vec<_>>().join(", ");
            bail!(
                "{}.backend = {:?}: this build has no backend {:?}; it has: {known}",
                settings.place,
                settings.backend,
                settings.backend
            )
        }
    }
}
