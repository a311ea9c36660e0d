//! `POST /Bulk` (RFC 7644 section 3.7): independent operations, made true in as few commits as possible.
//!
//! Every `bulkId` is replaced by an id before its operation runs: where ids are the core's before anything does, where
//! the store gives them out as soon as the outcome tells it. Creates that others refer to are moved before them; where
//! creates refer to each other in a circle, the link that closes it is added once both are there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::task::Poll;

use serde_json::{Map, Value, json};

use crate::change::{Action, Change, ChangeSet, Expect, LinkEdit, Making, Mutation, Outcome, Verb};
use crate::document::{Draft, LinkValue, json, render};

use crate::error::{Done, ErrorKind, ScimError, excerpt};
use crate::limits::Limits;
use crate::name::same;
use crate::patch::{self, Plan};
use crate::schema::{LinkType, ResourceType};
use crate::store::{IdsFrom, ResourceId, Scope, StoreErrorKind, Writes};

use super::list::require_schema;
use super::{Caller, Reply, Service, conditions, references};

const REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// One operation, as asked.
#[derive(Debug)]
struct Operation {
    method: String,
    bulk_id: Option<String>,
    path: String,
    version: Option<String>,
    data: Option<Value>,
}

/// One operation, understood: what it writes, and on which creates of this request it depends.
#[derive(Debug)]
struct Prepared {
    rt: Arc<ResourceType>,
    id: ResourceId,
    work: Work,
    making: Making,
}

#[derive(Debug)]
enum Work {
    Create(Draft),
    Replace(Draft, Expect),
    Patch(Arc<Plan>, Expect),
    Delete(Expect),
}

/// A link of a new resource to one that is made after it.
#[derive(Debug)]
struct Held {
    link: Arc<LinkType>,
    value: LinkValue,
    /// The operation that makes the target.
    need: usize,
}

/// What became of an operation.
type Answer = Result<Outcome, ScimError>;

impl Service {
    /// Runs a bulk request. 200 with a BulkResponse, also where every operation failed.
    pub async fn bulk(&self, caller: &Caller, body: &[u8]) -> Result<Reply, ScimError> {
        let can = self.store.capabilities();
        if can.writes != Writes::Full {
            return Err(ScimError::not_implemented("the store behind this tenant supports no bulk requests"));
        }
        let limits = &self.env.limits;
        if body.len() > limits.bulk_body {
            return Err(ScimError::too_large(format!("a bulk request may have {} bytes", limits.bulk_body)));
        }
        let (operations, fail_on_errors) = self.read_request(body, limits)?;
        let scope = self.scope(caller);
        let mut run = Run::new(self, caller, &scope, &operations);
        run.prepare().await;
        match fail_on_errors {
            Some(most) => run.one_by_one(most).await,
            None => run.at_once().await,
        }
        let entries: Vec<Value> = run.entries();
        let message = json!({ "schemas": [RESPONSE_URN], "Operations": entries });
        Ok(Reply::body(message.to_string().into_bytes()))
    }

    fn read_request(&self, body: &[u8], limits: &Limits) -> Result<(Vec<Operation>, Option<u64>), ScimError> {
        let mut message = match json::parse(body, limits)? {
            Value::Object(message) => message,
            _ => return Err(ScimError::invalid_syntax("a BulkRequest is a JSON object")),
        };
        require_schema(&message, REQUEST_URN)?;
        let fail_on_errors = match take(&mut message, "failOnErrors") {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_u64() {
                Some(0) => None,
                Some(most) => Some(most),
                None => return Err(ScimError::invalid_value("failOnErrors must be a positive integer")),
            },
        };
        let Some(Value::Array(operations)) = take(&mut message, "Operations") else {
            return Err(ScimError::invalid_syntax("Operations must be an array of operations"));
        };
        if operations.len() > limits.bulk_operations {
            return Err(ScimError::too_large(format!(
                "a bulk request may have {} operations (maxOperations); this one has {}",
                limits.bulk_operations,
                operations.len()
            )));
        }
        let operations = operations.into_iter().map(|one| self.read_operation(one));
        let operations: Vec<Operation> = operations.collect::<Result<_, _>>()?;
        let mut seen = HashSet::new();
        for bulk_id in operations.iter().filter_map(|one| one.bulk_id.as_deref()) {
            if !seen.insert(bulk_id) {
                return Err(ScimError::invalid_syntax(format!(
                    "bulkId {} stands on two operations; each needs its own",
                    excerpt(bulk_id)
                )));
            }
        }
        Ok((operations, fail_on_errors))
    }

