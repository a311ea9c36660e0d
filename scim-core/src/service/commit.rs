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
        Making { unique_group_names: unique, secrets, ..Making::new(scope, self.uuid(), verb) }
    }

    /// Commits the mutation that `make` builds. Where the tenant ignores members that do not exist, it is built and sent
    /// again without those that the store found missing.
    pub(super) async fn commit(
        &self,
        caller: &Caller,
        scope: &Scope,
        making: Making,
        make: impl Fn(Making) -> Result<Mutation, ScimError>,
    ) -> Result<Outcome, ScimError> {
        let ignore = caller.tenant.settings.on_missing_member == Some(OnMissing::Ignore);
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
