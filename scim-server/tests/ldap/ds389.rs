//! 389 Directory Server: who may log in stands in `nsAccountLock`, and what its plug-ins refuse is told.

use std::process::{Command, Stdio};

use conformance_tests::servers::ds389::{ADMIN, Ds389, PASSWORD, SUFFIX, Setup};
use serde_json::{Value, json};

use crate::member_of::groups_within_groups;
use crate::served;
use crate::support::{Running, USER};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const SECRET: &str = "Correct.Horse.1";

/// Makes changes with a tool of the directory's own, as its administrator.
pub fn tool(ds389: &Ds389, name: &str, ldif: &str) {
    let mut tool = Command::new(name)
        .args(["-x", "-H", &ds389.url(), "-D", ADMIN, "-w", PASSWORD])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut tool.stdin.take().unwrap(), ldif.as_bytes()).unwrap();
    assert!(tool.wait().unwrap().success());
}

/// A server over this directory at this URL, which gets places for people and groups.
fn gateway(ds389: &Ds389, url: &str, more: &str) -> Running {
    let unit = |ou| format!("dn: ou={ou},{SUFFIX}\nobjectClass: organizationalUnit\nou: {ou}\n\n");
    tool(ds389, "ldapadd", &(unit("people") + &unit("groups")));
    let lines = format!(
        "urls = [\"{url}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\nmode = \"write\"\noperation_time = 60\n{more}\n{}",
        if url.starts_with("ldaps") { format!("ca = {:?}\n", ds389.authority()) } else { String::new() }
    );
    let tables = format!(
        "[store.ldap.users]\nbase = \"ou=people,{SUFFIX}\"\n[store.ldap.groups]\nbase = \"ou=groups,{SUFFIX}\"\n"
    );
    served(&lines, &tables, &["acme"])
}

