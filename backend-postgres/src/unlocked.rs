//! A change of a resource that nobody else changes meanwhile, as is usual: read without a lock and without a transaction, and
//! written by one statement, which stands only where the resource still has the version that was read. Two statements instead
//! of five. Who comes second, and what needs more than one statement, locks the resource first (`writing`).

use std::collections::HashMap;
use std::sync::Arc;

use scim_core::change::{Action, Change, Effect, Mutation, Outcome, resolve_guarded};
use scim_core::document::Document;
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{Key, ResourceId, StoreErrorKind};

use crate::connection::Link;
use crate::error::Inner;
use crate::index::Indexes;
use crate::lost::Made;
use crate::read::{Linked, are_same, is_text, version};
use crate::revise::{self, Revision};
use crate::statement::InOrder;
use crate::writing::{Standing, Writing, both, outcome};

/// May it be made true without a lock?
pub(crate) fn may_be(mutation: &Mutation) -> bool {
    let Action::Modify { id, change: Change::Of(resolve), .. } = &mutation.action else { return false };
    let wanted = both(resolve.reads(), mutation.reply.as_ref());
    // What has many links is not read twice.
    is_text(id.as_str()) && wanted.document && !wanted.links.iter().any(|one| one.link.multi_valued())
}

/// What a change without a lock came to, before anything is written.
pub(crate) enum Ready {
    /// Nothing changes.
    Done(Outcome),
    /// The resource must be locked first.
    Locked,
    Write(Box<Revision>),
}

/// A resource that was read without a lock.
#[derive(Clone)]
pub(crate) struct Looked {
    standing: Standing,
    /// The least number of a transaction that begins later.
    least: i64,
}

impl Writing<'_> {
    /// Makes a change true; None where it must be locked first.
    pub(crate) async fn unlocked(&mut self, mutation: &Mutation) -> Inner<Option<Outcome>> {
        let kind = &mutation.kind;
        let indexes = self.catalogue.known(self.link, self.tenant, kind.as_str()).await?;
        let looked = look(self.link, self.tenant, kind, &[mutation]).await?.pop().flatten();
        let revision = match self.ready(mutation, looked, &indexes)? {
            Ready::Done(outcome) => return Ok(Some(outcome)),
            Ready::Locked => return Ok(None),
            Ready::Write(revision) => revision,
        };
        let all = std::slice::from_ref(&*revision);
        let sql = revise::statement(self.tenant, kind, &indexes, self.link.slot, all);
        self.send(vec![sql], true).await?;
        Ok(Some(revised(mutation, &revision)))
    }

    /// Resolves a change of what was read; None where there is no such resource.
    pub(crate) fn ready(&mut self, mutation: &Mutation, looked: Option<Looked>, indexes: &Indexes) -> Inner<Ready> {
        let Mutation { kind, action, reply } = mutation;
        let Action::Modify { id, change: Change::Of(resolve), expect } = action else { return Ok(Ready::Locked) };
        let Looked { standing, least } = looked.ok_or(StoreErrorKind::NotFound)?;
        self.number = Some(least);
        if !expect.holds(&version(standing.version)) {
            return Err(StoreErrorKind::Stale.into());
        }
        let key = Key { kind: kind.clone(), id: id.clone() };
        let Some(change) = resolve_guarded(&**resolve, &standing.record(&key, resolve.reads()))?.map(Arc::new) else {
            return Ok(Ready::Done(outcome(&key, &standing, Effect::Unchanged, reply.as_ref())));
        };
        // Only a new document moves the version in any case.
        if !change.links.is_empty() || change.document.as_ref().is_none_or(|document| *document == standing.document) {
            return Ok(Ready::Locked);
        }
        // Who builds an index puts rows in under the lock of the resource. A statement that began before and waits for that lock
        // does not see them, and would leave those of the old document behind.
        if indexes.is_building() {
            return Ok(Ready::Locked);
        }
        let revision = Revision::new(key, change.clone(), self.now, standing)?;
        let Standing { version, modified, ref document, .. } = revision.stands;
        self.made = Some(Made { version, modified, document: document.clone() });
        self.resolved = Some(change);
        Ok(Ready::Write(Box::new(revision)))
    }
}

/// Reads the resources of changes of one type: records, their links and links to them, each as far as its change wants them. Those of
/// which the same is wanted are read by one statement.
pub(crate) async fn look(link: &Link, tenant: &str, kind: &Kind, all: &[&Mutation]) -> Inner<Vec<Option<Looked>>> {
    let mut wishes: Vec<(Select, Vec<&ResourceId>)> = Vec::new();
    let mut places = Vec::with_capacity(all.len());
    for mutation in all {
        let Action::Modify { id, change: Change::Of(resolve), .. } = &mutation.action else {
            return Err(StoreErrorKind::Unsupported("other mutations among changes").into());
        };
        let select = both(resolve.reads(), mutation.reply.as_ref());
        let place = wishes.iter().position(|(known, _)| are_same(known, &select)).unwrap_or(wishes.len());
        match wishes.get_mut(place) {
            Some((_, ids)) => ids.push(id),
            None => wishes.push((select, vec![id])),
        }
        places.push((place, id));
    }
    let reads = wishes.iter().map(|(select, ids)| looked(link, tenant, kind, ids, select));
    let found = InOrder::new(reads).await.into_iter().collect::<Inner<Vec<_>>>()?;
    Ok(places.into_iter().map(|(place, id)| found.get(place)?.get(id).cloned()).collect())
}

/// Reads resources of which the same is wanted, those that there are.
async fn looked(
    link: &Link,
    tenant: &str,
    kind: &Kind,
    ids: &[&ResourceId],
    select: &Select,
) -> Inner<HashMap<ResourceId, Looked>> {
    const OWN: &str = "r.version, r.created, r.modified, r.label, \
         (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + lead FROM epoch), r.document, r.id";
    let bare = Select { links: select.links.clone(), ..Select::default() };
    let linked = Linked::new(&bare, kind, &select.reverse);
    let texts: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    let lines = link.rows(linked.sql(OWN, tenant, kind, &texts)).await?;
    let own = lines.iter().map(|line| line.text(6, ResourceId::new)).collect::<Inner<Vec<_>>>()?;
    let around = linked.of(link, tenant, kind, own.iter().cloned().zip(&lines), 7).await?;
    let mut all = HashMap::with_capacity(lines.len());
    for ((id, line), (links, reverse)) in own.into_iter().zip(&lines).zip(around) {
        let standing = Standing {
            version: line.int(0)?,
            created: line.int(1)?,
            modified: line.int(2)?,
            label: line.opt_text(3)?,
            document: Document::from_stored(line.text(5, |text| Arc::from(text))?),
            links,
            reverse: Some(reverse),
        };
        all.insert(id, Looked { standing, least: line.int(4)? });
    }
    Ok(all)
}

/// What a change came to that was written.
pub(crate) fn revised(mutation: &Mutation, revision: &Revision) -> Outcome {
    outcome(&revision.key, &revision.stands, Effect::Changed, mutation.reply.as_ref())
}
