//! What was answered is written; what runs at once shares transactions; what is too much is refused.

use std::sync::Arc;

use backend_sqlite::{Options, SqliteStore};
use futures_util::future::join_all;
use rusqlite::Connection;
use scim_core::query::{Total, Window};
use scim_core::store::{ChangeLog, Retry, Scope, Store, StoreErrorKind};

use crate::common::*;

/// Everything that was answered is in the file and its log, without the store being closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_in_the_file() {
    let home = Home::new().await;
    for n in 0..50 {
        commit(&home.store, create("User", &format!("u{n}"), &user(&format!("n{n}")))).await.unwrap();
        if n % 10 == 0 {
            // As after a crash: nothing but the files, and nobody who could still write to them.
            let copy = tempfile::tempdir().unwrap();
            for name in ["scim.db", "scim.db-wal"] {
                std::fs::copy(home.dir.path().join(name), copy.path().join(name)).unwrap();
            }
            let found = Connection::open(copy.path().join("scim.db")).unwrap();
            let found: i64 = found.query_row("SELECT count(*) FROM resource", [], |row| row.get(0)).unwrap();
            assert_eq!(found, n + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_transactions_and_each_is_answered_for_itself() {
    let home = Home::new().await;
    let store = Arc::new(home.store);
    let counted = |what: &str| {
        let db = Connection::open(home.dir.path().join("scim.db")).unwrap();
        db.query_row(what, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let writers = (0..32).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..10 {
                // Every other one wants a name that another has.
                let name = if n % 2 == 0 { format!("w{writer}-{n}") } else { format!("shared-{n}") };
                let made = commit(&*store, create("User", &format!("u{writer:02}-{n}"), &user(&name))).await;
                match made {
                    Ok(_) => {}
                    Err(error) => assert!(matches!(error.kind, StoreErrorKind::Taken { .. }), "{error}"),
                }
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let expected = 32 * 5 + 5;
    assert_eq!(counted("SELECT count(*) FROM resource"), expected);
    assert_eq!(counted("SELECT n FROM extent WHERE kind = 'User'"), expected);
    assert_eq!(counted("SELECT n FROM indexed WHERE kind = 'User' AND attr = 'userName'"), expected);
    assert_eq!(counted("SELECT count(*) FROM claim"), expected);
    assert_eq!(counted("SELECT count(*) FROM term JOIN shelf ON number = shelf WHERE attr = 'emails.value'"), expected);
    assert_eq!(counted("SELECT count(*) FROM change"), expected);
    let page = store.query(&scope(), &query("User", None)).await.unwrap().unwrap();
    assert_eq!(page.total, Total::Exact(165));
}

/// However many requests come, the log is copied into the database now and then and starts anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_starts_anew_while_each_write_follows_a_read() {
    const WRITES: u64 = 160;
    let home = Home::with(|options| options.exclusive = true).await;
    // Some hundred pages a write.
    let long = "x".repeat(400_000);
    for n in 0..WRITES {
        let document = user(&format!("n{n}")).replace("\"active\"", &format!("\"title\":\"{long}\",\"active\""));
        commit(&home.store, create("User", &format!("u{n:03}"), &document)).await.unwrap();
        let found = home.store.query(&scope(), &query("User", Some(&format!("userName eq \"n{n}\"")))).await.unwrap();
        assert_eq!(ids(&found.unwrap()), [format!("u{n:03}")]);
    }
    let log = std::fs::metadata(home.dir.path().join("scim.db-wal")).unwrap().len();
    let written = WRITES * 400_000;
    assert!(log < written / 2, "{written} bytes of documents were written, and the log has {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_for_now() {
    let home = Home::with(|options| options.queue = 1).await;
    let store = Arc::new(home.store);
    // Another program holds the file, so nothing moves.
    let other = Connection::open(home.dir.path().join("scim.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writes = (0..8).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { commit(&*store, create("User", &format!("u{n}"), &user(&format!("n{n}")))).await })
    });
    let writes: Vec<_> = writes.collect();
    // Those that find the queue full are told so at once.
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !writes.iter().any(tokio::task::JoinHandle::is_finished) {
        assert!(std::time::Instant::now() < patience, "nobody is refused");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    other.execute_batch("ROLLBACK").unwrap();
    let outcomes: Vec<_> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    for error in refused.clone() {
        assert!(matches!(error.kind, StoreErrorKind::Unavailable) && error.retry == Retry::Temporary, "{error}");
    }
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(made >= 1 && refused.count() >= 1, "{made}");
}

#[tokio::test]
async fn a_lock_held_for_too_long_is_unavailable_and_nothing_was_written() {
    let home = Home::with(|options| options.busy = std::time::Duration::from_millis(20)).await;
    let other = Connection::open(home.dir.path().join("scim.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = commit(&home.store, create("User", "u1", &user("ann"))).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Unavailable), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(commit(&home.store, create("User", "u1", &user("ann"))).await.is_ok());
}

#[tokio::test]
async fn two_processes_keep_the_same_indexes_and_see_each_others_writes() {
    let home = Home::new().await;
    let other =
        SqliteStore::open(Options { indexed: vec!["title".into()], ..Options::new(home.dir.path().join("scim.db")) })
            .unwrap();
    other.prepare(&tenant(), registry().types()).await.unwrap();
    // The first store never heard of the index on titles; it keeps it all the same.
    let titled = |name: &str| user(name).replace("\"active\"", "\"title\":\"Boss\",\"active\"");
    commit(&home.store, create("User", "u1", &titled("ann"))).await.unwrap();
    commit(&other, create("User", "u2", &titled("bob"))).await.unwrap();
    for store in [&home.store, &other] {
        let page = store.query(&scope(), &query("User", Some("title eq \"boss\""))).await.unwrap().unwrap();
        assert_eq!(ids(&page), ["u1", "u2"]);
    }
}

#[tokio::test]
async fn what_all_consumers_have_read_is_deleted_from_the_log() {
    let home = Home::new().await;
    for n in 0..5 {
        commit(&home.store, create("User", &format!("u{n}"), &user(&format!("n{n}")))).await.unwrap();
    }
    home.store.acknowledge("audit", 2).await.unwrap();
    home.store.acknowledge("events", 4).await.unwrap();
    let left = |lines: Vec<scim_core::store::LoggedChange>| lines.iter().map(|line| line.position).collect::<Vec<_>>();
    assert_eq!(left(ChangeLog::read(&home.store, 0, 10).await.unwrap()), [3, 4, 5]);
    home.store.acknowledge("audit", 5).await.unwrap();
    home.store.acknowledge("events", 5).await.unwrap();
    assert!(ChangeLog::read(&home.store, 0, 10).await.unwrap().is_empty());
    commit(&home.store, create("User", "u9", &user("n9"))).await.unwrap();
    assert_eq!(left(ChangeLog::read(&home.store, 0, 10).await.unwrap()), [6], "positions never come twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_past_its_deadline_is_stopped() {
    let home = Home::new().await;
    let batch = (0..3_000).map(|n| create("User", &format!("u{n:05}"), &user(&format!("n{n}")))).collect();
    for outcome in home.store.commit(&scope(), batch).await {
        outcome.unwrap();
    }
    let terms = (0..200).map(|n| format!("title co \"x{n}\"")).collect::<Vec<_>>().join(" or ");
    let mut slow = query("User", Some(&terms));
    slow.window = Window::Offset { skip: 0, count: 1_000 };
    let mut seen = Vec::new();
    while seen.last().is_none_or(|kind| !matches!(kind, StoreErrorKind::TooMany)) {
        // On a busy machine its turn may come too late.
        let waited_only = seen.iter().all(|kind| matches!(kind, StoreErrorKind::Unavailable));
        assert!(waited_only && seen.len() < 50, "{seen:?}");
        // Long enough for its turn to come, and far too short for the rest.
        let deadline = std::time::Instant::now() + std::time::Duration::from_millis(20);
        let hurried = Scope { deadline: Some(deadline), ..scope() };
        seen.push(home.store.query(&hurried, &slow).await.unwrap_err().kind);
    }
}

/// SQLite itself goes on writing into a file that nobody can open any more.
#[cfg(unix)]
#[tokio::test]
async fn what_goes_into_a_file_that_was_taken_away_is_not_answered_as_written() {
    for name in ["scim.db", "scim.db-wal"] {
        let home = Home::new().await;
        let (file, aside) = (home.dir.path().join(name), home.dir.path().join("aside"));
        commit(&home.store, create("User", "u1", &user("n1"))).await.unwrap();
        std::fs::rename(&file, &aside).unwrap();
        let error = commit(&home.store, create("User", "u2", &user("n2"))).await.unwrap_err();
        assert!(matches!(error.kind, StoreErrorKind::Displaced), "{name}: {error}");
        assert!(error.to_string().contains("removed or replaced"), "{name}: {error}");
        assert!(home.store.health().await.is_err(), "{name}");
        std::fs::copy(&aside, &file).unwrap();
        assert!(commit(&home.store, create("User", "u3", &user("n3"))).await.is_err(), "{name}: another file");
        std::fs::rename(&aside, &file).unwrap();
        commit(&home.store, create("User", "u4", &user("n4"))).await.unwrap();
        home.store.health().await.unwrap();
        let found = home.store.query(&scope(), &query("User", None)).await.unwrap().unwrap();
        assert_eq!(ids(&found), ["u1", "u4"], "{name}");
    }
}
