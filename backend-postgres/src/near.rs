//! Connections for short reads: one in each runtime that asks, shared by all who ask there. What they ask is sent one behind
//! another without waiting for answers, and no other thread has a part in it: handing a read of a row to another thread
//! and back takes longer than the read.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use scim_core::store::{Result, TenantId};
use tokio::runtime::{Handle, Id};
use tokio::sync::OnceCell;

use crate::connection::{Address, Link};
use crate::error::{Fault, Inner};
use crate::hits::Hits;
use crate::read::ById;
use crate::together::Gathered;
use crate::turns::{Place as Turn, Turns};

/// Runtimes that are known; where there are more, all are forgotten.
const MOST: usize = 256;
/// Reads that are under way on one connection; for those behind them tenants take turns.
const UNDER_WAY: usize = 16;

/// The connections of all runtimes.
pub(crate) struct Near {
    address: Address,
    /// Where those ask that are in no runtime.
    home: Handle,
    places: RwLock<HashMap<Id, Arc<Place>>>,
}

/// The connection of one runtime, made when it is first asked for.
pub(crate) struct Place {
    runtime: Handle,
    link: OnceCell<Link>,
    turns: Arc<Turns>,
    /// Those who ask for resources by their ids.
    pub by_id: Gathered<ById>,
    /// Those who ask what values of attributes find.
    pub hits: Gathered<Hits>,
}

/// A short read on the connection of the runtime that asks; on a new one, once, where that turns out dead. `$work` runs beside that of
/// others on the same connection: single statements that end soon, and no transaction.
macro_rules! short {
    ($near:expr, $operation:literal, $scope:expr, $link:ident => $work:expr) => {{
        let (near, scope): (&$crate::near::Near, &scim_core::store::Scope) = ($near, $scope);
        let place = near.place();
        // Apart, so that a call of the store is small until it is needed: what is large is moved about by every caller.
        let work = async {
            let _turn = place.turn(&scope.tenant).await;
            let $link = place.link(near).await?;
            match $crate::near::told($link, Box::pin(async { $work }).await).await {
                Err($crate::error::Fault::Lost(_)) => {
                    Box::pin(async {
                        near.leave(&place);
                        let place = near.place();
                        let _turn = place.turn(&scope.tenant).await;
                        let $link = place.link(near).await?;
                        $crate::near::told($link, $work).await
                    })
                    .await
                }
                done => done,
            }
        };
        let done = $crate::pool::in_time(scope.deadline, work).await;
        near.ended(&place, $operation, done)
    }};
}
pub(crate) use short;

impl Near {
    pub(crate) fn new(address: Address, home: Handle) -> Near {
        Near { address, home, places: RwLock::default() }
    }

    /// The place of the runtime that asks.
    pub(crate) fn place(&self) -> Arc<Place> {
        let runtime = Handle::try_current().unwrap_or_else(|_| self.home.clone());
        let known = self.places.read().unwrap_or_else(PoisonError::into_inner).get(&runtime.id()).cloned();
        known.unwrap_or_else(|| {
            let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
            if places.len() >= MOST {
                places.clear();
            }
            let place = || {
                let (link, turns) = (OnceCell::new(), Turns::new(UNDER_WAY));
                Arc::new(Place {
                    runtime: runtime.clone(),
                    link,
                    turns,
                    by_id: Gathered::default(),
                    hits: Gathered::default(),
                })
            };
            places.entry(runtime.id()).or_insert_with(place).clone()
        })
    }

    /// This one is not used again; those who wait for it still do.
    pub(crate) fn leave(&self, place: &Arc<Place>) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, one| !Arc::ptr_eq(one, place));
    }

    /// What came of a read, as the store tells it. Behind one that did not answer in time nobody else has to wait.
    pub(crate) fn ended<T>(&self, place: &Arc<Place>, operation: &'static str, done: Inner<T>) -> Result<T> {
        if let Err(Fault::Late) = done {
            self.leave(place);
        }
        done.map_err(|fault| fault.during(operation))
    }
}

impl Place {
    /// A turn on it, held while a read is under way.
    pub(crate) async fn turn(&self, tenant: &TenantId) -> Turn {
        self.turns.place(Some(tenant)).await
    }

    /// Starts work in its runtime.
    pub(crate) fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Its connection. Of many who ask for it while there is none, one makes it.
    pub(crate) async fn link(&self, near: &Near) -> Inner<&Link> {
        let connect = || async {
            let address = near.address.clone();
            let made = self.runtime.spawn(async move { address.connect().await });
            made.await.map_err(|error| Fault::Lost(error.into()))?
        };
        match self.link.get() {
            Some(link) => Ok(link),
            // Where none can be made, nobody waits longer than one takes: not for all who try before them, too.
            None => {
                let made = Box::pin(tokio::time::timeout(near.address.wait(), self.link.get_or_try_init(connect)));
                made.await.unwrap_or_else(|_| Err(Fault::Lost("no connection could be made in time".into())))
            }
        }
    }
}

/// With a refusal told from a connection that is gone: where ROLLBACK goes through, there is one.
pub(crate) async fn told<T>(link: &Link, done: Inner<T>) -> Inner<T> {
    match done {
        Err(Fault::Refused(error)) => match Box::pin(link.batch("ROLLBACK")).await {
            Ok(()) => Err(Fault::Refused(error)),
            Err(_) => Err(Fault::Lost(error.into())),
        },
        done => done,
    }
}
