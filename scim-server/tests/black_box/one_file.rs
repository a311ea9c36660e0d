//! One file has one server, and commands beside it.

use std::thread;

use serde_json::json;

use crate::support::Server;

/// Two that start on one file at one moment: one serves, the other says why it does not.
#[test]
fn of_two_servers_on_one_file_one_serves() {
    let mut server = Server::start();
    let said = server.program().refused();
    assert!(said.contains("another scim-server") && said.contains("stop it"), "{said}");
    server.session().user(json!({})).unwrap();
    server.is_well();
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
