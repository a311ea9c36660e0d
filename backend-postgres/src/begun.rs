//! Is there a store already? For who only looks, and makes nothing.

use crate::PostgresStore;
use crate::config::Options;
use crate::connection::Address;
use crate::error::{Fault, OpenError};
use crate::statement::Sql;

impl PostgresStore {
    /// Does the database at this URL hold a store? Changes nothing. Runs in the runtime of the caller.
    ///
    /// # Errors
    /// Why the database cannot be asked.
    pub async fn begun(options: &Options) -> Result<bool, OpenError> {
        let unreachable = |fault: Fault| OpenError::Unreachable { why: fault.during("open").to_string() };
        let link = Address::new(options)?.connect().await.map_err(unreachable)?;
        let there = Sql::new("SELECT to_regclass('layout') IS NOT NULL").once();
        let there = link.first(there).await.map_err(unreachable)?;
        there.map_or(Ok(false), |line| line.truth(0)).map_err(unreachable)
    }
}
