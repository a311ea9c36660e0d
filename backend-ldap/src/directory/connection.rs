//! One connection, which many operations share: ldap3 binds through the [`seam`](super::seam), and all else is asked there.
//!
//! What is no search comes to its end whatever its caller does. A search is abandoned when nobody waits for it any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ldap3::result::LdapError as TheirError;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ldap::{Answer, Code, Dn, LdapError, Request, Search};

use super::seam::Seam;
use super::search::Found;
use super::translate;

/// The bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Operations at a time.
    pub(crate) in_flight: usize,
    /// Bytes of one message.
    pub(crate) message: usize,
    /// Bytes of the entries of one answer.
    pub(crate) answer: usize,
}

/// Who says that he comes, and how he proves it (RFC 4513).
#[derive(Debug)]
pub(crate) enum Bind<'a> {
    /// Nobody.
    Anonymous,
    /// By a name and a password.
    Simple { dn: &'a Dn, password: SecretString },
    /// By what the connection says (SASL EXTERNAL).
    External,
}

/// A connection that is open, or was.
#[derive(Debug)]
pub(crate) struct Connection {
    seam: Arc<Seam>,
    ldap: Ldap,
    turns: Arc<Semaphore>,
    bounds: Bounds,
}

impl Connection {
    /// Begins to speak on a stream that is ready for it, in tasks of this runtime.
    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        bounds: Bounds,
        runtime: &Handle,
    ) -> Result<Connection, LdapError> {
        let broken = |why: String| LdapError::Unavailable(format!("no connection can be made: {why}"));
        let (seam, theirs) = Seam::over(stream, bounds, runtime).map_err(|error| broken(error.to_string()))?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs));
        let opened = LdapConnAsync::with_settings(settings, "ldapi:///").await;
        let (driver, ldap) = opened.map_err(|error| broken(error.to_string()))?;
        let ends = Ends(seam.clone());
        runtime.spawn(async move {
            let _ends = ends;
            // How it ended is told by the seam, which was there first.
            let _ = driver.drive().await;
        });
        let turns = Arc::new(Semaphore::new(bounds.in_flight));
        Ok(Connection { seam, ldap, turns, bounds })
    }

    /// Is it over?
    pub(crate) fn is_closed(&self) -> bool {
        self.seam.is_closed()
    }

    /// How many operations are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.bounds.in_flight.saturating_sub(self.turns.available_permits())
    }

    /// For how long nothing came.
    pub(crate) fn silent(&self) -> Duration {
        self.seam.silent()
    }

    /// Ends it. Who still waits hears why.
    pub(crate) fn close(&self, why: &str) {
        self.seam.close(why);
    }

    /// Says who we are.
    pub(crate) async fn bind(&self, bind: &Bind<'_>, deadline: Instant) -> Result<(), LdapError> {
        let (mut ldap, begun) = (self.ldap.clone(), Instant::now());
        ldap.with_timeout(deadline.saturating_duration_since(begun));
        let bound = match bind {
            Bind::Anonymous => return Ok(()),
            Bind::Simple { dn, password } => ldap.simple_bind(dn.as_str(), password.expose_secret()).await,
            Bind::External => ldap.sasl_external_bind().await,
        };
        let bound = bound.map_err(|error| self.seam.lost(&error, ldap.last_id(), begun))?;
        succeeded(translate::answer(bound)).map(drop)
    }

    /// Asks for something that is no search.
    ///
    /// # Errors
    /// As [`LdapError`] says; `Uncertain` where a write went out and no answer came.
    pub(crate) async fn perform(&self, request: &Request, deadline: Instant) -> Result<Answer, LdapError> {
        let _turn = self.turn(deadline).await?;
        let asking = self.seam.perform(request)?;
        succeeded(match request.operation.writes() {
            true => asking.of_write_until(deadline).await?,
            false => asking.until(deadline).await?,
        })
    }

    /// Searches, and gathers all that is found. The server is told when nobody waits any more, and stops then by itself.
    ///
    /// # Errors
    /// As [`LdapError`] says; `TooMany` where the entries are more bytes than an answer may have.
    pub(crate) async fn search(&self, search: &Search, deadline: Instant) -> Result<Found, LdapError> {
        self.find(search, deadline, true).await
    }

    /// The same for a page of a walk. The server is not told: some count that time on between the pages (389-DS).
    ///
    /// # Errors
    /// As [`Connection::search`].
    pub(crate) async fn page(&self, search: &Search, deadline: Instant) -> Result<Found, LdapError> {
        self.find(search, deadline, false).await
    }

    async fn find(&self, search: &Search, deadline: Instant, told: bool) -> Result<Found, LdapError> {
        let _turn = self.turn(deadline).await?;
        let time = if told { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
        let found = self.seam.ask(search, time)?.until(deadline).await?;
        // What was cut off where the caller said was asked for.
        let wanted = search.size_limit > 0 && found.entries.len() >= search.size_limit as usize;
        match found.result.code {
            Code::SIZE_LIMIT if wanted => Ok(found),
            code if code.is_success() => Ok(found),
            _ => Err(LdapError::Refused(Box::new(found.result))),
        }
    }

    async fn turn(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, LdapError> {
        let turn = tokio::time::timeout_at(deadline.into(), self.turns.clone().acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok);
        let turn = turn.ok_or_else(|| LdapError::Unavailable("the connection is busy for too long".into()))?;
        if self.is_closed() { Err(LdapError::Unavailable(self.seam.why())) } else { Ok(turn) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.seam.close("it is not needed any more");
    }
}

/// Closes the seam where ldap3 ends first, however it does.
struct Ends(Arc<Seam>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.close("the connection went away");
    }
}

impl Seam {
    /// What it means that a bind has no answer.
    fn lost(&self, error: &TheirError, id: i32, begun: Instant) -> LdapError {
        self.forget(id);
        match error {
            TheirError::Timeout { .. } => LdapError::Late(begun.elapsed()),
            _ => LdapError::Unavailable(self.why()),
        }
    }
}

fn succeeded(answer: Answer) -> Result<Answer, LdapError> {
    if answer.result.code.is_success() { Ok(answer) } else { Err(LdapError::Refused(Box::new(answer.result))) }
}
