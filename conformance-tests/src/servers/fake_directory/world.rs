//! What the fake directory holds, and how its filters find it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ber;

/// Attributes by which entries are found without looking at all of them.
const INDEXED: &[&str] =
    &["objectguid", "distinguishedname", "samaccountname", "userprincipalname", "mail", "member", "memberof", "cn"];

/// One entry: its attributes, by their names in lower case, as they are called and with their values.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Its name.
    pub dn: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, (String, Vec<Vec<u8>>)>,
}

/// All entries, in the order in which they came.
#[derive(Debug, Default)]
pub struct World {
    entries: BTreeMap<u64, Entry>,
    last: u64,
    index: HashMap<(String, Vec<u8>), BTreeSet<u64>>,
}

impl Entry {
    /// The values of an attribute.
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes.get(&name.to_ascii_lowercase()).map_or(&[], |(_, values)| values)
    }

    /// One value more.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        let own = self.attributes.entry(name.to_ascii_lowercase()).or_insert_with(|| (name.to_owned(), Vec::new()));
        own.1.push(value.to_vec());
    }

    /// One value less.
    pub fn take(&mut self, name: &str, value: &[u8]) {
        if let Some((_, values)) = self.attributes.get_mut(&name.to_ascii_lowercase()) {
            values.retain(|own| own != value);
        }
    }

    pub(super) fn set(&mut self, name: &str, values: Vec<Vec<u8>>) {
        self.attributes.insert(name.to_ascii_lowercase(), (name.to_owned(), values));
    }
}

/// Text without case; bytes as they are.
fn folded(value: &[u8]) -> Vec<u8> {
    std::str::from_utf8(value).map_or_else(|_| value.to_vec(), |text| text.to_lowercase().into_bytes())
}

