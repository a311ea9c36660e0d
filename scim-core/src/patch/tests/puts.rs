//! POST and PUT (RFC 7644 sections 3.3 and 3.5.1).

use super::*;

fn draft(body: &Value) -> crate::document::Draft {
    check::resource(body, &kind_of(body), &Profile::Strict.rules(), &Limits::default()).unwrap()
}

fn put(now: &Value, body: &Value) -> Result<Option<ChangeSet>, ScimError> {
    resolve(replace(draft(body), &kind_of(body), &Profile::Strict.rules(), making()), &record(now))
}

fn check_put(now: Value, body: Value, expected: Value) {
    let outcome = put(&now, &body);
    let Some(refused) = expected.as_str() else {
        let change = outcome.unwrap();
        let moved = change.as_ref().map_or_else(|| record(&now), |change| after(&record(&now), change));
        assert_eq!(shape(&moved), shape(&record(&expected)), "{body}");
        assert_eq!(change.is_none(), shape(&record(&now)) == shape(&record(&expected)), "{body}");
        return;
    };
    assert_eq!(outcome.map(|_| ()).unwrap_err().kind.to_string(), refused, "{body}");
}

fn user(schemas: &[&str], more: Value) -> Value {
    let mut user = json!({"schemas": schemas, "id": "u1", "userName": "bjensen"});
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    user
}

#[test]
fn what_a_put_leaves_out_is_cleared() {
    // 7644-3.5.1-02 to 7644-3.5.1-04, 7644-3.5.1-08, 7644-3.5.1-14
    let plain = || user(&[USER], json!({}));
    check_put(user(&[USER], json!({"title": "T", "emails": [{"value": "a@x"}]})), plain(), plain());
    check_put(user(&[USER], json!({"title": "T"})), user(&[USER], json!({"title": null, "emails": []})), plain());
    let enterprise = json!({ENTERPRISE: {"department": "R", "manager": {"value": "u2"}}});
    check_put(user(&[USER, ENTERPRISE], enterprise), plain(), plain());
    check_put(
        plain(),
        json!({"schemas": [USER], "id": "u9", "meta": {}, "groups": [], "userName": "bjensen"}),
        plain(),
    );
    let manager = |id: &str| user(&[USER, ENTERPRISE], json!({ENTERPRISE: {"manager": {"value": id}}}));
    check_put(manager("u2"), manager("u3"), manager("u3"));
    check_put(manager("u2"), manager("u2"), manager("u2"));
}

#[test]
fn nobody_is_enabled_again_by_omission() {
    let with = |active: Value| user(&[USER], json!({"active": active}));
    check_put(with(json!(false)), user(&[USER], json!({})), with(json!(false)));
    check_put(with(json!(false)), with(json!(true)), with(json!(true)));
    check_put(with(json!(false)), with(json!(null)), user(&[USER], json!({})));
    check_put(user(&[USER], json!({})), user(&[USER], json!({})), user(&[USER], json!({})));
}

#[test]
fn immutable_and_read_only_values_stay() {
    // 7644-3.5.1-05 to 7644-3.5.1-08
    let test = |own: Value| user(&[USER, TEST], json!({TEST: own}));
    let plain = || user(&[USER], json!({}));
    check_put(test(json!({"imm": "a"})), plain(), test(json!({"imm": "a"})));
    check_put(test(json!({"imm": "a"})), test(json!({"imm": "A"})), test(json!({"imm": "a"})));
    check_put(test(json!({"imm": "a"})), test(json!({"imm": "b"})), json!("400 mutability"));
    check_put(test(json!({"imm": "a"})), test(json!({"imm": null})), json!("400 mutability"));
    check_put(plain(), test(json!({"imm": "b"})), test(json!({"imm": "b"})));
    check_put(test(json!({"fixed": "a"})), plain(), test(json!({"fixed": "a"})));
    check_put(test(json!({"fixed": "a"})), test(json!({"fixed": "b"})), test(json!({"fixed": "a"})));
    let badges = |badges: Value| test(json!({"badges": badges}));
    let other = || badges(json!([{"value": "b2", "level": 1}]));
    check_put(badges(json!([{"value": "b1", "level": 1}])), other(), other());
}

#[test]
fn members_become_exactly_those_of_the_body() {
    // 7644-3.5.1-11
    let group = |members: Value| json!({"schemas": [GROUP], "id": "g1", "displayName": "Tour", "members": members});
    let two = || group(json!([{"value": "u1"}, {"value": "u2"}]));
    check_put(two(), two(), two());
    check_put(two(), group(json!([{"value": "u2", "type": "User"}, {"value": "u1"}])), two());
    check_put(two(), group(json!([{"value": "u3"}])), group(json!([{"value": "u3"}])));
    check_put(two(), group(json!([{"value": "u1"}])), group(json!([{"value": "u1"}])));
    check_put(two(), group(json!([])), group(json!([])));
    check_put(two(), json!({"schemas": [GROUP], "displayName": "Tour"}), group(json!([])));
    // A type that contradicts the member is for the store to refuse.
    let change = put(&two(), &group(json!([{"value": "u1", "type": "Group"}, {"value": "u2"}]))).unwrap();
    assert!(change.is_some_and(|change| !change.links.is_empty()));
}

