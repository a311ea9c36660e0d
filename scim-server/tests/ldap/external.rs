//! What clients call the people of a directory: kept beside it, each client's for itself.

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, group, people};
use scim_server::Server;
use serde_json::{Value, json};

use crate::support::{Answer, Request, Running, USER, command, write_config};

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

/// A file, or another store, holds what one client calls people.
#[test]
fn what_a_client_calls_people_goes_with_them() {
    let entries = people(0..3) + &group("staff", 0..3);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    let server = with_control(&slapd, "write");
    let entra = Client { server: &server, token: server.make_token("default", "entra", &[]) };
    let okta = Client { server: &server, token: server.make_token("default", "okta", &[]) };
    let id = entra.found("userName eq \"user000001\"")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(entra.call(&id, json!("a-1")).status, 200);

    let folder = server.directory.path();
    let written = |name: &str, more: &[&str]| {
        let file = folder.join(name).display().to_string();
        server.command(&[&["export", &file, "--tenant", "default"], more].concat());
        let lines = std::fs::read_to_string(&file).unwrap();
        let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter_map(|one| Some(one.get("externalId")?.as_str()?.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(written("only.jsonl", &[]), ["a-1"], "that of the only client");
    assert_eq!(okta.call(&id, json!("b-1")).status, 200);
    assert_eq!(written("none.jsonl", &[]), Vec::<String>::new(), "nobody's where it is not said whose");
    assert_eq!(written("okta.jsonl", &["--client", "okta"]), ["b-1"]);
    let unknown = command(&server.config(), &["export", "x.jsonl", "--tenant", "default", "--client", "ping"]);
    let refused = { unknown }.current_dir(folder).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("entra (1), okta (1)"), "{told}");

    // Into another store: the same people with what entra calls them.
    let to = tempfile::tempdir().unwrap();
    let config = write_config(to.path(), "");
    let (from, config) = (server.config().display().to_string(), config.display().to_string());
    drop(okta);
    let token = entra.token.clone();
    drop(entra);
    let kept = server.directory.path().to_owned();
    let copied = copy_of(&kept, to.path());
    drop(server);
    let arguments = ["copy", "--from", &copied, "--to", &config, "--client", "entra"];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_scim-server")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{from}: {}", String::from_utf8_lossy(&output.stderr));
    let store = to.path().join("scim.db");
    let own = Running::prepared("", |folder| {
        std::fs::copy(&store, folder.join("scim.db")).unwrap();
    });
    let entra = Client { server: &own, token };
    let found = entra.found("externalId eq \"a-1\"");
    assert_eq!((found.len(), &found[0]["id"], &found[0]["userName"]), (1, &json!(id), &json!("user000001")));
    assert_eq!(found[0]["groups"][0]["display"], "staff");
}

/// The configuration of a server and its control store, in a folder that stays when the server goes.
fn copy_of(folder: &std::path::Path, to: &std::path::Path) -> String {
    let copy = to.join("source");
    std::fs::create_dir(&copy).unwrap();
    for name in ["scim-server.toml", "control.db", "control.db-wal", "control.db-shm"] {
        // The last two are there only while the store is open.
        if folder.join(name).exists() {
            std::fs::copy(folder.join(name), copy.join(name)).unwrap();
        }
    }
    let config = copy.join("scim-server.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(&folder.display().to_string(), &copy.display().to_string())).unwrap();
    config.display().to_string()
}