    fn read_operation(&self, operation: Value) -> Result<Operation, ScimError> {
        let Value::Object(mut fields) = operation else {
            return Err(ScimError::invalid_syntax("every bulk operation is a JSON object"));
        };
        let mut text = |name: &str| match take(&mut fields, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ScimError::invalid_syntax(format!("{name} of a bulk operation must be a string"))),
        };
        Ok(Operation {
            method: text("method")?.unwrap_or_default().to_ascii_uppercase(),
            bulk_id: text("bulkId")?,
            path: text("path")?.unwrap_or_default(),
            version: text("version")?,
            data: take(&mut fields, "data").filter(|data| !data.is_null()),
        })
    }
}

/// A bulk request at work.
struct Run<'a> {
    service: &'a Service,
    caller: &'a Caller,
    scope: &'a Scope,
    operations: &'a [Operation],
    /// The id of what each POST makes. Where ids come from the store, one that stands for it until the outcome tells.
    ids: Vec<ResourceId>,
    /// Operation by bulkId.
    named: HashMap<&'a str, usize>,
    prepared: Vec<Result<Prepared, ScimError>>,
    /// The creates of this request that an operation refers to.
    needs: Vec<Vec<usize>>,
    /// The order of work, and the links that wait for a later create.
    order: Vec<usize>,
    held: HashMap<usize, Vec<Held>>,
    answers: Vec<Option<Answer>>,
}

impl<'a> Run<'a> {
    fn new(service: &'a Service, caller: &'a Caller, scope: &'a Scope, operations: &'a [Operation]) -> Self {
        let creates = operations.iter().enumerate().filter(|(_, one)| one.method == "POST");
        let named = creates.filter_map(|(n, one)| Some((one.bulk_id.as_deref()?, n))).collect();
        let answers = operations.iter().map(|_| None).collect();
        Run {
            service,
            caller,
            scope,
            operations,
            ids: operations.iter().map(|_| service.new_id()).collect(),
            named,
            prepared: Vec::new(),
            needs: Vec::new(),
            order: Vec::new(),
            held: HashMap::new(),
            answers,
        }
    }

    /// Understands every operation and settles the order of work.
    async fn prepare(&mut self) {
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

    async fn prepare_one(
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
        let mut data = operation.data.clone();
        let missing = || ScimError::invalid_syntax(format!("data is required with {}", operation.method));
        let (work, verb, secrets) = match operation.method.as_str() {
            "DELETE" => (Work::Delete(expect), Verb::Delete, Vec::new()),
            "PATCH" => {
                let data = data.as_mut().ok_or_else(missing)?;
                references::in_patch(data, &rt, &mut lookup)?;
                let plan = service.plan(caller, &rt, &id, data)?;
                let secrets = plan.secrets();
                (Work::Patch(plan, expect), Verb::Patch, secrets)
            }
            method => {
                let data = data.as_mut().ok_or_else(missing)?;
                references::in_resource(data, &rt, &mut lookup)?;
                let mut draft = service.draft(caller, &rt, data)?;
                let secrets = std::mem::take(&mut draft.secrets);
                match method {
                    "PUT" => (Work::Replace(draft, expect), Verb::Replace, secrets),
                    _ => (Work::Create(draft), Verb::Create, secrets),
                }
            }
        };
        if verb == Verb::Create {
            service.below_quota(caller, self.scope, &rt, 1).await?;
        }
        let secrets = service.secrets(caller, secrets).await?;
        let making = service.making(caller, self.scope, verb, secrets);
        Ok(Prepared { rt, id, work, making })
    }

    fn id_of(&self, n: usize) -> Result<ResourceId, ScimError> {
        self.ids.get(n).cloned().ok_or_else(ScimError::no_resource)
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
    fn relative<'p>(&self, path: &'p str) -> &'p str {
        let base: &str = &self.caller.base;
        let below = path.strip_prefix(base).unwrap_or(path).trim_start_matches('/');
        below.strip_prefix("v2/").unwrap_or(below)
    }

