//! `scim-conformance`: grades a SCIM server, and tells which requirement is held by which test.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use conformance_tests::grade::{self, Graded, Outcome};
use conformance_tests::http::Client;
use conformance_tests::{Foreign, coverage};
use serde_json::json;

/// Grades any SCIM server against the standards.
///
/// The cases make users and groups in the server and delete them again: give it a tenant of its own. One that asks for what the
/// server does not claim in its ServiceProviderConfig is not put to it.
///
/// Ends with 0 where no MUST is missed, with 1 where one is, with 2 where nothing could be asked.
#[derive(Debug, Parser)]
#[command(name = "scim-conformance", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    grade: Option<Grade>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Which requirement is held by which test of this project.
    Coverage {
        /// Every requirement with its tests, not only those without.
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Args)]
struct Grade {
    /// The SCIM base URL, such as https://host/scim/v2.
    url: String,
    /// A bearer token that may read and write everything.
    #[arg(long, env = "SCIM_TOKEN", hide_env_values = true, required_unless_present = "token_file")]
    token: Option<String>,
    /// A file with the token: others on this machine see what stands on a command line.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Authorities to trust instead of the machine's, PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// How the outcome is told.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only the cases that have one of these words in `section::name`.
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

fn main() -> ExitCode {
    let Cli { command, grade } = Cli::parse();
    let done = match (command, grade) {
        (Some(Command::Coverage { all }), _) => covered(all),
        (None, Some(wanted)) => graded(&wanted),
        (None, None) => Err(anyhow::anyhow!("nothing to do: see --help")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::from(2)
        }
    }
}

fn covered(all: bool) -> Result<bool> {
    let table = coverage::table()?;
    write!(std::io::stdout(), "{}", coverage::print(&table, all)?)?;
    Ok(coverage::gaps(&table).is_empty())
}

fn graded(wanted: &Grade) -> Result<bool> {
    if !wanted.url.starts_with("http://") && !wanted.url.starts_with("https://") {
        bail!("{:?} is no base URL: it begins with http:// or https://", wanted.url);
    }
    let token = match (&wanted.token, &wanted.token_file) {
        (_, Some(file)) => read(file)?.trim().to_owned(),
        (token, None) => token.clone().unwrap_or_default(),
    };
    let client = Arc::new(Client::with_tls(wanted.ca.as_deref())?);
    let foreign = Foreign::new(&wanted.url, &token, &client)?;
    let cases = grade::chosen(&wanted.words);
    if cases.is_empty() {
        bail!("no case has {:?} in its name", wanted.words.join("\" or \""));
    }
    // What a case says of an answer that it cannot read is told with the case.
    std::panic::set_hook(Box::new(|_| {}));
    let mut all = Vec::new();
    for case in grade::run(&foreign, &client, cases) {
        if wanted.format == Format::Text {
            tell(&case)?;
        }
        all.push(case);
    }
    let passes = grade::passes(&all);
    match wanted.format {
        Format::Text => write!(std::io::stdout(), "{}", grade::table(&all)?)?,
        Format::Json => {
            let told = json!({"url": wanted.url, "passes": passes, "cases": all});
            writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&told)?)?;
        }
    }
    Ok(passes)
}

/// A case that fails, as it is found.
fn tell(case: &Graded) -> Result<()> {
    let Outcome::Fails(why) = &case.outcome else {
        return Ok(());
    };
    let Graded { section, name, level, requirements, .. } = case;
    let mut out = std::io::stdout();
    writeln!(out, "{level}: {section}::{name}\n    {why}\n    requirements: {}\n", requirements.join(" "))?;
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}
