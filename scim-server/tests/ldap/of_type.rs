//! Of which type an entry is: seen by its classes where that tells, asked where it does not, and never guessed.

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::json;

use crate::support::Running;
use crate::{gateway_as, gateway_of, ldapmodify, patch_user, users};

// Nothing is compared meanwhile: that searches too.
const TABLES: &str = "member_of = \"never\"\n[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                      [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
/// Stands among the people and is none of them, though it has what is looked for.
const PRINTER: &str = "dn: uid=printer,ou=people,dc=example,dc=org\nobjectClass: account\nobjectClass: extensibleObject\n\
                       uid: printer\ncn: printer\nsn: printer\nmail: printer@example.org\ntitle: Printer\n\n";

fn slapd(entries: String) -> Slapd {
    Slapd::start(&Setup { entries, tells: true, ..Setup::furnished() }).unwrap()
}

/// The id of the entry of this name, as the directory has it.
fn id(slapd: &Slapd, uid: &str) -> String {
    let found = slapd.search(&format!("(uid={uid})"), &["entryUUID"]).unwrap();
    found.lines().find_map(|line| line.strip_prefix("entryUUID: ")).unwrap().to_owned()
}

/// The filters of the searches that this makes.
fn filters(slapd: &Slapd, does: impl FnOnce()) -> Vec<String> {
    let since = slapd.log().len();
    does();
    let log = slapd.log();
    let filter = |line: &str| Some(line.split_once("filter=\"")?.1.rsplit_once('"')?.0.to_owned());
    log.get(since..).unwrap().lines().filter_map(filter).collect()
}

/// Nobody is shown, found, changed or deleted, and no member.
fn is_nobody(server: &Running, id: &str, group: &str) {
    let path = format!("/scim/v2/Users/{id}");
    server.get(&path).is_error(404, None);
    patch_user(server, id, "title", json!("Chief")).is_error(404, None);
    patch_user(server, id, "emails", json!([{"value": "chief@example.org"}])).is_error(404, None);
    server.request("DELETE", &path).send().is_error(404, None);
    for filter in ["userName eq", "emails.value eq", "title eq", "id eq"] {
        let value = match filter {
            "emails.value eq" => "printer@example.org",
            "id eq" => id,
            _ => "printer",
        };
        assert_eq!(users(server, &format!("{filter} \"{value}\"")), [""; 0], "{filter}");
    }
    let add = json!({"op": "add", "path": "members", "value": [{"value": id}]});
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [add]});
    let answer = server.request("PATCH", &format!("/scim/v2/Groups/{group}")).json(&body).send();
    assert_eq!(answer.status, 400, "{answer:?}");
}

