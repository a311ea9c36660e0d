//! The connections, and the runtime in which they live: a connection that lived in a caller's own would wait whenever that
//! caller is busy.

use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult};
use scim_core::store::Result;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::AbortHandle;

use crate::config::Options;
use crate::connection::{Address, Link};
use crate::error::{Fault, Inner, OpenError};

/// How long a statement that was told to stop may still take to say so.
const STOPPING: Duration = Duration::from_secs(5);

/// Connections that are shared, and the threads that serve them.
pub(crate) struct Pool {
    links: managed::Pool<Manager>,
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

/// A connection on loan. It goes back only where nothing is left under way in it; else it is stopped and closed.
pub(crate) struct Lease {
    link: Option<managed::Object<Manager>>,
    handle: Handle,
    busy: bool,
}

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
        Ok(Pool { links, runtime: Some(runtime), handle })
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

    /// Borrows a connection.
    pub(crate) fn lender(&self) -> Lender {
        Lender { links: self.links.clone(), handle: self.handle.clone() }
    }
}

/// The connections, for work that runs apart.
#[derive(Clone)]
pub(crate) struct Lender {
    links: managed::Pool<Manager>,
    handle: Handle,
}

impl Lender {
    /// Borrows a connection, waiting for one.
    pub(crate) async fn lend(&self) -> Inner<Lease> {
        let link = self.links.get().await.map_err(|error| match error {
            PoolError::Backend(fault) => fault,
            PoolError::Timeout(_) => Fault::Lost("no connection came free, or could be made, in time".into()),
            other => Fault::Lost(format!("{other:?}").into()),
        })?;
        Ok(Lease { link: Some(link), handle: self.handle.clone(), busy: false })
    }

    /// Borrows a connection for one piece of work without a transaction, and tries once more on another where it turns
    /// out dead: for work that leaves no trace.
    pub(crate) async fn read<T>(&self, mut work: impl AsyncFnMut(&Link) -> Inner<T>) -> Inner<T> {
        match self.lend().await?.with(async |link| work(link).await).await {
            Err(Fault::Lost(_)) => self.lend().await?.with(async |link| work(link).await).await,
            done => done,
        }
    }

    /// Closes the connections that are dead, now rather than when they are next used.
    pub(crate) fn bury(&self) {
        self.links.retain(|_, _| false);
    }
}

impl Lease {
    /// Works on the connection. Where the work is dropped half way, the connection is stopped and closed.
    pub(crate) async fn with<T>(&mut self, work: impl AsyncFnOnce(&Link) -> Inner<T>) -> Inner<T> {
        let Some(link) = &self.link else { return Err(Fault::Lost("the connection was given back".into())) };
        self.busy = true;
        let done = work(link).await;
        match &done {
            Err(Fault::Lost(_)) => self.close(),
            Err(Fault::Refused(_)) => {
                // Where the refusal was the server's last word, this learns it.
                match tokio::time::timeout(STOPPING, link.batch("ROLLBACK")).await {
                    Ok(Ok(())) => self.busy = false,
                    _ => {
                        self.close();
                        if let Err(fault) = done {
                            return Err(lost(fault));
                        }
                    }
                }
            }
            _ => self.busy = false,
        }
        done
    }

    /// Closes the connection, and with it all that are as old: the server may have gone.
    fn close(&mut self) {
        if let Some(link) = self.link.take() {
            let pool = managed::Object::pool(&link);
            drop(managed::Object::take(link));
            if let Some(pool) = pool {
                Lender { links: pool, handle: self.handle.clone() }.bury();
            }
        }
    }
}

fn lost(fault: Fault) -> Fault {
    match fault {
        Fault::Refused(error) => Fault::Lost(error.into()),
        other => other,
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(link) = self.link.take().filter(|_| self.busy) {
            let link = managed::Object::take(link);
            let stopping = link.stop();
            self.handle.spawn(async move {
                stopping.await;
                drop(link);
            });
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
async fn in_time<T>(deadline: Option<Instant>, work: impl Future<Output = Inner<T>>) -> Inner<T> {
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
