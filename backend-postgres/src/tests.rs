//! What only shows from inside: the plans of statements (`EXPLAIN`), as they are made once for all values.

use std::sync::Arc;

use conformance_tests::alike::making::{bound, change, create, query, registry, rt, scope, tenant, user};
use conformance_tests::servers::postgres::{Database, Postgres};
use scim_core::change::{LinkEdit, Verb};
use scim_core::document::Document;
use scim_core::path;
use scim_core::query::{Order, Position, Query, Select, SortKey, Window};
use scim_core::schema::Kind;
use scim_core::store::{Key, ResourceId, Store, StoreErrorKind};

use crate::amend::Owner;
use crate::around::Around;
use crate::connection::Link;
use crate::error::Inner;
use crate::hits::Together;
use crate::links::{Alone, statements};
use crate::query::{Ask, Ordered, plan};
use crate::read::{self, Linked};
use crate::revise::{self, Revision};
use crate::statement::Sql;
use crate::tally::Matching;
use crate::writing::Standing;
use crate::{Options, PostgresStore};

const USERS: usize = 20_000;

/// A store with users and groups, which the server has looked at.
async fn store() -> (PostgresStore, Database) {
    let database = Postgres::shared().unwrap().database().unwrap();
    let options = Options {
        indexed: vec!["title".into(), "active".into(), "department".into()],
        allow_unsafe: true,
        ..Options::new(database.url())
    };
    let store = PostgresStore::open(options).await.unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    let document = r#"'{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"name' || n || '"}'"#;
    for sql in [
        format!(
            "INSERT INTO resource SELECT t, 'User', 'u' || lpad(n::text, 6, '0'), 1, n, n, 'n' || n, {document}
             FROM generate_series(1, {USERS}) n, (VALUES ('acme'), ('other')) t(t)"
        ),
        format!(
            "INSERT INTO resource SELECT 'acme', 'Group', 'g' || lpad(n::text, 6, '0'), 1, n, n, 'g' || n, '{{}}'
             FROM generate_series(1, {}) n",
            USERS / 10
        ),
        format!(
            "INSERT INTO claim SELECT 'acme', 'User', 'userName', 'name' || n, 'acme', 'u' || lpad(n::text, 6, '0')
             FROM generate_series(1, {USERS}) n"
        ),
        format!(
            "INSERT INTO term SELECT 'acme', 'User', a, a || n, 'u' || lpad(n::text, 6, '0')
             FROM generate_series(1, {USERS}) n, unnest(ARRAY['externalId', 'displayName', 'emails.value', 'title']) a"
        ),
        format!(
            "INSERT INTO link SELECT 'acme', 'g' || lpad((n % {} + 1)::text, 6, '0'), 'members',
               'u' || lpad(n::text, 6, '0'), 'Group', 'User' FROM generate_series(1, {USERS}) n",
            USERS / 10
        ),
        format!("INSERT INTO tally VALUES ('acme', 'User', '', 1, {USERS}), ('acme', 'Group', '', 1, {})", USERS / 10),
        "ANALYZE".to_owned(),
    ] {
        database.run(&sql).unwrap();
    }
    (store, database)
}

