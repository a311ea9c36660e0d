//! Security identifiers, as Active Directory keeps them in bytes (MS-DTYP section 2.4.2): an authority, the parts of a domain, and
//! the number of somebody in it.

use bytes::Bytes;

/// Revision, count, and the authority.
const HEAD: usize = 8;
/// One part.
const PART: usize = 4;

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

    proptest! {
        #[test]
        fn any_bytes_are_one_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40), other in any::<u32>()) {
            let found = number(&bytes);
            prop_assert_eq!(found.is_some(), beside(&bytes, other).is_some());
            prop_assert!(found.is_none() || bytes.len() >= HEAD + PART);
        }
    }
}
