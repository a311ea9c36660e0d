//! Walks by `startIndex` remember where their last page ended, so that the next page starts behind its last resource
//! and not at an offset: no cost that grows with depth, and nobody lost when others are deleted meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;

use super::Position;

/// Where walks are. Bounded in number and in time; a walk that was forgotten goes on by offset.
#[derive(Debug)]
pub struct Memo {
    most: usize,
    seconds: u64,
    walks: Mutex<Walks>,
}

#[derive(Debug, Default)]
struct Walks {
    ends: HashMap<Step, (Position, Timestamp)>,
    oldest: VecDeque<Step>,
}

/// A query of a caller (as a digest, so that keys are small whatever the filter), and the index its next page starts at.
type Step = (u64, u64);

impl Memo {
    /// Remembers `most` steps for so many seconds.
    pub fn new(most: usize, seconds: u64) -> Self {
        Memo { most, seconds, walks: Mutex::default() }
    }

    /// The position behind which the page at `start` begins, if this caller's query got there a short while ago.
    pub fn recall(&self, fingerprint: &str, start: u64, now: Timestamp) -> Option<Position> {
        let walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        let (position, since) = walks.ends.get(&(digest(fingerprint), start))?;
        let life = i64::try_from(self.seconds).unwrap_or(i64::MAX);
        (now <= since.plus_seconds(life)).then(|| position.clone())
    }

    /// The page that ended just before `next` ended here.
    pub fn remember(&self, fingerprint: &str, next: u64, position: Position, now: Timestamp) {
        let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        let step = (digest(fingerprint), next);
        if walks.ends.insert(step, (position, now)).is_none() {
            walks.oldest.push_back(step);
        }
        while walks.oldest.len() > self.most {
            if let Some(step) = walks.oldest.pop_front() {
                walks.ends.remove(&step);
            }
        }
    }
}

fn digest(fingerprint: &str) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::OnceLock;
    static STATE: OnceLock<RandomState> = OnceLock::new();
    STATE.get_or_init(RandomState::new).hash_one(fingerprint)
}
