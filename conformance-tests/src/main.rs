//! `scim-conformance`: grades a SCIM server, and tells which requirement is held by which test.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use conformance_tests::{Foreign, coverage, protocol};
use libtest_mimic::Arguments;

const USAGE: &str = "usage: scim-conformance URL --token TOKEN [options of the test runner]
       scim-conformance coverage [--all]

URL is the SCIM base URL (http://host:port/scim/v2). The cases make users and groups in it and delete them again: use a
tenant of its own. Each case is graded MUST, SHOULD, MAY or behaviour. `--list` names them, a word selects among them.";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error:#}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: Vec<String>) -> Result<ExitCode> {
    match arguments.first().map(String::as_str) {
        Some("coverage") => {
            let table = coverage::table()?;
            let all = arguments.iter().any(|argument| argument == "--all");
            write!(std::io::stdout(), "{}", coverage::print(&table, all)?)?;
            Ok(if coverage::gaps(&table).is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Some(url) if url.starts_with("http://") => {
            let url = url.to_owned();
            let at = arguments.iter().position(|argument| argument == "--token").context("--token is missing")?;
            let token = arguments.get(at + 1).cloned().context("--token takes a token")?;
            arguments.drain(at..at + 2);
            let arguments = Arguments::from_iter(arguments);
            Ok(protocol::grade(Foreign::new(&url, &token), arguments))
        }
        Some(other) => bail!("{other:?} is neither a base URL that begins with http:// nor a command"),
        None => bail!("nothing to do"),
    }
}
