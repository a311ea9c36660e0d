//! A directory as a store.
//!
//! - `read`: records by id and by walk; `together`: single ones by one search; `lean`: what finds few of them; `recent`: what of them a request
//!   need not ask for twice
//! - `list`: pages; `ids`: what they are cut from
//! - `names`: ids to names of entries and back
//! - `members`: references of an entry, and who refers to it; `switch`: who a group says may log in; `said`: by what entries say
//!   themselves; `shelf`: groups of a moment ago; `primary`: who is in one by its own number
//! - `commit`: writing, one entry after another (`queue`); `brakes`: what stops it; `identity`: as whom it is done; `metrics`: what was
//!   counted
//! - `create` with `claims`, `modify`, `rename`, `membership`, `delete`, `away`, `password`: what each write is; `leaving`: what follows
//!   from an entry that leaves its name; `result`, `lost`: what its answer means, and what is known without one

mod away;
mod brakes;
mod claims;
mod commit;
mod create;
mod delete;
mod identity;
mod ids;
mod lean;
mod leaving;
mod list;
mod lost;
mod members;
mod membership;
mod metrics;
mod modify;
mod names;
mod password;
mod primary;
mod queue;
mod read;
mod recent;
mod rename;
mod result;
mod said;
mod shelf;
mod switch;
mod together;

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use async_trait::async_trait;
use foldhash::HashMap;
use scim_core::change::{Mutation, Outcome};
use scim_core::clock::Timestamp;
use scim_core::filter::{BoundFilter, Leaf};
use scim_core::query::{Page, Query, Select};
use scim_core::schema::{Kind, LinkType, ResourceType, ReverseType};
use scim_core::store::control::{ControlStore, ExternalIds};
use scim_core::store::{
    BoxStream, Capabilities, Fit, Health, IdsFrom, Link, Lock, Metric, Newcomers, Pushdown, Record, ResourceId, Result,
    Scan, Scope, Secrets, Shortfall, Store, StoreError, StoreErrorKind, TenantId, Unique, Versions, Writes,
};

use crate::directory::{Call, Directory};
use crate::features::Features;
use crate::ldap::{AttributeName, LdapError, Reach, Search};
use crate::mapping::Mapping;
use crate::mapping::schema::Schema;
use crate::mapping::settings::TypeSettings;
use crate::settings::{Mode, Settings};
use crate::tenant::Tenant;

pub(crate) use members::dereferenced;
pub(crate) use read::{asserted, record, seen};

use brakes::Brakes;
use list::Lists;
use metrics::Counts;
use primary::Primaries;
use queue::Queue;
use recent::Recent;
use shelf::Shelf;
use together::Gathered;

/// The name of this backend in errors and logs.
pub(crate) const BACKEND: &str = "ldap";

/// A directory as a store. Clones are the same store.
#[derive(Clone)]
pub struct LdapStore {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    directory: Directory,
    settings: Settings,
    features: Features,
    schema: Arc<dyn Schema + Send + Sync>,
    capabilities: Capabilities,
    tenants: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    queue: Queue,
    /// Of those who take a value that may stand once.
    claims: Queue,
    lists: Lists,
    together: Gathered,
    recent: Recent,
    shelf: Shelf,
    primaries: Primaries,
    brakes: Brakes,
    counts: Counts,
    /// Where it is remembered who was deleted and stays.
    kept: OnceLock<Arc<dyn ExternalIds>>,
}

impl fmt::Debug for LdapStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapStore").field("directory", &self.inner.directory).finish_non_exhaustive()
    }
}

