//! `explain FILTER`: what of a filter the store takes, what is compared here, and what that costs.

use std::fmt::Write;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use scim_core::query::explain::Explanation;

use crate::say::say;

use super::caller::caller;
use super::{Context, Format};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The filter, as a client would send it.
    filter: String,
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// The endpoint that is asked.
    #[arg(long, default_value = "Users")]
    endpoint: String,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Answers the filter and tells how it was answered.
pub async fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let stores = context.stores().await?;
    let service = stores.service(&context.settings).await?;
    let caller = caller(context, &stores, &arguments.tenant, "explain").await?;
    let name = arguments.endpoint.trim_start_matches('/');
    let kind = caller.tenant.registry.endpoint(name, true).cloned();
    let kind = kind.with_context(|| format!("--endpoint {name}: there is no such endpoint; try Users or Groups"))?;
    let begun = Instant::now();
    let explained = service.explain(&caller, &kind, &arguments.filter).await.map_err(|error| anyhow::anyhow!(error))?;
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(say(match arguments.format {
        Format::Json => {
            let mut json = serde_json::to_value(&explained)?;
            if let Some(json) = json.as_object_mut() {
                json.insert("milliseconds".into(), milliseconds.into());
            }
            serde_json::to_string_pretty(&json)?
        }
        Format::Text => told(&explained, milliseconds, context.settings.limits.scan_max)?,
    })?)
}

fn told(explained: &Explanation, milliseconds: u64, scan_max: u64) -> Result<String> {
    let mut out = String::new();
    writeln!(out, "pushed      {}", explained.pushed.as_deref().unwrap_or("nothing: all of the type is read"))?;
    if let Some(asked) = &explained.asked {
        writeln!(out, "asked       {asked}")?;
    }
    let rest = if explained.exact { "nothing: the store answers it" } else { "the whole filter, on each candidate" };
    writeln!(out, "compared    {rest}")?;
    match explained.candidates.zip(explained.results) {
        Some((candidates, results)) => {
            writeln!(out, "candidates  {candidates}\nresults     {results}")?;
        }
        None => writeln!(out, "candidates  more than limits.scan_max = {scan_max}: clients are refused (400 tooMany)")?,
    }
    write!(out, "time        {milliseconds} ms")?;
    Ok(out)
}
