//! What only shows from inside: the plans of statements, what is remembered, and a disk that is full.

use std::sync::Arc;

use scim_core::access::Profile;
use scim_core::change::{Action, Change, ChangeSet, Expect, LinkEdit, Making, Mutation, Verb};
use scim_core::clock::Timestamp;
use scim_core::document::{Document, claims};
use scim_core::filter::{self, bind};
use scim_core::limits::Limits;
use scim_core::path;
use scim_core::query::{Order, Position, Query, Select, SortKey, Source, Total, Window};
use scim_core::schema::{Kind, Registry, ResourceType};
use scim_core::store::{Link, Record, ResourceId, Scope, Store, StoreErrorKind, TenantId, Version};

use crate::connection::Bounds;
use crate::writing::Writing;
use crate::{Options, SqliteStore, holders};

fn scope() -> Scope {
    let now = Timestamp::from_millis(1_000);
    Scope { tenant: TenantId::new("acme"), actor: "a".into(), request: "r".into(), now, deadline: None }
}

fn rt(kind: &str) -> Arc<ResourceType> {
    Registry::standard().kind(&Kind::new(kind)).unwrap().clone()
}

fn create(n: usize, name: &str) -> Mutation {
    let document = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "displayName": name, "title": "x",
    });
    let document = Document::from_stored(document.to_string());
    let change = ChangeSet {
        label: document.label(),
        links: Vec::new(),
        claim: claims(&document.parse(), &rt("User"), false),
        release: Vec::new(),
        secrets: Vec::new(),
        history: None,
        record: Making::new(&scope(), format!("c{n}"), Verb::Create).record(Vec::new()),
        document: Some(document),
    };
    let action = Action::Create { id: Some(ResourceId::new(&format!("u{n:05}"))), change };
    Mutation { kind: Kind::new("User"), action, reply: None }
}

async fn store(dir: &tempfile::TempDir, users: usize) -> SqliteStore {
    let options =
        Options { indexed: vec!["title".into()], search_from: 10, ..Options::new(dir.path().join("scim.db")) };
    let store = SqliteStore::open(options).unwrap();
    store.prepare(&scope().tenant, Registry::standard().types()).await.unwrap();
    for outcome in store.commit(&scope(), (0..users).map(|n| create(n, &format!("name{n}"))).collect()).await {
        outcome.unwrap();
    }
    // The index of fragments is made behind the answers.
    store.writer.ask("wait", |_| Ok(())).await.unwrap();
    store
}

fn list(kind: &str, text: Option<&str>) -> Query {
    let filter = text.map(|text| {
        let filter = filter::parse(text, &Limits::default()).unwrap();
        bind::bind(&filter, &rt(kind), &Profile::Compatible.rules()).unwrap()
    });
    Query {
        from: vec![Source { kind: Kind::new(kind), filter, sort: None }],
        order: None,
        window: Window::Offset { skip: 0, count: 100 },
        select: Select::document(),
        total: true,
    }
}

/// The steps of all statements that answer a list.
fn steps(store: &SqliteStore, query: &Query) -> Vec<String> {
    let scope = scope();
    let ask = store.ask(&scope, query);
    store
        .readers
        .here(|reader| {
            let mut plan = ask.plan(reader, &ask.query.from[0])?.unwrap();
            let mut steps = Vec::new();
            for sql in plan.statements(&reader.db, query)? {
                let rows =
                    plan.binds.all(&reader.db, &format!("EXPLAIN QUERY PLAN {sql}"), |row| row.get::<_, String>(3))?;
                steps.extend(rows);
            }
            Ok(steps)
        })
        .unwrap()
}

/// No step goes through a table: only what an index gave, or results of steps before.
fn check(store: &SqliteStore, query: &Query, expected: &str) {
    let steps = steps(store, query);
    let shown = steps.join("\n");
    for step in &steps {
        let scan = step.strip_prefix("SCAN ").unwrap_or_default();
        let allowed = ["w", "d", "(subquery", "ids ", "g", "n VIRTUAL", "m VIRTUAL", "CONSTANT ROW"]
            .iter()
            .any(|name| scan.starts_with(name));
        assert!(scan.is_empty() || allowed, "{step}\nof\n{shown}");
    }
    assert!(shown.contains(expected), "{expected} is not in\n{shown}");
}

