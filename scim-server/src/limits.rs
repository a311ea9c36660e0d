//! Fair shares: how many requests of one tenant are in work, how many wait, how many come a second. A tenant that
//! floods the server fills its own queue only. Who sends a body takes part once it is there: sending slowly holds up
//! nobody but, where it is large, others who send as much; and so does reading large answers slowly.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scim_core::limits::Limits;
use scim_core::{ErrorKind, ScimError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The share of one tenant.
#[derive(Debug)]
pub struct Admission {
    work: Semaphore,
    arriving: Semaphore,
    waiting: AtomicUsize,
    most_waiting: usize,
    rate: Option<Rate>,
    unsent: Arc<AtomicUsize>,
    most_unsent: usize,
}

impl Admission {
    /// As the limits say.
    pub fn new(limits: &Limits) -> Self {
        Admission {
            work: Semaphore::new(limits.in_work.min(Semaphore::MAX_PERMITS)),
            arriving: Semaphore::new(limits.in_work.min(Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            most_waiting: limits.waiting,
            rate: (limits.rate > 0).then(|| Rate::new(limits.rate)),
            unsent: Arc::default(),
            most_unsent: limits.unsent,
        }
    }

    /// Counts so many bytes of an answer until they are sent. None where others leave too little room; an answer by itself always has
    /// room, and so has one that `must` be given.
    pub fn hold(&self, bytes: usize, must: bool) -> Option<Held> {
        let more = |unsent: usize| {
            let all = unsent.saturating_add(bytes);
            (must || unsent == 0 || all <= self.most_unsent).then_some(all)
        };
        self.unsent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Held { unsent: self.unsent.clone(), bytes })
    }

    /// One more request. 429 over the rate, which says when to come back.
    pub fn pace(&self, now: Instant) -> Result<(), ScimError> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let detail = "this tenant sends more requests a second than it may; wait and send again";
        rate.take(now).map_err(|wait| later(ErrorKind::TooManyRequests, detail, wait))
    }

    /// A place at work, in order of arrival. 503 where too many wait already, or none came free by `until`; nothing was done.
    pub async fn enter(&self, until: Instant) -> Result<SemaphorePermit<'_>, ScimError> {
        self.place(&self.work, until).await
    }

    /// A place for a body that is large, or may be, while it arrives: they are held in memory until they are whole.
    /// 503 as for `enter`.
    pub async fn receive(&self, until: Instant) -> Result<SemaphorePermit<'_>, ScimError> {
        self.place(&self.arriving, until).await
    }

    async fn place<'a>(&'a self, places: &'a Semaphore, until: Instant) -> Result<SemaphorePermit<'a>, ScimError> {
        if let Ok(permit) = places.try_acquire() {
            return Ok(permit);
        }
        let _place = Waiting::join(&self.waiting, self.most_waiting).ok_or_else(busy)?;
        match tokio::time::timeout_at(until.into(), places.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

/// Bytes of an answer that is not sent yet.
#[derive(Debug)]
pub struct Held {
    unsent: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unsent.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn busy() -> ScimError {
    let detail = "too many requests of this tenant are waiting; wait and send again";
    later(ErrorKind::Unavailable, detail, Duration::from_secs(1))
}

/// An error that says when to come back.
pub fn later(kind: ErrorKind, detail: &'static str, wait: Duration) -> ScimError {
    ScimError { retry_after: Some(wait), ..ScimError::new(kind, detail) }
}

/// A place in the queue, given back when the waiting ends, however it ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let place = Waiting(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// So many a second, and as many at once.
#[derive(Debug)]
struct Rate {
    step: Duration,
    burst: Duration,
    /// When the bucket will be full again.
    full_at: Mutex<Option<Instant>>,
}

impl Rate {
    fn new(a_second: u32) -> Self {
        let step = Duration::from_secs(1) / a_second.max(1);
        Rate { step, burst: Duration::from_secs(1), full_at: Mutex::new(None) }
    }

    /// Takes one. Err: when there will be one.
    fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let then = full_at.unwrap_or(now).max(now) + self.step;
        let ahead = then.duration_since(now);
        if ahead > self.burst {
            return Err(ahead - self.burst);
        }
        *full_at = Some(then);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(in_work: usize, waiting: usize, rate: u32) -> Admission {
        Admission::new(&Limits { in_work, waiting, rate, ..Limits::default() })
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn who_waits_in_vain_is_told_that_nothing_was_done() {
        let admission = admission(1, 1, 0);
        let _at_work = admission.enter(soon()).await.unwrap();
        let _body = admission.receive(soon()).await.unwrap();
        for refused in [admission.enter(Instant::now()).await, admission.receive(Instant::now()).await] {
            let refused = refused.unwrap_err();
            assert!(refused.kind == ErrorKind::Unavailable && refused.retry_after.is_some());
            assert_eq!(refused.detail, busy().detail);
        }
        assert_eq!(admission.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn beyond_those_who_work_and_wait_it_is_503() {
        let admission = admission(1, 1, 0);
        let first = admission.enter(soon()).await.unwrap();
        let mut second = Box::pin(admission.enter(soon()));
        assert!(futures_util::poll!(&mut second).is_pending());
        let refused = admission.enter(soon()).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Unavailable);
        assert!(refused.retry_after.is_some());
        drop(first);
        assert!(second.await.is_ok());
        assert!(admission.enter(soon()).await.is_ok(), "places are given back");
    }

    #[test]
    fn what_is_sent_makes_room_and_what_must_be_said_has_room() {
        let admission = Admission::new(&Limits { unsent: 10, ..Limits::default() });
        let first = admission.hold(20, false).unwrap();
        assert!(admission.hold(1, false).is_none(), "one by itself always has room, and nobody beside it");
        let must = admission.hold(30, true).unwrap();
        drop(first);
        assert!(admission.hold(1, false).is_none());
        drop(must);
        let both = (admission.hold(6, false), admission.hold(4, false));
        assert!(both.0.is_some() && both.1.is_some() && admission.hold(1, false).is_none());
    }

    #[tokio::test]
    async fn who_stops_waiting_gives_the_place_back() {
        let admission = admission(1, 1, 0);
        let _first = admission.enter(soon()).await.unwrap();
        for _ in 0..3 {
            let mut waiting = Box::pin(admission.enter(soon()));
            assert!(futures_util::poll!(&mut waiting).is_pending());
        }
    }

    #[tokio::test]
    async fn large_bodies_on_their_way_keep_nobody_from_work() {
        let admission = admission(1, 1, 0);
        let _body = admission.receive(soon()).await.unwrap();
        assert!(futures_util::poll!(Box::pin(admission.receive(soon()))).is_pending());
        assert!(admission.enter(soon()).await.is_ok());
    }

    #[test]
    fn over_the_rate_it_is_429_until_time_passes() {
        let admission = admission(10, 10, 2);
        let now = Instant::now();
        let check = |after: u64, good: bool| {
            let answer = admission.pace(now + Duration::from_millis(after));
            assert_eq!(answer.is_ok(), good, "after {after} ms");
            if let Err(error) = answer {
                assert_eq!(error.kind, ErrorKind::TooManyRequests);
                assert!(error.retry_after.is_some());
            }
        };
        check(0, true);
        check(0, true);
        check(0, false);
        check(500, true);
        check(500, false);
    }
}
