//! POST of a resource (RFC 7644 section 3.3).

use std::sync::Arc;

use serde_json::Value;

use crate::change::{Action, Making, Mutation, Verb};
use crate::document::check::{self, Draft};
use crate::document::json;
use crate::document::project::{Projection, View};
use crate::document::values;
use crate::error::ScimError;
use crate::patch;
use crate::path::AttrPath;
use crate::query::{Query, Select, Source, Total, Window, walk};
use crate::schema::{ResourceType, Returned};
use crate::store::{IdsFrom, ResourceId, Scope};

use super::answer::Owed;
use super::{Caller, Reply, Service};

/// What became of one resource of [`Service::import`]: its id, or why it was refused.
pub type Imported = Result<ResourceId, ScimError>;

impl Service {
    /// Makes a resource from a body. 201 with the whole of it, as far as the view shows.
    pub async fn create(
        &self,
        caller: &Caller,
        rt: &Arc<ResourceType>,
        body: &[u8],
        view: &View,
    ) -> Result<Reply, ScimError> {
        self.allow(caller, rt, true)?;
        let projection = Projection::new(view, rt, caller.rules().short_names)?;
        let mut draft = self.draft(caller, rt, &json::parse(body, &self.env.limits)?)?;
        let scope = self.scope(caller);
        self.below_quota(caller, &scope, rt, 1).await?;
        let projection = projection.also(on_request(rt, &draft));
        let secrets = self.secrets(caller, std::mem::take(&mut draft.secrets)).await?;
        let making = self.making(caller, &scope, Verb::Create, secrets);
        let id = self.id_for_create();
        let again = Self::may_ask_again(caller);
        let make = |making| {
            let draft = if again { draft.clone() } else { std::mem::take(&mut draft) };
            self.creation(caller, rt, id.clone(), draft, making, Some(projection.reply(None)))
        };
        let outcome = self.commit(caller, &scope, making, make).await?;
        Ok(self.written(caller, &scope, rt, &projection, outcome, Owed::Created).await)
    }

    /// Makes many resources in one batch, each by itself: what one of them lacks does not hinder the others.
    pub async fn import(&self, caller: &Caller, resources: &[(Arc<ResourceType>, Value)]) -> Vec<Imported> {
        let scope = self.scope(caller);
        let mut answers: Vec<Option<Imported>> = Vec::with_capacity(resources.len());
        let mut batch = Vec::with_capacity(resources.len());
        for (rt, body) in resources {
            match self.importable(caller, &scope, rt, body).await {
                Ok(mutation) => {
                    batch.push(mutation);
                    answers.push(None);
                }
                Err(error) => answers.push(Some(Err(error))),
            }
        }
        let mut outcomes = self.store.commit(&scope, batch).await.into_iter();
        let mut settle = || match outcomes.next() {
            Some(outcome) => outcome.map(|outcome| outcome.id).map_err(ScimError::from),
            None => Err(ScimError::internal("the store gave no answer")),
        };
        answers.into_iter().map(|answer| answer.unwrap_or_else(&mut settle)).collect()
    }

    async fn importable(
        &self,
        caller: &Caller,
        scope: &Scope,
        rt: &Arc<ResourceType>,
        body: &Value,
    ) -> Result<Mutation, ScimError> {
        self.allow(caller, rt, true)?;
        let mut draft = self.draft(caller, rt, body)?;
        let secrets = self.secrets(caller, std::mem::take(&mut draft.secrets)).await?;
        let making = self.making(caller, scope, Verb::Create, secrets);
        self.creation(caller, rt, self.id_for_create(), draft, making, None)
    }

    pub(super) fn draft(&self, caller: &Caller, rt: &ResourceType, body: &Value) -> Result<Draft, ScimError> {
        check::resource(body, rt, &caller.rules(), &self.env.limits)
    }

    /// None where the store gives ids out.
    fn id_for_create(&self) -> Option<ResourceId> {
        (self.store.capabilities().ids == IdsFrom::Core).then(|| self.new_id())
    }

    /// The mutation that makes a checked resource.
    pub(super) fn creation(
        &self,
        caller: &Caller,
        rt: &ResourceType,
        id: Option<ResourceId>,
        draft: Draft,
        making: Making,
        reply: Option<Select>,
    ) -> Result<Mutation, ScimError> {
        let change = patch::create(draft, rt, making)?;
        if let Some(document) = &change.document {
            caller.in_domains(document)?;
        }
        Ok(Mutation { kind: rt.kind.clone(), action: Action::Create { id, change }, reply })
    }

    /// Refuses where the tenant could not have so many more resources of the type.
    pub(super) async fn below_quota(
        &self,
        caller: &Caller,
        scope: &Scope,
        rt: &ResourceType,
        more: u64,
    ) -> Result<(), ScimError> {
        let Some(most) = caller.tenant.settings.resources_max else { return Ok(()) };
        let query = Query {
            from: vec![Source { kind: rt.kind.clone(), filter: None, sort: None }],
            order: None,
            window: Window::Offset { skip: 0, count: 0 },
            select: Select::bare(),
            total: true,
        };
        let page = walk::page(&*self.store, scope, &caller.tenant.registry, &self.env.limits, &query).await?;
        match page.total {
            Total::Exact(there) | Total::Estimate(there) if there.saturating_add(more) > most => {
                Err(ScimError::forbidden(format!(
                    "this tenant may have {most} resources of type {} and has {there}; delete some or ask for more",
                    rt.kind
                )))
            }
            _ => Ok(()),
        }
    }
}

/// The attributes, and sub-attributes, of `returned: request` that a body sets.
pub(super) fn on_request(rt: &ResourceType, draft: &Draft) -> Vec<AttrPath> {
    if rt.hidden.is_empty() {
        return Vec::new();
    }
    let base = rt.common.iter().chain(&rt.schema.attributes).map(|def| (None, def, draft.attributes.get(&def.name)));
    let extended = rt.extensions.iter().flat_map(|extension| {
        let urn = &extension.schema.id;
        let object = draft.attributes.get(&**urn);
        let attributes = extension.schema.attributes.iter();
        attributes.map(move |def| (Some(urn.clone()), def, object.and_then(|object| object.get(&def.name))))
    });
    base.chain(extended)
        .filter_map(|(urn, def, value)| Some((AttrPath::new(urn, def.clone(), None), value?)))
        .flat_map(|(at, value)| {
            let whole = (at.attr().returned == Returned::Request).then(|| at.clone());
            whole.into_iter().chain(values::on_request(&at, value))
        })
        .collect()
}
