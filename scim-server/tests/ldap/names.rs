//! Names that only the directory tells apart, and values that are no names: nobody is taken for somebody else.

use conformance_tests::servers::slapd::{Setup, Slapd};
use serde_json::{Value, json};

use crate::support::Running;
use crate::{gateway_of, users};

const TABLES: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                      [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
const BELOW: &str = "ou=people,dc=example,dc=org";

fn person(rdn: &str, lines: &str) -> String {
    format!("dn: {rdn},{BELOW}\nobjectClass: inetOrgPerson\n{lines}sn: S\n\n")
}

fn group(name: &str, members: &[&str]) -> String {
    let members: String = members.iter().map(|rdn| format!("member: {rdn},{BELOW}\n")).collect();
    format!("dn: cn={name},ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: {name}\n{members}\n")
}

fn id_of(server: &Running, name: &str) -> String {
    users(server, &format!("userName eq \"{name}\"")).pop().unwrap_or_else(|| panic!("nobody is called {name}"))
}

/// The ids that stand in an attribute of a resource, in order.
fn ids(resource: &Value, attribute: &str) -> Vec<String> {
    let all = resource[attribute].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<String> = all.iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// One group with the first, one with the second, one with both: each is shown where it is, and goes alone.
fn are_two_people(slapd: &Slapd, first: &str, second: &str) {
    let server = gateway_of(slapd, TABLES, &["acme"]);
    let (one, two) = (id_of(&server, "one"), id_of(&server, "two"));
    let groups = || -> Vec<(String, Value)> {
        let list = server.get("/scim/v2/Groups").json();
        let all = list["Resources"].as_array().unwrap().clone();
        all.into_iter().map(|group| (group["displayName"].as_str().unwrap().to_owned(), group)).collect()
    };
    let of = |name: &str| groups().into_iter().find(|(own, _)| own == name).unwrap().1;
    let mut both = vec![one.clone(), two.clone()];
    both.sort();
    assert_eq!(ids(&of("first"), "members"), std::slice::from_ref(&one), "{first}");
    assert_eq!(ids(&of("second"), "members"), std::slice::from_ref(&two), "{second}");
    assert_eq!(ids(&of("both"), "members"), both);
    let list = server.get("/scim/v2/Users").json();
    for user in list["Resources"].as_array().unwrap() {
        let own = if user["userName"] == "one" { "first" } else { "second" };
        let mut expected: Vec<String> = [own, "both"].map(|name| of(name)["id"].as_str().unwrap().to_owned()).to_vec();
        expected.sort();
        assert_eq!(ids(user, "groups"), expected, "{user}");
    }
    // A list of members without one of them takes that one out.
    let (path, schema) = ("/scim/v2/Groups/", "urn:ietf:params:scim:schemas:core:2.0:Group");
    let path = format!("{path}{}", of("both")["id"].as_str().unwrap());
    let body = json!({"schemas": [schema], "displayName": "both", "members": [{"value": two}]});
    assert_eq!(server.request("PUT", &path).json(&body).send().status, 200);
    assert_eq!(ids(&of("both"), "members"), std::slice::from_ref(&two));
    let deleted = server.request("DELETE", &format!("/scim/v2/Users/{one}")).send();
    assert_eq!(deleted.status, 204, "{deleted:?}");
    assert_eq!(ids(&of("both"), "members"), std::slice::from_ref(&two));
    assert_eq!(ids(&of("second"), "members"), [two]);
    assert_eq!(ids(&of("first"), "members"), [""; 0]);
}

#[test]
fn a_strauss_with_another_letter_is_somebody_else() {
    let entries = person(r"cn=Eva Strau\c3\9f", "cn:: RXZhIFN0cmF1w58=\nuid: one\n")
        + &person("cn=Eva Strauss", "cn: Eva Strauss\nuid: two\n")
        + &group("first", &[r"cn=Eva Strau\C3\9F"])
        + &group("second", &["cn=EVA STRAUSS"])
        + &group("both", &[r"cn=eva strau\c3\9f", "cn=Eva Strauss"]);
    for deref in [false, true] {
        let slapd = Slapd::start(&Setup { entries: entries.clone(), deref, ..Setup::default() }).unwrap();
        are_two_people(&slapd, "Strau\u{df}", "Strauss");
    }
}

#[test]
fn names_of_an_attribute_that_tells_case_apart_are_two() {
    let schema = "olcAttributeTypes: ( 1.3.6.1.4.1.99999.7.1 NAME ( 'x-login' 'xLogin' ) EQUALITY caseExactMatch \
                  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n\
                  olcObjectClasses: ( 1.3.6.1.4.1.99999.7.2 NAME 'x-account' SUP top AUXILIARY MAY x-login )\n";
    let named = |name: &str, uid: &str| {
        person(&format!("x-login={name}"), &format!("objectClass: x-account\nx-login: {name}\ncn: C\nuid: {uid}\n"))
    };
    let entries = named("Ann", "one")
        + &named("ann", "two")
        + &group("first", &["x-login=Ann"])
        + &group("second", &["X-LOGIN=ann"])
        + &group("both", &["x-login=ann", "x-login=Ann"]);
    for deref in [false, true] {
        let setup = Setup { entries: entries.clone(), schema: schema.into(), deref, ..Setup::default() };
        are_two_people(&Slapd::start(&setup).unwrap(), "Ann", "ann");
    }
}

/// RFC 4517 section 3.3.21: a name with bits behind it tells one bearer of the name from a later one. No search for the name finds it
/// (uniqueMemberMatch), from neither side: so it is shown to nobody, and nobody touches it.
#[test]
fn a_member_told_by_bits_behind_its_name_is_left_alone() {
    let group = format!(
        "dn: cn=staff,ou=groups,dc=example,dc=org\nobjectClass: groupOfUniqueNames\ncn: staff\n\
         uniqueMember: uid=one,{BELOW}#'0101'B\nuniqueMember: uid=two,{BELOW}\n\n"
    );
    let entries = person("uid=one", "cn: A\nuid: one\n") + &person("uid=two", "cn: B\nuid: two\n") + &group;
    let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
    let tables = format!(
        "{TABLES}filter = \"(objectClass=groupOfUniqueNames)\"\nobject_classes = [\"groupOfUniqueNames\"]\n\
         [store.ldap.groups.attributes]\nmembers = \"uniqueMember\"\n"
    );
    let server = gateway_of(&slapd, &tables, &["acme"]);
    let (one, two) = (id_of(&server, "one"), id_of(&server, "two"));
    let staff = || server.get("/scim/v2/Groups").json()["Resources"][0].clone();
    assert_eq!(ids(&staff(), "members"), std::slice::from_ref(&two));
    let path = format!("/scim/v2/Groups/{}", staff()["id"].as_str().unwrap());
    let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
    for members in [json!([{"value": one}, {"value": two}]), json!([{"value": two}]), json!([])] {
        let body = json!({"schemas": [schema], "displayName": "staff", "members": members});
        let answer = server.request("PUT", &path).json(&body).send();
        assert_eq!((answer.status, ids(&answer.json(), "members")), (200, ids(&body, "members")), "{answer:?}");
        assert!(slapd.search("(cn=staff)", &["uniqueMember"]).unwrap().contains("#'0101'B"));
    }
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{one}")).send().status, 204);
    assert_eq!(ids(&staff(), "members"), [""; 0]);
}
