//! Types, records and random filters for tests.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::access::Profile;
use crate::clock::Timestamp;
use crate::document::Document;
use crate::limits::Limits;
use crate::path::{self, AttrPath};
use crate::schema::registry::{Options, Registry};
use crate::schema::{Kind, LinkType, ResourceType};
use crate::store::{Key, Label, Link, Links, Record, ResourceId, Version};

use super::{BoundFilter, Compare, Filter, Leaf, Literal, bind, eval};

/// The standard types, User with the extension for tests.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let text = include_str!("../../../conformance-tests/data/TestUser.json").to_owned();
        let file = crate::schema::SchemaFile { source: "TestUser.json".into(), text, extends: Some("User".into()) };
        Registry::compile(&[file], &Options::default()).unwrap()
    })
}

/// A type of [`registry`].
pub(crate) fn kind(name: &str) -> &'static Arc<ResourceType> {
    registry().kind(&Kind::new(name)).unwrap()
}

/// The records of filter-data.json.
pub(crate) fn records() -> &'static [Record] {
    static RECORDS: OnceLock<Vec<Record>> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let data = include_str!("../../../conformance-tests/data/filter-data.json");
        serde_json::from_str::<Vec<Map<String, Value>>>(data).unwrap().into_iter().map(record).collect()
    })
}

/// Those of users.
pub(crate) fn users() -> impl Iterator<Item = &'static Record> {
    records().iter().filter(|record| record.key.kind.as_str() == "User")
}

/// As it would be stored: links apart from the document, the rest in order.
fn record(mut resource: Map<String, Value>) -> Record {
    let meta = resource.remove("meta").unwrap();
    let id = resource.remove("id").unwrap();
    let kind = kind(meta["resourceType"].as_str().unwrap());
    let mut links = Vec::new();
    for link in &kind.links {
        let holder = match link.at.extension() {
            None => &mut resource,
            Some(urn) => match resource.get_mut(urn.as_ref()) {
                Some(extension) => extension.as_object_mut().unwrap(),
                None => continue,
            },
        };
        if let Some(values) = holder.remove(&link.at.attr().name) {
            links.push(links_of(link, values));
        }
    }
    let time = |name: &str| {
        let nanoseconds = super::instant(meta[name].as_str().unwrap()).unwrap();
        Timestamp::from_millis(i64::try_from(nanoseconds / 1_000_000).unwrap())
    };
    Record {
        key: Key { kind: kind.kind.clone(), id: ResourceId::new(id.as_str().unwrap()) },
        version: Version::new("1"),
        created: time("created"),
        modified: time("lastModified"),
        document: Document::from_stored(serde_json::to_string(&resource).unwrap()),
        links,
    }
}

fn links_of(link: &Arc<LinkType>, values: Value) -> Links {
    let values = match values {
        Value::Array(values) => values,
        one => vec![one],
    };
    let text = |value: &Value, name: &str| value[name].as_str().map(Label::from);
    let links = values
        .iter()
        .map(|value| Link {
            target: Key {
                kind: Kind::new(value["type"].as_str().unwrap_or("User")),
                id: ResourceId::new(value["value"].as_str().unwrap()),
            },
            display: text(value, "display").or_else(|| text(value, "displayName")),
            indirect: false,
        })
        .collect();
    Links { at: link.at.clone(), links, whole: true }
}

/// A filter on users, bound by the compatible profile.
pub(crate) fn user_filter(text: &str) -> BoundFilter {
    let filter = super::parse(text, &Limits::default()).unwrap();
    bind::bind(&filter, kind("User"), &Profile::Compatible.rules()).unwrap()
}

/// [`eval::matches`].
pub(crate) fn matches(filter: &BoundFilter, record: &Record) -> bool {
    eval::matches(filter, record)
}

/// The filter with those comparisons true that the test names.
pub(crate) fn widened(filter: &BoundFilter, wide: &dyn Fn(&Leaf) -> bool) -> BoundFilter {
    match filter {
        BoundFilter::Leaf(leaf) if wide(leaf) => BoundFilter::Constant(true),
        BoundFilter::Element(at, inner) => BoundFilter::element(at.clone(), widened(inner, wide)),
        BoundFilter::And(parts) => BoundFilter::all(parts.iter().map(|part| widened(part, wide))),
        BoundFilter::Or(parts) => BoundFilter::any(parts.iter().map(|part| widened(part, wide))),
        BoundFilter::Not(inner) => widened(inner, wide).not(),
        other => other.clone(),
    }
}

/// The path to an attribute of User.
pub(crate) fn at(name: &str) -> AttrPath {
    path::attribute(name, kind("User"), true).unwrap()
}

/// Literals of every type.
pub(crate) fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Boolean),
        any::<i64>().prop_map(|n| Literal::Number(n.into())),
        any::<f64>().prop_filter_map("finite", |n| serde_json::Number::from_f64(n).map(Literal::Number)),
        "[^\0]{0,12}".prop_map(Literal::Text),
    ]
}

/// Well-formed filters: names as they may be written, known or not.
pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let name = prop_oneof![
        "[a-zA-Z$]?[a-zA-Z][a-zA-Z0-9_$-]{0,6}",
        "[a-z]{1,6}\\.[$]?[a-z]{1,6}",
        "urn:[a-z]{1,4}:[0-9]\\.[0-9]:[a-z]{1,6}",
        Just("not".to_owned()),
        Just("and".to_owned()),
        Just("pr".to_owned()),
    ];
    within(comparison(name)).prop_flat_map(|outer| {
        let inner = within(comparison("[a-z]{1,5}"));
        let then = proptest::option::of(comparison("[$]?[a-z]{1,5}"));
        (Just(outer), proptest::option::of((inner, then))).prop_map(|(outer, element)| match element {
            None => outer,
            Some((inner, then)) => {
                let element = Filter::Element { at: "a.b".into(), filter: Box::new(inner), then: then.map(Box::new) };
                Filter::any(vec![outer, element])
            }
        })
    })
}

fn comparison(name: impl Strategy<Value = String>) -> impl Strategy<Value = Filter> {
    let op = proptest::sample::select(Compare::ALL.to_vec());
    (name, proptest::option::of((op, literal()))).prop_map(|(name, comparison)| match comparison {
        Some((op, literal)) => Filter::Compare(name, op, literal),
        None => Filter::Present(name),
    })
}

fn within(leaf: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::all),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

/// Bound filters that tell the users of the test data apart.
pub(crate) fn bound() -> impl Strategy<Value = BoundFilter> {
    const LEAVES: &[&str] = &[
        "userName sw \"j\"",
        "userName gt \"k\"",
        "title pr",
        "title co \"a\"",
        "active eq true",
        "active ne true",
        "userType eq \"employee\"",
        "emails.type ne \"work\"",
        "emails[type eq \"work\"]",
        "emails[type eq \"home\" and not (primary eq true)]",
        "emails[type ne \"home\" or display pr]",
        "ims pr",
        "not (emails[value co \"example\"])",
        "meta.lastModified gt \"2013-01-01T00:00:00Z\"",
        "manager.value eq \"u2\"",
        "num ge 0",
        "flag eq false",
        "blob eq \"AQID\"",
        "tags[value eq \"green\"]",
        "when lt \"2021-01-01T00:00:00.000000001Z\"",
        "dec ge -1.5e3",
        "id gt \"u3\"",
    ];
    proptest::sample::select(LEAVES).prop_map(user_filter).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(BoundFilter::all),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(BoundFilter::any),
            inner.prop_map(BoundFilter::not),
        ]
    })
}