    /// Request order, with creates moved before those that need them. A need that leads back to one that is just being
    /// placed closes a circle: it is left for later.
    fn settle_order(&mut self) {
        let mut placed = vec![false; self.needs.len()];
        let mut on_path = vec![false; self.needs.len()];
        let flag = |flags: &[bool], n: usize| flags.get(n).copied().unwrap_or(true);
        let set = |flags: &mut Vec<bool>, n: usize, to: bool| {
            if let Some(slot) = flags.get_mut(n) {
                *slot = to;
            }
        };
        for first in 0..self.needs.len() {
            // (operation, how many of its needs have been looked at): a stack of our own, so no request can exhaust ours.
            let mut stack = vec![(first, 0)];
            while let Some((n, looked_at)) = stack.pop() {
                if flag(&placed, n) {
                    continue;
                }
                set(&mut on_path, n, true);
                match self.needs.get(n).and_then(|needs| needs.get(looked_at)).copied() {
                    Some(need) => {
                        stack.push((n, looked_at + 1));
                        if !flag(&placed, need) && !flag(&on_path, need) {
                            stack.push((need, 0));
                        }
                    }
                    None => {
                        set(&mut placed, n, true);
                        set(&mut on_path, n, false);
                        self.order.push(n);
                    }
                }
            }
        }
    }

    /// Takes out of every create the links to resources that are made after it.
    fn hold_back(&mut self, which: std::ops::Range<usize>) {
        let place: HashMap<usize, usize> = self.order.iter().enumerate().map(|(place, &n)| (n, place)).collect();
        for n in which {
            let later = self.needs.get(n).into_iter().flatten().filter(|need| place.get(need) > place.get(&n));
            let later: HashMap<ResourceId, usize> =
                later.filter_map(|&need| Some((self.ids.get(need)?.clone(), need))).collect();
            let Some(Ok(Prepared { work: Work::Create(draft), .. })) = self.prepared.get_mut(n) else { continue };
            if later.is_empty() {
                continue;
            }
            let held = self.held.entry(n).or_default();
            held.clear();
            for (link, values) in &mut draft.links {
                for value in std::mem::take(values) {
                    match later.get(&value.target) {
                        Some(&need) => held.push(Held { link: link.clone(), value, need }),
                        None => values.push(value),
                    }
                }
            }
        }
    }

    /// Everything in one batch, then the links that close circles in another. Where ids come from the store, an operation
    /// that refers to one in the batch waits for the next.
    async fn at_once(&mut self) {
        let mut batch = Vec::new();
        let mut of = Vec::new();
        for n in self.order.clone() {
            if self.waits_for(n, &of) {
                self.send(std::mem::take(&mut batch), std::mem::take(&mut of)).await;
            }
            let_others_on(n).await;
            self.renew(n).await;
            match self.mutation(n) {
                Ok(mutation) => {
                    batch.push(mutation);
                    of.push(n);
                }
                Err(error) => self.answer(n, Err(error)),
            }
        }
        self.send(batch, of).await;
        self.close_circles().await;
    }

    /// Must one of these be made before `n` can be said?
    fn waits_for(&self, n: usize, batch: &[usize]) -> bool {
        self.gives_ids() && self.needs.get(n).into_iter().flatten().any(|need| batch.contains(need))
    }

    fn gives_ids(&self) -> bool {
        self.service.store.capabilities().ids == IdsFrom::Store
    }

    /// Understands an operation anew, now that the ids are known that it refers to.
    async fn renew(&mut self, n: usize) {
        let refers = self.needs.get(n).is_some_and(|needs| !needs.is_empty());
        if let (true, true, Some(operation)) = (self.gives_ids(), refers, self.operations.get(n)) {
            let prepared = self.prepare_one(n, operation, &mut Vec::new()).await;
            if let Some(slot) = self.prepared.get_mut(n) {
                *slot = prepared;
            }
            self.hold_back(n..n + 1);
        }
    }

    /// Commits a batch and notes what became of each.
    async fn send(&mut self, batch: Vec<Mutation>, of: Vec<usize>) {
        let outcomes = self.service.store.commit(self.scope, batch).await;
        for (n, outcome) in of.into_iter().zip(outcomes) {
            let answer = match outcome {
                Err(error) if matches!(error.kind, StoreErrorKind::Missing { .. }) => self.again(n, error.into()).await,
                outcome => outcome.map_err(ScimError::from),
            };
            self.answer(n, answer);
        }
    }

