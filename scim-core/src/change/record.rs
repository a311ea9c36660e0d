//! What audit and events are told of a change.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::store::{Key, Version};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Verb {
    Create,
    Replace,
    Patch,
    Delete,
    /// A link went because its target was deleted.
    Release,
}

/// One line of the change log. Built inside `resolve`, so it tells what was really there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// Unique; consumers deduplicate by it.
    pub id: String,
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// The credential that asked.
    pub actor: String,
    /// The request it came in.
    pub request: String,
    /// What was asked for.
    pub verb: Verb,
    /// The attributes it touched, in path notation. Names only: values stand in `before` and `after`.
    pub attributes: Vec<String>,
    /// The touched bounded attributes as they were. Never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The touched bounded attributes, and link values added or removed, as they are now. Never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl ChangeRecord {
    /// The record of a holder that lost its link to a resource which this record says was deleted.
    pub fn released(&self, holder: &Key, attribute: &str) -> ChangeRecord {
        ChangeRecord {
            id: format!("{}/{}", self.id, holder.id),
            verb: Verb::Release,
            attributes: vec![attribute.to_owned()],
            before: None,
            after: None,
            ..self.clone()
        }
    }

    /// As it is appended to a change log: with the resource and its version now.
    pub fn logged(&self, key: &Key, version: &Version) -> Value {
        let mut line = serde_json::to_value(self).unwrap_or_default();
        if let Value::Object(fields) = &mut line {
            fields.insert("resourceType".into(), key.kind.as_str().into());
            fields.insert("resource".into(), key.id.as_str().into());
            fields.insert("version".into(), version.as_str().into());
        }
        line
    }

    /// When it happened.
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }
}
