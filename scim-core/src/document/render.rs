//! A record as the JSON that is sent: the stored text with `id`, `meta`, links and computed values spliced around it.

use std::cell::{Cell, OnceCell, RefCell};
use std::hash::Hasher;

use memchr::{memchr, memmem};
use serde_json::Value;
use siphasher::sip::SipHasher13;

use crate::path::AttrPath;
use crate::schema::{Registry, ResourceType};
use crate::store::link_list::{PackedLink, escaped, is_plain, unescaped};
use crate::store::{Link, Links, Record, Version};

use super::project::{Projection, Shown};

/// Renders the resources of one type, for one base URL and one view.
pub struct Renderer<'a> {
    rt: &'a ResourceType,
    registry: &'a Registry,
    /// The SCIM base URL, without trailing slash.
    base: &'a str,
    projection: &'a Projection,
    meta: Shown,
    /// Links may change without the version moving, so they go into the digest.
    loose_versions: bool,
    /// The link and reverse attributes that are shown.
    links: Vec<ShownLinks<'a>>,
    /// The URI of the type's resources, up to the id: the inside of a JSON string.
    endpoint: Vec<u8>,
}

/// A link or reverse attribute, as it is shown.
struct ShownLinks<'a> {
    at: &'a AttrPath,
    reverse: bool,
    shown: Shown,
    /// Made when the first resource has some.
    parts: OnceCell<LinkParts<'a>>,
}

/// Bytes that one link takes, more or less.
const LINK: usize = 224;

/// And of it, those that its digest is made of.
const DIGESTED: usize = 64;

impl<'a> Renderer<'a> {
    /// A renderer. `loose_versions` says that the store's versions may miss changes of links.
    pub fn new(
        rt: &'a ResourceType,
        registry: &'a Registry,
        base: &'a str,
        projection: &'a Projection,
        loose_versions: bool,
    ) -> Self {
        let meta = rt.common.iter().find(|def| def.name == "meta");
        let meta = meta.map_or(Shown::No, |def| projection.shown(None, def));
        let all = rt.links.iter().map(|link| (&link.at, false)).chain(rt.reverse.iter().map(|one| (&one.at, true)));
        let links = all.filter_map(|(at, reverse)| {
            let shown = projection.shown(at.extension(), at.attr());
            (shown != Shown::No).then(|| ShownLinks { at, reverse, shown, parts: OnceCell::new() })
        });
        let endpoint = endpoint(base, rt);
        Renderer { rt, registry, base, projection, meta, loose_versions, links: links.collect(), endpoint }
    }

    /// About how many bytes the representation takes.
    pub fn length(&self, record: &Record) -> usize {
        let links: usize = record.links.iter().map(|links| links.links.len()).sum();
        record.document.as_str().len() + 512 + links * LINK
    }

    /// The URI of the resource.
    pub fn location(&self, record: &Record) -> String {
        location(self.base, &self.rt.endpoint, record.key.id.as_str())
    }

    /// The ETag: the version, and behind it a digest of the computed values that are shown, where some are.
    pub fn etag(&self, record: &Record) -> String {
        let mut tag = String::with_capacity(40);
        tag.push_str("W/\"");
        tag.push_str(record.version.as_str());
        if let Some(digest) = self.digest(record) {
            tag.push('-');
            tag.extend((0..8).rev().filter_map(|place| char::from_digit((digest >> (4 * place)) & 0xf, 16)));
        }
        tag.push('"');
        tag
    }

    /// Appends the representation.
    pub fn write(&self, record: &Record, out: &mut Vec<u8>) {
        self.write_with(record, &self.etag(record), out);
    }

    /// Appends the representation, whose [`Renderer::etag`] is at hand.
    pub fn write_with(&self, record: &Record, etag: &str, out: &mut Vec<u8>) {
        let text = record.document.as_str();
        if self.projection.takes_verbatim(self.rt, text) {
            self.splice(record, text, etag, out);
        } else {
            let shown = self.projection.text(self.rt, text);
            self.splice(record, &Value::Object(shown).to_string(), etag, out);
        }
    }

