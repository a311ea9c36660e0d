//! The conformance suite against the real server, in this process: every case of the data sets and of the protocol, in
//! both profiles, over each store of the product and over the reference store (where the core has to do what a database
//! does by itself). Nothing is left out: that too is a test.

mod ours;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use conformance_tests::{Harness, contract, datasets, protocol};
use libtest_mimic::{Arguments, Failed, Trial};

use ours::{Backend, Ours};

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
    let mut trials = Vec::new();
    for backend in Backend::ALL {
        let harness: Arc<dyn Harness> = Arc::new(Ours::start(*backend)?);
        trials.extend(datasets::trials(&harness, &types)?);
        trials.extend(protocol::trials(&harness));
    }
    let skipped: Vec<_> =
        trials.iter().filter(|trial| trial.has_ignored_flag()).map(|trial| trial.name().to_owned()).collect();
    trials.push(Trial::test("nothing is skipped", move || match skipped.is_empty() {
        true => Ok(()),
        false => Err(Failed::from(skipped.join("\n"))),
    }));
    Ok(trials)
}
