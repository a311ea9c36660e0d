//! Custom schemas and resource types: what is taken, what it becomes, and what is refused with which mend.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, helpers included")]

use std::sync::Arc;

use scim_core::schema::{
    Kind, Mutability, Options, Place, Registry, ResourceType, Returned, SchemaError, SchemaFile, Type, Uniqueness,
    describe,
};
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const MINE: &str = "urn:example:mine:1.0:User";

fn file(source: &str, content: &Value) -> SchemaFile {
    SchemaFile { source: source.into(), text: content.to_string(), extends: None }
}

fn compile(files: &[Value]) -> Result<Registry, SchemaError> {
    let named = files.iter().enumerate().map(|(n, content)| file(&format!("{n}.json"), content));
    Registry::compile(&named.collect::<Vec<_>>(), &Options::default())
}

/// A schema that extends User, with these attributes.
fn extension(attributes: Value) -> Value {
    json!({ "id": MINE, "name": "Mine", "attributes": attributes })
}

fn device_type(extra: Value) -> Value {
    let mut one = json!({ "name": "Device", "schema": "urn:example:device:1.0:Device" });
    one.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    one
}

fn device_schema() -> Value {
    json!({ "id": "urn:example:device:1.0:Device", "attributes": [{ "name": "displayName" }] })
}

fn kind(registry: &Registry, name: &str) -> Arc<ResourceType> {
    registry.kind(&Kind::new(name)).unwrap().clone()
}

fn refused(files: &[Value], attribute: &str, told: &str) {
    match compile(files) {
        Ok(_) => panic!("taken: {files:?}"),
        Err(error) => {
            assert_eq!(error.attribute, attribute, "{error}");
            assert!(error.problem.contains(told), "{error}: does not tell {told:?}");
            assert!(error.to_string().starts_with(&error.source), "{error}");
        }
    }
}

/// 7643-2.2-01.
#[test]
fn a_characteristic_that_is_missing_takes_its_default() {
    let registry = compile(&[extension(json!([{ "name": "plain" }]))]).unwrap();
    let schema = registry.schema(MINE).unwrap();
    let plain = schema.attribute("PLAIN").unwrap();
    assert_eq!(plain.ty, Type::String);
    assert_eq!((plain.required, plain.multi_valued, plain.case_exact), (false, false, false));
    assert_eq!(plain.mutability, Mutability::ReadWrite);
    assert_eq!(plain.returned, Returned::Default);
    assert_eq!(plain.uniqueness, Uniqueness::None);
    assert!(plain.canonical_values.is_empty());
    assert_eq!(
        describe::schema(schema)["attributes"],
        json!([{
            "name": "plain", "type": "string", "multiValued": false, "required": false, "caseExact": false,
            "mutability": "readWrite", "returned": "default", "uniqueness": "none",
        }])
    );
}

