//! One connection: how it is opened, what SQL can call on it, and when a statement on it is stopped.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::config::Options;
use crate::error::Inner;
use crate::functions::Slot;
use crate::index::{Catalogue, Extent, own_shelf};
use crate::{finds, holders};

/// Virtual machine steps between two looks at the watch: some ten microseconds.
const STEPS: i32 = 1_000;

/// Between two tries of what SQLite does not wait for.
const SHORT: Duration = Duration::from_millis(10);

/// Extents remembered.
const EXTENTS: usize = 32;

/// A connection that only reads.
#[derive(Debug)]
pub(crate) struct Reader {
    pub db: Connection,
    /// What the functions in the statement under way refer to.
    pub slot: Slot,
    pub watch: Watch,
    /// The state of the database that is open.
    state: Option<State>,
    /// Transactions committed in this process when a state was opened last.
    commits: u64,
    /// A number that SQLite moves whenever somebody else has committed, as it stood then. What follows was read since
    /// it moved, and holds as long as it stands.
    version: i64,
    /// The extents of types: tenant, kind, extent.
    extents: Vec<(String, String, Option<Extent>)>,
    /// The numbers under which the resources of types stand: tenant, kind, number. They outlive the state in which they were read.
    shelves: Vec<(String, String, i64)>,
    /// Holders of links.
    pub holders: holders::Remembered,
    /// Finds of fragments, which all connections share.
    pub finds: finds::Remembered,
}

/// A state of the database, from a reader's first look at it on.
#[derive(Debug)]
struct State {
    /// Not younger than it is.
    since: Instant,
}

/// When a statement is stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Bounds>>);

/// The bounds of the work under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    /// So many looks at the watch, where there is a number.
    pub looks: Option<u32>,
    /// Not beyond this moment.
    pub deadline: Option<Instant>,
    /// Not once nobody waits any more.
    pub dropped: Option<Arc<AtomicBool>>,
}

impl Watch {
    pub(crate) fn set(&self, bounds: Bounds) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bounds;
    }

    fn stop(&self) -> bool {
        let mut bounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(looks) = &mut bounds.looks {
            let Some(fewer) = looks.checked_sub(1) else { return true };
            *looks = fewer;
        }
        bounds.deadline.is_some_and(|deadline| Instant::now() >= deadline)
            || bounds.dropped.as_ref().is_some_and(|dropped| dropped.load(Ordering::Relaxed))
    }
}

