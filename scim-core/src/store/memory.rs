//! The reference store: a map behind a lock. The oracle of all tests, and the shortest answer to what a store must do.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::stream;
use secrecy::SecretString;

use crate::change::{
    Action, Change, ChangeRecord, ChangeSet, Claim, Effect, Expect, History, LinkEdit, Mutation, Outcome,
    resolve_guarded,
};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::path::AttrPath;
use crate::query::Select;
use crate::schema::{Kind, LinkType};

use super::{
    BoxStream, Capabilities, ChangeLog, IdsFrom, Keeps, Key, Label, Link, Links, Lock, LoggedChange, Newcomers, Record,
    ResourceId, Result, Scan, Scope, Secrets, Store, StoreError, StoreErrorKind, TenantId, Unique, Version, Versions,
    Writes,
};

/// Resources in memory, gone when it is dropped.
#[derive(Debug)]
pub struct MemoryStore {
    capabilities: Capabilities,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tenants: HashMap<TenantId, BTreeMap<ResourceId, Entry>>,
    claims: HashMap<Slot, ResourceId>,
    log: Vec<LoggedChange>,
}

/// Where a claim is kept: the tenant and kind it is unique in (None for the whole server), attribute and token.
type Slot = (Option<(TenantId, Kind)>, String, String);

#[derive(Debug)]
struct Entry {
    kind: Kind,
    version: u64,
    created: Timestamp,
    modified: Timestamp,
    label: Option<String>,
    document: Document,
    links: Vec<(Arc<LinkType>, BTreeMap<ResourceId, Kind>)>,
    secrets: HashMap<AttrPath, SecretString>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        MemoryStore {
            capabilities: Capabilities {
                name: "memory",
                writes: Writes::Full,
                ids: IdsFrom::Core,
                lock: Lock::CompareAndSet,
                versions: Versions::Exact,
                unique: Unique::Enforced,
                secrets: Secrets::Hashed,
                history: Keeps::Yes,
                newcomers: Newcomers::HeldByNone,
            },
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>> {
        let state = self.state();
        Ok(ids.iter().filter_map(|id| state.record(&scope.tenant, kind, id, select)).collect())
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        Box::pin(stream::unfold(Bound::Unbounded, move |from| {
            let next = self.state().next(&scope.tenant, &scan.kind, from, &scan.select);
            async move { next.map(|record| (Ok(record.clone()), Bound::Excluded(record.key.id))) }
        }))
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        let mut state = self.state();
        batch.into_iter().map(|mutation| state.apply(scope, mutation)).collect()
    }

    async fn secret(&self, scope: &Scope, key: &Key, at: &AttrPath) -> Result<Option<SecretString>> {
        Ok(self.state().entry(&scope.tenant, &key.kind, &key.id).and_then(|entry| entry.secrets.get(at).cloned()))
    }

    fn change_log(&self) -> Option<&dyn ChangeLog> {
        Some(self)
    }
}

#[async_trait]
impl ChangeLog for MemoryStore {
    async fn read(&self, after: u64, count: u32) -> Result<Vec<LoggedChange>> {
        let behind = |line: &&LoggedChange| line.position > after;
        Ok(self.state().log.iter().filter(behind).take(count as usize).cloned().collect())
    }

    async fn acknowledge(&self, _consumer: &str, _upto: u64) -> Result<()> {
        Ok(())
    }
}

impl State {
    fn entry(&self, tenant: &TenantId, kind: &Kind, id: &ResourceId) -> Option<&Entry> {
        self.tenants.get(tenant)?.get(id).filter(|entry| entry.kind == *kind)
    }

    fn entry_mut(&mut self, tenant: &TenantId, kind: &Kind, id: &ResourceId) -> Result<&mut Entry> {
        let entry = self.tenants.get_mut(tenant).and_then(|entries| entries.get_mut(id));
        entry.filter(|entry| entry.kind == *kind).ok_or_else(|| StoreErrorKind::NotFound.into())
    }

