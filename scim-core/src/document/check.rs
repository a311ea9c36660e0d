//! A whole resource against its type: what a POST or PUT body asks for, and what a finished document must hold.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::access::Rules;
use crate::error::ScimError;
use crate::limits::Limits;
use crate::name::same;
use crate::path::AttrPath;
use crate::schema::{AttributeDef, LinkType, Mutability, Place, ResourceType, Schema};

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

    let mut reader = Reader { resource_type, rules, draft: Draft::default() };
    for (name, given) in members {
        if let Some(attr) = resource_type.common.iter().find(|attr| same(&attr.name, name)) {
            if attr.name != "schemas" {
                reader.attribute(None, attr, given)?;
            }
        } else if let Some(attr) = resource_type.schema.attribute(name) {
            reader.attribute(None, attr, given)?;
        } else if let Some(extension) = resource_type.extension(name) {
            reader.extension(&extension.schema, given)?;
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

    fn extension(&mut self, schema: &Schema, given: &Value) -> Result<(), ScimError> {
        let members = match given {
            Value::Object(members) => members,
            empty if unassigned(empty) => return Ok(()),
            other => {
                return Err(ScimError::invalid_value(format!("{} takes an object, not {}", schema.id, shown(other))));
            }
        };
        for (name, given) in members {
            match schema.attribute(name) {
                Some(attr) => self.attribute(Some(&schema.id), attr, given)?,
                None => unknown(&format!("{}:{name}", schema.id), self.rules)?,
            }
        }
        Ok(())
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
    canonical(attributes, resource_type, linked).map(|attributes| Document::from_canonical(&attributes))
}

/// The attributes of the document that [`complete`] makes.
pub(crate) fn canonical(
    mut attributes: Map<String, Value>,
    resource_type: &ResourceType,
    linked: &[Arc<LinkType>],
) -> Result<Map<String, Value>, ScimError> {
    let mut urns = vec![Value::from(&*resource_type.schema.id)];
    let mut finished = Map::new();
    finished.insert("schemas".into(), Value::Null);
    let common = resource_type.common.iter().filter(|attr| attr.name != "schemas");
    let base = common.chain(&resource_type.schema.attributes);
    place(None, base, &mut attributes, linked, &mut finished)?;

    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        let mut own = match attributes.remove(&**urn) {
            Some(Value::Object(own)) => own,
            _ => Map::new(),
        };
        let has_links = linked.iter().any(|link| link.at.extension() == Some(urn));
        if own.is_empty() && !has_links {
            if extension.required {
                return Err(ScimError::invalid_value(format!("{urn} is required: give its attributes in an object")));
            }
            continue;
        }
        urns.push(Value::from(&**urn));
        let mut object = Map::new();
        place(Some(urn), extension.schema.attributes.iter(), &mut own, linked, &mut object)?;
        object.extend(own);
        if !object.is_empty() {
            finished.insert(urn.to_string(), Value::Object(object));
        }
    }
    finished.insert("schemas".into(), Value::Array(urns));
    // What a schema no longer names stays stored, unseen, until one names it again.
    attributes.remove("schemas");
    finished.extend(attributes);
    Ok(finished)
}

/// Moves the values of one schema over in its order, asking for what is required.
fn place<'a>(
    urn: Option<&Arc<str>>,
    schema: impl Iterator<Item = &'a Arc<AttributeDef>>,
    from: &mut Map<String, Value>,
    linked: &[Arc<LinkType>],
    to: &mut Map<String, Value>,
) -> Result<(), ScimError> {
    for attr in schema {
        let at = || AttrPath::new(urn.cloned(), attr.clone(), None);
        let present = match attr.place {
            Place::Document => match from.remove(&attr.name) {
                Some(value) => {
                    if attr.sub_attributes.iter().any(|sub| sub.required) {
                        require(&at(), &value)?;
                    }
                    to.insert(attr.name.clone(), value);
                    true
                }
                None => false,
            },
            Place::Link => !attr.required || linked.iter().any(|link| link.at == at()),
            Place::Id | Place::Meta | Place::Reverse | Place::Secret => true,
        };
        if attr.required && attr.mutability != Mutability::ReadOnly && !present {
            return Err(ScimError::invalid_value(format!("{} is required and has no value", at())));
        }
    }
    Ok(())
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