/// The steps of the statement that answers a list, planned as it is when it is asked: once for all values, or for these;
/// where the filter is known to accept so many.
async fn steps(store: &PostgresStore, query: &Query, matching: Matching) -> Vec<String> {
    let (shared, query) = (store.shared.clone(), query.clone());
    let explaining = async move {
        let lease = shared.lender.lend(None).await?;
        let kind = query.from[0].kind.clone();
        let indexes = shared.catalogue.fresh(&lease, tenant().as_str(), kind.as_str()).await?;
        let types = shared.types_of(&tenant());
        let plan = plan(tenant().as_str(), &query.from[0], indexes, types.as_deref()).unwrap();
        let seen = plan.sees();
        let (text, binds, around) = match plan.statement(&query, matching) {
            Some(Ordered { text, binds, around, .. }) => (text, binds, around),
            None => {
                let (text, binds) = plan.pass(&query, &seen, 101);
                let around = Around::new(&seen, &[], &kind, binds.next(), false);
                (text, binds, around)
            }
        };
        let explain = if plan.is_general() {
            let types = around.bind(binds.sql("")).types();
            let prepare = format!("PREPARE listed ({}) AS {text}", types.join(", "));
            lease.batch(&prepare).await?;
            Sql::new(format!("EXPLAIN (COSTS OFF) EXECUTE listed({})", vec!["NULL"; types.len()].join(", ")))
        } else {
            around.bind(binds.sql(format!("EXPLAIN (COSTS OFF) {text}")))
        };
        let steps = lease.each(explain.once(), |line| line.text(0, str::to_owned)).await?;
        lease.batch("DEALLOCATE ALL").await?;
        // Its statements are gone.
        lease.spoil();
        lease.back(Ok(steps)).await
    };
    store.pool.run("explain", None, explaining).await.unwrap()
}

/// No step goes through a table: each looks into an index.
async fn check(store: &PostgresStore, query: &Query, index: &str) {
    let shown = steps(store, query, Matching::Few).await.join("\n");
    looks_up(query, &shown, index);
}

/// Every step looks into an index, this one among them, and each look begins with the tenant.
fn looks_up(query: &Query, shown: &str, index: &str) {
    for table in ["resource", "link", "claim", "term"] {
        assert!(!shown.contains(&format!("Seq Scan on {table}")), "{query:?}\n{shown}");
    }
    assert!(shown.contains(index), "{index} is not in\n{shown}\nfor {query:?}");
    // Every look into an index begins with the tenant.
    for condition in shown.lines().filter(|line| line.contains("Index Cond:")) {
        assert!(condition.contains("tenant"), "{condition}\nof\n{shown}");
    }
}

#[tokio::test]
async fn filters_that_identity_providers_send_start_in_an_index() {
    let (store, _database) = store().await;
    for (kind, filter, index) in [
        ("User", "userName eq \"name7\"", "claim_key"),
        ("User", "externalId eq \"x\"", "term_key"),
        ("User", "emails.value eq \"x\"", "term_key"),
        ("User", "emails[type eq \"work\" and value eq \"x\"]", "term_key"),
        ("User", "displayName eq \"x\"", "term_key"),
        ("User", "title eq \"x\"", "term_key"),
        ("User", "title eq \"x\" and active eq true", "term_key"),
        ("User", "active eq true", "term_key"),
        ("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"x\"", "term_key"),
        ("User", "userName sw \"name1\"", "claim_key"),
        ("User", "displayName sw \"x\"", "term_key"),
        ("User", "displayName co \"x\"", "term_order"),
        ("User", "userName eq \"a\" or emails.value eq \"b\"", "claim_key"),
        ("User", "id eq \"u000001\"", "resource_key"),
        ("User", "meta.lastModified gt \"2020-01-01T00:00:00Z\"", "resource_modified"),
        ("User", "meta.lastModified eq \"2020-01-01T00:00:00Z\"", "resource_modified"),
        ("User", "groups.value eq \"g1\"", "link_key"),
        ("User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"u1\"", "link_target"),
        ("Group", "members.value eq \"u000001\"", "link_target"),
        ("Group", "members[value eq \"u000001\"]", "link_target"),
        ("Group", "displayName eq \"x\"", "term_key"),
    ] {
        check(&store, &query(kind, Some(filter)), index).await;
    }
}

