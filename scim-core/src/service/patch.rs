//! PATCH of a resource (RFC 7644 section 3.5.2).

use std::sync::Arc;

use crate::change::{Action, Change, Expect, Making, Mutation, Outcome, Verb};
use crate::document::json;
use crate::document::project::{Projection, View};
use crate::error::ScimError;
use crate::patch::{PatchRequest, Plan};
use crate::schema::ResourceType;
use crate::store::{Record, ResourceId, Scope, StoreError, StoreErrorKind, StoreExt};

use super::answer::Owed;
use super::{Caller, Conditions, Prefer, Reply, Service};

/// A plan of more work than this is worked out before the store's lock is taken, not under it.
const COSTLY: usize = 20_000;

impl Service {
    /// Changes a resource by operations: all of them or none. 200 with the resource when they address bounded
    /// attributes, 204 with the new ETag when they address only links or the answer would carry more than
    /// `limits.inline_links` of them; a view or `Prefer: return=representation` forces 200.
    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    pub async fn patch(
        &self,
        caller: &Caller,
        rt: &Arc<ResourceType>,
        id: &str,
        body: &[u8],
        view: &View,
        conditions: &Conditions,
        prefer: &Prefer,
    ) -> Result<Reply, ScimError> {
        self.allow(caller, rt, true)?;
        let expect = conditions.expect(&caller.tenant.settings)?;
        let projection = Projection::new(view, rt, caller.rules().short_names)?;
        let id = ResourceId::new(id);
        let plan = self.plan(caller, rt, &id, &json::parse(body, &self.env.limits)?)?;
        let projection = projection.also(plan.requested());
        let shown = Showing::of(&plan, view, prefer);
        let reply = match shown {
            Showing::Nothing => None,
            Showing::IfSmall => Some(projection.reply(Some(self.env.limits.inline_links))),
            Showing::All => Some(projection.reply(None)),
        };
        let scope = self.scope(caller);
        self.unprotected(caller, &scope, rt, &id).await?;
        let expect = self.expected(&scope, &rt.kind, &id, conditions, expect).await?;
        let secrets = self.secrets(caller, plan.secrets()).await?;
        let making = self.making(caller, &scope, Verb::Patch, secrets);
        let costly = plan.cost() > COSTLY;
        let mutation = |making: Making| {
            let change = caller.guarded(plan.clone().into_change(making));
            let action = Action::Modify { id: id.clone(), change, expect: expect.clone() };
            Mutation { kind: rt.kind.clone(), action, reply: reply.clone() }
        };
        let outcome = if costly {
            self.resolved_beforehand(&scope, mutation(making)).await?
        } else {
            self.commit(caller, &scope, making, |making| Ok(mutation(making))).await?
        };
        let small = |record: &Record| record.links.iter().all(|links| links.whole);
        let owed = match shown {
            Showing::All => Owed::Shown,
            Showing::IfSmall if outcome.record.as_deref().is_some_and(small) => Owed::AtWill,
            Showing::IfSmall | Showing::Nothing => return Ok(self.no_content(caller, rt, &outcome)),
        };
        Ok(self.written(caller, &scope, rt, &projection, outcome, owed).await)
    }

    pub(super) fn plan(
        &self,
        caller: &Caller,
        rt: &Arc<ResourceType>,
        id: &ResourceId,
        body: &serde_json::Value,
    ) -> Result<Arc<Plan>, ScimError> {
        let (rules, limits) = (caller.rules(), &self.env.limits);
        let request = PatchRequest::parse(body, &rules, limits)?;
        Plan::compile(&request, rt, id, &rules, limits).map(Arc::new)
    }

    /// Works the change out against a read, and writes it only onto that version; again where it lost a race.
    async fn resolved_beforehand(&self, scope: &Scope, mutation: Mutation) -> Result<Outcome, ScimError> {
        let Action::Modify { id, change: Change::Of(resolve), expect } = &mutation.action else {
            return Ok(self.store.commit_one(scope, mutation).await?);
        };
        for _ in 0..=self.env.limits.retry_max {
            let now = self.store.get(scope, &mutation.kind, id, resolve.reads()).await?;
            let now = now.ok_or_else(ScimError::no_resource)?;
            if !expect.holds(&now.version) {
                return Err(StoreError::new(StoreErrorKind::Stale).into());
            }
            let change = match crate::change::resolve_guarded(&**resolve, &now)? {
                Some(change) => Change::Known(Box::new(change)),
                None => Change::Of(resolve.clone()),
            };
            let expect = Expect::Version(vec![now.version]);
            let action = Action::Modify { id: id.clone(), change, expect };
            match self.store.commit_one(scope, Mutation { action, ..mutation.clone() }).await {
                Err(error) if matches!(error.kind, StoreErrorKind::Stale) => {}
                answer => return Ok(answer?),
            }
        }
        Err(ScimError::unavailable("others keep changing this resource; try again", std::time::Duration::from_secs(1)))
    }
}

/// What the answer to a PATCH shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Showing {
    Nothing,
    /// The resource, unless it has very many links.
    IfSmall,
    All,
}

impl Showing {
    fn of(plan: &Plan, view: &View, prefer: &Prefer) -> Self {
        if !view.is_default() || prefer.representation == Some(true) {
            Showing::All
        } else if plan.only_links() || prefer.representation == Some(false) {
            Showing::Nothing
        } else {
            Showing::IfSmall
        }
    }
}
