//! A store of the first layout, full of what a server of that time wrote, under the program of today: every answer is what it was then,
//! and everything can be changed. `upgrade/` holds the store and the answers, as that server gave them.

use conformance_tests::session::user;
use serde_json::{Value, json};

use crate::ground::{INDEX, OLDER};
use crate::support::Server;

/// Where that server was reached.
const THERE: &str = "https://scim.example.com/scim/v2";

/// What it answered, as if it had been reached here: path, status, ETag, body.
fn answers(here: &str) -> Vec<(String, u16, Option<String>, Value)> {
    let line = |line: &str| {
        let mut answer: Value = serde_json::from_str(&line.replace(THERE, here)).unwrap();
        let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
        let etag = answer["etag"].as_str().map(str::to_owned);
        (answer["path"].as_str().unwrap().to_owned(), status, etag, answer["body"].take())
    };
    OLDER[1].lines().map(line).collect()
}

/// 7644-3.14: an ETag that did not change says so, over an upgrade too.
#[test]
fn what_an_older_release_wrote_is_answered_as_it_was() {
    let mut server = Server::of(|program| {
        let program = program.with(INDEX, "title");
        program.ground().run(OLDER[0]);
        assert_eq!(program.ground().layout(), 1);
        // Who looks leaves it to the programs that can read it.
        let said = program.done(&["check-config"]);
        assert!(said.contains("# store: the database") && said.contains("an older scim-server"), "{said}");
        let said = program.done(&["doctor"]);
        assert!(said.contains("an older scim-server"), "{said}");
        assert_eq!(program.ground().layout(), 1);
        program
    });
    for round in 0..2 {
        let session = server.session();
        let all = answers(&session.site.base);
        for (path, status, etag, body) in &all {
            let answer = session.get(path).unwrap();
            assert_eq!((answer.status, answer.header("etag")), (*status, etag.as_deref()), "{path}");
            assert!(*status >= 400 || answer.body == *body, "round {round}: {path}: {body} became {}", answer.body);
        }
        let (path, _, etag, _) = &all[0];
        let same = session.request("GET", path).header("If-None-Match", etag.as_deref().unwrap()).send().unwrap();
        assert_eq!(same.status, 304);
        server.stop();
        server.program().done(&["reindex"]);
        server.restart();
    }
    let session = server.session();
    let said = server.program().done(&["tenant", "list"]);
    assert!(said.lines().any(|line| line.starts_with("off ") && line.contains("disabled")), "{said}");
    let all = answers(&session.site.base);
    let (path, _, etag, body) = &all[4];
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
        {"op": "replace", "path": "userName", "value": "moved@example.com"}, {"op": "replace", "path": "title", "value": "moved"},
    ]});
    let patched =
        session.request("PATCH", path).header("If-Match", etag.as_deref().unwrap()).json(&patch).send().unwrap();
    patched.is(200).unwrap();
    let found = |filter: &str| session.filter("/Users", filter).unwrap().is(200).unwrap().at("/totalResults").clone();
    assert_eq!([found("title eq \"Moved\""), found("userName eq \"MOVED@example.com\"")], [json!(1), json!(1)]);
    // What is unique is so beside what was there, and what was given up is free.
    assert_eq!(session.post("/Users", &user(json!({"userName": "USER5@example.com"}))).unwrap().status, 409);
    session.user(json!({"userName": body["userName"]})).unwrap();
    // Links of before go with either end.
    let groups = all.iter().filter(|(path, ..)| path.starts_with("/Groups/")).collect::<Vec<_>>();
    let (largest, .., members) = groups[3];
    let before = members["members"].as_array().unwrap();
    let gone = before[5]["value"].as_str().unwrap();
    session.delete(&format!("/Users/{gone}")).unwrap().is(204).unwrap();
    let after = session.get(largest).unwrap().is(200).unwrap().list("/members").to_vec();
    assert!(after.len() == before.len() - 1 && after.iter().all(|member| member["value"] != gone), "{after:?}");
    let renamed = json!([{"op": "replace", "path": "displayName", "value": "Renamed anew"}]);
    session.patch(largest, renamed).unwrap();
    let holder = before[6]["value"].as_str().unwrap();
    let shown = session.get(&format!("/Users/{holder}")).unwrap().is(200).unwrap();
    assert!(shown.list("/groups").iter().any(|group| group["display"] == "Renamed anew"), "{}", shown.tell());
    server.is_well();
}
