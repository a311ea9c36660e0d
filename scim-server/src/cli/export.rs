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
use scim_core::schema::{Mutability, ResourceType, Returned};
use scim_core::service::{Caller, ListParams, Over, Service, View};
use serde_json::Value;

use crate::backends;
use crate::say::{bar, complain, say};
use crate::serve::service;

use super::Context;
use super::import::{caller, exchanged, tell_left, types, write_file};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The file to make; it must not exist. SCIM JSON Lines; or LDIF, where the name ends in .ldif.
    file: PathBuf,
    /// The tenant.
    #[arg(long)]
    tenant: String,
}

/// Does it. The file has its name only once it is whole.
pub async fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let Arguments { file, tenant } = arguments;
    if file.exists() {
        bail!("{} exists already: name a file that does not", file.display());
    }
    let stores = context.stores().await?;
    let service = service(&context.settings, &stores).await?;
    let caller = caller(context, &stores, &tenant, "export").await?;
    let partial = PathBuf::from(format!("{}.partial", file.display()));
    let count = match backends::format(&file) {
        None => write(&service, &caller, &partial).await?,
        Some((backend, format)) => {
            let lines = PathBuf::from(format!("{}.lines", file.display()));
            let count = write(&service, &caller, &lines).await?;
            let types = types(context, &stores, &caller).await?;
            let asked = exchanged(context, backend, &caller, &types);
            let left = write_file(&partial, |out| (format.out_of_lines)(&asked, &lines, out));
            std::fs::remove_file(&lines)?;
            tell_left(&left?);
            count
        }
    };
    std::fs::rename(&partial, &file).with_context(|| format!("{} cannot be renamed", partial.display()))?;
    complain("the file holds personal data: keep it safe");
    Ok(say(format!("{count} resources were written to {}", file.display()))?)
}

async fn write(service: &Service, caller: &Caller, path: &Path) -> Result<u64> {
    let lines = all(service, caller, path).await;
    if lines.is_err() {
        // What was begun is of no use; that it could not be removed would hide why.
        let _ = std::fs::remove_file(path);
    }
    lines
}

async fn all(service: &Service, caller: &Caller, path: &Path) -> Result<u64> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
    let mut out = BufWriter::new(file);
    let bar = bar(None);
    let mut count = 0;
    for kind in caller.tenant.registry.types() {
        let mut params = ListParams { cursor: Some(String::new()), view: view(kind), ..ListParams::default() };
        params.count = Some(service.limits().page_max.to_string());
        while let Some(cursor) = page(service, caller, kind, &params, &mut out, &mut count).await? {
            params.cursor = Some(cursor);
            bar.set_position(count);
        }
    }
    bar.finish_and_clear();
    let file: File = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(count)
}

/// Writes one page and says where the next begins.
async fn page(
    service: &Service,
    caller: &Caller,
    kind: &Arc<ResourceType>,
    params: &ListParams,
    out: &mut impl Write,
    count: &mut u64,
) -> Result<Option<String>> {
    let reply =
        service.list(caller, Over::Type(kind), params).await.map_err(|error: ScimError| anyhow::anyhow!(error))?;
    let mut list: Value = serde_json::from_slice(&reply.body)?;
    let resources = list.get_mut("Resources").map(Value::take);
    for resource in resources.as_ref().and_then(Value::as_array).into_iter().flatten() {
        serde_json::to_writer(&mut *out, resource)?;
        out.write_all(b"\n")?;
        *count += 1;
    }
    Ok(list.get("nextCursor").and_then(Value::as_str).map(str::to_owned))
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
