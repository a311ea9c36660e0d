//! What the planner knows of the tables. PostgreSQL looks at tables that fill up within a minute or so; an import may be over by then,
//! every batch of it done by a plan for tables in which there is nothing.

use std::sync::Arc;

use crate::Shared;
use crate::error::Inner;
use crate::statement::Sql;

/// Mutations behind which it is told to look for the first time.
const FIRST: u64 = 2_000;
/// And how many times as many before it is told again.
const NEXT: u64 = 8;
/// A table that it takes for larger is planned for well enough.
const SMALL: i64 = 10_000;

/// So many mutations come on top of those that this store has made before: has it grown beyond what plans were made for?
fn has_grown(before: u64, count: u64) -> bool {
    let marks = std::iter::successors(Some(FIRST), |mark| mark.checked_mul(NEXT));
    marks.skip_while(|mark| *mark <= before).take(1).any(|mark| mark <= before.saturating_add(count))
}

/// Has the tables looked at where they have grown, beside the caller.
pub(crate) fn grown(shared: &Arc<Shared>, before: u64, count: u64) {
    if !has_grown(before, count) {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        if let Err(fault) = look(&shared).await {
            tracing::debug!(why = %fault.during("analyze"), "the planner goes on with what it knows");
        }
    });
}

async fn look(shared: &Shared) -> Inner<()> {
    let lease = shared.lender.lend(None).await?;
    let looked = async {
        let small = Sql::new("SELECT 1 FROM pg_class WHERE oid = 'resource'::regclass AND reltuples < $1").once();
        if lease.first(small.bind(SMALL)).await?.is_some() {
            lease.batch("ANALYZE resource, claim, term, link").await?;
        }
        Ok(())
    };
    let looked = looked.await;
    lease.back(looked).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_looked_at_again_when_they_are_several_times_as_large() {
        assert!(!has_grown(0, 1_999) && has_grown(0, 2_000) && has_grown(1_999, 1) && !has_grown(2_000, 1));
        assert!(!has_grown(2_000, 13_999) && has_grown(2_000, 14_000) && has_grown(15_000, 1_000_000));
        assert!(!has_grown(u64::MAX - 1, 1));
    }
}
