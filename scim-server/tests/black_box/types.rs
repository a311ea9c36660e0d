//! Every attribute of every schema with every wrong value (threat C09): taken or refused, never a failure, and what is
//! refused changes nothing.

use conformance_tests::answer::Answer;
use conformance_tests::session::{GROUP, Session, patch_op, user};
use scim_core::access::{Client, Profile};
use serde_json::{Map, Value, json};

use crate::support::{Server, client_error};

/// Values of every JSON type, and the odd ones of each.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(9_223_372_036_854_775_807_i64),
        json!(18_446_744_073_709_551_615_u64),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("x"),
        json!("true"),
        json!("2020-13-45T99:99:99Z"),
        json!("0001-01-01T00:00:00Z"),
        json!("not base64!"),
        json!("javascript:alert(1)"),
        json!("\u{202e}x"),
        json!("a\u{200b}b"),
        json!("\u{7f}"),
        json!("\u{fffe}"),
        json!("é"),
        json!("e\u{301}"),
        json!("x".repeat(60_000)),
        json!([]),
        json!([null]),
        json!([1]),
        json!(["x"]),
        json!([[]]),
        json!([[["x"]]]),
        json!([{}]),
        json!([{"value": "x"}, {"value": 1}]),
        json!([{"value": []}]),
        json!([{"value": "x", "primary": true}, {"value": "y", "primary": true}]),
        json!([{"value": "x", "type": {}}]),
        json!([{"value": "x", "primary": "maybe"}]),
        json!([{"$ref": 1}]),
        json!({}),
        json!({"value": "x"}),
        json!({"value": 1}),
        json!({"value": {}}),
        json!({"x": 1}),
        json!({"formatted": 1}),
        json!({"value": null}),
        json!({"": ""}),
    ]
}

/// A number that a JSON library would not print: sent as text.
const ODD_NUMBERS: [&str; 6] =
    ["1e400", "-0", "123456789012345678901234567890", "0.1e-400", "1E+2", "-9223372036854775809"];

/// Names of the attributes of a schema, and of their sub-attributes, as paths.
fn attributes(session: &Session, urn: &str) -> Vec<Vec<String>> {
    let schema = session.get(&format!("/Schemas/{urn}")).unwrap().is(200).unwrap();
    let name = |attribute: &Value| attribute["name"].as_str().unwrap().to_owned();
    let mut paths =
        vec![vec!["id".to_owned()], vec!["meta".to_owned()], vec!["externalId".to_owned()], vec!["schemas".to_owned()]];
    for attribute in schema.list("/attributes") {
        paths.push(vec![name(attribute)]);
        for sub in attribute["subAttributes"].as_array().into_iter().flatten() {
            paths.push(vec![name(attribute), name(sub)]);
        }
    }
    paths
}

/// The value at the end of the path, inside whatever the path needs.
fn wrapped(path: &[String], value: Value) -> Value {
    match path {
        [name] => json!({name: value}),
        [name, sub, ..] => json!({name: {sub: value}}),
        [] => value,
    }
}

fn fine(answer: Answer) -> bool {
    if answer.status < 300 {
        return true;
    }
    assert_eq!(answer.status, 400, "{}", answer.tell());
    client_error(answer);
    false
}

