//! What is deleted over SCIM and stays in the directory, and what nobody changes over SCIM.

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::support::{Running, USER};
use crate::{patch_user, users, with_control};

fn gateway(slapd: &Slapd, users: &str) -> Running {
    with_control(slapd, &format!("[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n{users}\n"))
}

fn members(server: &Running) -> usize {
    let shown = server.get("/scim/v2/Groups").json();
    shown["Resources"][0]["members"].as_array().map_or(0, Vec::len)
}

fn delete(server: &Running, id: &str) -> u16 {
    server.request("DELETE", &format!("/scim/v2/Users/{id}")).send().status
}

#[test]
fn who_is_deleted_may_stay_and_is_seen_no_more() {
    let entries = people(0..4) + &group("staff", 0..4);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    let server = gateway(&slapd, "active = \"ppolicy_lock\"\non_delete = \"deactivate\"");
    let all = users(&server, "userName sw \"user\"");
    let path = format!("/scim/v2/Users/{}", all[0]);
    let name = server.get(&path).json()["userName"].as_str().unwrap().to_owned();
    assert_eq!(delete(&server, &all[0]), 204);
    server.get(&path).is_error(404, None);
    assert_eq!(delete(&server, &all[0]), 404);
    assert_eq!(patch_user(&server, &all[0], "title", json!("x")).status, 404);
    assert_eq!(users(&server, "userName sw \"user\""), all[1..]);
    assert!(users(&server, &format!("userName eq \"{name}\"")).is_empty());
    assert_eq!(server.get("/scim/v2/Users").json()["totalResults"], 3);
    assert_eq!(members(&server), 3);
    let found = slapd.search(&format!("(uid={name})"), &["pwdAccountLockedTime"]).unwrap();
    assert!(found.contains("pwdAccountLockedTime: 000001010000Z"), "{found}");
    // Its name is taken, though nobody sees by whom.
    let body = json!({"schemas": [USER], "userName": name, "name": {"familyName": "New"}});
    server.post("/scim/v2/Users", &body).is_error(409, Some("uniqueness"));

    let listed: Value =
        serde_json::from_str(&server.command(&["tenant", "deleted", "default", "--format", "json"])).unwrap();
    assert_eq!(listed, json!([all[0]]));
    server.command(&["tenant", "undelete", "default", &all[0]]);
    crate::wait("the one that is shown again", || server.get(&path).status == 200);
    assert_eq!(server.get(&path).json()["active"], false);
    assert_eq!(members(&server), 4);
}

#[test]
fn who_is_deleted_may_be_moved_away() {
    let unit = "dn: ou=attic,dc=example,dc=org\nobjectClass: organizationalUnit\nou: attic\n\n";
    let entries = people(0..3) + &group("staff", 0..3) + unit;
    for setup in [Setup::furnished(), Setup::default()] {
        let slapd = Slapd::start(&Setup { entries: entries.clone(), ..setup }).unwrap();
        let server = gateway(&slapd, "on_delete = \"deactivate\"\ndeleted_base = \"ou=attic,dc=example,dc=org\"");
        let body = json!({"schemas": [USER], "userName": "ann", "name": {"familyName": "Ann"}});
        // The same name comes and goes twice.
        for n in 1..=2 {
            let made = server.post("/scim/v2/Users", &body);
            assert_eq!(made.status, 201, "{made:?}");
            let id = made.json()["id"].as_str().unwrap().to_owned();
            assert_eq!(delete(&server, &id), 204);
            server.get(&format!("/scim/v2/Users/{id}")).is_error(404, None);
            let there = slapd.search("(sn=Ann)", &["uid"]).unwrap();
            assert_eq!(there.matches(",ou=attic,").count(), n, "{there}");
        }
        let all = users(&server, "userName sw \"user\"");
        assert_eq!((delete(&server, &all[1]), members(&server)), (204, 2));
    }
}

/// What a client may not change is changed by nobody who comes over SCIM, and shown all the same.
#[test]
fn some_entries_and_attributes_are_not_for_clients() {
    let entries = people(0..3) + &group("staff", 0..3);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    for protected in ["(employeeNumber=1)", "(&(employeeNumber=1)(uid~=user000001))"] {
        let lines = format!("protected = \"{protected}\"\nwritable = [\"uid\", \"cn\", \"sn\", \"title\"]");
        let server = gateway(&slapd, &lines);
        let find = |name: &str| users(&server, &format!("userName eq \"{name}\""))[0].clone();
        let (guarded, other) = (find("user000001"), find("user000002"));
        let refused = patch_user(&server, &guarded, "title", json!("x"));
        refused.is_error(403, None);
        assert!(refused.json()["detail"].as_str().unwrap().contains("protected"), "{refused:?}");
        assert_eq!(delete(&server, &guarded), 403);
        assert_eq!(patch_user(&server, &other, "title", json!(protected)).status, 200);
        patch_user(&server, &other, "preferredLanguage", json!("de")).is_error(400, Some("mutability"));
        patch_user(&server, &other, "phoneNumbers[type eq \"work\"].value", json!("1"))
            .is_error(400, Some("mutability"));
        let schema = server.get("/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User").json();
        let mutability = |name: &str| {
            let all = schema["attributes"].as_array().unwrap();
            all.iter().find(|one| one["name"] == name).unwrap()["mutability"].clone()
        };
        assert_eq!((mutability("title"), mutability("preferredLanguage")), (json!("readWrite"), json!("readOnly")));
    }
}

/// Nobody goes with others unasked; and where the directory cannot take them along, it says so.
#[test]
fn what_has_others_below_it_is_not_deleted_unasked() {
    let below =
        "dn: cn=below,uid=user000000,ou=people,dc=example,dc=org\nobjectClass: organizationalRole\ncn: below\n\n";
    let entries = people(0..1) + below;
    let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
    for (lines, status) in [("", 409), ("on_delete = \"remove_tree\"", 501)] {
        let server = gateway(&slapd, lines);
        let one = users(&server, "userName eq \"user000000\"")[0].clone();
        let refused = server.request("DELETE", &format!("/scim/v2/Users/{one}")).send();
        refused.is_error(status, None);
        assert_eq!(users(&server, "userName pr"), [one], "{refused:?}");
    }
}
