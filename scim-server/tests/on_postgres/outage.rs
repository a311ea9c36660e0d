//! A database that goes away and comes back, and a server that is killed, under load: what was acknowledged is there,
//! what was refused is not, and whoever asks meanwhile is told to come again. On a PostgreSQL with its safe settings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use conformance_tests::servers::postgres::{Care, Postgres, Stop};
use conformance_tests::session::{Session, unique, user};
use serde_json::json;

use crate::ground::settings;
use crate::support::{Server, wait_until};

/// How long something may take to become so before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// Clients, and how often each asks: 50 requests a second together.
const CLIENTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// What clients saw.
#[derive(Default)]
struct Seen {
    made: Vec<String>,
    refused: Vec<String>,
    /// Cut off without an answer.
    unknown: usize,
    strange: Vec<String>,
    /// When the last answer came that was a success.
    succeeded: Option<Instant>,
}

/// Stops the clients, also when the test fails half way.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Creates a user and reads a list, again and again, until told to stop.
fn client(session: &Session, stop: &AtomicBool, seen: &Mutex<Seen>) {
    while !stop.load(Ordering::Relaxed) {
        let name = unique("outage");
        let answers = [session.post("/Users", &user(json!({"userName": name}))), session.get("/Users?count=1")];
        let now = Instant::now();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (n, answer) in answers.into_iter().enumerate() {
            match answer {
                Err(_) => seen.unknown += 1,
                Ok(answer) if answer.status == 503 && answer.header("retry-after").is_some() => {
                    if n == 0 {
                        seen.refused.push(name.clone());
                    }
                }
                Ok(answer) if answer.status == [201, 200][n] => {
                    if n == 0 {
                        seen.made.push(name.clone());
                    }
                    seen.succeeded = Some(now);
                }
                Ok(answer) => seen.strange.push(answer.tell()),
            }
        }
        drop(seen);
        thread::sleep(PAUSE * 2);
    }
}

/// What was acknowledged is there, and what was refused is not.
fn compare(session: &Session, seen: &Seen) {
    let there = |name: &String| {
        let found = session.filter("/Users", &format!("userName eq \"{name}\"")).unwrap().is(200).unwrap();
        found.at("/totalResults") == &json!(1)
    };
    for name in &seen.made {
        assert!(there(name), "{name} was acknowledged and is lost");
    }
    for name in &seen.refused {
        assert!(!there(name), "{name} was refused and is there");
    }
}

fn server(database: &Postgres) -> Server {
    Server::of(|program| {
        let program = settings(database.url()).iter().fold(program, |program, (name, value)| program.with(name, value));
        program.with("SCIM__STORE__POSTGRES__ALLOW_UNSAFE", "false")
    })
}

#[test]
fn a_database_that_is_restarted_under_load_costs_no_more_than_answers_of_503() {
    let mut database = Postgres::start(Care::Safe).unwrap();
    let mut server = server(&database);
    for how in [Stop::Fast, Stop::Immediate, Stop::Immediate] {
        let (stop, seen) = (AtomicBool::new(false), Mutex::new(Seen::default()));
        let session = server.session();
        thread::scope(|scope| {
            let stops = Stops(&stop);
            for _ in 0..CLIENTS {
                scope.spawn(|| client(&session, &stop, &seen));
            }
            let so_far = || seen.lock().unwrap_or_else(PoisonError::into_inner);
            wait_until(PATIENCE, "load", || so_far().made.len() > 50);
            database.stop(how).unwrap();
            wait_until(PATIENCE, "refusals", || so_far().refused.len() > 20);
            assert_eq!(server.probe("/healthz"), Some(200), "the server itself is up");
            assert_eq!(server.probe("/readyz"), Some(503));
            database.again().unwrap();
            let back = Instant::now();
            wait_until(PATIENCE, "a success", || so_far().succeeded.is_some_and(|at| at > back));
            println!("{how:?}: the first success {:?} after the database's return", back.elapsed());
            let made = so_far().made.len();
            wait_until(PATIENCE, "load again", || so_far().made.len() > made + 50);
            drop(stops);
        });
        let seen = seen.into_inner().unwrap();
        println!("{how:?}: {} made, {} refused", seen.made.len(), seen.refused.len());
        assert!(seen.strange.is_empty() && seen.unknown == 0, "{} cut off, {:?}", seen.unknown, seen.strange);
        compare(&session, &seen);
        server.is_well();
    }
}

