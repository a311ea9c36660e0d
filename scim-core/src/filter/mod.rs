//! Filters (RFC 7644 section 3.4.2.2): text → [`ast`] → [`BoundFilter`] → yes or no.
//!
//! `lex` and `parse` the grammar · `bind` names to definitions and literals to typed operands · `eval` on a record ·
//! `print` back to text. Depth is bounded while parsing, so nothing that walks a filter can exhaust the stack.

pub mod bound;

pub use bound::{BoundFilter, Compare, Leaf, Number, Operand};
