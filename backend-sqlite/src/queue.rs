//! A bounded queue between callers, who never wait to put something in, and threads that take things out. Tenants take
//! turns: one that heaps up work makes its own wait, not that of others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scim_core::store::TenantId;

/// Full, or closed.
#[derive(Debug)]
pub(crate) struct Refused;

pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    filled: Condvar,
    most: usize,
}

/// Whose items stand in one row; None for the store's own.
type Lane = Option<TenantId>;

struct Inner<T> {
    /// Those that are not empty.
    lanes: HashMap<Lane, VecDeque<T>>,
    /// How many items of each lane are under way, of those that were taken by [`Queue::pop_fair`].
    under_way: HashMap<Lane, usize>,
    /// Whose turn it is, and whose next. Each lane once.
    turns: VecDeque<Lane>,
    length: usize,
    closed: bool,
}

impl<T> Inner<T> {
    /// The item whose turn it is, if it fits; its lane stands behind all others afterwards.
    fn take(&mut self, fits: impl FnOnce(&T) -> bool) -> Option<T> {
        let lane = self.turns.pop_front()?;
        let items = self.lanes.get_mut(&lane)?;
        if !items.front().is_some_and(fits) {
            self.turns.push_front(lane);
            return None;
        }
        let item = items.pop_front()?;
        self.length -= 1;
        if items.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        Some(item)
    }
}

impl<T> Inner<T> {
    /// The next item that may begin where so many threads take items, by turns. A lane has `own` of them at most, and not the last one where
    /// it has another: that is for whoever comes with a first.
    fn take_fairly(&mut self, threads: usize, own: usize) -> Option<(Lane, T)> {
        let idle = threads.saturating_sub(self.under_way.values().sum());
        let may = |lane: &Lane| match self.under_way.get(lane) {
            None => true,
            Some(&has) => has < own && idle > 1,
        };
        let turn = self.turns.iter().position(may)?;
        let lane = self.turns.remove(turn)?;
        self.turns.push_front(lane.clone());
        let item = self.take(|_| true)?;
        *self.under_way.entry(lane.clone()).or_default() += 1;
        Some((lane, item))
    }
}

/// An item under way, whose place is free when this is dropped.
pub(crate) struct UnderWay<'a, T> {
    queue: &'a Queue<T>,
    lane: Lane,
}

impl<T> Drop for UnderWay<'_, T> {
    fn drop(&mut self) {
        let mut inner = self.queue.lock();
        if let Some(has) = inner.under_way.get_mut(&self.lane) {
            *has -= 1;
            if *has == 0 {
                inner.under_way.remove(&self.lane);
            }
        }
        drop(inner);
        // Also those who wait for the end of a queue that is closed.
        self.queue.filled.notify_all();
    }
}

