//! The values of a link attribute: links one by one, or the text in which a store keeps them, out of which an answer is
//! written without making a link of each.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use memchr::memchr2;
use serde_json::Value;

use crate::schema::Kind;

use super::{Key, Label, Link, ResourceId};

/// The values of one link attribute, in ascending order of their targets' ids: a slice of links, which are made of the text
/// when somebody looks at them one by one.
#[derive(Clone, Default)]
pub struct LinkList {
    packed: Option<PackedLinks>,
    each: OnceLock<Vec<Link>>,
}

impl LinkList {
    /// As text, where they came so.
    pub fn packed(&self) -> Option<&PackedLinks> {
        self.packed.as_ref()
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.packed.as_ref().map_or_else(|| self.deref().len(), PackedLinks::len)
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps the first ones, so many at most.
    pub fn truncate(&mut self, most: usize) {
        if most < self.len() {
            *self = self.iter().take(most).cloned().collect();
        }
    }
}

impl Deref for LinkList {
    type Target = [Link];

    fn deref(&self) -> &[Link] {
        self.each.get_or_init(|| self.packed.iter().flat_map(PackedLinks::iter).map(|link| link.unpacked()).collect())
    }
}

impl From<Vec<Link>> for LinkList {
    fn from(links: Vec<Link>) -> Self {
        LinkList { packed: None, each: OnceLock::from(links) }
    }
}

impl From<PackedLinks> for LinkList {
    fn from(packed: PackedLinks) -> Self {
        LinkList { packed: Some(packed), each: OnceLock::new() }
    }
}

impl FromIterator<Link> for LinkList {
    fn from_iter<T: IntoIterator<Item = Link>>(links: T) -> Self {
        Vec::from_iter(links).into()
    }
}

impl<'a> IntoIterator for &'a LinkList {
    type Item = &'a Link;
    type IntoIter = std::slice::Iter<'a, Link>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for LinkList {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for LinkList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Links as JSON: `["id","type","label"]` each, the label `null` where there is none, with commas between them and no
/// space anywhere.
#[derive(Debug, Clone, Default)]
pub struct PackedLinks {
    text: String,
    links: usize,
}

impl PackedLinks {
    /// Appends links, whose text says that they are so many.
    pub fn push(&mut self, text: &str, links: usize) {
        if !self.text.is_empty() && !text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(text);
        self.links += links;
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.links
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.links == 0
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = PackedLink<'_>> {
        PackedLink::all(&self.text)
    }
}

/// One link as text: insides of JSON strings, what must be escaped in them escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedLink<'a> {
    /// The id of the target.
    pub id: &'a str,
    /// Its type.
    pub kind: &'a str,
    /// Its label, where it has one.
    pub display: Option<&'a str>,
}

impl<'a> PackedLink<'a> {
    /// The links of a text, up to its end or to what is none.
    pub fn all(text: &'a str) -> impl Iterator<Item = PackedLink<'a>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let (link, behind) = PackedLink::first(rest.strip_prefix(',').unwrap_or(rest))?;
            rest = behind;
            Some(link)
        })
    }

    fn first(text: &'a str) -> Option<(PackedLink<'a>, &'a str)> {
        let (id, rest) = inside(text.strip_prefix("[\"")?)?;
        let (kind, rest) = inside(rest.strip_prefix(",\"")?)?;
        let (display, rest) = match rest.strip_prefix(",\"") {
            Some(rest) => inside(rest).map(|(display, rest)| (Some(display), rest))?,
            None => (None, rest.strip_prefix(",null")?),
        };
        Some((PackedLink { id, kind, display }, rest.strip_prefix(']')?))
    }

    /// As a link.
    pub fn unpacked(&self) -> Link {
        let target = Key { kind: Kind::new(&unescaped(self.kind)), id: ResourceId::new(&unescaped(self.id)) };
        Link { target, display: self.display.map(|label| Label::new(&unescaped(label))), indirect: false }
    }

    /// Appends its text.
    pub fn write(&self, out: &mut String) {
        out.extend(["[\"", self.id, "\",\"", self.kind, "\""]);
        match self.display {
            Some(display) => out.extend([",\"", display, "\"]"]),
            None => out.push_str(",null]"),
        }
    }
}

