//! `[store.postgres]` and `[control.postgres]`.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use url::Url;

use super::values;

/// `[store.postgres]`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresSettings {
    /// Where the database is: `postgres://user@host:5432/database`. A password in it is never shown.
    pub url: String,
    /// The user's password; better given as `password_file` than in the URL.
    pub password: Option<String>,
    /// Where that came from, and is read anew for each connection.
    #[serde(skip_serializing)]
    pub password_file: Option<PathBuf>,
    /// PEM: authorities that may vouch for the database server, beside those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Connections at most, of each server process, for writes and long reads.
    pub connections: usize,
    /// How long to wait for a connection, in seconds.
    pub wait: u64,
    /// The longest that a statement may take, in seconds.
    pub statement_time: u64,
    /// Attributes that get an index for comparisons and sorting, such as `title`.
    #[serde(deserialize_with = "values::list")]
    pub index: Vec<String>,
    /// Serve from a PostgreSQL that runs with `fsync` or `full_page_writes` off.
    pub allow_unsafe: bool,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        PostgresSettings {
            url: "postgres://scim@localhost/scim".into(),
            password: None,
            password_file: None,
            ca: None,
            connections: 16,
            wait: 5,
            statement_time: 60,
            index: Vec::new(),
            allow_unsafe: false,
        }
    }
}

impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl PostgresSettings {
    /// The URL with the password, from wherever it was given.
    pub fn whole_url(&self, place: &str) -> Result<String> {
        let Some(password) = &self.password else { return Ok(self.url.clone()) };
        if !self.url.starts_with("postgres://") && !self.url.starts_with("postgresql://") {
            let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
            return Ok(format!("{} password='{quoted}'", self.url));
        }
        let user = Url::parse(&self.url).ok().filter(|url| !url.username().is_empty());
        let Some(mut url) = user else {
            bail!("{place}.password needs a user in {place}.url: postgres://user@host:5432/database")
        };
        if url.password().is_some() {
            bail!("{place}.password is set, and {place}.url holds one too: keep one");
        }
        match url.set_password(Some(password)) {
            Ok(()) => Ok(url.into()),
            Err(()) => bail!("{place}.url takes no password: write it as postgres://user@host:5432/database"),
        }
    }

    /// Checks what types alone cannot.
    pub fn check(&self, place: &str) -> Result<()> {
        for (key, value) in
            [("connections", self.connections as u64), ("wait", self.wait), ("statement_time", self.statement_time)]
        {
            if value == 0 {
                bail!("{place}.{key} = 0 is too small: it must be at least 1");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_joins_the_url_in_its_own_words() {
        let check = |url: &str, expected: &str| {
            let settings =
                PostgresSettings { url: url.into(), password: Some("p@:'\\".into()), ..PostgresSettings::default() };
            match settings.whole_url("store.postgres") {
                Ok(whole) => assert_eq!(whole, expected),
                Err(error) => assert!(error.to_string().contains(expected), "{error}"),
            }
        };
        check(
            "postgres://scim@db:5432/scim?sslmode=require",
            "postgres://scim:p%40%3A'%5C@db:5432/scim?sslmode=require",
        );
        check("host=db user=scim", "host=db user=scim password='p@:\\'\\\\'");
        check("postgres://scim:other@db/scim", "keep one");
        check("postgres://db/scim", "needs a user");
    }
}
