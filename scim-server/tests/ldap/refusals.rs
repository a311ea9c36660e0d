//! What a directory refuses for reasons of its own: each answer says so, and nothing is changed.

use conformance_tests::servers::fake_directory::{FakeDirectory, Fault, SUFFIX};
use conformance_tests::servers::slapd::{PASSWORD, Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::support::{Answer, Running, USER};
use crate::{gateway, gateway_as, gateway_of, ldapmodify, patch_user, served, users};

const WRITE: &str = "mode = \"write\"";

fn make(server: &Running, name: &str, title: &str) -> Answer {
    let body = json!({"schemas": [USER], "userName": name, "name": {"familyName": name}, "title": title});
    server.post("/scim/v2/Users", &body)
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

fn database(change: &str) -> String {
    format!("dn: olcDatabase={{1}}mdb,cn=config\nchangetype: modify\n{change}\n")
}

#[test]
fn a_directory_without_room_says_so_and_goes_on() {
    let slapd = Slapd::start(&Setup { entries: people(0..50), ..Setup::default() }).unwrap();
    let server = gateway(&slapd, WRITE);
    let one = users(&server, "userName eq \"user000001\"")[0].clone();
    ldapmodify(&slapd, &database("replace: olcDbMaxSize\nolcDbMaxSize: 1048576"));
    let long = "x".repeat(20_000);
    let mut made = 0;
    let refused = loop {
        let answer = make(&server, &format!("more{made}"), &long);
        match answer.status {
            201 => made += 1,
            _ => break answer,
        }
        assert!(made < 200, "there is room without end");
    };
    refused.is_error(503, None);
    assert!(refused.header("retry-after").is_some() && detail(&refused).contains("directory"), "{refused:?}");
    assert_eq!(users(&server, "userName sw \"more\"").len(), made, "whom it said it made");
    let changed = patch_user(&server, &one, "title", json!(long));
    assert!(matches!(changed.status, 200 | 503), "{changed:?}");
    ldapmodify(&slapd, &database("replace: olcDbMaxSize\nolcDbMaxSize: 104857600"));
    assert_eq!(make(&server, "again", "x").status, 201);
}

#[test]
fn a_directory_that_takes_no_writes_says_so() {
    let read_only = "olcReadOnly: TRUE\n";
    let replica = "olcSyncrepl: rid=001 provider=ldap://127.0.0.1:9 searchbase=\"dc=example,dc=org\" type=refreshOnly \
                   interval=01:00:00:00 retry=\"3600 +\" bindmethod=simple\nolcUpdateRef: ldap://primary.example.org\n";
    for (configuration, told) in [(read_only, "restricted"), (replica, "names another")] {
        let entries = people(0..3) + &group("staff", 0..2);
        let slapd = Slapd::start(&Setup { entries, configuration: configuration.into(), ..Setup::default() }).unwrap();
        let server = gateway(&slapd, WRITE);
        let all = users(&server, "userName pr");
        let answers = [
            make(&server, "new", "x"),
            patch_user(&server, &all[0], "title", json!("x")),
            patch_user(&server, &all[0], "userName", json!("other")),
            server.request("DELETE", &format!("/scim/v2/Users/{}", all[0])).send(),
        ];
        for answer in answers {
            answer.is_error(403, None);
            assert!(detail(&answer).contains(told), "{answer:?}");
            assert!(!detail(&answer).contains("primary"), "where it is, is nothing to a client: {answer:?}");
        }
        assert_eq!(users(&server, "userName pr"), all);
    }
}

/// Limits count for whoever is not the administrator of the database.
#[test]
fn limits_of_the_directory_are_told_as_limits() {
    let account = format!(
        "dn: cn=scim,dc=example,dc=org\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: scim\n\
         userPassword: {PASSWORD}\n\n"
    );
    let who = "dn.exact=\"cn=scim,dc=example,dc=org\"";
    for (limit, status, told) in [
        ("size.soft=5 size.hard=5 size.pr=5 size.prtotal=5", 400, "narrow"),
        ("size.soft=5 size.hard=5 size.prtotal=disabled", 400, "narrow"),
        ("size.unchecked=1", 400, "narrow"),
    ] {
        let configuration = format!("olcAccess: {{0}}to * by {who} write by * auth\nolcLimits: {who} {limit}\n");
        let slapd =
            Slapd::start(&Setup { entries: account.clone() + &people(0..30), configuration, ..Setup::default() });
        let slapd = slapd.unwrap();
        let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                      [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
        let server = gateway_as(&slapd, "cn=scim,dc=example,dc=org", tables, &["acme"]);
        let answer = server.get("/scim/v2/Users");
        assert_eq!(answer.status, status, "{limit}: {answer:?}");
        assert!(detail(&answer).contains(told), "{limit}: {answer:?}");
    }
}

/// OpenLDAP refuses pages that are longer than it likes, and does not say how long that is.
#[test]
fn pages_are_as_short_as_the_directory_wants_them() {
    let who = "dn.exact=\"cn=scim,dc=example,dc=org\"";
    let account = format!(
        "dn: cn=scim,dc=example,dc=org\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: scim\n\
         userPassword: {PASSWORD}\n\n"
    );
    let configuration = format!(
        "olcAccess: {{0}}to * by {who} write by * auth\nolcLimits: {who} size.soft=50 size.hard=50 size.pr=7 size.prtotal=unlimited\n"
    );
    let slapd = Slapd::start(&Setup { entries: account + &people(0..80), configuration, ..Setup::default() }).unwrap();
    let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                  [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
    let server = gateway_as(&slapd, "cn=scim,dc=example,dc=org", tables, &["acme"]);
    let list = server.get("/scim/v2/Users?count=50");
    assert_eq!((list.status, &list.json()["totalResults"]), (200, &json!(80)), "{list:?}");
}

#[test]
fn a_base_that_is_not_there_is_no_missing_resource() {
    let slapd = Slapd::start(&Setup { entries: people(0..3), ..Setup::default() }).unwrap();
    let tables = "[store.ldap.users]\nbase = \"ou=nowhere,dc=example,dc=org\"\n\
                  [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
    let server = gateway_of(&slapd, tables, &["acme"]);
    let id = "8a3a1e6c-0000-103d-8000-000000000000";
    let answers = [
        server.get("/scim/v2/Users"),
        server.get("/scim/v2/Users?filter=userName%20eq%20%22x%22"),
        server.get("/scim/v2/Users?filter=userName%20co%20%22x%22"),
        server.get(&format!("/scim/v2/Users/{id}")),
        make(&server, "new", "x"),
        patch_user(&server, id, "title", json!("x")),
    ];
    for answer in answers {
        answer.is_error(503, None);
        let detail = detail(&answer);
        assert!(detail.contains("should stand") && !detail.contains("nowhere"), "{answer:?}");
    }
}

/// Entries that nobody made for us.
#[test]
fn odd_entries_are_shown_and_changed() {
    let schema = "olcAttributeTypes: ( 1.3.6.1.4.1.32473.1.1 NAME 'oddBytes' EQUALITY octetStringMatch \
                  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )\n\
                  olcObjectClasses: ( 1.3.6.1.4.1.32473.2.1 NAME 'odd' SUP top AUXILIARY MAY oddBytes )\n";
    let entries = "dn: cn=Named Otherwise,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nobjectClass: odd\n\
                   cn: Named Otherwise\nsn: Otherwise\nuid: odd\noddBytes:: //79/A==\ntitle: One\ntitle: Two\n\n\
                   dn: cn=Without,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\ncn: Without\nsn: W\n\n";
    let setup = Setup { entries: entries.into(), schema: schema.into(), ..Setup::furnished() };
    let slapd = Slapd::start(&setup).unwrap();
    let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\nobject_classes = [\"inetOrgPerson\", \"odd\"]\n\
                  [store.ldap.users.attributes]\nnickName = \"oddBytes\"\n\
                  [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
    let server = gateway_of(&slapd, tables, &["acme"]);
    let odd = users(&server, "userName eq \"odd\"")[0].clone();
    let shown = server.get(&format!("/scim/v2/Users/{odd}")).json();
    assert_eq!((&shown["userName"], &shown["nickName"]), (&json!("odd"), &Value::Null), "bytes are no text");
    let named = patch_user(&server, &odd, "nickName", json!("Oddy"));
    assert_eq!((named.status, &named.json()["nickName"]), (200, &json!("Oddy")), "{named:?}");
    // It is not named by its user name, which is an attribute like others.
    let renamed = patch_user(&server, &odd, "userName", json!("even"));
    assert_eq!((renamed.status, &renamed.json()["userName"]), (200, &json!("even")), "{renamed:?}");
    let found = slapd.search("(uid=even)", &["cn"]).unwrap();
    assert!(found.starts_with("dn: cn=Named Otherwise,"), "{found}");
    // One without a user name is a resource all the same.
    let list = server.get("/scim/v2/Users").json();
    assert_eq!(list["totalResults"], 2, "{list}");
    let without = list["Resources"].as_array().unwrap().iter().find(|one| one.get("userName").is_none()).unwrap();
    let id = without["id"].as_str().unwrap();
    let given = patch_user(&server, id, "userName", json!("with"));
    assert_eq!((given.status, &given.json()["userName"]), (200, &json!("with")), "{given:?}");
}

/// Rights and schema that change under a running server.
#[test]
fn what_changes_in_the_directory_meanwhile_is_told() {
    let slapd = Slapd::start(&Setup { entries: people(0..3), ..Setup::default() }).unwrap();
    let password = format!(
        "dn: uid=user000000,ou=people,dc=example,dc=org\nchangetype: modify\nreplace: userPassword\nuserPassword: {PASSWORD}\n"
    );
    ldapmodify(&slapd, &password);
    let rights =
        |text: &str| ldapmodify(&slapd, &database(&format!("replace: olcAccess\nolcAccess: {{0}}to * {text}")));
    let own = "by dn.exact=\"uid=user000000,ou=people,dc=example,dc=org\"";
    rights(&format!("{own} write by * auth"));
    let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n[store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
    let server = gateway_as(&slapd, "uid=user000000,ou=people,dc=example,dc=org", tables, &["acme"]);
    let all = users(&server, "userName pr");
    assert_eq!(patch_user(&server, &all[1], "title", json!("before")).status, 200);
    rights(&format!("{own} read by * auth"));
    let refused = patch_user(&server, &all[1], "title", json!("after"));
    refused.is_error(403, None);
    assert!(detail(&refused).contains("insufficientAccessRights"), "{refused:?}");
    server.request("DELETE", &format!("/scim/v2/Users/{}", all[1])).send().is_error(403, None);
    assert_eq!(server.get(&format!("/scim/v2/Users/{}", all[1])).json()["title"], "before");
    // Attributes that are to be seen no more.
    ldapmodify(
        &slapd,
        &database(&format!(
            "replace: olcAccess\nolcAccess: {{0}}to attrs=title by * none\nolcAccess: {{1}}to * {own} read by * auth"
        )),
    );
    assert_eq!(server.get(&format!("/scim/v2/Users/{}", all[1])).json()["title"], Value::Null);
    // Nothing is to be seen: the base is hidden too.
    rights("by * auth");
    server.get(&format!("/scim/v2/Users/{}", all[1])).is_error(403, None);
}

#[test]
fn a_busy_directory_is_asked_again_later() {
    let fake = FakeDirectory::active_directory().unwrap();
    fake.people(0..3);
    let lines = format!("urls = [\"{}\"]\n{WRITE}\noperation_time = 60\nmember_of = \"never\"\n", fake.url());
    let tables = format!(
        "[store.ldap.users]\nbase = \"OU=people,{SUFFIX}\"\n[store.ldap.groups]\nbase = \"OU=groups,{SUFFIX}\"\n"
    );
    let server = served(&lines, &tables, &["acme"]);
    let id = server.get("/scim/v2/Users").json()["Resources"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/scim/v2/Users/{id}?attributes=userName");
    for (code, status) in [(51, 503), (52, 503), (80, 503), (1, 503), (11, 400), (3, 400)] {
        // A read that breaks is asked again, where that may help.
        for _ in 0..4 {
            fake.next(Fault::Refuse(code));
        }
        let answer = server.get(&path);
        assert_eq!(answer.status, status, "{code}: {answer:?}");
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{code}: {answer:?}");
        crate::wait("the directory answers again", || server.get(&path).status == 200);
    }
}
