//! Who does the work of whom: what is asked for while the like of it is under way waits, and is then done together, by one of those who
//! wait. Who finds nothing under way waits for nothing.
//!
//! What takes long holds nobody up: who has waited a moment goes on without it, and takes along those who wait as well.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot::{self, Sender};

/// How long anyone waits for those before: several times what they usually take.
const PATIENCE: Duration = Duration::from_millis(20);
/// As many are done together.
const MOST: usize = 32;

/// Those who wait, by what `K` is to be done together: each for an answer `A` to work `W`.
pub(crate) struct Gather<K: Clone + Eq + Hash, W, A> {
    waiting: Mutex<HashMap<K, Waiting<K, W, A>>>,
    /// How many have waited so far.
    came: AtomicU64,
    patience: Duration,
}

/// Those who wait while work of one kind is under way, in the order of their coming.
type Waiting<K, W, A> = VecDeque<Asker<K, W, A>>;

/// Someone who waits, and what for.
pub(crate) struct Asker<K: Clone + Eq + Hash, W, A> {
    /// Nobody else's, ever: one that is not found waits no more.
    number: u64,
    pub work: W,
    tell: Sender<Told<K, W, A>>,
}

/// What whoever asks is told.
pub(crate) enum Told<K: Clone + Eq + Hash, W, A> {
    /// To do it, and what these others ask for.
    Lead(Turn<K, W, A>, Vec<Asker<K, W, A>>),
    /// It was done.
    Answer(A),
    /// Nothing was begun, and nobody else will do it.
    Nothing,
}

impl<K: Clone + Eq + Hash, W, A> Default for Gather<K, W, A> {
    fn default() -> Self {
        Gather { waiting: Mutex::default(), came: AtomicU64::new(0), patience: PATIENCE }
    }
}

impl<K: Clone + Eq + Hash, W, A> Gather<K, W, A> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Waiting<K, W, A>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for work, and waits until there is an answer to it or it is to be done.
    pub(crate) async fn ask(self: &Arc<Self>, kind: &K, work: W) -> Told<K, W, A> {
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
        match tokio::time::timeout(self.patience, &mut told).await {
            Ok(told) => told.unwrap_or(Told::Nothing),
            Err(_) => match self.overtake(kind, number) {
                Some(others) => Told::Lead(Turn(None), others),
                None => told.await.unwrap_or(Told::Nothing),
            },
        }
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
    pub(crate) fn answer(self, answer: A) {
        let _gone = self.tell.send(Told::Answer(answer));
    }
}

/// Work of one kind under way. Those who wait are next when it is dropped; one of them is told to do it.
pub(crate) struct Turn<K: Clone + Eq + Hash, W, A>(Option<UnderWay<K, W, A>>);

/// What is under way, and who waits for it.
struct UnderWay<K: Clone + Eq + Hash, W, A> {
    kind: K,
    gather: Arc<Gather<K, W, A>>,
}

