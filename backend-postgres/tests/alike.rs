//! Three stores, one answer: in memory, in SQLite and in PostgreSQL, random documents, changes, filters, sorts, pages and
//! cursors give the same.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use backend_postgres::{Options, PostgresStore};
use backend_sqlite::SqliteStore;
use conformance_tests::alike::{self, making};
use conformance_tests::servers::postgres::Postgres;
use scim_core::store::Store;

async fn history(seed: u64, indexed: &[&str], steps: usize) {
    let (dir, database) = (tempfile::tempdir().unwrap(), Postgres::shared().unwrap().database().unwrap());
    let indexed: Vec<String> = indexed.iter().map(ToString::to_string).collect();
    let options = Options { indexed: indexed.clone(), allow_unsafe: true, ..Options::new(database.url()) };
    let postgres = PostgresStore::open(options).await.unwrap();
    let options = backend_sqlite::Options { indexed, ..backend_sqlite::Options::new(dir.path().join("scim.db")) };
    let sqlite = SqliteStore::open(options).unwrap();
    for store in [&postgres as &dyn Store, &sqlite] {
        store.prepare(&making::tenant(), making::registry().types()).await.unwrap();
    }
    alike::history(seed, steps, &[&postgres, &sqlite]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_leave_three_stores_alike_with_configured_indexes() {
    for seed in 1..=3 {
        history(seed * 7_919, &["title", "active", "userType", "department"], 400).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_leave_three_stores_alike_with_the_indexes_there_always_are() {
    history(42, &[], 400).await;
    history(4_242, &[], 400).await;
}
