//! User names stand once, whatever entries are named by and whoever writes beside.

use conformance_tests::servers::slapd::{Setup, Slapd};
use serde_json::json;

use crate::gateway_of;
use crate::support::{Running, USER};

const BASE: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n";
/// Entries are named by what nobody looks people up by.
const BY_CN: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\nrdn = \"cn\"\n";

/// The status of a creation.
fn create(server: &Running, name: &str, shown: &str) -> u16 {
    let body = json!({"schemas": [USER], "userName": name, "name": {"familyName": "A", "formatted": shown}});
    server.post("/scim/v2/Users", &body).status
}

fn of_name(server: &Running, name: &str) -> usize {
    crate::users(server, &format!("userName eq \"{name}\"")).len()
}

#[test]
fn a_name_that_stands_elsewhere_below_the_base_is_taken() {
    let guest = "dn: ou=guests,ou=people,dc=example,dc=org\nobjectClass: organizationalUnit\nou: guests\n\n\
                 dn: uid=anna,ou=guests,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: anna\ncn: A\nsn: A\n\n";
    let slapd = Slapd::start(&Setup { entries: guest.into(), ..Setup::furnished() }).unwrap();
    let server = gateway_of(&slapd, BASE, &["acme"]);
    assert_eq!(create(&server, "anna", "B"), 409);
    assert_eq!(create(&server, "ANNA", "B"), 409, "user names have no case");
    assert_eq!(create(&server, "bob", "B"), 201);
    let bob = crate::users(&server, "userName eq \"bob\"").remove(0);
    assert_eq!(crate::patch_user(&server, &bob, "userName", json!("Anna")).status, 409);
    // Whoever looks no deeper does not see the guest, who is in nobody's way.
    let flat = gateway_of(&slapd, &format!("{BASE}scope = \"one\"\n"), &["acme"]);
    assert_eq!(create(&flat, "anna", "B"), 201);
}

/// A directory keeps names of entries, and not everybody is named by the user name.
#[test]
fn a_name_of_an_entry_that_is_named_otherwise_is_taken() {
    let other =
        "dn: cn=Anna A,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna A\nsn: A\n\n";
    let slapd = Slapd::start(&Setup { entries: other.into(), ..Setup::furnished() }).unwrap();
    let flat = gateway_of(&slapd, &format!("{BASE}scope = \"one\"\n"), &["acme"]);
    assert_eq!(create(&flat, "anna", "B"), 409);
    assert_eq!(of_name(&flat, "anna"), 1);
}

/// So many ask for one name at the same time.
const ASKED: usize = 12;

#[test]
fn of_many_who_ask_for_one_name_one_gets_it() {
    let slapd = Slapd::start(&Setup::furnished()).unwrap();
    let server = gateway_of(&slapd, BY_CN, &["acme"]);
    let one = &|n: usize| create(&server, "anna", &format!("Anna {n}"));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..ASKED).map(|n| scope.spawn(move || one(n))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
    assert_eq!(of_name(&server, "anna"), 1);
}

#[test]
fn two_gateways_never_leave_a_name_twice() {
    let slapd = Slapd::start(&Setup::furnished()).unwrap();
    let servers = [gateway_of(&slapd, BY_CN, &["acme"]), gateway_of(&slapd, BY_CN, &["acme"])];
    for round in 0..10 {
        let name = format!("anna{round}");
        let one = &|n: usize| create(&servers[n], &name, &format!("Anna {round} of {n}"));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..2).map(|n| scope.spawn(move || one(n))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
        let made = statuses.iter().filter(|status| **status == 201).count();
        // Both may have made way for the other, and ask again.
        assert!(made <= 1, "{statuses:?}");
        assert_eq!(of_name(&servers[0], &name), made, "{statuses:?}");
    }
}

/// Both change what is there already, each by a gateway that knows nothing of the other: whoever comes too late keeps the old name, with all else of
/// the change.
fn never_two_of_a_changed_name(tables: &str) {
    let units = ["one", "two"].map(|unit| {
        let base = format!("ou={unit},ou=people,dc=example,dc=org");
        format!(
            "dn: {base}\nobjectClass: organizationalUnit\nou: {unit}\n\n\
             dn: {},{base}\nobjectClass: inetOrgPerson\nuid: {unit}\ncn: {unit}\nsn: A\n\n",
            if tables.contains("rdn") { format!("cn={unit}") } else { format!("uid={unit}") }
        )
    });
    let slapd = Slapd::start(&Setup { entries: units.concat(), ..Setup::furnished() }).unwrap();
    let servers = [gateway_of(&slapd, tables, &["acme"]), gateway_of(&slapd, tables, &["acme"])];
    let people = ["one", "two"].map(|name| crate::users(&servers[0], &format!("userName eq \"{name}\"")).remove(0));
    let mut refused = 0;
    for round in 0..20 {
        let wanted = format!("name{round}");
        let before = people.clone().map(|id| servers[0].get(&format!("/scim/v2/Users/{id}")).json());
        let change = |n: usize| {
            let value = json!({"userName": wanted, "title": format!("T{round}")});
            let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
            let body = json!({"schemas": [schema], "Operations": [{"op": "replace", "value": value}]});
            servers[n].request("PATCH", &format!("/scim/v2/Users/{}", people[n])).json(&body).send().status
        };
        let change = &change;
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..2).map(|n| scope.spawn(move || change(n))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
        assert!(of_name(&servers[0], &wanted) <= 1, "{statuses:?}");
        for ((id, status), before) in people.iter().zip(&statuses).zip(&before) {
            let now = servers[0].get(&format!("/scim/v2/Users/{id}")).json();
            let seen = |user: &serde_json::Value| (user["userName"].clone(), user["title"].clone());
            let expected = if *status == 200 { (json!(wanted), json!(format!("T{round}"))) } else { seen(before) };
            assert_eq!(seen(&now), expected, "{statuses:?}");
        }
        refused += statuses.iter().filter(|status| **status == 409).count();
    }
    assert!(refused >= 20, "of two, one at most gets the name");
}

#[test]
fn two_gateways_never_give_a_name_to_two_who_are_there() {
    never_two_of_a_changed_name(BY_CN);
    never_two_of_a_changed_name(BASE);
}
