//! No answer of a server, and no text of a filter, ends what reads it. The fuzz target runs the same without bounds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers included")]

use std::sync::atomic::{AtomicUsize, Ordering};

use backend_ldap::ldap::LdapError;
use backend_ldap::untrusted::{Ended, entry, filter, server_says};
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::runtime::{Builder, Runtime};

/// Panics in any task; those of the library would only be seen as a connection that went away.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn runtime() -> Runtime {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            before(panic);
        }));
    });
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn says(runtime: &Runtime, bytes: &[u8]) -> Ended {
    let ended = runtime.block_on(server_says(bytes)).unwrap();
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{bytes:02x?}");
    ended
}

/// What a good server answers to the three operations: two entries, a reference and an end, with controls; the end of a
/// change; the end of an extended operation with a value.
const GOOD: &[u8] = b"\
    \x30\x2e\x02\x04\x40\x00\x00\x00\x64\x14\x04\x04dc=a\x30\x0c\x30\x0a\x04\x02cn\x31\x04\x04\x02\xff\x00\
    \xa0\x10\x30\x0e\x04\x031.2\x01\x01\xff\x04\x04abcd\
    \x30\x10\x02\x04\x40\x00\x00\x00\x64\x08\x04\x04dc=b\x30\x00\
    \x30\x12\x02\x04\x40\x00\x00\x00\x73\x0a\x04\x08ldap://b\
    \x30\x1b\x02\x04\x40\x00\x00\x00\x65\x07\x0a\x01\x00\x04\x00\x04\x00\
    \xa0\x0a\x30\x08\x04\x031.2\x04\x01x\
    \x30\x0f\x02\x04\x40\x00\x00\x01\x67\x07\x0a\x01\x00\x04\x00\x04\x00\
    \x30\x15\x02\x04\x40\x00\x00\x02\x78\x0d\x0a\x01\x00\x04\x00\x04\x00\x8b\x04dn:a";

#[test]
fn a_good_server_is_understood() {
    let Ended { search, modify, extended } = says(&runtime(), GOOD);
    let found = search.unwrap();
    assert_eq!(found.entries.len(), 2);
    assert_eq!(found.entries[0].attributes[0].values[0].as_ref(), [0xff, 0]);
    assert_eq!(found.entries[0].controls[0].value.as_ref().unwrap().as_ref(), b"abcd");
    assert_eq!((found.references.as_slice(), found.result.controls.len()), (&["ldap://b".to_owned()][..], 1));
    assert!(modify.is_ok());
    assert_eq!(extended.unwrap().value.unwrap().as_ref(), b"dn:a");
}

#[test]
fn where_it_is_cut_what_was_whole_counts_and_the_rest_is_known_to_be_open() {
    let runtime = runtime();
    for cut in 0..GOOD.len() {
        let Ended { search, modify, extended } = says(&runtime, &GOOD[..cut]);
        assert_eq!(search.is_ok(), cut >= 0x30 + 0x12 + 0x14 + 0x1d, "{cut}");
        assert!(matches!(search, Ok(_) | Err(LdapError::Unavailable(_))));
        assert!(matches!(modify, Ok(_) | Err(LdapError::Uncertain(_))), "a write may have happened");
        assert!(matches!(extended, Err(LdapError::Unavailable(_))), "a read has not");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_answer_ends_nothing_but_the_connection(
        hits in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        moved in proptest::option::of((any::<Index>(), any::<Index>(), 1_usize..20)),
    ) {
        let mut bytes = GOOD.to_vec();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some((from, to, length)) = moved {
            let from = from.index(bytes.len());
            let piece = bytes[from..bytes.len().min(from + length)].to_vec();
            let to = to.index(bytes.len());
            bytes.splice(to..to, piece);
        }
        says(&runtime(), &bytes);
    }

    /// Numbers and tags of answers, in any order and with any content.
    #[test]
    fn answers_to_other_questions_end_nothing_but_the_connection(
        messages in proptest::collection::vec(
            (0_u8..3, any::<bool>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..20)), 1..6,
        ),
    ) {
        let mut bytes = Vec::new();
        for (id, own, tag, content) in messages {
            let length = u8::try_from(content.len()).unwrap();
            bytes.extend([0x30, length + 8, 2, 4, if own { 0x40 } else { 0 }, 0, 0, id, tag, length]);
            bytes.extend(content);
        }
        says(&runtime(), &bytes);
    }

    #[test]
    fn an_entry_that_holds_anything_is_a_resource(bytes in proptest::collection::vec(any::<u8>(), 200..900)) {
        let read = entry(&bytes);
        prop_assert!(read.is_ok(), "{:?}", read);
    }

    #[test]
    fn a_filter_means_the_same_to_ldap3_and_to_us(text in "[(&|!a1.:;=*<>~\\\\ )-]{0,40}") {
        if let Some((theirs, ours)) = filter(&text) {
            // Where it is refused there, it is refused here before it is sent.
            prop_assert!(theirs.is_none() || theirs == ours, "{}", text);
        }
    }
}
