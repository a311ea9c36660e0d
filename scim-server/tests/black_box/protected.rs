//! What grants much is not to be had over SCIM (threat A07).

use conformance_tests::answer::Answer;
use conformance_tests::session::{GROUP, Session, patch_op, user};
use serde_json::{Value, json};

use crate::ground::LEARNS;
use crate::support::{Server, client_error, wait_until};

/// Every way to make somebody a member of a group, or the group another one, is refused with 403.
fn closed(session: &Session, id: &str, member: &str) {
    let path = format!("/Groups/{id}");
    let body = json!({"schemas": [GROUP], "displayName": "Mine", "members": [{"value": member}]});
    let add = json!([{"op": "add", "path": "members", "value": [{"value": member}]}]);
    let refused = |answer| client_error(answer).fails(403, "").unwrap();
    refused(session.put(&path, &body).unwrap());
    refused(session.patch(&path, add.clone()).unwrap());
    refused(session.patch(&path, json!([{"op": "replace", "path": "displayName", "value": "Mine"}])).unwrap());
    refused(session.patch(&path, json!([{"op": "remove", "path": "members"}])).unwrap());
    refused(session.delete(&path).unwrap());
    for operation in [
        json!({"method": "PUT", "path": path, "data": body}),
        json!({"method": "PATCH", "path": path, "data": patch_op(add)}),
        json!({"method": "DELETE", "path": path}),
    ] {
        let answer = session.bulk(json!([operation])).unwrap().is(200).unwrap();
        assert_eq!(answer.at("/Operations/0/status"), "403", "{}", answer.tell());
    }
}

#[test]
fn nobody_becomes_a_member_of_a_group_that_is_out_of_reach() {
    let mut server = Server::start();
    let session = server.session();
    let made = |answer: Answer| answer.id().unwrap().to_owned();
    let (member, intruder) = (made(session.user(json!({})).unwrap()), made(session.user(json!({})).unwrap()));
    let inner = made(session.group("Inner", &[&member]).unwrap());
    let middle = made(session.group("Middle", &[&inner]).unwrap());
    let admins = made(session.group("Admins", &[&middle]).unwrap());
    let free = made(session.group("Free", &[&admins]).unwrap());
    let shown = || -> Value { session.get("/Groups?sortBy=displayName").unwrap().is(200).unwrap().body };
    let before = shown();

    // A token for people changes no group.
    closed(&session.granted(&["read", "users:write"], None).unwrap(), &admins, &intruder);
    // A token for everything changes none that is protected, nor any in it.
    let protect = |ids: &str| {
        server.program().done(&["tenant", "set", "default", &format!("protected={ids}")]);
        let same = json!([{"op": "replace", "path": "displayName", "value": "Admins"}]);
        let refused = || session.patch(&format!("/Groups/{admins}"), same.clone()).unwrap().status == 403;
        wait_until(LEARNS, "the server learns what is protected", || refused() != ids.is_empty());
    };
    protect(&admins);
    for id in [&admins, &middle, &inner] {
        closed(&session, id, &intruder);
    }
    assert_eq!(shown(), before);

    // The rest is as open as before: a group above, people, and whoever leaves.
    let add = json!([{"op": "add", "path": "members", "value": [{"value": intruder}]}]);
    session.patch(&format!("/Groups/{free}"), add.clone()).unwrap().is(204).unwrap();
    session.patch(&format!("/Users/{intruder}"), json!([{"op": "add", "path": "title", "value": "x"}])).unwrap();
    session.delete(&format!("/Users/{member}")).unwrap().is(204).unwrap();
    session.get(&format!("/Groups/{inner}")).unwrap().is(200).unwrap().lacks("/members").unwrap();
    protect("");
    session.patch(&format!("/Groups/{inner}"), add).unwrap().is(204).unwrap();
    session.post("/Users", &user(json!({"userName": "last"}))).unwrap().is(201).unwrap();
    server.is_well();
}
