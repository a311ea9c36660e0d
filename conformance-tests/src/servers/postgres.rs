//! PostgreSQL: `SCIM_TEST_POSTGRES_URL`, or one of the machine's own, with a fresh database for each store.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tokio_postgres::{Client, NoTls};
use url::Url;

use super::certificates::{self, Certificates};
use super::guard::{Folder, Guarded, free_port};

/// Where a server stands that tests may make databases on.
const VARIABLE: &str = "SCIM_TEST_POSTGRES_URL";
/// What to do where there is none. Tests that stop their server need its programs.
const MISSING: &str = "no PostgreSQL to test with: install it (apt-get install postgresql, dnf install postgresql-server, \
     brew install postgresql), as ./test.sh does; where tests need not stop it, set SCIM_TEST_POSTGRES_URL, or start a \
     container engine and test with --features conformance-tests/containers";
/// How long a start may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whom it may run as, where we are root.
const USERS: &[&str] = &["postgres", "nobody"];
/// Starts on other ports, when one was taken in between.
const TRIES: usize = 5;

/// How careful the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nothing waits for the disk: for tests that neither kill the server nor measure it.
    Fast,
    /// As it is shipped: what is committed survives.
    Safe,
}

/// How the server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended, then everything is written.
    Fast,
    /// As if the power were cut.
    Immediate,
}

/// A server that can make databases.
#[derive(Debug)]
pub struct Postgres {
    url: Url,
    own: Option<Own>,
}

/// Where the server comes from that tests share.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// Somebody runs one.
    Url(String),
    /// From the programs of this machine.
    Programs,
    /// From an engine for containers.
    Engine,
    Nothing,
}

/// The first of these that there is. An engine is asked for last.
fn source(url: Option<String>, programs: Option<PathBuf>, engine: impl FnOnce() -> bool) -> Source {
    match (url, programs) {
        (Some(url), _) => Source::Url(url),
        (None, Some(_)) => Source::Programs,
        (None, None) if engine() => Source::Engine,
        (None, None) => Source::Nothing,
    }
}

/// Does an engine for containers answer? Never where this is built without.
fn engine() -> bool {
    #[cfg(feature = "containers")]
    return super::container::answers();
    #[cfg(not(feature = "containers"))]
    false
}

/// One that we started.
#[derive(Debug)]
struct Own {
    // Before the folder: the server ends first.
    process: Option<Guarded>,
    program: PathBuf,
    arguments: Vec<String>,
    folder: Folder,
}

/// A database that goes when it is dropped, with all connections to it.
#[derive(Debug)]
pub struct Database {
    server: Url,
    name: String,
}

