//! `doctor`: what is wrong with the store, and how to mend it.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use scim_core::clock::Clock;
use serde_json::json;

use crate::backends::{Diagnosis, Doctor, Examination, Reached, doctors};
use crate::edge::SystemClock;
use crate::say::say;
use crate::schemas;

use super::{Context, Format};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the system is, in the place of what the configuration says.
    #[arg(long)]
    url: Option<String>,
    /// As whom to come there.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file of the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<String>,
    /// Print a ready configuration for what is found there.
    #[arg(long)]
    print_config: bool,
    /// Also make two users and a group in a directory of mode "write", change, rename and delete them, and look what comes of it:
    /// memberOf, references, assertions, post-read. They cannot log in, and are removed again in any case.
    #[arg(long, conflicts_with = "print_config")]
    write_probe: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Arguments {
    fn reached(&self) -> Reached {
        Reached { url: self.url.clone(), user: self.user.clone(), password_file: self.password_file.clone() }
    }

    /// The environment with what the arguments say over it; None where they say nothing.
    pub fn environment(&self) -> Result<Option<HashMap<String, String>>> {
        let Some(url) = &self.url else {
            if self.user.is_some() || self.password_file.is_some() {
                bail!("--user and --password-file need --url; or set them in the configuration");
            }
            return Ok(None);
        };
        let scheme = url.split(':').next().unwrap_or_default();
        let by_scheme = |doctor: &Doctor| doctor.schemes.iter().any(|own| own.eq_ignore_ascii_case(scheme));
        let doctor = doctors().into_iter().find(by_scheme);
        let doctor = doctor.with_context(|| {
            let known =
                doctors().iter().flat_map(|doctor| doctor.schemes).map(|one| format!("{one}://")).collect::<Vec<_>>();
            format!("--url {url:?} is of no system that is known here; known are {}", known.join(", "))
        })?;
        let mut environment =
            std::env::vars().filter(|(name, _)| name.starts_with("SCIM__")).collect::<HashMap<_, _>>();
        environment.insert("SCIM__STORE__BACKEND".into(), doctor.name.into());
        environment
            .extend((doctor.settings)(&self.reached()).into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(Some(environment))
    }
}

/// Looks, and says what it saw. Fails where something does not work.
pub async fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let store = &context.settings.store;
    let diagnosis = match doctors().into_iter().find(|doctor| doctor.name == store.backend) {
        Some(doctor) => {
            let types = schemas::compile(&context.settings.schemas)?.plain.types().to_vec();
            let examination = Examination {
                section: store.selected(),
                reached: arguments.reached(),
                types,
                now: SystemClock.now(),
                limits: context.settings.limits.clone(),
                print_config: arguments.print_config,
                write_probe: arguments.write_probe,
            };
            (doctor.examine)(examination).await?
        }
        None if arguments.print_config => bail!("the backend {} needs no configuration to be found out", store.backend),
        None if arguments.write_probe => bail!(
            "--write-probe: a store of the backend {} is the server's own: there is nothing that only writing shows; leave --write-probe \
             out",
            store.backend
        ),
        None => ask(context).await?,
    };
    match arguments.format {
        Format::Text => say(diagnosis.text.trim_end())?,
        Format::Json => say(serde_json::to_string_pretty(&diagnosis.json)?)?,
    }
    if diagnosis.works { Ok(()) } else { bail!("there are problems; the lines above say how to mend them") }
}

/// What every store can be asked: what it can do, and how it is.
async fn ask(context: &Context<'_>) -> Result<Diagnosis> {
    let stores = match context.looked().await? {
        Ok(stores) => stores,
        Err(older) => {
            let store = &context.settings.store.backend;
            let json = json!({ "store": store, "state": older.to_string(), "works": true });
            return Ok(Diagnosis { text: format!("store   {store}\nstate   {older}"), json, works: true });
        }
    };
    let store = &stores.opened.store;
    let health = store.health().await;
    let can = store.capabilities();
    let (works, state) = match &health {
        Ok(health) => (true, health.note.clone().unwrap_or_else(|| "in order".into())),
        Err(error) => (false, error.to_string()),
    };
    let text = format!("store   {}\nwrites  {:?}\nstate   {state}", can.name, can.writes);
    let json = json!({ "store": can.name, "writes": format!("{:?}", can.writes), "state": state, "works": works });
    Ok(Diagnosis { text, json, works })
}