#[tokio::test]
async fn long_lists_with_a_filter_are_read_in_order_of_ids_without_sorting() {
    let (store, _database) = store().await;
    for (filter, index) in [
        ("userName sw \"name\"", "claim_order"),
        ("userName sw \"name\" and active eq true", "claim_order"),
        ("displayName sw \"display\"", "term_order"),
        ("displayName sw \"display\" and title gt \"a\"", "term_order"),
        ("displayName co \"name\"", "term_order"),
        ("emails.value sw \"emails\"", "term_order"),
        ("title gt \"a\"", "term_order"),
    ] {
        let mut list = query("User", Some(filter));
        for window in [
            Window::Offset { skip: 0, count: 100 },
            Window::After { position: Position { key: SortKey::Absent, id: ResourceId::new("u000007") }, count: 100 },
            Window::Before { position: Position { key: SortKey::Absent, id: ResourceId::new("u000700") }, count: 100 },
        ] {
            list.window = window;
            let shown = steps(&store, &list, Matching::Many).await.join("\n");
            looks_up(&list, &shown, index);
            // Backwards over what may have several values, those before are sorted.
            let sorts = filter.starts_with("emails") && matches!(list.window, Window::Before { .. });
            assert!(sorts || !shown.contains("Sort"), "{shown}\nfor {list:?}");
            assert!(!shown.contains("Hash"), "{shown}\nfor {list:?}");
        }
    }
}

#[tokio::test]
async fn windows_and_orders_start_in_an_index_too() {
    let (store, _database) = store().await;
    let position = |key| Position { key, id: ResourceId::new("u000007") };
    let mut query = query("User", None);
    check(&store, &query, "resource_key").await;
    query.select = query.select.with_link(&rt("User").links[0]);
    for window in [
        Window::Offset { skip: 5_000, count: 100 },
        Window::After { position: position(SortKey::Absent), count: 100 },
        Window::Before { position: position(SortKey::Absent), count: 100 },
    ] {
        query.window = window;
        check(&store, &query, "resource_key").await;
    }
    for order in [Order::Ascending, Order::Descending] {
        query.order = Some(order);
        for (name, key, index) in [
            ("userName", SortKey::Text("name7".into()), "claim_key"),
            ("title", SortKey::Text("x".into()), "term_key"),
            ("meta.lastModified", SortKey::Instant("1000000000".into()), "resource_modified"),
        ] {
            query.from[0].sort = path::attribute(name, &rt("User"), false);
            for window in [
                Window::Offset { skip: 0, count: 100 },
                Window::After { position: position(key.clone()), count: 100 },
                Window::Before { position: position(key.clone()), count: 100 },
            ] {
                query.window = window;
                check(&store, &query, index).await;
            }
        }
    }
}

/// The groups of a page are looked up by its users, and each group once.
#[tokio::test]
async fn the_groups_of_a_page_are_looked_up_by_its_users() {
    let (store, database) = store().await;
    for sql in ["UPDATE link SET holder = 'g000001' WHERE attr = 'members'", "ANALYZE link"] {
        database.run(sql).unwrap();
    }
    let mut query = query("User", None);
    query.select.reverse.clone_from(&rt("User").reverse);
    query.select = query.select.with_link(&rt("User").links[0]);
    let position = || Position { key: SortKey::Absent, id: ResourceId::new("u000010") };
    // Of all users there is no other between those of a page.
    let (between, each) = (["(target >= ", "link_single"], ["(target = ANY (", "(holder = ANY ("]);
    let all = (None, Matching::Few, between);
    let filter = Some("userName sw \"name\"");
    // Where the filter accepts most of them there are few.
    for (filter, matching, [by, managers]) in [all, (filter, Matching::Most, between), (filter, Matching::Many, each)] {
        query.from[0].filter = filter.map(|filter| bound("User", filter));
        for window in [
            Window::Offset { skip: 0, count: 100 },
            Window::After { position: position(), count: 100 },
            Window::Before { position: position(), count: 100 },
        ] {
            query.window = window;
            let shown = steps(&store, &query, matching).await.join("\n");
            looks_up(&query, &shown, "link_target");
            for condition in [by, managers, "(id = held0"] {
                assert!(shown.contains(condition), "{condition} is not in\n{shown}");
            }
            // The ids are found once.
            let own = shown.split("CTE own").nth(1).and_then(|after| after.split("CTE held0").next()).unwrap();
            assert_eq!(own.matches("InitPlan").count(), 1, "{shown}");
        }
    }
}

