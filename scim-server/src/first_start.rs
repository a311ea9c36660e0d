//! The first start: an empty store gets a tenant and a token, so that ten minutes are enough.

use anyhow::{Result, bail};
use scim_core::access::Right;
use scim_core::clock::{Clock, Timestamp};
use scim_core::store::TenantId;
use scim_core::store::control::{ControlStore, CredentialRow, TenantRow, TenantSettings};
use secrecy::{ExposeSecret, SecretString};

use crate::auth::token;
use crate::config::Sources;
use crate::edge::{SystemClock, random};

/// The tenant that an empty store gets.
pub const TENANT: &str = "default";
/// The environment variable that sets the first token.
pub const VARIABLE: &str = "SCIM_BOOTSTRAP_TOKEN";
/// Says that there was a first start: who revokes all tokens does not get a new one by starting again.
pub const NOTE: &str = "first_start";
/// Says which server makes the first token.
const MADE_BY: &str = "first_start.by";
/// Days for which the first token is good.
const DAYS: i64 = 365;

/// What the first start made.
#[derive(Debug)]
pub struct First {
    /// The token; None where the operator gave it.
    pub token: Option<SecretString>,
}

/// `SCIM_BOOTSTRAP_TOKEN`, which is refused where it would protect nothing.
pub(crate) fn given_token(sources: &Sources) -> Result<Option<SecretString>> {
    let value = match &sources.environment {
        Some(environment) => environment.get(VARIABLE).cloned(),
        None => match std::env::var(VARIABLE) {
            Ok(value) => Some(value),
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => bail!("{} is no text", VARIABLE),
        },
    };
    value.iter().try_for_each(|value| token::check_given(VARIABLE, value))?;
    Ok(value.map(SecretString::from))
}

/// Makes tenant and token where there is nothing yet. `given` is the token the operator set, if any.
pub async fn prepare(control: &dyn ControlStore, given: Option<SecretString>) -> Result<Option<First>> {
    let now = SystemClock.now();
    let credentials = control.credentials(None).await?;
    if !credentials.is_empty() {
        if given.is_some() {
            tracing::warn!("{VARIABLE} is ignored: there is a token already; unset it");
        }
        warn_of_ends(&credentials, now);
        return Ok(None);
    }
    let tenants = control.tenants().await?;
    let begun = control.note(NOTE).await?.is_some();
    let fresh = !begun && tenants.iter().all(|row| row.id.as_str() == TENANT);
    if given.is_none() && (!fresh || !first_of_many(control).await?) {
        return Ok(None);
    }
    let id = TenantId::new(TENANT);
    if tenants.is_empty() {
        let row = TenantRow { id: id.clone(), disabled: false, created: now, settings: TenantSettings::default() };
        control.create_tenant(&row).await?;
    } else if !tenants.iter().any(|row| row.id == id) {
        bail!(
            "{VARIABLE} is for the tenant {TENANT}, which does not exist: unset it, and use scim-server token create"
        );
    }
    let made = if given.is_some() { None } else { Some(token::generate()) };
    let Some(secret) = made.as_ref().or(given.as_ref()) else { return Ok(None) };
    let row = CredentialRow {
        tenant: id,
        name: "first".into(),
        digest: token::digest(secret.expose_secret()),
        rights: vec![Right { endpoint: None, write: true }],
        profile: None,
        subject: None,
        created: now,
        expires: Some(now.plus_seconds(DAYS * 86_400)),
        last_used: None,
    };
    if let Err(error) = control.create_credential(&row).await {
        // Another server was given the same token, and was quicker.
        match control.credential(&row.digest).await? {
            Some(_) => return Ok(None),
            None => return Err(error.into()),
        }
    }
    control.set_note(NOTE, b"done", false).await?;
    Ok(Some(First { token: made }))
}

/// Of servers that start together on one empty store, only one prints a token.
async fn first_of_many(control: &dyn ControlStore) -> Result<bool> {
    let own = random();
    let first = control.set_note(MADE_BY, &own, true).await? == own;
    if !first {
        tracing::warn!(
            "another server makes the first token; where it did not come to that: scim-server token create --tenant {TENANT}"
        );
    }
    Ok(first)
}

/// Warns of credentials that end within 30 days.
pub fn warn_of_ends(credentials: &[CredentialRow], now: Timestamp) {
    for row in credentials {
        if let Some(end) = row.expires
            && end < now.plus_seconds(30 * 86_400)
        {
            let state = if end <= now { "has expired" } else { "expires soon" };
            tracing::warn!(tenant = %row.tenant, credential = row.name, %end, "a token {state}; scim-server token rotate makes a new one");
        }
    }
}

impl First {
    /// What the operator is told, once.
    pub fn text(&self, base: &str) -> String {
        let token = match &self.token {
            Some(token) => format!("{}\n                  (shown once: only its hash is kept)", token.expose_secret()),
            None => format!("the one in {VARIABLE}"),
        };
        format!(
            "\
This is the first start: the tenant \"{TENANT}\" was made.

  SCIM base URL   {base}
  Bearer token    {token}

Microsoft Entra ID: Enterprise applications > your application > Provisioning > Admin credentials
  Tenant URL      {base}
  Secret Token    the token
Okta: Applications > your application > Provisioning > Integration
  SCIM connector base URL            {base}
  Unique identifier field for users  userName
  Authentication mode                HTTP Header, with the token as the bearer token

Both reach the server over the internet and want https: set server.public_url and [server.tls], or put a proxy in front.
More tokens: scim-server token create --tenant {TENANT} --name NAME"
        )
    }
}
