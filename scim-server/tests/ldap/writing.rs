//! Writing to a directory.

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::gateway;
use crate::support::{Running, USER};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn user(server: &Running, name: &str) -> Value {
    let body = json!({"schemas": [USER], "userName": name, "name": {"familyName": name}});
    let answer = server.post("/scim/v2/Users", &body);
    assert_eq!(answer.status, 201, "{name:?}: {answer:?}");
    answer.json()
}

fn patch(server: &Running, path: &str, operation: Value) -> u16 {
    let body = json!({"schemas": [PATCH], "Operations": [operation]});
    server.request("PATCH", path).json(&body).send().status
}

fn quoted(filter: &str) -> String {
    filter.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn found(server: &Running, kind: &str, filter: &str) -> Value {
    let answer = server.get(&format!("/scim/v2/{kind}?filter={}", quoted(filter)));
    assert_eq!(answer.status, 200, "{filter}: {answer:?}");
    answer.json()
}

/// C01: what is special in names and filters of LDAP is data, from the first to the last.
#[test]
fn names_of_any_characters_survive_everything() {
    let slapd = Slapd::start(&Setup::furnished()).unwrap();
    let server = gateway(&slapd, "mode = \"write\"");
    let names = [
        "a,b",
        "a+b",
        "a=b",
        "a\"b",
        "a\\b",
        "a<b>c",
        "a;b",
        "#a",
        "a*b",
        "(a)(uid=*)",
        ")(uid=*",
        "a\\2ab",
        "zoë ß ﷺ",
        "a/b",
        "a  b",
        "\u{1f680}",
    ];
    let mut members = Vec::new();
    for name in names {
        let made = user(&server, name);
        let id = made["id"].as_str().unwrap().to_owned();
        let text = Value::from(name).to_string();
        let list = found(&server, "Users", &format!("userName eq {text}"));
        assert_eq!(list["totalResults"], 1, "{name:?}: {list}");
        assert_eq!(list["Resources"][0]["userName"], name);
        members.push(id);
    }
    assert_eq!(found(&server, "Users", "userName eq \"*\"")["totalResults"], 0);
    assert_eq!(found(&server, "Users", "userName co \"*\"")["totalResults"], 3);

    let values: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    let made = server
        .post("/scim/v2/Groups", &json!({"schemas": [GROUP], "displayName": "all, (of) them*", "members": values}));
    assert_eq!(made.status, 201, "{made:?}");
    let group = format!("/scim/v2/Groups/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(server.get(&group).json()["members"].as_array().unwrap().len(), names.len());

    for (id, name) in members.iter().zip(names) {
        let path = format!("/scim/v2/Users/{id}");
        let operation = json!({"op": "replace", "path": "userName", "value": format!("{name}, renamed")});
        assert_eq!(patch(&server, &path, operation), 200, "{name:?}");
        let read = server.get(&path).json();
        assert_eq!(read["userName"], format!("{name}, renamed"));
        assert_eq!(read["groups"][0]["display"], "all, (of) them*", "{name:?} is a member still");
    }
    for id in &members {
        assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{id}")).send().status, 204);
    }
    assert_eq!(server.get(&group).json()["members"], Value::Null, "who is gone is no member");
    assert_eq!(found(&server, "Users", "userName pr")["totalResults"], 0);
}

/// One member of a large group is one Modify of one value, by the server's own logs; a group of so many as `SCIM_TEST_MEMBERS` says.
#[test]
fn one_member_is_one_value() {
    let size = std::env::var("SCIM_TEST_MEMBERS").map_or(1_000, |size| size.parse().unwrap());
    let entries = people(0..size) + &group("large", 0..size);
    let slapd = Slapd::start(&Setup { entries, tells: true, audits: true, ..Setup::furnished() }).unwrap();
    // Nothing is compared meanwhile: that reads members.
    let server = gateway(&slapd, "mode = \"write\"\nmember_of = \"never\"");
    let large = found(&server, "Groups", "displayName eq \"large\"")["Resources"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/scim/v2/Groups/{large}");
    let id = user(&server, "newcomer")["id"].as_str().unwrap().to_owned();
    let (before, audited) = (slapd.log().len(), slapd.audit().len());
    assert_eq!(patch(&server, &path, json!({"op": "add", "path": "members", "value": [{"value": id}]})), 204);
    let gone = json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")});
    assert_eq!(patch(&server, &path, gone.clone()), 204);
    let log = slapd.log();
    let told: Vec<&str> = log.get(before..).unwrap().lines().collect();
    let ours = |line: &&&str| line.contains(" MOD dn=\"cn=large,");
    assert_eq!(told.iter().filter(ours).count(), 2, "{told:#?}");
    let read = |line: &&&str| {
        line.contains("SRCH attr=") && line.split_once("attr=").unwrap().1.split(' ').any(|one| one == "member")
    };
    assert_eq!(told.iter().filter(read).count(), 0, "nobody read the members");
    let audit = slapd.audit();
    let records = audit.get(audited..).unwrap().split("\n\n");
    let values: Vec<Vec<&str>> = records
        .filter(|record| record.contains("\ndn: cn=large,"))
        .map(|record| record.lines().filter(|line| line.contains("member")).collect())
        .collect();
    let value = "member: uid=newcomer,ou=people,dc=example,dc=org";
    assert_eq!(values, [["add: member", value], ["delete: member", value]], "{audit}");
    assert_eq!(patch(&server, &path, gone), 204, "who is no member is none afterwards");
}

#[test]
fn a_directory_that_is_read_only_or_shadowed_stays_as_it_is() {
    let slapd = Slapd::start(&Setup { entries: people(0..3), ..Setup::furnished() }).unwrap();
    for (mode, told) in [("read_only", "read"), ("shadow", "shadow")] {
        let server = gateway(&slapd, &format!("mode = \"{mode}\""));
        let body = json!({"schemas": [USER], "userName": "new", "name": {"familyName": "New"}});
        let answer = server.post("/scim/v2/Users", &body);
        answer.is_error(403, None);
        assert!(answer.json()["detail"].as_str().unwrap().contains(told), "{answer:?}");
        let id =
            found(&server, "Users", "userName eq \"user000001\"")["Resources"][0]["id"].as_str().unwrap().to_owned();
        server.request("DELETE", &format!("/scim/v2/Users/{id}")).send().is_error(403, None);
        let title = json!({"op": "replace", "path": "title", "value": "x"});
        assert_eq!(patch(&server, &format!("/scim/v2/Users/{id}"), title), 403);
        assert_eq!(found(&server, "Users", "userName pr")["totalResults"], 3);
    }
}
