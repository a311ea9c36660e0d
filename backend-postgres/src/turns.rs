//! Places at something of which there are few. Tenants take turns at them: one that heaps up work makes its own wait, not
//! that of others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scim_core::store::TenantId;
use tokio::sync::oneshot::{self, Sender};

/// Who waits in one row; None for the store's own work.
type Lane = Option<TenantId>;

/// The places, and who waits for one.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<Waiting>);

#[derive(Debug)]
struct Waiting {
    /// Places that nobody has.
    free: usize,
    /// Those that are not empty.
    lanes: HashMap<Lane, VecDeque<Sender<Place>>>,
    /// Whose turn it is, and whose next. Each lane once.
    turns: VecDeque<Lane>,
}

impl Waiting {
    /// Who is next; their lane stands behind all others afterwards.
    fn next(&mut self) -> Option<Sender<Place>> {
        let lane = self.turns.pop_front()?;
        let row = self.lanes.get_mut(&lane)?;
        let next = row.pop_front();
        if row.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        next
    }
}

impl Turns {
    /// So many places.
    pub(crate) fn new(places: usize) -> Arc<Turns> {
        let waiting = Waiting { free: places.max(1), lanes: HashMap::new(), turns: VecDeque::new() };
        Arc::new(Turns(Mutex::new(waiting)))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, as soon as it is the turn of this tenant. Who stops waiting loses nothing for others.
    pub(crate) async fn place(self: &Arc<Self>, tenant: Option<&TenantId>) -> Place {
        loop {
            let mine = {
                let mut waiting = self.lock();
                if waiting.free > 0 {
                    waiting.free -= 1;
                    return Place(Some(self.clone()));
                }
                let (sender, mine) = oneshot::channel();
                let lane = tenant.cloned();
                match waiting.lanes.get_mut(&lane) {
                    Some(row) => row.push_back(sender),
                    None => {
                        waiting.lanes.insert(lane.clone(), VecDeque::from([sender]));
                        waiting.turns.push_back(lane);
                    }
                }
                mine
            };
            // No sender is dropped unused; were one, its owner would stand in line again.
            if let Ok(place) = mine.await {
                return place;
            }
        }
    }
}

/// A place, which the next in turn has when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<Arc<Turns>>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        let mut waiting = turns.lock();
        while let Some(next) = waiting.next() {
            match next.send(Place(Some(turns.clone()))) {
                Ok(()) => return,
                // Who waited has gone: the place is for the one behind.
                Err(mut place) => place.0 = None,
            }
        }
        waiting.free += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::future::{BoxFuture, FutureExt, poll_immediate};

    use super::*;

    /// Stands in line for this tenant.
    async fn waits(turns: &Arc<Turns>, tenant: &str) -> BoxFuture<'static, Place> {
        let (turns, tenant) = (turns.clone(), TenantId::new(tenant));
        let mut waits = async move { turns.place(Some(&tenant)).await }.boxed();
        assert!(poll_immediate(&mut waits).await.is_none(), "there is no free place");
        waits
    }

    #[tokio::test]
    async fn tenants_come_in_turns_whatever_one_of_them_heaped_up() {
        let turns = Turns::new(1);
        let first = turns.place(None).await;
        let mut loud = Vec::new();
        for _ in 0..3 {
            loud.push(waits(&turns, "loud").await);
        }
        let mut quiet = waits(&turns, "quiet").await;
        drop(first);
        let place = poll_immediate(&mut loud[0]).await.unwrap();
        assert!(poll_immediate(&mut quiet).await.is_none());
        drop(place);
        let place = poll_immediate(&mut quiet).await.unwrap();
        assert!(poll_immediate(&mut loud[1]).await.is_none());
        drop(place);
        for own in &mut loud[1..] {
            drop(poll_immediate(own).await.unwrap());
        }
        assert!(matches!(
            std::pin::pin!(turns.place(None)).poll_unpin(&mut std::task::Context::from_waker(std::task::Waker::noop())),
            Poll::Ready(_)
        ));
    }

    #[tokio::test]
    async fn a_place_is_not_lost_with_who_waited_for_it() {
        let turns = Turns::new(1);
        let first = turns.place(None).await;
        let (gone, going) = (waits(&turns, "a").await, waits(&turns, "b").await);
        let mut last = waits(&turns, "c").await;
        drop(gone);
        drop(first);
        // It has its place, and did not look yet.
        drop(going);
        drop(poll_immediate(&mut last).await.unwrap());
        assert_eq!(turns.lock().free, 1);
        assert!(turns.lock().lanes.is_empty() && turns.lock().turns.is_empty());
    }
}
