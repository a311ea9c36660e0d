//! Resources stand under the number of their type's ids: those that an older layout had by tenant and type, and what is remembered of
//! such numbers.

use std::path::Path;

use backend_sqlite::{Options, SqliteStore};
use futures_util::TryStreamExt;
use rusqlite::Connection;
use scim_core::change::{Action, LinkEdit, Mutation};
use scim_core::clock::Timestamp;
use scim_core::path;
use scim_core::query::{Order, Query, Select, Source, Total, Window};
use scim_core::schema::Kind;
use scim_core::store::control::{ControlStore, TenantRow, TenantSettings};
use scim_core::store::{ResourceId, Scan, Scope, Store, StoreErrorKind, TenantId};

use crate::common::*;

fn of(tenant: &str) -> Scope {
    Scope { tenant: TenantId::new(tenant), ..scope() }
}

async fn open(path: &Path) -> SqliteStore {
    // Nothing is indexed under the name of the ids.
    let indexed = vec!["title".into(), "id".into()];
    let store = SqliteStore::open(Options { indexed, ..Options::new(path) }).unwrap();
    for tenant in ["acme", "zeta"] {
        store.prepare(&TenantId::new(tenant), registry().types()).await.unwrap();
    }
    store
}

async fn all(store: &SqliteStore, tenant: &str, batch: Vec<Mutation>) {
    for outcome in store.commit(&of(tenant), batch).await {
        outcome.unwrap();
    }
}

fn titled(n: usize) -> String {
    user(&format!("Name{n:03}")).replace("\"active\"", &format!("\"title\":\"Title {}\",\"active\"", n % 3))
}

/// Two tenants have the same ids; some resources came late, were changed, or are gone.
async fn fill(store: &SqliteStore) {
    for tenant in ["acme", "zeta"] {
        let users = (0..40).map(|n| create("User", &format!("u{:03}", n * 7 % 40), &titled(n)));
        all(store, tenant, users.collect()).await;
        all(store, tenant, ["g1", "g2", "g3"].map(|id| create("Group", id, &group(id))).into()).await;
    }
    all(store, "acme", vec![members("add", "g1", &["u001", "u002", "u030"]), members("add", "g2", &["g1", "u003"])])
        .await;
    all(store, "zeta", vec![members("add", "g3", &["u001", "g3"])]).await;
    all(store, "acme", vec![replace("User", "u005", &titled(77)), delete("User", "u030"), delete("Group", "g3")]).await;
}

/// What lists, reads and scans answer, in every form in which a list is asked for.
async fn answers(store: &SqliteStore, tenant: &str) -> Vec<String> {
    let (scope, mut said) = (of(tenant), Vec::new());
    let filters = [
        ("User", "userName eq \"name007\""),
        ("User", "title eq \"title 1\""),
        ("User", "title eq \"title 1\" and active eq true"),
        ("User", "title eq \"title 1\" or userName eq \"name005\""),
        ("User", "displayName co \"ame01\""),
        ("User", "displayName ew \"Smith\""),
        ("User", "id eq \"u007\""),
        ("User", "id eq \"g1\""),
        ("User", "meta.lastModified gt \"1970-01-01T00:00:00Z\""),
        ("User", "nickName pr or active eq true"),
        ("User", "groups.value eq \"g2\""),
        ("User", "groups pr"),
        ("Group", "members.value eq \"u001\""),
        ("Group", "members.value eq \"u001\" and displayName pr"),
        ("Group", "displayName eq \"g2\""),
    ];
    let mut queries: Vec<Query> = filters.map(|(kind, text)| query(kind, Some(text))).into();
    queries.extend(["User", "Group"].map(|kind| query(kind, None)));
    let both = ["User", "Group"].map(|kind| Source { kind: Kind::new(kind), filter: None, sort: None });
    queries.push(Query { from: both.into(), ..query("User", None) });
    for name in ["userName", "title", "meta.lastModified", "id"] {
        let sort = path::attribute(name, &rt("User"), false);
        let from = vec![Source { kind: Kind::new("User"), filter: None, sort }];
        queries.push(Query { from, order: Some(Order::Descending), ..query("User", None) });
    }
    for query in queries {
        for (skip, count) in [(0, 100), (0, 3), (4, 3), (35, 10)] {
            let first = Query { window: Window::Offset { skip, count }, ..query.clone() };
            let page = store.query(&scope, &first).await.unwrap().unwrap();
            said.push(format!("{page:?}"));
            let Some((before, after)) = page.ends else { continue };
            for window in [Window::After { position: after, count: 2 }, Window::Before { position: before, count: 2 }] {
                let next = Query { window, ..query.clone() };
                said.push(format!("{:?}", store.query(&scope, &next).await.unwrap()));
            }
        }
    }
    let select = Select::document().with_link(&rt("Group").links[0]);
    for (kind, ids) in [("User", ["u001", "u030", "u007", "g1"]), ("Group", ["g1", "g2", "g3", "u001"])] {
        let ids = ids.map(ResourceId::new);
        for ids in [&ids[..], &ids[..1]] {
            let read = store.read_filled(&scope, &Kind::new(kind), ids, &select, &rt(kind).reverse).await;
            said.push(format!("{:?}", read.unwrap()));
        }
        for filter in [None, Some("id gt \"u02\""), Some("title eq \"title 2\""), Some("displayName pr")] {
            let filter = filter.filter(|text| kind == "User" || !text.starts_with("title"));
            let filter = filter.map(|text| bound(kind, text));
            let scan = Scan { kind: Kind::new(kind), filter, select: Select::document() };
            said.push(format!("{:?}", store.scan(&scope, scan).try_collect::<Vec<_>>().await.unwrap()));
        }
    }
    said
}

