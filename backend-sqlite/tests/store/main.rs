//! The store on a real file.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod backup;
mod bundles;
mod common;
mod control;
mod durable;
mod fragments;
mod links;
mod merge;
mod model;
mod open;
mod order;
mod reindex;
mod shelves;
