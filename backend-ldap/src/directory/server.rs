//! One server of a directory: its connections, whether it can be reached, and when to try it again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ldap::{Dn, LdapError, Search};

use super::address::Address;
use super::connect::Connector;
use super::connection::Connection;
use super::near::Near;

/// Between the first tries to reach a server that is down, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: Address,
    /// Is the way there hidden from the network?
    pub(crate) private: bool,
    connector: Arc<Connector>,
    /// Connections that many requests share.
    near: Near,
    /// Connections that are lent, and those that came back.
    leases: Arc<Semaphore>,
    idle: Mutex<Vec<Aged>>,
    /// Why it is down, while it is.
    down: Mutex<Option<String>>,
    /// How often it ended a connection, or could not be reached.
    losses: AtomicU64,
}

/// A connection that knows its age.
#[derive(Debug)]
pub(crate) struct Aged {
    pub(crate) connection: Connection,
    born: Instant,
}

impl Server {
    pub(crate) fn new(address: Address, connector: Arc<Connector>) -> Arc<Server> {
        let options = &connector.options;
        Arc::new(Server {
            private: options.is_private(&address),
            address,
            near: Near::new(options.connections, connector.runtime.clone()),
            leases: Arc::new(Semaphore::new(options.leases)),
            idle: Mutex::default(),
            down: Mutex::default(),
            losses: AtomicU64::new(0),
            connector,
        })
    }

    /// Why it cannot be reached, if so.
    pub(crate) fn down(&self) -> Option<String> {
        self.lock_down().clone()
    }

    /// How often it ended a connection, or could not be reached, since the beginning.
    pub(crate) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }

    /// Connections that are lent just now.
    pub(crate) fn lent(&self) -> usize {
        self.connector.options.leases.saturating_sub(self.leases.available_permits())
    }

    fn lock_down(&self) -> MutexGuard<'_, Option<String>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Aged>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody is sent here until it answers again, which is tried in the background.
    pub(crate) fn mark_down(self: &Arc<Self>, why: &LdapError) {
        let mut down = self.lock_down();
        if down.is_some() {
            return;
        }
        *down = Some(why.to_string());
        drop(down);
        self.losses.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(server = %self.address, %why, "the directory server cannot be used; others are asked until it answers");
        self.connector.runtime.spawn(revive(Arc::downgrade(self)));
    }

    /// A connection to share with others.
    pub(crate) async fn shared(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Aged>, LdapError> {
        let place = self.near.place();
        let slot = place.next().ok_or_else(|| LdapError::Request("no connections are configured".into()))?;
        let held = tokio::time::timeout_at(deadline.into(), slot.lock()).await;
        let mut held = held.map_err(|_| LdapError::Unavailable(format!("{}: no connection in time", self.address)))?;
        if let Some(open) = &*held
            && self.is_fit(open, deadline).await
        {
            return Ok(open.clone());
        }
        *held = None;
        // Seldom, and large while it is under way: kept apart from what every request carries along.
        let opened = Arc::new(Box::pin(self.connect(&place.runtime, deadline)).await?);
        *held = Some(opened.clone());
        Ok(opened)
    }

    /// A connection for the caller alone.
    pub(crate) async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lent, LdapError> {
        let permit = tokio::time::timeout_at(deadline.into(), self.leases.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or_else(|| {
            let all = self.connector.options.leases;
            LdapError::Unavailable(format!(
                "{}: all {all} connections for walks and transactions are lent",
                self.address
            ))
        })?;
        loop {
            let back = self.idle().pop();
            let Some(back) = back else { break };
            if self.is_fit(&back, deadline).await {
                return Ok(Lent { connection: Some(back), server: self.clone(), _permit: permit });
            }
        }
        let connection = Some(self.connect(&self.connector.runtime, deadline).await?);
        Ok(Lent { connection, server: self.clone(), _permit: permit })
    }

    async fn connect(self: &Arc<Self>, runtime: &Handle, deadline: Instant) -> Result<Aged, LdapError> {
        let connected = self.connector.connect(&self.address, runtime, deadline).await;
        connected.map(Aged::new).inspect_err(|error| self.mark_down(error))
    }

    /// Can it be used? One that was silent for long is asked first: what stands between may have forgotten it.
    async fn is_fit(&self, open: &Aged, deadline: Instant) -> bool {
        let options = &self.connector.options;
        if open.connection.is_closed() {
            self.losses.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        if open.born.elapsed() > options.age {
            return false;
        }
        open.connection.in_flight() > 0
            || open.connection.silent() < options.idle_time
            || Box::pin(answers(&open.connection, deadline.min(Instant::now() + options.connect_time))).await
    }
}

impl Aged {
    pub(super) fn new(connection: Connection) -> Self {
        Aged { connection, born: Instant::now() }
    }
}

/// Does the other end answer at all?
async fn answers(connection: &Connection, deadline: Instant) -> bool {
    match connection.search(&Search::entry(Dn::root(), Vec::new()), deadline).await {
        Ok(_) | Err(LdapError::Refused(_)) => true,
        Err(_) => {
            connection.close("it did not answer");
            false
        }
    }
}

/// Tries a server until it answers, and then lets requests there again. Ends with the directory.
async fn revive(server: Weak<Server>) {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        let Some(server) = server.upgrade() else { return };
        let deadline = Instant::now() + server.connector.options.connect_time;
        let connector = &server.connector;
        if let Ok(connection) = connector.connect(&server.address, &connector.runtime, deadline).await
            && answers(&connection, deadline).await
        {
            server.idle().push(Aged::new(connection));
            *server.lock_down() = None;
            tracing::info!(server = %server.address, "the directory server answers again");
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A connection that is lent. It goes back when it is given back, and is closed when it is dropped: whoever drops it may
/// have left something unfinished on it.
#[derive(Debug)]
pub(crate) struct Lent {
    connection: Option<Aged>,
    pub(crate) server: Arc<Server>,
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    pub(crate) fn connection(&self) -> Result<&Connection, LdapError> {
        let open = self.connection.as_ref().map(|aged| &aged.connection);
        open.ok_or_else(|| LdapError::Request("the lease was given back".into()))
    }

    /// Nothing is unfinished on it.
    pub(crate) fn give_back(mut self) {
        let most = self.server.connector.options.connections;
        if let Some(aged) = self.connection.take() {
            let mut idle = self.server.idle();
            if idle.len() < most && !aged.connection.is_closed() {
                idle.push(aged);
            }
        }
    }
}
