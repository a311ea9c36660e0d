//! LDAP as data: names, filters, entries, controls, requests and answers, and the bytes of what a server sends
//! (RFC 4511). No I/O.
//!
//! `ber` elements · `attribute`, `dn`, `told_apart` names · `filter`, `filter_text` filters · `entry` what a search brings · `control`,
//! `controls` what goes beside · `request`, `message`, `result` what is asked and answered · `error` what goes wrong ·
//! `sid` whom a domain of Active Directory knows.

mod attribute;
pub(crate) mod ber;
pub(crate) mod control;
pub mod controls;
mod dn;
mod entry;
mod error;
mod filter;
mod filter_text;
pub(crate) mod message;
pub(crate) mod request;
mod result;
pub(crate) mod sid;
pub(crate) mod told_apart;

pub use attribute::{AttributeName, BadName};
pub use control::Control;
pub use dn::{BadDn, Dn, Rdn, escaped};
pub use entry::{Attribute, Entry};
pub use error::{LdapError, Malformed};
pub use filter::{DEEPEST, Filter, Matching, Substrings};
pub use filter_text::BadFilter;
pub use message::Answer;
pub use request::{Change, Operation, Reach, Request, Search, Target};

pub use result::{Code, LdapResult};
