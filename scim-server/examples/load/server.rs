//! The server that is measured: the release program, on a database of its own, as any operator would start it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::client::{Client, request};

pub const TOKEN: &str = "load-0123456789-0123456789-0123456789";
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(60);

/// The program.
#[derive(Clone)]
pub struct Program(pub PathBuf);

impl Program {
    /// The one named, or the one that was built with this program.
    pub fn find(named: Option<PathBuf>) -> Result<Program> {
        let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("scim-server"));
        let path = named.or_else(beside).context("name the server with --server")?;
        ensure!(path.is_file(), "{} is no file; build it with cargo build --release", path.display());
        Ok(Program(std::path::absolute(path)?))
    }

    /// It, on this database, in the folder of it: nothing else is configured.
    fn command(&self, database: &Path) -> Result<Command> {
        let mut command = Command::new(&self.0);
        command
            .current_dir(database.parent().context("a database in no folder")?)
            .env("SCIM__STORE__SQLITE__PATH", database)
            .env("SCIM__LOG__LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if !database.exists() {
            command.env("SCIM_BOOTSTRAP_TOKEN", TOKEN);
        }
        Ok(command)
    }

    /// It, in this folder with these settings.
    pub fn set(&self, folder: &Path, settings: &[(&str, String)]) -> Command {
        configured(Command::new(&self.0), folder, settings)
    }

    /// The same on these processors alone, numbered from 0.
    pub fn set_on(&self, processors: std::ops::Range<usize>, folder: &Path, settings: &[(&str, String)]) -> Command {
        let mut command = Command::new("taskset");
        let last = processors.end.saturating_sub(1);
        command.args(["-c", &format!("{}-{last}", processors.start)]).arg(&self.0);
        configured(command, folder, settings)
    }

    /// Runs `import FILE`; gives how long it took.
    pub fn import(&self, database: &Path, file: &Path) -> Result<Duration> {
        imported(self.command(database)?, file)
    }

    /// Starts it and waits until it answers.
    pub async fn start(&self, database: &Path) -> Result<Server> {
        started(self.command(database)?).await
    }
}

/// A program in this folder with these settings.
fn configured(mut command: Command, folder: &Path, settings: &[(&str, String)]) -> Command {
    command.current_dir(folder).env("SCIM__LOG__LEVEL", "warn").env("SCIM_BOOTSTRAP_TOKEN", TOKEN);
    command.envs(settings.iter().map(|(name, value)| (name, value))).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Runs `import FILE` of this program; gives how long it took.
pub fn imported(mut command: Command, file: &Path) -> Result<Duration> {
    let start = Instant::now();
    let status = command.arg("import").arg(file).args(["--tenant", "default"]).status()?;
    ensure!(status.success(), "the import of {} failed: {status}", file.display());
    Ok(start.elapsed())
}

/// Starts this program and waits until it answers.
pub async fn started(mut command: Command) -> Result<Server> {
    // The port is free now, and nobody else on this machine asks for one in between.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    command.env("SCIM__SERVER__LISTEN", address.to_string());
    let begun = Instant::now();
    let child = command.spawn().context("starting the server")?;
    let mut server = Server { child, address, first_answer: Duration::ZERO };
    server.first_answer = server.wait(begun).await?;
    Ok(server)
}

/// A running server; it ends with this value.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From its start to its first answer with data.
    pub first_answer: Duration,
}

impl Server {
    async fn wait(&mut self, begun: Instant) -> Result<Duration> {
        let ask = request("GET", "/scim/v2/Users?count=1", TOKEN, None);
        while begun.elapsed() < START {
            if let Ok(mut client) = Client::connect(self.address).await {
                let status = client.send(&ask).await?.status;
                ensure!(status == 200, "the server answered {status} to a list; is the database another's?");
                return Ok(begun.elapsed());
            }
            if let Some(ended) = self.child.try_wait()? {
                bail!("the server ended by itself: {ended}");
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        bail!("the server did not answer within {START:?}")
    }

    /// A line of `/proc/PID/status`, in bytes (`VmRSS`, `RssAnon`).
    pub fn memory(&self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kib.with_context(|| format!("no {name} in the status of the process"))? << 10)
    }

    /// Lets it finish and end.
    pub async fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let begun = Instant::now();
        while begun.elapsed() < STOP {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the server did not stop within {STOP:?}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
