//! Whose external ids a command means. Beside a directory each client has its own: a file, or another store, holds those of one.

use anyhow::{Result, bail};
use scim_core::store::TenantId;

use crate::say::complain;
use crate::stores::Stores;

/// The client that was named, else the only one there is. Several, and none named: what is left out is said.
///
/// # Errors
/// The one that was named gave none.
pub async fn client_of(stores: &Stores, tenant: &str, named: Option<String>) -> Result<Option<String>> {
    let kept = match &stores.opened.control {
        Some(_) => None,
        None => stores.control.clone().external_ids(),
    };
    let Some(kept) = kept else {
        return match named {
            Some(name) => bail!(
                "--client {name}: this store keeps the externalId with the resource, for all clients alike; leave it out"
            ),
            None => Ok(None),
        };
    };
    let all = kept.clients(&TenantId::new(tenant)).await?;
    let names = all.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(", ");
    match (named, all.as_slice()) {
        (Some(name), all) if all.iter().any(|(own, _)| *own == name) => Ok(Some(name)),
        (Some(name), []) => bail!("--client {name}: no client of {tenant} gave an externalId"),
        (Some(name), _) => bail!("--client {name}: it gave no externalId; these did: {names}"),
        (None, [(only, _)]) => Ok(Some(only.clone())),
        (None, []) => Ok(None),
        (None, _) => {
            complain(format!(
                "the externalId of nobody in {tenant} goes along, as several clients gave them; name one with --client: {names}"
            ));
            Ok(None)
        }
    }
}
