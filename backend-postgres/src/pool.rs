//! Connections on loan, and the runtime of the store's own: long reads run there, for a connection that lived in a caller's runtime
//! would wait whenever that caller is busy, and whatever goes on by itself. Who writes has a connection beside it (`local`) first.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult};
use futures_util::FutureExt;
use scim_core::store::{Result, TenantId};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::config::Options;
use crate::connection::{Address, Link};
use crate::error::{Fault, Inner, OpenError};
use crate::local::Local;
use crate::turns::{Place, Turns};

/// How long a statement that was told to stop may still take to say so.
const STOPPING: Duration = Duration::from_secs(5);

/// Connections that are shared, and the threads that serve them.
pub(crate) struct Pool {
    lender: Lender,
    runtime: Option<Runtime>,
    handle: Handle,
}

/// Connections of one runtime.
pub(crate) type Links = managed::Pool<Manager>;

/// Makes connections, and tells whether one is still good.
pub(crate) struct Manager {
    pub address: Address,
    pub living: Living,
}

/// Where connections live.
pub(crate) enum Living {
    /// In this runtime.
    At(Handle),
    /// In that of whoever asks for one; each takes some of this room as long as it is open.
    Here(Arc<Semaphore>),
}

/// Why a connection was not made.
#[derive(Debug)]
pub(crate) enum Unmade {
    /// There is no room for it.
    NoRoom,
    Because(Fault),
}

impl managed::Manager for Manager {
    type Type = Link;
    type Error = Unmade;

    async fn create(&self) -> std::result::Result<Link, Unmade> {
        let made = match &self.living {
            Living::At(runtime) => {
                let address = self.address.clone();
                let made = runtime.spawn(async move { address.connect().await }).await;
                made.map_err(|error| Fault::Lost(error.into())).flatten()
            }
            Living::Here(room) => {
                let room = room.clone().try_acquire_owned().map_err(|_| Unmade::NoRoom)?;
                // Apart: it is large, and whoever borrows a connection would carry it about, though mostly there is one.
                Box::pin(self.address.connect()).await.map(|link| link.within(room))
            }
        };
        made.map_err(Unmade::Because)
    }

    /// No round trip: a connection that the server closed is known to be closed.
    async fn recycle(&self, link: &mut Link, _: &Metrics) -> RecycleResult<Unmade> {
        if link.is_closed() { Err(RecycleError::message("the server closed the connection")) } else { Ok(()) }
    }
}

/// A connection on loan. Where it is not given back with what came of the work, because that was dropped half way, what
/// is under way in it is stopped, and it is not used again.
pub(crate) struct Lease {
    link: managed::Object<Manager>,
    lender: Lender,
    back: bool,
    // Behind the connection: who is next finds it given back.
    _place: Option<Place>,
}

impl std::ops::Deref for Lease {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

/// Work of a tenant on a borrowed connection without a transaction, done once more on another where the first turns out dead: for
/// work that leaves no trace.
macro_rules! reading {
    ($lender:expr, $tenant:expr, $link:ident => $work:expr) => {{
        let lease = $lender.lend($tenant).await?;
        let $link: &$crate::connection::Link = &lease;
        let done = $work;
        match lease.back(done).await {
            Err($crate::error::Fault::Lost(_)) => {
                let lease = $lender.lend($tenant).await?;
                let $link: &$crate::connection::Link = &lease;
                let done = $work;
                lease.back(done).await
            }
            done => done,
        }
    }};
}
pub(crate) use reading;

impl Pool {
    /// Starts the threads. No connection is made yet.
    pub(crate) fn new(address: Address, options: &Options) -> std::result::Result<Pool, OpenError> {
        let thread = |error: String| OpenError::Thread { why: error };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(|error| thread(error.to_string()))?;
        let handle = runtime.handle().clone();
        let connections = options.connections.max(1);
        let local = Local::new(address.clone(), connections / 2, options.wait, handle.id());
        let own = connections - connections / 2;
        let links = managed::Pool::builder(Manager { address, living: Living::At(handle.clone()) })
            .max_size(own)
            .wait_timeout(Some(options.wait))
            .create_timeout(Some(options.wait))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| thread(error.to_string()))?;
        let home = Home { links, turns: Turns::new(own), wait: options.wait, handle: handle.clone(), local };
        Ok(Pool { lender: Lender(Arc::new(home)), runtime: Some(runtime), handle })
    }

