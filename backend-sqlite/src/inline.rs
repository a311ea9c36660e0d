//! The connections for short reads, and the states of the database that they keep open between two reads.
//!
//! Opening a state costs several system calls, more than what most reads do in it. So a connection goes on in the state
//! that it has open as long as this is certainly the last one: no transaction has been committed in this process since,
//! and it is younger than [`KEPT`]. Other processes wait that long after a commit of their own before they answer
//! ([`Inline::committed`]), so whatever was answered anywhere is seen by every read that begins after it.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use scim_core::store::control::{Grant, TokenDigest};

use crate::config::Options;
use crate::connection::Reader;
use crate::error::{Inner, closed};
use crate::finds::Remembered;
use crate::grants::Grants;

/// Connections for short reads: more callers than these at one moment wait for microseconds.
const PLACES: usize = 4;

/// How long a state is read from, where nobody in this process commits.
const KEPT: Duration = Duration::from_millis(1);

/// Reads in one state from which on it pays to map the file into memory for it.
const MANY: u32 = 16;

/// Between two looks for states that nobody reads from any more.
const REST: Duration = Duration::from_millis(20);

pub(crate) struct Inline {
    places: Vec<Mutex<Place>>,
    /// Transactions committed in this process.
    commits: AtomicU64,
    /// Of tenants and credentials, by this process.
    changes: AtomicU64,
    /// Others may serve the file too: no state is kept, and commits wait.
    beside: bool,
    rest: Rest,
}

/// What one caller at a time reads with.
struct Place {
    /// Reads from the file as it is mapped into memory. With every new state SQLite maps it anew, and the system finds
    /// each page of it again: that takes longer than some reads.
    mapped: Reader,
    /// Reads page by page: for the few reads that follow a commit before the next one comes.
    paged: Reader,
    /// Reads from `paged` since so many commits.
    paged_reads: (u64, u32),
    grants: Grants,
}

impl Place {
    fn open(options: &Options, finds: &Remembered) -> rusqlite::Result<Place> {
        let paged = Options { mmap: 0, cache_kib: options.cache_kib / 4, ..options.clone() };
        Ok(Place {
            mapped: Reader::open(options, finds.clone())?,
            paged: Reader::open(&paged, finds.clone())?,
            paged_reads: (0, 0),
            grants: Grants::default(),
        })
    }

    /// Which of the two reads the state of so many commits?
    fn is_paged(&mut self, commits: u64) -> bool {
        if self.mapped.has_seen(commits) {
            return false;
        }
        if self.paged_reads.0 != commits {
            self.paged_reads = (commits, 0);
        }
        self.paged_reads.1 += 1;
        self.paged_reads.1 <= MANY
    }
}

/// The thread that closes states which nobody reads from any more: they would keep the log from starting anew.
struct Rest {
    /// May some state be open?
    open: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    wake: Mutex<Option<Thread>>,
}

impl Inline {
    pub(crate) fn open(options: &Options, finds: &Remembered) -> rusqlite::Result<Arc<Inline>> {
        let places =
            (0..PLACES).map(|_| Place::open(options, finds).map(Mutex::new)).collect::<rusqlite::Result<_>>()?;
        let rest = Rest { open: Arc::default(), thread: Mutex::default(), wake: Mutex::default() };
        let inline = Arc::new(Inline {
            places,
            commits: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            beside: !options.exclusive,
            rest,
        });
        if options.exclusive {
            let (own, open) = (Arc::downgrade(&inline), inline.rest.open.clone());
            let thread =
                std::thread::Builder::new().name("sqlite-rest".into()).spawn(move || close_unused(&own, &open));
            let thread = thread.map_err(|_| rusqlite::Error::InvalidQuery)?;
            *held(&inline.rest.wake) = Some(thread.thread().clone());
            *held(&inline.rest.thread) = Some(thread);
        }
        Ok(inline)
    }

