//! A BulkRequest as it was sent, before anything in it is looked up.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::document::json;
use crate::error::{ScimError, excerpt};
use crate::limits::Limits;
use crate::name::same;
use crate::service::list::require_schema;

const REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// One operation, as asked.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) bulk_id: Option<String>,
    pub(super) path: String,
    pub(super) version: Option<String>,
    pub(super) data: Option<Value>,
}

/// The operations, and how many of them may fail before the rest is left out (`failOnErrors`).
pub(super) fn read(body: &[u8], limits: &Limits) -> Result<(Vec<Operation>, Option<u64>), ScimError> {
    let mut message = match json::parse(body, limits)? {
        Value::Object(message) => message,
        _ => return Err(ScimError::invalid_syntax("a BulkRequest is a JSON object")),
    };
    require_schema(&message, REQUEST_URN)?;
    let fail_on_errors = match take(&mut message, "failOnErrors") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_u64() {
            Some(0) => None,
            Some(most) => Some(most),
            None => return Err(ScimError::invalid_value("failOnErrors must be a positive integer")),
        },
    };
    let Some(Value::Array(operations)) = take(&mut message, "Operations") else {
        return Err(ScimError::invalid_syntax("Operations must be an array of operations"));
    };
    if operations.len() > limits.bulk_operations {
        return Err(ScimError::too_large(format!(
            "a bulk request may have {} operations (maxOperations); this one has {}",
            limits.bulk_operations,
            operations.len()
        )));
    }
    let operations = operations.into_iter().map(read_operation);
    let operations: Vec<Operation> = operations.collect::<Result<_, _>>()?;
    let mut seen = HashSet::new();
    for bulk_id in operations.iter().filter_map(|one| one.bulk_id.as_deref()) {
        if !seen.insert(bulk_id) {
            return Err(ScimError::invalid_syntax(format!(
                "bulkId {} stands on two operations; each needs its own",
                excerpt(bulk_id)
            )));
        }
    }
    Ok((operations, fail_on_errors))
}

fn read_operation(operation: Value) -> Result<Operation, ScimError> {
    let Value::Object(mut fields) = operation else {
        return Err(ScimError::invalid_syntax("every bulk operation is a JSON object"));
    };
    let mut text = |name: &str| match take(&mut fields, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ScimError::invalid_syntax(format!("{name} of a bulk operation must be a string"))),
    };
    Ok(Operation {
        method: text("method")?.unwrap_or_default().to_ascii_uppercase(),
        bulk_id: text("bulkId")?,
        path: text("path")?.unwrap_or_default(),
        version: text("version")?,
        data: take(&mut fields, "data").filter(|data| !data.is_null()),
    })
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let own = fields.keys().find(|own| same(own, name))?.clone();
    fields.shift_remove(&own)
}
