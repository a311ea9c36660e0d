//! What holds of every PATCH and PUT.

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "B", "ab", "work", "home", "u2", "u3", "Ä", ""]).prop_map(str::to_owned)
}

fn email() -> impl Strategy<Value = Value> {
    (text(), text(), any::<Option<bool>>())
        .prop_map(|(value, kind, primary)| json!({"value": value, "type": kind, "primary": primary}))
}

fn user() -> impl Strategy<Value = Value> {
    let emails = prop::collection::vec((text(), text()), 0..4);
    (text(), text(), emails, text(), any::<bool>()).prop_map(|(title, given, emails, tag, active)| {
        let emails = emails.into_iter().map(|(value, kind)| json!({"value": value, "type": kind}));
        let body = json!({
            "schemas": [USER], "userName": "bjensen", "title": title, "name": {"givenName": given},
            "emails": emails.collect::<Vec<_>>(), "active": active, TEST: {"tags": [tag], "imm": "x"},
            ENTERPRISE: {"manager": {"value": if active { "u2" } else { "" }}},
        });
        body
    })
}

fn operation() -> impl Strategy<Value = Value> {
    let paths = vec![
        "title",
        "name",
        "name.givenName",
        "emails",
        "emails.type",
        "emails[type eq \"work\"]",
        "emails[type eq \"work\"].value",
        "emails[value eq \"a\" and primary eq true]",
        "active",
        "userName",
        "urn:example:params:scim:schemas:test:1.0:User:tags",
        "urn:example:params:scim:schemas:test:1.0:User:imm",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "schemas",
        "id",
        "meta",
        "nonsense",
        "emails[",
        "urn:example:params:scim:schemas:test:1.0:User:badges",
        "password",
    ];
    let value = prop_oneof![
        text().prop_map(Value::from),
        email(),
        prop::collection::vec(email(), 0..3).prop_map(Value::from),
        prop::collection::vec(text(), 0..3).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        text().prop_map(|text| json!({"givenName": text, "department": text})),
        text().prop_map(|text| json!({"title": text, "name.familyName": text, "emails": [{"value": text}]})),
    ];
    (
        prop::sample::select(vec!["add", "remove", "replace", "Replace"]),
        prop::option::of(prop::sample::select(paths)),
        value,
    )
        .prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
}

fn member_operation() -> impl Strategy<Value = Value> {
    let id = || prop::sample::select(vec!["u1", "u2", "u3", "g4"]);
    let value = prop_oneof![
        prop::collection::vec(id(), 0..3).prop_map(|ids| ids.iter().map(|id| json!({"value": id})).collect()),
        id().prop_map(|id| json!({"$ref": format!("../x/{id}")})),
        Just(Value::Null),
    ];
    let path = prop_oneof![
        Just("members".to_owned()),
        id().prop_map(|id| format!("members[value eq \"{id}\"]")),
        Just("members[type eq \"User\"]".to_owned()),
        Just("displayName".to_owned()),
    ];
    (prop::sample::select(vec!["add", "remove", "replace", "Replace"]), path, value).prop_map(|(op, path, value)| {
        match path.as_str() {
            "displayName" => json!({"op": "replace", "path": path, "value": "Tour"}),
            "members[type eq \"User\"]" => json!({"op": "remove", "path": path}),
            _ => json!({"op": op, "path": path, "value": value}),
        }
    })
}

/// A record of this body, as a POST would make it.
fn stored(body: &Value) -> Record {
    let draft = check::resource(body, &kind("Users"), &Profile::Compatible.rules(), &Limits::default()).unwrap();
    let change = create(draft, &kind("Users"), making()).unwrap();
    after(&record(&json!({"schemas": [USER], "id": "u1", "userName": "x"})), &change)
}

