//! Filters back to text: what they print parses to the same filter.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

use crate::path::AttrPath;

use super::ast::{Filter, Literal};
use super::{BoundFilter, Compare, Leaf, Operand};

impl Compare {
    /// All of them.
    pub const ALL: [Compare; 9] = [
        Compare::Eq,
        Compare::Ne,
        Compare::Co,
        Compare::Sw,
        Compare::Ew,
        Compare::Gt,
        Compare::Ge,
        Compare::Lt,
        Compare::Le,
    ];

    /// As written in filters.
    pub const fn name(self) -> &'static str {
        match self {
            Compare::Eq => "eq",
            Compare::Ne => "ne",
            Compare::Co => "co",
            Compare::Sw => "sw",
            Compare::Ew => "ew",
            Compare::Gt => "gt",
            Compare::Ge => "ge",
            Compare::Lt => "lt",
            Compare::Le => "le",
        }
    }
}

impl Display for Compare {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Null => f.write_str("null"),
            Literal::Boolean(value) => write!(f, "{value}"),
            Literal::Number(value) => write!(f, "{value}"),
            Literal::Text(value) => write!(f, "{}", Value::from(value.as_str())),
        }
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Present(name) => write!(f, "{name} pr"),
            Filter::Compare(name, op, value) => write!(f, "{name} {op} {value}"),
            Filter::Element { at, filter, then } => {
                write!(f, "{at}[{filter}]")?;
                then.as_ref().map_or(Ok(()), |then| write!(f, ".{then}"))
            }
            Filter::And(parts) => joined(f, parts, " and ", |part, f| match part {
                Filter::And(_) | Filter::Or(_) => write!(f, "({part})"),
                _ => write!(f, "{part}"),
            }),
            Filter::Or(parts) => joined(f, parts, " or ", |part, f| match part {
                Filter::Or(_) => write!(f, "({part})"),
                _ => write!(f, "{part}"),
            }),
            Filter::Not(inner) => write!(f, "not ({inner})"),
        }
    }
}

/// A filter that means the same wherever its paths mean the same. Constants, which no filter can say, print as `true`
/// and `false`.
impl Display for BoundFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        bound(self, None, f)
    }
}

impl Display for Leaf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        leaf(self, None, f)
    }
}

fn bound(filter: &BoundFilter, within: Option<&AttrPath>, f: &mut Formatter<'_>) -> fmt::Result {
    let grouped = |filter: &BoundFilter, f: &mut Formatter<'_>| {
        f.write_str("(")?;
        bound(filter, within, f)?;
        f.write_str(")")
    };
    match filter {
        BoundFilter::Constant(value) => write!(f, "{value}"),
        BoundFilter::Leaf(one) => leaf(one, within, f),
        BoundFilter::Element(at, inner) => {
            write!(f, "{at}[")?;
            bound(inner, Some(at), f)?;
            f.write_str("]")
        }
        BoundFilter::And(parts) => joined(f, parts, " and ", |part, f| match part {
            BoundFilter::And(_) | BoundFilter::Or(_) => grouped(part, f),
            _ => bound(part, within, f),
        }),
        BoundFilter::Or(parts) => joined(f, parts, " or ", |part, f| match part {
            BoundFilter::Or(_) => grouped(part, f),
            _ => bound(part, within, f),
        }),
        BoundFilter::Not(inner) => {
            f.write_str("not ")?;
            grouped(inner, f)
        }
    }
}

fn leaf(leaf: &Leaf, within: Option<&AttrPath>, f: &mut Formatter<'_>) -> fmt::Result {
    let at = leaf.at();
    match (within, at.sub()) {
        (None, _) => write!(f, "{at}")?,
        (Some(_), Some(sub)) => f.write_str(&sub.name)?,
        (Some(_), None) => f.write_str(super::bind::ELEMENT)?,
    }
    match leaf {
        Leaf::Present(_) => f.write_str(" pr"),
        Leaf::Compare(at, op, operand) => write!(f, " {op} {}", operand.to_value(at)),
    }
}

impl Operand {
    /// The JSON value this is, for a value of the attribute: text as it was sent, instants in UTC, bytes in base64.
    pub fn to_value(&self, at: &AttrPath) -> Value {
        match self {
            Operand::Text { raw, .. } => raw.as_str().into(),
            Operand::Boolean(value) => (*value).into(),
            Operand::Number(number) => number.to_value(),
            Operand::Instant(nanoseconds) => super::literal::instant_text(*nanoseconds).into(),
            Operand::Bytes(bytes) => super::literal::encode_base64(bytes, at.leaf().url_safe).into(),
        }
    }
}

fn joined<T>(
    f: &mut Formatter<'_>,
    parts: &[T],
    between: &str,
    print: impl Fn(&T, &mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            f.write_str(between)?;
        }
        print(part, f)?;
    }
    Ok(())
}
