//! How the store fails: SQLite's errors in the terms of the store trait, and why a file cannot be opened.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use scim_core::store::{StoreError, StoreErrorKind};

/// The name of this backend in errors and logs.
pub(crate) const BACKEND: &str = "sqlite";

/// What goes wrong inside: SQLite's own error, or one that already speaks the store's terms.
#[derive(Debug)]
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    Store(StoreError),
}

pub(crate) type Inner<T> = Result<T, Fault>;

impl Fault {
    /// As the store's error, while doing this.
    pub(crate) fn during(self, operation: &'static str) -> StoreError {
        match self {
            Fault::Store(error) => error.during(BACKEND, operation),
            Fault::Sql(error) => StoreError::new(kind(&error)).during(BACKEND, operation).because(error),
        }
    }

    /// Was there too little room?
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Fault::Sql(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            Fault::Store(error) => matches!(error.kind, StoreErrorKind::Full),
        }
    }

    /// Was a statement stopped because it took too long?
    pub(crate) fn interrupted(&self) -> bool {
        matches!(self, Fault::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted))
    }
}

fn kind(error: &rusqlite::Error) -> StoreErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => StoreErrorKind::Corrupt,
        Some(ErrorCode::OperationInterrupted | ErrorCode::TooBig) => StoreErrorKind::TooMany,
        Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
        // A lock held for too long, a file that went away, memory: the next try may find it mended.
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationAborted,
        ) => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Corrupt,
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            // What makes something of a row may fail in the store's own terms.
            rusqlite::Error::UserFunctionError(own) => match own.downcast::<StoreError>() {
                Ok(own) => Fault::Store(*own),
                Err(other) => Fault::Sql(rusqlite::Error::UserFunctionError(other)),
            },
            error => Fault::Sql(error),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl From<StoreErrorKind> for Fault {
    fn from(kind: StoreErrorKind) -> Self {
        Fault::Store(kind.into())
    }
}

impl From<scim_core::ScimError> for Fault {
    fn from(rejection: scim_core::ScimError) -> Self {
        Fault::Store(rejection.into())
    }
}

/// The store is shut down, or one of its threads is gone.
pub(crate) fn closed(operation: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable).during(BACKEND, operation).because("the store is closed")
}

/// Why a database file cannot be opened, in one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum OpenError {
    #[error("the directory of the database {path:?} does not exist; create it, or set store.sqlite.path")]
    NoDirectory { path: PathBuf },
    #[error("{path:?} is a directory; set store.sqlite.path to a file in it")]
    Directory { path: PathBuf },
    #[error(
        "the database {path:?} cannot be written; give this user the right to write the file and its directory \
         (SQLite keeps two more files beside it)"
    )]
    ReadOnly { path: PathBuf },
    #[error("{path:?} is damaged or no SQLite database; restore it from a backup, or set store.sqlite.path to another")]
    Damaged { path: PathBuf },
    #[error("{path:?} is the database of another program; set store.sqlite.path to a file of this server's own")]
    Foreign { path: PathBuf },
    #[error(
        "another scim-server serves the database {path:?}; stop it first, or give this one another store.sqlite.path"
    )]
    Served { path: PathBuf },
    #[error("the database {path:?} is locked by another program; let it finish, or stop it, and start again")]
    Busy { path: PathBuf },
    #[error(
        "the database {path:?} was written by a newer scim-server (layout {found}, this one knows {known}); \
         upgrade this program, or restore an older backup"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error(
        "the database {path:?} has the layout of an older scim-server (layout {found}, this one writes {known}); the next start of the \
         server brings it to today's, which the older program then refuses"
    )]
    Older { path: PathBuf, found: i64, known: i64 },
    #[error(
        "an older scim-server serves the database {path:?} (layout {found}, this one writes {known}); stop it first, and start this one"
    )]
    ServedByOlder { path: PathBuf, found: i64, known: i64 },
    #[error("the disk that holds the database {path:?} is full; make room on it and start again")]
    Full { path: PathBuf },
    #[error("the database {path:?} cannot be opened: {source}; see that file and directory are in order")]
    Other { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

impl OpenError {
    /// What SQLite says of the file at `path`.
    pub(crate) fn sql(path: &std::path::Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                OpenError::ReadOnly { path }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Busy { path },
            Some(ErrorCode::DiskFull) => OpenError::Full { path },
            _ => OpenError::Other { path, source: error.into() },
        }
    }

    /// What the system says of the file at `path`.
    pub(crate) fn io(path: &std::path::Path, error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::NotFound => OpenError::NoDirectory { path },
            ErrorKind::IsADirectory => OpenError::Directory { path },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::Full { path },
            _ => OpenError::Other { path, source: error.into() },
        }
    }
}