#[tokio::test]
async fn lists_start_from_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, 50).await;
    const HELD: &str = "SEARCH l USING PRIMARY KEY (target=? AND shelf=?)";
    for (kind, text, expected) in [
        ("User", "userName eq \"name7\"", "SEARCH t USING PRIMARY KEY (shelf=? AND token=?)"),
        ("User", "externalId eq \"x\"", "SEARCH t USING PRIMARY KEY (shelf=? AND token=?)"),
        ("User", "emails.value eq \"x\"", "SEARCH t USING PRIMARY KEY (shelf=? AND token=?)"),
        ("User", "emails[type eq \"work\" and value eq \"x\"]", "SEARCH t USING PRIMARY KEY (shelf=? AND token=?)"),
        ("User", "displayName eq \"x\"", "SEARCH t USING PRIMARY KEY (shelf=? AND token=?)"),
        ("User", "title eq \"x\" and active eq true", "SEARCH t USING PRIMARY KEY (shelf=? AND token=?)"),
        ("User", "displayName sw \"x\"", "SEARCH term USING PRIMARY KEY (shelf=? AND token>? AND token<?)"),
        ("User", "displayName co \"ame\"", "VIRTUAL TABLE INDEX"),
        ("User", "displayName co \"am\"", "SEARCH term USING PRIMARY KEY (shelf=?)"),
        ("User", "userName eq \"a\" or emails.value eq \"b\"", "UNION"),
        ("User", "id eq \"u00001\"", "SEARCH i USING COVERING INDEX sqlite_autoindex_resource_1 (shelf=? AND id=?)"),
        ("User", "meta.lastModified gt \"2020-01-01T00:00:00Z\"", "resource_modified (shelf=? AND modified>?)"),
        ("User", "meta.lastModified eq \"2020-01-01T00:00:00Z\"", "resource_modified (shelf=? AND modified=?)"),
        ("User", "groups.value eq \"g1\"", "SEARCH b USING PRIMARY KEY (tenant=? AND holder=? AND attr=?)"),
        ("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"u1\"", HELD),
        ("Group", "members.value eq \"u00001\"", HELD),
        ("Group", "members[value eq \"u00001\"]", HELD),
        ("Group", "members.value eq \"u00001\"", "SEARCH s USING COVERING INDEX shelf_attr (tenant=? AND attr=?)"),
        (
            "Group",
            "members.value eq \"u00001\"",
            "SEARCH i USING COVERING INDEX sqlite_autoindex_resource_1 (shelf=? AND id=?)",
        ),
    ] {
        check(&store, &list(kind, Some(text)), expected);
    }
    check(&store, &list("User", None), "sqlite_autoindex_resource_1 (shelf=?)");
}

#[tokio::test]
async fn windows_and_orders_start_in_an_index_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, 50).await;
    let position = |key| Position { key, id: ResourceId::new("u00007") };
    let mut query = list("User", None);
    query.window = Window::After { position: position(SortKey::Absent), count: 10 };
    check(&store, &query, "sqlite_autoindex_resource_1 (shelf=? AND id>?)");
    query.window = Window::Before { position: position(SortKey::Absent), count: 10 };
    check(&store, &query, "sqlite_autoindex_resource_1 (shelf=? AND id<?)");
    query.order = Some(Order::Ascending);
    for (name, key, expected) in [
        ("userName", SortKey::Text("name7".into()), "SEARCH k USING PRIMARY KEY (shelf=? AND token"),
        ("title", SortKey::Text("x".into()), "SEARCH k USING PRIMARY KEY (shelf=? AND token"),
        ("meta.lastModified", SortKey::Instant("1000000000".into()), "resource_modified (shelf=? AND modified"),
    ] {
        query.from[0].sort = path::attribute(name, &rt("User"), false);
        for window in [
            Window::After { position: position(key.clone()), count: 10 },
            Window::Before { position: position(key), count: 10 },
        ] {
            query.window = window;
            check(&store, &query, expected);
        }
    }
    let mut equal = list("User", Some("title eq \"x\""));
    equal.window = Window::After { position: position(SortKey::Absent), count: 10 };
    check(&store, &equal, "PRIMARY KEY (shelf=? AND token=? AND seq>?)");
}

