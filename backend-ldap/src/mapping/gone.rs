//! Resources that were deleted over SCIM and whose entries stay in the directory: they are nobody's.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use scim_core::store::ResourceId;

/// What other nodes have deleted is seen no later than this.
const LOOK: Duration = Duration::from_secs(1);

/// The ids of those. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Gone(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    read: Option<Instant>,
    ids: HashSet<ResourceId>,
}

impl Gone {
    /// Is it one of them?
    pub fn has(&self, id: &ResourceId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).ids.contains(id)
    }

    /// Should they be read again?
    pub fn is_old(&self, now: Instant) -> bool {
        let read = self.0.read().unwrap_or_else(PoisonError::into_inner).read;
        read.is_none_or(|at| now.duration_since(at) >= LOOK)
    }

    /// These were they, when they were read.
    pub fn set(&self, ids: impl IntoIterator<Item = ResourceId>, read: Instant) {
        let ids = ids.into_iter().collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Known { read: Some(read), ids };
    }

    /// One more.
    pub fn add(&self, id: ResourceId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).ids.insert(id);
    }
}
