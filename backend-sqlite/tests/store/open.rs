//! Why a file cannot be opened, in one sentence that says what to do.

use std::path::Path;

use backend_sqlite::{OpenError, Options, SqliteStore};
use rusqlite::Connection;
use scim_core::store::{Scope, Store, StoreErrorKind, TenantId};
use tempfile::tempdir;

use crate::common::*;

fn check(path: &Path, expected: &str) {
    let error = SqliteStore::open(Options::new(path)).expect_err("must not open").to_string();
    assert!(error.contains(expected), "{error}");
    assert!(error.contains(&*path.file_name().unwrap().to_string_lossy()), "names the file: {error}");
    assert!(!error.contains('\n'), "one sentence: {error}");
}

#[test]
fn what_stands_in_the_way_is_named_with_its_mend() {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    check(&at("missing/scim.db"), "does not exist; create it");
    check(dir.path(), "is a directory");

    std::fs::write(at("text.db"), "this is no database, but long enough to be looked at as one".repeat(40)).unwrap();
    check(&at("text.db"), "damaged or no SQLite database");

    let other = Connection::open(at("other.db")).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(other);
    check(&at("other.db"), "another program");

    drop(SqliteStore::open(Options::new(at("newer.db"))).unwrap());
    let newer = Connection::open(at("newer.db")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    check(&at("newer.db"), "layout 99");

    let busy = Connection::open(at("busy.db")).unwrap();
    busy.execute_batch("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; CREATE TABLE x (y)").unwrap();
    let mut options = Options::new(at("busy.db"));
    options.busy = std::time::Duration::from_millis(10);
    let error = SqliteStore::open(options).expect_err("locked");
    assert!(matches!(error, OpenError::Busy { .. }), "{error}");
}

#[test]
fn a_file_that_was_cut_off_is_damaged() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("cut.db");
    drop(SqliteStore::open(Options::new(&path)).unwrap());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 3]).unwrap();
    check(&path, "damaged");
}

#[test]
fn who_serves_a_file_serves_it_alone_while_commands_stand_beside() {
    let dir = tempdir().unwrap();
    let mut serve = Options::new(dir.path().join("scim.db"));
    serve.exclusive = true;
    let first = SqliteStore::open(serve.clone()).unwrap();
    let second = SqliteStore::open(serve.clone()).expect_err("served already");
    assert!(matches!(second, OpenError::Served { .. }), "{second}");
    assert!(SqliteStore::open(Options::new(dir.path().join("scim.db"))).is_ok());
    drop(first);
    assert!(SqliteStore::open(serve).is_ok());
}

/// SQLite follows the link; so does the lock.
#[cfg(unix)]
#[test]
fn a_link_to_a_served_file_is_no_other_file() {
    let dir = tempdir().unwrap();
    let link = dir.path().join("link.db");
    std::os::unix::fs::symlink(dir.path().join("scim.db"), &link).unwrap();
    let serve = |path: &Path| SqliteStore::open(Options { exclusive: true, ..Options::new(path) });
    let first = serve(&link).unwrap();
    let second = serve(&dir.path().join("scim.db")).expect_err("served already");
    assert!(matches!(second, OpenError::Served { .. }), "{second}");
    drop(first);
    let _first = serve(&dir.path().join("scim.db")).unwrap();
    assert!(serve(&link).is_err());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempdir().unwrap();
    let _store = SqliteStore::open(Options { exclusive: true, ..Options::new(dir.path().join("scim.db")) }).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn many_may_open_an_empty_file_at_once() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("scim.db");
    let opened: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || SqliteStore::open(Options::new(path)))
        })
        .collect();
    for store in opened {
        let store = store.join().unwrap().unwrap();
        assert!(store.health().await.is_ok());
    }
}

/// What the first released layout wrote is read by every later program.
#[tokio::test]
async fn a_database_of_the_first_layout_is_brought_to_todays() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("scim.db");
    let old = laid_out(&path, 1);
    old.execute_batch("INSERT INTO extent (tenant, kind, n, generation) VALUES ('acme', 'User', 1, 0);").unwrap();
    old.execute(
        "INSERT INTO resource (tenant, kind, id, version, created, modified, linked, label, document)
         VALUES ('acme', 'User', 'u1', 3, 1, 2, 0, 'Ann', ?1)",
        [user("ann")],
    )
    .unwrap();
    old.execute("INSERT INTO claim VALUES ('acme', 'User', 'userName', 'ann', 'acme', 'u1')", []).unwrap();
    drop(old);
    let store = SqliteStore::open(Options::new(&path)).unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    let page = store.query(&scope(), &query("User", Some("userName eq \"ANN\""))).await.unwrap().unwrap();
    assert_eq!((ids(&page), page.records[0].version.as_str()), (vec!["u1".to_owned()], "3"));
    let page =
        store.query(&scope(), &query("User", Some("emails.value eq \"ann@example.com\""))).await.unwrap().unwrap();
    assert_eq!(ids(&page), ["u1"]);
}

