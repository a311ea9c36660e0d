//! Batches of mutations: which transaction each is made true in, what is tried again, and what becomes of a commit whose
//! answer was lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scim_core::change::{Action, Change, ChangeRecord, ChangeSet, Effect, Expect, Mutation, Outcome};
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{Key, Record, ResourceId, Result, Scope, StoreError, StoreErrorKind, Version};

use crate::Shared;
use crate::amend::{LINES, Owner};
use crate::connection::{Link, SESSION};
use crate::error::{BACKEND, Fault, Inner};
use crate::links::{Alone, Done};
use crate::pool::{Lease, reading};
use crate::read::{is_text, records, version};
use crate::statement::{Line, Sql};
use crate::unlocked;
use crate::writing::{ALONE, Frame, PART, WHOLE, Writing, alone, are_creations, creations, is_one_statement};

/// How often a transaction that lost a race is begun again, at most.
const TRIES: u32 = 20;

/// How long to wait until the server has noticed that a session is gone.
const SETTLING: Duration = Duration::from_secs(5);
/// Between two looks at what becomes so by itself.
const PAUSE: Duration = Duration::from_millis(50);

const DOING: &str = "commit";

/// How a transaction failed.
enum Failed {
    /// Nothing of it stands.
    Whole(Fault),
    /// It was told to commit, and the connection was lost before it said whether it did.
    Unknown { fault: Fault, session: Arc<str>, number: Option<Number>, record: String },
    /// Nothing was written: the resource is to be locked first.
    Unlocked,
}

/// What is known of the number of a transaction.
#[derive(Debug, Clone, Copy)]
enum Number {
    Is(i64),
    /// It began behind that of this number.
    Least(i64),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Failed::Whole(fault)
    }
}

/// Makes a batch true: in order, each mutation whole or not at all.
pub(crate) async fn commit(shared: Arc<Shared>, scope: Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
    let all = batch.len();
    let told = |fault: Fault| fault.during(DOING);
    if let [mutation] = batch.as_slice() {
        return vec![single(&shared, &scope, mutation).await.map_err(told)];
    }
    match many(&shared, &scope, &batch).await {
        Ok(outcomes) => outcomes.into_iter().map(|outcome| outcome.map_err(told)).collect(),
        Err(fault) => {
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

fn late(scope: &Scope) -> Inner<()> {
    if scope.deadline.is_some_and(|deadline| Instant::now() >= deadline) { Err(Fault::Late) } else { Ok(()) }
}

fn writing<'a>(shared: &'a Shared, link: &'a Link, scope: &'a Scope, frame: Frame) -> Writing<'a> {
    Writing {
        link,
        catalogue: &shared.catalogue,
        tenant: scope.tenant.as_str(),
        now: scope.now.millis(),
        frame,
        begun: false,
        ended: false,
        number: None,
        lines: 0,
        resolved: None,
    }
}

/// One mutation, in a transaction of its own.
async fn single(shared: &Shared, scope: &Scope, mutation: &Mutation) -> Inner<Outcome> {
    let (mut tries, mut locks) = (0, !unlocked::may_be(mutation));
    loop {
        late(scope)?;
        let lease = shared.lender.lend(Some(&scope.tenant)).await?;
        let mut reason = None;
        let done = attempt(shared, scope, mutation, lease, locks, &mut reason).await;
        locks = true;
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
            (Err(Failed::Unknown { fault, session, number, record }), _) => {
                return unknown(shared, scope, mutation, fault, &session, number, &record).await;
            }
        }
    }
}

