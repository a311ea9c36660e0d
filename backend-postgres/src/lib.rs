//! SCIM resources, tenants and credentials in a PostgreSQL database, for any number of servers side by side.
//!
//! - The database: `config`, `open`, `begun` (is there a store?), `migrate` (its layout), `statistics` (what the planner knows)
//! - Connections: `connection`, `pool`, `local` (for writes), `near` (for short reads), `turns` (tenants take turns);
//!   `statement`, `binds`
//! - Writes: `commit` (a batch), `writing` (one mutation under a lock), `unlocked` and `revise` (changes without one), `create`
//!   and `many`, `delete`, `amend`, `links`; `lost` (what became of a commit whose answer was lost)
//! - What is asked at the same time and done together: `gather`; `group` (writes), `together` (reads)
//! - Indexes: `index`, `prepare`, `reindex`
//! - Lists: `query`; `compile` (a filter as SQL); `drive` (where a list begins); `sorted`, `tally` (counts), `hits`, `scan`
//! - Known resources: `read`; the links of a list: `around`
//! - `writable`: does the database take writes?
//! - The rest: `control` and `grants` (tenants and tokens), `external` (ids of clients), `changelog`, `error`

mod amend;
mod around;
mod begun;
mod binds;
mod changelog;
mod commit;
mod compile;
mod config;
mod connection;
mod control;
mod create;
mod delete;
mod drive;
mod error;
mod external;
mod grants;
mod group;
mod hits;
mod index;
mod links;
mod local;
mod lost;
mod many;
mod migrate;
mod near;
mod open;
mod pool;
mod prepare;
mod query;
mod read;
mod reindex;
mod revise;
mod scan;
mod sorted;
mod statement;
mod statistics;
mod tally;
mod together;
mod turns;
mod unlocked;
mod writable;
mod writing;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use scim_core::change::{Mutation, Outcome};
use scim_core::filter::BoundFilter;
use scim_core::path::AttrPath;
use scim_core::query::{Page, Query, Select};
use scim_core::schema::{Kind, LinkType, ResourceType, ReverseType};
use scim_core::store::{
    BoxStream, Capabilities, ChangeLog, Health, Key, Link, Pushdown, Record, ResourceId, Result, Scan, Scope,
    Shortfall, Store, TenantId,
};
use secrecy::SecretString;

pub use config::Options;
pub use error::OpenError;
pub use scim_core::store::index::Progress;

use error::Fault;
use grants::Grants;
use hits::Hits;
use index::Catalogue;
use near::{Near, short};
use pool::{Lender, Pool, reading};
use read::ById;
use statement::Sql;
use tally::Counts;
use together::gathered;
use writable::Writable;

type Types = HashMap<TenantId, Arc<[Arc<ResourceType>]>>;

/// As many resources are read on a connection that others read on too.
const FEW: usize = 100;

/// A database, open. Called from a tokio runtime (as its futures are awaited in), that must have I/O and time enabled.
pub struct PostgresStore {
    capabilities: Capabilities,
    // Before the pool, whose runtime some of its connections may live in.
    near: Arc<Near>,
    pool: Pool,
    shared: Arc<Shared>,
    grants: Arc<Grants>,
}

/// What work that runs apart needs of the store.
pub(crate) struct Shared {
    pub lender: Lender,
    pub catalogue: Catalogue,
    /// How many resources filters accept.
    pub counts: Counts,
    /// The types of each tenant, as it was prepared with.
    pub types: RwLock<Types>,
    pub options: Options,
    /// Those who wait for mutations of the same kind.
    pub gathered: group::Gathered,
    /// Does it take writes?
    pub writable: Writable,
    /// Mutations so far.
    pub written: AtomicU64,
}

