//! A filter whose names are resolved and whose operands are typed: the only form that backends see.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use crate::path::AttrPath;
use crate::query::Select;
use crate::schema::{Place, ResourceType, ReverseType};

/// The comparison operators of RFC 7644 table 3, without `pr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Compare {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A JSON number, compared exactly where both sides are integers.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
    Decimal(f64),
}

impl Number {
    /// Order by value: 5 equals 5.0.
    pub fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()),
        }
    }

    /// As JSON.
    pub fn to_value(self) -> Value {
        match self {
            Number::Integer(n) => n.into(),
            Number::Decimal(n) => n.into(),
        }
    }

    /// From JSON: an integer where it is one of 64 bits.
    pub fn from_json(number: &serde_json::Number) -> Number {
        match number.as_i64() {
            Some(n) => Number::Integer(n),
            None => Number::Decimal(number.as_f64().unwrap_or(f64::NAN)),
        }
    }

    /// As a double.
    pub fn as_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "only where the other side is a double already")]
            Number::Integer(n) => n as f64,
            Number::Decimal(n) => {
                if n == 0.0 {
                    0.0
                } else {
                    n
                }
            }
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

/// A typed literal.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// For strings and references: `raw` as sent, `key` what values' keys are compared with. The key is
    /// [`TextRule::key`](crate::name::TextRule::key) for `eq`, `ne` and the order operators, and
    /// [`TextRule::fragment`](crate::name::TextRule::fragment) for `co`, `sw` and `ew`.
    #[expect(missing_docs, reason = "said above")]
    Text { raw: String, key: String },
    /// For booleans.
    Boolean(bool),
    /// For integers and decimals.
    Number(Number),
    /// For dateTimes: nanoseconds since the Unix epoch.
    Instant(i128),
    /// For binaries: the decoded bytes.
    Bytes(Vec<u8>),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// The attribute has a value (`pr`; `ne null`).
    Present(AttrPath),
    /// Some value of the attribute compares so; `ne` is also true where there is none.
    Compare(AttrPath, Compare, Operand),
}

impl Leaf {
    /// The attribute it looks at.
    pub fn at(&self) -> &AttrPath {
        match self {
            Leaf::Present(at) | Leaf::Compare(at, _, _) => at,
        }
    }

    /// Its answer where the attribute has no value: only `ne` holds of nothing.
    pub fn of_nothing(&self) -> bool {
        matches!(self, Leaf::Compare(_, Compare::Ne, _))
    }
}

/// A filter bound to one resource type. Nesting is bounded by `limits.filter_depth`.
#[derive(Debug, Clone, PartialEq)]
pub enum BoundFilter {
    /// True or false whatever the record: what a root query says of attributes a type lacks.
    Constant(bool),
    /// One comparison.
    Leaf(Leaf),
    /// One element of the multi-valued attribute satisfies the filter, whose paths are to its sub-attributes
    /// (or to the attribute itself, where it is simple).
    Element(AttrPath, Box<BoundFilter>),
    /// All hold. At least two.
    And(Vec<BoundFilter>),
    /// One holds. At least two.
    Or(Vec<BoundFilter>),
    /// It does not hold.
    Not(Box<BoundFilter>),
}

impl BoundFilter {
    /// The conjunction: flat, without constants. Of nothing: true.
    pub fn all(parts: impl IntoIterator<Item = BoundFilter>) -> BoundFilter {
        let mut all = Vec::new();
        for part in parts {
            match part {
                BoundFilter::Constant(true) => {}
                BoundFilter::Constant(false) => return BoundFilter::Constant(false),
                BoundFilter::And(inner) => all.extend(inner),
                other => all.push(other),
            }
        }
        one_or(all, BoundFilter::And, true)
    }

    /// The disjunction: flat, without constants. Of nothing: false.
    pub fn any(parts: impl IntoIterator<Item = BoundFilter>) -> BoundFilter {
        let mut any = Vec::new();
        for part in parts {
            match part {
                BoundFilter::Constant(false) => {}
                BoundFilter::Constant(true) => return BoundFilter::Constant(true),
                BoundFilter::Or(inner) => any.extend(inner),
                other => any.push(other),
            }
        }
        one_or(any, BoundFilter::Or, false)
    }

    /// The contrary.
    #[expect(clippy::should_implement_trait, reason = "a word of the grammar, beside `all` and `any`")]
    pub fn not(self) -> BoundFilter {
        match self {
            BoundFilter::Constant(value) => BoundFilter::Constant(!value),
            BoundFilter::Not(inner) => *inner,
            other => BoundFilter::Not(Box::new(other)),
        }
    }

    /// One element of the attribute satisfies `inner`.
    pub fn element(at: AttrPath, inner: BoundFilter) -> BoundFilter {
        match inner {
            BoundFilter::Constant(false) => BoundFilter::Constant(false),
            BoundFilter::Constant(true) => BoundFilter::Leaf(Leaf::Present(at)),
            inner => BoundFilter::Element(at, Box::new(inner)),
        }
    }

    /// The filter as it reads for somebody from whom some attributes are hidden: those count as having no value, so a
    /// filter cannot probe them (7644-3.4.2.2-35).
    pub fn without(&self, hidden: &dyn Fn(&AttrPath) -> bool) -> BoundFilter {
        match self {
            BoundFilter::Leaf(leaf) if hidden(leaf.at()) => BoundFilter::Constant(leaf.of_nothing()),
            BoundFilter::Element(at, _) if hidden(at) => BoundFilter::Constant(false),
            BoundFilter::Element(at, inner) => BoundFilter::element(at.clone(), inner.without(hidden)),
            BoundFilter::And(parts) => BoundFilter::all(parts.iter().map(|part| part.without(hidden))),
            BoundFilter::Or(parts) => BoundFilter::any(parts.iter().map(|part| part.without(hidden))),
            BoundFilter::Not(inner) => inner.without(hidden).not(),
            BoundFilter::Constant(_) | BoundFilter::Leaf(_) => self.clone(),
        }
    }

    /// What [`eval`](super::eval) must see of a record: how much of it, and which reverse attributes must be filled in.
    pub fn reads(&self, kind: &ResourceType) -> (Select, Vec<Arc<ReverseType>>) {
        let (mut select, mut reverse) = (Select::bare(), Vec::new());
        self.visit(&mut |at| match at.place() {
            Place::Document => select.document = true,
            Place::Link => {
                if let Some(link) = kind.link(at) {
                    select = std::mem::take(&mut select).with_link(link);
                }
            }
            Place::Reverse => {
                if let Some(one) = kind.reverse(at)
                    && !reverse.contains(one)
                {
                    reverse.push(one.clone());
                }
            }
            Place::Id | Place::Meta | Place::Secret => {}
        });
        (select, reverse)
    }

    /// Calls `with` for every path in the filter.
    pub fn visit(&self, with: &mut dyn FnMut(&AttrPath)) {
        match self {
            BoundFilter::Constant(_) => {}
            BoundFilter::Leaf(leaf) => with(leaf.at()),
            BoundFilter::Element(at, inner) => {
                with(at);
                inner.visit(with);
            }
            BoundFilter::And(parts) | BoundFilter::Or(parts) => parts.iter().for_each(|part| part.visit(with)),
            BoundFilter::Not(inner) => inner.visit(with),
        }
    }
}

fn one_or(mut parts: Vec<BoundFilter>, join: fn(Vec<BoundFilter>) -> BoundFilter, of_none: bool) -> BoundFilter {
    match parts.pop() {
        None => BoundFilter::Constant(of_none),
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
    }
}
