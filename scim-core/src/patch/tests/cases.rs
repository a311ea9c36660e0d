//! Every row of `patch-cases.tsv`, in both profiles, and some that the catalogue leaves to requirements.

use super::*;

fn table(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().skip(1).map(|line| line.split('\t').collect())
}

#[test]
fn the_catalogue_holds_in_both_profiles() {
    let cases = include_str!("../../../../conformance-tests/data/patch-cases.tsv");
    let profiles = include_str!("../../../../conformance-tests/data/profiles.tsv");
    let profiles = table(profiles).collect::<Vec<_>>();
    let mut failed = Vec::new();
    let mut count = 0;
    for case in table(cases) {
        let [id, initial, message, expected, ..] = case[..] else { panic!("{case:?}") };
        let own = profiles.iter().find(|row| row[0] == id);
        for (profile, column) in BOTH.into_iter().zip([1, 2]) {
            let expected = match own.map(|row| row[column]) {
                None | Some("=") => expected,
                Some(other) => other,
            };
            count += 1;
            if let Err(why) = holds(profile, initial, message, expected) {
                failed.push(format!("{id} {profile}: {why}"));
            }
        }
    }
    assert_eq!(count, 340);
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

fn holds(profile: Profile, initial: &str, message: &str, expected: &str) -> Result<(), String> {
    let initial: Value = serde_json::from_str(initial).unwrap();
    let message: Value = serde_json::from_str(message).unwrap();
    let message = if message.is_array() { operations(message) } else { message };
    let now = record(&initial);
    let outcome = patch(profile, &now, &message);
    if let Ok(expected) = serde_json::from_str::<Value>(expected) {
        let change = outcome.map_err(|error| format!("refused: {} {error}", error.kind))?;
        let moved = change.as_ref().map_or_else(|| now.clone(), |change| after(&now, change));
        let (got, wanted) = (shape(&moved), shape(&record(&expected)));
        if got != wanted {
            return Err(format!("got {got} instead of {wanted}"));
        }
        if expected == initial && change.is_some_and(|change| change.document.is_some()) {
            return Err("rewrites what stays the same".into());
        }
        return Ok(());
    }
    match outcome {
        Err(error) if error.kind.to_string() == expected => Ok(()),
        Err(error) => Err(format!("refused as {} ({error}) instead of {expected}", error.kind)),
        // Another resource holds the value: the store refuses the claim.
        Ok(Some(change)) if expected == "409 uniqueness" => {
            let taken = change.claim.iter().any(|claim| ["alice", "K2"].contains(&claim.token.as_str()));
            if taken { Ok(()) } else { Err(format!("claims {:?}", change.claim)) }
        }
        Ok(change) => Err(format!("accepted as {:?}", change.map(|change| shape(&after(&now, &change))))),
    }
}

/// Checks one PATCH: the document and links it leads to, or the error.
fn check(profiles: &[Profile], initial: Value, ops: Value, expected: Value) {
    for profile in profiles {
        let expected = expected.as_str().map_or_else(|| expected.to_string(), str::to_owned);
        let held = holds(*profile, &initial.to_string(), &ops.to_string(), &expected);
        assert_eq!(held, Ok(()), "{profile} {ops}");
    }
}

fn user(more: Value) -> Value {
    let mut user = json!({"schemas": [USER], "id": "u1", "userName": "bjensen"});
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    user
}

fn group(members: Value) -> Value {
    json!({"schemas": [GROUP], "id": "g1", "displayName": "Tour", "members": members})
}

const LENIENT: &[Profile] = &[Profile::Compatible];
const STRICT: &[Profile] = &[Profile::Strict];

#[test]
fn no_operations_are_no_change_for_entra_alone() {
    // 7644-3.5.2-02: Microsoft's validator sends such a message where it finds nothing to patch, and goes on only after a success.
    let before = user(json!({"title": "T"}));
    check(&BOTH, before.clone(), json!([]), json!("400 invalidSyntax"));
    check(&[Profile::Named(crate::access::Client::Entra)], before.clone(), json!([]), before);
}

#[test]
fn replace_creates_only_in_entras_dialect() {
    // R11, 7644-3.5.2.3-08
    let one = |op: &str| json!([{"op": op, "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1"}]);
    let made = user(json!({"phoneNumbers": [{"type": "mobile", "value": "1"}]}));
    check(LENIENT, user(json!({})), one("Replace"), made.clone());
    check(STRICT, user(json!({})), one("Replace"), json!("400 noTarget"));
    check(&BOTH, user(json!({})), one("replace"), json!("400 noTarget"));
    check(&[Profile::Named(crate::access::Client::Entra)], user(json!({})), one("replace"), made);
    let flagged = json!([
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "z@x"},
        {"op": "replace", "value": {"name.givenName": "Z", format!("{ENTERPRISE}:employeeNumber"): "7"}},
    ]);
    let made = json!({"schemas": [USER, ENTERPRISE], "id": "u1", "userName": "bjensen", "name": {"givenName": "Z"},
        "emails": [{"value": "z@x", "type": "work"}], ENTERPRISE: {"employeeNumber": "7"}});
    check(LENIENT, user(json!({})), flagged, made);
}

