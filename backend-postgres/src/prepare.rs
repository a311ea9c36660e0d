//! Before a tenant's traffic: which attributes of its types are to be indexed, and that they are.
//!
//! Indexes of few resources are built at once. Those of many are left to [`PostgresStore::reindex`]; until then lists are
//! filtered without them, which takes longer and answers the same. Indexes that are not wanted any more are kept: another
//! server may still want them.

use std::sync::{Arc, PoisonError};

use scim_core::schema::{Kind, ResourceType};
use scim_core::store::index::{Indexed, State, usable, wanted};
use scim_core::store::{Result, TenantId};

use crate::Progress;
use crate::connection::{LOCKS, Link};
use crate::error::Inner;
use crate::index::Indexes;
use crate::statement::Sql;
use crate::{PostgresStore, Shared};

/// The most resources for which an index is made without being asked for; more are left to `reindex`.
const AT_ONCE: i64 = 20_000;

impl PostgresStore {
    /// Takes over the types of a tenant.
    pub(crate) async fn make_ready(&self, tenant: &TenantId, types: &[Arc<ResourceType>]) -> Result<()> {
        const DOING: &str = "prepare";
        self.shared.types.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), types.into());
        for name in &self.shared.options.indexed {
            if !types.iter().any(|rt| usable(name, rt).is_some()) {
                tracing::warn!(%tenant, "no type has an attribute {name} that can be indexed; see store.postgres.index");
            }
        }
        if self.shared.options.look {
            return Ok(());
        }
        for rt in types {
            let (shared, own, rt) = (self.shared.clone(), tenant.clone(), rt.clone());
            let ready = async move {
                let lease = shared.lender.lend(Some(&own)).await?;
                let done = ready(&shared, &lease, &own, &rt).await;
                lease.back(done).await
            };
            self.pool.finish(ready).await.and_then(|done| done).map_err(|fault| fault.during(DOING))?;
        }
        Ok(())
    }
}

/// What of a type is to be indexed here.
pub(crate) fn wished(shared: &Shared, rt: &ResourceType) -> Vec<Indexed> {
    let mut wanted = wanted(rt, &shared.options.indexed, &[]);
    // Fragments are looked for among the values themselves.
    wanted.iter_mut().for_each(|indexed| indexed.search = false);
    wanted
}

async fn ready(shared: &Shared, link: &Link, tenant: &TenantId, rt: &Arc<ResourceType>) -> Inner<()> {
    let (own, kind) = (tenant.as_str(), rt.kind.as_str());
    let wanted = wished(shared, rt);
    let known = shared.catalogue.read(link, own, kind).await?;
    if known.generation.is_none() || !is_settled(&known, &wanted) {
        link.batch("BEGIN").await?;
        add(link, tenant, &rt.kind, &wanted).await?;
        link.batch("COMMIT").await?;
    }
    let known = shared.catalogue.read(link, own, kind).await?;
    let missing: Vec<_> = known
        .attributes
        .iter()
        .filter(|indexed| indexed.state == State::Missing)
        .map(|one| one.attr.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let resources = count(link, own, kind).await?;
    if resources <= AT_ONCE {
        let mut quiet = |_: &Progress| {};
        return crate::reindex::rebuild(shared, link, tenant, rt, &mut quiet).await;
    }
    tracing::warn!(
        %tenant, kind, resources, attributes = missing.join(" "),
        "not indexed yet, so filters on these take longer; run scim-server reindex",
    );
    Ok(())
}

/// How many resources there are of a type.
pub(crate) async fn count(link: &Link, tenant: &str, kind: &str) -> Inner<i64> {
    let sql = Sql::new("SELECT coalesce(sum(n), 0)::bigint FROM tally WHERE tenant = $1 AND kind = $2 AND attr = ''");
    link.first(sql.bind(tenant).bind(kind)).await?.map_or(Ok(0), |line| line.int(0))
}

/// Does the database keep all that is wanted already?
fn is_settled(known: &Indexes, wanted: &[Indexed]) -> bool {
    wanted.iter().all(|wanted| known.attributes.iter().any(|known| known.keeps(wanted)))
}

/// One server at a time changes the indexes of a tenant. Inside a transaction; the lock is held until its end.
pub(crate) async fn lock(link: &Link, tenant: &str) -> Inner<()> {
    let sql = Sql::new("SELECT 1 FROM (SELECT pg_advisory_xact_lock($1::int, hashtext($2))) l");
    link.rows(sql.bind(i64::from(LOCKS) + 1).bind(tenant)).await.map(drop)
}

/// Says that the indexes of a type have moved: whoever writes learns of it.
pub(crate) async fn moved(link: &Link, tenant: &str, kind: &str) -> Inner<()> {
    let sql = Sql::new(
        // The number of the transaction: it only rises, so an old one can never mean something new.
        "INSERT INTO catalogue (tenant, kind, generation) VALUES ($1, $2, pg_current_xact_id()::text::bigint)
         ON CONFLICT ON CONSTRAINT catalogue_key DO UPDATE SET generation = excluded.generation",
    );
    link.run(sql.bind(tenant).bind(kind)).await.map(drop)
}

/// Puts what is wanted into the catalogue, as still to be built.
async fn add(link: &Link, tenant: &TenantId, kind: &Kind, wanted: &[Indexed]) -> Inner<()> {
    let (tenant, kind) = (tenant.as_str(), kind.as_str());
    lock(link, tenant).await?;
    let known = Indexes::load(link, tenant, kind).await?;
    for indexed in wanted.iter().filter(|wanted| !known.attributes.iter().any(|known| known.keeps(wanted))) {
        let path = serde_json::to_string(&indexed.shape.path).unwrap_or_default();
        let sql = Sql::new(
            "INSERT INTO indexed AS i (tenant, kind, attr, via, path, rule, single, state)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT ON CONSTRAINT indexed_key DO UPDATE SET via = excluded.via, path = excluded.path,
               rule = excluded.rule, single = excluded.single, state = excluded.state",
        );
        let sql = sql.bind(tenant).bind(kind).bind(indexed.attr.as_str()).bind(indexed.via.name());
        let sql = sql.bind(path).bind(indexed.shape.rule.name()).bind(indexed.single).bind(State::Missing.number());
        link.run(sql).await?;
    }
    moved(link, tenant, kind).await
}
