//! The change log beside a slow writer: what it has written comes before what others wrote and committed meanwhile.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on must fail")]

use std::time::{Duration, Instant};

use backend_postgres::{Options, PostgresStore};
use conformance_tests::alike::making::{commit, create, registry, tenant, user};
use conformance_tests::servers::postgres::Postgres;
use scim_core::store::{ChangeLog, Store};

/// Who changed what, in the order of the log.
async fn lines(store: &PostgresStore) -> Vec<String> {
    let lines = ChangeLog::read(store, 0, 100).await.unwrap();
    let positions: Vec<u64> = lines.iter().map(|line| line.position).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    lines.iter().map(|line| line.record["resource"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits until the log shows so much: the database's own work may hold a line back for a moment.
async fn until(store: &PostgresStore, count: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    while lines(store).await.len() < count && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_appears_before_one_that_was_read() {
    let database = Postgres::shared().unwrap().database().unwrap();
    let options = Options { allow_unsafe: true, ..Options::new(database.url()) };
    let store = PostgresStore::open(options).await.unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    commit(&store, create("User", "first", &user("first"))).await.unwrap();
    until(&store, 1).await;
    assert_eq!(lines(&store).await, ["first"]);

    let (slow, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls).await.unwrap();
    let driving = tokio::spawn(connection);
    slow.batch_execute(
        "BEGIN; INSERT INTO change (tenant, position, record) SELECT 'acme',
           (pg_current_xact_id()::text::bigint + (SELECT lead FROM epoch)) << 20, '{\"resource\":\"slow\"}'",
    )
    .await
    .unwrap();
    commit(&store, create("User", "quick", &user("quick"))).await.unwrap();
    // What was committed is there for every reader, but for the log it is not settled.
    assert_eq!(lines(&store).await, ["first"]);
    slow.batch_execute("COMMIT").await.unwrap();
    until(&store, 3).await;
    assert_eq!(lines(&store).await, ["first", "slow", "quick"]);
    drop(slow);
    driving.abort();
}
