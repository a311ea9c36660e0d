//! `/Me`: the resource that a credential stands for (RFC 7644 section 3.11), and whether it still does.

use std::sync::Arc;

use serde_json::Value;

use crate::error::ScimError;
use crate::query::Select;
use crate::schema::ResourceType;
use crate::store::control::MeMode;
use crate::store::{ResourceId, StoreExt};

use super::{Caller, Service};

impl Service {
    /// The type and id of the caller's own resource. 404 for a credential without subject, or whose subject is gone;
    /// 501 where the tenant has switched `/Me` off.
    pub async fn me(&self, caller: &Caller) -> Result<(Arc<ResourceType>, ResourceId), ScimError> {
        if caller.tenant.settings.me == Some(MeMode::Off) {
            return Err(ScimError::not_implemented("/Me is switched off for this tenant"));
        }
        let nobody = || ScimError::not_found("this credential stands for no user; create it with --subject");
        let id = caller.principal.subject.clone().ok_or_else(nobody)?;
        let scope = self.scope(caller);
        for rt in caller.tenant.registry.types() {
            if self.store.get(&scope, &rt.kind, &id, &Select::bare()).await?.is_some() {
                return Ok((rt.clone(), id));
            }
        }
        Err(nobody())
    }

    /// May the caller still act? A credential that stands for a user ends with the user: not where that one is gone, or
    /// deactivated (threat A11). One that stands for nobody always may.
    pub async fn may_act(&self, caller: &Caller) -> Result<bool, ScimError> {
        let Some(id) = &caller.principal.subject else { return Ok(true) };
        let scope = self.scope(caller);
        for rt in caller.tenant.registry.types() {
            if let Some(record) = self.store.get(&scope, &rt.kind, id, &Select::document()).await? {
                return Ok(record.document.parse().get("active") != Some(&Value::Bool(false)));
            }
        }
        Ok(false)
    }
}
