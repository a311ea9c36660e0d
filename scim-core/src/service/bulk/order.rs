//! In which order the operations of a bulk request are done: creates before those that refer to them.

use std::collections::HashMap;

use crate::store::ResourceId;

use super::Run;
use super::prepare::{Held, Prepared, Work};

/// How far an operation is on its way to its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    /// Waits for those that it needs.
    BeingPlaced,
    Placed,
}

impl Run<'_> {
    /// Request order, with creates moved before those that need them. A need that leads back to one that is just being
    /// placed closes a circle: it is left for later.
    pub(super) fn settle_order(&mut self) {
        let mut marks = vec![Mark::New; self.needs.len()];
        for first in 0..self.needs.len() {
            // (operation, how many of its needs have been looked at): a stack of our own, so no request can exhaust ours.
            let mut stack = vec![(first, 0)];
            while let Some((n, looked_at)) = stack.pop() {
                let Some(mark) = marks.get_mut(n).filter(|mark| **mark != Mark::Placed) else { continue };
                match self.needs.get(n).and_then(|needs| needs.get(looked_at)).copied() {
                    Some(need) => {
                        *mark = Mark::BeingPlaced;
                        stack.push((n, looked_at + 1));
                        if marks.get(need) == Some(&Mark::New) {
                            stack.push((need, 0));
                        }
                    }
                    None => {
                        *mark = Mark::Placed;
                        self.order.push(n);
                    }
                }
            }
        }
    }

    /// Takes out of every create the links to resources that are made after it.
    pub(super) fn hold_back(&mut self, which: std::ops::Range<usize>) {
        let place: HashMap<usize, usize> = self.order.iter().enumerate().map(|(place, &n)| (n, place)).collect();
        for n in which {
            let later = self.needs.get(n).into_iter().flatten().filter(|need| place.get(need) > place.get(&n));
            let later: HashMap<ResourceId, usize> =
                later.filter_map(|&need| Some((self.ids.get(need)?.clone(), need))).collect();
            let Some(Ok(Prepared { work: Work::Create(draft), .. })) = self.prepared.get_mut(n) else { continue };
            if later.is_empty() {
                continue;
            }
            let held = self.held.entry(n).or_default();
            held.clear();
            for (link, values) in &mut draft.links {
                for value in std::mem::take(values) {
                    match later.get(&value.target) {
                        Some(&need) => held.push(Held { link: link.clone(), value, need }),
                        None => values.push(value),
                    }
                }
            }
        }
    }
}