    fn splice(&self, record: &Record, document: &str, etag: &str, out: &mut Vec<u8>) {
        let inner = document.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
        out.extend_from_slice(b"{\"id\":");
        text(out, record.key.id.as_str());
        self.write_with_extension_links(record, inner, out);
        for links in &record.links {
            if links.at.extension().is_none() {
                self.write_links(links, out);
            }
        }
        self.write_meta(record, etag, out);
        out.push(b'}');
    }

    /// The document, with single links (`manager`) put into the objects of their extensions.
    fn write_with_extension_links(&self, record: &Record, inner: &str, out: &mut Vec<u8>) {
        let mut rest = inner;
        let mut homeless = Vec::new();
        if !inner.is_empty() {
            out.push(b',');
        }
        let start = out.len();
        // Extension objects stand in registration order, so one pass over the text meets them all.
        for extension in &self.rt.extensions {
            let urn = &extension.schema.id;
            let mut fragment = Vec::new();
            for links in record.links.iter().filter(|links| links.at.extension() == Some(urn)) {
                self.write_links(links, &mut fragment);
            }
            let Some(fragment) = fragment.strip_prefix(b",") else { continue };
            // In JSON text an unescaped quote ends a string, so this can only be the key and its object.
            let key = format!("\"{urn}\":{{");
            match rest.split_once(&key) {
                Some((before, after)) => {
                    out.extend_from_slice(before.as_bytes());
                    out.extend_from_slice(key.as_bytes());
                    out.extend_from_slice(fragment);
                    if !after.starts_with('}') {
                        out.push(b',');
                    }
                    rest = after;
                }
                None => homeless.push((urn, fragment.to_vec())),
            }
        }
        out.extend_from_slice(rest.as_bytes());
        for (urn, fragment) in homeless {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(urn.as_bytes());
            out.extend_from_slice(b"\":{");
            out.extend_from_slice(&fragment);
            out.push(b'}');
            name_extension(urn, start, out);
        }
    }

    /// `,"members":[…]`, or nothing where no part of it is shown.
    fn write_links(&self, links: &Links, out: &mut Vec<u8>) {
        let def = links.at.attr();
        let Some(shown) = self.links_at(&links.at).filter(|_| !links.links.is_empty()) else { return };
        let parts = shown.parts.get_or_init(|| LinkParts::new(self, shown));
        let start = out.len();
        out.push(b',');
        text(out, &def.name);
        out.push(b':');
        if def.multi_valued {
            out.push(b'[');
        }
        let before_elements = out.len();
        match links.links.packed() {
            Some(packed) => packed.iter().for_each(|link| parts.write(link, false, before_elements, out)),
            None => links.links.iter().for_each(|link| parts.write_link(link, before_elements, out)),
        }
        if out.len() == before_elements {
            out.truncate(start);
        } else if def.multi_valued {
            out.push(b']');
        }
    }

