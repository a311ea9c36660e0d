//! One connection, which many operations share: searches are asked at the [`seam`](super::seam), and ldap3 speaks through it for all else.
//!
//! What is no search is a task of its own, so that it comes to its end whatever its caller does. A search is abandoned when nobody waits
//! for it any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ldap3::exop::Exop;
use ldap3::result::{ExopResult, LdapError as TheirError};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ldap::{Answer, Code, LdapError, Operation, Request, Search};

use super::options::Credentials;
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

/// A connection that is open, or was.
#[derive(Debug)]
pub(crate) struct Connection {
    seam: Arc<Seam>,
    ldap: Ldap,
    turns: Arc<Semaphore>,
    bounds: Bounds,
    runtime: Handle,
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
        Ok(Connection { seam, ldap, turns, bounds, runtime: runtime.clone() })
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
    pub(crate) async fn bind(&self, credentials: &Credentials, deadline: Instant) -> Result<(), LdapError> {
        let (mut ldap, begun) = (self.ldap.clone(), Instant::now());
        ldap.with_timeout(deadline.saturating_duration_since(begun));
        let bound = match credentials {
            Credentials::Anonymous => return Ok(()),
            Credentials::Simple { dn, password } => ldap.simple_bind(dn.as_str(), password.expose_secret()).await,
            Credentials::External => ldap.sasl_external_bind().await,
        };
        let bound = bound.map_err(|error| self.seam.lost(error, ldap.last_id(), false, begun))?;
        succeeded(translate::answer(bound, None)).map(drop)
    }

    /// Asks for something that is no search.
    ///
    /// # Errors
    /// As [`LdapError`] says; `Uncertain` where a write went out and no answer came.
    pub(crate) async fn perform(&self, request: &Request, deadline: Instant) -> Result<Answer, LdapError> {
        let (turn, request) = (self.turn(deadline).await?, request.clone());
        let (ldap, seam) = (self.ldap.clone(), self.seam.clone());
        let performed = self.runtime.spawn(async move {
            let _turn = turn;
            perform(ldap, &seam, request, deadline).await
        });
        succeeded(performed.await.unwrap_or_else(|error| Err(LdapError::Uncertain(error.to_string())))?)
    }

    /// Searches, and gathers all that is found.
    ///
    /// # Errors
    /// As [`LdapError`] says; `TooMany` where the entries are more bytes than an answer may have.
    pub(crate) async fn search(&self, search: &Search, deadline: Instant) -> Result<Found, LdapError> {
        let _turn = self.turn(deadline).await?;
        let found = self.seam.ask(search)?.until(deadline).await?;
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
    /// What it means that there is no answer.
    fn lost(&self, error: TheirError, id: i32, writes: bool, begun: Instant) -> LdapError {
        match error {
            TheirError::Timeout { .. } if writes => {
                LdapError::Uncertain(format!("no answer within {:?}", begun.elapsed()))
            }
            TheirError::Timeout { .. } => LdapError::Late(begun.elapsed()),
            TheirError::FilterParsing => LdapError::Request("the filter has no form that can be sent".into()),
            TheirError::AddNoValues => LdapError::Request("an attribute to add has no values".into()),
            _ if writes && self.was_sent(id) => LdapError::Uncertain(self.why()),
            _ => LdapError::Unavailable(self.why()),
        }
    }
}

fn succeeded(answer: Answer) -> Result<Answer, LdapError> {
    if answer.result.code.is_success() { Ok(answer) } else { Err(LdapError::Refused(Box::new(answer.result))) }
}

async fn perform(mut ldap: Ldap, seam: &Seam, request: Request, deadline: Instant) -> Result<Answer, LdapError> {
    let (begun, writes) = (Instant::now(), request.operation.writes());
    ldap.with_timeout(deadline.saturating_duration_since(begun));
    ldap.with_controls(translate::controls(&request.controls));
    let plain = |result| translate::answer(result, None);
    let done = match request.operation {
        Operation::Add { dn, attributes } => {
            let attributes = attributes.iter().map(|(name, values)| translate::attribute(name, values)).collect();
            ldap.add(dn.as_str(), attributes).await.map(plain)
        }
        Operation::Modify { target, changes } => {
            let changes = changes.iter().map(translate::change).collect();
            ldap.modify(&target.to_string(), changes).await.map(plain)
        }
        Operation::ModifyDn { target, rdn, delete_old, superior } => {
            let superior = superior.as_ref().map(|dn| dn.as_str());
            ldap.modifydn(&target.to_string(), &rdn.to_string(), delete_old, superior).await.map(plain)
        }
        Operation::Delete { target } => ldap.delete(&target.to_string()).await.map(plain),
        Operation::Compare { target, name, value } => {
            ldap.compare(&target.to_string(), name.as_str(), value).await.map(|compared| plain(compared.0))
        }
        Operation::Extended { oid, value } => {
            let exop = Exop { name: Some(oid.to_owned()), val: value.map(|value| value.to_vec()) };
            ldap.extended(exop).await.map(|ExopResult(exop, result)| translate::answer(result, Some(exop)))
        }
    };
    done.map_err(|error| {
        let id = ldap.last_id();
        seam.forget(id);
        seam.lost(error, id, writes, begun)
    })
}
