//! A whole resource against its type: what a POST or PUT body asks for, and what a finished document must hold.

use std::borrow::Cow;
use std::sync::Arc;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::access::Rules;
use crate::error::ScimError;
use crate::limits::Limits;
use crate::name::same;
use crate::path::AttrPath;
use crate::schema::{AttributeDef, LinkType, Mutability, Place, ResourceType, Schema};

use super::excerpt::{self, Member};
use super::link::{self, LinkValue};
use super::value::{self, shown, unassigned, unknown};
use super::{Document, urns, values};

/// The body of a POST or PUT, checked and sorted by where each value will live. Read-only attributes are left out
/// (7644-3.3-01, threat A06).
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Canonical values, extensions in objects under their registered URN. Without `schemas`, in no special order.
    pub attributes: Map<String, Value>,
    /// Link attributes with values.
    pub links: Vec<(Arc<LinkType>, Vec<LinkValue>)>,
    /// Secrets to set, or (None) to clear.
    pub secrets: Vec<(AttrPath, Option<SecretString>)>,
    /// Attributes that the body unassigns outright, with `null` or an empty value.
    pub unassigned: Vec<AttrPath>,
}

/// Checks the body of a POST or PUT.
///
/// # Errors
/// `invalidSyntax` where it is no JSON object, its `schemas` do not fit, an array is due and something else came, or
/// (strict) for unknown attributes; `invalidValue` for values that do not fit their definition; `TooLarge` for more
/// links than `patch_members`. Required attributes are asked for by [`complete`].
pub fn resource(
    input: &Value,
    resource_type: &ResourceType,
    rules: &Rules,
    limits: &Limits,
) -> Result<Draft, ScimError> {
    let Value::Object(members) = input else {
        return Err(ScimError::invalid_syntax(format!("a resource is a JSON object, not {}", shown(input))));
    };
    let known = |urn: &str| resource_type.extension(urn).is_some();
    let schemas = members.iter().find(|(name, _)| same(name, "schemas")).map(|(_, value)| value);
    urns::check(schemas, &resource_type.schema.id, known, rules)?;

    let draft = Draft { attributes: Map::with_capacity(members.len()), ..Draft::default() };
    let mut reader = Reader { resource_type, rules, draft };
    for (name, given) in members {
        if let Some(attr) = resource_type.common.iter().find(|attr| same(&attr.name, name)) {
            if attr.name != "schemas" {
                reader.attribute(None, attr, given)?;
            }
        } else if let Some(attr) = resource_type.schema.attribute(name) {
            reader.attribute(None, attr, given)?;
        } else if let Some(extension) = resource_type.extension(name) {
            reader.extension(&extension.schema, given)?;
        } else if rules.ignore_unknown && same(name, &resource_type.schema.id) {
            reader.base(members, given)?;
        } else {
            unknown(name, rules)?;
        }
    }
    let named: usize = reader.draft.links.iter().map(|(_, links)| links.len()).sum();
    too_many_links(named, limits)?;
    Ok(reader.draft)
}

/// `TooLarge` for more link values than one request may name.
pub(crate) fn too_many_links(named: usize, limits: &Limits) -> Result<(), ScimError> {
    if named <= limits.patch_members {
        return Ok(());
    }
    Err(ScimError::too_large(format!(
        "the request names more than {} members; send them in several requests",
        limits.patch_members
    )))
}

struct Reader<'a> {
    resource_type: &'a ResourceType,
    rules: &'a Rules,
    draft: Draft,
}