impl<T> Queue<T> {
    /// Holds so many items at most.
    pub(crate) fn new(most: usize) -> Self {
        let inner = Inner {
            lanes: HashMap::new(),
            under_way: HashMap::new(),
            turns: VecDeque::new(),
            length: 0,
            closed: false,
        };
        Queue { inner: Mutex::new(inner), filled: Condvar::new(), most: most.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in, behind those of the same tenant, or refuses it.
    pub(crate) fn push(&self, tenant: Option<&TenantId>, item: T) -> Result<(), Refused> {
        let mut inner = self.lock();
        if inner.closed || inner.length >= self.most {
            return Err(Refused);
        }
        let lane = tenant.cloned();
        match inner.lanes.get_mut(&lane) {
            Some(items) => items.push_back(item),
            None => {
                inner.lanes.insert(lane.clone(), VecDeque::from([item]));
                inner.turns.push_back(lane);
            }
        }
        inner.length += 1;
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// The next item, waiting for one; None once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut inner = self.lock();
        loop {
            if let Some(item) = inner.take(|_| true) {
                return Some(item);
            }
            if inner.closed {
                return None;
            }
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next item for one of so many threads, waiting for one that may begin: items take long, and whoever has many under way does not
    /// have all threads. None once the queue is closed and empty.
    pub(crate) fn pop_fair(&self, threads: usize, own: usize) -> Option<(T, UnderWay<'_, T>)> {
        let mut inner = self.lock();
        loop {
            if let Some((lane, item)) = inner.take_fairly(threads, own) {
                let more = inner.length > 0;
                drop(inner);
                if more {
                    self.filled.notify_one();
                }
                return Some((item, UnderWay { queue: self, lane }));
            }
            if inner.closed && inner.length == 0 {
                return None;
            }
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next item, waiting for one no longer than this: inner None where none came. None once the queue is closed and
    /// empty.
    pub(crate) fn pop_within(&self, longest: Duration) -> Option<Option<T>> {
        let inner = self.lock();
        let waiting = |inner: &mut Inner<T>| inner.length == 0 && !inner.closed;
        let waited = self.filled.wait_timeout_while(inner, longest, waiting);
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let item = inner.take(|_| true);
        (item.is_some() || !inner.closed).then_some(item)
    }

    /// The next item, where one stands ready and fits.
    pub(crate) fn try_pop(&self, fits: impl FnOnce(&T) -> bool) -> Option<T> {
        self.lock().take(fits)
    }

    /// Is nothing in it?
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().length == 0
    }

    /// Takes no more; what is in is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_or_closed_queue_refuses_and_a_closed_one_is_emptied() {
        let queue = Queue::new(2);
        let push = |item| queue.push(None, item);
        assert!(push(1).is_ok() && push(2).is_ok() && push(3).is_err());
        assert_eq!(queue.pop_within(Duration::from_secs(60)), Some(Some(1)));
        queue.close();
        assert!(push(4).is_err());
        assert_eq!((queue.pop(), queue.pop(), queue.try_pop(|_| true)), (Some(2), None, None));
        assert_eq!(queue.pop_within(Duration::from_secs(60)), None, "who waits is woken");
    }

    #[test]
    fn tenants_take_turns_and_each_keeps_its_order() {
        let queue = Queue::new(100);
        let (loud, quiet) = (TenantId::new("loud"), TenantId::new("quiet"));
        for (tenant, item) in [
            (Some(&loud), 10),
            (Some(&loud), 11),
            (Some(&loud), 12),
            (Some(&quiet), 20),
            (None, 30),
            (Some(&quiet), 21),
        ] {
            queue.push(tenant, item).unwrap();
        }
        assert_eq!(queue.try_pop(|item| *item != 10), None, "what does not fit keeps its turn");
        queue.close();
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [10, 20, 30, 11, 21, 12]);
    }

    #[test]
    fn a_tenant_whose_items_take_long_leaves_a_thread_to_others() {
        const THREADS: usize = 4;
        let queue = Queue::new(100);
        let [loud, other, quiet] = ["loud", "other", "quiet"].map(TenantId::new);
        for item in 0..4 {
            queue.push(Some(&loud), item).unwrap();
        }
        let (first, one) = queue.pop_fair(THREADS, 2).unwrap();
        let (second, two) = queue.pop_fair(THREADS, 2).unwrap();
        assert_eq!((first, second), (0, 1));
        let take = || queue.lock().take_fairly(THREADS, 2).map(|(_, item)| item);
        assert_eq!(take(), None, "two of them are under way");
        queue.push(Some(&other), 10).unwrap();
        queue.push(Some(&other), 11).unwrap();
        let (item, three) = queue.pop_fair(THREADS, 2).unwrap();
        assert_eq!(item, 10);
        assert_eq!(take(), None, "the last thread is for a first item");
        queue.push(Some(&quiet), 20).unwrap();
        let (item, four) = queue.pop_fair(THREADS, 2).unwrap();
        assert_eq!(item, 20);
        drop((one, two, three, four));
        queue.close();
        let mut rest: Vec<_> = std::iter::from_fn(|| queue.pop_fair(THREADS, 2).map(|(item, _)| item)).collect();
        rest.sort_unstable();
        assert_eq!(rest, [2, 3, 11]);
        assert!(queue.lock().under_way.is_empty());
    }
}
