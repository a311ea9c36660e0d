//! One mutation, made true. Order inside: is it there → `expect` → resolve → claims given back → claims taken → links →
//! document → secrets → version → change record (the store trait's contract).

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use scim_core::change::{
    Action, Change, ChangeRecord, ChangeSet, Claim, Effect, Expect, History, Mutation, Outcome, resolve_guarded,
};
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{Key, Record, ResourceId, Result, StoreError, StoreErrorKind, TenantId, Version};
use secrecy::ExposeSecret;

use crate::changelog;
use crate::error::Inner;
use crate::holders;
use crate::index::ID;
use crate::links::{self, Holder};
use crate::order;
use crate::read;
use crate::writer::{Lost, Task};
use crate::writing::{Row, Writing};

/// A batch on its way through the writer.
pub(crate) struct Commit {
    pub tenant: TenantId,
    pub now: Timestamp,
    /// Taken when the task runs.
    pub batch: Vec<Mutation>,
    pub expected: usize,
    pub outcomes: Vec<Result<Outcome>>,
    pub answer: futures_channel::oneshot::Sender<Vec<Result<Outcome>>>,
}

impl Task for Commit {
    fn run(&mut self, writing: &mut Writing<'_>) {
        for mutation in std::mem::take(&mut self.batch) {
            let place = Place { tenant: self.tenant.as_str(), now: self.now };
            let outcome = writing.whole(|writing| place.apply(writing, mutation));
            self.outcomes.push(outcome.map_err(|fault| fault.during("commit")));
            if writing.db.is_autocommit() {
                return;
            }
        }
    }

    fn finish(self: Box<Self>, settled: std::result::Result<(), &Lost>) {
        let answer = match settled {
            Ok(()) => self.outcomes,
            // Nothing of the transaction stands: not what succeeded in it, and what failed may not fail again.
            Err(lost) => (0..self.expected).map(|_| Err(lost.error("commit"))).collect(),
        };
        // Nobody waits any more: it is done all the same.
        let _gone = self.answer.send(answer);
    }

    fn tenant(&self) -> Option<&TenantId> {
        Some(&self.tenant)
    }

    fn weight(&self) -> usize {
        self.expected
    }
}

/// Whose resources, and when.
pub(crate) struct Place<'a> {
    pub tenant: &'a str,
    pub now: Timestamp,
}

/// A resource as it stands.
struct Standing {
    seq: i64,
    version: i64,
    created: i64,
    modified: i64,
    /// It holds links, or has held some.
    linked: bool,
    label: Option<String>,
    /// Where that was asked for.
    document: Option<Document>,
}

impl Standing {
    /// With the version and the times that the resource brings along.
    fn with(self, history: &History) -> Inner<Standing> {
        let version = history.version.as_str().parse();
        let version = version.map_err(|_| StoreErrorKind::Unsupported("versions that are no numbers"))?;
        Ok(Standing { version, created: history.created.millis(), modified: history.modified.millis(), ..self })
    }
}