impl<K: Clone + Eq + Hash, W, A> Drop for Turn<K, W, A> {
    fn drop(&mut self) {
        let Some(UnderWay { kind, gather }) = self.0.take() else { return };
        let mut all = gather.lock();
        let Some(waiting) = all.get_mut(&kind) else { return };
        let mut askers = std::mem::take(waiting);
        while let Some(first) = askers.pop_front() {
            let turn = Turn(Some(UnderWay { kind: kind.clone(), gather: gather.clone() }));
            match first.tell.send(Told::Lead(turn, askers.into())) {
                // Who waited has gone: the next is asked.
                Err(Told::Lead(mut turn, others)) => {
                    turn.0 = None;
                    askers = others.into();
                }
                Ok(()) | Err(_) => return,
            }
        }
        all.remove(&kind);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{BoxFuture, FutureExt, poll_immediate};

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    type Own = Gather<&'static str, u32, u32>;

    fn patient(patience: Duration) -> Arc<Own> {
        Arc::new(Gather { patience, ..Gather::default() })
    }

    async fn waits(gather: &Arc<Own>, work: u32) -> BoxFuture<'static, Told<&'static str, u32, u32>> {
        let gather = gather.clone();
        let mut waits = async move { gather.ask(&"a", work).await }.boxed();
        assert!(poll_immediate(&mut waits).await.is_none(), "something is under way");
        waits
    }

    fn works(others: &[Asker<&'static str, u32, u32>]) -> Vec<u32> {
        others.iter().map(|asker| asker.work).collect()
    }

    #[tokio::test]
    async fn those_who_wait_are_done_together_by_the_first_of_them() {
        let gather = patient(LONG);
        let Told::Lead(turn, none) = gather.ask(&"a", 1).await else { panic!("nothing was under way") };
        assert!(none.is_empty());
        let (gone, first) = (waits(&gather, 2).await, waits(&gather, 3).await);
        let (mut second, third) = (waits(&gather, 4).await, waits(&gather, 5).await);
        // What is of another kind waits for nothing.
        assert!(matches!(gather.ask(&"b", 6).await, Told::Lead(_, others) if others.is_empty()));
        drop(gone);
        drop(turn);
        let Told::Lead(turn, others) = first.await else { panic!("it is their turn") };
        assert_eq!(works(&others), [4, 5]);
        // Who comes now waits for the next turn, and goes with it.
        let last = waits(&gather, 7).await;
        for asker in others {
            let answer = asker.work * 10;
            asker.answer(answer);
        }
        assert!(matches!(poll_immediate(&mut second).await, Some(Told::Answer(40))));
        assert!(matches!(third.await, Told::Answer(50)));
        drop(turn);
        let Told::Lead(turn, others) = last.await else { panic!("it is their turn") };
        assert!(others.is_empty());
        drop(turn);
        assert!(gather.lock().is_empty());
    }

    #[tokio::test]
    async fn nobody_waits_for_what_takes_long() {
        let gather = patient(Duration::from_millis(1));
        let Told::Lead(stuck, _) = gather.ask(&"a", 1).await else { panic!("nothing was under way") };
        let (first, second) = (waits(&gather, 2).await, waits(&gather, 3).await);
        let Told::Lead(_, others) = first.await else { panic!("it was not waited for") };
        assert_eq!(works(&others), [3]);
        // Who was to do it is gone: nothing of it was begun.
        drop(others);
        assert!(matches!(second.await, Told::Nothing));
        drop(stuck);
        assert!(gather.lock().is_empty());
    }

    #[tokio::test]
    async fn who_is_being_done_takes_nobody_along() {
        let gather = patient(Duration::from_millis(1));
        let Told::Lead(turn, _) = gather.ask(&"a", 1).await else { panic!("nothing was under way") };
        let (first, mut second) = (waits(&gather, 2).await, waits(&gather, 3).await);
        drop(turn);
        let Told::Lead(turn, mut others) = first.await else { panic!("it is their turn") };
        drop(turn);
        // Others of the kind come meanwhile, and one of them waits.
        let Told::Lead(_turn, _) = gather.ask(&"a", 4).await else { panic!("nothing was under way") };
        let last = waits(&gather, 5).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(poll_immediate(&mut second).await.is_none());
        assert!(matches!(last.await, Told::Lead(_, others) if others.is_empty()));
        others.remove(0).answer(30);
        assert!(matches!(second.await, Told::Answer(30)));
    }

    #[tokio::test]
    async fn a_turn_passes_over_those_who_are_gone() {
        let gather = patient(LONG);
        let Told::Lead(turn, _) = gather.ask(&"a", 1).await else { panic!("nothing was under way") };
        let (told, next) = (waits(&gather, 2).await, waits(&gather, 3).await);
        drop(turn);
        // It was told, and never looked.
        drop(told);
        // The others were on its hands.
        assert!(matches!(next.await, Told::Nothing));
        assert!(matches!(gather.ask(&"a", 4).await, Told::Lead(..)));
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_done_together() {
        let gather = patient(LONG);
        let Told::Lead(_turn, _) = gather.ask(&"a", 1).await else { panic!("nothing was under way") };
        let mut all = Vec::new();
        for work in 0..MOST {
            all.push(waits(&gather, u32::try_from(work).unwrap()).await);
        }
        assert!(matches!(gather.ask(&"a", 99).await, Told::Lead(_, others) if others.is_empty()));
    }
}