    fn links_at(&self, at: &AttrPath) -> Option<&ShownLinks<'a>> {
        self.links.iter().find(|own| own.at.same_attribute(at))
    }

    fn write_meta(&self, record: &Record, etag: &str, out: &mut Vec<u8>) {
        let wanted = |name: &str| match &self.meta {
            Shown::No => false,
            Shown::Whole => true,
            Shown::Subs(subs) => subs.iter().any(|sub| sub.name == name),
        };
        let mut lead: &[u8] = b",\"meta\":{";
        let mut part = |name: &str, out: &mut Vec<u8>| {
            let wanted = wanted(name);
            if wanted {
                out.extend_from_slice(lead);
                lead = b",";
                out.push(b'"');
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
            }
            wanted
        };
        if part("resourceType", out) {
            text(out, self.rt.kind.as_str());
        }
        for (name, moment) in [("created", record.created), ("lastModified", record.modified)] {
            if part(name, out) {
                out.push(b'"');
                moment.write(out);
                out.push(b'"');
            }
        }
        if part("location", out) {
            out.push(b'"');
            out.extend_from_slice(&self.endpoint);
            escape(out, record.key.id.as_str());
            out.push(b'"');
        }
        if part("version", out) {
            // The quotes are the tag's own: what stands between them needs none.
            match etag.strip_prefix("W/\"").and_then(|rest| rest.strip_suffix('"')).filter(|tag| is_plain(tag)) {
                Some(tag) => {
                    out.extend_from_slice(b"\"W/\\\"");
                    out.extend_from_slice(tag.as_bytes());
                    out.extend_from_slice(b"\\\"\"");
                }
                None => text(out, etag),
            }
        }
        if lead == b"," {
            out.push(b'}');
        }
    }

    /// A short digest over what is shown but not part of the version.
    fn digest(&self, record: &Record) -> Option<u32> {
        // Gathered before it is hashed: many small pieces would each take longer than their bytes.
        let links: usize = record.links.iter().map(|links| links.links.len()).sum();
        let mut bytes = Vec::with_capacity(links * DIGESTED);
        let mut any = false;
        for links in &record.links {
            let Some(shown) = self.links_at(&links.at) else { continue };
            let whole = shown.reverse || self.loose_versions;
            let mut add = |id: &str, indirect: bool, display: Option<&str>| {
                any |= whole || display.is_some();
                if whole {
                    bytes.extend_from_slice(id.as_bytes());
                    bytes.push(u8::from(indirect));
                }
                bytes.extend_from_slice(display.unwrap_or_default().as_bytes());
                bytes.push(0xff);
            };
            match links.links.packed() {
                Some(packed) => packed.iter().for_each(|link| {
                    add(&unescaped(link.id), false, link.display.map(unescaped).as_deref());
                }),
                None => links.links.iter().for_each(|link| {
                    add(link.target.id.as_str(), link.indirect, link.display.as_deref());
                }),
            }
        }
        let mut hasher = SipHasher13::new();
        hasher.write(&bytes);
        #[expect(clippy::cast_possible_truncation, reason = "a digest may be short")]
        any.then(|| hasher.finish() as u32)
    }
}

/// Bytes between two ids in a link, more or less.
const PART: usize = 96;

/// Which sub-attributes of a link are written, and from what.
struct LinkParts<'a> {
    value: bool,
    base: &'a str,
    /// The types that `$ref` can point to.
    reference: Vec<&'a ResourceType>,
    kind: Option<KindText>,
    /// `"display":"`, or what the schema calls it.
    display: Option<Vec<u8>>,
    /// What all elements of one kind have in common, made when the first is written.
    forms: RefCell<Vec<Form>>,
    /// Elements of links that came one by one: the same few groups stand in nearly every resource of a page.
    known: RefCell<Vec<(Link, Vec<u8>)>>,
    /// Such links that were written.
    written: Cell<usize>,
}

/// Elements that are kept.
const KNOWN: usize = 6;

/// Links from which on that pays: more than one resource mostly has.
const MANY: usize = 8;

enum KindText {
    /// `type` says the kind of the target.
    Target,
    /// `type` says direct or indirect.
    Path,
}

/// An element without what is its own.
struct Form {
    kind: String,
    indirect: bool,
    /// What stands before the id, wherever that stands, and behind the last one.
    around: Vec<Vec<u8>>,
    /// What stands before the label.
    display: Option<Vec<u8>>,
}

impl<'a> LinkParts<'a> {
    fn new(renderer: &Renderer<'a>, links: &ShownLinks<'_>) -> Self {
        let def = links.at.attr();
        let wanted = |name: &str| match &links.shown {
            Shown::No => false,
            Shown::Whole => def.sub(name).is_some(),
            Shown::Subs(subs) => subs.iter().any(|sub| sub.name == name),
        };
        let display = ["display", "displayName"].into_iter().find(|name| wanted(name));
        let types = renderer.registry.types().iter().filter(|_| wanted("$ref"));
        LinkParts {
            value: wanted("value"),
            base: renderer.base,
            reference: types.map(AsRef::as_ref).collect(),
            kind: wanted("type").then_some(if links.reverse { KindText::Path } else { KindText::Target }),
            display: display.and_then(|name| def.sub(name)).map(|def| {
                let mut key = Vec::new();
                text(&mut key, &def.name);
                key.extend_from_slice(b":\"");
                key
            }),
            forms: RefCell::default(),
            known: RefCell::default(),
            written: Cell::default(),
        }
    }

