//! Lists of what has one value of an indexed attribute: mostly the one user whose name, address or number a client asks
//! for before it makes somebody. The index names the resource, which is then read as any known one is.

use rusqlite::params;
use scim_core::query::{Query, SortKey, Source, Total, Window, sort};
use scim_core::schema::ResourceType;
use scim_core::store::ResourceId;
use scim_core::store::index::lead::Known;
use scim_core::store::index::{By, Lead, Test, Via};

use crate::connection::Reader;
use crate::error::Inner;
use crate::index::Extent;
use crate::query::Found;
use crate::read;

/// The list, where at most one resource can stand in it; None where there are several, or where it is another list.
pub(crate) fn of(
    reader: &Reader,
    (tenant, extent, rt): (&str, &Extent, Option<&ResourceType>),
    source: &Source,
    query: &Query,
) -> Inner<Option<Found>> {
    let (None, Some(filter)) = (&source.sort, &source.filter) else { return Ok(None) };
    if !matches!(query.window, Window::Offset { skip: 0, count: 1.. }) {
        return Ok(None);
    }
    let fragments = |_: &str| false;
    let known = Known { kind: &source.kind, rt, indexed: &extent.indexes.attributes, fragments: &fragments };
    let Some(Lead { by: By::Token { indexed, test: Test::Equals(token) }, exact: true, .. }) = known.lead(filter)
    else {
        return Ok(None);
    };
    let sql = match indexed.via {
        Via::Term => "SELECT holder FROM term WHERE tenant = ?1 AND kind = ?2 AND attr = ?3 AND token = ?4 LIMIT 2",
        Via::Claim => "SELECT holder FROM claim WHERE tenant = ?1 AND kind = ?2 AND attr = ?3 AND token = ?4",
        Via::Global => return Ok(None),
    };
    let mut statement = reader.db.prepare_cached(sql)?;
    let ids = statement
        .query_map(params![tenant, source.kind.as_str(), indexed.attr, token], |row| {
            Ok(ResourceId::new(row.get_ref(0)?.as_str()?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    if ids.len() > 1 {
        return Ok(None);
    }
    let rows = read::rows(&reader.db, tenant, &source.kind, &ids, &query.select)?;
    let rows: Vec<_> = rows
        .into_iter()
        .map(|stored| {
            let position = sort::position(&stored.record, SortKey::Absent);
            (stored, position)
        })
        .collect();
    let total = if query.total { Total::Exact(rows.len() as u64) } else { Total::Unknown };
    Ok(Some(Found { rows, total, more: false }))
}
