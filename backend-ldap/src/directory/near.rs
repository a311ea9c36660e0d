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

    /// The next of them in turn.
    pub(super) fn next(&self) -> Option<&Slot> {
        self.slots.get(self.turn.fetch_add(1, Ordering::Relaxed) % self.slots.len().max(1))
    }
}
