//! Lists of what has one value of an indexed attribute: mostly the one user whose name, address or number a client asks
//! for before it makes somebody. One statement finds and reads it.

use rusqlite::params;
use scim_core::query::{Query, Select, SortKey, Source, Total, Window, sort};
use scim_core::schema::ResourceType;
use scim_core::store::index::lead::Known;
use scim_core::store::index::{By, Lead, Test};

use crate::connection::Reader;
use crate::error::Inner;
use crate::index::Extent;
use crate::query::Found;
use crate::read::{self, Stored};

/// The list, where at most one resource can stand in it; None where there are several, or where it is another list.
pub(crate) fn of(
    reader: &Reader,
    (extent, rt): (&Extent, Option<&ResourceType>),
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
    let Some((table, shelf)) = extent.indexes.place(&indexed) else { return Ok(None) };
    let mut statement = reader.db.prepare_cached(&statement(table, &query.select))?;
    let rows = statement.query_map(params![shelf, token], |row| {
        let stored = Stored::read(row, &source.kind, &query.select)?;
        let position = sort::position(&stored.record, SortKey::Absent);
        Ok((stored, position))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if rows.len() > 1 {
        return Ok(None);
    }
    let total = if query.total { Total::Exact(rows.len() as u64) } else { Total::Unknown };
    Ok(Some(Found { rows, total, more: false }))
}

/// The first two resources that have a value.
fn statement(table: &str, select: &Select) -> String {
    let columns = read::columns(select);
    [
        "SELECT ",
        columns,
        " FROM ",
        table,
        " t CROSS JOIN resource r ON r.seq = t.seq WHERE t.shelf = ?1 AND t.token = ?2 LIMIT 2",
    ]
    .concat()
}
