//! All schemas and resource types of a tenant, compiled and immutable.

use std::sync::Arc;

use super::{Kind, ResourceType, Schema};

/// All schemas and resource types of a tenant.
#[derive(Debug)]
pub struct Registry {
    types: Vec<Arc<ResourceType>>,
    schemas: Vec<Arc<Schema>>,
}

impl Registry {
    /// The resource types, in the order of their registration.
    pub fn types(&self) -> &[Arc<ResourceType>] {
        &self.types
    }

    /// The schemas of resources and of the service itself, in the order of their registration.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// The type of this name.
    pub fn kind(&self, kind: &Kind) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|one| one.kind == *kind)
    }

    /// The type at this endpoint, given without slash.
    pub fn endpoint(&self, name: &str, any_case: bool) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|one| {
            let own = one.endpoint.trim_start_matches('/');
            own == name || (any_case && own.eq_ignore_ascii_case(name))
        })
    }
}
