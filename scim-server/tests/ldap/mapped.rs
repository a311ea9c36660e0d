//! What the configuration makes of attributes: texts that are made alike, addresses behind prefixes, values that are given once.

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd};
use serde_json::{Value, json};

use crate::gateway_of;
use crate::support::{Running, USER, command, write_config};

/// As Exchange has it.
const SCHEMA: &str = "olcAttributeTypes: ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SUBSTR \
                      caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\nolcObjectClasses: ( 1.3.6.1.4.1.55555.9.3 NAME \
                      'mailRecipient2' SUP top AUXILIARY MAY proxyAddresses )\n";

const USERS: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                     object_classes = [\"inetOrgPerson\", \"mailRecipient2\"]\n[store.ldap.users.attributes]\n";

fn slapd(entries: &str) -> Slapd {
    Slapd::start(&Setup { schema: SCHEMA.into(), entries: entries.into(), ..Setup::furnished() }).unwrap()
}

/// An entry that was there before us.
fn entry(uid: &str, more: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nobjectClass: mailRecipient2\nuid: {uid}\ncn: {uid}\n\
         sn: F\n{more}\n"
    )
}

fn read(server: &Running, name: &str) -> Value {
    let id = crate::users(server, &format!("userName eq \"{name}\"")).remove(0);
    server.get(&format!("/scim/v2/Users/{id}")).json()
}

/// The values of an attribute in the directory, in order.
fn raw(slapd: &Slapd, uid: &str, attribute: &str) -> Vec<String> {
    let base = format!("uid={uid},ou=people,dc=example,dc=org");
    let found = std::process::Command::new("ldapsearch")
        .args(["-x", "-LLL", "-H", &slapd.url(), "-D", ADMIN, "-w", PASSWORD, "-s", "base", "-b", &base, attribute])
        .output()
        .unwrap();
    assert!(found.status.success(), "{found:?}");
    let text = String::from_utf8(found.stdout).unwrap();
    let value = |line: &str| Some(line.strip_prefix(attribute)?.strip_prefix(": ")?.to_owned());
    let mut values: Vec<String> = text.lines().filter_map(value).collect();
    values.sort();
    values
}

#[test]
fn texts_are_shown_alike_and_written_so() {
    let slapd = slapd(&entry("anna", "mail: Anna@Example.ORG\nmobile: +1 (555) 000-001\ntitle:: ICBMZWFkICA=\n"));
    let lines = "'emails[type eq \"work\"].value' = { attribute = \"mail\", transforms = [\"trim\", \"lower\"] }\n\
                 'phoneNumbers[type eq \"mobile\"].value' = { attribute = \"mobile\", transforms = [\"e164\"] }\n\
                 title = { attribute = \"title\", transforms = [\"trim\"] }\n";
    let server = gateway_of(&slapd, &format!("{USERS}{lines}"), &["acme"]);
    let anna = read(&server, "anna");
    assert_eq!(anna["emails"][0]["value"], "anna@example.org");
    assert_eq!(anna["phoneNumbers"][0]["value"], "+1555000001");
    assert_eq!(anna["title"], "Lead");
    for filter in [
        "emails.value eq \"anna@example.org\"",
        "emails.value sw \"ANNA@\"",
        "phoneNumbers.value eq \"+1555000001\"",
        "title eq \"Lead\"",
    ] {
        assert_eq!(crate::users(&server, filter).len(), 1, "{filter}");
    }
    let id = anna["id"].as_str().unwrap();
    // What is alike already is not written; what changes takes the place of what stood there.
    assert_eq!(crate::patch_user(&server, id, "userType", json!("staff")).status, 200);
    assert_eq!(raw(&slapd, "anna", "mail"), ["Anna@Example.ORG"]);
    assert_eq!(crate::patch_user(&server, id, "emails[type eq \"work\"].value", json!("B@X.org ")).status, 200);
    assert_eq!(
        crate::patch_user(&server, id, "phoneNumbers[type eq \"mobile\"].value", json!("0049 89/1")).status,
        200
    );
    assert_eq!(raw(&slapd, "anna", "mail"), ["b@x.org"]);
    assert_eq!(raw(&slapd, "anna", "mobile"), ["+49891"]);
}

#[test]
fn one_address_behind_a_prefix_is_primary_and_what_is_none_stays() {
    let addresses =
        "proxyAddresses: SMTP:anna@x.org\nproxyAddresses: smtp:a@x.org\nproxyAddresses: X500:/o=x/cn=anna\n";
    let slapd = slapd(&entry("anna", addresses));
    let lines = "emails = { attribute = \"proxyAddresses\", prefix = \"smtp:\" }\n";
    let server = gateway_of(&slapd, &format!("{USERS}{lines}"), &["acme"]);
    let shown = |name: &str| {
        let mut all: Vec<(String, bool)> = read(&server, name)["emails"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| (one["value"].as_str().unwrap().to_owned(), one["primary"] == true))
            .collect();
        all.sort();
        all
    };
    let one = |value: &str, primary: bool| (value.to_owned(), primary);
    assert_eq!(shown("anna"), [one("a@x.org", false), one("anna@x.org", true)]);
    assert_eq!(crate::users(&server, "emails.value eq \"a@x.org\"").len(), 1);
    let id = read(&server, "anna")["id"].as_str().unwrap().to_owned();
    let replace = |value: Value| crate::patch_user(&server, &id, "emails", value).status;
    assert_eq!(replace(json!([{"value": "a@x.org", "primary": true}, {"value": "anna@x.org"}])), 200);
    assert_eq!(raw(&slapd, "anna", "proxyAddresses"), ["SMTP:a@x.org", "X500:/o=x/cn=anna", "smtp:anna@x.org"]);
    // Nobody says which: the one that was stays so, else the first is.
    assert_eq!(replace(json!([{"value": "new@x.org"}, {"value": "a@x.org"}])), 200);
    assert_eq!(raw(&slapd, "anna", "proxyAddresses"), ["SMTP:a@x.org", "X500:/o=x/cn=anna", "smtp:new@x.org"]);
    assert_eq!(replace(json!([{"value": "new@x.org"}])), 200);
    assert_eq!(raw(&slapd, "anna", "proxyAddresses"), ["SMTP:new@x.org", "X500:/o=x/cn=anna"]);
    let bob = json!({"schemas": [USER], "userName": "bob", "name": {"familyName": "B"},
        "emails": [{"value": "bob@x.org"}, {"value": "b@x.org"}]});
    assert_eq!(server.post("/scim/v2/Users", &bob).status, 201);
    assert_eq!(raw(&slapd, "bob", "proxyAddresses"), ["SMTP:bob@x.org", "smtp:b@x.org"]);
}

