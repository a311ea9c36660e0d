//! Where the values of each attribute live, decided from the shape of its definition.

use std::sync::Arc;

use crate::name::{TextRule, same};
use crate::path::AttrPath;

use super::error::SchemaError;
use super::{AttributeDef, Kind, LinkType, Mutability, Place, Returned, ReverseType, Schema, Type, Uniqueness};

/// The common attributes with their places.
pub(super) fn common(attributes: Vec<Arc<AttributeDef>>) -> Arc<[Arc<AttributeDef>]> {
    let placed = |attribute: Arc<AttributeDef>| match attribute.name.as_str() {
        "id" => at(&attribute, Place::Id),
        "meta" => at(&attribute, Place::Meta),
        _ => attribute,
    };
    attributes.into_iter().map(placed).collect()
}

/// The schema with links and secrets in their places. Reverse attributes need the other types: [`reverse`].
pub(super) fn schema(source: &str, schema: Schema) -> Result<Schema, SchemaError> {
    let attributes = schema
        .attributes
        .iter()
        .map(|attribute| {
            let wrong = |problem: &str| SchemaError::new(source, format!("{}:{}", schema.id, attribute.name), problem);
            if attribute.returned == Returned::Never {
                if attribute.ty != Type::String || attribute.multi_valued {
                    return Err(wrong("is never returned and more than one string; only a string can be a secret"));
                }
                if attribute.uniqueness != Uniqueness::None {
                    return Err(wrong("is never returned and unique; a conflict would give it away, so leave one out"));
                }
                return Ok(at(attribute, Place::Secret));
            }
            if !is_link(attribute) {
                return Ok(attribute.clone());
            }
            if attribute.sub_attributes.iter().any(|sub| sub.uniqueness != Uniqueness::None) {
                return Err(wrong("links to resources and has a unique sub-attribute; leave its uniqueness out"));
            }
            Ok(at(attribute, Place::Link))
        })
        .collect::<Result<_, _>>()?;
    Ok(Schema { attributes, ..schema })
}

/// Complex, writable, with `value` and a `$ref` to resource types, and nothing else a client can write but `type`.
fn is_link(attribute: &AttributeDef) -> bool {
    attribute.is_complex()
        && attribute.mutability != Mutability::ReadOnly
        && attribute.sub("value").is_some_and(|value| value.ty == Type::String && !value.multi_valued)
        && targets(attribute).is_some()
        && attribute.sub_attributes.iter().all(|sub| {
            ["value", "$ref", "type"].contains(&sub.name.to_ascii_lowercase().as_str())
                || sub.mutability == Mutability::ReadOnly
        })
}

/// The resource types that `$ref` points to, where it points to nothing else.
pub(super) fn targets(attribute: &AttributeDef) -> Option<&[String]> {
    let types = attribute.sub("$ref")?.reference_types.as_slice();
    (!types.is_empty() && types.iter().all(|name| name != "external" && name != "uri")).then_some(types)
}

fn at(attribute: &AttributeDef, place: Place) -> Arc<AttributeDef> {
    let mut attribute = AttributeDef { place, ..attribute.clone() };
    if matches!(place, Place::Link | Place::Reverse) {
        // Its `value` is an id, and ids are case exact whatever the file says (RFC 7643 section 3.1).
        for sub in attribute.sub_attributes.iter_mut().filter(|sub| same(&sub.name, "value")) {
            *sub = Arc::new(AttributeDef { case_exact: true, text: TextRule::Exact, ..sub.as_ref().clone() });
        }
    }
    Arc::new(attribute)
}

