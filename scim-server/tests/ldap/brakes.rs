//! What stops a client that has gone wrong, and how an operator lets writes go on.

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::support::{Answer, Running, USER};
use crate::{gateway, with_control};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn ids(server: &Running) -> Vec<String> {
    let list = server.get("/scim/v2/Users?count=100").json();
    list["Resources"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn delete(server: &Running, id: &str) -> u16 {
    server.request("DELETE", &format!("/scim/v2/Users/{id}")).send().status
}

fn patch(server: &Running, id: &str, path: &str, value: Value) -> Answer {
    let body = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": path, "value": value}]});
    server.request("PATCH", &format!("/scim/v2/Users/{id}")).json(&body).send()
}

/// A slip in a client's query must not empty a company.
#[test]
fn who_deletes_too_much_writes_nothing_more() {
    let slapd = Slapd::start(&Setup { entries: people(0..5), ..Setup::furnished() }).unwrap();
    let server = gateway(&slapd, "mode = \"write\"\n[store.ldap.brakes]\ndeletes = 2");
    let all = ids(&server);
    let statuses: Vec<u16> = all.iter().map(|id| delete(&server, id)).collect();
    assert_eq!(statuses, [204, 204, 503, 503, 503]);
    let stopped = patch(&server, &all[4], "title", json!("x"));
    stopped.is_error(503, None);
    assert!(stopped.header("retry-after").is_some(), "{stopped:?}");
    assert!(stopped.json()["detail"].as_str().unwrap().contains("brake on deletes"), "{stopped:?}");
    assert_eq!(ids(&server).len(), 3, "reading goes on");
}

#[test]
fn an_operator_lets_writes_go_on_beside_the_server() {
    let slapd = Slapd::start(&Setup { entries: people(0..6), ..Setup::furnished() }).unwrap();
    let server = with_control(&slapd, "[store.ldap.brakes]\ndeletes = 2");
    let all = ids(&server);
    for _ in 0..2 {
        assert_eq!(
            server.command(&["tenant", "release", "default"]),
            "the writes of the tenant default are not paused"
        );
        let left = ids(&server);
        assert_eq!(left.iter().take(3).map(|id| delete(&server, id)).collect::<Vec<_>>(), [204, 204, 503]);
        let body = json!({"schemas": [USER], "userName": "new", "name": {"familyName": "New"}});
        server.post("/scim/v2/Users", &body).is_error(503, None);
        let shown: Value =
            serde_json::from_str(&server.command(&["tenant", "show", "default", "--format", "json"])).unwrap();
        assert!(shown["paused"].as_str().unwrap().contains("deletes"), "{shown}");
        assert!(server.command(&["tenant", "release", "default"]).contains("may write again"));
        // Seen on the next request.
        assert_eq!(patch(&server, &left[2], "title", json!("y")).status, 200);
    }
    assert_eq!(ids(&server), all[4..], "two at a time");
}

/// In a small company a hundred deletions are all of it: so many in a hundred count, too.
#[test]
fn a_share_of_all_is_enough() {
    let slapd = Slapd::start(&Setup { entries: people(0..20), ..Setup::furnished() }).unwrap();
    let server = with_control(
        &slapd,
        "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\nactive = \"ppolicy_lock\"\n[store.ldap.brakes]\nshare = 10",
    );
    let all = ids(&server);
    let off = |id: &String| patch(&server, id, "active", json!(false)).status;
    assert_eq!(all.iter().take(3).map(off).collect::<Vec<_>>(), [200, 200, 503]);
    assert_eq!(delete(&server, &all[5]), 503);
    server.command(&["tenant", "release", "default"]);
    assert_eq!(all.iter().skip(5).take(3).map(|id| delete(&server, id)).collect::<Vec<_>>(), [204, 204, 503]);
}

/// A group of hundreds that is nearly emptied, by whatever request, while the groups of five change as they like.
#[test]
fn a_share_of_a_group_is_enough() {
    let entries = people(0..60) + &group("large", 0..50) + &group("small", 50..60);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    let server = with_control(&slapd, "[store.ldap.brakes]\nremovals_share = 30");
    let list = server.get("/scim/v2/Groups").json();
    let of = |name: &str| {
        let all = list["Resources"].as_array().unwrap();
        all.iter().find(|one| one["displayName"] == name).unwrap().clone()
    };
    let ids = |group: &Value| {
        let members =
            server.get(&format!("/scim/v2/Groups/{}", group["id"].as_str().unwrap())).json()["members"].clone();
        members.as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let send = |method: &str, group: &Value, body: &Value| {
        server.request(method, &format!("/scim/v2/Groups/{}", group["id"].as_str().unwrap())).json(body).send()
    };
    let remove = |group: &Value, members: &[String]| {
        let one = |id: &String| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")});
        let operations: Vec<Value> = members.iter().map(one).collect();
        send("PATCH", group, &json!({"schemas": [PATCH], "Operations": operations})).status
    };
    let (large, small) = (of("large"), of("small"));
    let (all, few) = (ids(&large), ids(&small));
    assert_eq!(remove(&small, &few[..9]), 204, "nine of ten");
    assert_eq!((remove(&large, &all[..8]), remove(&large, &all[8..15])), (204, 204), "fifteen of fifty");
    let put = |left: &[String]| {
        let members: Vec<Value> = left.iter().map(|id| json!({"value": id})).collect();
        json!({"schemas": [GROUP], "displayName": "large", "members": members})
    };
    let stopped = send("PUT", &large, &put(&all[16..]));
    stopped.is_error(503, None);
    let told = stopped.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("15 of the 50 members of a group"), "{told}");
    assert_eq!((ids(&large).len(), remove(&small, &few[9..])), (35, 503), "nothing is written any more");
    server.command(&["tenant", "release", "default"]);
    assert_eq!(send("PUT", &large, &put(&all[25..])).status, 200, "ten more");
    send("PUT", &large, &put(&[])).is_error(503, None);
    assert_eq!(ids(&large).len(), 25);
}