impl Place<'_> {
    fn apply(&self, writing: &mut Writing<'_>, Mutation { kind, action, reply }: Mutation) -> Inner<Outcome> {
        match action {
            Action::Create { id, change } => {
                let id = id.ok_or(StoreErrorKind::Unsupported("giving out ids"))?;
                self.create(writing, &kind, id, change, reply)
            }
            Action::Modify { id, change, expect } => self.modify(writing, &kind, id, change, &expect, reply),
            Action::Delete { id, expect, record } => self.delete(writing, kind, id, &expect, &record),
        }
    }

    fn create(
        &self,
        writing: &mut Writing<'_>,
        kind: &Kind,
        id: ResourceId,
        change: ChangeSet,
        reply: Option<Select>,
    ) -> Inner<Outcome> {
        let ChangeSet { document, label, links, claim, release: _, secrets, history, record } = change;
        let document = document.unwrap_or_default();
        let shelf = writing.shelf(self.tenant, kind.as_str(), ID, false)?;
        let seq = order::number(writing, (self.tenant, kind.as_str(), shelf), id.as_str())?;
        let now = self.now.millis();
        let linked = !links.is_empty();
        let new = Standing { seq: 0, version: 1, created: now, modified: now, linked, label: None, document: None };
        let mut standing = match &history {
            Some(history) => new.with(history)?,
            None => new,
        };
        let inserted = writing.run(
            // An id may stand once among all types of a tenant.
            "INSERT INTO resource (seq, shelf, id, version, created, modified, linked, label, document)
             SELECT ?9, ?2, ?3, ?7, ?4, ?8, ?10, ?5, ?6
             WHERE NOT EXISTS (SELECT 1 FROM shelf s CROSS JOIN resource r
                               ON r.shelf = s.number AND r.id = ?3 WHERE s.tenant = ?1 AND s.attr = 'id')",
            params![
                self.tenant,
                shelf,
                id.as_str(),
                standing.created,
                label,
                document.as_str(),
                standing.version,
                standing.modified,
                seq,
                linked
            ],
        )?;
        if inserted == 0 {
            return Err(StoreError::new(StoreErrorKind::Corrupt).because("an id was given out twice").into());
        }
        standing.seq = writing.db.last_insert_rowid();
        writing.add(self.tenant, kind.as_str(), 1)?;
        self.claim(writing, kind, standing.seq, &claim)?;
        for edit in links {
            links::edit(writing, self.tenant, kind, (&id, standing.seq), edit)?;
        }
        if linked {
            writing.holders.clear();
        }
        let row = Row { tenant: self.tenant, kind: kind.as_str(), seq: standing.seq };
        writing.reindex_row(&row, None, Some(document.as_str()))?;
        self.keep_secrets(writing, &id, &secrets)?;
        let key = Key { kind: kind.clone(), id };
        changelog::append(writing, self.tenant, &record.line(&key, &version(standing.version)))?;
        self.outcome(writing, key, &standing, Effect::Created, Some(document), reply)
    }

    fn modify(
        &self,
        writing: &mut Writing<'_>,
        kind: &Kind,
        id: ResourceId,
        change: Change,
        expect: &Expect,
        reply: Option<Select>,
    ) -> Inner<Outcome> {
        let whole = match &change {
            Change::Known(change) => change.document.is_some(),
            Change::Of(resolve) => resolve.reads().document,
        };
        let mut standing = self.standing(writing, kind, &id, whole)?;
        if !expect.holds(&version(standing.version)) {
            return Err(StoreErrorKind::Stale.into());
        }
        let key = Key { kind: kind.clone(), id };
        let mut before = standing.document.take();
        let change = match change {
            Change::Known(change) => Some(*change),
            Change::Of(resolve) => {
                let document = before.clone().unwrap_or_default();
                let now = self.record(writing, &key, &standing, document, resolve.reads())?;
                resolve_guarded(&*resolve, &now)?
            }
        };
        let Some(ChangeSet { document, label, links, claim, release, secrets, history, record }) = change else {
            return self.outcome(writing, key, &standing, Effect::Unchanged, before, reply);
        };
        self.release(writing, kind, standing.seq, &release)?;
        self.claim(writing, kind, standing.seq, &claim)?;
        let mut relinked = false;
        for edit in links {
            relinked |= links::edit(writing, self.tenant, kind, (&key.id, standing.seq), edit)?;
        }
        standing.linked |= relinked;
        if relinked {
            writing.holders.clear();
        }
        let mut changed = !secrets.is_empty() | relinked;
        if document.is_some() && before.is_none() {
            before = Some(self.document(writing, standing.seq)?);
        }
        let document = document.filter(|document| before.as_ref() != Some(document));
        changed |= document.is_some();
        if let Some(document) = &document {
            let row = Row { tenant: self.tenant, kind: kind.as_str(), seq: standing.seq };
            writing.reindex_row(&row, before.as_ref().map(Document::as_str), Some(document.as_str()))?;
        }
        if let Some(label) = label.filter(|label| standing.label.as_ref() != Some(label)) {
            writing.run("UPDATE resource SET label = ?2 WHERE seq = ?1", params![standing.seq, label])?;
            links::relabel(writing, self.tenant, (&key.id, standing.seq), &label)?;
            writing.holders.clear();
        }
        self.keep_secrets(writing, &key.id, &secrets)?;
        if !changed {
            return self.outcome(writing, key, &standing, Effect::Unchanged, before, reply);
        }
        match &history {
            Some(history) => standing = standing.with(history)?,
            None => {
                standing.version += 1;
                standing.modified = self.now.millis().max(standing.modified.saturating_add(1));
            }
        }
        match &document {
            Some(document) => writing.run(
                "UPDATE resource SET version = ?2, created = ?3, modified = ?4, linked = ?5, document = ?6 WHERE seq = ?1",
                params![
                    standing.seq,
                    standing.version,
                    standing.created,
                    standing.modified,
                    standing.linked,
                    document.as_str()
                ],
            )?,
            None => writing.run(
                "UPDATE resource SET version = ?2, created = ?3, modified = ?4, linked = ?5 WHERE seq = ?1",
                params![standing.seq, standing.version, standing.created, standing.modified, standing.linked],
            )?,
        };
        changelog::append(writing, self.tenant, &record.line(&key, &version(standing.version)))?;
        self.outcome(writing, key, &standing, Effect::Changed, document.or(before), reply)
    }

    fn delete(
        &self,
        writing: &mut Writing<'_>,
        kind: Kind,
        id: ResourceId,
        expect: &Expect,
        record: &ChangeRecord,
    ) -> Inner<Outcome> {
        let standing = self.standing(writing, &kind, &id, true)?;
        let last = version(standing.version);
        if !expect.holds(&last) {
            return Err(StoreErrorKind::Stale.into());
        }
        let row = Row { tenant: self.tenant, kind: kind.as_str(), seq: standing.seq };
        writing.reindex_row(&row, standing.document.as_ref().map(Document::as_str), None)?;
        let key = Key { kind, id };
        // What names it by its number goes before it: the number may be given again.
        let lost = links::release(writing, self.tenant, &key, standing.seq)?;
        writing.run("DELETE FROM resource WHERE seq = ?1", [standing.seq])?;
        writing.run("DELETE FROM claim WHERE seq = ?1", [standing.seq])?;
        writing.run("DELETE FROM secret WHERE tenant = ?1 AND holder = ?2", params![self.tenant, key.id.as_str()])?;
        writing.add(self.tenant, key.kind.as_str(), -1)?;
        writing.holders.clear();
        changelog::append(writing, self.tenant, &record.line(&key, &last))?;
        for Holder { key: holder, number, attr, .. } in lost {
            let moved: Option<i64> = writing
                .db
                .prepare_cached(
                    "UPDATE resource SET version = version + 1, modified = max(?2, modified + 1)
                     WHERE seq = ?1 RETURNING version",
                )?
                .query_row([number, self.now.millis()], |row| row.get(0))
                .optional()?;
            if let Some(moved) = moved {
                let line = record.released(&holder, &attr).line(&holder, &version(moved));
                changelog::append(writing, self.tenant, &line)?;
            }
        }
        Ok(Outcome { id: key.id, version: last, effect: Effect::Deleted, record: None, filled: false })
    }

    fn standing(&self, writing: &mut Writing<'_>, kind: &Kind, id: &ResourceId, whole: bool) -> Inner<Standing> {
        let sql = if whole {
            "SELECT seq, version, created, modified, linked, label, document FROM resource
             WHERE shelf = ?1 AND id = ?2"
        } else {
            "SELECT seq, version, created, modified, linked, label FROM resource
             WHERE shelf = ?1 AND id = ?2"
        };
        let read = |row: &rusqlite::Row<'_>| {
            let text: Option<Arc<str>> = if whole { row.get(6)? } else { None };
            Ok(Standing {
                seq: row.get(0)?,
                version: row.get(1)?,
                created: row.get(2)?,
                modified: row.get(3)?,
                linked: row.get(4)?,
                label: row.get(5)?,
                document: text.map(Document::from_stored),
            })
        };
        let shelf = writing.own_shelf(self.tenant, kind.as_str())?;
        let found = writing.db.prepare_cached(sql)?.query_row(params![shelf, id.as_str()], read);
        found.optional()?.ok_or_else(|| StoreErrorKind::NotFound.into())
    }

    fn document(&self, writing: &Writing<'_>, seq: i64) -> Inner<Document> {
        let text: Arc<str> = writing
            .db
            .prepare_cached("SELECT document FROM resource WHERE seq = ?1")?
            .query_row([seq], |row| row.get(0))?;
        Ok(Document::from_stored(text))
    }

    fn record(
        &self,
        writing: &Writing<'_>,
        key: &Key,
        standing: &Standing,
        document: Document,
        select: &Select,
    ) -> Inner<Record> {
        Ok(Record {
            links: if standing.linked { read::links_of(writing.db, self.tenant, key, select)? } else { Vec::new() },
            key: key.clone(),
            version: version(standing.version),
            created: Timestamp::from_millis(standing.created),
            modified: Timestamp::from_millis(standing.modified),
            document: if select.document { document } else { Document::default() },
        })
    }

    fn outcome(
        &self,
        writing: &mut Writing<'_>,
        key: Key,
        standing: &Standing,
        effect: Effect,
        document: Option<Document>,
        reply: Option<Select>,
    ) -> Inner<Outcome> {
        let (mut record, mut filled) = (None, false);
        if let Some(select) = reply {
            let document = match document {
                None if select.document => self.document(writing, standing.seq)?,
                document => document.unwrap_or_default(),
            };
            let mut own = self.record(writing, &key, standing, document, &select)?;
            // Nobody holds what was made just now.
            if effect != Effect::Created {
                filled = holders::fill_few(writing, self.tenant, (&mut own, standing.seq), &select.reverse)?;
            }
            record = Some(Box::new(own));
        }
        Ok(Outcome { id: key.id, version: version(standing.version), effect, record, filled })
    }

    fn release(&self, writing: &mut Writing<'_>, kind: &Kind, seq: i64, claims: &[Claim]) -> Inner<()> {
        for claim in claims {
            let shelf = writing.shelf(self.tenant, kind.as_str(), &claim.at.to_string(), claim.global)?;
            writing.run(
                "DELETE FROM claim WHERE shelf = ?1 AND token = ?2 AND seq = ?3",
                params![shelf, claim.token, seq],
            )?;
        }
        Ok(())
    }

    fn claim(&self, writing: &mut Writing<'_>, kind: &Kind, seq: i64, claims: &[Claim]) -> Inner<()> {
        for claim in claims {
            let shelf = writing.shelf(self.tenant, kind.as_str(), &claim.at.to_string(), claim.global)?;
            if !take(writing, shelf, &claim.token, seq)? {
                return Err(StoreErrorKind::Taken { at: claim.at.clone() }.into());
            }
        }
        Ok(())
    }

    fn keep_secrets(
        &self,
        writing: &Writing<'_>,
        id: &ResourceId,
        secrets: &[scim_core::change::SecretEdit],
    ) -> Inner<()> {
        for edit in secrets {
            let attr = edit.at.to_string();
            match &edit.value {
                Some(hash) => writing.run(
                    "INSERT OR REPLACE INTO secret (tenant, holder, attr, hash) VALUES (?1, ?2, ?3, ?4)",
                    params![self.tenant, id.as_str(), attr, hash.expose_secret()],
                )?,
                None => writing.run(
                    "DELETE FROM secret WHERE tenant = ?1 AND holder = ?2 AND attr = ?3",
                    params![self.tenant, id.as_str(), attr],
                )?,
            };
        }
        Ok(())
    }
}

/// Takes a unique value for a resource; false where another has it. Uniqueness is the table's primary key.
pub(crate) fn take(writing: &Writing<'_>, shelf: i64, token: &str, seq: i64) -> Inner<bool> {
    let taken = writing.run(
        "INSERT INTO claim (shelf, token, seq) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![shelf, token, seq],
    )?;
    if taken > 0 {
        return Ok(true);
    }
    let own = writing
        .db
        .prepare_cached("SELECT seq = ?3 FROM claim WHERE shelf = ?1 AND token = ?2")?
        .query_row(params![shelf, token, seq], |row| row.get(0))?;
    Ok(own)
}

fn version(number: i64) -> Version {
    Version::new(&number.to_string())
}
