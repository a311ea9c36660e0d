//! Short reads of one form that are asked for at the same time, as one statement: what a statement costs by itself is paid
//! once for all of them. The first goes at once; what is asked for while it is under way goes together when it has ended
//! (`docs/decisions/0022-short-reads-together.md`).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use scim_core::store::{Result, Scope, TenantId};
use tokio::sync::oneshot::{self, Sender};

use crate::connection::Link;
use crate::error::{Fault, Inner};
use crate::near::{Near, Place, told};
use crate::pool::in_time;

/// The most that one statement asks for.
pub(crate) const MOST: usize = 16;

/// What reads have in common that may be one statement, but for the tenant.
#[async_trait]
pub(crate) trait Form: Send + Sync + Sized + 'static {
    /// In what they differ.
    type Value: Send + Sync;
    type Answer: Send;

    /// Those of this form at a place.
    fn of(place: &Place) -> &Gathered<Self>;

    /// Is the other the same?
    fn is_same(&self, other: &Self) -> bool;

    /// One statement for all these values; gives as many answers, in their order.
    async fn ask(&self, link: &Link, tenant: &TenantId, values: &[Self::Value]) -> Inner<Vec<Self::Answer>>;
}

/// Who waits for answers at one place.
pub(crate) struct Gathered<F: Form>(Mutex<HashMap<TenantId, Vec<Lane<F>>>>);

/// Those of one form and one tenant, of which one statement at a time is under way.
struct Lane<F: Form> {
    form: Arc<F>,
    waiting: VecDeque<Asker<F>>,
}

struct Asker<F: Form> {
    value: F::Value,
    deadline: Option<Instant>,
    answer: Sender<F::Answer>,
}

impl<F: Form> Default for Gathered<F> {
    fn default() -> Self {
        Gathered(Mutex::default())
    }
}

impl<F: Form> Gathered<F> {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Lane<F>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stands behind those of the same form; gives the form where there are none, so that nobody sends for them.
    fn join(&self, tenant: &TenantId, form: F, asker: Asker<F>) -> Option<Arc<F>> {
        let mut lanes = self.lock();
        let own = lanes.entry(tenant.clone()).or_default();
        if let Some(lane) = own.iter_mut().find(|lane| lane.form.is_same(&form)) {
            lane.waiting.push_back(asker);
            return None;
        }
        let form = Arc::new(form);
        own.push(Lane { form: form.clone(), waiting: VecDeque::from([asker]) });
        Some(form)
    }

    /// Those who go next, without those who do not wait any more. Where nobody is left, neither is the lane.
    fn next(&self, tenant: &TenantId, form: &Arc<F>) -> Vec<Asker<F>> {
        let mut lanes = self.lock();
        let lane = lanes.get_mut(tenant).and_then(|own| own.iter_mut().find(|lane| Arc::ptr_eq(&lane.form, form)));
        let mut next = Vec::new();
        if let Some(lane) = lane {
            while next.len() < MOST
                && let Some(asker) = lane.waiting.pop_front()
            {
                if !asker.answer.is_closed() {
                    next.push(asker);
                }
            }
        }
        if next.is_empty() {
            remove(&mut lanes, tenant, form);
        }
        next
    }
}

/// Without this lane: whoever waits in it learns that there is no answer.
fn remove<F: Form>(lanes: &mut HashMap<TenantId, Vec<Lane<F>>>, tenant: &TenantId, form: &Arc<F>) {
    if let Some(own) = lanes.get_mut(tenant) {
        own.retain(|lane| !Arc::ptr_eq(&lane.form, form));
        if own.is_empty() {
            lanes.remove(tenant);
        }
    }
}

/// Sends for those of one lane until nobody waits in it, whoever of them goes away meanwhile.
struct Sends<F: Form> {
    near: Arc<Near>,
    place: Arc<Place>,
    tenant: TenantId,
    form: Arc<F>,
}

impl<F: Form> Sends<F> {
    async fn run(self) {
        loop {
            // Whatever else is ready in this runtime first: who asks in the same moment comes along.
            tokio::task::yield_now().await;
            let _turn = self.place.turn(&self.tenant).await;
            let askers = F::of(&self.place).next(&self.tenant, &self.form);
            if askers.is_empty() {
                return;
            }
            self.send(askers).await;
        }
    }

