//! The `schemas` member of messages and resources (7643-3-01, 7643-3-02, 7643-3.3-01, tolerance rule R2).

use serde_json::Value;

use crate::access::Rules;
use crate::error::{ScimError, excerpt};
use crate::name::same;

use super::value::{shown, unassigned};

/// What URNs of known client dialects begin with: OneLogin's and other SCIM 1 templates, Entra's groups.
const DIALECTS: [&str; 2] = ["urn:scim:schemas:", "http://schemas.microsoft.com/"];

/// Checks `schemas` against the URN that must be in it and those that may.
///
/// # Errors
/// `invalidSyntax` where it is no array of strings, lacks `base`, or (strict) names others than `base` and those that
/// `known` accepts. Leniently it may be absent or name only URNs of known dialects; others beside `base` are ignored.
pub fn check(given: Option<&Value>, base: &str, known: impl Fn(&str) -> bool, rules: &Rules) -> Result<(), ScimError> {
    let Some(given) = given.filter(|value| !unassigned(value)) else {
        return if rules.lenient_schemas { Ok(()) } else { Err(missing(base)) };
    };
    let Value::Array(items) = given else {
        return Err(ScimError::invalid_syntax(format!("schemas is an array of URNs, not {}", shown(given))));
    };
    let (mut found, mut foreign, mut dialect) = (false, None, true);
    for item in items {
        let Value::String(urn) = item else {
            return Err(ScimError::invalid_syntax(format!("schemas holds URNs, not {}", shown(item))));
        };
        if same(urn, base) {
            found = true;
        } else if !known(urn) {
            foreign.get_or_insert(urn);
        }
        dialect &= DIALECTS.iter().any(|start| urn.get(..start.len()).is_some_and(|begin| same(begin, start)));
    }
    let tolerated = rules.lenient_schemas && dialect;
    if !found && !tolerated {
        return Err(missing(base));
    }
    match foreign {
        Some(urn) if !rules.lenient_schemas => Err(ScimError::invalid_syntax(format!(
            "schemas names {}, which does not belong here; leave it out",
            excerpt(urn)
        ))),
        _ => Ok(()),
    }
}

fn missing(base: &str) -> ScimError {
    ScimError::invalid_syntax(format!("schemas must name {base}"))
}
