//! A record as the JSON that is sent: the stored text with `id`, `meta`, links and computed values spliced around it.

use std::cell::OnceCell;
use std::hash::Hasher;

use serde_json::Value;
use siphasher::sip::SipHasher13;

use crate::path::AttrPath;
use crate::query::Select;
use crate::schema::{Kind, Registry, ResourceType};
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

    /// What the store and the core must have filled in.
    pub fn select(&self) -> Select {
        self.projection.select()
    }

    /// The URI of the resource.
    pub fn location(&self, record: &Record) -> String {
        location(self.base, &self.rt.endpoint, record.key.id.as_str())
    }

    /// The ETag: the version, and behind it a digest of the computed values that are shown, where some are.
    pub fn etag(&self, record: &Record) -> String {
        match self.digest(record) {
            Some(digest) => format!("W/\"{}-{digest:08x}\"", record.version),
            None => etag(&record.version),
        }
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
        for link in &links.links {
            let start = out.len();
            if start > before_elements {
                out.push(b',');
            }
            if !parts.write(link, out) {
                out.truncate(start);
            }
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
                text(out, name);
                out.push(b':');
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
            text(out, etag);
        }
        if lead == b"," {
            out.push(b'}');
        }
    }

    /// A short digest over what is shown but not part of the version.
    fn digest(&self, record: &Record) -> Option<u32> {
        let mut hasher = SipHasher13::new();
        let mut any = false;
        for links in &record.links {
            let Some(shown) = self.links_at(&links.at) else { continue };
            let whole = shown.reverse || self.loose_versions;
            for link in &links.links {
                if whole {
                    any = true;
                    hasher.write(link.target.id.as_str().as_bytes());
                    hasher.write_u8(u8::from(link.indirect));
                }
                if let Some(display) = &link.display {
                    any = true;
                    hasher.write(display.as_bytes());
                }
                hasher.write_u8(0xff);
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "a digest may be short")]
        any.then(|| hasher.finish() as u32)
    }
}

/// Which sub-attributes of a link are written, and from what.
struct LinkParts<'a> {
    value: bool,
    /// `$ref` up to the id, by the type of the target.
    reference: Vec<(&'a Kind, Vec<u8>)>,
    kind: Option<KindText>,
    /// `"display":"`, or what the schema calls it.
    display: Option<Vec<u8>>,
}

enum KindText {
    /// `type` says the kind of the target.
    Target,
    /// `type` says direct or indirect.
    Path,
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
            reference: types.map(|rt| (&rt.kind, endpoint(renderer.base, rt))).collect(),
            kind: wanted("type").then_some(if links.reverse { KindText::Path } else { KindText::Target }),
            display: display.and_then(|name| def.sub(name)).map(|def| {
                let mut key = Vec::new();
                text(&mut key, &def.name);
                key.extend_from_slice(b":\"");
                key
            }),
        }
    }

    /// Writes one element; false where it would be empty.
    fn write(&self, link: &Link, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut id = b"".as_slice();
        let escaped;
        if self.value || !self.reference.is_empty() {
            id = link.target.id.as_str().as_bytes();
            if is_special(id) {
                escaped = quoted(link.target.id.as_str());
                id = inside(&escaped);
            }
        }
        if self.value {
            out.extend_from_slice(b",\"value\":\"");
            out.extend_from_slice(id);
            out.push(b'"');
        }
        if let Some((_, endpoint)) = self.reference.iter().find(|(kind, _)| **kind == link.target.kind) {
            out.extend_from_slice(b",\"$ref\":\"");
            out.extend_from_slice(endpoint);
            out.extend_from_slice(id);
            out.push(b'"');
        }
        let kind = match &self.kind {
            Some(KindText::Target) => Some(link.target.kind.as_str()),
            Some(KindText::Path) => Some(if link.indirect { "indirect" } else { "direct" }),
            None => None,
        };
        if let Some(kind) = kind {
            out.extend_from_slice(b",\"type\":\"");
            escape(out, kind);
            out.push(b'"');
        }
        if let (Some(key), Some(display)) = (&self.display, &link.display) {
            out.push(b',');
            out.extend_from_slice(key);
            escape(out, display);
            out.push(b'"');
        }
        match out.get_mut(start) {
            Some(lead) => *lead = b'{',
            None => return false,
        }
        out.push(b'}');
        true
    }
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
    format!("{base}{endpoint}/{id}")
}

/// The ETag of a representation without computed values.
pub fn etag(version: &Version) -> String {
    format!("W/\"{version}\"")
}

/// A JSON string.
fn text(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    escape(out, value);
    out.push(b'"');
}

/// The inside of a JSON string.
fn escape(out: &mut Vec<u8>, value: &str) {
    if is_special(value.as_bytes()) {
        out.extend_from_slice(inside(&quoted(value)));
    } else {
        out.extend_from_slice(value.as_bytes());
    }
}

/// Is there a character that must be escaped?
fn is_special(value: &[u8]) -> bool {
    // Without an early end this is done for many bytes at once.
    value.iter().fold(false, |found, &byte| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\'))
}

fn quoted(value: &str) -> String {
    Value::String(value.to_owned()).to_string()
}

fn inside(quoted: &str) -> &[u8] {
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().as_bytes()
}
