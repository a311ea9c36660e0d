//! Several servers on one database: what one does, the others know.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use conformance_tests::http::{Connection, Response};
use conformance_tests::session::{Session, patch_op, user};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::support::{Program, Server, authority, populate, raw_json, statuses, wait_until};

/// How long something may take to become so before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);
const ROUNDS: usize = 200;
const AT_ONCE: usize = 100;

/// Two servers on one store.
fn two() -> (Server, Server) {
    let one = Server::start();
    let other = Server::of(|program| program.beside(one.program()));
    (one, other)
}

/// The tenant of the first through the other server.
fn through(session: &Session, other: &Server) -> Session {
    session.with_base(&format!("http://{}/scim/v2", other.authority()))
}

/// Connections that are used again and again.
struct Lines(Vec<Connection>);

impl Lines {
    fn open(sessions: [&Session; 2]) -> Lines {
        Lines((0..AT_ONCE).map(|n| Connection::open(authority(sessions[n % 2])).unwrap()).collect())
    }

    /// Sends each line its request, all at one moment, and reads the answers in order.
    fn send(&mut self, requests: &[Vec<u8>]) -> Vec<Response> {
        for (line, request) in self.0.iter_mut().zip(requests) {
            line.write(&request[..request.len() - 1]).unwrap();
        }
        for (line, request) in self.0.iter_mut().zip(requests) {
            line.write(&request[request.len() - 1..]).unwrap();
        }
        self.0.iter_mut().take(requests.len()).map(|line| line.response("POST").unwrap()).collect()
    }
}

/// Threat F02 through two doors; 7643-4.1.1-03.
#[test]
fn of_100_creates_of_one_name_through_two_servers_one_succeeds_200_times() {
    let (mut one, mut other) = two();
    let sessions = [one.session(), through(&one.session(), &other)];
    let mut lines = Lines::open([&sessions[0], &sessions[1]]);
    for round in 0..ROUNDS {
        let body = user(json!({"userName": format!("name-{round}@example.com")}));
        let requests: Vec<_> = (0..AT_ONCE).map(|n| raw_json(&sessions[n % 2], "POST", "/Users", &[], &body)).collect();
        let answers = lines.send(&requests);
        assert_eq!(statuses(&answers), [(201, 1), (409, AT_ONCE - 1)], "round {round}");
    }
    for session in &sessions {
        session.get("/Users?count=0").unwrap().has("/totalResults", ROUNDS).unwrap();
    }
    one.is_well();
    other.is_well();
}

fn members(session: &Session, group: &str) -> BTreeSet<String> {
    let shown = session.get(&format!("/Groups/{group}?attributes=members")).unwrap().is(200).unwrap();
    let all = shown.list("/members").iter().map(|member| member["value"].as_str().unwrap().to_owned());
    let all = all.collect::<Vec<_>>();
    let set = all.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set.len(), all.len(), "each once");
    set
}

/// Threat F01 through two doors.
#[test]
fn membership_changes_through_two_servers_end_in_the_exact_set() {
    let (mut one, mut other) = two();
    let sessions = [one.session(), through(&one.session(), &other)];
    let users = populate(&sessions[0], 400, |n| format!("member-{n}"));
    let group = sessions[0].group("Everybody", &[]).unwrap().id().unwrap().to_owned();
    let path = format!("/Groups/{group}");
    let patch =
        |n: usize, operation: Value| raw_json(&sessions[n % 2], "PATCH", &path, &[], &patch_op(json!([operation])));
    let add = |id: &String| json!({"op": "add", "path": "members", "value": [{"value": id}]});
    let remove = |id: &String| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")});
    let mut lines = Lines::open([&sessions[0], &sessions[1]]);
    // Everybody comes, from both sides; then every other one goes through one door while the rest come again through the
    // other.
    for some in users.chunks(AT_ONCE) {
        let requests: Vec<_> = some.iter().enumerate().map(|(n, id)| patch(n, add(id))).collect();
        assert_eq!(statuses(&lines.send(&requests)), [(204, AT_ONCE)]);
    }
    for session in &sessions {
        assert_eq!(members(session, &group), users.iter().cloned().collect());
    }
    for some in users.chunks(AT_ONCE) {
        let requests: Vec<_> =
            some.iter().enumerate().map(|(n, id)| patch(n, if n % 2 == 0 { add(id) } else { remove(id) })).collect();
        assert_eq!(statuses(&lines.send(&requests)), [(204, AT_ONCE)]);
    }
    let left: BTreeSet<_> = users.iter().step_by(2).cloned().collect();
    for session in &sessions {
        assert_eq!(members(session, &group), left);
    }
    one.is_well();
    other.is_well();
}