    /// Writes a link that came by itself, as [`LinkParts::write`] does.
    fn write_link(&self, link: &Link, first: usize, out: &mut Vec<u8>) {
        let mut known = self.known.borrow_mut();
        if let Some((_, text)) = known.iter().find(|(own, _)| is_same(own, link)) {
            if out.len() > first {
                out.push(b',');
            }
            out.extend_from_slice(text);
            return;
        }
        let start = out.len();
        let (id, kind) = (escaped(link.target.id.as_str()), escaped(link.target.kind.as_str()));
        let display = link.display.as_deref().map(escaped);
        self.write(PackedLink { id: &id, kind: &kind, display: display.as_deref() }, link.indirect, first, out);
        self.written.set(self.written.get() + 1);
        if self.written.get() > MANY && known.len() < KNOWN {
            let text = out.get(start..).unwrap_or_default();
            let text = text.strip_prefix(b",").unwrap_or(text);
            if !text.is_empty() {
                known.push((link.clone(), text.to_vec()));
            }
        }
    }

    /// Writes one element, with a comma before it where it is not the first; nothing where it would be empty.
    fn write(&self, link: PackedLink<'_>, indirect: bool, first: usize, out: &mut Vec<u8>) {
        let mut forms = self.forms.borrow_mut();
        let place = forms.iter().position(|form| form.indirect == indirect && form.kind == link.kind);
        let place = place.unwrap_or_else(|| {
            forms.push(self.form(link.kind, indirect));
            forms.len() - 1
        });
        let Some(form) = forms.get(place) else { return };
        let Some((last, before)) = form.around.split_last() else { return };
        let display = form.display.as_ref().zip(link.display);
        if before.is_empty() && last == b"{" && display.is_none() {
            return;
        }
        if out.len() > first {
            out.push(b',');
        }
        for before in before {
            out.extend_from_slice(before);
            out.extend_from_slice(link.id.as_bytes());
        }
        out.extend_from_slice(last);
        if let Some((key, display)) = display {
            out.extend_from_slice(key);
            out.extend_from_slice(display.as_bytes());
            out.push(b'"');
        }
        out.push(b'}');
    }

    fn form(&self, kind: &str, indirect: bool) -> Form {
        let begun = |text: &[u8]| {
            let mut part = Vec::with_capacity(PART);
            part.extend_from_slice(text);
            part
        };
        let mut around = Vec::with_capacity(3);
        let mut part = begun(b"{");
        let comma = |part: &mut Vec<u8>| {
            if part.as_slice() != b"{" {
                part.push(b',');
            }
        };
        if self.value {
            part.extend_from_slice(b"\"value\":\"");
            around.push(std::mem::replace(&mut part, begun(b"\"")));
        }
        if let Some(rt) = self.reference.iter().find(|rt| escaped(rt.kind.as_str()) == kind) {
            comma(&mut part);
            part.extend_from_slice(b"\"$ref\":\"");
            part.extend_from_slice(&endpoint(self.base, rt));
            around.push(std::mem::replace(&mut part, begun(b"\"")));
        }
        let kind_text = self.kind.as_ref().map(|text| match text {
            KindText::Target => kind,
            KindText::Path if indirect => "indirect",
            KindText::Path => "direct",
        });
        if let Some(text) = kind_text {
            comma(&mut part);
            part.extend_from_slice(b"\"type\":\"");
            part.extend_from_slice(text.as_bytes());
            part.push(b'"');
        }
        let display = self.display.as_ref().map(|key| {
            let mut display = Vec::with_capacity(key.len() + 1);
            if part.as_slice() != b"{" {
                display.push(b',');
            }
            display.extend_from_slice(key);
            display
        });
        around.push(part);
        Form { kind: kind.to_owned(), indirect, around, display }
    }
}

/// Are these equal? Links of one attribute mostly differ in their ids, if at all.
fn is_same(one: &Link, other: &Link) -> bool {
    one.target.id == other.target.id
        && one.indirect == other.indirect
        && one.display == other.display
        && one.target.kind == other.target.kind
}

