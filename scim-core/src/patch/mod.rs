//! Changes that clients ask for (RFC 7644 sections 3.3, 3.5.1 and 3.5.2), made into change sets.
//!
//! A PATCH, step by step:
//!
//! - `request`: what it says
//! - `plan`: what it means for a type. Every error that needs no record is raised there: in `compile` (paths), `bounded`
//!   (attributes in the document) and `linked` (link attributes)
//! - `step`: one thing to do to a document; `links`: what is done to a link attribute
//! - `resolve`: the plan on a record; `apply`: a step on its document; `elements`: what becomes of complex values
//!
//! `create` is POST and `replace` is PUT. All three end in `finish`: two documents into the change set that leads from one to
//! the other.

mod apply;
mod bounded;
mod compile;
mod create;
mod elements;
mod finish;
mod linked;
mod links;
mod plan;
mod replace;
mod request;
mod resolve;
mod step;

pub use create::create;
pub use plan::Plan;
pub use replace::replace;
pub use request::{Op, Operation, PatchRequest};

#[cfg(test)]
mod tests;