#[test]
fn a_manager_is_set_and_unset_in_every_way_clients_know() {
    // R9, R10; Entra's removal is {"value": ""}
    let path = format!("{ENTERPRISE}:manager");
    let with = |manager: Value| json!({"schemas": [USER, ENTERPRISE], "id": "u1", "userName": "bjensen", ENTERPRISE: {"manager": manager}});
    let (none, two) = (user(json!({})), with(json!({"value": "u2"})));
    let op = |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
    for verb in ["add", "replace"] {
        check(&BOTH, none.clone(), op(verb, &path, json!({"value": "u2"})), two.clone());
        check(&BOTH, with(json!({"value": "u3"})), op(verb, &path, json!({"$ref": "../Users/u2"})), two.clone());
        check(LENIENT, none.clone(), op(verb, &path, json!("u2")), two.clone());
        check(STRICT, none.clone(), op(verb, &path, json!("u2")), json!("400 invalidValue"));
        check(&BOTH, none.clone(), op(verb, &format!("{path}.value"), json!("u2")), two.clone());
        check(&BOTH, two.clone(), op(verb, &path, json!({"displayName": "Boss"})), two.clone());
    }
    for cleared in [json!({"value": ""}), json!({"value": null}), json!(null), json!(""), json!({})] {
        check(&BOTH, two.clone(), op("replace", &path, cleared.clone()), none.clone());
        check(&BOTH, two.clone(), op("add", &path, cleared), two.clone());
    }
    check(&BOTH, two.clone(), op("replace", &format!("{path}.value"), json!("")), none.clone());
    check(&BOTH, two.clone(), json!([{"op": "remove", "path": path}]), none.clone());
    check(&BOTH, two.clone(), json!([{"op": "remove", "path": format!("{path}.value")}]), none.clone());
    check(&BOTH, two.clone(), json!([{"op": "remove", "path": ENTERPRISE}]), none.clone());
    check(&BOTH, none, op("add", ENTERPRISE, json!({"manager": {"value": "u2"}})), two.clone());
    check(&BOTH, two, op("replace", &path, json!({"value": "u3", "$ref": "../Users/u2"})), json!("400 invalidValue"));
    check(LENIENT, user(json!({})), op("Add", "manager", json!("u2")), with(json!({"value": "u2"})));
    check(STRICT, user(json!({})), op("add", "manager", json!({"value": "u2"})), json!("400 invalidPath"));
}

#[test]
fn members_are_found_by_filters_and_never_edited() {
    // 7643-4.2-03, 7644-3.5.2.3-10
    let both = || group(json!([{"value": "u1"}, {"value": "g2"}]));
    let op = |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
    let remove = |path: &str| json!([{"op": "remove", "path": path}]);
    let (users, groups) = (group(json!([{"value": "u1"}])), group(json!([{"value": "g2"}])));
    check(&BOTH, both(), remove("members[type eq \"User\"]"), groups.clone());
    check(&BOTH, both(), remove("members[$ref eq \"https://h/v2/Groups/g2\"]"), users.clone());
    check(&BOTH, both(), remove("members[value eq \"u1\" or value eq \"u9\"]"), groups.clone());
    check(&BOTH, both(), remove("members[not (value eq \"u1\")]"), users.clone());
    check(&BOTH, both(), remove("members[value sw \"u\"]"), groups);
    check(&BOTH, both(), op("add", "members[value eq \"u1\"]", json!({"type": "User"})), both());
    check(&BOTH, users.clone(), op("add", "members[value eq \"g2\"]", json!({"type": "Group"})), both());
    check(&BOTH, users.clone(), op("add", "members[type eq \"Group\"].value", json!("g2")), both());
    check(&BOTH, users.clone(), op("add", "members[value ne \"u1\"].type", json!("User")), json!("400 noTarget"));
    check(&BOTH, both(), op("add", "members[value eq \"u1\"].type", json!("Group")), json!("400 mutability"));
    check(&BOTH, both(), op("replace", "members[value eq \"u1\"]", json!({"value": "u1"})), both());
    check(&BOTH, both(), op("replace", "members[value eq \"u1\"].value", json!("u1")), both());
    check(&BOTH, both(), op("replace", "members[value eq \"u9\"]", json!({"value": "u9"})), json!("400 noTarget"));
    check(&BOTH, both(), op("replace", "members[type eq \"Group\"]", json!(null)), users.clone());
    check(&BOTH, both(), op("replace", "members.value", json!("u3")), json!("400 mutability"));
    check(
        &BOTH,
        users.clone(),
        op("add", "members", json!([{"value": "u2", "type": "Device"}])),
        json!("400 invalidValue"),
    );
    check(LENIENT, both(), op("Remove", "members", json!([{"$ref": null, "value": "g2"}])), users);
    // What was removed and added again is still there.
    let again = json!([{"op": "remove", "path": "members[type pr]"}, {"op": "add", "path": "members", "value": [{"value": "u1"}, {"value": "g2"}]}]);
    let change = patch(Profile::Strict, &record(&both()), &operations(again)).unwrap();
    assert!(change.is_none());
}

