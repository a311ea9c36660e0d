//! A change of a resource that nobody else changes meanwhile, as is usual: read without a lock and without a transaction, and
//! written by one statement, which stands only where the resource still has the version that was read. Two statements instead
//! of five. Who comes second, and what needs more than one statement, locks the resource first (`writing`).

use std::sync::Arc;

use scim_core::change::{Action, Change, Effect, Mutation, Outcome, resolve_guarded};
use scim_core::document::Document;
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{Key, ResourceId, StoreErrorKind};

use crate::error::Inner;
use crate::index::Indexes;
use crate::lost::Made;
use crate::read::{Linked, is_text, version};
use crate::revise::{self, Revision};
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

impl Writing<'_> {
    /// Makes a change true; None where it must be locked first.
    pub(crate) async fn unlocked(&mut self, mutation: &Mutation) -> Inner<Option<Outcome>> {
        let indexes = self.catalogue.known(self.link, self.tenant, mutation.kind.as_str()).await?;
        let revision = match self.ready(mutation, &indexes).await? {
            Ready::Done(outcome) => return Ok(Some(outcome)),
            Ready::Locked => return Ok(None),
            Ready::Write(revision) => revision,
        };
        let all = std::slice::from_ref(&*revision);
        let sql = revise::statement(self.tenant, &mutation.kind, &indexes, self.link.slot, all);
        self.send(vec![sql], true).await?;
        Ok(Some(revised(mutation, &revision)))
    }

    /// Reads and resolves.
    pub(crate) async fn ready(&mut self, mutation: &Mutation, indexes: &Indexes) -> Inner<Ready> {
        let Mutation { kind, action, reply } = mutation;
        let Action::Modify { id, change: Change::Of(resolve), expect } = action else { return Ok(Ready::Locked) };
        let reads = resolve.reads();
        let standing = self.look(kind, id, &both(reads, reply.as_ref())).await?;
        if !expect.holds(&version(standing.version)) {
            return Err(StoreErrorKind::Stale.into());
        }
        let key = Key { kind: kind.clone(), id: id.clone() };
        let Some(change) = resolve_guarded(&**resolve, &standing.record(&key, reads))?.map(Arc::new) else {
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

    /// Reads a record, its links and links to it. Also learns the least number that a transaction which begins later has.
    async fn look(&mut self, kind: &Kind, id: &ResourceId, select: &Select) -> Inner<Standing> {
        const OWN: &str = "r.version, r.created, r.modified, r.label, \
             pg_snapshot_xmax(pg_current_snapshot())::text::bigint + (SELECT lead FROM epoch), r.document";
        let bare = Select { links: select.links.clone(), ..Select::default() };
        let linked = Linked::new(&bare, kind, &select.reverse);
        let line = self.link.first(linked.sql(OWN, self.tenant, kind, id)).await?.ok_or(StoreErrorKind::NotFound)?;
        self.number = line.opt_int(4)?;
        let (links, reverse) =
            linked.of(self.link, self.tenant, &line, 6, Key { kind: kind.clone(), id: id.clone() }).await?;
        Ok(Standing {
            version: line.int(0)?,
            created: line.int(1)?,
            modified: line.int(2)?,
            label: line.opt_text(3)?,
            document: Document::from_stored(line.text(5, |text| Arc::from(text))?),
            links,
            reverse: Some(reverse),
        })
    }
}

/// What a change came to that was written.
pub(crate) fn revised(mutation: &Mutation, revision: &Revision) -> Outcome {
    outcome(&revision.key, &revision.stands, Effect::Changed, mutation.reply.as_ref())
}
