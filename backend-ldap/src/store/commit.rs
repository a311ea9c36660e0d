//! Writing: one mutation after another, each to its end whoever waits for it.

use std::sync::Arc;

use scim_core::change::{Action, Change, Effect, Expect, LinkEdit, Mutation, Outcome};
use scim_core::error::ScimError;
use scim_core::query::Select;
use scim_core::store::{Record, ResourceId, Result, Scope, StoreError, StoreErrorKind, Version};

use crate::directory::Call;
use crate::fence::holds;
use crate::ldap::{Answer, Entry, LdapError, Reach, Request, Search, controls};
use crate::ldif;
use crate::mapping::{LinkColumn, Mapping};
use crate::settings::Mode;
use crate::tenant::Tenant;

use super::brakes::Loss;
use super::read::{attributes, link_columns, record, version};
use super::result::rejected;
use super::{BACKEND, Inner, mapped, with_names};

/// What every write of one mutation goes by.
pub(super) struct Work<'a> {
    pub(super) inner: &'a Inner,
    pub(super) scope: &'a Scope,
    pub(super) tenant: &'a Tenant,
    pub(super) mapping: &'a Mapping,
    pub(super) call: Call,
    pub(super) reply: Option<Select>,
}

/// Runs a batch as a task of its own: a caller that goes away does not stop it between two steps.
pub(super) async fn commit(inner: Arc<Inner>, scope: Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
    let count = batch.len();
    let task = tokio::spawn(async move {
        let mut outcomes = Vec::with_capacity(batch.len());
        for mutation in batch {
            outcomes.push(one(&inner, &scope, mutation).await);
        }
        outcomes
    });
    task.await.unwrap_or_else(|error| {
        let lost =
            |_| Err(StoreError::new(StoreErrorKind::Uncertain).during(BACKEND, "commit").because(error.to_string()));
        (0..count).map(lost).collect()
    })
}

async fn one(inner: &Inner, scope: &Scope, mutation: Mutation) -> Result<Outcome> {
    if inner.settings.mode == Mode::ReadOnly {
        return Err(rejected(ScimError::forbidden(
            "the directory behind this tenant is read only here (store.ldap.mode = \"read_only\")",
        )));
    }
    if inner.settings.mode == Mode::Write {
        inner.brakes.check(&scope.tenant).await?;
    }
    inner.recent.forget();
    let tenant = inner.tenant(scope).await?;
    let mapping = mapped(&tenant, &mutation.kind)?.clone();
    if mapping.links.iter().any(|column| column.link.multi_valued()) {
        inner.shelf.forget();
        inner.primaries.forget();
    }
    let Mutation { action, reply, .. } = mutation;
    let work = Work { inner, scope, tenant: &tenant, mapping: &mapping, call: inner.call(scope), reply };
    match action {
        Action::Create { id, change } => work.create(id, change).await,
        Action::Modify { id, change, expect } => {
            // Values that come and go do not hinder each other: only what was worked out from an entry waits for its turn.
            let _turn = match by_value(&change, &expect) {
                true => None,
                false => Some(inner.queue.turn(&scope.tenant, id.as_str()).await),
            };
            work.modify(id, change, &expect).await
        }
        Action::Delete { id, expect, .. } => {
            let _turn = inner.queue.turn(&scope.tenant, id.as_str()).await;
            work.delete(id, &expect).await
        }
    }
}

/// Are these members that come or go, whatever else the entry holds?
fn by_value(change: &Change, expect: &Expect) -> bool {
    let value = |edit: &LinkEdit| match edit {
        LinkEdit::Add { at, .. } | LinkEdit::Remove { at, .. } => at.multi_valued(),
        LinkEdit::Replace { .. } => false,
    };
    match change {
        Change::Known(change) => {
            *expect == Expect::Exists
                && change.document.is_none()
                && change.secrets.is_empty()
                && change.links.iter().all(value)
        }
        Change::Of(_) => false,
    }
}

/// Is an entry by itself all that is selected? Whoever it refers to, or refers to it, would have to be looked up.
fn stands_alone(mapping: &Mapping, select: &Select, entry: &Entry) -> bool {
    let refers_to_nobody = |column: &LinkColumn| column.is_single() && entry.values(&column.name).is_empty();
    select.reverse.is_empty() && link_columns(mapping, select).iter().all(|(_, column)| refers_to_nobody(column))
}

