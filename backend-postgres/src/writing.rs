//! One mutation inside a transaction. Order: is it there → `expect` → resolve → claims → links → document, index rows,
//! secrets, version and change record (the store trait's contract).
//!
//! A mutation that locks takes two round trips: one that begins, locks the record and reads it, and one that writes and commits. What
//! begins and what ends stands before the first statement and behind the last, sent without waiting in between.

use std::sync::Arc;

use scim_core::change::{
    Action, Change, ChangeRecord, ChangeSet, Effect, Expect, History, LinkEdit, Mutation, Outcome, resolve_guarded,
};
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::query::{LinkSelect, Select};
use scim_core::schema::Kind;
use scim_core::store::{Key, Label, Link as Value, Links, Record, ResourceId, StoreError, StoreErrorKind};

use crate::amend::{Amend, CHANGED, MOVED, Owner, TAKEN};
use crate::connection::Link;
use crate::create::given;
use crate::error::{Fault, Inner};
use crate::index::{Catalogue, Indexes};
use crate::links::{self, MISSING};
use crate::lost::Made;
use crate::read::{Linked, is_text, version};
use crate::statement::{Line, Sql};

/// A row of an index was there already.
const THERE: &str = "term_key";
/// Somebody linked to a resource while it was being deleted.
pub(crate) const HOLDERS: &str = "holders_came";

/// What begins before the first statement of a mutation, and ends behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub begin: &'static str,
    pub end: &'static str,
}

/// A transaction of its own.
pub(crate) const WHOLE: Frame = Frame { begin: "BEGIN", end: "COMMIT" };
/// One statement, which is its own transaction.
pub(crate) const ALONE: Frame = Frame { begin: "", end: "" };
/// A part of a transaction that may fail alone.
pub(crate) const PART: Frame = Frame { begin: "SAVEPOINT mutation", end: "RELEASE SAVEPOINT mutation" };

/// A transaction, as far as one mutation sees it.
pub(crate) struct Writing<'a> {
    pub link: &'a Link,
    pub catalogue: &'a Catalogue,
    pub tenant: &'a str,
    pub now: i64,
    pub frame: Frame,
    /// Is the frame begun?
    pub begun: bool,
    /// Is it ended, or on its way to be?
    pub ended: bool,
    /// Was something refused before? Then rows that are to come may be there already.
    pub careful: bool,
    /// The transaction's number, once it is known.
    pub number: Option<i64>,
    /// Lines of the change log that it has written.
    pub lines: i64,
    /// What the change came to, where it depended on the record.
    pub resolved: Option<Arc<ChangeSet>>,
    /// What a change of the document leaves the resource with.
    pub made: Option<Made>,
}

/// A resource as it stands, locked or as it was read.
#[derive(Clone)]
pub(crate) struct Standing {
    pub version: i64,
    pub created: i64,
    pub modified: i64,
    pub label: Option<Label>,
    pub document: Document,
    /// Selected links, those of `resolve` and those of the reply.
    pub links: Vec<Links>,
    /// Reverse attributes, where the reply wants some; None where they are not known.
    pub reverse: Option<Vec<Links>>,
}

impl Standing {
    /// With the version and the times that the resource brings along.
    pub(crate) fn with(self, history: &History) -> Inner<Standing> {
        let version = history.version.as_str().parse();
        let version = version.map_err(|_| StoreErrorKind::Unsupported("versions that are no numbers"))?;
        Ok(Standing { version, created: history.created.millis(), modified: history.modified.millis(), ..self })
    }

    /// With this label, which a link to itself shows too: those were read before it was written.
    pub(crate) fn labelled(&mut self, key: &Key, label: &str) {
        let label = Label::from(label);
        for Links { links, .. } in self.links.iter_mut().chain(self.reverse.iter_mut().flatten()) {
            if links.iter().any(|link| link.target == *key) {
                let each = links.iter().cloned();
                *links = each
                    .map(|link| match link.target == *key {
                        true => Value { display: Some(label.clone()), ..link },
                        false => link,
                    })
                    .collect();
            }
        }
        self.label = Some(label);
    }

