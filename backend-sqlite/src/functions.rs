//! What SQL cannot decide is decided by the core's own evaluator, called from SQL: a filter means the same in every
//! backend because there is one meaning of it (`docs/decisions/0006-filters-in-sqlite.md`).
//!
//! A statement names a part of its filter by number; the parts stand in the [`Slot`] of its connection while it runs.
//! No index and no table depends on these functions, so any tool can open the file.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::filter::{BoundFilter, eval};
use scim_core::path::AttrPath;
use scim_core::schema::{Kind, Place};
use scim_core::store::index::pick;
use scim_core::store::link_list::{PackedLink, unescaped};
use scim_core::store::{Key, Links, Record, ResourceId, Version};
use serde_json::Map;

use crate::bundle::inside;

/// A part of a filter, ready to be decided row by row.
#[derive(Debug)]
pub(crate) struct Part {
    filter: BoundFilter,
    kind: Kind,
    /// The members of the document that it looks at.
    names: Vec<String>,
    /// The link attribute it looks at, where it is about one.
    link: Option<AttrPath>,
}

impl Part {
    /// Of a resource: its document, its key and its times.
    pub(crate) fn of_resource(filter: BoundFilter, kind: &Kind) -> Part {
        let mut names = Vec::new();
        filter.visit(&mut |at| {
            if at.place() == Place::Document {
                let name = at.extension().map_or(at.attr().name.as_str(), AsRef::as_ref);
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        });
        Part { filter, kind: kind.clone(), names, link: None }
    }

    /// Of one value of a link attribute.
    pub(crate) fn of_link(filter: BoundFilter, at: &AttrPath, kind: &Kind) -> Part {
        Part { filter, kind: kind.clone(), names: Vec::new(), link: Some(at.attribute()) }
    }

    /// Must it see the document?
    pub(crate) fn reads_document(&self) -> bool {
        !self.names.is_empty()
    }

    fn record(&self, id: &str) -> Record {
        Record {
            key: Key { kind: self.kind.clone(), id: ResourceId::new(id) },
            version: Version::new(""),
            created: Timestamp::default(),
            modified: Timestamp::default(),
            document: Document::default(),
            links: Vec::new(),
        }
    }
}

/// The parts of the statement under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Vec<Arc<Part>>>>);

impl Slot {
    pub(crate) fn set(&self, parts: Vec<Arc<Part>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = parts;
    }

    fn part(&self, number: i64) -> Option<Arc<Part>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(usize::try_from(number).ok()?).cloned()
    }

    /// Makes the functions known to a connection.
    pub(crate) fn register(&self, db: &Connection) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        let slot = self.clone();
        db.create_scalar_function("scim_holds", 6, flags, move |context| {
            Ok(slot.part(context.get(0)?).is_some_and(|part| holds(&part, context).unwrap_or(false)))
        })?;
        let slot = self.clone();
        db.create_scalar_function("scim_link", 2, flags, move |context| {
            Ok(slot.part(context.get(0)?).is_some_and(|part| link_holds(&part, &text(context, 1))))
        })?;
        db.create_scalar_function("scim_targets", 2, flags, |context| Ok(targets(&text(context, 0), &text(context, 1))))
    }
}

fn text<'a>(context: &'a Context<'_>, at: usize) -> Cow<'a, str> {
    match context.get_raw(at).as_bytes_or_null() {
        Ok(Some(bytes)) => String::from_utf8_lossy(bytes),
        _ => Cow::Borrowed(""),
    }
}

/// `scim_holds(part, id, version, created, modified, document)`
fn holds(part: &Part, context: &Context<'_>) -> rusqlite::Result<bool> {
    let mut record = part.record(&text(context, 1));
    record.version = Version::new(&context.get::<i64>(2)?.to_string());
    record.created = Timestamp::from_millis(context.get(3)?);
    record.modified = Timestamp::from_millis(context.get(4)?);
    let members = if part.names.is_empty() {
        Map::new()
    } else {
        let names: Vec<&str> = part.names.iter().map(String::as_str).collect();
        pick(&text(context, 5), &names)
    };
    Ok(eval::matches_parsed(&part.filter, &record, &members))
}

/// `scim_link(part, links)`: does it hold of one of the links of a bundle?
fn link_holds(part: &Part, links: &str) -> bool {
    let Some(at) = &part.link else { return false };
    let mut record = part.record("");
    PackedLink::all(inside(links)).any(|link| {
        record.links = vec![Links { at: at.clone(), links: vec![link.unpacked()].into(), whole: true }];
        eval::matches_parsed(&part.filter, &record, &Map::new())
    })
}

/// `scim_targets(links, kind)`: the targets of one type in a bundle, as a JSON array.
fn targets(links: &str, kind: &str) -> String {
    let mut all = String::from("[");
    for link in PackedLink::all(inside(links)).filter(|link| unescaped(link.kind) == kind) {
        all.extend([if all.len() > 1 { ",\"" } else { "\"" }, link.id, "\""]);
    }
    all.push(']');
    all
}
