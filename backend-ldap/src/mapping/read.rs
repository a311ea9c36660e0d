//! An entry as a document.

use bytes::Bytes;
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::path::AttrPath;
use scim_core::schema::{AttributeDef, Type};
use scim_core::store::ResourceId;
use serde_json::{Map, Value};

use crate::ldap::{AttributeName, Entry};

use super::plan::{Each, Elements, Field, Member, Source};
use super::syntax::{self, Syntax};
use super::{Column, Mapping};

impl Mapping {
    /// The id of an entry; None where it has none, or was deleted, which makes it nobody's.
    pub fn id_of(&self, entry: &Entry) -> Option<ResourceId> {
        let bytes = entry.first(&self.id.name)?;
        let id = match self.id.syntax {
            Syntax::Guid => syntax::guid_text(bytes).map(|text| ResourceId::new(&text)),
            _ => std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()).map(ResourceId::new),
        };
        id.filter(|id| !self.gone.has(id))
    }

    /// The directory's value of an id; None where it can be no id.
    pub fn id_value(&self, id: &ResourceId) -> Option<Bytes> {
        let text = id.as_str();
        // Directories write them small, and ids have case.
        if self.id.uuid && (!syntax::is_uuid(text) || text.bytes().any(|b| b.is_ascii_uppercase())) {
            return None;
        }
        match self.id.syntax {
            Syntax::Guid => syntax::guid_bytes(text).map(|bytes| Bytes::copy_from_slice(&bytes)),
            _ => (!text.is_empty()).then(|| Bytes::copy_from_slice(text.as_bytes())),
        }
    }

    /// When an entry was made, and when it last changed.
    pub fn times_of(&self, entry: &Entry) -> (Timestamp, Timestamp) {
        let time = |name: &AttributeName| {
            let at = entry.text(name).and_then(syntax::generalized);
            at.map(|at| Timestamp::from_millis(at.as_millisecond()))
        };
        let modified = time(&self.modified);
        let created = time(&self.created).or(modified).unwrap_or_default();
        (created, modified.unwrap_or(created).max(created))
    }

    /// The document of an entry: what is mapped, in the order of the schemas.
    pub fn document_of(&self, entry: &Entry) -> Document {
        Document::from_stored(self.text_of(entry, &|_| true))
    }

    /// The same, parsed.
    pub fn attributes_of(&self, entry: &Entry) -> Map<String, Value> {
        self.document_of(entry).parse()
    }

    /// The attributes of an entry at these paths, and no others.
    pub fn attributes_at(&self, entry: &Entry, paths: &[AttrPath]) -> Map<String, Value> {
        let wanted = |field: &Field| paths.iter().any(|at| at.same_attribute(&field.at));
        Document::from_stored(self.text_of(entry, &wanted)).parse()
    }

    /// What links to an entry show: as [`Document::label`].
    pub fn label_of(&self, entry: &Entry) -> Option<String> {
        ["displayName", "userName"].into_iter().find_map(|name| {
            let field = self.plan.own.iter().find(|field| field.at.attr().name == name)?;
            match self.single(entry, &field.source)? {
                Value::String(text) => Some(text),
                _ => None,
            }
        })
    }

    /// The wanted attributes of an entry as JSON.
    fn text_of(&self, entry: &Entry, wanted: &dyn Fn(&Field) -> bool) -> String {
        let mut out = Vec::with_capacity(USUAL);
        out.extend_from_slice(b"{\"schemas\":[");
        write_value(&mut out, &Value::from(&*self.rt.schema.id));
        let mut rest = Vec::with_capacity(USUAL);
        self.write_fields(entry, self.plan.own.iter().filter(|field| wanted(field)), &mut rest);
        for extension in &self.plan.extensions {
            let start = rest.len();
            separate(&mut rest);
            rest.extend_from_slice(extension.key.as_bytes());
            rest.push(b'{');
            let any = self.write_fields(entry, extension.fields.iter().filter(|field| wanted(field)), &mut rest);
            rest.push(b'}');
            if !any {
                rest.truncate(start);
            }
            if any || extension.links.iter().any(|name| !entry.values(name).is_empty()) {
                out.push(b',');
                write_value(&mut out, &Value::from(&*extension.urn));
            }
        }
        out.push(b']');
        if !rest.is_empty() {
            out.push(b',');
            out.append(&mut rest);
        }
        out.push(b'}');
        String::from_utf8(out).unwrap_or_else(|_| "{}".into())
    }

    /// Appends those of these that have a value; is there any?
    fn write_fields<'f>(&self, entry: &Entry, fields: impl Iterator<Item = &'f Field>, out: &mut Vec<u8>) -> bool {
        fields.fold(false, |any, field| self.write_field(entry, field, out) | any)
    }

    fn write_field(&self, entry: &Entry, field: &Field, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        separate(out);
        out.extend_from_slice(field.key.as_bytes());
        let there = self.write_source(entry, field, out);
        if !there {
            out.truncate(start);
        }
        there
    }

    fn write_source(&self, entry: &Entry, field: &Field, out: &mut Vec<u8>) -> bool {
        match &field.source {
            Source::Parts(parts) => {
                out.push(b'{');
                let any = self.write_fields(entry, parts.iter(), out);
                out.push(b'}');
                any
            }
            Source::All(columns) => in_brackets(out, |out| {
                for value in columns.iter().flat_map(|column| self.all(entry, column)) {
                    separate(out);
                    write_value(out, &value);
                }
            }),
            Source::Elements(kinds) => in_brackets(out, |out| {
                kinds.iter().for_each(|elements| self.write_elements(entry, elements, out));
            }),
            Source::Json(column) => {
                let values = entry.values(&column.name).iter();
                let value = values.filter_map(|text| column.syntax.to_scim(text, field.at.leaf().ty)).next();
                written(out, value.filter(|value| fits(field.at.leaf(), value)))
            }
            Source::Active | Source::Made(_) | Source::One(_) => written(out, self.single(entry, &field.source)),
        }
    }

    /// A value that is neither an object nor an array.
    fn single(&self, entry: &Entry, source: &Source) -> Option<Value> {
        match source {
            Source::Active => self.active.as_ref().map(|(_, active)| active.read(entry).into()),
            Source::Made(template) => template.of(entry).map(Value::from),
            Source::One(columns) => columns.iter().find_map(|column| self.only(entry, column)),
            Source::Json(_) | Source::All(_) | Source::Parts(_) | Source::Elements(_) => None,
        }
    }

    fn write_elements(&self, entry: &Entry, elements: &Elements, out: &mut Vec<u8>) {
        let start = out.len();
        match &elements.of {
            Each::Value(columns, alone) => {
                let values: Vec<(Value, bool)> = columns.iter().flat_map(|column| self.marked(entry, column)).collect();
                let only = values.len() == 1;
                for (value, marked) in values {
                    self.write_element(entry, elements, Some((&value, marked || *alone && only)), out);
                }
            }
            Each::Entry => {
                if !self.write_element(entry, elements, None, out) {
                    out.truncate(start);
                }
            }
        }
    }

    /// One element, of this value, which may be the primary one; has it any but its type?
    fn write_element(
        &self,
        entry: &Entry,
        elements: &Elements,
        value: Option<(&Value, bool)>,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut any = false;
        separate(out);
        out.push(b'{');
        for member in &elements.members {
            let text = match (member, value) {
                (Member::Part(part), _) => {
                    any |= self.write_field(entry, part, out);
                    continue;
                }
                (Member::Type(text), _) | (Member::Primary(text), Some((_, true))) => text,
                (Member::Value(key), Some(_)) => key,
                (Member::Primary(_) | Member::Value(_), _) => continue,
            };
            separate(out);
            out.extend_from_slice(text.as_bytes());
            if let (Member::Value(_), Some((value, _))) = (member, value) {
                write_value(out, value);
                any = true;
            }
        }
        out.push(b'}');
        any
    }

    /// The one value of a single-valued attribute: that of the entry's name, where it stands there, else the first.
    fn only(&self, entry: &Entry, column: &Column) -> Option<Value> {
        let convert = |bytes: &[u8]| self.convert(entry, column, bytes);
        let values = entry.values(&column.name);
        if values.len() > 1
            && let Some(named) = entry.dn.rdn().as_ref().and_then(|rdn| rdn.value(column.name.base()))
        {
            return convert(named);
        }
        values.iter().find_map(|value| convert(value))
    }

    fn all(&self, entry: &Entry, column: &Column) -> Vec<Value> {
        entry.values(&column.name).iter().filter_map(|value| self.convert(entry, column, value)).collect()
    }

    /// All values, with what stands before them: is one primary by that? Only the first can be.
    fn marked(&self, entry: &Entry, column: &Column) -> Vec<(Value, bool)> {
        let mut none = true;
        let values = entry.values(&column.name).iter();
        let shown = values.filter_map(|bytes| Some((self.convert(entry, column, bytes)?, column.is_primary(bytes))));
        shown.map(|(value, primary)| (value, primary && std::mem::take(&mut none))).collect()
    }

    fn convert(&self, entry: &Entry, column: &Column, bytes: &[u8]) -> Option<Value> {
        if self.hides(entry, &column.name, bytes) {
            return None;
        }
        match column.to_scim(bytes)? {
            Value::String(text) if column.syntax == Syntax::Binary && column.at.leaf().url_safe => {
                Some(text.replace('+', "-").replace('/', "_").into())
            }
            value => Some(value),
        }
    }
}

