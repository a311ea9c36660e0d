//! Who wrote somewhere reads there for a while: replicas lag behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Writers that are remembered; beyond, those whose time is over are forgotten, and then the rest.
const WRITERS: usize = 10_000;

/// Who wrote where, and until when it counts.
#[derive(Debug)]
pub(crate) struct Sticky {
    time: Duration,
    writers: Mutex<HashMap<Arc<str>, (usize, Instant)>>,
}

impl Sticky {
    pub(crate) fn new(time: Duration) -> Self {
        Sticky { time, writers: Mutex::default() }
    }

    /// This one wrote on the server of this number just now.
    pub(crate) fn wrote(&self, who: &Arc<str>, server: usize, now: Instant) {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        if writers.len() >= WRITERS {
            writers.retain(|_, (_, until)| *until > now);
        }
        if writers.len() >= WRITERS {
            writers.clear();
        }
        writers.insert(who.clone(), (server, now + self.time));
    }

    /// Where this one is to read.
    pub(crate) fn server(&self, who: &str, now: Instant) -> Option<usize> {
        let writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.get(who).filter(|(_, until)| *until > now).map(|(server, _)| *server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_reads_where_it_wrote_for_a_while() {
        let (sticky, now) = (Sticky::new(Duration::from_secs(10)), Instant::now());
        sticky.wrote(&"ann".into(), 1, now);
        assert_eq!(sticky.server("ann", now + Duration::from_secs(9)), Some(1));
        assert_eq!(sticky.server("ann", now + Duration::from_secs(10)), None);
        assert_eq!(sticky.server("bob", now), None);
    }

    #[test]
    fn the_number_of_writers_is_bounded() {
        let (sticky, now) = (Sticky::new(Duration::from_secs(10)), Instant::now());
        for writer in 0..3 * WRITERS {
            sticky.wrote(&writer.to_string().into(), 0, now);
        }
        assert!(sticky.writers.lock().unwrap().len() <= WRITERS);
        assert_eq!(sticky.server(&(3 * WRITERS - 1).to_string(), now), Some(0));
    }
}
