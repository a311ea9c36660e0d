//! `backup`, `restore`, `reindex`, `healthcheck`.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::backends::{Upkeep, find};
use crate::say::say;

use super::Context;

async fn upkeep(context: &Context<'_>, what: &str) -> Result<std::sync::Arc<dyn Upkeep>> {
    let backend = &context.settings.store.backend;
    let own = context.stores().await?.opened.upkeep;
    own.with_context(|| format!("the backend {backend} has no {what}; use the tools of the data system itself"))
}

/// `backup FILE`.
pub async fn backup(context: &Context<'_>, file: &Path) -> Result<()> {
    if file.exists() {
        bail!("{} exists already: name a file that does not", file.display());
    }
    if file.parent().is_some_and(|parent| parent != Path::new("") && !parent.is_dir()) {
        bail!("the directory of {} does not exist; create it, or name another", file.display());
    }
    upkeep(context, "backup").await?.backup(file).await?;
    Ok(say(format!(
        "{} holds a consistent copy, with all personal data and password hashes: keep it safe",
        file.display()
    ))?)
}

/// `restore FILE`.
pub fn restore(context: &Context<'_>, file: &Path) -> Result<()> {
    let settings = &context.settings.store;
    let Some(restore) = find(settings, context.backends)?.restore else {
        bail!("the backend {} has no restore; use the tools of the data system itself", settings.backend);
    };
    restore(settings.selected(), file)?;
    Ok(say(format!(
        "the store is as it was when {} was made; tokens revoked since then are good again: revoke them anew",
        file.display()
    ))?)
}

/// `reindex`.
pub async fn reindex(context: &Context<'_>) -> Result<()> {
    let registries = crate::schemas::checked(&context.settings)?;
    let stores = context.stores().await?;
    for row in stores.control.tenants().await? {
        stores.opened.store.prepare(&row.id, registries.of(&row.settings).types()).await?;
    }
    upkeep(context, "index").await?.reindex().await?;
    Ok(say("the indexes are new")?)
}

/// `healthcheck`: asks `/readyz` of the server that this configuration is for.
pub fn healthcheck(context: &Context<'_>) -> Result<()> {
    let server = &context.settings.server;
    // What the server itself may wait for its store, and a moment for the way.
    let patience = Duration::from_secs(context.settings.limits.health_time.saturating_add(1));
    for address in server.addresses()? {
        let here = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let address = SocketAddr::new(here, address.port());
        if !ready(address, server.secure(), patience).with_context(|| format!("{address} cannot be asked"))? {
            bail!("{address} is not ready");
        }
    }
    Ok(say("ready")?)
}

/// Asks over plain HTTP. Where the server speaks TLS, that it takes connections is all that is asked: who runs this
/// command need not have the certificates that it trusts.
fn ready(address: SocketAddr, secure: bool, patience: Duration) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    if secure {
        return Ok(true);
    }
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut status = [0; b"HTTP/1.1 200".len()];
    stream.read_exact(&mut status)?;
    Ok(status == *b"HTTP/1.1 200")
}