/// One try; `locks` what is to be changed before it is read. `reason` is what a refusal means: inner None for another try.
async fn attempt(
    shared: &Shared,
    scope: &Scope,
    mutation: &Mutation,
    lease: Lease,
    locks: bool,
    reason: &mut Option<Option<Fault>>,
) -> std::result::Result<Outcome, Failed> {
    if let Some((id, edit, record, expect)) = alone(mutation) {
        let (kind, tenant) = (&mutation.kind, scope.tenant.as_str());
        if !is_text(id.as_str()) {
            return Err(Fault::from(StoreErrorKind::NotFound).into());
        }
        let owner = Owner { tenant, kind: kind.as_str(), id: id.as_str() };
        let record = head(record, kind, id);
        let versions = expected(expect);
        let alone = Alone { owner, edit, versions, now: scope.now.millis(), record: &record };
        // Done twice is done once: what was lost on the way is simply said again.
        let done = alone.run(&lease).await;
        let done = match lease.back(done).await {
            Err(Fault::Lost(_)) if alone.versions.is_none() => repeated(shared, scope, &alone).await,
            done => done,
        };
        let done = done.inspect_err(|fault| *reason = fault.may_pass().then_some(None))?;
        let effect = if done.changed { Effect::Changed } else { Effect::Unchanged };
        return Ok(plain(id, version(done.version), effect));
    }
    let frame = if is_one_statement(mutation) || !locks { ALONE } else { WHOLE };
    let mut writing = writing(shared, &lease, scope, frame);
    let (done, committing) = transaction(&mut writing, mutation, locks, reason).await;
    let (number, resolved) = (writing.number, writing.resolved.take());
    let session = lease.session.clone();
    let done = lease.back(done).await;
    done.map_err(|fault| match fault {
        Fault::Lost(_) if committing => {
            let number = number.map(if locks { Number::Is } else { Number::Least });
            let record = resolved.map(|change| change.record.id.clone()).unwrap_or_default();
            Failed::Unknown { fault, session, number, record }
        }
        fault => Failed::Whole(fault),
    })?
    .ok_or(Failed::Unlocked)
}

/// What may have been done, done again, as soon as there is a database again.
async fn repeated(shared: &Shared, scope: &Scope, alone: &Alone<'_>) -> Inner<Done> {
    loop {
        let done = match shared.lender.lend(Some(&scope.tenant)).await {
            Ok(lease) => {
                let done = alone.run(&lease).await;
                lease.back(done).await
            }
            Err(fault) => Err(fault),
        };
        match done {
            Err(Fault::Lost(_)) if late(scope).is_ok() && scope.deadline.is_some() => tokio::time::sleep(PAUSE).await,
            done => return done,
        }
    }
}

/// A mutation in a transaction of its own, and whether it was told to commit; None where nothing was written, because what is to
/// be changed must be locked first.
async fn transaction(
    writing: &mut Writing<'_>,
    mutation: &Mutation,
    locks: bool,
    reason: &mut Option<Option<Fault>>,
) -> (Inner<Option<Outcome>>, bool) {
    let done = if locks { writing.apply(mutation).await.map(Some) } else { writing.unlocked(mutation).await };
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
            *reason = Some(writing.reason(Fault::Refused(error), mutation).await?);
            return Ok(Fault::Refused(diesel::result::Error::RollbackTransaction));
        }
        Ok(fault)
    };
    match rolled_back.await {
        Ok(fault) => (Err(fault), false),
        // The refusal was the server's last word: it may have come behind the commit.
        Err(lost) => (Err(lost), committing),
    }
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
        let made = creations(&lease, &shared.catalogue, scope.tenant.as_str(), scope.now.millis(), batch).await;
        match lease.back(made).await {
            Ok(outcomes) => return Ok(outcomes.into_iter().map(Ok).collect()),
            Err(fault @ Fault::Lost(_)) => return created(shared, scope, batch, &session, fault).await,
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
                return match fate(shared, scope, &session, told.number.map(Number::Is), "").await {
                    Fate::Gone => Err(fault),
                    Fate::Stands(_) => Ok(told.outcomes),
                    Fate::Unknown => Err(Fault::Store(StoreError::new(StoreErrorKind::Uncertain))),
                };
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

/// The connection was lost while these were made: all of them are there, or none.
async fn created(
    shared: &Shared,
    scope: &Scope,
    batch: &[Mutation],
    session: &str,
    fault: Fault,
) -> Inner<Vec<Inner<Outcome>>> {
    let Some(Mutation { kind, action: Action::Create { id: Some(id), .. }, .. }) = batch.first() else {
        return Err(fault);
    };
    match exists(shared, scope, session, kind, id).await {
        Some(false) => return Err(fault),
        None => return Err(Fault::Store(StoreError::new(StoreErrorKind::Uncertain))),
        Some(true) => {}
    }
    let mut outcomes = Vec::with_capacity(batch.len());
    for mutation in batch {
        if let Action::Create { id: Some(id), .. } = &mutation.action {
            outcomes.push(Ok(reread(shared, scope, mutation, id, made(mutation), Effect::Created).await));
        }
    }
    Ok(outcomes)
}

/// What a transaction of several mutations has come to so far.
#[derive(Default)]
struct Told {
    outcomes: Vec<Inner<Outcome>>,
    /// Was it told to commit?
    committing: bool,
    /// Its number.
    number: Option<i64>,
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
        let mut writing = Writing { lines, ..writing(shared, link, scope, PART) };
        told.outcomes.push(part(&mut writing, scope, mutation).await?);
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
                None if again(scope, &mut tries).await => {}
                None => return Err(Fault::Late),
            },
            fault => return Ok(Err(fault)),
        }
    }
}

