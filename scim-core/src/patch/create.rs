//! POST: a draft into the change set that makes a resource (RFC 7644 section 3.3).

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::change::{ChangeSet, LinkEdit, Making};
use crate::document::{Draft, check, claims};
use crate::error::ScimError;
use crate::path::AttrPath;
use crate::schema::{Mutability, Place, ResourceType};

use super::finish;
use super::links::additions;

/// URN of the core User schema, the only one with a default (7644-3.3-02).
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The attribute that is true where a new User does not say otherwise, and that stays as it is where a PUT leaves it
/// out: nobody is enabled again by omission.
pub(super) fn active(resource_type: &ResourceType) -> Option<AttrPath> {
    let user = *resource_type.schema.id == *USER;
    let attr = resource_type.schema.attribute("active").filter(|_| user)?;
    Some(AttrPath::new(None, attr.clone(), None))
}

/// The change that makes a resource of this draft. Its secrets are those of `making`.
///
/// # Errors
/// `invalidValue` where a required attribute, sub-attribute, extension or secret has no value; `TooLarge` where the document would
/// be larger than `document_max`.
pub fn create(draft: Draft, resource_type: &ResourceType, making: Making) -> Result<ChangeSet, ScimError> {
    let Draft { mut attributes, links, secrets, unassigned } = draft;
    if let Some(active) = active(resource_type)
        && !unassigned.contains(&active)
    {
        attributes.entry(active.attr().name.as_str()).or_insert(Value::Bool(true));
    }
    let required = resource_type.schema.attributes.iter().filter(|attr| attr.required && attr.place == Place::Secret);
    for attr in required.filter(|attr| attr.mutability != Mutability::ReadOnly) {
        let at = AttrPath::new(None, attr.clone(), None);
        if !secrets.iter().any(|(own, value)| *own == at && value.is_some()) {
            return Err(ScimError::invalid_value(format!("{at} is required and has no value")));
        }
    }

    let (mut edits, mut linked) = (Vec::new(), Vec::new());
    for (link, values) in links {
        let values = values.into_iter().filter(|value| !making.without.contains(&value.target));
        let targets = values.map(|value| (value.target, value.kinds)).collect::<Vec<_>>();
        if targets.is_empty() {
            continue;
        }
        linked.push(link.clone());
        if link.multi_valued() {
            edits.extend(additions(&link, targets));
        } else {
            edits.push(LinkEdit::Replace { at: link, targets });
        }
    }
    let document = check::weave(&attributes, &[], resource_type, &linked)?.document;
    finish::bounded(&document, 0, &making)?;
    let mut change = finish::bare(edits, &making);
    change.claim = claims(&attributes, resource_type, making.unique_group_names);
    change.label = finish::label(&attributes, &[]).map(Cow::into_owned);
    change.document = Some(document);
    change.secrets.retain(|edit| edit.value.is_some());
    finish::record(&mut change, resource_type, &Map::new(), &attributes);
    Ok(change)
}
