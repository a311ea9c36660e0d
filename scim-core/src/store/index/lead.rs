//! Where a list with a filter begins: with the ids that an index gives, rather than with every resource. Which index that
//! is, and whether it says all that the filter says, is the same in every store; each asks for it in its own words.

use std::sync::Arc;

use crate::filter::{BoundFilter, Compare, Leaf, Number, Operand};
use crate::name::TextRule;
use crate::schema::{Kind, LinkType, Place, ResourceType};

use super::pick::{decimal, hexadecimal};
use super::{Indexed, Rule, State, Via};

/// Fragments of fewer characters than this are in no index of fragments.
const TRIGRAM: usize = 3;

/// A set of ids that an index gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Lead {
    /// Whose ids.
    pub by: By,
    /// They are all that the filter accepts; else the filter must be held to each.
    pub exact: bool,
    /// How many they may be: the less the better.
    cost: Cost,
}

/// Resources that an index tells from the others.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// The one with this id.
    Id(String),
    /// Those whose last change compares so with a time in milliseconds; where there is none, no time that is kept does.
    #[expect(missing_docs, reason = "said above")]
    Modified { op: Compare, millis: Option<i64> },
    /// Those that link to this resource by this attribute.
    #[expect(missing_docs, reason = "said above")]
    Holders { attr: String, target: String },
    /// Those that this group has as members, through nested groups too.
    #[expect(missing_docs, reason = "said above")]
    Members { via: Arc<LinkType>, group: String },
    /// Those with such a token.
    #[expect(missing_docs, reason = "said above")]
    Token { indexed: Box<Indexed>, test: Test },
    /// Those in any of these sets.
    Any(Vec<Lead>),
}

/// What a token must be like.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// This.
    Equals(String),
    /// So placed: greater or less than this, byte by byte.
    Range(Compare, String),
    /// It starts with this, which all texts do that are not less than this and less than `end`, where there is an end.
    #[expect(missing_docs, reason = "said above")]
    Prefix { low: String, end: Option<String> },
    /// It has this in it (at its end). `by_fragments`: an index of fragments tells.
    #[expect(missing_docs, reason = "said above")]
    Fragment { text: String, at_end: bool, by_fragments: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    /// One, or none.
    One,
    /// Those of one value.
    Value,
    Fragment,
    Prefix,
    Range,
    /// Perhaps half of all.
    Flag,
    /// Every value is looked at, but not every document.
    Values,
}

/// What is known of a type's indexes.
pub struct Known<'a> {
    /// The type.
    pub kind: &'a Kind,
    /// Its definition, where the store was told of it.
    pub rt: Option<&'a ResourceType>,
    /// Its indexed attributes.
    pub indexed: &'a [Indexed],
    /// Is there an index of fragments of this attribute?
    pub fragments: &'a dyn Fn(&str) -> bool,
}

impl Lead {
    /// Do the ids come in ascending order, from any point on, without sorting?
    pub fn is_ordered(&self) -> bool {
        match &self.by {
            By::Id(_) | By::Holders { .. } => true,
            By::Modified { op, .. } => *op == Compare::Eq,
            By::Token { test, .. } => matches!(test, Test::Equals(_)),
            By::Members { .. } | By::Any(_) => false,
        }
    }

    /// Are they few?
    pub fn is_short(&self) -> bool {
        self.cost < Cost::Range
    }
}

