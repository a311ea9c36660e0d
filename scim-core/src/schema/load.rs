//! The RFC's own JSON to [`Schema`]: every characteristic of RFC 7643 section 2.2 with its default, and a refusal with
//! the mend for whatever could not be kept.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::excerpt;
use crate::name::{TextRule, same};

use super::error::SchemaError;
use super::site::{Site, get};
use super::{AttributeDef, Mutability, Place, Returned, Schema, Type, Uniqueness, builtin};

/// The common attributes: what a schema says of them does not count (RFC 7643 section 3.1).
const COMMON: [&str; 4] = ["schemas", "id", "externalId", "meta"];

/// The characteristics an attribute definition may have: those of RFC 7643 section 7, and two of this server.
const CHARACTERISTICS: [&str; 14] = [
    "name",
    "type",
    "multiValued",
    "description",
    "required",
    "canonicalValues",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
    "referenceTypes",
    "subAttributes",
    "canonicalValuesOnly",
    "urlSafe",
];

/// A file with schemas and resource types in the RFC's own JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFile {
    /// Its path, for messages.
    pub source: String,
    /// What stands in it: one Schema or ResourceType object, an array of them, or a ListResponse of them.
    pub text: String,
    /// The resource type that its schemas extend, where the file itself names none.
    pub extends: Option<String>,
}

/// A resource type as a file gives it.
#[derive(Debug, Clone)]
pub(super) struct TypeFile {
    pub source: String,
    pub name: String,
    pub endpoint: String,
    pub description: String,
    pub schema: String,
    pub extensions: Vec<Extending>,
}

/// An entry of `schemaExtensions`.
#[derive(Debug, Clone)]
pub(super) struct Extending {
    pub schema: String,
    pub required: bool,
}

impl TypeFile {
    pub fn built_in(name: &str, endpoint: &str, description: &str, schema: &str, extensions: Vec<Extending>) -> Self {
        TypeFile {
            source: builtin::SOURCE.into(),
            name: name.into(),
            endpoint: endpoint.into(),
            description: description.into(),
            schema: schema.into(),
            extensions,
        }
    }
}

/// One definition of a file.
#[derive(Debug)]
pub(super) enum Definition {
    Schema(Schema),
    Type(TypeFile),
}

/// The definitions of a file: one object, an array of them, or a ListResponse of them.
pub(super) fn definitions(source: &str, value: &Value) -> Result<Vec<Definition>, SchemaError> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        Value::Object(object) => match get(object, "Resources") {
            Some(Value::Array(items)) => items.as_slice(),
            Some(_) => return Err(SchemaError::new(source, "Resources", "is no array of schemas and resource types")),
            None => std::slice::from_ref(value),
        },
        _ => std::slice::from_ref(value),
    };
    items.iter().map(|item| definition(source, item)).collect()
}

fn definition(source: &str, value: &Value) -> Result<Definition, SchemaError> {
    let Value::Object(object) = value else {
        let problem =
            "holds something other than a Schema or ResourceType object; write one, an array or a ListResponse";
        return Err(SchemaError::new(source, "", problem));
    };
    let says = |urn: &str| match get(object, "schemas") {
        Some(Value::Array(urns)) => urns.iter().filter_map(Value::as_str).any(|one| same(one, urn)),
        _ => false,
    };
    if says(builtin::SCHEMA) || get(object, "attributes").is_some() {
        return schema(source, object, Nesting::ONE).map(Definition::Schema);
    }
    if says(builtin::RESOURCE_TYPE) || get(object, "schema").is_some() {
        return resource_type(source, object).map(Definition::Type);
    }
    let problem = format!(
        "holds an object that is neither; give it \"schemas\": [\"{}\"] and attributes, or \
        [\"{}\"] and a schema",
        builtin::SCHEMA,
        builtin::RESOURCE_TYPE
    );
    Err(SchemaError::new(source, "", problem))
}

/// How many levels of complex attributes there may be below: one in resources; the Schema schema describes itself and
/// has one more (RFC 7643 section 2.3.8).
#[derive(Debug, Clone, Copy)]
pub(super) struct Nesting(u8);

impl Nesting {
    pub const ONE: Nesting = Nesting(1);
    pub const SERVICE: Nesting = Nesting(2);
}

