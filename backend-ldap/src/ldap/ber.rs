//! The part of BER that LDAP uses (RFC 4511 section 5.1): definite lengths, tags of one byte. The reader never looks
//! past its bytes and never recurses; whoever reads goes down one known level at a time.

use bytes::Bytes;

use super::error::Malformed;

/// Universal BOOLEAN.
pub(crate) const BOOLEAN: u8 = 0x01;
/// Universal INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// Universal OCTET STRING.
pub(crate) const OCTETS: u8 = 0x04;
/// Universal ENUMERATED.
pub(crate) const ENUMERATED: u8 = 0x0a;
/// Universal SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;
/// Universal SET.
pub(crate) const SET: u8 = 0x31;

/// A primitive context tag.
pub(crate) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// A constructed context tag.
pub(crate) const fn context_nested(number: u8) -> u8 {
    0xa0 | number
}

/// How many bytes the message that begins here takes in all, once its head is there.
///
/// # Errors
/// It is no SEQUENCE, or its length is indefinite, does not fit, or is over `most` bytes.
pub(crate) fn whole_length(bytes: &[u8], most: usize) -> Result<Option<usize>, Malformed> {
    if bytes.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(Malformed::Ber("no LDAP message begins so"));
    }
    let Some(head) = head(bytes)? else { return Ok(None) };
    match head.skip.checked_add(head.length) {
        Some(whole) if whole <= most => Ok(Some(whole)),
        _ => Err(Malformed::TooLarge { bytes: head.length, most }),
    }
}

struct Head {
    tag: u8,
    /// Bytes before the content.
    skip: usize,
    length: usize,
}

fn head(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let [tag, first, rest @ ..] = bytes else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(Malformed::Ber("a tag of several bytes"));
    }
    if *first < 0x80 {
        return Ok(Some(Head { tag: *tag, skip: 2, length: usize::from(*first) }));
    }
    let digits = usize::from(first & 0x7f);
    if digits == 0 {
        return Err(Malformed::Ber("an indefinite length"));
    }
    if digits > 8 {
        return Err(Malformed::Ber("a length of more than eight bytes"));
    }
    let Some(digits) = rest.get(..digits) else { return Ok(None) };
    let length = digits.iter().fold(0_u64, |length, digit| (length << 8) | u64::from(*digit));
    let length = usize::try_from(length).map_err(|_| Malformed::Ber("a length beyond the address space"))?;
    Ok(Some(Head { tag: *tag, skip: 2 + digits.len(), length }))
}

/// What a reader goes through: bytes that are shared and can be kept, or bytes that are only looked at.
pub(crate) trait Content: AsRef<[u8]> + Sized {
    /// Takes what stands from `start` to `end`, and what is before it; both are within.
    fn take(&mut self, start: usize, end: usize) -> Self;
}

impl Content for Bytes {
    fn take(&mut self, start: usize, end: usize) -> Self {
        self.split_to(end).slice(start..)
    }
}

impl Content for &[u8] {
    fn take(&mut self, start: usize, end: usize) -> Self {
        let (taken, rest) = self.split_at_checked(end).unwrap_or_default();
        *self = rest;
        taken.get(start..).unwrap_or_default()
    }
}

/// Reads elements one after the other. Contents are shared with the message, not copied.
#[derive(Debug, Clone)]
pub(crate) struct Reader<C = Bytes> {
    rest: C,
}

impl<C: Content> Reader<C> {
    pub(crate) fn new(rest: C) -> Self {
        Reader { rest }
    }

    /// What was not read yet.
    pub(crate) fn into_rest(self) -> C {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.as_ref().is_empty()
    }

    /// The tag of the next element.
    pub(crate) fn tag(&self) -> Option<u8> {
        self.rest.as_ref().first().copied()
    }

    /// The next element: its tag and its content.
    pub(crate) fn element(&mut self) -> Result<(u8, C), Malformed> {
        let rest = self.rest.as_ref();
        let head = head(rest)?.ok_or(Malformed::Ber("an element that ends before its head does"))?;
        let end = head.skip.checked_add(head.length).filter(|end| *end <= rest.len());
        let end = end.ok_or(Malformed::Ber("an element longer than what holds it"))?;
        Ok((head.tag, self.rest.take(head.skip, end)))
    }

    /// The content of the next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8, what: &'static str) -> Result<C, Malformed> {
        match self.element()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed::Missing(what)),
        }
    }

    /// The content of the next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<C>, Malformed> {
        if self.tag() == Some(tag) { self.element().map(|(_, content)| Some(content)) } else { Ok(None) }
    }

    /// The inside of the next element, which must have this tag.
    pub(crate) fn nested(&mut self, tag: u8, what: &'static str) -> Result<Reader<C>, Malformed> {
        self.expect(tag, what).map(Reader::new)
    }

    /// A number within `maxInt`, as all of LDAP's are (RFC 4511 section 4.1.1), also where it is longer than it needs to be.
    pub(crate) fn integer(&mut self, tag: u8, what: &'static str) -> Result<i32, Malformed> {
        let content = self.expect(tag, what)?;
        let digits = content.as_ref();
        if digits.is_empty() || digits.len() > 8 {
            return Err(Malformed::Missing(what));
        }
        let negative = digits.first().is_some_and(|first| first & 0x80 != 0);
        let start = if negative { -1_i64 } else { 0 };
        let number = digits.iter().fold(start, |number, digit| (number << 8) | i64::from(*digit));
        i32::try_from(number).map_err(|_| Malformed::Missing(what))
    }

    /// Nothing may follow.
    pub(crate) fn end(&self, what: &'static str) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed::Beyond(what)) }
    }

    /// Text, which LDAP sends as UTF-8. Bytes that are none are replaced: the text is for people.
    pub(crate) fn text(&mut self, what: &'static str) -> Result<String, Malformed> {
        self.expect(OCTETS, what).map(|content| String::from_utf8_lossy(content.as_ref()).into_owned())
    }
}

