//! PostgreSQL in a container, where an engine answers: for machines that have neither a server to test with nor its programs.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context, Result};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::SyncRunner;
use testcontainers::{GenericImage, ImageExt};
use url::Url;

const IMAGE: (&str, &str) = ("postgres", "17-alpine");

/// Runs the server until nobody was connected for ten minutes: the process that started it may be gone without having said so.
const RUN: &str = r#"
docker-entrypoint.sh postgres -c max_connections=300 -c fsync=off -c full_page_writes=off -c synchronous_commit=off &
server=$!
others="SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
idle=0
while kill -0 $server 2>/dev/null; do
  sleep 10
  if [ "$(psql -U postgres -Atc "$others" 2>/dev/null)" = 0 ]; then idle=$((idle + 1)); else idle=0; fi
  [ $idle -lt 60 ] || kill -INT $server
done
"#;

/// Does a container engine answer on this machine?
pub(super) fn answers() -> bool {
    let at = std::env::var("DOCKER_HOST").ok();
    match at.as_deref() {
        Some(at) => at.strip_prefix("unix://").is_none_or(|path| UnixStream::connect(path).is_ok()),
        None => UnixStream::connect(PathBuf::from("/var/run/docker.sock")).is_ok(),
    }
}

/// Starts a server in a container of its own, which the engine removes when it ends; gives the URL of its first database, which
/// may take a moment to answer.
pub(super) fn start() -> Result<Url> {
    let image = GenericImage::new(IMAGE.0, IMAGE.1)
        .with_entrypoint("sh")
        .with_exposed_port(5432.tcp())
        .with_wait_for(WaitFor::message_on_stdout("PostgreSQL init process complete"))
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_cmd(["-c", RUN])
        .with_host_config_modifier(|host| host.auto_remove = Some(true));
    let run = || -> Result<Url> {
        let container = image.start().with_context(|| format!("the container {}:{}", IMAGE.0, IMAGE.1))?;
        let (host, port) = (container.get_host()?, container.get_host_port_ipv4(5432.tcp())?);
        let url = Url::parse(&format!("postgres://postgres@{host}:{port}/postgres"))?;
        // It stays for all tests of this process, and ends as `RUN` says.
        std::mem::forget(container);
        Ok(url)
    };
    // Also called where a runtime is entered, in which nothing may block.
    std::thread::scope(|scope| scope.spawn(run).join())
        .map_err(|_| anyhow::anyhow!("a panic while a container started"))?
}
