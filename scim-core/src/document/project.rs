//! Which attributes an answer shows: `attributes`, `excludedAttributes` and `returned` (RFC 7644 section 3.9).
//!
//! One function decides for every answer: reads, lists, searches, writes and bulk.

use std::sync::Arc;

use memchr::{memmem, memrchr};
use serde_json::{Map, Value};

use crate::error::ScimError;
use crate::path::{self, AttrPath, Named};
use crate::query::{LinkSelect, Select};
use crate::schema::{AttributeDef, ResourceType, Returned, ReverseType};
use crate::store::index::pick;

/// The raw `attributes` and `excludedAttributes` of a request: names separated by commas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// `attributes`.
    pub attributes: Option<String>,
    /// `excludedAttributes`.
    pub excluded: Option<String>,
}

impl View {
    /// Does it ask for anything but the default?
    pub fn is_default(&self) -> bool {
        names(self.attributes.as_deref()).next().is_none() && names(self.excluded.as_deref()).next().is_none()
    }
}

/// A view, resolved for one resource type.
#[derive(Debug, Clone)]
pub struct Projection {
    mode: Mode,
    /// Attributes of `returned: request` that the client set in this very request.
    also: Vec<AttrPath>,
    select: Select,
    reverse: Vec<Arc<ReverseType>>,
}

#[derive(Debug, Clone)]
enum Mode {
    Default,
    Only(Vec<Named>),
    Without(Vec<Named>),
}

/// How much of an attribute is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// Nothing.
    No,
    /// All of its sub-attributes that are shown by default.
    Whole,
    /// These sub-attributes.
    Subs(Vec<Arc<AttributeDef>>),
}

impl Projection {
    /// Resolves a view. Unknown names are ignored; naming both lists is 400 invalidValue.
    pub fn new(view: &View, rt: &ResourceType, short_names: bool) -> Result<Self, ScimError> {
        let resolve = |list: Option<&str>| names(list).filter_map(|name| path::named(name, rt, short_names)).collect();
        let given = |list: Option<&str>| names(list).next().is_some();
        let mode = match (given(view.attributes.as_deref()), given(view.excluded.as_deref())) {
            (true, true) => {
                return Err(ScimError::invalid_value(
                    "attributes and excludedAttributes exclude each other; send one of them",
                ));
            }
            (true, false) => Mode::Only(resolve(view.attributes.as_deref())),
            (false, true) => Mode::Without(resolve(view.excluded.as_deref())),
            (false, false) => Mode::Default,
        };
        let mut projection = Projection { mode, also: Vec::new(), select: Select::document(), reverse: Vec::new() };
        let shown = |at: &AttrPath, projection: &Projection| projection.shown(at.extension(), at.attr()) != Shown::No;
        for link in &rt.links {
            if shown(&link.at, &projection) {
                projection.select.links.push(LinkSelect { link: link.clone(), at_most: None });
            }
        }
        projection.reverse = rt.reverse.iter().filter(|reverse| shown(&reverse.at, &projection)).cloned().collect();
        Ok(projection)
    }

    /// Shows these attributes, and sub-attributes, of `returned: request` too: the client set them in this request (7643-7-17).
    pub fn also(mut self, attributes: Vec<AttrPath>) -> Self {
        if matches!(self.mode, Mode::Default) {
            self.also = attributes;
        }
        self
    }

    /// What a store must give so that this can be shown.
    pub fn select(&self) -> &Select {
        &self.select
    }

    /// What the commit of a change must give so that this can be shown, with no more than `most` values of any link
    /// attribute.
    pub fn reply(&self, most: Option<u32>) -> Select {
        let mut select = Select { reverse: self.reverse.clone(), ..self.select.clone() };
        for link in &mut select.links {
            link.at_most = most;
        }
        select
    }

    /// The reverse attributes that are shown.
    pub fn reverse(&self) -> &[Arc<ReverseType>] {
        &self.reverse
    }

    /// Can a stored text be sent as it is? Only where the view takes nothing from documents, and where this one holds
    /// nothing that is hidden.
    pub fn takes_verbatim(&self, rt: &ResourceType, text: &str) -> bool {
        let whole = match &self.mode {
            Mode::Default => true,
            Mode::Only(_) => false,
            Mode::Without(names) => !names.iter().any(Named::is_stored),
        };
        whole && (rt.hidden.is_empty() || !has_member(text, &rt.hidden))
    }

    /// The part of a stored text that is shown.
    pub fn text(&self, rt: &ResourceType, text: &str) -> Map<String, Value> {
        match &self.mode {
            // A few of many: the others are not made into values at all.
            Mode::Only(names) => {
                let always =
                    rt.common.iter().chain(&rt.schema.attributes).filter(|def| def.returned == Returned::Always);
                let named = names.iter().map(|name| match name {
                    Named::Extension(urn) => &**urn,
                    Named::Attribute(at) => at.extension().map_or(at.attr().name.as_str(), AsRef::as_ref),
                });
                let in_extensions = rt
                    .extensions
                    .iter()
                    .filter(|extension| extension.schema.attributes.iter().any(|def| def.returned == Returned::Always));
                let all = always.map(|def| def.name.as_str()).chain(named);
                let all: Vec<&str> = all.chain(in_extensions.map(|extension| &*extension.schema.id)).collect();
                self.document(rt, &pick(text, &all))
            }
            Mode::Default | Mode::Without(_) => self.document(rt, &serde_json::from_str(text).unwrap_or_default()),
        }
    }