/// A copy of a database of today, as the sixth layout had it.
fn as_of_six(from: &Path, to: &Path) -> Connection {
    let old = laid_out(to, 6);
    old.execute("ATTACH ?1 AS today", [from.to_str().unwrap()]).unwrap();
    for table in ["extent", "indexed", "claim", "term", "bundle", "secret", "change", "tenant"] {
        old.execute_batch(&format!("INSERT INTO {table} SELECT * FROM today.{table}")).unwrap();
    }
    old.execute_batch(
        "INSERT INTO shelf SELECT * FROM today.shelf WHERE attr <> 'id';
         INSERT INTO link SELECT shelf, target, holder FROM today.link;
         INSERT INTO resource (seq, tenant, kind, id, version, created, modified, linked, label, document)
           SELECT seq, tenant, kind, id, version, created, modified, linked, label, document
           FROM today.resource JOIN today.shelf ON number = shelf;
         DETACH today;",
    )
    .unwrap();
    old
}

fn numbers(db: &Connection) -> Vec<(i64, String, i64)> {
    let mut statement = db.prepare("SELECT seq, id, version FROM resource ORDER BY seq").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Tables and indexes, as they were declared.
fn declared(db: &Connection) -> Vec<(String, Option<String>)> {
    let mut statement = db.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn resources_of_the_sixth_layout_are_brought_to_todays() {
    let dir = tempfile::tempdir().unwrap();
    let (today, path) = (dir.path().join("today.db"), dir.path().join("scim.db"));
    let store = open(&today).await;
    fill(&store).await;
    let before = (answers(&store, "acme").await, answers(&store, "zeta").await);
    drop(store);
    let db = as_of_six(&today, &path);
    let were = numbers(&db);
    let store = open(&path).await;
    assert_eq!((answers(&store, "acme").await, answers(&store, "zeta").await), before);
    assert_eq!(numbers(&db), were);
    assert_eq!(declared(&db), declared(&Connection::open(&today).unwrap()));
    let whole: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");

    // Everything goes on: what is unique, the next numbers, both ends of links.
    let error = commit(&store, create("User", "u900", &user("NAME007"))).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Taken { .. }), "{error}");
    let error = commit(&store, create("Group", "u007", &group("twice"))).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Corrupt), "{error}");
    all(&store, "acme", vec![create("User", "u900", &titled(900)), create("User", "u0075", &titled(901))]).await;
    all(&store, "acme", vec![replace("User", "u007", &titled(902)), members("add", "g1", &["u900"])]).await;
    all(&store, "acme", vec![members("remove", "g1", &["u002"]), delete("User", "u001")]).await;
    let found = async |kind: &str, filter: &str| {
        ids(&store.query(&scope(), &query(kind, Some(filter))).await.unwrap().unwrap())
    };
    assert_eq!(found("User", "groups.value eq \"g1\"").await, ["u900"]);
    assert_eq!(found("User", "userName eq \"name902\"").await, ["u007"]);
    assert_eq!(found("Group", "members.value eq \"u001\"").await, [""; 0]);
    let page = store.query(&scope(), &query("User", None)).await.unwrap().unwrap();
    assert_eq!(page.total, Total::Exact(40));
    assert!(ids(&page).is_sorted() && ids(&page).contains(&"u0075".to_owned()));
    assert_eq!(answers(&store, "zeta").await, before.1);
}

/// Types of which no count was kept, and those that were only counted.
#[tokio::test]
async fn every_type_of_an_older_layout_gets_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let (today, path) = (dir.path().join("today.db"), dir.path().join("scim.db"));
    let store = open(&today).await;
    fill(&store).await;
    drop(store);
    let db = as_of_six(&today, &path);
    db.execute_batch(
        "DELETE FROM extent WHERE tenant = 'zeta' AND kind = 'Group';
         DELETE FROM resource WHERE tenant = 'acme' AND kind = 'Group';",
    )
    .unwrap();
    let store = open(&path).await;
    let listed = async |tenant: &str| {
        let page = store.query(&of(tenant), &query("Group", None)).await.unwrap().unwrap();
        (ids(&page), page.total)
    };
    assert_eq!(listed("zeta").await.0, ["g1", "g2", "g3"]);
    assert_eq!(listed("zeta").await.1, Total::Exact(3));
    assert_eq!(listed("acme").await.0, [""; 0]);
    let error = store.commit(&of("zeta"), vec![create("User", "g1", &user("x"))]).await.remove(0).unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Corrupt), "{error}");
    all(&store, "acme", vec![create("Group", "g9", &group("g9"))]).await;
    assert_eq!(listed("acme").await.0, ["g9"]);
    let shelves = |what: &str| -> i64 { db.query_row(what, [], |row| row.get(0)).unwrap() };
    assert_eq!(shelves("SELECT count(*) FROM shelf WHERE attr = 'id'"), 4);
    assert_eq!(shelves("SELECT count(*) FROM shelf WHERE attr = 'id' AND tenant = ''"), 0);
    for table in ["term", "claim", "link"] {
        let among = format!("SELECT count(*) FROM {table} JOIN shelf ON number = shelf WHERE attr = 'id'");
        assert_eq!((shelves(&among), shelves("SELECT count(*) FROM indexed WHERE attr = 'id'")), (0, 0), "{table}");
    }
}

