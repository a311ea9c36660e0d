//! The layout of the database and its history. Every step is one transaction, and leaves the programs of the step before
//! working; a newer layout is refused.

use crate::connection::{LOCKS, Link};
use crate::error::{Fault, OpenError};
use crate::statement::Sql;

/// The steps from an empty database to today's layout. Only ever appended to; the table `layout` counts those taken.
const STEPS: &[&str] = &[include_str!("layout/001.sql")];

/// How many steps this program knows.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(crate) const LAYOUT: i64 = STEPS.len() as i64;

/// Brings the database to today's layout. Of processes that start together one takes the steps; the others wait for it.
pub(crate) async fn migrate(link: &Link) -> Result<(), OpenError> {
    if check(link).await? == LAYOUT {
        return Ok(());
    }
    let layout = |fault: Fault| OpenError::Layout { why: fault.during("migrate").to_string() };
    for (step, number) in STEPS.iter().zip(1i64..) {
        let lock = format!("BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCKS}, 0)");
        link.batch(&lock).await.map_err(layout)?;
        // Another process may have taken the step while this one waited.
        if check(link).await? < number {
            link.batch(step).await.map_err(layout)?;
            let count = Sql::new("UPDATE layout SET steps = $1").once().bind(number);
            link.run(count).await.map_err(layout)?;
        }
        link.batch("COMMIT").await.map_err(layout)?;
    }
    Ok(())
}

/// The layout of the database, 0 for an empty one; refuses newer ones.
async fn check(link: &Link) -> Result<i64, OpenError> {
    let unread = |fault: Fault| OpenError::Layout { why: fault.during("migrate").to_string() };
    let there = Sql::new("SELECT to_regclass('layout') IS NOT NULL").once();
    let there = link.first(there).await.map_err(unread)?;
    if !there.map_or(Ok(false), |line| line.truth(0)).map_err(unread)? {
        return Ok(0);
    }
    let steps = link.first(Sql::new("SELECT steps FROM layout").once()).await.map_err(unread)?;
    let found = steps.map_or(Ok(0), |line| line.int(0)).map_err(unread)?;
    if found > LAYOUT { Err(OpenError::Newer { found, known: LAYOUT }) } else { Ok(found) }
}
