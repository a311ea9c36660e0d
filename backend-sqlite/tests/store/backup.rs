//! Copies of the whole database, made while others write, and put back only when they are whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_sqlite::{BackupError, OpenError, Options, SqliteStore};
use rusqlite::Connection;
use scim_core::query::Total;
use scim_core::store::Store;

use crate::common::*;

fn count(path: &std::path::Path, what: &str) -> i64 {
    Connection::open(path).unwrap().query_row(what, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_state_of_the_whole_while_others_write() {
    let home = Home::new().await;
    let (store, dir) = (Arc::new(home.store), home.dir);
    let batch = (0..2_000).map(|n| create("User", &format!("a{n:05}"), &user(&format!("a{n}")))).collect();
    for outcome in store.commit(&scope(), batch).await {
        outcome.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, stop) = (store.clone(), stop.clone());
        tokio::spawn(async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                commit(&*store, create("User", &format!("b{n:05}"), &user(&format!("b{n}")))).await.unwrap();
                n += 1;
            }
            n
        })
    };
    let to = dir.path().join("copy.db");
    let (own, path) = (store.clone(), to.clone());
    let copied = tokio::task::spawn_blocking(move || {
        let mut last = (0, 1);
        own.backup(&path, &mut |done, of| last = (done, of)).map(|()| last)
    });
    let (done, of) = copied.await.unwrap().unwrap();
    assert_eq!(done, of);
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 0);

    let found = count(&to, "SELECT count(*) FROM resource");
    assert!(found >= 2_000);
    assert_eq!(count(&to, "SELECT n FROM extent WHERE kind = 'User'"), found);
    assert_eq!(count(&to, "SELECT count(*) FROM change"), found);
    assert!(matches!(store.backup(&to, &mut |_, _| {}), Err(BackupError::Exists { .. })));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // Back into a new place, and in the place of what is there.
    let target = dir.path().join("restored.db");
    SqliteStore::restore(&to, &target, &mut |_, _| {}).unwrap();
    let restored = SqliteStore::open(Options::new(&target)).unwrap();
    restored.prepare(&tenant(), registry().types()).await.unwrap();
    commit(&restored, create("User", "new", &user("new"))).await.unwrap();
    let page = restored.query(&scope(), &query("User", Some("userName eq \"a7\""))).await.unwrap().unwrap();
    assert_eq!(ids(&page), ["a00007"]);
    drop(restored);
    SqliteStore::restore(&to, &target, &mut |_, _| {}).unwrap();
    let restored = SqliteStore::open(Options::new(&target)).unwrap();
    let page = restored.query(&scope(), &query("User", None)).await.unwrap().unwrap();
    assert_eq!(page.total, Total::Exact(u64::try_from(found).unwrap()));
    drop(restored);
    // What was there before each of them is kept.
    SqliteStore::restore(&to, &target, &mut |_, _| {}).unwrap();
    let kept = |name: &str| count(&dir.path().join(name), "SELECT count(*) FROM resource");
    assert_eq!((kept("restored.db-before-restore"), kept("restored.db-before-restore-2")), (found + 1, found));
}

#[tokio::test]
async fn what_is_damaged_foreign_or_served_is_not_restored() {
    let home = Home::new().await;
    for n in 0..200 {
        commit(&home.store, create("User", &format!("u{n}"), &user(&format!("n{n}")))).await.unwrap();
    }
    let at = |name: &str| home.dir.path().join(name);
    home.store.backup(&at("good.db"), &mut |_, _| {}).unwrap();
    let good = std::fs::read(at("good.db")).unwrap();

    let mut flipped = good.clone();
    // From the beginning of a page: SQLite does not look into the texts on it.
    let middle = flipped.len() / 2 / 4_096 * 4_096;
    flipped[middle..middle + 2_000].fill(0xa5);
    std::fs::write(at("flipped.db"), flipped).unwrap();
    std::fs::write(at("cut.db"), &good[..good.len() / 2]).unwrap();
    std::fs::write(at("text.db"), "nothing of ours".repeat(100)).unwrap();
    std::fs::write(at("empty.db"), "").unwrap();
    Connection::open(at("other.db")).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    std::fs::write(at("target.db"), "untouched").unwrap();
    for name in ["flipped.db", "cut.db", "text.db", "empty.db", "other.db", "absent.db"] {
        let error = SqliteStore::restore(&at(name), &at("target.db"), &mut |_, _| {}).expect_err(name).to_string();
        assert!(error.contains(name), "{error}");
        assert_eq!(std::fs::read(at("target.db")).unwrap(), b"untouched", "{name}");
    }
    let served = SqliteStore::open(Options { exclusive: true, ..Options::new(at("served.db")) }).unwrap();
    let error = SqliteStore::restore(&at("good.db"), &at("served.db"), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, BackupError::Open(OpenError::Served { .. })), "{error}");
    drop(served);
    SqliteStore::restore(&at("good.db"), &at("served.db"), &mut |_, _| {}).unwrap();
}

/// A copy of what is damaged would be found out on the day it is needed.
#[tokio::test]
async fn a_damaged_database_is_not_called_backed_up() {
    let home = Home::new().await;
    for n in 0..200 {
        commit(&home.store, create("User", &format!("u{n}"), &user(&format!("n{n}")))).await.unwrap();
    }
    let at = |name: &str| home.dir.path().join(name);
    home.store.backup(&at("whole.db"), &mut |_, _| {}).unwrap();
    let mut bytes = std::fs::read(at("whole.db")).unwrap();
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xa5);
    std::fs::write(at("damaged.db"), bytes).unwrap();
    let damaged = SqliteStore::open(Options::new(at("damaged.db"))).unwrap();
    let error = damaged.backup(&at("copy.db"), &mut |_, _| {}).unwrap_err();
    assert!(matches!(&error, BackupError::Source { path, .. } if *path == at("damaged.db")), "{error}");
    assert!(!at("copy.db").exists() && !at("copy.db-part").exists());
}

#[test]
fn a_backup_that_is_not_there_is_called_so_once() {
    let dir = tempfile::tempdir().unwrap();
    let absent = dir.path().join("absent.db");
    let error = SqliteStore::restore(&absent, &dir.path().join("target.db"), &mut |_, _| {}).unwrap_err();
    assert!(matches!(&error, BackupError::Missing { path } if *path == absent), "{error}");
    let nowhere = SqliteStore::restore(&absent, &dir.path().join("no/target.db"), &mut |_, _| {}).unwrap_err();
    assert!(matches!(nowhere, BackupError::Open(OpenError::NoDirectory { .. })), "{nowhere}");
    assert!(std::error::Error::source(&nowhere).is_none(), "its words stand in it already");
}