/// The inside of a JSON string, up to the quote that ends it, and what stands behind that.
fn inside(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', text.as_bytes().get(from..)?)?;
        if text.as_bytes().get(at) == Some(&b'"') {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// The inside of the JSON string of a text.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let quoted = Value::String(text.to_owned()).to_string();
    Cow::Owned(quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned())
}

/// Does the JSON string of a text have it inside as it is? Looks at eight bytes at a time: every id and label that is
/// sent is asked for.
pub fn is_plain(text: &str) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = 0x80 * EACH;
    // The highest bit of some byte is set where one is below the limit; never where none is.
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH * limit) & !word & HIGHEST;
    let special = |word: u64| {
        let (quote, backslash) = (word ^ (EACH * u64::from(b'"')), word ^ (EACH * u64::from(b'\\')));
        below(word, 0x20) | below(quote, 1) | below(backslash, 1)
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let found = words.iter().fold(0, |found, word| found | special(u64::from_le_bytes(*word)));
    let rest = rest.iter().fold(EACH * u64::from(b' '), |word, byte| (word << 8) | u64::from(*byte));
    found | special(rest) == 0
}

/// The text that a JSON string with this inside means.
pub fn unescaped(inside: &str) -> Cow<'_, str> {
    if inside.contains('\\') {
        serde_json::from_str(&format!("\"{inside}\"")).map_or(Cow::Borrowed(inside), Cow::Owned)
    } else {
        Cow::Borrowed(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(id: &str, display: Option<&str>) -> Link {
        let target = Key { kind: Kind::new("User"), id: ResourceId::new(id) };
        Link { target, display: display.map(Label::from), indirect: false }
    }

    /// As a store would have written them, some at a time.
    fn packed(links: &[Link]) -> PackedLinks {
        let mut packed = PackedLinks::default();
        for some in links.chunks(2) {
            let values = some.iter().map(|link| {
                let display = link.display.as_ref().map(Label::as_str);
                serde_json::json!([link.target.id.as_str(), link.target.kind.as_str(), display]).to_string()
            });
            packed.push(&values.collect::<Vec<_>>().join(","), some.len());
        }
        packed
    }

    #[test]
    fn a_packed_list_is_the_list_that_was_packed() {
        let odd = "\"],[\"\\\u{1}é\\\\";
        let links =
            [link("a", None), link("b", Some("Ann")), link("c\"\\", Some(odd)), link("d", Some("")), link("e", None)];
        for some in 0..=links.len() {
            let some = &links[..some];
            let list = LinkList::from(packed(some));
            assert_eq!((list.len(), list.is_empty()), (some.len(), some.is_empty()));
            assert_eq!(*list, *some);
            assert_eq!(list, some.iter().cloned().collect());
        }
        let mut list = LinkList::from(packed(&links));
        list.truncate(3);
        assert_eq!((list.len(), &*list), (3, &links[..3]));
        let mut text = String::new();
        packed(&links[1..3]).iter().for_each(|link| link.write(&mut text));
        assert_eq!(text.replace("][", "],["), packed(&links[1..3]).text);
    }

    #[test]
    fn a_text_is_plain_where_json_writes_it_as_it_is() {
        let plain = |text: &str| serde_json::to_string(text).unwrap() == format!("\"{text}\"");
        for (length, place) in (1..20).flat_map(|length| (0..length).map(move |place| (length, place))) {
            for odd in (0..0x180).filter_map(char::from_u32).chain(['\u{20ac}', '\u{10ffff}']) {
                for filling in ['a', '!', '\u{7f}', '['] {
                    let text: String = (0..length).map(|at| if at == place { odd } else { filling }).collect();
                    assert_eq!(is_plain(&text), plain(&text), "{text:?}");
                }
            }
        }
        assert!(is_plain(""));
    }

    #[test]
    fn a_text_that_breaks_off_gives_the_links_before() {
        let whole = packed(&[link("a", Some("A\\")), link("b", None)]).text;
        for end in 0..whole.len() {
            let links = PackedLink::all(&whole[..end]).count();
            assert_eq!(links, usize::from(end >= whole.len() / 2), "{}", &whole[..end]);
        }
    }
}