    /// Who gets no answer asks alone, and learns what is wrong.
    async fn send(&self, askers: Vec<Asker<F>>) {
        let last = askers.iter().map(|asker| asker.deadline).reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b))).flatten();
        let (values, answers): (Vec<_>, Vec<_>) = askers.into_iter().map(|one| (one.value, one.answer)).unzip();
        let work = async {
            let link = self.place.link(&self.near).await?;
            told(link, self.form.ask(link, &self.tenant, &values).await).await
        };
        match in_time(last, work).await {
            Ok(made) => answers.into_iter().zip(made).for_each(|(answer, made)| drop(answer.send(made))),
            Err(Fault::Lost(_) | Fault::Late) => self.near.leave(&self.place),
            Err(Fault::Refused(_) | Fault::Store(_)) => {}
        }
    }
}

impl<F: Form> Drop for Sends<F> {
    /// Also where it ends half way: nobody waits for what does not come.
    fn drop(&mut self) {
        remove(&mut F::of(&self.place).lock(), &self.tenant, &self.form);
    }
}

/// The answer for one value, asked for with those of others; None where it is to be asked for alone.
pub(crate) async fn gathered<F: Form>(
    near: &Arc<Near>,
    operation: &'static str,
    scope: &Scope,
    form: F,
    value: F::Value,
) -> Result<Option<F::Answer>> {
    let place = near.place();
    let (answer, mine) = oneshot::channel();
    let asker = Asker { value, deadline: scope.deadline, answer };
    if let Some(form) = F::of(&place).join(&scope.tenant, form, asker) {
        let sends = Sends { near: near.clone(), place: place.clone(), tenant: scope.tenant.clone(), form };
        place.start(sends.run());
    }
    let done = in_time(scope.deadline, async { Ok(mine.await.ok()) }).await;
    near.ended(&place, operation, done)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use conformance_tests::alike::making::{create, group, links, members, modify, query, registry, rt, scope, user};
    use conformance_tests::servers::postgres::{Database, Postgres};
    use scim_core::change::{Change, LinkEdit};
    use scim_core::query::{Query, Select};
    use scim_core::schema::Kind;
    use scim_core::store::{ResourceId, Store, StoreErrorKind};
    use tokio::task::JoinHandle;
    use tokio_postgres::{Client, NoTls};

    use super::*;
    use crate::{Options, PostgresStore};

    const USERS: usize = 40;

    fn of(tenant: &str) -> Scope {
        Scope { tenant: TenantId::new(tenant), ..scope() }
    }

    fn id(number: usize) -> ResourceId {
        ResourceId::new(&format!("u{number:02}"))
    }

    /// All there is to a user.
    fn everything() -> Select {
        let user = rt("User");
        Select { reverse: user.reverse.clone(), ..Select::document().with_link(&user.links[0]) }
    }

    /// A store of two tenants with users, of whom some have managers, and groups, one in another; nothing waits in it for long.
    async fn store() -> (Arc<PostgresStore>, Database) {
        let database = Postgres::shared().unwrap().database().unwrap();
        let options = Options { allow_unsafe: true, ..Options::new(database.url()) };
        let store = Arc::new(PostgresStore::open(options).await.unwrap());
        for tenant in ["acme", "other"] {
            let scope = of(tenant);
            store.prepare(&scope.tenant, registry().types()).await.unwrap();
            let mut batch: Vec<_> = (0..USERS)
                .map(|number| create("User", id(number).as_str(), &user(&format!("{tenant}-{number}"))))
                .collect();
            batch.extend(["g1", "g2"].map(|name| create("Group", name, &group(&format!("{tenant} {name}")))));
            batch.push(members("add", "g1", &["u01", "u02", "u03"]));
            batch.push(members("add", "g2", &["g1", "u04"]));
            let at = rt("User").links[0].clone();
            let edit = LinkEdit::Add { kinds: at.kinds.clone(), targets: vec![id(9)], at };
            batch.push(modify("User", "u02", Change::Known(Box::new(links(edit)))));
            for made in store.commit(&scope, batch).await {
                made.unwrap();
            }
        }
        (store, database)
    }

    /// Holds up all reads of resources until it is let go.
    struct Barrier(Client);

    impl Barrier {
        async fn new(database: &Database) -> Barrier {
            let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("BEGIN; LOCK TABLE resource IN ACCESS EXCLUSIVE MODE").await.unwrap();
            Barrier(client)
        }

        /// How many sessions stand before it.
        async fn held(&self, what: &str) -> i64 {
            let sql = format!(
                "SELECT count({what}) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            );
            self.0.query_one(&sql, &[]).await.unwrap().get(0)
        }

        async fn let_go(self) {
            self.0.batch_execute("COMMIT").await.unwrap();
        }
    }

    /// Waits until something has come about.
    async fn until(mut holds: impl AsyncFnMut() -> bool) {
        for _ in 0..6_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a minute was not enough");
    }

    fn reads(
        store: &Arc<PostgresStore>,
        tenant: &str,
        id: ResourceId,
    ) -> JoinHandle<Result<Vec<scim_core::store::Record>>> {
        let (store, scope, select) = (store.clone(), of(tenant), everything());
        tokio::spawn(async move {
            let reverse = select.reverse.clone();
            store.read_filled(&scope, &Kind::new("User"), &[id], &select, &reverse).await
        })
    }

    fn lists(
        store: &Arc<PostgresStore>,
        tenant: &str,
        query: Query,
    ) -> JoinHandle<Result<Option<scim_core::query::Page>>> {
        let (store, scope) = (store.clone(), of(tenant));
        tokio::spawn(async move { store.query(&scope, &query).await })
    }

    fn found(value: &str) -> Query {
        Query { select: everything(), ..query("User", Some(value)) }
    }

    /// How many wait for the statement that is under way, of each tenant.
    fn waiting<F: Form>(store: &PostgresStore) -> Vec<(String, usize)> {
        let place = store.near.place();
        let lanes = F::of(&place).lock();
        let mut all: Vec<_> = lanes
            .iter()
            .flat_map(|(tenant, own)| own.iter().map(|lane| (tenant.as_str().to_owned(), lane.waiting.len())))
            .collect();
        all.sort();
        all
    }

    /// Nobody is left over.
    async fn are_gone<F: Form>(store: &PostgresStore) {
        until(async || waiting::<F>(store).is_empty()).await;
    }

    #[tokio::test]
    async fn what_is_asked_for_together_is_answered_as_if_alone() {
        let (store, database) = store().await;
        let mut asked: Vec<ResourceId> = (0..USERS).map(id).collect();
        asked.extend(["nobody", "u01", "u02", "nul\0"].map(ResourceId::new));
        let mut alone = Vec::new();
        for id in &asked {
            for tenant in ["acme", "other"] {
                alone.push(reads(&store, tenant, id.clone()).await.unwrap().unwrap());
            }
        }
        // Direct and by a group in a group; none; a manager.
        assert_eq!(alone[2][0].links.iter().map(|links| links.links.len()).sum::<usize>(), 2, "{:?}", alone[2]);
        assert!(alone[2 * USERS].is_empty() && alone[4][0].links.len() == 2);
        let barrier = Barrier::new(&database).await;
        let first = ["acme", "other"].map(|tenant| reads(&store, tenant, id(0)));
        until(async || barrier.held("*").await == 1).await;
        let mut together = Vec::new();
        for id in &asked {
            for tenant in ["acme", "other"] {
                together.push(reads(&store, tenant, id.clone()));
            }
        }
        // Each tenant in a row of its own.
        let all =
            |waiting: Vec<(String, usize)>| waiting.iter().map(|(_, many)| many).sum::<usize>() == 2 * asked.len();
        until(async || all(waiting::<crate::read::ById>(&store))).await;
        assert_eq!(waiting::<crate::read::ById>(&store).len(), 2);
        barrier.let_go().await;
        for own in first {
            assert_eq!(own.await.unwrap().unwrap().len(), 1);
        }
        for (one, alone) in together.into_iter().zip(alone) {
            assert_eq!(one.await.unwrap().unwrap(), alone);
        }
        are_gone::<crate::read::ById>(&store).await;
    }

    #[tokio::test]
    async fn lists_asked_for_together_are_those_asked_for_alone() {
        let (store, database) = store().await;
        // Two have this one's address too, and more than a page another's.
        let shared = |name: &str, number: usize| {
            user(name)
                .replace(name, &format!("{name}-{number}"))
                .replace(&format!("{name}-{number}@example.com"), &format!("{name}@example.com"))
        };
        let mut batch: Vec<_> = (0..2).map(|n| create("User", &format!("two{n}"), &shared("two", n))).collect();
        batch.extend((0..110).map(|n| create("User", &format!("many{n:03}"), &shared("many", n))));
        for made in store.commit(&of("acme"), batch).await {
            made.unwrap();
        }
        let mut asked = Vec::new();
        for tenant in ["acme", "other"] {
            for value in ["acme-1", "ACME-2", "other-3", "two", "many", "nobody", "acme-2"] {
                asked.push((tenant, found(&format!("emails.value eq \"{value}@example.com\""))));
                asked.push((tenant, found(&format!("userName eq \"{value}\""))));
                let few = Query { total: false, ..found(&format!("externalId eq \"x-{value}\"")) };
                asked.push((tenant, few));
            }
        }
        let mut alone = Vec::new();
        for (tenant, query) in &asked {
            alone.push(lists(&store, tenant, query.clone()).await.unwrap().unwrap().unwrap());
        }
        let totals: Vec<_> = alone.iter().map(|page| page.total).collect();
        assert!(
            totals.contains(&scim_core::query::Total::Exact(110))
                && totals.contains(&scim_core::query::Total::Exact(2))
        );
        let barrier = Barrier::new(&database).await;
        let first: Vec<_> = asked.iter().map(|(tenant, query)| lists(&store, tenant, query.clone())).collect();
        until(async || barrier.held("*").await == 1).await;
        let before: usize = waiting::<crate::hits::Hits>(&store).iter().map(|(_, many)| many).sum();
        let together: Vec<_> = asked.iter().map(|(tenant, query)| lists(&store, tenant, query.clone())).collect();
        let all =
            |now: Vec<(String, usize)>| now.iter().map(|(_, many)| many).sum::<usize>() >= before + asked.len() - 2;
        until(async || all(waiting::<crate::hits::Hits>(&store))).await;
        // Three forms of each tenant.
        assert_eq!(waiting::<crate::hits::Hits>(&store).len(), 6);
        barrier.let_go().await;
        for (one, alone) in first.into_iter().chain(together).zip(alone.iter().chain(&alone)) {
            let page = one.await.unwrap().unwrap().unwrap();
            assert_eq!((&page.records, page.total, page.more), (&alone.records, alone.total, alone.more));
            assert_eq!((&page.ends, page.filled), (&alone.ends, alone.filled));
        }
        are_gone::<crate::hits::Hits>(&store).await;
    }

    #[tokio::test]
    async fn who_goes_away_takes_nobody_along() {
        let (store, database) = store().await;
        drop(reads(&store, "acme", id(0)).await);
        let barrier = Barrier::new(&database).await;
        let first = reads(&store, "acme", id(0));
        until(async || barrier.held("*").await == 1).await;
        let others: Vec<_> = (1..=30).map(|number| reads(&store, "acme", id(number))).collect();
        until(async || waiting::<crate::read::ById>(&store) == [("acme".to_owned(), 30)]).await;
        // The one whose statement is under way, and some who wait.
        first.abort();
        for gone in others.iter().step_by(3) {
            gone.abort();
        }
        barrier.let_go().await;
        for (number, one) in others.into_iter().enumerate() {
            match one.await {
                Ok(found) => assert_eq!(found.unwrap()[0].key.id, id(number + 1)),
                Err(gone) => assert!(gone.is_cancelled() && number % 3 == 0),
            }
        }
        are_gone::<crate::read::ById>(&store).await;
    }

    #[tokio::test]
    async fn all_are_answered_behind_a_connection_that_is_lost() {
        let (store, database) = store().await;
        drop(reads(&store, "acme", id(0)).await);
        let barrier = Barrier::new(&database).await;
        let first = reads(&store, "acme", id(0));
        until(async || barrier.held("*").await == 1).await;
        let others: Vec<_> = (1..=30).map(|number| reads(&store, "acme", id(number))).collect();
        until(async || waiting::<crate::read::ById>(&store) == [("acme".to_owned(), 30)]).await;
        assert_eq!(barrier.held("pg_terminate_backend(pid)").await, 1);
        barrier.let_go().await;
        for (number, one) in std::iter::once(first).chain(others).enumerate() {
            assert_eq!(one.await.unwrap().unwrap()[0].key.id, id(number));
        }
        are_gone::<crate::read::ById>(&store).await;
    }

    #[tokio::test]
    async fn each_waits_no_longer_than_its_own_time() {
        let (store, database) = store().await;
        drop(reads(&store, "acme", id(0)).await);
        let barrier = Barrier::new(&database).await;
        let first = reads(&store, "acme", id(0));
        until(async || barrier.held("*").await == 1).await;
        let patient = reads(&store, "acme", id(1));
        until(async || waiting::<crate::read::ById>(&store) == [("acme".to_owned(), 1)]).await;
        let hasty = Scope { deadline: Some(Instant::now()), ..of("acme") };
        let late = store.read_filled(&hasty, &Kind::new("User"), &[id(2)], &everything(), &[]).await;
        assert!(matches!(late, Err(error) if matches!(error.kind, StoreErrorKind::Unavailable)));
        barrier.let_go().await;
        for (number, one) in [first, patient].into_iter().enumerate() {
            assert_eq!(one.await.unwrap().unwrap()[0].key.id, id(number));
        }
    }
}