impl LdapStore {
    /// A store over this directory, of which this was found.
    pub fn new(
        directory: Directory,
        settings: Settings,
        features: Features,
        schema: Arc<dyn Schema + Send + Sync>,
    ) -> Self {
        let writes = if settings.mode == Mode::ReadOnly { Writes::None } else { Writes::Full };
        let forwards = settings.mode == Mode::Write && features.passwords;
        let capabilities = Capabilities {
            name: BACKEND,
            writes,
            ids: ids(&settings, &*schema),
            lock: match (writes, features.assertion) {
                (Writes::None, _) => Lock::None,
                (_, true) => Lock::CompareAndSet,
                (_, false) => Lock::CheckThenSet,
            },
            versions: Versions::Loose,
            unique: Unique::Checked,
            secrets: if forwards { Secrets::Forwarded } else { Secrets::Refused },
            newcomers: if features.joins { Newcomers::MayBeHeld } else { Newcomers::HeldByNone },
            ..Capabilities::default()
        };
        let brakes = Brakes::new(settings.brakes.clone());
        let inner = Inner {
            directory,
            settings,
            features,
            schema,
            capabilities,
            tenants: RwLock::default(),
            queue: Queue::default(),
            claims: Queue::default(),
            lists: Lists::default(),
            together: Gathered::default(),
            recent: Recent::default(),
            shelf: Shelf::default(),
            primaries: Primaries::default(),
            brakes,
            counts: Counts::default(),
            kept: OnceLock::new(),
        };
        LdapStore { inner: Arc::new(inner) }
    }

    /// What was found of the directory.
    pub fn features(&self) -> &Features {
        &self.inner.features
    }
}

impl Inner {
    /// The tenant of a call, which was prepared before.
    async fn tenant(&self, scope: &Scope) -> Result<Arc<Tenant>> {
        let known = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(&scope.tenant).cloned();
        let tenant = known.ok_or_else(|| {
            StoreError::new(StoreErrorKind::Unavailable).during(BACKEND, "a tenant that was not prepared")
        })?;
        tenant.set_day(scope.now);
        self.look_who_is_gone(&tenant).await?;
        Ok(tenant)
    }

    /// All that were prepared.
    fn all_tenants(&self) -> Vec<Arc<Tenant>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn call(&self, scope: &Scope) -> Call {
        let who = Some([scope.tenant.as_str(), "/", &scope.actor].concat().into());
        let identity = self.settings.authorize_as.as_ref();
        let identity = identity.map(|template| identity::of(template, scope.tenant.as_str(), &scope.actor).into());
        let one_domain = self.features.domain_scope;
        Call { who, identity, one_domain, request: Some(scope.request.clone()), deadline: scope.deadline }
    }

    /// All that a small search finds.
    async fn search(&self, call: &Call, search: &Search) -> std::result::Result<Vec<crate::ldap::Entry>, LdapError> {
        let found = self.directory.search(call, search).await;
        let found = found.map_err(|error| if search.reach == Reach::Base { error } else { error.below(&search.base) });
        Ok(found?.entries)
    }
}

/// Who gives ids out: the directory, but where every type of every tenant has them in an attribute that can be written.
fn ids(settings: &Settings, schema: &dyn Schema) -> IdsFrom {
    let given = |one: &TypeSettings, common: &TypeSettings| {
        let name = one.id.as_ref().or(common.id.as_ref()).and_then(|name| AttributeName::new(name).ok());
        name.and_then(|name| schema.attribute(&name)).is_some_and(|facts| !facts.read_only)
    };
    let common = given(&settings.users, &settings.users) && given(&settings.groups, &settings.groups);
    let mut own = settings.tenants.values();
    let all = match settings.tenants.is_empty() {
        true => common,
        false => own.all(|own| given(&own.users, &settings.users) && given(&own.groups, &settings.groups)),
    };
    if all { IdsFrom::Core } else { IdsFrom::Store }
}

/// The mapping of a type, which stands somewhere in the directory.
fn mapped<'a>(tenant: &'a Tenant, kind: &Kind) -> Result<&'a Arc<Mapping>> {
    tenant.mapping(kind).ok_or_else(|| {
        StoreError::new(StoreErrorKind::Unsupported("resources of this type")).during(BACKEND, "find the type")
    })
}

