//! Places at something of which there are few. Tenants take turns at them: one that heaps up work makes its own wait, not
//! that of others. What is done in a place may take as long as a request: so a few places are only for those who have none.

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
    /// So many of these are for those who have none.
    spare: usize,
    /// How many places each lane has.
    held: HashMap<Lane, usize>,
    /// Those that are not empty.
    lanes: HashMap<Lane, VecDeque<Sender<Place>>>,
    /// Whose turn it is, and whose next. Each lane once.
    turns: VecDeque<Lane>,
}

impl Waiting {
    /// May this lane have one of the places that are free? The store's own work is short, and all wait for it.
    fn may(&self, lane: &Lane) -> bool {
        self.free > self.spare || (self.free > 0 && (lane.is_none() || !self.held.contains_key(lane)))
    }

    /// A place less, for this lane.
    fn take(&mut self, lane: &Lane) {
        self.free -= 1;
        match self.held.get_mut(lane) {
            Some(held) => *held += 1,
            None => drop(self.held.insert(lane.clone(), 1)),
        }
    }

    /// A place more, of this lane.
    fn give(&mut self, lane: &Lane) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(lane) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(lane);
            }
        }
    }

    /// Who is next, of those who may have a place; their lane stands behind all others afterwards.
    fn next(&mut self) -> Option<(Lane, Sender<Place>)> {
        let turn = self.turns.iter().position(|lane| self.may(lane))?;
        let lane = self.turns.remove(turn)?;
        let row = self.lanes.get_mut(&lane)?;
        let next = row.pop_front()?;
        if row.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane.clone());
        }
        Some((lane, next))
    }
}

impl Turns {
    /// So many places.
    pub(crate) fn new(places: usize) -> Arc<Turns> {
        let places = places.max(1);
        let waiting = Waiting {
            free: places,
            spare: places / 4,
            held: HashMap::new(),
            lanes: HashMap::new(),
            turns: VecDeque::new(),
        };
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
                let lane = tenant.cloned();
                // Who comes later does not pass by those of the same lane.
                if waiting.may(&lane) && !waiting.lanes.contains_key(&lane) {
                    waiting.take(&lane);
                    return Place(Some((self.clone(), lane)));
                }
                let (sender, mine) = oneshot::channel();
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
pub(crate) struct Place(Option<(Arc<Turns>, Lane)>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some((turns, lane)) = self.0.take() else { return };
        let mut waiting = turns.lock();
        waiting.give(&lane);
        while let Some((lane, next)) = waiting.next() {
            waiting.take(&lane);
            // Who waited may have gone: the place is for the one behind.
            if let Err(mut place) = next.send(Place(Some((turns.clone(), lane.clone())))) {
                place.0 = None;
                waiting.give(&lane);
            }
        }
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

    #[tokio::test]
    async fn some_places_are_for_those_who_have_none() {
        let turns = Turns::new(4);
        let [loud, quiet] = ["loud", "quiet"].map(TenantId::new);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(turns.place(Some(&loud)).await);
        }
        let mut fourth = waits(&turns, "loud").await;
        let own = poll_immediate(turns.place(Some(&quiet))).await.unwrap();
        let mut second = waits(&turns, "quiet").await;
        drop(own);
        assert!(poll_immediate(&mut fourth).await.is_none(), "the last place stays free for others");
        drop(poll_immediate(&mut second).await.unwrap());
        drop(held.pop());
        drop(poll_immediate(&mut fourth).await.unwrap());
        drop(held);
        let waiting = turns.lock();
        assert!(waiting.free == 4 && waiting.held.is_empty() && waiting.lanes.is_empty());
    }
}
