//! PUT of a resource (RFC 7644 section 3.5.1).

use std::sync::Arc;

use crate::change::{Action, Mutation, Verb};
use crate::document::json;
use crate::document::project::{Projection, View};
use crate::error::ScimError;
use crate::patch;
use crate::schema::ResourceType;
use crate::store::ResourceId;

use super::answer::Owed;
use super::create::on_request;
use super::{Caller, Conditions, Prefer, Reply, Service};

impl Service {
    /// Replaces a resource by a body. 200 with the whole of it; nothing moves where nothing changes. Never creates.
    #[expect(clippy::too_many_arguments, reason = "the parts of one request")]
    pub async fn replace(
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
        let mut draft = self.draft(caller, rt, &json::parse(body, &self.env.limits)?)?;
        let projection = projection.also(on_request(rt, &draft));
        let (scope, id) = (self.scope(caller), ResourceId::new(id));
        self.unprotected(caller, &scope, rt, &id).await?;
        let expect = self.expected(&scope, &rt.kind, &id, conditions, expect).await?;
        let secrets = self.secrets(caller, std::mem::take(&mut draft.secrets)).await?;
        let making = self.making(caller, &scope, Verb::Replace, secrets);
        let (rules, again) = (caller.rules(), Self::may_ask_again(caller));
        let minimal = prefer.representation == Some(false) && view.is_default();
        let outcome = self
            .commit(caller, &scope, making, |making| {
                let draft = if again { draft.clone() } else { std::mem::take(&mut draft) };
                let change = caller.guarded(patch::replace(draft, rt, &rules, making));
                let action = Action::Modify { id: id.clone(), change, expect: expect.clone() };
                Ok(Mutation { kind: rt.kind.clone(), action, reply: (!minimal).then(|| projection.reply(None)) })
            })
            .await?;
        if minimal {
            return Ok(self.no_content(caller, rt, &outcome));
        }
        Ok(self.written(caller, &scope, rt, &projection, outcome, Owed::Shown).await)
    }
}
