//! For how long a comparison counts, and when to compare again: no clock and no directory here.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Agreement;

/// How long a comparison counts.
const LIFE: Duration = Duration::from_secs(3_600);
/// Between two comparisons at least; and so many times what the last one took.
const PAUSE: Duration = Duration::from_secs(60);
const TIMES: u32 = 20;

/// How far `memberOf` may be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reliance {
    /// May somebody be in a group through one that is never shown?
    pub(crate) strangers: bool,
}

/// What is thought of `memberOf` of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Belief {
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    compares: bool,
    last: Option<Compared>,
}

#[derive(Debug)]
struct Compared {
    begun: Instant,
    ended: Instant,
    /// Servers that were lost until it began.
    losses: u64,
    agreement: Agreement,
}

impl Belief {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May it be relied on now, when so many servers were lost?
    pub(crate) fn reliance(&self, now: Instant, losses: u64) -> Option<Reliance> {
        let standing = self.lock();
        let last = standing.last.as_ref().filter(|last| last.counts(now, losses))?;
        match last.agreement {
            Agreement::Yes { strangers, .. } => Some(Reliance { strangers }),
            Agreement::No(_) | Agreement::Nothing => None,
        }
    }

    /// Shall the caller compare now? Whoever is told so says later what came of it.
    pub(crate) fn begin(&self, now: Instant, losses: u64) -> bool {
        let mut standing = self.lock();
        let due = standing.last.as_ref().is_none_or(|last| last.is_due(now, losses));
        let begins = due && !standing.compares;
        standing.compares |= begins;
        begins
    }

    /// What came of it, where it could be found out. True: something else than before.
    pub(crate) fn end(&self, begun: Instant, ended: Instant, losses: u64, agreement: Option<Agreement>) -> bool {
        let mut standing = self.lock();
        standing.compares = false;
        let agreement = agreement.unwrap_or(Agreement::Nothing);
        let is_yes = |agreement: &Agreement| matches!(agreement, Agreement::Yes { .. });
        let news = standing.last.as_ref().is_none_or(|last| is_yes(&last.agreement) != is_yes(&agreement));
        standing.last = Some(Compared { begun, ended, losses, agreement });
        news
    }
}

impl Compared {
    fn counts(&self, now: Instant, losses: u64) -> bool {
        self.losses == losses && now.saturating_duration_since(self.begun) < LIFE
    }

    fn is_due(&self, now: Instant, losses: u64) -> bool {
        let rested = now.saturating_duration_since(self.ended)
            >= PAUSE.max(self.ended.saturating_duration_since(self.begun) * TIMES);
        rested && (self.agreement == Agreement::Nothing || !self.counts(now, losses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Agreement = Agreement::Yes { memberships: 1, strangers: false };

    fn after(begun: Instant, seconds: u64) -> Instant {
        begun + Duration::from_secs(seconds)
    }

    #[test]
    fn an_agreement_counts_for_a_while_and_for_the_servers_it_was_found_on() {
        let (belief, now) = (Belief::default(), Instant::now());
        assert_eq!(belief.reliance(now, 0), None);
        assert!(belief.begin(now, 0));
        assert!(!belief.begin(now, 0), "one comparison at a time");
        assert!(belief.end(now, after(now, 1), 0, Some(YES)));
        assert_eq!(belief.reliance(after(now, 3_599), 0), Some(Reliance { strangers: false }));
        assert_eq!(belief.reliance(after(now, 3_600), 0), None);
        assert_eq!(belief.reliance(after(now, 2), 1), None, "a server was lost");
        assert!(!belief.begin(after(now, 2), 1), "not so soon");
        assert!(!belief.begin(after(now, 3_599), 0), "it still counts");
        assert!(belief.begin(after(now, 61), 1));
    }

    #[test]
    fn what_differs_is_not_compared_again_at_once() {
        let (belief, now) = (Belief::default(), Instant::now());
        assert!(belief.begin(now, 0));
        assert!(belief.end(now, after(now, 10), 0, Some(Agreement::No("it lacks one".into()))));
        assert_eq!(belief.reliance(after(now, 20), 0), None);
        assert!(!belief.begin(after(now, 3_599), 0));
        assert!(belief.begin(after(now, 3_600), 0));
        assert!(!belief.end(after(now, 3_600), after(now, 3_610), 0, None), "nothing new");
        assert!(!belief.begin(after(now, 3_800), 0), "what took ten seconds rests for two hundred");
        assert!(belief.begin(after(now, 3_810), 0));
        assert!(belief.end(after(now, 3_810), after(now, 3_811), 0, Some(YES)));
    }
}