    /// One commit for each operation, until so many have failed. What was not reached has no entry in the answer.
    async fn one_by_one(&mut self, most: u64) {
        let mut failed = 0;
        for n in self.order.clone() {
            self.renew(n).await;
            let answer = match self.mutation(n) {
                Ok(mutation) => match self.service.store.commit(self.scope, vec![mutation]).await.pop() {
                    Some(Err(error)) if matches!(error.kind, StoreErrorKind::Missing { .. }) => {
                        self.again(n, error.into()).await
                    }
                    Some(outcome) => outcome.map_err(ScimError::from),
                    None => Err(ScimError::internal("the store gave no answer")),
                },
                Err(error) => Err(error),
            };
            failed += u64::from(answer.is_err());
            self.answer(n, answer);
            if failed >= most {
                break;
            }
        }
        self.close_circles().await;
    }

    /// A link target is missing: where the tenant ignores that, once more without it.
    async fn again(&self, n: usize, error: ScimError) -> Answer {
        let lost_need = self.needs.get(n).into_iter().flatten().any(|&need| self.failed(need));
        let ignore = self.caller.tenant.settings.on_missing_member.unwrap_or_default();
        if lost_need || ignore == crate::store::control::OnMissing::Refuse {
            return Err(error);
        }
        match self.prepared.get(n) {
            Some(Ok(prepared)) => {
                let make = |making| self.make(prepared, making);
                self.service.commit(self.caller, self.scope, prepared.making.clone(), make).await
            }
            _ => Err(error),
        }
    }

    fn mutation(&self, n: usize) -> Result<Mutation, ScimError> {
        match self.prepared.get(n) {
            Some(Ok(prepared)) => self.make(prepared, prepared.making.clone()),
            Some(Err(error)) => Err(error.clone()),
            None => Err(ScimError::internal("an operation was not prepared")),
        }
    }

    fn make(&self, prepared: &Prepared, making: Making) -> Result<Mutation, ScimError> {
        let Prepared { rt, id, work, .. } = prepared;
        let modify = |change: Change, expect: &Expect| Mutation {
            kind: rt.kind.clone(),
            action: Action::Modify { id: id.clone(), change: self.caller.guarded(change), expect: expect.clone() },
            reply: None,
        };
        Ok(match work {
            Work::Create(draft) => {
                let id = (!self.gives_ids()).then(|| id.clone());
                self.service.creation(self.caller, rt, id, draft.clone(), making, None)?
            }
            Work::Replace(draft, expect) => {
                modify(patch::replace(draft.clone(), rt, &self.caller.rules(), making), expect)
            }
            Work::Patch(plan, expect) => modify(plan.clone().into_change(making), expect),
            Work::Delete(expect) => Mutation {
                kind: rt.kind.clone(),
                action: Action::Delete { id: id.clone(), expect: expect.clone(), record: making.record(Vec::new()) },
                reply: None,
            },
        })
    }

    /// Adds the links that waited for a later create. Where that one failed, the resource that wanted it goes again.
    async fn close_circles(&mut self) {
        let mut waiting: Vec<(usize, Vec<Held>)> = std::mem::take(&mut self.held).into_iter().collect();
        waiting.sort_by_key(|(n, _)| *n);
        for (n, held) in waiting {
            if !matches!(self.answers.get(n), Some(Some(Ok(_)))) || held.is_empty() {
                continue;
            }
            let Some(Ok(prepared)) = self.prepared.get(n) else { continue };
            let record = prepared.making.record(held.iter().map(|one| one.link.at.to_string()).collect());
            let mut links = Vec::new();
            for Held { link, value, need } in held {
                let target = self.ids.get(need).cloned().unwrap_or(value.target);
                links.push(if link.multi_valued() {
                    LinkEdit::Add { at: link, targets: vec![target], kinds: value.kinds }
                } else {
                    LinkEdit::Replace { at: link, targets: vec![(target, value.kinds)] }
                });
            }
            let change = ChangeSet {
                document: None,
                label: None,
                links,
                claim: Vec::new(),
                release: Vec::new(),
                secrets: Vec::new(),
                history: None,
                record: crate::change::ChangeRecord { id: self.service.uuid(), ..record },
            };
            let kind = prepared.rt.kind.clone();
            let id = self.ids.get(n).unwrap_or(&prepared.id).clone();
            let change = Change::Known(Box::new(change));
            let action = Action::Modify { id: id.clone(), change, expect: Expect::Exists };
            let mutation = Mutation { kind: kind.clone(), action, reply: None };
            let answer = match self.service.store.commit(self.scope, vec![mutation]).await.pop() {
                Some(Ok(outcome)) => Ok(outcome),
                Some(Err(error)) => {
                    let record =
                        self.service.making(self.caller, self.scope, Verb::Delete, Vec::new()).record(Vec::new());
                    let action = Action::Delete { id, expect: Expect::Exists, record };
                    drop(self.service.store.commit(self.scope, vec![Mutation { kind, action, reply: None }]).await);
                    tracing::debug!(%error, "a circular reference could not be closed");
                    Err(circle())
                }
                None => Err(ScimError::internal("the store gave no answer")),
            };
            self.answers.get_mut(n).into_iter().for_each(|slot| *slot = None);
            self.answer(n, answer);
        }
    }

