//! Groups of users by what their entries say: where that is true, nobody searches groups for members; where it is not, all that is shown is
//! true all the same.

use conformance_tests::servers::slapd::{MemberOf, Setup, Slapd, group, people, people_of};
use serde_json::{Value, json};

use crate::support::{Running, USER};
use crate::{gateway_of, wait};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const TABLES: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                      [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";

/// Names of groups, each with whether it is direct.
type Groups = Vec<(String, bool)>;

fn groups(user: &Value) -> Groups {
    let all = user["groups"].as_array().cloned().unwrap_or_default();
    let one = |group: &Value| (group["display"].as_str().unwrap().to_owned(), group["type"] == "direct");
    let mut all: Groups = all.iter().map(one).collect();
    all.sort();
    all
}

fn direct(names: &[&str]) -> Groups {
    names.iter().map(|name| ((*name).to_owned(), true)).collect()
}

/// Users by name, with what they show.
fn users(server: &Running) -> Vec<Value> {
    let list = server.get("/scim/v2/Users?count=100").json();
    let mut all = list["Resources"].as_array().cloned().unwrap_or_default();
    all.sort_by_key(|user| user["userName"].as_str().unwrap().to_owned());
    all
}

fn path(kind: &str, resource: &Value) -> String {
    format!("/scim/v2/{kind}/{}", resource["id"].as_str().unwrap())
}

fn patch(server: &Running, path: &str, operation: Value) -> u16 {
    let body = json!({"schemas": [PATCH], "Operations": [operation]});
    server.request("PATCH", path).json(&body).send().status
}

/// Were groups searched for members since the log was so long?
fn searched(slapd: &Slapd, since: usize) -> bool {
    slapd.log().get(since..).is_some_and(|log| log.contains("(member="))
}

/// Waits until a page of users makes nobody search groups.
fn wait_until_believed(slapd: &Slapd, server: &Running) {
    wait("memberOf", || {
        let since = slapd.log().len();
        let shown = users(server);
        !shown.is_empty() && !searched(slapd, since)
    });
}

#[test]
fn what_entries_say_rightly_is_shown_without_a_search() {
    let named = [("staff", 0..9), ("few", 2..4)];
    let entries = people_of(0..10, &named) + &group("staff", 0..9) + &group("few", 2..4);
    let mut slapd = Slapd::start(&Setup { entries, tells: true, ..Setup::furnished() }).unwrap();
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let before = users(&server);
    wait_until_believed(&slapd, &server);
    assert_eq!(users(&server), before, "the same, whichever way");
    assert_eq!(groups(&before[3]), direct(&["few", "staff"]));
    assert_eq!((groups(&before[8]), groups(&before[9])), (direct(&["staff"]), vec![]));

    // What we write is there at once: members that come and go, a new name, groups in groups, a group that goes.
    let listed = server.get("/scim/v2/Groups?excludedAttributes=members").json();
    let all = listed["Resources"].as_array().unwrap();
    let of = |name: &str| all.iter().find(|one| one["displayName"] == name).unwrap();
    let (staff, few) = (path("Groups", of("staff")), path("Groups", of("few")));
    let shown = |n: usize| {
        let user = server.get(&path("Users", &before[n])).json();
        let found =
            server.get(&format!("/scim/v2/Users?filter=userName%20eq%20%22{}%22", user["userName"].as_str().unwrap()));
        assert_eq!(found.json()["Resources"][0], user);
        groups(&user)
    };
    let since = slapd.log().len();
    for _ in 0..3 {
        assert_eq!(
            patch(&server, &few, json!({"op": "add", "path": "members", "value": [{"value": before[9]["id"]}]})),
            204
        );
        assert_eq!(shown(9), direct(&["few"]));
        let gone = json!({"op": "remove", "path": format!("members[value eq {}]", before[9]["id"])});
        assert_eq!(patch(&server, &few, gone), 204);
        assert_eq!(shown(9), vec![]);
    }
    assert_eq!(patch(&server, &few, json!({"op": "replace", "path": "displayName", "value": "chosen"})), 200);
    assert_eq!(shown(3), direct(&["chosen", "staff"]));
    let within = json!({"op": "add", "path": "members", "value": [{"value": of("few")["id"]}]});
    assert_eq!(patch(&server, &staff, within), 204);
    assert_eq!(shown(3), direct(&["chosen", "staff"]));
    assert_eq!(
        patch(&server, &few, json!({"op": "add", "path": "members", "value": [{"value": before[9]["id"]}]})),
        204
    );
    assert_eq!(shown(9), [("chosen".to_owned(), true), ("staff".to_owned(), false)]);
    assert_eq!(shown(8), direct(&["staff"]));
    let log = slapd.log();
    let searches: Vec<&str> =
        log[since..].lines().filter(|line| line.contains("filter=") && line.contains("(member=")).collect();
    // One in two groups of which one is in the other: only the groups themselves know whether it names them.
    assert!(searches.iter().all(|line| line.contains("user000003")), "{searches:?}");
    assert_eq!(server.request("DELETE", &few).send().status, 204);
    assert_eq!((shown(3), shown(9)), (direct(&["staff"]), vec![]));

    // A server that comes back may hold something else.
    slapd.stop("TERM").unwrap();
    slapd.again().unwrap();
    wait("the directory", || server.get(&path("Users", &before[3])).status == 200);
    assert_eq!(shown(3), direct(&["staff"]));
}

#[test]
fn what_entries_say_wrongly_is_not_believed() {
    // Groups that were there before the overlay, one that is only told of, and members that are not there.
    let entries = people_of(0..10, &[("staff", 0..5), ("few", 2..5)]) + &group("staff", 0..12) + &group("few", 2..4);
    let slapd = Slapd::start(&Setup { entries, tells: true, ..Setup::furnished() }).unwrap();
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let compared = || slapd.log().lines().filter(|line| line.ends_with("attr=memberOf")).count();
    wait("the comparison", || {
        users(&server);
        compared() > 2
    });
    for _ in 0..5 {
        let since = slapd.log().len();
        let shown = users(&server);
        assert_eq!((groups(&shown[3]), groups(&shown[9])), (direct(&["few", "staff"]), direct(&["staff"])));
        assert!(searched(&slapd, since));
    }
}

/// What is asserted of a group must not be asserted of its members: the overlay would leave them as they were.
#[test]
fn a_version_that_is_named_leaves_the_other_side_right() {
    let entries = people_of(0..4, &[("staff", 0..2)]) + &group("staff", 0..2);
    let slapd = Slapd::start(&Setup { entries, refint: &[], ..Setup::furnished() }).unwrap();
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    let all = users(&server);
    let list = server.get("/scim/v2/Groups").json();
    let staff = path("Groups", &list["Resources"][0]);
    let version = |path: &str| {
        server.get(&format!("{path}?excludedAttributes=members,groups")).header("etag").unwrap().to_owned()
    };
    let raw = |n: usize| {
        let text = slapd.search(&format!("(uid=user{n:06})"), &["memberOf"]).unwrap();
        let own = text
            .lines()
            .filter_map(|line| line.strip_prefix("memberOf: cn=")?.split_once(',').map(|(cn, _)| cn.to_owned()));
        own.collect::<Vec<_>>()
    };
    let asserted = |operation: Value, version: &str| {
        let body = json!({"schemas": [PATCH], "Operations": [operation]});
        server.request("PATCH", &staff).header("If-Match", version).json(&body).send().status
    };
    let joins = |n: usize| json!({"op": "add", "path": "members", "value": [{"value": all[n]["id"]}]});
    let old = version(&staff);
    assert_eq!((asserted(joins(2), &old), raw(2)), (204, vec!["staff".to_owned()]));
    assert_eq!((asserted(joins(3), &old), raw(3)), (412, vec![]), "too late");
    let now = version(&staff);
    assert_eq!((asserted(joins(2), &now), version(&staff)), (204, now.clone()), "a member already");
    let both = json!({"op": "replace", "value": {"displayName": "crew", "members": [{"value": all[1]["id"]}, {"value": all[3]["id"]}]}});
    assert_eq!(asserted(both, &now), 200);
    assert_eq!([raw(0), raw(1), raw(2), raw(3)], [vec![], vec!["crew".to_owned()], vec![], vec!["crew".to_owned()]]);
    let gone = |path: &str, version: &str| server.request("DELETE", path).header("If-Match", version).send().status;
    let third = path("Users", &all[3]);
    assert_eq!((gone(&third, "W/\"0\""), gone(&third, &version(&third))), (412, 204));
    let members = server.get(&staff).json()["members"].clone();
    assert_eq!((members.as_array().unwrap().len(), &members[0]["value"]), (1, &all[1]["id"]), "{members}");
    assert_eq!((gone(&staff, &now), gone(&staff, &version(&staff)), raw(1)), (412, 204, vec![]));
}

#[test]
fn the_operator_may_decide() {
    let entries = people_of(0..3, &[("staff", 0..2)]) + &group("staff", 0..3);
    let slapd = Slapd::start(&Setup { entries, tells: true, ..Setup::furnished() }).unwrap();
    for (said, expected) in [("always", vec![]), ("never", direct(&["staff"]))] {
        let server = gateway_of(&slapd, &format!("member_of = \"{said}\"\n{TABLES}"), &["acme"]);
        let since = slapd.log().len();
        assert_eq!(groups(&users(&server)[2]), expected, "{said}");
        assert_eq!(
            (searched(&slapd, since), slapd.log()[since..].contains("attr=member memberURL")),
            (said == "never", false)
        );
    }
}

/// A directory that computes what entries say, and also says it of groups that are found by a search.
#[test]
fn computed_groups_are_indirect_whichever_way() {
    let everybody = "dn: cn=everybody,ou=groups,dc=example,dc=org\nobjectClass: groupOfURLs\ncn: everybody\n\
                     memberURL: ldap:///ou=people,dc=example,dc=org??sub?(objectClass=inetOrgPerson)\n\n";
    let entries = people(0..3) + &group("staff", 0..2);
    let plain = Setup {
        member_of: MemberOf::Dynlist,
        entries,
        indexes: Setup::usual_indexes(),
        tells: true,
        ..Setup::default()
    };
    let slapd = Slapd::start(&Setup { entries: plain.entries.clone() + everybody, ..plain.clone() }).unwrap();
    let both = TABLES.to_owned() + "filter = \"(|(objectClass=groupOfNames)(objectClass=groupOfURLs))\"\n";
    let server = gateway_of(&slapd, &both, &["acme"]);
    wait("the comparison", || {
        users(&server);
        slapd.log().contains("attr=member memberURL")
    });
    for _ in 0..5 {
        let shown = users(&server);
        let everybody = ("everybody".to_owned(), false);
        assert_eq!(
            (groups(&shown[1]), groups(&shown[2])),
            (vec![everybody.clone(), ("staff".to_owned(), true)], vec![everybody])
        );
    }
    let slapd = Slapd::start(&plain).unwrap();
    let server = gateway_of(&slapd, TABLES, &["acme"]);
    wait_until_believed(&slapd, &server);
    let made =
        server.post("/scim/v2/Users", &json!({"schemas": [USER], "userName": "anna", "name": {"familyName": "A"}}));
    assert_eq!((made.status, groups(&made.json())), (201, vec![]));
    let staff = json!({"schemas": [GROUP], "displayName": "new", "members": [{"value": made.json()["id"]}]});
    assert_eq!(server.post("/scim/v2/Groups", &staff).status, 201);
    assert_eq!(groups(&server.get(&path("Users", &made.json())).json()), direct(&["new"]));
}

/// People in groups, and groups in groups, one of which gets another name and one of which goes: on any directory.
pub fn groups_within_groups(server: &Running) {
    let make = |kind: &str, body: Value| {
        let made = server.post(&format!("/scim/v2/{kind}"), &body);
        assert_eq!(made.status, 201, "{made:?}");
        made.json()
    };
    let user = |name: &str| {
        make("Users", json!({"schemas": [USER], "userName": name, "name": {"familyName": "F"}, "active": false}))
    };
    let (ann, bob, cid) = (user("ann"), user("bob"), user("cid"));
    let made = |name: &str, members: &[&Value]| {
        let members: Vec<Value> = members.iter().map(|one| json!({"value": one["id"]})).collect();
        make("Groups", json!({"schemas": [GROUP], "displayName": name, "members": members}))
    };
    let inner = made("inner", &[&ann, &bob]);
    let outer = made("outer", &[&inner, &bob]);
    let whole = made("whole", &[&outer]);
    let shown = |one: &Value| groups(&server.get(&path("Users", one)).json());
    let told =
        |all: &[(&str, bool)]| all.iter().map(|(name, direct)| ((*name).to_owned(), *direct)).collect::<Groups>();
    let check = |inner: &str, outer: &str| {
        assert_eq!(shown(&ann), told(&[(inner, true), (outer, false), ("whole", false)]));
        assert_eq!(shown(&bob), told(&[(inner, true), (outer, true), ("whole", false)]), "in both by name");
        assert_eq!(shown(&cid), told(&[]));
        let listed = users(server);
        let of = |name: &str| groups(listed.iter().find(|one| one["userName"] == name).unwrap());
        assert_eq!((of("ann"), of("bob"), of("cid")), (shown(&ann), shown(&bob), shown(&cid)));
    };
    check("inner", "outer");
    let name = |name: &str| json!({"op": "replace", "path": "displayName", "value": name});
    assert_eq!(patch(server, &path("Groups", &outer), name("other")), 200);
    check("inner", "other");
    assert_eq!(patch(server, &path("Groups", &inner), name("core")), 200);
    check("core", "other");
    assert_eq!(server.request("DELETE", &path("Groups", &outer)).send().status, 204);
    assert_eq!((shown(&ann), shown(&bob)), (told(&[("core", true)]), told(&[("core", true)])));
    assert_eq!(server.get(&path("Groups", &whole)).json()["members"], Value::Null);
}

#[test]
fn groups_within_groups_are_told_alike_by_both_ways() {
    for way in ["always", "never"] {
        let slapd = Slapd::start(&Setup::furnished()).unwrap();
        groups_within_groups(&gateway_of(&slapd, &format!("member_of = \"{way}\"\n{TABLES}"), &["acme"]));
    }
}
