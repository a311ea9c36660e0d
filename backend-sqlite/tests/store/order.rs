//! Lists that a value leads or orders, in types whose numbers stand in order of ids and in others.

use scim_core::limits::Limits;
use scim_core::path;
use scim_core::query::{Order, Page, Query, Window, walk};
use scim_core::store::Store;
use scim_core::store::memory::MemoryStore;

use crate::common::*;

const MANY: usize = 40;

/// Names do not stand in order of ids, and titles are shared by many.
fn person(n: usize) -> String {
    let title = format!("\"title\":\"T{}\",\"active\"", n % 3);
    user(&format!("n{:02}", n * 7 % MANY)).replace("\"active\"", &title)
}

async fn page(store: &dyn Store, query: &Query) -> Page {
    walk::page(store, &scope(), registry(), &Limits::default(), query).await.unwrap()
}

/// Forwards from the beginning to the end, and back.
async fn check(store: &dyn Store, memory: &MemoryStore, list: &Query, name: &str) {
    for count in [1, 7, 100] {
        let mut list = list.clone();
        list.window = Window::Offset { skip: 0, count };
        loop {
            let (ours, theirs) = (page(store, &list).await, page(memory, &list).await);
            assert_eq!(ours.records, theirs.records, "{name} {:?}", list.window);
            assert_eq!((ours.total, ours.more, &ours.ends), (theirs.total, theirs.more, &theirs.ends), "{name}");
            let Some((first, last)) = ours.ends else { break };
            list.window = Window::Before { position: first, count };
            let (ours, theirs) = (page(store, &list).await, page(memory, &list).await);
            assert_eq!((ids(&ours), ours.more), (ids(&theirs), theirs.more), "{name} {:?}", list.window);
            list.window = Window::After { position: last, count };
        }
        for skip in [3, MANY as u64 - 5] {
            list.window = Window::Offset { skip, count };
            let (ours, theirs) = (page(store, &list).await, page(memory, &list).await);
            assert_eq!((ids(&ours), ours.more), (ids(&theirs), theirs.more), "{name} {:?}", list.window);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_by_value_are_alike_however_the_resources_came() {
    let rising: Vec<usize> = (0..MANY).collect();
    let falling: Vec<usize> = (0..MANY).rev().collect();
    for (came, ordered) in [(rising, true), (falling, false)] {
        let home = Home::with(|options| options.indexed = vec!["title".into()]).await;
        let memory = MemoryStore::new();
        for n in came {
            for store in [&home.store as &dyn Store, &memory] {
                commit(store, create("User", &format!("u{n:03}"), &person(n))).await.unwrap();
            }
        }
        for store in [&home.store as &dyn Store, &memory] {
            commit(store, delete("User", "u010")).await.unwrap();
            commit(store, replace("User", "u011", &person(11).replace("T2", "T0"))).await.unwrap();
        }
        let db = rusqlite::Connection::open(home.dir.path().join("scim.db")).unwrap();
        let look = |sql: &str| db.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap();
        assert_eq!(look("SELECT ordered FROM extent WHERE kind = 'User'"), ordered);
        for text in [
            "title eq \"t0\"",
            "title eq \"t0\" or title eq \"t1\"",
            "title eq \"t0\" or id eq \"u004\"",
            "title eq \"t1\" and userName ne \"n07\"",
            "title gt \"t0\"",
            "userName sw \"n1\"",
            "userName eq \"n07\"",
            "userName eq \"nobody\"",
            "emails.value sw \"n\"",
            "displayName ew \"smith\"",
        ] {
            check(&home.store, &memory, &query("User", Some(text)), text).await;
        }
        let user_type = registry().types().iter().find(|rt| rt.kind.as_str() == "User").unwrap();
        for name in ["userName", "title", "displayName", "externalId", "id"] {
            for order in [Order::Ascending, Order::Descending] {
                let mut list = query("User", None);
                list.from[0].sort = path::attribute(name, user_type, false);
                list.order = Some(order);
                check(&home.store, &memory, &list, &format!("{name} {order:?}")).await;
            }
        }
    }
}
