//! The layout of the database and its history. Every step is one transaction, and leaves the programs of the step before
//! working; a newer layout is refused.

use crate::amend::LINES;
use crate::connection::{LOCKS, Link};
use crate::error::{Fault, OpenError};
use crate::statement::Sql;

/// The steps from an empty database to today's layout. Only ever appended to; the table `layout` counts those taken.
const STEPS: &[&str] = &[
    include_str!("layout/001.sql"),
    include_str!("layout/002.sql"),
    include_str!("layout/003.sql"),
    include_str!("layout/004.sql"),
    include_str!("layout/005.sql"),
];

/// How many steps this program knows.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(crate) const LAYOUT: i64 = STEPS.len() as i64;

/// Brings the database to today's layout; who only looks is refused instead, but for an empty one. Of processes that start together one
/// takes the steps; the others wait for it.
pub(crate) async fn migrate(link: &Link, look: bool) -> Result<(), OpenError> {
    match check(link).await? {
        LAYOUT => return Ok(()),
        found if look && found > 0 => return Err(OpenError::Older { found, known: LAYOUT }),
        _ => {}
    }
    let layout = |fault: Fault| OpenError::Layout { why: fault.during("migrate").to_string() };
    for (step, number) in STEPS.iter().zip(1i64..) {
        let lock = format!("BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCKS}, 0)");
        link.patiently(&lock).await.map_err(layout)?;
        // Another process may have taken the step while this one waited.
        if check(link).await? < number {
            link.patiently(step).await.map_err(layout)?;
            let count = Sql::new("UPDATE layout SET steps = $1").once().bind(number);
            link.run(count).await.map_err(layout)?;
        }
        link.batch("COMMIT").await.map_err(layout)?;
    }
    Ok(())
}

/// Where the cluster's transaction numbers are behind those of the change log, as after a restore from a dump, lines are
/// numbered from where the log ends.
pub(crate) async fn catch_up(link: &Link) -> Result<(), OpenError> {
    let layout = |fault: Fault| OpenError::Layout { why: fault.during("migrate").to_string() };
    let last =
        format!("(SELECT greatest((SELECT max(position) FROM change), (SELECT max(upto) FROM consumer)) >> {LINES})");
    let sql = Sql::new(format!(
        "UPDATE epoch SET lead = {last} + 1 - pg_snapshot_xmin(pg_current_snapshot())::text::bigint
         WHERE lead + pg_snapshot_xmax(pg_current_snapshot())::text::bigint <= {last}"
    ));
    link.run(sql.once()).await.map(drop).map_err(layout)
}

/// The layout of the database, 0 for an empty one; refuses newer ones.
async fn check(link: &Link) -> Result<i64, OpenError> {
    let unread = |fault: Fault| OpenError::Layout { why: fault.during("migrate").to_string() };
    // Looked up in the catalogue's own rows: what the session remembers of names may be from before the lock.
    let there = Sql::new(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class
           WHERE relname = 'layout' AND relnamespace = current_schema()::regnamespace)",
    );
    let there = there.once();
    let there = link.first(there).await.map_err(unread)?;
    if !there.map_or(Ok(false), |line| line.truth(0)).map_err(unread)? {
        return Ok(0);
    }
    let steps = link.first(Sql::new("SELECT steps FROM layout").once()).await.map_err(unread)?;
    let found = steps.map_or(Ok(0), |line| line.int(0)).map_err(unread)?;
    if found > LAYOUT { Err(OpenError::Newer { found, known: LAYOUT }) } else { Ok(found) }
}
