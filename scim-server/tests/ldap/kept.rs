//! What directories keep each in their own way: who may log in, members by user name, groups that are computed, references that nobody
//! but us keeps right, attributes of extensions.

use conformance_tests::servers::slapd::{MemberOf, Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::support::{Running, USER};
use crate::{gateway_of, wait};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUPS: &str = "[store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";

fn users(more: &str) -> String {
    format!("[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n{more}\n")
}

fn user(server: &Running, more: Value) -> Value {
    let mut body = json!({"schemas": [USER], "userName": "anna", "name": {"familyName": "A"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.post("/scim/v2/Users", &body);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

fn patch(server: &Running, path: &str, operation: Value) -> u16 {
    let body = json!({"schemas": [PATCH], "Operations": [operation]});
    server.request("PATCH", path).json(&body).send().status
}

fn path_of(kind: &str, resource: &Value) -> String {
    format!("/scim/v2/{kind}/{}", resource["id"].as_str().unwrap())
}

fn found(server: &Running, kind: &str, filter: &str) -> Vec<String> {
    let coded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = server.get(&format!("/scim/v2/{kind}?filter={coded}"));
    assert_eq!(answer.status, 200, "{filter}: {answer:?}");
    let name = if kind == "Users" { "userName" } else { "displayName" };
    let list = answer.json();
    let all = list["Resources"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one[name].as_str().unwrap().to_owned()).collect()
}

/// Every way to keep it, from making somebody inactive to finding and freeing them again.
#[test]
fn active_is_kept_in_the_ways_of_openldap() {
    let schema = "olcAttributeTypes: ( 1.3.6.1.4.1.55555.9.1 NAME 'mayLogIn' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 \
                  SINGLE-VALUE )\nolcObjectClasses: ( 1.3.6.1.4.1.55555.9.2 NAME 'account2' SUP top AUXILIARY MAY mayLogIn )\n";
    let entries = people(0..2);
    let slapd = Slapd::start(&Setup { schema: schema.into(), entries, ..Setup::furnished() }).unwrap();
    for way in [
        "active = \"ppolicy_lock\"",
        "active = { attribute = \"mayLogIn\", on = \"yes\", off = \"no\" }\nobject_classes = [\"inetOrgPerson\", \"account2\"]",
    ] {
        let server = gateway_of(&slapd, &(users(way) + GROUPS), &["acme"]);
        let made = user(&server, json!({"active": false}));
        let path = path_of("Users", &made);
        assert_eq!(made["active"], false, "{way}");
        assert_eq!(found(&server, "Users", "active eq false"), ["anna"], "{way}");
        assert_eq!(found(&server, "Users", "active eq true"), ["user000000", "user000001"], "{way}");
        for active in [true, false, true] {
            assert_eq!(
                patch(&server, &path, json!({"op": "replace", "path": "active", "value": active})),
                200,
                "{way}"
            );
            assert_eq!(server.get(&path).json()["active"], active, "{way}");
        }
        assert_eq!(found(&server, "Users", "not (active eq true)"), Vec::<String>::new(), "{way}");
        // Nobody is enabled by omission.
        assert_eq!(patch(&server, &path, json!({"op": "replace", "path": "active", "value": false})), 200);
        let whole = json!({"schemas": [USER], "userName": "anna", "name": {"familyName": "A"}, "title": "T"});
        let put = server.request("PUT", &path).json(&whole).send();
        assert_eq!((put.status, put.json()["active"].clone()), (200, json!(false)), "{way}");
        assert_eq!(server.request("DELETE", &path).send().status, 204);
    }
}

/// The brake on deactivations stops them, and then everything.
#[test]
fn the_brake_on_deactivations_holds() {
    let slapd = Slapd::start(&Setup { entries: people(0..4), ..Setup::furnished() }).unwrap();
    let tables =
        format!("[store.ldap.brakes]\ndeactivations = 2\nremovals = 1\n{}{GROUPS}", users("active = \"ppolicy_lock\""));
    let server = gateway_of(&slapd, &tables, &["acme"]);
    let list = server.get("/scim/v2/Users").json();
    let all: Vec<&Value> = list["Resources"].as_array().unwrap().iter().collect();
    let off = json!({"op": "replace", "path": "active", "value": false});
    let statuses: Vec<u16> = all.iter().map(|one| patch(&server, &path_of("Users", one), off.clone())).collect();
    assert_eq!(statuses, [200, 200, 503, 503]);
    assert_eq!(found(&server, "Users", "active eq false").len(), 2);
    let title = json!({"op": "replace", "path": "title", "value": "x"});
    assert_eq!(patch(&server, &path_of("Users", all[3]), title), 503, "whoever has gone wrong writes nothing more");

    // Without a control store it is over with a new start.
    let server = gateway_of(&slapd, &tables, &["acme"]);

    let members: Vec<Value> = all.iter().map(|one| json!({"value": one["id"]})).collect();
    let made = server.post("/scim/v2/Groups", &json!({"schemas": [GROUP], "displayName": "g", "members": members}));
    let path = path_of("Groups", &made.json());
    let remove = |one: &Value| json!({"op": "remove", "path": format!("members[value eq {}]", one["id"])});
    assert_eq!([patch(&server, &path, remove(all[0])), patch(&server, &path, remove(all[1]))], [204, 503]);
    assert_eq!(server.get(&path).json()["members"].as_array().unwrap().len(), 3);
}

/// `memberUid` holds user names: members are users, and a new user name goes with its user.
#[test]
fn members_by_user_name_are_members() {
    let slapd = Slapd::start(&Setup { entries: people(0..3), ..Setup::furnished() }).unwrap();
    let groups = format!(
        "{GROUPS}filter = \"(objectClass=posixGroup)\"\nobject_classes = [\"posixGroup\"]\n[store.ldap.groups.attributes]\n\
         members = \"memberUid\"\nexternalId = {{ attribute = \"gidNumber\", default = \"5000\" }}\n"
    );
    let server = gateway_of(&slapd, &(users("") + &groups), &["acme"]);
    let list = server.get("/scim/v2/Users").json();
    let ids: Vec<String> = (0..3).map(|n| list["Resources"][n]["id"].as_str().unwrap().to_owned()).collect();
    let body = json!({"schemas": [GROUP], "displayName": "unix", "members": [{"value": ids[0]}]});
    let made = server.post("/scim/v2/Groups", &body);
    assert_eq!(made.status, 201, "{made:?}");
    let path = path_of("Groups", &made.json());
    assert_eq!(patch(&server, &path, json!({"op": "add", "path": "members", "value": [{"value": ids[1]}]})), 204);
    let of = |one: &str| server.get(&format!("/scim/v2/Users/{one}")).json()["groups"].clone();
    assert_eq!(of(&ids[1])[0]["display"], "unix");
    assert_eq!(of(&ids[2]), Value::Null);
    assert_eq!(found(&server, "Groups", &format!("members.value eq \"{}\"", ids[1])), ["unix"]);
    assert_eq!(found(&server, "Groups", &format!("members.value eq \"{}\"", ids[2])), Vec::<String>::new());

    let renamed = json!({"op": "replace", "path": "userName", "value": "renamed"});
    assert_eq!(patch(&server, &format!("/scim/v2/Users/{}", ids[1]), renamed), 200);
    assert_eq!(of(&ids[1])[0]["display"], "unix", "a new name stays a member");
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{}", ids[0])).send().status, 204);
    let members = server.get(&path).json()["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 1, "{members}");
    assert_eq!(members[0]["value"], Value::from(ids[1].clone()));
    // Nobody who takes the old name later is a member by it.
    let taken = user(&server, json!({"userName": "user000000"}));
    assert_eq!(of(taken["id"].as_str().unwrap()), Value::Null);
}

/// Without the refint overlay it is we who see to it that references follow.
#[test]
fn references_follow_without_the_help_of_the_directory() {
    let entries = people(0..3) + &group("staff", 0..3) + &group("alone", 1..2);
    let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
    let server = gateway_of(&slapd, &(users("") + GROUPS), &["acme"]);
    let list = server.get("/scim/v2/Users").json();
    let at = |n: usize| path_of("Users", &list["Resources"][n]);
    let manager =
        json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": list["Resources"][1]["id"]}});
    assert_eq!(patch(&server, &at(0), manager), 200);
    assert_eq!(patch(&server, &at(1), json!({"op": "replace", "path": "userName", "value": "renamed"})), 200);
    let groups = server.get(&at(1)).json()["groups"].clone();
    assert_eq!(groups.as_array().unwrap().len(), 2, "{groups}");
    assert_eq!(server.get(&at(0)).json()[ENTERPRISE]["manager"]["value"], list["Resources"][1]["id"]);

    assert_eq!(server.request("DELETE", &at(1)).send().status, 204);
    assert_eq!(server.get(&at(0)).json()[ENTERPRISE]["manager"], Value::Null);
    let groups = server.get("/scim/v2/Groups").json();
    let of = |name: &str| {
        let all = groups["Resources"].as_array().unwrap();
        server.get(&path_of("Groups", all.iter().find(|one| one["displayName"] == name).unwrap())).json()["members"]
            .clone()
    };
    assert_eq!(of("staff").as_array().unwrap().len(), 2);
    assert_eq!(of("alone"), Value::Null, "who stands for nobody is not shown");
    let again = json!({"schemas": [USER], "userName": "renamed", "name": {"familyName": "B"}});
    let again = server.post("/scim/v2/Users", &again).json();
    assert_eq!(server.get(&path_of("Users", &again)).json()["groups"], Value::Null, "the name alone makes no member");
}

/// An overlay that follows some references leaves the others to us.
#[test]
fn references_follow_that_the_directory_leaves_alone() {
    let one: [(&[&str], _); 2] = [(&["manager"], "member"), (&["member"], "manager")];
    for (refint, seen) in one {
        let entries = people(0..3) + &group("staff", 0..3);
        let slapd = Slapd::start(&Setup { entries, refint, ..Setup::default() }).unwrap();
        let server = gateway_of(&slapd, &(users("") + GROUPS), &["acme"]);
        let list = server.get("/scim/v2/Users").json();
        let at = |n: usize| path_of("Users", &list["Resources"][n]);
        let manager = json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": list["Resources"][1]["id"]}});
        assert_eq!(patch(&server, &at(0), manager), 200);
        let rename = json!({"op": "replace", "path": "userName", "value": "renamed"});
        assert_eq!(patch(&server, &at(1), rename), 200);
        // refint itself follows a moment later.
        let holds =
            |text: &str| slapd.search("(|(member=*)(manager=*))", &["member", "manager"]).unwrap().contains(text);
        wait("the new name", || !holds("uid=user000001"));
        assert!(holds(&format!("{seen}: uid=renamed,")), "{refint:?}");
        assert_eq!(server.request("DELETE", &at(1)).send().status, 204);
        wait("what goes", || !holds("uid=renamed"));
    }
}

/// A group whose members are found by a search has somebody the moment they are made.
#[test]
fn a_computed_group_shows_in_the_answer_to_a_create() {
    let dynamic = "dn: cn=everybody,ou=groups,dc=example,dc=org\nobjectClass: groupOfURLs\ncn: everybody\n\
                   memberURL: ldap:///ou=people,dc=example,dc=org??sub?(objectClass=inetOrgPerson)\n\n";
    let setup = Setup {
        member_of: MemberOf::Dynlist,
        entries: dynamic.into(),
        indexes: Setup::usual_indexes(),
        ..Setup::default()
    };
    let slapd = Slapd::start(&setup).unwrap();
    let groups = format!("{GROUPS}filter = \"(|(objectClass=groupOfNames)(objectClass=groupOfURLs))\"\n");
    let server = gateway_of(&slapd, &(users("") + &groups), &["acme"]);
    let made = user(&server, json!({}));
    assert_eq!(made["groups"][0]["display"], "everybody", "{made}");
    assert_eq!(server.get(&path_of("Users", &made)).json()["groups"], made["groups"]);
}

/// Attributes of the enterprise extension and of one's own, by configuration alone.
#[test]
fn extensions_are_mapped_by_configuration() {
    const BADGES: &str = "urn:example:badges:1.0:User";
    let schema = "olcAttributeTypes: ( 1.3.6.1.4.1.55555.9.1 NAME 'badgeSince' EQUALITY generalizedTimeMatch ORDERING \
                  generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24 SINGLE-VALUE )\n\
                  olcAttributeTypes: ( 1.3.6.1.4.1.55555.9.2 NAME 'badgeLevel' EQUALITY integerMatch ORDERING integerOrderingMatch \
                  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )\n\
                  olcAttributeTypes: ( 1.3.6.1.4.1.55555.9.3 NAME 'costCentre' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 \
                  SINGLE-VALUE )\n\
                  olcObjectClasses: ( 1.3.6.1.4.1.55555.9.4 NAME 'badged' SUP top AUXILIARY MAY ( badgeSince $ badgeLevel $ costCentre ) )\n";
    let slapd = Slapd::start(&Setup { schema: schema.into(), ..Setup::furnished() }).unwrap();
    let file = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": BADGES, "name": "Badges", "attributes": [
        {"name": "since", "type": "dateTime", "multiValued": false, "description": "d"},
        {"name": "level", "type": "integer", "multiValued": false, "description": "d"},
        {"name": "colour", "type": "string", "multiValued": false, "description": "d"},
    ]});
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("badges.json");
    std::fs::write(&at, file.to_string()).unwrap();
    let mapped = format!(
        "object_classes = [\"inetOrgPerson\", \"badged\"]\n[store.ldap.users.attributes]\n\"{BADGES}:since\" = \"badgeSince\"\n\
         \"{BADGES}:level\" = \"badgeLevel\"\n\"{ENTERPRISE}:costCenter\" = \"costCentre\"\n"
    );
    let tables = format!("{}{GROUPS}[[schemas]]\nfile = {at:?}\nextends = \"User\"\n", users(&mapped));
    let server = gateway_of(&slapd, &tables, &["acme"]);
    let own = json!({"since": "2020-01-02T03:04:05Z", "level": 7});
    let enterprise =
        json!({"employeeNumber": "701", "department": "Sales", "organization": "Example", "costCenter": "4130"});
    let made = user(&server, json!({"schemas": [USER, ENTERPRISE, BADGES], ENTERPRISE: enterprise, BADGES: own}));
    assert_eq!((&made[BADGES], &made[ENTERPRISE]), (&own, &enterprise), "{made}");
    for filter in [
        format!("{BADGES}:level gt 6"),
        format!("{BADGES}:since lt \"2021-01-01T00:00:00Z\""),
        format!("{ENTERPRISE}:costCenter eq \"4130\" and {ENTERPRISE}:department sw \"sal\""),
        format!("not ({BADGES}:level le 6)"),
    ] {
        assert_eq!(found(&server, "Users", &filter), ["anna"], "{filter}");
    }
    assert_eq!(found(&server, "Users", &format!("{BADGES}:level gt 7")), Vec::<String>::new());
    let path = path_of("Users", &made);
    assert_eq!(patch(&server, &path, json!({"op": "replace", "path": format!("{BADGES}:level"), "value": 8})), 200);
    assert_eq!(patch(&server, &path, json!({"op": "remove", "path": format!("{ENTERPRISE}:costCenter")})), 200);
    let read = server.get(&path).json();
    assert_eq!((&read[BADGES]["level"], &read[ENTERPRISE]["costCenter"]), (&json!(8), &Value::Null));

    // What is mapped to nothing is not shown as if it could be used.
    let schemas = server.get(&format!("/scim/v2/Schemas/{BADGES}")).json();
    let names: Vec<&str> =
        schemas["attributes"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["since", "level"]);
}
