//! One mutation inside a transaction. Order: is it there → `expect` → resolve → claims → links → document, index rows,
//! secrets, version and change record (the store trait's contract).
//!
//! A mutation that locks takes two round trips: one that begins, locks the record and reads it, and one that writes and commits. What
//! begins and what ends stands before the first statement and behind the last, sent without waiting in between.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use scim_core::change::{
    Action, Change, ChangeRecord, ChangeSet, Effect, Expect, History, LinkEdit, Mutation, Outcome, resolve_guarded,
};
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::query::{LinkSelect, Select};
use scim_core::schema::Kind;
use scim_core::store::{Key, Label, Links, Record, ResourceId, StoreError, StoreErrorKind};

use crate::amend::{Amend, MOVED, Owner, TAKEN, counted, position};
use crate::connection::Link;
use crate::error::{Fault, Inner};
use crate::index::{Catalogue, Indexes};
use crate::links::{self, MISSING};
use crate::lost::Made;
use crate::many::Many;
use crate::read::{Linked, is_id, is_text, version};
use crate::statement::{Line, Sql};

/// Somebody changed a resource that was not locked.
const CHANGED: &str = "resource_changed";
/// A row of an index was there already.
const THERE: &str = "term_key";
/// Somebody linked to a resource while it was being deleted.
const HOLDERS: &str = "holders_came";

/// Creations that are put together before others go on.
const PIECE: i64 = 8;

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

