//! What it says when it cannot start on a database, in one sentence that names the setting and the mend.

use std::path::Path;

use conformance_tests::servers::postgres::{Care, Postgres};

use crate::support::Program;

fn program(folder: &Path, url: &str) -> Program {
    let program = Program::new(folder).with("SCIM__STORE__POSTGRES__URL", url);
    program.with("SCIM__STORE__POSTGRES__WAIT", "3")
}

/// It does not start, and the sentence holds these words and no password.
fn refuses(program: &Program, words: &[&str]) {
    let said = program.refused();
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
    assert!(!said.contains("Hidden"), "{said}");
}

#[test]
fn a_database_that_cannot_be_used_is_told_with_its_mend() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::shared().unwrap();
    let database = server.database().unwrap();
    let at = |url: &str| program(folder.path(), url);
    let nowhere = format!("postgres://scim:Hidden@127.0.0.1:{}/scim", conformance_tests::servers::free_port().unwrap());
    refuses(&at(&nowhere), &["cannot be reached", "store.postgres.url"]);
    refuses(&at("nonsense"), &["store.postgres.url", "postgres://user@host:5432/database"]);
    refuses(&at("postgres://scim:Hidden@[::1"), &["store.postgres.url"]);
    refuses(&at(&format!("{}_not_there", database.url())), &["cannot be reached", "does not exist"]);
    refuses(&at(&database.url()).with("SCIM__STORE__POSTGRES__CA", "/no/such.pem"), &["/no/such.pem"]);
    refuses(&at(&database.url()).with("SCIM__STORE__POSTGRES__CONNECTIONS", "0"), &["store.postgres.connections"]);
    refuses(&at(&database.url()).with("SCIM__STORE__POSTGRES__PASSWORD_FILE", "/no/such"), &["password_file"]);

    let newer = server.database().unwrap();
    newer.run("CREATE TABLE layout (steps bigint NOT NULL); INSERT INTO layout VALUES (999)").unwrap();
    refuses(&at(&newer.url()), &["newer scim-server", "999", "upgrade"]);
}

#[test]
fn a_server_that_loses_writes_when_it_crashes_is_refused_unless_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for setting in ["fsync", "full_page_writes"] {
        let server = Postgres::start_with(Care::Safe, &[&format!("{setting}=off")]).unwrap();
        let safe = program(folder.path(), server.url()).with("SCIM__STORE__POSTGRES__ALLOW_UNSAFE", "false");
        refuses(&safe, &[setting, "store.postgres.allow_unsafe = true"]);
    }
}

#[test]
fn what_check_config_prints_holds_no_password_and_makes_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let database = Postgres::shared().unwrap().database().unwrap();
    let url = database.url().replacen("postgres@", "postgres:Hidden@", 1);
    let program = program(folder.path(), &url);
    let printed = program.done(&["check-config"]);
    assert!(printed.contains("postgres:********@") && printed.contains("there is none yet"), "{printed}");
    assert!(!printed.contains("Hidden"), "{printed}");
    assert_eq!(database.number("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").unwrap(), 0);
    program.done(&["tenant", "create", "acme"]);
    let printed = program.done(&["check-config"]);
    assert!(printed.contains("# store: postgres; writes Full"), "{printed}");
    let backup = program.run(&["backup", "x"]);
    assert!(String::from_utf8_lossy(&backup.stderr).contains("pg_dump"), "{backup:?}");
}
