//! Passwords: set by the directory's own way, never read, never logged.

use bytes::Bytes;
use scim_core::change::SecretEdit;
use scim_core::error::ScimError;
use scim_core::store::Result;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::ldap::controls::{self, PasswordProblem};
use crate::ldap::{AttributeName, Change, Dn, LdapError, Operation, Request};

use super::commit::Work;
use super::result::{of_write, rejected};

const UNICODE_PWD: AttributeName = AttributeName::known("unicodePwd");

impl Work<'_> {
    /// Sets or clears the passwords of an entry.
    pub(super) async fn set_secrets(&self, dn: &Dn, secrets: &[SecretEdit]) -> Result<()> {
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
            self.send(request).await.map_err(|error| self.refused(error))?;
        }
        Ok(())
    }

    fn refused(&self, error: LdapError) -> scim_core::store::StoreError {
        let problem = match &error {
            LdapError::Refused(result) => controls::password_problem(&result.controls).ok().flatten(),
            _ => None,
        };
        match problem {
            Some(problem) => rejected(ScimError::invalid_value(format!("password: {}", told(problem)))),
            None => of_write(self.mapping, None, error, "set a password"),
        }
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
