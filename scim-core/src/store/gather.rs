//! Who does the work of whom: what is asked for while the like of it is under way waits, and is then done together, by one of those who
//! wait. Who finds nothing under way waits for nothing.
//!
//! What takes long holds nobody up: who has waited a moment goes on without it, and takes along those who wait as well.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot::{self, Sender};
use futures_util::future::{Either, select};

/// As many are done together.
const MOST: usize = 32;

/// Those who wait, by what `K` is to be done together: each for an answer `A` to work `W`.
pub struct Gather<K: Clone + Eq + Hash, W, A> {
    waiting: Mutex<HashMap<K, Waiting<K, W, A>>>,
    /// How many have waited so far.
    came: AtomicU64,
}

/// Those who wait while work of one kind is under way, in the order of their coming.
type Waiting<K, W, A> = VecDeque<Asker<K, W, A>>;

/// Someone who waits, and what for.
pub struct Asker<K: Clone + Eq + Hash, W, A> {
    /// Nobody else's, ever: one that is not found waits no more.
    number: u64,
    /// What it asks for.
    pub work: W,
    tell: Sender<Told<K, W, A>>,
}

/// What whoever asks is told.
pub enum Told<K: Clone + Eq + Hash, W, A> {
    /// To do it, and what these others ask for.
    Lead(Turn<K, W, A>, Vec<Asker<K, W, A>>),
    /// It was done.
    Answer(A),
    /// Nothing was begun, and nobody else will do it.
    Nothing,
}

impl<K: Clone + Eq + Hash, W, A> Default for Gather<K, W, A> {
    fn default() -> Self {
        Gather { waiting: Mutex::default(), came: AtomicU64::new(0) }
    }
}

impl<K: Clone + Eq + Hash, W, A> Gather<K, W, A> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Waiting<K, W, A>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for work, and waits until there is an answer to it or it is to be done. For those before it waits until `patience` ends.
    pub async fn ask(self: &Arc<Self>, kind: &K, work: W, patience: impl Future<Output = ()>) -> Told<K, W, A> {
        let (tell, mut told) = oneshot::channel();
        let number = {
            let mut all = self.lock();
            let Some(waiting) = all.get_mut(kind) else {
                all.insert(kind.clone(), VecDeque::new());
                let under_way = UnderWay { kind: kind.clone(), gather: self.clone() };
                return Told::Lead(Turn(Some(under_way)), Vec::new());
            };
            if waiting.len() >= MOST {
                return Told::Lead(Turn(None), Vec::new());
            }
            let number = self.came.fetch_add(1, Ordering::Relaxed);
            waiting.push_back(Asker { number, work, tell });
            number
        };
        let heard = match select(&mut told, pin!(patience)).await {
            Either::Left((told, _)) => Some(told),
            Either::Right(_) => None,
        };
        match heard {
            Some(told) => told.unwrap_or(Told::Nothing),
            None => match self.overtake(kind, number) {
                Some(others) => Told::Lead(Turn(None), others),
                None => told.await.unwrap_or(Told::Nothing),
            },
        }
    }

    /// All who wait. None where nobody does: nothing of the kind is under way any more.
    fn next(&self, kind: &K) -> Option<Waiting<K, W, A>> {
        let mut all = self.lock();
        let waiting = std::mem::take(all.get_mut(kind)?);
        if waiting.is_empty() {
            all.remove(kind);
        }
        (!waiting.is_empty()).then_some(waiting)
    }

    /// All others who wait with this one; None where it waits no more.
    fn overtake(&self, kind: &K, number: u64) -> Option<Vec<Asker<K, W, A>>> {
        let mut all = self.lock();
        let askers = all.get_mut(kind)?;
        let own = askers.iter().position(|asker| asker.number == number)?;
        askers.remove(own);
        Some(std::mem::take(askers).into())
    }
}

impl<K: Clone + Eq + Hash, W, A> Asker<K, W, A> {
    /// Answers; who does not wait any more is not missed.
    pub fn answer(self, answer: A) {
        let _gone = self.tell.send(Told::Answer(answer));
    }
}

/// Work of one kind under way. Those who wait are next when it is dropped; one of them is told to do it.
pub struct Turn<K: Clone + Eq + Hash, W, A>(Option<UnderWay<K, W, A>>);

/// What is under way, and who waits for it.
struct UnderWay<K: Clone + Eq + Hash, W, A> {
    kind: K,
    gather: Arc<Gather<K, W, A>>,
}

impl<K: Clone + Eq + Hash, W, A> Turn<K, W, A> {
    /// It is over. Gives whether somebody goes next.
    pub fn end(mut self) -> bool {
        self.pass_on()
    }

    fn pass_on(&mut self) -> bool {
        let Some(UnderWay { kind, gather }) = self.0.take() else { return false };
        // Told without the lock: where the first of them goes in that moment, its turn is dropped here and asks for the lock.
        while let Some(mut askers) = gather.next(&kind) {
            while let Some(first) = askers.pop_front() {
                let turn = Turn(Some(UnderWay { kind: kind.clone(), gather: gather.clone() }));
                match first.tell.send(Told::Lead(turn, askers.into())) {
                    // Who waited has gone: the next is asked.
                    Err(Told::Lead(mut turn, others)) => {
                        turn.0 = None;
                        askers = others.into();
                    }
                    Ok(()) | Err(_) => return true,
                }
            }
        }
        false
    }
}

