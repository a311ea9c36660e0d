//! A directory that is killed, hangs or is restarted while clients ask, and one that comes later than the server: whoever asks
//! meanwhile gets an answer, from another server or that it is to come again, and what was acknowledged is there.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, people};
use serde_json::json;

use crate::support::{Request, Running, USER, command, write_config};
use crate::{TOKEN, served, wait};

/// Clients, and the pause of each between two requests.
const CLIENTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(20);

const BASES: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                     [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";

fn lines(slapds: &[&Slapd]) -> String {
    let urls: Vec<String> = slapds.iter().map(|slapd| slapd.url()).collect();
    format!(
        "urls = {urls:?}\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\nmode = \"write\"\nconnect_time = 2\n\
         operation_time = 2\n"
    )
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    read: usize,
    refused: usize,
    made: Vec<String>,
    strange: Vec<String>,
}

/// Stops the clients, also when the test fails half way.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads by id, by filter and by list, and makes somebody where it may, again and again, until told to stop.
fn client(server: &Running, id: &str, writes: bool, stop: &AtomicBool, seen: &Mutex<Seen>) {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    let reads = [
        format!("/scim/v2/Users/{id}"),
        "/scim/v2/Users?filter=userName%20eq%20%22user000001%22".to_owned(),
        "/scim/v2/Users?count=2".to_owned(),
    ];
    while !stop.load(Ordering::Relaxed) {
        let name = format!("made{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let mut answers: Vec<_> = reads.iter().map(|path| (200, server.get(path))).collect();
        if writes {
            let body = json!({"schemas": [USER], "userName": name, "name": {"familyName": "F"}});
            answers.push((201, server.post("/scim/v2/Users", &body)));
        }
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (expected, answer) in answers {
            match answer.status {
                status if status == expected && status == 201 => seen.made.push(name.clone()),
                status if status == expected => seen.read += 1,
                503 if answer.header("retry-after").is_some() => seen.refused += 1,
                _ => seen.strange.push(format!("{answer:?}")),
            }
        }
        drop(seen);
        thread::sleep(PAUSE);
    }
}

/// Runs clients beside `course`, which is told how to look at what they saw.
fn under_load(server: &Running, writes: bool, course: impl FnOnce(&dyn Fn(&dyn Fn(&Seen) -> usize) -> usize)) -> Seen {
    let found = server.get("/scim/v2/Users?filter=userName%20eq%20%22user000000%22").json();
    let id = found["Resources"][0]["id"].as_str().unwrap();
    let (stop, seen) = (AtomicBool::new(false), Mutex::new(Seen::default()));
    thread::scope(|scope| {
        let stops = Stops(&stop);
        for _ in 0..CLIENTS {
            scope.spawn(|| client(server, id, writes, &stop, &seen));
        }
        course(&|look| look(&seen.lock().unwrap_or_else(PoisonError::into_inner)));
        drop(stops);
    });
    let seen = seen.into_inner().unwrap();
    assert!(seen.strange.is_empty(), "{:#?}", seen.strange);
    seen
}

fn probe(server: &Running, path: &str) -> u16 {
    server.anonymous("GET", path).send().status
}

#[test]
fn one_that_goes_under_load_costs_no_more_than_answers_of_503() {
    let mut slapd = Slapd::start(&Setup { entries: people(0..20), safe: true, ..Setup::furnished() }).unwrap();
    let server = served(&lines(&[&slapd]), BASES, &["acme"]);
    for how in ["KILL", "TERM", "STOP"] {
        let seen = under_load(&server, true, |look| {
            let (read, made) = (|seen: &Seen| seen.read, |seen: &Seen| seen.made.len());
            wait("load", || look(&read) > 20 && look(&made) > 5);
            match how {
                "STOP" => slapd.pause().unwrap(),
                signal => slapd.stop(signal).unwrap(),
            }
            let before = look(&|seen| seen.refused);
            wait("refusals", || look(&|seen| seen.refused) > before + 10);
            assert_eq!((probe(&server, "/healthz"), probe(&server, "/readyz")), (200, 503), "{how}");
            match how {
                "STOP" => slapd.resume().unwrap(),
                _ => slapd.again().unwrap(),
            }
            let (reads, makes) = (look(&read), look(&made));
            wait("load again", || look(&read) > reads + 20 && look(&made) > makes + 5);
            wait("readiness", || probe(&server, "/readyz") == 200);
        });
        for name in &seen.made {
            let found = server.get(&format!("/scim/v2/Users?filter=userName%20eq%20%22{name}%22")).json();
            assert_eq!(found["totalResults"], 1, "{name} was acknowledged and is lost: {how}");
        }
    }
}

#[test]
fn reads_go_on_by_another_server_and_come_back_to_the_first() {
    let setup = |tells| Setup { entries: people(0..20), tells, safe: true, ..Setup::furnished() };
    let (mut first, second) = (Slapd::start(&setup(true)).unwrap(), Slapd::start(&setup(false)).unwrap());
    let server = served(&lines(&[&first, &second]), BASES, &["acme"]);
    // Each has ids of its own: what is asked by id is asked by name here.
    let by_name = || server.get("/scim/v2/Users?filter=userName%20eq%20%22user000003%22");
    for how in ["KILL", "STOP"] {
        wait("a read", || by_name().status == 200);
        match how {
            "STOP" => first.pause().unwrap(),
            signal => first.stop(signal).unwrap(),
        }
        // Who comes first may be told to come again; then everybody is served by the other.
        for _ in 0..20 {
            let answer = by_name();
            assert!(answer.status == 200 || answer.header("retry-after").is_some(), "{how}: {answer:?}");
        }
        wait("ten reads in a row", || (0..10).all(|_| by_name().json()["totalResults"] == 1));
        assert_eq!(probe(&server, "/readyz"), 200, "{how}: one of two is enough");
        match how {
            "STOP" => first.resume().unwrap(),
            _ => first.again().unwrap(),
        }
        let searches = || first.log().matches("SRCH base=\"ou=people").count();
        let before = searches();
        wait("reads at the first", || by_name().status == 200 && searches() > before);
    }
}

#[test]
fn a_server_waits_for_a_directory_that_comes_later_and_says_what_to_do_where_none_comes() {
    let mut slapd = Slapd::start(&Setup { entries: people(0..3), safe: true, ..Setup::furnished() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = conformance_tests::servers::free_port().unwrap();
    let (lines, url) = (lines(&[&slapd]), slapd.url());
    let config = |start_time: u32| {
        let settings = format!(
            "[store]\nbackend = \"ldap\"\n[store.ldap]\nstart_time = {start_time}\n{lines}{BASES}\
             [[tokens]]\nname = \"n\"\ntenant = \"acme\"\ntoken = \"{TOKEN}\"\n[server]\nlisten = \"127.0.0.1:{port}\"\n",
        );
        write_config(folder.path(), &settings)
    };
    slapd.stop("TERM").unwrap();
    let output = command(&config(0), &["serve"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    for told in ["[store.ldap]", url.as_str(), "scim-server doctor"] {
        assert!(said.contains(told), "{told:?} is not in {said}");
    }

    let log = folder.path().join("log");
    let mut serving = command(&config(600), &["serve"]).stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let told = || std::fs::read_to_string(&log).unwrap();
    wait("a word on waiting", || told().contains("waiting for the directory"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody is served before");
    slapd.again().unwrap();
    wait("readiness", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
            && Request::new(([127, 0, 0, 1], port).into(), "GET", "/readyz").send().status == 200
    });
    serving.kill().unwrap();
    serving.wait().unwrap();
}
