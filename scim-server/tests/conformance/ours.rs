//! Our own server as a harness: everything the suite can ask for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use anyhow::{Context, Result, ensure};
use conformance_tests::datasets::seed::{self, Seed};
use conformance_tests::harness::Grant;
use conformance_tests::servers::postgres::Database;
#[cfg(feature = "postgres")]
use conformance_tests::servers::postgres::Postgres;
use conformance_tests::{Ability, Harness, Site, data, protocol};
use futures_util::FutureExt;
use scim_core::access::{Profile, Right};
use scim_core::clock::Timestamp;
use scim_core::limits::Limits;
use scim_core::store::control::{ControlStore, CredentialRow, TenantRow, TenantSettings};
use scim_core::store::memory::MemoryStore;
use scim_core::store::{ResourceId, Store, TenantId};
use scim_server::token;
use scim_server::{Factory, Opened, Server, Settings, Sources};
use serde_json::Value;
use tokio::runtime::Runtime;

/// Which store the server runs on.
#[derive(Debug, Clone, Copy)]
pub enum Backend {
    /// The default of the product.
    Product,
    /// A PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres,
    /// The reference store of the core, which answers no query by itself.
    Reference,
}

impl Backend {
    /// All that this build has.
    pub const ALL: &[Backend] = &[
        Backend::Product,
        #[cfg(feature = "postgres")]
        Backend::Postgres,
        Backend::Reference,
    ];

    /// The database it needs, if any.
    fn database(self) -> Result<Option<Database>> {
        match self {
            #[cfg(feature = "postgres")]
            Backend::Postgres => Ok(Some(Postgres::shared()?.database()?)),
            _ => Ok(None),
        }
    }
}

/// Two servers on one kind of store: one with the limits of the product, one with tight ones.
pub struct Ours {
    name: &'static str,
    abilities: &'static [Ability],
    wide: Running,
    tight: Running,
    runtime: Runtime,
    tenants: AtomicU64,
    numbers: AtomicU64,
    /// Token → name of the credential.
    tokens: Mutex<HashMap<String, String>>,
}

/// A server in this process.
pub struct Running {
    address: SocketAddr,
    control: Arc<dyn ControlStore>,
    store: Arc<dyn Store>,
    /// Holds the files until the process ends.
    _directory: tempfile::TempDir,
    _database: Option<Database>,
}

impl Ours {
    /// Starts both servers.
    pub fn start(backend: Backend) -> Result<Self> {
        use Ability::{Credentials, Ours, Seed, Settings, Tenants, TestSchema, Tight};
        let name = match backend {
            Backend::Product => "product/",
            #[cfg(feature = "postgres")]
            Backend::Postgres => "postgres/",
            Backend::Reference => "reference/",
        };
        let abilities = &[Tenants, Credentials, Settings, Seed, TestSchema, Tight, Ours];
        let wide = Running::start(backend, &Limits::default())?;
        self::Ours::over(name, abilities, wide, Running::start(backend, &protocol::limits::tight())?)
    }

    /// Over these two servers. Tenants are called `t1`, `t2`, and so on.
    pub fn over(name: &'static str, abilities: &'static [Ability], wide: Running, tight: Running) -> Result<Self> {
        let (tenants, numbers) = (AtomicU64::new(1), AtomicU64::new(1));
        Ok(Ours { name, abilities, wide, tight, runtime: Runtime::new()?, tenants, numbers, tokens: Mutex::default() })
    }

    fn tenant(&self, server: &Running, profile: Profile) -> Result<Site> {
        let tenant = format!("t{}", self.tenants.fetch_add(1, Ordering::Relaxed));
        let settings = TenantSettings { profile: Some(profile), ..TenantSettings::default() };
        let id = TenantId::new(&tenant);
        let row = TenantRow { id, disabled: false, created: Timestamp::from_millis(0), settings };
        ensure!(self.runtime.block_on(server.control.create_tenant(&row))?, "the tenant {tenant} is there already");
        let base = format!("http://{}/scim/v2", server.address);
        let site = Site { base, token: String::new(), tenant };
        let all = Grant { rights: vec![Right { endpoint: None, write: true }], ..Grant::default() };
        let token = self.credential(&site, &all)?;
        Ok(Site { token, ..site })
    }

    fn server(&self, site: &Site) -> &Running {
        if site.origin().ends_with(&self.tight.address.to_string()) { &self.tight } else { &self.wide }
    }
}

impl Harness for Ours {
    fn name(&self) -> &str {
        self.name
    }

    fn abilities(&self) -> &[Ability] {
        self.abilities
    }

    fn profiles(&self) -> &[Profile] {
        &[Profile::Strict, Profile::Compatible]
    }

    fn fresh_tenant(&self, profile: Profile) -> Result<Site> {
        self.tenant(&self.wide, profile)
    }

    fn tight_tenant(&self) -> Result<Site> {
        self.tenant(&self.tight, Profile::Compatible)
    }

