//! Security identifiers, as Active Directory keeps them in bytes (MS-DTYP section 2.4.2): an authority, the parts of a domain, and
//! the number of somebody in it.

use bytes::Bytes;

/// Revision, count, and the authority.
const HEAD: usize = 8;
/// One part.
const PART: usize = 4;

/// The most parts.
const MOST: u8 = 15;

/// All but the number, and the number; None for bytes that are no identifier of somebody in a domain.
fn split(sid: &[u8]) -> Option<(&[u8], u32)> {
    let (revision, parts) = (*sid.first()?, usize::from(*sid.get(1)?));
    let whole = revision == 1 && parts > 0 && sid.len() == HEAD + PART * parts;
    let (domain, number) = sid.split_last_chunk::<PART>().filter(|_| whole)?;
    Some((domain, u32::from_le_bytes(*number)))
}

/// The number of this one in its domain.
pub(crate) fn number(sid: &[u8]) -> Option<u32> {
    split(sid).map(|(_, number)| number)
}

/// As text, `S-1-5-21-…` (MS-DTYP section 2.4.2.1); None for bytes that are none.
pub(crate) fn text(sid: &[u8]) -> Option<String> {
    let (head, parts) = sid.split_first_chunk::<HEAD>()?;
    let [revision, count, authority @ ..] = head;
    if *revision != 1 || usize::from(*count) * PART != parts.len() {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let mut text = match authority {
        long @ 0x1_0000_0000.. => format!("S-1-0x{long:012X}"),
        short => format!("S-1-{short}"),
    };
    for part in parts.chunks_exact(PART).filter_map(|part| part.try_into().ok()) {
        text.push_str(&format!("-{}", u32::from_le_bytes(part)));
    }
    Some(text)
}

/// The bytes of such a text; None where it is none.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.strip_prefix("S-1-").or_else(|| text.strip_prefix("s-1-"))?.split('-');
    let authority = parts.next()?;
    let authority = match authority.strip_prefix("0x").or_else(|| authority.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => authority.parse().ok()?,
    };
    let parts = parts.map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<u32>>>()?;
    let [0, 0, authority @ ..] = authority.to_be_bytes() else { return None };
    let mut sid = vec![1, u8::try_from(parts.len()).ok().filter(|count| *count <= MOST)?];
    sid.extend(authority);
    sid.extend(parts.into_iter().flat_map(u32::to_le_bytes));
    Some(sid)
}

/// The one with this number in the same domain.
pub(crate) fn beside(sid: &[u8], number: u32) -> Option<Bytes> {
    let (domain, _) = split(sid)?;
    Some([domain, &number.to_le_bytes()].concat().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `S-1-5-21-1-2-3-500`.
    fn administrator() -> Vec<u8> {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
        for part in [21_u32, 1, 2, 3, 500] {
            sid.extend(part.to_le_bytes());
        }
        sid
    }

    #[test]
    fn who_is_beside_differs_by_the_number_alone() {
        let own = administrator();
        assert_eq!(number(&own), Some(500));
        let users = beside(&own, 513).unwrap();
        assert_eq!((number(&users), users.len(), &users[..24]), (Some(513), own.len(), &own[..24]));
        assert_eq!(beside(&users, 500).as_deref(), Some(&*own));
    }

    #[test]
    fn identifiers_are_written_as_everybody_writes_them() {
        for (written, whole) in [
            ("S-1-5-21-1-2-3-500", administrator()),
            ("S-1-1-0", vec![1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
            ("S-1-5", vec![1, 0, 0, 0, 0, 0, 0, 5]),
            ("S-1-0x0100000000FF-7", vec![1, 1, 1, 0, 0, 0, 0, 0xff, 7, 0, 0, 0]),
        ] {
            assert_eq!((text(&whole).as_deref(), bytes(written)), (Some(written), Some(whole)));
        }
        for none in ["", "S-1-", "S-1-x", "S-2-5", "S-1-5-", "S-1-5-4294967296", "S-1-5--1", "S-1-281474976710656"] {
            assert_eq!(bytes(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(sid in proptest::collection::vec(any::<u8>(), 0..80), odd in "[sS]-1-[0-9xX-]{0,20}") {
            if let Some(written) = text(&sid).filter(|_| sid[1] <= MOST) {
                prop_assert_eq!(bytes(&written), Some(sid));
            }
            prop_assert!(bytes(&odd).is_none_or(|sid| text(&sid).is_some()));
        }

        #[test]
        fn any_bytes_are_one_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40), other in any::<u32>()) {
            let found = number(&bytes);
            prop_assert_eq!(found.is_some(), beside(&bytes, other).is_some());
            prop_assert!(found.is_none() || bytes.len() >= HEAD + PART);
        }
    }
}