impl Shared {
    pub(crate) fn types_of(&self, tenant: &TenantId) -> Option<Arc<[Arc<ResourceType>]>> {
        self.types.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresStore(…)")
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>> {
        self.read_filled(scope, kind, ids, select, &[]).await
    }

    async fn read_filled(
        &self,
        scope: &Scope,
        kind: &Kind,
        ids: &[ResourceId],
        select: &Select,
        reverse: &[Arc<ReverseType>],
    ) -> Result<Vec<Record>> {
        if let [id] = ids {
            let form = ById { kind: kind.clone(), select: select.clone(), reverse: reverse.to_vec() };
            if let Some(found) = gathered(&self.near, "read", scope, form, id.clone()).await? {
                return Ok(found.into_iter().collect());
            }
        }
        if ids.len() <= FEW {
            let tenant = scope.tenant.as_str();
            return short!(&self.near, "read", scope, link => {
                read::records(link, tenant, kind, ids, select, reverse).await
            });
        }
        let (shared, tenant) = (self.shared.clone(), scope.tenant.clone());
        let (kind, ids, select, reverse) = (kind.clone(), ids.to_vec(), select.clone(), reverse.to_vec());
        let work = async move {
            reading!(shared.lender, Some(&tenant), link => {
                read::records(link, tenant.as_str(), &kind, &ids, &select, &reverse).await
            })
        };
        Box::pin(self.pool.run("read", scope.deadline, work)).await
    }

    async fn fill(&self, scope: &Scope, records: &mut [Record], reverse: &Arc<ReverseType>) -> Result<()> {
        let Some(kind) = records.first().map(|record| record.key.kind.clone()) else { return Ok(()) };
        let (shared, tenant, reverse) = (self.shared.clone(), scope.tenant.clone(), reverse.clone());
        let ids: Vec<String> = records.iter().map(|record| record.key.id.as_str().to_owned()).collect();
        let work = async move {
            reading!(shared.lender, Some(&tenant), link => read::reversed(link, tenant.as_str(), &kind, &ids, &reverse).await)
        };
        let found = self.pool.run("holders", scope.deadline, work).await?;
        let mut found: HashMap<ResourceId, Vec<scim_core::store::Links>> =
            found.into_iter().map(|record| (record.key.id, record.links)).collect();
        for record in records {
            record.links.extend(found.remove(&record.key.id).into_iter().flatten());
        }
        Ok(())
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        self.stream(scope, scan)
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        let expected = batch.len();
        changelog_counts(self, expected);
        match self.pool.finish_here(commit::commit(self.shared.clone(), scope.clone(), batch)).await {
            Ok(outcomes) => outcomes,
            // A panic: what was under way was rolled back with its connection.
            Err(fault) => {
                let why = fault.during("commit").to_string();
                let lost = || Fault::Lost(why.clone().into()).during("commit");
                (0..expected).map(|_| Err(lost())).collect()
            }
        }
    }

    async fn prepare(&self, tenant: &TenantId, types: &[Arc<ResourceType>]) -> Result<Vec<Shortfall>> {
        self.make_ready(tenant, types).await?;
        Ok(Vec::new())
    }

    fn pushdown(&self, kind: &Kind, filter: &BoundFilter) -> Pushdown {
        scan::pushdown(kind, filter)
    }

    async fn query(&self, scope: &Scope, query: &Query) -> Result<Option<Page>> {
        let ask = Arc::new(query::Ask {
            shared: self.shared.clone(),
            tenant: scope.tenant.clone(),
            query: query.clone(),
            types: self.shared.types_of(&scope.tenant),
        });
        if ask.may_be_short() {
            let mut answered = None;
            if let Some(form) = Hits::of(&ask) {
                answered = gathered(&self.near, "query", scope, form, ask.clone()).await?;
            }
            let answered = match answered {
                Some(answered) => answered,
                None => short!(&self.near, "query", scope, link => ask.short(link).await)?,
            };
            if answered.is_some() {
                return Ok(answered);
            }
        }
        let work = async move { reading!(ask.shared.lender, Some(&ask.tenant), link => ask.answer(link).await) };
        Box::pin(self.pool.run("query", scope.deadline, work)).await
    }

    async fn holders(
        &self,
        scope: &Scope,
        of: &Kind,
        targets: &[ResourceId],
        via: &Arc<LinkType>,
    ) -> Result<Vec<(ResourceId, Link)>> {
        let (shared, tenant, of) = (self.shared.clone(), scope.tenant.clone(), of.clone());
        let (targets, holder, attr) = (targets.to_vec(), via.holder.clone(), via.at.to_string());
        let work = async move {
            reading!(shared.lender, Some(&tenant), link => {
                read::holders(link, tenant.as_str(), &of, &targets, &holder, &attr).await
            })
        };
        self.pool.run("holders", scope.deadline, work).await
    }

    async fn secret(&self, scope: &Scope, key: &Key, at: &AttrPath) -> Result<Option<SecretString>> {
        let attr = at.to_string();
        let sql = || {
            let sql = Sql::new("SELECT hash FROM secret WHERE tenant = $1 AND holder = $2 AND attr = $3");
            sql.bind(scope.tenant.as_str()).bind(key.id.as_str()).bind(&attr)
        };
        let line = short!(&self.near, "secret", scope, link => link.first(sql()).await)?;
        let hash = line.map(|line| line.text(0, |hash| SecretString::from(hash.to_owned()))).transpose();
        hash.map_err(|fault: Fault| fault.during("secret"))
    }

    async fn health(&self) -> Result<Health> {
        let shared = self.shared.clone();
        let work = async move {
            // An estimate, as the server keeps one: counting would take longer than an answer may.
            let sql = || Sql::new("SELECT reltuples::bigint FROM pg_class WHERE oid = 'change'::regclass");
            let asked = reading!(shared.lender, None, link => {
                match shared.writable.check(link).await {
                    Ok(()) => link.first(sql()).await,
                    refused => refused.map(|()| None),
                }
            });
            asked?.map_or(Ok(0), |line| line.int(0))
        };
        let waiting = self.pool.run("health", None, work).await?;
        let note = (waiting > 1_000_000).then(|| {
            format!("some {waiting} lines of the change log wait for a consumer; start it again, or remove it")
        });
        Ok(Health { note })
    }

    fn change_log(&self) -> Option<&dyn ChangeLog> {
        Some(self)
    }
}

/// Mutations are on their way.
fn changelog_counts(store: &PostgresStore, mutations: usize) {
    let _runtime = store.pool.enter();
    changelog::written(&store.shared, mutations);
}
