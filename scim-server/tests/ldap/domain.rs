//! Samba as a domain controller: what Active Directory keeps in its own way, with passwords that people log in by.

use std::process::{Command, Stdio};

use conformance_tests::servers::samba::{ADMIN, PASSWORD, SUFFIX, Samba};
use serde_json::{Value, json};

use crate::member_of::groups_within_groups;
use crate::served;
use crate::support::{Running, USER};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const FIRST: &str = "Correct.Horse.1";
const SECOND: &str = "Battery.Staple.2";

/// A part of the domain, and a server over it.
pub struct Domain {
    pub samba: &'static Samba,
    pub base: String,
    pub server: Running,
}

impl Domain {
    pub fn new(name: &str) -> Domain {
        Domain::with(name, "")
    }

    /// The same, with these lines of `[store.ldap]`.
    fn with(name: &str, more: &str) -> Domain {
        Domain::of(name, more, |_| String::new())
    }

    /// The same, with these lines about users, who stand below a unit.
    fn of(name: &str, more: &str, users: impl FnOnce(&str) -> String) -> Domain {
        let samba = Samba::shared().unwrap();
        let base = format!("OU={name},{SUFFIX}");
        let mut ldif = format!("dn: {base}\nobjectClass: organizationalUnit\n\n");
        for part in ["people", "groups"] {
            ldif += &format!("dn: OU={part},{base}\nobjectClass: organizationalUnit\n\n");
        }
        add(samba, &ldif);
        let lines = lines(samba, more);
        let tables = format!(
            "[store.ldap.users]\nbase = \"OU=people,{base}\"\n{}\n[store.ldap.groups]\nbase = \"OU=groups,{base}\"\n",
            users(&format!("OU=people,{base}"))
        );
        Domain { samba, server: served(&lines, &tables, &["acme"]), base }
    }

    /// Another server over the same users, and over the groups below this entry.
    pub fn over(&self, groups: &str, more: &str) -> Running {
        let tables = format!(
            "[store.ldap.users]\nbase = \"OU=people,{}\"\n[store.ldap.groups]\nbase = \"{groups}\"\n",
            self.base
        );
        served(&lines(self.samba, more), &tables, &["acme"])
    }

    /// Can this user log in so?
    fn lets_in(&self, name: &str, password: &str) -> bool {
        let dn = format!("CN={name},OU=people,{}", self.base);
        let tried = tool("ldapsearch", self.samba).args(["-D", &dn, "-w", password, "-s", "base", "-b", ""]).output();
        tried.unwrap().status.success()
    }

    /// A value of an entry, as it stands there.
    fn raw(&self, name: &str, attribute: &str) -> Option<String> {
        let (base, filter) = (format!("OU=people,{}", self.base), format!("(cn={name})"));
        let found = tool("ldapsearch", self.samba)
            .args(["-LLL", "-D", ADMIN, "-w", PASSWORD, "-b", &base, &filter, attribute])
            .output()
            .unwrap();
        assert!(found.status.success(), "{found:?}");
        let text = String::from_utf8(found.stdout).unwrap();
        text.lines().find_map(|line| Some(line.strip_prefix(attribute)?.strip_prefix(": ")?.to_owned()))
    }

