//! The contract of stores, held on real files.
#![expect(clippy::unwrap_used, reason = "without a directory there is nothing to test")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backend_sqlite::{Options, SqliteStore};

fn main() -> ExitCode {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let number = Arc::new(AtomicUsize::new(0));
    conformance_tests::store_contract(move || {
        let name = format!("{}.db", number.fetch_add(1, Ordering::Relaxed));
        let path = dir.path().join(name);
        async move { SqliteStore::open(Options::new(path)).unwrap() }
    })
}
