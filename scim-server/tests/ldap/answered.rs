//! What a write is answered with: the directory gives the entry as it has become along with its own answer, and only what that does not
//! tell is looked up.

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::json;

use crate::{gateway_of, patch_user};

const TABLES: &str = "member_of = \"never\"\n[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                      [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const WITHOUT: &str = "?excludedAttributes=groups";

/// The searches and changes that this makes.
fn operations(slapd: &Slapd, does: impl FnOnce()) -> (usize, usize) {
    let since = slapd.log().len();
    does();
    let log = slapd.log();
    let count = |what: &str| log.get(since..).unwrap().lines().filter(|line| line.contains(what)).count();
    (count(" SRCH base="), count(" MOD dn="))
}

#[test]
fn a_changed_user_is_read_again_only_for_those_it_refers_to() {
    let entries = people(0..3) + &group("staff", 0..2);
    let slapd = Slapd::start(&Setup { entries, tells: true, ..Setup::furnished() }).unwrap();
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let listed = server.get("/scim/v2/Users?sortBy=userName&attributes=userName").json();
    let [anna, boss] = [0, 2].map(|at| listed["Resources"][at]["id"].as_str().unwrap().to_owned());
    let manager = format!("{ENTERPRISE}:manager");

    let alone = operations(&slapd, || {
        let shown = patch_user(&server, &format!("{anna}{WITHOUT}"), "title", json!("Chief")).json();
        assert_eq!(shown["title"], "Chief");
        assert_eq!(shown["userName"], "user000000");
        assert_eq!(shown[ENTERPRISE]["manager"], json!(null));
        let read = server.get(&format!("/scim/v2/Users/{anna}{WITHOUT}")).json();
        assert_eq!(shown, read);
    });
    assert_eq!(alone, (2, 1), "one search for the change, and one for the read behind it");

    // Whoever refers to somebody is shown with whom.
    let shown = patch_user(&server, &format!("{anna}{WITHOUT}"), &manager, json!({"value": boss})).json();
    assert_eq!(shown[ENTERPRISE]["manager"]["value"], *boss);
    let shown = patch_user(&server, &format!("{anna}{WITHOUT}"), "title", json!("Clerk")).json();
    assert_eq!(shown[ENTERPRISE]["manager"]["value"], *boss);
    assert_eq!(shown["title"], "Clerk");
    assert_eq!(shown, server.get(&format!("/scim/v2/Users/{anna}{WITHOUT}")).json());

    // And who is in a group, with the group.
    let shown = patch_user(&server, &anna, "title", json!("Chief")).json();
    assert_eq!(shown["groups"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown, server.get(&format!("/scim/v2/Users/{anna}")).json());

    // Nobody is shown whom it refers to no more.
    let nobody = patch_user(&server, &format!("{anna}{WITHOUT}"), &manager, json!({"value": ""})).json();
    assert_eq!(nobody[ENTERPRISE]["manager"], json!(null), "{nobody}");
    assert_eq!(nobody, server.get(&format!("/scim/v2/Users/{anna}{WITHOUT}")).json());
}
