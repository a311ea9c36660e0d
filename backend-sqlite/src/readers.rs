//! The connections that read. Short work runs where it is called, on a connection borrowed for that moment; long work
//! runs on threads of its own (`docs/decisions/0002-inline-reads.md`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use scim_core::store::control::{Grant, TokenDigest};
use scim_core::store::{Result, Retry, Scope, StoreError, StoreErrorKind};

use crate::config::Options;
use crate::connection::{Bounds, Reader};
use crate::error::{BACKEND, Inner, closed};
use crate::finds::Remembered;
use crate::inline::Inline;
use crate::queue::Queue;

/// How long work may hold a calling thread, in looks at the watch of a thousand machine steps: a millisecond or two.
const SHORT: u32 = 24;

/// Threads that no tenant has beside those that are for everybody: a read may take as long as a request, and whoever asks for one
/// does not wait for those of others.
const SPARE: usize = 2;

type Job = Box<dyn FnOnce(&mut Reader) + Send>;

pub(crate) struct Readers {
    inline: Arc<Inline>,
    queue: Arc<Queue<Job>>,
    threads: Vec<JoinHandle<()>>,
}

/// Says that nobody waits for an answer any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Readers {
    pub(crate) fn open(options: &Options, inline: Arc<Inline>, finds: &Remembered) -> rusqlite::Result<Readers> {
        let queue = Arc::new(Queue::<Job>::new(options.queue));
        let mut threads = Vec::new();
        let own = options.readers.max(1);
        for number in 0..own + SPARE {
            let (mut reader, queue) = (Reader::open(options, finds.clone())?, queue.clone());
            let run = move || {
                while let Some((job, _under_way)) = queue.pop_fair(own + SPARE, own) {
                    job(&mut reader);
                }
            };
            let thread = std::thread::Builder::new().name(format!("sqlite-read-{number}"));
            threads.push(thread.spawn(run).map_err(|_| rusqlite::Error::InvalidQuery)?);
        }
        Ok(Readers { inline, queue, threads })
    }

    /// What a token opens.
    pub(crate) fn grant(&self, digest: &TokenDigest) -> Inner<Option<Arc<Grant>>> {
        self.inline.grant(digest)
    }

    /// A tenant or a credential was changed.
    pub(crate) fn grants_changed(&self) {
        self.inline.grants_changed();
    }

    /// Runs work that reads a known few rows, here and now, all of it in one state of the database.
    pub(crate) fn here<T>(&self, work: impl FnOnce(&mut Reader) -> Inner<T>) -> Inner<T> {
        self.inline.run(work)
    }

    /// Runs work here and now as long as it is short; None where it was not.
    pub(crate) fn briefly<T>(&self, work: impl FnOnce(&mut Reader) -> Inner<T>) -> Option<Inner<T>> {
        let done = self.here(|reader| {
            reader.watch.set(Bounds { looks: Some(SHORT), ..Bounds::default() });
            let done = work(reader);
            reader.watch.set(Bounds::default());
            done
        });
        match done {
            Err(fault) if fault.interrupted() => None,
            done => Some(done),
        }
    }

    /// Runs work on a thread for it when it is the turn of the tenant, no longer than until the deadline, and no longer
    /// than somebody waits for it.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        operation: &'static str,
        scope: Option<&Scope>,
        work: impl FnOnce(&mut Reader) -> Inner<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let deadline = scope.and_then(|scope| scope.deadline);
        let dropped = Arc::new(AtomicBool::new(false));
        let waiting = Waiting(dropped.clone());
        let asked = Instant::now();
        let job: Job = Box::new(move |reader| {
            if dropped.load(Ordering::Relaxed) {
                return;
            }
            let begun = Instant::now();
            reader.watch.set(Bounds { looks: None, deadline, dropped: Some(dropped) });
            let done = whole(reader, work);
            reader.watch.set(Bounds::default());
            let done = match done {
                // It may be little that was asked for: most of the time went by in the queue.
                Err(fault) if fault.interrupted() && begun - asked > begun.elapsed() => Err(late().into()),
                done => done,
            };
            // Nobody waits any more: nothing is lost.
            let _gone = answer.send(done);
        });
        if self.queue.push(scope.map(|scope| &scope.tenant), job).is_err() {
            let busy = StoreError::new(StoreErrorKind::Unavailable).during(BACKEND, operation);
            return Err(StoreError { retry: Retry::Temporary, ..busy.because("too many reads wait for their turn") });
        }
        let done = answered.await;
        drop(waiting);
        match done {
            Ok(done) => done.map_err(|fault| fault.during(operation)),
            Err(_) => Err(closed(operation)),
        }
    }
}

/// The time of a request was over while it waited for its turn.
fn late() -> StoreError {
    let late = StoreError::new(StoreErrorKind::Unavailable);
    StoreError { retry: Retry::Temporary, ..late.because("reads of the same tenant took the time of this one") }
}

/// Runs work in a state of the database that is opened for it and closed behind it.
fn whole<T>(reader: &mut Reader, work: impl FnOnce(&mut Reader) -> Inner<T>) -> Inner<T> {
    reader.enter(0, Duration::ZERO)?;
    let done = work(reader);
    reader.leave()?;
    done
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A reader that panicked has nothing left to give back.
            let _ended = thread.join();
        }
    }
}
