//! What leads to an entry that is deleted or renamed follows, also where that is cut short.

use conformance_tests::servers::slapd::{PASSWORD, Setup, Slapd, group, people};
use scim_core::clock::Timestamp;
use scim_core::store::control::LEAVING;
use serde_json::json;

use crate::support::{Running, USER};
use crate::{ldapmodify, patch_user, users, with_control_as};

/// A group of `ou=groups` that nobody can write any more, and one that can be written.
const REFUSED: &str = "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\n\
                       olcAccess: {0}to dn.base=\"cn=staff,ou=groups,dc=example,dc=org\" by * read\n\
                       olcAccess: {1}to * by * write\n";
const ALLOWED: &str =
    "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\nolcAccess: {0}to * by * write\n";
const ACCOUNT: &str = "cn=gateway,dc=example,dc=org";

fn slapd() -> Slapd {
    let account = format!(
        "dn: {ACCOUNT}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: gateway\nuserPassword: {PASSWORD}\n\n"
    );
    let entries = people(0..4) + &group("staff", 0..4) + &group("others", 0..4) + &account;
    let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
    ldapmodify(&slapd, ALLOWED);
    slapd
}

fn members(slapd: &Slapd, name: &str) -> String {
    slapd.search(&format!("(cn={name})"), &["member"]).unwrap()
}

fn user(server: &Running, name: &str) -> String {
    users(server, &format!("userName eq \"{name}\"")).remove(0)
}

/// Lets the store do what it does by itself, as if so many minutes had gone by.
#[expect(clippy::disallowed_methods, reason = "the clock of the server is the system's")]
pub fn tend(server: &Running, minutes: i64) {
    let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond() + minutes * 60_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.store.tend(now)).unwrap();
}

/// A connection of the test's own to the control store.
pub fn control(server: &Running) -> rusqlite::Connection {
    rusqlite::Connection::open(server.directory.path().join("control.db")).unwrap()
}

