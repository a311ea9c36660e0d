//! Many requests at one moment. Each goes out on a connection of its own, all but its last byte; then the last bytes.

use std::collections::BTreeSet;
use std::thread;

use conformance_tests::session::{ENTERPRISE, GROUP, Session, message, patch_op, user};
use serde_json::{Value, json};

use crate::support::{Server, at_once, populate, raw_json, statuses};

/// Threat F02; 7643-4.1.1-03, 7644-3.3-08: whichever way the name is written.
#[test]
fn of_100_creates_of_one_name_one_succeeds() {
    let mut server = Server::start();
    let session = server.session();
    let written = ["strasse@example.com", "STRASSE@example.com", "Straße@Example.com", "ｓtrasse@example.com"];
    let requests: Vec<_> = (0..100)
        .map(|n| raw_json(&session, "POST", "/Users", &[], &user(json!({"userName": written[n % written.len()]}))))
        .collect();
    let answers = at_once(&session, &requests);
    assert_eq!(statuses(&answers), [(201, 1), (409, 99)]);
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["scimType"], "uniqueness");
    }
    session.get("/Users").unwrap().has("/totalResults", 1).unwrap();
    server.is_well();
}

/// Threat F03; 7644-3.14-05.
#[test]
fn of_1000_patches_with_one_etag_one_succeeds() {
    let mut server = Server::start();
    let session = server.session();
    let made = session.user(json!({})).unwrap();
    let path = format!("/Users/{}", made.id().unwrap());
    let etag = made.must_header("etag").unwrap();
    let requests: Vec<_> = (0..1_000)
        .map(|n| {
            let body =
                patch_op(json!([{"op": "replace", "value": {"title": format!("{n}"), "nickName": format!("{n}")}}]));
            raw_json(&session, "PATCH", &path, &[("If-Match", etag)], &body)
        })
        .collect();
    let answers = at_once(&session, &requests);
    assert_eq!(statuses(&answers), [(200, 1), (412, 999)]);
    let winner = answers.iter().position(|answer| answer.status == 200).unwrap().to_string();
    let now = session.get(&path).unwrap().is(200).unwrap();
    now.has("/title", winner.as_str()).unwrap().has("/nickName", winner.as_str()).unwrap();
    server.is_well();
}

/// Without `If-Match` all succeed, one after another: none is half of one and half of another.
#[test]
fn changes_of_one_resource_do_not_mix() {
    let server = Server::start();
    let session = server.session();
    let made = session.user(json!({})).unwrap();
    let path = format!("/Users/{}", made.id().unwrap());
    let requests: Vec<_> = (0..200)
        .map(|n| {
            let value = json!({"title": format!("{n}"), "nickName": format!("{n}"), "emails": [{"value": format!("{n}@example.com")}]});
            if n % 2 == 0 {
                raw_json(&session, "PATCH", &path, &[], &patch_op(json!([{"op": "replace", "value": value}])))
            } else {
                let mut body = user(value);
                body["userName"] = made.text("/userName").into();
                raw_json(&session, "PUT", &path, &[], &body)
            }
        })
        .collect();
    assert_eq!(statuses(&at_once(&session, &requests)), [(200, 200)]);
    let now = session.get(&path).unwrap().is(200).unwrap();
    assert_eq!(now.text("/title"), now.text("/nickName"));
    assert_eq!(now.text("/emails/0/value"), format!("{}@example.com", now.text("/title")));
}

fn members(session: &Session, group: &str) -> Vec<String> {
    let shown = session.get(&format!("/Groups/{group}?attributes=members")).unwrap().is(200).unwrap();
    shown.list("/members").iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

/// Threat F01.
#[test]
fn of_1000_members_added_at_once_all_are_there_once() {
    let mut server = Server::start();
    let session = server.session();
    let users = populate(&session, 1_000, |n| format!("member-{n}"));
    let group = session.group("Everybody", &[]).unwrap().id().unwrap().to_owned();
    let path = format!("/Groups/{group}");
    let patch = |operation: Value| raw_json(&session, "PATCH", &path, &[], &patch_op(json!([operation])));
    let add = |id: &String| patch(json!({"op": "add", "path": "members", "value": [{"value": id}]}));

    let answers = at_once(&session, &users.iter().map(add).collect::<Vec<_>>());
    assert_eq!(statuses(&answers), [(204, 1_000)]);
    let shown = members(&session, &group);
    assert_eq!(shown.len(), 1_000, "each once");
    assert_eq!(shown.iter().collect::<BTreeSet<_>>(), users.iter().collect());

    // Again, half of them, while the other half goes.
    let requests: Vec<_> = users
        .iter()
        .enumerate()
        .map(|(n, id)| match n % 2 {
            0 => add(id),
            _ => patch(json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")})),
        })
        .collect();
    assert_eq!(statuses(&at_once(&session, &requests)), [(204, 1_000)]);
    let left: BTreeSet<_> = users.iter().step_by(2).cloned().collect();
    let shown = members(&session, &group);
    assert_eq!((shown.len(), shown.into_iter().collect::<BTreeSet<_>>()), (500, left));
    server.is_well();
}

/// Threat A10: whoever is deleted while being added is no member afterwards.
#[test]
fn a_member_deleted_while_added_leaves_nothing_behind() {
    let mut server = Server::start();
    let session = server.session();
    let users = populate(&session, 200, |n| format!("passing-{n}"));
    let group = session.group("Passing", &[]).unwrap().id().unwrap().to_owned();
    thread::scope(|scope| {
        scope.spawn(|| {
            users.iter().for_each(|id| drop(session.delete(&format!("/Users/{id}")).unwrap().is(204).unwrap()))
        });
        scope.spawn(|| {
            for id in &users {
                let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
                let answer = session.patch(&format!("/Groups/{group}"), add).unwrap();
                assert!(answer.status == 204 || answer.text("/scimType") == "invalidValue", "{}", answer.tell());
            }
        });
    });
    assert_eq!(members(&session, &group), Vec::<String>::new());
    server.is_well();
}

/// A manager is a link too, and a cycle of them harms nobody.
#[test]
fn two_that_make_each_other_manager_both_succeed() {
    let server = Server::start();
    let session = server.session();
    let pair = populate(&session, 2, |n| format!("boss-{n}"));
    let requests: Vec<_> = (0..50)
        .map(|n| {
            let value = json!({ENTERPRISE: {"manager": {"value": pair[(n + 1) % 2]}}});
            raw_json(
                &session,
                "PATCH",
                &format!("/Users/{}", pair[n % 2]),
                &[],
                &patch_op(json!([{"op": "add", "value": value}])),
            )
        })
        .collect();
    let answers = at_once(&session, &requests);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 204)), "{:?}", statuses(&answers));
    for (n, id) in pair.iter().enumerate() {
        let shown = session.get(&format!("/Users/{id}")).unwrap().is(200).unwrap();
        assert_eq!(shown.body[ENTERPRISE]["manager"]["value"], pair[1 - n]);
    }
}

