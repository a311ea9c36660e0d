//! `check-config`: is it right, what does it come to, and what will be missing?

use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Result, bail};
use scim_core::clock::Clock;
use scim_core::service::Conditions;
use scim_core::store::Capabilities;
use serde_json::Value;

use crate::config::show;
use crate::edge::SystemClock;
use crate::first_start::given_token;
use crate::say::say;
use crate::{http, schemas};

use super::Context;

/// Prints the effective settings as TOML; what else there is to say stands in comments, so that the whole could be
/// read back. Nothing is changed: a store that is not there yet is not made.
pub async fn run(context: &Context<'_>) -> Result<()> {
    let settings = &context.settings;
    let backend = crate::backends::find(&settings.store, context.backends)?;
    let registries = schemas::checked(settings)?;
    given_token(&context.sources)?;
    let mut out = show::toml(settings, context.backends);
    if settings.server.secure() {
        let certificate = Arc::new(http::tls::Certificate::load(&settings.server.tls)?);
        http::tls::config(&settings.server.tls, certificate.clone())?;
        let good = || Ok::<_, anyhow::Error>(format!("the certificate is good until {}", certificate.period()?.1));
        writeln!(out, "# TLS: {}", certificate.complaint(SystemClock.now()).map_or_else(good, Ok)?)?;
    }
    let base = format!("{}/scim/v2", settings.server.public_url(None));
    for kind in registries.plain.types() {
        writeln!(out, "# resource type: {} at {}{}", kind.kind, base, kind.endpoint)?;
    }
    if !(backend.begun)(&settings.store.selected())? {
        writeln!(out, "# store: there is none yet; the first start makes it")?;
        return Ok(say(out.trim_end())?);
    }
    let stores = match context.looked().await? {
        Ok(stores) => stores,
        Err(older) => {
            writeln!(out, "# store: {older}")?;
            return Ok(say(out.trim_end())?);
        }
    };
    let service = stores.service(settings).await?;
    let config = service.service_provider_config(&base, &Conditions::default());
    write!(out, "# ServiceProviderConfig\n{}", provider_config(&config.body))?;
    writeln!(out, "# store: {}", describe(stores.opened.store.capabilities()))?;

    let tenants = stores.control.tenants().await?;
    let mut refused = 0;
    for row in &tenants {
        let types = registries.of(&row.settings).types();
        match stores.opened.store.prepare(&row.id, types).await {
            Ok(shortfalls) => {
                for short in shortfalls {
                    writeln!(out, "# shortfall: tenant {}, {} {}: {}", row.id, short.kind, short.at, short.why)?;
                }
            }
            Err(error) => {
                refused += 1;
                writeln!(out, "# refused: tenant {}: {error}", row.id)?;
            }
        }
    }
    if schemas::changed(stores.control.as_ref(), &registries).await? {
        writeln!(out, "# the schemas have changed since the server last started")?;
        for misfits in schemas::misfits(&service, &tenants, &registries).await? {
            writeln!(out, "# {misfits}")?;
        }
    }
    say(out.trim_end())?;
    if refused > 0 {
        bail!("{refused} tenants cannot be served with these settings; the lines above say why");
    }
    Ok(())
}

/// One line for each feature.
fn provider_config(body: &[u8]) -> String {
    let config: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut out = String::new();
    for (name, feature) in config.as_object().into_iter().flatten() {
        if let Some(feature) = feature.as_object().filter(|_| name != "meta") {
            let parts = feature.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>();
            out.push_str(&format!("#   {name}: {}\n", parts.join(", ")));
        }
    }
    out
}

fn describe(can: &Capabilities) -> String {
    format!(
        "{}; writes {:?}, ids from {:?}, lock {:?}, versions {:?}, unique values {:?}, secrets {:?}",
        can.name, can.writes, can.ids, can.lock, can.versions, can.unique, can.secrets
    )
}
