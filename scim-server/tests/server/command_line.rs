//! The first start and the commands, as an operator meets them.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::stopping::Process;
use crate::support::{Running, USER, command, write_config};

fn run(config: &Path, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(config, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[track_caller]
fn fails(config: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let (status, _, said) = run(config, arguments);
    assert_eq!(status, code, "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?}: {part:?} is not in {said:?}");
    }
}

#[test]
fn the_first_start_prints_a_token_once() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    let server = Process::start(&config);
    assert!(server.token.starts_with("scim_"), "{}", server.token);
    assert_eq!(server.request("GET", "/scim/v2/Users").send().status, 200);
    let token = server.token.clone();
    drop(server);
    let database = std::fs::read(directory.path().join("scim.db")).unwrap();
    let held = |text: &str| database.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!held(&token), "E02: the token is not kept");
    std::fs::write(directory.path().join("second"), "").unwrap();
    let again = Process::start(&config);
    let with = |token: &str| {
        let request = crate::support::Request::new(again.address, "GET", "/scim/v2/Users");
        request.header("Authorization", &format!("Bearer {token}")).send().status
    };
    assert_eq!(with(&token), 200, "the old one stays good");
}

#[test]
fn the_first_token_can_be_given() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    for wrong in ["", "   ", "short", "with blanks in it, but long enough to pass"] {
        let output = command(&config, &["serve"]).env("SCIM_BOOTSTRAP_TOKEN", wrong).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{wrong:?}");
        assert!(said.contains("SCIM_BOOTSTRAP_TOKEN"), "{said}");
        assert!(wrong.trim().is_empty() || !said.contains(wrong), "the value is not repeated: {said}");
    }
}

#[test]
fn attributes_to_index_must_be_attributes() {
    let directory = tempfile::tempdir().unwrap();
    for (setting, told) in [
        (
            "index = [\"tilte\"]",
            "store.sqlite.index = \"tilte\": no resource type has such an attribute; did you mean title?",
        ),
        ("substring = [\"title\", \"colour\"]", "store.sqlite.substring = \"colour\": no resource type has such"),
        ("index = [\"password\"]", "cannot be indexed"),
    ] {
        let config = write_config(directory.path(), "");
        let text = std::fs::read_to_string(&config).unwrap();
        assert!(text.contains("[store.sqlite]\n"), "{text}");
        std::fs::write(&config, text.replace("[store.sqlite]\n", &format!("[store.sqlite]\n{setting}\n"))).unwrap();
        for command in ["serve", "check-config", "reindex"] {
            fails(&config, &[command], 1, &[told]);
        }
    }
    let config = write_config(directory.path(), "");
    assert_eq!(run(&config, &["check-config"]).0, 0);
}

/// A mistake in the path of the store would else be answered by an empty store, and by a backup of nothing.
#[test]
fn commands_make_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    let copy = directory.path().join("copy.db").display().to_string();
    for arguments in [
        &["backup", &copy][..],
        &["reindex"],
        &["tenant", "list"],
        &["token", "list"],
        &["export", &copy, "--tenant", "default"],
        &["explain", "userName pr", "--tenant", "default"],
    ] {
        fails(&config, arguments, 1, &["there is no store yet", "[store.sqlite]"]);
    }
    assert!(!directory.path().join("scim.db").exists() && !directory.path().join("copy.db").exists());
    assert_eq!(run(&config, &["tenant", "create", "acme"]).0, 0);
    let nowhere = directory.path().join("none/copy.db").display().to_string();
    fails(&config, &["backup", &nowhere], 1, &["the directory of", "does not exist"]);
    fails(&config, &["import", &directory.path().display().to_string(), "--tenant", "acme"], 1, &["is a directory"]);
}

#[test]
fn times_beyond_all_measure_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["header_time", "request_time", "keep_alive", "health_time", "stop_time", "cursor_time", "walk_time"] {
        let config = write_config(directory.path(), &format!("[limits]\n{name} = 9223372036854775807\n"));
        fails(
            &config,
            &["check-config"],
            1,
            &[&format!("limits.{name} = 9223372036854775807 is too large"), "31536000"],
        );
    }
}