#[test]
fn required_values_must_be_sent() {
    // 7644-3.5.1-09
    let refused = put(&user(&[USER], json!({})), &json!({"schemas": [USER], "title": "T"})).unwrap_err();
    assert_eq!(refused.kind.to_string(), "400 invalidValue");
    assert!(refused.detail.contains("userName"));
}

#[test]
fn a_post_makes_a_resource() {
    // 7644-3.3-02, 7644-3.3-03
    let made = |body: Value| create(draft(&body), &kind_of(&body), Making { unique_group_names: true, ..making() });
    let plain = made(json!({"schemas": [USER], "userName": "BJensen"})).unwrap();
    assert_eq!(plain.document.as_ref().unwrap().parse()["active"], true);
    assert_eq!(plain.claim[0].token, "bjensen");
    assert_eq!(plain.label.as_deref(), Some("BJensen"));
    assert_eq!(plain.record.attributes, ["userName", "active"]);
    assert!(plain.record.before.is_none());
    for (given, kept) in [(json!(null), Value::Null), (json!([]), Value::Null), (json!(false), json!(false))] {
        let change = made(json!({"schemas": [USER], "userName": "a", "active": given})).unwrap();
        assert_eq!(change.document.unwrap().parse().get("active").cloned().unwrap_or_default(), kept);
    }
    let group = made(json!({"schemas": [GROUP], "displayName": "Tour", "members": [{"value": "u1"}]})).unwrap();
    assert_eq!(group.claim[0].token, "tour");
    assert!(matches!(&group.links[..], [LinkEdit::Add { targets, .. }] if targets.len() == 1));
    let manager = json!({"schemas": [USER], "userName": "a", ENTERPRISE: {"manager": {"value": "u2"}}});
    let change = made(manager).unwrap();
    assert_eq!(change.document.unwrap().parse()["schemas"], json!([USER, ENTERPRISE]));
    assert!(matches!(&change.links[..], [LinkEdit::Replace { targets, .. }] if targets.len() == 1));
}

#[test]
fn a_document_does_not_grow_beyond_its_limit() {
    let bounded = |most: usize| Making { document_max: most, ..making() };
    let body = |title: usize| user(&[USER], json!({"title": "x".repeat(title), "nickName": "y".repeat(50)}));
    let now = record(&body(100));
    let size = now.document.as_str().len();
    let made = |title: usize, most: usize| create(draft(&body(title)), &kind("Users"), bounded(most));
    let put = |title: usize, most: usize| match replace(
        draft(&body(title)),
        &kind("Users"),
        &Profile::Strict.rules(),
        bounded(most),
    ) {
        Change::Of(change) => change.resolve(&now),
        Change::Known(_) => panic!("what is there matters"),
    };
    let new = made(100, usize::MAX).unwrap().document.unwrap().as_str().len();
    assert!(made(100, new).is_ok() && put(101, size + 1).is_ok());
    for refused in [made(100, new - 1).map(Some), put(101, size)] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind.to_string(), "413");
        assert!(refused.detail.contains("limits.resource"), "{}", refused.detail);
    }
    // What is too large already may stay as large as it is, and become smaller.
    assert!(put(99, 10).is_ok() && put(100, 10).unwrap().is_none() && put(101, 10).is_err());
}

#[test]
fn what_no_schema_names_any_more_stays_stored() {
    let gone = "urn:example:gone:1.0:User";
    let mut now = record(&user(&[USER], json!({"title": "T"})));
    let mut attributes = now.document.parse();
    attributes.insert("shoeSize".into(), json!(43));
    attributes.insert(gone.into(), json!({"a": 1}));
    now.document = Document::from_stored(Value::Object(attributes).to_string());
    let body = user(&[USER], json!({"title": "U"}));
    let changes = [
        patch(Profile::Strict, &now, &operations(json!([{"op": "replace", "path": "title", "value": "U"}]))),
        resolve(replace(draft(&body), &kind("Users"), &Profile::Strict.rules(), making()), &now),
    ];
    for change in changes {
        let document = change.unwrap().unwrap().document.unwrap().parse();
        assert_eq!(
            (&document["title"], &document["shoeSize"], &document[gone]),
            (&json!("U"), &json!(43), &json!({"a": 1}))
        );
        assert_eq!(document["schemas"], json!([USER]));
    }
}
