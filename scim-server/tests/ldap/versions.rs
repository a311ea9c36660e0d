//! ETags and If-Match on OpenLDAP: one of two writers wins, also where slapo-unique looks on, and no old ETag stands for members who
//! are gone.

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::support::{Answer, Running, USER};
use crate::{gateway, wait};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn replace(server: &Running, path: &str, etag: &str, operations: &[(&str, &str)]) -> Answer {
    let operation = |(at, value): &(&str, &str)| json!({"op": "replace", "path": at, "value": value});
    let operations: Vec<Value> = operations.iter().map(operation).collect();
    let body = json!({"schemas": [PATCH], "Operations": operations});
    server.request("PATCH", path).header("If-Match", etag).json(&body).send()
}

fn etag(answer: &Answer) -> String {
    answer.header("etag").unwrap_or_else(|| panic!("no ETag: {answer:?}")).to_owned()
}

/// The path of the first that a filter finds.
fn path_of(server: &Running, kind: &str, filter: &str) -> String {
    let coded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let list = server.get(&format!("/scim/v2/{kind}?filter={coded}")).json();
    format!("/scim/v2/{kind}/{}", list["Resources"][0]["id"].as_str().unwrap())
}

/// 7644-3.14-03, so many times as `SCIM_TEST_ROUNDS` says.
#[test]
fn one_of_two_writers_with_one_version_wins() {
    let rounds = std::env::var("SCIM_TEST_ROUNDS").map_or(50, |rounds| rounds.parse().unwrap());
    let slapd = Slapd::start(&Setup { entries: people(0..1), ..Setup::furnished() }).unwrap();
    let server = gateway(&slapd, "mode = \"write\"");
    let path = path_of(&server, "Users", "userName eq \"user000000\"");
    for round in 0..rounds {
        let etag = etag(&server.get(&path));
        let titles = [0, 1].map(|one| format!("{round} of {one}"));
        let mut statuses = std::thread::scope(|scope| {
            let write = |title| replace(&server, &path, &etag, &[("title", title)]).status;
            let writers = titles.each_ref().map(|title| scope.spawn(move || write(title)));
            writers.map(|writer| writer.join().unwrap())
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "round {round}");
    }
}

/// Its own search inherits the assertion of what it looks at, and fails by it: that is not taken for another writer.
#[test]
fn a_rename_keeps_to_its_etag_where_slapo_unique_looks_on() {
    let entries = people(0..3) + &group("staff", 0..2);
    let slapd = Slapd::start(&Setup { entries, unique: true, ..Setup::furnished() }).unwrap();
    let server = gateway(&slapd, "mode = \"write\"");
    let path = path_of(&server, "Users", "userName eq \"user000000\"");
    let old = etag(&server.get(&path));
    let mut current = old.clone();
    for (number, more) in [vec![], vec![("title", "T")]].into_iter().enumerate() {
        let name = format!("renamed{number}");
        let operations = [vec![("userName", name.as_str())], more].concat();
        let done = replace(&server, &path, &current, &operations);
        assert_eq!((done.status, done.json()["userName"].as_str()), (200, Some(name.as_str())), "{done:?}");
        for stale in [&old, &current] {
            let refused = [&operations[..], &[("userName", "stale"), ("displayName", "stale")]].concat();
            replace(&server, &path, stale, &refused).is_error(412, None);
        }
        let now = server.get(&path);
        assert_eq!(now.json()["userName"], name.as_str());
        assert_eq!(now.json()["displayName"], Value::Null, "nothing of what was refused stands");
        assert_eq!(now.json()["groups"][0]["display"], "staff", "a member still");
        current = etag(&now);
    }
    replace(&server, &path, &current, &[("userName", "user000001"), ("title", "U")]).is_error(409, Some("uniqueness"));
    let now = server.get(&path).json();
    assert_eq!((&now["userName"], &now["title"]), (&json!("renamed1"), &json!("T")), "undone as a whole");
    let taken = json!({"schemas": [USER], "userName": "user000001", "name": {"familyName": "F"}});
    server.post("/scim/v2/Users", &taken).is_error(409, Some("uniqueness"));
}

/// refint takes a member out and moves neither `entryCSN` nor `modifyTimestamp` of the group.
#[test]
fn an_old_etag_stands_for_no_members_who_are_gone() {
    let entries = people(0..4) + &group("staff", 0..4);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    let server = gateway(&slapd, "mode = \"write\"");
    let path = path_of(&server, "Groups", "displayName eq \"staff\"");
    let shown = |etag: &str| server.request("GET", &path).header("If-None-Match", etag).send();
    for left in [3, 2] {
        // The overlays see to the group behind the answer to a deletion: until they have, the ETag may move.
        let mut known = String::new();
        wait("an ETag that stays", || {
            known = etag(&server.get(&path));
            shown(&known).status == 304
        });
        let gone = path_of(&server, "Users", &format!("userName eq \"user00000{left}\""));
        assert_eq!(server.request("DELETE", &gone).send().status, 204);
        let now = shown(&known);
        assert_eq!(now.status, 200, "{left} members left");
        assert_eq!(now.json()["members"].as_array().unwrap().len(), left);
        assert_ne!(etag(&now), known);
    }
}
