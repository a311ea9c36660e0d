//! What lies between the server and its database: connections that die without a word, a listener that accepts and says nothing,
//! a password that is changed meanwhile. Nobody waits longer than is set, and nothing of it outlasts its cause.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use conformance_tests::servers::postgres::{Care, Database, Postgres};
use conformance_tests::session::{Session, unique, user};
use serde_json::json;

use crate::ground::settings;
use crate::support::{Server, wait_until};

/// How long something may take to become so before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stands between the server and its database.
struct Between {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Connections that come now are accepted, and nobody is there.
    silent: AtomicBool,
    /// What is said on connections below this number is taken, and goes nowhere.
    dead: AtomicUsize,
    made: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Between {
    fn before(database: &Database) -> Between {
        let url = url::Url::parse(&database.url()).unwrap();
        let target = (url.host_str().unwrap().to_owned(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let number = own.made.fetch_add(1, Ordering::SeqCst);
                let keep = |stream: &TcpStream| {
                    own.open.lock().unwrap_or_else(PoisonError::into_inner).push(stream.try_clone().unwrap());
                };
                keep(&client);
                if own.silent.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(&target).unwrap();
                keep(&server);
                for (from, to) in [(&client, &server), (&server, &client)] {
                    from.set_nodelay(true).unwrap();
                    let (from, to, shared) = (from.try_clone().unwrap(), to.try_clone().unwrap(), own.clone());
                    thread::spawn(move || shared.carry(number, from, to));
                }
            }
        });
        Between { address, shared }
    }

    /// Where the server finds its database.
    fn url(&self, database: &Database) -> String {
        let mut url = url::Url::parse(&database.url()).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.into()
    }

    /// All connections that there are die, and nobody is told.
    fn forget(&self) {
        self.shared.dead.store(self.shared.made.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// All connections that there are are closed.
    fn cut(&self) {
        for stream in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// From now on connections are accepted and nobody is there, or somebody is.
    fn be_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::SeqCst);
    }
}

impl Shared {
    fn carry(&self, number: usize, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = [0; 65_536];
        loop {
            let read = match from.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            if number >= self.dead.load(Ordering::SeqCst) && to.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn server(url: &str, own: &[(&str, &str)]) -> Server {
    Server::of(|program| {
        let program = settings(url).iter().fold(program, |program, (name, value)| program.with(name, value));
        own.iter().fold(program, |program, (name, value)| program.with(name, value))
    })
}

/// Several requests at once, each of them another way to the database; how they were answered, and how long that took at most.
fn at_once(session: &Session) -> (Vec<u16>, Duration) {
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": user(json!({"userName": unique("bulk")}))},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": user(json!({"userName": unique("bulk")}))},
    ]});
    let begun = Instant::now();
    let statuses = thread::scope(|scope| {
        let bulks = (0..4).map(|_| scope.spawn(|| session.post("/Bulk", &bulk).unwrap().status)).collect::<Vec<_>>();
        let others = [
            scope.spawn(|| session.post("/Users", &user(json!({"userName": unique("alone")}))).unwrap().status),
            scope.spawn(|| session.get("/Users?count=1").unwrap().status),
            scope.spawn(|| session.filter("/Users", "title co \"x\"").unwrap().status),
        ];
        bulks.into_iter().chain(others).map(|request| request.join().unwrap()).collect()
    });
    (statuses, begun.elapsed())
}

