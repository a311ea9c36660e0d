//! The worked example of docs/schemas.md, word by word: a type of its own behaves like the built-in ones (7643-3.2-01).

use scim_core::error::ErrorKind::{InvalidFilter, InvalidSyntax, InvalidValue, Mutability, NotFound, Uniqueness};
use scim_core::schema::{Options, Registry, SchemaFile};
use scim_core::service::ListParams;
use scim_core::store::control::TenantSettings;
use scim_core::{ErrorKind, ScimError};
use serde_json::{Value, json};

use super::{Desk, id};

const FLEET: &str = "urn:example:params:scim:schemas:fleet:1.0:User";
const DEVICE: &str = "urn:example:params:scim:schemas:fleet:1.0:Device";

fn desk(more: &[Value]) -> Desk {
    let example = include_str!("../../../docs/examples/device.json").to_owned();
    let texts = std::iter::once(example).chain(more.iter().map(ToString::to_string));
    let files = texts.map(|text| SchemaFile { source: "device.json".into(), text, extends: None });
    let registry = Registry::compile(&files.collect::<Vec<_>>(), &Options::default()).unwrap();
    Desk::with(registry, TenantSettings::default())
}

fn user(name: &str, badge: Option<&str>) -> Value {
    let mut user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
    if let Some(badge) = badge {
        user["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:User", FLEET]);
        user[FLEET] = json!({ "badge": badge });
    }
    user
}

fn phone(serial: &str, owner: &str) -> Value {
    json!({ "schemas": [DEVICE], "displayName": "Ann's phone", "serialNumber": serial, "kind": "phone",
        "unlockCode": "4711", "owner": { "value": owner } })
}

/// The resource after one operation.
fn patched(desk: &Desk, endpoint: &str, id: &str, operation: Value) -> Result<Value, ScimError> {
    desk.patch(endpoint, id, json!([operation]))?;
    desk.read(endpoint, id)
}

/// The ids that a filter finds.
fn find(desk: &Desk, endpoint: &str, filter: &str) -> Result<Vec<String>, ScimError> {
    let list = desk.list(endpoint, ListParams { filter: Some(filter.into()), ..ListParams::default() })?;
    Ok(list["Resources"].as_array().map_or(Vec::new(), |found| found.iter().map(id).collect()))
}

fn refused<T>(answer: Result<T, ScimError>, kind: ErrorKind, named: &str) {
    let error = answer.err().unwrap();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.detail.contains(named), "{error}");
}

#[test]
fn a_device_behaves_like_a_user() {
    let desk = desk(&[]);
    let ann = desk.create("Users", user("ann", Some("B7"))).unwrap();
    let device = desk.create("Devices", phone("X-1001", &id(&ann))).unwrap();
    assert_eq!(device["meta"]["resourceType"], "Device");
    let location = format!("http://h/scim/v2/Devices/{}", id(&device));
    assert_eq!(device["meta"]["location"], *location);
    assert_eq!(device.get("unlockCode"), None);
    assert_eq!(device["owner"]["$ref"], *format!("http://h/scim/v2/Users/{}", id(&ann)));
    assert_eq!(device["owner"]["display"], "ann");

    refused(desk.create("Devices", phone("X-1001", &id(&ann))), Uniqueness, "serialNumber");
    assert!(desk.create("Devices", phone("x-1001", &id(&ann))).is_ok(), "caseExact");
    refused(desk.create("Devices", phone("X-1002", "nobody")), InvalidValue, "owner");
    let mut toaster = phone("X-1003", &id(&ann));
    toaster["kind"] = "toaster".into();
    refused(desk.create("Devices", toaster), InvalidValue, "kind");
    let change = json!({ "op": "replace", "path": "serialNumber", "value": "X-2" });
    refused(patched(&desk, "Devices", &id(&device), change), Mutability, "serialNumber");
    let change = json!({ "op": "replace", "path": "kind", "value": "tablet" });
    assert_eq!(patched(&desk, "Devices", &id(&device), change).unwrap()["kind"], "tablet");

    let filter = format!("owner.value eq \"{}\" and kind eq \"tablet\"", id(&ann));
    assert_eq!(find(&desk, "Devices", &filter).unwrap(), [id(&device)]);
    refused(find(&desk, "Devices", "kind gt 5"), InvalidFilter, "kind");
    desk.delete("Devices", &id(&device));
    refused(desk.read("Devices", &id(&device)), NotFound, "");
}

