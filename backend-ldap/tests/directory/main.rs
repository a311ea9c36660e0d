//! The directory's connections against real servers: what is asked, what is answered, and what happens when a server goes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, helpers included"
)]

mod faults;
mod hostile;
mod operations;
mod probe;
mod support;
mod transport;