impl Known<'_> {
    /// The best beginning for a list with this filter; None where no index helps.
    pub fn lead(&self, filter: &BoundFilter) -> Option<Lead> {
        match filter {
            BoundFilter::Constant(_) | BoundFilter::Not(_) => None,
            BoundFilter::Leaf(leaf) => self.of_leaf(leaf),
            BoundFilter::Element(_, inner) => Some(Lead { exact: false, ..self.lead(inner)? }),
            BoundFilter::And(parts) => {
                let best = parts.iter().filter_map(|part| self.lead(part)).min_by_key(|lead| lead.cost)?;
                Some(Lead { exact: false, ..best })
            }
            BoundFilter::Or(parts) => {
                let leads = parts.iter().map(|part| self.lead(part)).collect::<Option<Vec<_>>>()?;
                let (exact, cost) = (leads.iter().all(|lead| lead.exact), leads.iter().map(|lead| lead.cost).max()?);
                Some(Lead { by: By::Any(leads), exact, cost })
            }
        }
    }

    fn of_leaf(&self, leaf: &Leaf) -> Option<Lead> {
        let Leaf::Compare(at, op, operand) = leaf else { return None };
        match (at.place(), op, operand) {
            (Place::Id, Compare::Eq, Operand::Text { key, .. }) => {
                Some(Lead { by: By::Id(key.clone()), exact: true, cost: Cost::One })
            }
            (Place::Meta, op, Operand::Instant(nanos)) if at.leaf().name == "lastModified" => by_time(*op, *nanos),
            (Place::Link, ..) => {
                let (attr, target) = (at.attribute().to_string(), link_target(leaf)?.to_owned());
                Some(Lead { by: By::Holders { attr, target }, exact: true, cost: Cost::Value })
            }
            (Place::Reverse, ..) => {
                let (via, group) = self.members(leaf)?;
                let by = By::Members { via: via.clone(), group: group.to_owned() };
                Some(Lead { by, exact: true, cost: Cost::Value })
            }
            (Place::Document, ..) => self.by_value(leaf),
            (Place::Id | Place::Meta | Place::Secret, ..) => None,
        }
    }

    /// The link and the group, where the leaf asks for the members of a group.
    pub fn members<'l>(&self, leaf: &'l Leaf) -> Option<(&Arc<LinkType>, &'l str)> {
        let Leaf::Compare(at, Compare::Eq, Operand::Text { key, .. }) = leaf else { return None };
        let id = at.sub().is_some_and(|sub| sub.name == "value" && sub.text == TextRule::Exact);
        let via = &self.rt?.reverse(at)?.via;
        // Of a type that holds such links itself, members and groups would be one set.
        (id && at.place() == Place::Reverse && via.holder != *self.kind).then_some((via, key))
    }

    fn by_value(&self, leaf: &Leaf) -> Option<Lead> {
        let Leaf::Compare(at, op, operand) = leaf else { return None };
        let attr = at.to_string();
        let indexed = self.indexed.iter().find(|own| own.attr == attr && own.state == State::Built)?;
        match (indexed.shape.rule, operand) {
            (Rule::Text(_), Operand::Text { key, .. }) => match op {
                Compare::Eq => Some(equal(indexed, key.clone())),
                Compare::Co | Compare::Sw | Compare::Ew => self.fragment(indexed, *op, key),
                Compare::Gt | Compare::Ge | Compare::Lt | Compare::Le => {
                    some(indexed, Test::Range(*op, key.clone()), true, Cost::Range)
                }
                Compare::Ne => None,
            },
            // A `primary` that is not there counts as false: no row says so.
            (Rule::Boolean, Operand::Boolean(value)) if *op == Compare::Eq && at.leaf().name != "primary" => {
                Some(Lead { cost: Cost::Flag, ..equal(indexed, value.to_string()) })
            }
            (Rule::Integer, Operand::Number(Number::Integer(n))) if *op == Compare::Eq => {
                Some(equal(indexed, n.to_string()))
            }
            // Integers that differ can be equal as doubles.
            (Rule::Decimal, Operand::Number(number)) if *op == Compare::Eq => {
                Some(Lead { exact: false, ..equal(indexed, decimal(*number)) })
            }
            (Rule::Instant, Operand::Instant(instant)) if *op == Compare::Eq => {
                Some(equal(indexed, instant.to_string()))
            }
            (Rule::Bytes { .. }, Operand::Bytes(bytes)) if *op == Compare::Eq => {
                Some(equal(indexed, hexadecimal(bytes)))
            }
            _ => None,
        }
    }

    /// `co`, `sw`, `ew`, which look at tokens as they are.
    fn fragment(&self, indexed: &Indexed, op: Compare, text: &str) -> Option<Lead> {
        if text.is_empty() {
            return None;
        }
        if op == Compare::Sw {
            let test = Test::Prefix { low: text.to_owned(), end: successor(text) };
            return some(indexed, test, true, Cost::Prefix);
        }
        // Values of one resource stand in lines of their own: a fragment with a line end could lie across two.
        let plain = !text.contains(['\n', '\0']) && text.chars().count() >= TRIGRAM;
        let (text, at_end) = (text.to_owned(), op == Compare::Ew);
        if plain && (self.fragments)(&indexed.attr) {
            let test = Test::Fragment { text, at_end, by_fragments: true };
            let by = By::Token { indexed: Box::new(indexed.clone()), test };
            return Some(Lead { by, exact: !at_end, cost: Cost::Fragment });
        }
        some(indexed, Test::Fragment { text, at_end, by_fragments: false }, true, Cost::Values)
    }
}