    pub(crate) fn record(&self, key: &Key, select: &Select) -> Record {
        let mut links = Vec::new();
        for wanted in select.links.iter().filter(|wanted| wanted.link.holder == key.kind) {
            if let Some(found) = self.links.iter().find(|links| links.at == wanted.link.at) {
                let most = wanted.at_most.map_or(usize::MAX, |most| most as usize);
                let mut found = found.clone();
                found.whole &= found.links.len() <= most;
                found.links.truncate(most);
                links.push(found);
            }
        }
        if !select.reverse.is_empty() {
            links.extend(self.reverse.iter().flatten().cloned());
        }
        Record {
            key: key.clone(),
            version: version(self.version),
            created: Timestamp::from_millis(self.created),
            modified: Timestamp::from_millis(self.modified),
            document: if select.document { self.document.clone() } else { Document::default() },
            links,
        }
    }
}

/// What a change reads and what its reply shows, each link as far as either wants it.
pub(crate) fn both(one: &Select, reply: Option<&Select>) -> Select {
    let mut both = one.clone();
    let Some(other) = reply else { return both };
    both.document |= other.document;
    both.reverse.clone_from(&other.reverse);
    for wanted in &other.links {
        match both.links.iter_mut().find(|known| known.link.at == wanted.link.at) {
            Some(known) => known.at_most = known.at_most.zip(wanted.at_most).map(|(a, b)| a.max(b)),
            None => both.links.push(LinkSelect { link: wanted.link.clone(), at_most: wanted.at_most }),
        }
    }
    both
}

impl<'a> Writing<'a> {
    /// Makes a mutation true. Where it fails, the frame must be rolled back.
    pub(crate) async fn apply(&mut self, mutation: &Mutation) -> Inner<Outcome> {
        let Mutation { kind, action, reply } = mutation;
        match action {
            Action::Create { id, change } => {
                let id = given(id.as_ref())?;
                self.create(kind, id, change, reply.as_ref()).await
            }
            Action::Modify { id, change, expect } if is_text(id.as_str()) => {
                self.modify(kind, id, change, expect, reply.as_ref()).await
            }
            Action::Delete { id, expect, record } if is_text(id.as_str()) => {
                self.delete(kind, id, expect, record).await
            }
            Action::Modify { .. } | Action::Delete { .. } => Err(StoreErrorKind::NotFound.into()),
        }
    }

    /// Sends statements behind one another; the frame begins before the first and ends behind the last.
    pub(crate) async fn send(&mut self, mut statements: Vec<Sql<'_>>, last: bool) -> Inner<Vec<Vec<Line>>> {
        let begins = !self.begun && !self.frame.begin.is_empty();
        let last = last && !self.frame.end.is_empty();
        self.begun = true;
        if begins {
            statements.insert(0, Sql::new(self.frame.begin));
        }
        if last {
            statements.push(Sql::new(self.frame.end));
            self.ended = true;
        }
        let answers = self.link.behind_another(statements).await;
        // The first failure is the reason of all that follow.
        let mut answers = answers.into_iter().collect::<Inner<Vec<_>>>()?;
        if begins {
            answers.remove(0);
        }
        if last {
            answers.pop();
        }
        Ok(answers)
    }

    /// Ends the frame, where nothing was left to write.
    pub(crate) async fn end(&mut self) -> Inner<()> {
        if self.begun && !self.ended && !self.frame.end.is_empty() {
            self.ended = true;
            self.link.rows(Sql::new(self.frame.end)).await?;
        }
        Ok(())
    }

    /// The next line of the change log that this transaction writes.
    pub(crate) fn line(&mut self) -> i64 {
        self.lines += 1;
        self.lines - 1
    }

