//! The command line. A command is one function that returns an error or nothing; what it prints goes through
//! [`crate::say`].
//!
//! A module for each command, `tenant`, `token` and `upkeep` (backup, restore, reindex, healthcheck) for several. What they share:
//!
//! - `caller`: as whom they call the service; `clients`: whose external ids are meant
//! - `records`: the records of a file, as JSON Lines or, by `table`, as CSV; `foreign`: formats that backends bring
//! - `links`: ids of a file mapped to those of the tenant; `progress`: how far an import got
//! - `format`: durations and moments

mod caller;
mod check;
mod clients;
mod copy;
mod doctor;
mod explain;
mod export;
mod foreign;
mod format;
mod import;
mod links;
mod progress;
mod records;
mod serve;
mod table;
mod tenant;
mod token;
mod upkeep;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand, ValueEnum};

use crate::backends::{Factory, Older, Purpose, find};
use crate::config::{LogFormat, LogSettings, Settings, Sources};
use crate::say::{complain, reader_left};
use crate::stores::Stores;
use crate::telemetry;

/// A SCIM 2.0 server.
#[derive(Debug, Parser)]
#[command(name = "scim-server", version, about, max_term_width = 120)]
struct Arguments {
    /// The configuration file [default: ./scim-server.toml, if it is there].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (what is done without a command). SIGTERM drains and stops, SIGHUP reloads what can be reloaded.
    Serve,
    /// Check the configuration, print the effective settings (secrets masked) and every shortfall.
    CheckConfig,
    /// Look at the store, a directory above all: what is there, what is missing, and how to mend it. Changes nothing, unless
    /// --write-probe asks for it.
    Doctor(doctor::Arguments),
    /// Say how a filter is answered: what the store takes of it, what is compared here, what that costs.
    Explain(explain::Arguments),
    /// Tenants.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Bearer tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Read resources from a file of SCIM JSON Lines or CSV; resumable.
    Import(import::Arguments),
    /// Write all resources of a tenant to a file of SCIM JSON Lines, or those of one type to a CSV file.
    Export(export::Arguments),
    /// Copy every tenant with its resources and tokens into another store, and compare both; goes on where it broke off.
    Copy(copy::Arguments),
    /// Write a consistent copy of the store to FILE, also while the server writes.
    Backup {
        /// The file to make; it must not exist.
        file: PathBuf,
    },
    /// Put a copy made by `backup` in the place of the store. No server may be running.
    Restore {
        /// The copy.
        file: PathBuf,
    },
    /// Make the indexes anew, after a change of indexed attributes.
    Reindex,
    /// Ask the running server whether it is ready: exit status 0 or 1. For containers.
    Healthcheck,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// What every command gets.
struct Context<'a> {
    settings: Settings,
    sources: Sources,
    backends: &'a [Factory],
}

impl Context<'_> {
    /// The stores, beside a running server. One that is not there is not made: it may be a mistake in the settings.
    async fn stores(&self) -> Result<Stores> {
        for store in std::iter::once(&self.settings.store).chain(&self.settings.control) {
            // Where it cannot even be asked, opening it tells more.
            if let Ok(false) = (find(store, self.backends)?.begun)(&store.selected()) {
                bail!(
                    "there is no store yet where [{}] leads; the first start of the server makes it, or see that the \
                     setting is right",
                    store.selected().place()
                );
            }
        }
        self.new_stores().await
    }

    /// The stores, to look at: made where they are not there yet, for who looks whether they can be begun, and otherwise left as they are.
    /// None, and why, where one has the layout of an older release.
    async fn looked(&self) -> Result<Result<Stores, Older>> {
        match Stores::open(&self.settings, self.backends, Purpose::Look).await {
            Ok(stores) => Ok(Ok(stores)),
            Err(error) => error.downcast().map(Err),
        }
    }

    /// The same, made where they are not there yet: to begin with, or to see whether it can be begun.
    async fn new_stores(&self) -> Result<Stores> {
        Stores::open(&self.settings, self.backends, Purpose::Command).await
    }
}

/// Runs the command line. Exit status 0: done; 1: failed; 2: used wrongly.
pub fn main(backends: &[Factory]) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output with status 0, everything else is wrong use.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match run(arguments, backends) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if reader_left(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format!("scim-server: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, backends: &[Factory]) -> Result<()> {
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Copy(arguments) = command {
        return alone(copy::run(backends, arguments));
    }
    let environment = if let Command::Doctor(doctor) = &command { doctor.environment()? } else { None };
    let sources = Sources { file: arguments.config, environment };
    let settings = Settings::load(&sources, backends)?;
    let context = Context { settings, sources, backends };
    if let Command::Serve = command {
        return serve::run(context);
    }
    alone(async {
        match command {
            Command::Serve | Command::Copy(_) => Ok(()),
            Command::CheckConfig => check::run(&context).await,
            Command::Doctor(arguments) => doctor::run(&context, arguments).await,
            Command::Tenant(command) => tenant::run(&context, command).await,
            Command::Token(command) => token::run(&context, command).await,
            Command::Import(arguments) => import::run(&context, arguments).await,
            Command::Explain(arguments) => explain::run(&context, arguments).await,
            Command::Export(arguments) => export::run(&context, arguments).await,
            Command::Backup { file } => upkeep::backup(&context, &file).await,
            Command::Restore { file } => upkeep::restore(&context, &file),
            Command::Reindex => upkeep::reindex(&context).await,
            Command::Healthcheck => upkeep::healthcheck(&context),
        }
    })
}

/// Runs a command, which speaks for itself; the log adds only what went wrong.
fn alone(command: impl Future<Output = Result<()>>) -> Result<()> {
    telemetry::start(&LogSettings { level: "warn".into(), format: LogFormat::Text })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(command)
}
