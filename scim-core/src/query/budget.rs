//! How much one read may take in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::{Links, Record, Result, StoreError, StoreErrorKind};

/// What a link takes, roughly: two ids, and what it shows.
const LINK: usize = 128;

/// Bytes of documents and links that a read may take in, all its records together; clones share what is left of them. Without
/// bound by default. Stores that keep no memory busy with what they give need not look at it.
#[derive(Debug, Clone, Default)]
pub struct Budget(Option<Arc<Purse>>);

#[derive(Debug)]
struct Purse {
    all: usize,
    left: AtomicUsize,
}

impl Budget {
    /// So many bytes.
    pub fn of(bytes: usize) -> Self {
        Budget(Some(Arc::new(Purse { all: bytes, left: AtomicUsize::new(bytes) })))
    }

    /// What was taken in is given up, and all of it read again.
    pub fn anew(&self) {
        if let Some(purse) = &self.0 {
            purse.left.store(purse.all, Ordering::Relaxed);
        }
    }

    /// Takes in so many bytes.
    ///
    /// # Errors
    /// `Heavy` where they are more than what is left.
    pub fn spend(&self, bytes: usize) -> Result<()> {
        let Some(purse) = &self.0 else { return Ok(()) };
        let spent = purse.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        spent.map(|_| ()).map_err(|_| StoreErrorKind::Heavy.into())
    }

    /// Takes in the links of a record.
    ///
    /// # Errors
    /// As [`Budget::spend`].
    pub fn spend_links(&self, links: &[Links]) -> Result<()> {
        if self.0.is_none() {
            return Ok(());
        }
        self.spend(links.iter().map(|links| links.links.len()).sum::<usize>().saturating_mul(LINK))
    }
}

/// Bytes of a piece of a scan.
const PIECE: usize = 8 << 20;

/// How many resources a scan reads at a time: fewer of those that take much. For stores.
#[derive(Debug, Clone, Copy)]
pub struct Pace(usize);

impl Pace {
    /// So many, where they take no more than others do.
    pub fn new(most: usize) -> Self {
        Pace(most.max(1))
    }

    /// So many in the next piece.
    pub fn count(self) -> usize {
        self.0
    }

    /// What the next piece may take in. One resource may take what it takes.
    pub fn budget(self) -> Budget {
        if self.0 > 1 { Budget::of(PIECE) } else { Budget::default() }
    }

    /// Is the piece to be read again, with fewer? It failed so.
    pub fn slower(&mut self, failed: &StoreError) -> bool {
        let again = self.0 > 1 && matches!(failed.kind, StoreErrorKind::Heavy);
        if again {
            self.0 -= self.0 / 2;
        }
        again
    }
}

/// What records weigh, in the bytes of a [`Budget`].
pub fn weight(records: &[Record]) -> usize {
    let links =
        |record: &Record| record.links.iter().map(|links| links.links.len()).sum::<usize>().saturating_mul(LINK);
    records.iter().map(|record| record.document.as_str().len().saturating_add(links(record))).sum()
}

/// It says how much of what is read, and not what.
impl PartialEq for Budget {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_goes_slower_until_it_takes_one_at_a_time() {
        let (mut pace, heavy) = (Pace::new(1_000), StoreError::new(StoreErrorKind::Heavy));
        let mut counts = vec![pace.count()];
        while pace.slower(&heavy) {
            counts.push(pace.count());
        }
        assert_eq!(counts, [1_000, 500, 250, 125, 63, 32, 16, 8, 4, 2, 1]);
        pace.budget().spend(usize::MAX).unwrap();
        assert!(Pace::new(2).budget().spend(PIECE + 1).is_err());
        assert!(!Pace::new(2).slower(&StoreErrorKind::Unavailable.into()));
    }

    #[test]
    fn clones_share_what_is_left() {
        let budget = Budget::of(10);
        let other = budget.clone();
        budget.spend(6).unwrap();
        assert!(matches!(other.spend(5).unwrap_err().kind, StoreErrorKind::Heavy));
        other.spend(4).unwrap();
        assert!(budget.spend(1).is_err());
        other.anew();
        budget.spend(10).unwrap();
        Budget::default().spend(usize::MAX).unwrap();
    }
}