/// One Schema object.
pub(super) fn schema(source: &str, object: &Map<String, Value>, nesting: Nesting) -> Result<Schema, SchemaError> {
    let at = Site { source, path: String::new() };
    let id = at.required_text(object, "id")?;
    urn(&at, &id)?;
    let at = Site { source, path: id.clone() };
    at.known(object, &["schemas", "id", "externalId", "meta", "name", "description", "attributes"])?;
    let attributes = match get(object, "attributes") {
        Some(Value::Array(items)) if !items.is_empty() => items,
        _ => return Err(at.wrong("has no attributes; list at least one")),
    };
    let at = Site { source, path: format!("{id}:") };
    Ok(Schema {
        id: id.as_str().into(),
        name: at.text(object, "name")?.unwrap_or_default(),
        description: at.text(object, "description")?.unwrap_or_default(),
        attributes: attribute_list(&at, attributes, nesting, &Owner::Schema(&id))?,
    })
}

/// The common attributes.
pub(super) fn common(source: &str, object: &Map<String, Value>) -> Result<Vec<Arc<AttributeDef>>, SchemaError> {
    let at = Site { source, path: String::new() };
    match get(object, "attributes") {
        Some(Value::Array(items)) => attribute_list(&at, items, Nesting::ONE, &Owner::Common),
        _ => Err(at.wrong("has no attributes")),
    }
}

fn urn(at: &Site<'_>, id: &str) -> Result<(), SchemaError> {
    let plain = id.chars().all(|c| c.is_ascii_graphic() && !"\"\\[](){}".contains(c));
    let urn = id.get(..4).is_some_and(|start| same(start, "urn:")) && id.split(':').all(|part| !part.is_empty());
    if !plain || !urn || id.split(':').count() < 3 {
        let shown = excerpt(id);
        return Err(at.wrong(format!("{shown} is no URN; use one like urn:example:params:scim:schemas:mine:1.0:User")));
    }
    if id.to_ascii_lowercase().starts_with("urn:ietf:params:scim:api:") {
        return Err(at.wrong(format!("{id} names a message of the protocol; use a URN of your own for a schema")));
    }
    Ok(())
}

/// One ResourceType object (RFC 7643 section 6).
fn resource_type(source: &str, object: &Map<String, Value>) -> Result<TypeFile, SchemaError> {
    let at = Site { source, path: "ResourceType".into() };
    let name = at.required_text(object, "name")?;
    let at = Site { source, path: format!("ResourceType {name}") };
    at.known(
        object,
        &["schemas", "id", "externalId", "meta", "name", "description", "endpoint", "schema", "schemaExtensions"],
    )?;
    let word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    if !word(&name, "-_") || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(at.wrong("has a name that is no word; use letters, digits, - and _, a letter first"));
    }
    let given = at.text(object, "endpoint")?.unwrap_or_else(|| format!("/{name}s"));
    let segment = given.strip_prefix('/').unwrap_or(&given);
    if !word(segment, "-_~") {
        let shown = excerpt(&given);
        return Err(at.wrong(format!("has the endpoint {shown}; give one path segment, like \"/{name}s\"")));
    }
    let taken = ["Me", "Bulk", "Schemas", "ResourceTypes", "ServiceProviderConfig", "ServiceProviderConfigs"];
    if let Some(own) = taken.iter().find(|own| same(own, segment)) {
        return Err(at.wrong(format!("has the endpoint /{own}, which is the server's own; choose another")));
    }
    Ok(TypeFile {
        source: source.into(),
        endpoint: format!("/{segment}"),
        description: at.text(object, "description")?.unwrap_or_default(),
        schema: at.required_text(object, "schema")?,
        extensions: extensions(&at, object)?,
        name,
    })
}

fn extensions(at: &Site<'_>, object: &Map<String, Value>) -> Result<Vec<Extending>, SchemaError> {
    let items = match get(object, "schemaExtensions") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(at.wrong("has schemaExtensions that are no array; write [{\"schema\", \"required\"}]")),
    };
    let mut extensions: Vec<Extending> = Vec::with_capacity(items.len());
    for item in items {
        let Value::Object(entry) = item else {
            return Err(
                at.wrong("has an entry of schemaExtensions that is no object; write {\"schema\", \"required\"}")
            );
        };
        at.known(entry, &["schema", "required"])?;
        let schema = at.required_text(entry, "schema")?;
        if extensions.iter().any(|other| same(&other.schema, &schema)) {
            return Err(at.wrong(format!("lists the extension {schema} twice; leave one out")));
        }
        extensions.push(Extending { schema, required: at.boolean(entry, "required")?.unwrap_or(false) });
    }
    Ok(extensions)
}

