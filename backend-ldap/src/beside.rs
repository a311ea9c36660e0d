//! A store beside which something is kept that it cannot hold: the `externalId` that each client gives a resource (RFC 7643
//! section 3.1). A directory has no place for it, and identity providers look resources up by it.
//!
//! The identifiers of one client are nobody else's: they stand by the credential that asks. They are written behind the
//! resource, so that none is left of a resource that was never made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use scim_core::change::{Action, Change, ChangeSet, Effect, Expect, Mutation, Outcome, Resolve};
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::error::ScimError;
use scim_core::filter::{BoundFilter, Compare, Leaf, Operand};
use scim_core::path::AttrPath;
use scim_core::query::{Page, Query, Select};
use scim_core::schema::{Kind, LinkType, ResourceType, ReverseType};
use scim_core::store::control::{ControlStore, ExternalIds};
use scim_core::store::{
    BoxStream, Capabilities, ChangeLog, Fit, Health, Held, Key, Link, Metric, Pushdown, Record, ResourceId, Result,
    Scan, Scope, Shortfall, Store, StoreError, StoreErrorKind, TenantId, Version, Writes,
};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// The attribute.
const NAME: &str = "externalId";
/// Stands between the version of the store and what is added to it.
const MARK: char = '~';
/// Records of a scan that are filled in together.
const BATCH: usize = 500;

/// A store, and the identifiers beside it. Clones are the same.
#[derive(Debug, Clone)]
pub struct Beside {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    kept: Arc<dyn ExternalIds>,
    /// The types of each tenant whose `externalId` the store itself cannot hold, with the path of their `id`.
    lacking: RwLock<HashMap<(TenantId, Kind), AttrPath>>,
}

/// What a version says beside the store's own: it moves with the identifier.
fn versioned(version: &Version, external: Option<&str>) -> Version {
    match external {
        None => version.clone(),
        Some(external) => Version::new(&format!("{version}{MARK}{:08x}", digest(external))),
    }
}

/// FNV-1a: the same in every process, and nobody gains from two that are equal.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The store's part of a version that was expected; None where the identifier is another one now.
fn bare(version: &Version, external: Option<&str>) -> Option<Version> {
    let (own, _) = version.as_str().split_once(MARK).unwrap_or((version.as_str(), ""));
    let own = Version::new(own);
    (versioned(&own, external) == *version).then_some(own)
}

fn told(attributes: &Map<String, Value>) -> Option<&str> {
    attributes.get(NAME).and_then(Value::as_str)
}

/// Puts the identifier where canonical documents have it: behind `schemas`.
fn fill(record: &mut Record, document: bool, external: Option<&str>) {
    record.version = versioned(&record.version, external);
    let Some(external) = external.filter(|_| document) else { return };
    let mut attributes = record.document.parse();
    attributes.shift_remove(NAME);
    let at = attributes.keys().position(|name| name == "schemas").map_or(0, |at| at + 1);
    attributes.shift_insert(at, NAME.into(), external.into());
    if let Ok(text) = serde_json::to_string(&attributes) {
        record.document = Document::from_stored(text);
    }
}

impl Beside {
    /// This store, beside which `kept` keeps what it cannot hold.
    pub fn new(store: Arc<dyn Store>, kept: Arc<dyn ExternalIds>) -> Self {
        Beside { inner: Arc::new(Inner { store, kept, lacking: RwLock::default() }) }
    }
}

impl Inner {
    /// The path of the `id` of a type whose identifiers are kept here.
    fn id_of(&self, tenant: &TenantId, kind: &Kind) -> Option<AttrPath> {
        let lacking = self.lacking.read().unwrap_or_else(PoisonError::into_inner);
        lacking.get(&(tenant.clone(), kind.clone())).cloned()
    }

    /// Is it kept here in any tenant?
    fn lacks(&self, kind: &Kind) -> bool {
        let lacking = self.lacking.read().unwrap_or_else(PoisonError::into_inner);
        lacking.keys().any(|(_, own)| own == kind)
    }

    /// Fills in the records of this kind, be there others among them.
    async fn fill(&self, scope: &Scope, kind: &Kind, document: bool, records: &mut [Record]) -> Result<()> {
        let own = |record: &Record| record.key.kind == *kind;
        let ids: Vec<ResourceId> = records.iter().filter(|one| own(one)).map(|one| one.key.id.clone()).collect();
        if ids.is_empty() || self.id_of(&scope.tenant, kind).is_none() {
            return Ok(());
        }
        let found = self.kept.of(&scope.tenant, &scope.actor, &ids).await?;
        let found: HashMap<ResourceId, String> = found.into_iter().collect();
        for record in records.iter_mut().filter(|one| own(one)) {
            let external = found.get(&record.key.id).map(String::as_str);
            fill(record, document, external);
        }
        Ok(())
    }

