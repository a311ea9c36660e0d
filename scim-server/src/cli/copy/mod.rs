//! `copy --from A.toml --to B.toml`: every tenant with its resources, links, secrets and tokens, from one store to another,
//! ids, versions and times kept. A second pass then reads both sides and compares.
//!
//! `resources` what is written · `verify` what is compared. Running it again goes on where it broke off, without a file
//! that says how far it got: what stands in the target already is passed over. A tenant is disabled there, and has no
//! tokens, until all of it was copied and found equal.

mod resources;
mod verify;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use futures_util::StreamExt;
use indicatif::ProgressBar;
use scim_core::access::Rules;
use scim_core::clock::Clock;
use scim_core::query::Select;
use scim_core::schema::ResourceType;
use scim_core::store::control::{ControlStore, TenantRow};
use scim_core::store::{IdsFrom, Keeps, Record, Scan, Scope, Secrets, Store, TenantId, Version, Versions, Writes};

use super::clients::client_of;
use crate::backends::{Factory, Purpose, find};
use crate::config::{Settings, Sources};
use crate::edge::{SystemClock, random};
use crate::first_start;
use crate::say::{bar, complain, say};
use crate::schemas;
use crate::stores::{CURSOR_KEY, Stores};
use crate::tenancy::Registries;

/// Resources that are read and written together.
const BATCH: usize = 500;
/// Names of the server's own values that move with the tenants.
const NOTES: &[&str] = &[CURSOR_KEY, first_start::NOTE, schemas::NOTE, schemas::NAMES];
/// What begins with a copy, where the source's versions mean nothing elsewhere.
const FIRST: &str = "1";
/// Where a copy leaves its mark, to find out whether both sides are one.
const MARK: &str = "copy.mark";

#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration of the store to read. No server may be running on it.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The configuration of the store to write. No server may be running on it.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Whose `externalId`s are copied, where the source keeps them for each client by itself (beside a directory). The only client's,
    /// where there is one.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
}

/// One of the two stores.
struct Side {
    stores: Stores,
    registries: Registries,
}

/// One tenant on its way.
struct Tenant<'a> {
    from: &'a dyn Store,
    to: &'a dyn Store,
    scope: Scope,
    types: &'a [Arc<ResourceType>],
    unique_group_names: bool,
    /// The source's own versions can stand in the target.
    versions: bool,
    /// The source gives its hashes away.
    secrets: bool,
    bar: &'a ProgressBar,
}

/// Does it.
pub async fn run(backends: &[Factory], arguments: Arguments) -> Result<()> {
    let from = Side::open(backends, &arguments.from, true).await?;
    let to = Side::open(backends, &arguments.to, false).await?;
    check(&from, &to).await?;
    let (source, target) = (from.stores.control.as_ref(), to.stores.control.as_ref());
    let bar = bar(None);
    let rows = source.tenants().await?;
    let mut count = 0;
    for row in &rows {
        receive(target, row).await?;
        let client = client_of(&from.stores, row.id.as_str(), arguments.client.clone()).await?;
        let tenant = Tenant::new(&from, &to, row, client.as_deref(), &bar);
        let doing = || format!("tenant {}", row.id);
        if from.stores.opened.control.is_none() {
            // What a directory holds of the types is known once it was asked.
            from.stores.opened.store.prepare(&row.id, tenant.types).await.with_context(doing)?;
        }
        to.stores.opened.store.prepare(&row.id, tenant.types).await.with_context(doing)?;
        tenant.copy().await.with_context(doing)?;
        count += tenant.verify().await.with_context(doing)?;
        credentials(source, target, &row.id).await.with_context(doing)?;
        ensure!(target.update_tenant(row).await?, "the tenant {} went away meanwhile", row.id);
    }
    for name in NOTES {
        if let Some(value) = source.note(name).await? {
            target.set_note(name, &value, false).await?;
        }
    }
    verify::control(source, target).await?;
    bar.finish_and_clear();
    if from.stores.opened.store.capabilities().secrets != Secrets::Hashed {
        complain("passwords stay in the directory: nobody reads them there");
    }
    Ok(say(format!("{} tenants with {count} resources were copied, read back and found equal", rows.len()))?)
}

