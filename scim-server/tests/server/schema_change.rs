//! A schema that changes under existing data: what is no longer named stays stored and unseen.

use serde_json::json;

use crate::support::{Running, USER};

const URN: &str = "urn:example:params:scim:schemas:badge:1.0:User";

fn schema() -> String {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": URN,
        "name": "Badge",
        "description": "Badges",
        "attributes": [{ "name": "badgeId", "type": "string", "description": "The badge" }],
    })
    .to_string()
}

#[test]
fn what_was_removed_from_the_schemas_stays_stored_and_unseen() {
    let with_schema = "[[schemas]]\nfile = \"{dir}/badge.json\"\n";
    let start = |settings: &str, from: Option<&Running>| {
        Running::prepared(settings, |directory| {
            std::fs::write(directory.join("badge.json"), schema()).unwrap();
            if let Some(from) = from {
                std::fs::copy(from.directory.path().join("copy.db"), directory.join("scim.db")).unwrap();
            }
        })
    };
    // The file alone is not the database as long as somebody has it open.
    let stopped = |mut server: Running| {
        server.command(&["backup", &server.directory.path().join("copy.db").display().to_string()]);
        server.stopper().stop();
        server.join();
        server
    };
    let first = start(with_schema, None);
    let user = json!({ "schemas": [USER, URN], "userName": "bj", URN: { "badgeId": "B-1" } });
    let id = first.post("/scim/v2/Users", &user).json()["id"].as_str().unwrap().to_owned();
    let token = first.token.clone();
    let first = stopped(first);

    let mut second = start("", Some(&first));
    second.token = token.clone();
    let shown = second.get(&format!("/scim/v2/Users/{id}")).json();
    assert_eq!((shown["userName"].as_str(), shown.get(URN)), (Some("bj"), None), "{shown}");
    let listed = String::from_utf8(second.get("/scim/v2/Users").body).unwrap();
    assert!(!listed.contains("B-1"), "{listed}");
    let patch = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "add", "path": "title", "value": "T" }],
    });
    assert_eq!(second.request("PATCH", &format!("/scim/v2/Users/{id}")).json(&patch).send().status, 200);
    let second = stopped(second);

    let mut third = start(with_schema, Some(&second));
    third.token = token;
    let shown = third.get(&format!("/scim/v2/Users/{id}")).json();
    assert_eq!(shown[URN]["badgeId"], "B-1", "{shown}");
    assert_eq!(shown["title"], "T");
}
