//! Two documents into the change set that leads from one to the other, and the record of it.

use std::borrow::Cow;
use std::sync::Arc;

use foldhash::HashSet;
use serde_json::{Map, Value};

use crate::change::{ChangeSet, LinkEdit, Making};
use crate::document::check::{self, Woven};
use crate::document::excerpt::{self, Excerpt, Member};
use crate::document::{Document, claims, values};
use crate::error::ScimError;
use crate::filter::BoundFilter;
use crate::path::AttrPath;
use crate::schema::{AttributeDef, LinkType, ResourceType, Returned};
use crate::store::ResourceId;

/// Bounds the work of filters in one request: elements looked at, times comparisons.
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn new(most: u64) -> Self {
        Budget(most)
    }

    /// `tooMany` where looking at so many elements would go beyond the bound.
    pub(super) fn spend(&mut self, elements: usize, filter: &BoundFilter) -> Result<(), ScimError> {
        let mut comparisons = 0_u64;
        filter.visit(&mut |_| comparisons += 1);
        let cost = (elements as u64).saturating_mul(comparisons.max(1));
        let left = self.0.checked_sub(cost);
        self.0 = left.ok_or_else(|| {
            ScimError::too_many(
                "the filters in these operations look at too many values; send fewer operations at once",
            )
        })?;
        Ok(())
    }
}

/// The change of one resource, of which `before` read what may change, to what is read `after` it, with these link edits
/// and the secrets of `making`. None where nothing would change.
///
/// # Errors
/// `invalidValue` where a required value is missing in the end (7644-3.5.2-28); `TooLarge` where the document would grow beyond
/// `document_max`.
pub(super) fn change(
    resource_type: &ResourceType,
    before: &Excerpt<'_>,
    after: &Map<String, Value>,
    linked: &[Arc<LinkType>],
    links: Vec<LinkEdit>,
    making: &Making,
) -> Result<Option<ChangeSet>, ScimError> {
    let Woven { document, schemas } = check::weave(after, &before.rest, resource_type, linked)?;
    let changed = !has_schemas(before, &schemas) || is_different(&before.read, after);
    if !changed && links.is_empty() && making.secrets.is_empty() {
        return Ok(None);
    }
    let mut change = bare(links, making);
    if !changed {
        return Ok(Some(change));
    }
    bounded(&document, before.size, making)?;
    // What was not read claims the same as before.
    let held = claims(&before.read, resource_type, making.unique_group_names);
    let wanted = claims(after, resource_type, making.unique_group_names);
    if held != wanted {
        let (held_set, wanted_set) = (held.iter().collect::<HashSet<_>>(), wanted.iter().collect::<HashSet<_>>());
        change.release = held.iter().filter(|claim| !wanted_set.contains(claim)).cloned().collect();
        change.claim = wanted.iter().filter(|claim| !held_set.contains(claim)).cloned().collect();
    }
    change.document = Some(document);
    change.label = match (label(&before.read, &before.rest), label(after, &before.rest)) {
        (old, new) if old == new => None,
        (_, new) => Some(new.unwrap_or_default().into_owned()),
    };
    record(&mut change, resource_type, &before.read, after);
    Ok(Some(change))
}

/// `TooLarge` where a document is larger than it may be. One that was so before may become smaller.
pub(super) fn bounded(document: &Document, before: usize, making: &Making) -> Result<(), ScimError> {
    let size = document.as_str().len();
    if size <= making.document_max.max(before) {
        return Ok(());
    }
    Err(ScimError::too_large(format!(
        "the resource would take {size} bytes, and {} are the most (limits.resource); remove values from it, or send smaller ones",
        making.document_max
    )))
}

/// Does the document name these schemas?
fn has_schemas(before: &Excerpt<'_>, schemas: &[&str]) -> bool {
    match (before.text("schemas"), before.read.get("schemas")) {
        (Some(text), _) => serde_json::to_string(schemas).is_ok_and(|own| own == text),
        (None, Some(Value::Array(urns))) => urns.iter().map(Value::as_str).eq(schemas.iter().copied().map(Some)),
        (None, _) => false,
    }
}