#[test]
fn an_attribute_that_could_not_be_kept_is_refused_with_its_mend() {
    let sub = json!([{ "name": "value" }]);
    for (attribute, path, told) in [
        // 7643-2.1-02
        (json!({ "name": "1abc" }), "1abc", "is no attribute name"),
        (json!({ "name": "a b" }), "\"a b\"", "is no attribute name"),
        (json!({ "name": "$ref" }), "$ref", "is no attribute name"),
        (json!({ "name": "é" }), "\"é\"", "is no attribute name"),
        (json!({ "name": "a.b" }), "a.b", "is no attribute name"),
        (json!({ "name": "" }), "", "has no name"),
        (json!({ "type": "string" }), "", "has no name"),
        (json!("x"), "", "no object"),
        // 7643-2.3-01
        (json!({ "name": "a", "type": "money" }), "a", "has the type \"money\"; it is one of string, boolean"),
        (json!({ "name": "a", "type": 5 }), "a", "give a string"),
        // 7643-1.2-01
        (json!({ "name": "a", "type": "string", "subAttributes": sub }), "a", "make it complex or leave them out"),
        (json!({ "name": "a", "type": "complex" }), "a", "complex without subAttributes"),
        (json!({ "name": "a", "type": "complex", "subAttributes": 5 }), "a", "no array"),
        // 7643-2.3.8-02
        (
            json!({ "name": "a", "type": "complex",
                "subAttributes": [{ "name": "b", "type": "complex", "subAttributes": sub }] }),
            "a.b",
            "complex within a complex",
        ),
        // 7643-2.3.8-03
        (json!({ "name": "a", "type": "complex", "subAttributes": sub, "uniqueness": "server" }), "a", "no uniqueness"),
        (json!({ "name": "a", "type": "complex", "subAttributes": sub, "caseExact": true }), "a", "no letter case"),
        (json!({ "name": "a", "type": "boolean", "uniqueness": "global" }), "a", "no uniqueness"),
        (json!({ "name": "a", "type": "integer", "caseExact": true }), "a", "no letter case"),
        // 7643-7-22
        (json!({ "name": "a", "referenceTypes": ["User"] }), "a", "only a reference can have referenceTypes"),
        (json!({ "name": "a", "type": "reference", "referenceTypes": "User" }), "a", "no array of strings"),
        (json!({ "name": "a", "type": "reference", "referenceTypes": [""] }), "a", "empty referenceTypes"),
        // wrong values of characteristics
        (json!({ "name": "a", "required": "true" }), "a", "true or false, without quotation marks"),
        (json!({ "name": "a", "multiValued": 1 }), "a", "true or false"),
        (json!({ "name": "a", "mutability": "sometimes" }), "a", "readOnly, readWrite, immutable, writeOnly"),
        (json!({ "name": "a", "returned": "maybe" }), "a", "always, never, default, request"),
        (json!({ "name": "a", "uniqueness": true }), "a", "give a string"),
        (json!({ "name": "a", "canonicalValues": [1] }), "a", "no array of strings"),
        (json!({ "name": "a", "type": "boolean", "canonicalValues": ["x"] }), "a", "only a string"),
        (json!({ "name": "a", "canonicalValuesOnly": true }), "a", "without canonicalValues"),
        (json!({ "name": "a", "urlSafe": true }), "a", "only a binary"),
        (json!({ "name": "a", "requierd": true }), "a", "unknown key \"requierd\""),
        // secrets
        (json!({ "name": "a", "mutability": "writeOnly", "returned": "default" }), "a", "returned \"never\""),
        (json!({ "name": "a", "returned": "never", "type": "integer" }), "a", "only a string can be a secret"),
        (json!({ "name": "a", "returned": "never", "multiValued": true }), "a", "only a string can be a secret"),
        (json!({ "name": "a", "returned": "never", "uniqueness": "server" }), "a", "leave one out"),
    ] {
        let path = if path.is_empty() { MINE.to_owned() } else { format!("{MINE}:{path}") };
        refused(&[extension(json!([attribute]))], &path, told);
    }
}

/// RFC 7643 section 2.4.
#[test]
fn sub_attributes_with_a_meaning_have_its_type() {
    let complex = |many: bool, sub: Value| {
        extension(json!([{ "name": "a", "type": "complex", "multiValued": many, "subAttributes": [sub] }]))
    };
    for (name, ty) in [("type", "boolean"), ("primary", "string"), ("display", "integer"), ("$ref", "string")] {
        refused(&[complex(true, json!({ "name": name, "type": ty }))], &format!("{MINE}:a.{name}"), "its name means");
    }
    refused(&[complex(true, json!({ "name": "type", "multiValued": true }))], &format!("{MINE}:a.type"), "one value");
    // The meanings are those of multi-valued attributes; only `$ref` means a reference everywhere.
    assert!(compile(&[complex(false, json!({ "name": "type", "type": "integer" }))]).is_ok());
    refused(&[complex(false, json!({ "name": "$ref" }))], &format!("{MINE}:a.$ref"), "reference");
}

#[test]
fn names_are_defined_once_in_any_letter_case() {
    refused(&[extension(json!([{ "name": "a" }, { "name": "A" }]))], &format!("{MINE}:A"), "defined twice");
    let subs = json!([{ "name": "x" }, { "name": "X" }]);
    let complex = extension(json!([{ "name": "a", "type": "complex", "subAttributes": subs }]));
    refused(&[complex], &format!("{MINE}:a.X"), "defined twice");
    let one = extension(json!([{ "name": "a" }]));
    refused(&[one.clone(), one], MINE, "is defined in 0.json already");
}

