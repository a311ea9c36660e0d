//! The LDAP row of the factory table.

use std::sync::Arc;

use anyhow::{Context, Result};
use backend_ldap::LdapStore;
use backend_ldap::directory::Directory;
use futures_util::FutureExt;
use scim_core::limits::Limits;

use crate::backends::{Factory, Opened};
use crate::config::Section;
use crate::config::ldap::{LdapSettings, keys};

/// `store.backend = "ldap"`.
pub const FACTORY: Factory = Factory {
    name: "ldap",
    keys,
    // The directory is there, whoever asks.
    begun: |_| Ok(true),
    open: |section, _, limits| async move { open(&section, &limits).await }.boxed(),
    restore: None,
};

/// A directory keeps no tenants and no credentials: they stand in `[control]` or in `[[tokens]]`.
async fn open(section: &Section, limits: &Limits) -> Result<Opened> {
    let settings = section.read::<LdapSettings>()?;
    let directory = Directory::open(settings.options()?).context("[store.ldap]")?;
    let store = LdapStore::open(directory, settings.settings(limits.retry_max)?).await;
    let store = store.context("the directory of [store.ldap] does not answer")?;
    Ok(Opened { store: Arc::new(store), control: None, upkeep: None })
}