    async fn filled(
        &self,
        scope: &Scope,
        kind: Kind,
        document: bool,
        batch: Vec<Result<Record>>,
    ) -> Vec<Result<Record>> {
        let filled = async {
            let mut records = batch.into_iter().collect::<Result<Vec<Record>>>()?;
            self.fill(scope, &kind, document, &mut records).await?;
            Ok(records)
        };
        filled.await.map_or_else(|error| vec![Err(error)], |records| records.into_iter().map(Ok).collect())
    }

    async fn external(&self, scope: &Scope, id: &ResourceId) -> Result<Option<String>> {
        let found = self.kept.of(&scope.tenant, &scope.actor, std::slice::from_ref(id)).await?;
        Ok(found.into_iter().next().map(|(_, external)| external))
    }

    /// The filter as the store takes it: by ids in the place of identifiers.
    async fn resolved(&self, scope: &Scope, kind: &Kind, filter: &BoundFilter) -> Result<BoundFilter> {
        let Some(id) = self.id_of(&scope.tenant, kind) else { return Ok(filter.clone()) };
        let mut found = HashMap::new();
        for external in leaves(filter).into_iter().filter_map(asked) {
            let ids = self.kept.with(&scope.tenant, &scope.actor, external).await?;
            found.insert(external, ids);
        }
        Ok(replaced(filter, &|raw| {
            let ids = found.get(raw).into_iter().flatten();
            BoundFilter::any(ids.map(|own| {
                let key = id.leaf().text.key(own.as_str()).into_owned();
                let operand = Operand::Text { raw: own.as_str().to_owned(), key };
                BoundFilter::Leaf(Leaf::Compare(id.clone(), Compare::Eq, operand))
            }))
        }))
    }

    async fn commit_one(&self, scope: &Scope, mutation: Mutation) -> Result<Outcome> {
        if self.id_of(&scope.tenant, &mutation.kind).is_none() {
            return self.below(scope, mutation).await;
        }
        let document = mutation.reply.as_ref().is_some_and(|reply| reply.document);
        let Mutation { kind, action, reply } = mutation;
        let below = |action| self.below(scope, Mutation { kind: kind.clone(), action, reply: reply.clone() });
        let (outcome, before, then) = match action {
            Action::Create { id, change } => {
                let then = change.document.as_ref().and_then(|own| told(&own.parse()).map(str::to_owned));
                (below(Action::Create { id, change }).await?, None, Some(then))
            }
            Action::Modify { id, change, expect } => {
                let before = self.external(scope, &id).await?;
                let expect = expected(expect, before.as_deref());
                let seen: Arc<Mutex<Option<Option<String>>>> = Arc::default();
                let change = match change {
                    Change::Known(change) => {
                        note(&seen, &change);
                        Change::Known(change)
                    }
                    Change::Of(resolve) => {
                        let (before, seen) = (before.clone(), seen.clone());
                        Change::Of(Arc::new(Resolving { resolve, before, seen }))
                    }
                };
                let outcome = below(Action::Modify { id, change, expect }).await?;
                let then = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
                (outcome, before, then)
            }
            Action::Delete { id, expect, record } => {
                let before = self.external(scope, &id).await?;
                let expect = expected(expect, before.as_deref());
                let outcome = below(Action::Delete { id: id.clone(), expect, record }).await?;
                self.kept.forget(&scope.tenant, &id).await.map_err(behind)?;
                return Ok(Outcome { version: versioned(&outcome.version, before.as_deref()), ..outcome });
            }
        };
        let now = then.unwrap_or_else(|| before.clone());
        let mut outcome = outcome;
        if now != before {
            self.kept.set(&scope.tenant, &scope.actor, &outcome.id, now.as_deref()).await.map_err(behind)?;
            if outcome.effect == Effect::Unchanged {
                outcome.effect = Effect::Changed;
            }
        }
        outcome.version = versioned(&outcome.version, now.as_deref());
        if let Some(record) = &mut outcome.record {
            fill(record, document, now.as_deref());
        }
        Ok(outcome)
    }

    async fn below(&self, scope: &Scope, mutation: Mutation) -> Result<Outcome> {
        let done = self.store.commit(scope, vec![mutation]).await.into_iter().next();
        done.unwrap_or_else(|| Err(StoreError::new(StoreErrorKind::Corrupt)))
    }
}

/// What the store wrote stands: of the rest nobody knows.
fn behind(error: StoreError) -> StoreError {
    StoreError { kind: StoreErrorKind::Uncertain, ..error }
}