    pub fn user(&self, name: &str, more: Value) -> Value {
        let mut body = json!({"schemas": [USER], "userName": name, "name": {"familyName": "F"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.server.post("/scim/v2/Users", &body);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    fn patch(&self, path: &str, operations: Value) -> u16 {
        let body = json!({"schemas": [PATCH], "Operations": operations});
        self.server.request("PATCH", path).json(&body).send().status
    }

    fn count(&self, filter: &str) -> Value {
        let coded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let list = self.server.get(&format!("/scim/v2/Users?filter={coded}"));
        assert_eq!(list.status, 200, "{list:?}");
        list.json()["totalResults"].clone()
    }
}

/// The lines of `[store.ldap]` that reach it.
fn lines(samba: &Samba, more: &str) -> String {
    let authority = &samba.certificates().authority;
    format!(
        "urls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\nca = \"{authority}\"\nmode = \"write\"\n\
         operation_time = 60\nconnect_time = 60\n{more}\n",
        samba.url()
    )
}

/// Adds these entries.
fn add(samba: &Samba, ldif: &str) {
    change("ldapadd", samba, ldif);
}

/// Makes these changes with one of the directory's own tools, as its administrator.
pub fn change(name: &str, samba: &Samba, ldif: &str) {
    let mut adding = tool(name, samba);
    let adding = adding.args(["-D", ADMIN, "-w", PASSWORD]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut adding = adding.spawn().unwrap();
    std::io::Write::write_all(&mut adding.stdin.take().unwrap(), ldif.as_bytes()).unwrap();
    assert!(adding.wait().unwrap().success());
}

/// A tool of OpenLDAP, for this domain controller.
pub fn tool(name: &str, samba: &Samba) -> Command {
    let mut command = Command::new(name);
    command.env("LDAPTLS_CACERT", &samba.certificates().authority).args(["-x", "-H", &samba.url()]);
    command
}

pub fn path_of(kind: &str, resource: &Value) -> String {
    format!("/scim/v2/{kind}/{}", resource["id"].as_str().unwrap())
}

fn active(active: bool) -> Value {
    json!({"op": "replace", "path": "active", "value": active})
}

fn password(password: &str) -> Value {
    json!({"op": "replace", "path": "password", "value": password})
}

/// Its letters, its name and its number belong together.
#[test]
fn a_country_is_written_as_the_domain_keeps_it() {
    let domain = Domain::new("country");
    let address = |country: &str| json!([{"type": "work", "country": country}]);
    let carla = domain.user("carla", json!({"active": false, "addresses": address("DE")}));
    assert_eq!(carla["addresses"][0]["country"], "DE");
    let kept = || ["c", "co", "countryCode"].map(|attribute| domain.raw("carla", attribute));
    let now = |letters: &str, name: &str, number: &str| [letters, name, number].map(|text| Some(text.to_owned()));
    assert_eq!(kept(), now("DE", "Germany", "276"));
    let path = format!("/scim/v2/Users/{}", carla["id"].as_str().unwrap());
    let changed = domain.patch(&path, json!([{"op": "replace", "path": "addresses", "value": address("FR")}]));
    assert_eq!((changed, kept()), (200, now("FR", "France", "250")));
    assert_eq!(domain.patch(&path, json!([{"op": "remove", "path": "addresses"}])), 200);
    assert_eq!(kept(), [None, None, Some("0".to_owned())]);
    let unknown = domain.patch(&path, json!([{"op": "add", "path": "addresses", "value": address("ZZ")}]));
    assert_eq!((unknown, kept()), (400, [None, None, Some("0".to_owned())]));
}

#[test]
fn who_is_made_with_a_password_logs_in_by_it_until_locked_out() {
    let domain = Domain::new("passwords");
    let anna = domain.user("anna", json!({"password": FIRST, "active": true}));
    assert_eq!((&anna["active"], &anna["password"]), (&json!(true), &Value::Null));
    let path = path_of("Users", &anna);
    assert!(domain.lets_in("anna", FIRST));
    assert_eq!(
        domain.raw("anna", "userAccountControl").as_deref(),
        Some("512"),
        "an ordinary account and no other bit"
    );

    assert_eq!(domain.patch(&path, json!([active(false)])), 200);
    assert!(!domain.lets_in("anna", FIRST));
    assert_eq!(domain.raw("anna", "userAccountControl").as_deref(), Some("514"));
    assert_eq!((domain.count("active eq false"), domain.count("active eq true")), (json!(1), json!(0)));
    assert_eq!(domain.patch(&path, json!([active(true)])), 200);
    assert!(domain.lets_in("anna", FIRST));

    let answer = domain.patch(&path, json!([password(SECOND)]));
    assert!(matches!(answer, 200 | 204), "{answer}");
    assert!(domain.lets_in("anna", SECOND));

    // Made disabled, with a password for later.
    let bert = domain.user("bert", json!({"password": FIRST, "active": false}));
    assert_eq!(bert["active"], false);
    assert!(!domain.lets_in("bert", FIRST));
    assert_eq!(domain.patch(&path_of("Users", &bert), json!([active(true)])), 200);
    assert!(domain.lets_in("bert", FIRST));
}

#[test]
fn a_password_comes_before_who_it_lets_in() {
    let domain = Domain::new("without");
    let carl = domain.user("carl", json!({"active": false}));
    assert_eq!(carl["active"], false);
    let path = path_of("Users", &carl);
    // Both at once: the password comes first.
    let given = domain.patch(&path, json!([active(true), password(FIRST)]));
    assert!(matches!(given, 200 | 204), "{given}");
    assert_eq!(domain.server.get(&path).json()["active"], true);
    assert!(domain.lets_in("carl", FIRST));

    let weak = json!({"schemas": [USER], "userName": "dora", "name": {"familyName": "D"}, "password": "short", "active": true});
    let refused = domain.server.post("/scim/v2/Users", &weak);
    refused.is_error(400, Some("invalidValue"));
    let told = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.starts_with("password: ") && told.contains("too short"), "the directory's own reason: {told}");
    assert_eq!(domain.count("userName eq \"dora\""), 0, "nothing of her stays");
}

#[test]
fn a_group_may_be_empty_and_members_come_and_go_again_and_again() {
    let domain = Domain::new("groups");
    let people: Vec<Value> = ["ed", "fay"].map(|name| domain.user(name, json!({}))).into();
    let made = domain.server.post("/scim/v2/Groups", &json!({"schemas": [GROUP], "displayName": "team"}));
    assert_eq!(made.status, 201, "{made:?}");
    let path = path_of("Groups", &made.json());
    let members = || domain.server.get(&path).json()["members"].as_array().map_or(0, Vec::len);
    assert_eq!(members(), 0);
    let values: Vec<Value> = people.iter().map(|one| json!({"value": one["id"]})).collect();
    let add = |values: &[Value]| json!([{"op": "add", "path": "members", "value": values}]);
    let gone = |one: &Value| json!([{"op": "remove", "path": format!("members[value eq {}]", one["id"])}]);
    assert_eq!(domain.patch(&path, add(&values[..1])), 204);
    // One is there already, which must not keep the other out.
    assert_eq!((domain.patch(&path, add(&values)), members()), (204, 2));
    assert_eq!((domain.patch(&path, add(&values)), members()), (204, 2));
    let of = domain.server.get(&path_of("Users", &people[1])).json();
    assert_eq!(of["groups"][0]["display"], "team", "{of}");
    for one in [0, 0, 1, 1] {
        assert_eq!(domain.patch(&path, gone(&people[one])), 204);
    }
    assert_eq!(members(), 0, "empty again, with nobody in their place");
    assert_eq!(domain.patch(&path, add(&values)), 204);
    assert_eq!(domain.server.request("DELETE", &path_of("Users", &people[0])).send().status, 204);
    assert_eq!(members(), 1);
    // Who takes another name gives the old one back, also what stands in the domain for it.
    assert_eq!(domain.patch(&path, json!([{"op": "replace", "path": "displayName", "value": "crew"}])), 200);
    let again = domain.server.post("/scim/v2/Groups", &json!({"schemas": [GROUP], "displayName": "team"}));
    assert_eq!(again.status, 201, "{again:?}");
}

/// More than 1,500 values come in ranges.
#[test]
fn a_large_group_is_read_to_its_end() {
    const COUNT: usize = 1_600;
    let domain = Domain::new("large");
    let mut ldif = String::new();
    let mut members = String::new();
    for n in 0..COUNT {
        let dn = format!("CN=large{n:04},OU=people,{}", domain.base);
        ldif += &format!("dn: {dn}\nobjectClass: user\nsAMAccountName: large{n:04}\n\n");
        members += &format!("member: {dn}\n");
    }
    add(domain.samba, &ldif);
    add(domain.samba, &format!("dn: CN=large,OU=groups,{}\nobjectClass: group\n{members}\n", domain.base));
    let list = domain.server.get("/scim/v2/Groups?excludedAttributes=members").json();
    let path = path_of("Groups", &list["Resources"][0]);
    let shown = domain.server.get(&path).json();
    let mut names: Vec<&str> =
        shown["members"].as_array().unwrap().iter().map(|one| one["display"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), COUNT);
    // All but two go, by one comparison of what is there with what shall be.
    let left = json!(&shown["members"].as_array().unwrap()[..2]);
    let put = json!({"schemas": [GROUP], "displayName": "large", "members": left});
    assert_eq!(domain.server.request("PUT", &path).json(&put).send().status, 200);
    assert_eq!(domain.server.get(&path).json()["members"].as_array().unwrap().len(), 2);
}

/// `sAMAccountName` stands once in a domain, whatever the tenants.
#[test]
fn a_name_that_somebody_has_in_the_domain_is_taken() {
    let (one, other) = (Domain::new("here"), Domain::new("there"));
    one.user("gina", json!({}));
    let again = json!({"schemas": [USER], "userName": "gina", "name": {"familyName": "G"}});
    other.server.post("/scim/v2/Users", &again).is_error(409, Some("uniqueness"));
    assert_eq!(other.count("userName eq \"gina\""), 0);
}

/// What the domain says of users, and what it says of groups.
#[test]
fn groups_within_groups_are_told_alike_by_both_ways() {
    groups_within_groups(&Domain::with("nested", "member_of = \"always\"").server);
}

/// A place says who is active, and a deletion takes along what stands below.
#[test]
fn entries_move_and_go_with_what_is_below_them() {
    let domain = Domain::of("moving", "", |people| {
        let people_gone = format!("OU=gone,{people}");
        format!("active = {{ ou_move = \"{people_gone}\" }}\non_delete = \"remove_tree\"")
    });
    let people = format!("OU=people,{}", domain.base);
    add(domain.samba, &format!("dn: OU=gone,{people}\nobjectClass: organizationalUnit\n\n"));
    let hugo = domain.user("hugo", json!({}));
    let path = path_of("Users", &hugo);
    assert_eq!(domain.patch(&path, json!([active(false)])), 200);
    assert_eq!(domain.server.get(&path).json()["active"], false);
    assert_eq!((domain.count("active eq false"), domain.count("active eq true")), (json!(1), json!(0)));
    assert_eq!(domain.raw("hugo", "distinguishedName"), Some(format!("CN=hugo,OU=gone,{people}")));
    assert_eq!(domain.patch(&path, json!([active(true)])), 200);
    assert_eq!(domain.server.get(&path).json()["id"], hugo["id"]);
    add(domain.samba, &format!("dn: CN=below,CN=hugo,{people}\nobjectClass: nTFRSSubscriptions\n\n"));
    assert_eq!(domain.server.request("DELETE", &path).send().status, 204);
    assert_eq!(domain.count("userName eq \"hugo\""), 0);
    assert_eq!(domain.raw("below", "distinguishedName"), None);
}

/// An identifier that other systems know an account by, as they write it.
#[test]
fn a_security_identifier_is_shown_as_text() {
    let domain = Domain::of("identifiers", "", |_| {
        "[store.ldap.users.attributes]\nnickName = { attribute = \"objectSid\", syntax = \"sid\", direction = \"read_only\" }\n"
            .to_owned()
    });
    let (ann, bob) =
        (domain.user("sid-ann", json!({"active": false})), domain.user("sid-bob", json!({"active": false})));
    let shown = |user: &Value| user["nickName"].as_str().unwrap_or_default().to_owned();
    let (own, other) = (shown(&ann), shown(&bob));
    assert!(own.starts_with("S-1-5-21-") && own != other, "{own} {other}");
    // Samba's own search takes the text.
    let base = format!("OU=people,{}", domain.base);
    let found = tool("ldapsearch", domain.samba)
        .args(["-LLL", "-D", ADMIN, "-w", PASSWORD, "-b", &base, &format!("(objectSid={own})"), "cn"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&found.stdout).contains("cn: sid-ann"), "{found:?}");
    assert_eq!(domain.count(&format!("nickName eq \"{own}\"")), 1);
    assert_eq!(domain.count("nickName sw \"S-1-5-21-\""), 2);
    let path = format!("/scim/v2/Users/{}", ann["id"].as_str().unwrap());
    assert_eq!(domain.patch(&path, json!([{"op": "replace", "path": "nickName", "value": other}])), 400);
}
