//! An existing directory, spoken in SCIM: the LDAP gateway.
//!
//! - `ldap`: the protocol as data, without I/O; `directory`: the servers and the connections to them
//! - `profile`: what a directory is and can do; `mapping`: entries as resources, as data
//! - `settings`, `features`: what may and what can be done; `tenant`, `fence`: whose entry is whose
//! - `store`: the store; `open`: how it is made; `member_of`: whether entries say rightly in which groups they are; `beside`: what
//!   the directory cannot hold
//! - `doctor`: what a directory is and what is missing; `ldif`: writes for people, files of entries
//! - `untrusted`: what others write, for tests

mod beside;
pub mod directory;
pub mod doctor;
pub mod features;
mod fence;
pub mod ldap;
pub mod ldif;
pub mod mapping;
pub mod member_of;
pub mod open;
pub mod profile;
pub mod settings;
mod store;
mod tenant;
#[doc(hidden)]
pub mod untrusted;

pub use beside::Beside;
pub use store::LdapStore;
