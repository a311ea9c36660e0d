//! What audit and events are told of a change.

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
        serde_json::to_value(Line::new(self, key, version)).unwrap_or_default()
    }

    /// The text of [`ChangeRecord::logged`].
    pub fn line(&self, key: &Key, version: &Version) -> String {
        serde_json::to_string(&Line::new(self, key, version)).unwrap_or_default()
    }
}

/// A line of a change log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(flatten)]
    record: &'a ChangeRecord,
    resource_type: &'a str,
    resource: &'a str,
    version: &'a str,
}

impl<'a> Line<'a> {
    fn new(record: &'a ChangeRecord, key: &'a Key, version: &'a Version) -> Self {
        Line { record, resource_type: key.kind.as_str(), resource: key.id.as_str(), version: version.as_str() }
    }
}
