//! Reading a directory that nobody prepared.

use std::collections::BTreeSet;

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::Value;

use crate::support::Running;
use crate::{gateway, gateway_of};

fn bare() -> Slapd {
    let entries = people(0..1000) + &group("staff", 0..700) + &group("few", 3..6);
    Slapd::start(&Setup { entries, ..Setup::default() }).unwrap()
}

fn list(server: &Running, path: &str) -> Value {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// The names in a list.
fn names(list: &Value) -> Vec<String> {
    let all = list["Resources"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one["userName"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn people_and_groups_are_listed_filtered_and_shown() {
    let slapd = bare();
    let server = gateway(&slapd, "");

    let mut seen = BTreeSet::new();
    for start in (1..=1000).step_by(250) {
        let page = list(&server, &format!("/scim/v2/Users?startIndex={start}&count=250"));
        assert_eq!(page["totalResults"], 1000);
        seen.extend(names(&page));
    }
    assert_eq!(seen.len(), 1000, "each of them, each once");

    let found = list(&server, "/scim/v2/Users?filter=userName%20eq%20%22USER000042%22");
    assert_eq!(found["totalResults"], 1);
    let user = &found["Resources"][0];
    assert_eq!(user["userName"], "user000042");
    assert_eq!(user["name"]["familyName"], "Family000042");
    assert_eq!(
        user["emails"],
        serde_json::json!([{"value": "user000042@example.org", "type": "work", "primary": true}])
    );
    assert_eq!(user["active"], true);
    assert!(user["meta"]["created"].as_str().unwrap().ends_with('Z') && user["meta"]["version"].is_string());

    let id = user["id"].as_str().unwrap();
    let read = list(&server, &format!("/scim/v2/Users/{id}"));
    assert_eq!(read["userName"], "user000042");
    assert_eq!(read["groups"][0]["display"], "staff");
    assert_eq!(server.get("/scim/v2/Users/5d5e9f9e-0000-4000-8000-000000000000").status, 404);
    assert_eq!(server.get("/scim/v2/Users/nobody").status, 404);

    let groups = list(&server, "/scim/v2/Groups?filter=displayName%20eq%20%22few%22");
    let few = groups["Resources"][0]["id"].as_str().unwrap();
    let few = list(&server, &format!("/scim/v2/Groups/{few}"));
    let members = few["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    let shown: BTreeSet<_> = members.iter().map(|one| one["display"].as_str().unwrap().to_owned()).collect();
    assert_eq!(shown, ["user000003", "user000004", "user000005"].map(str::to_owned).into());
    assert!(members.iter().all(|one| one["type"] == "User"));
    let staff = list(&server, "/scim/v2/Groups?filter=displayName%20eq%20%22staff%22");
    assert_eq!(staff["Resources"][0]["members"].as_array().unwrap().len(), 700);

    let of = list(&server, &format!("/scim/v2/Groups?filter=members.value%20eq%20%22{id}%22"));
    assert_eq!(of["totalResults"], 1);
    assert_eq!(of["Resources"][0]["displayName"], "staff");
}

/// What goes to the directory, what is compared here, and how much comes.
#[test]
fn a_filter_is_explained() {
    let slapd = bare();
    let server = gateway(&slapd, "");
    let explain = |filter: &str| -> Value {
        let text = server.command(&["explain", "--tenant", "acme", "--format", "json", filter]);
        serde_json::from_str(&text).unwrap()
    };
    let part = explain("title eq \"title 7\" and not (userName ew \"17\")");
    assert_eq!(
        (&part["candidates"], &part["results"], &part["exact"]),
        (&100.into(), &90.into(), &false.into()),
        "{part}"
    );
    let asked = part["asked"].as_str().unwrap();
    assert!(asked.contains("ou=people,dc=example,dc=org") && asked.contains("(title=title 7)"), "{asked}");
    assert_eq!(part["pushed"], "title eq \"title 7\"");
    let exact = explain("userName pr");
    assert_eq!(
        (&exact["candidates"], &exact["results"], &exact["exact"]),
        (&1000.into(), &1000.into(), &true.into()),
        "{exact}"
    );
    let none = explain("not (title co \"7\")");
    assert_eq!(
        (&none["pushed"], &none["candidates"], &none["results"]),
        (&Value::Null, &1000.into(), &900.into()),
        "{none}"
    );
    let text = server.command(&["explain", "--tenant", "acme", "--endpoint", "Groups", "displayName eq \"few\""]);
    assert!(text.contains("(cn=few)") && text.contains("results     1"), "{text}");
}

/// Never a silent empty list: what is not mapped is refused by name.
#[test]
fn what_is_not_mapped_is_refused_in_filters() {
    let slapd = bare();
    let server = gateway(&slapd, "");
    server.get("/scim/v2/Users?filter=nickName%20pr").is_error(400, Some("invalidFilter"));
    server.get("/scim/v2/Users?filter=externalId%20eq%20%22x%22").is_error(400, Some("invalidFilter"));
    let title =
        list(&server, "/scim/v2/Users?filter=title%20eq%20%22title%207%22%20and%20not%20(userName%20ew%20%2217%22)");
    assert_eq!(title["totalResults"], 90);
}

/// A type's filter may ask what can be told of no entry in hand: then the directory is asked of which type a member is.
#[test]
fn members_are_shown_by_what_the_directory_says_of_their_type() {
    for deref in [false, true] {
        let entries = people(0..8) + &group("staff", 0..8) + &group("few", 3..6);
        let slapd = Slapd::start(&Setup { entries, deref, ..Setup::default() }).unwrap();
        let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
             filter = \"(&(objectClass=inetOrgPerson)(!(uid:caseExactMatch:=user000004)))\"\n\
             [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n\
             filter = \"(&(objectClass=groupOfNames)(createTimestamp>=19700101000000Z))\"";
        let server = gateway_of(&slapd, tables, &["acme"]);
        assert_eq!(list(&server, "/scim/v2/Users")["totalResults"], 7);
        let groups = list(&server, "/scim/v2/Groups?filter=displayName%20eq%20%22few%22");
        let members = groups["Resources"][0]["members"].as_array().unwrap();
        let shown: BTreeSet<_> = members.iter().map(|one| one["display"].as_str().unwrap().to_owned()).collect();
        assert_eq!(shown, ["user000003", "user000005"].map(str::to_owned).into(), "deref: {deref}");
        let found = list(&server, "/scim/v2/Users?filter=userName%20eq%20%22user000003%22");
        let of: BTreeSet<_> =
            found["Resources"][0]["groups"].as_array().unwrap().iter().map(|one| one["display"].to_string()).collect();
        assert_eq!(of, ["\"few\"", "\"staff\""].map(str::to_owned).into(), "deref: {deref}");
    }
}

/// What the directory was asked, and how answers were come by.
#[test]
fn the_gateway_tells_numbers_about_the_directory() {
    let entries = people(0..30) + &group("staff", 0..30);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    let server = gateway(&slapd, "mode = \"write\"");
    let list = server.get("/scim/v2/Users?count=10").json();
    server.get("/scim/v2/Users?count=10&startIndex=11");
    server.get("/scim/v2/Users?filter=userName%20eq%20%22user000001%22");
    server.get("/scim/v2/Groups");
    let id = list["Resources"][0]["id"].as_str().unwrap();
    assert_eq!(crate::patch_user(&server, id, "title", serde_json::json!("x")).status, 200);
    let text = String::from_utf8(server.anonymous("GET", "/metrics").send().body).unwrap();
    let value = |start: &str| {
        let line = text.lines().find(|line| line.starts_with(start) && line[start.len()..].starts_with(' '));
        line.unwrap_or_else(|| panic!("{start} is not in\n{text}"))[start.len() + 1..].parse::<f64>().unwrap()
    };
    assert!(value("scim_ldap_operations_total{operation=\"search\",result=\"success\"}") >= 4.0);
    assert!(value("scim_ldap_operations_total{operation=\"modify\",result=\"success\"}") >= 1.0);
    assert_eq!(value("scim_ldap_lists_total{from=\"kept\"}"), 1.0);
    assert!(value("scim_ldap_lists_total{from=\"walked\"}") >= 1.0);
    assert!(value("scim_ldap_lookup_candidates_total") >= value("scim_ldap_lookup_results_total"));
    assert!(value("scim_ldap_members_total{by=\"deref\"}") >= 30.0);
    assert!(value("scim_ldap_pages_total") >= 1.0 && value("scim_ldap_connection_waits_total") >= 4.0);
    assert_eq!(value(&format!("scim_ldap_server_up{{server=\"{}\"}}", slapd.url())), 1.0);
}

/// What stands in no attribute of its own.
#[test]
fn values_are_put_together_and_said_for_all() {
    let entries = people(0..3) + &group("staff", 0..3);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    let tables = "mode = \"write\"\n[store.ldap.users.attributes]\ndisplayName = { template = \"{givenName} {sn}\" }\n\
                  userType = { constant = \"Employee\" }\n\"name.formatted\" = { template = \"{sn}, {givenName}\" }\n\
                  [store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                  [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
    let lines = format!(
        "urls = [\"{}\"]\nbind_dn = \"{}\"\nbind_password = \"{}\"\noperation_time = 60\n",
        slapd.url(),
        conformance_tests::servers::slapd::ADMIN,
        conformance_tests::servers::slapd::PASSWORD
    );
    let server = crate::served(&lines, tables, &["acme"]);
    let one = server.get("/scim/v2/Users?filter=userName%20eq%20%22user000001%22").json()["Resources"][0].clone();
    assert_eq!(one["displayName"], "Given000001 Family000001", "{one}");
    assert_eq!(
        (&one["userType"], &one["name"]["formatted"]),
        (&"Employee".into(), &"Family000001, Given000001".into())
    );
    assert_eq!(crate::users(&server, "userType eq \"employee\"").len(), 3);
    assert_eq!(crate::users(&server, "displayName sw \"given000002\"").len(), 1);
    let staff = server.get("/scim/v2/Groups").json()["Resources"][0].clone();
    let shown = staff["members"].as_array().unwrap().iter().map(|one| one["display"].as_str().unwrap());
    assert!(shown.clone().any(|name| name == "Given000000 Family000000"), "{staff}");
    let schema = server.get("/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User").json();
    let own = schema["attributes"].as_array().unwrap().iter().find(|one| one["name"] == "displayName").unwrap();
    assert_eq!(own["mutability"], "readOnly");
    // What it is made of can be changed.
    let renamed = crate::patch_user(&server, one["id"].as_str().unwrap(), "name.givenName", serde_json::json!("Ann"));
    assert_eq!((renamed.status, &renamed.json()["displayName"]), (200, &"Ann Family000001".into()), "{renamed:?}");
}
