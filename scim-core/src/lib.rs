//! The meaning of SCIM 2.0 (RFC 7643, 7644, 9865), without I/O.
//!
//! A request becomes the smallest validated description of what must become true, a [`change::ChangeSet`]; a
//! [`store::Store`] makes it true. This crate owns resources, schemas, filters, patches, change sets, use cases and
//! the store trait. It must never know an HTTP framework, SQL, LDAP, an async runtime, the wall clock or the
//! environment.

pub mod access;
pub mod change;
pub mod clock;
pub mod document;
pub mod error;
pub mod filter;
pub mod limits;
pub mod name;
pub mod patch;
pub mod path;
pub mod query;
pub mod schema;
pub mod service;
pub mod store;
mod text;

pub use error::{Done, ErrorKind, ScimError};
