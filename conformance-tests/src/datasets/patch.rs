//! The PATCH cases: seed, PATCH, read back, compare.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use scim_core::schema::Registry;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::compare::{equal, same_resource};
use crate::data::{Expected, PatchCase, TEST_URN};
use crate::protocol::version;
use crate::session::{GROUP, Session, USER};

use super::seed::{self, Seed};

/// Runs one case in a fresh tenant of the session's profile.
pub fn run(case: &PatchCase, session: &Session, types: &Registry) -> Result<()> {
    session.harness.seed(&session.site, fixture(case, types)?)?;
    let id = case.initial.get("id").and_then(Value::as_str).context("a case has an id")?;
    let path = format!("{}/{id}", if is_group(&case.initial) { "/Groups" } else { "/Users" });

    let before = session.get(&path)?.is(200)?;
    same_resource(&case.initial, &before.body).context("the seeded resource")?;
    let answer = session.request("PATCH", &path).json(&case.message).send()?;
    let after = match &case.expected {
        Expected::Resource(expected) => {
            let answer = answer.is_one_of(&[200, 204])?;
            let after = session.get(&path)?.is(200)?;
            same_resource(expected, &after.body)?;
            ensure!(
                answer.status == 204 || equal(&answer.body, &after.body),
                "the answer {} is not what is stored {}",
                answer.body,
                after.body
            );
            // An answer without body shows no computed values, so its tag has no digest of them.
            let tag = |answer: &Answer| answer.header("etag").map(version);
            ensure!(
                tag(&answer).is_some() && tag(&answer) == tag(&after),
                "the ETag of the answer is not that of the resource"
            );
            after
        }
        Expected::Error(status, scim_type) => {
            answer.fails(*status, scim_type)?;
            let after = session.get(&path)?.is(200)?;
            ensure!(equal(&before.body, &after.body), "after an error: {} became {}", before.body, after.body);
            after
        }
        Expected::Ids(_) => anyhow::bail!("a PATCH case expects a resource or an error"),
    };
    let unmoved = before.at("/meta/version") == after.at("/meta/version")
        && before.at("/meta/lastModified") == after.at("/meta/lastModified");
    let still = match &case.expected {
        Expected::Resource(expected) => equal(expected, &case.initial) && !touches_secret(&case.message),
        _ => true,
    };
    ensure!(!still || unmoved, "nothing changed, but the version or lastModified moved: {}", after.body);
    Ok(())
}

/// A password always counts as a change, or the version would tell whether it was the same (7644-3.5.2.3-12).
fn touches_secret(message: &Value) -> bool {
    let operations = message.get("Operations").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    operations.iter().any(|operation| operation.get("path").is_some_and(|path| path == "password"))
}

fn is_group(resource: &Value) -> bool {
    resource.get("schemas").and_then(|schemas| schemas.get(0)).is_some_and(|schema| schema == GROUP)
}

/// The resource of the case; the users it may name; the group it is in; somebody who holds unique values already.
fn fixture(case: &PatchCase, types: &Registry) -> Result<Vec<Seed>> {
    let mut resources = vec![
        json!({"schemas": [USER, TEST_URN], "id": "other", "userName": "alice", TEST_URN: {"code": "K2"}}),
        case.initial.clone(),
    ];
    for id in ["u1", "u2", "u3"] {
        if case.initial.get("id").is_none_or(|own| own != id) {
            resources.push(json!({"schemas": [USER], "id": id, "userName": id}));
        }
    }
    if case.initial.get("groups").is_some() {
        let members = json!([{"value": case.initial.get("id")}]);
        resources.push(json!({"schemas": [GROUP], "id": "g1", "displayName": "Tour", "members": members}));
    }
    resources.iter().map(|resource| seed::record(resource, type_of(resource, types)?)).collect()
}

/// The type whose base schema a resource names first.
pub fn type_of<'a>(resource: &Value, types: &'a Registry) -> Result<&'a Arc<scim_core::schema::ResourceType>> {
    let name = if is_group(resource) { "Groups" } else { "Users" };
    types.endpoint(name, false).with_context(|| format!("no type at /{name}"))
}
