//! Resources that are not changed over SCIM, because membership in them grants too much (threat A07).

use foldhash::{HashSet, HashSetExt};

use crate::error::{ScimError, excerpt};
use crate::schema::ResourceType;
use crate::store::{ResourceId, Scope};

use super::{Caller, Service};

impl Service {
    /// Refuses to change or delete what the tenant protects, and what is nested in it: members of a group inside a
    /// protected one are its members too. As nothing changes what a protected resource holds, what was seen here
    /// still holds at the commit. Costs nothing where nothing is protected.
    pub(super) async fn unprotected(
        &self,
        caller: &Caller,
        scope: &Scope,
        rt: &ResourceType,
        id: &ResourceId,
    ) -> Result<(), ScimError> {
        let protected = &caller.tenant.settings.protected;
        let is_protected = |id: &ResourceId| protected.iter().any(|one| one == id.as_str());
        if protected.is_empty() {
            return Ok(());
        }
        if is_protected(id) {
            return Err(refusal(rt, id, "is protected"));
        }
        for link in rt.links.iter().filter(|link| link.multi_valued() && link.kinds.contains(&rt.kind)) {
            let mut seen = HashSet::new();
            let mut level = vec![id.clone()];
            while !level.is_empty() {
                let holders = self.store.holders(scope, &rt.kind, &level, link).await?;
                if holders.iter().any(|(_, holder)| is_protected(&holder.target.id)) {
                    return Err(refusal(rt, id, "is nested in a protected one"));
                }
                level = holders.into_iter().map(|(_, holder)| holder.target.id).collect();
                level.retain(|id| seen.insert(id.clone()));
            }
        }
        Ok(())
    }
}

fn refusal(rt: &ResourceType, id: &ResourceId, why: &str) -> ScimError {
    ScimError::forbidden(format!(
        "{} {} {why} and cannot be changed over SCIM; the tenant's setting protected says what is",
        rt.kind,
        excerpt(id.as_str())
    ))
}
