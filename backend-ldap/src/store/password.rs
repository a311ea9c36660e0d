//! Passwords: set by the directory's own way, never read, never logged.

use bytes::Bytes;
use scim_core::change::SecretEdit;
use scim_core::error::ScimError;
use scim_core::path::AttrPath;
use scim_core::store::{Result, StoreError};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::ldap::controls::{self, PasswordProblem};
use crate::ldap::{AttributeName, Change, Code, Dn, LdapError, Operation, Request};
use crate::mapping::Active;

use super::commit::Work;
use super::result::{self, of_write, rejected};

const DURING: &str = "set a password";
const UNICODE_PWD: AttributeName = AttributeName::known("unicodePwd");

impl Work<'_> {
    /// Sets or clears the passwords of an entry. Who is to be locked out all the same is locked out again behind it.
    pub(super) async fn set_secrets(&self, dn: &Dn, secrets: &[SecretEdit], locked: Option<&Active>) -> Result<()> {
        let set = self.set_each(dn, secrets).await;
        let Some(active) = locked.filter(|_| !secrets.is_empty()) else { return set };
        let locked = self.make_active(dn, active, false).await;
        if let Err(error) = &locked {
            tracing::error!(%dn, %error, "a user who is not active may have got a password, and could not be locked out again");
        }
        set.and(locked)
    }

    async fn set_each(&self, dn: &Dn, secrets: &[SecretEdit]) -> Result<()> {
        for secret in secrets {
            let Some(column) = self.mapping.columns.iter().find(|column| column.at == secret.at) else {
                return Err(rejected(ScimError::invalid_value(format!(
                    "{}: the directory behind this tenant takes no passwords here",
                    secret.at
                ))));
            };
            let request = match &secret.value {
                Some(value) if column.name == UNICODE_PWD => quoted(dn, value),
                Some(value) => Request::set_password(dn, value),
                None => Operation::Modify {
                    target: dn.into(),
                    changes: vec![Change::Replace(column.name.clone(), Vec::new())],
                }
                .into(),
            };
            // What the policy objects to comes beside the refusal.
            let request = request.with(controls::password_policy());
            let done = match self.inner.directory.perform(&self.call, &request).await {
                // Once more, it is the same password. A policy may refuse that because it was set: then nobody knows.
                Err(lost @ LdapError::Uncertain(_)) => {
                    self.inner.directory.perform(&self.call, &request).await.map_err(|_| lost)
                }
                done => done,
            };
            done.map_err(|error| self.refused(&secret.at, error))?;
        }
        Ok(())
    }

    fn refused(&self, at: &AttrPath, error: LdapError) -> StoreError {
        let LdapError::Refused(result) = &error else { return error.during(DURING) };
        let problem = controls::password_problem(&result.controls).ok().flatten().map(told);
        let why = match (problem, result.code) {
            (Some(problem), _) => problem.to_owned(),
            // Active Directory says it in words.
            (None, Code::CONSTRAINT_VIOLATION | Code::UNWILLING_TO_PERFORM) => result::told(result),
            (None, Code::CONFIDENTIALITY_REQUIRED) => {
                let why = "the directory takes passwords over TLS only: reach it by ldaps://, or with start_tls = true";
                return rejected(ScimError::forbidden(format!("{at}: {why}")));
            }
            (None, _) => return of_write(self.mapping, None, error, DURING),
        };
        rejected(ScimError::invalid_value(format!("{at}: {why}")))
    }
}

/// Active Directory takes a password in quotation marks, in UTF-16.
fn quoted(dn: &Dn, password: &SecretString) -> Request {
    let text = Zeroizing::new(format!("\"{}\"", password.expose_secret()));
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Operation::Modify { target: dn.into(), changes: vec![Change::Replace(UNICODE_PWD, vec![Bytes::from(bytes)])] }
        .into()
}

fn told(problem: PasswordProblem) -> &'static str {
    match problem {
        PasswordProblem::TooShort => "the directory's policy wants a longer one",
        PasswordProblem::InHistory => "the directory's policy wants one that was not used before",
        PasswordProblem::TooSoon => "the directory's policy wants it changed less often",
        PasswordProblem::TooWeak => "the directory's policy finds it too weak",
        _ => "the directory's policy refuses it",
    }
}
