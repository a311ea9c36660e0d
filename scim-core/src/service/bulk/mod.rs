//! `POST /Bulk` (RFC 7644 section 3.7): independent operations, made true in as few commits as possible.
//!
//! Every `bulkId` is replaced by an id before its operation runs: where the core gives ids out, before anything is done;
//! where the store does, as soon as the outcome tells the id. Creates that others refer to are moved before them. Where
//! creates refer to each other in a circle, the link that closes it is added once both are there.
//!
//! `request` what was asked · `prepare` what each operation means · `order` which comes before which · `execute` the
//! commits · `answer` the BulkResponse.

mod answer;
mod execute;
mod order;
mod prepare;
mod request;

use std::collections::HashMap;
use std::task::Poll;

use serde_json::{Value, json};

use crate::change::Outcome;
use crate::error::ScimError;
use crate::store::{ResourceId, Scope, Writes};

use super::{Caller, Reply, Service};
use prepare::{Held, Prepared};
use request::Operation;

const RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

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
        let (operations, fail_on_errors) = request::read(body, limits)?;
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

    fn id_of(&self, n: usize) -> Result<ResourceId, ScimError> {
        self.ids.get(n).cloned().ok_or_else(ScimError::no_resource)
    }

    fn failed(&self, n: usize) -> bool {
        matches!(self.answers.get(n), Some(Some(Err(_)))) || matches!(self.prepared.get(n), Some(Err(_)))
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
