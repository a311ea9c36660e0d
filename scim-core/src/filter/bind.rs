//! Names to definitions, literals to typed operands; and every reason why a filter makes no sense for a type.

use std::sync::Arc;

use crate::access::profile::Rules;
use crate::error::{ScimError, excerpt};
use crate::name::same;
use crate::path::{self, AttrPath};
use crate::schema::{AttributeDef, Mutability, Place, ResourceType, Returned, Type};

use super::ast::{Filter, Literal};
use super::{BoundFilter, Compare, Leaf, Number, Operand};

/// The name of an element of a multi-valued simple attribute inside brackets: `schemas[value eq "urn:…"]`.
pub(super) const ELEMENT: &str = "value";

/// Binds a filter to one type.
///
/// # Errors
/// `invalidFilter` for unknown and secret attributes, for operators that do not fit their attribute, and for operands of
/// another type (RFC 7644 section 3.4.2.2).
pub fn bind(filter: &Filter, kind: &ResourceType, rules: &Rules) -> Result<BoundFilter, ScimError> {
    Binder { names: Names::Of(kind), absent: false, rules }.filter(filter)
}

/// Binds a filter to one of the types of a query over several: an attribute that the type lacks has no value
/// (RFC 7644 section 3.4.2.1).
///
/// # Errors
/// As for [`bind`], save that no attribute is unknown.
pub fn bind_root(filter: &Filter, kind: &ResourceType, rules: &Rules) -> Result<BoundFilter, ScimError> {
    Binder { names: Names::Of(kind), absent: true, rules }.filter(filter)
}

/// Binds what stands between the brackets behind the multi-valued attribute `at`.
///
/// # Errors
/// As for [`bind`].
pub fn bind_element(filter: &Filter, at: &AttrPath, rules: &Rules) -> Result<BoundFilter, ScimError> {
    Binder { names: Names::In(at), absent: false, rules }.filter(filter)
}

/// Does the filter name, in one of these types, something that is never shown? Such a filter must not stand in a URL
/// (RFC 7644 section 7.5.2: 403 `sensitive`).
pub fn names_secret(filter: &Filter, types: &[Arc<ResourceType>]) -> bool {
    types.iter().any(|kind| names_secret_of(filter, &|name| path::attribute(name, kind, true)))
}

fn names_secret_of(filter: &Filter, find: &dyn Fn(&str) -> Option<AttrPath>) -> bool {
    match filter {
        Filter::Present(name) | Filter::Compare(name, _, _) => find(name).is_some_and(|at| is_secret(&at)),
        Filter::Element { at, filter, then } => find(at).is_some_and(|at| {
            let inside = |name: &str| sub_of(&at, name);
            is_secret(&at)
                || names_secret_of(filter, &inside)
                || then.as_ref().is_some_and(|then| names_secret_of(then, &inside))
        }),
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(|part| names_secret_of(part, find)),
        Filter::Not(inner) => names_secret_of(inner, find),
    }
}

/// Who is never shown anything can learn it no better by asking.
fn is_secret(at: &AttrPath) -> bool {
    at.place() == Place::Secret
        || [at.attr(), at.leaf()]
            .into_iter()
            .any(|def| def.returned == Returned::Never || def.mutability == Mutability::WriteOnly)
}

/// What a name inside the brackets behind `at` means.
fn sub_of(at: &AttrPath, name: &str) -> Option<AttrPath> {
    if at.attr().is_complex() {
        at.attr().sub(name).map(|sub| at.with_sub(sub.clone()))
    } else {
        same(name, ELEMENT).then(|| at.clone())
    }
}

/// What names mean.
#[derive(Clone, Copy)]
enum Names<'a> {
    /// Attributes of a type.
    Of(&'a ResourceType),
    /// Sub-attributes of an attribute.
    In(&'a AttrPath),
}

struct Binder<'a> {
    names: Names<'a>,
    /// An unknown attribute has no value, rather than being an error.
    absent: bool,
    rules: &'a Rules,
}

type Bound = Result<BoundFilter, ScimError>;

