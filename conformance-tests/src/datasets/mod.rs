//! Cases that are data: PATCH cases, filter cases and recorded requests, each run over HTTP in every profile of the
//! harness.

pub mod filter;
pub mod patch;
pub mod replay;
pub mod seed;

use std::sync::{Arc, OnceLock};

use anyhow::{Result, anyhow};
use libtest_mimic::{Failed, Trial};
use scim_core::access::Profile;
use scim_core::access::profile::Client;
use scim_core::schema::Registry;

use crate::data::{filter_cases, patch_cases, replays};
use crate::harness::{Ability, Harness, judged};
use crate::http::Client as Http;
use crate::protocol::failed;
use crate::session::Session;

/// What the data sets need.
const NEEDS: &[Ability] = &[Ability::Tenants, Ability::Seed, Ability::TestSchema, Ability::Ours];

/// All cases of the three data sets as trials. `types` are the resource types of the harness' server.
pub fn trials(harness: &Arc<dyn Harness>, types: &Arc<Registry>) -> Result<Vec<Trial>> {
    let client = Arc::new(Http::default());
    let ignored = NEEDS.iter().any(|need| !harness.abilities().contains(need));
    let mut trials = Vec::new();
    for &profile in harness.profiles() {
        for case in patch_cases(profile)? {
            let (harness, client, types) = (harness.clone(), client.clone(), types.clone());
            trials.push(trial(format!("{}data::{profile}::{}", harness.name(), case.id), ignored, move || {
                let outcome = patch::run(&case, &Session::fresh(&harness, &client, profile)?, &types);
                judged(&*harness, profile, case.id, outcome)
            }));
        }
        // The filter cases only read: they share one tenant.
        let prepared: Arc<OnceLock<Result<Session, String>>> = Arc::default();
        for case in filter_cases(profile)? {
            let (harness, client, types, prepared) = (harness.clone(), client.clone(), types.clone(), prepared.clone());
            trials.push(trial(format!("{}data::{profile}::{}", harness.name(), case.id), ignored, move || {
                let prepare = || {
                    let session = Session::fresh(&harness, &client, profile)?;
                    filter::prepare(&session, &types)?;
                    Ok(session)
                };
                let session = prepared.get_or_init(|| prepare().map_err(|error: anyhow::Error| format!("{error:#}")));
                let outcome = filter::run(&case, session.as_ref().map_err(|error| anyhow!("{error}"))?);
                judged(&*harness, profile, case.id, outcome)
            }));
        }
    }
    // Clients speak their dialects: the compatible profile, and their own where there is one.
    for replay in replays()? {
        for profile in [Some(Profile::Compatible), named(&replay.client)].into_iter().flatten() {
            let (harness, client, replay) = (harness.clone(), client.clone(), replay.clone());
            trials.push(trial(format!("{}data::{profile}::{}", harness.name(), replay.id), ignored, move || {
                let outcome = replay::run(&replay, &Session::fresh(&harness, &client, profile)?);
                judged(&*harness, profile, &replay.id, outcome)
            }));
        }
    }
    Ok(trials)
}

fn trial(name: String, ignored: bool, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(|error| -> Failed { failed(error) })).with_ignored_flag(ignored)
}

/// The profile that bears the client's name: `keycloak-suvera` is `keycloak`.
fn named(client: &str) -> Option<Profile> {
    let fits = |(name, _): &&(&str, Client)| client == *name || client.starts_with(&format!("{name}-"));
    Client::ALL.iter().find(fits).map(|(_, client)| Profile::Named(*client))
}
