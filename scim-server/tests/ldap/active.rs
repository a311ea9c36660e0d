//! Who may log in, where the entry itself does not say it, or says it by a day: groups, places, `shadowExpire`; and where entries
//! stand by what they are.

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::support::{Answer, Running, USER};
use crate::{ldapmodify, patch_user, users, with_control};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn gateway(slapd: &Slapd, users: &str) -> Running {
    with_control(slapd, &format!("[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n{users}\n"))
}

fn make(server: &Running, name: &str, more: Value) -> Answer {
    let mut body = json!({"schemas": [USER], "userName": name, "name": {"familyName": name}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.post("/scim/v2/Users", &body)
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Replaces several attributes of a user at once.
fn change(server: &Running, id: &str, version: Option<&Value>, value: Value) -> Answer {
    let body = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "value": value}]});
    let request = server.request("PATCH", &format!("/scim/v2/Users/{id}"));
    match version.and_then(Value::as_str) {
        Some(version) => request.header("If-Match", version).json(&body).send(),
        None => request.json(&body).send(),
    }
}

fn is_active(server: &Running, id: &str) -> bool {
    server.get(&format!("/scim/v2/Users/{id}")).json()["active"].as_bool().unwrap()
}

/// The first value of an attribute of a user's entry.
fn raw(slapd: &Slapd, name: &str, attribute: &str) -> Option<String> {
    let found = slapd.search(&format!("(uid={name})"), &[attribute]).unwrap();
    let start = format!("{attribute}: ");
    found.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
}

#[test]
fn an_account_expires_on_a_day() {
    let slapd = Slapd::start(&Setup { entries: people(0..4), ..Setup::furnished() }).unwrap();
    let server = gateway(&slapd, "active = \"shadow_expire\"");
    let all = users(&server, "userName sw \"user\"");
    let off = patch_user(&server, &all[0], "active", json!(false));
    assert_eq!((off.status, &off.json()["active"]), (200, &json!(false)), "{off:?}");
    let name = off.json()["userName"].as_str().unwrap().to_owned();
    assert_eq!(raw(&slapd, &name, "shadowExpire").as_deref(), Some("1"));
    assert_eq!(users(&server, "active eq false"), all[..1]);
    assert_eq!(users(&server, "active eq true"), all[1..]);
    assert_eq!(patch_user(&server, &all[0], "active", json!(true)).status, 200);
    assert_eq!(raw(&slapd, &name, "shadowExpire"), None);
    assert!(is_active(&server, &all[0]));

    // Days that the directory's administrator set: one in 1997, one in 2215.
    let entry = format!("dn: uid={name},ou=people,dc=example,dc=org\nchangetype: modify\nreplace: shadowExpire\n");
    for (day, active) in [("10000", false), ("89501", true)] {
        ldapmodify(&slapd, &format!("{entry}shadowExpire: {day}\n"));
        assert_eq!(is_active(&server, &all[0]), active, "{day}");
    }
    let made = id(&make(&server, "late", json!({"active": false})));
    assert_eq!(users(&server, "active eq false"), [made]);
}

#[test]
fn a_group_says_who_is_not_active() {
    let entries = people(0..5) + &group("locked", 4..5) + &group("staff", 0..5);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    let server = gateway(&slapd, "active = { group = \"cn=locked,ou=groups,dc=example,dc=org\" }");
    let locked = || slapd.search("(cn=locked)", &["member"]).unwrap();
    let all = users(&server, "userName sw \"user\"");
    let by_name = |name: &str| users(&server, &format!("userName eq \"{name}\""))[0].clone();
    let version = |id: &str| server.get(&format!("/scim/v2/Users/{id}")).json()["meta"]["version"].clone();
    let (one, three, four) = (by_name("user000001"), by_name("user000003"), by_name("user000004"));
    assert_eq!(users(&server, "active eq false"), std::slice::from_ref(&four));
    assert_eq!(users(&server, "active eq true").len(), 4);

    // With something else in one request, of which the answer shows both.
    let before = version(&one);
    let off = change(&server, &one, None, json!({"active": false, "title": "Gone"}));
    assert_eq!((&off.json()["active"], &off.json()["title"]), (&json!(false), &json!("Gone")), "{off:?}");
    assert_ne!(off.json()["meta"]["version"], before);
    assert!(locked().contains("member: uid=user000001,"));

    // What is refused as a whole leaves nothing.
    let taken = change(&server, &three, None, json!({"active": false, "userName": "user000002"}));
    taken.is_error(409, Some("uniqueness"));
    assert!(is_active(&server, &three) && !locked().contains("uid=user000003,"));

    // Nor does what the directory refuses: slapd takes no such letters in an address. Both ways, and of somebody new.
    let bad = json!([{"type": "work", "value": "\u{f6}@example.org"}]);
    for (id, active) in [(&three, true), (&four, false)] {
        change(&server, id, None, json!({"active": !active, "emails": bad})).is_error(400, Some("invalidValue"));
        assert_eq!(is_active(&server, id), active);
    }
    make(&server, "bad", json!({"active": false, "emails": bad})).is_error(400, Some("invalidValue"));
    assert!(!locked().contains("uid=user000003,") && !locked().contains("uid=bad,"), "{}", locked());

    // Another name: still not active. And the version moves with the group alone.
    assert_eq!(patch_user(&server, &four, "userName", json!("four")).status, 200);
    assert!(!is_active(&server, &four) && locked().contains("member: uid=four,"), "{}", locked());
    let before = version(&one);
    let gone = "delete: member\nmember: uid=user000001,ou=people,dc=example,dc=org\n";
    ldapmodify(&slapd, &format!("dn: cn=locked,ou=groups,dc=example,dc=org\nchangetype: modify\n{gone}"));
    assert!(is_active(&server, &one));
    assert_eq!(change(&server, &one, Some(&before), json!({"title": "x"})).status, 412);

    // The last one leaves, one is made inactive, one goes.
    assert_eq!(patch_user(&server, &four, "active", json!(true)).status, 200);
    assert!(users(&server, "active eq false").is_empty());
    let made = id(&make(&server, "made", json!({"active": false})));
    assert!(!is_active(&server, &made) && locked().contains("member: uid=made,"));
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{made}")).send().status, 204);
    assert!(!locked().contains("uid=made,"));
    assert_eq!(users(&server, "active eq true"), all);
}