#[test]
fn a_fragment_that_is_too_short_is_refused_where_it_is_told_so() {
    let slapd = slapd(&entry("anna", ""));
    let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n";
    let server = gateway_of(&slapd, &format!("fragment_min = 3\n{tables}"), &["acme"]);
    let list = |filter: &str| {
        let coded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        server.get(&format!("/scim/v2/Users?filter={coded}"))
    };
    for filter in ["userName co \"nn\"", "title pr or userName ew \"na\""] {
        let answer = list(filter);
        assert_eq!((answer.status, &answer.json()["scimType"]), (400, &json!("tooMany")), "{filter}: {answer:?}");
    }
    for filter in ["userName co \"nna\"", "userName sw \"an\"", "userName eq \"anna\" and userName co \"a\""] {
        let answer = list(filter);
        assert_eq!((answer.status, &answer.json()["totalResults"]), (200, &json!(1)), "{filter}: {answer:?}");
    }
}

#[test]
fn what_is_given_once_is_never_changed() {
    let slapd = slapd("");
    let lines = "title = { attribute = \"title\", direction = \"create_only\" }\n";
    let server = gateway_of(&slapd, &format!("{USERS}{lines}"), &["acme"]);
    let schema = server.get(&format!("/scim/v2/Schemas/{USER}")).json();
    let title = schema["attributes"].as_array().unwrap().iter().find(|one| one["name"] == "title").unwrap().clone();
    assert_eq!(title["mutability"], "immutable");
    let anna = json!({"schemas": [USER], "userName": "anna", "name": {"familyName": "A"}, "title": "Lead"});
    let answer = server.post("/scim/v2/Users", &anna);
    assert_eq!((answer.status, &answer.json()["title"]), (201, &json!("Lead")));
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    let answer = crate::patch_user(&server, &id, "title", json!("Head"));
    assert_eq!((answer.status, &answer.json()["scimType"]), (400, &json!("mutability")));
    assert_eq!(raw(&slapd, "anna", "title"), ["Lead"]);
}

/// Passwords are hashes there, which somebody could guess from: no setting makes one show, whatever it is called.
#[test]
fn what_holds_passwords_is_never_shown() {
    let schema = format!(
        "{SCHEMA}olcAttributeTypes: ( 1.3.6.1.4.1.55555.9.4 NAME 'oldSecret' SUP userPassword )\n\
         olcAttributeTypes: ( 1.3.6.1.4.1.55555.9.5 NAME 'sambaNTPassword' EQUALITY caseIgnoreIA5Match SYNTAX \
         1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )\n"
    );
    let slapd = Slapd::start(&Setup { schema, ..Setup::furnished() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let check = |users: &str| {
        let settings = format!(
            "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\n\
             [store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n{users}\n[[tokens]]\nname = \"n\"\ntenant = \"acme\"\n\
             token = \"{}\"\n",
            slapd.url(),
            crate::token("acme")
        );
        let config = write_config(folder.path(), &settings);
        let told = command(&config, &["check-config"]).output().unwrap();
        (
            told.status.success(),
            String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr),
        )
    };
    let shown = [
        "nickName = \"userPassword\"",
        "nickName = \"USERPASSWORD\"",
        "nickName = \"userPassword;x-any\"",
        "nickName = \"2.5.4.35\"",
        "nickName = \"oldSecret\"",
        "nickName = \"1.3.6.1.4.1.55555.9.5\"",
        "nickName = { attribute = \"userPassword\", direction = \"read_only\" }",
        "displayName = { template = \"{cn} {userPassword}\" }",
        "externalId = \"userPassword\"",
        "'emails[type eq \"other\"].value' = [\"mail\", \"userPassword\"]",
        "photos = { attribute = \"userPassword\", syntax = \"json\" }",
        "\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager\" = \"userPassword\"",
    ];
    let lines = shown.iter().map(|line| format!("[store.ldap.users.attributes]\n{line}"));
    let others = [
        "id = \"sambaNTPassword\"",
        "rdn = \"userPassword\"",
        "active = { attribute = \"userPassword\", on = \"a\", off = \"b\" }",
        "active = { group = \"cn=g,dc=example,dc=org\", attribute = \"userPassword\" }",
    ];
    for users in lines.chain(others.map(str::to_owned)) {
        let (fine, told) = check(&users);
        assert!(!fine && told.contains("holds passwords, which are shown to nobody"), "{users}: {told}");
    }
    let (fine, told) = check("[store.ldap.users.attributes]\npassword = \"2.5.4.35\"\nnickName = \"title\"");
    assert!(fine, "{told}");
}
