//! The one connection that writes. Writes that wait at the same moment share a transaction, each in savepoints of its
//! own, and each is answered only after the commit is durable: 32 callers then cost little more than one.
//!
//! A thread of its own does the work. A write that comes alone, where commits take a moment only, is done by whoever
//! brings it: handing it over and back takes longer than the commit (`docs/decisions/0007-inline-writes.md`).

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use rusqlite::Connection;
use scim_core::store::{Result, StoreError, StoreErrorKind, TenantId};

use crate::error::{BACKEND, Fault, Inner, OpenError, closed};
use crate::holders;
use crate::index::Catalogue;
use crate::inline::Inline;
use crate::merge;
use crate::presence::Presence;
use crate::queue::Queue;
use crate::writing::{Touched, Writing};

/// Callers that share one transaction at most.
const GROUP: usize = 64;

/// Mutations in one transaction at most (more only where one caller brings more): bounds how long others wait.
const WEIGHT: usize = 1_000;

/// How long a transaction of one write may take for the next to be done where it comes from.
const MOMENT: Duration = Duration::from_millis(1);

/// How long nobody must have written for indexes to be merged.
const LULL: Duration = Duration::from_secs(1);

/// Between two steps of that: who wants to write comes first.
const PAUSE: Duration = Duration::from_millis(20);

/// Pages in the write-ahead log between two checkpoints: 16 MiB.
const CHECKPOINT: i32 = 4_000;

/// Bytes that must find room where there was none, for the store to be called well again.
const ROOM: i64 = 256 << 10;

/// Where they stand for a moment.
const ROOM_NOTE: &str = "room";