    /// Sends the last statements, and the outcome's record with the links as they are now.
    #[expect(clippy::too_many_arguments, reason = "the parts of one answer")]
    pub(crate) async fn made(
        &mut self,
        mut standing: Standing,
        kind: &Kind,
        id: &ResourceId,
        mut statements: Vec<Sql<'_>>,
        shown: &Select,
        reply: Option<&Select>,
        effect: Effect,
    ) -> Inner<Outcome> {
        let rereads = shown.links.iter().any(|link| link.link.holder == *kind);
        let bare = Select { links: shown.links.clone(), ..Select::default() };
        let linked = Linked::new(&bare, kind, &[]);
        if rereads {
            statements.push(linked.sql("r.id", self.tenant, kind, &[id.as_str()]));
        }
        let answers = self.send(statements, true).await?;
        let key = Key { kind: kind.clone(), id: id.clone() };
        if rereads {
            let row = answers.last().and_then(|lines| lines.first()).map(|line| (id.clone(), line));
            if let Some((links, _)) = linked.of(self.link, self.tenant, kind, row, 1).await?.pop() {
                standing.links = links;
            }
        }
        Ok(outcome(&key, &standing, effect, reply))
    }

    async fn modify(
        &mut self,
        kind: &Kind,
        id: &ResourceId,
        change: &Change,
        expect: &Expect,
        reply: Option<&Select>,
    ) -> Inner<Outcome> {
        let document = Select::document();
        let reads = match change {
            Change::Of(resolve) => resolve.reads(),
            Change::Known(change) if change.document.is_some() => &document,
            Change::Known(_) => &Select::default(),
        };
        let wanted = both(reads, reply);
        let mut standing = self.lock(kind, id, &wanted).await?;
        if !expect.holds(&version(standing.version)) {
            return Err(StoreErrorKind::Stale.into());
        }
        let key = Key { kind: kind.clone(), id: id.clone() };
        let resolved;
        let change: Option<&ChangeSet> = match change {
            Change::Known(change) => Some(change),
            Change::Of(resolve) => {
                resolved = resolve_guarded(&**resolve, &standing.record(&key, reads))?.map(Arc::new);
                self.resolved = resolved.clone();
                resolved.as_deref()
            }
        };
        let Some(change) = change else {
            self.end().await?;
            return Ok(outcome(&key, &standing, Effect::Unchanged, reply));
        };
        if change.document.is_some() && !wanted.document {
            standing.document = self.document(kind, id).await?;
        }
        let owner = Owner { tenant: self.tenant, kind: kind.as_str(), id: id.as_str() };
        let mut links_changed = false;
        if !change.links.is_empty() {
            // Before all else where values are to be unique: which of two errors is told does not depend on the store.
            let mut statements = Vec::new();
            if !change.claim.is_empty() || !change.release.is_empty() {
                let mut first = Amend::new(owner);
                first.claims(kind, &change.release, &change.claim, self.tenant);
                statements.push(first.sql());
            }
            let claims = statements.len();
            statements.extend(change.links.iter().flat_map(|edit| links::statements(owner, edit)));
            for lines in self.send(statements, false).await?.iter().skip(claims) {
                links_changed |= lines.first().map_or(Ok(0), |line| line.int(0))? > 0;
            }
            // It may have become its own holder.
            if links_changed && wanted.reverse.iter().any(|one| one.via.holder == *kind) {
                standing.reverse = None;
            }
        }
        let indexes = self.catalogue.known(self.link, self.tenant, kind.as_str()).await?;
        self.write(&key, change, standing, links_changed, reply, &indexes).await
    }

