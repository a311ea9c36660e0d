//! `tenant create|list|show|disable|enable|release|deleted|undelete|delete|set`.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use scim_core::clock::Clock;
use scim_core::query::Select;
use scim_core::store::control::{
    ControlStore, DELETED, DELETED_MARK, ExternalIds, TenantRow, TenantSettings, pause_note,
};
use scim_core::store::{ResourceId, Scope, StoreExt, TenantId};
use serde_json::{Value, json};

use crate::edge::SystemClock;
use crate::say::{columns, say};
use crate::schemas;
use crate::stores::Stores;
use crate::tenancy::check_name;

use super::{Context, Format};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a tenant.
    Create {
        /// Lower-case letters, digits and -.
        name: String,
    },
    /// List the tenants.
    List {
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show one tenant with its settings.
    Show {
        /// Which.
        name: String,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Refuse all credentials of a tenant; its data stay.
    Disable {
        /// Which.
        name: String,
    },
    /// Let a disabled tenant in again.
    Enable {
        /// Which.
        name: String,
    },
    /// Let writes go on that a brake of the directory has paused.
    Release {
        /// Which.
        name: String,
    },
    /// List the resources that were deleted over SCIM and stand in the directory still.
    Deleted {
        /// Whose.
        name: String,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show resources again that were deleted over SCIM and stand in the directory still; they stay inactive.
    Undelete {
        /// Whose.
        name: String,
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Delete a tenant with its credentials and all its resources.
    Delete {
        /// Which.
        name: String,
        /// Do not ask for the name again.
        #[arg(long)]
        yes: bool,
    },
    /// Change settings: profile, on_missing_member, unique_group_names, require_if_match, passwords, password_min, me,
    /// domains, protected, resources_max. An empty value gives a setting back to the server's default.
    Set {
        /// Which.
        name: String,
        /// Such as profile=entra require_if_match=true domains=example.com,example.org.
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
}

/// Does it.
pub async fn run(context: &Context<'_>, command: Command) -> Result<()> {
    let stores = match &command {
        Command::Create { .. } => context.new_stores().await?,
        _ => context.stores().await?,
    };
    let control = stores.control.as_ref();
    match command {
        Command::Create { name } => create(control, &name).await,
        Command::List { format } => list(control, format).await,
        Command::Show { name, format } => show(control, &name, format).await,
        Command::Disable { name } => change(control, &name, |row| row.disabled = true, "is disabled").await,
        Command::Enable { name } => change(control, &name, |row| row.disabled = false, "is enabled").await,
        Command::Release { name } => release(context, control, &name).await,
        Command::Deleted { name, format } => deleted(&*kept(&stores.control)?, control, &name, format).await,
        Command::Undelete { name, ids } => undelete(&*kept(&stores.control)?, control, &name, &ids).await,
        Command::Delete { name, yes } => delete(control, &name, yes).await,
        Command::Set { name, settings } => set(context, &stores, &name, &settings).await,
    }
}

async fn create(control: &dyn ControlStore, name: &str) -> Result<()> {
    check_name(name)?;
    let settings = TenantSettings::default();
    let row = TenantRow { id: TenantId::new(name), disabled: false, created: SystemClock.now(), settings };
    if !control.create_tenant(&row).await? {
        bail!("the tenant {name} exists already");
    }
    Ok(say(format!(
        "the tenant {name} was made; scim-server token create --tenant {name} --name NAME makes a token for it"
    ))?)
}

async fn list(control: &dyn ControlStore, format: Format) -> Result<()> {
    let rows = control.tenants().await?;
    if format == Format::Json {
        return print(&Value::Array(rows.iter().map(json).collect()));
    }
    let cells = |row: &TenantRow| vec![row.id.to_string(), state(row).to_owned(), row.created.to_string()];
    Ok(say(columns(&["NAME", "STATE", "MADE"], &rows.iter().map(cells).collect::<Vec<_>>()))?)
}

/// Ends a pause. The server asks with every write while there is one.
async fn release(context: &Context<'_>, control: &dyn ControlStore, name: &str) -> Result<()> {
    if !context.settings.tokens.is_empty() {
        bail!("without a control store a pause is kept by the server alone: start it anew, or set [control] backend");
    }
    find(control, name).await?;
    let Some(why) = paused(control, name).await? else {
        return Ok(say(format!("the writes of the tenant {name} are not paused"))?);
    };
    control.set_note(&pause_note(&TenantId::new(name)), &[], false).await?;
    Ok(say(format!("the tenant {name} may write again; it was paused by {why}"))?)
}

/// What is kept beside a directory.
fn kept(control: &Arc<dyn ControlStore>) -> Result<Arc<dyn ExternalIds>> {
    let kept = control.clone().external_ids();
    kept.context("nothing is kept beside the directory: set [control] backend")
}

async fn deleted(kept: &dyn ExternalIds, control: &dyn ControlStore, name: &str, format: Format) -> Result<()> {
    find(control, name).await?;
    let ids = kept.with(&TenantId::new(name), DELETED, DELETED_MARK).await?;
    match format {
        Format::Json => print(&serde_json::to_value(&ids)?),
        Format::Text => Ok(say(columns(&["ID"], &ids.iter().map(|id| vec![id.to_string()]).collect::<Vec<_>>()))?),
    }
}

async fn undelete(kept: &dyn ExternalIds, control: &dyn ControlStore, name: &str, ids: &[String]) -> Result<()> {
    find(control, name).await?;
    let tenant = TenantId::new(name);
    let ids: Vec<ResourceId> = ids.iter().map(|id| ResourceId::new(id)).collect();
    let found = kept.of(&tenant, DELETED, &ids).await?;
    if let Some(id) = ids.iter().find(|id| !found.iter().any(|(own, _)| own == *id)) {
        bail!(
            "{id} was not deleted over SCIM, or stands in the directory no more: scim-server tenant deleted {name} lists them"
        );
    }
    for id in &ids {
        kept.set(&tenant, DELETED, id, None).await?;
    }
    Ok(say(format!("{} resources of the tenant {name} are shown again", ids.len()))?)
}

/// Why a tenant may not write, where a brake has paused it.
async fn paused(control: &dyn ControlStore, name: &str) -> Result<Option<String>> {
    let note = control.note(&pause_note(&TenantId::new(name))).await?;
    Ok(note.filter(|note| !note.is_empty()).map(|note| String::from_utf8_lossy(&note).into_owned()))
}

async fn show(control: &dyn ControlStore, name: &str, format: Format) -> Result<()> {
    let row = find(control, name).await?;
    let paused = paused(control, name).await?;
    if format == Format::Json {
        let mut shown = json(&row);
        if let (Some(shown), Some(why)) = (shown.as_object_mut(), paused) {
            shown.insert("paused".into(), why.into());
        }
        return print(&shown);
    }
    let mut rows = vec![
        vec!["name".into(), row.id.to_string()],
        vec!["state".into(), state(&row).into()],
        vec!["made".into(), row.created.to_string()],
    ];
    rows.extend(paused.map(|why| vec!["paused".into(), format!("by {why}; scim-server tenant release {name}")]));
    for (key, value) in serde_json::to_value(&row.settings)?.as_object().into_iter().flatten() {
        rows.push(vec![key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)]);
    }
    Ok(say(columns(&["SETTING", "VALUE"], &rows))?)
}

async fn delete(control: &dyn ControlStore, name: &str, yes: bool) -> Result<()> {
    find(control, name).await?;
    if !yes {
        bail!("this deletes the tenant {name} with all its resources and tokens for good; add --yes to do it");
    }
    if !control.delete_tenant(&TenantId::new(name)).await? {
        bail!("there is no tenant {name}");
    }
    if paused(control, name).await?.is_some() {
        control.set_note(&pause_note(&TenantId::new(name)), &[], false).await?;
    }
    Ok(say(format!("the tenant {name} was deleted"))?)
}

async fn set(context: &Context<'_>, stores: &Stores, name: &str, pairs: &[String]) -> Result<()> {
    let control = stores.control.as_ref();
    let row = find(control, name).await?;
    let mut settings = serde_json::to_value(&row.settings)?;
    for pair in pairs {
        let (key, value) = pair.split_once('=').with_context(|| format!("{pair:?} is no KEY=VALUE"))?;
        let Some(table) = settings.as_object_mut() else { bail!("the stored settings of {name} are damaged") };
        match typed(key, value) {
            Some(value) => table.insert(key.to_owned(), value),
            None => table.remove(key),
        };
        // Each by itself, so that the error names the right one.
        let checked: Result<TenantSettings, _> = serde_json::from_value(settings.clone());
        checked.with_context(|| format!("{key} = {value:?}"))?;
    }
    let settings: TenantSettings = serde_json::from_value(settings)?;
    if let Some(wrong) = settings.domains.iter().find(|domain| !is_domain(domain)) {
        bail!("domains: {wrong:?} is no domain; write what stands behind the @ of an address, such as example.com");
    }
    for id in settings.protected.iter().filter(|id| !row.settings.protected.contains(id)) {
        // What is protected under a wrong id is not protected.
        if !has(context, stores, &row, id).await? {
            bail!(
                "protected: the tenant {name} has no resource with the id {id:?}; give ids as GET /Groups shows them"
            );
        }
    }
    change(control, name, |row| row.settings = settings.clone(), "has new settings, in force from the next request on")
        .await
}

/// Can this stand behind the @ of an address? Names in scripts other than Latin are domains too.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |letter: char| letter == '-' || letter.is_alphanumeric();
        (1..=63).contains(&label.chars().count()) && label.chars().all(fits)
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Does a resource of the tenant have this id?
pub async fn has(context: &Context<'_>, stores: &Stores, row: &TenantRow, id: &str) -> Result<bool> {
    let registries = schemas::compile(&context.settings.schemas)?;
    let types = registries.of(&row.settings).types();
    stores.opened.store.prepare(&row.id, types).await?;
    let scope = Scope {
        tenant: row.id.clone(),
        actor: "command".into(),
        request: "command".into(),
        now: SystemClock.now(),
        deadline: None,
    };
    let id = ResourceId::new(id);
    for rt in types {
        if stores.opened.store.get(&scope, &rt.kind, &id, &Select::bare()).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The value as JSON; None to give the setting back.
fn typed(key: &str, value: &str) -> Option<Value> {
    match (key, value) {
        (_, "") => None,
        ("domains" | "protected", list) => {
            Some(list.split(',').map(str::trim).filter(|part| !part.is_empty()).collect())
        }
        (_, "true") => Some(true.into()),
        (_, "false") => Some(false.into()),
        (_, text) => Some(text.parse::<u64>().map_or_else(|_| text.into(), Value::from)),
    }
}

async fn change(control: &dyn ControlStore, name: &str, change: impl Fn(&mut TenantRow), said: &str) -> Result<()> {
    let mut row = find(control, name).await?;
    change(&mut row);
    if !control.update_tenant(&row).await? {
        bail!("there is no tenant {name}");
    }
    Ok(say(format!("the tenant {name} {said}"))?)
}

/// The tenant of this name.
pub async fn find(control: &dyn ControlStore, name: &str) -> Result<TenantRow> {
    let row = control.tenant(&TenantId::new(name)).await?;
    row.with_context(|| format!("there is no tenant {name:?}; scim-server tenant list shows those there are"))
}

fn state(row: &TenantRow) -> &'static str {
    if row.disabled { "disabled" } else { "enabled" }
}

fn json(row: &TenantRow) -> Value {
    json!({
        "name": row.id, "disabled": row.disabled, "created": row.created.to_string(), "settings": row.settings,
    })
}

/// Prints JSON.
pub fn print(value: &Value) -> Result<()> {
    Ok(say(serde_json::to_string_pretty(value)?)?)
}