    fn record(&self, tenant: &TenantId, kind: &Kind, id: &ResourceId, select: &Select) -> Option<Record> {
        let entry = self.entry(tenant, kind, id)?;
        let links = select.links.iter().filter_map(|wanted| {
            let (_, targets) = entry.links.iter().find(|(link, _)| link.at == wanted.link.at)?;
            let most = wanted.at_most.map_or(usize::MAX, |most| most as usize);
            let shown = targets.iter().take(most).map(|(target, kind)| Link {
                target: Key { kind: kind.clone(), id: target.clone() },
                display: self.label(tenant, target),
                indirect: false,
            });
            let whole = targets.len() <= most;
            (!targets.is_empty()).then(|| Links { at: wanted.link.at.clone(), links: shown.collect(), whole })
        });
        Some(Record {
            key: Key { kind: kind.clone(), id: id.clone() },
            version: Version::new(&entry.version.to_string()),
            created: entry.created,
            modified: entry.modified,
            document: if select.document { entry.document.clone() } else { Document::default() },
            links: links.collect(),
        })
    }

    fn label(&self, tenant: &TenantId, id: &ResourceId) -> Option<Label> {
        self.tenants.get(tenant)?.get(id)?.label.as_deref().map(Label::from)
    }

    fn next(&self, tenant: &TenantId, kind: &Kind, from: Bound<ResourceId>, select: &Select) -> Option<Record> {
        let mut behind = self.tenants.get(tenant)?.range((from, Bound::Unbounded));
        let (id, _) = behind.find(|(_, entry)| entry.kind == *kind)?;
        self.record(tenant, kind, id, select)
    }

    fn apply(&mut self, scope: &Scope, Mutation { kind, action, reply }: Mutation) -> Result<Outcome> {
        let (id, effect) = match action {
            Action::Create { id, change } => {
                let id = id.ok_or(StoreErrorKind::Unsupported("giving out ids"))?;
                self.create(scope, &kind, &id, change)?;
                (id, Effect::Created)
            }
            Action::Modify { id, change, expect } => {
                let effect = self.modify(scope, &kind, &id, change, &expect)?;
                (id, effect)
            }
            Action::Delete { id, expect, record } => return self.delete(scope, kind, id, &expect, &record),
        };
        let version = Version::new(&self.entry_mut(&scope.tenant, &kind, &id)?.version.to_string());
        let record = reply.and_then(|select| self.record(&scope.tenant, &kind, &id, &select)).map(Box::new);
        Ok(Outcome { id, version, effect, record, filled: false })
    }

    fn create(&mut self, scope: &Scope, kind: &Kind, id: &ResourceId, change: ChangeSet) -> Result<()> {
        let entries = self.tenants.entry(scope.tenant.clone()).or_default();
        if entries.contains_key(id) {
            return Err(StoreError::new(StoreErrorKind::Corrupt).because("an id was given out twice"));
        }
        let (created, modified) = (scope.now, scope.now);
        let (document, label) = (Document::default(), None);
        let (links, secrets) = (Vec::new(), HashMap::new());
        entries.insert(
            id.clone(),
            Entry { kind: kind.clone(), version: 0, created, modified, label, document, links, secrets },
        );
        let (record, history) = (change.record.clone(), change.history.clone());
        if let Err(refused) = self.check(scope, kind, id, &change) {
            self.tenants.entry(scope.tenant.clone()).or_default().remove(id);
            return Err(refused);
        }
        self.write(scope, kind, id, change)?;
        self.moved(scope, kind, id, &record, history)
    }

