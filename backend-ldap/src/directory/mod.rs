//! A directory: several servers, of which the first that answers is asked, through connections that are kept.
//!
//! - `address`, `options`: where and how; `password`: with what
//! - `connect`, `tls`: streams; `connection`: one connection
//! - `seam`: where everything is asked, and through which ldap3 binds; `traffic`: what may pass it; `translate`: ldap3's terms and
//!   ours; `search`: waits for what a search finds
//! - `server`: the servers; `near`: connections that requests share; `lease`, `walk`: connections for one purpose
//! - `sticky`: who reads where; `numbers`: what was asked, counted
//!
//! Everything here ends by its deadline. What was only read is asked again elsewhere when a connection breaks; what may
//! have been written is `Uncertain`.

mod address;
mod connect;
mod connection;
mod lease;
mod near;
mod numbers;
mod options;
mod password;
mod seam;
mod search;
mod server;
mod sticky;
mod tls;
mod traffic;
mod translate;
mod walk;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use crate::ldap::{Answer, Code, Entry, LdapError, Operation, Request, Search, controls};

pub use address::{Address, BadAddress, Endpoint};
pub(crate) use connection::{Bounds, Connection};
pub use lease::Lease;
pub use numbers::Numbers;
pub use options::{Credentials, Identity, Options, Tls};
pub use password::Password;
pub use search::Found;
pub use walk::Walk;

use connect::Connector;
use server::Server;
use sticky::Sticky;

/// On whose behalf something is asked, and until when.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Who: reads of one who wrote go where the write went.
    pub who: Option<Arc<str>>,
    /// As whom it is done, where that is not the server itself (RFC 4370).
    pub identity: Option<Arc<str>>,
    /// Searches ask for nothing of other naming contexts (Active Directory).
    pub one_domain: bool,
    /// In which request: what it read once it need not ask for again.
    pub request: Option<Arc<str>>,
    /// When the caller stops waiting. Each single operation has its own, shorter bound besides.
    pub deadline: Option<Instant>,
}

impl Call {
    /// The search as this call does it.
    pub(crate) fn search<'s>(&self, search: &'s Search) -> Cow<'s, Search> {
        let scope = self.one_domain.then(controls::domain_scope);
        let identity = self.identity.as_deref().map(controls::proxied_authorization);
        let with = |search: Cow<'s, Search>, control| Cow::Owned(search.into_owned().with(control));
        scope.into_iter().chain(identity).fold(Cow::Borrowed(search), with)
    }

    /// The request as this call does it.
    pub(crate) fn request<'r>(&self, request: &'r Request) -> Cow<'r, Request> {
        match &self.identity {
            Some(identity) => Cow::Owned(request.clone().with(controls::proxied_authorization(identity))),
            None => Cow::Borrowed(request),
        }
    }
}

/// Why a directory cannot be opened at all. Whether it can be reached is another matter, and shows later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

/// A directory. Clones share its connections.
#[derive(Clone)]
pub struct Directory {
    inner: Arc<Inner>,
}

struct Inner {
    servers: Vec<Arc<Server>>,
    sticky: Sticky,
    options: Options,
    threads: Arc<Threads>,
    numbers: Arc<Numbers>,
    /// The longest page that none of the servers has refused.
    page: AtomicU32,
}

/// The threads of connections, as long as one of those who use them is there.
struct Threads(Option<Runtime>);

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.inner.servers.iter().map(|server| server.address.to_string())).finish()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The last one to go may be a task: nothing is waited for.
            runtime.shutdown_background();
        }
    }
}

