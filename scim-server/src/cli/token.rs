//! `token create|list|revoke|rotate`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use scim_core::access::{Profile, Right};
use scim_core::clock::{Clock, Timestamp};
use scim_core::store::control::{ControlStore, CredentialRow};
use scim_core::store::{ResourceId, TenantId};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::auth::token;
use crate::edge::SystemClock;
use crate::say::{columns, say};
use crate::schemas;
use crate::stores::Stores;

use super::tenant::{find, has, print};
use super::{Context, Format, format};

/// The most credentials of one name that are good at once: the one in use and the one that replaces it.
const LIVE: usize = 2;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a token and print it, once.
    Create(Create),
    /// List the tokens: names, rights and times, never the tokens themselves.
    List {
        /// Of this tenant only.
        #[arg(long)]
        tenant: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// End all tokens of a name, from the next request on.
    Revoke {
        #[command(flatten)]
        which: Which,
    },
    /// Make a second token of the same name and rights; the first stays good for a while.
    Rotate {
        #[command(flatten)]
        which: Which,
        /// For how long the old token stays good; 0s ends it at once.
        #[arg(long, default_value = "7d", value_name = "DURATION")]
        grace: String,
        /// For how long the new token is good: 90d, 12h, or never.
        #[arg(long, default_value = "365d", value_name = "DURATION")]
        expires: String,
    },
}

#[derive(Debug, Args)]
pub struct Which {
    /// The tenant it opens.
    #[arg(long)]
    tenant: String,
    /// What logs call it.
    #[arg(long)]
    name: String,
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    which: Which,
    /// read, write, users:read, users:write, groups:read, groups:write …; several may be given [default: write].
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    scope: Vec<Right>,
    /// The client it is for: entra, okta …, or compatible or strict [default: as the tenant].
    #[arg(long, value_parser = str::parse::<Profile>)]
    client: Option<Profile>,
    /// For how long it is good: 90d, 12h, or never.
    #[arg(long, default_value = "365d", value_name = "DURATION")]
    expires: String,
    /// The id of the user that /Me means.
    #[arg(long, value_name = "USER")]
    subject: Option<String>,
}

/// Does it.
pub async fn run(context: &Context<'_>, command: Command) -> Result<()> {
    let stores = context.stores().await?;
    let control = stores.control.as_ref();
    match command {
        Command::Create(create) => {
            check_scope(context, &create.scope)?;
            if let Some(subject) = &create.subject {
                check_subject(context, &stores, &create.which.tenant, subject).await?;
            }
            self::create(control, create).await
        }
        Command::List { tenant, format } => list(control, tenant.as_deref(), format).await,
        Command::Revoke { which } => revoke(control, &which).await,
        Command::Rotate { which, grace, expires } => rotate(control, &which, &grace, &expires).await,
    }
}

async fn create(control: &dyn ControlStore, create: Create) -> Result<()> {
    let Which { tenant, name } = &create.which;
    let row = find(control, tenant).await?;
    check_name(name)?;
    let now = SystemClock.now();
    if !live(control, &create.which, now).await?.is_empty() {
        bail!("the tenant {tenant} has a token named {name} already; use scim-server token rotate, or another name");
    }
    let mut rights = create.scope;
    if rights.is_empty() {
        rights.push(Right { endpoint: None, write: true });
    }
    issue(
        control,
        CredentialRow {
            tenant: row.id,
            name: name.clone(),
            digest: token::digest(""),
            rights,
            profile: create.client,
            subject: create.subject.as_deref().map(ResourceId::new),
            created: now,
            expires: format::end(&create.expires, now)?,
            last_used: None,
        },
    )
    .await
}

/// A right to an endpoint that is none would be no right at all.
fn check_scope(context: &Context<'_>, rights: &[Right]) -> Result<()> {
    let registries = schemas::compile(&context.settings.schemas)?;
    let known = registries.plain.types().iter().map(|rt| rt.endpoint.trim_start_matches('/').to_ascii_lowercase());
    let known = known.collect::<Vec<_>>();
    for right in rights {
        let Some(endpoint) = right.endpoint.as_ref().filter(|endpoint| !known.contains(endpoint)) else { continue };
        bail!("--scope {right}: there is no endpoint {endpoint}; there are {}", known.join(", "));
    }
    Ok(())
}

