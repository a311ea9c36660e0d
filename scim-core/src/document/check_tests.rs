//! Tests of `check`: whole resources against their type.

use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::access::Profile;
use crate::document::claims;
use crate::error::ErrorKind;
use crate::schema::{Options, Registry, SchemaFile};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const TEST: &str = "urn:example:params:scim:schemas:test:1.0:User";
const BOTH: [Profile; 2] = [Profile::Strict, Profile::Compatible];

fn kind(endpoint: &str) -> Arc<ResourceType> {
    let file = SchemaFile {
        source: "TestUser.json".into(),
        text: include_str!("../../../conformance-tests/data/TestUser.json").into(),
        extends: Some("User".into()),
    };
    let registry = Registry::compile(&[file], &Options::default()).unwrap();
    registry.endpoint(endpoint, false).unwrap().clone()
}

fn read(profile: Profile, endpoint: &str, body: &Value) -> Result<Draft, ScimError> {
    resource(body, &kind(endpoint), &profile.rules(), &Limits::default())
}

/// The document that a body becomes.
fn document(profile: Profile, endpoint: &str, body: &Value) -> Result<Value, ErrorKind> {
    let made = read(profile, endpoint, body).and_then(|draft| {
        let linked = draft.links.iter().map(|(link, _)| link.clone()).collect::<Vec<_>>();
        complete(draft.attributes, &kind(endpoint), &linked)
    });
    made.map(|document| Value::Object(document.parse())).map_err(|error| error.kind)
}

fn check(profiles: &[Profile], endpoint: &str, body: &Value, expected: Result<Value, ErrorKind>) {
    for profile in profiles {
        assert_eq!(document(*profile, endpoint, body), expected, "{profile} {body}");
    }
}

#[test]
fn schemas_must_fit_the_type() {
    let user = |schemas: Value| json!({"schemas": schemas, "userName": "a"});
    let made = || Ok(json!({"schemas": [USER], "userName": "a"}));
    let refused = || Err(ErrorKind::InvalidSyntax);
    let (strict, lenient) = (&BOTH[..1], &BOTH[1..]);
    // 7643-3-03, 7643-3-04, 7643-3-08
    for schemas in [json!([USER]), json!([USER, USER]), json!([ENTERPRISE, USER]), json!([USER.to_uppercase()])] {
        check(&BOTH, "Users", &user(schemas), made());
    }
    // 7643-3-02, 7643-3.3-01
    for schemas in [json!([GROUP]), json!(["urn:x:y"]), json!([ENTERPRISE]), json!(USER), json!([5])] {
        check(&BOTH, "Users", &user(schemas), refused());
    }
    // 7643-3-01, R2: absence, an unknown URN beside the right one, known dialects
    for schemas in [
        json!(null),
        json!([]),
        json!([USER, "urn:x:y"]),
        json!(["urn:scim:schemas:core:2.0", "urn:scim:schemas:extension:enterprise:2.0"]),
    ] {
        check(lenient, "Users", &user(schemas.clone()), made());
        check(strict, "Users", &user(schemas), refused());
    }
    check(&BOTH, "Users", &json!([]), refused()); // 7644-3.3-11
}

#[test]
fn documents_are_canonical_and_hold_nothing_read_only() {
    // 7643-2.1-01, 7643-3-07, 7643-3.3-04, 7644-3.3-01, threat A06
    let body = json!({
        "schemas": [USER], "ID": "mine", "meta": {"created": "1999-01-01T00:00:00Z"}, "groups": [{"value": "g1"}],
        "urn:IETF:params:scim:schemas:extension:enterprise:2.0:USER": {"COSTCENTER": "41", "employeenumber": "7"},
        "NAME": {"GivenName": "B"}, "USERNAME": "a", "externalID": "X", TEST: {"fixed": "no"}, "title": null,
    });
    let made = document(Profile::Strict, "Users", &body).unwrap();
    assert_eq!(
        made.to_string(),
        json!({
            "schemas": [USER, ENTERPRISE], "externalId": "X", "userName": "a", "name": {"givenName": "B"},
            ENTERPRISE: {"employeeNumber": "7", "costCenter": "41"},
        })
        .to_string()
    );
}

