//! Reading known resources, their links, and links from their far end.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::query::{LinkSelect, Select};
use scim_core::schema::Kind;
use scim_core::store::{Key, Link, Links, Record, ResourceId, Version};

use crate::error::Inner;
use crate::links::array;

/// Columns of a record, in the order in which [`record`] reads them.
pub(crate) const COLUMNS: &str = "r.id, r.version, r.created, r.modified, r.document";

/// The same, without the document.
pub(crate) const BARE: &str = "r.id, r.version, r.created, r.modified";

/// Columns for what is wanted.
pub(crate) fn columns(select: &Select) -> &'static str {
    if select.document { COLUMNS } else { BARE }
}

/// A record from a row whose columns start with [`columns`], still without links.
pub(crate) fn record(row: &Row<'_>, kind: &Kind, select: &Select) -> rusqlite::Result<Record> {
    Ok(Record {
        key: Key { kind: kind.clone(), id: ResourceId::new(row.get_ref(0)?.as_str()?) },
        version: Version::new(&row.get::<_, i64>(1)?.to_string()),
        created: Timestamp::from_millis(row.get(2)?),
        modified: Timestamp::from_millis(row.get(3)?),
        document: if select.document { Document::from_stored(row.get::<_, Arc<str>>(4)?) } else { Document::default() },
        links: Vec::new(),
    })
}

/// Those of `ids` that exist. With `most`, None where some has more links than that.
pub(crate) fn records(
    db: &Connection,
    tenant: &str,
    kind: &Kind,
    ids: &[ResourceId],
    select: &Select,
    most: Option<u32>,
) -> Inner<Option<Vec<Record>>> {
    let mut records = rows(db, tenant, kind, ids, select)?;
    for record in &mut records {
        match links_of(db, tenant, &record.key, select, most)? {
            Some(links) => record.links = links,
            None => return Ok(None),
        }
    }
    Ok(Some(records))
}

/// Those of `ids` that exist, without links.
pub(crate) fn rows(
    db: &Connection,
    tenant: &str,
    kind: &Kind,
    ids: &[ResourceId],
    select: &Select,
) -> Inner<Vec<Record>> {
    if let [] | [_] = ids {
        return match ids.first() {
            Some(id) => Ok(one(db, tenant, kind, id, select)?.into_iter().collect()),
            None => Ok(Vec::new()),
        };
    }
    let sql = format!(
        "SELECT {} FROM rarray(?3) ids CROSS JOIN resource r ON r.tenant = ?1 AND r.kind = ?2 AND r.id = ids.value",
        columns(select)
    );
    let mut statement = db.prepare_cached(&sql)?;
    let ids = array(ids.iter().map(ResourceId::as_str));
    let rows = statement.query_map(params![tenant, kind.as_str(), ids], |row| record(row, kind, select))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn one(db: &Connection, tenant: &str, kind: &Kind, id: &ResourceId, select: &Select) -> Inner<Option<Record>> {
    let sql = if select.document {
        "SELECT r.id, r.version, r.created, r.modified, r.document FROM resource r
         WHERE r.tenant = ?1 AND r.kind = ?2 AND r.id = ?3"
    } else {
        "SELECT r.id, r.version, r.created, r.modified FROM resource r
         WHERE r.tenant = ?1 AND r.kind = ?2 AND r.id = ?3"
    };
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_row([tenant, kind.as_str(), id.as_str()], |row| record(row, kind, select)).optional()?)
}

/// The selected links of a resource. With `most`, None where one attribute has more values than that.
pub(crate) fn links_of(
    db: &Connection,
    tenant: &str,
    holder: &Key,
    select: &Select,
    most: Option<u32>,
) -> Inner<Option<Vec<Links>>> {
    let mut all = Vec::new();
    // A list over several types selects the links of each.
    for LinkSelect { link, at_most } in select.links.iter().filter(|select| select.link.holder == holder.kind) {
        // One more than wanted tells whether those were all.
        let wanted = at_most.map_or(i64::MAX, |most| i64::from(most) + 1);
        let limit = most.map_or(wanted, |most| wanted.min(i64::from(most) + 1));
        let mut statement = db.prepare_cached(
            "SELECT target, target_kind, display FROM link
             WHERE tenant = ?1 AND holder = ?2 AND attr = ?3 ORDER BY target LIMIT ?4",
        )?;
        let mut kinds: Vec<Kind> = link.kinds.to_vec();
        let rows = statement.query_map(params![tenant, holder.id.as_str(), link.at.to_string(), limit], |row| {
            let kind = known(&mut kinds, row.get_ref(1)?.as_str()?);
            let target = Key { kind, id: ResourceId::new(row.get_ref(0)?.as_str()?) };
            Ok(Link { target, display: row.get(2)?, indirect: false })
        })?;
        let mut links = rows.collect::<Result<Vec<_>, _>>()?;
        if limit < wanted && links.len() as i64 >= limit {
            return Ok(None);
        }
        if links.is_empty() {
            continue;
        }
        let whole = at_most.is_none_or(|most| links.len() <= most as usize);
        links.truncate(at_most.map_or(usize::MAX, |most| most as usize));
        all.push(Links { at: link.at.clone(), links, whole });
    }
    Ok(Some(all))
}

/// The kind of this name, shared with those already met.
fn known(kinds: &mut Vec<Kind>, name: &str) -> Kind {
    if let Some(kind) = kinds.iter().find(|kind| kind.as_str() == name) {
        return kind.clone();
    }
    let kind = Kind::new(name);
    kinds.push(kind.clone());
    kind
}

/// Links read from their far end: (target, its holder) for targets of one kind.
pub(crate) fn holders(
    db: &Connection,
    tenant: &str,
    of: &Kind,
    targets: &[ResourceId],
    holder: &Kind,
    attr: &str,
) -> Inner<Vec<(ResourceId, Link)>> {
    let mut statement = db.prepare_cached(
        "SELECT l.holder, h.label FROM link l INDEXED BY link_target
         CROSS JOIN resource h ON h.tenant = l.tenant AND h.kind = l.holder_kind AND h.id = l.holder
         WHERE l.tenant = ?1 AND l.target = ?2 AND l.attr = ?3 AND l.holder_kind = ?4 AND l.target_kind = ?5",
    )?;
    let mut found = Vec::new();
    // A label that many share is kept once.
    let mut labels: HashMap<String, Arc<str>> = HashMap::new();
    for target in targets {
        let mut rows = statement.query(params![tenant, target.as_str(), attr, holder.as_str(), of.as_str()])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let display = match row.get_ref(1)?.as_str_or_null().map_err(rusqlite::Error::from)? {
                Some(label) => match labels.get(label) {
                    Some(known) => Some(known.clone()),
                    None => Some(labels.entry(label.to_owned()).or_insert_with(|| label.into()).clone()),
                },
                None => None,
            };
            let target_of = Key { kind: holder.clone(), id: ResourceId::new(id) };
            found.push((target.clone(), Link { target: target_of, display, indirect: false }));
        }
    }
    Ok(found)
}