/// Has JSON of a directory the shape of this attribute? Others than we may have written it.
pub(crate) fn fits(attr: &AttributeDef, value: &Value) -> bool {
    match (attr.multi_valued, value) {
        (true, Value::Array(elements)) => {
            !elements.is_empty() && elements.iter().all(|element| one_fits(attr, element))
        }
        (true, _) => false,
        (false, one) => one_fits(attr, one),
    }
}

fn one_fits(attr: &AttributeDef, value: &Value) -> bool {
    match (attr.ty, value) {
        (Type::Complex, Value::Object(parts)) => {
            !parts.is_empty()
                && parts.iter().all(|(name, part)| {
                    let sub = attr.sub_attributes.iter().find(|sub| sub.name == *name);
                    sub.is_some_and(|sub| !sub.multi_valued && sub.ty != Type::Complex && one_fits(sub, part))
                })
        }
        (Type::Boolean, Value::Bool(_)) | (Type::Decimal, Value::Number(_)) => true,
        (Type::Integer, Value::Number(number)) => number.is_i64(),
        (Type::String | Type::Reference | Type::Binary | Type::DateTime, Value::String(_)) => true,
        _ => false,
    }
}

/// The bytes of most documents.
const USUAL: usize = 1_024;

/// Puts a comma behind what stands before in the same object or array.
fn separate(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[')) {
        out.push(b',');
    }
}

/// An array of what is written; is there any?
fn in_brackets(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> bool {
    out.push(b'[');
    let start = out.len();
    write(out);
    let any = out.len() > start;
    out.push(b']');
    any
}

/// Appends a value where there is one; is there?
fn written(out: &mut Vec<u8>, value: Option<Value>) -> bool {
    value.inspect(|value| write_value(out, value)).is_some()
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    // Writing into memory does not fail.
    let _ = serde_json::to_writer(out, value);
}
