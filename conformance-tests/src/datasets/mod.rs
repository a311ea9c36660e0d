//! Cases that are data: PATCH cases, filter cases and recorded requests, each run over HTTP.

pub mod filter;
pub mod patch;
pub mod replay;
pub mod seed;
