//! Passwords: checked, hashed off the request threads, verified for applications that embed the core.

use futures_channel::oneshot;
use secrecy::{ExposeSecret, SecretString};

use crate::access::{Tenant, password};
use crate::change::SecretEdit;
use crate::error::ScimError;
use crate::filter::{BoundFilter, Compare, Leaf, Operand};
use crate::path::{self, AttrPath};
use crate::query::{Query, Select, Source, Window, walk};
use crate::store::control::{Passwords, TenantSettings};
use crate::store::{Key, Scope, Secrets};

use super::{Caller, Service};

/// A secret attribute and its new value, not hashed yet; None clears it.
pub(super) type PlainSecret = (AttrPath, Option<SecretString>);

impl Service {
    /// The secrets of a request as the store wants them: hashed, handed on, thrown away or refused.
    pub(super) async fn secrets(&self, caller: &Caller, asked: Vec<PlainSecret>) -> Result<Vec<SecretEdit>, ScimError> {
        let settings = &caller.tenant.settings;
        let mut edits = Vec::with_capacity(asked.len());
        for (at, value) in asked {
            let is_password = at.extension().is_none() && at.attr().name == "password";
            match settings.passwords.unwrap_or_default() {
                Passwords::Discard if is_password => continue,
                Passwords::Refuse if is_password => {
                    return Err(ScimError::invalid_value(
                        "password: this tenant takes no passwords; leave the attribute out",
                    ));
                }
                _ => {}
            }
            let value = match value {
                None => None,
                Some(value) => {
                    self.check_secret(&at, &value, is_password, settings)?;
                    Some(match self.store.capabilities().secrets {
                        Secrets::Refused => {
                            return Err(ScimError::invalid_value(format!(
                                "{at}: the store behind this tenant keeps no secrets"
                            )));
                        }
                        // What nobody can type nobody can log in with, whoever keeps it.
                        Secrets::Forwarded => password::prepare(value.expose_secret())?.into(),
                        Secrets::Hashed => self.hash(value).await?,
                    })
                }
            };
            edits.push(SecretEdit { at, value });
        }
        Ok(edits)
    }

    fn check_secret(
        &self,
        at: &AttrPath,
        value: &SecretString,
        is_password: bool,
        settings: &TenantSettings,
    ) -> Result<(), ScimError> {
        let most = self.env.limits.password;
        if value.expose_secret().len() > most {
            return Err(ScimError::invalid_value(format!("{at} is longer than {most} bytes")));
        }
        match settings.password_min {
            Some(least) if is_password && value.expose_secret().chars().count() < least => {
                Err(ScimError::invalid_value(format!("{at} is shorter than {least} characters")))
            }
            _ => Ok(()),
        }
    }

    async fn hash(&self, value: SecretString) -> Result<SecretString, ScimError> {
        let mut salt = [0; 16];
        self.env.entropy.fill(&mut salt);
        self.offload(move || {
            let prepared = password::prepare(value.expose_secret())?;
            password::hash(&prepared, &salt)
        })
        .await?
    }

    /// Is this the user's password? False also for a user without one. The name is compared as in filters; the work is
    /// the same whether or not the user exists. Fails as `Unavailable` when too many passwords are being worked on.
    pub async fn verify_password(
        &self,
        scope: &Scope,
        tenant: &Tenant,
        user_name: &str,
        candidate: SecretString,
    ) -> Result<bool, ScimError> {
        if candidate.expose_secret().len() > self.env.limits.password {
            return Ok(false);
        }
        let hash = match self.user_named(scope, tenant, user_name).await? {
            Some((key, at)) => self.store.secret(scope, &key, &at).await?,
            None => None,
        };
        self.offload(move || {
            let Ok(prepared) = password::prepare(candidate.expose_secret()) else { return false };
            match hash {
                Some(hash) => password::verify(&prepared, &hash),
                // As long as a real check takes, or the time would tell who exists.
                None => password::verify_nobody(&prepared),
            }
        })
        .await
    }

    async fn user_named(
        &self,
        scope: &Scope,
        tenant: &Tenant,
        user_name: &str,
    ) -> Result<Option<(Key, AttrPath)>, ScimError> {
        let types = tenant.registry.types().iter();
        let Some((rt, name, at)) = types
            .filter_map(|rt| {
                Some((rt, path::attribute("userName", rt, false)?, path::attribute("password", rt, false)?))
            })
            .next()
        else {
            return Ok(None);
        };
        let key = name.leaf().text.key(user_name).into_owned();
        let leaf = Leaf::Compare(name, Compare::Eq, Operand::Text { raw: user_name.to_owned(), key });
        let query = Query {
            from: vec![Source { kind: rt.kind.clone(), filter: Some(BoundFilter::Leaf(leaf)), sort: None }],
            order: None,
            window: Window::Offset { skip: 0, count: 1 },
            select: Select::bare(),
            total: false,
        };
        let page = walk::page(&*self.store, scope, &tenant.registry, &self.env.limits, &query).await?;
        Ok(page.records.into_iter().next().map(|record| (record.key, at)))
    }

    async fn offload<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ScimError> {
        let busy = || {
            ScimError::unavailable(
                "too many passwords are being worked on just now; try again",
                std::time::Duration::from_secs(1),
            )
        };
        let (done, answer) = oneshot::channel();
        let job = Box::new(move || drop(done.send(work())));
        self.env.pool.submit(job).map_err(|_| busy())?;
        answer.await.map_err(|_| busy())
    }
}
