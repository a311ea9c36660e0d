//! One connection: how it is made, what its session is set to, and how statements run on it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use foldhash::HashSet;
use futures_util::{StreamExt, TryStreamExt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::coop::unconstrained;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::Options;
use crate::error::{Fault, Inner, OpenError};
use crate::statement::{InOrder, Line, Sql};

/// Numbers for [`Link::slot`]: more sessions than these at once share one, which only costs time.
const SLOTS: i64 = 1_000;

/// Rows of a list that is gone through, behind which others go on: whoever has little to do in the same thread does not wait for
/// those who go through much.
const PIECE: usize = 16;

/// The first half of the advisory locks of sessions: "SCIM".
pub(crate) const LOCKS: i32 = 0x5343_494d;

/// How long what was sent may stay unacknowledged by the other side's system before the connection is given up: networks, and what
/// translates addresses in them, drop connections without a word.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// A connection on which nothing was said for so long is asked whether it still is one,
const IDLE: Duration = Duration::from_secs(20);
/// as often as this,
const ASKED_EVERY: Duration = Duration::from_secs(5);
/// and given up when so many questions stay without an answer.
const ASKED: u32 = 3;

/// How much longer than the longest statement an answer may take: then none comes, however alive the connection looks.
const GRACE: Duration = Duration::from_secs(5);

/// What tells a session of `pg_stat_activity` from all others: numbers of processes come again.
pub(crate) const SESSION: &str = "pid::text || ' ' || extract(epoch FROM backend_start)::text";

/// Where the database is, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Address {
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    /// What every session is set to.
    session: Arc<str>,
    /// The file of the password, which is read for each connection.
    password_file: Option<Arc<Path>>,
    /// How long it may take until a session is open.
    wait: Duration,
    /// How long a statement may stay without an answer.
    patience: Duration,
}

/// An open session.
pub(crate) struct Link {
    db: AsyncPgConnection,
    tls: MakeRustlsConnect,
    /// A number that no other open session has: rows that this session alone counts in.
    pub slot: i64,
    /// What tells this session from all others, also of a server that was restarted.
    pub session: Arc<str>,
    /// It may not be used again.
    spoiled: AtomicBool,
    /// How long a statement may stay without an answer.
    patience: Duration,
    /// Statements that are prepared.
    prepared: Mutex<HashSet<Arc<str>>>,
    /// What it takes of what there is room for, as long as it is open.
    _room: Option<OwnedSemaphorePermit>,
}

impl Address {
    /// From the options.
    pub(crate) fn new(options: &Options) -> Result<Address, OpenError> {
        let (url, verified) = plain(options.url.expose_secret());
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|error: tokio_postgres::Error| OpenError::Url { why: error.to_string() })?;
        if config.get_ssl_mode() == SslMode::Prefer {
            // TLS that anybody can talk a client out of protects nothing: it is needed, or, to this very machine, not.
            let mode =
                if !verified && config.get_hosts().iter().all(is_here) { SslMode::Disable } else { SslMode::Require };
            config.ssl_mode(mode);
        }
        config.application_name("scim-server").connect_timeout(options.wait);
        if !url.contains("keepalives") {
            config.keepalives(true).keepalives_idle(IDLE).keepalives_interval(ASKED_EVERY).keepalives_retries(ASKED);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNACKNOWLEDGED);
        }
        let millis = options.statement_time.as_millis();
        // A commit is answered when it is on disk; a stronger setting of the server (a synchronous standby) is kept.
        // Every statement looks rows up by an index, also while the server has not looked at the tables yet.
        // A statement is planned once for all values: planning takes longer than nearly all of them, and the server left to
        // itself plans anew for each value where that looks a little better. See `Link::weighed` for the others.
        // What runs too long is stopped, and a session that died in a transaction does not keep its locks.
        // A standby takes no writes and shows what was: whoever reaches one has reached no database of ours. The next
        // connection may lead to the primary.
        let session = format!(
            "DO $$BEGIN IF pg_is_in_recovery() THEN RAISE read_only_sql_transaction \
             USING MESSAGE = 'it is a standby, which takes no writes'; END IF; END$$; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write'); \
             SET statement_timeout = {millis}; SET idle_in_transaction_session_timeout = {millis}; \
             SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
             SET jit = off; SET random_page_cost = 1.1; SET enable_seqscan = off; \
             SET plan_cache_mode = force_generic_plan"
        );
        Ok(Address {
            config,
            tls: tls(options.ca.as_deref())?,
            session: session.into(),
            password_file: options.password_file.as_deref().map(Arc::from),
            wait: options.wait,
            patience: options.statement_time.saturating_add(GRACE),
        })
    }

    /// How long it may take until a session is open.
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    /// Opens a session. Runs in the runtime in which its connection is to live.
    pub(crate) async fn connect(&self) -> Inner<Link> {
        // The driver's own bound ends where the other side has accepted: it may say nothing from then on.
        let opened = tokio::time::timeout(self.wait, self.open()).await;
        opened.unwrap_or_else(|_| Err(Fault::Lost("the database accepts connections and does not answer".into())))
    }

    async fn open(&self) -> Inner<Link> {
        let lost = |error: tokio_postgres::Error| Fault::Lost(said(&error).into());
        let mut config = self.config.clone();
        if let Some(path) = &self.password_file {
            config.password(password(path).map_err(|why| Fault::Lost(why.into()))?.expose_secret());
        }
        let (client, connection) = config.connect(self.tls.clone()).await.map_err(lost)?;
        let db = AsyncPgConnection::try_from_client_and_connection(client, connection)
            .await
            .map_err(|error| Fault::Lost(error.into()))?;
        let mut link = Link {
            db,
            tls: self.tls.clone(),
            slot: 0,
            session: Arc::from(""),
            spoiled: AtomicBool::new(false),
            patience: self.patience,
            prepared: Mutex::default(),
            _room: None,
        };
        link.batch(&self.session).await?;
        // Held until the session ends.
        let free = "SELECT n FROM generate_series(1::bigint, $1) n WHERE pg_try_advisory_lock($2::int, n::int) LIMIT 1";
        let free = Sql::new(free).once().bind(SLOTS).bind(i64::from(LOCKS));
        link.slot = link.first(free).await?.map_or(Ok(0), |line| line.int(0))?;
        let own = format!("SELECT {SESSION} FROM pg_stat_activity WHERE pid = pg_backend_pid()");
        if let Some(line) = link.first(Sql::new(own).once()).await? {
            link.session = line.text(0, |text| Arc::from(text))?;
        }
        Ok(link)
    }
}