    fn credential(&self, site: &Site, grant: &Grant) -> Result<String> {
        let name = format!("c{}", self.numbers.fetch_add(1, Ordering::Relaxed));
        let text = format!("{name}-of-{}-which-is-long-enough-for-a-token", site.tenant);
        let row = CredentialRow {
            tenant: TenantId::new(&site.tenant),
            name: name.clone(),
            digest: token::digest(&text),
            rights: grant.rights.clone(),
            profile: grant.profile,
            subject: grant.subject.as_deref().map(ResourceId::new),
            created: Timestamp::from_millis(0),
            expires: None,
            last_used: None,
        };
        self.runtime.block_on(self.server(site).control.create_credential(&row))?;
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone(), name);
        Ok(text)
    }

    fn revoke(&self, site: &Site, token: &str) -> Result<()> {
        let name = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        let name = name.context("a token that this harness made")?;
        let tenant = TenantId::new(&site.tenant);
        let ended = self.runtime.block_on(self.server(site).control.revoke(&tenant, &name, false))?;
        ensure!(ended == 1, "{ended} credentials ended");
        Ok(())
    }

    fn settings(&self, site: &Site, settings: TenantSettings) -> Result<()> {
        let control = &self.server(site).control;
        let row = self.runtime.block_on(control.tenant(&TenantId::new(&site.tenant)))?.context("the tenant")?;
        let settings = TenantSettings { profile: settings.profile.or(row.settings.profile), ..settings };
        ensure!(self.runtime.block_on(control.update_tenant(&TenantRow { settings, ..row }))?, "the tenant is gone");
        Ok(())
    }

    fn seed(&self, site: &Site, seeds: Vec<Seed>) -> Result<()> {
        let store = &self.server(site).store;
        self.runtime.block_on(seed::plant(&**store, &TenantId::new(&site.tenant), seeds))
    }
}

impl Running {
    fn start(backend: Backend, limits: &Limits) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let database = backend.database()?;
        let text = store(&directory.path().join("scim.db"), backend, database.as_ref());
        Running::serve(directory, database, &text, limits)
    }

    /// With this store, said as lines of a configuration, and the schemas of the suite.
    pub fn serve(
        directory: tempfile::TempDir,
        database: Option<Database>,
        store: &str,
        limits: &Limits,
    ) -> Result<Self> {
        let config = configure(directory.path(), store, limits)?;
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let builder = Server::builder().backend(REFERENCE);
                let sources = Sources { file: Some(config), environment: Some(HashMap::new()) };
                let settings = Settings::load(&sources, builder.backends())?;
                let server = builder.open(settings, sources).await?;
                let address = server.address().context("an address")?;
                sender.send((address, server.control().clone(), server.store().clone()))?;
                server.run().await
            })
        });
        match receiver.recv() {
            Ok((address, control, store)) => {
                Ok(Running { address, control, store, _directory: directory, _database: database })
            }
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error.context("the server did not start")),
                _ => anyhow::bail!("the server did not start"),
            },
        }
    }
}

/// The reference store as a backend. Tenants and credentials are kept by the product's.
const REFERENCE: Factory = Factory {
    name: "reference",
    keys: || Value::Object(serde_json::Map::new()),
    keeps_control: false,
    begun: |_| Ok(true),
    open: |_, _, _| async { Ok(Opened { store: Arc::new(MemoryStore::new()), control: None, upkeep: None }) }.boxed(),
    restore: None,
};

/// The lines that select a store.
fn store(path: &Path, backend: Backend, database: Option<&Database>) -> String {
    match (backend, database) {
        (Backend::Reference, _) => {
            format!(
                "[store]\nbackend = \"reference\"\n[control]\nbackend = \"sqlite\"\n[control.sqlite]\npath = {path:?}\n"
            )
        }
        // The shared server of the tests does not wait for the disk.
        (_, Some(database)) => {
            let url = database.url();
            format!("[store]\nbackend = \"postgres\"\n[store.postgres]\nurl = {url:?}\nallow_unsafe = true\n")
        }
        (_, None) => format!("[store.sqlite]\npath = {path:?}\n"),
    }
}

/// Writes the configuration: the store, the schemas of the suite, the limits, a free port.
fn configure(directory: &Path, store: &str, limits: &Limits) -> Result<std::path::PathBuf> {
    let mut text = String::from("[server]\nlisten = \"127.0.0.1:0\"\n[limits]\n");
    let Value::Object(limits) = serde_json::to_value(limits)? else { anyhow::bail!("limits are a table") };
    for (name, value) in limits {
        // The suite sends wrong credentials by the hundred.
        let value = if name == "auth_failures" { Value::from(1_000_000) } else { value };
        text += &format!("{name} = {value}\n");
    }
    text += store;
    for (file, content, extends) in [
        ("TestUser.json", data::TEST_USER, Some("User")),
        ("Extra.json", data::EXTRA, Some("User")),
        ("Prefix.json", data::PREFIX, Some("User")),
        ("Device.json", data::DEVICE, None),
        ("Site.json", data::SITE, None),
        ("DeviceType.json", data::DEVICE_TYPE, None),
    ] {
        let path = directory.join(file);
        std::fs::write(&path, content)?;
        text += &format!("[[schemas]]\nfile = {path:?}\n");
        if let Some(kind) = extends {
            text += &format!("extends = {kind:?}\n");
        }
    }
    let config = directory.join("scim-server.toml");
    std::fs::write(&config, text)?;
    Ok(config)
}
