//! Does the database take writes? It may answer whoever reads, and have no room for anything new.
//!
//! Nobody writes to find out as long as what is written is taken. Once something was refused that no request is to blame for, whoever asks
//! how the store is writes something of a size for which room is needed, and takes it back.

use std::sync::atomic::{AtomicBool, Ordering};

use scim_core::change::Outcome;

use crate::connection::Link;
use crate::error::{Fault, Inner};

/// What cannot be kept in pages that there are: 32 kB that cannot be compressed.
const SOMETHING: &str = "BEGIN; INSERT INTO note (name, value) \
     SELECT 'room ' || pg_backend_pid(), decode(string_agg(md5(n || clock_timestamp()::text), ''), 'hex') FROM generate_series(1, 2048) n; \
     ROLLBACK";

/// Whether what was written last was taken.
#[derive(Debug, Default)]
pub(crate) struct Writable {
    refused: AtomicBool,
}

impl Writable {
    /// What came of something that was written.
    pub(crate) fn learn(&self, done: &Inner<Outcome>) {
        match done {
            Ok(_) if self.refused.load(Ordering::Relaxed) => self.refused.store(false, Ordering::Relaxed),
            Ok(_) => {}
            Err(fault) => self.refused(fault),
        }
    }

    /// It failed.
    pub(crate) fn refused(&self, fault: &Fault) {
        if fault.may_pass() {
            self.refused.store(true, Ordering::Relaxed);
        }
    }

    /// Writes something where the last of others was refused.
    pub(crate) async fn check(&self, link: &Link) -> Inner<()> {
        if self.refused.load(Ordering::Relaxed) {
            link.batch(SOMETHING).await?;
            self.refused.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}
