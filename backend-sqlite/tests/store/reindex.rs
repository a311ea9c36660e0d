//! Indexes over what was there before them: filters answer the same before, during and after.

use backend_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use scim_core::query::Total;
use scim_core::schema::{Registry, ResourceType};
use scim_core::store::{Store, StoreErrorKind};
use std::sync::Arc;

use crate::common::*;

const MANY: usize = 21_000;

fn titled(n: usize) -> String {
    user(&format!("n{n:05}")).replace("\"active\"", &format!("\"title\":\"Title {}\",\"active\"", n % 7_000))
}

async fn filled(dir: &std::path::Path, options: impl Fn(&mut Options)) -> SqliteStore {
    let mut own = Options::new(dir.join("scim.db"));
    options(&mut own);
    let store = SqliteStore::open(own).unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    let all: Vec<usize> = (0..MANY).collect();
    for piece in all.chunks(3_000) {
        let batch = piece.iter().map(|&n| create("User", &format!("u{n:05}"), &titled(n))).collect();
        for outcome in store.commit(&scope(), batch).await {
            outcome.unwrap();
        }
    }
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_index_is_built_while_the_store_is_used() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), |_| {}).await);
    let store = SqliteStore::open(Options {
        indexed: vec!["title".into()],
        substring: vec!["title".into()],
        ..Options::new(dir.path().join("scim.db"))
    })
    .unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    let state = || {
        let db = Connection::open(dir.path().join("scim.db")).unwrap();
        db.query_row("SELECT state FROM indexed WHERE kind = 'User' AND attr = 'title'", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(state(), 0, "too many to be built at once");
    let by_title = query("User", Some("title eq \"title 42\""));
    let by_part = query("User", Some("title co \"itle 42\" and userName co \"n0\""));
    let look = async || {
        let (a, b) = (store.query(&scope(), &by_title).await, store.query(&scope(), &by_part).await);
        (ids(&a.unwrap().unwrap()), b.unwrap().unwrap().total)
    };
    let before = look().await;
    assert_eq!(before.0, ["u00042", "u07042", "u14042"]);
    let mut seen = 0;
    {
        let mut progress = |progress: &backend_sqlite::Progress| {
            assert!(progress.done <= progress.of);
            seen += 1;
        };
        let build = store.reindex(&mut progress);
        let use_it = async {
            for n in 0..40 {
                assert_eq!(look().await.0, before.0);
                let id = format!("u{:05}", n * 500);
                commit(&store, replace("User", &id, &titled(n * 500).replace("Title", "Other"))).await.unwrap();
            }
        };
        let (built, ()) = futures_util::join!(build, use_it);
        built.unwrap();
    }
    assert!(seen > 10, "{seen}");
    assert_eq!(state(), 1);
    assert_eq!(look().await.0, before.0);
    let others = store.query(&scope(), &query("User", Some("title sw \"other\""))).await.unwrap().unwrap();
    assert_eq!(others.total, Total::Exact(40));
    let db = Connection::open(dir.path().join("scim.db")).unwrap();
    let counted: bool = db
        .query_row(
            "SELECT n = (SELECT count(*) FROM term JOIN shelf ON number = shelf WHERE attr = 'title') FROM indexed WHERE attr = 'title'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(counted);

    // What is not configured any more is given up.
    drop(store);
    let store = SqliteStore::open(Options::new(dir.path().join("scim.db"))).unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    store.reindex(&mut |_| {}).await.unwrap();
    let left: i64 = db
        .query_row("SELECT count(*) FROM term JOIN shelf ON number = shelf WHERE attr = 'title'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
    let page = store.query(&scope(), &by_title).await.unwrap().unwrap();
    assert_eq!(ids(&page), before.0);
}

fn unique_titles() -> Vec<Arc<ResourceType>> {
    let schema = serde_json::json!({
        "id": "urn:example:2.0:Extra", "name": "Extra",
        "attributes": [{"name": "badge", "type": "string", "multiValued": false, "required": false, "caseExact": false,
                        "mutability": "readWrite", "returned": "default", "uniqueness": "server"}],
    });
    let file = scim_core::schema::SchemaFile {
        source: "extra.json".into(),
        text: schema.to_string(),
        extends: Some("User".into()),
    };
    Registry::compile(&[file], &scim_core::schema::Options::default()).unwrap().types().to_vec()
}

fn badged(name: &str, badge: &str) -> String {
    let mut document: serde_json::Value = serde_json::from_str(&user(name)).unwrap();
    document["urn:example:2.0:Extra"] = serde_json::json!({ "badge": badge });
    document.to_string()
}

#[tokio::test]
async fn an_attribute_that_becomes_unique_takes_what_is_there_or_names_the_duplicates() {
    let home = Home::new().await;
    commit(&home.store, create("User", "u1", &badged("ann", "B-1"))).await.unwrap();
    commit(&home.store, create("User", "u2", &badged("bob", "b-1"))).await.unwrap();
    let error = home.store.prepare(&tenant(), &unique_titles()).await.unwrap_err();
    let StoreErrorKind::Invalid { at, why } = &error.kind else { panic!("{error}") };
    assert!(at.to_string().ends_with("badge") && why.contains("u1") && why.contains("u2"), "{why}");

    commit(&home.store, replace("User", "u2", &badged("bob", "B-2"))).await.unwrap();
    home.store.prepare(&tenant(), &unique_titles()).await.unwrap();
    let user_type = unique_titles().into_iter().find(|rt| rt.kind.as_str() == "User").unwrap();
    let again = change(&user_type, None, &badged("cleo", "b-2"), scim_core::change::Verb::Create);
    let mut mutation = create("User", "u3", &user("cleo"));
    mutation.action =
        scim_core::change::Action::Create { id: Some(scim_core::store::ResourceId::new("u3")), change: again };
    let error = commit(&home.store, mutation).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::Taken { .. }), "{error}");
}
