//! LDIF (RFC 2849), the text of directories: writes for people, entries for files.
//!
//! - `read`: the entries of a file; `write`: writes, and entries
//! - `exchange`: entries as resources and back, without a directory

pub mod exchange;
pub mod read;
mod write;

pub use write::{entry, of};