fn group_of(server: &Running) -> String {
    let listed = server.get("/scim/v2/Groups?excludedAttributes=members").json();
    listed["Resources"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_entry_is_of_a_type_by_its_classes_and_others_are_nobody() {
    let slapd = slapd(people(0..3) + PRINTER + &group("staff", 0..2));
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let (anna, printer, staff) = (id(&slapd, "user000001"), id(&slapd, "printer"), group_of(&server));
    let before = slapd.search("(uid=printer)", &["*", "+"]).unwrap();

    // What an index finds is asked for alone.
    let get = |path: String| assert_eq!(server.get(&path).status, 200);
    let alone = "?excludedAttributes=groups";
    assert_eq!(filters(&slapd, || get(format!("/scim/v2/Users/{anna}{alone}"))), [format!("(entryUUID={anna})")]);
    assert_eq!(
        filters(&slapd, || get(format!("/scim/v2/Groups/{staff}?excludedAttributes=members"))),
        [format!("(entryUUID={staff})")]
    );
    let found = |filter: &str, expected: &[&str]| {
        let coded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let sent = filters(&slapd, || get(format!("/scim/v2/Users?excludedAttributes=groups&filter={coded}")));
        assert_eq!(sent, expected, "{filter}");
    };
    found("userName eq \"user000001\"", &["(uid=user000001)"]);
    found("emails.value eq \"user000001@example.org\"", &["(mail=user000001@example.org)"]);
    // By what has no index, every entry of the type is looked at, and no other.
    found("title eq \"Title 1\"", &["(&(objectClass=inetOrgPerson)(title=title 1))"]);

    is_nobody(&server, &printer, &staff);
    assert_eq!(slapd.search("(uid=printer)", &["*", "+"]).unwrap(), before, "nothing was written");
    // Groups stand elsewhere; and who is of the type is found as before.
    server.get(&format!("/scim/v2/Users/{staff}")).is_error(404, None);
    server.get(&format!("/scim/v2/Groups/{anna}")).is_error(404, None);
    assert_eq!(filters(&slapd, || get(format!("/scim/v2/Users/{anna}{alone}"))), [format!("(entryUUID={anna})")]);
}

#[test]
fn types_in_one_place_are_told_apart() {
    let here = "base = \"dc=example,dc=org\"\n";
    let slapd = slapd(people(0..3) + PRINTER + &group("staff", 0..2));
    let server = gateway_of(
        &slapd,
        &format!("member_of = \"never\"\n[store.ldap.users]\n{here}[store.ldap.groups]\n{here}"),
        &["acme"],
    );
    let (anna, staff) = (id(&slapd, "user000001"), group_of(&server));
    server.get(&format!("/scim/v2/Users/{staff}")).is_error(404, None);
    server.get(&format!("/scim/v2/Groups/{anna}")).is_error(404, None);
    server.request("DELETE", &format!("/scim/v2/Groups/{anna}")).send().is_error(404, None);
    is_nobody(&server, &id(&slapd, "printer"), &staff);
    let members = server.get(&format!("/scim/v2/Groups/{staff}")).json()["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 2);
}

#[test]
fn a_class_below_that_of_the_type_is_told_by_the_directory() {
    // Each of them is a person, and none says so.
    let slapd = slapd(people(0..3) + PRINTER + &group("staff", 0..2));
    let tables = TABLES.replace("[store.ldap.groups]", "filter = \"(objectClass=person)\"\n[store.ldap.groups]");
    let server = gateway_of(&slapd, &tables, &["acme"]);
    let (anna, printer, staff) = (id(&slapd, "user000001"), id(&slapd, "printer"), group_of(&server));
    let get = || assert_eq!(server.get(&format!("/scim/v2/Users/{anna}?excludedAttributes=groups")).status, 200);
    let (lean, full) = (format!("(entryUUID={anna})"), format!("(&(objectClass=person)(entryUUID={anna}))"));
    assert_eq!(filters(&slapd, get), [&*lean, &*full]);
    assert_eq!(filters(&slapd, get), [&*full], "from then on it is asked at once");
    assert_eq!(users(&server, "userName eq \"user000001\""), [&*anna]);
    assert_eq!(patch_user(&server, &anna, "title", json!("Chief")).status, 200);
    is_nobody(&server, &printer, &staff);
}

#[test]
fn what_tells_more_than_classes_is_asked() {
    let slapd = slapd(people(0..3) + PRINTER + &group("staff", 0..2));
    let filter = "filter = \"(&(objectClass=inetOrgPerson)(!(uid=user000002)))\"\n[store.ldap.groups]";
    let server = gateway_of(&slapd, &TABLES.replace("[store.ldap.groups]", filter), &["acme"]);
    let (anna, other) = (id(&slapd, "user000001"), id(&slapd, "user000002"));
    let get = || assert_eq!(server.get(&format!("/scim/v2/Users/{anna}?excludedAttributes=groups")).status, 200);
    assert_eq!(filters(&slapd, get), [format!("(&(objectClass=inetOrgPerson)(!(uid=user000002))(entryUUID={anna}))")]);
    server.get(&format!("/scim/v2/Users/{other}")).is_error(404, None);
}

#[test]
fn classes_that_may_not_be_read_are_asked_for() {
    let slapd = slapd(people(0..3) + PRINTER + &group("staff", 0..2));
    ldapmodify(
        &slapd,
        "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nadd: olcAccess\n\
         olcAccess: {1}to attrs=objectClass by users search by * none\n",
    );
    // Neither does this account see which attributes have an index.
    ldapmodify(
        &slapd,
        "dn: uid=user000000,ou=people,dc=example,dc=org\nchangetype: modify\nadd: userPassword\nuserPassword: secret\n",
    );
    let server = gateway_as(&slapd, "uid=user000000,ou=people,dc=example,dc=org", TABLES, &["acme"]);
    let (anna, printer) = (id(&slapd, "user000001"), id(&slapd, "printer"));
    assert_eq!(server.get(&format!("/scim/v2/Users/{anna}")).status, 200);
    server.get(&format!("/scim/v2/Users/{printer}")).is_error(404, None);
    let sent = filters(&slapd, || assert_eq!(users(&server, "userName eq \"user000001\""), [&*anna]));
    assert!(sent.iter().any(|one| one == "(&(objectClass=inetOrgPerson)(uid=user000001))"), "{sent:?}");
    assert_eq!(users(&server, "userName eq \"printer\""), [""; 0]);
}
