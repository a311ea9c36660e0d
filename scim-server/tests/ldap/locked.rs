//! Who is not active by OpenLDAP's password policy, which takes every lock away with a new password: nobody is let in by one.

use std::process::Command;

use conformance_tests::servers::slapd::{PASSWORD, Setup, Slapd, group};
use scim_core::store::control::LEAVING;
use serde_json::{Value, json};

use crate::support::{Answer, Running, USER};
use crate::{ldapmodify, with_control_as};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ACCOUNT: &str = "cn=gateway,dc=example,dc=org";
const BELOW: &str = "ou=people,dc=example,dc=org";

fn slapd() -> Slapd {
    let person =
        |name: &str| format!("dn: uid={name},{BELOW}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: C\nsn: S\n\n");
    let account = format!(
        "dn: {ACCOUNT}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: gateway\nuserPassword: {PASSWORD}\n\n"
    );
    let entries = person("ann") + &person("bob") + &group("staff", 0..1) + &account;
    let slapd = Slapd::start(&Setup { entries, password_policy: true, ..Setup::default() }).unwrap();
    // Without this, OpenLDAP keeps nobody out for a lock.
    ldapmodify(
        &slapd,
        "dn: cn=default,ou=policies,dc=example,dc=org\nchangetype: modify\nadd: pwdLockout\npwdLockout: TRUE\n",
    );
    // Policies do not bind the rootDN.
    let access = format!(
        "dn: olcDatabase={{1}}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\n\
         olcAccess: {{0}}to attrs=userPassword by dn.exact={ACCOUNT} write by anonymous auth by * none\n\
         olcAccess: {{1}}to * by * write\n"
    );
    ldapmodify(&slapd, &access);
    slapd
}

fn gateway(slapd: &Slapd, more: &str) -> Running {
    let users = format!("{more}\n[store.ldap.users]\nbase = \"{BELOW}\"\nactive = \"ppolicy_lock\"\n");
    with_control_as(slapd, ACCOUNT, &users)
}

fn lets_in(slapd: &Slapd, name: &str, password: &str) -> bool {
    let dn = format!("uid={name},{BELOW}");
    let tried = Command::new("ldapwhoami").args(["-x", "-H", &slapd.url(), "-D", &dn, "-w", password]).output();
    tried.unwrap().status.success()
}

fn id_of(server: &Running, name: &str) -> String {
    let found = server.get(&format!("/scim/v2/Users?filter=userName%20eq%20%22{name}%22")).json();
    found["Resources"][0]["id"].as_str().unwrap().to_owned()
}

fn change(server: &Running, id: &str, value: &Value) -> Answer {
    let body = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "value": value}]});
    server.request("PATCH", &format!("/scim/v2/Users/{id}")).json(&body).send()
}

#[test]
fn a_new_password_lets_nobody_in_who_is_not_active() {
    for more in ["", "transactions = true"] {
        let slapd = slapd();
        let server = gateway(&slapd, more);
        let id = id_of(&server, "ann");
        let is = |answer: Answer, active: bool, name: &str, password: &str| {
            assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(active)), "{answer:?}");
            assert_eq!(server.get(&format!("/scim/v2/Users/{id}")).json()["active"], active);
            assert_eq!(lets_in(&slapd, name, password), active, "{password}");
        };
        is(change(&server, &id, &json!({"password": "correct horse 1"})), true, "ann", "correct horse 1");
        is(change(&server, &id, &json!({"active": false})), false, "ann", "correct horse 1");
        is(change(&server, &id, &json!({"password": "correct horse 2"})), false, "ann", "correct horse 2");
        is(
            change(&server, &id, &json!({"userName": "anna", "password": "correct horse 3"})),
            false,
            "anna",
            "correct horse 3",
        );
        let body = json!({"schemas": [USER], "userName": "anna", "name": {"familyName": "S"}, "active": false,
            "password": "correct horse 4"});
        is(server.request("PUT", &format!("/scim/v2/Users/{id}")).json(&body).send(), false, "anna", "correct horse 4");
        // What is refused changes nothing, now and later.
        change(&server, &id, &json!({"password": "short"})).is_error(400, Some("invalidValue"));
        is(
            change(&server, &id, &json!({"active": true, "password": "correct horse 5"})),
            true,
            "anna",
            "correct horse 5",
        );
        change(&server, &id, &json!({"active": false, "password": "short"})).is_error(400, Some("invalidValue"));
        crate::leaving::tend(&server, 5);
        assert!(lets_in(&slapd, "anna", "correct horse 5"));
        is(
            change(&server, &id, &json!({"active": false, "password": "correct horse 6"})),
            false,
            "anna",
            "correct horse 6",
        );
        let body = json!({"schemas": [USER], "userName": "new", "name": {"familyName": "N"}, "active": false,
            "password": "correct horse 1"});
        let new = server.post("/scim/v2/Users", &body);
        assert_eq!((new.status, &new.json()["active"]), (201, &json!(false)), "{new:?}");
        assert!(!lets_in(&slapd, "new", "correct horse 1"));
        let entry = format!("dn: uid=new,{BELOW}\nchangetype: modify\ndelete: pwdAccountLockedTime\n");
        ldapmodify(&slapd, &entry);
        assert!(lets_in(&slapd, "new", "correct horse 1"), "the lock alone keeps it out");
        assert_eq!(crate::leaving::noted(&server), [""; 0]);
    }
}

/// As a server leaves it that is killed between the password and the lock.
#[test]
fn who_was_let_in_by_a_crash_is_locked_out_again() {
    let slapd = slapd();
    let server = gateway(&slapd, "");
    let [ann, bob] = ["ann", "bob"].map(|name| id_of(&server, name));
    let note = |id: &str, name: &str| {
        let dn = format!("uid={name},{BELOW}");
        let note = json!({"kind": "User", "at": 0, "old": dn, "new": dn, "name": null, "cut": [], "lock": true});
        let sql = "INSERT INTO external (tenant, client, id, value) VALUES ('default', ?1, ?2, ?3)";
        crate::leaving::control(&server).execute(sql, (LEAVING, id, note.to_string())).unwrap();
    };
    let active = |id: &str| server.get(&format!("/scim/v2/Users/{id}")).json()["active"].clone();
    note(&ann, "ann");
    note(&bob, "bob");
    // Whoever was made active since is meant to be.
    assert_eq!(change(&server, &bob, &json!({"active": false})).status, 200);
    assert_eq!(change(&server, &bob, &json!({"active": true})).status, 200);
    crate::leaving::tend(&server, 0);
    assert_eq!((active(&ann), active(&bob)), (json!(false), json!(true)));
    assert_eq!(crate::leaving::noted(&server), [""; 0]);
}