/// The URI of a type's resources, up to the id: the inside of a JSON string.
fn endpoint(base: &str, rt: &ResourceType) -> Vec<u8> {
    let mut text = Vec::with_capacity(base.len() + rt.endpoint.len() + 1);
    escape(&mut text, base);
    escape(&mut text, &rt.endpoint);
    text.push(b'/');
    text
}

/// The URI of a resource.
pub fn location(base: &str, endpoint: &str, id: &str) -> String {
    [base, endpoint, "/", id].concat()
}

/// Names an extension in the `schemas` of the document from here on, where it does not: what is shown of it may all be
/// computed, which the stored document knows nothing of (7643-3.3-02).
fn name_extension(urn: &str, document: usize, out: &mut Vec<u8>) {
    const KEY: &[u8] = b"\"schemas\":[";
    let Some(names) = out.get(document..).and_then(|document| document.strip_prefix(KEY)) else { return };
    // No URN holds a bracket.
    let Some(end) = memchr(b']', names) else { return };
    let named = names.get(..end).unwrap_or_default();
    let quoted = format!("\"{urn}\"");
    if memmem::find(named, quoted.as_bytes()).is_none() {
        let at = document + KEY.len() + end;
        let comma = if named.is_empty() { "" } else { "," };
        out.splice(at..at, format!("{comma}{quoted}").into_bytes());
    }
}

/// The ETag of a representation without computed values.
pub fn etag(version: &Version) -> String {
    ["W/\"", version.as_str(), "\""].concat()
}

/// A JSON string.
fn text(out: &mut Vec<u8>, value: &str) {
    if is_plain(value) {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    } else {
        // Writing to memory cannot fail.
        let _written = serde_json::to_writer(out, value);
    }
}

/// The inside of a JSON string.
fn escape(out: &mut Vec<u8>, value: &str) {
    out.extend_from_slice(escaped(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::document::Document;
    use crate::document::project::View;
    use crate::schema::{Kind, Options};
    use crate::store::{Key, Label, ResourceId};

    /// Elements that were kept from one resource to the next are those that would have been made anew.
    #[test]
    fn links_that_come_again_are_written_as_the_first_time() {
        let registry = Registry::compile(&[], &Options::default()).unwrap();
        let rt = registry.endpoint("Users", false).unwrap();
        let link = |group: usize, display: Option<&str>, indirect| Link {
            target: Key { kind: Kind::new("Group"), id: ResourceId::new(&format!("g{group}\"")) },
            display: display.map(Label::new),
            indirect,
        };
        let person = |n: usize| {
            let few = 0..n % 4;
            let mut links: Vec<Link> = few.map(|group| link(group, Some("A \\ name"), group == 2)).collect();
            links.push(link(1, None, false));
            links.push(link(1, Some("another name"), n.is_multiple_of(2)));
            links.push(link(10 + n, Some("alone"), false));
            Record {
                key: Key { kind: rt.kind.clone(), id: ResourceId::new(&format!("u{n}")) },
                version: Version::new("1"),
                created: Timestamp::from_millis(0),
                modified: Timestamp::from_millis(0),
                document: Document::from_stored(r#"{"userName":"ann"}"#.to_owned()),
                links: vec![Links { at: rt.reverse[0].at.clone(), links: links.into(), whole: true }],
            }
        };
        for attributes in [None, Some("groups"), Some("groups.display"), Some("groups.type")] {
            let view = View { attributes: attributes.map(str::to_owned), ..View::default() };
            let projection = Projection::new(&view, rt, false).unwrap();
            let renderer = || Renderer::new(rt, &registry, "https://example.com", &projection, false);
            let page = renderer();
            for n in 0..40 {
                let (mut one, mut alone) = (Vec::new(), Vec::new());
                page.write(&person(n), &mut one);
                renderer().write(&person(n), &mut alone);
                assert_eq!(String::from_utf8_lossy(&one), String::from_utf8_lossy(&alone), "{n} {attributes:?}");
                let value: Value = serde_json::from_slice(&one).unwrap();
                let shown = value["groups"].as_array().map_or(0, Vec::len);
                let all = n % 4 + 3 - usize::from(attributes == Some("groups.display"));
                assert_eq!(shown, all, "{n} {attributes:?}");
            }
        }
    }
}
