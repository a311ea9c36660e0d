//! What tokens open, kept by each connection that reads, for as long as no tenant and no credential changes: every
//! request asks.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use scim_core::store::control::{Grant, TokenDigest};

use crate::control;
use crate::error::Inner;

/// Grants kept by one connection; where there are more in use, they are read again.
const KEPT: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// The state of the database that was looked at last, and the number that changes of tenants and credentials moved
    /// in it.
    state: u64,
    generation: i64,
    known: HashMap<[u8; 32], Arc<Grant>>,
}

impl Grants {
    /// The credential with this digest, and its tenant, in the state of the database with this number.
    pub(crate) fn find(&mut self, db: &Connection, state: u64, digest: &TokenDigest) -> Inner<Option<Arc<Grant>>> {
        if self.state != state {
            let generation = db.prepare_cached("SELECT n FROM generation")?.query_row([], |row| row.get(0))?;
            if self.generation != generation || self.known.len() >= KEPT {
                self.known.clear();
            }
            (self.state, self.generation) = (state, generation);
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
