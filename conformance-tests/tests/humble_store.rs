//! The contract on a store that gives ids out itself.

use std::process::ExitCode;

use conformance_tests::humble::Humble;

fn main() -> ExitCode {
    conformance_tests::store_contract(|| async { Humble::new(Vec::new()) })
}
