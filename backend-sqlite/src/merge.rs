//! Indexes of fragments in few pieces. Each transaction leaves a piece of its own; SQLite merges them with others of their
//! size, a little at a time, and a search looks into each that is left. Where nobody writes, they can be merged further
//! (`docs/decisions/0014-merging-what-is-searched.md`).

use rusqlite::{Connection, OptionalExtension};
use scim_core::store::index::State;

use crate::error::Inner;

/// Pages that are written in one step, more or less: some milliseconds.
const PAGES: i64 = 32;

/// Pieces of one size that are merged into one.
const PIECES: i64 = 2;

/// Merges a little; tells whether there may be more to do.
pub(crate) fn step(db: &Connection) -> Inner<bool> {
    let numbers: Vec<i64> = {
        let mut statement = db.prepare_cached("SELECT number FROM search WHERE state = ?1")?;
        let rows = statement.query_map([State::Built.number()], |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    for table in numbers.iter().map(|number| format!("gram_{number}")) {
        let known = format!("SELECT v FROM {table}_config WHERE k = 'usermerge'");
        let known: Option<i64> = db.prepare_cached(&known)?.query_row([], |row| row.get(0)).optional()?;
        let order = |name: &str, value: i64| -> Inner<()> {
            let sql = format!("INSERT INTO {table} ({table}, rank) VALUES (?1, ?2)");
            db.prepare_cached(&sql)?.execute((name, value))?;
            Ok(())
        };
        if known != Some(PIECES) {
            order("usermerge", PIECES)?;
        }
        let before = db.total_changes();
        order("merge", PAGES)?;
        // Fewer than two changes mean that there was nothing to merge: so its documentation says.
        if db.total_changes().saturating_sub(before) >= 2 {
            return Ok(true);
        }
    }
    Ok(false)
}