/// The ids of those who leave.
pub fn noted(server: &Running) -> Vec<String> {
    let db = control(server);
    let mut statement = db.prepare("SELECT id FROM external WHERE client = ?1 ORDER BY id").unwrap();
    let rows = statement.query_map([LEAVING], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A note of long ago, as a server leaves it that is killed between two steps.
fn note(server: &Running, id: &str, old: &str, new: Option<&str>) {
    let dn = |name: &str| format!("uid={name},ou=people,dc=example,dc=org");
    let note = json!({"kind": "User", "at": 0, "old": dn(old), "new": new.map(dn)});
    let sql = "INSERT INTO external (tenant, client, id, value) VALUES ('default', ?1, ?2, ?3)";
    control(server).execute(sql, (LEAVING, id, note.to_string())).unwrap();
}

#[test]
fn what_could_not_follow_is_made_to_follow_later() {
    let slapd = slapd();
    let server = with_control_as(&slapd, ACCOUNT, "");
    let [gone, renamed] = ["user000001", "user000002"].map(|name| user(&server, name));
    ldapmodify(&slapd, REFUSED);
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{gone}")).send().status, 204);
    assert_eq!(patch_user(&server, &renamed, "userName", json!("another")).status, 200);
    let (staff, others) = (members(&slapd, "staff"), members(&slapd, "others"));
    assert!(staff.contains("user000001") && staff.contains("user000002"), "{staff}");
    assert!(!others.contains("user000001") && others.contains("uid=another,"), "{others}");
    let mut wanted = [gone, renamed];
    wanted.sort_unstable();
    assert_eq!(noted(&server), wanted);

    ldapmodify(&slapd, ALLOWED);
    tend(&server, 1);
    assert_eq!(noted(&server).len(), 2, "whoever noted it may be at it");
    tend(&server, 5);
    let staff = members(&slapd, "staff");
    assert!(!staff.contains("user000001") && !staff.contains("user000002"), "{staff}");
    assert!(staff.contains("uid=another,") && staff.contains("user000003"), "{staff}");
    assert_eq!(noted(&server), [""; 0]);
}

#[test]
fn what_a_crash_left_behind_is_told_by_who_bears_which_name() {
    let slapd = slapd();
    let server = with_control_as(&slapd, ACCOUNT, "");
    let [gone, renamed, stayed, taken] = [0, 1, 2, 3].map(|n| user(&server, &format!("user{n:06}")));
    let dn = |n: usize| format!("dn: uid=user{n:06},ou=people,dc=example,dc=org\n");
    ldapmodify(
        &slapd,
        &format!(
            "{}changetype: delete\n\n{}changetype: modrdn\nnewrdn: uid=another\ndeleteoldrdn: 1\n\n{}changetype: delete\n\n\
             {}changetype: add\nobjectClass: inetOrgPerson\nuid: user000003\ncn: Somebody\nsn: Else\n",
            dn(0),
            dn(1),
            dn(3),
            dn(3)
        ),
    );
    note(&server, &gone, "user000000", None);
    note(&server, &renamed, "user000001", Some("another"));
    note(&server, &stayed, "user000002", None);
    note(&server, &taken, "user000003", None);
    tend(&server, 0);
    assert_eq!(noted(&server), [""; 0]);
    for name in ["staff", "others"] {
        let members = members(&slapd, name);
        assert!(!members.contains("user000000") && !members.contains("user000001"), "{members}");
        assert!(members.contains("uid=another,") && members.contains("user000002"), "{members}");
        assert!(members.contains("user000003"), "nobody can tell whose it is: {members}");
    }
}

#[test]
fn nothing_stays_noted_of_what_went_well_or_was_refused() {
    let slapd = slapd();
    let server = with_control_as(&slapd, ACCOUNT, "");
    let [gone, renamed, kept] = [0, 1, 2].map(|n| user(&server, &format!("user{n:06}")));
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{gone}")).send().status, 204);
    assert_eq!(patch_user(&server, &renamed, "userName", json!("another")).status, 200);
    assert_eq!(noted(&server), [""; 0]);
    let refused = "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\n\
                   olcAccess: {0}to dn.subtree=\"ou=people,dc=example,dc=org\" by * read\nolcAccess: {1}to * by * write\n";
    ldapmodify(&slapd, refused);
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{kept}")).send().status, 403);
    assert_eq!(patch_user(&server, &kept, "userName", json!("other")).status, 403);
    assert_eq!(noted(&server), [""; 0]);
    assert!(members(&slapd, "staff").contains("user000002"));
}

#[test]
fn whoever_gets_the_name_is_not_taken_for_who_bore_it() {
    let slapd = slapd();
    let server = with_control_as(&slapd, ACCOUNT, "");
    ldapmodify(&slapd, REFUSED);
    let gone = user(&server, "user000001");
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{gone}")).send().status, 204);
    assert_eq!(noted(&server), [gone]);
    let new = json!({"schemas": [USER], "userName": "user000001", "name": {"familyName": "New"}});
    let refused = server.post("/scim/v2/Users", &new);
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.json()["detail"].as_str().unwrap().contains("who bore this name before"), "{refused:?}");
    let other = user(&server, "user000002");
    assert_eq!(patch_user(&server, &other, "userName", json!("user000001")).status, 409, "nor who is renamed");
    ldapmodify(&slapd, ALLOWED);
    let made = server.post("/scim/v2/Users", &new);
    assert_eq!((made.status, made.json()["groups"].is_null()), (201, true), "{made:?}");
    assert_eq!(noted(&server), [""; 0]);
    assert!(!members(&slapd, "staff").contains("user000001"));
}

/// Groups by user name (`memberUid`), for two who are named by it and one who is not.
#[test]
fn members_by_user_name_follow_later_too() {
    let group = |name: &str| {
        format!(
            "dn: cn={name},ou=groups,dc=example,dc=org\nobjectClass: posixGroup\ncn: {name}\ngidNumber: 7\nmemberUid: user000001\n\
             memberUid: user000002\nmemberUid: cyd\nmemberUid: root\n\n"
        )
    };
    let account = format!(
        "dn: {ACCOUNT}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: gateway\nuserPassword: {PASSWORD}\n\n"
    );
    let cyd = "dn: cn=Cyd,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\ncn: Cyd\nsn: C\nuid: cyd\n\n";
    let entries = people(0..3) + cyd + &group("staff") + &group("others") + &account;
    let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
    ldapmodify(&slapd, ALLOWED);
    let posix = "[store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\nfilter = \"(objectClass=posixGroup)\"\n\
                 object_classes = [\"posixGroup\"]\n[store.ldap.groups.attributes]\nmembers = \"memberUid\"\n";
    let server = with_control_as(&slapd, ACCOUNT, posix);
    let held = |name: &str| -> Vec<String> {
        let found = slapd.search(&format!("(cn={name})"), &["memberUid"]).unwrap();
        let mut held: Vec<String> =
            found.lines().filter_map(|line| line.strip_prefix("memberUid: ")).map(str::to_owned).collect();
        held.sort_unstable();
        held
    };
    ldapmodify(&slapd, REFUSED);
    let [gone, renamed, named] = ["user000001", "user000002", "cyd"].map(|name| user(&server, name));
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{gone}")).send().status, 204);
    assert_eq!(patch_user(&server, &renamed, "userName", json!("another")).status, 200);
    assert_eq!(patch_user(&server, &named, "userName", json!("cydney")).status, 200);
    let after = ["another", "cydney", "root"];
    assert_eq!((held("others"), held("staff").len()), (after.map(str::to_owned).to_vec(), 4));
    assert_eq!(noted(&server).len(), 3);
    // Nobody else gets a name by which the group still means who left it.
    let new = |name: &str| json!({"schemas": [USER], "userName": name, "name": {"familyName": "New"}});
    for name in ["user000001", "cyd"] {
        let refused = server.post("/scim/v2/Users", &new(name));
        assert_eq!(refused.status, 409, "{refused:?}");
    }
    ldapmodify(&slapd, ALLOWED);
    let made = server.post("/scim/v2/Users", &new("user000001"));
    assert_eq!((made.status, made.json()["groups"].is_null()), (201, true), "{made:?}");
    assert_eq!(held("staff"), ["cyd", "root", "user000002"]);
    tend(&server, 5);
    assert_eq!(held("staff"), after);
    assert_eq!(noted(&server), [""; 0]);
    // Somebody who got it past the gateway is not taken for who left it, and nothing of the sort stays noted.
    ldapmodify(&slapd, REFUSED);
    assert_eq!(patch_user(&server, &named, "userName", json!("cyd")).status, 200);
    assert_eq!(held("staff"), after);
    ldapmodify(
        &slapd,
        "dn: uid=cydney,ou=people,dc=example,dc=org\nchangetype: add\nobjectClass: inetOrgPerson\nuid: cydney\ncn: C\nsn: C\n",
    );
    ldapmodify(&slapd, ALLOWED);
    tend(&server, 5);
    assert_eq!(held("staff"), after, "nobody can tell whom it means");
    assert_eq!(noted(&server), [""; 0]);
    assert_eq!(patch_user(&server, &named, "title", json!("T")).status, 200);
}