/// As a translator of addresses does with connections on which nothing was said for minutes. Whoever wrote on them waited for ever,
/// and the connections were never given back.
#[test]
fn connections_that_die_without_a_word_are_given_up() {
    let database = Postgres::shared().unwrap().database().unwrap();
    let between = Between::before(&database);
    let own = [
        ("SCIM__STORE__POSTGRES__CONNECTIONS", "4"),
        ("SCIM__STORE__POSTGRES__WAIT", "1"),
        ("SCIM__STORE__POSTGRES__STATEMENT_TIME", "2"),
        ("SCIM__LIMITS__REQUEST_TIME", "3"),
    ];
    let mut server = server(&between.url(&database), &own);
    let session = server.session();
    let is_well = || at_once(&session).0.iter().all(|status| matches!(status, 200 | 201));
    assert!(is_well());
    for _ in 0..3 {
        between.forget();
        let (statuses, took) = at_once(&session);
        assert!(statuses.iter().all(|status| matches!(status, 200 | 201 | 503)), "{statuses:?}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        wait_until(Duration::from_secs(30), "it is well on other connections", is_well);
    }
    server.is_well();
}

/// A proxy whose database is gone, a system that hangs: nobody waits much longer than `store.postgres.wait`, however many do, and
/// those who waited are not all that goes on when it is over.
#[test]
fn a_database_that_accepts_and_says_nothing_is_away() {
    let database = Postgres::shared().unwrap().database().unwrap();
    let between = Between::before(&database);
    let mut server = server(&between.url(&database), &[("SCIM__STORE__POSTGRES__WAIT", "2")]);
    let session = server.session();
    session.user(json!({})).unwrap();
    between.be_silent(true);
    between.cut();
    for _ in 0..2 {
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let answer = session.get("/Users?count=1").unwrap();
                    assert!(answer.status == 503 && answer.header("retry-after").is_some(), "{}", answer.tell());
                });
            }
        });
        assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    }
    assert_eq!((server.probe("/readyz"), server.probe("/healthz")), (Some(503), Some(200)));
    between.be_silent(false);
    wait_until(PATIENCE, "it is ready again", || server.probe("/readyz") == Some(200));
    session.user(json!({})).unwrap();
    let (statuses, _) = at_once(&session);
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    // What listens for changes of others was silent too, and has a connection again: tokens are good without asking each time.
    let asks =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%FROM generation%'";
    wait_until(PATIENCE, "it watches again", || database.number(asks).unwrap() > 0);
    server.is_well();
}

/// Passwords are rotated: what stands in `password_file` is read for each connection.
#[test]
fn a_password_that_is_changed_needs_no_start() {
    let folder = tempfile::tempdir().unwrap();
    // The system's user of the database reads it.
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let rules = folder.path().join("rules");
    std::fs::write(&rules, "host all postgres 127.0.0.1/32 trust\nhost all rotated 127.0.0.1/32 scram-sha-256\n")
        .unwrap();
    let postgres = Postgres::start_with(Care::Fast, &[&format!("hba_file={}", rules.display())]).unwrap();
    postgres.run("CREATE USER rotated PASSWORD 'one'").unwrap();
    postgres.run("CREATE DATABASE rotated OWNER rotated").unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "one\n").unwrap();
    let url = postgres.url().replacen("postgres@", "rotated@", 1).replacen("/postgres", "/rotated", 1);
    let mut server = server(&url, &[("SCIM__STORE__POSTGRES__PASSWORD_FILE", secret.to_str().unwrap())]);
    let session = server.session();
    session.user(json!({})).unwrap();
    postgres.run("ALTER USER rotated PASSWORD 'two'").unwrap();
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'").unwrap();
    wait_until(PATIENCE, "the old one is refused", || server.probe("/readyz") == Some(503));
    assert_eq!(session.post("/Users", &user(json!({}))).unwrap().status, 503);
    std::fs::write(&secret, "two\n").unwrap();
    wait_until(PATIENCE, "the new one is taken", || server.probe("/readyz") == Some(200));
    session.user(json!({})).unwrap();
    // One that cannot be read is no password, and named.
    std::fs::remove_file(&secret).unwrap();
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'").unwrap();
    wait_until(PATIENCE, "it is away", || server.probe("/readyz") == Some(503));
    assert!(server.log().contains("password file") && !server.log().contains("two"), "{}", server.log());
    std::fs::write(&secret, "two").unwrap();
    wait_until(PATIENCE, "it is back", || server.probe("/readyz") == Some(200));
    server.is_well();
}
