//! A filter as it was written: names are text still, operands JSON literals.

use serde_json::Number;

use super::Compare;

/// A filter that is well formed. Nothing is known about its names yet. Prints back as a filter that parses to itself.
///
/// Chains of `and` and of `or` are flat, also where parentheses nested them, so the depth of the tree is bounded by
/// that of the parentheses in the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// `attrPath pr`.
    Present(String),
    /// `attrPath op value`.
    Compare(String, Compare, Literal),
    /// `attrPath[filter]`, and the leniency `attrPath[filter].sub op value`.
    Element {
        /// The attribute before the bracket.
        at: String,
        /// What is between the brackets; names in it are sub-attributes.
        filter: Box<Filter>,
        /// What follows: one comparison whose name is a sub-attribute.
        then: Option<Box<Filter>>,
    },
    /// All hold. At least two.
    And(Vec<Filter>),
    /// One holds. At least two.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
}

/// A JSON literal of a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`, which means unassigned.
    Null,
    /// `true` or `false`, in any letter case.
    Boolean(bool),
    /// A JSON number.
    Number(Number),
    /// A JSON string, its escapes undone.
    Text(String),
}

impl Filter {
    /// The conjunction of one or more filters, flat.
    pub(super) fn all(parts: Vec<Filter>) -> Filter {
        flat(parts, Filter::And, |part| match part {
            Filter::And(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// The disjunction of one or more filters, flat.
    pub(super) fn any(parts: Vec<Filter>) -> Filter {
        flat(parts, Filter::Or, |part| match part {
            Filter::Or(inner) => Ok(inner),
            other => Err(other),
        })
    }
}

fn flat(
    parts: Vec<Filter>,
    join: fn(Vec<Filter>) -> Filter,
    open: fn(Filter) -> Result<Vec<Filter>, Filter>,
) -> Filter {
    let mut all = Vec::with_capacity(parts.len());
    for part in parts {
        match open(part) {
            Ok(inner) => all.extend(inner),
            Err(one) => all.push(one),
        }
    }
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            join(all)
        }
        None => join(all),
    }
}
