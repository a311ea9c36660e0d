//! The contract on the reference store, which is the oracle of the random histories: it must at least agree with itself.

use std::process::ExitCode;

use scim_core::store::memory::MemoryStore;

fn main() -> ExitCode {
    conformance_tests::store_contract(|| async { MemoryStore::new() })
}