impl World {
    /// One entry more. It gets a GUID, its times, and its own name as an attribute. False: the name is taken.
    pub fn add(&mut self, dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> bool {
        if self.by_name(dn).is_some() {
            return false;
        }
        self.last += 1;
        let mut entry = Entry { dn: dn.to_owned(), attributes: BTreeMap::new() };
        for (name, values) in attributes {
            entry.set(name, values.clone());
        }
        let mut guid = [0xa5; 16];
        for (place, byte) in guid.iter_mut().zip(self.last.to_le_bytes()) {
            *place = byte;
        }
        entry.set("objectGUID", vec![guid.to_vec()]);
        entry.set("distinguishedName", vec![dn.as_bytes().to_vec()]);
        for time in ["whenCreated", "whenChanged"] {
            entry.set(time, vec![b"20260101000000.0Z".to_vec()]);
        }
        self.put(self.last, entry);
        true
    }

    /// No such entry any more. False: there was none.
    pub fn remove(&mut self, dn: &str) -> bool {
        let Some(number) = self.by_name(dn) else { return false };
        let Some(entry) = self.unindexed(number) else { return false };
        drop(entry);
        true
    }

    /// Changes an entry. False: there is none.
    pub fn change(&mut self, number: u64, how: impl FnOnce(&mut Entry)) -> bool {
        let Some(mut entry) = self.unindexed(number) else { return false };
        how(&mut entry);
        self.put(number, entry);
        true
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is there nothing?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of the entry of this name, or of this `<GUID=…>`.
    pub fn by_name(&self, dn: &str) -> Option<u64> {
        let key = match dn.strip_prefix("<GUID=").and_then(|rest| rest.strip_suffix('>')) {
            Some(hex) => {
                let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
                let guid = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect::<Result<Vec<_>, _>>().ok()?;
                ("objectguid".to_owned(), folded(&guid))
            }
            None => ("distinguishedname".to_owned(), folded(dn.as_bytes())),
        };
        self.index.get(&key)?.first().copied()
    }

    /// An entry by its number.
    pub fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.get(&number)
    }

    /// Those behind this number, within the base, that the filter accepts.
    pub fn find<'a>(
        &'a self,
        after: u64,
        base: &'a str,
        reach: i64,
        filter: &'a [u8],
    ) -> Box<dyn Iterator<Item = (u64, &'a Entry)> + 'a> {
        let base = base.to_lowercase();
        let one = self.by_name(&base).filter(|number| *number > after);
        let within = move |entry: &Entry| {
            let name = entry.dn.to_lowercase();
            let above = name.split_once(',').map_or("", |(_, above)| above);
            match reach {
                0 => name == base,
                1 => above == base,
                _ => {
                    name == base || name.strip_suffix(&base).is_some_and(|rest| rest.is_empty() || rest.ends_with(','))
                }
            }
        };
        let fits = move |entry: &Entry| within(entry) && matches(filter, entry);
        if reach == 0 {
            let one = one.and_then(|number| Some((number, self.entries.get(&number)?)));
            return Box::new(one.into_iter().filter(move |(_, entry)| matches(filter, entry)));
        }
        match self.candidates(filter) {
            Some(numbers) => {
                let some = numbers.into_iter().filter(move |number| *number > after);
                Box::new(
                    some.filter_map(|number| Some((number, self.entries.get(&number)?)))
                        .filter(move |(_, entry)| fits(entry)),
                )
            }
            None => Box::new(
                self.entries
                    .range(after + 1..)
                    .map(|(number, entry)| (*number, entry))
                    .filter(move |(_, entry)| fits(entry)),
            ),
        }
    }

    /// Those that can be meant, where an index tells.
    fn candidates(&self, filter: &[u8]) -> Option<BTreeSet<u64>> {
        let (tag, content) = ber::take(&mut &*filter)?;
        match tag {
            0xa0 => ber::all(content).into_iter().find_map(|(tag, part)| self.candidates(&ber::element(tag, part))),
            0xa1 => {
                let parts = ber::all(content).into_iter().map(|(tag, part)| self.candidates(&ber::element(tag, part)));
                parts.collect::<Option<Vec<_>>>().map(|sets| sets.into_iter().flatten().collect())
            }
            0xa3 => {
                let (name, value) = pair(content)?;
                let name = name.to_ascii_lowercase();
                let indexed = INDEXED.contains(&name.as_str());
                indexed.then(|| self.index.get(&(name, folded(value))).cloned().unwrap_or_default())
            }
            _ => None,
        }
    }

    fn put(&mut self, number: u64, entry: Entry) {
        for key in keys(&entry) {
            self.index.entry(key).or_default().insert(number);
        }
        self.entries.insert(number, entry);
    }

    fn unindexed(&mut self, number: u64) -> Option<Entry> {
        let entry = self.entries.remove(&number)?;
        for key in keys(&entry) {
            if let Some(numbers) = self.index.get_mut(&key) {
                numbers.remove(&number);
            }
        }
        Some(entry)
    }
}

fn keys(entry: &Entry) -> Vec<(String, Vec<u8>)> {
    let of =
        |name: &&str| entry.values(name).iter().map(|value| ((*name).to_owned(), folded(value))).collect::<Vec<_>>();
    INDEXED.iter().flat_map(of).collect()
}

/// The name and the value of a comparison.
fn pair(content: &[u8]) -> Option<(&str, &[u8])> {
    let mut rest = content;
    let (_, name) = ber::take(&mut rest)?;
    let (_, value) = ber::take(&mut rest)?;
    Some((std::str::from_utf8(name).ok()?, value))
}

/// Does the filter accept the entry? As Active Directory does: what it does not know is false.
fn matches(filter: &[u8], entry: &Entry) -> bool {
    let Some((tag, content)) = ber::take(&mut &*filter) else { return false };
    let part = |(tag, content): &ber::Element<'_>| matches(&ber::element(*tag, content), entry);
    let any = |name: &str, holds: &dyn Fn(&[u8]) -> bool| entry.values(name).iter().any(|value| holds(&folded(value)));
    match tag {
        0xa0 => ber::all(content).iter().all(part),
        0xa1 => ber::all(content).iter().any(part),
        0xa2 => !ber::all(content).iter().any(part),
        0x87 => !entry.values(&String::from_utf8_lossy(content)).is_empty(),
        0xa3 | 0xa5 | 0xa6 => pair(content).is_some_and(|(name, value)| {
            let value = folded(value);
            any(name, &|own| match tag {
                0xa3 => own == value,
                0xa5 => own >= value.as_slice(),
                _ => own <= value.as_slice(),
            })
        }),
        0xa4 => {
            let mut rest = content;
            let (Some((_, name)), Some((_, pieces))) = (ber::take(&mut rest), ber::take(&mut rest)) else {
                return false;
            };
            any(&String::from_utf8_lossy(name), &|own| pieces_match(own, pieces))
        }
        0xa9 => bits_match(content, entry),
        _ => false,
    }
}

fn pieces_match(own: &[u8], pieces: &[u8]) -> bool {
    let mut rest = own;
    ber::all(pieces).into_iter().all(|(tag, piece)| {
        let piece = folded(piece);
        let at = match tag {
            0x80 => rest.starts_with(&piece).then_some(0),
            0x82 => rest.ends_with(&piece).then(|| rest.len() - piece.len()),
            _ => (0..=rest.len()).find(|at| rest.get(*at..).is_some_and(|from| from.starts_with(&piece))),
        };
        let behind = at.and_then(|at| rest.get(at + piece.len()..));
        rest = behind.unwrap_or_default();
        behind.is_some()
    })
}

/// LDAP_MATCHING_RULE_BIT_AND, the only rule there is.
fn bits_match(content: &[u8], entry: &Entry) -> bool {
    let parts = ber::all(content);
    let of = |wanted: u8| parts.iter().find(|(tag, _)| *tag == wanted).map_or(&[][..], |(_, content)| content);
    let number = |text: &[u8]| String::from_utf8_lossy(text).parse::<i64>().unwrap_or(0);
    let wanted = number(of(0x83));
    of(0x81) == b"1.2.840.113556.1.4.803"
        && entry.values(&String::from_utf8_lossy(of(0x82))).iter().any(|value| number(value) & wanted == wanted)
}
