//! A worker that has answered its only client looks for the next request for a moment before it sleeps.
//!
//! To wake a sleeping processor takes longer than many a request, above all on a virtual machine, whose host has to be asked
//! (`docs/decisions/0032-awake-for-the-only-client.md`).

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long it looks.
const MOMENT: Duration = Duration::from_micros(200);

/// So many requests in a row must have come within that time after the answer before it.
const IN_A_ROW: u32 = 8;

/// What one worker knows of the pauses between its requests.
#[derive(Debug)]
pub struct Linger {
    /// Is there a processor beside the one that looks?
    spare: bool,
    pace: Cell<Pace>,
    /// Until when it looks; None while a request is in work, and once the moment is over.
    until: Cell<Option<Instant>>,
    /// A task looks already.
    looking: Cell<bool>,
}

/// How fast requests follow answers.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    answered: Option<Instant>,
    /// Requests in a row that came soon.
    soon: u32,
}

impl Pace {
    fn arrived(self, at: Instant) -> Pace {
        let soon = self.answered.is_some_and(|answered| at.saturating_duration_since(answered) < MOMENT);
        Pace { answered: None, soon: if soon { self.soon.saturating_add(1) } else { 0 } }
    }

    fn answered(self, at: Instant) -> Pace {
        Pace { answered: Some(at), ..self }
    }

    /// Is the next request likely to come soon?
    fn is_quick(self) -> bool {
        self.soon >= IN_A_ROW
    }
}

impl Linger {
    /// For one of so many workers: there are as many as processors. A lone one sleeps, so that the client can run.
    pub fn one_of(workers: usize) -> Self {
        Linger { spare: workers > 1, pace: Cell::default(), until: Cell::default(), looking: Cell::default() }
    }

    /// A request has come.
    pub fn arrived(&self, at: Instant) {
        self.until.set(None);
        self.pace.set(self.pace.get().arrived(at));
    }

    /// It was answered. `alone` tells whether its connection is the only one: with others, processors are better used for
    /// them than for waiting. Must be called inside the runtime of a worker.
    pub fn answered(self: &Rc<Self>, at: Instant, alone: impl FnOnce() -> bool) {
        self.pace.set(self.pace.get().answered(at));
        if self.spare && self.pace.get().is_quick() && alone() {
            self.until.set(Some(at + MOMENT));
            if !self.looking.replace(true) {
                tracing::trace!("waiting awake for the next request");
                actix_web::rt::spawn(self.clone().look());
            }
        }
    }

    /// Between two steps of a task the runtime looks for what sockets bring; only where there is nothing to do it sleeps.
    async fn look(self: Rc<Self>) {
        while self.until.get().is_some_and(|until| Instant::now() < until) {
            tokio::task::yield_now().await;
        }
        self.looking.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many requests, each this long after the answer before it.
    fn pace(start: Instant, requests: u32, pause: Duration) -> Pace {
        (0..requests).fold(Pace::default().answered(start), |pace, number| {
            let at = start + pause * (number + 1);
            pace.arrived(at).answered(at)
        })
    }

    #[test]
    fn only_requests_that_follow_each_other_at_once_are_waited_for_awake() {
        let start = Instant::now();
        assert!(pace(start, IN_A_ROW, MOMENT / 2).is_quick());
        assert!(!pace(start, IN_A_ROW - 1, MOMENT / 2).is_quick());
        assert!(!pace(start, 10 * IN_A_ROW, MOMENT).is_quick());
        assert!(!Pace::default().arrived(start).is_quick(), "the first request follows no answer");
        let once_late = pace(start, 10 * IN_A_ROW, MOMENT / 2).arrived(start + Duration::from_secs(1));
        assert!(!once_late.is_quick(), "one pause, and it begins anew");
    }

    #[tokio::test]
    async fn the_look_ends_with_the_moment_or_with_a_request() {
        let local = tokio::task::LocalSet::new();
        let looks = local.run_until(async {
            let linger = Rc::new(Linger::one_of(2));
            let start = Instant::now();
            linger.pace.set(pace(start, IN_A_ROW, MOMENT / 2));
            linger.answered(start, || false);
            assert!(!linger.looking.get(), "others are there");

            let lone = Rc::new(Linger::one_of(1));
            lone.pace.set(linger.pace.get());
            lone.answered(start, || true);
            assert!(!lone.looking.get(), "the client needs the processor");

            linger.answered(Instant::now(), || true);
            assert!(linger.looking.get());
            while linger.looking.get() {
                tokio::task::yield_now().await;
            }
            assert!(start.elapsed() >= MOMENT);

            linger.answered(Instant::now() + Duration::from_secs(3_600), || true);
            assert!(linger.looking.get());
            linger.arrived(Instant::now());
            while linger.looking.get() {
                tokio::task::yield_now().await;
            }
        });
        tokio::time::timeout(Duration::from_secs(60), looks).await.unwrap();
    }
}