#[tokio::test]
async fn a_full_disk_is_told_what_was_there_stays_and_room_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, 1).await;
    let pages = |most: u32| {
        store.writer.ask("limit", move |writing| {
            Ok(writing.db.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?)
        })
    };
    pages(1).await.unwrap();
    let batch = vec![create(1, "ann"), create(2, &"x".repeat(400_000)), create(3, "bob")];
    let outcomes = store.commit(&scope(), batch).await;
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(error.kind, StoreErrorKind::Full), "{error}");
    }
    assert!(outcomes[1].is_err());
    assert!(matches!(store.health().await.unwrap_err().kind, StoreErrorKind::Full));
    // What was answered is there, and nothing else.
    let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let left = store.query(&scope(), &list("User", None)).await.unwrap().unwrap();
    assert_eq!(left.total, Total::Exact(1 + made as u64));
    assert_eq!(left.records.len(), 1 + made);
    pages(1_000_000).await.unwrap();
    store.health().await.unwrap();
    assert_eq!(store.query(&scope(), &list("User", None)).await.unwrap().unwrap().records.len(), 1 + made);
    store.commit(&scope(), vec![create(4, "cleo")]).await.remove(0).unwrap();
}

/// A server that comes back on a full disk is not ready, though nobody has tried to write yet.
#[tokio::test]
async fn a_store_is_not_well_before_it_could_write() {
    let dir = tempfile::tempdir().unwrap();
    drop(store(&dir, 1).await);
    let store = SqliteStore::open(Options::new(dir.path().join("scim.db"))).unwrap();
    let pages = |most: u32| {
        store.writer.ask("limit", move |writing| {
            Ok(writing.db.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?)
        })
    };
    pages(1).await.unwrap();
    assert!(matches!(store.health().await.unwrap_err().kind, StoreErrorKind::Full));
    pages(1_000_000).await.unwrap();
    store.health().await.unwrap();
}

/// A group of one.
fn group(id: &str, name: &str, member: &str) -> ChangeSet {
    let document = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name,
    });
    let document = Document::from_stored(document.to_string());
    let members = rt("Group").links[0].clone();
    let kinds = members.kinds.clone();
    ChangeSet {
        label: document.label(),
        links: vec![LinkEdit::Add { at: members, targets: vec![ResourceId::new(member)], kinds }],
        claim: Vec::new(),
        release: Vec::new(),
        secrets: Vec::new(),
        history: None,
        record: Making::new(&scope(), id.into(), Verb::Create).record(Vec::new()),
        document: Some(document),
    }
}

/// The groups of the first user, by id: name, and whether through another. Read so often that every way of reading them
/// is taken.
async fn groups(store: &SqliteStore) -> Vec<(String, String, bool)> {
    let (user, ids, select) = (rt("User"), [ResourceId::new("u00000")], Select::document());
    let mut all = Vec::new();
    for _ in 0..40 {
        let records = store.read_filled(&scope(), &user.kind, &ids, &select, &user.reverse).await.unwrap();
        all.push(shown(&records[0]));
    }
    all.dedup();
    assert_eq!(all.len(), 1, "reads without a change between them differ: {all:?}");
    all.remove(0)
}

fn shown(record: &Record) -> Vec<(String, String, bool)> {
    let links = record.links.iter().flat_map(|links| &links.links);
    let name = |link: &Link| link.display.as_deref().unwrap_or_default().to_owned();
    links.map(|link| (link.target.id.to_string(), name(link), link.indirect)).collect()
}

/// The groups of users that lie side by side are read in one pass over their links, but not over all those of a manager.
#[tokio::test]
async fn links_of_another_attribute_are_not_gone_through() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, 20).await;
    let action = Action::Create { id: Some(ResourceId::new("g1")), change: group("g1", "All", "u00003") };
    let made = store.commit(&scope(), vec![Mutation { kind: Kind::new("Group"), action, reply: None }]).await;
    assert!(made[0].is_ok());
    let reports = |writing: &mut Writing<'_>| {
        writing.run(
            "WITH RECURSIVE report (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM report WHERE n < 50000)
             INSERT INTO link (target, shelf, holder)
               SELECT seq, 1000000, n FROM report CROSS JOIN (SELECT seq FROM resource WHERE id = 'u00010')",
            [],
        )
    };
    assert_eq!(store.writer.ask("report", reports).await.unwrap(), 50_000);
    let (user, all) = (rt("User"), (0..20).map(|n| ResourceId::new(&format!("u{n:05}"))).collect::<Vec<_>>());
    let held = store.readers.here(|reader| {
        reader.watch.set(Bounds { looks: Some(5), ..Bounds::default() });
        let held = holders::holders(reader, "acme", &user.kind, &all, &user.reverse[0].via);
        reader.watch.set(Bounds::default());
        held
    });
    let held = held.unwrap();
    assert_eq!(
        held.iter().map(|(user, group)| (user.as_str(), group.target.id.as_str())).collect::<Vec<_>>(),
        [("u00003", "g1")]
    );
}

