//! Schemas and resource types: loaded from the RFC's own JSON, compiled once, immutable (RFC 7643 sections 2, 6 and 7).
//!
//! - `load`: JSON to [`Schema`], key by key with `site`; `builtin`: the RFC's schemas, embedded
//! - `attribute`: one definition; `place`: where its values live
//! - `compile`: definitions put together; `resource_type`: a compiled type; `registry`: all types of a tenant
//! - `narrow`: a registry without what a store cannot hold
//! - `describe`: what discovery shows
//! - `check`: does stored data still fit after a change?

pub mod attribute;
pub mod builtin;
pub mod check;
mod compile;
pub mod describe;
mod error;
pub mod load;
mod narrow;
mod place;
pub mod registry;
pub mod resource_type;
mod site;

pub use attribute::{AttributeDef, Mutability, Place, Returned, Type, Uniqueness};
pub use error::SchemaError;
pub use load::SchemaFile;
pub use registry::{Options, Registry};
pub use resource_type::{Extension, Kind, LinkType, ResourceType, ReverseType, Schema};
