//! Primary groups, of which neither a group's `member` nor a user's `memberOf` tells: on Samba, which keeps them as Active Directory does.

use conformance_tests::servers::samba::{ADMIN, PASSWORD, SUFFIX};
use serde_json::{Value, json};

use crate::domain::{Domain, change, path_of, tool};
use crate::support::{Answer, Running};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Who is in which groups: their names, and whether directly.
fn groups(server: &Running, user: &Value) -> Vec<(String, bool)> {
    let shown = server.get(&path_of("Users", user)).json();
    let mut groups: Vec<(String, bool)> = of(&shown);
    groups.sort();
    groups
}

fn of(user: &Value) -> Vec<(String, bool)> {
    let all = user["groups"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| (one["display"].as_str().unwrap().to_owned(), one["type"] != "indirect")).collect()
}

fn direct(names: &[&str]) -> Vec<(String, bool)> {
    names.iter().map(|name| ((*name).to_owned(), true)).collect()
}

fn found(server: &Running, kind: &str, filter: &str) -> Vec<Value> {
    let coded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let list = server.get(&format!("/scim/v2/{kind}?filter={coded}"));
    assert_eq!(list.status, 200, "{filter}: {list:?}");
    list.json()["Resources"].as_array().cloned().unwrap_or_default()
}