#[tokio::test]
async fn what_is_remembered_of_groups_goes_with_every_change() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, 1).await;
    let commit = async |kind: &str, action| {
        let reply = Some(Select { reverse: rt(kind).reverse.clone(), ..Select::document() });
        store.commit(&scope(), vec![Mutation { kind: Kind::new(kind), action, reply }]).await.remove(0).unwrap()
    };
    let one = |id: &str, name: &str, through| (id.to_owned(), name.to_owned(), through);
    let first = || Expect::Version(vec![Version::new("1")]);
    let make = |id: &str, change| Action::Create { id: Some(ResourceId::new(id)), change };
    assert_eq!(groups(&store).await, []);
    commit("Group", make("a", group("a", "A", "u00000"))).await;
    assert_eq!(groups(&store).await, [one("a", "A", false)]);
    commit("Group", make("b", group("b", "B", "a"))).await;
    assert_eq!(groups(&store).await, [one("a", "A", false), one("b", "B", true)]);
    let renamed = Change::Known(Box::new(group("a", "C", "u00000")));
    let id = ResourceId::new("a");
    commit("Group", Action::Modify { id, change: renamed, expect: first() }).await;
    assert_eq!(groups(&store).await, [one("a", "C", false), one("b", "B", true)]);
    // The outcome of a change of the user shows them as well.
    let change = Change::Known(Box::new(ChangeSet { links: Vec::new(), ..group("u", "U", "a") }));
    let id = ResourceId::new("u00000");
    let outcome = commit("User", Action::Modify { id, change, expect: first() }).await;
    assert!(outcome.filled);
    assert_eq!(shown(&outcome.record.unwrap()), [one("a", "C", false), one("b", "B", true)]);
    let record = Making::new(&scope(), "gone".into(), Verb::Delete).record(Vec::new());
    commit("Group", Action::Delete { id: ResourceId::new("b"), expect: Expect::Exists, record }).await;
    assert_eq!(groups(&store).await, [one("a", "C", false)]);
}

