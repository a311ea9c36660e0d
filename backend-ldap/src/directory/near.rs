//! Connections that requests share: some in each thread that serves requests, so that no other thread has a part in a search. Handing
//! one to a thread of connections and its answer back takes longer than the directory takes for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::sync::Mutex;

use super::server::Aged;

/// Threads that are known; where there are more, all are forgotten.
const MOST: usize = 256;

/// Operations under way on one connection while another has fewer. Directories work on those of one connection side by side, but not on any
/// number (389 Directory Server: five).
const TOGETHER: usize = 4;

/// The connections of all threads.
#[derive(Debug)]
pub(super) struct Near {
    /// Where those are who do not stay in one thread.
    home: Arc<Place>,
    /// In each thread.
    each: usize,
    places: RwLock<HashMap<Id, Arc<Place>>>,
}

/// One connection, once it was asked for.
pub(super) type Slot = Mutex<Option<Arc<Aged>>>;

/// The connections of one thread.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) runtime: Handle,
    slots: Vec<Slot>,
    turn: AtomicUsize,
}

impl Near {
    /// So many connections; as many of them in each thread that serves requests as is its part.
    pub(super) fn new(connections: usize, home: Handle) -> Near {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let home = Arc::new(Place::new(home, connections));
        Near { home, each: connections.div_ceil(threads), places: RwLock::default() }
    }

    /// Those of the thread that asks.
    pub(super) fn place(&self) -> Arc<Place> {
        let here = Handle::try_current().ok();
        let Some(here) = here.filter(|here| here.runtime_flavor() == RuntimeFlavor::CurrentThread) else {
            return self.home.clone();
        };
        let known = self.places.read().unwrap_or_else(PoisonError::into_inner).get(&here.id()).cloned();
        known.unwrap_or_else(|| {
            let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
            if places.len() >= MOST {
                places.clear();
            }
            let place = || Arc::new(Place::new(here.clone(), self.each));
            places.entry(here.id()).or_insert_with(place).clone()
        })
    }
}

impl Place {
    fn new(runtime: Handle, connections: usize) -> Place {
        Place { runtime, slots: (0..connections).map(|_| Slot::default()).collect(), turn: AtomicUsize::new(0) }
    }

    /// The first of them that has room, so that what is asked at the same time goes out, and comes back, in one piece: each piece wakes
    /// the thread at the other end. Where none has, the next of them in turn.
    pub(super) fn next(&self) -> Option<&Slot> {
        let room = |slot: &&Slot| {
            // Whoever holds it opens it, or looks whether it can be used.
            let held = slot.try_lock();
            held.is_ok_and(|held| held.as_ref().is_none_or(|open| open.connection.in_flight() < TOGETHER))
        };
        self.slots.iter().find(room).or_else(|| self.in_turn())
    }

    fn in_turn(&self) -> Option<&Slot> {
        self.slots.get(self.turn.fetch_add(1, Ordering::Relaxed) % self.slots.len().max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::connection::{Bounds, Connection};
    use super::*;
    use crate::ldap::{Dn, Search};

    #[tokio::test]
    async fn a_connection_is_filled_before_the_next_is_taken() {
        let here = Handle::current();
        let place = Place::new(here.clone(), 2);
        let next = || place.slots.iter().position(|slot| std::ptr::eq(slot, place.next().unwrap()));
        let (ours, _theirs) = tokio::io::duplex(1 << 16);
        let bounds = Bounds { in_flight: 2 * TOGETHER, message: 1 << 20, answer: 1 << 20 };
        let open = Arc::new(Aged::new(Connection::over(ours, bounds, &here).await.unwrap()));
        *place.slots.first().unwrap().lock().await = Some(open.clone());
        for _ in 0..TOGETHER {
            assert_eq!(next(), Some(0));
            let open = open.clone();
            here.spawn(async move {
                let search = Search::entry(Dn::root(), Vec::new());
                open.connection.search(&search, Instant::now() + Duration::from_secs(60)).await
            });
            tokio::task::yield_now().await;
        }
        assert_eq!(next(), Some(1), "the first has enough to do");
        // The other is being opened: there is no room, and whoever comes waits in turn.
        let _opening = place.slots.last().unwrap().lock().await;
        assert_ne!(next(), next());
    }
}