impl<K: Clone + Eq + Hash, W, A> Drop for Turn<K, W, A> {
    fn drop(&mut self) {
        self.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::future::{BoxFuture, FutureExt};

    use super::*;

    type Own = Arc<Gather<&'static str, u32, u32>>;
    type Heard = Told<&'static str, u32, u32>;

    /// Asks where nothing is under way, or nothing that is waited for.
    fn at_once(gather: &Own, kind: &'static str, work: u32) -> Heard {
        gather.ask(&kind, work, pending()).now_or_never().expect("nothing was to be waited for")
    }

    fn waits(gather: &Own, work: u32) -> BoxFuture<'static, Heard> {
        waits_until(gather, work, pending())
    }

    fn waits_until(
        gather: &Own,
        work: u32,
        patience: impl Future<Output = ()> + Send + 'static,
    ) -> BoxFuture<'static, Heard> {
        let gather = gather.clone();
        let mut waits = async move { gather.ask(&"a", work, patience).await }.boxed();
        assert!(heard(&mut waits).is_none(), "something is under way");
        waits
    }

    /// Waits until told to go on.
    fn hasty(gather: &Own, work: u32) -> (BoxFuture<'static, Heard>, impl FnOnce()) {
        let (end, ends) = oneshot::channel::<()>();
        (waits_until(gather, work, ends.map(drop)), || end.send(()).unwrap())
    }

    fn heard(waits: &mut BoxFuture<'static, Heard>) -> Option<Heard> {
        waits.now_or_never()
    }

    fn works(others: &[Asker<&'static str, u32, u32>]) -> Vec<u32> {
        others.iter().map(|asker| asker.work).collect()
    }

    #[test]
    fn those_who_wait_are_done_together_by_the_first_of_them() {
        let gather = Own::default();
        let Told::Lead(turn, none) = at_once(&gather, "a", 1) else { panic!("nothing was under way") };
        assert!(none.is_empty());
        let (gone, mut first) = (waits(&gather, 2), waits(&gather, 3));
        let (mut second, mut third) = (waits(&gather, 4), waits(&gather, 5));
        // What is of another kind waits for nothing.
        assert!(matches!(at_once(&gather, "b", 6), Told::Lead(_, others) if others.is_empty()));
        drop(gone);
        drop(turn);
        let Some(Told::Lead(turn, others)) = heard(&mut first) else { panic!("it is their turn") };
        assert_eq!(works(&others), [4, 5]);
        // Who comes now waits for the next turn, and goes with it.
        let mut last = waits(&gather, 7);
        for asker in others {
            let answer = asker.work * 10;
            asker.answer(answer);
        }
        assert!(matches!(heard(&mut second), Some(Told::Answer(40))));
        assert!(matches!(heard(&mut third), Some(Told::Answer(50))));
        assert!(turn.end(), "one waits");
        let Some(Told::Lead(turn, others)) = heard(&mut last) else { panic!("it is their turn") };
        assert!(others.is_empty());
        assert!(!turn.end(), "nobody does");
        assert!(gather.lock().is_empty());
    }

    #[test]
    fn nobody_waits_for_what_takes_long() {
        let gather = Own::default();
        let Told::Lead(stuck, _) = at_once(&gather, "a", 1) else { panic!("nothing was under way") };
        let ((mut first, go_on), mut second) = (hasty(&gather, 2), waits(&gather, 3));
        go_on();
        let Some(Told::Lead(_, others)) = heard(&mut first) else { panic!("it was not waited for") };
        assert_eq!(works(&others), [3]);
        // Who was to do it is gone: nothing of it was begun.
        drop(others);
        assert!(matches!(heard(&mut second), Some(Told::Nothing)));
        drop(stuck);
        assert!(gather.lock().is_empty());
    }

    #[test]
    fn who_is_being_done_takes_nobody_along() {
        let gather = Own::default();
        let Told::Lead(turn, _) = at_once(&gather, "a", 1) else { panic!("nothing was under way") };
        let (mut first, (mut second, go_on)) = (waits(&gather, 2), hasty(&gather, 3));
        drop(turn);
        let Some(Told::Lead(turn, mut others)) = heard(&mut first) else { panic!("it is their turn") };
        drop(turn);
        // Others of the kind come meanwhile, and one of them waits.
        let Told::Lead(_turn, _) = at_once(&gather, "a", 4) else { panic!("nothing was under way") };
        let (mut last, let_last_go_on) = hasty(&gather, 5);
        go_on();
        assert!(heard(&mut second).is_none());
        let_last_go_on();
        assert!(matches!(heard(&mut last), Some(Told::Lead(_, others)) if others.is_empty()));
        others.remove(0).answer(30);
        assert!(matches!(heard(&mut second), Some(Told::Answer(30))));
    }

    #[test]
    fn a_turn_passes_over_those_who_are_gone() {
        let gather = Own::default();
        let Told::Lead(turn, _) = at_once(&gather, "a", 1) else { panic!("nothing was under way") };
        let (told, mut next) = (waits(&gather, 2), waits(&gather, 3));
        drop(turn);
        // It was told, and never looked.
        drop(told);
        // The others were on its hands.
        assert!(matches!(heard(&mut next), Some(Told::Nothing)));
        assert!(matches!(at_once(&gather, "a", 4), Told::Lead(..)));
    }

    #[test]
    fn no_more_than_so_many_are_done_together() {
        let gather = Own::default();
        let Told::Lead(_turn, _) = at_once(&gather, "a", 1) else { panic!("nothing was under way") };
        let all: Vec<_> = (0..MOST).map(|work| waits(&gather, u32::try_from(work).unwrap())).collect();
        assert!(matches!(at_once(&gather, "a", 99), Told::Lead(_, others) if others.is_empty()));
        assert_eq!(all.len(), MOST);
    }
}