/// A resource as it stands, locked.
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
    fn with(self, history: &History) -> Inner<Standing> {
        let version = history.version.as_str().parse();
        let version = version.map_err(|_| StoreErrorKind::Unsupported("versions that are no numbers"))?;
        Ok(Standing { version, created: history.created.millis(), modified: history.modified.millis(), ..self })
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
    async fn send(&mut self, mut statements: Vec<Sql<'_>>, last: bool) -> Inner<Vec<Vec<Line>>> {
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
    async fn end(&mut self) -> Inner<()> {
        if self.begun && !self.ended && !self.frame.end.is_empty() {
            self.ended = true;
            self.link.rows(Sql::new(self.frame.end)).await?;
        }
        Ok(())
    }

    /// The next line of the change log that this transaction writes.
    fn line(&mut self) -> i64 {
        self.lines += 1;
        self.lines - 1
    }

    async fn create(
        &mut self,
        kind: &Kind,
        id: &ResourceId,
        change: &ChangeSet,
        reply: Option<&Select>,
    ) -> Inner<Outcome> {
        let indexes = self.catalogue.known(self.link, self.tenant, kind.as_str()).await?;
        let line = self.line();
        let (create, standing) = self.creation(&indexes, kind, id, change, line)?;
        let create = create.sql();
        let owner = Owner { tenant: self.tenant, kind: kind.as_str(), id: id.as_str() };
        let mut statements = vec![create];
        statements.extend(change.links.iter().flat_map(|edit| links::statements(owner, edit)));
        let shown = reply.filter(|_| !change.links.is_empty()).cloned().unwrap_or_default();
        self.made(standing, kind, id, statements, &shown, reply, Effect::Created).await
    }

    /// The statement that makes a resource, without its links, and the resource as it then stands.
    fn creation<'c>(
        &self,
        indexes: &Indexes,
        kind: &'c Kind,
        id: &'c ResourceId,
        change: &'c ChangeSet,
        line: i64,
    ) -> Inner<(Amend<'c>, Standing)>
    where
        'a: 'c,
    {
        let tenant = self.tenant;
        let ChangeSet { label, claim, secrets, record, .. } = change;
        let standing = newcomer(change, self.now)?;
        let mut amend = Amend::new(Owner { tenant, kind: kind.as_str(), id: id.as_str() }).careful(self.careful);
        let values = [
            amend.value(standing.version),
            amend.value(standing.created),
            amend.value(standing.modified),
            amend.value(label.as_deref()),
            amend.value(standing.document.as_str().to_owned()),
        ];
        amend.part(
            "made",
            &format!(
                "INSERT INTO resource (tenant, kind, id, version, created, modified, label, document) \
             VALUES ($1, $2, $3, {}) RETURNING 1",
                values.join(", ")
            ),
        );
        // An id may stand once among all types of a tenant. This is told before anything else: parts run as checks ask for them.
        amend.refuse(
        "NOT EXISTS (SELECT 1 FROM made) OR EXISTS (SELECT 1 FROM catalogue c JOIN resource r ON r.tenant = $1 AND r.kind = c.kind AND r.id = $3 \
         WHERE c.tenant = $1 AND c.kind <> $2)",
        "resource_key",
    );
        amend.claims(kind, &[], claim, tenant);
        let entries = indexes.entries(standing.document.as_str());
        amend.indexes(indexes, None, Some(&entries), 1, self.link.slot);
        amend.as_known(indexes);
        amend.secrets(secrets);
        let key = Key { kind: kind.clone(), id: id.clone() };
        amend.log(record.line(&key, &version(standing.version)), line);
        Ok((amend, standing))
    }

    /// Sends the last statements, and the outcome's record with the links as they are now.
    #[expect(clippy::too_many_arguments, reason = "the parts of one answer")]
    async fn made(
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
            statements.push(linked.sql("r.id", self.tenant, kind, id));
        }
        let answers = self.send(statements, true).await?;
        let key = Key { kind: kind.clone(), id: id.clone() };
        if rereads && let Some(line) = answers.last().and_then(|lines| lines.first()) {
            (standing.links, _) = linked.of(self.link, self.tenant, line, 1, key.clone()).await?;
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

    /// Writes what has changed. Where the resource is not locked, only if it still has its version.
    pub(crate) async fn write(
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
        let same = match self.frame {
            ALONE => format!(" AND version = {} RETURNING 1", amend.value(standing.version)),
            _ => String::new(),
        };
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
            amend.part("written", &format!("UPDATE resource SET {sets} WHERE {own}{same}"));
            if !same.is_empty() {
                amend.refuse_first("NOT EXISTS (SELECT 1 FROM written)", CHANGED);
            }
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
            statements.push(linked.sql("r.id", self.tenant, kind, id));
        }
        let answers = self.send(statements, false).await?;
        let mut answers = answers.iter();
        let line = answers.next().and_then(|lines| lines.first()).ok_or(StoreErrorKind::NotFound)?;
        self.number = line.opt_int(4)?;
        let (mut links, mut reverse) = (Vec::new(), Vec::new());
        if let Some(line) = answers.next().and_then(|lines| lines.first()) {
            let key = Key { kind: kind.clone(), id: id.clone() };
            (links, reverse) = linked.of(self.link, self.tenant, line, 1, key).await?;
        }
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

    async fn delete(&mut self, kind: &Kind, id: &ResourceId, expect: &Expect, record: &ChangeRecord) -> Inner<Outcome> {
        // Holders before their targets, as all lock; then nobody can link to the resource any more.
        let holders = Sql::new(
            "SELECT 1 FROM resource r WHERE r.tenant = $1 AND (r.kind, r.id) IN (
               SELECT l.holder_kind, l.holder FROM link l WHERE l.tenant = $1 AND l.target = $2)
             ORDER BY r.id FOR NO KEY UPDATE OF r",
        );
        let lock = Sql::new(
            "SELECT version, document, pg_current_xact_id()::text::bigint + (SELECT lead FROM epoch) FROM resource
             WHERE tenant = $1 AND kind = $2 AND id = $3 FOR UPDATE",
        );
        let statements = vec![
            holders.bind(self.tenant).bind(id.as_str()),
            lock.bind(self.tenant).bind(kind.as_str()).bind(id.as_str()),
        ];
        let answers = self.send(statements, false).await?;
        let line = answers.get(1).and_then(|lines| lines.first()).ok_or(StoreErrorKind::NotFound)?;
        let last = version(line.int(0)?);
        self.number = line.opt_int(2)?;
        if !expect.holds(&last) {
            return Err(StoreErrorKind::Stale.into());
        }
        let indexes = self.catalogue.known(self.link, self.tenant, kind.as_str()).await?;
        let entries = line.text(1, |document| indexes.entries(document))?;
        let owner = Owner { tenant: self.tenant, kind: kind.as_str(), id: id.as_str() };
        let mut amend = Amend::new(owner);
        amend.part("gone", "DELETE FROM resource WHERE tenant = $1 AND kind = $2 AND id = $3");
        amend.part("unclaimed", "DELETE FROM claim WHERE owner = $1 AND holder = $3");
        amend.part("unkept", "DELETE FROM secret WHERE tenant = $1 AND holder = $3");
        amend.part("unlinked", "DELETE FROM link WHERE tenant = $1 AND holder = $3");
        amend.indexes(&indexes, Some(&entries), None, -1, self.link.slot);
        amend.as_known(&indexes);
        let key = Key { kind: kind.clone(), id: id.clone() };
        let number = self.line();
        amend.log(record.line(&key, &last), number);
        if answers.first().is_none_or(Vec::is_empty) {
            amend.refuse("EXISTS (SELECT 1 FROM link WHERE tenant = $1 AND target = $3 AND holder <> $3)", HOLDERS);
            self.send(vec![amend.sql()], true).await?;
            return Ok(Outcome { id: id.clone(), version: last, effect: Effect::Deleted, record: None, filled: false });
        }
        let released = release(owner, self.now);
        let answers = self.send(vec![amend.sql(), released], false).await?;
        let mut lines = Vec::new();
        for line in answers.get(1).into_iter().flatten() {
            let holder = Key { kind: line.text(0, Kind::new)?, id: line.text(1, ResourceId::new)? };
            let attribute = line.text(2, str::to_owned)?;
            lines.push(record.released(&holder, &attribute).line(&holder, &version(line.int(3)?)));
        }
        if lines.is_empty() {
            self.end().await?;
        } else {
            let (first, count) = (self.lines, i64::try_from(lines.len()).unwrap_or_default());
            self.lines += count;
            let log = Sql::new(format!(
                "INSERT INTO change (tenant, position, record)
                 SELECT $1, {} + $2 + u.n, u.record FROM unnest($3) WITH ORDINALITY AS u(record, n)",
                position()
            ));
            self.send(vec![log.bind(self.tenant).bind(first - 1).bind(lines)], true).await?;
        }
        Ok(Outcome { id: id.clone(), version: last, effect: Effect::Deleted, record: None, filled: false })
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

/// Deletes all links to a resource; gives each holder that lost one, with the attribute and its version then.
fn release<'a>(owner: Owner<'a>, now: i64) -> Sql<'a> {
    let sql = Sql::new(
        "WITH lost AS (DELETE FROM link WHERE tenant = $1 AND target = $2 AND holder <> $2
           RETURNING holder_kind, holder, attr),
         numbered AS (SELECT holder_kind, holder, attr, row_number() OVER (PARTITION BY holder ORDER BY attr) AS n,
           count(*) OVER (PARTITION BY holder) AS of FROM lost),
         moved AS (UPDATE resource r SET version = r.version + x.of, modified = greatest($3, r.modified + 1) + x.of - 1
           FROM (SELECT DISTINCT holder_kind, holder, of FROM numbered) x
           WHERE r.tenant = $1 AND r.kind = x.holder_kind AND r.id = x.holder RETURNING r.kind, r.id, r.version)
         SELECT n.holder_kind, n.holder, n.attr, m.version - n.of + n.n FROM numbered n
         JOIN moved m ON m.kind = n.holder_kind AND m.id = n.holder ORDER BY n.holder, n.attr",
    );
    sql.bind(owner.tenant).bind(owner.id).bind(now)
}

