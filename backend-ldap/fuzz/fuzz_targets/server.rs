//! A server says anything at all where three operations wait for answers: `cargo +nightly fuzz run server`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
}

fuzz_target!(|bytes: &[u8]| {
    RUNTIME.with(|runtime| runtime.block_on(backend_ldap::untrusted::server_says(bytes))).expect("a connection");
});
