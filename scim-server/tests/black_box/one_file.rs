//! One file has one server, and commands beside it, and holds no secrets.

use std::thread;

use conformance_tests::session::user;
use serde_json::{Value, json};

use crate::support::{Program, Server, TOKEN};

/// Two that start on one file at one moment: one serves, the other says why it does not.
#[test]
fn of_two_servers_on_one_file_one_serves() {
    let mut server = Server::start();
    let said = server.program().refused();
    assert!(said.contains("another scim-server") && said.contains("stop it"), "{said}");
    server.session().user(json!({})).unwrap();
    server.is_well();
}

/// A program that was replaced under its server: the commands of the new one leave the database to the old server, which would not know the
/// new layout.
#[test]
fn commands_leave_the_layout_of_an_older_server_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::new(folder.path());
    program.ground().run(crate::ground::OLDER[0]);
    let lock = std::fs::File::create(folder.path().join("scim.db-lock")).unwrap();
    lock.try_lock().unwrap();
    let output = program.run(&["token", "create", "--tenant", "default", "--name", "x"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("an older scim-server serves the database"), "{said}");
    program.done(&["check-config"]);
    assert_eq!(program.ground().layout(), 1);
    drop(lock);
    assert!(program.done(&["tenant", "list"]).contains("two"));
    assert!(program.ground().layout() > 1);
}

/// Commands beside the running server wait for it and it for them.
#[test]
fn commands_beside_a_busy_server_do_no_harm() {
    let mut server = Server::start();
    let session = server.session();
    let made = thread::scope(|scope| {
        let writer = scope.spawn(|| (0..150).filter(|_| session.user(json!({})).is_ok()).count());
        for n in 0..5 {
            let token = server.program().done(&["token", "create", "--tenant", "default", "--name", &format!("t{n}")]);
            session.with_token(&token).get("/Users?count=1").unwrap().is(200).unwrap();
            server.program().done(&["backup", &format!("copy-{n}.db")]);
        }
        writer.join().unwrap()
    });
    assert_eq!(made, 150);
    session.get("/Users?count=0").unwrap().has("/totalResults", 150).unwrap();
    server.is_well();
}

/// SQLite itself goes on writing into a file that nobody can open any more.
#[cfg(unix)]
#[test]
fn a_database_that_was_moved_away_is_told_with_the_mend() {
    let mut server = Server::start();
    let session = server.session();
    let (database, aside) = (server.program().database(), server.program().folder().join("aside.db"));
    session.user(json!({})).unwrap();
    std::fs::rename(&database, &aside).unwrap();
    let answer = session.post("/Users", &user(json!({}))).unwrap();
    assert_eq!(answer.status, 503, "{}", answer.tell());
    assert!(answer.text("/detail").contains("moved or replaced under the server"), "{}", answer.tell());
    assert!(answer.header("retry-after").is_some());
    std::fs::rename(&aside, &database).unwrap();
    session.user(json!({})).unwrap();
    session.get("/Users?count=0").unwrap().has("/totalResults", 2).unwrap();
    server.is_well();
}

/// Threats E02, B09: whoever reads the files learns no token and no password.
#[test]
fn neither_tokens_nor_passwords_stand_in_the_files() {
    let mut server = Server::start();
    let session = server.session();
    let secret = "Correct-Horse-77-Battery";
    let made = session.user(json!({"password": secret})).unwrap();
    session
        .patch(
            &format!("/Users/{}", made.id().unwrap()),
            json!([{"op": "replace", "path": "password", "value": format!("{secret}-2")}]),
        )
        .unwrap();
    let token = server.program().done(&["token", "create", "--tenant", "default", "--name", "kept"]);
    server.program().done(&["backup", "copy.db"]);
    let search = |server: &Server| {
        for file in std::fs::read_dir(server.program().folder()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap_or_default();
            for secret in [TOKEN, &token, secret] {
                assert!(
                    !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                    "{secret} stands in {}",
                    path.display()
                );
            }
        }
    };
    search(&server);
    server.stop();
    search(&server);
    let listed = server.program().done(&["token", "list", "--format", "json"]);
    let rows: Value = serde_json::from_str(&listed).unwrap();
    assert!(rows.as_array().unwrap().len() == 2 && !listed.contains(&token) && !listed.contains(TOKEN), "{listed}");
    #[cfg(unix)]
    for name in ["scim.db", "copy.db"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(server.program().folder().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is readable by others: {mode:o}");
    }
}
