//! Mutations of one tenant that come while others of their kind are under way, made true by one statement: creations, and changes
//! of documents. What is refused for one is refused for all; then each is tried by itself.

use std::sync::Arc;
use std::time::Duration;

use scim_core::change::{Mutation, Outcome};
use scim_core::schema::Kind;
use scim_core::store::gather::{Asker, Gather, Told, Turn};
use scim_core::store::{Scope, StoreError, StoreErrorKind, TenantId};
use tokio::runtime::{Handle, Id};

use crate::Shared;
use crate::commit::{late, record_of, single, writing};
use crate::create::{creations, is_one_statement};
use crate::error::{Fault, Inner};
use crate::lost::{self, Number, Trace};
use crate::pool::Lease;
use crate::revise::{self, Revision};
use crate::unlocked::{self, Ready};
use crate::writing::{ALONE, Writing};

/// How long anyone waits for those before: several times what they usually take.
const PATIENCE: Duration = Duration::from_millis(20);

/// What is done together: mutations of resources of one type and tenant, of those who ask in one runtime.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Like {
    what: What,
    kind: Kind,
    tenant: TenantId,
    runtime: Id,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    /// Each of them one statement.
    Creations,
    /// Those that are tried without a lock.
    Changes,
}

/// A mutation, and for whom.
#[derive(Clone)]
pub(crate) struct Asked {
    scope: Scope,
    mutation: Arc<Mutation>,
}

/// What came of one of several.
pub(crate) enum Answer {
    Done(Inner<Outcome>),
    /// Nothing of it stands; it is to be tried by itself.
    Alone,
    /// It was told to commit, and the connection was lost before it said whether it did, for this reason.
    Unknown {
        why: Arc<str>,
        trace: Trace,
    },
}

/// Those who wait.
pub(crate) type Gathered = Arc<Gather<Like, Asked, Answer>>;

/// One mutation, in a transaction of its own or of several.
pub(crate) async fn one(shared: &Arc<Shared>, scope: &Scope, mutation: Mutation) -> Inner<Outcome> {
    let what = match &mutation {
        mutation if is_one_statement(mutation) => What::Creations,
        mutation if unlocked::may_be(mutation) => What::Changes,
        mutation => return single(shared, scope, mutation).await,
    };
    let Ok(runtime) = Handle::try_current() else { return single(shared, scope, &mutation).await };
    let like = Like { what, kind: mutation.kind.clone(), tenant: scope.tenant.clone(), runtime: runtime.id() };
    let own = Asked { scope: scope.clone(), mutation: Arc::new(mutation) };
    let answer = match shared.gathered.ask(&like, own.clone(), tokio::time::sleep(PATIENCE)).await {
        Told::Lead(turn, others) if others.is_empty() => {
            let done = single(shared, scope, &own.mutation).await;
            drop(turn);
            return done;
        }
        Told::Lead(turn, others) => {
            // A task of its own: what the others wait for goes on, whatever becomes of this one.
            let done = runtime.spawn(lead(shared.clone(), what, own.clone(), Others(others), turn));
            done.await.unwrap_or_else(|_| Answer::Done(Err(StoreError::new(StoreErrorKind::Uncertain).into())))
        }
        Told::Answer(answer) => answer,
        Told::Nothing => Answer::Alone,
    };
    match answer {
        Answer::Done(done) => done,
        Answer::Alone => single(shared, scope, &own.mutation).await,
        Answer::Unknown { why, trace } => {
            Box::pin(lost::one(shared, scope, &own.mutation, Fault::Lost((*why).into()), &trace)).await
        }
    }
}

/// Those whose mutations are under way. Where that ends without an answer to them, they learn that nobody knows what stands.
struct Others(Vec<Asker<Like, Asked, Answer>>);

impl Drop for Others {
    fn drop(&mut self) {
        for asker in self.0.drain(..) {
            asker.answer(Answer::Done(Err(StoreError::new(StoreErrorKind::Uncertain).into())));
        }
    }
}

/// Does what all of these ask for; gives the answer to `own`.
async fn lead(
    shared: Arc<Shared>,
    what: What,
    own: Asked,
    mut others: Others,
    turn: Turn<Like, Asked, Answer>,
) -> Answer {
    let (late_ones, waiting) =
        std::mem::take(&mut others.0).into_iter().partition(|one| late(&one.work.scope).is_err());
    others.0 = waiting;
    for asker in late_ones {
        asker.answer(Answer::Done(Err(Fault::Late)));
    }
    let late = late(&own.scope).err();
    let mut all: Vec<Asked> = others.0.iter().map(|asker| asker.work.clone()).collect();
    let (tenant, kind) = (own.scope.tenant.clone(), own.mutation.kind.clone());
    if late.is_none() {
        all.push(own);
    }
    let mut answers = match shared.lender.lend(Some(&tenant)).await {
        // Each finds out by itself how long it waits for a connection.
        Err(_) => all.iter().map(|_| Answer::Alone).collect(),
        Ok(lease) => match what {
            What::Creations => made(&shared, lease, &tenant, &all).await,
            What::Changes => changed(&shared, lease, &tenant, &kind, &all).await,
        },
    };
    // Those who come next do not wait until these have their answers.
    drop(turn);
    let own = match late {
        Some(fault) => Answer::Done(Err(fault)),
        None => answers.pop().unwrap_or(Answer::Alone),
    };
    for (asker, answer) in others.0.drain(..).zip(answers) {
        asker.answer(answer);
    }
    own
}

