//! Names to definitions, by the registered URNs of a type.

use std::sync::Arc;

use serde_json::Value;

use crate::access::profile::Rules;
use crate::error::{ScimError, excerpt};
use crate::filter::bind::bind_element;
use crate::filter::lex::is_attr_name;
use crate::filter::{BoundFilter, Compare, Leaf};
use crate::limits::Limits;
use crate::name::same;
use crate::schema::{AttributeDef, ResourceType};

use super::AttrPath;
use super::parse::{self, Path};

/// What the path of a PATCH operation points to.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An attribute, or a sub-attribute (of every element, where the attribute is multi-valued).
    Attribute(AttrPath),
    /// Those elements of a multi-valued attribute that satisfy a filter, or a sub-attribute of them.
    Element {
        /// The attribute, without sub-attribute.
        at: AttrPath,
        /// Which elements; its paths are to the sub-attributes (or to the attribute itself, where it is simple).
        filter: BoundFilter,
        /// What of them; None for the elements themselves.
        sub: Option<Arc<AttributeDef>>,
    },
    /// All attributes of the extension with this URN.
    Extension(Arc<str>),
}

/// What a name in `attributes` and `excludedAttributes` stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// An attribute or sub-attribute.
    Attribute(AttrPath),
    /// All attributes of the extension with this URN.
    Extension(Arc<str>),
}

/// Resolves the path of a PATCH operation.
///
/// # Errors
/// `invalidPath` for malformed paths, unknown attributes and brackets behind a singular attribute; `invalidFilter` for
/// what is wrong between brackets.
pub fn resolve(text: &str, kind: &ResourceType, rules: &Rules, limits: &Limits) -> Result<Target, ScimError> {
    let unknown = |name: &str| {
        ScimError::invalid_path(match qualified(name, kind) {
            Some(at) => format!("{} has no attribute {}; write {at}", kind.kind, excerpt(name)),
            None => format!("{} has no attribute {}; /Schemas lists those it has", kind.kind, excerpt(name)),
        })
    };
    match parse::parse(text, limits)? {
        Path::Attribute(name) => match named(&name, kind, rules.short_names) {
            Some(Named::Attribute(at)) => Ok(Target::Attribute(at)),
            Some(Named::Extension(urn)) => Ok(Target::Extension(urn)),
            None => Err(unknown(&name)),
        },
        Path::Element { at: name, filter, sub } => {
            let at = attribute(&name, kind, rules.short_names).ok_or_else(|| unknown(&name))?;
            if at.sub().is_some() || !at.attr().multi_valued {
                return Err(ScimError::invalid_path(format!(
                    "{at} has no elements to choose from; brackets follow multi-valued attributes only"
                )));
            }
            let sub = match sub {
                None => None,
                Some(sub) => Some(at.attr().sub(&sub).cloned().ok_or_else(|| unknown(&format!("{at}.{sub}")))?),
            };
            let filter = bind_element(&filter, &at, rules)?;
            Ok(Target::Element { at, filter, sub })
        }
    }
}

/// The attribute or sub-attribute that a name in attribute notation means for a type (RFC 7644 section 3.10), in any
/// letter case. With `short_names`, an attribute of an extension needs no URN where only one schema of the type has
/// such a name.
///
/// The URN ends where the longest one registered ends: neither colons nor dots tell, for a version is `2.0`
/// (7644-3.10-04).
pub fn attribute(text: &str, kind: &ResourceType, short_names: bool) -> Option<AttrPath> {
    match split(text, kind) {
        Some((urn, rest)) if same(urn, &kind.schema.id) => of_base(rest.strip_prefix(':')?, kind),
        Some((urn, rest)) => of_extension(rest.strip_prefix(':')?, kind, urn),
        None => of_base(text, kind).or_else(|| qualified(text, kind).filter(|_| short_names)),
    }
}

/// The same, or the URN of an extension.
pub fn named(text: &str, kind: &ResourceType, short_names: bool) -> Option<Named> {
    match kind.extension(text) {
        Some(extension) => Some(Named::Extension(extension.schema.id.clone())),
        None => attribute(text, kind, short_names).map(Named::Attribute),
    }
}

/// The attribute of an extension that a name without URN can mean: where just one schema of the type has it.
pub(crate) fn qualified(text: &str, kind: &ResourceType) -> Option<AttrPath> {
    if text.contains(':') || of_base(text, kind).is_some() {
        return None;
    }
    let (name, _) = halves(text);
    let mut having = kind.extensions.iter().filter(|extension| extension.schema.attribute(name).is_some());
    match (having.next(), having.next()) {
        (Some(only), None) => of_extension(text, kind, &only.schema.id),
        _ => None,
    }
}

/// The registered URN that the text begins with, the longest such, and what follows it.
fn split<'a>(text: &'a str, kind: &'a ResourceType) -> Option<(&'a str, &'a str)> {
    kind.urns()
        .filter_map(|urn| {
            let (start, rest) = text.split_at_checked(urn.len())?;
            (same(start, urn) && (rest.is_empty() || rest.starts_with(':'))).then_some((urn.as_ref(), rest))
        })
        .max_by_key(|(urn, _)| urn.len())
}

fn of_base(text: &str, kind: &ResourceType) -> Option<AttrPath> {
    let (name, sub) = halves(text);
    let common = kind.common.iter().find(|attribute| same(&attribute.name, name));
    with_sub(None, common.or_else(|| kind.schema.attribute(name))?, sub)
}

fn of_extension(text: &str, kind: &ResourceType, urn: &str) -> Option<AttrPath> {
    let extension = kind.extension(urn)?;
    let (name, sub) = halves(text);
    with_sub(Some(extension.schema.id.clone()), extension.schema.attribute(name)?, sub)
}

fn with_sub(extension: Option<Arc<str>>, attr: &Arc<AttributeDef>, sub: Option<&str>) -> Option<AttrPath> {
    let sub = match sub {
        Some(sub) if is_attr_name(sub) => Some(attr.sub(sub)?.clone()),
        Some(_) => return None,
        None => None,
    };
    Some(AttrPath::new(extension, attr.clone(), sub))
}

fn halves(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (text, None),
    }
}

/// The values a new element must have to satisfy the filter of a [`Target::Element`], where that is a conjunction of
/// equalities; None where it is anything else.
pub fn equalities(filter: &BoundFilter) -> Option<Vec<(AttrPath, Value)>> {
    match filter {
        BoundFilter::Leaf(Leaf::Compare(at, Compare::Eq, operand)) => Some(vec![(at.clone(), operand.to_value(at))]),
        BoundFilter::And(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(equalities(part)?);
            }
            Some(all)
        }
        _ => None,
    }
}
