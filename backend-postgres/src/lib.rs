//! SCIM resources, tenants and credentials in a PostgreSQL database, for any number of servers side by side.
//!
//! `config` how it is opened · `open` and `migrate` the database and its layout · `connection`, `pool`, `statement` who
//! runs what where · `control`, `grants` tenants and tokens.
#![expect(dead_code, reason = "the layout and the connections stand; what uses them follows")]

mod config;
mod connection;
mod control;
mod error;
mod grants;
mod migrate;
mod open;
mod pool;
mod statement;

use std::sync::Arc;

use scim_core::store::Capabilities;

pub use config::Options;
pub use error::OpenError;

use grants::Grants;
use pool::Pool;

/// A database, open.
pub struct PostgresStore {
    capabilities: Capabilities,
    pool: Pool,
    options: Arc<Options>,
    grants: Arc<Grants>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresStore(…)")
    }
}