/// May `schema`, of a file, stand in for the built-in one of its URN? It may add attributes, leave some out and change
/// characteristics, but what the server itself relies on must stay: types, places, and the name of a resource.
pub(super) fn replaces(source: &str, schema: &Schema, built_in: &Schema) -> Result<(), SchemaError> {
    let wrong = |name: &str, problem: String| SchemaError::new(source, format!("{}:{name}", built_in.id), problem);
    let placed = self::schema(source, schema.clone())?;
    for old in &self::schema(source, built_in.clone())?.attributes {
        let Some(new) = placed.attribute(&old.name) else {
            if old.required {
                return Err(wrong(&old.name, "is left out, and the server cannot do without it; take it over".into()));
            }
            continue;
        };
        if new.name != old.name || new.ty != old.ty || new.multi_valued != old.multi_valued || new.place != old.place {
            let many = if old.multi_valued { "multi-valued " } else { "" };
            let problem = format!("must stay a {many}{} with this name and purpose, as the RFC has it", old.ty.name());
            return Err(wrong(&old.name, problem));
        }
        if old.required && (!new.required || (old.uniqueness != Uniqueness::None && new.uniqueness == Uniqueness::None))
        {
            return Err(wrong(&old.name, "must stay required, and unique where the RFC has it so".into()));
        }
        let strange = |sub: &&Arc<AttributeDef>| {
            new.sub(&sub.name).is_some_and(|own| own.ty != sub.ty || own.multi_valued != sub.multi_valued)
        };
        if let Some(sub) = old.sub_attributes.iter().find(strange) {
            let problem = format!("must stay a {}, as the RFC has it", sub.ty.name());
            return Err(wrong(&format!("{}.{}", old.name, sub.name), problem));
        }
    }
    Ok(())
}

/// The link attributes of a schema that `kind` uses; `extension` is its URN where it is one.
pub(super) fn links(kind: &Kind, schema: &Schema, extension: Option<&Arc<str>>) -> Vec<Arc<LinkType>> {
    let of = |attribute: &Arc<AttributeDef>| {
        let kinds = targets(attribute)?.iter().map(|name| Kind::new(name)).collect();
        let read_only = |sub: &&Arc<AttributeDef>| sub.mutability == Mutability::ReadOnly;
        Some(Arc::new(LinkType {
            holder: kind.clone(),
            at: AttrPath::new(extension.cloned(), attribute.clone(), None),
            kinds,
            display: attribute.sub("display").or_else(|| attribute.sub("displayName")).filter(read_only).cloned(),
            has_type: attribute.sub("type").is_some(),
        }))
    };
    schema.attributes.iter().filter(|attribute| attribute.place == Place::Link).filter_map(of).collect()
}

/// The schema as `kind` uses it: what is read-only, multi-valued and refers to a type that links to `kind` shows those
/// links from their far end. With the reverse attributes found.
pub(super) fn reverse(
    kind: &Kind,
    schema: &Arc<Schema>,
    extension: Option<&Arc<str>>,
    links: &[Arc<LinkType>],
) -> (Arc<Schema>, Vec<Arc<ReverseType>>) {
    let mut found = Vec::new();
    let mut attributes = Vec::with_capacity(schema.attributes.len());
    for attribute in &schema.attributes {
        let Some(via) = far_end(kind, attribute, links) else {
            attributes.push(attribute.clone());
            continue;
        };
        let attribute = at(attribute, Place::Reverse);
        let path = AttrPath::new(extension.cloned(), attribute.clone(), None);
        found.push(Arc::new(ReverseType { at: path, via: via.clone() }));
        attributes.push(attribute);
    }
    if found.is_empty() {
        return (schema.clone(), found);
    }
    (Arc::new(Schema { attributes, ..schema.as_ref().clone() }), found)
}

fn far_end<'a>(kind: &Kind, attribute: &AttributeDef, links: &'a [Arc<LinkType>]) -> Option<&'a Arc<LinkType>> {
    let shape = attribute.place == Place::Document
        && attribute.is_complex()
        && attribute.multi_valued
        && attribute.mutability == Mutability::ReadOnly
        && attribute.sub("value").is_some();
    let holders = targets(attribute).filter(|_| shape)?;
    let mut fitting = links
        .iter()
        .filter(|link| holders.iter().any(|name| name == link.holder.as_str()) && link.kinds.contains(kind));
    let via = fitting.next();
    if let (Some(via), Some(other)) = (via, fitting.next()) {
        tracing::warn!(
            "{kind}.{} could show {}.{} or {}.{}; it shows the first",
            attribute.name,
            via.holder,
            via.at,
            other.holder,
            other.at,
        );
    }
    via
}