fn user(name: &str, more: Value) -> Value {
    let mut body = json!({"schemas": [USER], "userName": name, "name": {"familyName": "F"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn found(server: &Running, filter: &str) -> Vec<String> {
    let coded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let list = server.get(&format!("/scim/v2/Users?filter={coded}")).json();
    let all = list["Resources"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one["userName"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_is_not_active_cannot_log_in() {
    let ds389 = Ds389::start(Setup { tls: true, ..Setup::furnished() }).unwrap();
    let server = gateway(&ds389, &ds389.tls_url(), "");
    let lets_in = |name: &str| {
        let dn = format!("uid={name},ou=people,{SUFFIX}");
        let tried = Command::new("ldapwhoami").args(["-x", "-H", &ds389.url(), "-D", &dn, "-w", SECRET]).output();
        tried.unwrap().status.success()
    };
    let make = |name: &str, more: Value| {
        let made = server.post("/scim/v2/Users", &user(name, more));
        assert_eq!(made.status, 201, "{made:?}");
        made.json()
    };
    let anna = make("anna", json!({"password": SECRET}));
    let bert = make("bert", json!({"password": SECRET, "active": false}));
    assert_eq!((&anna["active"], &bert["active"]), (&json!(true), &json!(false)));
    assert_eq!((lets_in("anna"), lets_in("bert")), (true, false));
    assert_eq!(
        (found(&server, "active eq true"), found(&server, "active eq false")),
        (vec!["anna".into()], vec!["bert".into()])
    );
    for (one, active) in [(&anna, false), (&bert, true)] {
        let path = format!("/scim/v2/Users/{}", one["id"].as_str().unwrap());
        let body = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": active}]});
        assert_eq!(server.request("PATCH", &path).json(&body).send().json()["active"], active);
        assert_eq!(server.get(&path).json()["active"], active);
    }
    assert_eq!((lets_in("anna"), lets_in("bert")), (false, true));
    assert_eq!(
        (found(&server, "active eq true"), found(&server, "active eq false")),
        (vec!["bert".into()], vec!["anna".into()])
    );
}

/// As it is installed, it takes ASCII alone in user names and e-mail addresses, and passwords over TLS.
#[test]
fn what_it_refuses_is_told_with_its_reason() {
    let ds389 = Ds389::start(Setup::default()).unwrap();
    let server = gateway(&ds389, &ds389.url(), "");
    let refused = |status, kind, body: &Value| {
        let answer = server.post("/scim/v2/Users", body);
        answer.is_error(status, kind);
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    let told = refused(400, Some("invalidValue"), &user("Zoë", json!({})));
    assert!(told.contains("7-bit") && told.contains("Zoë") && !told.contains("familyName"), "{told}");
    let doctor = server.command(&["doctor"]);
    assert!(doctor.contains("uid, mail take no letters beyond ASCII"), "{doctor}");
    // Passwords are taken over TLS only, also where nobody could listen.
    let told = refused(403, None, &user("zoe", json!({"password": SECRET})));
    assert!(told.starts_with("password: ") && told.contains("ldaps://"), "{told}");
    assert_eq!(found(&server, "userName pr"), Vec::<String>::new());
    let taken = server.post("/scim/v2/Users", &user("zoe", json!({"displayName": "Zoë"})));
    assert_eq!((taken.status, taken.json()["displayName"].clone()), (201, json!("Zoë")));
}

/// Its plug-in names the groups of groups as well: what is direct and what is not must not depend on where it is read.
#[test]
fn groups_within_groups_are_told_alike_by_both_ways() {
    let ds389 = Ds389::start(Setup::furnished()).unwrap();
    let server = gateway(&ds389, &ds389.url(), "member_of = \"always\"");
    groups_within_groups(&server);
}

/// Where the directory does not show matching values alone, each is compared.
#[test]
fn a_group_says_who_is_active() {
    let ds389 = Ds389::start(Setup::furnished()).unwrap();
    let plain = gateway(&ds389, &ds389.url(), "");
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "locked"});
    assert_eq!(plain.post("/scim/v2/Groups", &group).status, 201);
    let lines = format!(
        "urls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\nmode = \"write\"\noperation_time = 60\n",
        ds389.url()
    );
    let tables = format!(
        "[store.ldap.users]\nbase = \"ou=people,{SUFFIX}\"\nactive = {{ group = \"cn=locked,ou=groups,{SUFFIX}\" }}\n\
         [store.ldap.groups]\nbase = \"ou=groups,{SUFFIX}\"\n"
    );
    let server = served(&lines, &tables, &["acme"]);
    let make = |name: &str, more: Value| {
        let made = server.post("/scim/v2/Users", &user(name, more));
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let (ann, bob) = (make("ann", json!({})), make("bob", json!({"active": false})));
    assert_eq!(crate::users(&server, "active eq true"), std::slice::from_ref(&ann));
    assert_eq!(crate::users(&server, "active eq false"), std::slice::from_ref(&bob));
    assert_eq!(crate::patch_user(&server, &ann, "active", json!(false)).status, 200);
    assert_eq!(crate::patch_user(&server, &bob, "active", json!(true)).status, 200);
    assert_eq!(crate::users(&server, "active eq true"), std::slice::from_ref(&bob));
    // Twice the same changes nothing.
    assert_eq!(crate::patch_user(&server, &ann, "active", json!(false)).status, 200);
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{ann}")).send().status, 204);
    let locked = server.get("/scim/v2/Groups").json()["Resources"][0].clone();
    assert_eq!(locked["members"], Value::Null, "{locked}");

    // It takes no password over this connection: then the group says nothing of anybody either.
    let refused = server.post("/scim/v2/Users", &user("cid", json!({"active": false, "password": SECRET})));
    refused.is_error(403, None);
    assert!(crate::users(&server, "userName eq \"cid\"").is_empty());
    for (was, wanted) in [(true, false), (false, true)] {
        assert_eq!(crate::patch_user(&server, &bob, "active", json!(was)).status, 200);
        let value = json!({"active": wanted, "password": SECRET});
        crate::patch_user(&server, &bob, "title", json!("before"));
        let body = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "value": value},
            {"op": "replace", "path": "title", "value": "after"}]});
        server.request("PATCH", &format!("/scim/v2/Users/{bob}")).json(&body).send().is_error(403, None);
        let now = server.get(&format!("/scim/v2/Users/{bob}")).json();
        assert_eq!((&now["active"], &now["title"]), (&json!(was), &json!("before")), "nothing of the change stays");
    }
    let locked = server.get("/scim/v2/Groups").json()["Resources"][0].clone();
    assert_eq!(locked["members"].as_array().map_or(0, Vec::len), 1, "bob alone: {locked}");
    // Another name and all else that came with the password.
    let value = json!({"userName": "robert", "title": "after", "password": SECRET});
    let body = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "value": value}]});
    server.request("PATCH", &format!("/scim/v2/Users/{bob}")).json(&body).send().is_error(403, None);
    let now = server.get(&format!("/scim/v2/Users/{bob}")).json();
    assert_eq!((&now["userName"], &now["title"]), (&json!("bob"), &json!("before")));
    assert_eq!(crate::users(&server, "active eq false"), [bob]);
}