/// The bytes of most searches.
const USUAL: usize = 768;

/// Writes elements. Constructed ones get a length of four bytes, so that nothing is moved when their end is known.
#[derive(Debug)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Writer { out: Vec::with_capacity(USUAL) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// A primitive element.
    pub(crate) fn primitive(&mut self, tag: u8, content: &[u8]) {
        self.out.push(tag);
        self.length(content.len());
        self.out.extend_from_slice(content);
    }

    fn length(&mut self, length: usize) {
        match u8::try_from(length) {
            Ok(short) if short < 0x80 => self.out.push(short),
            _ => self.long_length(length),
        }
    }

    fn long_length(&mut self, length: usize) {
        // No message is near four gigabytes: `Limits` bounds what is asked, and a request holds it in memory.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.out.push(0x84);
        self.out.extend_from_slice(&length.to_be_bytes());
    }

    pub(crate) fn octets(&mut self, content: impl AsRef<[u8]>) {
        self.primitive(OCTETS, content.as_ref());
    }

    pub(crate) fn boolean(&mut self, tag: u8, value: bool) {
        self.primitive(tag, &[if value { 0xff } else { 0 }]);
    }

    /// A number in as few bytes as it takes.
    pub(crate) fn integer(&mut self, tag: u8, value: i64) {
        let bytes = value.to_be_bytes();
        let spare = bytes
            .windows(2)
            .take_while(|pair| {
                matches!(pair, [0, next] if next & 0x80 == 0) || matches!(pair, [0xff, next] if next & 0x80 != 0)
            })
            .count();
        self.primitive(tag, bytes.get(spare..).unwrap_or_default());
    }

    /// A constructed element with what `inside` writes.
    pub(crate) fn nest(&mut self, tag: u8, inside: impl FnOnce(&mut Writer)) {
        self.out.push(tag);
        let at = self.out.len();
        self.long_length(0);
        inside(self);
        let length = u32::try_from(self.out.len() - at - 5).unwrap_or(u32::MAX);
        if let Some(place) = self.out.get_mut(at + 1..at + 5) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// As [`Writer::nest`], where writing the inside can fail.
    pub(crate) fn try_nest<E>(&mut self, tag: u8, inside: impl FnOnce(&mut Writer) -> Result<(), E>) -> Result<(), E> {
        let mut done = Ok(());
        self.nest(tag, |writer| done = inside(writer));
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(value: i64) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.integer(INTEGER, value);
        writer.into_bytes()
    }

    #[test]
    fn numbers_take_as_few_bytes_as_they_need() {
        for (value, expected) in [
            (0, &[2, 1, 0][..]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (256, &[2, 2, 1, 0]),
            (-1, &[2, 1, 255]),
            (-129, &[2, 2, 255, 127]),
            (i64::from(i32::MAX), &[2, 4, 127, 255, 255, 255]),
        ] {
            assert_eq!(integer(value), expected, "{value}");
            let mut reader = Reader::new(Bytes::from(integer(value)));
            assert_eq!(i64::from(reader.integer(INTEGER, "a number").unwrap()), value);
        }
    }

    #[test]
    fn what_is_nested_reads_back() {
        let mut writer = Writer::new();
        writer.nest(SEQUENCE, |inside| {
            inside.octets("a");
            inside.boolean(BOOLEAN, true);
            inside.octets(vec![b'x'; 300]);
        });
        let bytes = writer.into_bytes();
        assert_eq!(whole_length(&bytes, 1000).unwrap(), Some(bytes.len()));
        let mut inside = Reader::new(bytes.as_slice()).nested(SEQUENCE, "a sequence").unwrap();
        assert_eq!(inside.text("a text").unwrap(), "a");
        assert_eq!(inside.expect(BOOLEAN, "a flag").unwrap(), [0xff]);
        assert_eq!(inside.expect(OCTETS, "octets").unwrap().len(), 300);
        assert!(inside.is_empty());
    }

    #[test]
    fn what_is_no_element_is_an_error() {
        for bytes in [
            &[0x1f, 1, 1][..],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x89, 1],
            &[4, 5, 1],
            &[4],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(Reader::new(Bytes::copy_from_slice(bytes)).element().is_err(), "{bytes:02x?}");
        }
        assert!(whole_length(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], 1 << 20).is_err());
        assert!(whole_length(&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], usize::MAX).is_err());
        assert_eq!(whole_length(&[0x30, 0x82, 1], 1 << 20).unwrap(), None);
    }
}
