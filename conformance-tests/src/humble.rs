//! The reference store with less than it can do: it gives ids out itself, as a directory does, and holds only what it is
//! told to. What the core makes of such a store is tested on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use scim_core::change::{Action, Mutation, Outcome};
use scim_core::path::{self, AttrPath};
use scim_core::query::Select;
use scim_core::schema::{Kind, ResourceType};
use scim_core::store::memory::MemoryStore;
use scim_core::store::{
    BoxStream, Capabilities, Held, IdsFrom, Key, Record, ResourceId, Result, Scan, Scope, Shortfall, Store, TenantId,
};
use secrecy::SecretString;

/// A type, an attribute of it in path notation, and how far it is held.
pub type Lack = (&'static str, &'static str, Held);

/// The reference store, but ids come from it, and some attributes are not held.
#[derive(Debug)]
pub struct Humble {
    inner: MemoryStore,
    capabilities: Capabilities,
    lacks: Vec<Lack>,
    given: AtomicU64,
}

impl Humble {
    /// An empty store that lacks these.
    pub fn new(lacks: Vec<Lack>) -> Self {
        let inner = MemoryStore::new();
        let capabilities = Capabilities { name: "humble", ids: IdsFrom::Store, ..inner.capabilities().clone() };
        Humble { inner, capabilities, lacks, given: AtomicU64::new(0) }
    }

    /// Ids that no core would give out.
    fn next_id(&self) -> ResourceId {
        ResourceId::new(&format!("given-{:05}", self.given.fetch_add(1, Ordering::Relaxed)))
    }
}

#[async_trait]
impl Store for Humble {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>> {
        self.inner.read(scope, kind, ids, select).await
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        self.inner.scan(scope, scan)
    }

    async fn commit(&self, scope: &Scope, mut batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        for mutation in &mut batch {
            if let Action::Create { id, .. } = &mut mutation.action {
                // An id from outside is passed over: a store that gives ids out takes none.
                *id = Some(self.next_id());
            }
        }
        self.inner.commit(scope, batch).await
    }

    async fn secret(&self, scope: &Scope, key: &Key, at: &AttrPath) -> Result<Option<SecretString>> {
        self.inner.secret(scope, key, at).await
    }

    async fn prepare(&self, _tenant: &TenantId, types: &[Arc<ResourceType>]) -> Result<Vec<Shortfall>> {
        let found = self.lacks.iter().filter_map(|(kind, at, held)| {
            let rt = types.iter().find(|one| one.kind.as_str() == *kind)?;
            let why = format!("{at}: this store holds it not at all, or not so");
            Some(Shortfall { kind: rt.kind.clone(), at: path::attribute(at, rt, false)?, held: held.clone(), why })
        });
        Ok(found.collect())
    }
}