impl Postgres {
    /// The one that all tests of this process share. Fast.
    pub fn shared() -> Result<&'static Postgres> {
        static SHARED: OnceLock<Result<Postgres>> = OnceLock::new();
        let found = SHARED.get_or_init(|| match source(std::env::var(VARIABLE).ok(), programs(), engine) {
            Source::Url(url) => Postgres::at(&url),
            Source::Programs => Postgres::start(Care::Fast),
            Source::Engine => Postgres::contained(),
            Source::Nothing => bail!("{MISSING}"),
        });
        found.as_ref().map_err(|error| anyhow!("{error:#}"))
    }

    fn at(url: &str) -> Result<Postgres> {
        let parsed =
            Url::parse(url).with_context(|| format!("{VARIABLE} is no URL, such as postgres://user@host/db"))?;
        connected(parsed.as_str(), async |_| Ok(())).with_context(|| format!("{VARIABLE} leads nowhere"))?;
        Ok(Postgres { url: parsed, own: None })
    }

    /// One in a container, fast.
    #[cfg(feature = "containers")]
    fn contained() -> Result<Postgres> {
        let url = super::container::start()?;
        let begun = Instant::now();
        loop {
            match connected(url.as_str(), async |_| Ok(())) {
                Ok(()) => return Ok(Postgres { url, own: None }),
                Err(error) if begun.elapsed() > PATIENCE => return Err(error.context("PostgreSQL in its container")),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    #[cfg(not(feature = "containers"))]
    fn contained() -> Result<Postgres> {
        bail!("{MISSING}")
    }

    /// One for the caller alone, who may stop it.
    pub fn start(care: Care) -> Result<Postgres> {
        Postgres::start_with(care, &[])
    }

    /// One that speaks TLS too, with a certificate for these names by an authority of its own.
    pub fn start_with_tls(care: Care, names: &[&str]) -> Result<(Postgres, Certificates)> {
        let folder = Folder::new(USERS)?;
        let certificates = certificates::make_for(&folder, names)?;
        let (certificate, key) = (&certificates.certificate, &certificates.key);
        let settings = ["ssl=on".to_owned(), format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        Ok((Postgres::start_in(folder, care, &settings)?, certificates))
    }

    /// The same with further settings, each as `name=value`.
    pub fn start_with(care: Care, settings: &[&str]) -> Result<Postgres> {
        Postgres::start_in(Folder::new(USERS)?, care, settings)
    }

    fn start_in(folder: Folder, care: Care, settings: &[&str]) -> Result<Postgres> {
        let programs = programs().context(MISSING)?;
        let data = folder.path().join("data");
        init(&folder, &programs.join("initdb"), &data)?;
        let mut own = Own { process: None, program: programs.join("postgres"), arguments: Vec::new(), folder };
        for _ in 0..TRIES {
            let port = free_port()?;
            own.arguments = arguments(&data, port, care, settings);
            match own.start() {
                Ok(()) => {
                    let url = Url::parse(&format!("postgres://postgres@127.0.0.1:{port}/postgres"))?;
                    return Ok(Postgres { url, own: Some(own) });
                }
                Err(error) if format!("{error:#}").contains("could not bind") => {}
                Err(error) => return Err(error),
            }
        }
        bail!("no port for PostgreSQL: {TRIES} were taken by others")
    }

    /// The URL of its first database, which holds nothing of ours.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// A fresh, empty database.
    pub fn database(&self) -> Result<Database> {
        static MADE: AtomicU64 = AtomicU64::new(1);
        let name = format!("scim_test_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("DROP DATABASE IF EXISTS {name}"))?;
        self.run(&format!("CREATE DATABASE {name}"))?;
        Ok(Database { server: self.url.clone(), name })
    }

    /// Runs one statement on the first database.
    pub fn run(&self, sql: &str) -> Result<()> {
        run(self.url.as_str(), sql)
    }

    /// Stops it, if it is ours, and waits for its end.
    pub fn stop(&mut self, how: Stop) -> Result<()> {
        let own = self.own.as_mut().context("a PostgreSQL that others run cannot be stopped by a test")?;
        let process = own.process.take().context("PostgreSQL is stopped already")?;
        process.end(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
        })
    }

    /// Starts it again on the same port and data, and waits until it takes connections.
    pub fn again(&mut self) -> Result<()> {
        let own = self.own.as_mut().context("a PostgreSQL that others run cannot be started by a test")?;
        ensure!(own.process.is_none(), "PostgreSQL runs already");
        own.start()
    }
}

impl Own {
    fn start(&mut self) -> Result<()> {
        let process = self.folder.start(&self.program, &self.arguments, "QUIT")?;
        let status = self.folder.path().join("data/postmaster.pid");
        let begun = Instant::now();
        loop {
            // What pg_ctl waits for: the eighth line of that file.
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                self.process = Some(process);
                return Ok(());
            }
            let said = process.log();
            // Clients that try too early are turned away with a fatal error of their own.
            let fatal = |line: &str| line.contains(" FATAL: ") && !line.contains("the database system is");
            if said.contains("database system is shut down") || said.lines().any(fatal) || begun.elapsed() > PATIENCE {
                process.end("QUIT")?;
                bail!("PostgreSQL did not start: {said}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Database {
    /// Where it is.
    pub fn url(&self) -> String {
        let mut url = self.server.clone();
        url.set_path(&self.name);
        url.into()
    }

    /// Runs statements in it.
    pub fn run(&self, sql: &str) -> Result<()> {
        run(&self.url(), sql)
    }

    /// The first column of the first row, which is a number.
    pub fn number(&self, sql: &str) -> Result<i64> {
        connected(&self.url(), async |client| Ok(client.query_one(sql, &[]).await?.try_get(0)?))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The server may be stopped, or about to.
        let _ = run(self.server.as_str(), &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn run(url: &str, sql: &str) -> Result<()> {
    connected(url, async |client| client.batch_execute(sql).await.with_context(|| sql.to_owned()))
}

/// Does something on a connection of its own. May be called inside an async runtime and outside.
fn connected<T: Send>(url: &str, work: impl AsyncFnOnce(&Client) -> Result<T> + Send) -> Result<T> {
    let run = || -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            let connection = tokio::spawn(connection);
            let done = work(&client).await;
            drop(client);
            // An error of the connection was the work's already.
            let _ = connection.await;
            done
        })
    };
    std::thread::scope(|scope| scope.spawn(run).join()).map_err(|_| anyhow!("a panic while speaking to PostgreSQL"))?
}

/// Makes the data folder. Its order of text is a language's where the build knows one, as it is on most servers, so that
/// whatever relies on the order of bytes without saying so is found out.
fn init(folder: &Folder, initdb: &Path, data: &Path) -> Result<()> {
    let data = data.to_str().context("the name of the folder is text")?;
    let common = ["-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--no-instructions", "-E", "UTF8"];
    let language = [&common[..], &["--locale=C", "--locale-provider=icu", "--icu-locale=en"]].concat();
    if folder.run(initdb, &language).is_ok() {
        return Ok(());
    }
    // What it made it removed, unless it did not get that far.
    let _ = std::fs::remove_dir_all(data);
    folder.run(initdb, &[&common[..], &["--locale=C"]].concat())
}

fn arguments(data: &Path, port: u16, care: Care, settings: &[&str]) -> Vec<String> {
    let port = format!("port={port}");
    let mut all = vec![
        "listen_addresses=127.0.0.1",
        &port,
        "unix_socket_directories=",
        "max_connections=300",
        "shared_buffers=64MB",
        "logging_collector=off",
    ];
    if care == Care::Fast {
        all.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"]);
    }
    all.extend(settings);
    let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
    arguments.extend(all.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
    arguments
}

/// The folder of the newest `postgres` and `initdb` of this machine: distributions keep them off the path.
pub fn programs() -> Option<PathBuf> {
    let whole = |folder: &PathBuf| folder.join("postgres").exists() && folder.join("initdb").exists();
    let mut found = Vec::new();
    for (parent, prefix, below) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/usr/lib", "postgresql", "bin"),
    ] {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name.strip_prefix(prefix).map(str::parse::<u32>);
            if let Some(Ok(version)) = version {
                found.push((version, entry.path().join(below)));
            }
        }
    }
    found.retain(|(_, folder)| whole(folder));
    found.sort();
    found.pop().map(|(_, folder)| folder).or_else(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).find(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(database: &Database) -> i64 {
        database.number("SELECT count(*) FROM pg_class WHERE relname = 'kept'").unwrap()
    }

    #[test]
    fn the_server_is_the_first_that_there_is_and_an_engine_is_asked_for_last() {
        let (url, programs) = (|| Some("postgres://here/db".to_owned()), || Some(PathBuf::from("/usr/bin")));
        let unasked = || panic!("nobody needs an engine");
        assert_eq!(source(url(), programs(), unasked), Source::Url("postgres://here/db".into()));
        assert_eq!(source(url(), None, unasked), Source::Url("postgres://here/db".into()));
        assert_eq!(source(None, programs(), unasked), Source::Programs);
        assert_eq!(source(None, None, || true), Source::Engine);
        assert_eq!(source(None, None, || false), Source::Nothing);
    }

    #[test]
    fn who_has_none_is_told_what_to_install() {
        for way in ["apt-get install postgresql", "SCIM_TEST_POSTGRES_URL", "--features conformance-tests/containers"] {
            assert!(MISSING.contains(way), "{MISSING}");
        }
    }

    #[test]
    fn each_database_is_empty_and_goes_when_it_is_dropped() {
        let server = Postgres::shared().unwrap();
        let (one, other) = (server.database().unwrap(), server.database().unwrap());
        one.run("CREATE TABLE kept (a int)").unwrap();
        assert_eq!((answer(&one), answer(&other)), (1, 0));
        let url = one.url();
        drop(one);
        assert!(run(&url, "SELECT 1").is_err(), "it is gone");
    }

    #[test]
    fn a_careful_server_keeps_what_was_committed_when_it_is_stopped_in_any_way() {
        let mut server = Postgres::start(Care::Safe).unwrap();
        let database = server.database().unwrap();
        assert_eq!(
            database.number("SELECT count(*) FROM pg_settings WHERE name = 'fsync' AND setting = 'on'").unwrap(),
            1
        );
        database.run("CREATE TABLE kept (a int)").unwrap();
        for how in [Stop::Immediate, Stop::Fast] {
            server.stop(how).unwrap();
            assert!(run(&database.url(), "SELECT 1").is_err(), "it is stopped");
            server.again().unwrap();
            assert_eq!(answer(&database), 1);
        }
        let folder = server.own.as_ref().unwrap().folder.path().to_owned();
        assert!(folder.exists());
        drop(database);
        drop(server);
        assert!(!folder.exists(), "nothing is left");
    }
}
