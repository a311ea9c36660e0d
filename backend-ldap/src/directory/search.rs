//! What is under way: what came of a search so far, and who waits for it, or for what becomes of an operation.
//!
//! All but binds is asked and its answers read here, without ldap3: most of what the gateway does is a search for one entry, and the
//! way through a library that is reached by a socket costs more than what the directory does for it.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::ldap::{Entry, LdapError, LdapResult, Malformed};

use super::seam::Seam;

/// What a search brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where more would be. Nobody goes there by itself.
    pub references: Vec<String>,
    /// How it ended, and the controls of the end.
    pub result: LdapResult,
}

/// What somebody is told who waits.
pub(super) type Told<T> = Result<T, LdapError>;

/// Where somebody is told.
pub(super) type Tells<T> = oneshot::Sender<Told<T>>;

/// More than this many references of one search are left off.
const REFERENCES: usize = 100;

/// What came of a search so far.
#[derive(Debug)]
pub(super) struct Gathering {
    entries: Vec<Entry>,
    references: Vec<String>,
    /// Bytes of the entries so far, and how many there may be.
    bytes: usize,
    most: usize,
    tells: Tells<Found>,
}

impl Gathering {
    /// Nothing yet, and where it is told.
    pub(super) fn new(most: usize) -> (Self, oneshot::Receiver<Told<Found>>) {
        let (tells, told) = oneshot::channel();
        (Gathering { entries: Vec::new(), references: Vec::new(), bytes: 0, most, tells }, told)
    }

    /// One more entry, which took so many bytes.
    ///
    /// # Errors
    /// It is none, or too much: the search is over.
    pub(super) fn entry(&mut self, entry: Result<Entry, Malformed>, bytes: usize) -> Result<(), LdapError> {
        self.bytes += bytes;
        if self.bytes > self.most {
            return Err(LdapError::TooMany(format!("the entries of one answer are more than {} bytes", self.most)));
        }
        self.entries.push(entry?);
        Ok(())
    }

    /// Where more would be.
    pub(super) fn references(&mut self, urls: Vec<String>) {
        let room = REFERENCES.saturating_sub(self.references.len());
        self.references.extend(urls.into_iter().take(room));
    }

    /// The server says that this is all.
    pub(super) fn end(self, result: LdapResult) {
        let Gathering { entries, references, tells, .. } = self;
        // Whoever does not wait does not hear it.
        let _ = tells.send(Ok(Found { entries, references, result }));
    }

    /// It is over before the server says so.
    pub(super) fn fail(self, error: LdapError) {
        let _ = self.tells.send(Err(error));
    }
}

/// What is waited for. A search is abandoned where nobody waits for it to its end.
#[derive(Debug)]
pub(super) struct Asking<T> {
    pub(super) seam: Arc<Seam>,
    pub(super) id: i32,
    pub(super) told: oneshot::Receiver<Told<T>>,
    pub(super) begun: Instant,
}

/// How often whoever carries answers is let go on before one counts as late.
const TURNS: usize = 3;

impl<T> Asking<T> {
    /// What comes of it, until then.
    ///
    /// # Errors
    /// As [`LdapError`] says.
    pub(super) async fn until(mut self, deadline: Instant) -> Told<T> {
        let told = match tokio::time::timeout_at(deadline.into(), &mut self.told).await {
            Ok(told) => told.ok(),
            Err(_) => match self.at_last().await {
                Some(told) => Some(told),
                None => return Err(LdapError::Late(self.begun.elapsed())),
            },
        };
        told.unwrap_or_else(|| Err(LdapError::Unavailable(self.seam.why())))
    }

    /// The same of a write: it is told apart whether anything of it can have happened.
    ///
    /// # Errors
    /// As [`LdapError`] says; `Uncertain` where it went out and no answer came.
    pub(super) async fn of_write_until(self, deadline: Instant) -> Told<T> {
        let (seam, id) = (self.seam.clone(), self.id);
        self.until(deadline).await.map_err(|error| match error {
            LdapError::Late(time) => LdapError::Uncertain(format!("no answer within {time:?}")),
            LdapError::Unavailable(why) if seam.was_sent(id) => LdapError::Uncertain(why),
            error => error,
        })
    }

    /// What came in the same moment as the end of the time: a thread that was busy finds both, and the answer counts.
    async fn at_last(&mut self) -> Option<Told<T>> {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
            if let Ok(told) = self.told.try_recv() {
                return Some(told);
            }
        }
        None
    }
}

impl<T> Drop for Asking<T> {
    fn drop(&mut self) {
        self.seam.leave(self.id);
    }
}
