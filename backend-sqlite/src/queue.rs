//! A bounded queue between callers, who never wait to put something in, and threads that take things out.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Full, or closed.
#[derive(Debug)]
pub(crate) struct Refused;

pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    filled: Condvar,
    most: usize,
}

struct Inner<T> {
    items: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// Holds so many items at most.
    pub(crate) fn new(most: usize) -> Self {
        let inner = Inner { items: VecDeque::new(), closed: false };
        Queue { inner: Mutex::new(inner), filled: Condvar::new(), most: most.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in, or refuses it.
    pub(crate) fn push(&self, item: T) -> Result<(), Refused> {
        let mut inner = self.lock();
        if inner.closed || inner.items.len() >= self.most {
            return Err(Refused);
        }
        inner.items.push_back(item);
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// The next item, waiting for one; None once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let mut inner = self.lock();
        loop {
            if let Some(item) = inner.items.pop_front() {
                return Some(item);
            }
            if inner.closed {
                return None;
            }
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next item, where one stands ready.
    pub(crate) fn try_pop(&self) -> Option<T> {
        self.lock().items.pop_front()
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
        assert!(queue.push(1).is_ok() && queue.push(2).is_ok() && queue.push(3).is_err());
        assert_eq!(queue.pop(), Some(1));
        queue.close();
        assert!(queue.push(4).is_err());
        assert_eq!((queue.pop(), queue.pop(), queue.try_pop()), (Some(2), None, None));
    }
}