/// 7644-3.7-01: a bulk request of a hundred does not hold up, lose or repeat what others do.
#[test]
fn bulk_requests_at_one_moment_keep_apart() {
    let server = Server::start();
    let session = server.session();
    let requests: Vec<_> = (0..10)
        .map(|bulk| {
            let operation = |n: usize| {
                // Every second name is wanted by all of them.
                let name = if n.is_multiple_of(2) { format!("shared-{n}") } else { format!("own-{bulk}-{n}") };
                json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": user(json!({"userName": name}))})
            };
            let operations: Value = (0..100).map(operation).collect();
            raw_json(&session, "POST", "/Bulk", &[], &message("BulkRequest", json!({"Operations": operations})))
        })
        .collect();
    let mut counted = std::collections::BTreeMap::<String, usize>::new();
    for answer in at_once(&session, &requests) {
        assert_eq!(answer.status, 200);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        for one in body["Operations"].as_array().unwrap() {
            *counted.entry(one["status"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(counted, [("201".to_owned(), 550), ("409".to_owned(), 450)].into());
    session.get("/Users?count=0").unwrap().has("/totalResults", 550).unwrap();
}

/// Threat F04, 7644-3.5.2-08: the last of several operations fails, so none was.
#[test]
fn a_request_that_fails_at_its_end_changes_nothing() {
    let server = Server::start();
    let session = server.session();
    let taken = session.user(json!({"userName": "taken"})).unwrap();
    let made = session
        .user(json!({"displayName": "Before", "emails": [{"value": "before@example.com", "type": "work"}]}))
        .unwrap();
    let group = session.group("Crew", &[made.id().unwrap()]).unwrap();
    let (user_path, group_path) =
        (format!("/Users/{}", made.id().unwrap()), format!("/Groups/{}", group.id().unwrap()));
    let check = |path: &str, operations: Value, status: u16| {
        let before = session.get(path).unwrap().is(200).unwrap();
        let refused = session.patch(path, operations).unwrap();
        assert_eq!(refused.status, status, "{}", refused.tell());
        let after = session.get(path).unwrap();
        assert_eq!((&before.body, before.header("etag")), (&after.body, after.header("etag")));
    };
    let first = json!({"op": "replace", "path": "displayName", "value": "After"});
    let mail = json!({"op": "remove", "path": "emails"});
    check(&user_path, json!([first, mail, {"op": "replace", "path": "userName", "value": "TAKEN"}]), 409);
    check(&user_path, json!([first, mail, {"op": "replace", "path": "id", "value": "x"}]), 400);
    check(&user_path, json!([first, mail, {"op": "remove", "path": "userName"}]), 400);
    check(
        &user_path,
        json!([first, mail, {"op": "replace", "path": "emails[type eq \"none\"].value", "value": "x"}]),
        400,
    );
    let manager = json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": "nobody"}});
    check(&user_path, json!([first, mail, manager]), 400);
    let join = json!({"op": "add", "path": "members", "value": [{"value": taken.id().unwrap()}]});
    check(&group_path, json!([join, first, {"op": "add", "path": "members", "value": [{"value": "nobody"}]}]), 400);
    check(
        &group_path,
        json!([join, {"op": "remove", "path": "members"}, {"op": "remove", "path": "displayName"}]),
        400,
    );

    let count = session.get("/Users?count=0").unwrap().at("/totalResults").clone();
    let nobody = json!({"schemas": [GROUP], "displayName": "Half", "members": [{"value": taken.id().unwrap()}, {"value": "nobody"}]});
    session.post("/Groups", &nobody).unwrap().fails(400, "invalidValue").unwrap();
    session
        .post("/Users", &user(json!({ENTERPRISE: {"manager": {"value": "nobody"}}})))
        .unwrap()
        .fails(400, "invalidValue")
        .unwrap();
    session.get("/Users?count=0").unwrap().has("/totalResults", count).unwrap();
    session.get("/Groups?count=0").unwrap().has("/totalResults", 1).unwrap();
}