/// The same list with these names, each once.
fn with_names(mut names: Vec<AttributeName>, more: impl IntoIterator<Item = AttributeName>) -> Vec<AttributeName> {
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[async_trait]
impl Store for LdapStore {
    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>> {
        let tenant = self.inner.tenant(scope).await?;
        self.inner.read(&tenant, &self.inner.call(scope), kind, ids, select).await
    }

    async fn read_filled(
        &self,
        scope: &Scope,
        kind: &Kind,
        ids: &[ResourceId],
        select: &Select,
        reverse: &[Arc<ReverseType>],
    ) -> Result<Vec<Record>> {
        let select = Select { reverse: reverse.to_vec(), ..select.clone() };
        let mut records = self.read(scope, kind, ids, &select).await?;
        for one in reverse {
            self.fill(scope, &mut records, one).await?;
        }
        Ok(records)
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        read::scan(self.inner.clone(), scope.clone(), scan)
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        commit::commit(self.inner.clone(), scope.clone(), batch).await
    }

    async fn prepare(&self, tenant: &TenantId, types: &[Arc<ResourceType>]) -> Result<Vec<Shortfall>> {
        let inner = &self.inner;
        let built = Tenant::build(tenant.as_str(), types, &inner.settings, &inner.features, &*inner.schema);
        let (built, shortfalls) = built.map_err(|bad| {
            StoreError::new(StoreErrorKind::Unsupported("this tenant with these settings"))
                .during(BACKEND, "map a tenant")
                .because(bad)
        })?;
        if away::remembers(&built) && inner.kept.get().is_none() {
            let lacking = "on_delete = \"deactivate\" without deleted_base needs a control store, which remembers who was deleted: set \
                           [control] backend";
            return Err(StoreError::new(StoreErrorKind::Unsupported("this tenant with these settings"))
                .during(BACKEND, "map a tenant")
                .because(lacking));
        }
        inner.tenants.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), Arc::new(built));
        Ok(shortfalls)
    }

    fn lend(&self, control: Arc<dyn ControlStore>) {
        if let Some(kept) = control.clone().external_ids() {
            let _ = self.inner.kept.set(kept);
        }
        self.inner.brakes.keep_in(control);
    }

    fn pushdown(&self, kind: &Kind, filter: &BoundFilter) -> Pushdown {
        // Tenants may map differently, and nobody says here which one asks: the least of them counts.
        let tenants = self.inner.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let mappings: Vec<_> = tenants.values().filter_map(|tenant| tenant.mapping(kind)).collect();
        let fit = |leaf: &Leaf| {
            let mut least = if mappings.is_empty() { Fit::No } else { Fit::Exact };
            for mapping in &mappings {
                least = match (least, mapping.fit(leaf)) {
                    (Fit::No, _) | (_, Fit::No) => Fit::No,
                    (Fit::Superset, _) | (_, Fit::Superset) => Fit::Superset,
                    (Fit::Exact, Fit::Exact) => Fit::Exact,
                };
            }
            least
        };
        Pushdown::split(filter, &fit)
    }

    async fn explain(&self, scope: &Scope, scan: &Scan) -> Result<Option<String>> {
        let (tenant, call) = (self.inner.tenant(scope).await?, self.inner.call(scope));
        let Some(mapping) = tenant.mapping(&scan.kind) else { return Ok(None) };
        let filter = self.inner.pushed(&tenant, &call, mapping, scan.filter.as_ref()).await?;
        let place = &mapping.place;
        Ok(Some(match filter {
            Some(filter) => format!("base {:?}, scope {:?}, filter {filter}", place.base.as_str(), place.reach),
            None => "nothing: no entry can be meant".to_owned(),
        }))
    }

    fn metrics(&self) -> Vec<Metric> {
        self.inner.metrics()
    }

    async fn query(&self, scope: &Scope, query: &Query) -> Result<Option<Page>> {
        self.page(scope, query).await
    }

    async fn holders(
        &self,
        scope: &Scope,
        of: &Kind,
        targets: &[ResourceId],
        via: &Arc<LinkType>,
    ) -> Result<Vec<(ResourceId, Link)>> {
        let tenant = self.inner.tenant(scope).await?;
        let call = self.inner.call(scope);
        self.inner.weigh(&tenant, &call);
        self.inner.holders(&tenant, &call, of, targets, via).await
    }

    async fn tend(&self, now: Timestamp) -> Result<()> {
        self.inner.tend(now).await
    }

    async fn health(&self) -> Result<Health> {
        let search = Search::entry(crate::ldap::Dn::root(), vec![AttributeName::known("vendorName")]);
        let call = Call::default();
        self.inner.directory.search(&call, &search).await.map_err(|error| error.during("read the root DSE"))?;
        let down = self.inner.directory.down();
        let note = down.into_iter().map(|(server, why)| format!("{server}: {why}")).collect::<Vec<_>>();
        Ok(Health { note: (!note.is_empty()).then(|| note.join("; ")) })
    }
}