    fn modify(
        &mut self,
        scope: &Scope,
        kind: &Kind,
        id: &ResourceId,
        change: Change,
        expect: &Expect,
    ) -> Result<Effect> {
        let version = self.entry_mut(&scope.tenant, kind, id)?.version;
        if !expect.holds(&Version::new(&version.to_string())) {
            return Err(StoreErrorKind::Stale.into());
        }
        let change = match change {
            Change::Known(change) => Some(*change),
            Change::Of(resolve) => {
                let now = self.record(&scope.tenant, kind, id, resolve.reads()).ok_or(StoreErrorKind::NotFound)?;
                resolve_guarded(&*resolve, &now)?
            }
        };
        let Some(change) = change else { return Ok(Effect::Unchanged) };
        self.check(scope, kind, id, &change)?;
        let (record, history) = (change.record.clone(), change.history.clone());
        if !self.write(scope, kind, id, change)? {
            return Ok(Effect::Unchanged);
        }
        self.moved(scope, kind, id, &record, history)?;
        Ok(Effect::Changed)
    }

    fn delete(
        &mut self,
        scope: &Scope,
        kind: Kind,
        id: ResourceId,
        expect: &Expect,
        record: &ChangeRecord,
    ) -> Result<Outcome> {
        let version = Version::new(&self.entry_mut(&scope.tenant, &kind, &id)?.version.to_string());
        if !expect.holds(&version) {
            return Err(StoreErrorKind::Stale.into());
        }
        let entries = self.tenants.entry(scope.tenant.clone()).or_default();
        entries.remove(&id);
        let mut lost = Vec::new();
        for (holder, entry) in entries.iter_mut() {
            for (link, targets) in &mut entry.links {
                if targets.remove(&id).is_some() {
                    lost.push((Key { kind: entry.kind.clone(), id: holder.clone() }, link.at.to_string()));
                }
            }
        }
        self.claims.retain(|_, holder| *holder != id);
        let key = Key { kind, id: id.clone() };
        self.append(scope, &record.logged(&key, &version));
        for (holder, attribute) in lost {
            let released = record.released(&holder, &attribute);
            self.moved(scope, &holder.kind, &holder.id, &released, None)?;
        }
        Ok(Outcome { id, version, effect: Effect::Deleted, record: None, filled: false })
    }

    /// Can the change be made true? Nothing is touched before this says so.
    fn check(&self, scope: &Scope, kind: &Kind, id: &ResourceId, change: &ChangeSet) -> Result<()> {
        if let Some(history) = &change.history {
            number(&history.version)?;
        }
        for claim in &change.claim {
            if self.claims.get(&slot(scope, kind, claim)).is_some_and(|holder| holder != id) {
                return Err(StoreErrorKind::Taken { at: claim.at.clone() }.into());
            }
        }
        for edit in &change.links {
            let absent = |target: &ResourceId, kinds: &[Kind]| self.kind_of(scope, target, kinds).is_none();
            let (at, missing) = match edit {
                LinkEdit::Add { at, targets, kinds } => {
                    (at, targets.iter().filter(|target| absent(target, kinds)).cloned().collect::<Vec<_>>())
                }
                LinkEdit::Replace { at, targets } => {
                    let missing = targets.iter().filter(|(target, kinds)| absent(target, kinds));
                    (at, missing.map(|(target, _)| target.clone()).collect())
                }
                LinkEdit::Remove { .. } => continue,
            };
            if !missing.is_empty() {
                return Err(StoreErrorKind::Missing { at: at.at.clone(), targets: missing }.into());
            }
        }
        Ok(())
    }

    fn kind_of(&self, scope: &Scope, id: &ResourceId, kinds: &[Kind]) -> Option<Kind> {
        kinds.iter().find(|kind| self.entry(&scope.tenant, kind, id).is_some()).cloned()
    }