/// The resource as a client sees it.
fn shown(record: &Record) -> Value {
    let mut shown = record.document.parse();
    for links in &record.links {
        let urn = links.at.extension().unwrap();
        let home = shown.entry(&**urn).or_insert_with(|| json!({}));
        home[&links.at.attr().name] = json!({"value": links.links[0].target.id.as_str(), "displayName": "computed"});
    }
    shown.insert("id".into(), "u1".into());
    Value::Object(shown)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// 7644-3.5.2-23 and 7644-3.5.2-20: operations in one request end as they do one by one, and where one fails
    /// nothing comes of the others.
    #[test]
    fn a_patch_is_the_sum_of_its_operations(
        body in user(),
        ops in prop::collection::vec(operation(), 1..4),
        strict in any::<bool>(),
    ) {
        let profile = if strict { Profile::Strict } else { Profile::Named(crate::access::Client::Entra) };
        let now = stored(&body);
        let whole = patch(profile, &now, &operations(json!(ops)));
        let mut step = now.clone();
        let mut failed = false;
        for op in &ops {
            match patch(profile, &step, &operations(json!([op]))) {
                Ok(change) => step = change.map_or_else(|| step.clone(), |change| after(&step, &change)),
                Err(_) => failed = true,
            }
            if failed { break; }
        }
        match whole {
            Ok(change) if !failed => {
                let end = change.map_or_else(|| now.clone(), |change| after(&now, &change));
                prop_assert_eq!(shape(&end), shape(&step));
            }
            // What one operation leaves incomplete, the next may complete: required values count in the end.
            Ok(_) => prop_assert!(failed),
            Err(_) => prop_assert!(failed),
        }
    }

    /// The net edit of many membership operations is what they come to one by one, read or unread.
    #[test]
    fn membership_operations_sum_up(
        members in prop::collection::btree_set(prop::sample::select(vec!["u1", "u2", "g4"]), 0..3),
        ops in prop::collection::vec(member_operation(), 1..6),
    ) {
        let members = members.iter().map(|id| json!({"value": id})).collect::<Vec<_>>();
        let now = record(&json!({"schemas": [GROUP], "id": "g1", "displayName": "Tour", "members": members}));
        let whole = patch(Profile::Compatible, &now, &operations(json!(ops)));
        // A capital letter anywhere makes the whole message Entra's.
        let capital = ops.iter().any(|op| op["op"] == "Replace");
        let profile = if capital { Profile::Named(crate::access::Client::Entra) } else { Profile::Compatible };
        let mut step: Result<Record, ScimError> = Ok(now.clone());
        for op in &ops {
            step = step.and_then(|now| {
                let change = patch(profile, &now, &operations(json!([op])))?;
                Ok(change.map_or_else(|| now.clone(), |change| after(&now, &change)))
            });
        }
        let whole = whole.map(|change| change.map_or_else(|| now.clone(), |change| after(&now, &change)));
        let (whole, step) = (whole.map(|now| shape(&now)), step.map(|now| shape(&now)));
        // What kind a member has that was only just added is not asked before it is stored.
        let refused = |now: &Result<Value, ScimError>| now.as_ref().is_err_and(|error| error.detail.contains("not known yet"));
        if refused(&whole) {
            return Ok(());
        }
        // Which of two errors is told first differs: some are known before the record is looked at.
        prop_assert_eq!(whole.ok(), step.ok());
    }

    /// 7644-3.5.2-27: what was done already is no change.
    #[test]
    fn a_replace_done_again_changes_nothing(body in user(), mut op in operation()) {
        let now = stored(&body);
        op["op"] = "replace".into();
        if op["path"] == "password" {
            return Ok(()); // 7644-3.5.2.3-12
        }
        if let Ok(Some(change)) = patch(Profile::Compatible, &now, &operations(json!([op]))) {
            let then = after(&now, &change);
            if let Ok(second) = patch(Profile::Compatible, &then, &operations(json!([op]))) {
                prop_assert!(second.is_none(), "{:?}", second.map(|second| shape(&after(&then, &second))));
            }
        }
    }

    /// 7644-3.5.1-15: a resource put back as it was shown is no change, and the document stays canonical.
    #[test]
    fn a_put_of_what_is_shown_changes_nothing(body in user(), ops in prop::collection::vec(operation(), 0..4)) {
        let mut now = stored(&body);
        for op in ops {
            if let Ok(Some(change)) = patch(Profile::Compatible, &now, &operations(json!([op]))) {
                now = after(&now, &change);
            }
        }
        let rules = Profile::Strict.rules();
        let draft = check::resource(&shown(&now), &kind("Users"), &rules, &Limits::default()).unwrap();
        let change = resolve(replace(draft, &kind("Users"), &rules, making()), &now).unwrap();
        prop_assert!(change.is_none(), "{} became {:?}", shown(&now), change.map(|change| shape(&after(&now, &change))));
    }
}
