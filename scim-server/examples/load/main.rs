//! The load program: measures the release server against floors that are measured in the same run, and prints a table.
//!
//! `client` a small HTTP client · `hello` the floor of HTTP · `raw` the floor of the store · `parse` that of validation ·
//! `postgres` the same on PostgreSQL · `ldap` the same on a directory ·
//! `seed` people and groups · `server` the program that is measured · `measure` samples and turns · `world` what is
//! there when a row begins · `rows` one function a row of the table · `table` how it is shown.
//!
//! Run `scim-server/benches/load.sh`, or `cargo run --release --example load -- --help`.

mod client;
mod hello;
mod ldap;
mod measure;
mod parse;
mod postgres;
mod raw;
mod rows;
mod seed;
mod server;
mod table;
mod world;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::server::Program;
use crate::world::World;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures a server of this workspace against floors measured in the same run.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    floor: Option<Floor>,
    /// The server program; else the one built beside this one.
    #[arg(long)]
    server: Option<PathBuf>,
    /// Rows to measure, by name, with commas; else all but those of a million.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Users in the store.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    users: u64,
    /// Measure the rows of one million users too.
    #[arg(long)]
    million: bool,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Turns of subject and floor.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A folder that keeps the filled databases from one run to the next; else a temporary one.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Write the table here, as Markdown.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Floor {
    /// Serve the floor of HTTP: a body of so many bytes.
    Hello {
        /// Bytes.
        size: usize,
    },
    /// Measure the server on PostgreSQL, against pgbench; or copy a store into it and back.
    Postgres(postgres::Options),
    /// Measure the server on a directory, against ldap3.
    Ldap(ldap::Options),
}

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match &options.floor {
        Some(Floor::Hello { size }) => hello::serve(*size),
        Some(Floor::Postgres(own)) => {
            let program = Program::find(options.server.clone())?;
            let time = Duration::from_secs_f64(options.seconds);
            let lines = runtime()?.block_on(postgres::run(own, program, options.users, time, options.rounds))?;
            say(&format!("\n{}", table::markdown(&lines)))
        }
        Some(Floor::Ldap(own)) => {
            let program = Program::find(options.server.clone())?;
            let time = Duration::from_secs_f64(options.seconds);
            let lines = runtime()?.block_on(ldap::run(own, program, options.users, time, options.rounds))?;
            say(&format!("\n{}", table::markdown(&lines)))
        }
        None => runtime()?.block_on(run(options)),
    }
}

async fn run(options: Options) -> Result<()> {
    let chosen = rows::chosen(&options.rows, options.million)?;
    if !(0.05..=60.0).contains(&options.seconds) {
        bail!("--seconds {}: from 0.05 to 60", options.seconds);
    }
    let program = Program::find(options.server.clone())?;
    let time = Duration::from_secs_f64(options.seconds);
    let mut world = World::make(program, options.users, time, options.rounds, options.keep.as_deref()).await?;
    let mut lines = Vec::new();
    for row in chosen {
        say(&format!("measuring {}\n", row.name))?;
        let found = (row.measure)(&mut world).await.with_context(|| format!("the row {}", row.name))?;
        say(&table::markdown(&found))?;
        lines.extend(found);
    }
    world.end().await?;
    let table = table::markdown(&lines);
    say(&format!("\n{table}"))?;
    if let Some(out) = &options.out {
        std::fs::write(out, page(&options, &table)).with_context(|| format!("writing {}", out.display()))?;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// `docs/speed.md`.
fn page(options: &Options, table: &str) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let memory = read("/proc/meminfo");
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let gib = memory.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / (1 << 20) as f64;
    #[expect(clippy::disallowed_methods, reason = "a report says when it was made")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = scim_core::clock::Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or_default()).to_string();
    let date = now.split('T').next().unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut page = String::from(include_str!("speed.head.md"));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Writing to a string cannot fail.
    let _written = write!(
        page,
        "\nMeasured on {date}: {cores} cores ({}), {gib:.0} GiB of memory, Linux {}; {} users in the store, {} turns of \
         {} s for each row.\n\n    scim-server/benches/load.sh {}\n\n{table}",
        model.unwrap_or(" unknown").trim(),
        read("/proc/sys/kernel/osrelease").trim(),
        table::number(options.users as f64),
        options.rounds,
        options.seconds,
        arguments.join(" "),
    );
    page
}