impl Work<'_> {
    /// Sends one write, once. Where its answer is lost, it is looked up whether it is done.
    pub(super) async fn send(&self, request: Request) -> std::result::Result<Answer, LdapError> {
        match self.inner.directory.perform(&self.call, &request).await {
            Err(lost) => self.found_done(&request, lost).await,
            done => done,
        }
    }

    /// Refuses where an entry may not be changed.
    pub(super) async fn guard(&self, entry: &Entry) -> Result<()> {
        let Some(filter) = &self.mapping.protected else { return Ok(()) };
        let protected = match holds(filter, entry) {
            Some(protected) => protected,
            None => {
                let search = Search::new(&entry.dn, Reach::Base, filter.clone(), Vec::new());
                let found = self.inner.directory.entry(&self.call, &search).await;
                found.map_err(|error| error.during("ask whether an entry is protected"))?.is_some()
            }
        };
        if !protected {
            return Ok(());
        }
        Err(rejected(ScimError::forbidden("this resource is protected: it is shown, and not changed over SCIM")))
    }

    /// Counts what is about to be lost, and stops what is too much.
    pub(super) async fn lose(&self, loss: Loss, count: usize) -> Result<()> {
        if self.inner.settings.mode != Mode::Write {
            return Ok(());
        }
        let size = match (self.inner.brakes.share(), loss) {
            (Some(_), Loss::Deletes | Loss::Deactivations) => {
                Some(self.inner.size(self.tenant, &self.call, &self.mapping.rt.kind).await?)
            }
            _ => None,
        };
        self.inner.brakes.pass(&self.scope.tenant, loss, count, size).await
    }

    /// Stops here in shadow mode, with all that would be sent in the log.
    pub(super) fn shadowed(&self, requests: &[&Request]) -> Result<()> {
        if self.inner.settings.mode != Mode::Shadow {
            return Ok(());
        }
        for request in requests {
            tracing::info!(tenant = %self.scope.tenant, actor = %self.scope.actor, request = %self.scope.request,
                "would write:\n{}", ldif::of(&request.operation));
        }
        Err(rejected(ScimError::forbidden(
            "nothing was written: the directory behind this tenant is in shadow mode, and the log says what would be",
        )))
    }

    /// The request, asking for the entry as it becomes.
    pub(super) fn with_post_read(&self, request: Request) -> Request {
        // What stands elsewhere does not come with the entry.
        let elsewhere = self.mapping.active.as_ref().is_some_and(|(_, active)| active.switch().is_some());
        if !self.inner.features.post_read || elsewhere {
            return request;
        }
        let select = self.reply.clone().unwrap_or_else(Select::bare);
        let single = link_columns(self.mapping, &select).into_iter().filter(|(_, column)| column.is_single());
        let names = single.map(|(_, column)| column.name.clone());
        request.with(controls::post_read(&with_names(attributes(self.mapping, &select), names)))
    }

    /// The outcome of a write that was answered, with the entry as it has become.
    pub(super) async fn outcome(&self, id: ResourceId, effect: Effect, answer: Option<&Answer>) -> Result<Outcome> {
        let select = self.reply.clone();
        let shown =
            answer.and_then(|answer| controls::read_entry(&answer.result.controls, controls::POST_READ).ok().flatten());
        let entry = shown.filter(|entry| self.mapping.id_of(entry).as_ref() == Some(&id));
        let is_whole = |entry: &&Entry| select.as_ref().is_none_or(|select| stands_alone(self.mapping, select, entry));
        if let Some(entry) = entry.as_ref().filter(is_whole) {
            let record = select.and_then(|select| record(self.mapping, entry, select.document)).map(Box::new);
            return Ok(Outcome { id, version: version(self.mapping, entry), effect, record, filled: false });
        }
        let read = select.clone().unwrap_or_else(Select::bare);
        let record = self.again(&id, &read).await?;
        let version = record.version.clone();
        Ok(Outcome { id, version, effect, record: select.map(|_| Box::new(record)), filled: false })
    }

    /// The record as it is now: what was written was written, whatever becomes of this.
    async fn again(&self, id: &ResourceId, select: &Select) -> Result<Record> {
        let kind = &self.mapping.rt.kind;
        let read = self.inner.read(self.tenant, &self.call, kind, std::slice::from_ref(id), select).await;
        let record = read.map_err(|error| match error.kind {
            StoreErrorKind::Unavailable => StoreError { kind: StoreErrorKind::Uncertain, ..error },
            _ => error,
        })?;
        record.into_iter().next().ok_or_else(|| StoreErrorKind::NotFound.into())
    }

    /// The outcome of a mutation that changed nothing.
    pub(super) async fn unchanged(&self, id: ResourceId, version: Version) -> Result<Outcome> {
        let record = match &self.reply {
            Some(select) => Some(Box::new(self.again(&id, select).await?)),
            None => None,
        };
        Ok(Outcome { id, version, effect: Effect::Unchanged, record, filled: false })
    }

    /// The entry of an id with these attributes.
    pub(super) async fn find(&self, id: &ResourceId, select: &Select) -> Result<Entry> {
        let columns = super::read::link_columns(self.mapping, select);
        let mut names = attributes(self.mapping, select);
        names.push(crate::ldap::AttributeName::known("objectClass"));
        names = with_names(names, self.mapping.guards());
        let ids = std::slice::from_ref(id);
        let with = |search| self.inner.with_links(&columns, search);
        let found = self.inner.entries(&self.call, self.mapping, ids, names, with).await;
        let found = found.map_err(|error| error.during("find an entry"))?;
        found.into_iter().next().ok_or_else(|| StoreErrorKind::NotFound.into())
    }
}
