//! Mutations that are asked for at the same time share a transaction; each has its own answer, and its own fate.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on must fail")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use backend_postgres::{Options, PostgresStore};
use conformance_tests::alike::making::{create, delete, registry, replace, rt, scope, tenant, user};
use conformance_tests::servers::postgres::{Database, Postgres};
use futures_util::future::{join_all, poll_immediate};
use scim_core::change::{Effect, Mutation, Outcome};
use scim_core::query::Select;
use scim_core::store::{ChangeLog, ResourceId, Result, Scope, Store, StoreErrorKind, StoreExt};

/// How long something may take to become so.
const PATIENCE: Duration = Duration::from_secs(120);

async fn open() -> (PostgresStore, Database) {
    let database = Postgres::shared().unwrap().database().unwrap();
    let options = Options { allow_unsafe: true, ..Options::new(database.url()) };
    let store = PostgresStore::open(options).await.unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    (store, database)
}

/// Asks for all of them before any is done: the first finds nobody before it and goes alone, the others go together.
async fn together(store: &PostgresStore, mutations: Vec<Mutation>) -> Vec<Result<Outcome>> {
    let scope = scope();
    let asked = mutations.into_iter().map(|mutation| store.commit(&scope, vec![mutation]));
    join_all(asked).await.into_iter().flatten().collect()
}

/// In how many transactions the lines of the change log were written that came behind so many.
async fn transactions(store: &PostgresStore, behind: usize, lines: usize) -> usize {
    let begun = Instant::now();
    loop {
        let log = ChangeLog::read(store, 0, 1_000).await.unwrap();
        if log.len() >= behind + lines {
            let positions: BTreeSet<u64> = log[behind..].iter().map(|line| line.position).collect();
            assert_eq!(positions.len(), lines, "each has a place of its own");
            return positions.iter().map(|position| position >> 20).collect::<BTreeSet<_>>().len();
        }
        assert!(begun.elapsed() < PATIENCE, "{} lines instead of {}", log.len(), behind + lines);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn there(store: &PostgresStore, id: &str) -> bool {
    let found = store.get(&scope(), &rt("User").kind, &ResourceId::new(id), &Select::document()).await.unwrap();
    found.is_some()
}

fn created(id: &str) -> Mutation {
    create("User", id, &user(id))
}

#[tokio::test]
async fn creations_share_a_transaction() {
    let (store, database) = open().await;
    let ids: Vec<String> = (0..10).map(|number| format!("u{number}")).collect();
    let asked = ids.iter().map(|id| Mutation { reply: Some(Select::document()), ..created(id) }).collect();
    for (id, answer) in ids.iter().zip(together(&store, asked).await) {
        let outcome = answer.unwrap();
        assert_eq!((outcome.id.as_str(), outcome.effect), (id.as_str(), Effect::Created));
        assert_eq!(outcome.record.unwrap().document.as_str(), user(id));
        assert!(there(&store, id).await, "{id}");
    }
    assert_eq!(transactions(&store, 0, ids.len()).await, 2);
    // They are counted like all others.
    let counted = "SELECT sum(n)::bigint FROM tally WHERE tenant = 'acme' AND kind = 'User' AND attr = ''";
    assert_eq!(tokio::task::spawn_blocking(move || database.number(counted)).await.unwrap().unwrap(), 10);
}

#[tokio::test]
async fn one_name_is_taken_once() {
    let (store, _database) = open().await;
    let same = |id: &str| create("User", id, &user("same"));
    let answers = together(&store, vec![created("a"), same("b"), same("c"), created("d"), same("e")]).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 3);
    for answer in refused {
        let error = answer.unwrap_err();
        assert!(matches!(error.kind, StoreErrorKind::Taken { .. }), "{error:?}");
    }
    let mut holders = Vec::new();
    for id in ["b", "c", "e"] {
        holders.extend(there(&store, id).await.then_some(id));
    }
    assert_eq!(holders.len(), 1, "{holders:?}");
    assert!(there(&store, "a").await && there(&store, "d").await);
}

#[tokio::test]
async fn changes_share_a_transaction_and_fail_alone() {
    let (store, _database) = open().await;
    for answer in together(&store, ["a", "b", "c", "d", "e"].map(created).to_vec()).await {
        answer.unwrap();
    }
    let renamed = |id: &str, name: &str| replace("User", id, &user(name));
    // In another order than that of their ids.
    let asked = ["d", "c", "a", "b"].map(|id| renamed(id, &format!("new {id}"))).to_vec();
    for answer in together(&store, asked).await {
        let outcome = answer.unwrap();
        assert_eq!((outcome.effect, outcome.version.as_str()), (Effect::Changed, "2"));
    }
    assert_eq!(transactions(&store, 5, 4).await, 2);
    // A name that is taken, a resource that is not there, and one resource twice.
    let asked = [("a", "a1"), ("b", "e"), ("nobody", "n"), ("c", "c1"), ("c", "c2"), ("d", "d1")];
    let answers = together(&store, asked.map(|(id, name)| renamed(id, name)).to_vec()).await;
    for (number, answer) in answers.iter().enumerate() {
        match (number, answer) {
            (1, Err(error)) => assert!(matches!(error.kind, StoreErrorKind::Taken { .. }), "{error:?}"),
            (2, Err(error)) => assert!(matches!(error.kind, StoreErrorKind::NotFound), "{error:?}"),
            (_, answer) => drop(answer.as_ref().unwrap()),
        }
    }
    let versions: BTreeSet<&str> =
        answers[3..5].iter().map(|answer| answer.as_ref().unwrap().version.as_str()).collect();
    assert_eq!(versions, BTreeSet::from(["3", "4"]));
}

#[tokio::test]
async fn what_was_asked_for_is_done_when_nobody_waits_for_it() {
    let (store, _database) = open().await;
    let scope = scope();
    for round in 0..5 {
        let ids: Vec<String> = (0..6).map(|number| format!("{round}-{number}")).collect();
        let mut asked: Vec<_> = ids.iter().map(|id| store.commit(&scope, vec![created(id)])).collect();
        for one in &mut asked {
            assert!(poll_immediate(one).await.is_none());
        }
        // The first is on its way; later, it is for one of the others to do what they ask for.
        let mut asked = asked.into_iter();
        if round > 0 {
            let first = asked.next().unwrap().await;
            first.into_iter().for_each(|answer| drop(answer.unwrap()));
        }
        drop(asked);
        for id in &ids {
            let begun = Instant::now();
            while !there(&store, id).await {
                assert!(begun.elapsed() < PATIENCE, "{id} was never made");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

#[tokio::test]
async fn who_is_late_is_told_so_and_holds_up_nobody() {
    let (store, _database) = open().await;
    let (scope, late) = (scope(), Scope { deadline: Some(Instant::now()), ..scope() });
    let asked = [("a", &scope), ("b", &late), ("c", &scope), ("d", &late)];
    let answers = join_all(asked.map(|(id, scope)| store.commit(scope, vec![created(id)]))).await;
    for ((id, scope), answer) in asked.into_iter().zip(answers.into_iter().flatten()) {
        assert_eq!(answer.is_ok(), scope.deadline.is_none(), "{id}");
        assert_eq!(there(&store, id).await, scope.deadline.is_none(), "{id}");
    }
    // Deleted alone, they leave nothing.
    for answer in together(&store, vec![delete("User", "a"), delete("User", "c")]).await {
        assert_eq!(answer.unwrap().effect, Effect::Deleted);
    }
}
