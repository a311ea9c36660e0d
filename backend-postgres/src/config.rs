//! What can be set about a database.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// `postgres://user:password@host:port/database`, or libpq's `key=value` form. `sslmode=disable` speaks in clear,
    /// `sslmode=require` (or `verify-full`) by TLS with a verified certificate; without either, hosts other than this
    /// one are spoken to by TLS.
    pub url: SecretString,
    /// The file of the password, read for each connection: one that was changed needs no start.
    pub password_file: Option<PathBuf>,
    /// Certificates of authorities (PEM) that may vouch for the server, beside those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Connections at most for writes and long reads. Beside these, one listens, and each runtime that reads has one for short reads.
    pub connections: usize,
    /// Attributes (`userType`, `name.familyName`, `urn:…:User:employeeNumber`) on which equality is answered from an
    /// index, beside `userName`, `externalId`, `emails.value`, `displayName` and all unique ones. Each applies to every
    /// resource type that has it.
    pub indexed: Vec<String>,
    /// May the server run with `fsync` or `full_page_writes` off? What was answered can then be lost.
    pub allow_unsafe: bool,
    /// Only look: a database of an older layout is refused, and no index is made.
    pub look: bool,
    /// How long to wait for a connection: for one to be made, and for one to be given back.
    pub wait: Duration,
    /// The longest that a statement may take, where the caller sets no earlier end.
    pub statement_time: Duration,
}

impl Options {
    /// The defaults, for the database at this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Options {
            url: SecretString::from(url.into()),
            password_file: None,
            ca: None,
            connections: 16,
            indexed: Vec::new(),
            allow_unsafe: false,
            look: false,
            wait: Duration::from_secs(5),
            statement_time: Duration::from_secs(60),
        }
    }
}