#[test]
fn a_group_says_who_is_active() {
    let entries = people(0..3) + &group("allowed", 0..2);
    let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
    let lines = "active = { group = \"cn=allowed,ou=groups,dc=example,dc=org\", members = \"active\" }";
    let server = gateway(&slapd, lines);
    assert_eq!(users(&server, "active eq true").len(), 2);
    let made = id(&make(&server, "made", json!({})));
    assert!(is_active(&server, &made));
    let out = id(&make(&server, "out", json!({"active": false})));
    assert!(!is_active(&server, &out));
    assert_eq!(patch_user(&server, &made, "active", json!(false)).status, 200);
    assert_eq!(users(&server, "active eq true").len(), 2);
    // Without referential integrity the group follows all the same.
    assert_eq!(patch_user(&server, &out, "active", json!(true)).status, 200);
    assert_eq!(patch_user(&server, &out, "userName", json!("renamed")).status, 200);
    assert!(is_active(&server, &out));
}

fn units(names: &[&str]) -> String {
    let unit = |name: &&str| {
        format!("dn: ou={name},ou=people,dc=example,dc=org\nobjectClass: organizationalUnit\nou: {name}\n\n")
    };
    names.iter().map(unit).collect()
}

#[test]
fn entries_stand_where_they_belong() {
    let entries = units(&["gone", "guests"]) + &people(0..3) + &group("staff", 0..3);
    for setup in [Setup::furnished(), Setup::default()] {
        let slapd = Slapd::start(&Setup { entries: entries.clone(), ..setup }).unwrap();
        let lines = "active = { ou_move = \"ou=gone,ou=people,dc=example,dc=org\" }\n\
                     placement = [{ when = 'userType eq \"Guest\"', base = \"ou=guests,ou=people,dc=example,dc=org\" }]";
        let server = gateway(&slapd, lines);
        let members = || {
            let shown = server.get("/scim/v2/Groups").json();
            let all = shown["Resources"][0]["members"].as_array().unwrap().clone();
            let mut ids: Vec<String> = all.iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids
        };
        let dn = |name: &str| raw(&slapd, name, "dn").unwrap();
        let all = users(&server, "userName sw \"user\"");
        let one = &all[0];
        let first = server.get(&format!("/scim/v2/Users/{one}")).json()["userName"].as_str().unwrap().to_owned();

        let off = patch_user(&server, one, "active", json!(false));
        assert_eq!(
            (off.status, &off.json()["active"], &off.json()["id"]),
            (200, &json!(false), &json!(one)),
            "{off:?}"
        );
        assert_eq!(dn(&first), format!("uid={first},ou=gone,ou=people,dc=example,dc=org"));
        assert_eq!(users(&server, "active eq false"), all[..1]);
        assert_eq!(members(), all, "a member still");
        // Whatever else becomes of it, it stays there; and comes back to where it belongs by then.
        assert_eq!(patch_user(&server, one, "userType", json!("Guest")).status, 200);
        assert_eq!(dn(&first), format!("uid={first},ou=gone,ou=people,dc=example,dc=org"));
        assert_eq!(patch_user(&server, one, "active", json!(true)).status, 200);
        assert_eq!(dn(&first), format!("uid={first},ou=guests,ou=people,dc=example,dc=org"));
        assert!(is_active(&server, one));
        // Name and place in one.
        let moved = change(&server, one, None, json!({"userName": "other", "userType": "Staff", "title": "T"}));
        assert_eq!((moved.status, &moved.json()["title"]), (200, &json!("T")), "{moved:?}");
        assert_eq!(dn("other"), "uid=other,ou=people,dc=example,dc=org");
        assert_eq!(members(), all);

        let guest = id(&make(&server, "guest", json!({"userType": "Guest"})));
        assert_eq!(dn("guest"), "uid=guest,ou=guests,ou=people,dc=example,dc=org");
        assert_eq!(patch_user(&server, &guest, "title", json!("x")).status, 200);
        assert_eq!(dn("guest"), "uid=guest,ou=guests,ou=people,dc=example,dc=org");
        id(&make(&server, "sleeper", json!({"userType": "Guest", "active": false})));
        assert_eq!(dn("sleeper"), "uid=sleeper,ou=gone,ou=people,dc=example,dc=org");
        let body = json!({"schemas": [GROUP], "displayName": "guests", "members": [{"value": guest}]});
        assert_eq!(server.post("/scim/v2/Groups", &body).status, 201);
    }
}