/// Is a member different, but for `schemas`?
fn is_different(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let lost = before.iter().any(|(name, was)| name != "schemas" && after.get(name) != Some(was));
    lost || after.keys().any(|name| name != "schemas" && !before.contains_key(name))
}

/// What links to a resource with these attributes show.
pub(super) fn label<'a>(read: &'a Map<String, Value>, rest: &[Member<'a>]) -> Option<Cow<'a, str>> {
    ["displayName", "userName"].into_iter().find_map(|name| match read.get(name) {
        Some(value) => value.as_str().map(Cow::Borrowed),
        None => serde_json::from_str::<String>(excerpt::text(rest, name)?).ok().map(Cow::Owned),
    })
}

/// A change set of links and secrets only.
pub(super) fn bare(links: Vec<LinkEdit>, making: &Making) -> ChangeSet {
    let mut record = making.record(Vec::new());
    let (names, told) = told_links(&links);
    record.attributes = names;
    record.attributes.extend(making.secrets.iter().map(|edit| edit.at.to_string()));
    record.after = (!told.is_empty()).then_some(Value::Object(told));
    ChangeSet {
        document: None,
        label: None,
        links,
        claim: Vec::new(),
        release: Vec::new(),
        secrets: making.secrets.clone(),
        history: None,
        record,
    }
}

/// Puts the touched bounded attributes before the links and secrets that the record already names.
pub(super) fn record(
    change: &mut ChangeSet,
    resource_type: &ResourceType,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    let (mut names, mut old, mut new) = (Vec::new(), Map::new(), Map::new());
    let other = before.iter().filter(|(name, was)| after.get(*name) != Some(was)).map(|(name, _)| name);
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let touched: Vec<&String> = other.chain(added).collect();
    for at in values::attributes_in(resource_type, |member| touched.iter().any(|one| *one == member)) {
        let (was, is) = (values::whole(before, &at), values::whole(after, &at));
        if was == is {
            continue;
        }
        let name = at.to_string();
        if let Some(was) = was {
            old.insert(name.clone(), told(at.attr(), was));
        }
        if let Some(is) = is {
            new.insert(name.clone(), told(at.attr(), is));
        }
        names.push(name);
    }
    let record = &mut change.record;
    names.append(&mut record.attributes);
    record.attributes = names;
    if let Some(Value::Object(links)) = record.after.take() {
        new.extend(links);
    }
    record.before = (!old.is_empty()).then_some(Value::Object(old));
    record.after = (!new.is_empty()).then_some(Value::Object(new));
}

/// A value as the change log tells it: without sub-attributes that are never returned.
fn told(def: &AttributeDef, value: &Value) -> Value {
    if def.sub_attributes.iter().all(|sub| sub.returned != Returned::Never) {
        return value.clone();
    }
    let without = |value: &Value| match value {
        Value::Object(members) => {
            let shown = |name: &str| def.sub(name).is_none_or(|sub| sub.returned != Returned::Never);
            members.iter().filter(|(name, _)| shown(name)).map(|(name, part)| (name.clone(), part.clone())).collect()
        }
        other => other.clone(),
    };
    match value {
        Value::Array(items) => items.iter().map(without).collect(),
        single => without(single),
    }
}

/// The link attributes that are edited, and for each the ids `added`, `removed`, or `set` as all there are.
fn told_links(edits: &[LinkEdit]) -> (Vec<String>, Map<String, Value>) {
    let mut told: Map<String, Value> = Map::new();
    let id = |target: &ResourceId| Value::from(target.as_str());
    for edit in edits {
        let (at, verb, ids): (&AttrPath, &str, Vec<Value>) = match edit {
            LinkEdit::Add { at, targets, .. } => (&at.at, "added", targets.iter().map(id).collect()),
            LinkEdit::Remove { at, targets } => (&at.at, "removed", targets.iter().map(id).collect()),
            LinkEdit::Replace { at, targets } => (&at.at, "set", targets.iter().map(|(one, _)| id(one)).collect()),
        };
        let verbs = told.entry(at.to_string()).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(verbs) = verbs else { continue };
        match verbs.get_mut(verb) {
            Some(Value::Array(known)) => known.extend(ids),
            _ => {
                verbs.insert(verb.into(), Value::Array(ids));
            }
        }
    }
    (told.keys().cloned().collect(), told)
}