impl Reader<'_> {
    fn attribute(&mut self, urn: Option<&Arc<str>>, attr: &Arc<AttributeDef>, given: &Value) -> Result<(), ScimError> {
        if attr.mutability == Mutability::ReadOnly {
            return Ok(());
        }
        let at = AttrPath::new(urn.cloned(), attr.clone(), None);
        match attr.place {
            Place::Document => match value::attribute(&at, given, self.rules)? {
                Some(canonical) => values::put(&mut self.draft.attributes, &at, canonical),
                None => self.draft.unassigned.push(at),
            },
            Place::Link => {
                let Some(link) = self.resource_type.link(&at) else { return Ok(()) };
                match link::attribute(link, given, self.rules)? {
                    Some(links) => self.draft.links.push((link.clone(), links)),
                    None => self.draft.unassigned.push(at),
                }
            }
            Place::Secret => {
                let secret = secret(&at, given)?;
                if secret.is_none() {
                    self.draft.unassigned.push(at.clone());
                }
                self.draft.secrets.push((at, secret));
            }
            Place::Id | Place::Meta | Place::Reverse => {}
        }
        Ok(())
    }

    /// Attributes of the base schema in an object under its URN, as those of extensions are written. They mean the same there;
    /// leaving them out would lose what a client has said.
    fn base(&mut self, top: &Map<String, Value>, given: &Value) -> Result<(), ScimError> {
        let schema = &self.resource_type.schema;
        for (name, given) in members_of(schema, given)?.into_iter().flatten() {
            let Some(attr) = schema.attribute(name) else { continue };
            if top.keys().any(|other| same(other, name)) {
                return Err(ScimError::invalid_syntax(format!(
                    "{} stands both at the top and under {}; send it once",
                    attr.name, schema.id
                )));
            }
            self.attribute(None, attr, given)?;
        }
        Ok(())
    }

    fn extension(&mut self, schema: &Schema, given: &Value) -> Result<(), ScimError> {
        for (name, given) in members_of(schema, given)?.into_iter().flatten() {
            match schema.attribute(name) {
                Some(attr) => self.attribute(Some(&schema.id), attr, given)?,
                None => unknown(&format!("{}:{name}", schema.id), self.rules)?,
            }
        }
        Ok(())
    }
}

/// The attributes of a schema in an object under its URN; None where that is unassigned.
fn members_of<'a>(schema: &Schema, given: &'a Value) -> Result<Option<&'a Map<String, Value>>, ScimError> {
    match given {
        Value::Object(members) => Ok(Some(members)),
        empty if unassigned(empty) => Ok(None),
        other => Err(ScimError::invalid_value(format!("{} takes an object, not {}", schema.id, shown(other)))),
    }
}

/// A new secret; None for `null`. The value is never shown (7643-4.1.1-11).
///
/// # Errors
/// `invalidValue` for what is no string, and for an empty one (7644-5-04).
pub(crate) fn secret(at: &AttrPath, given: &Value) -> Result<Option<SecretString>, ScimError> {
    match given {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => {
            Err(ScimError::invalid_value(format!("{at} may not be empty; send null to have none")))
        }
        Value::String(text) => Ok(Some(SecretString::from(text.as_str()))),
        _ => Err(ScimError::invalid_value(format!("{at} takes a string"))),
    }
}

/// The canonical document of these attributes: `schemas` worked out anew from what has values (7643-3-07, 7643-3-08),
/// everything in its order. `linked` are the link attributes that have values.
///
/// # Errors
/// `invalidValue` where a required attribute, sub-attribute or extension has no value.
pub fn complete(
    attributes: Map<String, Value>,
    resource_type: &ResourceType,
    linked: &[Arc<LinkType>],
) -> Result<Document, ScimError> {
    weave(&attributes, &[], resource_type, linked).map(|woven| woven.document)
}

/// A document, and its `schemas`.
pub(crate) struct Woven<'a> {
    pub document: Document,
    pub schemas: Vec<&'a str>,
}

/// The same of attributes of which some are still text, as an [`Excerpt`](super::excerpt::Excerpt) has them: those
/// stand in the document as they were written.
pub(crate) fn weave<'a>(
    read: &Map<String, Value>,
    rest: &[Member<'_>],
    resource_type: &'a ResourceType,
    linked: &[Arc<LinkType>],
) -> Result<Woven<'a>, ScimError> {
    let mut base = Weaver { out: Vec::with_capacity(1 << 10), read, rest, linked, placed: 0 };
    let common = resource_type.common.iter().filter(|attr| attr.name != "schemas");
    base.place(None, common.chain(&resource_type.schema.attributes))?;

    let mut schemas = vec![&*resource_type.schema.id];
    for extension in &resource_type.extensions {
        let (schema, urn) = (&extension.schema, &extension.schema.id);
        let has_links = linked.iter().any(|link| link.at.extension() == Some(urn));
        let (given, text) = (read.get(&**urn), excerpt::text(rest, urn));
        base.placed += usize::from(given.is_some()) + usize::from(text.is_some());
        let own = match (given, text.filter(|text| *text != "{}")) {
            (Some(Value::Object(own)), _) => Cow::Borrowed(own),
            // Nothing in it can be missing: it stands as it is.
            (_, Some(text)) if !has_links && !schema.attributes.iter().any(|attr| asks(attr)) => {
                schemas.push(&**urn);
                base.text(urn, text);
                continue;
            }
            (_, Some(text)) => Cow::Owned(serde_json::from_str(text).unwrap_or_default()),
            _ => Cow::Owned(Map::new()),
        };
        if own.is_empty() && !has_links {
            if extension.required {
                return Err(ScimError::invalid_value(format!("{urn} is required: give its attributes in an object")));
            }
            continue;
        }
        schemas.push(&**urn);
        let mut inside = Weaver { out: Vec::new(), read: &own, rest: &[], linked, placed: 0 };
        inside.place(Some(urn), schema.attributes.iter())?;
        inside.leftovers(|name| schema.attributes.iter().any(|attr| is_placed(attr, name)));
        if !inside.out.is_empty() {
            base.name(urn);
            base.out.push(b'{');
            base.out.extend_from_slice(inside.out.get(1..).unwrap_or_default());
            base.out.push(b'}');
        }
    }
    // What a schema no longer names stays stored, unseen, until one names it again.
    base.leftovers(|name| {
        name == "schemas"
            || resource_type.common.iter().chain(&resource_type.schema.attributes).any(|attr| is_placed(attr, name))
            || resource_type.extensions.iter().any(|extension| *extension.schema.id == *name)
    });

    let mut text = br#"{"schemas":"#.to_vec();
    text.reserve(base.out.len() + 64 * schemas.len());
    write(&mut text, &schemas);
    text.extend_from_slice(&base.out);
    text.push(b'}');
    let text = String::from_utf8(text).map_err(|_| ScimError::internal("a document is no text"))?;
    Ok(Woven { document: Document(text.into()), schemas })
}

