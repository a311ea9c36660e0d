//! Files in the formats of backends, LDIF among them: made lines of JSON on their way in, and of such lines on their way out.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use scim_core::schema::ResourceType;
use scim_core::service::Caller;

use crate::backends::{self, Exchanged, Left};
use crate::say::complain;
use crate::schemas;
use crate::stores::Stores;

use super::Context;
use super::progress::Progress;

/// The file of lines that a file in another format is made; None: it holds lines already. One that an earlier run began with stays
/// as it is: it may have been mended.
pub async fn lines_of(context: &Context<'_>, stores: &Stores, caller: &Caller, file: &Path) -> Result<Option<PathBuf>> {
    let Some((backend, format)) = backends::format(file) else { return Ok(None) };
    let lines = PathBuf::from(format!("{}.jsonl", file.display()));
    if Progress::begun(&lines) {
        return Ok(Some(lines));
    }
    let types = types(context, stores, caller).await?;
    let asked = exchanged(context, backend, caller, &types);
    let left = write_file(&lines, |out| (format.into_lines)(&asked, file, out))?;
    tell_left(&left);
    Ok(Some(lines))
}

/// The types of the tenant as they are configured, whatever its store can hold of them.
pub async fn types(context: &Context<'_>, stores: &Stores, caller: &Caller) -> Result<Vec<Arc<ResourceType>>> {
    let registries = schemas::load(&context.settings.schemas, stores.control.as_ref()).await?;
    Ok(registries.of(&caller.tenant.settings).types().to_vec())
}

/// What a file of another format is exchanged for.
pub fn exchanged<'a>(
    context: &'a Context<'_>,
    backend: &str,
    caller: &'a Caller,
    types: &'a [Arc<ResourceType>],
) -> Exchanged<'a> {
    let section = context.settings.store.section(backend);
    Exchanged { section, tenant: caller.tenant.id.as_str(), types, limits: &context.settings.limits }
}

/// Says what has no place on the other side.
pub fn tell_left(left: &Left) {
    left.out.iter().for_each(|(what, count)| complain(format!("left out, {count} times: {what}")));
}

/// Makes a file that only its owner reads, or none.
pub fn write_file<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut out = BufWriter::new(file.with_context(|| format!("{} cannot be written", path.display()))?);
    let written = write(&mut out).and_then(|written| {
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(written)
    });
    if written.is_err() {
        // What was begun is of no use; that it could not be removed would hide why.
        let _ = std::fs::remove_file(path);
    }
    written
}
