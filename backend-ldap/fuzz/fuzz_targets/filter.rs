//! A filter means the same to ldap3 and to us, or is refused there: `cargo +nightly fuzz run filter`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some((Some(theirs), ours)) = backend_ldap::untrusted::filter(text) {
        assert_eq!(Some(theirs), ours, "{text}");
    }
});