fn expected(expect: Expect, external: Option<&str>) -> Expect {
    match expect {
        Expect::Exists => Expect::Exists,
        Expect::Version(versions) => {
            Expect::Version(versions.iter().filter_map(|version| bare(version, external)).collect())
        }
    }
}

/// Remembers the identifier that a change leaves.
fn note(seen: &Mutex<Option<Option<String>>>, change: &ChangeSet) {
    let then = change.document.as_ref().map(|document| told(&document.parse()).map(str::to_owned));
    *seen.lock().unwrap_or_else(PoisonError::into_inner) = then;
}

/// A change that depends on the record, which here shows the identifier too.
#[derive(Debug)]
struct Resolving {
    resolve: Arc<dyn Resolve>,
    before: Option<String>,
    /// What the last resolution left, where it touched the document.
    seen: Arc<Mutex<Option<Option<String>>>>,
}

impl Resolve for Resolving {
    fn reads(&self) -> &Select {
        self.resolve.reads()
    }

    fn resolve(&self, now: &Record) -> std::result::Result<Option<ChangeSet>, ScimError> {
        let mut now = now.clone();
        fill(&mut now, self.reads().document, self.before.as_deref());
        let change = self.resolve.resolve(&now)?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(change) = &change {
            note(&self.seen, change);
        }
        Ok(change)
    }
}

fn is_external(at: &AttrPath) -> bool {
    at.extension().is_none() && at.sub().is_none() && at.attr().name == NAME
}

/// The identifier that a comparison asks for.
fn asked(leaf: &Leaf) -> Option<&str> {
    match leaf {
        Leaf::Compare(at, Compare::Eq, Operand::Text { raw, .. }) if is_external(at) => Some(raw),
        _ => None,
    }
}

/// All comparisons of a filter.
fn leaves(filter: &BoundFilter) -> Vec<&Leaf> {
    match filter {
        BoundFilter::Constant(_) => Vec::new(),
        BoundFilter::Leaf(leaf) => vec![leaf],
        BoundFilter::Element(_, inner) | BoundFilter::Not(inner) => leaves(inner),
        BoundFilter::And(parts) | BoundFilter::Or(parts) => parts.iter().flat_map(leaves).collect(),
    }
}

fn replaced(filter: &BoundFilter, by: &dyn Fn(&str) -> BoundFilter) -> BoundFilter {
    match filter {
        BoundFilter::Leaf(leaf) => asked(leaf).map_or_else(|| filter.clone(), by),
        BoundFilter::Not(inner) => replaced(inner, by).not(),
        BoundFilter::And(parts) => BoundFilter::all(parts.iter().map(|part| replaced(part, by))),
        BoundFilter::Or(parts) => BoundFilter::any(parts.iter().map(|part| replaced(part, by))),
        BoundFilter::Constant(_) | BoundFilter::Element(..) => filter.clone(),
    }
}

