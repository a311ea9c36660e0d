//! What every store and every SCIM server must do, as tests that can be run against any of them.
//!
//! [`store_contract`] takes any [`Store`](scim_core::store::Store); [`protocol_contract`] takes any base URL; the
//! three data sets (PATCH cases, filter cases, recorded client requests) run over HTTP through a [`Harness`]. The
//! suite knows no backend by name: what differs between them it reads from their `Capabilities`.
//!
//! - Stores: `contract` topic by topic; `model`, `alike`: random histories against the reference store; `faults`: races and
//!   interruption; `humble`: a store that can do less
//! - Servers: `protocol`, a file for each section of RFC 7644; `datasets`: cases that are data; `session`, `http`, `answer`: what
//!   a case speaks through
//! - `grade`, `foreign`: any server, by the same cases
//! - `coverage`: which requirement is held by which test
//! - `servers`: real data systems for tests to run on

#![expect(clippy::indexing_slicing, reason = "a case that looks where nothing is has failed; the runner catches it")]

pub mod alike;
pub mod answer;
pub mod compare;
pub mod contract;
pub mod coverage;
pub mod data;
pub mod datasets;
pub mod faults;
pub mod foreign;
pub mod grade;
pub mod harness;
pub mod http;
pub mod humble;
pub mod model;
pub mod protocol;
pub mod servers;
pub mod session;

pub use contract::{store_contract, store_contract_but, store_contract_on, store_contract_on_frail};
pub use foreign::Foreign;
pub use harness::{Ability, Harness, Site};
pub use protocol::protocol_contract;
