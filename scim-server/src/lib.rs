//! The SCIM server: HTTP to [`scim_core::service::Service`] and back, configuration, credentials, telemetry.
//!
//! It must never know what a filter or a patch means, nor how a backend stores. Another binary adds its own backends
//! with [`Server::builder`] and [`Builder::backend`], without a fork.

mod auth;
pub mod backends;
mod cli;
mod config;
mod edge;
mod first_start;
mod http;
#[cfg(feature = "ldap")]
mod ldap;
#[cfg(feature = "ldap")]
mod ldif;
mod limits;
mod metrics;
#[cfg(feature = "postgres")]
mod postgres;
mod proxy;
mod say;
mod schemas;
mod serve;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stores;
mod telemetry;
mod tenancy;

use std::process::ExitCode;

pub use auth::token;
pub use backends::{Factory, Older, Opened, Purpose, Upkeep};
pub use config::{Section, Settings, Sources};
pub use first_start::First;
pub use serve::{Server, Stopper};

/// Puts a server together.
#[derive(Debug, Clone)]
pub struct Builder {
    backends: Vec<Factory>,
}

impl Server {
    /// A server with the backends of this build.
    pub fn builder() -> Builder {
        Builder { backends: backends::built_in() }
    }
}

impl Builder {
    /// Adds a backend, or puts it in place of the one of that name.
    pub fn backend(mut self, factory: Factory) -> Self {
        self.backends.retain(|own| own.name != factory.name);
        self.backends.push(factory);
        self
    }

    /// The backends there are.
    pub fn backends(&self) -> &[Factory] {
        &self.backends
    }

    /// Opens stores and sockets. Nothing is answered before [`Server::run`].
    pub async fn open(&self, settings: Settings, sources: Sources) -> anyhow::Result<Server> {
        Server::open(settings, sources, &self.backends).await
    }

    /// The whole program: reads the command line and does what it says.
    pub fn main(self) -> ExitCode {
        cli::main(&self.backends)
    }
}
