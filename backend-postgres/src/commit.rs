//! Batches of mutations: which transaction each is made true in, and what is tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scim_core::change::{Action, Change, ChangeRecord, ChangeSet, Effect, Expect, Mutation, Outcome};
use scim_core::schema::Kind;
use scim_core::store::{Key, ResourceId, Result, Scope, StoreError, StoreErrorKind, Version};

use crate::Shared;
use crate::amend::Owner;
use crate::connection::Link;
use crate::create::{are_creations, creations, is_one_statement};
use crate::error::{BACKEND, Fault, Inner};
use crate::group;
use crate::links::Alone;
use crate::lost::{self, Number, Trace};
use crate::pool::Lease;
use crate::read::{is_text, version};
use crate::statement::Sql;
use crate::unlocked;
use crate::writing::{ALONE, Frame, PART, WHOLE, Writing, alone};

/// How often a transaction that lost a race is begun again, at most.
const TRIES: u32 = 20;

const DOING: &str = "commit";

/// How a transaction failed.
enum Failed {
    /// Nothing of it stands.
    Whole(Fault),
    /// It was told to commit, and the connection was lost before it said whether it did.
    Unknown { fault: Fault, trace: Trace },
    /// Nothing was written: the resource is to be locked first.
    Unlocked,
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Failed::Whole(fault)
    }
}

/// Makes a batch true: in order, each mutation whole or not at all.
pub(crate) async fn commit(shared: Arc<Shared>, scope: Scope, mut batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
    let all = batch.len();
    let told = |fault: Fault| fault.during(DOING);
    if all == 1
        && let Some(mutation) = batch.pop()
    {
        // Apart, here and below: what is large is moved about by every caller.
        let done = Box::pin(group::one(&shared, &scope, mutation)).await;
        shared.writable.learn(&done);
        return vec![done.map_err(told)];
    }
    match Box::pin(many(&shared, &scope, &batch)).await {
        Ok(outcomes) => {
            outcomes.iter().for_each(|outcome| shared.writable.learn(outcome));
            outcomes.into_iter().map(|outcome| outcome.map_err(told)).collect()
        }
        Err(fault) => {
            shared.writable.refused(&fault);
            let error = told(fault);
            let kind = || match error.kind {
                StoreErrorKind::Uncertain => StoreErrorKind::Uncertain,
                StoreErrorKind::Corrupt => StoreErrorKind::Corrupt,
                _ => StoreErrorKind::Unavailable,
            };
            (0..all).map(|_| Err(StoreError::new(kind()).during(BACKEND, DOING).because(error.to_string()))).collect()
        }
    }
}

/// Is there time for another try? Waits a little, longer each time.
async fn again(scope: &Scope, tries: &mut u32) -> bool {
    *tries += 1;
    let pause = Duration::from_millis(u64::from(*tries).min(10));
    if *tries > TRIES || scope.deadline.is_some_and(|deadline| Instant::now() + pause >= deadline) {
        return false;
    }
    tokio::time::sleep(pause).await;
    true
}

pub(crate) fn late(scope: &Scope) -> Inner<()> {
    if scope.deadline.is_some_and(|deadline| Instant::now() >= deadline) { Err(Fault::Late) } else { Ok(()) }
}

pub(crate) fn writing<'a>(
    shared: &'a Shared,
    link: &'a Link,
    scope: &'a Scope,
    frame: Frame,
    careful: bool,
) -> Writing<'a> {
    Writing {
        link,
        catalogue: &shared.catalogue,
        tenant: scope.tenant.as_str(),
        now: scope.now.millis(),
        frame,
        begun: false,
        ended: false,
        careful,
        number: None,
        lines: 0,
        resolved: None,
        made: None,
    }
}

/// One mutation, in a transaction of its own.
pub(crate) async fn single(shared: &Shared, scope: &Scope, mutation: &Mutation) -> Inner<Outcome> {
    let (mut tries, mut how) = (0, How { locks: !unlocked::may_be(mutation), careful: false });
    loop {
        late(scope)?;
        let lease = shared.lender.lend(Some(&scope.tenant)).await?;
        let mut reason = None;
        let done = attempt(shared, scope, mutation, lease, how, &mut reason).await;
        how = How { locks: true, careful: reason.is_some() };
        match (done, reason) {
            (Ok(outcome), _) => return Ok(outcome),
            (Err(Failed::Unlocked), _) => {}
            (Err(Failed::Whole(Fault::Refused(fault))), Some(None)) => {
                if !again(scope, &mut tries).await {
                    return Err(Fault::Refused(fault));
                }
            }
            (Err(Failed::Whole(Fault::Refused(_))), Some(Some(fault))) => return Err(fault),
            (Err(Failed::Whole(fault)), _) => return Err(fault),
            (Err(Failed::Unknown { fault, trace }), _) => {
                return Box::pin(lost::one(shared, scope, mutation, fault, &trace)).await;
            }
        }
    }
}