/// What a list of definitions belongs to.
enum Owner<'a> {
    Common,
    Schema(&'a str),
    Attribute { multi_valued: bool },
}

fn attribute_list(
    at: &Site<'_>,
    items: &[Value],
    nesting: Nesting,
    owner: &Owner<'_>,
) -> Result<Vec<Arc<AttributeDef>>, SchemaError> {
    let mut list: Vec<Arc<AttributeDef>> = Vec::with_capacity(items.len());
    for item in items {
        let Value::Object(object) = item else {
            return Err(at.wrong("has an attribute that is no object; write {\"name\", \"type\", …}"));
        };
        let name = at.required_text(object, "name")?;
        if matches!(owner, Owner::Schema(_)) && COMMON.iter().any(|common| same(common, &name)) {
            continue; // 7643-3.1-21
        }
        let at = at.inside(&name);
        let definition = attribute(&at, name, object, nesting, owner)?;
        if list.iter().any(|other| same(&other.name, &definition.name)) {
            return Err(at.wrong("is defined twice (names are the same in any letter case); leave one out"));
        }
        list.push(Arc::new(definition));
    }
    Ok(list)
}

fn attribute(
    at: &Site<'_>,
    name: String,
    object: &Map<String, Value>,
    nesting: Nesting,
    owner: &Owner<'_>,
) -> Result<AttributeDef, SchemaError> {
    attribute_name(at, &name, owner)?;
    at.known(object, &CHARACTERISTICS)?;
    let ty = at.choice(object, "type", Type::ALL, Type::name)?.unwrap_or(Type::String);
    let multi_valued = at.boolean(object, "multiValued")?.unwrap_or(false);
    let mutability =
        at.choice(object, "mutability", Mutability::ALL, Mutability::name)?.unwrap_or(Mutability::ReadWrite);
    let returned = returned(at, object, mutability)?;
    let case_exact = case_exact(at, object, ty)?;
    let definition = AttributeDef {
        description: at.text(object, "description")?.unwrap_or_default(),
        ty,
        multi_valued,
        required: at.boolean(object, "required")?.unwrap_or(false),
        canonical_values: canonical_values(at, object, ty)?,
        canonical_only: at.boolean(object, "canonicalValuesOnly")?.unwrap_or(false),
        case_exact,
        mutability,
        returned,
        uniqueness: uniqueness(at, object, ty)?,
        reference_types: reference_types(at, object, ty)?,
        url_safe: at.boolean(object, "urlSafe")?.unwrap_or(false),
        sub_attributes: sub_attributes(at, object, ty, multi_valued, nesting)?,
        text: text_rule(&name, case_exact, owner),
        place: Place::Document,
        name,
    };
    if definition.canonical_only && definition.canonical_values.is_empty() {
        return Err(at.wrong("has canonicalValuesOnly without canonicalValues; list them"));
    }
    if definition.url_safe && ty != Type::Binary {
        return Err(at.wrong(format!("has urlSafe and is of type {}; only a binary can be urlSafe", ty.name())));
    }
    if let Owner::Attribute { multi_valued } = owner {
        default_sub_attribute(at, &definition, *multi_valued)?;
    }
    Ok(definition)
}

/// `ATTRNAME = ALPHA *(nameChar)` (RFC 7643 section 2.1), with the leading `$` that `$ref` has (erratum 8924).
fn attribute_name(at: &Site<'_>, name: &str, owner: &Owner<'_>) -> Result<(), SchemaError> {
    let bare = if matches!(owner, Owner::Attribute { .. }) { name.strip_prefix('$').unwrap_or(name) } else { name };
    let first = bare.starts_with(|c: char| c.is_ascii_alphabetic());
    if first && bare.chars().all(|c| c.is_ascii_alphanumeric() || "$-_".contains(c)) {
        return Ok(());
    }
    Err(at.wrong("is no attribute name; use letters, digits, $, - and _, a letter first"))
}

/// The sub-attributes that RFC 7643 section 2.4 gives a meaning must be of the type that goes with it.
fn default_sub_attribute(at: &Site<'_>, sub: &AttributeDef, of_many: bool) -> Result<(), SchemaError> {
    let expected = match sub.name.to_ascii_lowercase().as_str() {
        "$ref" => Type::Reference,
        "primary" if of_many => Type::Boolean,
        "type" | "display" if of_many => Type::String,
        _ => return Ok(()),
    };
    if sub.ty != expected {
        let (is, must) = (sub.ty.name(), expected.name());
        return Err(at.wrong(format!("is of type {is}, but its name means a {must} (RFC 7643 section 2.4)")));
    }
    if sub.multi_valued {
        return Err(at.wrong("is multi-valued, but its name means one value (RFC 7643 section 2.4)"));
    }
    Ok(())
}