/// A name or an address behind which, after a failover, what was the primary stands as a standby: there is nothing to write to,
/// and what it shows is of the past.
#[test]
fn a_primary_that_becomes_a_standby_is_away_until_it_is_the_primary_again() {
    let mut database = Postgres::start(Care::Safe).unwrap();
    let mut server = server(&database);
    let session = server.session();
    session.user(json!({})).unwrap();
    let signal = "DO $$ BEGIN EXECUTE format('COPY (SELECT 1) TO %L', current_setting('data_directory') || '/standby.signal'); END $$";
    database.run(signal).unwrap();
    database.stop(Stop::Fast).unwrap();
    database.again().unwrap();
    assert_eq!((server.probe("/readyz"), server.probe("/healthz")), (Some(503), Some(200)));
    assert_eq!(session.post("/Users", &user(json!({}))).unwrap().status, 503);
    assert_eq!(server.probe("/readyz"), Some(503));
    let program = server.program().clone().with("SCIM__STORE__POSTGRES__ALLOW_UNSAFE", "false");
    let listed = program.run(&["tenant", "list"]);
    let said = String::from_utf8_lossy(&listed.stderr);
    assert!(!listed.status.success() && said.contains("standby"), "{said}");
    database.run("SELECT pg_promote()").unwrap();
    wait_until(PATIENCE, "it is ready again", || server.probe("/readyz") == Some(200));
    session.user(json!({})).unwrap();
    server.is_well();
}

#[test]
fn a_server_killed_under_load_takes_nothing_with_it() {
    let database = Postgres::start(Care::Safe).unwrap();
    let (mut one, mut other) = (server(&database), server(&database));
    let session = one.session();
    for round in 0..2 {
        let (stop, seen) = (AtomicBool::new(false), Mutex::new(Seen::default()));
        let here = one.session();
        let there = here.with_base(&format!("http://{}/scim/v2", other.authority()));
        thread::scope(|scope| {
            let stops = Stops(&stop);
            for n in 0..CLIENTS {
                let session = if n % 2 == 0 { &here } else { &there };
                let (stop, seen) = (&stop, &seen);
                scope.spawn(move || client(session, stop, seen));
            }
            let so_far = || seen.lock().unwrap_or_else(PoisonError::into_inner);
            wait_until(PATIENCE, "load", || so_far().made.len() > 40);
            one.kill();
            let made = so_far().made.len();
            wait_until(PATIENCE, "the other goes on", || so_far().made.len() > made + 40);
            drop(stops);
        });
        let seen = seen.into_inner().unwrap();
        assert!(seen.strange.is_empty(), "round {round}: {:?}", seen.strange);
        compare(&there, &seen);
        other.is_well();
        one.restart();
    }
    drop(session);
    one.stop();
    other.stop();
}

/// A disk that is full, as seen from here: what is read is answered, and nothing new is taken.
#[test]
fn a_database_that_takes_no_writes_is_not_ready_and_goes_on_reading() {
    let mut server = Server::start();
    let session = server.session();
    let id = session.user(json!({})).unwrap().id().unwrap().to_owned();
    let database = server.program().ground().database();
    database
        .run(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN RAISE disk_full USING MESSAGE = 'could not extend file'; END $$;
             CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON resource FOR EACH ROW EXECUTE FUNCTION full_disk();
             CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON note FOR EACH ROW EXECUTE FUNCTION full_disk()",
        )
        .unwrap();
    let refused = session.post("/Users", &user(json!({}))).unwrap();
    assert!(refused.status == 503 && refused.header("retry-after").is_some(), "{}", refused.tell());
    session.get(&format!("/Users/{id}")).unwrap().is(200).unwrap();
    session.get("/Users").unwrap().is(200).unwrap();
    assert_eq!((server.probe("/readyz"), server.probe("/healthz")), (Some(503), Some(200)));
    assert!(server.log().contains("could not extend file"), "the log says why: {}", server.log());
    database.run("DROP TRIGGER full_disk ON resource; DROP TRIGGER full_disk ON note").unwrap();
    assert_eq!(server.probe("/readyz"), Some(200));
    session.user(json!({})).unwrap();
    session.get("/Users?count=0").unwrap().has("/totalResults", 2).unwrap();
    server.is_well();
}
