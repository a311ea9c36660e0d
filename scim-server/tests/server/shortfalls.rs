//! A store that gives ids out itself and cannot hold everything: what its clients see of that.

use std::sync::Arc;

use conformance_tests::humble::Humble;
use scim_core::store::Held;
use scim_server::{Factory, Opened, Server};
use serde_json::{Value, json};

use crate::support::{Running, USER};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const TOKEN: &str = "a-token-of-the-operators-own-making-0";

const HUMBLE: Factory = Factory {
    name: "humble",
    keys: || json!({}),
    keeps_control: false,
    begun: |_| Ok(true),
    open: |_, _, _| {
        Box::pin(async {
            let store = Humble::new(vec![
                ("User", "nickName", Held::Not),
                ("User", "emails", Held::Types(vec!["work".into()])),
                ("User", "emails.primary", Held::ReadOnly),
                ("User", "title", Held::ReadOnly),
                ("User", "displayName", Held::Required),
            ]);
            Ok(Opened { store: Arc::new(store), control: None, upkeep: None })
        })
    },
    restore: None,
};

fn humble() -> Running {
    let settings = format!(
        "[store]\nbackend = \"humble\"\n[[tokens]]\nname = \"n\"\ntenant = \"acme\"\ntoken = \"{TOKEN}\"\n\
         [[tokens]]\nname = \"strict\"\ntenant = \"acme\"\ntoken = \"strict-{TOKEN}\"\nclient = \"strict\"\n"
    );
    let mut server = Running::built(Server::builder().backend(HUMBLE), &settings, |_| {});
    server.token = TOKEN.to_owned();
    server
}

fn attribute(server: &Running, name: &str) -> Value {
    let schema = server.get(&format!("/scim/v2/Schemas/{USER}")).json();
    let all = schema["attributes"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).cloned().unwrap_or_default()
}

#[test]
fn schemas_show_what_the_store_holds() {
    let server = humble();
    assert_eq!(attribute(&server, "nickName"), Value::Null);
    assert_eq!(attribute(&server, "title")["mutability"], "readOnly");
    assert_eq!(attribute(&server, "displayName")["required"], true);
    let emails = attribute(&server, "emails");
    let sub = |name: &str| emails["subAttributes"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned();
    assert_eq!(sub("type").unwrap()["canonicalValues"], json!(["work"]));
    assert_eq!(sub("primary").unwrap()["mutability"], "readOnly");
}

#[test]
fn requests_are_checked_against_what_the_store_holds() {
    let server = humble();
    let user = |more: Value| {
        let mut body = json!({"schemas": [USER], "userName": "anna", "displayName": "Anna"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    server.post("/scim/v2/Users", &json!({"schemas": [USER], "userName": "x"})).is_error(400, Some("invalidValue"));
    let other = user(json!({"emails": [{"value": "a@example.org", "type": "home"}]}));
    server.post("/scim/v2/Users", &other).is_error(400, Some("invalidValue"));
    let strict = server.anonymous("POST", "/scim/v2/Users").header("Authorization", &format!("Bearer strict-{TOKEN}"));
    strict.json(&user(json!({"nickName": "A"}))).send().is_error(400, Some("invalidSyntax"));

    let more =
        json!({"nickName": "A", "title": "T", "emails": [{"value": "a@example.org", "type": "work", "primary": true}]});
    let made = server.post("/scim/v2/Users", &user(more));
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(made["id"], "given-00000", "the store gave the id");
    assert_eq!((&made["nickName"], &made["title"]), (&Value::Null, &Value::Null));
    assert_eq!(made["emails"], json!([{"value": "a@example.org", "type": "work"}]));

    server.get("/scim/v2/Users?filter=nickName%20pr").is_error(400, Some("invalidFilter"));
    let title = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "X"}]});
    let path = format!("/scim/v2/Users/{}", made["id"].as_str().unwrap());
    server.request("PATCH", &path).json(&title).send().is_error(400, Some("mutability"));
}

/// 7644-3.7.1-01, 7644-3.7.2-01, 7644-3.7.2-03: where the store gives ids out, who refers to a bulkId waits for its outcome.
#[test]
fn bulk_waits_for_the_ids_of_the_store() {
    let server = humble();
    assert_eq!(server.get("/scim/v2/ServiceProviderConfig").json()["bulk"]["supported"], true);
    for fail_on_errors in [None, Some(1)] {
        let user = |name: &str| json!({"schemas": [USER], "userName": format!("{name}{fail_on_errors:?}"), "displayName": name});
        let group = |name: &str, members: &[&str]| {
            let members: Vec<_> = members.iter().map(|one| json!({"value": format!("bulkId:{one}")})).collect();
            json!({"schemas": [GROUP], "displayName": format!("{name}{fail_on_errors:?}"), "members": members})
        };
        let post =
            |id: &str, path: &str, data: Value| json!({"method": "POST", "bulkId": id, "path": path, "data": data});
        let add = json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:u2"}]}]});
        let mut request = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [
                post("g1", "/Groups", group("One", &["u1", "g2"])),
                post("g2", "/Groups", group("Two", &["g1"])),
                post("u1", "/Users", user("a")),
                post("u2", "/Users", user("b")),
                {"method": "PATCH", "path": "/Groups/bulkId:g1", "data": add},
            ],
        });
        if let Some(most) = fail_on_errors {
            request["failOnErrors"] = json!(most);
        }
        let answer = server.post("/scim/v2/Bulk", &request).json();
        let entries = answer["Operations"].as_array().unwrap();
        assert!(entries.iter().all(|one| one["status"].as_str().unwrap().starts_with('2')), "{answer}");
        let id = |n: usize| entries[n]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let members = |n: usize| {
            let group = server.get(&format!("/scim/v2/Groups/{}", id(n))).json();
            let mut members: Vec<_> = group["members"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["value"].as_str().unwrap().to_owned())
                .collect();
            members.sort();
            members
        };
        let mut all = vec![id(1), id(2), id(3)];
        all.sort();
        assert_eq!(members(0), all, "the circle was closed and the member added");
        assert_eq!(members(1), [id(0)]);
        assert!(id(0).starts_with("given-"));
    }
}

/// 7644-3.7.1-02: an operation that refers to one that failed is a conflict, also when it had to wait.
#[test]
fn bulk_tells_what_waited_in_vain() {
    let server = humble();
    let request = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "bulkId": "u", "path": "/Users", "data": {"schemas": [USER], "userName": "a"}},
            {"method": "POST", "bulkId": "g", "path": "/Groups",
             "data": {"schemas": [GROUP], "displayName": "G", "members": [{"value": "bulkId:u"}]}},
        ],
    });
    let answer = server.post("/scim/v2/Bulk", &request).json();
    let statuses: Vec<_> = answer["Operations"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses, ["400", "409"], "{answer}");
    assert_eq!(server.get("/scim/v2/Groups").json()["totalResults"], 0);
}