/// Creations, in one transaction.
async fn made(shared: &Shared, lease: Lease, tenant: &TenantId, all: &[Asked]) -> Vec<Answer> {
    let batch: Vec<_> = all.iter().map(|asked| (&*asked.mutation, asked.scope.now.millis())).collect();
    let session = lease.session.clone();
    let done = creations(&lease, &shared.catalogue, tenant.as_str(), &batch).await;
    match lease.back(done).await {
        Ok(outcomes) => outcomes.into_iter().map(|outcome| Answer::Done(Ok(outcome))).collect(),
        Err(Fault::Lost(why)) => {
            let why: Arc<str> = why.to_string().into();
            let trace = || Trace { session: session.clone(), number: None, record: String::new(), made: None };
            all.iter().map(|_| Answer::Unknown { why: why.clone(), trace: trace() }).collect()
        }
        // Which one was refused, and why, each finds out by itself.
        Err(_) => all.iter().map(|_| Answer::Alone).collect(),
    }
}

/// Changes of documents of one type that are tried without a lock: resolved each by itself, and written by one statement.
async fn changed(shared: &Shared, lease: Lease, tenant: &TenantId, kind: &Kind, all: &[Asked]) -> Vec<Answer> {
    let alone = || all.iter().map(|_| Answer::Alone);
    let indexes = match shared.catalogue.known(&lease, tenant.as_str(), kind.as_str()).await {
        Ok(indexes) => indexes,
        Err(fault) => {
            // Whatever is wrong is told to each by itself.
            let _told = lease.back::<()>(Err(fault)).await;
            return alone().collect();
        }
    };
    let mutations: Vec<&Mutation> = all.iter().map(|asked| &*asked.mutation).collect();
    let looked = match unlocked::look(&lease, tenant.as_str(), kind, &mutations).await {
        Ok(looked) => looked,
        Err(fault) => {
            let _told = lease.back::<()>(Err(fault)).await;
            return alone().collect();
        }
    };
    let mut writings: Vec<Writing<'_>> =
        all.iter().map(|asked| writing(shared, &lease, &asked.scope, ALONE, false)).collect();
    let (mut answers, mut open) = (Vec::with_capacity(all.len()), Vec::new());
    for (number, ((writing, mutation), looked)) in writings.iter_mut().zip(mutations).zip(looked).enumerate() {
        let ready = writing.ready(mutation, looked, &indexes);
        answers.push(match ready {
            Ok(Ready::Done(outcome)) => Answer::Done(Ok(outcome)),
            Ok(Ready::Write(revision)) => {
                open.push((number, *revision));
                Answer::Alone
            }
            Err(Fault::Store(error)) => Answer::Done(Err(error.into())),
            // Nothing was written so far.
            Ok(Ready::Locked) | Err(_) => Answer::Alone,
        });
    }
    let trace = |writing: Writing<'_>, asked: &Asked| Trace {
        session: lease.session.clone(),
        number: writing.number.map(Number::Least),
        record: record_of(&asked.mutation, writing.resolved.as_deref()),
        made: writing.made,
    };
    let traces: Vec<Trace> = writings.into_iter().zip(all).map(|(writing, asked)| trace(writing, asked)).collect();
    // In an order that all keep; of those that change one resource, the first.
    open.sort_by(|(_, one), (_, other)| one.key.id.cmp(&other.key.id));
    open.dedup_by(|(_, one), (_, first)| one.key.id == first.key.id);
    let (numbers, revisions): (Vec<usize>, Vec<Revision>) = open.into_iter().unzip();
    let written = match revisions.is_empty() {
        true => Ok(()),
        false => {
            let sql = revise::statement(tenant.as_str(), kind, &indexes, lease.slot, &revisions);
            lease.rows(sql).await.map(drop)
        }
    };
    let written = lease.back(written).await;
    let mut traces: Vec<Option<Trace>> = traces.into_iter().map(Some).collect();
    for (number, revision) in numbers.into_iter().zip(&revisions) {
        let (Some(answer), Some(asked)) = (answers.get_mut(number), all.get(number)) else { continue };
        match (&written, traces.get_mut(number).and_then(Option::take)) {
            (Ok(()), _) => *answer = Answer::Done(Ok(unlocked::revised(&asked.mutation, revision))),
            (Err(Fault::Lost(why)), Some(trace)) => *answer = Answer::Unknown { why: why.to_string().into(), trace },
            // Who was in the way of whom, each finds out by itself.
            (Err(_), _) => {}
        }
    }
    answers
}
