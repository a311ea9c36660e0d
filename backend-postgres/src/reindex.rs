//! Building indexes over resources that were there before them, in pieces, while others read and write.
//!
//! From the moment on at which the catalogue names an index, whoever writes keeps it. Once every statement that began
//! before that moment is over, what is older is put in, row by row under the row's lock.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use scim_core::document::{Document, claims};
use scim_core::path::AttrPath;
use scim_core::schema::ResourceType;
use scim_core::store::index::{Entries, Indexed, Progress, State, Via};
use scim_core::store::{Result, StoreErrorKind, TenantId};

use crate::connection::Link;
use crate::error::{Fault, Inner};
use crate::index::{Indexes, key};
use crate::prepare::{count, lock, moved};
use crate::statement::Sql;
use crate::{PostgresStore, Shared};

/// Resources in one transaction: others wait for some milliseconds.
const PIECE: i64 = 500;

/// Between two looks for statements that began before.
const LOOK: Duration = Duration::from_millis(5);

/// Looks at most: half a minute.
const LOOKS: u32 = 6_000;

impl PostgresStore {
    /// Builds what is missing of the indexes of every tenant that was prepared. Others may read and write meanwhile.
    ///
    /// # Errors
    /// `Invalid` where an attribute is to be unique and two resources have one value; it names both.
    pub async fn reindex(&self, progress: &mut (dyn FnMut(&Progress) + Send)) -> Result<()> {
        let prepared: Vec<_> = {
            let types = self.shared.types.read().unwrap_or_else(PoisonError::into_inner);
            types.iter().map(|(tenant, types)| (tenant.clone(), types.clone())).collect()
        };
        for (tenant, types) in prepared {
            for rt in types.iter() {
                let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
                let (shared, own, rt) = (self.shared.clone(), tenant.clone(), rt.clone());
                let work = async move {
                    // Whoever asked may have gone.
                    let mut tells = |progress: &Progress| told.send(progress.clone()).unwrap_or_default();
                    let lease = shared.lender.lend(Some(&own)).await?;
                    let done = rebuild(&shared, &lease, &own, &rt, &mut tells).await;
                    lease.back(done).await
                };
                let shown = async {
                    while let Some(done) = tell.recv().await {
                        progress(&done);
                    }
                };
                let (done, ()) = futures_util::join!(self.pool.finish(work), shown);
                done.and_then(|done| done).map_err(|fault| fault.during("reindex"))?;
            }
        }
        Ok(())
    }
}

/// Builds what is missing of one type.
pub(crate) async fn rebuild(
    shared: &Shared,
    link: &Link,
    tenant: &TenantId,
    rt: &Arc<ResourceType>,
    progress: &mut (dyn FnMut(&Progress) + Send),
) -> Inner<()> {
    let kind = rt.kind.as_str();
    let known = shared.catalogue.read(link, tenant.as_str(), kind).await?;
    let missing: Vec<Indexed> =
        known.attributes.iter().filter(|indexed| indexed.state == State::Missing).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !older_are_over(link).await? {
        tracing::warn!(%tenant, kind, "statements that began long ago keep indexes from being built; they are built later");
        return Ok(());
    }
    let building = Building { tenant, rt, missing: &missing };
    building.clear(link).await?;
    let of = u64::try_from(count(link, tenant.as_str(), kind).await?).unwrap_or_default();
    let (mut after, mut done) = (String::new(), 0);
    loop {
        link.batch("BEGIN").await?;
        let piece = building.piece(link, &after).await?;
        link.batch("COMMIT").await?;
        let Some((last, rows)) = piece else { break };
        after = last;
        done += rows;
        progress(&Progress { tenant: tenant.clone(), kind: kind.to_owned(), done, of: of.max(done) });
    }
    link.batch("BEGIN").await?;
    building.finish(link, &known).await?;
    link.batch("COMMIT").await?;
    shared.catalogue.forget(tenant.as_str());
    Ok(())
}

/// Waits for the statements that began before now: they may not know of the new indexes. False where they go on too long.
async fn older_are_over(link: &Link) -> Inner<bool> {
    let now = link.first(Sql::new("SELECT pg_current_xact_id()::text").once()).await?;
    let Some(now) = now else { return Ok(false) };
    let now = now.text(0, str::to_owned)?;
    for _ in 0..LOOKS {
        let sql = Sql::new(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
               AND backend_xmin IS NOT NULL AND age(backend_xmin) > age($1::xid8::xid))",
        );
        if !link.first(sql.bind(now.as_str())).await?.map_or(Ok(false), |line| line.truth(0))? {
            return Ok(true);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(false)
}

/// The indexes of one type that are being built.
struct Building<'a> {
    tenant: &'a TenantId,
    rt: &'a Arc<ResourceType>,
    missing: &'a [Indexed],
}

