//! Tests of `value`: one attribute against its definition.

use serde_json::json;

use super::*;
use crate::access::Profile;
use crate::error::ErrorKind;
use crate::schema::{Options, Registry, SchemaFile};

fn path(text: &str) -> AttrPath {
    let file = SchemaFile {
        source: "TestUser.json".into(),
        text: include_str!("../../../conformance-tests/data/TestUser.json").into(),
        extends: Some("User".into()),
    };
    let registry = Registry::compile(&[file], &Options::default()).unwrap();
    let user = registry.endpoint("Users", false).unwrap();
    let (name, sub) = text.split_once('.').map_or((text, None), |(name, sub)| (name, Some(sub)));
    let own = user.schema.attribute(name).map(|attr| (None, attr));
    let (urn, attr) = own
        .or_else(|| {
            user.extensions.iter().find_map(|one| Some((Some(one.schema.id.clone()), one.schema.attribute(name)?)))
        })
        .unwrap();
    AttrPath::new(urn, attr.clone(), sub.map(|sub| attr.sub(sub).unwrap().clone()))
}

const BOTH: [Profile; 2] = [Profile::Strict, Profile::Compatible];

fn takes(profiles: &[Profile], at: &str, given: Value, kept: Value) {
    for profile in profiles {
        let read = attribute(&path(at), &given, &profile.rules());
        assert_eq!(read.map(Option::unwrap_or_default), Ok(kept.clone()), "{profile} {at} {given}");
    }
}

fn refuses(profiles: &[Profile], at: &str, given: Value, kind: ErrorKind) {
    for profile in profiles {
        let refused = attribute(&path(at), &given, &profile.rules()).unwrap_err();
        assert_eq!(refused.kind, kind, "{profile} {at} {given}");
        assert!(refused.detail.contains(at.split('.').next().unwrap()), "names the attribute: {refused}");
    }
}

#[test]
fn values_of_each_type_are_kept_as_sent() {
    for (at, value) in [
        ("title", json!("🦀 e\u{301}")),           // 7643-2.3.1-01
        ("active", json!(true)),                   // 7643-2.3.2-01
        ("dec", json!(1.5)),                       // 7643-2.3.3-01
        ("dec", json!(12_345_678_901.25)),         // 7643-2.3.3-02
        ("num", json!(9_007_199_254_740_993_i64)), // 7643-2.3.4-02
        ("num", json!(i64::MIN)),
        ("when", json!("2011-05-13T04:42:34Z")),                // 7643-2.3.5-01
        ("when", json!("2011-05-13T04:42:34.123+02:00")),       // 7643-2.3.5-03
        ("when", json!("2011-05-13T04:42:34")),                 // 7643-2.3.5-04
        ("blob", json!("AQID")),                                // 7643-2.3.6-01
        ("blob", json!("AQI")),                                 // 7643-2.3.6-03
        ("profileUrl", json!("https://example.com/a?b=%20#c")), // 7643-2.3.7-01
        ("profileUrl", json!("../Users/1")),
        ("profileUrl", json!("HTTP://Example.COM/a")), // 7643-4.1.1-05
        ("locale", json!("en_US")),                    // 7643-4.1.1-08
        ("tags", json!(["a", "b"])),
        ("emails", json!([{"value": "a@b", "type": "private"}])), // 7643-2.3.1-03
        ("addresses", json!([{"formatted": "a\nb"}])),            // 7643-4.1.2-07
        ("addresses", json!([{"country": "US"}])),
        ("userName", json!("JÖRG@x.org")),
    ] {
        takes(&BOTH, at, value.clone(), value);
    }
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    for (at, value) in [
        ("userName", json!(5)), // 7643-2.3.1-02, threat C09
        ("userName", json!(["a"])),
        ("userName", json!({"a": 1})),
        ("userName", json!(true)),
        ("active", json!(1)), // 7643-2.3.2-02
        ("active", json!("yes")),
        ("num", json!(5.0)), // 7643-2.3.4-01
        ("num", json!(1e3)),
        ("num", json!(u64::MAX)),
        ("num", json!("5")),
        ("dec", json!("1.5")),
        ("when", json!("2011-05-13")), // 7643-2.3.5-02
        ("when", json!("04:42:34Z")),
        ("when", json!("13 May 2011")),
        ("blob", json!("%%%")),                         // 7643-2.3.6-02
        ("profileUrl", json!("not a uri with spaces")), // 7643-2.3.7-01
        ("profileUrl", json!("a%2")),
        ("photos", json!([{"value": "abc def"}])), // 7643-4.1.2-05
        ("locale", json!("en US")),                // 7643-4.1.1-07
        ("emails", json!([5])),                    // 7644-3.3-10
        ("emails", json!([["a@b"]])),
        ("emails", json!([{"value": "a@b", "primary": true}, {"value": "b@b", "primary": true}])), // 7643-2.4-04
        ("name", json!("Barbara")),
        ("name", json!([{"givenName": "B"}])),
        ("licence", json!({"state": "S"})), // required sub-attribute
    ] {
        refuses(&BOTH, at, value, ErrorKind::InvalidValue);
    }
    for value in [json!({"value": "a@b"}), json!("a@b"), json!(5)] {
        refuses(&BOTH, "emails", value, ErrorKind::InvalidSyntax); // 7643-2.4-02
    }
}

