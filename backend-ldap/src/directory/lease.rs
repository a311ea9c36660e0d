//! A connection that is lent to one caller: what a walk and a transaction need.

use bytes::Bytes;

use crate::ldap::{Answer, LdapError, Request, Search, controls};

use super::search::Found;
use super::server::Lent;
use super::{Call, Directory, is_secret};

/// A connection of the caller's own. Dropped, it is closed: something may be unfinished on it.
#[derive(Debug)]
pub struct Lease {
    lent: Lent,
    directory: Directory,
    call: Call,
}

impl Lease {
    pub(crate) fn new(lent: Lent, directory: Directory, call: Call) -> Self {
        Lease { lent, directory, call }
    }

    /// As [`Directory::search`], here and only here.
    ///
    /// # Errors
    /// As [`LdapError`] says.
    pub async fn search(&self, search: &Search) -> Result<Found, LdapError> {
        let connection = self.lent.connection()?;
        let found = connection.page(&self.call.search(search), self.directory.deadline(&self.call)).await;
        self.directory.suspect(&self.lent.server, connection, &found);
        self.directory.numbers().count("search", &found);
        self.directory.numbers().page();
        found
    }

    /// As [`Directory::perform`], here and only here.
    ///
    /// # Errors
    /// As [`LdapError`] says.
    pub async fn perform(&self, request: &Request) -> Result<Answer, LdapError> {
        if is_secret(&request.operation) && !self.lent.server.private {
            return Err(LdapError::Request(format!("{}: a password is sent over TLS only", self.lent.server.address)));
        }
        let connection = self.lent.connection()?;
        let done = connection.perform(&self.call.request(request), self.directory.deadline(&self.call)).await;
        self.directory.suspect(&self.lent.server, connection, &done);
        self.directory.numbers().count(request.operation.name(), &done);
        if request.operation.writes() && done.is_ok() {
            self.directory.wrote(&self.call, &self.lent.server);
        }
        done
    }

    /// Does all of these, or nothing (RFC 5805). The answer is that of the end.
    ///
    /// # Errors
    /// As [`LdapError`] says: what the server refuses it refuses as a whole, at once or at the end.
    pub async fn transaction(self, requests: impl IntoIterator<Item = Request>) -> Result<Answer, LdapError> {
        let started = self.perform(&Request::start_transaction()).await?;
        let id = started.value.unwrap_or_default();
        for request in requests {
            if let Err(error) = self.perform(&request.with(controls::transaction(&id))).await {
                return Err(self.roll_back(&id, error).await);
            }
        }
        let ended = self.perform(&Request::end_transaction(&id, true)).await;
        if matches!(&ended, Ok(_) | Err(LdapError::Refused(_))) {
            self.give_back();
        }
        ended
    }

    /// Nothing of a transaction takes effect before its end: an answer that was lost before it is no uncertainty.
    async fn roll_back(self, id: &Bytes, error: LdapError) -> LdapError {
        if self.perform(&Request::end_transaction(id, false)).await.is_ok() {
            self.give_back();
        }
        match error {
            LdapError::Uncertain(why) => LdapError::Unavailable(why),
            other => other,
        }
    }

    /// Nothing is unfinished on it: the next one may have it.
    pub fn give_back(self) {
        self.lent.give_back();
    }
}