/// How something is tried.
#[derive(Debug, Clone, Copy)]
struct How {
    /// What is to be changed is locked before it is read.
    locks: bool,
    /// Something was refused before.
    careful: bool,
}

/// One try. `reason` is what a refusal means: inner None for another try.
async fn attempt(
    shared: &Shared,
    scope: &Scope,
    mutation: &Mutation,
    lease: Lease,
    how: How,
    reason: &mut Option<Option<Fault>>,
) -> std::result::Result<Outcome, Failed> {
    if let Some((id, edit, record, expect)) = alone(mutation) {
        let (kind, tenant) = (&mutation.kind, scope.tenant.as_str());
        if !is_text(id.as_str()) {
            return Err(Fault::from(StoreErrorKind::NotFound).into());
        }
        let owner = Owner { tenant, kind: kind.as_str(), id: id.as_str() };
        let (own, record) = (&record.id, head(record, kind, id));
        let versions = expected(expect);
        let alone = Alone { owner, edit, versions, now: scope.now.millis(), record: &record };
        let done = alone.run(&lease).await;
        let session = lease.session.clone();
        let done = match lease.back(done).await {
            Err(Fault::Lost(_)) => Box::pin(lost::edit(shared, scope, &alone, own, session)).await,
            done => done,
        };
        let done = done.inspect_err(|fault| *reason = fault.may_pass().then_some(None))?;
        let effect = if done.changed { Effect::Changed } else { Effect::Unchanged };
        return Ok(plain(id, version(done.version), effect));
    }
    let How { locks, careful } = how;
    let frame = if is_one_statement(mutation) || !locks { ALONE } else { WHOLE };
    let mut writing = writing(shared, &lease, scope, frame, careful);
    let (done, committing) = transaction(&mut writing, mutation, locks, reason).await;
    let trace = Trace {
        session: lease.session.clone(),
        number: writing.number.map(if locks { Number::Is } else { Number::Least }),
        record: record_of(mutation, writing.resolved.as_deref()),
        made: writing.made.take(),
    };
    let done = lease.back(done).await;
    done.map_err(|fault| match fault {
        Fault::Lost(_) if committing => Failed::Unknown { fault, trace },
        fault => Failed::Whole(fault),
    })?
    .ok_or(Failed::Unlocked)
}

/// A mutation in a transaction of its own, and whether it was told to commit; None where nothing was written, because what is to
/// be changed must be locked first.
async fn transaction(
    writing: &mut Writing<'_>,
    mutation: &Mutation,
    locks: bool,
    reason: &mut Option<Option<Fault>>,
) -> (Inner<Option<Outcome>>, bool) {
    let done = match locks {
        true => Box::pin(writing.apply(mutation)).await.map(Some),
        false => writing.unlocked(mutation).await,
    };
    let committing = writing.ended || (writing.frame == ALONE && writing.begun);
    let fault = match done {
        Ok(_) | Err(Fault::Lost(_)) => return (done, committing),
        Err(fault) => fault,
    };
    let rolled_back = async {
        if writing.begun && writing.frame != ALONE {
            writing.link.batch("ROLLBACK").await?;
        }
        if let Fault::Refused(error) = fault {
            let said = error.to_string();
            *reason = Some(writing.reason(Fault::Refused(error), mutation).await?);
            return Ok(Fault::refused(said));
        }
        Ok(fault)
    };
    match rolled_back.await {
        // A statement by itself is not rolled back: where its refusal was the server's last word, it may have come behind the commit.
        Ok(fault) => (Err(fault), committing && writing.frame == ALONE),
        // The refusal was the server's last word: it may have come behind the commit.
        Err(lost) => (Err(lost), committing),
    }
}

/// The id of the line of the change log that a mutation writes, which came to this where it depended on the record; empty where it
/// writes none.
pub(crate) fn record_of(mutation: &Mutation, resolved: Option<&ChangeSet>) -> String {
    let record = match &mutation.action {
        Action::Create { change, .. } => Some(&change.record),
        Action::Modify { change: Change::Known(change), .. } => Some(&change.record),
        Action::Modify { change: Change::Of(_), .. } => resolved.map(|change| &change.record),
        Action::Delete { record, .. } => Some(record),
    };
    record.map(|record| record.id.clone()).unwrap_or_default()
}

/// The line of the change log up to the version.
fn head(record: &ChangeRecord, kind: &Kind, id: &ResourceId) -> String {
    let key = Key { kind: kind.clone(), id: id.clone() };
    let mut line = record.line(&key, &Version::new(""));
    line.truncate(line.len().saturating_sub(2));
    line
}