fn row(tenant: &str) -> TenantRow {
    let (created, settings) = (Timestamp::from_millis(5), TenantSettings::default());
    TenantRow { id: TenantId::new(tenant), disabled: false, created, settings }
}

/// Whoever reads and writes beside the one that deletes a tenant and makes it again sees the new one, and nothing of the old.
#[tokio::test]
async fn a_tenant_that_is_made_again_is_another_one_for_all() {
    let Home { store, dir } = Home::new().await;
    let other = SqliteStore::open(Options::new(dir.path().join("scim.db"))).unwrap();
    other.prepare(&tenant(), registry().types()).await.unwrap();
    let names = async |store: &SqliteStore, id: &str| {
        let records =
            store.read(&scope(), &Kind::new("User"), &[ResourceId::new(id)], &Select::document()).await.unwrap();
        let names = records.iter().map(|record| record.document.parse()["userName"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    for round in 0..3 {
        let name = format!("n{round}");
        assert!(store.create_tenant(&row("acme")).await.unwrap());
        let [one, two] = if round % 2 == 0 { [&store, &other] } else { [&other, &store] };
        commit(one, create("User", "u1", &user(&name))).await.unwrap();
        commit(two, create("Group", "g1", &group("g"))).await.unwrap();
        commit(two, members("add", "g1", &["u1"])).await.unwrap();
        for store in [&store, &other] {
            assert_eq!(names(store, "u1").await, std::slice::from_ref(&name), "round {round}");
            let page = store.query(&scope(), &query("User", None)).await.unwrap().unwrap();
            assert_eq!((ids(&page), page.total), (vec!["u1".to_owned()], Total::Exact(1)));
        }
        let again = commit(one, create("Group", "u1", &group("u1"))).await.unwrap_err();
        assert!(matches!(again.kind, StoreErrorKind::Corrupt), "{again}");
        commit(two, replace("User", "u1", &user("changed"))).await.unwrap();
        assert_eq!(names(one, "u1").await, ["changed"]);
        assert!(one.delete_tenant(&tenant()).await.unwrap());
        for store in [&store, &other] {
            assert_eq!(names(store, "u1").await, [""; 0], "round {round}");
            let error = commit(store, replace("User", "u1", &user("late"))).await.unwrap_err();
            assert!(matches!(error.kind, StoreErrorKind::NotFound), "{error}");
        }
        let db = Connection::open(dir.path().join("scim.db")).unwrap();
        for table in ["resource", "link", "bundle", "claim", "term"] {
            let left: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            assert_eq!(left, 0, "{table}, round {round}");
        }
    }
}

/// The number that the first of a type would have had goes to another type, where that first one came to nothing.
#[tokio::test]
async fn a_number_that_was_given_in_vain_is_not_remembered() {
    for alone in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("scim.db")).await;
        let at = rt("Group").links[0].clone();
        let mut failing = create("Group", "g1", &group("g1"));
        if let Action::Create { change, .. } = &mut failing.action {
            change.links =
                vec![LinkEdit::Add { kinds: at.kinds.clone(), targets: vec![ResourceId::new("nobody")], at }];
        }
        let user_first = create("User", "u1", &user("ann"));
        if alone {
            commit(&store, failing).await.unwrap_err();
            commit(&store, user_first).await.unwrap();
        } else {
            let outcomes = store.commit(&scope(), vec![failing, user_first]).await;
            assert!(outcomes[0].is_err() && outcomes[1].is_ok());
        }
        let listed = async |kind: &str| {
            let page = store.query(&scope(), &query(kind, None)).await.unwrap().unwrap();
            (ids(&page), page.total)
        };
        let one = |id: &str| (vec![id.to_owned()], Total::Exact(1));
        assert_eq!((listed("User").await, listed("Group").await), (one("u1"), (vec![], Total::Exact(0))));
        commit(&store, create("Group", "g2", &group("g2"))).await.unwrap();
        commit(&store, members("add", "g2", &["u1"])).await.unwrap();
        assert_eq!((listed("User").await, listed("Group").await), (one("u1"), one("g2")));
    }
}