#[test]
fn what_the_rfcs_own_schemas_print_is_taken() {
    let registry = compile(&[extension(json!([
        { "name": "name", "type": "complex", "uniqueness": "none", "caseExact": false,
            "subAttributes": [{ "name": "x", "canonicalValues": [] }] },
        { "name": "flag", "type": "boolean", "caseExact": false, "uniqueness": "none" },
        { "name": "url", "type": "reference", "caseExact": false, "referenceTypes": ["external"] },
        { "name": "blob", "type": "binary", "caseExact": false, "uniqueness": "none" },
        { "name": "kind", "TYPE": "String", "MultiValued": null },
    ]))]);
    let registry = registry.unwrap();
    let shown = describe::schema(registry.schema(MINE).unwrap());
    assert_eq!(shown["attributes"][0].get("uniqueness"), None);
    assert_eq!(shown["attributes"][0].get("caseExact"), None);
    assert_eq!(shown["attributes"][0]["subAttributes"][0].get("canonicalValues"), None);
    assert_eq!(shown["attributes"][2]["caseExact"], json!(true), "7643-2.3.7: a reference is case exact");
    assert_eq!(shown["attributes"][3]["caseExact"], json!(true));
}

/// 7643-3.1-21.
#[test]
fn common_attributes_keep_their_own_characteristics() {
    let listed = json!([{ "name": "ID", "caseExact": false }, { "name": "meta", "type": "string" }, { "name": "a" }]);
    let registry = compile(&[extension(listed)]).unwrap();
    let names = registry.schema(MINE).unwrap().attributes.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    assert_eq!(names, ["a"]);
    let user = kind(&registry, "User");
    let id = user.common.iter().find(|one| one.name == "id").unwrap();
    assert!(id.case_exact && id.mutability == Mutability::ReadOnly);
}

/// 7643-10.2.1-01.
#[test]
fn a_schema_is_named_by_a_urn() {
    let named = |id: &str| json!({ "id": id, "attributes": [{ "name": "a" }] });
    for id in ["urn:example:params:scim:schemas:x:1.0:User", "URN:x:User", "urn:ietf:params:scim:schemas:mine:1.0:User"]
    {
        assert!(compile(&[named(id)]).is_ok(), "{id}");
    }
    for id in ["http://example.com/User", "User", "urn:", "urn:x", "urn:x:", "urn::User", "urn:x:a b", "urn:x:\"User"] {
        refused(&[named(id)], "", "is no URN");
    }
    let message = "urn:ietf:params:scim:api:messages:2.0:Mine";
    refused(&[named(message)], "", "names a message");
    refused(&[json!({ "attributes": [{ "name": "a" }] })], "", "has no id");
    refused(&[json!({ "id": MINE, "attributes": [] })], MINE, "list at least one");
}

