//! The connections, and the runtime in which they live: a connection that lived in a caller's own would wait whenever that
//! caller is busy.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult};
use scim_core::store::{Result, TenantId};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::AbortHandle;

use crate::config::Options;
use crate::connection::{Address, Link};
use crate::error::{Fault, Inner, OpenError};
use crate::turns::{Place, Turns};

/// How long a statement that was told to stop may still take to say so.
const STOPPING: Duration = Duration::from_secs(5);

/// Connections that are shared, and the threads that serve them.
pub(crate) struct Pool {
    links: managed::Pool<Manager>,
    turns: Arc<Turns>,
    wait: Duration,
    runtime: Option<Runtime>,
    handle: Handle,
}

/// Makes connections, and tells whether one is still good.
struct Manager {
    address: Address,
}

impl managed::Manager for Manager {
    type Type = Link;
    type Error = Fault;

    async fn create(&self) -> std::result::Result<Link, Fault> {
        self.address.connect().await
    }

    /// No round trip: a connection that the server closed is known to be closed.
    async fn recycle(&self, link: &mut Link, _: &Metrics) -> RecycleResult<Fault> {
        if link.is_closed() { Err(RecycleError::message("the server closed the connection")) } else { Ok(()) }
    }
}

/// A connection on loan. Where it is not given back with what came of the work, because that was dropped half way, what
/// is under way in it is stopped, and it is not used again.
pub(crate) struct Lease {
    link: managed::Object<Manager>,
    handle: Handle,
    back: bool,
    // Behind the connection: who is next finds it given back.
    _place: Place,
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
        let links = managed::Pool::builder(Manager { address })
            .max_size(options.connections.max(1))
            .wait_timeout(Some(options.wait))
            .create_timeout(Some(options.wait))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| thread(error.to_string()))?;
        let handle = runtime.handle().clone();
        let turns = Turns::new(options.connections);
        Ok(Pool { links, turns, wait: options.wait, runtime: Some(runtime), handle })
    }

    /// Runs work where the connections live, no longer than somebody waits for it.
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

    /// Runs work where the connections live, to its end, whether or not somebody waits for it.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> std::result::Result<T, Fault> {
        self.handle.spawn(work).await.map_err(|error| Fault::Lost(error.into()))
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
        Lender { links: self.links.clone(), turns: self.turns.clone(), wait: self.wait, handle: self.handle.clone() }
    }
}

/// The connections, for work that runs apart.
#[derive(Clone)]
pub(crate) struct Lender {
    links: managed::Pool<Manager>,
    turns: Arc<Turns>,
    wait: Duration,
    handle: Handle,
}

impl Lender {
    /// Borrows a connection, waiting for one until it is the turn of this tenant.
    pub(crate) async fn lend(&self, tenant: Option<&TenantId>) -> Inner<Lease> {
        let place = tokio::time::timeout(self.wait, self.turns.place(tenant)).await;
        let place = place.map_err(|_| Fault::Lost("no connection came free in time".into()))?;
        let link = self.links.get().await.map_err(|error| match error {
            PoolError::Backend(fault) => fault,
            PoolError::Timeout(_) => Fault::Lost("no connection could be made in time".into()),
            other => Fault::Lost(format!("{other:?}").into()),
        })?;
        Ok(Lease { link, handle: self.handle.clone(), back: false, _place: place })
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
        if let Some(pool) = managed::Object::pool(&self.link) {
            pool.retain(|_, _| false);
        }
        self.back = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.back {
            self.link.spoil();
            self.handle.spawn(self.link.stop());
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

/// Work that ends at the deadline, done or not.
pub(crate) async fn in_time<T>(deadline: Option<Instant>, work: impl Future<Output = Inner<T>>) -> Inner<T> {
    match deadline {
        None => work.await,
        Some(deadline) => tokio::time::timeout_at(deadline.into(), work).await.unwrap_or(Err(Fault::Late)),
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.links.close();
        if let Some(runtime) = self.runtime.take() {
            // A store may be dropped where nothing may block.
            runtime.shutdown_background();
        }
    }
}
