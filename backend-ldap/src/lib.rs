//! An existing directory, spoken in SCIM: the LDAP gateway.
//!
//! `ldap` the protocol as data, without I/O · `directory` the servers and the connections to them ·
//! `profile` what a directory is and can do, found by asking it.
//!
//! Not wired to the server yet: `store.backend = "ldap"` is refused at start, with a sentence that says so.

pub mod directory;
pub mod ldap;
pub mod profile;
