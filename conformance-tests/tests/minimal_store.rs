//! A whole store, to be read before writing one: a map behind a lock, and the four required methods. The core does the
//! rest, slowly: it walks lists, and finds holders by a scan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::stream;
use scim_core::change::{
    Action, Change, ChangeSet, Claim, Effect, Expect, LinkEdit, Mutation, Outcome, resolve_guarded,
};
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::query::Select;
use scim_core::schema::{Kind, LinkType};
use scim_core::store::{
    BoxStream, Capabilities, IdsFrom, Key, Label, Link, Links, Lock, Record, ResourceId, Result, Scan, Scope, Store,
    StoreErrorKind, TenantId, Unique, Version, Versions, Writes,
};

fn main() -> ExitCode {
    conformance_tests::store_contract(|| async { MinimalStore::new() })
}

#[derive(Debug)]
struct MinimalStore {
    capabilities: Capabilities,
    state: Mutex<State>,
}

/// Everything there is. Cloned before each mutation and put back where that fails: no step needs an undo of its own.
#[derive(Debug, Clone, Default)]
struct State {
    resources: BTreeMap<(TenantId, ResourceId), Resource>,
    claims: HashMap<Slot, ResourceId>,
}

/// Where a claim is kept: the tenant and kind it is unique in (None for the whole server), attribute, token.
type Slot = (Option<(TenantId, Kind)>, String, String);

#[derive(Debug, Clone)]
struct Resource {
    kind: Kind,
    version: u64,
    created: Timestamp,
    modified: Timestamp,
    document: Document,
    links: Vec<(Arc<LinkType>, BTreeSet<ResourceId>)>,
}

impl MinimalStore {
    fn new() -> Self {
        // Say what is true; leave the rest to the humble default. Here: no secrets, no change log.
        let (lock, versions, unique) = (Lock::CompareAndSet, Versions::Exact, Unique::Enforced);
        let (name, writes, ids) = ("minimal", Writes::Full, IdsFrom::Core);
        let capabilities = Capabilities { name, writes, ids, lock, versions, unique, ..Capabilities::default() };
        MinimalStore { capabilities, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MinimalStore {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], _: &Select) -> Result<Vec<Record>> {
        let state = self.state();
        Ok(ids.iter().filter_map(|id| state.record(scope, kind, id)).collect())
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        let state = self.state(); // collected at once, so that nobody holds the lock while reading
        let own = state.resources.keys().filter(|(tenant, _)| *tenant == scope.tenant);
        let records: Vec<_> = own.filter_map(|(_, id)| state.record(scope, &scan.kind, id)).map(Ok).collect();
        Box::pin(stream::iter(records))
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        let mut state = self.state();
        let mut outcomes = Vec::new();
        for mutation in batch {
            let before = state.clone();
            let outcome = state.apply(scope, mutation);
            if outcome.is_err() {
                *state = before;
            }
            outcomes.push(outcome);
        }
        outcomes
    }
}

impl State {
    fn find(&self, scope: &Scope, kind: &Kind, id: &ResourceId) -> Option<&Resource> {
        self.resources.get(&(scope.tenant.clone(), id.clone())).filter(|resource| resource.kind == *kind)
    }

    fn must(&mut self, scope: &Scope, kind: &Kind, id: &ResourceId) -> Result<&mut Resource> {
        let found = self.resources.get_mut(&(scope.tenant.clone(), id.clone()));
        found.filter(|resource| resource.kind == *kind).ok_or_else(|| StoreErrorKind::NotFound.into())
    }

    fn record(&self, scope: &Scope, kind: &Kind, id: &ResourceId) -> Option<Record> {
        let resource = self.find(scope, kind, id)?;
        let show = |target: &ResourceId| {
            let far = self.resources.get(&(scope.tenant.clone(), target.clone()))?;
            let target = Key { kind: far.kind.clone(), id: target.clone() };
            Some(Link { target, display: far.document.label().map(Label::from), indirect: false })
        };
        let links = resource.links.iter().filter(|(_, targets)| !targets.is_empty());
        Some(Record {
            key: Key { kind: kind.clone(), id: id.clone() },
            version: Version::new(&resource.version.to_string()),
            created: resource.created,
            modified: resource.modified,
            document: resource.document.clone(),
            links: links
                .map(|(link, targets)| Links {
                    at: link.at.clone(),
                    links: targets.iter().filter_map(show).collect(),
                    whole: true,
                })
                .collect(),
        })
    }

