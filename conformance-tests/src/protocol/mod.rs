//! What a SCIM server must do over HTTP: black-box cases, a file for each section of RFC 7644. Each case names the
//! requirements it holds; their levels (MUST, SHOULD, MAY) grade it.

pub mod limits;

mod attributes;
mod bulk;
mod create;
mod cursor_paging;
mod delete;
mod discovery;
mod errors;
mod etag;
mod filter;
mod i18n;
mod index_paging;
mod me;
mod patch;
mod projection;
mod query;
mod read;
mod replace;
mod schemas;
mod search;
mod sort;
mod tenants;
mod users_groups;
mod values;

pub use projection::version;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use scim_core::access::Profile;

use crate::data::requirements;
use crate::harness::{Ability, Harness, judged};
use crate::http::Client;
use crate::session::Session;

/// One thing a server must do.
pub struct Case {
    /// What it does, as a sentence.
    pub name: &'static str,
    /// The ids of the requirements that hold when it does, divided by blanks.
    pub covers: &'static str,
    needs: &'static [Ability],
    only: Option<Profile>,
    run: fn(&Session) -> Result<()>,
}

/// A case that runs in every profile.
const fn case(name: &'static str, covers: &'static str, run: fn(&Session) -> Result<()>) -> Case {
    Case { name, covers, needs: &[], only: None, run }
}

impl Case {
    /// Not run where the harness lacks one of these.
    const fn needs(mut self, needs: &'static [Ability]) -> Self {
        self.needs = needs;
        self
    }

    /// Run in this profile only.
    const fn only(mut self, profile: Profile) -> Self {
        self.only = Some(profile);
        self
    }

    /// What a harness must be able to do for it.
    pub fn needed(&self) -> &'static [Ability] {
        self.needs
    }

    /// The only profile it runs in; none: each.
    pub fn profile(&self) -> Option<Profile> {
        self.only
    }

    /// Puts it to the server.
    ///
    /// # Errors
    /// The server does not do it: what was asked, and what was answered.
    pub fn run(&self, session: &Session) -> Result<()> {
        (self.run)(session)
    }

    /// The strongest level among the requirements.
    pub fn level(&self) -> &'static str {
        let strength = |level: &str| match level {
            "MUST" | "MUST NOT" => 3,
            "SHOULD" | "SHOULD NOT" => 2,
            "MAY" => 0,
            _ => 1,
        };
        let levels = requirements().into_iter().filter(|row| self.covers.split(' ').any(|id| id == row.id));
        let strongest = levels.map(|row| row.level).max_by_key(|level| strength(level)).unwrap_or("behaviour");
        strongest.strip_suffix(" NOT").unwrap_or(strongest)
    }
}

/// All cases, by section.
pub fn sections() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("schemas", schemas::cases()),
        ("values", values::cases()),
        ("attributes", attributes::cases()),
        ("users_groups", users_groups::cases()),
        ("discovery", discovery::cases()),
        ("create", create::cases()),
        ("read", read::cases()),
        ("query", query::cases()),
        ("filter", filter::cases()),
        ("sort", sort::cases()),
        ("index_paging", index_paging::cases()),
        ("cursor_paging", cursor_paging::cases()),
        ("projection", projection::cases()),
        ("search", search::cases()),
        ("replace", replace::cases()),
        ("patch", patch::cases()),
        ("delete", delete::cases()),
        ("bulk", bulk::cases()),
        ("me", me::cases()),
        ("errors", errors::cases()),
        ("etag", etag::cases()),
        ("i18n", i18n::cases()),
        ("tenants", tenants::cases()),
    ]
}

/// The cases as trials, in each profile of the harness. One whose abilities are missing is marked as ignored, and its
/// name says what it needs.
pub fn trials(harness: &Arc<dyn Harness>) -> Vec<Trial> {
    let client = Arc::new(Client::default());
    let mut trials = Vec::new();
    for profile in harness.profiles() {
        for (section, cases) in sections() {
            for case in cases.into_iter().filter(|case| case.only.is_none_or(|only| only == *profile)) {
                trials.push(trial(harness, &client, *profile, section, case));
            }
        }
    }
    trials
}

fn trial(harness: &Arc<dyn Harness>, client: &Arc<Client>, profile: Profile, section: &str, case: Case) -> Trial {
    let missing: Vec<_> = case.needs.iter().filter(|need| !harness.abilities().contains(need)).collect();
    let mut name = format!("{}protocol::{section}::{profile}::{}", harness.name(), case.name);
    if !missing.is_empty() {
        name.push_str(&format!(" (not run: needs {missing:?})"));
    }
    let (level, ignored) = (case.level(), !missing.is_empty());
    let known = format!("{section}::{}", case.name);
    let (harness, client) = (harness.clone(), client.clone());
    let run = move || {
        let session = Session::fresh(&harness, &client, profile).map_err(failed)?;
        judged(&*harness, profile, &known, (case.run)(&session))
            .map_err(|error| Failed::from(format!("{error:#}\n  holds: {}", case.covers)))
    };
    Trial::test(name, run).with_kind(level).with_ignored_flag(ignored)
}

/// An error with all its causes, as a trial reports it.
pub fn failed(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}

/// Runs the cases against the harness' server, as the command line says (filters, `--list`, `--test-threads`).
pub fn protocol_contract(harness: impl Harness) -> ExitCode {
    let mut arguments = Arguments::from_args();
    if harness.shared() {
        arguments.test_threads = Some(1);
    }
    let harness: Arc<dyn Harness> = Arc::new(harness);
    libtest_mimic::run(&arguments, trials(&harness)).exit_code()
}
