//! A filter whose names are resolved and whose operands are typed: the only form that backends see.

use std::cmp::Ordering;

use crate::path::AttrPath;

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
