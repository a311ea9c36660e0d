//! What was acknowledged is there, and nothing is there by halves, however the process ends.

mod worker;

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use conformance_tests::http::Connection;
use conformance_tests::session::{Session, unique, user};
use serde_json::json;

use crate::support::{Chance, PATIENCE, Program, Server, TOKEN, raw_json, wait_until};

use worker::Worker;

const ROUNDS: usize = 20;
const WRITES: usize = 10_000;
const WORKERS: usize = 8;
/// Promised from the start of a process to its first 200 on `/readyz`. A busy machine may hold up a start, not each of them.
const READY: Duration = Duration::from_secs(2);

/// 7644-3.1: an answer of 2xx means done; threats F04, F10.
#[test]
fn no_acknowledged_write_is_lost_and_none_is_half_applied_by_kill_9() {
    let mut chance = Chance::new();
    let mut server = Server::start();
    let mut starts = Vec::new();
    let mut workers: Vec<_> = (0..WORKERS).map(|number| Worker::new(number, chance.below(1 << 30))).collect();
    let mut before = 0;
    let acknowledged = AtomicUsize::new(0);
    for round in 1..=ROUNDS {
        // At a random moment in each twentieth of the writes.
        let target = (round - 1) * WRITES / ROUNDS + chance.below(WRITES / ROUNDS);
        let target = if round == ROUNDS { WRITES } else { target.max(before) };
        let pause = Duration::from_micros(chance.below(3_000) as u64);
        let session = server.session();
        thread::scope(|scope| {
            for worker in &mut workers {
                let (session, acknowledged) = (&session, &acknowledged);
                scope.spawn(move || worker.write_until_cut_off(session, acknowledged));
            }
            wait_until(5 * PATIENCE, "so many writes", || acknowledged.load(Ordering::Relaxed) >= target);
            thread::sleep(pause);
            server.kill();
        });
        before = acknowledged.load(Ordering::Relaxed);
        starts.push(server.restart());
        worker::compare(&server.session(), &mut workers, round);
    }
    assert!(before >= WRITES, "{before}");
    starts.sort();
    assert!(starts[0] < READY, "ready only after {starts:?}");
    server.stop();
}

/// The first start makes a tenant and a token; cut off anywhere, the next start makes what is missing.
#[test]
fn kill_9_during_the_first_start_leaves_a_store_that_starts() {
    let mut chance = Chance::new();
    for _ in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::new(folder.path());
        for _ in 0..3 {
            let mut child = program
                .command(&["serve"])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(Duration::from_micros(chance.below(60_000) as u64));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let listed = program.run(&["tenant", "list", "--format", "json"]);
        let said = String::from_utf8_lossy(&listed.stderr);
        // It may have been cut off before there was a store.
        assert!(listed.status.success() || said.contains("there is no store yet"), "{said}");
        let server = Server::of(|fresh| fresh.beside(&program));
        server.session().user(json!({})).unwrap();
    }
}

#[test]
fn sigterm_under_load_drops_nothing_that_was_accepted() {
    let mut chance = Chance::new();
    let mut server = Server::start();
    for _ in 0..3 {
        let session = server.session();
        let (count, refused) = (AtomicUsize::new(0), AtomicBool::new(false));
        let made: Vec<String> = thread::scope(|scope| {
            let writer = || create_until_refused(&session, &count, &refused);
            let writers: Vec<_> = (0..8).map(|_| scope.spawn(writer)).collect();
            let slow = SlowBody::begin(&session);
            let enough = 50 + chance.below(50);
            wait_until(PATIENCE, "load", || count.load(Ordering::Relaxed) > enough);
            server.signal("TERM");
            wait_until(PATIENCE, "the end is announced", || server.log().contains("stopping"));
            let slow = slow.complete();
            assert!(server.ended().success());
            refused.store(true, Ordering::Relaxed);
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).chain([slow]).collect()
        });
        server.restart();
        let session = server.session();
        for id in &made {
            session.get(&format!("/Users/{id}?attributes=id")).unwrap().is(200).unwrap();
        }
    }
}

/// Creates users, one after another, until no new connection is taken. Every request that went out whole is answered.
fn create_until_refused(session: &Session, count: &AtomicUsize, ended: &AtomicBool) -> Vec<String> {
    let mut made = Vec::new();
    while let Ok(mut connection) = Connection::open(crate::support::authority(session)) {
        loop {
            let request = raw_json(session, "POST", "/Users", &[], &user(json!({"userName": unique("term")})));
            if connection.write(&request).is_err() {
                break;
            }
            let answer = connection.response("POST").unwrap_or_else(|error| {
                panic!("a request was taken and not answered (ended: {}): {error:#}", ended.load(Ordering::Relaxed))
            });
            assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            made.push(body["id"].as_str().unwrap().to_owned());
            count.fetch_add(1, Ordering::Relaxed);
            if !connection.reusable() {
                break;
            }
        }
    }
    made
}

/// A request that begins before the end is announced, and is completed after.
struct SlowBody {
    connection: Connection,
    rest: Vec<u8>,
}

impl SlowBody {
    /// Sends all but the end of it, and waits until the server has begun with it.
    fn begin(session: &Session) -> SlowBody {
        let body = user(json!({"userName": unique("slow")}));
        let mut request = raw_json(session, "POST", "/Users", &[("Expect", "100-continue")], &body);
        let rest = request.split_off(request.len() - 20);
        let mut connection = Connection::open(crate::support::authority(session)).unwrap();
        connection.write(&request).unwrap();
        let mut first = [0; 25];
        connection.stream().read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 100 Continue\r\n\r\n");
        SlowBody { connection, rest }
    }

    /// Sends its end, and gives the id of what was made.
    fn complete(mut self) -> String {
        self.connection.write(&self.rest).unwrap();
        let answer = self.connection.response("POST").unwrap();
        assert_eq!(answer.status, 201);
        assert!(!self.connection.reusable(), "the client is told that the connection ends");
        serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn while_it_stops_it_says_that_it_is_not_ready() {
    let mut server = Server::start();
    assert_eq!(server.probe("/readyz"), Some(200));
    server.signal("TERM");
    wait_until(PATIENCE, "not ready", || server.probe("/readyz") != Some(200));
    assert!(server.ended().success());
    assert_eq!(server.probe("/readyz"), None);
}

/// `TOKEN` is kept as a hash: what a restart reads is enough to know it again (threats E02, E04).
#[test]
fn tokens_outlive_the_process() {
    let mut server = Server::start();
    let id = server.session().user(json!({})).unwrap().id().unwrap().to_owned();
    server.stop();
    server.restart();
    server.session().get(&format!("/Users/{id}")).unwrap().is(200).unwrap();
    let other = server.session().with_token(&format!("{TOKEN}x"));
    other.get("/Users").unwrap().fails(401, "").unwrap();
}