    /// Notes an answer. One that failed because an operation it refers to failed is a conflict.
    fn answer(&mut self, n: usize, answer: Answer) {
        let answer = match answer {
            Err(error) if matches!(error.kind, ErrorKind::InvalidValue | ErrorKind::NotFound) => {
                let lost = self.needs.get(n).into_iter().flatten().find(|&&need| self.failed(need));
                let name = lost.and_then(|&need| self.operations.get(need)).and_then(|one| one.bulk_id.as_deref());
                Err(name.map_or(error, |name| {
                    ScimError::conflict(format!(
                        "the operation with bulkId {}, which this one refers to, failed",
                        excerpt(name)
                    ))
                }))
            }
            answer => answer,
        };
        if let (Ok(outcome), Some(id)) = (&answer, self.ids.get_mut(n)) {
            *id = outcome.id.clone();
        }
        if let Some(slot) = self.answers.get_mut(n) {
            *slot = Some(answer);
        }
    }

    fn failed(&self, n: usize) -> bool {
        matches!(self.answers.get(n), Some(Some(Err(_)))) || matches!(self.prepared.get(n), Some(Err(_)))
    }

    /// The entries of the answer, in request order.
    fn entries(&self) -> Vec<Value> {
        let answered = self.operations.iter().enumerate().zip(&self.answers);
        answered.filter_map(|((n, operation), answer)| Some(self.entry(n, operation, answer.as_ref()?))).collect()
    }

    fn entry(&self, n: usize, operation: &Operation, answer: &Answer) -> Value {
        let mut entry = Map::new();
        let creates = operation.method == "POST";
        if let Some(location) = self.location(n, operation).filter(|_| answer.is_ok() || !creates) {
            entry.insert("location".into(), location.into());
        }
        entry.insert("method".into(), operation.method.as_str().into());
        if let Some(bulk_id) = &operation.bulk_id {
            entry.insert("bulkId".into(), bulk_id.as_str().into());
        }
        match answer {
            Ok(outcome) => {
                let done = match operation.method.as_str() {
                    "POST" => Done::Created,
                    "DELETE" => Done::NoContent,
                    _ => Done::Ok,
                };
                if done != Done::NoContent {
                    entry.insert("version".into(), render::etag(&outcome.version).into());
                }
                entry.insert("status".into(), done.status().to_string().into());
            }
            Err(error) => {
                entry.insert("status".into(), error.kind.status().to_string().into());
                entry.insert("response".into(), error.to_value());
            }
        }
        Value::Object(entry)
    }

    fn location(&self, n: usize, operation: &Operation) -> Option<String> {
        match self.prepared.get(n)? {
            Ok(prepared) => {
                let made = matches!(prepared.work, Work::Create(_)).then(|| self.ids.get(n)).flatten();
                let id = made.unwrap_or(&prepared.id);
                Some(render::location(&self.caller.base, &prepared.rt.endpoint, id.as_str()))
            }
            Err(_) if operation.path.is_empty() => None,
            Err(_) => Some(format!("{}/{}", self.caller.base, self.relative(&operation.path))),
        }
    }
}

/// Operations that are worked at in one go.
const PIECE: usize = 8;

/// Lets what else waits for this thread come between, behind every few operations: a thousand of them take as long as a
/// thousand requests, and who shares the thread shall not wait for the last.
async fn let_others_on(n: usize) {
    let mut waited = n % PIECE != PIECE - 1;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn circle() -> ScimError {
    ScimError::conflict("this resource and one that it refers to need each other, and the other could not be made")
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let own = fields.keys().find(|own| same(own, name))?.clone();
    fields.shift_remove(&own)
}
