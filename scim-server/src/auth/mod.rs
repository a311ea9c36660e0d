//! From the `Authorization` header to a credential and its tenant.
//!
//! - `bearer`: the header; `token`: the form of tokens, and their digests
//! - `failures`: wrong credentials, counted by address
//! - `usage`: when a credential was last used
//! - `fixed`: credentials that stand in the configuration
//!
//! Nothing is remembered from one request to the next: a revoked token is refused from the next request on.

pub mod bearer;
pub mod failures;
pub mod fixed;
pub mod token;
pub mod usage;
