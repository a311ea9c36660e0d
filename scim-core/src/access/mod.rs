//! Who asks, for which tenant, and what they may do.

pub mod password;
pub mod principal;
pub mod profile;
pub mod tenant;

pub use principal::{Principal, Right};
pub use profile::{Client, Dialect, Profile, Rules};
pub use tenant::{Tenant, Turn};
