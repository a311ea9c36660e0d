//! `scim-server copy`: a store moved into another, with everything that clients hold on to. From an SQLite file to the
//! store that these tests are for, and from there to another file.

use std::fs;
use std::path::Path;
use std::process::Output;

use conformance_tests::servers::free_port;
use conformance_tests::session::{ENTERPRISE, Session};
use scim_core::access::Profile;
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::support::{Program, Server, populate};

/// A configuration file for a store in this folder.
fn configure(folder: &Path, name: &str, store: &str) -> String {
    let file = folder.join(format!("{name}.toml"));
    fs::write(&file, store).unwrap();
    file.to_str().unwrap().to_owned()
}

/// A configuration of an SQLite file.
fn file(folder: &Path, name: &str) -> String {
    configure(folder, name, &format!("[store.sqlite]\npath = {:?}\n", folder.join(format!("{name}.db"))))
}

/// A server with the settings of this file, on this port: its address stands in all links.
fn serve(config: &str, port: u16) -> Server {
    Server::of(|program| {
        let program = program.configured().with("SCIM__SERVER__LISTEN", &format!("127.0.0.1:{port}"));
        program.with("SCIM_TEST_CONFIG", config).by_shell("exec \"$@\" --config \"$SCIM_TEST_CONFIG\"")
    })
}

fn copy(from: &str, to: &str) -> Output {
    Program::new(Path::new("/")).configured().run(&["copy", "--from", from, "--to", to])
}

/// It succeeds, and says how much it copied.
fn copied(from: &str, to: &str) -> String {
    let output = copy(from, to);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// It fails, and says why in one sentence.
fn refused(from: &str, to: &str) -> String {
    let output = copy(from, to);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// Fills the tenant `default` with what can go wrong: links in a circle, passwords, an extension, many versions.
fn fill(session: &Session, users: usize) {
    let ids = populate(session, users, |n| format!("u{n}@example.com"));
    let boss = session.user(json!({"userName": "boss", "password": "correct horse battery"})).unwrap();
    let boss = boss.id().unwrap();
    let manager = json!([{"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": {"value": boss}}]);
    session.patch(&format!("/Users/{}", ids[0]), manager).unwrap().is(200).unwrap();
    let members = ids.iter().map(String::as_str).collect::<Vec<_>>();
    let all = session.group("All of them", &members).unwrap();
    let inner = session.group("Inner", &[all.id().unwrap(), boss]).unwrap();
    let circle = json!([{"op": "add", "path": "members", "value": [{"value": inner.id().unwrap()}]}]);
    session.patch(&format!("/Groups/{}", all.id().unwrap()), circle).unwrap().is(204).unwrap();
    for title in ["a", "b", "c"] {
        let titled = json!([{"op": "replace", "path": "title", "value": title}]);
        session.patch(&format!("/Users/{}", ids[1]), titled).unwrap().is(200).unwrap();
    }
}

/// Everything that a client sees of a tenant, ETags and times included.
fn seen(session: &Session) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = session.get(&format!("/?cursor={cursor}&count=500")).unwrap().is(200).unwrap();
        all.extend(page.list("/Resources").to_vec());
        match page.text("/nextCursor") {
            "" => return all,
            next => cursor = next.to_owned(),
        }
    }
}

#[test]
fn a_copy_has_everything_and_changes_nothing_that_clients_hold_on_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| file(folder.path(), name);
    let (port, ground) = (free_port().unwrap(), Ground::fresh(folder.path()));
    let (from, to, back) = (at("from"), configure(folder.path(), "to", &ground.toml()), at("back"));

    let mut server = serve(&from, port);
    fill(&server.session(), 1_200);
    let other = server.tenant(Profile::Strict);
    other.user(json!({"userName": "elsewhere"})).unwrap();
    let (ours, theirs) = (seen(&server.session()), seen(&other));
    let cursor = server.session().get("/Users?cursor=&count=10").unwrap().text("/nextCursor").to_owned();
    assert_eq!(ours.len(), 1_203);
    let running = refused(&from, &to);
    assert!(running.contains("from.db"), "a server is running on it: {running}");
    server.stop();

    let told = copied(&from, &to);
    assert!(told.contains("2 tenants with 1204 resources"), "{told}");
    assert_eq!(copied(&from, &to), told, "again, with everything there");
    copied(&to, &back);
    for place in [&to, &back] {
        let mut server = serve(place, port);
        assert_eq!(seen(&server.session()), ours);
        let other = server.session().with_token(&other.site.token);
        assert_eq!(seen(&other), theirs);
        // Cursors and uniqueness go on, and so do versions.
        let session = server.session();
        session.get(&format!("/Users?cursor={cursor}&count=10")).unwrap().is(200).unwrap();
        session
            .post("/Users", &conformance_tests::session::user(json!({"userName": "BOSS"})))
            .unwrap()
            .is(409)
            .unwrap();
        server.stop();
    }
    assert!(refused(&from, &from).contains("from.db"));
    let same = refused(&to, &to);
    assert!(same.contains("lead to one store") || same.contains("scim.db"), "{same}");
    fs::remove_file(folder.path().join("from.db")).unwrap();
    assert!(refused(&from, &to).contains("there is no store to copy from"));
}

#[test]
fn a_copy_that_broke_off_goes_on_and_a_foreign_tenant_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| file(folder.path(), name);
    let (port, ground) = (free_port().unwrap(), Ground::fresh(folder.path()));
    let (from, to, strange) = (at("from"), configure(folder.path(), "to", &ground.toml()), at("strange"));
    let mut server = serve(&from, port);
    fill(&server.session(), 3_000);
    let ours = seen(&server.session());
    server.stop();

    let mut killed = 0;
    for pause in [60, 120, 200, 300, 400] {
        let mut copy = Program::new(folder.path()).command(&["copy", "--from", &from, "--to", &to]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        killed += usize::from(copy.try_wait().unwrap().is_none());
        copy.kill().unwrap();
        copy.wait().unwrap();
    }
    assert!(killed > 0, "every run was over before it was killed");
    copied(&from, &to);
    let mut server = serve(&to, port);
    assert_eq!(seen(&server.session()), ours);
    server.stop();

    let mut server = serve(&strange, port);
    server.stop();
    let why = refused(&from, &strange);
    assert!(why.contains("another tenant default is there already"), "{why}");
}