    /// Writes what has changed.
    async fn write(
        &mut self,
        key: &Key,
        change: &ChangeSet,
        mut standing: Standing,
        links_changed: bool,
        reply: Option<&Select>,
        indexes: &Indexes,
    ) -> Inner<Outcome> {
        let Key { kind, id } = key;
        let owner = Owner { tenant: self.tenant, kind: kind.as_str(), id: id.as_str() };
        let ChangeSet { document, label, links, claim, release, secrets, history, record } = change;
        let mut amend = Amend::new(owner).careful(self.careful);
        if links.is_empty() {
            amend.claims(kind, release, claim, self.tenant);
        }
        amend.secrets(secrets);
        let document = document.as_ref().filter(|document| **document != standing.document);
        let label = label.as_deref().filter(|label| standing.label.as_deref() != Some(label));
        let changed = links_changed || document.is_some() || !secrets.is_empty();
        if changed {
            match history {
                Some(history) => standing = standing.with(history)?,
                None => {
                    standing.version += 1;
                    standing.modified = self.now.max(standing.modified.saturating_add(1));
                }
            }
        }
        if let Some(document) = document {
            let (before, after) = (standing.document.as_str(), document.as_str());
            if !indexes.are_alike(before, after) {
                let (old, new) = (indexes.entries(before), indexes.entries(after));
                if old != new {
                    amend.indexes(indexes, Some(&old), Some(&new), 0, self.link.slot);
                }
            }
            amend.as_known(indexes);
            standing.document = document.clone();
        }
        if let Some(label) = label {
            standing.labelled(key, label);
        }
        if changed || label.is_some() {
            let mut sets = String::new();
            if changed {
                let (version, created) = (amend.value(standing.version), amend.value(standing.created));
                let modified = amend.value(standing.modified);
                sets = format!("version = {version}, created = {created}, modified = {modified}");
            }
            if let Some(label) = label {
                let (comma, label) = (if sets.is_empty() { "" } else { ", " }, amend.value(label));
                sets.push_str(&format!("{comma}label = {label}"));
            }
            if let Some(document) = document {
                let document = amend.value(document.as_str());
                sets.push_str(&format!(", document = {document}"));
            }
            let own = "tenant = $1 AND kind = $2 AND id = $3";
            amend.part("written", &format!("UPDATE resource SET {sets} WHERE {own}"));
        }
        if changed {
            let made = |document: &Document| Made {
                version: standing.version,
                modified: standing.modified,
                document: document.clone(),
            };
            self.made = document.map(made);
            let line = self.line();
            amend.log(record.line(key, &version(standing.version)), line);
        }
        let effect = if changed { Effect::Changed } else { Effect::Unchanged };
        let shown = reply.filter(|_| links_changed).cloned().unwrap_or_default();
        self.made(standing, kind, id, vec![amend.sql()], &shown, reply, effect).await
    }

    /// Locks a record against change and reads it, and then its links, which cannot move any more either, and links to it.
    async fn lock(&mut self, kind: &Kind, id: &ResourceId, select: &Select) -> Inner<Standing> {
        let document = if select.document { ", document" } else { "" };
        let lock = Sql::new(format!(
            "SELECT version, created, modified, label, pg_current_xact_id()::text::bigint + (SELECT lead FROM epoch)\
             {document} FROM resource WHERE tenant = $1 AND kind = $2 AND id = $3 FOR NO KEY UPDATE"
        ));
        let mut statements = vec![lock.bind(self.tenant).bind(kind.as_str()).bind(id.as_str())];
        let bare = Select { links: select.links.clone(), ..Select::default() };
        let linked = Linked::new(&bare, kind, &select.reverse);
        if !linked.is_empty() {
            statements.push(linked.sql("r.id", self.tenant, kind, &[id.as_str()]));
        }
        let answers = self.send(statements, false).await?;
        let mut answers = answers.iter();
        let line = answers.next().and_then(|lines| lines.first()).ok_or(StoreErrorKind::NotFound)?;
        self.number = line.opt_int(4)?;
        let row = answers.next().and_then(|lines| lines.first()).map(|line| (id.clone(), line));
        let (links, reverse) = linked.of(self.link, self.tenant, kind, row, 1).await?.pop().unwrap_or_default();
        Ok(Standing {
            version: line.int(0)?,
            created: line.int(1)?,
            modified: line.int(2)?,
            label: line.opt_text(3)?,
            document: if select.document {
                Document::from_stored(line.text(5, |text| Arc::from(text))?)
            } else {
                Document::default()
            },
            links,
            reverse: Some(reverse),
        })
    }

