//! Values of link attributes: which resource each names (7643-4.2-04, 7643-4.2-06). What the server computes when it
//! shows a link (`$ref`, `type`, `display`) is checked against the target where a client sends it, and never kept.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::access::Rules;
use crate::error::{ScimError, excerpt};
use crate::name::same;
use crate::schema::{Kind, LinkType};
use crate::store::ResourceId;

use super::format::is_reference;
use super::value::{shown, unassigned, unknown};

/// One link as a client asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkValue {
    /// The resource it points to.
    pub target: ResourceId,
    /// The kinds in which it may be found: all of the attribute's, or the one that the client named.
    pub kinds: Arc<[Kind]>,
}

/// What a client says of one link.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// The resource, from `value` or the last segment of `$ref`.
    pub target: Option<ResourceId>,
    /// The kinds left by `type`; None where it is not named.
    pub kinds: Option<Arc<[Kind]>>,
    /// It says outright that there is no target: the whole value, or `value` in it, is null or empty.
    pub unassigned: bool,
}

impl Given {
    /// The link, where a target is named.
    pub fn link(self, at: &LinkType) -> Option<LinkValue> {
        let kinds = self.kinds.unwrap_or_else(|| at.kinds.clone());
        self.target.map(|target| LinkValue { target, kinds })
    }
}

/// What `value` says of one link.
///
/// # Errors
/// `invalidValue` where a part is of the wrong type, `$ref` points elsewhere than `value`, or `type` is none that the
/// attribute may link to; `invalidSyntax` (strict) for unknown sub-attributes.
pub fn given(link: &LinkType, value: &Value, rules: &Rules) -> Result<Given, ScimError> {
    let at = &link.at;
    if unassigned(value) {
        return Ok(Given { unassigned: true, ..Given::default() });
    }
    let members = match value {
        Value::Object(members) => members,
        Value::String(text) if rules.bare_values => {
            return Ok(Given { target: Some(ResourceId::new(text)), ..Given::default() });
        }
        other => {
            return Err(ScimError::invalid_value(format!(
                "{at} takes an object with the id of a resource in \"value\", not {}",
                shown(other)
            )));
        }
    };
    let (mut id, mut reference, mut kinds, mut cleared) = (None, None, None, false);
    for (name, part) in members {
        let text = || text_of(link, name, part);
        if same(name, "value") {
            id = text()?;
            cleared = id.is_none();
        } else if same(name, "$ref") {
            reference = text()?;
        } else if same(name, "type") && link.has_type {
            kinds = text()?.map(|name| kind(link, name)).transpose()?;
        } else if at.attr().sub(name).is_none() {
            unknown(&format!("{at}.{name}"), rules)?;
        }
    }
    let referred = reference.map(|reference| last_segment(link, reference)).transpose()?;
    if let (Some(id), Some(referred)) = (id, referred)
        && id != referred
    {
        return Err(ScimError::invalid_value(format!(
            "{at}.$ref ends in {} but {at}.value is {}; send one of them, or both with the same id",
            excerpt(referred),
            excerpt(id)
        )));
    }
    let target = id.or(referred).map(ResourceId::new);
    Ok(Given { unassigned: cleared && target.is_none(), target, kinds })
}

/// The links that `items` name, each target once. An element that names nothing is left out; one that names a type
/// and no target is refused.
pub fn links(link: &LinkType, items: &[Value], rules: &Rules) -> Result<Vec<LinkValue>, ScimError> {
    let mut kept: Vec<LinkValue> = Vec::with_capacity(items.len());
    let mut places: HashMap<ResourceId, usize> = HashMap::with_capacity(items.len());
    for item in items {
        let given = given(link, item, rules)?;
        if given.target.is_none() && given.kinds.is_some() {
            return Err(ScimError::invalid_value(format!("{}.value is missing: it names the resource by id", link.at)));
        }
        let Some(value) = given.link(link) else { continue };
        match places.get(&value.target).and_then(|n| kept.get_mut(*n)) {
            Some(known) => narrow(link, known, &value)?,
            None => {
                places.insert(value.target.clone(), kept.len());
                kept.push(value);
            }
        }
    }
    Ok(kept)
}

/// The links of a whole attribute: an array where it is multi-valued (`invalidSyntax` otherwise). None where it is
/// unassigned.
pub fn attribute(link: &LinkType, value: &Value, rules: &Rules) -> Result<Option<Vec<LinkValue>>, ScimError> {
    if unassigned(value) {
        return Ok(None);
    }
    let links = match value {
        Value::Array(items) if link.multi_valued() => links(link, items, rules)?,
        other if link.multi_valued() => {
            return Err(ScimError::invalid_syntax(format!(
                "{} is multi-valued: send its values in a JSON array, not as {}",
                link.at,
                shown(other)
            )));
        }
        single => links(link, std::slice::from_ref(single), rules)?,
    };
    Ok(if links.is_empty() { None } else { Some(links) })
}

/// One target named twice must be of a kind that suits both.
fn narrow(link: &LinkType, known: &mut LinkValue, again: &LinkValue) -> Result<(), ScimError> {
    if known.kinds == again.kinds {
        return Ok(());
    }
    let both: Arc<[Kind]> = known.kinds.iter().filter(|kind| again.kinds.contains(kind)).cloned().collect();
    if both.is_empty() {
        let id = excerpt(known.target.as_str());
        return Err(ScimError::invalid_value(format!("{} names {id} twice, with different types", link.at)));
    }
    known.kinds = both;
    Ok(())
}

/// The text of a part, None where it is unassigned.
fn text_of<'a>(link: &LinkType, name: &str, part: &'a Value) -> Result<Option<&'a str>, ScimError> {
    match part {
        part if unassigned(part) => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(ScimError::invalid_value(format!("{}.{name} takes a string, not {}", link.at, shown(other)))),
    }
}

/// The kinds that a `type` leaves.
fn kind(link: &LinkType, name: &str) -> Result<Arc<[Kind]>, ScimError> {
    match link.kinds.iter().find(|kind| same(kind.as_str(), name)) {
        Some(kind) => Ok(Arc::from([kind.clone()])),
        None => {
            let known = link.kinds.iter().map(Kind::as_str).collect::<Vec<_>>().join(" or ");
            Err(ScimError::invalid_value(format!("{}.type is {known}, not {}", link.at, excerpt(name))))
        }
    }
}

/// The id at the end of a `$ref`. Scheme, host and prefix are not looked at: they differ between the inside and the
/// outside of a proxy.
fn last_segment<'a>(link: &LinkType, reference: &'a str) -> Result<&'a str, ScimError> {
    let path = reference.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    match path.rsplit('/').next() {
        Some(id) if !id.is_empty() && is_reference(reference) => Ok(id),
        _ => Err(ScimError::invalid_value(format!(
            "{}.$ref takes the URI of a resource, which ends in its id, not {}",
            link.at,
            excerpt(reference)
        ))),
    }
}