/// As FreeIPA lays its entries out, and preserves users instead of deleting them.
#[test]
fn who_is_deleted_is_preserved_where_freeipa_does() {
    let ds389 = Ds389::start(Setup { tls: true, ..Setup::furnished() }).unwrap();
    let mut ldif = String::new();
    let containers = [
        "cn=accounts",
        "cn=users,cn=accounts",
        "cn=groups,cn=accounts",
        "cn=provisioning",
        "cn=accounts,cn=provisioning",
        "cn=deleted users,cn=accounts,cn=provisioning",
        "cn=staged users,cn=accounts,cn=provisioning",
    ];
    for container in containers {
        ldif += &format!("dn: {container},{SUFFIX}\nobjectClass: nsContainer\n\n");
    }
    tool(&ds389, "ldapadd", &ldif);
    let lines = format!(
        "urls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\nmode = \"write\"\noperation_time = 60\nca = {:?}\n",
        ds389.tls_url(),
        ds389.authority()
    );
    let deleted = format!("cn=deleted users,cn=accounts,cn=provisioning,{SUFFIX}");
    let tables = format!(
        "[store.ldap.users]\nbase = \"cn=users,cn=accounts,{SUFFIX}\"\non_delete = \"deactivate\"\ndeleted_base = \"{deleted}\"\n\
         [store.ldap.groups]\nbase = \"cn=groups,cn=accounts,{SUFFIX}\"\n"
    );
    let server = served(&lines, &tables, &["acme"]);
    let made = server.post("/scim/v2/Users", &user("anna", json!({"password": SECRET})));
    assert_eq!(made.status, 201, "{made:?}");
    let anna = made.json()["id"].as_str().unwrap().to_owned();
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "team",
        "members": [{"value": anna}]});
    assert_eq!(server.post("/scim/v2/Groups", &group).status, 201);
    let lets_in = |dn: &str| {
        let tried = Command::new("ldapwhoami").args(["-x", "-H", &ds389.url(), "-D", dn, "-w", SECRET]).output();
        tried.unwrap().status.success()
    };
    let at = |base: &str| format!("uid=anna,{base}");
    let users = format!("cn=users,cn=accounts,{SUFFIX}");
    assert!(lets_in(&at(&users)));

    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{anna}")).send().status, 204);
    server.get(&format!("/scim/v2/Users/{anna}")).is_error(404, None);
    assert!(found(&server, "userName eq \"anna\"").is_empty());
    let team = || server.get("/scim/v2/Groups").json()["Resources"][0]["members"].as_array().map_or(0, Vec::len);
    assert_eq!((team(), lets_in(&at(&users)), lets_in(&at(&deleted))), (0, false, false));
    let kept = Command::new("ldapsearch")
        .args(["-x", "-LLL", "-H", &ds389.url(), "-D", ADMIN, "-w", PASSWORD, "-b", &at(&deleted), "nsAccountLock"])
        .output()
        .unwrap();
    let kept = String::from_utf8(kept.stdout).unwrap().to_ascii_lowercase();
    assert!(kept.contains("nsaccountlock: true"), "{kept}");
    // The name is free for somebody else, who goes the same way beside her.
    let other = server.post("/scim/v2/Users", &user("anna", json!({})));
    assert_eq!(other.status, 201, "{other:?}");
    let other = other.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{other}")).send().status, 204);
    // Whom an administrator takes back is the same as before, and has to be let in.
    let back =
        format!("dn: {}\nchangetype: modrdn\nnewrdn: uid=anna\ndeleteoldrdn: 1\nnewsuperior: {users}\n", at(&deleted));
    tool(&ds389, "ldapmodify", &back);
    let shown = server.get(&format!("/scim/v2/Users/{anna}")).json();
    assert_eq!((&shown["userName"], &shown["active"]), (&json!("anna"), &json!(false)), "{shown}");
    assert_eq!(crate::patch_user(&server, &anna, "active", json!(true)).status, 200);
    assert!(lets_in(&at(&users)));
}
