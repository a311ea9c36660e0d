//! When credentials were last used, to the minute, written in batches: a request never waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use scim_core::clock::Timestamp;
use scim_core::store::control::{ControlStore, CredentialRow, TokenDigest};

/// A credential's note is not renewed before this many seconds.
const COARSE_SECONDS: i64 = 60;
/// Notes kept until they are written.
const PENDING: usize = 10_000;

/// Collects uses.
#[derive(Debug, Default)]
pub struct Usage(Mutex<Vec<(TokenDigest, Timestamp)>>);

impl Usage {
    /// Notes a use, unless the stored note is fresh.
    pub fn note(&self, credential: &CredentialRow, now: Timestamp) {
        if credential.last_used.is_some_and(|last| last.plus_seconds(COARSE_SECONDS) > now) {
            return;
        }
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < PENDING && !pending.iter().rev().take(64).any(|(digest, _)| *digest == credential.digest) {
            pending.push((credential.digest, now));
        }
    }

    /// Writes what was collected.
    pub async fn flush(&self, control: &Arc<dyn ControlStore>) {
        let pending = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if pending.is_empty() {
            return;
        }
        if let Err(error) = control.touch(&pending).await {
            tracing::debug!(%error, "the last use of credentials could not be noted");
        }
    }
}
