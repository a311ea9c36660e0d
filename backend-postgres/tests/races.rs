//! Two stores on one database, as two servers are, that change the same resources at once.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on must fail")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backend_postgres::{Options, PostgresStore};
use conformance_tests::alike::making::{
    Dice, create, delete, group, ids, members, query, registry, replace, scope, tenant, user,
};
use conformance_tests::servers::postgres::{Database, Postgres};
use scim_core::change::Mutation;
use scim_core::store::{ChangeLog, LoggedChange, Store, StoreErrorKind};
use tokio_postgres::NoTls;

/// How long something may take to become so.
const PATIENCE: Duration = Duration::from_secs(120);

async fn open(database: &Database, indexed: &[&str]) -> Arc<PostgresStore> {
    let indexed = indexed.iter().map(|name| (*name).to_owned()).collect();
    let options = Options { indexed, allow_unsafe: true, ..Options::new(database.url()) };
    Arc::new(PostgresStore::open(options).await.unwrap())
}

/// Waits until this statement counts some.
async fn until(database: &Database, sql: &str) {
    let begun = Instant::now();
    while tokio::task::block_in_place(|| database.number(sql)).unwrap() == 0 {
        assert!(begun.elapsed() < PATIENCE, "never more than none: {sql}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn titled(title: &str) -> String {
    serde_json::json!({ "userName": "ann", "title": title }).to_string()
}

/// An index is built over a resource while another server changes it: no row of what it was before stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_built_while_what_it_is_of_changes() {
    let database = Postgres::shared().unwrap().database().unwrap();
    let first = open(&database, &[]).await;
    first.prepare(&tenant(), registry().types()).await.unwrap();
    first.commit(&scope(), vec![create("User", "u1", &titled("old"))]).await.remove(0).unwrap();
    // Rows of the new index wait, under the lock of the resource, for who holds this.
    for sql in [
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           PERFORM pg_advisory_xact_lock(7); RETURN NEW;
         END $$",
        "CREATE TRIGGER wait BEFORE INSERT ON term FOR EACH ROW WHEN (NEW.attr = 'title') EXECUTE FUNCTION wait()",
    ] {
        database.run(sql).unwrap();
    }
    let (gate, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    let driving = tokio::spawn(connection);
    gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let builder = open(&database, &["title"]).await;
    let building = tokio::spawn(async move { builder.prepare(&tenant(), registry().types()).await });
    let waits = |how: &str| {
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = '{how}'")
    };
    until(&database, &waits("advisory")).await;
    // One that knows of the index already.
    let writer = open(&database, &["title"]).await;
    let (own, change) = (writer.clone(), replace("User", "u1", &titled("new")));
    let writing = tokio::spawn(async move { own.commit(&scope(), vec![change]).await.remove(0) });
    until(&database, &waits("transactionid")).await;
    gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    building.await.unwrap().unwrap();
    assert_eq!(writing.await.unwrap().unwrap().version.as_str(), "2");
    writer.prepare(&tenant(), registry().types()).await.unwrap();
    for (title, found) in [("old", 0), ("new", 1)] {
        let list = query("User", Some(&format!("title eq \"{title}\"")));
        let page = writer.query(&scope(), &list).await.unwrap().unwrap();
        assert_eq!(ids(&page).len(), found, "{title}");
        let rows = format!("SELECT count(*) FROM term WHERE attr = 'title' AND token = '{title}'");
        assert_eq!(database.number(&rows).unwrap(), found as i64, "{title}");
    }
    drop(gate);
    driving.abort();
}

/// A row of an index that somebody left there hinders nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_index_has_already_may_come() {
    let database = Postgres::shared().unwrap().database().unwrap();
    let store = open(&database, &[]).await;
    store.prepare(&tenant(), registry().types()).await.unwrap();
    for id in ["a", "b", "c", "d"] {
        for name in [id, "new"] {
            let left = format!("INSERT INTO term VALUES ('acme', 'User', 'externalId', 'x-{name}{id}', '{id}')");
            database.run(&left).unwrap();
        }
    }
    let new = |id: &str| create("User", id, &user(&format!("{id}{id}")));
    let other = |id: &str| replace("User", id, &user(&format!("new{id}")));
    for batch in [vec![new("a")], vec![new("b"), new("c")], vec![other("a")], vec![other("b"), other("c"), new("d")]] {
        for done in store.commit(&scope(), batch).await {
            done.unwrap();
        }
    }
    let found = query("User", Some("externalId sw \"x-new\""));
    assert_eq!(ids(&store.query(&scope(), &found).await.unwrap().unwrap()), ["a", "b", "c", "d"]);
    database.run("DELETE FROM term WHERE token = 'x-newd'").unwrap();
    assert_eq!(database.number("SELECT count(*) FROM term WHERE attr = 'externalId'").unwrap(), 4);
}

/// Ids that are shared by all who write, and how many changes each of them makes.
const PEOPLE: usize = 10;
const TEAMS: usize = 3;
const CHANGES: usize = 120;

/// A change of one of few resources, with few names for them.
fn any(dice: &mut Dice) -> Mutation {
    let person = format!("u{}", dice.roll(PEOPLE));
    let team = format!("g{}", dice.roll(TEAMS));
    let name = format!("name{}", dice.roll(PEOPLE * 2));
    let other = format!("u{}", dice.roll(PEOPLE));
    match dice.roll(72) {
        0..=29 => replace("User", &person, &user(&name)),
        30..=35 => replace("Group", &team, &group(&name)),
        36..=53 => members("add", &team, &[&person]),
        54..=59 => members("remove", &team, &[&person]),
        60..=70 if person != other => {
            members(["add", "remove", "set"][dice.roll(3)], &team, &[person.as_str(), other.as_str()])
        }
        _ => delete("User", &person),
    }
}

async fn writes(store: Arc<PostgresStore>, seed: u64) {
    let mut dice = Dice(seed);
    for number in 0..CHANGES {
        let batch: Vec<_> = match dice.roll(6) {
            0 => (0..3).map(|_| any(&mut dice)).collect(),
            // Ids are given out once.
            1 => {
                let name = format!("name{}", dice.roll(PEOPLE * 2));
                vec![create("User", &format!("u{seed}-{number}"), &user(&name))]
            }
            _ => vec![any(&mut dice)],
        };
        for done in store.commit(&scope(), batch).await {
            let Err(error) = done else { continue };
            let expected = matches!(
                error.kind,
                StoreErrorKind::NotFound | StoreErrorKind::Taken { .. } | StoreErrorKind::Missing { .. }
            );
            assert!(expected, "{error:?}");
        }
    }
}

/// Whoever reads the change log while others write.
async fn reads(store: Arc<PostgresStore>, over: Arc<AtomicBool>) -> Vec<LoggedChange> {
    let mut all: Vec<LoggedChange> = Vec::new();
    loop {
        // Before the last look, not behind it.
        let last = over.load(Ordering::SeqCst);
        let after = all.last().map_or(0, |line| line.position);
        let lines = ChangeLog::read(&*store, after, 50).await.unwrap();
        if lines.is_empty() && last {
            return all;
        }
        all.extend(lines);
    }
}

/// Whatever comes between what: every table tells the same story afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_change_few_resources_at_once() {
    let database = Postgres::shared().unwrap().database().unwrap();
    let stores = [open(&database, &[]).await, open(&database, &[]).await];
    for store in &stores {
        store.prepare(&tenant(), registry().types()).await.unwrap();
    }
    for number in 0..PEOPLE {
        let id = format!("u{number}");
        stores[0].commit(&scope(), vec![create("User", &id, &user(&id))]).await.remove(0).unwrap();
    }
    for number in 0..TEAMS {
        let id = format!("g{number}");
        stores[0].commit(&scope(), vec![create("Group", &id, &group(&id))]).await.remove(0).unwrap();
    }
    let over = Arc::new(AtomicBool::new(false));
    let reading = tokio::spawn(reads(stores[1].clone(), over.clone()));
    let writing = (1..=6u64).map(|seed| tokio::spawn(writes(stores[seed as usize % 2].clone(), seed * 7_919)));
    for done in futures_util::future::join_all(writing).await {
        done.unwrap();
    }
    // The database's own work may hold lines back for a moment.
    let newest = "SELECT count(*) FROM (SELECT max(position) AS last FROM change) c
                  WHERE pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 20 > c.last";
    until(&database, newest).await;
    over.store(true, Ordering::SeqCst);
    let lines = reading.await.unwrap();
    assert_eq!(lines.len() as i64, database.number("SELECT count(*) FROM change").unwrap(), "a line was passed over");
    assert!(lines.is_sorted_by(|a, b| a.position < b.position));

    // Each version of a resource stands in the log once, and without a gap.
    let mut versions: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for line in &lines {
        let text = |name: &str| line.record[name].as_str().unwrap_or_default();
        versions.entry(text("resource")).or_default().push(text("version").parse().unwrap());
    }
    let mut last: HashMap<&str, i64> = HashMap::new();
    for (id, mut own) in versions {
        own.sort_unstable();
        let deleted = lines.iter().any(|line| line.record["resource"] == id && line.record["verb"] == "delete");
        // A deletion has the version that it deleted.
        let wanted = own.len() as i64 - i64::from(deleted);
        own.dedup();
        assert_eq!(own, (1..=wanted).collect::<Vec<_>>(), "{id}");
        if !deleted {
            last.insert(id, wanted);
        }
    }
    assert_eq!(database.number("SELECT count(*) FROM resource").unwrap(), last.len() as i64);
    for (id, version) in last {
        let sql = format!("SELECT count(*) FROM resource WHERE id = '{id}' AND version = {version}");
        assert_eq!(database.number(&sql).unwrap(), 1, "{id} is not of version {version}");
    }

    tables_agree(&database);
}

