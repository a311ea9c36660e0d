//! What the store costs beyond SQLite itself: each measure stands beside the bare statement that does the same.
//! `STORE_USERS` sets the number of users (default 20,000).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use backend_sqlite::{Options, SqliteStore};
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::future::join_all;
use rusqlite::Connection;
use scim_core::access::Profile;
use scim_core::change::{Action, Change, ChangeSet, Expect, LinkEdit, Making, Mutation, Verb};
use scim_core::clock::Timestamp;
use scim_core::document::{Document, claims};
use scim_core::filter::{self, bind};
use scim_core::limits::Limits;
use scim_core::path;
use scim_core::query::{Order, Position, Query, Select, SortKey, Source, Window};
use scim_core::schema::{Kind, Registry, ResourceType};
use scim_core::store::{ResourceId, Scope, Store, TenantId};
use tokio::runtime::Runtime;

struct Bench {
    runtime: Runtime,
    store: Arc<SqliteStore>,
    raw: Connection,
    registry: Registry,
    users: usize,
    next: AtomicUsize,
    _dir: tempfile::TempDir,
}

fn scope() -> Scope {
    let now = Timestamp::from_millis(1_700_000_000_000);
    Scope { tenant: TenantId::new("default"), actor: "b".into(), request: "r".into(), now, deadline: None }
}

fn id(n: usize) -> String {
    format!("0192a4c0-{:04x}-7000-8000-{n:012x}", n >> 8)
}

fn name(n: usize) -> String {
    // Spread over the index, as people's names are.
    format!("u{:06x}", n.wrapping_mul(2_654_435_761) & 0xff_ffff)
}

fn user(n: usize) -> String {
    let (name, given) = (name(n), ["Anna", "Bob", "Cleo", "Dana", "Eve"][n % 5]);
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"x{n:07}","userName":"{name}@example.com","name":{{"familyName":"F{name}","givenName":"{given}"}},"displayName":"{given} F{name}","title":"Engineer","active":true,"emails":[{{"value":"{name}@example.com","type":"work","primary":true}},{{"value":"{name}@home.example","type":"home"}}],"phoneNumbers":[{{"value":"+1 555 {n:07}","type":"work"}}],"addresses":[{{"type":"work","streetAddress":"{n} Main Street","locality":"Springfield","postalCode":"{n:05}","country":"US"}}]}}"#
    )
}

impl Bench {
    fn new() -> Bench {
        let users = std::env::var("STORE_USERS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(Options::new(dir.path().join("scim.db"))).unwrap());
        let raw = Connection::open(dir.path().join("raw.db")).unwrap();
        raw.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE u (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, display TEXT, doc TEXT NOT NULL);
             CREATE INDEX u_id ON u (id, seq);",
        )
        .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let registry = Registry::standard();
        runtime.block_on(store.prepare(&scope().tenant, registry.types())).unwrap();
        let bench = Bench { runtime, store, raw, registry, users, next: AtomicUsize::new(users), _dir: dir };
        for batch in (0..users).collect::<Vec<_>>().chunks(500) {
            let batch = batch.iter().map(|&n| bench.create(n)).collect();
            for outcome in bench.runtime.block_on(bench.store.commit(&scope(), batch)) {
                outcome.unwrap();
            }
        }
        let tx = bench.raw.unchecked_transaction().unwrap();
        for n in 0..users {
            bench.raw_insert(n);
        }
        tx.commit().unwrap();
        bench
    }

    fn rt(&self, kind: &str) -> &Arc<ResourceType> {
        self.registry.kind(&Kind::new(kind)).unwrap()
    }

    fn create(&self, n: usize) -> Mutation {
        self.create_of("User", &id(n), &user(n))
    }

    fn create_of(&self, kind: &str, id: &str, document: &str) -> Mutation {
        let document = Document::from_stored(document);
        let change = ChangeSet {
            label: document.label(),
            links: Vec::new(),
            claim: claims(&document.parse(), self.rt(kind), false),
            release: Vec::new(),
            secrets: Vec::new(),
            history: None,
            record: Making::new(&scope(), id.into(), Verb::Create).record(vec!["userName".into()]),
            document: Some(document),
        };
        Mutation {
            kind: Kind::new(kind),
            action: Action::Create { id: Some(ResourceId::new(id)), change },
            reply: None,
        }
    }