/// The expected versions, those that can be any of ours.
fn expected(expect: &Expect) -> Option<Vec<i64>> {
    match expect {
        Expect::Exists => None,
        Expect::Version(versions) => Some(versions.iter().filter_map(number_of).collect()),
    }
}

/// Only as we write it.
fn number_of(own: &Version) -> Option<i64> {
    let number = own.as_str().parse().ok()?;
    (version(number) == *own).then_some(number)
}

/// Several mutations, in one transaction, each a part that may fail alone.
async fn many(shared: &Shared, scope: &Scope, batch: &[Mutation]) -> Inner<Vec<Inner<Outcome>>> {
    if are_creations(batch) {
        late(scope)?;
        let lease = shared.lender.lend(Some(&scope.tenant)).await?;
        let session = lease.session.clone();
        let all: Vec<_> = batch.iter().map(|mutation| (mutation, scope.now.millis())).collect();
        let made = creations(&lease, &shared.catalogue, scope.tenant.as_str(), &all).await;
        match lease.back(made).await {
            Ok(outcomes) => return Ok(outcomes.into_iter().map(Ok).collect()),
            Err(fault @ Fault::Lost(_)) => return lost::creations(shared, scope, batch, &session, fault).await,
            // Which one was refused, and why, is found out one by one.
            Err(Fault::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    let mut tries = 0;
    loop {
        late(scope)?;
        let lease = shared.lender.lend(Some(&scope.tenant)).await?;
        let mut told = Told::default();
        let done = parts(shared, &lease, scope, batch, &mut told).await;
        let session = lease.session.clone();
        let done = lease.back(done).await;
        match done {
            Ok(()) => return Ok(told.outcomes),
            Err(fault @ Fault::Lost(_)) if told.committing => {
                let trace = Trace { session, number: told.number.map(Number::Is), record: told.record, made: None };
                return lost::several(shared, scope, &trace, told.outcomes, fault).await;
            }
            Err(fault) if fault.may_pass() => {
                if !again(scope, &mut tries).await {
                    return Err(fault);
                }
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// What a transaction of several mutations has come to so far.
#[derive(Default)]
struct Told {
    outcomes: Vec<Inner<Outcome>>,
    /// Was it told to commit?
    committing: bool,
    /// Its number.
    number: Option<i64>,
    /// The id of its first line of the change log.
    record: String,
}

/// The transaction of several mutations.
async fn parts(shared: &Shared, link: &Link, scope: &Scope, batch: &[Mutation], told: &mut Told) -> Inner<()> {
    let number = Sql::new("SELECT pg_current_xact_id()::text::bigint + (SELECT lead FROM epoch)");
    let begun = link.behind_another(vec![Sql::new("BEGIN"), number]).await;
    for lines in begun {
        told.number = lines?.first().map(|line| line.int(0)).transpose()?.or(told.number);
    }
    let mut lines = 0;
    for mutation in batch {
        let mut writing = Writing { lines, ..writing(shared, link, scope, PART, false) };
        let done = part(&mut writing, scope, mutation).await?;
        if told.record.is_empty() && done.as_ref().is_ok_and(|outcome| outcome.effect != Effect::Unchanged) {
            told.record = record_of(mutation, writing.resolved.as_deref());
        }
        told.outcomes.push(done);
        lines = writing.lines;
    }
    told.committing = true;
    link.rows(Sql::new("COMMIT")).await.map(drop)
}

/// One part. The outer error ends the transaction, the inner one only the part.
async fn part(writing: &mut Writing<'_>, scope: &Scope, mutation: &Mutation) -> Inner<Inner<Outcome>> {
    let mut tries = 0;
    loop {
        (writing.begun, writing.ended) = (false, false);
        let lines = writing.lines;
        let fault = match writing.apply(mutation).await {
            Ok(outcome) => return Ok(Ok(outcome)),
            Err(fault @ (Fault::Lost(_) | Fault::Late)) => return Err(fault),
            Err(fault) => fault,
        };
        writing.lines = lines;
        if writing.begun {
            writing.link.batch("ROLLBACK TO SAVEPOINT mutation; RELEASE SAVEPOINT mutation").await?;
        }
        match fault {
            // The locks of the parts before may be what it failed for.
            fault if fault.may_pass() => return Err(fault),
            Fault::Refused(error) => match writing.reason(Fault::Refused(error), mutation).await? {
                Some(fault) => return Ok(Err(fault)),
                None if again(scope, &mut tries).await => writing.careful = true,
                None => return Err(Fault::Late),
            },
            fault => return Ok(Err(fault)),
        }
    }
}

/// An outcome without a record.
pub(crate) fn plain(id: &ResourceId, version: Version, effect: Effect) -> Outcome {
    Outcome { id: id.clone(), version, effect, record: None, filled: false }
}
