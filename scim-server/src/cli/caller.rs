//! As whom commands call the service.

use std::sync::Arc;

use anyhow::Result;
use scim_core::access::{Principal, Right, Tenant, Turn};
use scim_core::service::Caller;

use crate::schemas;
use crate::stores::Stores;
use crate::tenancy::holdable;

use super::Context;
use super::tenant::find;

/// The caller of a command: it may do everything in the tenant, which is prepared for it.
pub async fn caller(context: &Context<'_>, stores: &Stores, tenant: &str, name: &str) -> Result<Caller> {
    let row = find(stores.control.as_ref(), tenant).await?;
    let registries = schemas::load(&context.settings.schemas, stores.control.as_ref()).await?;
    let principal = Principal {
        name: name.into(),
        rights: vec![Right { endpoint: None, write: true }],
        profile: row.settings.profile.unwrap_or_default(),
        subject: None,
    };
    let wanted = registries.of(&row.settings);
    let shortfalls = stores.opened.store.prepare(&row.id, wanted.types()).await?;
    let registry = holdable(wanted, &shortfalls);
    Ok(Caller {
        tenant: Arc::new(Tenant { id: row.id, registry, settings: row.settings, large: Turn::default() }),
        principal: Arc::new(principal),
        request: name.into(),
        base: format!("{}/scim/v2", context.settings.server.public_url(None)).into(),
        deadline: None,
    })
}
