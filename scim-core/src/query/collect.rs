//! The part of a list that was asked for, out of resources that come in any order: no more is kept than the window
//! needs.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::store::ResourceId;

use super::{Order, Position, SortKey, Window};

/// Resources kept at most for one list. A window that begins further behind is left to a walk.
pub const MOST: u64 = 1_000_000;

/// Keeps what the window needs of the resources that are offered to it.
#[derive(Debug)]
pub struct Collector<'a> {
    window: &'a Window,
    order: Option<Order>,
    keep: usize,
    kept: BinaryHeap<Kept>,
    /// All that were offered.
    pub total: u64,
}

/// Ordered so that what is kept least willingly is the greatest.
#[derive(Debug)]
struct Kept {
    position: Position,
    source: usize,
    order: Option<Order>,
    backwards: bool,
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        let forwards = self.position.compare(&other.position, self.order);
        if self.backwards { forwards.reverse() } else { forwards }
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Kept {}

/// The window: positions in list order, each with its source, and whether there are more in its direction.
pub type Cut = (Vec<(usize, Position)>, bool);

impl<'a> Collector<'a> {
    /// For this window of a list in this order.
    pub fn new(window: &'a Window, order: Option<Order>) -> Self {
        let skip = if let Window::Offset { skip, .. } = window { *skip } else { 0 };
        // One more than wanted tells whether there are more.
        let keep = skip.min(MOST).saturating_add(u64::from(window.count())).saturating_add(1);
        Collector {
            window,
            order,
            keep: usize::try_from(keep).unwrap_or(usize::MAX),
            kept: BinaryHeap::new(),
            total: 0,
        }
    }

    /// How many of one source are enough, in list order.
    pub fn enough(&self) -> usize {
        self.keep
    }

    fn backwards(&self) -> bool {
        matches!(self.window, Window::Before { .. })
    }

    /// Offers a resource of a list without sort.
    pub fn offer_id(&mut self, source: usize, id: &str) {
        // Most are told by a look at their id, before anything is made of it.
        if self.order.is_none() && self.kept.len() >= self.keep {
            let worst = self.kept.peek().map(|worst| worst.position.id.as_str().cmp(id));
            let useless = if self.backwards() { Some(Ordering::Greater) } else { Some(Ordering::Less) };
            if worst == useless {
                self.total += 1;
                return;
            }
        }
        self.offer(source, Position { key: SortKey::Absent, id: ResourceId::new(id) });
    }

    /// Offers a resource.
    pub fn offer(&mut self, source: usize, position: Position) {
        self.total += 1;
        let inside = match self.window {
            Window::Offset { .. } => true,
            Window::After { position: from, .. } => position.compare(from, self.order).is_gt(),
            Window::Before { position: to, .. } => position.compare(to, self.order).is_lt(),
        };
        if !inside {
            return;
        }
        let kept = Kept { position, source, order: self.order, backwards: self.backwards() };
        if self.kept.len() < self.keep {
            self.kept.push(kept);
        } else if let Some(mut worst) = self.kept.peek_mut()
            && kept < *worst
        {
            *worst = kept;
        }
    }

    /// The part that was asked for.
    pub fn cut(self) -> Cut {
        let count = self.window.count() as usize;
        let backwards = self.backwards();
        let skip = if let Window::Offset { skip, .. } = self.window {
            usize::try_from(*skip).unwrap_or(usize::MAX)
        } else {
            0
        };
        let sorted = self.kept.into_sorted_vec().into_iter().skip(skip);
        let mut inside: Vec<_> = sorted.map(|kept| (kept.source, kept.position)).collect();
        let more = inside.len() > count;
        inside.truncate(count);
        if backwards {
            inside.reverse();
        }
        (inside, more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(window: Window, order: Option<Order>, expected: &[&str], more: bool) {
        let mut collector = Collector::new(&window, order);
        for id in ["d", "b", "e", "a", "c", "f"] {
            match order {
                None => collector.offer_id(0, id),
                // The key is the same for two at a time.
                Some(_) => {
                    let key = SortKey::Integer((id.bytes().next().unwrap() - b'a').into());
                    let SortKey::Integer(n) = key else { panic!() };
                    collector.offer(0, Position { key: SortKey::Integer(n / 2), id: ResourceId::new(id) });
                }
            }
        }
        assert_eq!(collector.total, 6);
        let (found, has_more) = collector.cut();
        let ids: Vec<_> = found.iter().map(|(_, position)| position.id.as_str().to_owned()).collect();
        assert_eq!((ids, has_more), (expected.iter().map(ToString::to_string).collect(), more), "{window:?} {order:?}");
    }

    #[test]
    fn the_window_is_cut_out_of_what_comes_in_any_order() {
        let at = |id: &str, key| Position { key, id: ResourceId::new(id) };
        let none = |id: &str| at(id, SortKey::Absent);
        let down = Some(Order::Descending);
        check(Window::Offset { skip: 0, count: 2 }, None, &["a", "b"], true);
        check(Window::Offset { skip: 4, count: 2 }, None, &["e", "f"], false);
        check(Window::Offset { skip: 9, count: 2 }, None, &[], false);
        check(Window::Offset { skip: 0, count: 0 }, None, &[], true);
        check(Window::After { position: none("b"), count: 3 }, None, &["c", "d", "e"], true);
        check(Window::Before { position: none("d"), count: 2 }, None, &["b", "c"], true);
        check(Window::Before { position: none("c"), count: 2 }, None, &["a", "b"], false);
        check(Window::Offset { skip: 0, count: 6 }, down, &["e", "f", "c", "d", "a", "b"], false);
        check(Window::After { position: at("f", SortKey::Integer(2)), count: 2 }, down, &["c", "d"], true);
        check(Window::Before { position: at("a", SortKey::Integer(0)), count: 3 }, down, &["f", "c", "d"], true);
    }
}
