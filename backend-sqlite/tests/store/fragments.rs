//! What an index of fragments finds, and in which order.

use scim_core::limits::Limits;
use scim_core::query::{Page, Query, Window, walk};
use scim_core::store::Store;
use scim_core::store::memory::MemoryStore;

use crate::common::*;

const NAMES: &[&str] =
    &["Ann", "bob", "Ännchen", "ßtraße", "STRASSE", "Zoë", "a%b", "O'Neil", "q\"uote", "ann lee", "x"];

async fn page(store: &dyn Store, query: &Query) -> Page {
    walk::page(store, &scope(), registry(), &Limits::default(), query).await.unwrap()
}

/// Resources that come in order, late, at one place, and backwards: what an index of fragments finds stands in list order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fragments_are_found_in_list_order_however_the_resources_came() {
    let rising: Vec<usize> = (0..60).collect();
    let late: Vec<usize> =
        (0..60).map(|n| if n % 7 == 3 { n - 3 } else { n }).chain((0..60).filter(|n| n % 7 == 3)).collect();
    let falling: Vec<usize> = (0..60).rev().collect();
    for (order, stays) in [(rising, true), (late, true), (falling, false)] {
        let home = Home::with(|options| options.search_from = 5).await;
        let memory = MemoryStore::new();
        for n in &order {
            let name = format!("{}{n:02} common", NAMES[n * 7 % NAMES.len()]);
            let mutation = create("User", &format!("u{n:03}"), &user(&name));
            let other = create("Group", &format!("g{n:03}"), &group("common group"));
            for store in [&home.store as &dyn Store, &memory] {
                // Some come twice; the second is refused.
                let _twice = store.commit(&scope(), vec![mutation.clone(), other.clone()]).await;
            }
        }
        commit(&home.store, delete("User", "u010")).await.unwrap();
        commit(&memory, delete("User", "u010")).await.unwrap();
        let db = rusqlite::Connection::open(home.dir.path().join("scim.db")).unwrap();
        let look = |sql: &str| db.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap();
        assert_eq!(look("SELECT ordered FROM extent WHERE kind = 'User'"), stays, "{order:?}");
        for text in ["displayName co \"common\"", "userName co \"str\"", "displayName co \"ann\""] {
            let mut list = query("User", Some(text));
            for count in [0, 3, 10, 100] {
                list.window = Window::Offset { skip: 2, count };
                loop {
                    let (ours, theirs) = (page(&home.store, &list).await, page(&memory, &list).await);
                    assert_eq!(ours.records, theirs.records, "{text} {:?}", list.window);
                    assert_eq!(
                        (ours.total, ours.more, &ours.ends),
                        (theirs.total, theirs.more, &theirs.ends),
                        "{text}"
                    );
                    let Some((first, last)) = ours.ends else { break };
                    list.window = Window::Before { position: last.clone(), count };
                    let (ours, theirs) = (page(&home.store, &list).await, page(&memory, &list).await);
                    assert_eq!((ids(&ours), ours.more), (ids(&theirs), theirs.more), "{text} before {first:?}");
                    list.window = Window::After { position: last, count };
                }
            }
        }
    }
}
