//! `bulkId:x` in the data and paths of bulk operations becomes the id of the resource that operation x makes
//! (RFC 7644 section 3.7.2). Only where references stand: an ordinary string that looks like one stays as it is.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::name::same;
use crate::path::{self, AttrPath, Named};
use crate::schema::{AttributeDef, Place, ResourceType, Schema, Type};
use crate::store::ResourceId;

/// How a reference to a temporary id begins.
pub(super) const PREFIX: &str = "bulkId:";

/// Finds the id that a temporary id stands for.
pub(super) type Lookup<'a> = &'a mut dyn FnMut(&str) -> Result<ResourceId, ScimError>;

/// Replaces references in the body of a POST or PUT, or in a path-less PATCH value.
pub(super) fn in_resource(data: &mut Value, rt: &ResourceType, lookup: Lookup<'_>) -> Result<(), ScimError> {
    let Value::Object(data) = data else { return Ok(()) };
    for (name, value) in data.iter_mut() {
        if same(name, &rt.schema.id) {
            in_schema(value, &rt.schema, lookup)?;
        } else if let Some(extension) = rt.extension(name) {
            in_schema(value, &extension.schema, lookup)?;
        } else if let Some(at) = path::attribute(name, rt, false) {
            in_target(value, &at, lookup)?;
        }
    }
    Ok(())
}

/// Replaces references in an object of the attributes of one schema.
fn in_schema(data: &mut Value, schema: &Schema, lookup: Lookup<'_>) -> Result<(), ScimError> {
    let Value::Object(data) = data else { return Ok(()) };
    for (name, value) in data.iter_mut() {
        if let Some(def) = schema.attribute(name) {
            in_attribute(value, def, lookup)?;
        }
    }
    Ok(())
}

/// Replaces references in a PatchOp message.
pub(super) fn in_patch(data: &mut Value, rt: &ResourceType, lookup: Lookup<'_>) -> Result<(), ScimError> {
    let Some(Value::Array(operations)) = member(data, "Operations") else { return Ok(()) };
    for operation in operations {
        let mut named = None;
        if let Some(Value::String(path)) = member(operation, "path") {
            named = Some(path::named(path.split('[').next().unwrap_or_default(), rt, true));
            if matches!(&named, Some(Some(Named::Attribute(at))) if at.place() == Place::Link) {
                *path = in_path_filter(path, lookup)?;
            }
        }
        if let Some(value) = member(operation, "value") {
            match named {
                None => in_resource(value, rt, lookup)?,
                Some(Some(Named::Attribute(at))) => in_target(value, &at, lookup)?,
                Some(Some(Named::Extension(urn))) => {
                    if let Some(extension) = rt.extension(&urn) {
                        in_schema(value, &extension.schema, lookup)?;
                    }
                }
                Some(None) => {}
            }
        }
    }
    Ok(())
}

/// The id that a path segment means: itself, or what `bulkId:x` stands for.
pub(super) fn in_segment(segment: &str, lookup: Lookup<'_>) -> Result<ResourceId, ScimError> {
    match segment.strip_prefix(PREFIX) {
        Some(temporary) => lookup(temporary),
        None => Ok(ResourceId::new(segment)),
    }
}

fn in_target(value: &mut Value, at: &AttrPath, lookup: Lookup<'_>) -> Result<(), ScimError> {
    match at.sub() {
        None => in_attribute(value, at.attr(), lookup),
        Some(sub) => in_sub(value, at.attr(), sub, lookup),
    }
}

fn in_attribute(value: &mut Value, def: &Arc<AttributeDef>, lookup: Lookup<'_>) -> Result<(), ScimError> {
    match value {
        Value::Array(elements) => {
            for element in elements {
                in_attribute(element, def, lookup)?;
            }
            Ok(())
        }
        Value::Object(subs) => {
            for (name, value) in subs.iter_mut() {
                if let Some(sub) = def.sub(name) {
                    in_sub(value, def, sub, lookup)?;
                }
            }
            Ok(())
        }
        Value::String(_) if def.place == Place::Link || is_reference(def) => in_text(value, lookup),
        _ => Ok(()),
    }
}

fn in_sub(value: &mut Value, def: &AttributeDef, sub: &AttributeDef, lookup: Lookup<'_>) -> Result<(), ScimError> {
    if is_reference(sub) || (def.place == Place::Link && sub.name == "value") { in_text(value, lookup) } else { Ok(()) }
}

fn is_reference(def: &AttributeDef) -> bool {
    def.ty == Type::Reference && def.reference_types.iter().any(|name| name != "uri" && name != "external")
}

/// `bulkId:x`, or a URI that ends in it.
fn in_text(value: &mut Value, lookup: Lookup<'_>) -> Result<(), ScimError> {
    let Value::String(text) = value else { return Ok(()) };
    let (before, last) = text.rsplit_once('/').map_or(("", text.as_str()), |(before, last)| (before, last));
    if let Some(temporary) = last.strip_prefix(PREFIX) {
        let id = lookup(temporary)?;
        *text = if before.is_empty() { id.to_string() } else { format!("{before}/{id}") };
    }
    Ok(())
}

/// `members[value eq "bulkId:x"]`.
fn in_path_filter(path: &str, lookup: Lookup<'_>) -> Result<String, ScimError> {
    let mut out = String::new();
    for (n, piece) in path.split('"').enumerate() {
        if n > 0 {
            out.push('"');
        }
        match piece.strip_prefix(PREFIX) {
            Some(temporary) if n % 2 == 1 => out.push_str(lookup(temporary)?.as_str()),
            _ => out.push_str(piece),
        }
    }
    Ok(out)
}

fn member<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    object.as_object_mut().and_then(|fields: &mut Map<String, Value>| {
        fields.iter_mut().find(|(own, _)| same(own, name)).map(|(_, value)| value)
    })
}
