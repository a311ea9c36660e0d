//! How a store fails: a kind to branch on, a verdict for retries, a trail for people.

use std::error::Error;
use std::fmt;

use crate::error::ScimError;
use crate::path::AttrPath;

use super::ResourceId;

/// What stores return.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A failure of a store.
#[derive(Debug)]
pub struct StoreError {
    /// Decides what the client is told.
    pub kind: StoreErrorKind,
    /// Is it worth another try?
    pub retry: Retry,
    /// What was being done.
    pub operation: &'static str,
    /// Which backend.
    pub backend: &'static str,
    /// What it said. For the log only.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// Is it worth another try?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same would happen.
    Permanent,
    /// It may go through.
    Temporary,
}

/// What happened, in the terms of the store trait. The table to HTTP is in [`crate::error`].
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// No such resource.
    NotFound,
    /// A unique value is taken.
    #[expect(missing_docs, reason = "said above")]
    Taken { at: AttrPath },
    /// `Expect::Version` does not hold.
    Stale,
    /// Link targets that do not exist.
    #[expect(missing_docs, reason = "said above")]
    Missing { at: AttrPath, targets: Vec<ResourceId> },
    /// The store cannot take this value.
    #[expect(missing_docs, reason = "said above")]
    Invalid { at: AttrPath, why: String },
    /// What `resolve` answered, handed through.
    Rejected(Box<ScimError>),
    /// The store cannot do this at all.
    Unsupported(&'static str),
    /// The store denies it.
    Refused,
    /// More than the store will look at.
    TooMany,
    /// What was asked for takes more than its [`Budget`](crate::query::Budget); less of it may be had.
    Heavy,
    /// Sent, and the answer lost: the service reads back before it answers.
    Uncertain,
    /// Not reachable; nothing was written.
    Unavailable,
    /// There is no room left to write; nothing was written.
    Full,
    /// What the store wrote to was moved away or replaced under it; nothing was written.
    Displaced,
    /// What is stored makes no sense.
    Corrupt,
}

impl StoreError {
    /// An error of this kind, without trail.
    pub fn new(kind: StoreErrorKind) -> Self {
        let retry = match kind {
            StoreErrorKind::Unavailable
            | StoreErrorKind::Uncertain
            | StoreErrorKind::Full
            | StoreErrorKind::Displaced => Retry::Temporary,
            _ => Retry::Permanent,
        };
        StoreError { kind, retry, operation: "", backend: "", source: None }
    }

    /// While doing this, in this backend.
    pub fn during(mut self, backend: &'static str, operation: &'static str) -> Self {
        self.backend = backend;
        self.operation = operation;
        self
    }

    /// Because of this.
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {:?}", self.backend, self.operation, self.kind)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<StoreErrorKind> for StoreError {
    fn from(kind: StoreErrorKind) -> Self {
        StoreError::new(kind)
    }
}

impl From<ScimError> for StoreError {
    fn from(rejection: ScimError) -> Self {
        StoreError::new(StoreErrorKind::Rejected(Box::new(rejection)))
    }
}
