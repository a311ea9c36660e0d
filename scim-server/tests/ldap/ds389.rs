//! 389 Directory Server: who may log in stands in `nsAccountLock`, and what its plug-ins refuse is told.

use std::process::{Command, Stdio};

use conformance_tests::servers::ds389::{ADMIN, Ds389, PASSWORD, SUFFIX, Setup};
use serde_json::{Value, json};

use crate::member_of::groups_within_groups;
use crate::served;
use crate::support::{Running, USER};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const SECRET: &str = "Correct.Horse.1";

/// A server over this directory at this URL, which gets places for people and groups.
fn gateway(ds389: &Ds389, url: &str, more: &str) -> Running {
    let unit = |ou| format!("dn: ou={ou},{SUFFIX}\nobjectClass: organizationalUnit\nou: {ou}\n\n");
    let mut adding = Command::new("ldapadd")
        .args(["-x", "-H", &ds389.url(), "-D", ADMIN, "-w", PASSWORD])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let ldif = unit("people") + &unit("groups");
    std::io::Write::write_all(&mut adding.stdin.take().unwrap(), ldif.as_bytes()).unwrap();
    assert!(adding.wait().unwrap().success());
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
}
