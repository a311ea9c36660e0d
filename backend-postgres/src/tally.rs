//! How many resources there are, and how many of them a filter accepts: exact, and counted once as long as nothing moves.
//!
//! Every write that moves index rows adds one to a count of its own session. Whoever sees the same sum of these sees the
//! same index rows, so what was counted by them holds as long as the sum does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The attribute under which writes that move index rows are counted. No attribute is called so.
pub(crate) const MOVES: &str = "*";

/// The sum of a type's resources.
pub(crate) const RESOURCES: &str =
    "(SELECT coalesce(sum(n), 0)::bigint FROM tally WHERE tenant = $1 AND kind = $2 AND attr = '')";

/// The sum of the writes that moved index rows of a type.
pub(crate) const MOVED: &str =
    "(SELECT coalesce(sum(n), 0)::bigint FROM tally WHERE tenant = $1 AND kind = $2 AND attr = '*')";

/// Counts that are remembered; more than these are forgotten all at once.
const MOST: usize = 10_000;

/// What was counted, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// The sum of moves then.
    pub moved: i64,
    /// Resources that the filter accepts.
    pub matching: u64,
    /// Resources of the type.
    pub of: u64,
}

/// How many a filter accepts, for a window of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matching {
    /// Sorting them is the shortest way.
    Few,
    /// So many that going through all in order of ids, no further than a window ends, looks at fewer rows.
    Many,
    /// Many, and at least half of all.
    Most,
}

impl Counted {
    /// How many they are, seen from this window.
    pub(crate) fn seen_from(&self, skip: u64, count: u32) -> Matching {
        let window = u128::from(skip) + u128::from(count) + 1;
        let matching = u128::from(self.matching);
        if window * u128::from(self.of) >= matching * matching {
            Matching::Few
        } else if matching * 2 < u128::from(self.of) {
            Matching::Many
        } else {
            Matching::Most
        }
    }
}

/// Of which list: tenant, type, the number of its indexes, the filter.
pub(crate) type List = (String, String, Option<i64>, String);

/// The counts of lists.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<HashMap<List, Counted>>);

impl Counts {
    /// What was counted last, be it still so or not.
    pub(crate) fn last(&self, list: &List) -> Option<Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(list).copied()
    }

    /// Remembers.
    pub(crate) fn keep(&self, list: List, counted: Counted) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(list, counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_sorted_and_many_are_gone_through_in_order() {
        let counted = |matching, of| Counted { moved: 0, matching, of };
        assert_eq!(counted(0, 100_000).seen_from(0, 100), Matching::Few);
        assert_eq!(counted(1_000, 100_000).seen_from(0, 100), Matching::Few);
        assert_eq!(counted(10_000, 100_000).seen_from(0, 100), Matching::Many);
        // Far behind the beginning most are gone through.
        assert_eq!(counted(10_000, 100_000).seen_from(5_000, 100), Matching::Few);
        assert_eq!(counted(49_999, 100_000).seen_from(0, 100), Matching::Many);
        assert_eq!(counted(50_000, 100_000).seen_from(0, 100), Matching::Most);
        assert_eq!(counted(100_000, 100_000).seen_from(5_000, 100), Matching::Most);
    }
}
