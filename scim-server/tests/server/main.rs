//! The server as its clients and operators meet it: real requests to real processes.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on must fail")]

mod auth;
mod command_line;
mod embedding;
mod grade;
mod http;
mod readme;
mod schema_change;
mod shortfalls;
mod silence;
mod stopping;
mod support;
mod tables;
mod tls;
mod unsent;