/// Ids of a page come as one text.
#[tokio::test]
async fn an_id_with_what_stands_between_ids_is_refused() {
    let (store, _database) = store().await;
    for ids in [&["a\u{1f}b"][..], &["fine", "a\u{1f}b"]] {
        let done = store.commit(&scope(), ids.iter().map(|id| create("User", id, &user("x"))).collect()).await;
        let (last, before) = done.split_last().unwrap();
        assert!(matches!(last, Err(error) if matches!(error.kind, StoreErrorKind::Unsupported(_))), "{done:?}");
        assert!(before.iter().all(Result::is_ok), "{done:?}");
    }
}

#[tokio::test]
async fn a_filter_with_a_reverse_link_needs_no_more_than_its_group() {
    let (store, _database) = store().await;
    let mut list = query("User", None);
    list.from[0].filter = Some(bound("User", "groups.value eq \"g000001\""));
    let page = store.query(&scope(), &list).await.unwrap().unwrap();
    assert_eq!(page.records.len(), 10);
}

/// The steps of a statement, planned for all values at once. Those that its connection had prepared are gone.
async fn planned(link: &Link, sql: &Sql<'_>) -> Inner<String> {
    let types = sql.types();
    link.batch(&format!("PREPARE planned ({}) AS {}", types.join(", "), sql.text())).await?;
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE planned({})", vec!["NULL"; types.len()].join(", "));
    let steps = link.each(Sql::new(explain).once(), |line| line.text(0, str::to_owned)).await?;
    link.batch("DEALLOCATE ALL").await?;
    Ok(steps.join("\n"))
}

