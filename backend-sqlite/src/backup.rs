//! Copies of the whole database: made while the server writes, and put back only when they are whole.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};

use crate::error::OpenError;
use crate::{SqliteStore, connection, migrate, open};

/// Pages copied in one step: two mebibytes, during which nothing waits.
const STEP: i32 = 512;

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BackupError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("there is no backup {path:?}; name a file that the command backup made")]
    Missing { path: PathBuf },
    #[error("{path:?} exists already; name a new file, or delete that one first")]
    Exists { path: PathBuf },
    #[error("the backup {path:?} is damaged and was not restored: {why}; take another one")]
    Damaged { path: PathBuf, why: String },
    #[error(
        "the database {path:?} is damaged and no copy was made: {why}; stop the server and restore the last good backup"
    )]
    Source { path: PathBuf, why: String },
    #[error("the copy could not be written to {path:?}: {source}; see that there is room and that it may be written")]
    Failed { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

impl SqliteStore {
    /// Copies the database into a new file that only its owner can read. What is committed while it runs may be in the
    /// copy or not; the copy is always one state of the whole. Blocks; `progress` is called with pages done and of how
    /// many.
    ///
    /// # Errors
    /// `Exists` for a file that is there, `Failed` where the copy cannot be written, `Source` where the database itself
    /// is damaged: its copy would only be refused on the day it is needed. Nothing is left behind then.
    pub fn backup(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), BackupError> {
        open::directory(to)?;
        if to.exists() {
            return Err(BackupError::Exists { path: to.to_owned() });
        }
        // A name that appears means a copy that is whole.
        let part = beside(to, "-part");
        let made = copy(&self.options.path, &part, progress)
            .and_then(|()| verify(&part).map_err(|error| self.blamed(error)))
            .and_then(|()| std::fs::rename(&part, to).and_then(|()| settle(to)).map_err(|error| failed(to, error)));
        if made.is_err() {
            remove(&part);
        }
        made
    }

    /// A copy that is not whole, though it was made page by page, shows what is wrong with the database.
    fn blamed(&self, error: BackupError) -> BackupError {
        match error {
            BackupError::Damaged { why, .. } => BackupError::Source { path: self.options.path.clone(), why },
            other => other,
        }
    }

    /// Puts a backup in the place of the database at `to`. What is there now is kept beside it under `-before-restore`, with a
    /// number behind where there is one from an earlier time: a second restore may be there because the first was a mistake.
    ///
    /// # Errors
    /// `Damaged` and the like for a backup that is not whole or not ours; `Served` while a server runs on `to`. The
    /// database stays as it is then.
    pub fn restore(from: &Path, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), BackupError> {
        open::directory(to)?;
        verify(from)?;
        let _lock: File = open::lock(to)?;
        let part = beside(to, "-part");
        let made = copy(from, &part, progress).and_then(|()| verify(&part)).and_then(|()| {
            let moved = || {
                if to.exists() {
                    fold(to);
                    std::fs::rename(to, unused(&beside(to, "-before-restore")))?;
                }
                // The old log must not be taken for the new database's.
                remove(&beside(to, "-wal"));
                remove(&beside(to, "-shm"));
                std::fs::rename(&part, to)?;
                settle(to)
            };
            moved().map_err(|error| failed(to, error))
        });
        if made.is_err() {
            remove(&part);
        }
        made
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// This name, or the first with a number behind that nothing has.
fn unused(path: &Path) -> PathBuf {
    let numbered = (2..u32::MAX).map(|number| beside(path, &format!("-{number}")));
    std::iter::once(path.to_owned()).chain(numbered).find(|path| !path.exists()).unwrap_or_else(|| path.to_owned())
}

fn remove(path: &Path) {
    // Where there is none, none is left.
    let _gone = std::fs::remove_file(path);
}

fn failed(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BackupError {
    BackupError::Failed { path: path.to_owned(), source: source.into() }
}

/// Makes a new name durable.
fn settle(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Brings the log of a database that nobody serves into its file, as far as that goes.
fn fold(path: &Path) {
    if let Ok(db) = connection::plain(path, true) {
        // A damaged database may be what is being replaced: it is kept as it is.
        let _folded = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

fn copy(from: &Path, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), BackupError> {
    remove(to);
    open::create(to)?;
    let source = connection::plain(from, false).map_err(|error| OpenError::sql(from, error))?;
    source.busy_timeout(Duration::from_secs(5)).map_err(|error| OpenError::sql(from, error))?;
    let sql = |error: rusqlite::Error| failed(to, error);
    let mut target = connection::plain(to, true).map_err(sql)?;
    // One state of the source, for as long as the copy takes: writers go on beside it, and never start it anew.
    let snapshot = source.unchecked_transaction().map_err(sql)?;
    snapshot
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| OpenError::sql(from, error))?;
    {
        let backup = Backup::new(&snapshot, &mut target).map_err(sql)?;
        loop {
            let step = backup.step(STEP).map_err(sql)?;
            let state = backup.progress();
            let pages = |count: i32| u64::try_from(count).unwrap_or_default();
            progress(pages(state.pagecount - state.remaining), pages(state.pagecount));
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
    // A copy is one file: no log beside it, until it is served.
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(sql)?;
    target.close().map_err(|(_, error)| sql(error))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| failed(to, error))
}

/// Is this a database of ours, not newer than this program, and whole?
fn verify(path: &Path) -> Result<(), BackupError> {
    if !path.is_file() {
        return Err(BackupError::Missing { path: path.to_owned() });
    }
    let damaged = |why: String| BackupError::Damaged { path: path.to_owned(), why };
    let db = connection::plain(path, false).map_err(|error| OpenError::sql(path, error))?;
    let whole: Result<String, rusqlite::Error> = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match whole {
        Ok(verdict) if verdict == "ok" => {}
        Ok(verdict) => return Err(damaged(verdict)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => {
            return Err(OpenError::sql(path, error).into());
        }
        Err(error) => return Err(damaged(error.to_string())),
    }
    if layout(&db, path)? == 0 {
        return Err(damaged("it is empty".into()));
    }
    Ok(())
}

fn layout(db: &Connection, path: &Path) -> Result<i64, BackupError> {
    Ok(migrate::check(db, path)?)
}
