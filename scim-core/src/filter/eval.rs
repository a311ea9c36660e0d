//! Does a record satisfy a filter? The one answer that every backend must agree with.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::name::{TextRule, same};
use crate::path::AttrPath;
use crate::schema::{AttributeDef, Place, Type};
use crate::store::{Link, Record};

use super::{BoundFilter, Compare, Leaf, Number, Operand};

/// Does the record satisfy the filter? It must show what [`BoundFilter::reads`] names.
pub fn matches(filter: &BoundFilter, record: &Record) -> bool {
    holds(filter, &Source::Record(record, &Document::Lazy(OnceCell::new())))
}

/// The same, where the document is parsed already.
pub fn matches_parsed(filter: &BoundFilter, record: &Record, document: &Map<String, Value>) -> bool {
    holds(filter, &Source::Record(record, &Document::Parsed(document)))
}

/// Does one element satisfy the filter that stood in the brackets behind `at`? `value` is the element as it stands in
/// the document: an object, or a simple value.
pub fn element(filter: &BoundFilter, at: &AttrPath, value: &Value) -> bool {
    holds(filter, &Source::Element(at.attr(), value))
}

/// Where values are looked for.
enum Source<'a> {
    Record(&'a Record, &'a Document<'a>),
    Element(&'a AttributeDef, &'a Value),
    Link(&'a Link, Place),
}

enum Document<'a> {
    Lazy(OnceCell<Map<String, Value>>),
    Parsed(&'a Map<String, Value>),
}

impl Document<'_> {
    fn attributes(&self, record: &Record) -> &Map<String, Value> {
        match self {
            Document::Lazy(cell) => cell.get_or_init(|| record.document.parse()),
            Document::Parsed(map) => map,
        }
    }
}

/// One value of an attribute, wherever it came from.
enum Item<'a> {
    Json(&'a Value),
    Text(&'a str),
    Instant(i128),
    Version(&'a str),
}

fn holds(filter: &BoundFilter, source: &Source<'_>) -> bool {
    match filter {
        BoundFilter::Constant(value) => *value,
        BoundFilter::Leaf(leaf) => leaf_holds(leaf, source),
        BoundFilter::Element(at, inner) => source.any_element(at, inner),
        BoundFilter::And(parts) => parts.iter().all(|part| holds(part, source)),
        BoundFilter::Or(parts) => parts.iter().any(|part| holds(part, source)),
        BoundFilter::Not(inner) => !holds(inner, source),
    }
}

fn leaf_holds(leaf: &Leaf, source: &Source<'_>) -> bool {
    match leaf {
        Leaf::Present(at) => source.any(at, false, &mut |item| item.is_assigned()),
        Leaf::Compare(at, op, operand) => {
            let equality = matches!(op, Compare::Eq | Compare::Ne);
            let mut seen = false;
            let found = source.any(at, equality, &mut |item| {
                seen |= item.is_assigned();
                item.is_assigned() && compares(&item, *op, operand, at.leaf())
            });
            found || (!seen && leaf.of_nothing())
        }
    }
}

impl Source<'_> {
    /// Does `test` accept one of the values at a path? With `assume`, a missing `primary` is false (RFC 7643 section 2.4).
    fn any(&self, at: &AttrPath, assume: bool, test: &mut dyn FnMut(Item<'_>) -> bool) -> bool {
        let sub = at.sub().map(AsRef::as_ref);
        match self {
            Source::Element(attr, value) => any_in_element(value, attr, sub, assume, test),
            Source::Link(link, place) => any_of_link(link, *place, sub, test),
            Source::Record(record, document) => match at.place() {
                Place::Document => match value_of(document.attributes(record), at) {
                    Some(Value::Array(elements)) => {
                        elements.iter().any(|element| any_in_element(element, at.attr(), sub, assume, test))
                    }
                    Some(value) => any_in_element(value, at.attr(), sub, assume, test),
                    None => false,
                },
                Place::Id => test(Item::Text(record.key.id.as_str())),
                Place::Meta => any_of_meta(record, sub, test),
                place @ (Place::Link | Place::Reverse) => {
                    record.links(at).iter().any(|link| any_of_link(link, place, sub, test))
                }
                Place::Secret => false,
            },
        }
    }

    fn any_element(&self, at: &AttrPath, inner: &BoundFilter) -> bool {
        let Source::Record(record, document) = self else { return false };
        match at.place() {
            Place::Document => match value_of(document.attributes(record), at) {
                Some(Value::Array(elements)) => {
                    elements.iter().any(|element| holds(inner, &Source::Element(at.attr(), element)))
                }
                _ => false,
            },
            place @ (Place::Link | Place::Reverse) => {
                record.links(at).iter().any(|link| holds(inner, &Source::Link(link, place)))
            }
            Place::Id | Place::Meta | Place::Secret => false,
        }
    }
}

fn value_of<'a>(attributes: &'a Map<String, Value>, at: &AttrPath) -> Option<&'a Value> {
    match at.extension() {
        None => attributes.get(&at.attr().name),
        Some(urn) => attributes.get(urn.as_ref())?.get(&at.attr().name),
    }
}