/// A credential for nobody would be refused with every request.
async fn check_subject(context: &Context<'_>, stores: &Stores, tenant: &str, subject: &str) -> Result<()> {
    let row = find(stores.control.as_ref(), tenant).await?;
    if has(context, stores, &row, subject).await? {
        return Ok(());
    }
    bail!(
        "--subject {subject:?}: the tenant {tenant} has no resource with this id; give the id of a user, as \
         GET /Users?filter=userName eq \"…\" shows it"
    )
}

/// Stores a credential with a new token and prints that.
async fn issue(control: &dyn ControlStore, row: CredentialRow) -> Result<()> {
    let made = token::generate();
    control.create_credential(&CredentialRow { digest: token::digest(made.expose_secret()), ..row }).await?;
    Ok(say(made.expose_secret())?)
}

async fn rotate(control: &dyn ControlStore, which: &Which, grace: &str, expires: &str) -> Result<()> {
    let now = SystemClock.now();
    let grace = format::duration(grace)?;
    let end = format::end(expires, now)?;
    let live = live(control, which, now).await?;
    let Some(newest) = live.last() else {
        bail!(
            "the tenant {} has no token named {} that is good; use scim-server token create",
            which.tenant,
            which.name
        );
    };
    if live.len() >= LIVE {
        bail!("{} has {LIVE} good tokens already; wait until the older has expired, or revoke", which.name);
    }
    // The old ones get their end first: should the next step fail, rotating again is all that is needed.
    let tenant = TenantId::new(&which.tenant);
    control.expire(&tenant, &which.name, now.plus_seconds(grace)).await?;
    issue(control, CredentialRow { created: now, expires: end, last_used: None, ..newest.clone() }).await
}

async fn revoke(control: &dyn ControlStore, which: &Which) -> Result<()> {
    find(control, &which.tenant).await?;
    let ended = control.revoke(&TenantId::new(&which.tenant), &which.name, false).await?;
    if ended == 0 {
        bail!(
            "the tenant {} has no token named {:?}; scim-server token list shows those there are",
            which.tenant,
            which.name
        );
    }
    Ok(say(format!("{ended} tokens named {} were revoked", which.name))?)
}

/// Those that are good now, the newest last.
async fn live(control: &dyn ControlStore, which: &Which, now: Timestamp) -> Result<Vec<CredentialRow>> {
    let tenant = find(control, &which.tenant).await?.id;
    let mut rows = control.credentials(Some(&tenant)).await?;
    rows.retain(|row| row.name == which.name && row.expires.is_none_or(|end| end > now));
    rows.sort_by_key(|row| row.created);
    Ok(rows)
}

async fn list(control: &dyn ControlStore, tenant: Option<&str>, format: Format) -> Result<()> {
    let tenant = match tenant {
        Some(name) => Some(find(control, name).await?.id),
        None => None,
    };
    let rows = control.credentials(tenant.as_ref()).await?;
    if format == Format::Json {
        return print(&Value::Array(rows.iter().map(json).collect()));
    }
    let cells = |row: &CredentialRow| {
        vec![
            row.tenant.to_string(),
            row.name.clone(),
            rights(row).join(","),
            row.profile.map_or_else(|| "-".to_owned(), |profile| profile.to_string()),
            row.subject.as_ref().map_or("-", ResourceId::as_str).to_owned(),
            row.created.to_string(),
            format::moment(row.expires),
            format::moment(row.last_used),
        ]
    };
    let heading = ["TENANT", "NAME", "SCOPE", "CLIENT", "SUBJECT", "MADE", "EXPIRES", "LAST USED"];
    Ok(say(columns(&heading, &rows.iter().map(cells).collect::<Vec<_>>()))?)
}

fn json(row: &CredentialRow) -> Value {
    json!({
        "tenant": row.tenant, "name": row.name, "scope": rights(row), "client": row.profile, "subject": row.subject,
        "created": row.created.to_string(), "expires": row.expires.map(|end| end.to_string()),
        "last_used": row.last_used.map(|used| used.to_string()),
    })
}

fn rights(row: &CredentialRow) -> Vec<String> {
    row.rights.iter().map(ToString::to_string).collect()
}

/// A name stands in logs and command lines.
fn check_name(name: &str) -> Result<()> {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(good) {
        bail!("--name {name:?}: use at most 64 letters, digits and - _ . @");
    }
    Ok(())
}