/// The names of the members of a group, as a read shows them.
fn members(server: &Running, group: &Value) -> Vec<String> {
    let shown = server.get(&path_of("Groups", group)).json();
    let all = shown["members"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = all.iter().map(|one| one["display"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn patch(server: &Running, group: &Value, operation: Value) -> Answer {
    let body = json!({"schemas": [PATCH], "Operations": [operation]});
    server.request("PATCH", &path_of("Groups", group)).json(&body).send()
}

fn adding(users: &[&Value]) -> Value {
    let values: Vec<Value> = users.iter().map(|one| json!({"value": one["id"]})).collect();
    json!({"op": "add", "path": "members", "value": values})
}

fn removing(user: &Value) -> Value {
    json!({"op": "remove", "path": format!("members[value eq {}]", user["id"])})
}

fn make_group(server: &Running, name: &str, members: &[&Value]) -> Value {
    let members: Vec<Value> = members.iter().map(|one| json!({"value": one["id"]})).collect();
    let made = server.post("/scim/v2/Groups", &json!({"schemas": [GROUP], "displayName": name, "members": members}));
    assert_eq!(made.status, 201, "{made:?}");
    made.json()
}

/// Gives a user this group as the primary one, which only an administrator does.
fn promote(domain: &Domain, user: &str, group: &str) {
    let found = tool("ldapsearch", domain.samba)
        .args(["-LLL", "-D", ADMIN, "-w", PASSWORD, "-b", &format!("OU=groups,{}", domain.base)])
        .args([&format!("(cn={group})"), "primaryGroupToken"])
        .output()
        .unwrap();
    let text = String::from_utf8(found.stdout).unwrap();
    let number = text.lines().find_map(|line| line.strip_prefix("primaryGroupToken: ")).unwrap();
    let dn = format!("CN={user},OU=people,{}", domain.base);
    let ldif = format!("dn: {dn}\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: {number}\n");
    change("ldapmodify", domain.samba, &ldif);
}

#[test]
fn everybody_is_shown_in_domain_users() {
    const NAME: &str = "Domain Users";
    let domain = Domain::new("everybody");
    let (ann, bob) = (domain.user("ann-e", json!({})), domain.user("bob-e", json!({})));
    assert_eq!(groups(&domain.server, &ann), [], "it stands outside of the base");
    for way in ["", "member_of = \"always\"", "member_of = \"never\""] {
        let server = domain.over(&format!("CN=Users,{SUFFIX}"), way);
        for user in [&ann, &bob] {
            assert_eq!(groups(&server, user), direct(&[NAME]), "{way}");
        }
        let listed = server.get("/scim/v2/Users").json();
        let listed: Vec<_> = listed["Resources"].as_array().unwrap().iter().map(of).collect();
        assert_eq!(listed, [direct(&[NAME]), direct(&[NAME])], "{way}");
        let everybody = found(&server, "Groups", &format!("displayName eq \"{NAME}\"")).remove(0);
        assert_eq!(members(&server, &everybody), ["ann-e", "bob-e"]);
        let names = |found: Vec<Value>| {
            let mut names: Vec<String> =
                found.iter().map(|one| one["displayName"].as_str().unwrap_or_default().to_owned()).collect();
            names.sort();
            names
        };
        let of_ann = format!("members.value eq {}", ann["id"]);
        assert_eq!(names(found(&server, "Groups", &of_ann)), [NAME]);
        assert_eq!(names(found(&server, "Groups", &format!("members[value eq {}]", ann["id"]))), [NAME]);
        assert!(names(found(&server, "Groups", "members pr")).contains(&NAME.to_owned()));
        assert!(!names(found(&server, "Groups", "not (members pr)")).contains(&NAME.to_owned()));
        assert_eq!(found(&server, "Users", &format!("groups.value eq {}", everybody["id"])).len(), 2);

        // Who is in it is there already, and cannot leave it.
        assert_eq!(patch(&server, &everybody, adding(&[&ann, &bob])).status, 204);
        let refused = patch(&server, &everybody, removing(&ann));
        refused.is_error(400, Some("mutability"));
        assert!(refused.json()["detail"].as_str().unwrap().contains("primary group"), "{refused:?}");
        patch(&server, &everybody, json!({"op": "remove", "path": "members"})).is_error(400, Some("mutability"));
        let put = |members: &[&Value]| {
            let members: Vec<Value> = members.iter().map(|one| json!({"value": one["id"]})).collect();
            let body = json!({"schemas": [GROUP], "displayName": NAME, "members": members});
            server.request("PUT", &path_of("Groups", &everybody)).json(&body).send()
        };
        put(&[&bob]).is_error(400, Some("mutability"));
        assert_eq!(put(&[&bob, &ann]).status, 200);
        assert_eq!(members(&server, &everybody), ["ann-e", "bob-e"]);
    }
}

#[test]
fn another_primary_group_is_one_among_others() {
    let domain = Domain::new("primary");
    let server = &domain.server;
    let (ann, bob, cid) =
        (domain.user("ann-p", json!({})), domain.user("bob-p", json!({})), domain.user("cid-p", json!({})));
    let crew = make_group(server, "crew-p", &[&ann, &bob]);
    let outer = make_group(server, "outer-p", &[&crew]);
    let both = |of: &Value| groups(server, of);
    let expected = [("crew-p".to_owned(), true), ("outer-p".to_owned(), false)];
    assert_eq!((both(&ann), both(&bob)), (expected.to_vec(), expected.to_vec()));
    promote(&domain, "ann-p", "crew-p");
    assert_eq!((both(&ann), both(&bob), both(&cid)), (expected.to_vec(), expected.to_vec(), Vec::new()));
    assert_eq!(members(server, &crew), ["ann-p", "bob-p"]);
    assert_eq!(members(server, &outer), ["crew-p"]);

    // One of two cannot leave: then neither does. Nor does anybody come.
    let both = json!({"schemas": [PATCH], "Operations": [removing(&bob), removing(&ann), adding(&[&cid])]});
    server.request("PATCH", &path_of("Groups", &crew)).json(&both).send().is_error(400, Some("mutability"));
    assert_eq!(members(server, &crew), ["ann-p", "bob-p"]);
    assert_eq!(patch(server, &crew, adding(&[&ann, &cid])).status, 204);
    assert_eq!(patch(server, &crew, removing(&bob)).status, 204);
    assert_eq!(patch(server, &crew, removing(&bob)).status, 204, "he is gone already");
    assert_eq!(members(server, &crew), ["ann-p", "cid-p"]);

    // The domain keeps a group that is somebody's primary one.
    let kept = server.request("DELETE", &path_of("Groups", &crew)).send();
    kept.is_error(409, None);
    assert_eq!(members(server, &crew), ["ann-p", "cid-p"]);
    // Whoever goes as a whole leaves it.
    assert_eq!(server.request("DELETE", &path_of("Users", &ann)).send().status, 204);
    assert_eq!(members(server, &crew), ["cid-p"]);
    assert_eq!(server.request("DELETE", &path_of("Groups", &crew)).send().status, 204);
}

/// More than a page of them, and more than a range of members has.
#[test]
fn a_primary_group_of_many_is_read_to_its_end() {
    const COUNT: usize = 1_600;
    let domain = Domain::new("many");
    let mut ldif = String::new();
    for n in 0..COUNT {
        let dn = format!("CN=many{n:04},OU=people,{}", domain.base);
        ldif += &format!("dn: {dn}\nobjectClass: user\nsAMAccountName: many{n:04}\n\n");
    }
    change("ldapadd", domain.samba, &ldif);
    let server = domain.over(&format!("CN=Users,{SUFFIX}"), "");
    let everybody = found(&server, "Groups", "displayName eq \"Domain Users\"").remove(0);
    let mut names = members(&server, &everybody);
    names.dedup();
    assert_eq!(names.len(), COUNT);
    let page = server.get("/scim/v2/Users?count=100").json();
    let page = page["Resources"].as_array().unwrap();
    assert!(page.len() == 100 && page.iter().all(|one| of(one) == direct(&["Domain Users"])));
}