/// What stands beside the documents is what they say, and nothing else.
fn tables_agree(database: &Database) {
    let said = "(SELECT id, kind, document::jsonb AS d FROM resource) r";
    let claims = format!("SELECT id, 'userName', lower(d->>'userName') FROM {said} WHERE kind = 'User'");
    let terms = format!(
        "SELECT id, 'externalId', d->>'externalId' FROM {said} WHERE kind = 'User' UNION ALL
         SELECT id, 'displayName', lower(d->>'displayName') FROM {said} UNION ALL
         SELECT id, 'emails.value', lower(d->'emails'->0->>'value') FROM {said} WHERE kind = 'User'"
    );
    let named = "attr IN ('externalId', 'displayName', 'emails.value')";
    for (said, kept) in [
        (claims.as_str(), "SELECT holder, attr, token FROM claim WHERE attr = 'userName'"),
        (terms.as_str(), &format!("SELECT holder, attr, token FROM term WHERE {named}")),
        (
            "SELECT kind, count(*) FROM resource GROUP BY kind",
            "SELECT kind, sum(n) FROM tally WHERE attr = '' GROUP BY kind",
        ),
        ("SELECT NULL::text WHERE false", DANGLING),
    ] {
        for (more, less) in [(said, kept), (kept, said)] {
            let count = format!("SELECT count(*) FROM (({more}) EXCEPT ALL ({less})) x");
            assert_eq!(database.number(&count).unwrap(), 0, "{more}\nsays more than\n{less}");
        }
    }
}

/// Links of or to what is not there.
const DANGLING: &str = "SELECT l.target FROM link l
    WHERE NOT EXISTS (SELECT 1 FROM resource r WHERE r.id = l.holder AND r.kind = l.holder_kind)
       OR NOT EXISTS (SELECT 1 FROM resource r WHERE r.id = l.target AND r.kind = l.target_kind)";