    /// What a token opens.
    pub(crate) fn grant(&self, digest: &TokenDigest) -> Inner<Option<Arc<Grant>>> {
        let changes = self.changes.load(Ordering::Acquire);
        self.borrowed(|place| match place.grants.fresh(changes, self.kept(), digest) {
            Some(grant) => Ok(Some(grant)),
            None => self.with(place, |reader, grants| grants.find(&reader.db, (reader.opened(), changes), digest)),
        })
    }

    /// A tenant or a credential was changed, and the change is about to be answered.
    pub(crate) fn grants_changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Runs work that reads a known few rows, here and now, all of it in one state of the database.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&mut Reader) -> Inner<T>) -> Inner<T> {
        self.borrowed(|place| self.with(place, |reader, _| work(reader)))
    }

    fn borrowed<T>(&self, work: impl FnOnce(&mut Place) -> Inner<T>) -> Inner<T> {
        thread_local! { static OWN: Cell<Option<usize>> = const { Cell::new(None) } }
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Each thread has a place it tries first, whose caches then hold what that thread reads.
        let own = OWN.get().unwrap_or_else(|| {
            let own = NEXT.fetch_add(1, Ordering::Relaxed);
            OWN.set(Some(own));
            own
        });
        let start = own % self.places.len().max(1);
        for place in self.places.iter().cycle().skip(start).take(self.places.len()) {
            match place.try_lock() {
                Ok(mut place) => return work(&mut place),
                Err(TryLockError::Poisoned(poisoned)) => return work(&mut poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        match self.places.get(start) {
            Some(place) => work(&mut held(place)),
            None => Err(closed("read").into()),
        }
    }

    /// How long what was read may be taken for true where nobody in this process changes it.
    fn kept(&self) -> Duration {
        if self.beside { Duration::ZERO } else { KEPT }
    }

    fn with<T>(&self, place: &mut Place, work: impl FnOnce(&mut Reader, &mut Grants) -> Inner<T>) -> Inner<T> {
        // Read before the state is opened, so that the state holds at least these.
        let commits = self.commits.load(Ordering::Acquire);
        let reader = if place.is_paged(commits) { &mut place.paged } else { &mut place.mapped };
        if reader.enter(commits, self.kept())? && !self.beside && !self.rest.open.swap(true, Ordering::AcqRel) {
            held(&self.rest.wake).as_ref().map(Thread::unpark).unwrap_or_default();
        }
        let done = work(reader, &mut place.grants);
        if self.beside || done.is_err() {
            reader.leave()?;
        }
        done
    }

    /// A transaction is durable, and is about to be answered.
    pub(crate) fn committed(&self) {
        self.commits.fetch_add(1, Ordering::AcqRel);
        if self.beside {
            // Whoever serves the file reads from no state that is older.
            std::thread::sleep(KEPT);
        }
    }

    /// Closes every state that is open.
    pub(crate) fn leave(&self) {
        for place in &self.places {
            let place = &mut *held(place);
            for reader in [&mut place.mapped, &mut place.paged] {
                if let Err(error) = reader.leave() {
                    tracing::debug!(%error, "a state of the database could not be closed");
                }
            }
        }
    }

    /// Closes the states that are too old to be read from; tells whether others are open.
    fn leave_old(&self) -> bool {
        self.places.iter().fold(false, |open, place| match place.try_lock() {
            Ok(mut place) => {
                let mapped = place.mapped.leave_older(KEPT);
                place.paged.leave_older(KEPT) || mapped || open
            }
            Err(_) => true,
        })
    }
}

impl Drop for Inline {
    fn drop(&mut self) {
        held(&self.rest.wake).as_ref().map(Thread::unpark).unwrap_or_default();
        let thread = held(&self.rest.thread).take();
        // The thread itself may be the last that has a hold on this.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ended = thread.join();
        }
    }
}

fn close_unused(inline: &Weak<Inline>, open: &AtomicBool) {
    while inline.strong_count() > 0 {
        if !open.load(Ordering::Acquire) {
            std::thread::park();
            continue;
        }
        std::thread::sleep(REST);
        // Before looking: who opens a state from here on says so again.
        open.store(false, Ordering::Release);
        let Some(inline) = inline.upgrade() else { return };
        if inline.leave_old() {
            open.store(true, Ordering::Release);
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
