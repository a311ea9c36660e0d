//! Opening a database: the file, its lock, its layout, the threads.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use scim_core::store::{Capabilities, IdsFrom, Keeps, Lock, Newcomers, Secrets, Unique, Versions, Writes};

use crate::config::Options;
use crate::error::{BACKEND, OpenError};
use crate::finds::Remembered;
use crate::index::Catalogue;
use crate::inline::Inline;
use crate::presence::Presence;
use crate::readers::Readers;
use crate::writer::Writer;
use crate::{SqliteStore, connection, migrate};

/// Between two looks at what becomes so by itself.
const PAUSE: Duration = Duration::from_millis(50);

impl SqliteStore {
    /// Is there a database already?
    ///
    /// # Errors
    /// None could be made there either.
    pub fn begun(path: &Path) -> Result<bool, OpenError> {
        directory(path)?;
        Ok(path.exists())
    }

    /// Opens the database, making it if there is none, and brings it to today's layout. Blocks for milliseconds,
    /// however large the database.
    ///
    /// # Errors
    /// Why the file cannot be served, and what to do about it.
    pub fn open(options: Options) -> Result<SqliteStore, OpenError> {
        let path = options.path.clone();
        directory(&path)?;
        create(&path)?;
        let lock = if options.exclusive { Some(lock(&path)?) } else { None };
        let sql = |error| OpenError::sql(&path, error);
        let mut db = connection::writer(&options).map_err(sql)?;
        let older = stands_alone(&db, &options, lock.is_some())?;
        connection::durable(&db, options.busy).map_err(sql)?;
        migrate::migrate(&mut db, &path)?;
        drop(older);
        let finds = Remembered::default();
        let inline = Inline::open(&options, &finds).map_err(sql)?;
        let readers = Readers::open(&options, inline.clone(), &finds).map_err(sql)?;
        let catalogue = Arc::new(Catalogue::new(options.search_from));
        let presence = Arc::new(Presence::of(&path).map_err(|error| OpenError::io(&path, error))?);
        let writer = Writer::start(db, catalogue.clone(), inline, presence.clone(), options.queue)?;
        Ok(SqliteStore {
            capabilities: Capabilities {
                name: BACKEND,
                writes: Writes::Full,
                ids: IdsFrom::Core,
                lock: Lock::CompareAndSet,
                versions: Versions::Exact,
                unique: Unique::Enforced,
                secrets: Secrets::Hashed,
                history: Keeps::Yes,
                newcomers: Newcomers::HeldByNone,
            },
            readers: Arc::new(readers),
            writer,
            presence,
            catalogue,
            finds,
            types: Arc::default(),
            options: Arc::new(options),
            _lock: lock,
        })
    }
}

/// A server that runs goes on with the layout that it knows, and a newer one would break it: before an older layout is brought to today's,
/// the lock of whoever serves is taken, unless it is ours already. Where a server has it that is just starting, the layout is today's soon.
fn stands_alone(db: &Connection, options: &Options, locked: bool) -> Result<Option<File>, OpenError> {
    let (path, known) = (&options.path, migrate::LAYOUT);
    let begun = Instant::now();
    loop {
        let found = migrate::check(db, path)?;
        if found == 0 || found == known {
            return Ok(None);
        }
        if options.look {
            return Err(OpenError::Older { path: path.clone(), found, known });
        }
        if locked {
            return Ok(None);
        }
        match lock(path) {
            Err(OpenError::Served { path }) if begun.elapsed() >= options.busy => {
                return Err(OpenError::ServedByOlder { path, found, known });
            }
            Err(OpenError::Served { .. }) => std::thread::sleep(PAUSE),
            done => return done.map(Some),
        }
    }
}

/// The directory must be there: making it would hide a mistyped path.
pub(crate) fn directory(path: &Path) -> Result<(), OpenError> {
    if path.is_dir() {
        return Err(OpenError::Directory { path: path.to_owned() });
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            Err(OpenError::NoDirectory { path: path.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Who serves the file holds this lock; the system gives it back when the process ends, however it ends. It stands
/// beside the file itself, not beside a symbolic link to it: both names are one database.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let real = path.canonicalize();
    let mut name = real.as_deref().unwrap_or(path).as_os_str().to_owned();
    name.push("-lock");
    let beside = PathBuf::from(name);
    let file = options().create(true).truncate(false).open(&beside).map_err(|error| OpenError::io(path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Served { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::io(path, error)),
    }
}

/// Makes an empty file that only its owner can read: SQLite would follow the umask. Its companions copy its mode.
pub(crate) fn create(path: &Path) -> Result<(), OpenError> {
    options().create(true).truncate(false).open(path).map(drop).map_err(|error| OpenError::io(path, error))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
