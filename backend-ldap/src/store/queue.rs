//! Writers of one entry, one behind the other: racing for it they would mostly lose. Who takes a value that may stand once stands in such
//! a queue, and walkers of one list, to share what one of them finds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use scim_core::store::TenantId;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// The turns of each thing, while somebody waits for one.
type Turns = HashMap<(TenantId, String), Weak<Turn<()>>>;

/// Who writes where.
#[derive(Debug, Default)]
pub(super) struct Queue {
    turns: Mutex<Turns>,
}

/// Beyond so many, those that nobody waits for are forgotten.
const MANY: usize = 1_024;

impl Queue {
    /// Waits for its turn, which ends when the answer is dropped.
    pub(super) async fn turn(&self, tenant: &TenantId, what: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() > MANY {
                turns.retain(|_, turn| turn.strong_count() > 0);
            }
            let key = (tenant.clone(), what.to_owned());
            match turns.get(&key).and_then(Weak::upgrade) {
                Some(turn) => turn,
                None => {
                    let turn = Arc::new(Turn::new(()));
                    turns.insert(key, Arc::downgrade(&turn));
                    turn
                }
            }
        };
        turn.lock_owned().await
    }
}
