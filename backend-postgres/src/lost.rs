//! What became of a commit whose answer was lost: read back before anything is said.
//!
//! The change log tells, once the session that wrote is gone. What every consumer has acknowledged is no longer in it: then the
//! resource itself tells, as far as it can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scim_core::change::{Action, ChangeSet, Effect, Mutation, Outcome};
use scim_core::document::Document;
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{Record, ResourceId, Scope, StoreError, StoreErrorKind, Version};

use crate::Shared;
use crate::amend::LINES;
use crate::commit::{late, plain};
use crate::connection::{Link, SESSION};
use crate::error::{Fault, Inner};
use crate::links::{Alone, Done};
use crate::pool::reading;
use crate::read::{records, version};
use crate::statement::{Line, Sql};

/// How long to wait until the server has noticed that a session is gone.
const SETTLING: Duration = Duration::from_secs(5);
/// Between two looks at what becomes so by itself.
const PAUSE: Duration = Duration::from_millis(50);

/// What a transaction that was told to commit is known by.
pub(crate) struct Trace {
    /// The session that it ran in.
    pub session: Arc<str>,
    pub number: Option<Number>,
    /// The id of the first line of the change log that it wrote; empty where there is none.
    pub record: String,
    /// What it left the resource with; None where that is not known.
    pub made: Option<Made>,
}

/// What is known of the number of a transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Is(i64),
    /// It began behind that of this number.
    Least(i64),
}

/// What a change leaves a resource with.
pub(crate) struct Made {
    pub version: i64,
    pub modified: i64,
    pub document: Document,
}

/// What became of it.
enum Fate {
    /// It stands, and left the resource of its first change with this version.
    Stands(Version),
    Gone,
    /// It cannot be told.
    Unknown,
}

fn uncertain() -> Fault {
    StoreError::new(StoreErrorKind::Uncertain).into()
}

/// What became of one mutation.
pub(crate) async fn one(
    shared: &Shared,
    scope: &Scope,
    mutation: &Mutation,
    fault: Fault,
    trace: &Trace,
) -> Inner<Outcome> {
    let kind = &mutation.kind;
    let (id, effect) = match &mutation.action {
        Action::Create { id: Some(id), .. } => {
            // Ids are given out once: if it is there, it is this one.
            if !exists(shared, scope, &trace.session, kind, id).await.ok_or_else(uncertain)? {
                return Err(fault);
            }
            return Ok(reread(shared, scope, mutation, id, first(mutation), Effect::Created).await);
        }
        Action::Create { id: None, .. } => return Err(uncertain()),
        Action::Modify { id, .. } => (id, Effect::Changed),
        Action::Delete { id, .. } => (id, Effect::Deleted),
    };
    let fate = match fate(shared, scope, trace).await {
        Fate::Unknown => left(shared, scope, trace, effect, kind, id).await,
        known => known,
    };
    match fate {
        Fate::Stands(version) if effect == Effect::Deleted => Ok(plain(id, version, effect)),
        Fate::Stands(version) => Ok(reread(shared, scope, mutation, id, version, effect).await),
        Fate::Gone => Err(fault),
        Fate::Unknown => Err(uncertain()),
    }
}

/// What became of several in one transaction.
pub(crate) async fn several(
    shared: &Shared,
    scope: &Scope,
    trace: &Trace,
    outcomes: Vec<Inner<Outcome>>,
    fault: Fault,
) -> Inner<Vec<Inner<Outcome>>> {
    match fate(shared, scope, trace).await {
        Fate::Stands(_) => Ok(outcomes),
        Fate::Gone => Err(fault),
        Fate::Unknown => Err(uncertain()),
    }
}

/// What became of creations in one transaction: all of them are there, or none.
pub(crate) async fn creations(
    shared: &Shared,
    scope: &Scope,
    batch: &[Mutation],
    session: &str,
    fault: Fault,
) -> Inner<Vec<Inner<Outcome>>> {
    let Some(Mutation { kind, action: Action::Create { id: Some(id), .. }, .. }) = batch.first() else {
        return Err(fault);
    };
    if !exists(shared, scope, session, kind, id).await.ok_or_else(uncertain)? {
        return Err(fault);
    }
    let mut outcomes = Vec::with_capacity(batch.len());
    for mutation in batch {
        if let Action::Create { id: Some(id), .. } = &mutation.action {
            outcomes.push(Ok(reread(shared, scope, mutation, id, first(mutation), Effect::Created).await));
        }
    }
    Ok(outcomes)
}