/// The answer to a commit was lost. What became of it is read back before anything is said.
async fn unknown(
    shared: &Shared,
    scope: &Scope,
    mutation: &Mutation,
    fault: Fault,
    session: &str,
    number: Option<Number>,
    record: &str,
) -> Inner<Outcome> {
    let uncertain = || Fault::Store(StoreError::new(StoreErrorKind::Uncertain));
    match &mutation.action {
        Action::Create { id: Some(id), .. } => {
            // Ids are given out once: if it is there, it is this one.
            if !exists(shared, scope, session, &mutation.kind, id).await.ok_or_else(uncertain)? {
                return Err(fault);
            }
            Ok(reread(shared, scope, mutation, id, made(mutation), Effect::Created).await)
        }
        Action::Modify { id, change, .. } => {
            let record = match change {
                Change::Known(change) => &change.record.id,
                Change::Of(_) => record,
            };
            match fate(shared, scope, session, number, record).await {
                Fate::Stands(version) => Ok(reread(shared, scope, mutation, id, version, Effect::Changed).await),
                Fate::Gone => Err(fault),
                Fate::Unknown => Err(uncertain()),
            }
        }
        Action::Delete { id, record, .. } => match fate(shared, scope, session, number, &record.id).await {
            Fate::Stands(version) => Ok(plain(id, version, Effect::Deleted)),
            Fate::Gone => Err(fault),
            Fate::Unknown => Err(uncertain()),
        },
        Action::Create { id: None, .. } => Err(uncertain()),
    }
}

