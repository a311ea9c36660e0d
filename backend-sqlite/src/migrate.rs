//! The layout of the database and its history. All steps that are missing are one transaction, so that where one fails the program of
//! before can go on; a newer layout is refused.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::OpenError;

/// "SCIM" in the file header: tells our databases from those of other programs.
pub(crate) const APPLICATION_ID: i64 = 0x5343_494d;

/// The steps from an empty file to today's layout. Only ever appended to; `PRAGMA user_version` counts those taken.
const STEPS: &[&str] = &[
    include_str!("layout/001.sql"),
    include_str!("layout/002.sql"),
    include_str!("layout/003.sql"),
    include_str!("layout/004.sql"),
    include_str!("layout/005.sql"),
    include_str!("layout/006.sql"),
    include_str!("layout/007.sql"),
];

/// How many steps this program knows.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(crate) const LAYOUT: i64 = STEPS.len() as i64;

/// Brings the database at `path` to today's layout.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let sql = |error| OpenError::sql(path, error);
    if check(connection, path)? == LAYOUT {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(sql)?;
    // Another process may have taken the same steps: what stands is looked at again inside the transaction.
    let found = check(&transaction, path)?;
    if found > 0 {
        tracing::info!(from = found, to = LAYOUT, "bringing the database to the layout of this version");
    }
    for (step, _) in STEPS.iter().zip(1i64..).filter(|(_, number)| *number > found) {
        transaction.execute_batch(step).map_err(sql)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql)?;
    transaction.pragma_update(None, "user_version", LAYOUT).map_err(sql)?;
    transaction.commit().map_err(sql)?;
    // What was written anew is read from the database itself, not from its log.
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(sql)
}

/// The layout of the database, 0 for an empty one; refuses another program's and newer ones.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let sql = |error| OpenError::sql(path, error);
    // All of it as of one moment: another process may be making the first layout.
    let _state = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose().map_err(sql)?;
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sql);
    let (application, layout) = (pragma("application_id")?, pragma("user_version")?);
    if application != APPLICATION_ID {
        let empty: bool = connection
            .query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
            .map_err(sql)?;
        if application != 0 || layout != 0 || !empty {
            return Err(OpenError::Foreign { path: path.to_owned() });
        }
    }
    if layout > LAYOUT {
        return Err(OpenError::Newer { path: path.to_owned(), found: layout, known: LAYOUT });
    }
    Ok(layout)
}
