//! Tenants take turns at the connections: one that heaps up work makes its own wait.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backend_postgres::{Options, PostgresStore};
use conformance_tests::alike::making::{create, query, registry, scope, user};
use conformance_tests::servers::postgres::Postgres;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, poll_immediate};
use scim_core::store::{Scope, Store, TenantId};

/// How much one of them heaps up.
const HEAP: usize = 40;

/// What is asked of the store for a tenant, and comes to an end.
type Work = fn(Arc<PostgresStore>, Scope, usize) -> BoxFuture<'static, ()>;

/// A list that no index gives.
fn listed(store: Arc<PostgresStore>, scope: Scope, _: usize) -> BoxFuture<'static, ()> {
    let list = query("User", Some("not (displayName co \"x\")"));
    async move { drop(store.query(&scope, &list).await.unwrap().unwrap()) }.boxed()
}

/// A batch of two.
fn written(store: Arc<PostgresStore>, scope: Scope, number: usize) -> BoxFuture<'static, ()> {
    let one = |n: usize| {
        let name = format!("{}-{number}-{n}", scope.tenant);
        create("User", &name, &user(&name))
    };
    let batch = vec![one(1), one(2)];
    async move { store.commit(&scope, batch).await.into_iter().for_each(|made| drop(made.unwrap())) }.boxed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_heaps_up_work_makes_its_own_wait() {
    let database = Postgres::shared().unwrap().database().unwrap();
    let options = Options { allow_unsafe: true, connections: 1, ..Options::new(database.url()) };
    let store = Arc::new(PostgresStore::open(options).await.unwrap());
    let of = |tenant: &str| Scope { tenant: TenantId::new(tenant), deadline: None, ..scope() };
    let (loud, quiet) = (of("loud"), of("quiet"));
    for scope in [&loud, &quiet] {
        store.prepare(&scope.tenant, registry().types()).await.unwrap();
    }
    for work in [listed as Work, written] {
        // Who stands in one line with them comes behind all of them, every time; on a busy machine who does not may be late to see it.
        let mut seen = Vec::new();
        while seen.last().is_none_or(|before| *before >= HEAP / 2) {
            assert!(seen.len() < 20, "of {HEAP}, so many came first: {seen:?}");
            seen.push(first(&store, [&loud, &quiet], work, seen.len()).await);
        }
    }
}

/// How much of what one tenant heaps up is done before what another asks for behind it. Each round has a number.
async fn first(store: &Arc<PostgresStore>, [loud, quiet]: [&Scope; 2], work: Work, round: usize) -> usize {
    let done = Arc::new(AtomicUsize::new(0));
    let mut heap = Vec::new();
    for number in 0..HEAP {
        let (work, done) = (work(store.clone(), loud.clone(), round * HEAP + number), done.clone());
        let mut work = work.map(move |()| done.fetch_add(1, Ordering::SeqCst)).boxed();
        // On its way, in this order.
        if poll_immediate(&mut work).await.is_none() {
            heap.push(work);
        }
    }
    // Those that were asked for first go on meanwhile.
    let others = tokio::spawn(futures_util::future::join_all(heap));
    work(store.clone(), quiet.clone(), round).await;
    let before = done.load(Ordering::SeqCst);
    others.await.unwrap();
    assert_eq!(done.load(Ordering::SeqCst), HEAP);
    before
}
