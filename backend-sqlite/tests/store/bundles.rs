//! Links that lie in more than one row: every edit, and those that an older layout had in a row each.

use std::collections::BTreeMap;

use backend_sqlite::{Options, SqliteStore};
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{ResourceId, Store};

use crate::common::*;

/// The members of a group: id, type, label.
async fn members_of(store: &SqliteStore, group: &str) -> Vec<(String, String, Option<String>)> {
    let select = Select::document().with_link(&rt("Group").links[0]);
    let records = store.read(&scope(), &Kind::new("Group"), &[ResourceId::new(group)], &select).await.unwrap();
    let links = records[0].links.iter().flat_map(|links| &links.links);
    let label = |label: &Option<scim_core::store::Label>| label.as_ref().map(ToString::to_string);
    links.map(|link| (link.target.id.to_string(), link.target.kind.to_string(), label(&link.display))).collect()
}

/// The ids of those whom a filter accepts.
async fn found(store: &SqliteStore, kind: &str, filter: &str) -> Vec<String> {
    let mut query = query(kind, Some(filter));
    query.window = scim_core::query::Window::Offset { skip: 0, count: 1_000 };
    ids(&store.query(&scope(), &query).await.unwrap().unwrap())
}

#[tokio::test]
async fn a_group_of_many_rows_holds_whom_it_was_told_to_hold() {
    const PEOPLE: usize = 150;
    let Home { store, dir: _dir } = Home::new().await;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let id = |n: usize| format!("{n:04}-{}", "x".repeat(31));
    let people: Vec<String> = (0..PEOPLE).map(id).collect();
    for person in &people {
        commit(&store, create("User", person, &user(person))).await.unwrap();
    }
    for name in ["g", "h"] {
        commit(&store, create("Group", name, &group(name))).await.unwrap();
    }
    commit(&store, members("add", "h", &people.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap();
    let mut names: BTreeMap<&str, String> = people.iter().map(|id| (id.as_str(), format!("{id} Smith"))).collect();
    let mut inside: Vec<&str> = Vec::new();
    for round in 0..120 {
        let mut some: Vec<&str> = (0..dice.roll(40) + 1).map(|_| people[dice.roll(PEOPLE)].as_str()).collect();
        some.sort_unstable();
        some.dedup();
        some.retain(|id| names.contains_key(id));
        // In no order.
        some.sort_by_key(|id| id.as_bytes().get(3).copied());
        let change = dice.pick(&["add", "add", "remove", "replace", "rename", "delete"]);
        match change {
            "rename" => {
                for id in some.iter().take(3) {
                    let name = format!("{}\"\\{round}", "long ".repeat(dice.roll(60)));
                    commit(
                        &store,
                        replace(
                            "User",
                            id,
                            &user(id).replace(&format!("{id} Smith"), &name.replace('\\', "\\\\").replace('"', "\\\"")),
                        ),
                    )
                    .await
                    .unwrap();
                    names.insert(id, name);
                }
            }
            "delete" => {
                if let Some(id) = some.first().filter(|_| round % 4 == 0) {
                    commit(&store, delete("User", id)).await.unwrap();
                    names.remove(id);
                    inside.retain(|own| own != id);
                }
            }
            _ => {
                commit(&store, members(change, "g", &some)).await.unwrap();
                match change {
                    "add" => inside.extend(&some),
                    "remove" => inside.retain(|id| !some.contains(id)),
                    _ => inside = some,
                }
                inside.sort_unstable();
                inside.dedup();
            }
        }
        for (group, expected) in [("g", inside.clone()), ("h", names.keys().copied().collect())] {
            let expected: Vec<_> =
                expected.iter().map(|id| ((*id).to_owned(), "User".to_owned(), Some(names[id].clone()))).collect();
            assert_eq!(members_of(&store, group).await, expected, "{group} after {change} in round {round}");
        }
        assert_eq!(found(&store, "User", "groups.value eq \"g\"").await, inside, "round {round}");
        let person = people[dice.roll(PEOPLE)].as_str();
        let holds =
            |id: &str| inside.contains(&id).then_some("g").into_iter().chain(names.contains_key(id).then_some("h"));
        let holders: Vec<_> = holds(person).collect();
        assert_eq!(found(&store, "Group", &format!("members.value eq \"{person}\"")).await, holders);
        assert_eq!(
            found(&store, "Group", &format!("members[value eq \"{person}\" and type eq \"User\"]")).await,
            holders
        );
    }
    commit(&store, delete("Group", "h")).await.unwrap();
    assert_eq!(found(&store, "User", "groups.value eq \"h\"").await, [""; 0]);
    assert_eq!(found(&store, "User", "groups pr").await, inside);
}

#[tokio::test]
async fn links_that_lay_in_rows_of_their_own_are_brought_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("scim.db");
    let old = laid_out(&path, 2);
    old.execute_batch(
        "INSERT INTO extent (tenant, kind, n, generation)
           VALUES ('acme', 'Group', 2, 0), ('acme', 'User', 25, 0), ('other', 'Group', 1, 0), ('other', 'User', 25, 0);",
    )
    .unwrap();
    let put = |tenant: &str, kind: &str, id: &str, label: Option<String>, document: &str| {
        let sql = "INSERT INTO resource (tenant, kind, id, version, created, modified, linked, label, document)
                   VALUES (?1, ?2, ?3, 1, 1, 2, ?2 = 'Group', ?4, ?5)";
        old.execute(sql, (tenant, kind, id, label, document)).unwrap();
    };
    for (tenant, id) in [("acme", "g1"), ("acme", "g2"), ("other", "g1")] {
        put(tenant, "Group", id, Some("All".to_owned()), &group("All"));
    }
    // More than lie in one row today, of two types, with and without labels, and of two tenants.
    let mut link = old.prepare("INSERT INTO link VALUES (?1, ?2, 'members', ?3, 'Group', ?4, ?5)").unwrap();
    let label = |n: u32| (!n.is_multiple_of(3)).then(|| format!("\"Ann\" \\ é{n}\n"));
    for n in 0..25 {
        for (tenant, id) in [("acme", format!("u{n:02}")), ("other", format!("v{n:02}"))] {
            put(tenant, "User", &id, label(n), &user(&id));
            link.execute((tenant, "g1", id, "User", label(n))).unwrap();
        }
    }
    link.execute(("acme", "g1", "g2", "Group", Some("All"))).unwrap();
    link.execute(("acme", "g2", "u03", "User", label(3))).unwrap();
    drop(link);
    let store = SqliteStore::open(Options::new(&path)).unwrap();
    store.prepare(&tenant(), registry().types()).await.unwrap();
    let person = |n: u32| (format!("u{n:02}"), "User".to_owned(), label(n));
    let mut expected = vec![("g2".to_owned(), "Group".to_owned(), Some("All".to_owned()))];
    expected.extend((0..25).map(person));
    assert_eq!(members_of(&store, "g1").await, expected);
    assert_eq!(members_of(&store, "g2").await, [person(3)]);
    assert_eq!(found(&store, "Group", "members.value eq \"u03\"").await, ["g1", "g2"]);
    assert_eq!(found(&store, "Group", "members.value eq \"v03\"").await, [""; 0]);
    // They are changed as if they had been written today.
    let gone = ["g2", "u00", "u12", "u24"];
    commit(&store, members("remove", "g1", &gone)).await.unwrap();
    expected.retain(|(id, ..)| !gone.contains(&id.as_str()));
    assert_eq!(members_of(&store, "g1").await, expected);
    assert_eq!(found(&store, "Group", "members.value eq \"u24\"").await, [""; 0]);
    assert_eq!(found(&store, "Group", "members.display eq \"\\\"Ann\\\" \\\\ é4\\n\"").await, ["g1"]);
}
