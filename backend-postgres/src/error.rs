//! How the store fails: what the driver says in the terms of the store trait, and why a database cannot be opened.
//!
//! A failure is one of three. The *connection* is gone: whatever was under way in it was rolled back, but for a COMMIT
//! whose answer was lost. A *statement* was refused and its transaction with it: a deadlock, a lost race, a full disk.
//! Or it is one that already speaks the store's terms.

use diesel::result::{DatabaseErrorKind, Error as Driver};
use scim_core::store::{StoreError, StoreErrorKind};

/// The name of this backend in errors and logs.
pub(crate) const BACKEND: &str = "postgres";

/// What goes wrong inside.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection is gone, or there was none to be had. Nothing was written, unless a commit was under way.
    Lost(Box<dyn std::error::Error + Send + Sync>),
    /// A statement was refused. Nothing of its transaction stands.
    Refused(Driver),
    /// The time that the caller gave is over.
    Late,
    Store(StoreError),
}

pub(crate) type Inner<T> = Result<T, Fault>;

impl Fault {
    /// As the store's error, while doing this.
    pub(crate) fn during(self, operation: &'static str) -> StoreError {
        let unavailable = || StoreError::new(StoreErrorKind::Unavailable).during(BACKEND, operation);
        match self {
            Fault::Store(error) => error.during(BACKEND, operation),
            Fault::Lost(source) => unavailable().because(source),
            Fault::Late => unavailable().because("the time of the request was over before the database answered"),
            Fault::Refused(error) => {
                let kind = if is_nonsense(&error) { StoreErrorKind::Corrupt } else { StoreErrorKind::Unavailable };
                StoreError::new(kind).during(BACKEND, operation).because(error)
            }
        }
    }

    /// A statement was refused, and the server said so; its transaction was rolled back.
    pub(crate) fn refused(said: String) -> Fault {
        Fault::Refused(Driver::DatabaseError(DatabaseErrorKind::Unknown, Box::new(said)))
    }

    /// The constraint that refused a statement.
    pub(crate) fn constraint(&self) -> Option<&str> {
        match self {
            Fault::Refused(Driver::DatabaseError(_, info)) => info.constraint_name(),
            _ => None,
        }
    }

    /// Was it the fate of the moment, so that the same may go through when it is tried again?
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Fault::Refused(error) => !is_nonsense(error) && self.constraint().is_none(),
            _ => false,
        }
    }
}

/// An answer that makes no sense to the driver. All else that a database refuses has reasons of its own: deadlocks, full
/// disks, a standby that takes no writes.
fn is_nonsense(error: &Driver) -> bool {
    !matches!(error, Driver::DatabaseError(..) | Driver::RollbackTransaction | Driver::BrokenTransactionManager)
}

impl From<Driver> for Fault {
    fn from(error: Driver) -> Self {
        match error {
            Driver::DatabaseError(
                DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ClosedConnection
                // A primary that became a standby: another connection may lead to the new one.
                | DatabaseErrorKind::ReadOnlyTransaction,
                info,
            ) => Fault::Lost(info.message().to_owned().into()),
            error => Fault::Refused(error),
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

/// What is stored makes no sense, for this reason.
pub(crate) fn corrupt(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::Store(StoreError::new(StoreErrorKind::Corrupt).because(why))
}

impl OpenError {
    /// Why there is no connection.
    pub(crate) fn unreachable(fault: Fault) -> OpenError {
        let why = fault.during("open").to_string();
        match why.as_str() {
            text if text.contains("not valid for name") || text.contains("NotValidForName") => OpenError::Name { why },
            text if text.contains("invalid peer certificate") => OpenError::Untrusted { why },
            _ => OpenError::Unreachable { why },
        }
    }
}

/// Why a database cannot be opened, in one sentence that says what to do. The URL is never in it: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum OpenError {
    #[error("store.postgres.url is no PostgreSQL URL ({why}); write it as postgres://user@host:5432/database")]
    Url { why: String },
    #[error(
        "the certificates of store.postgres.ca = {path:?} cannot be read ({why}); name a PEM file with at least one"
    )]
    Ca { path: std::path::PathBuf, why: String },
    #[error("the database cannot be reached ({why}); see that PostgreSQL runs and that store.postgres.url is right")]
    Unreachable { why: String },
    #[error(
        "the certificate of the database's server is not trusted ({why}); name the authority that signed it in \
         store.postgres.ca"
    )]
    Untrusted { why: String },
    #[error(
        "the certificate of the database's server is for another name ({why}); write that name as the host of \
         store.postgres.url"
    )]
    Name { why: String },
    #[error(
        "the database was laid out by a newer scim-server (layout {found}, this one knows {known}); \
         upgrade this program, or restore an older backup"
    )]
    Newer { found: i64, known: i64 },
    #[error(
        "the PostgreSQL server runs with {setting} = off, and loses answered writes when it crashes; turn it on, or set \
         store.postgres.allow_unsafe = true where losing data is no harm"
    )]
    Unsafe { setting: &'static str },
    #[error("PostgreSQL {found} is too old; this program needs 13 or newer")]
    Old { found: String },
    #[error("the database is not in UTF-8 but in {found}; create it with ENCODING 'UTF8' TEMPLATE template0")]
    Encoding { found: String },
    #[error(
        "the database has the layout of an older scim-server (layout {found}, this one writes {known}); the next start of a server brings \
         it to today's: those of the older program that run then go on, and do not start again"
    )]
    Older { found: i64, known: i64 },
    #[error("the database cannot be brought to today's layout: {why}; see that the user may create tables in it")]
    Layout { why: String },
    #[error("no thread can be started for the database: {why}")]
    Thread { why: String },
}
