//! A PATCH message as it was sent (RFC 7644 section 3.5.2), before anything in it is looked up.

use serde_json::{Map, Value};

use crate::access::Rules;
use crate::document::urns;
use crate::document::value::shown;
use crate::error::{ScimError, excerpt};
use crate::limits::Limits;
use crate::name::same;

/// The URN of the PatchOp message.
const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Op {
    Add,
    Remove,
    Replace,
}

/// One operation. Without a path it is `add` or `replace`; those always have a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub op: Op,
    /// To what; None for the resource.
    pub path: Option<String>,
    /// With what. For `remove`, None also stands for `null` (7644-3.5.2.2-10).
    pub value: Option<Value>,
}

/// A PATCH message.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    pub(super) operations: Vec<Operation>,
    /// An `op` was written with a capital letter, as Entra does.
    pub(super) capitalised: bool,
}

impl PatchRequest {
    /// Reads a PATCH message. Member names and `op` are matched in any letter case; what is unknown is ignored.
    ///
    /// # Errors
    /// `invalidSyntax` where the message is not built as RFC 7644 section 3.5.2 wants it; `invalidValue` for `add` and
    /// `replace` without value; `noTarget` for `remove` without path; `TooLarge` for more operations than
    /// `limits.patch_operations`.
    pub fn parse(message: &Value, rules: &Rules, limits: &Limits) -> Result<Self, ScimError> {
        let Value::Object(members) = message else {
            return Err(ScimError::invalid_syntax(format!("a PATCH is a JSON object, not {}", shown(message))));
        };
        urns::check(member(members, "schemas"), PATCH_URN, |_| false, rules)?;
        let items = match member(members, "Operations") {
            Some(Value::Array(items)) if !items.is_empty() || rules.empty_patches => items,
            _ => return Err(ScimError::invalid_syntax("Operations must be an array of one or more operations")),
        };
        if items.len() > limits.patch_operations {
            return Err(ScimError::too_large(format!(
                "the request has {} operations and {} are allowed; send several requests",
                items.len(),
                limits.patch_operations
            )));
        }
        let mut capitalised = false;
        let operations = items.iter().map(|item| operation(item, &mut capitalised)).collect::<Result<_, _>>()?;
        Ok(PatchRequest { operations, capitalised })
    }

    /// The operations, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

fn operation(item: &Value, capitalised: &mut bool) -> Result<Operation, ScimError> {
    let Value::Object(members) = item else {
        return Err(ScimError::invalid_syntax(format!("an operation is a JSON object, not {}", shown(item))));
    };
    let unknown = |told: String| ScimError::invalid_syntax(format!("op must be add, remove or replace, not {told}"));
    let op = match member(members, "op") {
        Some(Value::String(name)) => {
            *capitalised |= name.bytes().any(|byte| byte.is_ascii_uppercase());
            [("add", Op::Add), ("remove", Op::Remove), ("replace", Op::Replace)]
                .into_iter()
                .find_map(|(known, op)| same(known, name).then_some(op))
                .ok_or_else(|| unknown(excerpt(name)))?
        }
        other => return Err(unknown(other.map_or_else(|| "absent".into(), shown))),
    };
    let path = match member(members, "path") {
        Some(Value::String(path)) => Some(path.clone()),
        None | Some(Value::Null) => None,
        Some(other) => return Err(ScimError::invalid_syntax(format!("path is a string, not {}", shown(other)))),
    };
    let value = member(members, "value").filter(|value| op != Op::Remove || !value.is_null()).cloned();
    if op == Op::Remove && path.is_none() {
        return Err(ScimError::no_target("remove needs a path that names what to remove"));
    }
    if op != Op::Remove && value.is_none() {
        return Err(ScimError::invalid_value("add and replace need a value; send null to unassign an attribute"));
    }
    Ok(Operation { op, path, value })
}

/// A member by its name in any letter case. The JSON layer has refused a name that stands there twice.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.iter().find(|(own, _)| same(own, name)).map(|(_, value)| value)
}
