//! The program as it is shipped, from outside: started, spoken to over its socket, killed, starved and insulted.
//!
//! `start` what it says when it cannot start · `durability` ends of every kind · `races` many at one moment · `walks`
//! lists that change underfoot · `bad_input` what no client should send · `wire` what is not even HTTP · `types` every
//! attribute with every wrong value · `large` what takes much · `linger` one client alone · `copy` a store moved ·
//! `one_file` one server on it · `ground` where it stores ·
//! `upgrade` a store of an older release · `tenants`, `credentials`, `secrets`, `injection`, `load`, `protected` the threats by name.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on must fail")]
#![expect(clippy::print_stdout, reason = "what stands beside a failure: the seed of chance, the end of the log")]

mod bad_input;
mod copy;
mod credentials;
mod durability;
mod ground;
mod injection;
mod large;
mod linger;
mod load;
mod one_file;
mod protected;
mod races;
mod secrets;
mod start;
mod support;
mod tenants;
mod types;
mod upgrade;
mod walks;
mod wire;
