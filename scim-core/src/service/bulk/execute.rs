//! The commits of a bulk request, and what became of each operation.

use crate::change::{Action, Change, ChangeSet, Expect, LinkEdit, Making, Mutation, Verb};
use crate::error::{ErrorKind, ScimError, excerpt};
use crate::patch;
use crate::store::control::OnMissing;
use crate::store::{IdsFrom, StoreErrorKind};

use super::prepare::{Held, Prepared, Work};
use super::{Answer, Run, let_others_on};

impl Run<'_> {
    /// Everything in one batch, then the links that close circles in another. Where ids come from the store, an operation
    /// that refers to one in the batch waits for the next.
    pub(super) async fn at_once(&mut self) {
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
        self.store_gives_ids() && self.needs.get(n).into_iter().flatten().any(|need| batch.contains(need))
    }

    /// Does the store give ids out? Then none is known before the outcome.
    fn store_gives_ids(&self) -> bool {
        self.service.store.capabilities().ids == IdsFrom::Store
    }

    /// Understands an operation anew, now that the ids are known that it refers to.
    async fn renew(&mut self, n: usize) {
        let refers = self.needs.get(n).is_some_and(|needs| !needs.is_empty());
        if let (true, true, Some(operation)) = (self.store_gives_ids(), refers, self.operations.get(n)) {
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
    pub(super) async fn one_by_one(&mut self, most: u64) {
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
        if lost_need || ignore == OnMissing::Refuse {
            return Err(error);
        }
        match self.prepared.get(n) {
            Some(Ok(prepared)) => {
                let make = |making| self.to_mutation(prepared, making);
                self.service.commit(self.caller, self.scope, prepared.making.clone(), make).await
            }
            _ => Err(error),
        }
    }

    /// What the store is to make true for an operation.
    fn mutation(&self, n: usize) -> Result<Mutation, ScimError> {
        match self.prepared.get(n) {
            Some(Ok(prepared)) => self.to_mutation(prepared, prepared.making.clone()),
            Some(Err(error)) => Err(error.clone()),
            None => Err(ScimError::internal("an operation was not prepared")),
        }
    }

    fn to_mutation(&self, prepared: &Prepared, making: Making) -> Result<Mutation, ScimError> {
        let Prepared { rt, id, work, .. } = prepared;
        let modify = |change: Change, expect: &Expect| Mutation {
            kind: rt.kind.clone(),
            action: Action::Modify { id: id.clone(), change: self.caller.guarded(change), expect: expect.clone() },
            reply: None,
        };
        Ok(match work {
            Work::Create(draft) => {
                let id = (!self.store_gives_ids()).then(|| id.clone());
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
            let change = self.closing(prepared, held);
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

    /// Adds these links to what an operation made.
    fn closing(&self, prepared: &Prepared, held: Vec<Held>) -> ChangeSet {
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
        ChangeSet {
            document: None,
            label: None,
            links,
            claim: Vec::new(),
            release: Vec::new(),
            secrets: Vec::new(),
            history: None,
            record: crate::change::ChangeRecord { id: self.service.uuid(), ..record },
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
}

fn circle() -> ScimError {
    ScimError::conflict("this resource and one that it refers to need each other, and the other could not be made")
}
