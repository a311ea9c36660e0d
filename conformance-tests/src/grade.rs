//! Grades a server by the cases of the protocol: which hold, which do not, and which it is not asked.
//!
//! A case is as strong as the strongest requirement that it holds. One that fails counts against the server where that is a MUST;
//! the others are told. `behaviour` is what the standards leave open and our catalogue decided. Where our profiles part, the standards bind
//! the client, and a server may be strict or tolerant.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::Result;
use scim_core::access::Profile;
use serde::Serialize;

use crate::foreign::{Foreign, NotClaimed};
use crate::harness::Harness;
use crate::http::Client;
use crate::protocol::{Case, sections};
use crate::session::Session;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "why", rename_all = "snake_case")]
pub enum Outcome {
    /// The server does it.
    Holds,
    /// It does not: what was asked, and what was answered.
    Fails(String),
    /// It does not claim to.
    NotClaimed(String),
    /// A base URL and a token are not enough to ask.
    NotRun(String),
}

/// A case, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Graded {
    /// The section of the suite.
    pub section: &'static str,
    /// What a server must do.
    pub name: &'static str,
    /// MUST, SHOULD, MAY or behaviour.
    pub level: &'static str,
    /// The requirements that hold when it does.
    pub requirements: Vec<&'static str>,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The cases that hold one of these words in `section::name`, or all of them.
pub fn chosen(words: &[String]) -> Vec<(&'static str, Case)> {
    let wanted = |section: &str, case: &Case| {
        let known = format!("{section}::{}", case.name);
        words.is_empty() || words.iter().any(|word| known.contains(word.as_str()))
    };
    let ours = |case: &Case| case.profile().is_none_or(|profile| profile == Profile::Strict);
    let all = sections().into_iter().flat_map(|(section, cases)| cases.into_iter().map(move |case| (section, case)));
    all.filter(|(section, case)| ours(case) && wanted(section, case)).collect()
}

/// Puts these cases to the server, one after another.
pub fn run(foreign: &Foreign, client: &Arc<Client>, cases: Vec<(&'static str, Case)>) -> impl Iterator<Item = Graded> {
    let harness: Arc<dyn Harness> = Arc::new(foreign.clone());
    let client = client.clone();
    cases.into_iter().map(move |(section, case)| {
        let (name, requirements) = (case.name, case.covers.split(' ').collect());
        let level = if case.profile().is_some() { "behaviour" } else { case.level() };
        let outcome = match outcome(&harness, &client, &case, Profile::Strict) {
            Outcome::Fails(why) => match outcome(&harness, &client, &case, Profile::Compatible) {
                Outcome::Holds => Outcome::Holds,
                _ => Outcome::Fails(why),
            },
            done => done,
        };
        Graded { section, name, level, requirements, outcome }
    })
}

fn outcome(harness: &Arc<dyn Harness>, client: &Arc<Client>, case: &Case, profile: Profile) -> Outcome {
    let missing: Vec<_> = case.needed().iter().filter(|need| !harness.abilities().contains(need)).collect();
    if !missing.is_empty() {
        return Outcome::NotRun(format!("needs {missing:?}"));
    }
    let run = || -> Result<()> { case.run(&Session::fresh(harness, client, profile)?) };
    // A case may look where an answer has nothing.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => Outcome::Holds,
        Ok(Err(error)) => match error.downcast_ref::<NotClaimed>() {
            Some(NotClaimed(what)) => Outcome::NotClaimed((*what).to_owned()),
            None => Outcome::Fails(format!("{error:#}")),
        },
        Err(_) => Outcome::Fails("an answer lacks what the case looks at".to_owned()),
    }
}

/// Is no MUST missed?
pub fn passes(cases: &[Graded]) -> bool {
    !cases.iter().any(|case| case.level == "MUST" && matches!(case.outcome, Outcome::Fails(_)))
}

/// How many of each level hold, fail, are not claimed and were not run.
pub fn table(cases: &[Graded]) -> Result<String> {
    let mut out = String::new();
    writeln!(out, "{:10}{:>8}{:>8}{:>13}{:>9}", "", "hold", "fail", "not claimed", "not run")?;
    for level in ["MUST", "SHOULD", "MAY", "behaviour"] {
        let of = |wanted: fn(&Outcome) -> bool| {
            cases.iter().filter(|case| case.level == level && wanted(&case.outcome)).count()
        };
        let hold = of(|outcome| matches!(outcome, Outcome::Holds));
        let fail = of(|outcome| matches!(outcome, Outcome::Fails(_)));
        let unclaimed = of(|outcome| matches!(outcome, Outcome::NotClaimed(_)));
        let unrun = of(|outcome| matches!(outcome, Outcome::NotRun(_)));
        writeln!(out, "{level:10}{hold:8}{fail:8}{unclaimed:13}{unrun:9}")?;
    }
    let mut unclaimed: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases {
        if let Outcome::NotClaimed(what) = &case.outcome {
            *unclaimed.entry(what).or_default() += 1;
        }
    }
    if !unclaimed.is_empty() {
        let each: Vec<_> = unclaimed.iter().map(|(what, count)| format!("{what} ({count})")).collect();
        writeln!(out, "\nnot claimed: {}", each.join(", "))?;
    }
    Ok(out)
}