#[test]
fn membership_changes_need_no_record() {
    // R18, R21, R22: one Remove and one Add, in the order of the request, the last word on each
    let ops = json!([
        {"op": "add", "path": "members", "value": [{"value": "u1"}, {"value": "u2", "type": "User"}, {"value": "u3"}]},
        {"op": "remove", "path": "members[value eq \"u3\"]"},
        {"op": "remove", "path": "members", "value": [{"value": "u4"}]},
        {"op": "add", "path": "members", "value": {"value": "u4"}},
    ]);
    let rules = Profile::Compatible.rules();
    let request = PatchRequest::parse(&operations(ops), &rules, &Limits::default()).unwrap();
    let plan = Plan::compile(&request, &kind("Groups"), &ResourceId::new("g1"), &rules, &Limits::default()).unwrap();
    assert!(plan.only_links());
    let without = Arc::new(HashSet::from([ResourceId::new("u1")]));
    let Change::Known(change) = Arc::new(plan).into_change(Making { without, ..making() }) else { panic!() };
    let told = change.links.iter().map(|edit| match edit {
        LinkEdit::Add { targets, kinds, .. } => format!("add {targets:?} in {kinds:?}"),
        LinkEdit::Remove { targets, .. } => format!("remove {targets:?}"),
        LinkEdit::Replace { .. } => "replace".into(),
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["remove [\"u3\"]", "add [\"u2\"] in [User]", "add [\"u4\"] in [User, Group]"]
    );
    assert_eq!(change.record.attributes, ["members"]);
    assert_eq!(change.record.after, Some(json!({"members": {"removed": ["u3"], "added": ["u2", "u4"]}})));
}

#[test]
fn bounds_hold() {
    let limits = Limits { patch_operations: 2, patch_members: 3, ..Limits::default() };
    let rules = Profile::Strict.rules();
    let run = |ops: Value| {
        PatchRequest::parse(&operations(ops), &rules, &limits)
            .and_then(|request| Plan::compile(&request, &kind("Groups"), &ResourceId::new("g1"), &rules, &limits))
            .map(|_| ())
            .map_err(|error| error.kind.status())
    };
    let add = |ids: &[&str]| {
        let values = ids.iter().map(|id| json!({"value": id})).collect::<Vec<_>>();
        json!({"op": "add", "path": "members", "value": values})
    };
    assert_eq!(run(json!([add(&["a"]), add(&["b", "c"])])), Ok(()));
    assert_eq!(run(json!([add(&["a", "b"]), add(&["c", "d"])])), Err(413));
    assert_eq!(run(json!([add(&["a"]), add(&["b"]), add(&["c"])])), Err(413));
}

#[test]
fn pathless_values_hold_keys_of_every_kind() {
    // R14, R15, 7644-3.5.2.1-04, 7644-3.5.2.1-06
    let pathless = |value: Value| json!([{"op": "add", "value": value}]);
    let made = json!({"schemas": [USER, ENTERPRISE], "id": "u1", "userName": "bjensen", "title": "T",
        ENTERPRISE: {"department": "R", "division": "D", "manager": {"value": "u2"}}});
    let given = json!({"TITLE": "T", ENTERPRISE.to_uppercase(): {"Department": "R", "manager.value": "u2"},
        format!("{ENTERPRISE}:division"): "D", "schemas": [USER, ENTERPRISE]});
    check(&BOTH, user(json!({})), pathless(given), made);
    check(&BOTH, user(json!({})), pathless(json!({USER: {"title": "T"}})), user(json!({"title": "T"})));
    check(
        LENIENT,
        user(json!({})),
        pathless(json!({"meta": {"created": "x"}, "groups": [{"value": "g"}]})),
        user(json!({})),
    );
    check(
        STRICT,
        user(json!({})),
        pathless(json!({"meta": {"created": "2000-01-01T00:00:00Z"}})),
        json!("400 mutability"),
    );
    check(
        STRICT,
        user(json!({})),
        pathless(json!({"meta": {"resourceType": "User", "created": "1970-01-01T00:00:00Z"}})),
        user(json!({})),
    );
    check(STRICT, user(json!({})), pathless(json!({"groups": [{"value": "g"}]})), json!("400 mutability"));
    check(&BOTH, user(json!({})), pathless(json!({TEST: {"fixed": "a"}})), json!("400 mutability"));
    let fixed = json!({"schemas": [USER, TEST], "id": "u1", "userName": "bjensen", TEST: {"fixed": "a"}});
    check(&BOTH, fixed.clone(), pathless(json!({TEST: {"fixed": "A"}})), fixed);
    check(LENIENT, user(json!({})), pathless(json!({"department": "R"})), user(json!({})));
    check(STRICT, user(json!({})), pathless(json!({"department": "R"})), json!("400 invalidSyntax"));
    check(&BOTH, user(json!({"title": "T"})), json!([{"op": "replace", "value": {"title": null}}]), user(json!({})));
    // Naming fewer schemas in a path-less value removes nothing.
    let whole =
        json!({"schemas": [USER, ENTERPRISE], "id": "u1", "userName": "bjensen", ENTERPRISE: {"division": "D"}});
    check(&BOTH, whole.clone(), json!([{"op": "replace", "value": {"schemas": [USER]}}]), whole);
}

#[test]
fn schemas_follow_the_data() {
    // 7644-3.5.2-18, 7644-3.5.2-19
    let with = json!({"schemas": [USER, ENTERPRISE], "id": "u1", "userName": "bjensen", ENTERPRISE: {"division": "D"}});
    let without = user(json!({}));
    let ops = |op: &str, value: Value| json!([{"op": op, "path": "schemas", "value": value}]);
    check(&BOTH, with.clone(), ops("replace", json!([USER])), without.clone());
    check(&BOTH, with.clone(), ops("remove", json!([ENTERPRISE])), without.clone());
    check(&BOTH, with.clone(), ops("replace", json!([USER, ENTERPRISE])), with.clone());
    check(&BOTH, with.clone(), ops("replace", json!([ENTERPRISE])), json!("400 mutability"));
    check(&BOTH, with.clone(), ops("remove", json!([USER])), json!("400 mutability"));
    check(&BOTH, with, ops("replace", json!([])), json!("400 invalidValue"));
    let immutable = json!({"schemas": [USER, TEST], "id": "u1", "userName": "bjensen", TEST: {"imm": "a"}});
    check(&BOTH, immutable, json!([{"op": "remove", "path": TEST}]), json!("400 mutability"));
}

#[test]
fn elements_keep_their_rules() {
    let emails = |emails: Value| user(json!({"emails": emails}));
    let op = |op: &str, path: &str, value: Value| json!([{"op": op, "path": path, "value": value}]);
    let two = || emails(json!([{"value": "a@x", "type": "work", "primary": true}, {"value": "b@x", "type": "home"}]));
    // remove with a list: by the parts it names (R17)
    check(
        &BOTH,
        two(),
        op("remove", "emails", json!([{"value": "A@X"}])),
        emails(json!([{"value": "b@x", "type": "home"}])),
    );
    check(&BOTH, two(), op("remove", "emails", json!([{"value": "a@x", "type": "home"}])), two());
    check(&BOTH, two(), op("remove", "emails", json!([{"type": "home"}, {"value": "a@x"}])), user(json!({})));
    check(&BOTH, two(), op("remove", "emails", json!([])), two());
    check(&BOTH, two(), json!([{"op": "remove", "path": "emails", "value": null}]), user(json!({})));
    // two values that become the same are one
    check(&BOTH, two(), op("replace", "emails[type pr]", json!({"value": "c@x"})), emails(json!([{"value": "c@x"}])));
    check(
        &BOTH,
        two(),
        op("replace", "emails[type eq \"work\"]", json!({"value": null})),
        emails(json!([{"value": "b@x", "type": "home"}])),
    );
    check(&BOTH, two(), op("replace", "emails.primary", json!(true)), json!("400 invalidValue"));
    // Entra gives a role without a type where one with a type is primary
    let added = json!([{"value": "a@x", "type": "work", "primary": false}, {"value": "b@x", "type": "home"}, {"value": "c@x", "primary": true}]);
    check(&BOTH, two(), op("add", "emails", json!({"value": "c@x", "primary": true})), emails(added));
    // immutable parts (7643-7-11)
    let badges =
        |badges: Value| json!({"schemas": [USER, TEST], "id": "u1", "userName": "bjensen", TEST: {"badges": badges}});
    let path = |tail: &str| format!("{TEST}:badges{tail}");
    let one = || badges(json!([{"value": "b1", "level": 1}]));
    check(&BOTH, one(), op("replace", &path("[value eq \"b1\"].value"), json!("b2")), json!("400 mutability"));
    check(&BOTH, one(), op("replace", &path("[value eq \"b1\"].value"), json!("B1")), one());
    check(&BOTH, one(), json!([{"op": "remove", "path": path("[value eq \"b1\"].value")}]), json!("400 mutability"));
    check(
        &BOTH,
        one(),
        op("replace", &path("[value eq \"b1\"]"), json!({"level": 2})),
        badges(json!([{"value": "b1", "level": 2}])),
    );
    check(&BOTH, one(), op("replace", &path(""), json!([{"value": "b2"}])), badges(json!([{"value": "b2"}])));
    check(&BOTH, badges(json!([{"level": 1}])), op("add", &path(".value"), json!("b1")), one());
}

#[test]
fn a_request_that_fails_says_why() {
    let now = record(&user(json!({"emails": [{"value": "a@x", "type": "work"}]})));
    for (ops, told) in [
        (json!([{"op": "replace", "path": "active", "value": "yes"}]), "active takes true or false, not \"yes\""),
        (json!([{"op": "remove", "path": "userName"}]), "userName is required"),
        (
            json!([{"op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x"}]),
            "no value of emails satisfies",
        ),
        (json!([{"op": "replace", "path": "password", "value": 5}]), "password takes a string"),
    ] {
        let refused = patch(Profile::Strict, &now, &operations(ops)).unwrap_err();
        assert!(refused.detail.starts_with(told), "{refused}");
    }
}

#[test]
fn secrets_are_changes_that_nobody_sees() {
    // 7644-3.5.2.3-12, 7644-3.5.2.2-12, 7643-4.1.1-11
    let now = record(&user(json!({})));
    let run = |op: Value| patch(Profile::Strict, &now, &operations(json!([op])));
    let change = run(json!({"op": "replace", "path": "password", "value": "n3w-Secret"})).unwrap().unwrap();
    assert!(change.document.is_none() && change.secrets[0].value.is_some());
    assert_eq!(change.record.attributes, ["password"]);
    assert!(!format!("{change:?}{}", serde_json::to_string(&change.record).unwrap()).contains("n3w"));
    let change = run(json!({"op": "remove", "path": "password"})).unwrap().unwrap();
    assert!(change.secrets[0].value.is_none());
    assert_eq!(
        run(json!({"op": "add", "path": "password", "value": ""})).unwrap_err().kind.to_string(),
        "400 invalidValue"
    );
}

#[test]
fn work_is_bounded() {
    // A thousand filters over many values would keep the record locked.
    let emails = (0..2_000).map(|n| json!({"value": format!("{n}@x"), "type": "work"})).collect::<Vec<_>>();
    let now = record(&user(json!({"emails": emails})));
    let op = json!({"op": "remove", "path": "emails[type eq \"fax\"]"});
    let refused = patch(Profile::Strict, &now, &operations(json!(vec![op; 1_000]))).unwrap_err();
    assert_eq!(refused.kind.to_string(), "400 tooMany");
}

#[test]
fn the_change_record_tells_what_was_touched() {
    let now = record(&user(json!({"title": "T", "displayName": "Old"})));
    let ops = json!([{"op": "remove", "path": "title"}, {"op": "replace", "path": "displayName", "value": "New"}]);
    let change = patch(Profile::Strict, &now, &operations(ops)).unwrap().unwrap();
    assert_eq!(change.record.attributes, ["displayName", "title"]);
    assert_eq!(change.record.before, Some(json!({"displayName": "Old", "title": "T"})));
    assert_eq!(change.record.after, Some(json!({"displayName": "New"})));
    assert_eq!(change.label.as_deref(), Some("New"));
    let ops = json!([{"op": "replace", "path": "userName", "value": "new"}]);
    let change = patch(Profile::Strict, &now, &operations(ops)).unwrap().unwrap();
    assert_eq!((change.release[0].token.as_str(), change.claim[0].token.as_str()), ("bjensen", "new"));
    assert!(change.label.is_none());
}