/// Waits until a session is gone, so that nothing of it is under way any more.
async fn is_over(link: &Link, session: &str) -> Inner<()> {
    let there = format!("SELECT 1 FROM pg_stat_activity WHERE {SESSION} = $1");
    let asked = Instant::now();
    while link.first(Sql::new(there.clone()).bind(session)).await?.is_some() {
        if asked.elapsed() > SETTLING {
            return Err(Fault::Late);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// What became of a transaction whose commit was not answered.
enum Fate {
    /// It stands, and left the resource of its first change with this version.
    Stands(Version),
    Gone,
    /// It cannot be told.
    Unknown,
}

/// Did the transaction of this number commit? Its lines in the change log tell, for a number alone may be given out again
/// after a crash.
async fn fate(shared: &Shared, scope: &Scope, session: &str, number: Option<Number>, record: &str) -> Fate {
    let (number, end) = match number {
        Some(Number::Is(number)) => (number, number + 1),
        // Among the lines since then it is found by its own number.
        Some(Number::Least(number)) if !record.is_empty() => (number, i64::MAX >> LINES),
        _ => return Fate::Unknown,
    };
    let start = if record.is_empty() { String::new() } else { format!("{{\"id\":{}", serde_json::Value::from(record)) };
    let sql = Sql::new(
        "SELECT record FROM change WHERE position >= $1::bigint << $3::int AND position < $4::bigint << $3::int
         AND starts_with(record, $2) ORDER BY position LIMIT 1",
    );
    let sql = sql.once().bind(number).bind(start).bind(i64::from(LINES)).bind(end);
    let line = found(shared, scope, session, sql).await;
    let logged = |line: &Line| line.text(0, |line| serde_json::from_str::<serde_json::Value>(line).unwrap_or_default());
    match line {
        None => Fate::Unknown,
        Some(None) => Fate::Gone,
        Some(Some(line)) => {
            let logged = logged(&line).unwrap_or_default();
            Fate::Stands(Version::new(logged.get("version").and_then(|version| version.as_str()).unwrap_or_default()))
        }
    }
}

async fn exists(shared: &Shared, scope: &Scope, session: &str, kind: &Kind, id: &ResourceId) -> Option<bool> {
    let sql = Sql::new("SELECT 1 FROM resource WHERE tenant = $1 AND kind = $2 AND id = $3");
    let sql = sql.bind(scope.tenant.as_str()).bind(kind.as_str()).bind(id.as_str());
    found(shared, scope, session, sql).await.map(|line| line.is_some())
}

/// What the statement finds first, now that the session is gone. Asked until the database is back, or the time of the
/// request over: what may have been done must not be called refused. None where that cannot be told.
async fn found(shared: &Shared, scope: &Scope, session: &str, sql: Sql<'_>) -> Option<Option<Line>> {
    let begun = Instant::now();
    loop {
        if let Ok(line) = look(shared, scope, session, sql.clone()).await {
            return Some(line);
        }
        if late(scope).is_err() || begun.elapsed() > shared.options.statement_time {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn look(shared: &Shared, scope: &Scope, session: &str, sql: Sql<'_>) -> Inner<Option<Line>> {
    let lease = shared.lender.lend(Some(&scope.tenant)).await?;
    let done = match is_over(&lease, session).await {
        Ok(()) => lease.first(sql).await,
        Err(fault) => Err(fault),
    };
    lease.back(done).await
}

/// The version of what a creation made.
fn made(mutation: &Mutation) -> Version {
    match &mutation.action {
        Action::Create { change: ChangeSet { history: Some(history), .. }, .. } => history.version.clone(),
        _ => version(1),
    }
}

/// The outcome of a commit that went through, as the resource is now. It is done, and said to be done also where the
/// resource cannot be read in time, or is gone again: then by its version alone.
async fn reread(
    shared: &Shared,
    scope: &Scope,
    mutation: &Mutation,
    id: &ResourceId,
    version: Version,
    effect: Effect,
) -> Outcome {
    let Some(select) = &mutation.reply else { return plain(id, version, effect) };
    let begun = Instant::now();
    loop {
        match read_again(shared, scope, &mutation.kind, id, select).await {
            Err(_) if late(scope).is_ok() && begun.elapsed() < shared.options.statement_time => {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(Some(record)) => {
                let version = record.version.clone();
                return Outcome { id: id.clone(), version, effect, record: Some(Box::new(record)), filled: true };
            }
            Ok(None) | Err(_) => return plain(id, version, effect),
        }
    }
}

async fn read_again(
    shared: &Shared,
    scope: &Scope,
    kind: &Kind,
    id: &ResourceId,
    select: &Select,
) -> Inner<Option<Record>> {
    let (ids, tenant) = (std::slice::from_ref(id), scope.tenant.as_str());
    let read = reading!(shared.lender, Some(&scope.tenant), link => records(link, tenant, kind, ids, select, &select.reverse).await);
    Ok(read?.pop())
}

/// An outcome without a record.
fn plain(id: &ResourceId, version: Version, effect: Effect) -> Outcome {
    Outcome { id: id.clone(), version, effect, record: None, filled: false }
}