impl Building<'_> {
    /// What another rule made of the values, once, must not stay.
    async fn clear(&self, link: &Link) -> Inner<()> {
        let attrs: Vec<&str> =
            self.missing.iter().filter(|one| one.via == Via::Term).map(|one| one.attr.as_str()).collect();
        link.batch("BEGIN").await?;
        lock(link, self.tenant.as_str()).await?;
        let sql = Sql::new("DELETE FROM term WHERE tenant = $1 AND kind = $2 AND attr = ANY($3)");
        link.run(sql.bind(self.tenant.as_str()).bind(self.rt.kind.as_str()).bind(attrs)).await?;
        link.batch("COMMIT").await
    }

    /// Indexes the next resources behind this id; gives the last id and how many they were, None at the end.
    async fn piece(&self, link: &Link, after: &str) -> Inner<Option<(String, u64)>> {
        let (tenant, kind) = (self.tenant.as_str(), self.rt.kind.as_str());
        let sql = Sql::new(
            "SELECT id, document FROM resource WHERE tenant = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4
             FOR NO KEY UPDATE",
        );
        let rows = link
            .each(sql.bind(tenant).bind(kind).bind(after).bind(PIECE), |line| {
                Ok((line.text(0, str::to_owned)?, line.text(1, str::to_owned)?))
            })
            .await?;
        let (mut attrs, mut tokens, mut holders) = (Vec::new(), Vec::new(), Vec::new());
        for (id, document) in &rows {
            let entries = Entries::new(self.missing, document);
            for indexed in self.missing.iter().filter(|indexed| indexed.via == Via::Term) {
                for token in entries.of(&indexed.attr) {
                    attrs.push(indexed.attr.clone());
                    tokens.push(key(token).into_owned());
                    holders.push(id.clone());
                }
            }
            for indexed in self.missing.iter().filter(|indexed| indexed.via != Via::Term) {
                self.claim(link, &indexed.attr, id, document).await?;
            }
        }
        let sql = Sql::new(
            "INSERT INTO term (tenant, kind, attr, token, holder)
             SELECT $1, $2, u.attr, u.token, u.holder FROM unnest($3, $4, $5) AS u(attr, token, holder)
             ON CONFLICT DO NOTHING",
        );
        link.run(sql.bind(tenant).bind(kind).bind(attrs).bind(tokens).bind(holders)).await?;
        Ok(rows.last().map(|(last, _)| (last.clone(), rows.len() as u64)))
    }

    /// Takes the unique values that a resource had before they were unique.
    async fn claim(&self, link: &Link, attr: &str, id: &str, document: &str) -> Inner<()> {
        let members = Document::from_stored(document).parse();
        for claim in claims(&members, self.rt, false).iter().filter(|claim| claim.at.to_string() == attr) {
            let (tenant, kind) = if claim.global { ("", "") } else { (self.tenant.as_str(), self.rt.kind.as_str()) };
            let token = key(&claim.token).into_owned();
            let take = Sql::new(
                "INSERT INTO claim (tenant, kind, attr, token, owner, holder) VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT DO NOTHING",
            );
            let take = take.bind(tenant).bind(kind).bind(attr).bind(token.clone());
            link.run(take.bind(self.tenant.as_str()).bind(id)).await?;
            let other = Sql::new(
                "SELECT holder FROM claim WHERE tenant = $1 AND kind = $2 AND attr = $3 AND token = $4
                 AND NOT (owner = $5 AND holder = $6)",
            );
            let other = other.bind(tenant).bind(kind).bind(attr).bind(token).bind(self.tenant.as_str()).bind(id);
            if let Some(line) = link.first(other).await? {
                return Err(self.duplicate(&claim.at, &line.text(0, str::to_owned)?, id));
            }
        }
        Ok(())
    }

    fn duplicate(&self, at: &AttrPath, other: &str, id: &str) -> Fault {
        let kind = StoreErrorKind::Invalid {
            at: at.clone(),
            why: format!(
                "is to be unique, but the {} resources {other} and {id} of tenant {} have one value; change one of them",
                self.rt.kind, self.tenant
            ),
        };
        Fault::from(kind)
    }

    /// All is in: from now on lists are answered from it. Nobody writes while those that lack a value are counted.
    async fn finish(&self, link: &Link, known: &Indexes) -> Inner<()> {
        let (tenant, kind) = (self.tenant.as_str(), self.rt.kind.as_str());
        lock(link, tenant).await?;
        link.batch("LOCK TABLE resource IN SHARE MODE").await?;
        for indexed in self.missing {
            if known.counted().any(|counted| counted.attr == indexed.attr) {
                let table = if indexed.via == Via::Term { "term" } else { "claim" };
                let clear = Sql::new("DELETE FROM tally WHERE tenant = $1 AND kind = $2 AND attr = $3");
                link.run(clear.bind(tenant).bind(kind).bind(indexed.attr.as_str())).await?;
                let lack = Sql::new(format!(
                    "INSERT INTO tally (tenant, kind, attr, slot, n) SELECT $1, $2, $3, 0,
                       (SELECT count(*) FROM resource WHERE tenant = $1 AND kind = $2)
                       - (SELECT count(DISTINCT holder) FROM {table} WHERE tenant = $1 AND kind = $2 AND attr = $3)"
                ));
                link.run(lack.bind(tenant).bind(kind).bind(indexed.attr.as_str())).await?;
            }
            let built =
                Sql::new("UPDATE indexed SET state = $4 WHERE tenant = $1 AND kind = $2 AND attr = $3 AND state = $5");
            let built = built.bind(tenant).bind(kind).bind(indexed.attr.as_str());
            link.run(built.bind(State::Built.number()).bind(State::Missing.number())).await?;
        }
        moved(link, tenant, kind).await
    }
}