#[test]
fn an_extension_adds_to_users_and_shows_links_from_their_far_end() {
    let desk = desk(&[]);
    let ann = desk.create("Users", user("ann", Some("B7"))).unwrap();
    assert_eq!(ann[FLEET]["badge"], "B7");
    refused(desk.create("Users", user("ben", Some("B7"))), Uniqueness, "badge");
    assert_eq!(find(&desk, "Users", &format!("{FLEET}:badge eq \"B7\"")).unwrap(), [id(&ann)]);

    let device = desk.create("Devices", phone("X-1001", &id(&ann))).unwrap();
    let devices = |desk: &Desk| desk.read("Users", &id(&ann)).unwrap()[FLEET]["devices"].clone();
    let link = json!([{ "value": id(&device), "$ref": device["meta"]["location"], "display": "Ann's phone" }]);
    assert_eq!(devices(&desk), link);
    let owned = format!("{FLEET}:devices.value eq \"{}\"", id(&device));
    assert_eq!(find(&desk, "Users", &owned).unwrap(), [id(&ann)]);

    let renamed = json!({ "op": "replace", "path": "displayName", "value": "Old phone" });
    patched(&desk, "Devices", &id(&device), renamed).unwrap();
    assert_eq!(devices(&desk)[0]["display"], "Old phone");
    patched(&desk, "Devices", &id(&device), json!({ "op": "remove", "path": "owner" })).unwrap();
    assert_eq!(devices(&desk), Value::Null);
}

/// 7643-3.3-02: `schemas` names every extension that is shown, also where nothing of it is stored.
#[test]
fn schemas_names_an_extension_of_which_only_the_far_end_of_links_is_shown() {
    let desk = desk(&[]);
    const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    for badge in [None, Some("B7")] {
        let ann = desk.create("Users", user(badge.map_or("ann", |_| "ben"), badge)).unwrap();
        desk.create("Devices", phone(badge.unwrap_or("X-1"), &id(&ann))).unwrap();
        let shown = desk.read("Users", &id(&ann)).unwrap();
        assert_eq!(shown[FLEET]["devices"][0]["display"], "Ann's phone");
        assert_eq!(shown["schemas"], json!([CORE, FLEET]), "{shown}");
        let filter = Some(format!("userName eq {}", shown["userName"]));
        let list = desk.list("Users", ListParams { filter, ..ListParams::default() }).unwrap();
        assert_eq!(list["Resources"][0], shown);
    }
}

#[test]
fn a_link_goes_with_its_target() {
    let desk = desk(&[]);
    let ann = desk.create("Users", user("ann", None)).unwrap();
    let device = desk.create("Devices", phone("X-1001", &id(&ann))).unwrap();
    desk.delete("Users", &id(&ann));
    assert_eq!(desk.read("Devices", &id(&device)).unwrap().get("owner"), None);
}

#[test]
fn a_required_extension_must_be_there() {
    let guide = include_str!("../../../docs/schemas.md");
    let block = guide.split("```json\n").nth(2).unwrap().split("```").next().unwrap();
    let desk = desk(&[serde_json::from_str(block).unwrap()]);
    assert!(desk.create("Users", user("ann", Some("B7"))).is_ok());
    let error = desk.create("Users", user("ben", None)).unwrap_err();
    assert!([InvalidValue, InvalidSyntax].contains(&error.kind) && error.detail.contains(FLEET), "{error}");
}
