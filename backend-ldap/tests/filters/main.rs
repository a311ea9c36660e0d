//! Random filters against a real directory: what it finds is what SCIM's own rules find among the same entries.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, helpers included")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use backend_ldap::LdapStore;
use backend_ldap::directory::{Address, Call, Credentials, Directory, Options};
use backend_ldap::ldap::{AttributeName, Dn, Operation, Rdn};
use backend_ldap::mapping::settings::TypeSettings;
use backend_ldap::settings::Settings;
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd};
use futures_util::TryStreamExt;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use scim_core::access::Profile;
use scim_core::clock::Timestamp;
use scim_core::filter::{self, eval};
use scim_core::limits::Limits;
use scim_core::query::{Query, Select, Source, Window, walk};
use scim_core::schema::{Kind, Registry};
use scim_core::store::{Record, Scan, Scope, Store, TenantId};
use tokio::runtime::Runtime;

const PEOPLE: &str = "ou=people,dc=example,dc=org";

/// Values that differ by what directories and SCIM think of differently: case, blanks, foldings, special characters.
const VALUES: &[&str] = &[
    "anna",
    "ANNA",
    "Anna Maria",
    "anna  maria",
    "annamaria",
    "Straße",
    "STRASSE",
    "strasse",
    "zoë",
    "Zoe\u{308}",
    "ZOË",
    "a*b",
    "a(b)c",
    "a\\b",
    "ΣΊΣΥΦΟΣ",
    "σίσυφος",
    "ﬁ",
    "fi",
    "K",
    "\u{212a}",
    "\u{1f680}",
    "x-1",
    "x 1",
    "Жук",
    "жук",
];

/// What was found by chance, once.
const FOUND_ONCE: &[&str] = &["userName co \"SE\"", "userName ew \"s\"", "userName sw \"stras\"", "userName sw \"s\""];

fn scope() -> Scope {
    Scope {
        tenant: TenantId::new("acme"),
        actor: "test".into(),
        request: "test".into(),
        now: Timestamp::default(),
        deadline: None,
    }
}

async fn load(directory: &Directory) {
    for (n, value) in VALUES.iter().enumerate() {
        let name = AttributeName::known;
        let other = VALUES[(n * 7 + 3) % VALUES.len()];
        let mut attributes = vec![
            (name("objectClass"), vec!["inetOrgPerson".into()]),
            (name("sn"), vec![other.into()]),
            (name("cn"), vec![(*value).into()]),
            (name("uid"), vec![format!("{value}{n}").into()]),
        ];
        if n % 2 == 0 {
            attributes.push((name("title"), vec![(*value).into()]));
        }
        if n % 3 == 0 {
            attributes.push((name("mail"), vec![format!("m{n}@Example.org").into(), format!("M{n}@x.org").into()]));
        }
        if n % 4 == 0 {
            attributes.push((name("telephoneNumber"), vec![format!("+1 555 {n:03}").into()]));
        }
        let rdn = Rdn::new(name("uid"), format!("{value}{n}")).unwrap();
        let dn = Dn::parse(PEOPLE).unwrap().child(&rdn);
        directory.perform(&Call::default(), &Operation::Add { dn, attributes }.into()).await.unwrap();
    }
}

