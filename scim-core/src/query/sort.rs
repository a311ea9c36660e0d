//! The key a resource is sorted by (RFC 7644 section 3.4.2.3).

use serde_json::{Map, Value};

use crate::filter;
use crate::path::AttrPath;
use crate::schema::{Place, Type};
use crate::store::Record;

use super::{Position, SortKey};

/// The sort key of a record: of a multi-valued attribute its primary value's, else its first value's.
pub fn key(record: &Record, document: &Map<String, Value>, at: &AttrPath) -> SortKey {
    match at.place() {
        Place::Id => text(at, record.key.id.as_str()),
        Place::Meta => match at.sub().map(|sub| sub.name.as_str()) {
            Some("created") => instant(i128::from(record.created.millis()) * 1_000_000),
            Some("lastModified") => instant(i128::from(record.modified.millis()) * 1_000_000),
            Some("resourceType") => text(at, record.key.kind.as_str()),
            Some("version") => text(at, record.version.as_str()),
            _ => SortKey::Absent,
        },
        Place::Link | Place::Reverse => match record.links(at).first() {
            Some(link) => match at.leaf().name.as_str() {
                "display" | "displayName" => link.display.as_deref().map_or(SortKey::Absent, |label| text(at, label)),
                "type" => text(at, link.target.kind.as_str()),
                _ => text(at, link.target.id.as_str()),
            },
            None => SortKey::Absent,
        },
        Place::Secret => SortKey::Absent,
        Place::Document => in_document(document, at).map_or(SortKey::Absent, |value| of_value(at, value)),
    }
}

/// Where a record stands.
pub fn position(record: &Record, key: SortKey) -> Position {
    Position { key, id: record.key.id.clone() }
}

fn in_document<'a>(document: &'a Map<String, Value>, at: &AttrPath) -> Option<&'a Value> {
    let object = match at.extension() {
        Some(urn) => document.get(&**urn)?.as_object()?,
        None => document,
    };
    let value = object.get(&at.attr().name)?;
    let one = match value {
        Value::Array(elements) => {
            let primary = |element: &&Value| element.get("primary") == Some(&Value::Bool(true));
            elements.iter().find(primary).or_else(|| elements.first())?
        }
        one => one,
    };
    match at.sub() {
        Some(sub) => one.get(&sub.name),
        None => Some(one),
    }
}

/// The sort key of one value of an attribute.
pub fn of_value(at: &AttrPath, value: &Value) -> SortKey {
    match (at.leaf().ty, value) {
        (Type::DateTime, Value::String(moment)) => filter::instant(moment).map_or(SortKey::Absent, instant),
        (_, Value::String(value)) => text(at, value),
        (_, Value::Bool(value)) => SortKey::Boolean(*value),
        (_, Value::Number(number)) => match number.as_i64() {
            Some(integer) => SortKey::Integer(integer),
            None => number.as_f64().map_or(SortKey::Absent, SortKey::Decimal),
        },
        _ => SortKey::Absent,
    }
}

fn text(at: &AttrPath, value: &str) -> SortKey {
    SortKey::Text(at.leaf().text.key(value).chars().take(SortKey::LONGEST).collect())
}

fn instant(nanoseconds: i128) -> SortKey {
    SortKey::Instant(nanoseconds.to_string())
}