/// One edit of links, made once more as soon as there is a database again: done twice is done once. Where it expects a version, the
/// first time may have moved it; `record` is the id of its line of the change log.
pub(crate) async fn edit(
    shared: &Shared,
    scope: &Scope,
    alone: &Alone<'_>,
    record: &str,
    session: Arc<str>,
) -> Inner<Done> {
    let done = loop {
        match once_more(shared, scope, alone, &session).await {
            Err(Fault::Lost(_)) if late(scope).is_ok() && scope.deadline.is_some() => tokio::time::sleep(PAUSE).await,
            Err(Fault::Lost(_) | Fault::Late) => return Err(uncertain()),
            done => break done,
        }
    };
    match done {
        Err(Fault::Store(stale)) if alone.versions.is_some() && matches!(stale.kind, StoreErrorKind::Stale) => {
            let trace = Trace { session, number: Some(Number::Least(0)), record: record.to_owned(), made: None };
            match fate(shared, scope, &trace).await {
                Fate::Stands(version) => {
                    Ok(Done { version: version.as_str().parse().map_err(|_| uncertain())?, changed: true })
                }
                Fate::Gone => Err(stale.into()),
                Fate::Unknown => Err(uncertain()),
            }
        }
        done => done,
    }
}

async fn once_more(shared: &Shared, scope: &Scope, alone: &Alone<'_>, session: &str) -> Inner<Done> {
    let lease = shared.lender.lend(Some(&scope.tenant)).await?;
    let done = match is_over(&lease, session).await {
        Ok(()) => alone.run(&lease).await,
        Err(fault) => Err(fault),
    };
    lease.back(done).await
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

/// Did the transaction commit? Its lines in the change log tell, for a number alone may be given out again after a crash. Where
/// lines since then have gone, there may have been one.
async fn fate(shared: &Shared, scope: &Scope, trace: &Trace) -> Fate {
    let record = &trace.record;
    let (number, end) = match trace.number {
        Some(Number::Is(number)) => (number, number + 1),
        // Among the lines since then it is found by its own number.
        Some(Number::Least(number)) if !record.is_empty() => (number, i64::MAX >> LINES),
        _ => return Fate::Unknown,
    };
    let start = if record.is_empty() {
        String::new()
    } else {
        format!("{{\"id\":{}", serde_json::Value::from(record.as_str()))
    };
    let sql = Sql::new(
        "SELECT (SELECT record FROM change WHERE position >= $1::bigint << $3::int AND position < $4::bigint << $3::int
             AND starts_with(record, $2) ORDER BY position DESC LIMIT 1),
           coalesce((SELECT min(upto) FROM consumer) >= $1::bigint << $3::int, false)",
    );
    let sql = sql.once().bind(number).bind(start).bind(i64::from(LINES)).bind(end);
    let Some(Some(line)) = found(shared, scope, &trace.session, sql).await else { return Fate::Unknown };
    match (line.opt_text(0), line.truth(1)) {
        (Ok(Some(line)), _) => {
            let logged = serde_json::from_str::<serde_json::Value>(&line).unwrap_or_default();
            Fate::Stands(Version::new(logged.get("version").and_then(|version| version.as_str()).unwrap_or_default()))
        }
        (Ok(None), Ok(false)) => Fate::Gone,
        _ => Fate::Unknown,
    }
}

/// What the resource itself tells of what was to be done to it.
async fn left(shared: &Shared, scope: &Scope, trace: &Trace, effect: Effect, kind: &Kind, id: &ResourceId) -> Fate {
    let sql = Sql::new("SELECT version, modified, document FROM resource WHERE tenant = $1 AND kind = $2 AND id = $3");
    let sql = sql.bind(scope.tenant.as_str()).bind(kind.as_str()).bind(id.as_str());
    let Some(Some(line)) = found(shared, scope, &trace.session, sql).await else { return Fate::Unknown };
    match (&trace.made, line.int(0), line.int(1), line.text(2, str::to_owned)) {
        (None, Ok(_), ..) if effect == Effect::Deleted => Fate::Gone,
        (Some(made), Ok(now), ..) if now < made.version => Fate::Gone,
        (Some(made), Ok(now), Ok(modified), Ok(document))
            if (now, modified, document.as_str()) == (made.version, made.modified, made.document.as_str()) =>
        {
            Fate::Stands(version(now))
        }
        _ => Fate::Unknown,
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
fn first(mutation: &Mutation) -> Version {
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
