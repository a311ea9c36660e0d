//! The filter cases: by GET and by `.search`, over the same seeded resources.

use anyhow::{Result, ensure};
use scim_core::schema::Registry;
use serde_json::json;

use crate::data::{Expected, FilterCase, filter_data};
use crate::session::Session;

use super::patch::type_of;
use super::seed;

/// Writes the resources that the cases look at.
pub fn prepare(session: &Session, types: &Registry) -> Result<()> {
    let resources = filter_data()?;
    let seeds = resources.iter().map(|one| seed::record(one, type_of(one, types)?)).collect::<Result<_>>()?;
    session.harness.seed(&session.site, seeds)
}

/// Runs one case against the prepared tenant.
pub fn run(case: &FilterCase, session: &Session) -> Result<()> {
    let got = session.filter(case.endpoint, case.filter)?;
    let endpoint = case.endpoint.trim_end_matches('/');
    let searched = session.search(&format!("{endpoint}/.search"), json!({"filter": case.filter}))?;
    match &case.expected {
        Expected::Ids(ids) => {
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            for answer in [got.is(200)?, searched.is(200)?] {
                answer.finds(&ids)?.has("/totalResults", ids.len())?;
            }
        }
        Expected::Error(status, scim_type) => {
            // A password must not stand in a URL at all (RFC 7644 section 7.5.2).
            let (on_get, why) =
                if case.filter.starts_with("password") { (403, "sensitive") } else { (*status, scim_type.as_str()) };
            got.fails(on_get, why)?;
            searched.fails(*status, scim_type)?;
        }
        Expected::Resource(_) => ensure!(false, "a filter case expects ids or an error"),
    }
    Ok(())
}
