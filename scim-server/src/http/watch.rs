//! Connections on which nobody asks for anything (threat D05). The library's timers end a connection whose first head does
//! not come, and one that is silent behind an answer. Two it leaves open for as long as bytes drop in: one whose later head
//! does not end, and one whose chunked body does not, where the answer was given without it. Here both end, too.

use std::any::Any;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use scim_core::limits::Limits;
use socket2::{SockRef, Socket};

/// Files that are open beside connections: stores, listeners, what a command reads.
const OTHERS: u64 = 256;
/// Looks so many times while a connection's time runs out.
const LOOKS: u32 = 16;

/// All connections that are open.
#[derive(Debug)]
pub struct Watch {
    /// For how long a connection may be without a request in work.
    patience: Duration,
    start: Instant,
    connections: Mutex<Vec<Weak<Connection>>>,
    /// How many there are.
    open: Arc<AtomicUsize>,
}

/// Lets the process open as many files as its connections take, two each, as far as the system allows.
pub fn make_room(limits: &Limits) {
    let needed = (limits.connections as u64).saturating_mul(2).saturating_add(OTHERS);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let current = Some(maximum.map_or(needed, |maximum| maximum.min(needed)));
    let raised = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    if raised.is_err() || current < Some(needed) {
        let connections = limits.connections;
        tracing::warn!(
            connections,
            needed,
            "the system lets this process open too few files for limits.connections; raise the limit (ulimit -n, LimitNOFILE)"
        );
    }
}

/// One of them. It lives as long as the library's own end of it.
#[derive(Debug)]
struct Connection {
    /// A second handle: the library's cannot be reached from outside.
    socket: Socket,
    working: AtomicUsize,
    /// When the last request was done, in milliseconds since the watch began.
    idle: AtomicU64,
    /// All that are open.
    open: Arc<AtomicUsize>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request in work.
#[derive(Debug)]
pub struct Working<'a> {
    watch: &'a Watch,
    connection: Option<Arc<Connection>>,
}

impl Watch {
    /// Waits for as long as a connection may be idle, and a request take.
    pub fn new(limits: &Limits) -> Self {
        let patience = Duration::from_secs(limits.keep_alive.saturating_add(limits.request_time));
        Watch { patience, start: Instant::now(), connections: Mutex::default(), open: Arc::default() }
    }

    /// A connection has come; `known` is what its requests know of it.
    pub fn enter(&self, stream: &dyn Any, known: &mut Extensions) {
        let plain = stream.downcast_ref::<TcpStream>();
        let secure = stream.downcast_ref::<TlsStream<TcpStream>>();
        let Some(stream) = plain.or_else(|| secure.map(|stream| stream.get_ref().0)) else { return };
        let socket = match SockRef::from(stream).try_clone() {
            Ok(socket) => socket,
            Err(error) => return tracing::warn!(%error, "a connection is not watched"),
        };
        let (working, idle) = (AtomicUsize::new(0), AtomicU64::new(self.now()));
        self.open.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection { socket, working, idle, open: self.open.clone() });
        self.all().push(Arc::downgrade(&connection));
        known.insert(connection);
    }

    /// A request has come.
    pub fn begin(&self, http: &HttpRequest) -> Working<'_> {
        let connection = http.conn_data::<Arc<Connection>>().cloned();
        if let Some(connection) = &connection {
            connection.working.fetch_add(1, Ordering::Relaxed);
        }
        Working { watch: self, connection }
    }

    /// Is there one connection and no other?
    pub fn is_alone(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 1
    }

    /// Ends, now and then, what has been without a request for too long.
    pub async fn run(&self) {
        let often = (self.patience / LOOKS).max(Duration::from_millis(100));
        loop {
            tokio::time::sleep(often).await;
            self.look();
        }
    }

    fn look(&self) {
        let patience = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        let latest = self.now().saturating_sub(patience);
        self.all().retain(|connection| {
            let Some(connection) = connection.upgrade() else { return false };
            let over =
                connection.working.load(Ordering::Relaxed) == 0 && connection.idle.load(Ordering::Relaxed) < latest;
            if over && let Err(error) = connection.socket.shutdown(std::net::Shutdown::Both) {
                tracing::debug!(%error, "a connection has ended by itself");
            }
            !over
        });
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.idle.store(self.watch.now(), Ordering::Relaxed);
            connection.working.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