/// Those with just this token.
fn equal(indexed: &Indexed, token: String) -> Lead {
    let (exact, cost) = match indexed.via {
        Via::Term => (true, Cost::Value),
        Via::Claim => (true, Cost::One),
        // The holder may be of another type that has the attribute too.
        Via::Global => (false, Cost::One),
    };
    Lead { by: By::Token { indexed: Box::new(indexed.clone()), test: Test::Equals(token) }, exact, cost }
}

/// Those with a token out of many.
fn some(indexed: &Indexed, test: Test, exact: bool, cost: Cost) -> Option<Lead> {
    let by = By::Token { indexed: Box::new(indexed.clone()), test };
    // Among values unique in the whole server those of other tenants stand between.
    (indexed.via != Via::Global).then_some(Lead { by, exact, cost })
}

/// Times are kept in milliseconds, and asked for in nanoseconds.
fn by_time(op: Compare, nanos: i128) -> Option<Lead> {
    const MILLI: i128 = 1_000_000;
    let floor = i64::try_from(nanos.div_euclid(MILLI)).ok()?;
    let whole = nanos.rem_euclid(MILLI) == 0;
    let (op, millis) = match op {
        // No time that is kept is between two milliseconds.
        Compare::Eq => (op, whole.then_some(floor)),
        Compare::Ge if !whole => (Compare::Gt, Some(floor)),
        Compare::Lt if !whole => (Compare::Le, Some(floor)),
        Compare::Gt | Compare::Ge | Compare::Lt | Compare::Le => (op, Some(floor)),
        Compare::Ne | Compare::Co | Compare::Sw | Compare::Ew => return None,
    };
    let cost = if op == Compare::Eq { Cost::Value } else { Cost::Range };
    Some(Lead { by: By::Modified { op, millis }, exact: true, cost })
}

/// The target, where the leaf asks for links to one resource.
pub fn link_target(leaf: &Leaf) -> Option<&str> {
    match leaf {
        Leaf::Compare(at, Compare::Eq, Operand::Text { key, .. })
            if at.place() == Place::Link
                && at.leaf().text == TextRule::Exact
                && at.sub().is_none_or(|sub| ["value", "$ref"].contains(&sub.name.as_str())) =>
        {
            Some(key)
        }
        _ => None,
    }
}

/// The least text above all that start with this one; None where there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = match last {
            // Between these two lie no characters.
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_is_above_all_that_start_with_the_prefix() {
        for (prefix, end) in [("ab", Some("ac")), ("a\u{10ffff}", Some("b")), ("\u{d7ff}", Some("\u{e000}"))] {
            assert_eq!(successor(prefix).as_deref(), end, "{prefix:?}");
        }
        assert_eq!(successor("\u{10ffff}"), None);
    }
}
