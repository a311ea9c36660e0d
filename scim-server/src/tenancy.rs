//! Tenants as requests need them: types, settings and fair share, built once and built anew when a setting changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::bail;
use scim_core::ScimError;
use scim_core::access::{Tenant, Turn};
use scim_core::limits::Limits;
use scim_core::schema::Registry;
use scim_core::store::control::{TenantRow, TenantSettings};
use scim_core::store::{Shortfall, Store, TenantId};

use crate::limits::Admission;

/// The longest name of a tenant.
const LONGEST: usize = 63;

/// Is this a name for a tenant: `[a-z0-9][a-z0-9-]{0,62}`?
pub fn valid_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= LONGEST && name.bytes().next().is_some_and(letter) && name.bytes().all(|b| letter(b) || b == b'-')
}

/// As an error that says what would be one.
pub fn check_name(name: &str) -> anyhow::Result<()> {
    if !valid_name(name) {
        bail!("{name:?} is no name for a tenant: use lower-case letters, digits and -, at most {LONGEST}");
    }
    Ok(())
}

/// The types of all tenants, in the two forms that settings can ask for.
#[derive(Debug)]
pub struct Registries {
    /// Two groups may have one name.
    pub plain: Arc<Registry>,
    /// They may not, and `/Schemas` says so.
    pub unique_groups: Arc<Registry>,
    /// Every name that these or earlier schemas gave an attribute: stored resources may still hold them.
    pub names: BTreeSet<String>,
}

impl Registries {
    /// The same, hiding what only earlier schemas named.
    pub fn after(self, earlier: &BTreeSet<String>) -> Self {
        Registries {
            plain: Arc::new(self.plain.with_retired(earlier)),
            unique_groups: Arc::new(self.unique_groups.with_retired(earlier)),
            names: self.names.union(earlier).cloned().collect(),
        }
    }

    /// Those of a tenant with these settings.
    pub fn of(&self, settings: &TenantSettings) -> &Arc<Registry> {
        let default = || settings.profile.unwrap_or_default().rules().unique_group_names;
        if settings.unique_group_names.unwrap_or_else(default) { &self.unique_groups } else { &self.plain }
    }
}

/// One tenant, ready for requests.
#[derive(Debug)]
pub struct Ready {
    /// What the service needs of it. Its types are those that the store can hold.
    pub tenant: Arc<Tenant>,
    /// The types as the configuration has them.
    wanted: Arc<Registry>,
    /// The base of its links when it is named in the path.
    pub base: Arc<str>,
    /// Its fair share.
    pub share: Arc<Admission>,
}

/// All tenants that requests have asked for.
#[derive(Debug)]
pub struct Tenants {
    store: Arc<dyn Store>,
    public_url: String,
    limits: Arc<Limits>,
    registries: RwLock<Arc<Registries>>,
    ready: RwLock<HashMap<TenantId, Arc<Ready>>>,
}

impl Tenants {
    /// None yet.
    pub fn new(store: Arc<dyn Store>, registries: Registries, public_url: String, limits: Arc<Limits>) -> Self {
        let registries = RwLock::new(Arc::new(registries));
        Tenants { store, public_url, limits, registries, ready: RwLock::default() }
    }

    /// The tenant of this row. The row is read anew with every request, so a change of settings is in force at once.
    pub async fn get(&self, row: &TenantRow) -> Result<Arc<Ready>, ScimError> {
        if let Some(ready) = self.as_it_was(row) {
            return Ok(ready);
        }
        let registries = self.registries();
        let wanted = registries.of(&row.settings);
        let known = self.ready.read().unwrap_or_else(PoisonError::into_inner).get(&row.id).cloned();
        let prepared = known.as_ref().filter(|ready| Arc::ptr_eq(&ready.wanted, wanted));
        let registry = match prepared {
            Some(ready) => ready.tenant.registry.clone(),
            None => self.prepare(row, wanted).await?,
        };
        let ready = Arc::new(Ready {
            tenant: Arc::new(Tenant {
                id: row.id.clone(),
                registry,
                settings: row.settings.clone(),
                large: Turn::default(),
            }),
            wanted: wanted.clone(),
            base: format!("{}/t/{}/scim/v2", self.public_url, row.id).into(),
            share: known.map_or_else(|| Arc::new(Admission::new(&self.limits)), |ready| ready.share.clone()),
        });
        self.ready.write().unwrap_or_else(PoisonError::into_inner).insert(row.id.clone(), ready.clone());
        Ok(ready)
    }

    /// The tenant of this row, where nothing changed. Every request asks, so this touches little that others touch too.
    fn as_it_was(&self, row: &TenantRow) -> Option<Arc<Ready>> {
        let registries = self.registries.read().unwrap_or_else(PoisonError::into_inner);
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        let holds = |ready: &&Arc<Ready>| {
            ready.tenant.settings == row.settings && Arc::ptr_eq(&ready.wanted, registries.of(&row.settings))
        };
        ready.get(&row.id).filter(holds).cloned()
    }

    /// Forgets tenants that are gone: the map holds no more than the store does.
    pub fn retain(&self, rows: &[TenantRow]) {
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        ready.retain(|id, _| rows.iter().any(|row| row.id == *id));
    }

    /// Puts other types in force, from each tenant's next request on.
    pub fn replace(&self, registries: Registries) {
        *self.registries.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(registries);
    }

    /// The types in force.
    pub fn registries(&self) -> Arc<Registries> {
        self.registries.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn prepare(&self, row: &TenantRow, wanted: &Arc<Registry>) -> Result<Arc<Registry>, ScimError> {
        let shortfalls = self.store.prepare(&row.id, wanted.types()).await?;
        for shortfall in &shortfalls {
            tracing::warn!(tenant = %row.id, kind = %shortfall.kind, at = %shortfall.at, "{}", shortfall.why);
        }
        Ok(holdable(wanted, &shortfalls))
    }
}

/// The types without what a store said it cannot hold.
pub fn holdable(wanted: &Arc<Registry>, shortfalls: &[Shortfall]) -> Arc<Registry> {
    if shortfalls.is_empty() { wanted.clone() } else { Arc::new(wanted.narrowed(shortfalls)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let check = |name: &str, good: bool| assert_eq!(valid_name(name), good, "{name:?}");
        check("default", true);
        check("a", true);
        check("0-a", true);
        check("", false);
        check("-a", false);
        check("Acme", false);
        check("a.b", false);
        check("../x", false);
        check(&"a".repeat(63), true);
        check(&"a".repeat(64), false);
    }
}
