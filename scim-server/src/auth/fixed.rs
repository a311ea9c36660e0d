//! Tenants and credentials that stand in the configuration, as a control store that cannot be changed: for stores that
//! keep none of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result as Anyhow, bail};
use async_trait::async_trait;
use scim_core::clock::Timestamp;
use scim_core::store::control::{ControlStore, CredentialRow, Grant, TenantRow, TenantSettings, TokenDigest};
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind, TenantId};

use crate::config::TokenSettings;

use super::token;

/// `[[tokens]]` as a control store. Notes last as long as the process.
#[derive(Debug)]
pub struct Fixed {
    tenants: Vec<TenantRow>,
    grants: Vec<Arc<Grant>>,
    notes: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Fixed {
    /// From the configuration.
    pub fn new(tokens: &[TokenSettings], now: Timestamp) -> Anyhow<Self> {
        let mut tenants: Vec<TenantRow> = Vec::new();
        let mut grants: Vec<Arc<Grant>> = Vec::new();
        for one in tokens {
            let tenant = TenantId::new(&one.tenant);
            let settings = TenantSettings::default();
            let row = TenantRow { id: tenant.clone(), disabled: false, created: now, settings };
            if !tenants.contains(&row) {
                tenants.push(row.clone());
            }
            let digest = token::digest(&one.token);
            if grants.iter().any(|grant| grant.credential.digest == digest) {
                bail!("tokens: {} has the token of another entry; each needs its own", one.name);
            }
            let credential = CredentialRow {
                tenant,
                name: one.name.clone(),
                digest,
                rights: one.rights()?,
                profile: one.client,
                subject: one.subject.as_deref().map(ResourceId::new),
                created: now,
                expires: None,
                last_used: Some(now),
            };
            grants.push(Arc::new(Grant { credential, tenant: row }));
        }
        Ok(Fixed { tenants, grants, notes: Mutex::default() })
    }
}

fn fixed<T>() -> Result<T> {
    Err(StoreError::new(StoreErrorKind::Unsupported(
        "changing tenants and credentials; they stand in the configuration",
    )))
}

#[async_trait]
impl ControlStore for Fixed {
    async fn tenants(&self) -> Result<Vec<TenantRow>> {
        Ok(self.tenants.clone())
    }

    async fn tenant(&self, id: &TenantId) -> Result<Option<TenantRow>> {
        Ok(self.tenants.iter().find(|row| row.id == *id).cloned())
    }

    async fn create_tenant(&self, _row: &TenantRow) -> Result<bool> {
        fixed()
    }

    async fn update_tenant(&self, _row: &TenantRow) -> Result<bool> {
        fixed()
    }

    async fn delete_tenant(&self, _id: &TenantId) -> Result<bool> {
        fixed()
    }

    async fn credential(&self, digest: &TokenDigest) -> Result<Option<Arc<Grant>>> {
        Ok(self.grants.iter().find(|grant| grant.credential.digest == *digest).cloned())
    }

    async fn credentials(&self, tenant: Option<&TenantId>) -> Result<Vec<CredentialRow>> {
        let own = |row: &&CredentialRow| tenant.is_none_or(|tenant| row.tenant == *tenant);
        Ok(self.grants.iter().map(|grant| &grant.credential).filter(own).cloned().collect())
    }

    async fn create_credential(&self, _row: &CredentialRow) -> Result<()> {
        fixed()
    }

    async fn revoke(&self, _tenant: &TenantId, _name: &str, _keep_newest: bool) -> Result<u64> {
        fixed()
    }

    async fn expire(&self, _tenant: &TenantId, _name: &str, _at: Timestamp) -> Result<u64> {
        fixed()
    }

    async fn touch(&self, _used: &[(TokenDigest, Timestamp)]) -> Result<()> {
        Ok(())
    }

    async fn note(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.notes.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    async fn set_note(&self, name: &str, value: &[u8], only_if_absent: bool) -> Result<Vec<u8>> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if only_if_absent && let Some(own) = notes.get(name) {
            return Ok(own.clone());
        }
        notes.insert(name.to_owned(), value.to_vec());
        Ok(value.to_vec())
    }
}
