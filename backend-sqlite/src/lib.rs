//! SCIM resources, tenants and credentials in one SQLite file.
//!
//! One thread writes; callers that wait at the same moment share its transaction, and each is answered after the commit is
//! durable. Reads run beside it on the last committed state.
//!
//! - The file: `config`, `open`, `migrate` (its layout), `presence` (is it still there?), `backup`
//! - Connections: `connection`; `readers` and `inline` (short reads); `writer` and `queue`; `binds`
//! - Writes: `commit` (one mutation), `writing` (the transaction under way), `links`, `bundle`, `order`
//! - Indexes: `index`, `prepare`, `reindex`, `merge`
//! - Lists: `query`; `compile` (a filter as SQL) and `functions` (what SQL cannot decide); `drive` (where a list begins);
//!   `equal`, `sorted`, `finds`, `scan`
//! - Known resources: `read`; links from their far end: `holders`
//! - The rest: `control` and `grants` (tenants and tokens), `external` (ids of clients), `changelog`, `error`

mod backup;
mod binds;
mod bundle;
mod changelog;
mod commit;
mod compile;
mod config;
mod connection;
mod control;
mod drive;
mod equal;
mod error;
mod external;
mod finds;
mod functions;
mod grants;
mod holders;
mod index;
mod inline;
mod links;
mod merge;
mod migrate;
mod open;
mod order;
mod prepare;
mod presence;
mod query;
mod queue;
mod read;
mod readers;
mod reindex;
mod scan;
mod sorted;
mod writer;
mod writing;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use futures_channel::oneshot;
use rusqlite::{OptionalExtension, params};
use scim_core::change::{Mutation, Outcome};
use scim_core::filter::BoundFilter;
use scim_core::path::AttrPath;
use scim_core::query::{Page, Query, Select};
use scim_core::schema::{Kind, LinkType, ResourceType, ReverseType};
use scim_core::store::{
    BoxStream, Capabilities, ChangeLog, Health, Key, Link, Pushdown, Record, ResourceId, Result, Scan, Scope,
    Shortfall, Store, TenantId, reverse,
};
use secrecy::SecretString;

pub use backup::BackupError;
pub use config::Options;
pub use error::OpenError;
pub use scim_core::store::index::Progress;

use index::Catalogue;
use presence::Presence;
use readers::Readers;
use writer::Writer;

/// Ids that are read where the call comes from; more go to a thread for long reads.
const FEW: usize = 200;

/// Link values that are read where the call comes from.
const FEW_LINKS: u32 = 200;

type Types = HashMap<TenantId, Arc<[Arc<ResourceType>]>>;

/// A database, open.
pub struct SqliteStore {
    capabilities: Capabilities,
    readers: Arc<Readers>,
    writer: Writer,
    presence: Arc<Presence>,
    catalogue: Arc<Catalogue>,
    /// What is remembered of fragments that were looked for.
    finds: finds::Remembered,
    /// The types of each tenant, as it was prepared with.
    types: Arc<RwLock<Types>>,
    options: Arc<Options>,
    /// Held while the file is served.
    _lock: Option<File>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqliteStore({})", self.options.path.display())
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>> {
        const DOING: &str = "read";
        if ids.len() <= FEW {
            let read = |reader: &mut connection::Reader| {
                read::records(reader, scope.tenant.as_str(), kind, ids, select, Some(FEW_LINKS))
            };
            if let Some(records) = self.readers.here(read).map_err(|fault| fault.during(DOING))? {
                return Ok(records);
            }
        }
        let (tenant, kind, ids, select) = (scope.tenant.clone(), kind.clone(), ids.to_vec(), select.clone());
        let all =
            move |reader: &mut connection::Reader| read::records(reader, tenant.as_str(), &kind, &ids, &select, None);
        Ok(self.readers.apart(DOING, Some(scope), all).await?.unwrap_or_default())
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        self.stream(scope, scan)
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        const DOING: &str = "commit";
        let expected = batch.len();
        let (answer, answered) = oneshot::channel();
        let outcomes = Vec::with_capacity(expected);
        let (tenant, now) = (scope.tenant.clone(), scope.now);
        let task = Box::new(commit::Commit { tenant, now, batch, expected, outcomes, answer });
        let why = match self.writer.submit(task, DOING) {
            Ok(()) => match answered.await {
                Ok(outcomes) => return outcomes,
                Err(_) => error::closed(DOING).to_string(),
            },
            Err(full) => full.to_string(),
        };
        (0..expected).map(|_| Err(writer::lost(DOING, &why))).collect()
    }