impl Reader {
    /// Opens a connection that only reads. The writer must be open: it makes the files that readers share.
    pub(crate) fn open(options: &Options, finds: finds::Remembered) -> rusqlite::Result<Reader> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(&options.path, flags)?;
        tune(&db, options, options.cache_kib)?;
        let slot = Slot::default();
        slot.register(&db)?;
        let watch = Watch::default();
        let own = watch.clone();
        db.progress_handler(STEPS, Some(move || own.stop()))?;
        Ok(Reader {
            db,
            slot,
            watch,
            state: None,
            commits: 0,
            version: 0,
            extents: Vec::new(),
            shelves: Vec::new(),
            holders: holders::Remembered::default(),
            finds,
        })
    }

    /// Opens the last state of the database for what follows, or goes on in the one that is open where there have been
    /// no more commits than these and it is not older than this. Tells whether a state was opened.
    pub(crate) fn enter(&mut self, commits: u64, kept: Duration) -> rusqlite::Result<bool> {
        let now = Instant::now();
        if let Some(state) = &self.state
            && self.commits == commits
            && now.duration_since(state.since) < kept
        {
            return Ok(false);
        }
        self.leave()?;
        self.db.prepare_cached("BEGIN")?.execute([])?;
        let version = self.db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if self.version != version {
            self.extents.clear();
            self.holders.clear();
            self.version = version;
        }
        (self.state, self.commits) = (Some(State { since: now }), commits);
        Ok(true)
    }

    /// Is the state of so many commits the last one that was opened?
    pub(crate) fn has_seen(&self, commits: u64) -> bool {
        self.commits == commits
    }

    /// A moment at which the state that is open was the last one.
    pub(crate) fn opened(&self) -> Instant {
        self.state.as_ref().map_or_else(Instant::now, |state| state.since)
    }

    /// A type in one tenant, as the state that is open has it.
    pub(crate) fn extent(&mut self, catalogue: &Catalogue, tenant: &str, kind: &str) -> Inner<Option<Extent>> {
        if let Some((.., known)) = self.extents.iter().find(|(of, own, _)| own == kind && of == tenant) {
            return Ok(known.clone());
        }
        let extent = catalogue.extent(&self.db, tenant, kind)?;
        if self.state.is_some() {
            if self.extents.len() >= EXTENTS {
                self.extents.clear();
            }
            self.extents.push((tenant.to_owned(), kind.to_owned(), extent.clone()));
        }
        Ok(extent)
    }

    /// Looks for resources of a type under the number where they stand; `look` tells whether all were found. The number may be remembered
    /// from an older state: it is given to nobody else, so that what is found under it is right. What is not may stand under another by now.
    pub(crate) fn look<T>(
        &mut self,
        tenant: &str,
        kind: &str,
        look: impl Fn(&Connection, Option<i64>) -> Inner<(T, bool)>,
    ) -> Inner<T> {
        let same = |(of, own, _): &(String, String, i64)| own == kind && of == tenant;
        let known = self.shelves.iter().find(|one| same(one)).map(|(.., number)| *number);
        if known.is_some() {
            let (found, all) = look(&self.db, known)?;
            if all || own_shelf(&self.db, tenant, kind)? == known {
                return Ok(found);
            }
            self.shelves.retain(|one| !same(one));
        }
        let now = own_shelf(&self.db, tenant, kind)?;
        if self.shelves.len() >= EXTENTS {
            self.shelves.clear();
        }
        self.shelves.extend(now.map(|now| (tenant.to_owned(), kind.to_owned(), now)));
        Ok(look(&self.db, now)?.0)
    }

    /// Closes the state that is open.
    pub(crate) fn leave(&mut self) -> rusqlite::Result<()> {
        self.state = None;
        if !self.db.is_autocommit() {
            self.db.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }

    /// Closes the state that is open, if it is older than this; tells whether one is still open.
    pub(crate) fn leave_older(&mut self, kept: Duration) -> bool {
        if self.state.as_ref().is_some_and(|state| state.since.elapsed() >= kept) {
            // One that cannot be closed now is closed before the next is opened.
            return self.leave().is_err();
        }
        self.state.is_some()
    }
}

/// Opens the connection that writes, making the file if there is none. The file stays as it is: see [`durable`].
pub(crate) fn writer(options: &Options) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&options.path, flags)?;
    tune(&db, options, options.cache_kib.saturating_mul(4))?;
    Ok(db)
}

/// Makes commits durable and lets readers work beside them. The file remembers the second, so it must be ours.
pub(crate) fn durable(db: &Connection, busy: Duration) -> rusqlite::Result<()> {
    let begun = Instant::now();
    // Several may open a new file at once. For this one change SQLite waits for nobody, whatever its busy timeout.
    while let Err(error) = db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
        if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) || begun.elapsed() >= busy {
            return Err(error);
        }
        std::thread::sleep(SHORT);
    }
    // FULL: a commit that was answered survives a power cut. The writer makes checkpoints itself, behind its answers.
    db.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;")
}

/// A connection on any file, for looking at it and copying it.
pub(crate) fn plain(path: &Path, write: bool) -> rusqlite::Result<Connection> {
    let mode = if write {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    };
    Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn tune(db: &Connection, options: &Options, cache_kib: u32) -> rusqlite::Result<()> {
    db.busy_timeout(options.busy)?;
    db.set_prepared_statement_cache_capacity(256);
    db.execute_batch(&format!(
        "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{cache_kib};"
    ))?;
    db.query_row(&format!("PRAGMA mmap_size = {}", options.mmap), [], |_| Ok(())).or_else(|error| match error {
        // Builds without memory mapping answer nothing.
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        error => Err(error),
    })?;
    // A plan is made once for a statement, not again whenever other values are bound to it.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    rusqlite::vtab::array::load_module(db)?;
    // Filters are bounded long before; these bound what could slip through.
    db.set_limit(Limit::SQLITE_LIMIT_EXPR_DEPTH, 500)?;
    db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    Ok(())
}
