//! How much one read may take in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::{Links, Record, Result, StoreErrorKind};

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