    fn member(&self, group: &str, target: &str, add: bool) -> Mutation {
        let at = self.rt("Group").links[0].clone();
        let targets = vec![ResourceId::new(target)];
        let edit =
            if add { LinkEdit::Add { kinds: at.kinds.clone(), targets, at } } else { LinkEdit::Remove { targets, at } };
        let change = ChangeSet {
            document: None,
            label: None,
            links: vec![edit],
            claim: Vec::new(),
            release: Vec::new(),
            secrets: Vec::new(),
            history: None,
            record: Making::new(&scope(), "m".into(), Verb::Patch).record(vec!["members".into()]),
        };
        let change = Change::Known(Box::new(change));
        let action = Action::Modify { id: ResourceId::new(group), change, expect: Expect::Exists };
        Mutation { kind: Kind::new("Group"), action, reply: None }
    }

    fn commit(&self, batch: Vec<Mutation>) {
        for outcome in self.runtime.block_on(self.store.commit(&scope(), batch)) {
            outcome.unwrap();
        }
    }

    fn raw_insert(&self, n: usize) {
        let mut insert =
            self.raw.prepare_cached("INSERT INTO u (id, name, display, doc) VALUES (?1, ?2, ?3, ?4)").unwrap();
        insert.execute([&id(n), &name(n), &format!("F{}", name(n)), &user(n)]).unwrap();
    }

    fn query(&self, filter: Option<&str>) -> Query {
        let filter = filter.map(|text| {
            let filter = filter::parse(text, &Limits::default()).unwrap();
            bind::bind(&filter, self.rt("User"), &Profile::Compatible.rules()).unwrap()
        });
        Query {
            from: vec![Source { kind: Kind::new("User"), filter, sort: None }],
            order: None,
            window: Window::Offset { skip: 0, count: 100 },
            select: Select::document(),
            total: true,
        }
    }

    fn list(&self, query: &Query) -> usize {
        self.runtime.block_on(self.store.query(&scope(), query)).unwrap().unwrap().records.len()
    }

    fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

fn reads(c: &mut Criterion, bench: &Bench) {
    let users = bench.users;
    let mut n = 0;
    let mut some = move || {
        n = (n + 7_919) % users;
        n
    };
    let kind = Kind::new("User");
    c.bench_function("read/one", |b| {
        b.iter(|| {
            let (ids, scope, select) = ([ResourceId::new(&id(some()))], scope(), Select::document());
            let read = bench.store.read(&scope, &kind, &ids, &select);
            assert_eq!(bench.runtime.block_on(read).unwrap().len(), 1);
        });
    });
    c.bench_function("read/one raw", |b| {
        b.iter(|| {
            let mut statement = bench.raw.prepare_cached("SELECT doc FROM u WHERE id = ?1").unwrap();
            let doc: String = statement.query_row([id(some())], |row| row.get(0)).unwrap();
            assert!(!doc.is_empty());
        });
    });
    for (what, make) in [
        ("userName", (|n| format!("userName eq \"{}@example.com\"", name(n))) as fn(usize) -> String),
        ("emails", |n| format!("emails.value eq \"{}@home.example\"", name(n))),
        ("externalId", |n| format!("externalId eq \"x{n:07}\"")),
    ] {
        c.bench_function(&format!("eq/{what}"), |b| {
            b.iter(|| assert_eq!(bench.list(&bench.query(Some(&make(some())))), 1));
        });
    }
}

fn lists(c: &mut Criterion, bench: &Bench) {
    let all = bench.query(None);
    c.bench_function("page/first", |b| b.iter(|| bench.list(&all)));
    let middle = bench.users / 2;
    let position = Position { key: SortKey::Absent, id: ResourceId::new(&id(middle)) };
    let after = Query { window: Window::After { position, count: 100 }, ..all.clone() };
    c.bench_function("page/behind the middle", |b| b.iter(|| bench.list(&after)));
    let jump = Query { window: Window::Offset { skip: middle as u64, count: 100 }, ..all.clone() };
    c.bench_function("page/jump to the middle", |b| b.iter(|| bench.list(&jump)));
    c.bench_function("page/jump to the middle raw", |b| {
        b.iter(|| {
            let sql = "SELECT u.doc FROM (SELECT seq FROM u INDEXED BY u_id ORDER BY id LIMIT 100 OFFSET ?1) k JOIN u USING (seq)";
            let mut statement = bench.raw.prepare_cached(sql).unwrap();
            let rows = statement.query_map([middle as i64], |row| row.get::<_, String>(0)).unwrap();
            assert_eq!(rows.count(), 100);
        });
    });
    for name in ["userName", "displayName", "meta.lastModified", "title"] {
        let mut sorted = all.clone();
        sorted.order = Some(Order::Descending);
        sorted.from[0].sort = path::attribute(name, bench.rt("User"), true);
        c.bench_function(&format!("page/sorted by {name}"), |b| b.iter(|| bench.list(&sorted)));
    }
    for (what, text) in [
        ("fragment of 6", "displayName co \"Fu12a4\""),
        ("fragment of 3", "displayName co \"u12\""),
        ("fragment of 2", "displayName co \"2a\""),
        ("prefix", "userName sw \"u12\""),
        ("unindexed", "title co \"manager\""),
        ("unindexed nested", "addresses[country eq \"US\" and postalCode eq \"00042\"]"),
    ] {
        let query = bench.query(Some(text));
        c.bench_function(&format!("filter/{what}"), |b| b.iter(|| bench.list(&query)));
    }
    c.bench_function("filter/raw scan of a column", |b| {
        b.iter(|| {
            let sql = "SELECT count(*) FROM u WHERE instr(lower(display), '2a') > 0";
            let mut statement = bench.raw.prepare_cached(sql).unwrap();
            assert!(statement.query_row([], |row| row.get::<_, i64>(0)).unwrap() >= 0);
        });
    });
    c.bench_function("filter/raw scan of documents", |b| {
        b.iter(|| {
            let sql = "SELECT count(*) FROM u WHERE instr(lower(json_extract(doc, '$.displayName')), '2a') > 0";
            let mut statement = bench.raw.prepare_cached(sql).unwrap();
            assert!(statement.query_row([], |row| row.get::<_, i64>(0)).unwrap() >= 0);
        });
    });
}

fn writes(c: &mut Criterion, bench: &Bench) {
    c.bench_function("write/one", |b| b.iter(|| bench.commit(vec![bench.create(bench.next())])));
    c.bench_function("write/one raw", |b| b.iter(|| bench.raw_insert(bench.next())));
    c.bench_function("write/batch of 500", |b| {
        b.iter(|| bench.commit((0..500).map(|_| bench.create(bench.next())).collect()));
    });
    c.bench_function("write/320 from 32 callers", |b| {
        b.iter_custom(|times| {
            let begun = Instant::now();
            for _ in 0..times {
                let callers = (0..32).map(|_| {
                    let (store, own): (_, Vec<_>) =
                        (bench.store.clone(), (0..10).map(|_| bench.create(bench.next())).collect());
                    bench.runtime.spawn(async move {
                        for mutation in own {
                            for outcome in store.commit(&scope(), vec![mutation]).await {
                                outcome.unwrap();
                            }
                        }
                    })
                });
                for done in bench.runtime.block_on(join_all(callers)) {
                    done.unwrap();
                }
            }
            begun.elapsed()
        });
    });
    c.bench_function("write/320 by tens raw", |b| {
        b.iter(|| {
            for _ in 0..32 {
                let tx = bench.raw.unchecked_transaction().unwrap();
                for _ in 0..10 {
                    bench.raw_insert(bench.next());
                }
                tx.commit().unwrap();
            }
        });
    });
    for size in [10, 10_000] {
        let group = format!("group-{size}");
        let document =
            format!(r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"{group}"}}"#);
        bench.commit(vec![bench.create_of("Group", &group, &document)]);
        bench.commit((0..size).map(|n| bench.member(&group, &id(n), true)).collect());
        let one = id(size + 1);
        c.bench_function(&format!("member/add and remove in a group of {size}"), |b| {
            b.iter(|| {
                bench.commit(vec![bench.member(&group, &one, true)]);
                bench.commit(vec![bench.member(&group, &one, false)]);
            });
        });
        let select = Select::document().with_link(&bench.rt("Group").links[0]);
        let (kind, ids) = (Kind::new("Group"), [ResourceId::new(&group)]);
        c.bench_function(&format!("member/read a group of {size}"), |b| {
            b.iter(|| {
                let read = bench.runtime.block_on(bench.store.read(&scope(), &kind, &ids, &select)).unwrap();
                assert_eq!(read[0].links[0].links.len(), size);
            });
        });
    }
}

fn all(c: &mut Criterion) {
    let bench = Bench::new();
    reads(c, &bench);
    lists(c, &bench);
    writes(c, &bench);
}

criterion_group! {
    name = store;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = all
}
criterion_main!(store);
