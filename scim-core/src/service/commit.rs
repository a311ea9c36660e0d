//! What all writes share: who makes the change, and members that do not exist.

use std::collections::HashSet;
use std::sync::Arc;

use crate::change::{Making, Mutation, Outcome, SecretEdit, Verb};
use crate::error::ScimError;
use crate::store::control::OnMissing;
use crate::store::{ResourceId, Scope, StoreErrorKind, StoreExt};

use super::{Caller, Service};

impl Service {
    /// Who makes a change, when, under which rules.
    pub(super) fn making(&self, caller: &Caller, scope: &Scope, verb: Verb, secrets: Vec<SecretEdit>) -> Making {
        let unique = caller.tenant.settings.unique_group_names.unwrap_or(caller.rules().unique_group_names);
        let document_max = self.env.limits.resource;
        Making { unique_group_names: unique, document_max, secrets, ..Making::new(scope, self.uuid(), verb) }
    }

    /// May [`Service::commit`] ask more than once for the mutation?
    pub(super) fn may_ask_again(caller: &Caller) -> bool {
        caller.tenant.settings.on_missing_member == Some(OnMissing::Ignore)
    }

    /// Commits the mutation that `make` builds. Where the tenant ignores members that do not exist, it is built and sent
    /// again without those that the store found missing.
    pub(super) async fn commit(
        &self,
        caller: &Caller,
        scope: &Scope,
        making: Making,
        mut make: impl FnMut(Making) -> Result<Mutation, ScimError>,
    ) -> Result<Outcome, ScimError> {
        let ignore = Self::may_ask_again(caller);
        let mut without: HashSet<ResourceId> = HashSet::new();
        loop {
            let making = Making { without: Arc::new(without.clone()), ..making.clone() };
            match self.store.commit_one(scope, make(making)?).await {
                Err(error) if ignore => match error.kind {
                    StoreErrorKind::Missing { targets, .. } if targets.iter().any(|id| !without.contains(id)) => {
                        tracing::debug!(missing = targets.len(), "left out members that do not exist");
                        without.extend(targets);
                    }
                    _ => return Err(error.into()),
                },
                answer => return Ok(answer?),
            }
        }
    }
}