    /// How much of a top-level attribute (of an extension, or of the base schema) is shown.
    pub fn shown(&self, extension: Option<&Arc<str>>, attr: &Arc<AttributeDef>) -> Shown {
        let same = |at: &AttrPath| at.extension() == extension && at.attr().name == attr.name;
        match attr.returned {
            Returned::Always => return Shown::Whole,
            Returned::Never => return Shown::No,
            Returned::Default | Returned::Request => {}
        }
        let by_default = attr.returned == Returned::Default;
        match &self.mode {
            Mode::Default if by_default || self.also.iter().any(same) => {
                let on_request = |at: &&AttrPath| at.sub().is_some_and(|sub| sub.returned == Returned::Request);
                let set = self.also.iter().filter(|at| same(at)).filter(on_request).filter_map(AttrPath::sub);
                let mut subs = set.cloned().collect::<Vec<_>>();
                if subs.is_empty() {
                    return Shown::Whole;
                }
                let shown = |sub: &&Arc<AttributeDef>| matches!(sub.returned, Returned::Always | Returned::Default);
                subs.extend(attr.sub_attributes.iter().filter(shown).cloned());
                Shown::Subs(subs)
            }
            Mode::Default => Shown::No,
            Mode::Only(names) => {
                let mut subs = Vec::new();
                for name in names {
                    match name {
                        Named::Extension(urn) if by_default && Some(urn) == extension => return Shown::Whole,
                        Named::Attribute(at) if same(at) => match at.sub() {
                            None => return Shown::Whole,
                            Some(sub) => subs.push(sub.clone()),
                        },
                        _ => {}
                    }
                }
                subs.retain(|sub| sub.returned != Returned::Never);
                if subs.is_empty() {
                    return Shown::No;
                }
                subs.extend(attr.sub_attributes.iter().filter(|sub| sub.returned == Returned::Always).cloned());
                Shown::Subs(subs)
            }
            Mode::Without(_) if !by_default => Shown::No,
            Mode::Without(names) => {
                let mut hidden = Vec::new();
                for name in names {
                    match name {
                        Named::Extension(urn) if Some(urn) == extension => return Shown::No,
                        Named::Attribute(at) if same(at) => match at.sub() {
                            None => return Shown::No,
                            Some(sub) => hidden.push(sub.name.as_str()),
                        },
                        _ => {}
                    }
                }
                if hidden.is_empty() {
                    return Shown::Whole;
                }
                let stays = |sub: &&Arc<AttributeDef>| match sub.returned {
                    Returned::Always => true,
                    Returned::Default => !hidden.contains(&sub.name.as_str()),
                    Returned::Never | Returned::Request => false,
                };
                Shown::Subs(attr.sub_attributes.iter().filter(stays).cloned().collect())
            }
        }
    }

    fn document(&self, rt: &ResourceType, document: &Map<String, Value>) -> Map<String, Value> {
        let mut out = Map::new();
        for def in rt.common.iter().chain(&rt.schema.attributes) {
            if let Some(value) = document.get(&def.name) {
                self.put(&mut out, None, def, value);
            }
        }
        for extension in &rt.extensions {
            let urn = &extension.schema.id;
            let Some(Value::Object(stored)) = document.get(&**urn) else { continue };
            let mut shown = Map::new();
            for def in &extension.schema.attributes {
                if let Some(value) = stored.get(&def.name) {
                    self.put(&mut shown, Some(urn), def, value);
                }
            }
            if !shown.is_empty() {
                out.insert(urn.to_string(), Value::Object(shown));
            }
        }
        out
    }

    fn put(&self, out: &mut Map<String, Value>, urn: Option<&Arc<str>>, def: &Arc<AttributeDef>, value: &Value) {
        let value = match self.shown(urn, def) {
            Shown::No => return,
            Shown::Whole => narrow(value, |name| {
                def.sub(name).is_none_or(|sub| matches!(sub.returned, Returned::Always | Returned::Default))
            }),
            Shown::Subs(subs) => narrow(value, |name| subs.iter().any(|sub| sub.name == name)),
        };
        if let Some(value) = value {
            out.insert(def.name.clone(), value);
        }
    }
}

/// The value with only those sub-attributes that `keep` accepts; None where nothing is left.
pub(crate) fn narrow(value: &Value, keep: impl Fn(&str) -> bool + Copy) -> Option<Value> {
    match value {
        Value::Object(subs) => {
            let kept: Map<_, _> =
                subs.iter().filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(elements) => {
            let kept: Vec<_> = elements.iter().filter_map(|element| narrow(element, keep)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        simple => Some(simple.clone()),
    }
}

/// May an object of this JSON text have a member of one of these names? What stands in a value and looks like one counts too.
fn has_member(text: &str, names: &[String]) -> bool {
    let text = text.as_bytes();
    memmem::find_iter(text, b"\":").any(|end| {
        let before = text.get(..end).unwrap_or_default();
        let name = memrchr(b'"', before).and_then(|start| before.get(start + 1..));
        name.is_some_and(|name| names.iter().any(|one| one.as_bytes() == name))
    })
}

fn names(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_whole_names() {
        let names = ["password".to_owned(), "value".to_owned()];
        for (text, expected) in [
            (r#"{"userName":"ann","password":"x"}"#, true),
            (r#"{"emails":[{"type":"work","value":"a@x"}]}"#, true),
            (r#"{"userName":"password","myvalue":"value","passwords":[]}"#, false),
            (r#"{"title":"say \"password\": x"}"#, false),
            ("{}", false),
            ("", false),
        ] {
            assert_eq!(has_member(text, &names), expected, "{text}");
        }
    }
}
