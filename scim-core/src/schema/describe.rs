//! Schemas and resource types as discovery shows them (RFC 7643 sections 6 and 7), without `meta`.

use serde_json::{Map, Value, json};

use super::{AttributeDef, ResourceType, Schema, Type, Uniqueness, builtin};

/// The Schema resource. Has no null and nothing empty.
pub fn schema(schema: &Schema) -> Value {
    let mut shown = Map::new();
    shown.insert("schemas".into(), json!([builtin::SCHEMA]));
    shown.insert("id".into(), schema.id.as_ref().into());
    put_text(&mut shown, "name", &schema.name);
    put_text(&mut shown, "description", &schema.description);
    shown.insert("attributes".into(), attributes(schema.attributes.iter().map(AsRef::as_ref)));
    Value::Object(shown)
}

/// The ResourceType resource. Its `id` is its name (7643-6-07).
pub fn resource_type(one: &ResourceType) -> Value {
    let mut shown = Map::new();
    shown.insert("schemas".into(), json!([builtin::RESOURCE_TYPE]));
    shown.insert("id".into(), one.kind.as_str().into());
    shown.insert("name".into(), one.kind.as_str().into());
    put_text(&mut shown, "description", &one.description);
    shown.insert("endpoint".into(), one.endpoint.as_str().into());
    shown.insert("schema".into(), one.schema.id.as_ref().into());
    if !one.extensions.is_empty() {
        let extensions = one.extensions.iter();
        let extensions =
            extensions.map(|extension| json!({ "schema": &*extension.schema.id, "required": extension.required }));
        shown.insert("schemaExtensions".into(), extensions.collect());
    }
    Value::Object(shown)
}

fn attributes<'a>(list: impl Iterator<Item = &'a AttributeDef>) -> Value {
    list.map(attribute).collect()
}

/// Every characteristic, and those only that the type has (7643-7-04, 7643-2.3.8-03). As deep as complex attributes
/// nest, which loading bounds.
fn attribute(one: &AttributeDef) -> Value {
    let cased = matches!(one.ty, Type::String | Type::Reference | Type::Binary);
    let can_be_unique = matches!(one.ty, Type::String | Type::Reference | Type::Integer | Type::Decimal);
    let mut shown = Map::new();
    shown.insert("name".into(), one.name.as_str().into());
    shown.insert("type".into(), one.ty.name().into());
    shown.insert("multiValued".into(), one.multi_valued.into());
    put_text(&mut shown, "description", &one.description);
    shown.insert("required".into(), one.required.into());
    if cased {
        shown.insert("caseExact".into(), one.case_exact.into());
    }
    put_texts(&mut shown, "canonicalValues", &one.canonical_values);
    shown.insert("mutability".into(), one.mutability.name().into());
    shown.insert("returned".into(), one.returned.name().into());
    if can_be_unique || one.uniqueness != Uniqueness::None {
        shown.insert("uniqueness".into(), one.uniqueness.name().into());
    }
    put_texts(&mut shown, "referenceTypes", &one.reference_types);
    if !one.sub_attributes.is_empty() {
        shown.insert("subAttributes".into(), attributes(one.sub_attributes.iter().map(AsRef::as_ref)));
    }
    Value::Object(shown)
}

fn put_text(shown: &mut Map<String, Value>, name: &str, text: &str) {
    if !text.is_empty() {
        shown.insert(name.into(), text.into());
    }
}

fn put_texts(shown: &mut Map<String, Value>, name: &str, texts: &[String]) {
    if !texts.is_empty() {
        shown.insert(name.into(), texts.iter().map(String::as_str).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Registry;

    /// 7643-7-03, 7643-7-04, 7643-7-05, 7643-7-06, 7643-7-23, 7643-2.3.8-03, 7643-5-11: attribute by attribute.
    #[test]
    fn embedded_schemas_are_shown_as_they_stand_in_their_files() {
        let registry = Registry::standard();
        let files = builtin::RESOURCES.iter().chain(builtin::SERVICE);
        let mut count = 0;
        for text in files {
            let mut file: Value = serde_json::from_str(text).unwrap();
            file.as_object_mut().unwrap().remove("meta");
            let urn = file["id"].as_str().unwrap();
            assert_eq!(schema(registry.schema(urn).unwrap()), file, "{urn}");
            count += 1;
        }
        assert_eq!(registry.schemas().len(), count, "and nothing else is listed (7644-3.1-02)");
    }

    /// 7643-6-01, 7643-6-03, 7643-6-07, 7643-7-01.
    #[test]
    fn resource_types_name_schemas_that_are_listed() {
        let registry = Registry::standard();
        let shown = registry.types().iter().map(|one| resource_type(one)).collect::<Vec<_>>();
        assert_eq!(
            shown[0],
            json!({
                "schemas": [builtin::RESOURCE_TYPE],
                "id": "User",
                "name": "User",
                "description": "User Account",
                "endpoint": "/Users",
                "schema": builtin::USER,
                "schemaExtensions": [{ "schema": builtin::ENTERPRISE_USER, "required": false }],
            })
        );
        assert_eq!(shown[1].get("schemaExtensions"), None);
        for urn in registry.types().iter().flat_map(|one| one.urns()) {
            assert!(registry.schema(urn).is_some(), "{urn}");
        }
    }

    #[test]
    fn nothing_that_is_shown_is_null_or_empty() {
        let registry = Registry::standard();
        for one in registry.schemas() {
            let text = schema(one).to_string();
            for empty in ["null", "\"\"", "[]", "{}"] {
                assert!(!text.contains(empty), "{}: {empty}", one.id);
            }
        }
    }
}
