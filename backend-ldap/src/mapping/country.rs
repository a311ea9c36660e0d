//! A country, which is two letters in SCIM and three attributes in Active Directory: its letters (`c`), its name (`co`) and its number
//! (`countryCode`), of ISO 3166-1. They belong together, and are written together.

use bytes::Bytes;
use celes::Country;

use crate::ldap::{AttributeName, Change, Entry};

use super::write::Values;
use super::{Mapping, Syntax};

const NAME: AttributeName = AttributeName::known("co");
const NUMBER: AttributeName = AttributeName::known("countryCode");
/// The number where there is no country.
const NOWHERE: &str = "0";

/// The country of these letters.
pub(super) fn known(letters: &str) -> Option<Country> {
    let plain = letters.len() == 2 && letters.bytes().all(|byte| byte.is_ascii_alphabetic());
    plain.then(|| Country::from_alpha2(letters.to_ascii_uppercase()).ok()).flatten()
}

/// Name and number beside these letters.
fn beside(letters: &[u8]) -> Option<(Bytes, Bytes)> {
    let country = known(std::str::from_utf8(letters).ok()?)?;
    Some((Bytes::from_static(country.long_name.as_bytes()), country.value.to_string().into()))
}

impl Mapping {
    /// The attribute of the letters of a country, beside which name and number stand.
    fn letters(&self) -> Option<&AttributeName> {
        let column = self.columns.iter().find(|column| column.syntax == Syntax::Country && column.write)?;
        Some(&column.name)
    }

    /// Puts name and number beside the letters of a country.
    pub fn complete_country(&self, values: &mut Values) {
        let letters = self.letters().and_then(|name| values.of(name).first());
        let Some((name, number)) = letters.and_then(|letters| beside(letters)) else { return };
        values.fill(&NAME, name);
        values.fill(&NUMBER, number);
    }

    /// Lets name and number follow where the letters change. What stands there now is named, so that nobody else's change is lost.
    pub(super) fn country_changes(&self, entry: &Entry, wanted: &Values, changes: &mut Vec<Change>) {
        let Some(letters) = self.letters() else { return };
        if !changes.iter().any(|change| change.parts().0 == letters) {
            return;
        }
        let (name, number) = match wanted.of(letters).first().and_then(|letters| beside(letters)) {
            Some((name, number)) => (Some(name), number),
            None => (None, Bytes::from_static(NOWHERE.as_bytes())),
        };
        for (attribute, new) in [(NAME, name), (NUMBER, Some(number))] {
            let old = entry.values(&attribute);
            if new.as_ref().is_some_and(|new| old == std::slice::from_ref(new)) {
                continue;
            }
            if !old.is_empty() {
                changes.push(Change::Delete(attribute.clone(), old.to_vec()));
            }
            changes.extend(new.map(|new| Change::Add(attribute, vec![new])));
        }
    }

    /// What must be seen of an entry besides, so that a country can be changed.
    pub(super) fn country_attributes(&self) -> impl Iterator<Item = AttributeName> {
        self.letters().map(|_| [NAME, NUMBER]).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_its_letters_its_name_and_its_number() {
        let (name, number) = beside(b"DE").unwrap();
        assert_eq!((name.as_ref(), number.as_ref()), (&b"Germany"[..], &b"276"[..]));
        assert_eq!(beside(b"de"), beside(b"DE"));
        for no in [&b"ZZ"[..], b"DEU", b"D", b"", b"\xff\xff", "Ä".as_bytes()] {
            assert_eq!(beside(no), None, "{no:?}");
        }
    }
}