#[async_trait]
impl Store for Beside {
    fn capabilities(&self) -> &Capabilities {
        self.inner.store.capabilities()
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>> {
        let mut records = self.inner.store.read(scope, kind, ids, select).await?;
        self.inner.fill(scope, kind, select.document, &mut records).await?;
        Ok(records)
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        let inner = &*self.inner;
        let begin = async move {
            let filter = match &scan.filter {
                Some(filter) => Some(inner.resolved(scope, &scan.kind, filter).await?),
                None => None,
            };
            Ok(Scan { filter, ..scan })
        };
        let begun = stream::once(begin).map(move |scan| match scan {
            Ok(scan) => {
                let (kind, document) = (scan.kind.clone(), scan.select.document);
                let batches = inner.store.scan(scope, scan).chunks(BATCH);
                let filled = batches.then(move |batch| inner.filled(scope, kind.clone(), document, batch));
                filled.flat_map(stream::iter).boxed()
            }
            Err(error) => stream::once(async { Err(error) }).boxed(),
        });
        begun.flatten().boxed()
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        let (inner, scope, count) = (self.inner.clone(), scope.clone(), batch.len());
        // A caller that goes away does not stop it between the two stores.
        let task = tokio::spawn(async move {
            let mut outcomes = Vec::with_capacity(batch.len());
            for mutation in batch {
                outcomes.push(inner.commit_one(&scope, mutation).await);
            }
            outcomes
        });
        task.await.unwrap_or_else(|_| (0..count).map(|_| Err(StoreErrorKind::Uncertain.into())).collect())
    }

    async fn prepare(&self, tenant: &TenantId, types: &[Arc<ResourceType>]) -> Result<Vec<Shortfall>> {
        let mut shortfalls = self.inner.store.prepare(tenant, types).await?;
        let (mut lacking, mut kinds) = (HashMap::new(), Vec::new());
        shortfalls.retain(|one| {
            let kept = is_external(&one.at) && one.held == Held::Not;
            if kept {
                kinds.push(one.kind.clone());
            }
            !kept
        });
        for rt in types.iter().filter(|rt| kinds.contains(&rt.kind)) {
            if let Some(id) = rt.common.iter().find(|attr| attr.name == "id") {
                lacking.insert((tenant.clone(), rt.kind.clone()), AttrPath::new(None, id.clone(), None));
            }
            if self.capabilities().writes == Writes::None
                && let Some(attr) = rt.common.iter().find(|attr| attr.name == NAME)
            {
                let why = format!("{NAME} is kept beside the store, into which nothing is written here");
                let at = AttrPath::new(None, attr.clone(), None);
                shortfalls.push(Shortfall { kind: rt.kind.clone(), at, held: Held::ReadOnly, why });
            }
        }
        let mut own = self.inner.lacking.write().unwrap_or_else(PoisonError::into_inner);
        own.retain(|(of, _), _| of != tenant);
        own.extend(lacking);
        Ok(shortfalls)
    }

    fn lend(&self, control: Arc<dyn ControlStore>) {
        self.inner.store.lend(control);
    }

    fn pushdown(&self, kind: &Kind, filter: &BoundFilter) -> Pushdown {
        if !self.inner.lacks(kind) {
            return self.inner.store.pushdown(kind, filter);
        }
        Pushdown::split(filter, &|leaf| match asked(leaf) {
            Some(_) => Fit::Exact,
            None if is_external(leaf.at()) => Fit::No,
            None => match self.inner.store.pushdown(kind, &BoundFilter::Leaf(leaf.clone())) {
                Pushdown::None => Fit::No,
                Pushdown::Superset(_) => Fit::Superset,
                Pushdown::Exact(_) => Fit::Exact,
            },
        })
    }

    async fn explain(&self, scope: &Scope, scan: &Scan) -> Result<Option<String>> {
        let filter = match &scan.filter {
            Some(filter) => Some(self.inner.resolved(scope, &scan.kind, filter).await?),
            None => None,
        };
        self.inner.store.explain(scope, &Scan { filter, ..scan.clone() }).await
    }

    async fn query(&self, scope: &Scope, query: &Query) -> Result<Option<Page>> {
        let mut query = query.clone();
        for source in &mut query.from {
            if let Some(filter) = &source.filter {
                source.filter = Some(self.inner.resolved(scope, &source.kind, filter).await?);
            }
            // What the store would have to look at is not in its records: the core walks, and sees it in ours.
            let looks =
                source.filter.as_ref().is_some_and(|filter| leaves(filter).iter().any(|leaf| is_external(leaf.at())));
            if self.inner.id_of(&scope.tenant, &source.kind).is_some()
                && (looks || source.sort.as_ref().is_some_and(is_external))
            {
                return Ok(None);
            }
        }
        let Some(mut page) = self.inner.store.query(scope, &query).await? else { return Ok(None) };
        for source in &query.from {
            self.inner.fill(scope, &source.kind, query.select.document, &mut page.records).await?;
        }
        Ok(Some(page))
    }

    async fn holders(
        &self,
        scope: &Scope,
        of: &Kind,
        targets: &[ResourceId],
        via: &Arc<LinkType>,
    ) -> Result<Vec<(ResourceId, Link)>> {
        self.inner.store.holders(scope, of, targets, via).await
    }

    async fn fill(&self, scope: &Scope, records: &mut [Record], reverse: &Arc<ReverseType>) -> Result<()> {
        self.inner.store.fill(scope, records, reverse).await
    }

    async fn read_filled(
        &self,
        scope: &Scope,
        kind: &Kind,
        ids: &[ResourceId],
        select: &Select,
        reverse: &[Arc<ReverseType>],
    ) -> Result<Vec<Record>> {
        let mut records = self.inner.store.read_filled(scope, kind, ids, select, reverse).await?;
        self.inner.fill(scope, kind, select.document, &mut records).await?;
        Ok(records)
    }

    async fn secret(&self, scope: &Scope, key: &Key, at: &AttrPath) -> Result<Option<SecretString>> {
        self.inner.store.secret(scope, key, at).await
    }

    async fn health(&self) -> Result<Health> {
        self.inner.store.health().await
    }

    async fn tend(&self, now: Timestamp) -> Result<()> {
        self.inner.store.tend(now).await
    }

    fn metrics(&self) -> Vec<Metric> {
        self.inner.store.metrics()
    }

    fn change_log(&self) -> Option<&dyn ChangeLog> {
        self.inner.store.change_log()
    }
}
