//! Resources as JSON: read strictly, checked against their type, kept in one canonical form.
//!
//! - `json`: bytes to values; what two readers could read differently is refused
//! - `value`: one value against its definition; `format`: what text must look like; `link`: one link; `urns`: the `schemas` member
//! - `check`: a whole resource into a [`check::Draft`], and back into a document
//! - `values`: what stands in a document; `excerpt`: a document of which only a few members are read
//! - `project`: which attributes an answer shows; `render`: a record as it is sent

pub mod check;
pub(crate) mod excerpt;
mod format;
pub mod json;
pub mod link;
pub mod project;
pub mod render;
pub(crate) mod urns;
pub mod value;
pub mod values;

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

pub use check::Draft;
pub use link::LinkValue;
pub use values::claims;

/// The bounded attributes of a resource as canonical JSON text: `schemas` first (base URN first), then `externalId`,
/// then the attributes of the base schema in its order and spelling, then one object for each extension. No `id`, no
/// `meta`, no links, no secrets, nothing unassigned. Equal documents are equal bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Document(Arc<str>);

impl Document {
    /// Text that came out of [`Document::as_str`] earlier. For stores.
    pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
        Document(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The attributes. Empty where the text is no object, which no store should ever hand back.
    pub fn parse(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// What links to the resource show: `displayName`, else `userName`.
    pub fn label(&self) -> Option<String> {
        let attributes = self.parse();
        ["displayName", "userName"]
            .into_iter()
            .find_map(|name| attributes.get(name).and_then(Value::as_str).map(str::to_owned))
    }
}

impl Default for Document {
    fn default() -> Self {
        Document("{}".into())
    }
}

/// Sizes only: documents hold personal data.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.0.len())
    }
}