#[test]
fn unknown_attributes_are_ignored_or_refused() {
    // 7644-3.1-04
    for extra in [json!({"foo": 1}), json!({"department": null}), json!({ENTERPRISE: {"foo": 1}})] {
        let mut body = json!({"schemas": [USER], "userName": "a"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        check(&BOTH[1..], "Users", &body, Ok(json!({"schemas": [USER], "userName": "a"})));
        check(&BOTH[..1], "Users", &body, Err(ErrorKind::InvalidSyntax));
    }
}

#[test]
fn required_attributes_must_have_a_value() {
    // 7643-4.1.1-01, 7643-2.5-05, 7643-4.2-01, 7644-3.3-09
    for name in [json!({}), json!({"userName": ""}), json!({"userName": null})] {
        let mut body = json!({"schemas": [USER], "title": "T"});
        body.as_object_mut().unwrap().extend(name.as_object().unwrap().clone());
        check(&BOTH, "Users", &body, Err(ErrorKind::InvalidValue));
    }
    check(&BOTH, "Groups", &json!({"schemas": [GROUP]}), Err(ErrorKind::InvalidValue));
}

#[test]
fn links_name_resources() {
    // 7643-4.2-04, 7643-4.2-06
    let members = |profile: Profile, members: Value| {
        let draft = read(profile, "Groups", &json!({"schemas": [GROUP], "displayName": "G", "members": members}));
        draft.map_err(|error| error.kind).map(|draft| {
            let links = draft.links.first().map(|(_, links)| links.as_slice()).unwrap_or_default();
            links.iter().map(|link| format!("{}:{}", link.target, link.kinds.len())).collect::<Vec<_>>().join(" ")
        })
    };
    for (given, kept) in [
        (json!([{"value": "u1"}]), Ok("u1:2")),
        (json!([{"value": "u1", "type": "user", "display": "x"}]), Ok("u1:1")),
        (json!([{"$ref": "https://h/v2/Users/u1"}]), Ok("u1:2")),
        (json!([{"$ref": "../Users/u1", "value": "u1"}]), Ok("u1:2")),
        (json!([{"$ref": null, "value": "u1"}, {"value": "u1", "type": "User"}]), Ok("u1:1")),
        (json!([{"value": ""}, {"display": "x"}, null]), Ok("")),
        (json!([]), Ok("")),
        (json!([{"$ref": "https://h/v2/Users/u2", "value": "u1"}]), Err(ErrorKind::InvalidValue)),
        (json!([{"$ref": "no blank", "value": "blank"}]), Err(ErrorKind::InvalidValue)),
        (json!([{"value": "u1", "type": "Device"}]), Err(ErrorKind::InvalidValue)),
        (json!([{"value": "u1", "type": "User"}, {"value": "u1", "type": "Group"}]), Err(ErrorKind::InvalidValue)),
        (json!([{"type": "User"}]), Err(ErrorKind::InvalidValue)),
        (json!([{"value": 5}]), Err(ErrorKind::InvalidValue)),
        (json!({"value": "u1"}), Err(ErrorKind::InvalidSyntax)),
    ] {
        for profile in BOTH {
            assert_eq!(members(profile, given.clone()), kept.map(str::to_owned), "{profile} {given}");
        }
    }
    assert_eq!(members(Profile::Compatible, json!(["u1"])), Ok("u1:2".into()));
    assert_eq!(members(Profile::Strict, json!(["u1"])), Err(ErrorKind::InvalidValue));
    assert_eq!(members(Profile::Strict, json!([{"value": "u1", "foo": 1}])), Err(ErrorKind::InvalidSyntax));
}

#[test]
fn a_manager_is_a_link_and_counts_for_schemas() {
    for (profiles, given) in [
        (&BOTH[..], json!({"value": "u2", "displayName": "Boss"})),
        (&BOTH[..], json!({"$ref": "../Users/u2"})),
        (&BOTH[1..], json!("u2")),
    ] {
        let body = json!({"schemas": [USER], "userName": "a", ENTERPRISE: {"manager": given}});
        check(profiles, "Users", &body, Ok(json!({"schemas": [USER, ENTERPRISE], "userName": "a"})));
    }
}

#[test]
fn secrets_never_reach_the_document() {
    let body =
        |password: Value| json!({"schemas": [USER], "userName": "a", "password": password, TEST: {"secret": "s"}});
    let draft = read(Profile::Strict, "Users", &body(json!("pw"))).unwrap();
    let named = draft.secrets.iter().map(|(at, value)| (at.to_string(), value.as_ref().unwrap().expose_secret()));
    assert_eq!(named.collect::<Vec<_>>(), [("password".to_owned(), "pw"), (format!("{TEST}:secret"), "s")]);
    check(&BOTH, "Users", &body(json!("pw")), Ok(json!({"schemas": [USER], "userName": "a"})));
    assert!(read(Profile::Strict, "Users", &body(json!(null))).unwrap().secrets[0].1.is_none());
    for bad in [json!(""), json!(5), json!({"a": "pw"})] {
        let refused = read(Profile::Compatible, "Users", &body(bad)).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidValue);
        assert!(!refused.detail.contains("pw"), "{refused}");
    }
}

#[test]
fn what_is_unassigned_outright_is_told() {
    let body = json!({"schemas": [USER], "userName": "a", "active": null, "emails": [], ENTERPRISE: {"manager": ""}});
    let draft = read(Profile::Strict, "Users", &body).unwrap();
    let told = draft.unassigned.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told, ["active".to_owned(), "emails".into(), format!("{ENTERPRISE}:manager")]);
}

#[test]
fn claims_are_the_unique_values_under_their_rule() {
    let tokens = |endpoint: &str, body: Value, names: bool| {
        let claims = claims(body.as_object().unwrap(), &kind(endpoint), names);
        claims.into_iter().map(|claim| format!("{}={}", claim.at, claim.token)).collect::<Vec<_>>()
    };
    let user = json!({"userName": "STRASSE", TEST: {"code": "K1"}});
    assert_eq!(tokens("Users", user, true), ["userName=strasse".to_owned(), format!("{TEST}:code=K1")]);
    let group = json!({"displayName": "Tour"});
    assert_eq!(tokens("Groups", group.clone(), true), ["displayName=tour"]);
    assert!(tokens("Groups", group, false).is_empty()); // 7643-4.2-02
}