/// Threat A11: what is revoked through one server, the other refuses; within a second where nothing is wrong.
#[test]
fn a_token_revoked_beside_one_server_is_refused_by_the_other() {
    let (one, other) = two();
    let session = one.session();
    let mut slowest = Duration::ZERO;
    for round in 0..5 {
        let name = format!("short-{round}");
        let token = one.program().done(&["token", "create", "--tenant", "default", "--name", &name]);
        let (here, there) = (session.with_token(&token), through(&session, &other).with_token(&token));
        for used in [&here, &there] {
            used.get("/Users?count=0").unwrap().is(200).unwrap();
        }
        one.program().done(&["token", "revoke", "--tenant", "default", "--name", &name]);
        let begun = Instant::now();
        for used in [&here, &there] {
            wait_until(PATIENCE, "the token is refused", || used.get("/Users?count=0").unwrap().status == 401);
        }
        slowest = slowest.max(begun.elapsed());
    }
    println!("refused by both servers after {slowest:?} at most");
}

/// A disabled tenant, other settings: the same.
#[test]
fn a_tenant_changed_beside_one_server_is_changed_for_the_other() {
    let (one, other) = two();
    let session = one.tenant(scim_core::access::Profile::Compatible);
    let there = through(&session, &other);
    there.user(json!({})).unwrap();
    let id = there.user(json!({})).unwrap().id().unwrap().to_owned();
    one.program().done(&["tenant", "set", &session.site.tenant, "require_if_match=true"]);
    let patch = || {
        let title = json!([{"op": "replace", "path": "title", "value": "x"}]);
        there.patch(&format!("/Users/{id}"), title).unwrap().status
    };
    wait_until(PATIENCE, "If-Match is needed", || patch() == 428);
    one.program().done(&["tenant", "disable", &session.site.tenant]);
    wait_until(PATIENCE, "the tenant is out", || there.get("/Users").unwrap().status == 401);
}

/// A cursor begun at one server goes on at the other.
#[test]
fn cursors_are_good_at_every_server() {
    let (one, other) = two();
    let session = one.session();
    let there = through(&session, &other);
    let made: BTreeSet<_> = populate(&session, 25, |n| format!("user-{n}")).into_iter().collect();
    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    for turn in 0.. {
        let asked = if turn % 2 == 0 { &session } else { &there };
        let page = asked.get(&format!("/Users?count=4&cursor={cursor}")).unwrap().is(200).unwrap();
        seen.extend(page.ids().into_iter().map(str::to_owned));
        match page.text("/nextCursor") {
            "" => break,
            next => cursor = next.to_owned(),
        }
    }
    assert_eq!(seen, made);
}

/// Ten at once on an empty database: one lays it out, one prints a token, all serve.
#[test]
fn ten_servers_started_at_once_on_an_empty_database_lay_it_out_once() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground::fresh(folder.path());
    let mut folders = Vec::new();
    let mut children: Vec<Child> = Vec::new();
    for _ in 0..10 {
        let own = tempfile::tempdir().unwrap();
        let program = ground.settings().iter().fold(Program::new(own.path()), |program, (k, v)| program.with(k, v));
        let log = std::fs::File::create(own.path().join("log")).unwrap();
        let said = std::fs::File::create(own.path().join("said")).unwrap();
        let mut command = program.command(&["serve"]);
        command.env_remove("SCIM_BOOTSTRAP_TOKEN");
        children.push(command.stdout(said).stderr(Stdio::from(log)).spawn().unwrap());
        folders.push(own);
    }
    let read = |name: &str| -> Vec<String> {
        folders.iter().map(|own| std::fs::read_to_string(own.path().join(name)).unwrap()).collect()
    };
    let began = Instant::now();
    while !read("log").iter().all(|log| log.contains("serving")) {
        for (child, log) in children.iter_mut().zip(read("log")) {
            assert!(child.try_wait().unwrap().is_none(), "a server ended: {log}");
        }
        assert!(began.elapsed() < PATIENCE * 2, "not all serve: {:?}", read("log"));
        thread::sleep(Duration::from_millis(10));
    }
    let tokens = read("said").iter().filter(|said| said.contains("Bearer token")).count();
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(tokens, 1, "{:?}", read("said"));
    for table in ["layout", "generation", "tenant", "credential"] {
        assert_eq!(ground.database().number(&format!("SELECT count(*) FROM {table}")).unwrap(), 1, "{table}");
    }
}