#[test]
fn what_means_unassigned_is_dropped_at_any_depth() {
    // 7643-2.5-01, 7643-2.5-04, R9
    for at in ["title", "name", "emails", "tags", "active", "num"] {
        for empty in [json!(null), json!(""), json!([]), json!({})] {
            takes(&BOTH, at, empty, json!(null));
        }
    }
    takes(&BOTH, "name", json!({"givenName": null, "familyName": ""}), json!(null));
    takes(&BOTH, "emails", json!([null, {}, {"value": ""}]), json!(null));
    takes(&BOTH, "emails", json!([null, {"value": "a@b", "type": ""}]), json!([{"value": "a@b"}]));
}

#[test]
fn spelling_and_order_are_those_of_the_schema() {
    takes(&BOTH, "name", json!({"GIVENNAME": "B", "familyname": "J"}), json!({"familyName": "J", "givenName": "B"}));
    let kept = attribute(&path("name"), &json!({"givenName": "B", "formatted": "F"}), &Profile::Strict.rules());
    assert_eq!(kept.unwrap().unwrap().to_string(), r#"{"formatted":"F","givenName":"B"}"#);
}

#[test]
fn exact_duplicates_are_dropped() {
    // 7643-2.4-08, 7643-2.4-09
    let twice = json!([{"value": "a@b", "type": "work"}, {"type": "work", "value": "a@b"}, {"value": "a@b"}]);
    takes(&BOTH, "emails", twice, json!([{"value": "a@b", "type": "work"}, {"value": "a@b"}]));
    takes(&BOTH, "tags", json!(["a", "a", "A"]), json!(["a", "A"]));
}

#[test]
fn leniency_is_the_profiles() {
    let (strict, lenient) = ([Profile::Strict], [Profile::Compatible]);
    takes(&lenient, "active", json!("True"), json!(true));
    refuses(&strict, "active", json!("True"), ErrorKind::InvalidValue);
    takes(&lenient, "emails", json!(["a@b"]), json!([{"value": "a@b"}]));
    refuses(&strict, "emails", json!(["a@b"]), ErrorKind::InvalidValue);
    takes(&lenient, "name", json!({"foo": 1, "givenName": "B"}), json!({"givenName": "B"}));
    refuses(&strict, "name", json!({"foo": 1, "givenName": "B"}), ErrorKind::InvalidSyntax);
    takes(&lenient, "addresses", json!([{"country": "Germany"}]), json!([{"country": "Germany"}]));
    refuses(&strict, "addresses", json!([{"country": "USA"}]), ErrorKind::InvalidValue);
}

#[test]
fn user_names_hold_nothing_invisible() {
    // 7644-5-03, threat C10
    let (strict, lenient) = ([Profile::Strict], [Profile::Compatible]);
    for name in ["a\u{0}b", "a\tb", "a\u{200d}b", "\u{202e}ab", "a\u{e0fff}", " ", "\u{a0}"] {
        refuses(&BOTH, "userName", json!(name), ErrorKind::InvalidValue);
    }
    for name in ["a b", "☃", "a\u{a0}b", "ﬁn", "½"] {
        takes(&lenient, "userName", json!(name), json!(name));
        refuses(&strict, "userName", json!(name), ErrorKind::InvalidValue);
    }
    for name in ["a.b-c_d@e%f+g", "Straße", "ｆｕｌｌ", "ユーザー", "महेश"] {
        takes(&BOTH, "userName", json!(name), json!(name));
    }
}