/// An upgrade that fails half way, as on a full disk, leaves what the older program goes on with.
#[tokio::test]
async fn an_upgrade_that_fails_leaves_the_layout_that_was_there() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("scim.db");
    let old = laid_out(&path, 1);
    // In the way of the fourth step.
    old.execute_batch("CREATE TABLE shelf (x)").unwrap();
    old.execute("INSERT INTO link VALUES ('acme', 'g1', 'members', 'u1', 'Group', 'User', 'Ann')", []).unwrap();
    let now = || old.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap();
    SqliteStore::open(Options::new(&path)).unwrap_err();
    let links: i64 = old.query_row("SELECT count(*) FROM link WHERE display = 'Ann'", [], |row| row.get(0)).unwrap();
    assert_eq!((now(), links), (1, 1));
    old.execute_batch("DROP TABLE shelf").unwrap();
    SqliteStore::open(Options::new(&path)).unwrap();
    assert!(now() > 1);
}

/// Values that named their holders by tenant and id name them by number.
#[tokio::test]
async fn values_of_the_third_layout_are_brought_to_todays() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("scim.db");
    let old = laid_out(&path, 3);
    old.execute_batch(
        r#"INSERT INTO extent (tenant, kind, n, generation, ordered)
           VALUES ('', '', 0, 9, 0), ('acme', 'User', 2, 8, 1), ('acme', 'Group', 1, 0, 1), ('zeta', 'User', 1, 9, 1);
         INSERT INTO indexed (tenant, kind, attr, via, path, rule, single, search, state, n)
           SELECT column1, 'User', column2, column3, column4, 'folded', 1, 0, 1, column5
           FROM (VALUES ('acme', 'userName', 'claim', '["userName"]', 2), ('acme', 'title', 'term', '["title"]', 2),
                        ('zeta', 'userName', 'claim', '["userName"]', 1), ('zeta', 'title', 'term', '["title"]', 1));
         INSERT INTO claim VALUES ('zeta', 'User', 'userName', 'ann', 'zeta', 'u1'),
           ('acme', 'User', 'userName', 'ann', 'acme', 'u1'), ('acme', 'User', 'userName', 'bob', 'acme', 'u2'),
           ('acme', 'Group', 'displayName', 'all', 'acme', 'g1'), ('', '', 'seat', '1A', 'zeta', 'u1'),
           ('', '', 'seat', '1B', 'acme', 'g1'), ('acme', 'User', 'userName', 'gone', 'acme', 'u9');
         INSERT INTO term VALUES ('acme', 'User', 'title', 'boss', 'u2'), ('acme', 'User', 'title', 'boss', 'u1'),
           ('zeta', 'User', 'title', 'boss', 'u1'), ('zeta', 'User', 'title', 'boss', 'u9'), ('zeta', 'User', 'nick', 'x', 'u1');"#,
    )
    .unwrap();
    for (seq, tenant, kind, id, document) in [
        (4, "acme", "User", "u1", titled("ann")),
        (8, "zeta", "User", "u1", titled("ann")),
        (12, "acme", "User", "u2", titled("bob")),
        (16, "acme", "Group", "g1", group("All")),
    ] {
        old.execute(
            "INSERT INTO resource (seq, tenant, kind, id, version, created, modified, linked, label, document)
             VALUES (?1, ?2, ?3, ?4, 1, 1, 2, 0, NULL, ?5)",
            (seq, tenant, kind, id, document),
        )
        .unwrap();
    }
    let store = SqliteStore::open(Options { indexed: vec!["title".into()], ..Options::new(&path) }).unwrap();
    let zeta = Scope { tenant: TenantId::new("zeta"), ..scope() };
    for scope in [scope(), zeta.clone()] {
        store.prepare(&scope.tenant, registry().types()).await.unwrap();
    }
    let rows: Vec<(String, String, String, i64)> = old
        .prepare(
            "SELECT s.tenant, s.attr, c.token, c.seq FROM claim c JOIN shelf s ON s.number = c.shelf ORDER BY 1, 2, 3",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let rows: Vec<_> = rows.iter().map(|(tenant, attr, token, seq)| (&**tenant, &**attr, &**token, *seq)).collect();
    assert_eq!(
        rows,
        [
            ("", "seat", "1A", 8),
            ("", "seat", "1B", 16),
            ("acme", "displayName", "all", 16),
            ("acme", "userName", "ann", 4),
            ("acme", "userName", "bob", 12),
            ("zeta", "userName", "ann", 8)
        ]
    );
    let found = async |scope: &Scope, filter: &str| {
        ids(&store.query(scope, &query("User", Some(filter))).await.unwrap().unwrap())
    };
    assert_eq!(found(&scope(), "title eq \"BOSS\"").await, ["u1", "u2"]);
    assert_eq!(found(&zeta, "title eq \"boss\"").await, ["u1"]);
    assert_eq!(found(&scope(), "userName eq \"Bob\"").await, ["u2"]);
    assert_eq!(found(&zeta, "userName eq \"bob\"").await, [""; 0]);
    let error = commit(&store, create("User", "u3", &user("bob"))).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Taken { .. }), "{error}");
    commit(&store, delete("User", "u2")).await.unwrap();
    commit(&store, create("User", "u3", &user("bob"))).await.unwrap();
    assert_eq!(found(&scope(), "userName eq \"bob\"").await, ["u3"]);
    assert_eq!(found(&scope(), "title eq \"boss\"").await, ["u1"]);
}

fn titled(name: &str) -> String {
    user(name).replace("\"active\"", "\"title\":\"Boss\",\"active\"")
}