impl Binder<'_> {
    fn filter(&self, filter: &Filter) -> Bound {
        match filter {
            Filter::Present(name) => self.present(name),
            Filter::Compare(name, op, literal) => self.compare(name, *op, literal),
            Filter::Element { at, filter, then } => self.element(at, filter, then.as_deref()),
            Filter::And(parts) => Ok(BoundFilter::all(self.each(parts)?)),
            Filter::Or(parts) => Ok(BoundFilter::any(self.each(parts)?)),
            Filter::Not(inner) => Ok(self.filter(inner)?.not()),
        }
    }

    fn each(&self, parts: &[Filter]) -> Result<Vec<BoundFilter>, ScimError> {
        // A plain loop: the frames of iterators would count at every step of the nesting.
        let mut bound = Vec::with_capacity(parts.len());
        for part in parts {
            bound.push(self.filter(part)?);
        }
        Ok(bound)
    }

    fn present(&self, name: &str) -> Bound {
        Ok(match self.find(name)? {
            Some(at) => BoundFilter::Leaf(Leaf::Present(at)),
            None => BoundFilter::Constant(false),
        })
    }

    fn compare(&self, name: &str, op: Compare, literal: &Literal) -> Bound {
        if *literal == Literal::Null {
            return match op {
                Compare::Eq => Ok(self.present(name)?.not()),
                Compare::Ne => self.present(name),
                _ => fail(format!("{name}: null is compared with eq and ne only, not with {op}")),
            };
        }
        let Some(at) = self.find(name)? else { return Ok(BoundFilter::Constant(op == Compare::Ne)) };
        let at = self.comparable(at)?;
        refuse_secret(&at)?;
        if let Some(by_id) = self.reference(&at, op, literal)? {
            return Ok(by_id);
        }
        fits(&at, op)?;
        let operand = self.operand(&at, op, literal)?;
        Ok(BoundFilter::Leaf(Leaf::Compare(at, op, operand)))
    }

    fn element(&self, name: &str, filter: &Filter, then: Option<&Filter>) -> Bound {
        let Some(at) = self.find(name)? else { return Ok(BoundFilter::Constant(false)) };
        if at.sub().is_some() || !at.attr().multi_valued {
            return fail(format!("{at} has no elements to choose from; brackets follow multi-valued attributes only"));
        }
        let inside = Binder { names: Names::In(&at), absent: self.absent, rules: self.rules };
        let mut inner = inside.filter(filter)?;
        if let Some(then) = then {
            if !self.rules.wide_filters {
                return fail(format!("{at}[…].{then}: put the comparison inside the brackets, {at}[… and {then}]"));
            }
            inner = BoundFilter::all([inner, inside.filter(then)?]);
        }
        Ok(BoundFilter::element(at, inner))
    }

    /// The attribute of this name; None for one that counts as having no value.
    fn find(&self, name: &str) -> Result<Option<AttrPath>, ScimError> {
        let found = match self.names {
            Names::Of(kind) => path::attribute(name, kind, self.rules.short_names),
            Names::In(at) => sub_of(at, name),
        };
        match found {
            Some(at) => refuse_secret(&at).map(|()| Some(at)),
            None if self.absent => Ok(None),
            None => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> ScimError {
        let shown = excerpt(name);
        ScimError::invalid_filter(match self.names {
            Names::In(at) if at.attr().is_complex() => {
                format!("{at} has no sub-attribute {shown}; it has {}", names_of(&at.attr().sub_attributes))
            }
            Names::In(at) => format!("{at} has no sub-attributes; its elements are called \"{ELEMENT}\", not {shown}"),
            Names::Of(kind) => path::unknown(name, kind),
        })
    }

    /// What a comparison with an attribute looks at: `value`, where a complex one is named without sub-attribute.
    fn comparable(&self, at: AttrPath) -> Result<AttrPath, ScimError> {
        if at.sub().is_some() || !at.attr().is_complex() {
            return Ok(at);
        }
        match at.attr().sub(ELEMENT) {
            Some(value) if at.attr().multi_valued || self.rules.wide_filters => Ok(at.with_sub(value.clone())),
            _ => fail(format!(
                "{at} is complex; compare one of its sub-attributes: {}",
                names_of(&at.attr().sub_attributes)
            )),
        }
    }

    /// URIs of resources are computed when they are shown, and name a resource by their last segment, whatever host,
    /// version of the protocol or relative form stands before it (7643-2.4-06, 7644-3.4.2.2-66): what is compared is
    /// the id.
    fn reference(&self, at: &AttrPath, op: Compare, literal: &Literal) -> Result<Option<BoundFilter>, ScimError> {
        let location = at.place() == Place::Meta && at.leaf().ty == Type::Reference;
        let link = matches!(at.place(), Place::Link | Place::Reverse) && same(&at.leaf().name, "$ref");
        let id = match self.names {
            Names::Of(kind) if location => path::attribute("id", kind, false),
            _ if link => at.attr().sub("value").map(|value| at.with_sub(value.clone())),
            _ => None,
        };
        let Some(id) = id else { return Ok(None) };
        let Literal::Text(uri) = literal else { return fail(wrong_operand(at, literal, "a URI in double quotes")) };
        if !matches!(op, Compare::Eq | Compare::Ne) {
            return fail(format!("{at} depends on how the server is reached; it is compared with eq and ne only"));
        }
        let mut segments = uri.trim_end_matches('/').rsplit('/');
        let last = segments.next().unwrap_or_default().to_owned();
        if let (Names::Of(kind), true, Some(endpoint)) = (self.names, location, segments.next())
            && endpoint != kind.endpoint.trim_start_matches('/')
        {
            return Ok(Some(BoundFilter::Constant(op == Compare::Ne)));
        }
        let operand = Operand::Text { key: id.leaf().text.key(&last).into_owned(), raw: last };
        Ok(Some(BoundFilter::Leaf(Leaf::Compare(id, op, operand))))
    }

    fn operand(&self, at: &AttrPath, op: Compare, literal: &Literal) -> Result<Operand, ScimError> {
        let def = at.leaf();
        match (def.ty, literal) {
            (Type::String | Type::Reference, Literal::Text(raw)) => {
                let key = match op {
                    Compare::Co => def.text.fragment(raw),
                    Compare::Sw => def.text.beginning(raw),
                    Compare::Ew => def.text.end(raw),
                    _ => def.text.key(raw),
                };
                Ok(Operand::Text { key: key.into_owned(), raw: raw.clone() })
            }
            (Type::Boolean, Literal::Boolean(value)) => Ok(Operand::Boolean(*value)),
            (Type::Boolean, Literal::Text(text)) if self.rules.string_booleans && same(text, "true") => {
                Ok(Operand::Boolean(true))
            }
            (Type::Boolean, Literal::Text(text)) if self.rules.string_booleans && same(text, "false") => {
                Ok(Operand::Boolean(false))
            }
            (Type::Integer | Type::Decimal, Literal::Number(number)) => Ok(Operand::Number(Number::from_json(number))),
            (Type::DateTime, Literal::Text(text)) => match super::instant(text) {
                Some(instant) => Ok(Operand::Instant(instant)),
                None => fail(wrong_operand(at, literal, "a dateTime such as \"2011-05-13T04:42:34Z\"")),
            },
            (Type::Binary, Literal::Text(text)) => match super::decode_base64(text, def.url_safe) {
                Some(bytes) => Ok(Operand::Bytes(bytes)),
                None => fail(wrong_operand(at, literal, "base64 text")),
            },
            (ty, _) => fail(wrong_operand(
                at,
                literal,
                match ty {
                    Type::Boolean => "true or false, without quotes",
                    Type::Integer | Type::Decimal => "a number, without quotes",
                    Type::String | Type::Reference => "a string in double quotes",
                    Type::DateTime => "a dateTime in double quotes",
                    Type::Binary => "base64 text in double quotes",
                    Type::Complex => "one of its sub-attributes",
                },
            )),
        }
    }
}

/// The matrix of operators and types.
fn fits(at: &AttrPath, op: Compare) -> Result<(), ScimError> {
    let ty = at.leaf().ty;
    let substring = matches!(op, Compare::Co | Compare::Sw | Compare::Ew);
    let equality = matches!(op, Compare::Eq | Compare::Ne);
    let allowed = match ty {
        Type::String | Type::Reference => return Ok(()),
        Type::Integer | Type::Decimal | Type::DateTime if !substring => return Ok(()),
        Type::Boolean | Type::Binary | Type::Complex if equality => return Ok(()),
        Type::Integer | Type::Decimal | Type::DateTime => "eq, ne, gt, ge, lt, le and pr",
        Type::Boolean | Type::Binary | Type::Complex => "eq, ne and pr",
    };
    fail(format!("{at} is {}: it takes {allowed}, not {op}", ty.name()))
}

fn refuse_secret(at: &AttrPath) -> Result<(), ScimError> {
    if is_secret(at) { fail(format!("{at} is never shown and cannot be filtered by")) } else { Ok(()) }
}

fn wrong_operand(at: &AttrPath, literal: &Literal, wanted: &str) -> String {
    let shown = match literal {
        Literal::Text(text) => excerpt(text),
        other => other.to_string(),
    };
    format!("{at} is {}: compare it with {wanted}, not with {shown}", at.leaf().ty.name())
}

fn names_of(subs: &[Arc<AttributeDef>]) -> String {
    subs.iter().map(|sub| sub.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn fail<T>(why: String) -> Result<T, ScimError> {
    Err(ScimError::invalid_filter(why))
}
