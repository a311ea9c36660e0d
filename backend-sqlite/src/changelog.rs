//! The change log: one row a change, written in the transaction of the change. One writer at a time means that rows
//! settle in the order of their ids.
//!
//! What every known consumer has acknowledged is deleted. While there is no consumer, the newest 100,000 lines are kept.

use async_trait::async_trait;
use rusqlite::params;
use scim_core::store::{ChangeLog, LoggedChange, Result, TenantId};

use crate::SqliteStore;
use crate::error::Inner;
use crate::writing::Writing;

/// Lines kept while nobody reads the log.
const KEPT: i64 = 100_000;

/// How often it is looked whether there are more.
const TRIM_EVERY: i64 = 1_000;

/// Appends a line to the log.
pub(crate) fn append(writing: &Writing<'_>, tenant: &str, line: &str) -> Inner<()> {
    writing.run("INSERT INTO change (tenant, record) VALUES (?1, ?2)", params![tenant, line])?;
    let id = writing.db.last_insert_rowid();
    if id % TRIM_EVERY == 0 {
        writing.run("DELETE FROM change WHERE id <= ?1 AND NOT EXISTS (SELECT 1 FROM consumer)", [id - KEPT])?;
    }
    Ok(())
}

#[async_trait]
impl ChangeLog for SqliteStore {
    async fn read(&self, after: u64, count: u32) -> Result<Vec<LoggedChange>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.readers
            .apart("read the change log", None, move |reader| {
                let mut statement = reader
                    .db
                    .prepare_cached("SELECT id, tenant, record FROM change WHERE id > ?1 ORDER BY id LIMIT ?2")?;
                let rows = statement.query_map(params![after, count], |row| {
                    let (id, tenant, record): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    Ok(LoggedChange {
                        position: u64::try_from(id).unwrap_or_default(),
                        tenant: TenantId::new(&tenant),
                        record: serde_json::from_str(&record).unwrap_or_default(),
                    })
                })?;
                Ok(rows.collect::<std::result::Result<_, _>>()?)
            })
            .await
    }

    async fn acknowledge(&self, consumer: &str, upto: u64) -> Result<()> {
        let (consumer, upto) = (consumer.to_owned(), i64::try_from(upto).unwrap_or(i64::MAX));
        self.writer
            .ask("acknowledge changes", move |writing| {
                writing.run(
                    "INSERT INTO consumer (name, upto) VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET upto = max(upto, excluded.upto)",
                    params![consumer, upto],
                )?;
                writing.run("DELETE FROM change WHERE id <= (SELECT min(upto) FROM consumer)", [])?;
                Ok(())
            })
            .await
    }
}