/// What is writeOnly is never returned; a file need not say so, but must not say otherwise.
fn returned(at: &Site<'_>, object: &Map<String, Value>, mutability: Mutability) -> Result<Returned, SchemaError> {
    let given = at.choice(object, "returned", Returned::ALL, Returned::name)?;
    match (mutability, given) {
        (Mutability::WriteOnly, None | Some(Returned::Never)) => Ok(Returned::Never),
        (Mutability::WriteOnly, Some(other)) => {
            Err(at
                .wrong(format!("is writeOnly and returned {}; what is writeOnly is returned \"never\"", other.name())))
        }
        (_, given) => Ok(given.unwrap_or(Returned::Default)),
    }
}

/// A reference and a binary are case exact whatever the RFC's own JSON prints; types without letters have no case.
fn case_exact(at: &Site<'_>, object: &Map<String, Value>, ty: Type) -> Result<bool, SchemaError> {
    let given = at.boolean(object, "caseExact")?;
    match ty {
        Type::String => Ok(given.unwrap_or(false)),
        Type::Reference | Type::Binary => Ok(true),
        _ if given == Some(true) => {
            Err(at.wrong(format!("is of type {}, which has no letter case; leave caseExact out", ty.name())))
        }
        _ => Ok(false),
    }
}

fn uniqueness(at: &Site<'_>, object: &Map<String, Value>, ty: Type) -> Result<Uniqueness, SchemaError> {
    let given = at.choice(object, "uniqueness", Uniqueness::ALL, Uniqueness::name)?.unwrap_or(Uniqueness::None);
    let none = matches!(ty, Type::Complex | Type::Boolean | Type::DateTime | Type::Binary);
    if none && given != Uniqueness::None {
        return Err(at.wrong(format!("is of type {}, which has no uniqueness; leave it out", ty.name())));
    }
    Ok(given)
}

fn canonical_values(at: &Site<'_>, object: &Map<String, Value>, ty: Type) -> Result<Vec<String>, SchemaError> {
    let values = at.texts(object, "canonicalValues")?;
    if !values.is_empty() && !matches!(ty, Type::String | Type::Reference) {
        return Err(at.wrong(format!("is of type {}; only a string can have canonicalValues", ty.name())));
    }
    Ok(values)
}

fn reference_types(at: &Site<'_>, object: &Map<String, Value>, ty: Type) -> Result<Vec<String>, SchemaError> {
    let types = at.texts(object, "referenceTypes")?;
    if !types.is_empty() && ty != Type::Reference {
        return Err(at.wrong(format!("is of type {}; only a reference can have referenceTypes", ty.name())));
    }
    if types.iter().any(String::is_empty) {
        return Err(at.wrong("has an empty referenceTypes; name resource types, \"external\" or \"uri\""));
    }
    Ok(types)
}

fn sub_attributes(
    at: &Site<'_>,
    object: &Map<String, Value>,
    ty: Type,
    multi_valued: bool,
    nesting: Nesting,
) -> Result<Vec<Arc<AttributeDef>>, SchemaError> {
    let items = match get(object, "subAttributes") {
        None | Some(Value::Null) => [].as_slice(),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(at.wrong("has subAttributes that are no array; list attributes")),
    };
    if ty != Type::Complex {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let name = ty.name();
        return Err(at.wrong(format!("has subAttributes and is of type {name}; make it complex or leave them out")));
    }
    if items.is_empty() {
        return Err(at.wrong("is complex without subAttributes; list at least one"));
    }
    let Some(left) = nesting.0.checked_sub(1) else {
        return Err(at.wrong("is complex within a complex attribute, which RFC 7643 section 2.3.8 forbids; flatten it"));
    };
    attribute_list(at, items, Nesting(left), &Owner::Attribute { multi_valued })
}

fn text_rule(name: &str, case_exact: bool, owner: &Owner<'_>) -> TextRule {
    match owner {
        Owner::Common if name == "schemas" => TextRule::Folded,
        Owner::Schema(urn) if same(urn, builtin::USER) && same(name, "userName") => TextRule::UserName,
        _ if case_exact => TextRule::Exact,
        _ => TextRule::Folded,
    }
}
