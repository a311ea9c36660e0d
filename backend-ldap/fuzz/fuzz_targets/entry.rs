//! An entry that holds anything at all is read as a resource of its type: `cargo +nightly fuzz run entry`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    backend_ldap::untrusted::entry(bytes).expect("a resource");
});