#[test]
fn tenants_are_made_listed_changed_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    assert_eq!(run(&config, &["tenant", "create", "acme"]).0, 0);
    fails(&config, &["tenant", "create", "acme"], 1, &["exists already"]);
    fails(&config, &["tenant", "create", "Acme"], 1, &["\"Acme\"", "lower-case"]);
    let (_, list, _) = run(&config, &["tenant", "list", "--format", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["disabled"]), (&json!("acme"), &json!(false)));
    let set = [
        "tenant",
        "set",
        "acme",
        "profile=entra",
        "domains=example.com,example.org",
        "password_min=12",
        "require_if_match=true",
    ];
    assert_eq!(run(&config, &set).0, 0);
    let (_, shown, _) = run(&config, &["tenant", "show", "acme", "--format", "json"]);
    let expected = json!({"profile": "entra", "require_if_match": true, "domains": ["example.com", "example.org"], "password_min": 12});
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["settings"], expected);
    fails(&config, &["tenant", "set", "acme", "profile=nobody"], 1, &["profile", "nobody", "entra"]);
    fails(&config, &["tenant", "set", "acme", "colour=red"], 1, &["colour", "profile"]);
    fails(&config, &["tenant", "set", "acme", "profile"], 1, &["KEY=VALUE"]);
    for wrong in ["domains=@example.com", "domains=example.com,https://example.org", "domains=example..com"] {
        fails(&config, &["tenant", "set", "acme", wrong], 1, &["domains", "behind the @"]);
    }
    fails(&config, &["tenant", "set", "acme", "protected=Admins"], 1, &["protected", "Admins", "GET /Groups"]);
    let (_, shown, _) = run(&config, &["tenant", "show", "acme", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["settings"], expected, "nothing of it was taken");
    fails(&config, &["tenant", "show", "none"], 1, &["no tenant", "tenant list"]);
    fails(&config, &["tenant", "delete", "acme"], 1, &["--yes"]);
    assert_eq!(run(&config, &["tenant", "delete", "acme", "--yes"]).0, 0);
}

#[test]
fn tokens_are_made_listed_rotated_and_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    run(&config, &["tenant", "create", "acme"]);
    let create = [
        "token",
        "create",
        "--tenant",
        "acme",
        "--name",
        "hr",
        "--scope",
        "users:write",
        "groups:read",
        "--client",
        "okta",
        "--expires",
        "90d",
    ];
    let (status, token, _) = run(&config, &create);
    assert!(status == 0 && token.starts_with("scim_") && token.trim().lines().count() == 1, "{token}");
    fails(&config, &create, 1, &["already", "rotate"]);
    let (_, list, _) = run(&config, &["token", "list", "--tenant", "acme", "--format", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["scope"], json!(["users:write", "groups:read"]));
    assert_eq!(list[0]["client"], "okta");
    assert!(list[0]["expires"].as_str().unwrap().ends_with('Z'));
    assert!(!list.to_string().contains(token.trim()), "tokens are never shown again");
    assert_eq!(run(&config, &["token", "rotate", "--tenant", "acme", "--name", "hr"]).0, 0);
    fails(&config, &["token", "rotate", "--tenant", "acme", "--name", "hr"], 1, &["2 good tokens"]);
    assert_eq!(run(&config, &["token", "revoke", "--tenant", "acme", "--name", "hr"]).0, 0);
    fails(&config, &["token", "revoke", "--tenant", "acme", "--name", "hr"], 1, &["token list"]);
    fails(&config, &["token", "create", "--tenant", "acme", "--name", "x", "--scope", "all"], 2, &["scope"]);
    fails(&config, &["token", "create", "--tenant", "acme", "--name", "x", "--expires", "soon"], 1, &["soon", "90d"]);
    fails(&config, &["token", "create", "--tenant", "acme", "--name", "a b"], 1, &["--name"]);
    let nowhere = ["token", "create", "--tenant", "acme", "--name", "x", "--scope", "user:read"];
    fails(&config, &nowhere, 1, &["--scope user:read", "there are users, groups"]);
    let nobody = ["token", "create", "--tenant", "acme", "--name", "x", "--subject", "nobody"];
    fails(&config, &nobody, 1, &["--subject", "\"nobody\"", "the id of a user"]);
}

#[test]
fn wrong_use_is_exit_status_2_and_a_failure_1() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    fails(&config, &["nonsense"], 2, &["nonsense"]);
    fails(&config, &["tenant", "create"], 2, &["NAME"]);
    fails(Path::new("/nonexistent/x.toml"), &["check-config"], 1, &["no such file"]);
    assert_eq!(run(&config, &["--help"]).0, 0);
    assert_eq!(run(&config, &["--version"]).0, 0);
}

