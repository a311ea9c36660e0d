//! The ids of a list, in ascending order: sixteen bytes each where they are UUIDs, which they nearly always are.

use scim_core::store::ResourceId;

use crate::mapping::syntax;

/// Ids in ascending order, each once.
#[derive(Debug, PartialEq)]
pub(super) enum Ids {
    /// UUIDs, which stand in the order of their text.
    Uuids(Vec<[u8; 16]>),
    /// Others.
    Texts(Vec<ResourceId>),
}

/// Ids as they come.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    uuids: Vec<[u8; 16]>,
    texts: Vec<ResourceId>,
}

impl Gathered {
    pub(super) fn push(&mut self, id: &ResourceId) {
        match packed(id.as_str()) {
            Some(uuid) => self.uuids.push(uuid),
            None => self.texts.push(id.clone()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.uuids.len() + self.texts.len()
    }

    /// In ascending order, each once: an entry that moves while it is walked may come twice.
    pub(super) fn finish(self) -> Ids {
        let Gathered { mut uuids, mut texts } = self;
        if texts.is_empty() {
            uuids.sort_unstable();
            uuids.dedup();
            uuids.shrink_to_fit();
            return Ids::Uuids(uuids);
        }
        texts.extend(uuids.iter().map(text));
        texts.sort_unstable();
        texts.dedup();
        Ids::Texts(texts)
    }
}

/// The bytes of a UUID that is written as directories and this server write them; None for any other text.
fn packed(text: &str) -> Option<[u8; 16]> {
    let small = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (small && syntax::is_uuid(text)).then(|| uuid::Uuid::try_parse(text).ok())?.map(uuid::Uuid::into_bytes)
}

fn text(uuid: &[u8; 16]) -> ResourceId {
    let mut buffer = uuid::Uuid::encode_buffer();
    ResourceId::new(uuid::Uuid::from_bytes(*uuid).as_hyphenated().encode_lower(&mut buffer))
}

impl Ids {
    pub(super) fn len(&self) -> usize {
        match self {
            Ids::Uuids(uuids) => uuids.len(),
            Ids::Texts(texts) => texts.len(),
        }
    }

    /// Those from one place to before another.
    pub(super) fn part(&self, start: usize, end: usize) -> Vec<ResourceId> {
        match self {
            Ids::Uuids(uuids) => uuids.get(start..end).unwrap_or_default().iter().map(text).collect(),
            Ids::Texts(texts) => texts.get(start..end).unwrap_or_default().to_vec(),
        }
    }

    /// How many come before this one; and, `including` it, up to it.
    pub(super) fn before(&self, id: &ResourceId, including: bool) -> usize {
        match (self, packed(id.as_str())) {
            (Ids::Uuids(uuids), Some(id)) => uuids.partition_point(|own| *own < id || including && *own == id),
            // A text that is no UUID stands among them where its text does.
            (Ids::Uuids(uuids), None) => uuids.partition_point(|own| text(own) < *id),
            (Ids::Texts(texts), _) => texts.partition_point(|own| own < id || including && own == id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(ids: &[String]) -> Ids {
        let mut gathered = Gathered::default();
        ids.iter().for_each(|id| gathered.push(&ResourceId::new(id)));
        assert_eq!(gathered.len(), ids.len());
        gathered.finish()
    }

    #[test]
    fn ids_stand_in_the_order_of_their_text_and_once() {
        let uuid = |n: u128| uuid::Uuid::from_u128(n << 120 | n).to_string();
        let numbers = [0x0a, 0xff, 0x9f, 0x10, 0x0a];
        let mut texts: Vec<String> = numbers.into_iter().map(uuid).collect();
        for other in [None, Some("b-nobody".to_owned()), Some(uuid(0xee).to_uppercase())] {
            texts.extend(other);
            let ids = gathered(&texts);
            let mut expected = texts.clone();
            expected.sort();
            expected.dedup();
            let all = ids.part(0, ids.len());
            assert_eq!(all.iter().map(ResourceId::as_str).collect::<Vec<_>>(), expected);
            for asked in expected.iter().cloned().chain(["".into(), "9".into(), "z".into()]) {
                let asked = ResourceId::new(&asked);
                assert_eq!(ids.before(&asked, false), all.iter().filter(|id| **id < asked).count(), "{asked}");
                assert_eq!(ids.before(&asked, true), all.iter().filter(|id| **id <= asked).count(), "{asked}");
            }
        }
        assert!(matches!(gathered(&texts[..5]), Ids::Uuids(uuids) if uuids.len() == 4));
    }
}
