//! Directories that have grown for years: entries with several names, several values where SCIM has one, values under options, accounts
//! of systems in groups. What nobody asked to change stays as it is, by the directory's own log of changes.

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd};
use serde_json::{Value, json};

use crate::support::{Running, USER};
use crate::{gateway_as, gateway_of, ldapmodify, patch_user, users};

const TABLES: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                      [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";

/// A person with these further lines.
fn person(rdn: &str, lines: &str) -> String {
    format!("dn: {rdn},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nsn: S\n{lines}\n")
}

fn slapd(entries: String) -> Slapd {
    Slapd::start(&Setup { entries, audits: true, ..Setup::default() }).unwrap()
}

fn id_of(server: &Running, name: &str) -> String {
    users(server, &format!("userName eq \"{name}\"")).pop().unwrap_or_else(|| panic!("nobody is called {name}"))
}

/// What was written since the log was that long, without what the directory itself adds to each change.
fn written(slapd: &Slapd, since: usize) -> Vec<String> {
    let own = ["entryCSN", "modifiersName", "modifyTimestamp"];
    let log = slapd.audit();
    let lines = log.get(since..).unwrap_or_default().lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines = lines.filter(|line| *line != "-" && !own.iter().any(|name| line.contains(&format!("{name}:"))));
    let lines = lines.filter(|line| !own.iter().any(|name| line.ends_with(&format!(": {name}"))));
    lines.map(str::to_owned).collect()
}

#[test]
fn an_entry_keeps_the_other_parts_of_its_name() {
    let entries = person("uid=ann+employeeNumber=77", "uid: ann\nemployeeNumber: 77\ncn: Ann\n")
        + &person("cn=Bob B", "uid: bob\ncn: Bob B\n")
        + &person("cn=cyd", "uid: cyd\ncn: cyd\n");
    let slapd = slapd(entries);
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let ann = patch_user(&server, &id_of(&server, "ann"), "userName", json!("anna"));
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!((ann.status, &ann.json()[enterprise]["employeeNumber"]), (200, &json!("77")), "{ann:?}");
    let found = slapd.search("(uid=anna)", &["employeeNumber"]).unwrap();
    assert!(found.contains("employeeNumber=77") && found.contains("uid=anna"), "{found}");
    // Whatever names an entry is renamed where it changes, and stays where nothing is to take its place.
    let bob = id_of(&server, "bob");
    let named = patch_user(&server, &bob, "name.formatted", json!("Bob C"));
    assert_eq!((named.status, &named.json()["name"]["formatted"]), (200, &json!("Bob C")), "{named:?}");
    assert!(slapd.search("(uid=bob)", &["1.1"]).unwrap().starts_with("dn: cn=Bob C,"));
    let body = json!({"schemas": [USER], "userName": "bob", "name": {"familyName": "S"}});
    let replaced = server.request("PUT", &format!("/scim/v2/Users/{bob}")).json(&body).send();
    replaced.is_error(400, Some("invalidValue"));
    assert!(replaced.json()["detail"].as_str().unwrap().contains("name.formatted"), "{replaced:?}");
    // Nobody made this name of the user name.
    assert_eq!(patch_user(&server, &id_of(&server, "cyd"), "userName", json!("cydney")).status, 200);
    assert!(slapd.search("(uid=cydney)", &["1.1"]).unwrap().starts_with("dn: cn=cyd,"));
}

#[test]
fn a_new_value_is_shown_also_where_the_directory_has_several() {
    let entries = person("uid=ann", "uid: ann\ncn: Ann\ntitle: Boss\ntitle: Chief\n")
        + &person("cn=Two", "uid: two1\nuid: two2\ncn: Two\n")
        + &person("uid=cyd", "uid: cyd\ncn: Cyd\nmail: cyd@example.org\n");
    let slapd = slapd(entries);
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let ann = id_of(&server, "ann");
    for (title, held) in [("King", ["King", "Chief"]), ("chief", ["chief", ""]), ("King", ["King", ""])] {
        let answer = patch_user(&server, &ann, "title", json!(title));
        assert_eq!((answer.status, &answer.json()["title"]), (200, &json!(title)), "{answer:?}");
        let found = slapd.search("(uid=ann)", &["title"]).unwrap();
        let found: Vec<&str> = found.lines().filter_map(|line| line.strip_prefix("title: ")).collect();
        assert_eq!(found, held.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>());
    }
    ldapmodify(&slapd, "dn: uid=ann,ou=people,dc=example,dc=org\nchangetype: modify\nadd: title\ntitle: Chief\n");
    let removed = patch_user(&server, &ann, "title", Value::Null);
    assert_eq!((removed.status, &removed.json()["title"]), (200, &Value::Null), "{removed:?}");
    let two = id_of(&server, "two1");
    let renamed = patch_user(&server, &two, "userName", json!("three"));
    assert_eq!((renamed.status, &renamed.json()["userName"]), (200, &json!("three")), "{renamed:?}");
    assert_eq!(users(&server, "userName eq \"three\""), [two]);
    assert!(slapd.search("(uid=two2)", &["uid"]).unwrap().contains("uid: three"), "the other name stays");
    // Nobody else is called as somebody is who is shown by another name.
    for name in ["two2", "three"] {
        let body = json!({"schemas": [USER], "userName": name, "name": {"familyName": "F"}});
        server.post("/scim/v2/Users", &body).is_error(409, Some("uniqueness"));
    }
    // The directory's own rules know this address already.
    let cyd = id_of(&server, "cyd");
    let body = json!([{"value": "cyd@example.org"}, {"value": "CYD@example.org"}]);
    let twice = patch_user(&server, &cyd, "emails", body);
    assert!(matches!(twice.status, 200 | 400), "{twice:?}");
}

/// A client that never heard of `name.formatted` leaves it out of every PUT.
#[test]
fn names_that_no_client_sees_stay() {
    let entries = person("uid=ann", "uid: ann\ncn: Ann Lee\ncn: Annie\ncn: ann\ndisplayName: Ann Lee\n");
    let slapd = slapd(entries);
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let path = format!("/scim/v2/Users/{}", id_of(&server, "ann"));
    let put = |more: Value| {
        let mut body = json!({"schemas": [USER], "userName": "ann", "name": {"familyName": "S"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = server.request("PUT", &path).json(&body).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        let found = slapd.search("(uid=ann)", &["cn"]).unwrap();
        let held: Vec<String> = found.lines().filter_map(|line| line.strip_prefix("cn: ")).map(str::to_owned).collect();
        (answer.json()["name"]["formatted"].clone(), held)
    };
    for (display, held) in [
        ("Ann Lee", ["Ann Lee", "Annie", "ann"]),
        ("Ann Low", ["Ann Low", "Annie", "ann"]),
        ("Ann Low", ["Ann Low", "Annie", "ann"]),
    ] {
        let (shown, mut now) = put(json!({"displayName": display}));
        assert_eq!((shown, now.len()), (json!(display), 3), "{now:?}");
        let mut held = held.map(str::to_owned);
        now.sort();
        held.sort();
        assert_eq!(now, held);
    }
    let (shown, mut now) = put(json!({"displayName": "Ann", "name": {"familyName": "S", "formatted": "A. Lee"}}));
    now.sort();
    assert_eq!((shown, now), (json!("A. Lee"), ["A. Lee", "Annie", "ann"].map(str::to_owned).to_vec()));
    // Without a name that can be shown, none is.
    assert_eq!(put(json!({})), (Value::Null, vec!["ann".to_owned()]));
    assert_eq!(put(json!({})), (Value::Null, vec!["ann".to_owned()]));
}

#[test]
fn accounts_that_no_client_sees_stay_in_groups_of_user_names() {
    let group = "dn: cn=web,ou=groups,dc=example,dc=org\nobjectClass: posixGroup\ncn: web\ngidNumber: 7\nmemberUid: ann\n\
                 memberUid: www-data\nmemberUid: root\n\n";
    let slapd = slapd(person("uid=ann", "uid: ann\ncn: A\n") + &person("uid=bob", "uid: bob\ncn: B\n") + group);
    let tables = format!(
        "{TABLES}filter = \"(objectClass=posixGroup)\"\nobject_classes = [\"posixGroup\"]\n\
         [store.ldap.groups.attributes]\nmembers = \"memberUid\"\n"
    );
    let server = gateway_of(&slapd, &tables, &["acme"]);
    let list = server.get("/scim/v2/Groups").json();
    let path = format!("/scim/v2/Groups/{}", list["Resources"][0]["id"].as_str().unwrap());
    for members in [json!([{"value": id_of(&server, "bob")}]), json!([])] {
        let since = slapd.audit().len();
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "web", "members": members});
        assert_eq!(server.request("PUT", &path).json(&body).send().status, 200);
        let written = written(&slapd, since);
        assert!(!written.iter().any(|line| line.contains("root") || line.contains("www-data")), "{written:?}");
    }
    let left = slapd.search("(cn=web)", &["memberUid"]).unwrap();
    assert!(left.contains("root") && left.contains("www-data"), "{left}");
    assert!(!left.contains("ann") && !left.contains("bob"), "{left}");
}

/// Whoever had the new name before is still named by a group: the old name must not stay beside it, for somebody else to take.
#[test]
fn a_new_name_that_a_group_knows_already_leaves_no_old_one_behind() {
    let member = |name: &str| format!("member: uid={name},ou=people,dc=example,dc=org\n");
    let group = format!(
        "dn: cn=staff,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: staff\n{}{}\n",
        member("ann"),
        member("anna"),
    );
    let slapd = slapd(person("uid=ann", "uid: ann\ncn: A\n") + &group);
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    assert_eq!(patch_user(&server, &id_of(&server, "ann"), "userName", json!("anna")).status, 200);
    let left = slapd.search("(cn=staff)", &["member"]).unwrap();
    assert!(left.contains(&member("anna")) && !left.contains(&member("ann")), "{left}");
}

/// slapo-unique's own search inherits what is asserted of the entry, and fails by it.
#[test]
fn what_slapo_unique_watches_over_can_be_changed() {
    changes_what_is_watched(gateway_of);
    // In a transaction nobody is told why one of its steps failed.
    changes_what_is_watched(|slapd, tables, tenants| {
        gateway_of(slapd, &format!("transactions = true\n{tables}"), tenants)
    });
}

fn changes_what_is_watched(gateway: impl Fn(&Slapd, &str, &[&str]) -> Running) {
    let entries = person("uid=ann", "uid: ann\ncn: A\nmail: ann@example.org\n")
        + &person("uid=bob", "uid: bob\ncn: B\nmail: bob@example.org\n");
    let slapd = Slapd::start(&Setup { entries, unique: true, audits: true, ..Setup::default() }).unwrap();
    ldapmodify(
        &slapd,
        "dn: olcOverlay={0}unique,olcDatabase={1}mdb,cn=config\nchangetype: modify\nadd: olcUniqueURI\n\
         olcUniqueURI: ldap:///ou=people,dc=example,dc=org?mail?sub\n",
    );
    let server = gateway(&slapd, TABLES, &["acme"]);
    let ann = id_of(&server, "ann");
    let path = format!("/scim/v2/Users/{ann}");
    let old = server.get(&path).header("etag").unwrap().to_owned();
    let given = |address: &str| patch_user(&server, &ann, "emails[type eq \"work\"].value", json!(address));
    let changed = given("a@example.org");
    assert_eq!((changed.status, &changed.json()["emails"][0]["value"]), (200, &json!("a@example.org")), "{changed:?}");
    let taken = given("bob@example.org");
    taken.is_error(409, Some("uniqueness"));
    assert!(!taken.json()["detail"].as_str().unwrap().contains("userName"), "that is free: {taken:?}");
    let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    let both = |address: &str, name: &str| {
        json!({"schemas": [schema], "Operations": [{"op": "replace", "value": {
            "userName": name, "emails": [{"type": "work", "value": address}]}}]})
    };
    let stale = server.request("PATCH", &path).header("If-Match", &old).json(&both("x@example.org", "stale")).send();
    stale.is_error(412, None);
    let done = server.request("PATCH", &path).json(&both("c@example.org", "anna")).send();
    assert_eq!((done.status, &done.json()["userName"]), (200, &json!("anna")), "{done:?}");
    let refused = server.request("PATCH", &path).json(&both("bob@example.org", "annabel")).send();
    refused.is_error(409, Some("uniqueness"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("emails"), "{refused:?}");
    let now = server.get(&path).json();
    assert_eq!((&now["userName"], &now["emails"][0]["value"]), (&json!("anna"), &json!("c@example.org")), "{now}");
    let body = json!({"schemas": [USER], "userName": "new", "name": {"familyName": "N"},
        "emails": [{"type": "work", "value": "bob@example.org"}]});
    let new = server.post("/scim/v2/Users", &body);
    new.is_error(409, Some("uniqueness"));
    assert!(!new.json()["detail"].as_str().unwrap().contains("userName"), "that is free: {new:?}");
}

/// The directory's answer to "has it one" is not ours where a value stands under an option, or is hidden from the account.
#[test]
fn who_has_no_value_is_found_whatever_the_directory_hides() {
    let account = format!(
        "dn: cn=scim,dc=example,dc=org\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: scim\n\
         userPassword: {PASSWORD}\n\n"
    );
    let entries = account
        + &person("uid=ann", "uid: ann\ncn: A\ntitle: T\n")
        + &person("uid=bob", "uid: bob\ncn: B\ntitle: hidden\n")
        + &person("uid=cyd", "uid: cyd\ncn: C\ntitle;lang-de: Titel\n");
    let configuration = format!(
        "olcAccess: {{0}}to dn.base=\"uid=bob,ou=people,dc=example,dc=org\" attrs=title by dn.exact=\"{ADMIN}\" write by * none\n\
         olcAccess: {{1}}to * by users read by * auth\n"
    );
    let slapd = Slapd::start(&Setup { entries, configuration, ..Setup::default() }).unwrap();
    let server = gateway_as(&slapd, "cn=scim,dc=example,dc=org", TABLES, &["acme"]);
    let of = |name: &str| id_of(&server, name);
    assert_eq!(users(&server, "title pr"), [of("ann")]);
    let mut without = users(&server, "not (title pr)");
    without.sort();
    let mut expected = vec![of("bob"), of("cyd")];
    expected.sort();
    assert_eq!(without, expected);
    assert_eq!(users(&server, "userName pr").len(), 3);
}

/// What is read can be put back, and that writes nothing.
#[test]
fn a_label_behind_a_uri_stays_and_is_not_shown() {
    let slapd = slapd(person("uid=ann", "uid: ann\ncn: A\nlabeledURI: https://example.org/ann My Home\n"));
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let path = format!("/scim/v2/Users/{}", id_of(&server, "ann"));
    let shown = server.get(&path).json();
    assert_eq!(shown["profileUrl"], "https://example.org/ann", "{shown}");
    let since = slapd.audit().len();
    assert_eq!(server.request("PUT", &path).json(&shown).send().status, 200);
    assert_eq!(written(&slapd, since), [""; 0]);
    assert_eq!(users(&server, "profileUrl eq \"https://example.org/ann\"").len(), 1);
    let moved = patch_user(&server, path.rsplit('/').next().unwrap(), "profileUrl", json!("https://example.org/a"));
    assert_eq!((moved.status, &moved.json()["profileUrl"]), (200, &json!("https://example.org/a")), "{moved:?}");
}

/// An attribute of several names is shown under one of them, whichever the settings take.
#[test]
fn attributes_are_known_by_all_their_names() {
    let slapd = slapd(person("uid=ann", "uid: ann\ncn: A\ndescription: D\nmobile: +1\n"));
    let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\nrdn = \"userid\"\n\
                  [store.ldap.users.attributes]\nuserName = \"userid\"\nnickName = \"2.5.4.13\"\n\"name.familyName\" = \"surname\"\n\
                  'phoneNumbers[type eq \"mobile\"].value' = \"mobileTelephoneNumber\"\n\
                  [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
    let server = gateway_of(&slapd, tables, &["acme"]);
    let ann = id_of(&server, "ann");
    let shown = server.get(&format!("/scim/v2/Users/{ann}")).json();
    assert_eq!((&shown["nickName"], &shown["name"]["familyName"]), (&json!("D"), &json!("S")), "{shown}");
    assert_eq!(shown["phoneNumbers"][0]["value"], "+1", "{shown}");
    assert_eq!(users(&server, "nickName eq \"d\"").len(), 1);
    let since = slapd.audit().len();
    assert_eq!(patch_user(&server, &ann, "nickName", json!("N")).status, 200);
    let lines = ["changetype: modify", "delete: description", "description: D", "add: description", "description: N"];
    let written = written(&slapd, since);
    assert_eq!(written.get(1..), Some(lines.map(str::to_owned).as_slice()), "{written:?}");
    assert_eq!(patch_user(&server, &ann, "userName", json!("anna")).status, 200);
    assert!(slapd.search("(uid=anna)", &["1.1"]).unwrap().starts_with("dn: uid=anna,"));
}