/// A comparison as text.
fn leaf() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec![
        "userName",
        "title",
        "name.familyName",
        "name.formatted",
        "displayName",
        "emails.value",
    ]);
    let op = prop::sample::select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    let value = prop::sample::select(VALUES.to_vec()).prop_flat_map(|value| {
        let count = value.chars().count();
        (Just(value), 0..count, 1..=count)
            .prop_map(|(value, from, length)| value.chars().skip(from).take(length).collect::<String>())
    });
    let compared = (text.clone(), op, value.clone())
        .prop_map(|(at, op, value)| format!("{at} {op} {}", serde_json::Value::from(value)));
    let element = (
        prop::sample::select(vec!["work", "home", "mobile"]),
        prop::sample::select(vec!["co", "eq", "sw"]),
        0..25_usize,
    )
        .prop_map(|(kind, op, n)| format!("emails[type eq \"{kind}\" and value {op} \"M{n}@\"]"));
    let phones = prop::sample::select(vec![
        "phoneNumbers[type eq \"work\" and not (value co \"555\")]",
        "phoneNumbers[type eq \"mobile\"]",
        "phoneNumbers.value co \"1 5\"",
        "active eq true",
        "active ne true",
        "emails pr",
        "emails[primary eq true]",
        "meta.created gt \"2020-01-01T00:00:00Z\"",
        "meta.lastModified lt \"2020-01-01T00:00:00Z\"",
        "id eq \"nobody\"",
        "not (id eq \"nobody\")",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager pr",
    ]);
    prop_oneof![
        4 => compared,
        1 => text.prop_map(|at| format!("{at} pr")),
        1 => element,
        1 => phones.prop_map(str::to_owned),
    ]
}

fn filters() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" or "))),
            inner.prop_map(|one| format!("not ({one})")),
        ]
    })
}

#[test]
fn the_directory_finds_what_scim_finds() {
    let slapd = Slapd::start(&Setup::furnished()).unwrap();
    let runtime = Runtime::new().unwrap();
    let kind = Kind::new("User");
    let (store, registry, all) = runtime.block_on(async {
        let credentials = Credentials::Simple { dn: Dn::parse(ADMIN).unwrap(), password: PASSWORD.to_owned().into() };
        let long = std::time::Duration::from_secs(60);
        let options = Options {
            credentials,
            connect_time: long,
            operation_time: long,
            ..Options::new(vec![Address::parse(&slapd.url()).unwrap()])
        };
        let directory = Directory::open(options).unwrap();
        load(&directory).await;
        let at = |base: &str| TypeSettings { base: Some(base.to_owned()), ..TypeSettings::default() };
        let (users, groups) = (at(PEOPLE), at("ou=groups,dc=example,dc=org"));
        let store = LdapStore::open(directory, Settings { users, groups, ..Settings::default() }).await.unwrap();
        let wanted = Registry::standard();
        let shortfalls = store.prepare(&scope().tenant, wanted.types()).await.unwrap();
        let registry = Arc::new(wanted.narrowed(&shortfalls));
        let select =
            registry.kind(&kind).unwrap().links.iter().fold(Select::document(), |all, link| all.with_link(link));
        let scan = Scan { kind: kind.clone(), filter: None, select };
        let all: Vec<Record> = store.scan(&scope(), scan).try_collect().await.unwrap();
        (store, registry, all)
    });
    assert_eq!(all.len(), VALUES.len());
    let rt = registry.kind(&kind).unwrap();
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let (compared, some) = (Cell::new(0), Cell::new(0));
    let check = |text: String| {
        let parsed = filter::parse(&text, &Limits::default()).unwrap();
        let Ok(bound) = filter::bind::bind(&parsed, rt, &Profile::Strict.rules()) else { return Ok(()) };
        let expected: BTreeSet<_> =
            all.iter().filter(|record| eval::matches(&bound, record)).map(|record| record.key.id.clone()).collect();
        let query = Query {
            from: vec![Source { kind: kind.clone(), filter: Some(bound), sort: None }],
            order: None,
            window: Window::Offset { skip: 0, count: 1_000 },
            select: Select::bare(),
            total: true,
        };
        let page = runtime.block_on(walk::page(&store, &scope(), &registry, &Limits::default(), &query));
        let found: BTreeSet<_> = page.unwrap().records.into_iter().map(|record| record.key.id).collect();
        compared.set(compared.get() + 1);
        some.set(some.get() + usize::from(!found.is_empty()));
        prop_assert_eq!(found, expected, "{}", text);
        Ok(())
    };
    for text in FOUND_ONCE {
        check((*text).to_owned()).unwrap();
    }
    let ran = runner.run(&filters(), check);
    let (compared, some) = (compared.get(), some.get());
    assert!(compared > 100 && some > 50, "{compared} filters were compared, {some} found somebody");
    assert!(ran.is_ok(), "{}", ran.unwrap_err());
}
