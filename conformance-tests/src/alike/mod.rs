//! Random histories and random lists: stores and the reference store are not to be told apart. Every store is given the
//! same documents, changes, filters, sorts, windows and cursors, and must give the same answers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

pub mod making;

use futures_util::StreamExt;
use scim_core::change::{Change, LinkEdit, Mutation};
use scim_core::limits::Limits;
use scim_core::path;
use scim_core::query::{Order, Page, Position, Query, Select, SortKey, Source, Window, walk};
use scim_core::schema::Kind;
use scim_core::store::memory::MemoryStore;
use scim_core::store::{Pushdown, ResourceId, Scan, Store};

use making::*;

const NAMES: &[&str] =
    &["Ann", "bob", "Ännchen", "ßtraße", "STRASSE", "Zoë", "a%b", "O'Neil", "q\"uote", "ann lee", "x"];

fn random_user(dice: &mut Dice) -> String {
    let name = format!("{}{}", dice.pick(NAMES), dice.roll(40));
    let mut document = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
    });
    if dice.roll(3) > 0 {
        document["displayName"] = dice.pick(NAMES).into();
    }
    if dice.roll(2) > 0 {
        document["externalId"] = format!("E{}", dice.roll(9)).into();
    }
    if dice.roll(2) > 0 {
        document["active"] = (dice.roll(2) > 0).into();
    }
    if dice.roll(2) > 0 {
        document["title"] = dice.pick(NAMES).into();
    }
    let mut emails = Vec::new();
    for _ in 0..dice.roll(4) {
        let mut email = serde_json::json!({"value": format!("{}@{}.org", dice.pick(&["a", "B", "c", "ä"]), dice.pick(&["x", "Y"]))});
        if dice.roll(2) > 0 {
            email["type"] = dice.pick(&["work", "home", "Work"]).into();
        }
        if dice.roll(3) == 0 {
            email["primary"] = (dice.roll(2) > 0).into();
        }
        emails.push(email);
    }
    if !emails.is_empty() {
        document["emails"] = emails.into();
    }
    if dice.roll(2) > 0 {
        document["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] =
            serde_json::json!({"department": dice.pick(NAMES), "employeeNumber": dice.roll(9).to_string()});
    }
    document.to_string()
}

