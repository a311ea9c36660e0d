//! The types that requests see: compiled from the configuration, and compared with what was stored under earlier ones.

use std::sync::Arc;

use anyhow::Result;
use scim_core::clock::Clock;
use scim_core::schema::{Options, Registry};
use scim_core::service::Service;
use scim_core::store::Scope;
use scim_core::store::control::{ControlStore, TenantRow};

use crate::config::SchemaSettings;
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
