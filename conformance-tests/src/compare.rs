//! When are two resources the same? Key order means nothing, multi-valued attributes are sets, and what the server
//! computes counts only where the expectation shows it.

use anyhow::{Result, ensure};
use serde_json::Value;

/// What a server adds by itself, at any depth: left out of the comparison where the expectation does not show it.
const COMPUTED: &[&str] = &["meta", "groups", "$ref", "type", "display", "displayName", "active"];

/// `shown` is `expected`, save for computed values that `expected` leaves out.
pub fn same_resource(expected: &Value, shown: &Value) -> Result<()> {
    ensure!(matches(expected, shown, None), "expected {expected}\n     got {shown}");
    Ok(())
}

/// Two representations are equal as they stand, sets regarded.
pub fn equal(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

fn matches(expected: &Value, shown: &Value, attribute: Option<&str>) -> bool {
    match (expected, shown) {
        (Value::Object(expected), Value::Object(shown)) => {
            expected.iter().all(|(name, value)| shown.get(name).is_some_and(|own| matches(value, own, Some(name))))
                && shown.keys().all(|name| expected.contains_key(name) || may_be_added(name, attribute))
        }
        (Value::Array(expected), Value::Array(shown)) => {
            expected.len() == shown.len() && pair_up(expected, &mut shown.iter().collect::<Vec<_>>(), attribute)
        }
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => expected == shown,
    }
}

/// Each expected element finds one of its own. Small arrays: trying each is quick enough.
fn pair_up(expected: &[Value], shown: &mut Vec<&Value>, attribute: Option<&str>) -> bool {
    expected.iter().all(|value| match shown.iter().position(|own| matches(value, own, attribute)) {
        Some(at) => {
            shown.swap_remove(at);
            true
        }
        None => false,
    })
}

/// `display` and `type` are computed inside members and manager only; elsewhere they are the client's own.
fn may_be_added(name: &str, attribute: Option<&str>) -> bool {
    match attribute {
        None => matches!(name, "meta" | "groups" | "active"),
        Some("members" | "manager" | "groups") => COMPUTED.contains(&name),
        Some(_) => false,
    }
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().map(|(name, value)| (name.clone(), canonical(value))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(elements) => {
            let mut sorted: Vec<_> = elements.iter().map(canonical).collect();
            sorted.sort_by_cached_key(Value::to_string);
            Value::Array(sorted)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn computed_values_count_only_where_they_are_expected() {
        let shown = json!({"id": "g1", "meta": {}, "members": [{"value": "b", "type": "User"}, {"value": "a"}]});
        let check = |expected| same_resource(&expected, &shown).is_ok();
        assert!(check(json!({"id": "g1", "members": [{"value": "a"}, {"value": "b"}]})));
        assert!(check(json!({"id": "g1", "members": [{"value": "a"}, {"value": "b", "type": "User"}]})));
        assert!(!check(json!({"id": "g1", "members": [{"value": "a"}]})));
        assert!(!check(json!({"id": "g1", "members": [{"value": "a"}, {"value": "b", "type": "Group"}]})));
        let shown = json!({"id": "u1", "emails": [{"value": "x", "type": "work"}]});
        assert!(same_resource(&json!({"id": "u1", "emails": [{"value": "x"}]}), &shown).is_err());
    }
}
