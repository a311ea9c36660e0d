//! The types that requests see: compiled from the configuration, and compared with what was stored under earlier ones.

use std::sync::Arc;

use anyhow::{Result, bail};
use scim_core::clock::Clock;
use scim_core::path;
use scim_core::schema::{Options, Registry};
use scim_core::service::Service;
use scim_core::store::control::{ControlStore, TenantRow};
use scim_core::store::{Scope, index};

use serde::Deserialize;

use crate::config::{SchemaSettings, Settings, StoreSettings};
use crate::edge::SystemClock;
use crate::tenancy::Registries;

/// Where the fingerprint of the schemas last served stands.
pub const NOTE: &str = "schemas.fingerprint";
/// Where every name stands that a schema ever gave an attribute.
pub const NAMES: &str = "schemas.names";
/// Resources named in a report.
const NAMED: usize = 5;

/// Compiles the schemas of the configuration.
pub fn compile(settings: &[SchemaSettings]) -> Result<Registries> {
    let files = settings.iter().map(SchemaSettings::read).collect::<Result<Vec<_>>>()?;
    let compile = |unique_group_names| Registry::compile(&files, &Options { unique_group_names });
    let plain = compile(false)?;
    let names = plain.names();
    Ok(Registries { plain: Arc::new(plain), unique_groups: Arc::new(compile(true)?), names })
}

/// Attributes that a store is told to index: the keys that every backend with indexes has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Indexes {
    #[serde(deserialize_with = "crate::config::values::list")]
    index: Vec<String>,
    #[serde(deserialize_with = "crate::config::values::list")]
    substring: Vec<String>,
}

/// Compiles the schemas of these settings, and sees that the attributes named elsewhere in them are theirs.
pub fn checked(settings: &Settings) -> Result<Registries> {
    let registries = compile(&settings.schemas)?;
    check_indexes(std::iter::once(&settings.store).chain(&settings.control), &registries)?;
    Ok(registries)
}

/// Refuses names in `store.….index` and `substring` that no type has, or that cannot be indexed: an index that is
/// missing because of a slip of the pen would show as slowness only.
fn check_indexes<'a>(stores: impl Iterator<Item = &'a StoreSettings>, registries: &Registries) -> Result<()> {
    let types = registries.plain.types();
    for section in stores.map(StoreSettings::selected) {
        // What is wrong with the list itself is for the backend to say.
        let Indexes { index, substring } = section.read().unwrap_or_default();
        let named = [("index", index), ("substring", substring)];
        for (key, name) in named.iter().flat_map(|(key, names)| names.iter().map(move |name| (key, name))) {
            if types.iter().any(|rt| index::usable(name, rt).is_some()) {
                continue;
            }
            let setting = format!("{}.{key} = {name:?}", section.place());
            if types.iter().any(|rt| path::attribute(name, rt, true).is_some()) {
                bail!("{setting}: values of this attribute cannot be indexed; leave it out");
            }
            match types.iter().find_map(|rt| path::near(name, rt)) {
                Some(near) => bail!("{setting}: no resource type has such an attribute; did you mean {near}?"),
                None => bail!("{setting}: no resource type has such an attribute; /Schemas lists those there are"),
            }
        }
    }
    Ok(())
}

/// Compiles the schemas of the configuration for a store that may hold resources of earlier ones.
pub async fn load(settings: &[SchemaSettings], control: &dyn ControlStore) -> Result<Registries> {
    let registries = compile(settings)?;
    Ok(match control.note(NAMES).await? {
        Some(earlier) => registries.after(&serde_json::from_slice(&earlier)?),
        None => registries,
    })
}

/// Have the schemas changed since the server last started with this control store?
pub async fn changed(control: &dyn ControlStore, registries: &Registries) -> Result<bool> {
    let noted = control.note(NOTE).await?;
    Ok(noted.is_some_and(|noted| noted != registries.plain.fingerprint().into_bytes()))
}

/// Notes the schemas that are served now.
pub async fn note(control: &dyn ControlStore, registries: &Registries) -> Result<()> {
    control.set_note(NOTE, registries.plain.fingerprint().as_bytes(), false).await?;
    control.set_note(NAMES, &serde_json::to_vec(&registries.names)?, false).await?;
    Ok(())
}

/// What of the stored resources does not fit the types: one sentence for each tenant and type.
pub async fn misfits(service: &Service, tenants: &[TenantRow], registries: &Registries) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for tenant in tenants {
        let scope = Scope {
            tenant: tenant.id.clone(),
            actor: "schema check".into(),
            request: "schema check".into(),
            now: SystemClock.now(),
            deadline: None,
        };
        for of in service.fit(&scope, registries.of(&tenant.settings), NAMED).await? {
            if of.misfits > 0 {
                let first = of.first.iter().map(|(id, why)| format!("{id} ({why})")).collect::<Vec<_>>();
                found.push(format!(
                    "tenant {}: {} of {} resources of type {} do not fit the schemas: {}",
                    tenant.id,
                    of.misfits,
                    of.looked_at,
                    of.kind,
                    first.join(", ")
                ));
            }
        }
    }
    Ok(found)
}