fn any_in_element(
    element: &Value,
    attr: &AttributeDef,
    sub: Option<&AttributeDef>,
    assume: bool,
    test: &mut dyn FnMut(Item<'_>) -> bool,
) -> bool {
    let Some(sub) = sub else { return test(Item::Json(element)) };
    match element.get(&sub.name) {
        Some(Value::Array(values)) => values.iter().any(|value| test(Item::Json(value))),
        Some(value) => test(Item::Json(value)),
        None if assume && attr.multi_valued && sub.name == "primary" && sub.ty == Type::Boolean => {
            test(Item::Json(&Value::Bool(false)))
        }
        None => false,
    }
}

fn any_of_link(link: &Link, place: Place, sub: Option<&AttributeDef>, test: &mut dyn FnMut(Item<'_>) -> bool) -> bool {
    let named = |name| sub.is_none_or(|sub| same(&sub.name, name));
    test(Item::Text(match () {
        () if named("value") || named("$ref") => link.target.id.as_str(),
        () if named("type") && place == Place::Link => link.target.kind.as_str(),
        () if named("type") && link.indirect => "indirect",
        () if named("type") => "direct",
        () => return link.display.as_deref().is_some_and(|display| test(Item::Text(display))),
    }))
}

fn any_of_meta(record: &Record, sub: Option<&AttributeDef>, test: &mut dyn FnMut(Item<'_>) -> bool) -> bool {
    let instant = |millis: i64| Item::Instant(i128::from(millis) * 1_000_000);
    test(match sub.map(|sub| sub.name.as_str()) {
        None | Some("resourceType") => Item::Text(record.key.kind.as_str()),
        Some("created") => instant(record.created.millis()),
        Some("lastModified") => instant(record.modified.millis()),
        Some("version") => Item::Version(record.version.as_str()),
        Some("location") => Item::Text(record.key.id.as_str()),
        Some(_) => return false,
    })
}

impl Item<'_> {
    fn is_assigned(&self) -> bool {
        match self {
            Item::Json(value) => is_assigned(value),
            Item::Text(text) | Item::Version(text) => !text.is_empty(),
            Item::Instant(_) => true,
        }
    }

    fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Item::Json(Value::String(text)) => Some(Cow::Borrowed(text)),
            Item::Text(text) => Some(Cow::Borrowed(text)),
            Item::Version(version) => Some(Cow::Owned(format!("W/\"{version}\""))),
            Item::Json(_) | Item::Instant(_) => None,
        }
    }
}

/// Null, an empty string and whatever holds nothing else are no values (RFC 7643 section 2.5).
fn is_assigned(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_assigned),
        Value::Object(members) => members.values().any(is_assigned),
    }
}

fn compares(item: &Item<'_>, op: Compare, operand: &Operand, def: &AttributeDef) -> bool {
    match (operand, item) {
        (Operand::Text { raw, .. }, Item::Version(version)) if matches!(op, Compare::Eq | Compare::Ne) => {
            is_version(raw, version) == (op == Compare::Eq)
        }
        (Operand::Text { key, .. }, item) => match item.text() {
            Some(text) => text_compares(def.text, &text, op, key),
            None => op == Compare::Ne,
        },
        (Operand::Boolean(wanted), Item::Json(Value::Bool(value))) => ordered(op, value.cmp(wanted)),
        (Operand::Number(wanted), Item::Json(Value::Number(value))) => {
            ordered(op, Number::from_json(value).compare(*wanted))
        }
        (Operand::Instant(wanted), Item::Instant(value)) => ordered(op, value.cmp(wanted)),
        (Operand::Instant(wanted), Item::Json(Value::String(text))) => match super::instant(text) {
            Some(value) => ordered(op, value.cmp(wanted)),
            None => op == Compare::Ne,
        },
        (Operand::Bytes(wanted), Item::Json(Value::String(text))) => {
            let equal = super::decode_base64(text, def.url_safe).is_some_and(|bytes| bytes == *wanted);
            equal == (op == Compare::Eq)
        }
        // A value of another type than its definition's equals nothing.
        _ => op == Compare::Ne,
    }
}

fn ordered(op: Compare, order: Ordering) -> bool {
    match op {
        Compare::Eq => order.is_eq(),
        Compare::Ne => order.is_ne(),
        Compare::Gt => order.is_gt(),
        Compare::Ge => order.is_ge(),
        Compare::Lt => order.is_lt(),
        Compare::Le => order.is_le(),
        Compare::Co | Compare::Sw | Compare::Ew => false,
    }
}

/// `key` has the form that binding gave it: nothing of the operand is folded here.
fn text_compares(rule: TextRule, text: &str, op: Compare, key: &str) -> bool {
    match op {
        Compare::Eq => text_equals(rule, text, key),
        Compare::Ne => !text_equals(rule, text, key),
        Compare::Co => rule.key(text).contains(key),
        Compare::Sw => rule.key(text).starts_with(key),
        Compare::Ew => rule.key(text).ends_with(key),
        Compare::Gt | Compare::Ge | Compare::Lt | Compare::Le => ordered(op, rule.key(text).as_ref().cmp(key)),
    }
}

fn text_equals(rule: TextRule, text: &str, key: &str) -> bool {
    if rule == TextRule::Exact || !text.is_ascii() {
        return rule.key(text) == key;
    }
    // In ASCII, folding is lower case and changes no length.
    let text = if rule == TextRule::UserName { text.trim() } else { text };
    text.eq_ignore_ascii_case(key)
}

/// Is this how the version is shown, with or without quotes and the digest of computed values behind it?
fn is_version(shown: &str, version: &str) -> bool {
    let shown = shown.strip_prefix("W/").unwrap_or(shown).trim_matches('"');
    shown.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
