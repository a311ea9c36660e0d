//! The conformance suite on a directory that is written to: every case of the protocol and of the data sets, over HTTP, on a
//! real OpenLDAP. What a directory cannot hold is listed by name, with the reason, in `cannot.tsv`: a case that is listed as
//! failing and passes is a failure here, like one that is not listed and fails.

mod gateway;
#[expect(dead_code, reason = "the other stores of the suite are not started here")]
#[path = "../conformance/ours.rs"]
mod ours;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use conformance_tests::{Harness, contract, datasets, protocol};
use libtest_mimic::{Arguments, Failed, Trial};

use gateway::{Gateway, cannot};

fn main() -> ExitCode {
    match trials() {
        Ok(trials) => libtest_mimic::run(&Arguments::from_args(), trials).exit_code(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn trials() -> anyhow::Result<Vec<Trial>> {
    let types = Arc::new(contract::bench::types()?);
    let gateway: Arc<dyn Harness> = Arc::new(Gateway::start("directory/", false)?);
    let mut trials = protocol::trials(&gateway);
    // The data sets name ids and times of their own.
    let seeded: Arc<dyn Harness> = Arc::new(Gateway::start("seeded/", true)?);
    trials.extend(datasets::trials(&seeded, &types)?);
    let names: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    let skipped: Vec<_> =
        trials.iter().filter(|trial| trial.has_ignored_flag()).map(|trial| trial.name().to_owned()).collect();
    trials.push(Trial::test("nothing is skipped", move || none(&skipped)));
    trials.push(Trial::test("every listed case is there", move || {
        let gone = cannot().into_keys().filter(|case| !names.iter().any(|name| is(name, case)));
        none(&gone.map(str::to_owned).collect::<Vec<_>>())
    }));
    trials.push(Trial::test("the documents list every such case", || {
        let told = include_str!("../../../docs/ldap.md");
        none(&cannot().into_keys().filter(|case| !told.contains(*case)).map(str::to_owned).collect::<Vec<_>>())
    }));
    Ok(trials)
}

/// Is this the trial of this case, in the profile that it names or in any?
fn is(trial: &str, case: &str) -> bool {
    let (profile, bare) = ["strict", "compatible"]
        .into_iter()
        .find_map(|profile| Some((Some(profile), case.strip_prefix(profile)?.strip_prefix("::")?)))
        .unwrap_or((None, case));
    let (section, name) = bare.split_once("::").unwrap_or(("data", bare));
    trial.contains(&format!("{section}::"))
        && trial.ends_with(&format!("::{name}"))
        && profile.is_none_or(|own| trial.contains(own))
}

fn none(names: &[String]) -> Result<(), Failed> {
    if names.is_empty() { Ok(()) } else { Err(Failed::from(names.join("\n"))) }
}