fn some_ids(dice: &mut Dice, users: usize, groups: usize) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..dice.roll(4) {
        let id =
            if dice.roll(4) == 0 { format!("g{:02}", dice.roll(groups)) } else { format!("u{:03}", dice.roll(users)) };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

fn random_mutation(dice: &mut Dice) -> Mutation {
    const USERS: usize = 90;
    const GROUPS: usize = 9;
    let (user_id, group_id) = (format!("u{:03}", dice.roll(USERS)), format!("g{:02}", dice.roll(GROUPS)));
    match dice.roll(12) {
        0..=3 => create("User", &user_id, &random_user(dice)),
        4 => create("Group", &group_id, &group(dice.pick(NAMES))),
        5 => replace("User", &user_id, &random_user(dice)),
        6 => replace("Group", &group_id, &group(dice.pick(NAMES))),
        7 => delete("User", &user_id),
        8 if dice.roll(4) == 0 => delete("Group", &group_id),
        9 => {
            let at = rt("User").links[0].clone();
            let manager = (ResourceId::new(&format!("u{:03}", dice.roll(USERS))), at.kinds.clone());
            let targets = if dice.roll(4) == 0 { vec![] } else { vec![manager] };
            modify("User", &user_id, Change::Known(Box::new(links(LinkEdit::Replace { at, targets }))))
        }
        kind => {
            let how = match kind {
                10 => "remove",
                _ => dice.pick(&["add", "add", "add", "replace"]),
            };
            let targets = some_ids(dice, USERS, GROUPS);
            members(how, &group_id, &targets.iter().map(String::as_str).collect::<Vec<_>>())
        }
    }
}

fn text(dice: &mut Dice) -> String {
    let name = dice.pick(NAMES);
    let from = dice.roll(name.chars().count());
    let part: String = name.chars().skip(from).take(1 + dice.roll(4)).collect();
    serde_json::Value::from(dice.pick(&[name, &*part, "e1", "E3", "a@x.org", "u001", "g01", "work"])).to_string()
}

fn random_leaf(dice: &mut Dice, kind: &str) -> String {
    let user: &[&str] = &[
        "userName",
        "displayName",
        "externalId",
        "emails.value",
        "emails",
        "emails.type",
        "title",
        "id",
        "schemas",
        "meta.resourceType",
        "meta.version",
        "department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
        "groups.value",
        "groups.display",
    ];
    let group: &[&str] =
        &["displayName", "members.value", "members.display", "members.type", "members", "id", "externalId"];
    let names = if kind == "User" { user } else { group };
    let name = dice.pick(names);
    match dice.roll(14) {
        0 => format!("{name} pr"),
        1 if kind == "User" => format!("active eq {}", dice.pick(&["true", "false"])),
        2 => {
            let op = dice.pick(&["eq", "ne", "gt", "ge", "lt", "le"]);
            let time = dice.pick(&["1970-01-01T00:00:01Z", "1970-01-01T00:00:01.0000005Z", "1970-01-01T00:00:01.030Z"]);
            format!("meta.lastModified {op} \"{time}\"")
        }
        3 if kind == "User" => {
            let inner = dice.pick(&[
                "type eq \"work\"",
                "primary eq true",
                "primary eq false",
                "value co \"a@\" and type ne \"home\"",
                "not (type pr)",
            ]);
            format!("emails[{inner}]")
        }
        3 => format!(
            "members[type eq {} and value {} {}]",
            dice.pick(&["\"User\"", "\"group\""]),
            dice.pick(&["eq", "sw"]),
            text(dice)
        ),
        4 if kind == "User" => format!("emails.primary {} {}", dice.pick(&["eq", "ne"]), dice.pick(&["true", "false"])),
        _ => {
            let op = dice.pick(&["eq", "eq", "eq", "ne", "co", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
            format!("{name} {op} {}", text(dice))
        }
    }
}

fn random_filter(dice: &mut Dice, kind: &str, depth: usize) -> String {
    match dice.roll(if depth == 0 { 1 } else { 6 }) {
        3 => format!("({} and {})", random_filter(dice, kind, depth - 1), random_filter(dice, kind, depth - 1)),
        4 => format!("({} or {})", random_filter(dice, kind, depth - 1), random_filter(dice, kind, depth - 1)),
        5 => format!("not ({})", random_filter(dice, kind, depth - 1)),
        _ => random_leaf(dice, kind),
    }
}

fn parse(kind: &str, text: &str) -> Option<scim_core::filter::BoundFilter> {
    let filter = scim_core::filter::parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
    // Some operators fit no such attribute: those are no filters.
    scim_core::filter::bind::bind(&filter, &rt(kind), &scim_core::access::Profile::Compatible.rules()).ok()
}

async fn page(store: &dyn Store, query: &Query) -> Page {
    walk::page(store, &scope(), registry(), &Limits::default(), query).await.unwrap()
}

async fn same_lists(store: &dyn Store, memory: &dyn Store, dice: &mut Dice) -> bool {
    let kind = dice.pick(&["User", "User", "Group"]);
    let text = random_filter(dice, kind, 2);
    let Some(filter) = parse(kind, &text) else { return false };
    let user: &[&str] = &[
        "userName",
        "displayName",
        "emails",
        "title",
        "active",
        "meta.lastModified",
        "meta.created",
        "id",
        "department",
    ];
    let sort = match dice.roll(3) {
        0 => Some(dice.pick(if kind == "User" {
            user
        } else {
            &["displayName", "externalId", "members", "meta.lastModified"]
        })),
        _ => None,
    };
    let sort_at = sort.map(|name| {
        let at = path::attribute(name, &rt(kind), true).unwrap();
        match at.attr().sub("value") {
            Some(value) if at.sub().is_none() && at.leaf().is_complex() => at.with_sub(value.clone()),
            _ => at,
        }
    });
    let filter = (dice.roll(4) > 0).then_some(filter);
    let order = sort.map(|_| if dice.roll(2) == 0 { Order::Ascending } else { Order::Descending });
    let mut from = vec![Source { kind: Kind::new(kind), filter, sort: sort_at }];
    if dice.roll(6) == 0 {
        let other = if kind == "User" { "Group" } else { "User" };
        from.push(Source { kind: Kind::new(other), filter: None, sort: None });
    }
    let count = u32::try_from(dice.roll(12)).unwrap();
    let mut select = if dice.roll(4) == 0 { Select::bare() } else { Select::document() };
    if kind == "Group" && dice.roll(2) == 0 {
        select = select.with_link(&rt("Group").links[0]);
        select.links[0].at_most = Some(2);
    }
    let skip = u64::try_from(dice.roll(20)).unwrap();
    let mut query = Query { from, order, window: Window::Offset { skip, count }, select, total: dice.roll(5) > 0 };
    for _ in 0..4 {
        let (ours, theirs) = (page(store, &query).await, page(memory, &query).await);
        let what = format!("{text} {query:?}");
        assert_eq!(ids(&ours), ids(&theirs), "{what}");
        assert_eq!(ours.records, theirs.records, "{what}");
        assert_eq!((ours.total, ours.more, &ours.ends), (theirs.total, theirs.more, &theirs.ends), "{what}");
        let Some((first, last)) = ours.ends else { break };
        let nowhere = Position { key: SortKey::Absent, id: ResourceId::new("u0405") };
        query.window = match dice.roll(5) {
            0 | 1 => Window::After { position: last, count },
            2 | 3 => Window::Before { position: first, count },
            _ if order.is_none() => Window::After { position: nowhere, count },
            _ => break,
        };
    }
    let source = &query.from[0];
    if let Some(filter) = &source.filter
        && let Pushdown::Exact(pushed) | Pushdown::Superset(pushed) = store.pushdown(&source.kind, filter)
    {
        let scan = Scan { kind: source.kind.clone(), filter: Some(pushed.clone()), select: Select::bare() };
        let own = scope();
        let found: Vec<_> = store.scan(&own, scan).map(|record| record.unwrap().key.id.to_string()).collect().await;
        let query = Query {
            from: vec![Source { filter: Some(pushed), ..source.clone() }],
            order: None,
            window: Window::Offset { skip: 0, count: 1_000 },
            select: Select::bare(),
            total: false,
        };
        let mut found = found;
        found.sort();
        assert_eq!(found, ids(&page(memory, &query).await), "scan {text}");
    }
    true
}

/// Gives the stores and the reference store one history of so many steps, told by its seed; and from its first third on, a
/// list at every step. The stores must be empty, and prepared for [`making::tenant`] and [`making::registry`].
///
/// # Panics
/// Where a store and the reference store differ.
pub async fn history(seed: u64, steps: usize, stores: &[&dyn Store]) {
    let memory = MemoryStore::new();
    let mut dice = Dice(seed);
    let mut lists = 0;
    for step in 0..steps {
        let now = scope_at(1_000 + i64::try_from(step).unwrap() / 8);
        let mut batch = vec![random_mutation(&mut dice)];
        if dice.roll(5) == 0 {
            batch.push(random_mutation(&mut dice));
        }
        for mutation in &mut batch {
            mutation.reply = Some(Select::document().with_link(&rt("Group").links[0]));
        }
        let theirs = memory.commit(&now, batch.clone()).await;
        for store in stores {
            let ours = store.commit(&now, batch.clone()).await;
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(&theirs) {
                match (ours, theirs) {
                    (Ok(ours), Ok(theirs)) => {
                        let same =
                            (&ours.id, &ours.version, ours.effect) == (&theirs.id, &theirs.version, theirs.effect);
                        assert!(same, "{store:?} {ours:?} {theirs:?} {batch:?}");
                        assert_eq!(ours.record, theirs.record, "{store:?} {batch:?}");
                    }
                    (Err(ours), Err(theirs)) => {
                        let (ours, theirs) = (format!("{:?}", ours.kind), format!("{:?}", theirs.kind));
                        assert_eq!(ours, theirs, "{store:?} {batch:?}");
                    }
                    (ours, theirs) => panic!("{store:?} {ours:?} {theirs:?} {batch:?}"),
                }
            }
        }
        if step > steps / 3 {
            let rolled = dice.clone();
            let mut compared = same_lists(&memory, &memory, &mut dice).await;
            for store in stores {
                compared = same_lists(*store, &memory, &mut rolled.clone()).await;
            }
            lists += usize::from(compared);
        }
    }
    assert!(lists > steps / 4, "{lists}");
    let theirs = log(&memory).await;
    for store in stores {
        assert_eq!(log(*store).await, theirs, "{store:?}");
    }
}

/// The change log, without positions: those are the store's own.
async fn log(store: &dyn Store) -> Vec<serde_json::Value> {
    let lines = store.change_log().unwrap().read(0, 10_000).await.unwrap();
    lines.into_iter().map(|line| line.record).collect()
}