#[test]
fn a_file_holds_one_definition_or_several() {
    let schema = device_schema();
    let list = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 2,
        "Resources": [schema, device_type(json!({}))] });
    for files in [
        vec![json!([schema, device_type(json!({}))])],
        vec![list],
        vec![device_type(json!({})), schema.clone()], // in any order
    ] {
        let registry = compile(&files).unwrap();
        assert_eq!(kind(&registry, "Device").endpoint, "/Devices"); // 7644-3.2-03
    }
    for (content, told) in [
        (json!({ "name": "x" }), "an object that is neither"),
        (json!(5), "other than a Schema or ResourceType"),
        (json!([[]]), "other than a Schema or ResourceType"),
        (json!({ "Resources": 5 }), "no array"),
    ] {
        let error = compile(&[content]).unwrap_err();
        assert!(error.problem.contains(told), "{error}");
    }
    for (text, told) in
        [("", "the file is empty"), ("{", "the file is no JSON"), (r#"{"id":1,"ID":2}"#, "\"ID\" twice")]
    {
        let files = [SchemaFile { source: "x.json".into(), text: text.into(), extends: None }];
        let error = Registry::compile(&files, &Options::default()).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn a_schema_without_a_type_extends_the_one_it_is_meant_for() {
    let extends = |content: &Value, extends: Option<&str>| {
        let files = [SchemaFile { extends: extends.map(str::to_owned), ..file("x.json", content) }];
        Registry::compile(&files, &Options::default())
    };
    let has = |registry: &Registry, name: &str, urn: &str| kind(registry, name).extension(urn).is_some();
    let by_urn = extends(&extension(json!([{ "name": "a" }])), None).unwrap();
    assert!(has(&by_urn, "User", MINE) && !has(&by_urn, "Group", MINE));
    let by_file = extends(&extension(json!([{ "name": "a" }])), Some("Group")).unwrap();
    assert!(has(&by_file, "Group", MINE) && !has(&by_file, "User", MINE));
    let odd = json!({ "id": "urn:example:x:1.0:Thing", "attributes": [{ "name": "a" }] });
    for (extending, name) in [(None, "Thing"), (Some("Gruop"), "Gruop")] {
        let error = extends(&odd, extending).unwrap_err();
        let told = format!("extends the resource type {name}, which there is not; set extends to one of User, Group");
        assert!(error.to_string().contains(&told), "{error}");
    }
    // 7643-3.3-03: a core name may be taken, and is reached by its full name
    assert!(extends(&extension(json!([{ "name": "userName" }])), None).is_ok());
}

/// 7643-3.2-01, 7643-6-01, 7643-6-02, 7643-6-03.
#[test]
fn resource_types_that_clash_or_lack_something_are_refused() {
    let other = json!({ "name": "Gadget", "schema": "urn:example:device:1.0:Device" });
    let with = |extra: Value| {
        let mut one = other.clone();
        one.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        one
    };
    let device = [device_schema(), device_type(json!({}))];
    for (declared, told) in [
        (device_type(json!({})), "is defined in 1.json already"),
        (device_type(json!({ "name": "DEVICE" })), "is defined in 1.json already"),
        (with(json!({ "endpoint": "/devices" })), "which is that of Device"),
        (with(json!({ "endpoint": "/Users" })), "which is that of User"),
        (with(json!({ "endpoint": "/schemas" })), "the server's own"),
        (with(json!({ "endpoint": "/a/b" })), "one path segment"),
        (with(json!({ "endpoint": "/.search" })), "one path segment"),
        (with(json!({ "endpoint": "/" })), "one path segment"),
        (with(json!({ "name": "a/b" })), "no word"),
        (with(json!({ "name": "1" })), "no word"),
        (with(json!({ "schema": "urn:x:y" })), "which no file defines"),
        (with(json!({ "schema": 5 })), "give a string"),
        (with(json!({ "schemaExtensions": [{ "schema": "urn:x:y", "required": true }] })), "which no file defines"),
        (with(json!({ "schemaExtensions": [{ "schema": MINE }, { "schema": MINE }] })), "twice"),
        (with(json!({ "schemaExtensions": [{ "schema": "urn:example:device:1.0:Device" }] })), "its own schema"),
        (with(json!({ "schemaExtensions": [MINE] })), "no object"),
        (with(json!({ "schemaExtensions": {} })), "no array"),
        (with(json!({ "schemaExtensions": [{ "schema": MINE, "required": "yes" }] })), "true or false"),
        (with(json!({ "endpiont": "/x" })), "unknown key"),
    ] {
        let files = [device[0].clone(), device[1].clone(), declared.clone()];
        let error = compile(&files).unwrap_err();
        assert!(error.to_string().contains(told), "{error}: {told}");
        assert!(error.attribute.starts_with("ResourceType "), "{error}");
    }
    assert!(compile(&[device[0].clone(), device[1].clone(), with(json!({ "endpoint": "Gadgets" }))]).is_ok());
}

#[test]
fn a_type_named_like_a_built_in_one_takes_its_place() {
    let user = json!({ "name": "User", "endpoint": "/Users", "schema": USER,
        "schemaExtensions": [{ "schema": MINE, "required": true }] });
    let registry = compile(&[user, extension(json!([{ "name": "a" }]))]).unwrap();
    let user = kind(&registry, "User");
    assert_eq!(user.extensions.len(), 1);
    assert!(user.extensions[0].required);
    assert_eq!(registry.types()[0].kind, user.kind, "its place in the order too");
    let stranger = json!({ "name": "User", "schema": GROUP });
    refused(&[stranger], "ResourceType User", "must keep its name and its schema");
    refused(&[json!({ "name": "USER", "schema": USER })], "ResourceType USER", "must keep its name");
}

#[test]
fn a_schema_with_a_built_in_urn_takes_its_place_and_keeps_its_purpose() {
    let embedded = |urn: &str| describe::schema(Registry::standard().schema(urn).unwrap());
    let change = |urn: &str, name: &str, key: &str, value: Value| {
        let mut schema = embedded(urn);
        let attributes = schema["attributes"].as_array_mut().unwrap();
        attributes.iter_mut().find(|one| one["name"] == name).unwrap()[key] = value;
        schema
    };
    let registry = compile(&[change(GROUP, "members", "returned", json!("request"))]).unwrap();
    let group = kind(&registry, "Group");
    assert_eq!(group.links[0].at.attr().returned, Returned::Request);
    assert_eq!(kind(&registry, "User").reverse.len(), 1);
    for (schema, told) in [
        (change(USER, "userName", "uniqueness", json!("none")), "must stay required, and unique"),
        (change(USER, "userName", "required", json!(false)), "must stay required"),
        (change(USER, "userName", "name", json!("login")), "is left out"),
        (change(USER, "title", "multiValued", json!(true)), "must stay a string"),
        (change(USER, "active", "type", json!("string")), "must stay a boolean"),
        (change(GROUP, "members", "mutability", json!("readOnly")), "must stay a multi-valued complex"),
    ] {
        let error = compile(&[schema]).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    let service = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    refused(&[json!({ "id": service, "attributes": [{ "name": "a" }] })], service, "cannot be replaced");
    let named = Registry::compile(&[file("g.json", &embedded(GROUP))], &Options { unique_group_names: true }).unwrap();
    assert_eq!(kind(&named, "Group").unique[0].to_string(), "displayName");
    assert_eq!(describe::schema(named.schema(GROUP).unwrap())["attributes"][0]["uniqueness"], "server");
}

#[test]
fn links_point_to_types_that_exist() {
    let link = |target: &str| {
        extension(json!([{ "name": "boss", "type": "complex", "subAttributes": [
            { "name": "value" },
            { "name": "$ref", "type": "reference", "referenceTypes": [target] },
        ] }]))
    };
    let registry = compile(&[link("User")]).unwrap();
    let user = kind(&registry, "User");
    assert_eq!(user.links.len(), 2);
    let boss = &user.links[1];
    assert!(boss.at.attr().sub("value").unwrap().case_exact, "ids are case exact");
    refused(&[link("Robot")], &format!("{MINE}:boss.$ref"), "the resource type Robot, which there is not");
    let place = |link: Value| compile(&[link]).unwrap().schema(MINE).unwrap().attribute("boss").unwrap().place;
    assert_eq!(place(link("User")), Place::Link);
    assert_eq!(place(link("external")), Place::Document);
    let mut labelled = link("User");
    let subs = labelled["attributes"][0]["subAttributes"].as_array_mut().unwrap();
    subs.push(json!({ "name": "since", "type": "dateTime" }));
    assert_eq!(place(labelled), Place::Document, "a client can write more than the link");
}

#[test]
fn what_a_default_answer_leaves_out_is_known_by_name() {
    let registry = compile(&[extension(json!([
        { "name": "shown" },
        { "name": "onDemand", "returned": "request" },
        { "name": "secret", "mutability": "writeOnly" },
        { "name": "card", "type": "complex", "subAttributes": [
            { "name": "number", "uniqueness": "global" },
            { "name": "pin", "returned": "never" },
            { "name": "limit", "returned": "request" },
        ] },
    ]))]);
    let user = kind(&registry.unwrap(), "User");
    assert_eq!(user.hidden, ["onDemand", "pin", "limit"]);
    let unique = user.unique.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(unique, ["userName".to_owned(), format!("{MINE}:card.number")]);
}

#[test]
fn the_documented_example_means_what_the_guide_says() {
    let example = include_str!("../../docs/examples/device.json");
    let guide = include_str!("../../docs/schemas.md");
    assert!(guide.contains(example.trim()), "docs/schemas.md shows docs/examples/device.json as it stands");
    let file = SchemaFile { source: "device.json".into(), text: example.into(), extends: None };
    let registry = Registry::compile(&[file], &Options::default()).unwrap();
    let device = kind(&registry, "Device");
    let user = kind(&registry, "User");
    assert_eq!(device.endpoint, "/Devices");
    assert_eq!(device.unique.iter().map(ToString::to_string).collect::<Vec<_>>(), ["serialNumber"]);
    assert_eq!(device.schema.attribute("unlockCode").unwrap().place, Place::Secret);
    assert_eq!(device.schema.attribute("addresses").unwrap().place, Place::Document);
    assert_eq!(device.links[0].at.to_string(), "owner");
    let devices = user.reverse.iter().find(|one| one.at.attr().name == "devices").unwrap();
    assert_eq!(devices.via, device.links[0]);
    assert_eq!(user.extensions.len(), 2);
    let shown = registry.schemas().iter().map(|one| one.name.as_str()).collect::<Vec<_>>();
    assert_eq!(shown[..5], ["User", "EnterpriseUser", "FleetUser", "Group", "Device"]);
}