fn every_value_of_every_attribute(profile: Profile, urn: &str, endpoint: &str, base: &Value) {
    let mut server = Server::start();
    let session = server.tenant(profile);
    let made = session.post(endpoint, base).unwrap().is(201).unwrap();
    let place = format!("{endpoint}/{}", made.id().unwrap());
    let reset = || session.put(&place, base).unwrap().is(200).unwrap();
    let mut before = reset();
    for path in attributes(&session, urn) {
        let dotted = path.join(".");
        for value in values() {
            let mut body = base.as_object().unwrap().clone();
            if let Value::Object(more) = wrapped(&path, value.clone()) {
                body.extend(more);
            }
            let mut changed = fine(session.put(&place, &Value::Object(body)).unwrap());
            for operation in [
                json!({"op": "add", "path": dotted, "value": value}),
                json!({"op": "replace", "value": wrapped(&path, value.clone())}),
            ] {
                changed |= fine(session.patch(&place, json!([operation])).unwrap());
            }
            if changed {
                before = reset();
            } else {
                let after = session.get(&place).unwrap().is(200).unwrap();
                assert_eq!(before.body, after.body, "{dotted} = {value} was refused and did something");
            }
        }
        let literal = base.to_string();
        for number in ODD_NUMBERS {
            let text = format!("{},{}", &literal[..literal.len() - 1], &wrapped(&path, json!("@")).to_string()[1..])
                .replace("\"@\"", number);
            fine(session.request("PUT", &place).json(&Value::Null).bytes(text).send().unwrap());
        }
        before = reset();
    }
    server.is_well();
}

const USER: &str = conformance_tests::session::USER;

#[test]
fn user_attributes_of_every_type_when_lenient() {
    every_value_of_every_attribute(
        Profile::Compatible,
        USER,
        "/Users",
        &user(json!({"userName": "typed", "title": "T"})),
    );
}

#[test]
fn user_attributes_of_every_type_when_strict() {
    every_value_of_every_attribute(Profile::Strict, USER, "/Users", &user(json!({"userName": "typed", "title": "T"})));
}

#[test]
fn group_attributes_of_every_type() {
    let base = json!({"schemas": [GROUP], "displayName": "Typed"});
    every_value_of_every_attribute(Profile::Compatible, GROUP, "/Groups", &base);
    every_value_of_every_attribute(Profile::Named(Client::Entra), GROUP, "/Groups", &base);
}

/// Threat A06: what only the server may say is not taken from a client.
#[test]
fn what_is_the_servers_own_is_not_taken_from_clients() {
    let server = Server::start();
    let session = server.session();
    let group = session.group("Admins", &[]).unwrap();
    let theirs = json!({
        "id": "chosen", "meta": {"created": "2000-01-01T00:00:00Z", "version": "W/\"9\"", "location": "http://evil.example", "resourceType": "Group"},
        "groups": [{"value": group.id().unwrap()}], "tenantId": "other", "tenant": "other", "label": "x", "version": 9, "seq": 1,
    });
    let check = |shown: &Value, id: &str| {
        assert_eq!(shown["id"], id);
        assert!(!shown["meta"]["created"].as_str().unwrap().starts_with("2000"), "{shown}");
        assert_eq!(shown["meta"]["resourceType"], "User");
        assert!(shown["meta"]["location"].as_str().unwrap().ends_with(&format!("/Users/{id}")), "{shown}");
        let known = ["schemas", "id", "meta", "userName", "active"];
        assert!(shown.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{shown}");
    };
    let made = session.user(theirs.clone()).unwrap();
    let id = made.id().unwrap().to_owned();
    assert_ne!(id, "chosen");
    check(&made.body, &id);
    let mut again: Map<String, Value> = theirs.as_object().unwrap().clone();
    again.insert("schemas".into(), json!([USER]));
    again.insert("userName".into(), made.at("/userName").clone());
    check(&session.put(&format!("/Users/{id}"), &Value::Object(again)).unwrap().is(200).unwrap().body, &id);
    let bulk = session
        .bulk(json!([{"method": "POST", "path": "/Users", "bulkId": "a", "data": user(theirs)}]))
        .unwrap()
        .is(200)
        .unwrap();
    let other = bulk.text("/Operations/0/location").rsplit('/').next().unwrap().to_owned();
    check(&session.get(&format!("/Users/{other}")).unwrap().body, &other);
    for path in ["id", "meta", "meta.created", "groups", "groups[value pr]", "schemas"] {
        let operations = patch_op(json!([{"op": "replace", "path": path, "value": "x"}]));
        client_error(session.request("PATCH", &format!("/Users/{id}")).json(&operations).send().unwrap());
    }
    session.get(&format!("/Groups/{}", group.id().unwrap())).unwrap().lacks("/members").unwrap();
}