#[test]
fn check_config_prints_what_is_in_force_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "[limits]\npage = 7\n");
    let (status, printed, said) = run(&config, &["check-config"]);
    assert_eq!(status, 0, "{said}");
    for part in
        ["[server]", "listen = \"127.0.0.1:0\"", "[store.sqlite]", "page = 7", "body = 1048576", "first start makes it"]
    {
        assert!(printed.contains(part), "{part:?} is not in\n{printed}");
    }
    assert!(!directory.path().join("scim.db").exists());
    run(&config, &["tenant", "create", "acme"]);
    let (status, printed, _) = run(&config, &["check-config"]);
    assert!(status == 0 && printed.contains("#   bulk: supported = true"), "{printed}");
    std::fs::write(&config, "[server]\nlisen = \"x\"").unwrap();
    fails(&config, &["check-config"], 1, &["did you mean server.listen?"]);
}

#[test]
fn healthcheck_tells_up_from_down() {
    let server = Running::start();
    let address = server.address.to_string();
    let config = server.directory.path().join("health.toml");
    std::fs::write(&config, format!("[server]\nlisten = \"{address}\"\n")).unwrap();
    assert_eq!(run(&config, &["healthcheck"]).0, 0);
    drop(server);
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("health.toml");
    std::fs::write(&config, format!("[server]\nlisten = \"{address}\"\n")).unwrap();
    fails(&config, &["healthcheck"], 1, &[&address]);
}

#[test]
fn a_backup_is_the_store_as_it_was() {
    let server = Running::start();
    let id = server.user("anna");
    let copy = server.directory.path().join("copy.db");
    let copy_text = copy.display().to_string();
    server.command(&["backup", &copy_text]);
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o077, 0, "B10");
    fails(&server.config(), &["backup", &copy_text], 1, &["exists already"]);
    fails(&server.config(), &["restore", &copy_text], 1, &["another scim-server serves"]);
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{id}")).send().status, 204);
    server.command(&["reindex"]);

    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    let (status, _, said) = run(&config, &["restore", &copy_text]);
    assert_eq!(status, 0, "{said}");
    std::fs::write(directory.path().join("second"), "").unwrap();
    let mut again = Process::start(&config);
    again.token = server.token.clone();
    assert_eq!(again.request("GET", &format!("/scim/v2/Users/{id}")).send().status, 200);
    std::fs::write(&copy, b"not a database").unwrap();
    fails(&write_config(tempfile::tempdir().unwrap().keep().as_path(), ""), &["restore", &copy_text], 1, &["damaged"]);
}

/// Everything a tenant has, compared without what is each server's own.
fn content(server: &Running, token: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for path in ["/scim/v2/Users", "/scim/v2/Groups"] {
        let request = server.anonymous("GET", path).header("Authorization", &format!("Bearer {token}"));
        for mut one in request.send().json()["Resources"].as_array().unwrap().clone() {
            let one = one.as_object_mut().unwrap();
            for key in ["id", "meta", "groups"] {
                one.remove(key);
            }
            if let Some(members) = one.get_mut("members").and_then(Value::as_array_mut) {
                let mut names = members.iter().map(|member| member["display"].to_string()).collect::<Vec<_>>();
                names.sort();
                *members = names.into_iter().map(Value::from).collect();
            }
            let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
            if let Some(manager) = one.get_mut(urn).and_then(|own| own.get_mut("manager")) {
                *manager = manager["displayName"].clone();
            }
            all.insert(Value::from(one.clone()).to_string());
        }
    }
    all
}

