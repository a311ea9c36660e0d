//! Entries as a directory sends them: attributes with bytes for values, never more text than a value is.

use bytes::Bytes;

use super::attribute::AttributeName;
use super::ber::{self, Reader};
use super::control::Control;
use super::dn::Dn;
use super::error::Malformed;
use super::message::VALUES;

/// An entry, or the part of it that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name.
    pub dn: Dn,
    /// Its attributes, in the order of the answer.
    pub attributes: Vec<Attribute>,
    /// The controls that came with it.
    pub controls: Vec<Control>,
}

/// An attribute and its values, which are a set: their order means nothing. The values share the memory of the message
/// they came in: whoever keeps one for long copies it.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its name, with the options of the answer.
    pub name: AttributeName,
    /// Its values.
    pub values: Vec<Bytes>,
}

impl Entry {
    /// An entry without attributes.
    pub fn new(dn: Dn) -> Self {
        Entry { dn, attributes: Vec::new(), controls: Vec::new() }
    }

    /// The same with one more attribute.
    pub fn with(mut self, name: AttributeName, values: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        self.attributes.push(Attribute { name, values: values.into_iter().map(Into::into).collect() });
        self
    }

    /// The attribute of this name and these options; a part of its values (`range`) is not it.
    pub fn attribute(&self, name: &AttributeName) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == *name)
    }

    /// The values of the attribute of this name and these options.
    pub fn values(&self, name: &AttributeName) -> &[Bytes] {
        self.attribute(name).map_or(&[], |attribute| attribute.values.as_slice())
    }

    /// The first of its values.
    pub fn first(&self, name: &AttributeName) -> Option<&Bytes> {
        self.values(name).first()
    }

    /// The first of its values, if it is text.
    pub fn text(&self, name: &AttributeName) -> Option<&str> {
        self.first(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Those of its values that are text.
    pub fn texts(&self, name: &AttributeName) -> impl Iterator<Item = &str> {
        self.values(name).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The part of an attribute's values that came, where a server sent only a part (Active Directory's `range`).
    pub fn part(&self, base: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.is(base) && attribute.name.range().is_some())
    }

    /// Is it of this object class?
    pub fn is_a(&self, class: &str) -> bool {
        self.texts(&AttributeName::known("objectClass")).any(|text| text.eq_ignore_ascii_case(class))
    }

    /// Reads the content of a SearchResultEntry (RFC 4511 section 4.5.2), as it stands in a control.
    pub(crate) fn read(content: Bytes) -> Result<Entry, Malformed> {
        let (name, attributes) = Entry::parts(content)?;
        Ok(Entry { dn: Entry::name(&name)?, attributes, controls: Vec::new() })
    }

    /// The same, with the name as it came.
    pub(crate) fn parts(content: Bytes) -> Result<(Bytes, Vec<Attribute>), Malformed> {
        let mut reader = Reader::new(content);
        let name = reader.expect(ber::OCTETS, "the name of an entry")?;
        let list = reader.nested(ber::SEQUENCE, "the attributes of an entry")?;
        reader.end("the attributes of an entry")?;
        Ok((name, read_attributes(list)?))
    }

    /// The name of an entry, which is text.
    pub(crate) fn name(name: &[u8]) -> Result<Dn, Malformed> {
        let name = std::str::from_utf8(name).map_err(|_| Malformed::Missing("the name of an entry as text"))?;
        Dn::parse(name).map_err(|bad| Malformed::Name(bad.to_string()))
    }
}

impl Attribute {
    /// An attribute as it came. One whose name is none is left out: nothing can ask for it.
    pub(crate) fn heard(name: &[u8], values: Vec<Bytes>) -> Option<Attribute> {
        let name = std::str::from_utf8(name).ok().and_then(|name| AttributeName::new(name).ok())?;
        Some(Attribute { name, values })
    }
}

/// Reads a PartialAttributeList. Values share the memory of the list, which is gone through without counting on the way who holds it.
pub(crate) fn read_attributes(list: Reader) -> Result<Vec<Attribute>, Malformed> {
    let whole = list.into_rest();
    let mut list = Reader::new(&whole[..]);
    let mut attributes = Vec::new();
    let mut count = 0;
    while !list.is_empty() {
        let mut attribute = list.nested(ber::SEQUENCE, "an attribute")?;
        let name = attribute.expect(ber::OCTETS, "the name of an attribute")?;
        let mut set = attribute.nested(ber::SET, "the values of an attribute")?;
        attribute.end("the values of an attribute")?;
        let mut values = Vec::new();
        count += 1;
        while !set.is_empty() {
            count += 1;
            values.push(whole.slice_ref(set.expect(ber::OCTETS, "a value")?));
        }
        if count > VALUES {
            return Err(Malformed::TooMany { values: count, most: VALUES });
        }
        attributes.extend(Attribute::heard(name, values));
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::super::ber::Writer;
    use super::*;

    fn entry(dn: &str, attributes: &[(&str, &[&[u8]])]) -> Bytes {
        let mut writer = Writer::new();
        writer.octets(dn);
        writer.nest(ber::SEQUENCE, |list| {
            for (name, values) in attributes {
                list.nest(ber::SEQUENCE, |attribute| {
                    attribute.octets(name);
                    attribute.nest(ber::SET, |set| values.iter().for_each(|value| set.octets(value)));
                });
            }
        });
        writer.into_bytes().into()
    }

    #[test]
    fn values_are_bytes_and_names_have_no_case() {
        let bytes = entry(
            "uid=ann,dc=example",
            &[
                ("CN", &[b"Ann", b"Anna"]),
                ("objectGUID", &[&[0xff, 0]]),
                ("member;range=0-1", &[b"a", b"b"]),
                ("no name", &[b"x"]),
            ],
        );
        let entry = Entry::read(bytes).unwrap();
        assert_eq!(entry.texts(&AttributeName::known("cn")).collect::<Vec<_>>(), ["Ann", "Anna"]);
        assert_eq!(entry.first(&AttributeName::known("objectguid")).unwrap().as_ref(), [0xff, 0]);
        assert_eq!(entry.text(&AttributeName::known("objectguid")), None);
        assert!(entry.values(&AttributeName::known("member")).is_empty());
        assert_eq!(entry.part("Member").unwrap().name.range(), Some((0, Some(1))));
        assert_eq!(entry.attributes.len(), 3);
    }

    #[test]
    fn an_entry_that_is_none_is_an_error() {
        let whole = entry("uid=ann,dc=example", &[("cn", &[b"Ann"])]);
        for end in 0..whole.len() {
            assert!(Entry::read(whole.slice(..end)).is_err(), "cut after {end} bytes");
        }
        assert!(Entry::read(entry("no name", &[])).is_err());
    }
}