/// Something to do in a transaction that others share.
pub(crate) trait Task: Send {
    /// Does it. What fails must leave no trace: see [`Writing::whole`].
    fn run(&mut self, writing: &mut Writing<'_>);
    /// Answers, now that the transaction is durable or lost (with the reason).
    fn finish(self: Box<Self>, settled: std::result::Result<(), &Lost>);
    /// Whose work it is; None for the store's own.
    fn tenant(&self) -> Option<&TenantId> {
        None
    }
    /// How many mutations it is.
    fn weight(&self) -> usize {
        1
    }
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread and those who write themselves have in common.
struct Shared {
    queue: Queue<Box<dyn Task>>,
    work: Mutex<Work>,
    /// The last transaction had one write, and took a moment.
    calm: AtomicBool,
    /// Indexes of fragments were gone through, and are to be merged in the next lull.
    searched: AtomicBool,
    /// They were merged, and nothing was written since.
    merged: AtomicBool,
    /// Nobody knows that it can be written: not since the start, nor since a transaction was lost or had too little room.
    doubtful: AtomicBool,
}

impl Shared {
    /// What the thread does.
    fn run(&self) {
        let (mut seen, mut wait) = (0, LULL);
        loop {
            let searched = self.searched.load(Ordering::Relaxed);
            let next = if searched { self.queue.pop_within(wait) } else { self.queue.pop().map(Some) };
            let Some(first) = next else { return };
            let mut work = self.work();
            if let Some(first) = first {
                self.turn(&mut work, first);
                work.tidy();
            } else if work.transactions == seen {
                if !work.merge() {
                    self.merged.store(true, Ordering::Relaxed);
                    self.searched.store(false, Ordering::Relaxed);
                }
                wait = PAUSE;
                continue;
            }
            (seen, wait) = (work.transactions, LULL);
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        // A panic is caught before it could leave something half done.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction, from its first task to its answers.
    fn turn(&self, work: &mut Work, first: Box<dyn Task>) {
        let begun = Instant::now();
        self.merged.store(false, Ordering::Relaxed);
        let tasks = work.turn(first, &self.queue, &self.doubtful);
        self.calm.store(tasks == 1 && begun.elapsed() < MOMENT, Ordering::Relaxed);
    }
}

impl Writer {
    pub(crate) fn start(
        mut db: Connection,
        catalogue: Arc<Catalogue>,
        inline: Arc<Inline>,
        presence: Arc<Presence>,
        queue: usize,
    ) -> std::result::Result<Writer, OpenError> {
        let path = db.path().unwrap_or_default().to_owned();
        let pages = Arc::new(AtomicI32::new(0));
        let seen = pages.clone();
        db.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))
        .map_err(|error| OpenError::sql(path.as_ref(), error))?;
        let work = Work {
            inline,
            db,
            presence,
            catalogue,
            pages,
            checkpointed: 0,
            transactions: 0,
            outgrown: Vec::new(),
            extents: Vec::new(),
            holders: holders::Remembered::default(),
            version: 0,
            full: false,
        };
        let shared = Arc::new(Shared {
            queue: Queue::new(queue),
            work: Mutex::new(work),
            calm: AtomicBool::default(),
            searched: AtomicBool::default(),
            merged: AtomicBool::default(),
            doubtful: AtomicBool::new(true),
        });
        let own = shared.clone();
        let thread = std::thread::Builder::new()
            .name("sqlite-write".into())
            .spawn(move || own.run())
            .map_err(|error| OpenError::io(path.as_ref(), error))?;
        Ok(Writer { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Does a task, or hands it over. From here on it runs to its end, whether or not somebody waits for it.
    pub(crate) fn submit(&self, task: Box<dyn Task>, operation: &'static str) -> Result<()> {
        let shared = &self.shared;
        if shared.calm.load(Ordering::Relaxed)
            && task.weight() == 1
            && shared.queue.is_empty()
            && let Ok(mut work) = shared.work.try_lock()
        {
            shared.turn(&mut work, task);
            if work.is_untidy() {
                // The thread tidies; nobody waits for that.
                let _full = shared.queue.push(None, Box::new(Nothing));
            }
            return Ok(());
        }
        let tenant = task.tenant().cloned();
        shared.queue.push(tenant.as_ref(), task).map_err(|_| {
            StoreError::new(StoreErrorKind::Unavailable)
                .during(BACKEND, operation)
                .because("too many writes wait for their turn")
        })
    }

    /// An index of fragments was gone through: it is merged when nobody writes.
    pub(crate) fn searched(&self) {
        let shared = &self.shared;
        if !shared.merged.load(Ordering::Relaxed) && !shared.searched.swap(true, Ordering::Relaxed) {
            // The thread may wait for something to write.
            let _full = shared.queue.push(None, Box::new(Nothing));
        }
    }

    /// Can it be written? Where that is doubtful, as much is written as most writes need, and taken away again: the disk may
    /// be full, or take nothing more for another reason.
    pub(crate) async fn takes_writes(&self) -> Result<()> {
        if !self.shared.doubtful.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.ask("look for room", |writing| {
            let sql = "INSERT INTO note (name, value) VALUES (?1, zeroblob(?2))
                       ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            writing.run(sql, rusqlite::params![ROOM_NOTE, ROOM])
        })
        .await?;
        self.ask("look for room", |writing| writing.run("DELETE FROM note WHERE name = ?1", [ROOM_NOTE])).await?;
        self.shared.doubtful.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Does something in a transaction, whole or not at all.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Writing<'_>) -> Inner<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.submit(Box::new(Ask { operation, work: Some(work), done: None, answer }), operation)?;
        answered.await.unwrap_or_else(|_| Err(closed(operation)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Whatever is queued is still written.
            let _ended = thread.join();
        }
    }
}

/// Wakes the thread.
struct Nothing;

impl Task for Nothing {
    fn run(&mut self, _: &mut Writing<'_>) {}
    fn finish(self: Box<Self>, _: std::result::Result<(), &Lost>) {}
}

struct Ask<T, F> {
    operation: &'static str,
    work: Option<F>,
    done: Option<Inner<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&mut Writing<'_>) -> Inner<T> + Send> Task for Ask<T, F> {
    fn run(&mut self, writing: &mut Writing<'_>) {
        self.done = self.work.take().map(|work| writing.whole(work));
        // It may have been anything.
        writing.holders.clear();
    }

    fn finish(self: Box<Self>, settled: std::result::Result<(), &Lost>) {
        let operation = self.operation;
        let answer = match (settled, self.done) {
            (Ok(()), Some(done)) => done.map_err(|fault| fault.during(operation)),
            // What failed by itself says more than what became of the others.
            (Err(_), Some(Err(fault))) => Err(fault.during(operation)),
            (Err(lost), _) => Err(lost.error(operation)),
            (Ok(()), None) => Err(closed(operation)),
        };
        // Nobody waits any more: it is done all the same.
        let _gone = self.answer.send(answer);
    }
}

/// Why a transaction is lost: nothing was written.
#[derive(Debug)]
pub(crate) struct Lost {
    cause: Cause,
    why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Full,
    Displaced,
    Other,
}

impl Lost {
    fn of(error: &StoreError) -> Lost {
        let cause = match error.kind {
            StoreErrorKind::Full => Cause::Full,
            StoreErrorKind::Displaced => Cause::Displaced,
            _ => Cause::Other,
        };
        Lost { cause, why: error.to_string() }
    }

    /// As the error of one who had a part in it.
    pub(crate) fn error(&self, operation: &'static str) -> StoreError {
        let kind = match self.cause {
            Cause::Full => StoreErrorKind::Full,
            Cause::Displaced => StoreErrorKind::Displaced,
            Cause::Other => StoreErrorKind::Unavailable,
        };
        StoreError::new(kind).during(BACKEND, operation).because(self.why.as_str())
    }
}

/// The write did not come to pass, for this reason.
pub(crate) fn lost(operation: &'static str, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).during(BACKEND, operation).because(why)
}

/// The file is no longer the one that was opened.
pub(crate) fn gone(operation: &'static str) -> StoreError {
    let why = "the database was removed or replaced under the server; put it back, or start the server anew";
    StoreError::new(StoreErrorKind::Displaced).during(BACKEND, operation).because(why)
}

struct Work {
    /// Who must learn of commits. Stands first, so that its connections close first: the last one to close copies the
    /// log into the database, and must be the one that may write.
    inline: Arc<Inline>,
    db: Connection,
    /// What goes elsewhere than into the file of this name is not committed.
    presence: Arc<Presence>,
    catalogue: Arc<Catalogue>,
    /// In the write-ahead log, at the last commit.
    pages: Arc<AtomicI32>,
    /// How many there were when it was last copied back.
    checkpointed: i32,
    /// Those of writes, since the start.
    transactions: u64,
    /// Types that have outgrown a scan: tenant and kind.
    outgrown: Vec<(String, String)>,
    /// Types that were written to, and holders of links, from one transaction to the next, as long as nobody else writes:
    /// SQLite moves a number where somebody does.
    extents: Vec<Touched>,
    holders: holders::Remembered,
    version: i64,
    /// Had the last transaction too little room?
    full: bool,
}

impl Work {
    /// One transaction, and the answers of its tasks; gives how many they were. Whoever is answered that there is too
    /// little room, or that the transaction was lost, finds that noted in `doubtful`.
    fn turn(&mut self, first: Box<dyn Task>, queue: &Queue<Box<dyn Task>>, doubtful: &AtomicBool) -> usize {
        let mut group = Vec::new();
        self.transactions += 1;
        let settled = self.transaction(first, queue, &mut group);
        let settled = settled.map_err(|fault| Lost::of(&fault.during("commit")));
        if self.full || settled.is_err() {
            doubtful.store(true, Ordering::Relaxed);
        }
        self.inline.committed();
        let tasks = group.len();
        for task in group {
            task.finish(settled.as_ref().map(|_| ()));
        }
        match settled {
            Ok(outgrown) => self.outgrown.extend(outgrown),
            Err(Lost { why, .. }) => {
                tracing::warn!(%why, "a transaction was lost; its writes were refused");
                self.catalogue.forget();
            }
        }
        tasks
    }

    /// Is there something to do that nobody waits for?
    fn is_untidy(&self) -> bool {
        !self.outgrown.is_empty() || self.is_checkpoint_due()
    }

    /// Does it.
    fn tidy(&mut self) {
        for (tenant, kind) in std::mem::take(&mut self.outgrown) {
            self.grow(&tenant, &kind);
            self.extents.clear();
        }
        self.checkpoint();
    }

    /// Runs tasks in one transaction until none is waiting. Gives the types that have outgrown a scan.
    fn transaction(
        &mut self,
        first: Box<dyn Task>,
        queue: &Queue<Box<dyn Task>>,
        group: &mut Vec<Box<dyn Task>>,
    ) -> Inner<Vec<(String, String)>> {
        if let Err(error) = self.db.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])) {
            group.push(first);
            return Err(error.into());
        }
        // What is lost on the way to the commit is remembered no more.
        let (mut extents, mut holders) = (std::mem::take(&mut self.extents), std::mem::take(&mut self.holders));
        match self.have_others_written() {
            Ok(false) => {}
            Ok(true) => {
                extents.clear();
                holders.clear();
            }
            Err(error) => {
                group.push(first);
                return self.rollback(&error.to_string());
            }
        }
        let mut writing = Writing::new(&self.db, &self.catalogue);
        (writing.extents, writing.holders) = (extents, holders);
        writing.alone = first.weight() == 1 && queue.is_empty();
        let mut next = Some(first);
        let mut weight = 0;
        while let Some(mut task) = next {
            weight += task.weight();
            let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| task.run(&mut writing)));
            group.push(task);
            if run.is_err() {
                return self.rollback("a write failed in an unforeseen way");
            }
            if self.db.is_autocommit() {
                // A full disk or a failing one makes SQLite give up the whole transaction.
                return Err(match writing.full {
                    true => StoreErrorKind::Full.into(),
                    false => lost("commit", "SQLite gave up the transaction: the disk is failing").into(),
                });
            }
            if writing.failed {
                // It answers why; who came meanwhile has the next transaction.
                self.full = writing.full;
                self.db.prepare_cached("ROLLBACK")?.execute([])?;
                return Ok(Vec::new());
            }
            next = if group.len() < GROUP { queue.try_pop(|task| weight + task.weight() <= WEIGHT) } else { None };
        }
        self.full = writing.full;
        let settled = writing.settle();
        let Writing { extents, holders, .. } = writing;
        let settled = settled.and_then(|grown| {
            if !self.presence.holds() {
                return Err(gone("commit").into());
            }
            self.db.prepare_cached("COMMIT")?.execute([])?;
            Ok(grown)
        });
        if settled.is_ok() {
            (self.extents, self.holders) = (extents, holders);
        }
        if settled.is_err() && !self.db.is_autocommit() {
            // The first error tells more than one of the rollback would.
            let _second = self.rollback("");
        }
        settled
    }

    /// Have others written since the last transaction?
    fn have_others_written(&mut self) -> rusqlite::Result<bool> {
        let version = self.db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        Ok(std::mem::replace(&mut self.version, version) != version)
    }

    fn rollback(&self, why: &str) -> Inner<Vec<(String, String)>> {
        if !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        Err(Fault::Store(lost("commit", why)))
    }

    /// Makes the substring index of a type that has grown too large to be looked through.
    fn grow(&self, tenant: &str, kind: &str) {
        let made = self.db.unchecked_transaction().map_err(Fault::from).and_then(|transaction| {
            let mut writing = Writing::new(&transaction, &self.catalogue);
            writing.make_search(tenant, kind)?;
            writing.settle()?;
            Ok(transaction.commit()?)
        });
        self.inline.committed();
        if let Err(fault) = made {
            self.catalogue.forget();
            tracing::warn!(tenant, kind, why = %fault.during("index"), "no substring index yet; fragments are looked for by scanning");
        }
    }

    /// Merges a little of the indexes of fragments; tells whether there is more to do.
    fn merge(&mut self) -> bool {
        let more = merge::step(&self.db).unwrap_or_else(|fault| {
            tracing::warn!(why = %fault.during("merge"), "an index of fragments stays in more pieces than it need be");
            false
        });
        if more {
            self.checkpoint();
        } else if self.pages.load(Ordering::Relaxed) > self.checkpointed {
            // What was merged is there to be read, and not out of the log.
            self.copy_back();
        }
        more
    }

    fn is_checkpoint_due(&self) -> bool {
        self.pages.load(Ordering::Relaxed).saturating_sub(self.checkpointed) >= CHECKPOINT
    }

    /// Copies the log back into the database now and then, after the answers are out.
    fn checkpoint(&mut self) {
        if self.is_checkpoint_due() {
            self.copy_back();
        }
    }

    /// Copies the log back. A reader that holds an old state keeps part of it from being copied; that part comes next time.
    fn copy_back(&mut self) {
        // States opened before the last commit would keep the end of the log from being copied, and so the log from ever
        // starting anew while requests come: a file that grows makes each commit wait for its new length too.
        self.inline.leave();
        let copied = "PRAGMA wal_checkpoint(PASSIVE)";
        let copied = self.db.query_row(copied, [], |row| Ok((row.get::<_, i32>(1)?, row.get::<_, i32>(2)?)));
        self.checkpointed = match copied {
            Ok((pages, copied)) if pages == copied => {
                // With the next commit the log starts anew; should that fail, it is tried again at once.
                self.pages.store(0, Ordering::Relaxed);
                0
            }
            Ok((pages, _)) => pages,
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be copied into the database");
                self.pages.load(Ordering::Relaxed)
            }
        };
        // States opened from here on need nothing of the log: it can start anew.
        self.inline.leave();
    }
}