/// Changes look up each resource and each value that they touch, however many there are of others.
#[tokio::test]
async fn changes_look_up_what_they_touch() {
    let (store, _database) = store().await;
    let shared = store.shared.clone();
    let explaining = async move {
        let lease = shared.lender.lend(None).await?;
        let kind = Kind::new("User");
        let indexes = shared.catalogue.known(&lease, "acme", kind.as_str()).await?;
        let document = |n: usize, of: &str| format!(r#"{{"userName":"{of}{n}","title":"{of}","displayName":"{of}"}}"#);
        let mut all = Vec::new();
        for n in 1..=2 {
            let before = Document::from_stored(document(n, "old").as_str());
            let change = change(&rt("User"), Some(&before), &document(n, "new"), Verb::Replace);
            let key = Key { kind: kind.clone(), id: ResourceId::new(&format!("u{n:06}")) };
            let (links, reverse) = (Vec::new(), None);
            let stands =
                Standing { version: 1, created: 1, modified: 1, label: None, document: before, links, reverse };
            all.push(Revision::new(key, Arc::new(change), 2, stands)?);
        }
        let shown = planned(&lease, &revise::statement("acme", &kind, &indexes, 1, &all)).await?;
        lease.spoil();
        lease.back(Ok(shown)).await
    };
    let steps = store.pool.run("explain", None, explaining).await.unwrap();
    let looks = |at: &str| steps.lines().filter(|line| line.contains("Index Cond:") && line.contains(at)).count();
    assert_eq!((looks("(id = "), looks("(token = ")), (1, 2), "{steps}");
    let all = ["resource", "claim", "term"].map(|table| format!("Seq Scan on {table}"));
    assert!(!all.iter().any(|scan| steps.contains(scan)), "{steps}");
}

/// A store that fills up is planned for as what it has become, whoever looks after the tables besides.
#[tokio::test]
async fn what_an_import_has_filled_is_known_to_the_planner() {
    let database = Postgres::shared().unwrap().database().unwrap();
    let options = Options { allow_unsafe: true, ..Options::new(database.url()) };
    let store = PostgresStore::open(options).await.unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    database.run("ALTER TABLE resource SET (autovacuum_enabled = off)").unwrap();
    for batch in 0..3 {
        let people = (0..1_000).map(|n| format!("p{batch}-{n:03}"));
        let made = store.commit(&scope(), people.map(|id| create("User", &id, &user(&id))).collect()).await;
        assert!(made.iter().all(Result::is_ok));
    }
    let known = || database.number("SELECT reltuples::bigint FROM pg_class WHERE relname = 'resource'").unwrap();
    for _ in 0..6_000 {
        if known() >= 1_000 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a minute was not enough");
}

/// Several ids, and several values of one attribute, are looked up one by one.
#[tokio::test]
async fn what_is_asked_for_together_is_looked_up_in_indexes() {
    let (store, _database) = store().await;
    let shared = store.shared.clone();
    let explaining = async move {
        let lease = shared.lender.lend(None).await?;
        let user = rt("User");
        let (kind, select) = (user.kind.clone(), query("User", None).select.with_link(&user.links[0]));
        let ids = ["u000001", "u000002"];
        let (by_ids, _) = read::by_ids("acme", &kind, &ids, &select, &user.reverse);
        let to_be_changed = Linked::new(&select, &kind, &user.reverse).sql("r.version", "acme", &kind, &ids);
        let mut statements = vec![(by_ids, "resource_key"), (to_be_changed, "resource_key")];
        let indexes = shared.catalogue.fresh(&lease, "acme", "User").await?;
        for (attribute, index) in [("userName", "claim_key"), ("externalId", "term_key"), ("emails.value", "term_key")]
        {
            let mut list = query("User", Some(&format!("{attribute} eq \"x\"")));
            list.select = Select { reverse: user.reverse.clone(), ..select.clone() };
            let types = shared.types_of(&tenant());
            let ask = Ask { shared: shared.clone(), tenant: tenant(), query: list, types };
            let plans =
                [(); 2].map(|()| plan("acme", &ask.query.from[0], indexes.clone(), ask.types.as_deref()).unwrap());
            statements.push((Together::new(&ask, &plans).unwrap().sql().clone(), index));
        }
        let mut shown = Vec::new();
        for (sql, index) in statements {
            let types = sql.types();
            lease.batch(&format!("PREPARE together ({}) AS {}", types.join(", "), sql.text())).await?;
            let explain = format!("EXPLAIN (COSTS OFF) EXECUTE together({})", vec!["NULL"; types.len()].join(", "));
            let steps = lease.each(Sql::new(explain).once(), |line| line.text(0, str::to_owned)).await?;
            shown.push((steps.join("\n"), index));
            lease.batch("DEALLOCATE ALL").await?;
        }
        // Its statements are gone.
        lease.spoil();
        lease.back(Ok(shown)).await
    };
    let shown = store.pool.run("explain", None, explaining).await.unwrap();
    assert_eq!(shown.len(), 5);
    for (steps, index) in shown {
        looks_up(&query("User", None), &steps, index);
        assert!(!steps.contains("Hash") && !steps.contains("Bitmap"), "{steps}");
    }
}

/// Members are looked up one by one, also in a group that holds everybody.
#[tokio::test]
async fn a_member_is_removed_without_a_look_at_the_others() {
    let (store, database) = store().await;
    for sql in ["UPDATE link SET holder = 'g000001'", "ANALYZE link"] {
        database.run(sql).unwrap();
    }
    let shared = store.shared.clone();
    let explaining = async move {
        let lease = shared.lender.lend(None).await?;
        let owner = || Owner { tenant: "acme", kind: "Group", id: "g000001" };
        let edit = LinkEdit::Remove { at: rt("Group").links[0].clone(), targets: vec![ResourceId::new("u000001")] };
        let alone = Alone { owner: owner(), edit: &edit, versions: None, now: 1, record: "{" };
        let mut shown = Vec::new();
        for sql in statements(owner(), &edit).into_iter().chain([alone.statement()?]) {
            shown.push(planned(&lease, &sql).await?);
        }
        // Its statements are gone.
        lease.spoil();
        lease.back(Ok(shown)).await
    };
    let shown = store.pool.run("explain", None, explaining).await.unwrap();
    assert_eq!(shown.len(), 2);
    for steps in shown {
        assert!(steps.contains("(target = wanted.target)"), "{steps}");
        let looks = steps.lines().filter(|line| line.contains("Index Cond:") && line.contains("holder = $3"));
        assert!(looks.clone().count() > 0 && looks.clone().all(|line| line.contains("target = ")), "{steps}");
    }
}
