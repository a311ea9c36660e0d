//! The numbers of resources (`resource.seq`) rise with their ids, so that what a substring index finds comes in list
//! order, and the first hundred finds are read without a look at the others.
//!
//! Ids of the server rise with time, and nearly all resources come last. One that comes late gets a number between its
//! neighbours'; where there is none left, the type is marked as unordered, and its lists are sorted from then on.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Inner;
use crate::writing::Writing;

/// From the number of one resource to that of the next. Twelve resources can come late to one place.
pub(crate) const GAP: i64 = 1 << 12;

/// Numbers that are tried between two neighbours: others may stand there for resources of other types.
const TRIES: i64 = 8;

/// The number of a new resource, which is to stand on this shelf; None leaves it to SQLite.
pub(crate) fn number(
    writing: &mut Writing<'_>,
    (tenant, kind, shelf): (&str, &str, i64),
    id: &str,
) -> Inner<Option<i64>> {
    let first = writing.count(tenant, kind)? == 0;
    let db = writing.db;
    if first {
        // Known from the first resource on, also so that the other types look here for ids.
        writing.run(
            "INSERT INTO extent (tenant, kind, n, generation, ordered) VALUES (?1, ?2, 0, 0, 1)
             ON CONFLICT DO UPDATE SET ordered = 1",
            params![tenant, kind],
        )?;
        return last(db);
    }
    let ordered: Option<bool> = db
        .prepare_cached("SELECT ordered FROM extent WHERE tenant = ?1 AND kind = ?2")?
        .query_row([tenant, kind], |row| row.get(0))
        .optional()?;
    if ordered != Some(true) {
        return last(db);
    }
    let neighbour = |sql: &str| -> Inner<Option<i64>> {
        Ok(db.prepare_cached(sql)?.query_row(params![shelf, id], |row| row.get(0)).optional()?)
    };
    let Some(above) = neighbour("SELECT seq FROM resource WHERE shelf = ?1 AND id > ?2 ORDER BY id LIMIT 1")? else {
        return last(db);
    };
    let below = neighbour("SELECT seq FROM resource WHERE shelf = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1")?;
    let below = below.unwrap_or(0);
    let mut taken = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM resource WHERE seq = ?1)")?;
    let middle = below + (above - below) / 2;
    for between in (middle..above).take(usize::try_from(TRIES).unwrap_or(1)).filter(|number| *number > below) {
        if !taken.query_row([between], |row| row.get::<_, bool>(0))? {
            return Ok(Some(between));
        }
    }
    writing.run("UPDATE extent SET ordered = 0 WHERE tenant = ?1 AND kind = ?2", params![tenant, kind])?;
    last(db)
}

/// Behind all others.
fn last(db: &Connection) -> Inner<Option<i64>> {
    let last: Option<i64> = db.prepare_cached("SELECT max(seq) FROM resource")?.query_row([], |row| row.get(0))?;
    Ok(last.unwrap_or(0).checked_add(GAP))
}