    async fn document(&mut self, kind: &Kind, id: &ResourceId) -> Inner<Document> {
        let sql = Sql::new("SELECT document FROM resource WHERE tenant = $1 AND kind = $2 AND id = $3");
        let sql = sql.bind(self.tenant).bind(kind.as_str()).bind(id.as_str());
        let answers = self.send(vec![sql], false).await?;
        let line = answers.first().and_then(|lines| lines.first()).ok_or(StoreErrorKind::NotFound)?;
        Ok(Document::from_stored(line.text(0, |text| Arc::from(text))?))
    }

    /// What a refused statement means for the mutation, once its frame is rolled back. None: it may go through when it is
    /// tried again.
    pub(crate) async fn reason(&self, fault: Fault, mutation: &Mutation) -> Inner<Option<Fault>> {
        let change = known(mutation).or(self.resolved.as_deref());
        let constraint = fault.constraint().map(str::to_owned);
        match (constraint.as_deref(), change) {
            (Some("resource_key"), _) => {
                Ok(Some(StoreError::new(StoreErrorKind::Corrupt).because("an id was given out twice").into()))
            }
            (Some(HOLDERS | CHANGED | THERE), _) => Ok(None),
            (Some(MOVED), _) => {
                self.catalogue.read(self.link, self.tenant, mutation.kind.as_str()).await?;
                Ok(None)
            }
            (Some(TAKEN), Some(change)) => Ok(self.taken(mutation, change).await?.map(Fault::from)),
            (Some(MISSING), Some(change)) => {
                Ok(links::missing(self.link, self.tenant, &change.links).await?.map(Fault::from))
            }
            _ => Ok(if fault.may_pass() { None } else { Some(fault) }),
        }
    }

    /// The first unique value of a change that another resource has.
    async fn taken(&self, mutation: &Mutation, change: &ChangeSet) -> Inner<Option<StoreErrorKind>> {
        let id = match &mutation.action {
            Action::Create { id, .. } => id.as_ref().map_or("", ResourceId::as_str),
            Action::Modify { id, .. } | Action::Delete { id, .. } => id.as_str(),
        };
        for claim in &change.claim {
            let (tenant, kind) = if claim.global { ("", "") } else { (self.tenant, mutation.kind.as_str()) };
            let sql = Sql::new(
                "SELECT 1 FROM claim WHERE tenant = $1 AND kind = $2 AND attr = $3 AND token = $4
                 AND NOT (owner = $5 AND holder = $6)",
            );
            let sql = sql.bind(tenant).bind(kind).bind(claim.at.to_string());
            let sql = sql.bind(crate::index::key(&claim.token).into_owned()).bind(self.tenant).bind(id);
            if self.link.first(sql).await?.is_some() {
                return Ok(Some(StoreErrorKind::Taken { at: claim.at.clone() }));
            }
        }
        Ok(None)
    }
}

/// The change set of a mutation, where it is known before the record is.
fn known(mutation: &Mutation) -> Option<&ChangeSet> {
    match &mutation.action {
        Action::Create { change, .. } => Some(change),
        Action::Modify { change: Change::Known(change), .. } => Some(change),
        Action::Modify { .. } | Action::Delete { .. } => None,
    }
}

/// The one edit of links that is all of a mutation, with the versions it expects.
pub(crate) fn alone(mutation: &Mutation) -> Option<(&ResourceId, &LinkEdit, &ChangeRecord, &Expect)> {
    let Action::Modify { id, change: Change::Known(change), expect } = &mutation.action else { return None };
    let only = change.document.is_none()
        && change.label.is_none()
        && change.claim.is_empty()
        && change.release.is_empty()
        && change.secrets.is_empty()
        && change.history.is_none()
        && mutation.reply.is_none();
    match change.links.as_slice() {
        [edit @ (LinkEdit::Add { .. } | LinkEdit::Remove { .. })] if only => Some((id, edit, &change.record, expect)),
        _ => None,
    }
}

pub(crate) fn outcome(key: &Key, standing: &Standing, effect: Effect, reply: Option<&Select>) -> Outcome {
    let record = reply.map(|select| Box::new(standing.record(key, select)));
    let filled = standing.reverse.is_some();
    Outcome { id: key.id.clone(), version: version(standing.version), effect, record, filled }
}
