//! The program on PostgreSQL, from outside: the tests of the program that depend on its store, and those that one file
//! has no need of.
//!
//! `start` what it says when it cannot start · `nodes` several servers on one database · `outage` a database that goes and
//! comes back, servers that are killed · `network` what lies between · `copy` from SQLite and back · `tenants`, `credentials`, `load`, `protected` and the rest
//! as they are on one file · `ground` where it stores.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on must fail")]
#![expect(clippy::print_stdout, reason = "what stands beside a failure: the seed of chance, the end of the log")]

#[path = "../black_box/bad_input.rs"]
mod bad_input;
#[path = "../black_box/copy.rs"]
mod copy;
#[path = "../black_box/credentials.rs"]
mod credentials;
#[path = "../black_box/durability/mod.rs"]
mod durability;
mod ground;
#[path = "../black_box/injection.rs"]
mod injection;
#[path = "../black_box/large.rs"]
mod large;
#[path = "../black_box/load.rs"]
mod load;
mod network;
mod nodes;
mod outage;
#[path = "../black_box/protected.rs"]
mod protected;
#[path = "../black_box/races.rs"]
mod races;
#[path = "../black_box/secrets.rs"]
mod secrets;
mod start;
#[expect(dead_code, reason = "some of it is for one file only")]
#[path = "../black_box/support/mod.rs"]
mod support;
#[path = "../black_box/tenants.rs"]
mod tenants;
#[path = "../black_box/upgrade.rs"]
mod upgrade;
#[path = "../black_box/walks.rs"]
mod walks;
