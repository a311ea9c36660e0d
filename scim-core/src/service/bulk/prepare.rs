//! What each operation of a bulk request means: its type, its id, and the work it asks for.

use std::sync::Arc;

use crate::change::{Expect, Making, Verb};
use crate::document::{Draft, LinkValue};
use crate::error::{ErrorKind, ScimError, excerpt};
use crate::name::same;
use crate::patch::Plan;
use crate::schema::{LinkType, ResourceType};
use crate::store::ResourceId;

use super::request::Operation;
use super::{Run, let_others_on};
use crate::service::secrets::PlainSecret;
use crate::service::{conditions, references};

/// One operation, understood: what it writes, and on which creates of this request it depends.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) rt: Arc<ResourceType>,
    pub(super) id: ResourceId,
    pub(super) work: Work,
    pub(super) making: Making,
}

#[derive(Debug)]
pub(super) enum Work {
    Create(Draft),
    Replace(Draft, Expect),
    Patch(Arc<Plan>, Expect),
    Delete(Expect),
}

impl Work {
    fn verb(&self) -> Verb {
        match self {
            Work::Create(_) => Verb::Create,
            Work::Replace(..) => Verb::Replace,
            Work::Patch(..) => Verb::Patch,
            Work::Delete(_) => Verb::Delete,
        }
    }
}

/// A link of a new resource to one that is made after it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) link: Arc<LinkType>,
    pub(super) value: LinkValue,
    /// The operation that makes the target.
    pub(super) need: usize,
}

impl Run<'_> {
    /// Understands every operation and settles the order of work.
    pub(super) async fn prepare(&mut self) {
        for (n, operation) in self.operations.iter().enumerate() {
            let_others_on(n).await;
            let mut needs = Vec::new();
            let prepared = self.prepare_one(n, operation, &mut needs).await;
            needs.sort_unstable();
            needs.dedup();
            self.prepared.push(prepared);
            self.needs.push(needs);
        }
        self.settle_order();
        self.hold_back(0..self.operations.len());
    }

    /// Understands one operation, and notes in `needs` the creates of this request that it refers to.
    pub(super) async fn prepare_one(
        &self,
        n: usize,
        operation: &Operation,
        needs: &mut Vec<usize>,
    ) -> Result<Prepared, ScimError> {
        let (service, caller) = (self.service, self.caller);
        let (rt, segment) = self.target(operation)?;
        service.allow(caller, &rt, true)?;
        let mut lookup = |temporary: &str| match self.named.get(temporary) {
            Some(&own) if own == n => Err(ScimError::invalid_value(
                "an operation cannot refer to its own bulkId; nothing is a member of itself",
            )),
            Some(&other) => {
                needs.push(other);
                self.id_of(other)
            }
            None => {
                Err(ScimError::invalid_value(format!("no POST of this request has the bulkId {}", excerpt(temporary))))
            }
        };
        let id = match segment {
            Some(segment) => references::in_segment(&segment, &mut lookup)?,
            None => self.id_of(n)?,
        };
        if operation.method != "POST" {
            service.unprotected(caller, self.scope, &rt, &id).await?;
        }
        let expect = operation.version.as_deref().map_or(Expect::Exists, conditions::expect_version);
        if operation.version.is_none()
            && operation.method != "POST"
            && caller.tenant.settings.require_if_match == Some(true)
        {
            return Err(ScimError::new(ErrorKind::PreconditionRequired, "this tenant wants version on every change"));
        }
        let (work, secrets) = self.work(operation, &rt, &id, expect, &mut lookup)?;
        if matches!(work, Work::Create(_)) {
            service.below_quota(caller, self.scope, &rt, 1).await?;
        }
        let secrets = service.secrets(caller, secrets).await?;
        let making = service.making(caller, self.scope, work.verb(), secrets);
        Ok(Prepared { rt, id, work, making })
    }

    /// What an operation asks for, with the references in its data replaced, and its secrets.
    fn work(
        &self,
        operation: &Operation,
        rt: &Arc<ResourceType>,
        id: &ResourceId,
        expect: Expect,
        lookup: references::Lookup<'_>,
    ) -> Result<(Work, Vec<PlainSecret>), ScimError> {
        let (service, caller) = (self.service, self.caller);
        let mut data = operation.data.clone();
        let missing = || ScimError::invalid_syntax(format!("data is required with {}", operation.method));
        Ok(match operation.method.as_str() {
            "DELETE" => (Work::Delete(expect), Vec::new()),
            "PATCH" => {
                let data = data.as_mut().ok_or_else(missing)?;
                references::in_patch(data, rt, lookup)?;
                let plan = service.plan(caller, rt, id, data)?;
                let secrets = plan.secrets();
                (Work::Patch(plan, expect), secrets)
            }
            method => {
                let data = data.as_mut().ok_or_else(missing)?;
                references::in_resource(data, rt, lookup)?;
                let mut draft = service.draft(caller, rt, data)?;
                let secrets = std::mem::take(&mut draft.secrets);
                match method {
                    "PUT" => (Work::Replace(draft, expect), secrets),
                    _ => (Work::Create(draft), secrets),
                }
            }
        })
    }

    /// The type an operation is for, and the id in its path.
    fn target(&self, operation: &Operation) -> Result<(Arc<ResourceType>, Option<String>), ScimError> {
        if !matches!(operation.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE") {
            return Err(ScimError::invalid_syntax(format!(
                "method is {}; use POST, PUT, PATCH or DELETE",
                excerpt(&operation.method)
            )));
        }
        if operation.method == "POST" && operation.bulk_id.as_deref().is_none_or(str::is_empty) {
            return Err(ScimError::invalid_syntax("bulkId is required with POST"));
        }
        if operation.path.is_empty() {
            return Err(ScimError::invalid_value("path is required: an endpoint for POST, a resource for the others"));
        }
        let shown = excerpt(&operation.path);
        let mut segments = self.relative(&operation.path).split('/').filter(|segment| !segment.is_empty());
        let (endpoint, id, more) = (segments.next().unwrap_or_default(), segments.next(), segments.next());
        if ["Bulk", "Me", ".search", "Schemas", "ResourceTypes", "ServiceProviderConfig"]
            .iter()
            .any(|own| same(own, endpoint))
            || more.is_some()
            || id == Some(".search")
        {
            return Err(ScimError::invalid_value(format!("path {shown} cannot stand in a bulk request")));
        }
        let any_case = self.caller.rules().endpoint_any_case;
        let rt = self.caller.tenant.registry.endpoint(endpoint, any_case);
        let rt = rt.ok_or_else(|| ScimError::not_found(format!("path {shown} names no endpoint of this service")))?;
        match (operation.method.as_str(), id) {
            ("POST", Some(_)) => Err(ScimError::invalid_value(format!(
                "path is {shown}; POST goes to an endpoint such as {}",
                rt.endpoint
            ))),
            ("POST", None) => Ok((rt.clone(), None)),
            (method, None) => Err(ScimError::invalid_value(format!(
                "path is {shown}; {method} goes to a resource such as {}/{{id}}",
                rt.endpoint
            ))),
            (_, Some(id)) => Ok((rt.clone(), Some(id.to_owned()))),
        }
    }

    /// The path below the SCIM root: absolute URLs of this service and version segments are accepted.
    pub(super) fn relative<'p>(&self, path: &'p str) -> &'p str {
        let base: &str = &self.caller.base;
        let below = path.strip_prefix(base).unwrap_or(path).trim_start_matches('/');
        below.strip_prefix("v2/").unwrap_or(below)
    }
}
