//! The LDAP row of the factory table.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use backend_ldap::LdapStore;
use backend_ldap::directory::Directory;
use backend_ldap::doctor::{self, Finding, Probe};
use backend_ldap::settings::Settings;
use futures_util::FutureExt;
use scim_core::clock::Entropy;
use scim_core::limits::Limits;
use tokio::signal::unix::{SignalKind, signal};

use crate::backends::{Diagnosis, Doctor, Examination, Factory, Opened, Purpose, Reached};
use crate::config::Section;
use crate::config::ldap::{LdapSettings, keys};
use crate::edge::SystemEntropy;
use crate::say::complain;

/// Between two tries to reach a directory at the start.
const PAUSE: Duration = Duration::from_secs(1);

/// `store.backend = "ldap"`.
pub const FACTORY: Factory = Factory {
    name: "ldap",
    keys,
    keeps_control: false,
    // The directory is there, whoever asks.
    begun: |_| Ok(true),
    open: |section, purpose, limits| async move { open(&section, purpose, &limits).await }.boxed(),
    restore: None,
};

/// A directory keeps no tenants and no credentials: they stand in `[control]` or in `[[tokens]]`.
async fn open(section: &Section, purpose: Purpose, limits: &Limits) -> Result<Opened> {
    let settings = section.read::<LdapSettings>()?;
    let directory = Directory::open(settings.options()?).context("[store.ldap]")?;
    let own = settings.settings(limits.retry_max)?;
    let begun = Instant::now();
    let store = loop {
        match LdapStore::open(directory.clone(), own.clone()).await {
            // What the directory is decides what we are: a server waits for it, as both may be starting at once.
            Err(error) if error.is_lost() && purpose == Purpose::Serve && begun.elapsed() < settings.start_time() => {
                tracing::warn!(%error, "waiting for the directory");
                tokio::time::sleep(PAUSE).await;
            }
            done => break done,
        }
    };
    let store = store.context(
        "the directory of [store.ldap] cannot be used: start it, or mend store.ldap.urls, bind_dn or ca, and start again \
         (`scim-server doctor` says more)",
    )?;
    Ok(Opened { store: Arc::new(store), control: None, upkeep: None })
}

/// How a directory is examined.
pub const DOCTOR: Doctor = Doctor {
    name: FACTORY.name,
    schemes: &["ldap", "ldaps", "ldapi"],
    settings: |reached: &Reached| {
        let given = [
            ("SCIM__STORE__LDAP__URLS", &reached.url),
            ("SCIM__STORE__LDAP__BIND_DN", &reached.user),
            ("SCIM__STORE__LDAP__BIND_PASSWORD_FILE", &reached.password_file),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    },
    examine: |examination| async move { examine(examination).await }.boxed(),
};

async fn examine(asked: Examination) -> Result<Diagnosis> {
    const SILENT: &str = "the directory of [store.ldap] cannot be examined";
    let own = asked.section.read::<LdapSettings>()?;
    let directory = Directory::open(own.options()?).context("[store.ldap]")?;
    let settings = own.settings(asked.limits.retry_max)?;
    if asked.print_config {
        let connection = own.connection(asked.reached.password_file.as_deref());
        let text = doctor::example::config(&directory, &settings, &connection).await.context(SILENT)?;
        return Ok(Diagnosis { json: serde_json::json!({ "config": text }), text, works: true });
    }
    if let Some(why) = doctor::refusal(&settings).filter(|_| asked.write_probe) {
        bail!(why);
    }
    let mut report = doctor::examine(&directory, &settings, &asked.types, asked.now).await.context(SILENT)?;
    if asked.write_probe {
        report.add(probe(&directory, &settings, &asked).await.context(SILENT)?);
    }
    Ok(Diagnosis { text: report.to_string(), json: serde_json::to_value(&report)?, works: !report.has_problems() })
}

/// Tries what only writing shows. Who asks the command to end is heard, and waits until all that was made is removed.
async fn probe(directory: &Directory, settings: &Settings, asked: &Examination) -> Result<Vec<Finding>> {
    let mut chance = [0; 16];
    SystemEntropy.fill(&mut chance);
    let stop = Arc::new(AtomicBool::new(false));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let told = stop.clone();
    let listens = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
            complain("stopping: what the probe made is removed");
            told.store(true, Ordering::Relaxed);
        }
    });
    let probe = Probe { types: &asked.types, now: asked.now, chance: u128::from_be_bytes(chance), stop: &stop };
    // Whoever ends the process without a word knows what may be left.
    complain(format!("probing: entries {} are made, and removed again", probe.names()));
    let found = probe.run(directory, settings).await;
    listens.abort();
    Ok(found?)
}