/// The password in this file, without the line's end. A few bytes, once for each connection: not worth a thread.
fn password(path: &Path) -> Result<SecretString, String> {
    let text = std::fs::read_to_string(path).map(SecretString::from);
    let text = text.map_err(|error| format!("the password file {path:?} cannot be read: {error}"))?;
    match text.expose_secret().trim_end_matches(['\r', '\n']) {
        "" => Err(format!("the password file {path:?} is empty")),
        password => Ok(SecretString::from(password.to_owned())),
    }
}

/// What the driver says, with its cause: the server's own words.
fn said(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The URL in the driver's words: `verify-full` is what its `require` does with our certificates.
fn plain(url: &str) -> (String, bool) {
    let mut plain = url.to_owned();
    let mut verified = false;
    for mode in ["verify-full", "verify-ca"] {
        for form in [format!("sslmode={mode}"), format!("sslmode='{mode}'")] {
            if plain.contains(&form) {
                plain = plain.replace(&form, "sslmode=require");
                verified = true;
            }
        }
    }
    (plain, verified)
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// TLS with certificates that the system trusts, and those in this file.
fn tls(ca: Option<&Path>) -> Result<MakeRustlsConnect, OpenError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let unreadable = |why: String| OpenError::Ca { path: path.to_owned(), why };
        let own = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
        let mut found = 0;
        for certificate in own {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            found += 1;
        }
        if found == 0 {
            return Err(unreadable("it holds no certificate".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Unreachable { why: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

impl Link {
    /// The same, which takes this room as long as it is open.
    pub(crate) fn within(self, room: OwnedSemaphorePermit) -> Link {
        Link { _room: Some(room), ..self }
    }

    /// Is the connection gone, or not to be used any more?
    pub(crate) fn is_closed(&mut self) -> bool {
        self.spoiled.load(Ordering::Relaxed) || self.db.is_broken()
    }

    /// Something is left under way in it: it is not used again.
    pub(crate) fn spoil(&self) {
        self.spoiled.store(true, Ordering::Relaxed);
    }

    /// Runs a statement; gives its rows.
    pub(crate) async fn rows(&self, sql: Sql<'_>) -> Inner<Vec<Line>> {
        self.each(sql, Ok).await
    }

    /// Runs a statement, making something of each row.
    pub(crate) async fn each<T>(&self, sql: Sql<'_>, make: impl FnMut(Line) -> Inner<T>) -> Inner<Vec<T>> {
        self.made(sql, make, usize::MAX).await
    }

    /// The same, letting others go on behind so many rows.
    async fn made<T>(&self, sql: Sql<'_>, mut make: impl FnMut(Line) -> Inner<T>, pause: usize) -> Inner<Vec<T>> {
        let text = self.unprepared(&sql);
        let made = self.answered(async {
            let mut rows = (&mut &self.db).load(sql).await?;
            let mut made = Vec::new();
            while let Some(row) = rows.try_next().await? {
                made.push(make(Line::new(row))?);
                if made.len().is_multiple_of(pause) {
                    tokio::task::yield_now().await;
                }
            }
            Ok(made)
        });
        let made = made.await?;
        self.now_prepared(text);
        Ok(made)
    }

    /// What comes of a statement, which the server ends when its time is over. Where it does not even say that, nobody is there any
    /// more, though something on the way still takes what is sent.
    async fn answered<T>(&self, statement: impl Future<Output = Inner<T>>) -> Inner<T> {
        match tokio::time::timeout(self.patience, statement).await {
            Ok(done) => done,
            Err(_) => {
                self.spoil();
                Err(Fault::Lost("the database does not answer any more".into()))
            }
        }
    }

    /// The same for a statement of which the best plan depends on the values: it is planned for these alone. Must not run
    /// inside a transaction.
    pub(crate) async fn weighed<T>(&self, sql: Sql<'_>, make: impl FnMut(Line) -> Inner<T>) -> Inner<Vec<T>> {
        self.batch("BEGIN; SET LOCAL plan_cache_mode = force_custom_plan").await?;
        let made = self.made(sql.once(), make, PIECE).await;
        if !matches!(made, Err(Fault::Lost(_))) {
            self.batch("COMMIT").await?;
        }
        made
    }

    /// Runs a statement; gives its first row.
    pub(crate) async fn first(&self, sql: Sql<'_>) -> Inner<Option<Line>> {
        Ok(self.rows(sql).await?.into_iter().next())
    }

    /// Runs a statement; gives how many rows it touched.
    pub(crate) async fn run(&self, sql: Sql<'_>) -> Inner<usize> {
        let text = self.unprepared(&sql);
        let touched = self.answered(async { Ok((&mut &self.db).execute_returning_count(sql).await?) }).await?;
        self.now_prepared(text);
        Ok(touched)
    }

    /// Runs statements without values, all in one message.
    pub(crate) async fn batch(&self, text: &str) -> Inner<()> {
        self.answered(self.patiently(text)).await
    }

    /// The same, however long it takes: for what lifts the bound of the server, too.
    pub(crate) async fn patiently(&self, text: &str) -> Inner<()> {
        Ok((&mut &self.db).batch_execute(text).await?)
    }

    /// Runs statements one behind another without waiting in between; each gives its rows or its failure. Those that are
    /// to be prepared first are waited for.
    pub(crate) async fn behind_another(&self, statements: Vec<Sql<'_>>) -> Vec<Inner<Vec<Line>>> {
        let mut answers = Vec::with_capacity(statements.len());
        let mut open = Vec::new();
        for sql in statements {
            if self.unprepared(&sql).is_some() || !sql.is_kept() {
                answers.extend(self.together(std::mem::take(&mut open)).await);
                answers.push(self.rows(sql).await);
            } else {
                open.push(sql);
            }
        }
        answers.extend(self.together(open).await);
        answers
    }

    /// Sends prepared statements in their order, in one go. The scheduler may not interrupt: their order is the order in
    /// which these futures are first polled.
    async fn together(&self, statements: Vec<Sql<'_>>) -> Vec<Inner<Vec<Line>>> {
        unconstrained(InOrder::new(statements.into_iter().map(|sql| self.rows(sql)))).await
    }

    /// The text of a statement that is to be prepared before it is sent.
    fn unprepared(&self, sql: &Sql<'_>) -> Option<Arc<str>> {
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).contains(&**sql.text());
        (sql.is_kept() && !known).then(|| Arc::from(&**sql.text()))
    }

    fn now_prepared(&self, text: Option<Arc<str>>) {
        if let Some(text) = text {
            self.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(text);
        }
    }

    /// Waits until there is news on a channel that this session listens to.
    pub(crate) async fn news(&mut self) -> Inner<()> {
        match std::pin::pin!(self.db.notifications_stream()).next().await {
            Some(news) => Ok(news.map(drop)?),
            None => Err(Fault::Lost("the session that listens has ended".into())),
        }
    }

    /// Asks the server to stop what it does for this session.
    pub(crate) fn stop(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (token, tls) = (self.db.cancel_token(), self.tls.clone());
        async move {
            match tokio::time::timeout(GRACE, token.cancel_query(tls)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a statement could not be stopped"),
                Err(_) => tracing::debug!("a statement could not be stopped in time"),
            }
        }
    }
}
