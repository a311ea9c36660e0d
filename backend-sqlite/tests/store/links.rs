//! Links as they lie from their far end, by numbers: those that an older layout had by ids, and numbers that are given again.

use backend_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{ResourceId, Store};

use crate::common::*;

/// The groups of a user, by id; found beside the read, and by a call of their own.
async fn groups(store: &SqliteStore, user: &str) -> Vec<String> {
    let (rt, ids, select) = (rt("User"), [ResourceId::new(user)], Select::document());
    let filled = store.read_filled(&scope(), &Kind::new("User"), &ids, &select, &rt.reverse).await.unwrap();
    let mut bare = store.read(&scope(), &Kind::new("User"), &ids, &select).await.unwrap();
    store.fill(&scope(), &mut bare, &rt.reverse[0]).await.unwrap();
    let [filled, bare] = [filled, bare].map(|records| {
        let links = records[0].links.iter().flat_map(|links| &links.links);
        links.map(|link| link.target.id.to_string()).collect::<Vec<_>>()
    });
    assert_eq!(filled, bare);
    filled
}

async fn found(store: &SqliteStore, kind: &str, filter: &str) -> Vec<String> {
    ids(&store.query(&scope(), &query(kind, Some(filter))).await.unwrap().unwrap())
}

fn links(db: &Connection) -> Vec<(i64, i64)> {
    let mut statement = db.prepare("SELECT target, holder FROM link ORDER BY 1, 2").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn links_of_the_fifth_layout_are_brought_to_todays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("scim.db");
    let old = laid_out(&path, 5);
    // Another tenant has the same ids, and links whose ends are gone.
    old.execute_batch(
        r#"INSERT INTO extent (tenant, kind, n, generation, ordered)
           SELECT column1, column2, column3, 0, 1
           FROM (VALUES ('acme', 'User', 2), ('acme', 'Group', 2), ('zeta', 'User', 1), ('zeta', 'Group', 1));
         INSERT INTO shelf (tenant, kind, attr) VALUES ('acme', 'Group', 'members'), ('zeta', 'Group', 'members');
         INSERT INTO link (shelf, target, holder, target_kind) VALUES
           (1, 'u1', 'g1', 'User'), (1, 'u2', 'g1', 'User'), (1, 'u1', 'g2', 'User'), (1, 'g1', 'g2', 'Group'),
           (2, 'u1', 'g1', 'User'), (2, 'u2', 'g1', 'User'), (2, 'u1', 'g2', 'User');
         INSERT INTO bundle (tenant, holder, attr, first, holder_kind, n, links) VALUES
           ('acme', 'g1', 'members', '', 'Group', 2, '[["u1","User","Ann"],["u2","User","Bob"]]'),
           ('acme', 'g2', 'members', '', 'Group', 2, '[["g1","Group","One"],["u1","User","Ann"]]'),
           ('zeta', 'g1', 'members', '', 'Group', 2, '[["u1","User","Ann"],["u2","User","Bob"]]');"#,
    )
    .unwrap();
    for (seq, tenant, kind, id, document) in [
        (4, "acme", "User", "u1", user("ann")),
        (8, "zeta", "User", "u1", user("ann")),
        (12, "acme", "User", "u2", user("bob")),
        (16, "acme", "Group", "g1", group("One")),
        (20, "zeta", "Group", "g1", group("One")),
        (24, "acme", "Group", "g2", group("Two")),
    ] {
        old.execute(
            "INSERT INTO resource (seq, tenant, kind, id, version, created, modified, linked, label, document)
             VALUES (?1, ?2, ?3, ?4, 1, 1, 2, ?3 = 'Group', 'A label', ?5)",
            (seq, tenant, kind, id, document),
        )
        .unwrap();
    }
    let store = SqliteStore::open(Options::new(&path)).unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    assert_eq!(links(&old), [(4, 16), (4, 24), (8, 20), (12, 16), (16, 24)]);
    assert_eq!(groups(&store, "u1").await, ["g1", "g2"]);
    assert_eq!(groups(&store, "u2").await, ["g1", "g2"]);
    assert_eq!(found(&store, "Group", "members.value eq \"u1\"").await, ["g1", "g2"]);
    assert_eq!(found(&store, "Group", "members.value eq \"u2\" and displayName pr").await, ["g1"]);
    commit(&store, members("remove", "g2", &["g1", "u1"])).await.unwrap();
    assert_eq!(groups(&store, "u2").await, ["g1"]);
    commit(&store, delete("User", "u1")).await.unwrap();
    assert_eq!(links(&old), [(8, 20), (12, 16)]);
}

#[tokio::test]
async fn who_gets_a_number_again_gets_no_links_with_it() {
    let Home { store, dir } = Home::new().await;
    let db = Connection::open(dir.path().join("scim.db")).unwrap();
    let last = || -> i64 { db.query_row("SELECT max(seq) FROM resource", [], |row| row.get(0)).unwrap() };
    for name in ["u1", "u2"] {
        commit(&store, create("User", name, &user(name))).await.unwrap();
    }
    for name in ["g1", "g2"] {
        commit(&store, create("Group", name, &group(name))).await.unwrap();
    }
    // It holds others, itself too, and is held.
    commit(&store, members("add", "g2", &["u1", "g2", "g1"])).await.unwrap();
    commit(&store, members("add", "g1", &["g2", "u2"])).await.unwrap();
    let number = last();
    assert_eq!(groups(&store, "u1").await, ["g1", "g2"]);
    commit(&store, delete("Group", "g2")).await.unwrap();
    commit(&store, create("Group", "g3", &group("g3"))).await.unwrap();
    assert_eq!(last(), number);
    assert_eq!(links(&db).len(), 1);
    assert_eq!((groups(&store, "u1").await, groups(&store, "u2").await), (vec![], vec!["g1".to_owned()]));
    commit(&store, delete("Group", "g3")).await.unwrap();
    commit(&store, create("User", "u3", &user("u3"))).await.unwrap();
    assert_eq!((last(), groups(&store, "u3").await), (number, vec![]));
    assert_eq!(found(&store, "Group", "members.value eq \"u3\"").await, [""; 0]);
}
