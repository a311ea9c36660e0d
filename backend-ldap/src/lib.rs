//! An existing directory, spoken in SCIM: the LDAP gateway.
//!
//! `ldap` the protocol as data.
//!
//! Not wired to the server yet: `store.backend = "ldap"` is refused at start, with a sentence that says so.

#[expect(dead_code, reason = "bytes are written and read by the connection, which comes next")]
pub mod ldap;