/// Threats B02, B10: an export shows no more than answers do, and only its owner can read the file.
#[test]
fn what_is_exported_can_be_imported() {
    let server = Running::start();
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let boss = server.user("boss");
    let body = json!({"schemas": [USER, urn], "userName": "anna", "displayName": "Anna", "password": "T0p-secret-enough",
        urn: {"manager": {"value": boss}}});
    let anna = server.post("/scim/v2/Users", &body).json()["id"].clone();
    let group = |name: &str, members: Value| {
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members});
        let answer = server.post("/scim/v2/Groups", &body);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].clone()
    };
    let one = group("one", json!([{"value": anna}]));
    let two = group("two", json!([{"value": one}, {"value": boss}]));
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": two}]}]});
    let path = format!("/scim/v2/Groups/{}", one.as_str().unwrap());
    assert_eq!(server.request("PATCH", &path).json(&patch).send().status, 204, "a circle of groups");

    let file = server.directory.path().join("all.jsonl");
    let name = file.display().to_string();
    server.command(&["export", &name, "--tenant", "default"]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "B10");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 4);
    assert!(!text.contains("T0p-secret") && !text.contains("password"), "B02, B10");
    fails(&server.config(), &["export", &name, "--tenant", "default"], 1, &["exists already"]);

    server.command(&["tenant", "create", "copy"]);
    let said = server.command(&["import", &name, "--tenant", "copy"]);
    assert!(said.contains("4 resources"), "{said}");
    let token = server.make_token("copy", "t", &[]);
    assert_eq!(content(&server, &token), content(&server, &server.token));
    assert!(!server.directory.path().join("all.jsonl.progress").exists());
}

/// What is refused is told, what waits for it too, and a second run goes on where the first ended.
#[test]
fn an_import_goes_on_after_lines_were_mended() {
    let server = Running::start();
    let file = server.directory.path().join("users.jsonl");
    let name = file.display().to_string();
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let line = |user: &str, id: &str| json!({"schemas": [USER], "id": id, "userName": user});
    let report = json!({"schemas": [USER, urn], "id": "3", "userName": "ben", urn: {"manager": {"value": "2"}}});
    let lines = [line("anna", "1").to_string(), line("", "2").to_string(), report.to_string(), "nonsense".into()];
    std::fs::write(&file, lines.join("\n")).unwrap();
    fails(
        &server.config(),
        &["import", &name, "--tenant", "default"],
        1,
        &["1 resources were imported, 3 lines were refused"],
    );
    let refused = std::fs::read_to_string(format!("{name}.refused.jsonl")).unwrap();
    let refused = refused.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    assert_eq!(refused.iter().map(|one| one["line"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(refused[0]["detail"].as_str().unwrap().contains("userName"), "{refused:?}");
    assert!(refused[1]["detail"].as_str().unwrap().contains("refused"), "{refused:?}");

    let lines = [lines[0].clone(), line("boss", "2").to_string(), lines[2].clone(), line("carl", "4").to_string()];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let said = server.command(&["import", &name, "--tenant", "default"]);
    assert!(said.contains("4 resources"), "{said}");
    assert!(!Path::new(&format!("{name}.refused.jsonl")).exists());
    let list = server.get("/scim/v2/Users").json();
    assert_eq!(list["totalResults"], 4, "nobody twice: {list}");
    let ben = list["Resources"].as_array().unwrap().iter().find(|one| one["userName"] == "ben").unwrap();
    let boss = list["Resources"].as_array().unwrap().iter().find(|one| one["userName"] == "boss").unwrap();
    assert_eq!(ben[urn]["manager"]["value"], boss["id"]);
}

/// A run that was killed between the store's answer and its own note does not make the line twice.
#[test]
fn lines_in_doubt_are_looked_up() {
    let server = Running::start();
    server.user("anna");
    let file = server.directory.path().join("users.jsonl");
    std::fs::write(&file, json!({"schemas": [USER], "id": "1", "userName": "anna"}).to_string()).unwrap();
    let name = file.display().to_string();
    fails(&server.config(), &["import", &name, "--tenant", "default"], 1, &["refused"]);
    std::fs::write(format!("{name}.progress"), "{\"tenant\":\"default\"}\n{\"begin\":[1]}\n").unwrap();
    let said = server.command(&["import", &name, "--tenant", "default"]);
    assert!(said.contains("1 resources"), "{said}");
    assert_eq!(server.get("/scim/v2/Users").json()["totalResults"], 1);
}

#[test]
fn tokens_in_the_configuration_are_for_stores_without_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let token = "x".repeat(40);
    let config =
        write_config(directory.path(), &format!("[[tokens]]\nname = \"n\"\ntenant = \"t\"\ntoken = \"{token}\"\n"));
    fails(&config, &["serve"], 1, &["[[tokens]]", "token create"]);
    let (_, printed, _) = run(&config, &["check-config"]);
    assert!(!printed.contains(&token), "{printed}");
}