impl Directory {
    /// Gets ready. Connections are opened when they are needed.
    ///
    /// # Errors
    /// The options forbid it, or the certificates are none.
    pub fn open(options: Options) -> Result<Directory, OpenError> {
        if let Some(problem) = options.problem() {
            return Err(OpenError(problem));
        }
        // For walks, for who does not stay in one thread, and for what goes on in the background.
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).div_ceil(2);
        let runtime = Builder::new_multi_thread().worker_threads(threads).thread_name("ldap").enable_all().build();
        let runtime = runtime.map_err(|error| OpenError(format!("no threads for connections: {error}")))?;
        let connector = Connector::new(options.clone(), runtime.handle().clone()).map_err(OpenError)?;
        let connector = Arc::new(connector);
        let servers = options.servers.iter().map(|address| Server::new(address.clone(), connector.clone())).collect();
        let sticky = Sticky::new(options.sticky_time);
        let threads = Arc::new(Threads(Some(runtime)));
        Ok(Directory {
            inner: Arc::new(Inner {
                servers,
                sticky,
                options,
                threads,
                numbers: Arc::default(),
                page: AtomicU32::new(u32::MAX),
            }),
        })
    }

    /// Each of its servers by itself: for what has to be so on all of them. They share the connections.
    pub fn each(&self) -> Vec<Directory> {
        let one = |server: &Arc<Server>| {
            let options = Options { servers: vec![server.address.clone()], ..self.inner.options.clone() };
            let (sticky, threads) = (Sticky::new(options.sticky_time), self.inner.threads.clone());
            let numbers = self.inner.numbers.clone();
            Directory {
                inner: Arc::new(Inner {
                    servers: vec![server.clone()],
                    sticky,
                    options,
                    threads,
                    numbers,
                    page: AtomicU32::new(self.page()),
                }),
            }
        };
        self.inner.servers.iter().map(one).collect()
    }

    /// How often a server was lost since the beginning: what was found of it before may be so no more.
    pub fn losses(&self) -> u64 {
        self.inner.servers.iter().map(|server| server.losses()).sum()
    }

    /// What was asked of it.
    pub fn numbers(&self) -> &Numbers {
        &self.inner.numbers
    }

    /// Of each server: is it up, and how many of its connections for walks are lent.
    pub fn states(&self) -> Vec<(Address, bool, usize)> {
        let state = |server: &Arc<Server>| (server.address.clone(), server.down().is_none(), server.lent());
        self.inner.servers.iter().map(state).collect()
    }

    /// How it is reached.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Which servers cannot be reached just now, and why.
    pub fn down(&self) -> Vec<(Address, String)> {
        let down = |server: &Arc<Server>| Some((server.address.clone(), server.down()?));
        self.inner.servers.iter().filter_map(down).collect()
    }

    /// Searches, and gathers all that is found: for what is known to be small. A list is walked.
    ///
    /// # Errors
    /// As [`LdapError`] says. A size limit of the search's own is none.
    pub async fn search(&self, call: &Call, search: &Search) -> Result<Found, LdapError> {
        let search = &*call.search(search);
        let mut error = None;
        for server in self.candidates(call) {
            if error.is_some() && server.down().is_some() {
                continue;
            }
            let deadline = self.deadline(call);
            let begun = Instant::now();
            let shared = server.shared(deadline).await;
            self.inner.numbers.waited(begun.elapsed());
            let found = match shared {
                Ok(open) => {
                    let found = open.connection.search(search, self.deadline(call)).await;
                    self.suspect(&server, &open.connection, &found);
                    found
                }
                Err(error) => Err(error),
            };
            self.inner.numbers.count("search", &found);
            match found {
                Err(lost) if again(&lost) && self.has_time(call) => error = Some(lost),
                done => return done,
            }
        }
        Err(error.unwrap_or_else(|| self.nowhere()))
    }

    /// Reads one entry. None: there is no such entry.
    ///
    /// # Errors
    /// As [`LdapError`] says.
    pub async fn entry(&self, call: &Call, search: &Search) -> Result<Option<Entry>, LdapError> {
        match self.search(call, search).await {
            Ok(found) => Ok(found.entries.into_iter().next()),
            Err(LdapError::Refused(result)) if result.code == Code::NO_SUCH_OBJECT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for something that is no search: writes, compares, extended operations. It is sent once: again only where it
    /// is known that it did not go out.
    ///
    /// # Errors
    /// As [`LdapError`] says.
    pub async fn perform(&self, call: &Call, request: &Request) -> Result<Answer, LdapError> {
        let request = &*call.request(request);
        let writes = request.operation.writes();
        let mut error = None;
        let mut candidates = self.candidates(call);
        candidates.reverse();
        while let Some(server) = candidates.pop() {
            if error.is_some() && server.down().is_some() {
                continue;
            }
            if is_secret(&request.operation) && !server.private {
                let why =
                    format!("{}: a password is sent over TLS only; use ldaps:// or start_tls = true", server.address);
                return Err(LdapError::Request(why));
            }
            let begun = Instant::now();
            let shared = server.shared(self.deadline(call)).await;
            self.inner.numbers.waited(begun.elapsed());
            let done = match shared {
                Ok(open) => {
                    let done = open.connection.perform(request, self.deadline(call)).await;
                    self.suspect(&server, &open.connection, &done);
                    done
                }
                Err(error) => Err(error),
            };
            self.inner.numbers.count(request.operation.name(), &done);
            match done {
                Err(LdapError::Unavailable(why)) if self.has_time(call) => error = Some(LdapError::Unavailable(why)),
                Err(LdapError::Refused(result)) if result.code == Code::REFERRAL && self.has_time(call) => {
                    // A replica that is only read sends writes on. Only servers we were told about are followed.
                    let named =
                        |server: &&Arc<Server>| result.referrals.iter().any(|url| server.address.is_meant_by(url));
                    match candidates.iter().find(named).cloned() {
                        Some(primary) => candidates = vec![primary],
                        None => return Err(LdapError::Refused(result)),
                    }
                }
                done => {
                    if writes && done.is_ok() {
                        self.wrote(call, &server);
                    }
                    return done;
                }
            }
        }
        Err(error.unwrap_or_else(|| self.nowhere()))
    }

    /// A connection for the caller alone: a walk, or a transaction.
    ///
    /// # Errors
    /// None could be had by the deadline.
    pub async fn lease(&self, call: &Call) -> Result<Lease, LdapError> {
        let mut error = None;
        for server in self.candidates(call) {
            if error.is_some() && server.down().is_some() {
                continue;
            }
            let begun = Instant::now();
            let lent = server.lease(self.deadline(call)).await;
            self.inner.numbers.waited(begun.elapsed());
            match lent {
                Ok(lent) => return Ok(Lease::new(lent, self.clone(), call.clone())),
                Err(lost) if again(&lost) && self.has_time(call) => error = Some(lost),
                Err(error) => return Err(error),
            }
        }
        Err(error.unwrap_or_else(|| self.nowhere()))
    }

    /// All that a search finds, page by page of at most so many entries, over a connection of its own.
    pub fn walk(&self, call: &Call, search: Search, page: u32) -> Walk {
        Walk::new(self.clone(), call.clone(), search, page)
    }

    /// The longest page that the servers give, as far as is known.
    fn page(&self) -> u32 {
        self.inner.page.load(Ordering::Relaxed)
    }

    /// A page of twice as many was refused.
    fn shorten(&self, page: u32) {
        if self.inner.page.fetch_min(page, Ordering::Relaxed) > page {
            tracing::info!(page, "the directory gives shorter pages than store.ldap.page says");
        }
    }

    /// Until when one operation of this call may take.
    fn deadline(&self, call: &Call) -> Instant {
        let own = Instant::now() + self.inner.options.operation_time;
        call.deadline.map_or(own, |deadline| deadline.min(own))
    }

    fn has_time(&self, call: &Call) -> bool {
        call.deadline.is_none_or(|deadline| Instant::now() < deadline)
    }

    /// Must this one read from one of several servers, as it wrote there just now?
    pub(crate) fn is_bound(&self, call: &Call) -> bool {
        self.reads_at(call).is_some()
    }

    fn reads_at(&self, call: &Call) -> Option<usize> {
        let who = call.who.as_ref().filter(|_| self.inner.servers.len() > 1)?;
        self.inner.sticky.server(who, Instant::now())
    }

    /// The servers to ask, in this order. The first comes twice: a connection may have died of old age, without that the
    /// server is down. One that turns out to be so takes no more of the time that there is for the others.
    fn candidates(&self, call: &Call) -> Vec<Arc<Server>> {
        let servers = &self.inner.servers;
        let first = self.reads_at(call).and_then(|index| servers.get(index));
        let others = servers.iter().filter(|server| first.is_none_or(|first| !Arc::ptr_eq(first, server)));
        let mut all =
            first.into_iter().chain(others).filter(|server| server.down().is_none()).cloned().collect::<Vec<_>>();
        if let Some(first) = all.first().cloned() {
            all.insert(0, first);
        }
        all
    }

    /// Remembers where this one wrote.
    fn wrote(&self, call: &Call, server: &Arc<Server>) {
        if let (Some(who), true) = (&call.who, self.inner.servers.len() > 1)
            && let Some(index) = self.inner.servers.iter().position(|one| Arc::ptr_eq(one, server))
        {
            self.inner.sticky.wrote(who, index, Instant::now());
        }
    }

    /// A connection on which nothing came for as long as an operation may take hangs, and so does its server.
    fn suspect<T>(&self, server: &Arc<Server>, connection: &connection::Connection, done: &Result<T, LdapError>) {
        if let Err(error @ (LdapError::Late(_) | LdapError::Uncertain(_))) = done
            && connection.silent() >= self.inner.options.operation_time
        {
            connection.close("the server does not answer");
            server.mark_down(error);
        }
    }

    fn nowhere(&self) -> LdapError {
        let why = self.down().into_iter().map(|(_, why)| why).collect::<Vec<_>>().join("; ");
        LdapError::Unavailable(if why.is_empty() { "no server could be reached".into() } else { why })
    }
}

/// Is it worth asking another server, or this one on another connection? What is read may be asked twice.
fn again(error: &LdapError) -> bool {
    error.is_lost() || matches!(error, LdapError::Late(_))
}

/// Does it carry a password?
fn is_secret(operation: &Operation) -> bool {
    let secret = crate::ldap::AttributeName::is_secret;
    match operation {
        Operation::Add { attributes, .. } => attributes.iter().any(|(name, _)| secret(name)),
        Operation::Modify { changes, .. } => changes.iter().any(|change| secret(change.parts().0)),
        Operation::Extended { oid, .. } => *oid == crate::ldap::request::MODIFY_PASSWORD,
        _ => false,
    }
}