    async fn prepare(&self, tenant: &TenantId, types: &[Arc<ResourceType>]) -> Result<Vec<Shortfall>> {
        self.make_ready(tenant, types).await?;
        Ok(Vec::new())
    }

    fn pushdown(&self, kind: &Kind, filter: &BoundFilter) -> Pushdown {
        scan::pushdown(kind, filter)
    }

    async fn query(&self, scope: &Scope, query: &Query) -> Result<Option<Page>> {
        self.page(scope, query).await
    }

    async fn holders(
        &self,
        scope: &Scope,
        of: &Kind,
        targets: &[ResourceId],
        via: &Arc<LinkType>,
    ) -> Result<Vec<(ResourceId, Link)>> {
        const DOING: &str = "holders";
        if targets.len() <= FEW
            && let Some(done) =
                self.readers.briefly(|reader| holders::holders(reader, scope.tenant.as_str(), of, targets, via))
        {
            return done.map_err(|fault| fault.during(DOING));
        }
        let (tenant, of, targets, via) = (scope.tenant.clone(), of.clone(), targets.to_vec(), via.clone());
        let all = move |reader: &mut connection::Reader| holders::holders(reader, tenant.as_str(), &of, &targets, &via);
        self.readers.apart(DOING, Some(scope), all).await
    }

    async fn fill(&self, scope: &Scope, records: &mut [Record], reverse: &Arc<ReverseType>) -> Result<()> {
        if records.len() <= FEW {
            let one = std::slice::from_ref(reverse);
            let brief = self.readers.briefly(|reader| {
                let tenant = scope.tenant.as_str();
                let Some(kind) = records.first().map(|record| record.key.kind.clone()) else { return Ok(()) };
                let ids = records.iter().map(|record| &record.key.id);
                let shelf = index::own_shelf(&reader.db, tenant, kind.as_str())?;
                let numbers = read::numbers_of(&reader.db, shelf, ids)?;
                holders::fill(reader, tenant, (records, &numbers), one)
            });
            if let Some(done) = brief {
                return done.map_err(|fault| fault.during("fill"));
            }
        }
        reverse::fill(self, scope, records, reverse).await
    }

    async fn read_filled(
        &self,
        scope: &Scope,
        kind: &Kind,
        ids: &[ResourceId],
        select: &Select,
        reverse: &[Arc<ReverseType>],
    ) -> Result<Vec<Record>> {
        if ids.len() <= FEW {
            let tenant = scope.tenant.as_str();
            let brief = self.readers.briefly(|reader| {
                let rows = read::known(reader, tenant, kind, ids, select)?;
                let numbers = read::numbers(&rows);
                let mut records = read::with_links(&reader.db, tenant, rows, select, Some(FEW_LINKS))?;
                if let Some(records) = &mut records {
                    holders::fill(reader, tenant, (records, &numbers), reverse)?;
                }
                Ok(records)
            });
            if let Some(records) = brief.transpose().map_err(|fault| fault.during("read"))?.flatten() {
                return Ok(records);
            }
        }
        let mut records = Store::read(self, scope, kind, ids, select).await?;
        for one in reverse {
            self.fill(scope, &mut records, one).await?;
        }
        Ok(records)
    }

    async fn secret(&self, scope: &Scope, key: &Key, at: &AttrPath) -> Result<Option<SecretString>> {
        let read = |reader: &mut connection::Reader| {
            let hash: Option<String> = reader
                .db
                .prepare_cached("SELECT hash FROM secret WHERE tenant = ?1 AND holder = ?2 AND attr = ?3")?
                .query_row(params![scope.tenant.as_str(), key.id.as_str(), at.to_string()], |row| row.get(0))
                .optional()?;
            Ok(hash.map(SecretString::from))
        };
        self.readers.here(read).map_err(|fault| fault.during("secret"))
    }

    async fn health(&self) -> Result<Health> {
        if !self.presence.holds() {
            return Err(writer::gone("health"));
        }
        self.writer.takes_writes().await?;
        let check = |reader: &mut connection::Reader| {
            let (first, last): (i64, i64) = reader
                .db
                .prepare_cached(
                    "SELECT coalesce((SELECT min(id) FROM change), 0), coalesce((SELECT max(id) FROM change), 0)",
                )?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(last - first)
        };
        let waiting = self.readers.here(check).map_err(|fault| fault.during("health"))?;
        let note = (waiting > 1_000_000)
            .then(|| format!("{waiting} lines of the change log wait for a consumer; start it again, or remove it"));
        Ok(Health { note })
    }

    fn change_log(&self) -> Option<&dyn ChangeLog> {
        Some(self)
    }
}
