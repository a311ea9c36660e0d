//! What clients call the people of a directory: kept beside it, each client's for itself.

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, people};
use scim_server::Server;
use serde_json::{Value, json};

use crate::support::{Answer, Request, Running, USER};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A server over this directory, with a control store.
fn with_control(slapd: &Slapd, mode: &str) -> Running {
    let settings = format!(
        "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\n\
         operation_time = 60\nmode = \"{mode}\"\n[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
         [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n\
         [control]\nbackend = \"sqlite\"\n[control.sqlite]\npath = \"{{dir}}/control.db\"\n",
        slapd.url(),
    );
    Running::built(Server::builder(), &settings, |_| {})
}

struct Client<'a> {
    server: &'a Running,
    token: String,
}

impl Client<'_> {
    fn request(&self, method: &str, path: &str) -> Request {
        self.server.anonymous(method, path).header("Authorization", &format!("Bearer {}", self.token))
    }

    fn found(&self, filter: &str) -> Vec<Value> {
        let filter: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.request("GET", &format!("/scim/v2/Users?filter={filter}")).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let found = answer["Resources"].as_array().cloned().unwrap_or_default();
        assert_eq!(answer["totalResults"], found.len());
        found
    }

    fn call(&self, id: &str, external: Value) -> Answer {
        let body =
            json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "externalId", "value": external}]});
        self.request("PATCH", &format!("/scim/v2/Users/{id}")).json(&body).send()
    }
}

#[test]
fn each_client_calls_people_by_names_of_its_own() {
    let slapd = Slapd::start(&Setup { entries: people(0..5), ..Setup::furnished() }).unwrap();
    let server = with_control(&slapd, "write");
    let entra = Client { server: &server, token: server.token.clone() };
    let okta = Client { server: &server, token: server.make_token("default", "okta", &[]) };

    assert!(entra.found("externalId eq \"a-1\"").is_empty());
    let found = entra.found("userName eq \"user000001\"");
    let (id, before) = (found[0]["id"].as_str().unwrap().to_owned(), found[0]["meta"]["version"].clone());
    let linked = entra.call(&id, json!("a-1"));
    assert_eq!((linked.status, &linked.json()["externalId"]), (200, &json!("a-1")), "{linked:?}");
    let version = linked.json()["meta"]["version"].clone();
    assert_ne!(version, before, "the version moves with it");
    assert_eq!(linked.json()["meta"]["version"], entra.found("externalId eq \"a-1\"")[0]["meta"]["version"]);

    // What one client says is nothing to the other.
    assert!(okta.found("externalId eq \"a-1\"").is_empty());
    assert!(okta.found("userName eq \"user000001\"")[0].get("externalId").is_none());
    assert_eq!(okta.call(&id, json!("b-1")).status, 200);
    assert_eq!(entra.found("externalId eq \"a-1\"")[0]["externalId"], "a-1");
    assert_eq!(entra.found("externalId sw \"a\" and userName eq \"user000001\"").len(), 1);
    assert_eq!(entra.found("externalId eq \"a-1\" or userName eq \"user000002\"").len(), 2);
    assert_eq!(entra.found("not (externalId eq \"a-1\")").len(), 4);
    assert_eq!(entra.found("externalId pr").len(), 1);

    // An expected version is one of this client's.
    let title = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "Boss"}]});
    let patch = |tag: &Value| {
        let path = format!("/scim/v2/Users/{id}");
        entra.request("PATCH", &path).header("If-Match", tag.as_str().unwrap()).json(&title).send()
    };
    assert_eq!(patch(&before).status, 412);
    let done = patch(&version);
    assert_eq!((done.status, &done.json()["externalId"]), (200, &json!("a-1")), "{done:?}");

    let body = json!({"schemas": [USER], "userName": "new", "externalId": "a-2", "name": {"familyName": "New"}});
    let made = entra.request("POST", "/scim/v2/Users").json(&body).send();
    assert_eq!((made.status, &made.json()["externalId"]), (201, &json!("a-2")), "{made:?}");
    let new = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(entra.found("externalId eq \"a-2\"").len(), 1);
    let body = json!({"schemas": [USER], "userName": "new", "name": {"familyName": "Newer"}});
    let put = entra.request("PUT", &format!("/scim/v2/Users/{new}")).json(&body).send();
    assert!(put.status == 200 && put.json().get("externalId").is_none(), "{put:?}");
    assert!(entra.found("externalId eq \"a-2\"").is_empty());

    assert_eq!(entra.request("DELETE", &format!("/scim/v2/Users/{id}")).send().status, 204);
    assert!(entra.found("externalId eq \"a-1\"").is_empty() && okta.found("externalId eq \"b-1\"").is_empty());
}

#[test]
fn a_directory_that_is_read_only_takes_no_names() {
    let slapd = Slapd::start(&Setup { entries: people(0..2), ..Setup::default() }).unwrap();
    let server = with_control(&slapd, "read_only");
    let client = Client { server: &server, token: server.token.clone() };
    assert!(client.found("externalId eq \"a\"").is_empty(), "it is known, and nobody has one");
    let id = client.found("userName eq \"user000001\"")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(client.call(&id, json!("a")).status, 403);
}
