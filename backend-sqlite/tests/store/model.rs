//! Random histories and random lists: the store and the reference store are not to be told apart.

use conformance_tests::alike;

use crate::common::Home;

async fn history(seed: u64, indexed: &[&str], search_from: u32, steps: usize) {
    let home = Home::with(|options| {
        options.indexed = indexed.iter().map(ToString::to_string).collect();
        options.substring = vec!["title".into()];
        options.search_from = search_from;
    })
    .await;
    alike::history(seed, steps, &[&home.store]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_leave_the_same_as_in_the_reference_store() {
    for seed in 1..=6 {
        history(seed * 7_919, &["title", "active", "userType", "department"], 20, 400).await;
    }
    history(42, &[], 1_000, 400).await;
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
        let mut dice = Dice(7);
        for n in &order {
            let name = format!("{}{n:02} common", dice.pick(NAMES));
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