    /// Makes a checked change true; tells whether it changed anything.
    fn write(&mut self, scope: &Scope, kind: &Kind, id: &ResourceId, change: ChangeSet) -> Result<bool> {
        for claim in &change.release {
            let slot = slot(scope, kind, claim);
            if self.claims.get(&slot) == Some(id) {
                self.claims.remove(&slot);
            }
        }
        for claim in &change.claim {
            self.claims.insert(slot(scope, kind, claim), id.clone());
        }
        let mut changed = !change.secrets.is_empty();
        for edit in change.links {
            changed |= self.edit(scope, kind, id, edit)?;
        }
        let entry = self.entry_mut(&scope.tenant, kind, id)?;
        if let Some(document) = change.document.filter(|document| *document != entry.document) {
            entry.document = document;
            changed = true;
        }
        entry.label = change.label.or(entry.label.take());
        for edit in change.secrets {
            match edit.value {
                Some(value) => entry.secrets.insert(edit.at, value),
                None => entry.secrets.remove(&edit.at),
            };
        }
        Ok(changed)
    }

    fn edit(&mut self, scope: &Scope, kind: &Kind, id: &ResourceId, edit: LinkEdit) -> Result<bool> {
        let found = |target: ResourceId, kinds: &[Kind]| Some((target.clone(), self.kind_of(scope, &target, kinds)?));
        let (at, mut links) = match edit {
            LinkEdit::Add { at, targets, kinds } => {
                let added: BTreeMap<_, _> = targets.into_iter().filter_map(|target| found(target, &kinds)).collect();
                let mut links = self.links_of(scope, kind, id, &at)?.clone();
                links.extend(added);
                (at, links)
            }
            LinkEdit::Replace { at, targets } => {
                let links = targets.into_iter().filter_map(|(target, kinds)| found(target, &kinds)).collect();
                (at, links)
            }
            LinkEdit::Remove { at, targets } => {
                let mut links = self.links_of(scope, kind, id, &at)?.clone();
                for target in &targets {
                    links.remove(target);
                }
                (at, links)
            }
        };
        let own = self.links_of(scope, kind, id, &at)?;
        std::mem::swap(own, &mut links);
        Ok(*own != links)
    }

    fn links_of(
        &mut self,
        scope: &Scope,
        kind: &Kind,
        id: &ResourceId,
        at: &Arc<LinkType>,
    ) -> Result<&mut BTreeMap<ResourceId, Kind>> {
        let links = &mut self.entry_mut(&scope.tenant, kind, id)?.links;
        let place = links.iter().position(|(link, _)| link.at == at.at).unwrap_or(links.len());
        if place == links.len() {
            links.push((at.clone(), BTreeMap::new()));
        }
        links.get_mut(place).map(|(_, targets)| targets).ok_or_else(|| StoreErrorKind::Corrupt.into())
    }

    /// Moves version and time, and says so in the log.
    fn moved(
        &mut self,
        scope: &Scope,
        kind: &Kind,
        id: &ResourceId,
        record: &ChangeRecord,
        history: Option<History>,
    ) -> Result<()> {
        let entry = self.entry_mut(&scope.tenant, kind, id)?;
        match history {
            Some(History { version, created, modified }) => {
                entry.version = number(&version)?;
                (entry.created, entry.modified) = (created, modified);
            }
            // Made just now.
            None if entry.version == 0 => entry.version = 1,
            None => {
                entry.version += 1;
                entry.modified = scope.now.max(entry.modified.next());
            }
        }
        let version = Version::new(&entry.version.to_string());
        let line = record.logged(&Key { kind: kind.clone(), id: id.clone() }, &version);
        self.append(scope, &line);
        Ok(())
    }

    fn append(&mut self, scope: &Scope, record: &serde_json::Value) {
        let position = self.log.last().map_or(0, |line| line.position) + 1;
        self.log.push(LoggedChange { position, tenant: scope.tenant.clone(), record: record.clone() });
    }
}

/// A version as this store counts them.
fn number(version: &Version) -> Result<u64> {
    version.as_str().parse().map_err(|_| StoreErrorKind::Unsupported("versions that are no numbers").into())
}

fn slot(scope: &Scope, kind: &Kind, claim: &Claim) -> Slot {
    let room = (!claim.global).then(|| (scope.tenant.clone(), kind.clone()));
    (room, claim.at.to_string(), claim.token.clone())
}
