//! When credentials were last used, to the minute, written in batches: a request never waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use scim_core::clock::Timestamp;
use scim_core::store::control::{ControlStore, CredentialRow, TokenDigest};

/// A credential's note is not renewed before this many seconds.
const COARSE_SECONDS: i64 = 60;
/// Notes kept until they are written.
const PENDING: usize = 10_000;

/// Collects uses.
#[derive(Debug, Default)]
pub struct Usage {
    pending: Mutex<Vec<(TokenDigest, Timestamp)>>,
    /// Of the note that was made last: the beginning of the digest, and the minute. Most requests come with the credential of
    /// the one before, and only look.
    last: AtomicU64,
}

impl Usage {
    /// Notes a use, unless the stored note is fresh.
    pub fn note(&self, credential: &CredentialRow, now: Timestamp) {
        if credential.last_used.is_some_and(|last| last.plus_seconds(COARSE_SECONDS) > now) {
            return;
        }
        let mark = mark(&credential.digest, now);
        if self.last.load(Ordering::Relaxed) == mark {
            return;
        }
        self.last.store(mark, Ordering::Relaxed);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < PENDING && !pending.iter().rev().take(64).any(|(digest, _)| *digest == credential.digest) {
            pending.push((credential.digest, now));
        }
    }

    /// Writes what was collected.
    pub async fn flush(&self, control: &Arc<dyn ControlStore>) {
        let pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        if pending.is_empty() {
            return;
        }
        if let Err(error) = control.touch(&pending).await {
            tracing::debug!(%error, "the last use of credentials could not be noted");
        }
    }
}

/// The beginning of a digest, and a minute.
fn mark(TokenDigest(digest): &TokenDigest, now: Timestamp) -> u64 {
    let beginning = digest.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let minute = now.millis() / (COARSE_SECONDS * 1_000);
    u64::from(beginning) << 32 | (minute as u64 & u64::from(u32::MAX))
}
