//! What a request is answered with: the tenant's types and settings, read once and swapped whole.

use std::sync::Arc;

use futures_util::lock::{Mutex, MutexGuard};

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
    /// Who of its callers reads a large page.
    pub large: Turn,
}

/// One at a time: what it is held for takes much memory.
#[derive(Debug, Clone, Default)]
pub struct Turn(Arc<Mutex<()>>);

impl Turn {
    /// Waits until nobody else has it.
    pub async fn take(&self) -> MutexGuard<'_, ()> {
        self.0.lock().await
    }
}
