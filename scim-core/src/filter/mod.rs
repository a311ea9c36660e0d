//! Filters (RFC 7644 section 3.4.2.2): text → [`ast`] → [`BoundFilter`] → yes or no.
//!
//! - `lex`, `parse`: the grammar
//! - `bind`: names to definitions, literals to typed operands (`literal`: text that stands for instants and bytes)
//! - `eval`: a bound filter on a record
//! - `print`: back to text
//!
//! Depth is limited while parsing, so nothing that walks a filter can exhaust the stack.

pub mod ast;
pub mod bind;
pub mod bound;
pub mod eval;
pub(crate) mod lex;
mod literal;
pub mod parse;
mod print;

pub use ast::{Filter, Literal};
pub use bound::{BoundFilter, Compare, Leaf, Number, Operand};
pub use literal::{decode_base64, instant};
pub use parse::parse;

#[cfg(test)]
mod cases;
#[cfg(test)]
pub(crate) mod testing;
