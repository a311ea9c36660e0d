//! The contract of stores, held on a real server: a database a case.
#![expect(
    clippy::unwrap_used,
    reason = "without a server there is nothing to test, and the failure says what is missing"
)]

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use backend_postgres::{Options, PostgresStore};
use conformance_tests::servers::postgres::Postgres;

fn main() -> ExitCode {
    let server = Postgres::shared().unwrap();
    // Each lives as long as the store that is in it.
    let databases = Arc::new(Mutex::new(Vec::new()));
    conformance_tests::store_contract(move || {
        let database = server.database().unwrap();
        let options = Options { allow_unsafe: true, ..Options::new(database.url()) };
        databases.lock().unwrap().push(database);
        async move { PostgresStore::open(options).await.unwrap() }
    })
}