/// Must something be there of the attribute, or in its values?
fn asks(attr: &AttributeDef) -> bool {
    attr.required || attr.sub_attributes.iter().any(|sub| sub.required)
}

/// Is this the name of an attribute that stands in documents at its place?
fn is_placed(attr: &AttributeDef, name: &str) -> bool {
    attr.place == Place::Document && attr.name == name
}

/// JSON that stands in memory can be written there.
fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let _written = serde_json::to_writer(out, value);
}

/// Writes the members of an object, each with a comma before it.
struct Weaver<'a> {
    out: Vec<u8>,
    read: &'a Map<String, Value>,
    rest: &'a [Member<'a>],
    linked: &'a [Arc<LinkType>],
    /// Members that have found their place.
    placed: usize,
}

impl Weaver<'_> {
    /// Writes the values of one schema in its order, asking for what is required.
    fn place<'d>(
        &mut self,
        urn: Option<&Arc<str>>,
        schema: impl Iterator<Item = &'d Arc<AttributeDef>>,
    ) -> Result<(), ScimError> {
        for attr in schema {
            let at = || AttrPath::new(urn.cloned(), attr.clone(), None);
            let present = match attr.place {
                Place::Document => {
                    let parts = attr.sub_attributes.iter().any(|sub| sub.required);
                    if let Some(value) = self.read.get(&attr.name) {
                        if parts {
                            require(&at(), value)?;
                        }
                        self.name(&attr.name);
                        write(&mut self.out, value);
                        self.placed += 1;
                        true
                    } else if let Some(text) = excerpt::text(self.rest, &attr.name) {
                        if parts {
                            require(&at(), &serde_json::from_str(text).unwrap_or_default())?;
                        }
                        self.text(&attr.name, text);
                        self.placed += 1;
                        true
                    } else {
                        false
                    }
                }
                Place::Link => !attr.required || self.linked.iter().any(|link| link.at == at()),
                Place::Id | Place::Meta | Place::Reverse | Place::Secret => true,
            };
            if attr.required && attr.mutability != Mutability::ReadOnly && !present {
                return Err(ScimError::invalid_value(format!("{} is required and has no value", at())));
            }
        }
        Ok(())
    }

    /// Writes what has no place in a schema.
    fn leftovers(&mut self, is_placed: impl Fn(&str) -> bool) {
        if self.placed == self.read.len() + self.rest.len() {
            return;
        }
        let (read, rest) = (self.read, self.rest);
        for (name, value) in read.iter().filter(|(name, _)| !is_placed(name)) {
            self.name(name);
            write(&mut self.out, value);
        }
        for (name, text) in rest.iter().filter(|(name, _)| !is_placed(name)) {
            self.text(name, text);
        }
    }

    /// A member that was not read, under a name that needs no escapes: else it would have been.
    fn text(&mut self, name: &str, text: &str) {
        for part in [",\"", name, "\":", text] {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    fn name(&mut self, name: &str) {
        self.out.push(b',');
        write(&mut self.out, name);
        self.out.push(b':');
    }
}

fn require(at: &AttrPath, value: &Value) -> Result<(), ScimError> {
    match value {
        Value::Object(object) => value::require_parts(at, object),
        Value::Array(items) => {
            items.iter().filter_map(Value::as_object).try_for_each(|object| value::require_parts(at, object))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