    /// Runs work where the store's own connections live, no longer than somebody waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        deadline: Option<Instant>,
        work: impl Future<Output = Inner<T>> + Send + 'static,
    ) -> Result<T> {
        let task = self.handle.spawn(in_time(deadline, work));
        let _stops = Stops(task.abort_handle());
        match task.await {
            Ok(done) => done.map_err(|fault| fault.during(operation)),
            Err(error) => Err(Fault::Lost(error.into()).during(operation)),
        }
    }

    /// Runs work where the store's own connections live, to its end, whether or not somebody waits for it.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> std::result::Result<T, Fault> {
        self.handle.spawn(work).await.map_err(|error| Fault::Lost(error.into()))
    }

    /// Runs work where it is asked for, to its end: where nobody waits for it any more, it goes on by itself in the same runtime.
    pub(crate) async fn finish_here<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> std::result::Result<T, Fault> {
        let Ok(runtime) = Handle::try_current() else { return self.finish(work).await };
        let work = AssertUnwindSafe(work).catch_unwind();
        Finishing { work: Some(Box::pin(work)), runtime }.await.map_err(|_| Fault::Lost("a panic ended it".into()))
    }

    /// Starts work that goes on as long as the pool is there.
    pub(crate) fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }

    /// What is spawned while this is held runs where the connections live.
    pub(crate) fn enter(&self) -> tokio::runtime::EnterGuard<'_> {
        self.handle.enter()
    }

    /// Where the connections live.
    pub(crate) fn home(&self) -> Handle {
        self.handle.clone()
    }

    /// Borrows connections.
    pub(crate) fn lender(&self) -> Lender {
        self.lender.clone()
    }
}

/// The connections, for work that runs apart.
#[derive(Clone)]
pub(crate) struct Lender(Arc<Home>);

struct Home {
    /// Those that live in the store's own runtime.
    links: Links,
    turns: Arc<Turns>,
    wait: Duration,
    handle: Handle,
    local: Local,
}

impl Lender {
    /// Borrows a connection: one that lives in the runtime of the caller, else one of the store's own, waiting until it is the turn of
    /// this tenant.
    pub(crate) async fn lend(&self, tenant: Option<&TenantId>) -> Inner<Lease> {
        let lease = |link, place| Lease { link, lender: self.clone(), back: false, _place: place };
        if let Some(link) = self.0.local.link().await? {
            return Ok(lease(link, None));
        }
        let place = tokio::time::timeout(self.0.wait, self.0.turns.place(tenant)).await;
        let place = place.map_err(|_| Fault::Lost("no connection came free in time".into()))?;
        let link = self.0.links.get().await.map_err(|error| match error {
            PoolError::Backend(Unmade::Because(fault)) => fault,
            PoolError::Timeout(_) => Fault::Lost("no connection could be made in time".into()),
            other => Fault::Lost(format!("{other:?}").into()),
        })?;
        Ok(lease(link, Some(place)))
    }
}

impl Lease {
    /// Gives the connection back, with what came of the work.
    pub(crate) async fn back<T>(mut self, done: Inner<T>) -> Inner<T> {
        match done {
            Err(Fault::Lost(source)) => {
                self.bury();
                Err(Fault::Lost(source))
            }
            Err(Fault::Refused(error)) => {
                // Where the refusal was the server's last word, this learns it.
                if let Ok(Ok(())) = tokio::time::timeout(STOPPING, self.batch("ROLLBACK")).await {
                    self.back = true;
                    return Err(Fault::Refused(error));
                }
                self.bury();
                Err(Fault::Lost(error.into()))
            }
            done => {
                self.back = true;
                done
            }
        }
    }

    /// Closes the connection, and all others that nobody uses: the server may have gone.
    fn bury(&mut self) {
        self.link.spoil();
        self.lender.0.links.retain(|_, _| false);
        self.lender.0.local.clear();
        self.back = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.back {
            self.link.spoil();
            self.lender.0.handle.spawn(self.link.stop());
        }
    }
}

/// Stops a task when nobody waits for it any more.
struct Stops(AbortHandle);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Work that is done by whoever waits for it, and by itself where nobody does any more.
struct Finishing<F: Future<Output: Send> + Send + 'static> {
    work: Option<Pin<Box<F>>>,
    runtime: Handle,
}

impl<F: Future<Output: Send> + Send + 'static> Future for Finishing<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let done = work.as_mut().poll(context);
        if done.is_ready() {
            self.work = None;
        }
        done
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Finishing<F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.runtime.spawn(work);
        }
    }
}

/// Work that ends at the deadline, done or not.
pub(crate) async fn in_time<T>(deadline: Option<Instant>, work: impl Future<Output = Inner<T>>) -> Inner<T> {
    match deadline {
        None => work.await,
        Some(deadline) => tokio::time::timeout_at(deadline.into(), work).await.unwrap_or(Err(Fault::Late)),
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.lender.0.links.close();
        self.lender.0.local.close();
        if let Some(runtime) = self.runtime.take() {
            // A store may be dropped where nothing may block.
            runtime.shutdown_background();
        }
    }
}
