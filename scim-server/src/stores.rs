//! The stores that the settings select, and the use cases over them: what the server and the commands begin with.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use scim_core::clock::Clock;
use scim_core::service::{AuthenticationScheme, Discovery, Env, Service};
use scim_core::store::control::ControlStore;

use crate::auth::fixed::Fixed;
use crate::backends::{self, Factory, Opened, Purpose};
use crate::config::Settings;
use crate::edge::{self, SystemClock, SystemEntropy, Threads};

/// Where the key that signs cursors stands: one for all servers on a store.
pub const CURSOR_KEY: &str = "cursor.key";
/// Password hashes that wait for a thread.
const HASHES_WAITING: usize = 256;

/// The stores of these settings.
#[derive(Debug)]
pub struct Stores {
    /// Resources, and what else the backend gives.
    pub opened: Opened,
    /// Tenants and credentials.
    pub control: Arc<dyn ControlStore>,
}

impl Stores {
    /// Opens them. `[control]` and `[[tokens]]` decide where tenants and credentials are kept.
    pub async fn open(settings: &Settings, backends: &[Factory], purpose: Purpose) -> Result<Stores> {
        let limits = Arc::new(settings.limits.clone());
        let mut opened = backends::open(&settings.store, backends, purpose, &limits).await?;
        let own = match &settings.control {
            Some(control) => backends::open(control, backends, purpose, &limits).await?.control,
            None => opened.control.clone(),
        };
        let control: Arc<dyn ControlStore> = match own {
            Some(_) if !settings.tokens.is_empty() => bail!(
                "[[tokens]] are for stores that keep no credentials of their own; remove them and use scim-server token create"
            ),
            Some(own) => own,
            None if settings.tokens.is_empty() => {
                bail!(
                    "the store {:?} keeps no credentials: set [control] backend, or [[tokens]]",
                    settings.store.backend
                )
            }
            None => Arc::new(Fixed::new(&settings.tokens, SystemClock.now())?),
        };
        if opened.control.is_none() {
            opened.store.lend(control.clone());
        }
        match control.clone().external_ids() {
            Some(kept) if opened.control.is_none() => opened.store = backends::beside(opened.store, kept),
            _ => {}
        }
        Ok(Stores { opened, control })
    }

    /// The use cases of SCIM over these stores.
    pub async fn service(&self, settings: &Settings) -> Result<Service> {
        let key = self.control.set_note(CURSOR_KEY, &edge::random(), true).await?;
        let cursor_key = key.as_slice().try_into().context("the stored key of cursors is damaged")?;
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).div_ceil(2);
        let env = Env {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            pool: Arc::new(Threads::start(threads, HASHES_WAITING)?),
            limits: Arc::new(settings.limits.clone()),
            cursor_key,
            discovery: Arc::new(discovery()),
        };
        Ok(Service::new(self.opened.store.clone(), env))
    }
}

/// What `/ServiceProviderConfig` says about credentials.
fn discovery() -> Discovery {
    let bearer = AuthenticationScheme {
        kind: "oauthbearertoken",
        name: "OAuth Bearer Token",
        description: "A token made by the operator, in the Authorization header.",
        spec_uri: "https://www.rfc-editor.org/info/rfc6750",
    };
    Discovery { documentation_uri: None, authentication_schemes: vec![bearer] }
}
