//! Connections that live where they are used: whoever writes has one in its own runtime, and no other thread has a part in what it does.
//! Handing a statement to another thread and its answer back takes nearly as long as the statement.
//!
//! They are few, and for all runtimes together. Who finds none takes one of the store's own, which live in its own runtime.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deadpool::managed::{self, PoolError, QueueMode, Timeouts};
use tokio::runtime::{Handle, Id};
use tokio::sync::Semaphore;

use crate::connection::Address;
use crate::error::{Fault, Inner};
use crate::pool::{Links, Living, Manager, Unmade};

/// Runtimes that are known; where there are more, all are forgotten, with their connections.
const MOST: usize = 256;

/// The connections of all runtimes but the store's own.
pub(crate) struct Local {
    address: Address,
    /// How long to wait until one is made.
    wait: Duration,
    most: usize,
    room: Arc<Semaphore>,
    home: Id,
    runtimes: RwLock<HashMap<Id, Links>>,
}

impl Local {
    /// At most so many.
    pub(crate) fn new(address: Address, most: usize, wait: Duration, home: Id) -> Local {
        Local { address, wait, most, room: Arc::new(Semaphore::new(most)), home, runtimes: RwLock::default() }
    }

    /// One that lives in the runtime of the caller; None where that has none to spare and there is no room for another.
    pub(crate) async fn link(&self) -> Inner<Option<managed::Object<Manager>>> {
        let Some(links) = self.links() else { return Ok(None) };
        let timeouts = Timeouts { wait: Some(Duration::ZERO), create: Some(self.wait), recycle: None };
        match links.timeout_get(&timeouts).await {
            Ok(link) => Ok(Some(link)),
            Err(PoolError::Backend(Unmade::Because(fault))) => Err(fault),
            Err(PoolError::Timeout(managed::TimeoutType::Create)) => {
                Err(Fault::Lost("no connection could be made in time".into()))
            }
            Err(_) => Ok(None),
        }
    }

    /// Closes all that nobody uses.
    pub(crate) fn clear(&self) {
        for links in self.runtimes.read().unwrap_or_else(PoisonError::into_inner).values() {
            links.retain(|_, _| false);
        }
    }

    /// Closes all, those in use as soon as they are given back.
    pub(crate) fn close(&self) {
        for (_, links) in self.runtimes.write().unwrap_or_else(PoisonError::into_inner).drain() {
            links.close();
        }
    }

    fn links(&self) -> Option<Links> {
        let own = Handle::try_current().ok()?.id();
        if own == self.home || self.most == 0 {
            return None;
        }
        if let Some(known) = self.runtimes.read().unwrap_or_else(PoisonError::into_inner).get(&own) {
            return Some(known.clone());
        }
        let manager = Manager { address: self.address.clone(), living: Living::Here(self.room.clone()) };
        let made = managed::Pool::builder(manager)
            .max_size(self.most)
            // Those that are used most know most statements.
            .queue_mode(QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .ok()?;
        let mut runtimes = self.runtimes.write().unwrap_or_else(PoisonError::into_inner);
        if runtimes.len() >= MOST {
            runtimes.drain().for_each(|(_, links)| links.close());
        }
        Some(runtimes.entry(own).or_insert(made).clone())
    }
}
