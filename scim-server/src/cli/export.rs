//! `export FILE`: all resources of a tenant, one JSON line each, through the same projection as every answer: no secrets. Another
//! format is made of these lines.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use scim_core::ScimError;
use scim_core::name::same;
use scim_core::schema::{Mutability, ResourceType, Returned};
use scim_core::service::{Caller, ListParams, Over, Service, View};
use serde_json::Value;

use crate::backends;
use crate::say::{bar, complain, say};

use super::Context;
use super::caller::caller;
use super::clients::client_of;
use super::foreign::{exchanged, tell_left, types, write_file};
use super::records::is_csv;
use super::table::Columns;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The file to make; it must not exist. SCIM JSON Lines; LDIF, where the name ends in .ldif; CSV, where it ends in .csv.
    file: PathBuf,
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// Only resources of this type. A CSV file holds those of one type: of User, where nothing else is said.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Whose `externalId`s are written, where they are kept for each client by itself (beside a directory). The only client's, where
    /// there is one.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
}

/// Does it. The file has its name only once it is whole.
pub async fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let Arguments { file, tenant, kind, client } = arguments;
    if file.exists() {
        bail!("{} exists already: name a file that does not", file.display());
    }
    let stores = context.stores().await?;
    let service = stores.service(&context.settings).await?;
    let client = client_of(&stores, &tenant, client).await?;
    let caller = caller(context, &stores, &tenant, client.as_deref().unwrap_or("export")).await?;
    let kinds = kinds(caller.tenant.registry.types(), kind.as_deref(), is_csv(&file))?;
    let lines = Partial::of(&file, "lines");
    let (mut resources, count) = write(&service, &caller, kinds, &lines.0).await?;
    let other = Partial::of(&file, "partial");
    if let Some((backend, format)) = backends::format(&file) {
        let types = types(context, &stores, &caller).await?;
        let asked = exchanged(context, backend, &caller, &types);
        tell_left(&write_file(&other.0, |out| (format.out_of_lines)(&asked, &lines.0, out))?);
        other.becomes(&file)?;
    } else if let ([kind], true) = (kinds, is_csv(&file)) {
        write_file(&other.0, |out| Columns::of(kind).write(&mut resources, out))?;
        other.becomes(&file)?;
    } else {
        resources.sync_all().with_context(|| format!("{} cannot be written", lines.0.display()))?;
        lines.becomes(&file)?;
    }
    complain("the file holds personal data: keep it safe");
    Ok(say(format!("{count} resources were written to {}", file.display()))?)
}

/// A file that is not whole yet. Gone when it is dropped.
struct Partial(PathBuf);

impl Partial {
    fn of(file: &Path, ending: &str) -> Self {
        Partial(PathBuf::from(format!("{}.{ending}", file.display())))
    }

    fn becomes(&self, file: &Path) -> Result<()> {
        std::fs::rename(&self.0, file).with_context(|| format!("{} cannot be renamed", self.0.display()))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What was begun is of no use; that it could not be removed would hide why. Where it has its name, there is none.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The types whose resources are written.
fn kinds<'a>(all: &'a [Arc<ResourceType>], name: Option<&str>, one: bool) -> Result<&'a [Arc<ResourceType>]> {
    let name = match name {
        None if one => "User",
        None => return Ok(all),
        Some(name) => name,
    };
    let found = all.iter().position(|kind| same(kind.kind.as_str(), name));
    found.and_then(|at| all.get(at..=at)).with_context(|| {
        let names = all.iter().map(|kind| kind.kind.as_str()).collect::<Vec<_>>().join(", ");
        format!("there is no resource type {name}; this tenant has {names}")
    })
}

fn create(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path);
    file.with_context(|| format!("{} cannot be written", path.display()))
}

async fn write(service: &Service, caller: &Caller, kinds: &[Arc<ResourceType>], path: &Path) -> Result<(File, u64)> {
    let mut out = BufWriter::new(create(path)?);
    let unwritten = || format!("{} cannot be written", path.display());
    let bar = bar(None);
    let mut count = 0;
    for kind in kinds {
        let mut params = ListParams { cursor: Some(String::new()), view: view(kind), ..ListParams::default() };
        params.count = Some(service.limits().page_max.to_string());
        loop {
            let (resources, next) = page(service, caller, kind, &params).await?;
            for resource in &resources {
                serde_json::to_writer(&mut out, resource).map_err(std::io::Error::from).with_context(unwritten)?;
                out.write_all(b"\n").with_context(unwritten)?;
                count += 1;
            }
            bar.set_position(count);
            let Some(cursor) = next else { break };
            params.cursor = Some(cursor);
        }
    }
    bar.finish_and_clear();
    Ok((out.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(unwritten)?, count))
}

/// One page, and where the next begins.
async fn page(
    service: &Service,
    caller: &Caller,
    kind: &Arc<ResourceType>,
    params: &ListParams,
) -> Result<(Vec<Value>, Option<String>)> {
    let reply =
        service.list(caller, Over::Type(kind), params).await.map_err(|error: ScimError| anyhow::anyhow!(error))?;
    let mut list: Value = serde_json::from_slice(&reply.body)?;
    let resources = match list.get_mut("Resources").map(Value::take) {
        Some(Value::Array(resources)) => resources,
        _ => Vec::new(),
    };
    Ok((resources, list.get("nextCursor").and_then(Value::as_str).map(str::to_owned)))
}

/// Everything that may be shown, also what is shown on request only.
fn view(kind: &ResourceType) -> View {
    let on_request = |attribute: &scim_core::schema::AttributeDef| attribute.returned == Returned::Request;
    let base = kind.common.iter().chain(&kind.schema.attributes).map(|attribute| (None, attribute));
    let extended = kind.extensions.iter().flat_map(|extension| {
        extension.schema.attributes.iter().map(|attribute| (Some(&extension.schema.id), attribute))
    });
    let all = base.chain(extended).filter(|(_, attribute)| {
        attribute.returned != Returned::Never && attribute.mutability != Mutability::WriteOnly
    });
    let all = all.collect::<Vec<_>>();
    if !all.iter().any(|(_, attribute)| on_request(attribute)) {
        return View::default();
    }
    let names = all.iter().map(|(urn, attribute)| match urn {
        Some(urn) => format!("{urn}:{}", attribute.name),
        None => attribute.name.to_string(),
    });
    View { attributes: Some(names.collect::<Vec<_>>().join(",")), ..View::default() }
}