/// The same of what the writer remembers, which answers changes: of this store's own, and of others beside it.
#[tokio::test]
async fn what_the_writer_remembers_of_groups_goes_with_every_change() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, 1).await;
    let other = SqliteStore::open(Options::new(dir.path().join("scim.db"))).unwrap();
    other.prepare(&scope().tenant, Registry::standard().types()).await.unwrap();
    let commit = async |store: &SqliteStore, kind: &str, action| {
        let reply = Some(Select { reverse: rt(kind).reverse.clone(), ..Select::document() });
        store.commit(&scope(), vec![Mutation { kind: Kind::new(kind), action, reply }]).await.remove(0)
    };
    let modify = |id: &str, change: ChangeSet, expect| Action::Modify {
        id: ResourceId::new(id),
        change: Change::Known(Box::new(change)),
        expect,
    };
    let told = async || {
        let change = ChangeSet { links: Vec::new(), ..group("u", "U", "a") };
        let mut all = Vec::new();
        for _ in 0..3 {
            let outcome = commit(&store, "User", modify("u00000", change.clone(), Expect::Exists)).await.unwrap();
            assert!(outcome.filled);
            all.push(shown(&outcome.record.unwrap()));
        }
        all.dedup();
        assert_eq!(all.len(), 1, "outcomes without a change between them differ: {all:?}");
        all.remove(0)
    };
    let one = |id: &str, name: &str, through| (id.to_owned(), name.to_owned(), through);
    let make = |id: &str, change| Action::Create { id: Some(ResourceId::new(id)), change };
    assert_eq!(told().await, []);
    commit(&store, "Group", make("a", group("a", "A", "u00000"))).await.unwrap();
    assert_eq!(told().await, [one("a", "A", false)]);
    commit(&store, "Group", make("b", group("b", "B", "a"))).await.unwrap();
    assert_eq!(told().await, [one("a", "A", false), one("b", "B", true)]);
    commit(&store, "Group", modify("b", group("b", "C", "a"), Expect::Exists)).await.unwrap();
    assert_eq!(told().await, [one("a", "A", false), one("b", "C", true)]);
    commit(&other, "Group", modify("b", group("b", "D", "a"), Expect::Exists)).await.unwrap();
    assert_eq!(told().await, [one("a", "A", false), one("b", "D", true)]);
    let members = rt("Group").links[0].clone();
    let gone = vec![LinkEdit::Remove { at: members, targets: vec![ResourceId::new("a")] }];
    commit(&store, "Group", modify("b", ChangeSet { links: gone, ..group("b", "D", "a") }, Expect::Exists))
        .await
        .unwrap();
    assert_eq!(told().await, [one("a", "A", false)]);
    // What was lost with its transaction is not remembered either.
    let stale = Expect::Version(vec![Version::new("77")]);
    commit(&store, "Group", modify("a", group("a", "E", "u00000"), stale)).await.unwrap_err();
    assert_eq!(told().await, [one("a", "A", false)]);
    let record = Making::new(&scope(), "gone".into(), Verb::Delete).record(Vec::new());
    let delete = Action::Delete { id: ResourceId::new("a"), expect: Expect::Exists, record };
    commit(&store, "Group", delete).await.unwrap();
    assert_eq!(told().await, []);
}

#[tokio::test]
async fn what_is_remembered_of_finds_goes_with_every_change() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir, 20).await;
    let found_by = async |filter: &str, window: Window| {
        let query = Query { window, ..list("User", Some(filter)) };
        let page = store.query(&scope(), &query).await.unwrap().unwrap();
        let Total::Exact(total) = page.total else { panic!("the total is {:?}", page.total) };
        let ids: Vec<String> = page.records.iter().map(|record| record.key.id.to_string()).collect();
        (ids, total, page.more)
    };
    let found = async |window: Window| found_by("displayName co \"ame1\"", window).await;
    let first = || Window::Offset { skip: 0, count: 3 };
    let ids = |numbers: &[usize]| numbers.iter().map(|n| format!("u{n:05}")).collect::<Vec<_>>();
    let position = |n: usize| Position { key: SortKey::Absent, id: ResourceId::new(&format!("u{n:05}")) };
    // The second is answered from what the first one left.
    for _ in 0..2 {
        assert_eq!(found(first()).await, (ids(&[1, 10, 11]), 11, true));
    }
    // So it is where all values are looked at; their ends are something else.
    for _ in 0..2 {
        assert_eq!(found_by("displayName co \"e1\"", first()).await, (ids(&[1, 10, 11]), 11, true));
        assert_eq!(found_by("displayName ew \"e1\"", first()).await, (ids(&[1]), 1, false));
    }
    // Another page is cut from the same finds, in both directions.
    let after = Window::After { position: position(17), count: 3 };
    assert_eq!(found(after).await, (ids(&[18, 19]), 11, false));
    let before = Window::Before { position: position(11), count: 1 };
    assert_eq!(found(before).await, (ids(&[10]), 11, true));
    store.commit(&scope(), vec![create(20, "name1more")]).await.remove(0).unwrap();
    assert_eq!(found(Window::Offset { skip: 10, count: 3 }).await, (ids(&[19, 20]), 12, false));
    let rest = found_by("displayName co \"e1\"", Window::Offset { skip: 10, count: 3 });
    assert_eq!(rest.await, (ids(&[19, 20]), 12, false));
    let record = Making::new(&scope(), "gone".into(), Verb::Delete).record(Vec::new());
    let action = Action::Delete { id: ResourceId::new("u00010"), expect: Expect::Exists, record };
    store.commit(&scope(), vec![Mutation { kind: Kind::new("User"), action, reply: None }]).await.remove(0).unwrap();
    assert_eq!(found(first()).await, (ids(&[1, 11, 12]), 11, true));
}
