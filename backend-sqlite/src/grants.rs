//! What tokens open, kept by each connection that reads, for as long as no tenant and no credential changes: every
//! request asks. Whether something changed is looked up once a moment; other processes wait that long before they
//! answer (see [`crate::inline`]), and changes of this process are told at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};
use scim_core::store::control::{Grant, TokenDigest};

use crate::control;
use crate::error::Inner;

/// Grants kept by one connection; where there are more in use, they are read again.
const KEPT: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// When the database was looked at last, and how many changes this process had made then.
    looked: Option<(Instant, u64)>,
    /// The number that changes of tenants and credentials move, as it stood then.
    generation: i64,
    known: HashMap<[u8; 32], Arc<Grant>>,
}

impl Grants {
    /// The grant, where it is kept and what is kept is certainly true: looked up no longer ago than this, and since then
    /// this process has made no more changes than these.
    pub(crate) fn fresh(&self, changes: u64, kept: Duration, digest: &TokenDigest) -> Option<Arc<Grant>> {
        let (looked, then) = self.looked?;
        let fresh = changes == then && looked.elapsed() < kept;
        self.known.get(&digest.0).filter(|grant| fresh && grant.credential.digest == *digest).cloned()
    }

    /// The credential with this digest, and its tenant, as the database has them. This process had made so many changes
    /// when the state of the database was opened, at this moment or later.
    pub(crate) fn find(
        &mut self,
        db: &Connection,
        (opened, changes): (Instant, u64),
        digest: &TokenDigest,
    ) -> Inner<Option<Arc<Grant>>> {
        if self.looked != Some((opened, changes)) {
            let generation = db.prepare_cached("SELECT n FROM generation")?.query_row([], |row| row.get(0))?;
            if self.generation != generation || self.known.len() >= KEPT {
                self.known.clear();
            }
            (self.looked, self.generation) = (Some((opened, changes)), generation);
        }
        if let Some(grant) = self.known.get(&digest.0) {
            return Ok(Some(grant.clone()));
        }
        let found = db.prepare_cached(control::GRANT)?.query_row([digest.0], control::grant).optional()?;
        // The index compared byte by byte; what it found is compared in constant time.
        let found = found.filter(|grant| grant.credential.digest == *digest).map(Arc::new);
        if let Some(grant) = &found {
            self.known.insert(digest.0, grant.clone());
        }
        Ok(found)
    }
}
