//! An entry as a document.

use bytes::Bytes;
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::path::AttrPath;
use scim_core::schema::{AttributeDef, Place, Type};
use scim_core::store::ResourceId;
use serde_json::{Map, Value};

use crate::ldap::{AttributeName, Entry};

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
        Mapping::written(&self.attributes_of(entry))
    }

    /// The document of these attributes, which are in the order of the schemas.
    pub fn written(attributes: &Map<String, Value>) -> Document {
        Document::from_stored(serde_json::to_string(attributes).unwrap_or_else(|_| "{}".into()))
    }

    /// What links to an entry show: as [`Document::label`].
    pub fn label_of(&self, entry: &Entry) -> Option<String> {
        ["displayName", "userName"].into_iter().find_map(|name| {
            let attr = self.rt.schema.attribute(name)?;
            match self.value(entry, None, attr)? {
                Value::String(text) => Some(text),
                _ => None,
            }
        })
    }

    /// The same, parsed.
    pub fn attributes_of(&self, entry: &Entry) -> Map<String, Value> {
        let mut document = Map::new();
        let mut urns = vec![Value::from(&*self.rt.schema.id)];
        document.insert("schemas".into(), Value::Null);
        let common = self.rt.common.iter().filter(|attr| attr.place == Place::Document && attr.name != "schemas");
        for attr in common.chain(&self.rt.schema.attributes) {
            if let Some(value) = self.value(entry, None, attr) {
                document.insert(attr.name.clone(), value);
            }
        }
        for extension in &self.rt.extensions {
            let urn = &extension.schema.id;
            let mut own = Map::new();
            for attr in &extension.schema.attributes {
                if let Some(value) = self.value(entry, Some(urn), attr) {
                    own.insert(attr.name.clone(), value);
                }
            }
            let linked = self
                .links
                .iter()
                .any(|column| column.link.at.extension() == Some(urn) && !entry.values(&column.name).is_empty());
            if !own.is_empty() || linked {
                urns.push(Value::from(&**urn));
            }
            if !own.is_empty() {
                document.insert(urn.to_string(), Value::Object(own));
            }
        }
        document.insert("schemas".into(), Value::Array(urns));
        document
    }

    fn value(
        &self,
        entry: &Entry,
        urn: Option<&std::sync::Arc<str>>,
        attr: &std::sync::Arc<AttributeDef>,
    ) -> Option<Value> {
        if attr.place != Place::Document {
            return None;
        }
        let at = AttrPath::new(urn.cloned(), attr.clone(), None);
        if let Some((_, active)) = self.active.as_ref().filter(|(active, _)| active.same_attribute(&at)) {
            return Some(active.read(entry).into());
        }
        let columns: Vec<&Column> = self.columns_of(&at).collect();
        if let Some(whole) = columns.iter().find(|column| column.syntax == Syntax::Json) {
            return entry
                .values(&whole.name)
                .iter()
                .find_map(|text| whole.syntax.to_scim(text, attr.ty))
                .filter(|value| fits(attr, value));
        }
        match (attr.is_complex(), attr.multi_valued) {
            _ if columns.is_empty() && !self.computed.iter().any(|computed| computed.at.same_attribute(&at)) => None,
            (false, false) => match self.computed(&at) {
                Some(computed) => computed.template.of(entry).map(Value::from),
                None => columns.iter().find_map(|column| self.only(entry, column)),
            },
            (false, true) => some_array(columns.iter().flat_map(|column| self.all(entry, column)).collect()),
            (true, false) => {
                let parts = self.parts(entry, &at, &columns);
                (!parts.is_empty()).then_some(Value::Object(parts))
            }
            (true, true) => some_array(self.elements(entry, &at, &columns)),
        }
    }

    /// Each part of a complex value, in the order of the schema.
    fn parts(&self, entry: &Entry, at: &AttrPath, columns: &[&Column]) -> Map<String, Value> {
        let part = |sub: &std::sync::Arc<AttributeDef>| {
            if let Some(computed) = self.computed(&at.with_sub(sub.clone())) {
                return Some((sub.name.clone(), computed.template.of(entry)?.into()));
            }
            let mut own = columns.iter().filter(|column| column.at.sub() == Some(sub));
            Some((sub.name.clone(), own.find_map(|column| self.only(entry, column))?))
        };
        at.attr().sub_attributes.iter().filter_map(part).collect()
    }

    /// The elements of a multi-valued complex attribute, type by type as the table has them.
    fn elements(&self, entry: &Entry, at: &AttrPath, columns: &[&Column]) -> Vec<Value> {
        let attr = at.attr();
        let mut kinds: Vec<Option<&str>> = Vec::new();
        for column in columns {
            if !kinds.contains(&column.kind.as_deref()) {
                kinds.push(column.kind.as_deref());
            }
        }
        let mut elements = Vec::new();
        for kind in kinds {
            let own: Vec<&Column> = columns.iter().copied().filter(|column| column.kind.as_deref() == kind).collect();
            let is_value = |column: &&&Column| column.at.sub().is_some_and(|sub| sub.name == "value");
            if own.iter().all(|column| is_value(&column)) {
                let primary = own.iter().any(|column| column.primary);
                let values: Vec<(Value, bool)> = own.iter().flat_map(|column| self.marked(entry, column)).collect();
                let only = values.len() == 1;
                elements.extend(values.into_iter().map(|(value, marked)| {
                    let value = Map::from_iter([("value".to_owned(), value)]);
                    in_order(attr, value, kind, marked || primary && only)
                }));
            } else {
                let parts = self.parts(entry, at, &own);
                if !parts.is_empty() {
                    elements.push(in_order(attr, parts, kind, false));
                }
            }
        }
        elements
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

/// An element in the order of the schema, with its type and whether it is primary.
fn in_order(attr: &AttributeDef, mut parts: Map<String, Value>, kind: Option<&str>, primary: bool) -> Value {
    if let Some(kind) = kind {
        parts.insert("type".into(), kind.into());
    }
    if primary {
        parts.insert("primary".into(), true.into());
    }
    let ordered = attr.sub_attributes.iter().filter_map(|sub| Some((sub.name.clone(), parts.shift_remove(&sub.name)?)));
    Value::Object(ordered.collect())
}

fn some_array(values: Vec<Value>) -> Option<Value> {
    (!values.is_empty()).then_some(Value::Array(values))
}
