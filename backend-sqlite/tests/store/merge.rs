//! Indexes of fragments, of which each transaction leaves a piece.

use std::time::{Duration, Instant};

use crate::common::*;
use scim_core::query::Total;
use scim_core::store::Store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_searched_is_merged_when_nobody_writes() {
    let home = Home::with(|options| options.search_from = 5).await;
    let db = rusqlite::Connection::open(home.dir.path().join("scim.db")).unwrap();
    let pieces =
        || -> u32 { db.query_row("SELECT count(DISTINCT segid) FROM gram_1_idx", [], |row| row.get(0)).unwrap() };
    for n in 0..60 {
        commit(&home.store, create("User", &format!("u{n:03}"), &user(&format!("common{n:02}")))).await.unwrap();
    }
    commit(&home.store, delete("User", "u010")).await.unwrap();
    let found = async |text: &str| {
        let page = home.store.query(&scope(), &query("User", Some(text))).await.unwrap().unwrap();
        (ids(&page), page.total)
    };
    let before = pieces();
    assert!(before > 2, "there is nothing to merge: {before}");
    let (all, nine) = (found("displayName co \"common\"").await, found("displayName co \"mon2\"").await);
    assert_eq!((all.1, nine.1), (Total::Exact(59), Total::Exact(10)));
    let begun = Instant::now();
    while pieces() > 2 {
        assert!(begun.elapsed() < Duration::from_secs(90), "{} of {before} pieces are left", pieces());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What is remembered of finds is told from what the index says now by another fragment for the same people.
    assert_eq!(found("displayName co \"ommon\"").await, all);
    commit(&home.store, create("User", "u900", &user("common90"))).await.unwrap();
    assert_eq!(found("displayName co \"common\"").await.1, Total::Exact(60));
}
