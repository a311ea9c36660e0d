//! The password of the bind: said once, or standing in a file that is read anew for each connection, so that one that was changed
//! needs no start. And when one that was refused may be tried again: directories lock accounts whose password fails too often.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use super::address::Address;

/// A password that was refused is not tried again for so long, where it is still the same.
const PAUSE: Duration = Duration::from_secs(60);

/// Where the password of a bind is.
#[derive(Debug, Clone)]
pub enum Password {
    /// Here.
    Given(SecretString),
    /// In this file, without the line's end.
    File(PathBuf),
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Password::Given(text.into())
    }
}

impl Password {
    /// What it is now.
    ///
    /// # Errors
    /// The file cannot be read, or nothing stands in it: a bind with that would be anonymous (RFC 4513 section 5.1.2).
    pub(super) fn now(&self) -> Result<SecretString, String> {
        let path = match self {
            Password::Given(password) => return Ok(password.clone()),
            Password::File(path) => path,
        };
        // A few bytes, once for each connection: not worth a thread.
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path:?} cannot be read: {error}"))?;
        let text = SecretString::from(text);
        match text.expose_secret().trim_end_matches(['\r', '\n']) {
            "" => Err(format!("{path:?} is empty")),
            password => Ok(SecretString::from(password.to_owned())),
        }
    }
}

/// What servers refused of late.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Vec<Refusal>>);

/// Which server refused what, when, and how it said so.
#[derive(Debug)]
struct Refusal {
    server: Address,
    password: SecretString,
    at: Instant,
    why: String,
}

impl Refusals {
    /// A server refuses this password.
    pub(super) fn note(&self, server: &Address, password: &SecretString, why: &str, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|refusal| refusal.server != *server);
        let (server, password, why) = (server.clone(), password.clone(), why.to_owned());
        all.push(Refusal { server, password, at: now, why });
    }

    /// May this password be sent there?
    ///
    /// # Errors
    /// It was refused just now: why.
    pub(super) fn check(&self, server: &Address, password: &SecretString, now: Instant) -> Result<(), String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |refusal: &&Refusal| {
            refusal.server == *server
                && refusal.password.expose_secret() == password.expose_secret()
                && now.saturating_duration_since(refusal.at) < PAUSE
        };
        match all.iter().find(same) {
            None => Ok(()),
            Some(refusal) => Err(format!(
                "{}; the same password is tried again after {} s, lest the account is locked",
                refusal.why,
                PAUSE.as_secs()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_each_time_and_an_empty_one_is_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let password = Password::File(path.clone());
        assert!(password.now().unwrap_err().contains("cannot be read"));
        for (text, expected) in [("one\n", Some("one")), (" two \r\n\n", Some(" two ")), ("\n", None), ("", None)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(password.now().ok().as_ref().map(ExposeSecret::expose_secret), expected, "{text:?}");
        }
    }

    #[test]
    fn what_was_refused_is_not_tried_again_soon() {
        let [one, other] = ["ldap://a", "ldap://b"].map(|url| Address::parse(url).unwrap());
        let [old, new] = ["old", "new"].map(|text| SecretString::from(text.to_owned()));
        let (refusals, now) = (Refusals::default(), Instant::now());
        assert!(refusals.check(&one, &old, now).is_ok());
        refusals.note(&one, &old, "invalidCredentials", now);
        assert!(refusals.check(&one, &old, now).unwrap_err().starts_with("invalidCredentials"));
        assert!(refusals.check(&other, &old, now).is_ok() && refusals.check(&one, &new, now).is_ok());
        assert!(refusals.check(&one, &old, now + PAUSE).is_ok());
    }
}