/// The id of a creation.
fn given(id: Option<&ResourceId>) -> Inner<&ResourceId> {
    let id = id.ok_or(StoreErrorKind::Unsupported("giving out ids"))?;
    if is_id(id.as_str()) { Ok(id) } else { Err(StoreErrorKind::Unsupported("control characters in an id").into()) }
}

/// What a creation leaves.
fn newcomer(change: &ChangeSet, now: i64) -> Inner<Standing> {
    let document = change.document.clone().unwrap_or_default();
    let new =
        Standing { version: 1, created: now, modified: now, label: None, document, links: Vec::new(), reverse: None };
    match &change.history {
        Some(history) => new.with(history),
        None => Ok(new),
    }
}

/// Is every one of these a creation that one statement makes?
pub(crate) fn are_creations(batch: &[Mutation]) -> bool {
    batch.iter().all(is_one_statement)
}

/// Is it made true by one statement, which needs no transaction around it?
pub(crate) fn is_one_statement(mutation: &Mutation) -> bool {
    matches!(&mutation.action, Action::Create { id, change } if change.links.is_empty() && given(id.as_ref()).is_ok())
}

/// Creations in one transaction, sent in one go: a statement for those of each type. Where one is refused, nothing of them
/// stands.
pub(crate) async fn creations(
    link: &Link,
    catalogue: &Catalogue,
    tenant: &str,
    now: i64,
    batch: &[Mutation],
) -> Inner<Vec<Outcome>> {
    let mut types: BTreeMap<&Kind, Many<'_>> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (number, mutation) in (0i64..).zip(batch) {
        // All that the connections do runs in one thread: whoever waits there for little comes between.
        if number % PIECE == PIECE - 1 {
            tokio::task::yield_now().await;
        }
        let Action::Create { id, change } = &mutation.action else {
            return Err(StoreErrorKind::Unsupported("other mutations among creations").into());
        };
        let (kind, id) = (&mutation.kind, given(id.as_ref())?);
        let many = match types.entry(kind) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Many::new(kind, catalogue.known(link, tenant, kind.as_str()).await?)),
        };
        let (standing, key) = (newcomer(change, now)?, Key { kind: kind.clone(), id: id.clone() });
        let line = change.record.line(&key, &version(standing.version));
        many.add(id, change, &standing, line, number);
        outcomes.push(outcome(&key, &standing, Effect::Created, mutation.reply.as_ref()));
    }
    let (mut statements, mut counts) = (vec![Sql::new(WHOLE.begin)], Vec::new());
    for many in types.into_values() {
        let (sql, kind, by) = many.sql(tenant);
        statements.push(sql);
        counts.push((kind.as_str().to_owned(), by));
    }
    statements.push(counted(tenant, &counts, link.slot));
    statements.push(Sql::new(WHOLE.end));
    for answer in link.behind_another(statements).await {
        answer?;
    }
    Ok(outcomes)
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