impl Side {
    /// Settings come from the file alone: what the environment says cannot be meant for both sides.
    async fn open(backends: &[Factory], path: &Path, is_source: bool) -> Result<Side> {
        let name = || path.display().to_string();
        let sources = Sources { file: Some(path.to_owned()), environment: Some(HashMap::new()) };
        let settings = Settings::load(&sources, backends).with_context(name)?;
        if is_source && !(find(&settings.store, backends)?.begun)(&settings.store.selected()).with_context(name)? {
            bail!("{}: there is no store to copy from", name());
        }
        let stores = Stores::open(&settings, backends, Purpose::Serve).await.with_context(name)?;
        let registries = schemas::load(&settings.schemas, stores.control.as_ref()).await.with_context(name)?;
        Ok(Side { stores, registries })
    }
}

/// Can this be copied there?
async fn check(from: &Side, to: &Side) -> Result<()> {
    let mark = random();
    to.stores.control.set_note(MARK, &mark, false).await?;
    if from.stores.control.note(MARK).await?.is_some_and(|found| found == mark) {
        bail!("--from and --to lead to one store");
    }
    if from.registries.plain.fingerprint() != to.registries.plain.fingerprint() {
        bail!("--from and --to have different [[schemas]]: copy with the same, change them afterwards");
    }
    let can = to.stores.opened.store.capabilities();
    let keeps = can.writes == Writes::Full && can.ids == IdsFrom::Core && can.history == Keeps::Yes;
    if !keeps || can.secrets != Secrets::Hashed {
        bail!("{} cannot be copied into: it keeps no ids, versions, times or secrets from elsewhere", can.name);
    }
    Ok(())
}

/// Makes the tenant in the target, disabled until both sides have been compared and found equal. One that is there already
/// must be of an earlier run.
async fn receive(target: &dyn ControlStore, row: &TenantRow) -> Result<()> {
    let waiting = TenantRow { disabled: true, ..row.clone() };
    if target.create_tenant(&waiting).await? {
        return Ok(());
    }
    let found = target.tenant(&row.id).await?;
    if found.is_none_or(|found| found.created != row.created) {
        bail!("another tenant {} is there already: delete it in the target, or copy into an empty store", row.id);
    }
    target.update_tenant(&waiting).await?;
    Ok(())
}

/// Brings the tokens of a tenant: those there are, and no others.
async fn credentials(source: &dyn ControlStore, target: &dyn ControlStore, tenant: &TenantId) -> Result<()> {
    let there = target.credentials(Some(tenant)).await?;
    let here = source.credentials(Some(tenant)).await?;
    let strange = there.iter().find(|row| !here.iter().any(|own| own.digest == row.digest));
    if let Some(row) = strange {
        bail!("the target has a token {:?} that the source has not: revoke it there", row.name);
    }
    for row in here.iter().filter(|row| !there.iter().any(|other| other.digest == row.digest)) {
        target.create_credential(row).await?;
    }
    Ok(())
}

impl<'a> Tenant<'a> {
    fn new(from: &'a Side, to: &'a Side, row: &TenantRow, client: Option<&str>, bar: &'a ProgressBar) -> Self {
        let rules: Rules = row.settings.profile.unwrap_or_default().rules();
        let unique_group_names = row.settings.unique_group_names.unwrap_or(rules.unique_group_names);
        Tenant {
            from: &*from.stores.opened.store,
            to: &*to.stores.opened.store,
            scope: Scope {
                tenant: row.id.clone(),
                actor: client.unwrap_or("copy").into(),
                request: "copy".into(),
                now: SystemClock.now(),
                deadline: None,
            },
            types: from.registries.of(&row.settings).types(),
            unique_group_names,
            versions: from.stores.opened.store.capabilities().versions == Versions::Exact,
            secrets: from.stores.opened.store.capabilities().secrets == Secrets::Hashed,
            bar,
        }
    }

    /// Hands every resource of a type in the source on, in batches.
    async fn walk(
        &self,
        kind: &ResourceType,
        select: &Select,
        mut work: impl AsyncFnMut(Vec<Record>) -> Result<()>,
    ) -> Result<()> {
        let scan = Scan { kind: kind.kind.clone(), filter: None, select: select.clone() };
        let mut batches = self.from.scan(&self.scope, scan).chunks(BATCH);
        while let Some(batch) = batches.next().await {
            let mut records = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
            if !self.versions {
                // A directory's are marks of its own: counting begins here.
                records.iter_mut().for_each(|record| record.version = Version::new(FIRST));
            }
            let number = records.len();
            work(records).await?;
            self.bar.inc(number as u64);
        }
        Ok(())
    }
}

/// The document and all links.
fn everything(kind: &ResourceType) -> Select {
    kind.links.iter().fold(Select::document(), |select, link| select.with_link(link))
}
