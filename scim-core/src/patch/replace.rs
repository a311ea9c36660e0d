//! PUT: a draft against the record there is (RFC 7644 section 3.5.1).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::access::Rules;
use crate::change::{Change, ChangeSet, LinkEdit, Making, Resolve};
use crate::document::{Draft, LinkValue, excerpt, values};
use crate::error::ScimError;
use crate::path::AttrPath;
use crate::query::{LinkSelect, Select};
use crate::schema::{Kind, LinkType, Mutability, ResourceType};
use crate::store::{Link, Record, ResourceId};

use super::{create, elements, finish};

/// The change that makes a resource like this draft. Attributes left out are cleared, but for `active`, immutable and
/// read-only ones, and secrets; links left out are removed. Secrets are those of `making`.
///
/// Resolving fails with `mutability` where an immutable value would change, with `invalidValue` where a required one
/// is missing.
pub fn replace(draft: Draft, resource_type: &Arc<ResourceType>, _rules: &Rules, making: Making) -> Change {
    let mut reads = Select::document();
    let wanted = |link: &Arc<LinkType>| {
        let given = draft.links.iter().find(|(own, _)| own.at == link.at).map(|(_, values)| values.as_slice());
        let kept = given.unwrap_or_default().iter().filter(|value| !making.without.contains(&value.target));
        let mut kept = kept.cloned().collect::<Vec<_>>();
        kept.sort_unstable_by(|a, b| a.target.cmp(&b.target));
        (link.clone(), kept)
    };
    let links = resource_type.links.iter().map(wanted).collect::<Vec<_>>();
    for (link, values) in &links {
        // One more than wanted tells whether there are others, however many links there are.
        let at_most = u32::try_from(values.len()).ok().and_then(|n| n.checked_add(1));
        reads.links.push(LinkSelect { link: link.clone(), at_most });
    }
    let Draft { attributes, unassigned, .. } = draft;
    Change::Of(Arc::new(Replace { resource_type: resource_type.clone(), attributes, unassigned, links, reads, making }))
}

#[derive(Debug)]
struct Replace {
    resource_type: Arc<ResourceType>,
    attributes: Map<String, Value>,
    unassigned: Vec<AttrPath>,
    links: Vec<(Arc<LinkType>, Vec<LinkValue>)>,
    reads: Select,
    making: Making,
}

impl Resolve for Replace {
    fn reads(&self) -> &Select {
        &self.reads
    }

    fn resolve(&self, now: &Record) -> Result<Option<ChangeSet>, ScimError> {
        // What is there as it is given stays as it is, and so does what no schema names any more.
        let before = now.document.excerpt(|name, text| name != "schemas" && !self.gives(name, text));
        let mut after = before.read.clone();
        let active = create::active(&self.resource_type);
        let open = |member: &str| before.text(member).is_none();
        for at in values::attributes_in(&self.resource_type, open) {
            let stored = values::take(&mut after, &at);
            let given = values::whole(&self.attributes, &at).cloned();
            let value = match at.attr().mutability {
                Mutability::ReadOnly => stored,
                Mutability::Immutable => match (stored, given) {
                    (Some(stored), None) if !self.unassigned.contains(&at) => Some(stored),
                    (Some(stored), Some(given)) if values::same(at.attr(), &stored, &given) => Some(stored),
                    (Some(_), _) => {
                        return Err(ScimError::mutability(format!(
                            "{at} is immutable; send the value it has, or leave it out"
                        )));
                    }
                    (None, given) => given,
                },
                Mutability::ReadWrite | Mutability::WriteOnly => match (stored, given) {
                    (Some(stored), None) if active.as_ref() == Some(&at) && !self.unassigned.contains(&at) => {
                        Some(stored)
                    }
                    (Some(stored), Some(given)) => Some(elements::succeed(&at, &stored, given)?),
                    (_, given) => given,
                },
            };
            if let Some(value) = value {
                values::put(&mut after, &at, value);
            }
        }

        let (mut edits, mut linked) = (Vec::new(), Vec::new());
        for (link, wanted) in &self.links {
            let there = now.links.iter().find(|links| links.at.same_attribute(&link.at));
            let (stored, whole) = there.map_or((&[][..], true), |links| (&*links.links, links.whole));
            let fits = |(one, value): (&Link, &LinkValue)| {
                one.target.id == value.target && value.kinds.contains(&one.target.kind)
            };
            let same = whole && stored.len() == wanted.len() && stored.iter().zip(wanted).all(fits);
            let immutable = link.at.attr().mutability == Mutability::Immutable && !stored.is_empty();
            let kept = immutable && wanted.is_empty() && !self.unassigned.contains(&link.at);
            if immutable && !same && !kept {
                return Err(ScimError::mutability(format!("{} is immutable; send the values it has", link.at)));
            }
            if kept || !wanted.is_empty() {
                linked.push(link.clone());
            }
            if !same && !kept {
                let targets = wanted.iter().map(target).collect();
                edits.push(LinkEdit::Replace { at: link.clone(), targets });
            }
        }
        finish::change(&self.resource_type, &before, &after, &linked, edits, &self.making)
    }
}

impl Replace {
    /// Is a member of the document written as the draft has it?
    fn gives(&self, name: &str, text: &str) -> bool {
        match self.attributes.get(name) {
            // An extension: its attributes may come in another order.
            Some(Value::Object(given)) if self.resource_type.extension(name).is_some() => excerpt::members(text)
                .is_some_and(|there| {
                    there.len() == given.len()
                        && there
                            .iter()
                            .all(|(name, text)| given.get(*name).is_some_and(|given| excerpt::is_written(given, text)))
                }),
            Some(given) => excerpt::is_written(given, text),
            None => false,
        }
    }
}

fn target(value: &LinkValue) -> (ResourceId, Arc<[Kind]>) {
    (value.target.clone(), value.kinds.clone())
}
