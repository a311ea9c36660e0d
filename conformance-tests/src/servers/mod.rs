//! Real servers for tests, a module a kind: each finds one, starts it privately, and leaves nothing behind.
//!
//! The order is the same for every kind and decided once in a test binary: the URL in its environment variable; the
//! machine's own programs, started in a folder and on a port of their own; a container, where the crate is built with
//! the feature `containers` and an engine answers; else an error that says what to install. Nothing is ever skipped.
//!
//! `guard` is what the kinds share: a process that ends when ours does, however ours ends · `certificates` for those that
//! speak TLS · `container` PostgreSQL in a container.

pub mod certificates;
#[cfg(feature = "containers")]
mod container;
pub mod ds389;
pub mod fake_directory;
mod guard;
pub mod postgres;
pub mod samba;
pub mod slapd;

pub use guard::{Folder, Guarded, free_port};
