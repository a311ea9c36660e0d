//! What a request is answered with: the tenant's types and settings, read once and swapped whole.

use std::sync::Arc;

use crate::schema::registry::Registry;
use crate::store::TenantId;
use crate::store::control::TenantSettings;

/// A tenant as requests see it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// Its schemas and resource types.
    pub registry: Arc<Registry>,
    /// What its administrator decided.
    pub settings: TenantSettings,
}