    fn apply(&mut self, scope: &Scope, Mutation { kind, action, reply }: Mutation) -> Result<Outcome> {
        let (id, effect) = match action {
            Action::Create { id, change } => {
                let id = id.ok_or(StoreErrorKind::Unsupported("giving out ids"))?;
                let now = scope.now;
                let (document, links) = (Document::default(), Vec::new());
                let new = Resource { kind: kind.clone(), version: 1, created: now, modified: now, document, links };
                if self.resources.insert((scope.tenant.clone(), id.clone()), new).is_some() {
                    return Err(StoreErrorKind::Corrupt.into());
                }
                self.write(scope, &kind, &id, change)?;
                (id, Effect::Created)
            }
            Action::Modify { id, change, expect } => {
                let now = self.expected(scope, &kind, &id, &expect)?;
                let change = match change {
                    Change::Known(change) => Some(*change),
                    Change::Of(resolve) => resolve_guarded(&*resolve, &now)?,
                };
                let changed = change.map(|change| self.write(scope, &kind, &id, change)).transpose()?.unwrap_or(false);
                if changed {
                    self.must(scope, &kind, &id)?.touch(scope.now);
                }
                (id, if changed { Effect::Changed } else { Effect::Unchanged })
            }
            Action::Delete { id, expect, record: _ } => {
                let version = self.expected(scope, &kind, &id, &expect)?.version;
                self.resources.remove(&(scope.tenant.clone(), id.clone()));
                self.claims.retain(|_, holder| *holder != id);
                for (_, holder) in self.resources.iter_mut().filter(|((tenant, _), _)| *tenant == scope.tenant) {
                    if holder.links.iter_mut().fold(false, |lost, (_, targets)| targets.remove(&id) || lost) {
                        holder.touch(scope.now);
                    }
                }
                return Ok(Outcome { id, version, effect: Effect::Deleted, record: None, filled: false });
            }
        };
        let record = self.record(scope, &kind, &id).ok_or(StoreErrorKind::NotFound)?;
        let version = record.version.clone();
        Ok(Outcome { id, version, effect, record: reply.map(|_| Box::new(record)), filled: false })
    }

    fn expected(&self, scope: &Scope, kind: &Kind, id: &ResourceId, expect: &Expect) -> Result<Record> {
        let now = self.record(scope, kind, id).ok_or(StoreErrorKind::NotFound)?;
        if expect.holds(&now.version) { Ok(now) } else { Err(StoreErrorKind::Stale.into()) }
    }

    /// Makes a change true, in the order of the contract; tells whether it changed anything.
    fn write(&mut self, scope: &Scope, kind: &Kind, id: &ResourceId, change: ChangeSet) -> Result<bool> {
        if !change.secrets.is_empty() {
            return Err(StoreErrorKind::Unsupported("secrets").into());
        }
        let slot = |claim: &Claim| -> Slot {
            let room = (!claim.global).then(|| (scope.tenant.clone(), kind.clone()));
            (room, claim.at.to_string(), claim.token.clone())
        };
        for claim in &change.release {
            if self.claims.get(&slot(claim)) == Some(id) {
                self.claims.remove(&slot(claim));
            }
        }
        for claim in &change.claim {
            if self.claims.insert(slot(claim), id.clone()).is_some_and(|holder| holder != *id) {
                return Err(StoreErrorKind::Taken { at: claim.at.clone() }.into());
            }
        }
        let mut changed = false;
        for edit in change.links {
            changed |= self.link(scope, kind, id, edit)?;
        }
        let resource = self.must(scope, kind, id)?;
        if let Some(document) = change.document.filter(|document| *document != resource.document) {
            resource.document = document;
            changed = true;
        }
        Ok(changed)
    }

    fn link(&mut self, scope: &Scope, kind: &Kind, id: &ResourceId, edit: LinkEdit) -> Result<bool> {
        let absent = |(target, kinds): &(ResourceId, Arc<[Kind]>)| {
            !kinds.iter().any(|kind| self.find(scope, kind, target).is_some())
        };
        let (at, wanted, removed, only) = match edit {
            LinkEdit::Add { at, targets, kinds } => {
                (at, targets.into_iter().map(|target| (target, kinds.clone())).collect(), Vec::new(), false)
            }
            LinkEdit::Remove { at, targets } => (at, vec![], targets, false),
            LinkEdit::Replace { at, targets } => (at, targets, Vec::new(), true),
        };
        let missing: Vec<_> = wanted.iter().filter(|wish| absent(wish)).map(|(target, _)| target.clone()).collect();
        if !missing.is_empty() {
            return Err(StoreErrorKind::Missing { at: at.at.clone(), targets: missing }.into());
        }
        let resource = self.must(scope, kind, id)?;
        let before =
            resource.links.iter().position(|(link, _)| link.at == at.at).map(|place| resource.links.remove(place));
        let before = before.map(|(_, targets)| targets).unwrap_or_default();
        let mut after = if only { BTreeSet::new() } else { before.clone() };
        after.extend(wanted.into_iter().map(|(target, _)| target));
        after.retain(|target| !removed.contains(target));
        let changed = before != after;
        resource.links.push((at, after));
        Ok(changed)
    }
}

impl Resource {
    fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        self.modified = now.max(self.modified.next());
    }
}
