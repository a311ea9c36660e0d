//! The change log: one row a change, written in the transaction of the change. Transactions settle in another order than
//! they begin, so a line is shown once no transaction of this database that is older than its own is under way: none can then come
//! before it.
//!
//! What every known consumer has acknowledged is deleted. While there is no consumer, the newest 100,000 lines are kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use scim_core::store::{ChangeLog, LoggedChange, Result, TenantId};

use crate::amend::LINES;
use crate::connection::Link;
use crate::error::Inner;
use crate::pool::reading;
use crate::statement::Sql;
use crate::{PostgresStore, Shared, statistics};

/// Lines kept while nobody reads the log.
const KEPT: i64 = 100_000;

/// After how many mutations it is looked whether there are more.
const TRIM_EVERY: u64 = 5_000;

#[async_trait]
impl ChangeLog for PostgresStore {
    async fn read(&self, after: u64, count: u32) -> Result<Vec<LoggedChange>> {
        let (shared, after) = (self.shared.clone(), i64::try_from(after).unwrap_or(i64::MAX));
        let work = async move { reading!(shared.lender, None, link => lines(link, after, count).await) };
        self.pool.run("read the change log", None, work).await
    }

    async fn acknowledge(&self, consumer: &str, upto: u64) -> Result<()> {
        let (shared, consumer) = (self.shared.clone(), consumer.to_owned());
        let upto = i64::try_from(upto).unwrap_or(i64::MAX);
        let acknowledge = async move {
            let lease = shared.lender.lend(None).await?;
            let done = acknowledge(&lease, &consumer, upto).await;
            lease.back(done).await
        };
        let done = self.pool.finish(acknowledge).await.and_then(|done| done);
        done.map_err(|fault| fault.during("acknowledge changes"))
    }
}

/// The oldest transaction of this database that is under way, or the next one to begin. Those of other databases of the
/// cluster are no concern of ours, and may run for hours. One of which it is not known where it works counts as ours.
const OLDEST: &str = "SELECT coalesce(min(x.number), max(s.next)) FROM
  (SELECT pg_snapshot_xmax(now)::text::bigint AS next, now FROM (SELECT pg_current_snapshot() AS now) t) s
  LEFT JOIN LATERAL (SELECT x::text::bigint AS number FROM pg_snapshot_xip(s.now) x WHERE NOT EXISTS (
    SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock' AND l.transactionid = x::xid
      AND a.datname <> current_database())) x ON true";

async fn lines(link: &Link, after: i64, count: u32) -> Inner<Vec<LoggedChange>> {
    // Looked up first: whatever is over by then is seen by the next statement.
    let oldest = link.first(Sql::new(OLDEST)).await?.map_or(Ok(0), |line| line.int(0))?;
    let sql = Sql::new(format!(
        "SELECT position, tenant, record FROM change WHERE position > $1
           AND position < ($2 + (SELECT lead FROM epoch)) << {LINES} ORDER BY position LIMIT $3"
    ));
    link.each(sql.bind(after).bind(oldest).bind(i64::from(count)), |line| {
        Ok(LoggedChange {
            position: u64::try_from(line.int(0)?).unwrap_or_default(),
            tenant: line.text(1, TenantId::new)?,
            record: line.text(2, |record| serde_json::from_str(record).unwrap_or_default())?,
        })
    })
    .await
}

async fn acknowledge(link: &Link, consumer: &str, upto: i64) -> Inner<()> {
    let note = Sql::new(
        "INSERT INTO consumer AS c (name, upto) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT consumer_key DO UPDATE SET upto = greatest(c.upto, excluded.upto)",
    );
    link.run(note.bind(consumer).bind(upto)).await?;
    link.run(Sql::new("DELETE FROM change WHERE position <= (SELECT min(upto) FROM consumer)")).await.map(drop)
}

/// Counts mutations, and now and then, beside the caller, trims the log and looks after what the planner knows.
pub(crate) fn written(shared: &Arc<Shared>, mutations: usize) {
    let count = u64::try_from(mutations).unwrap_or(u64::MAX);
    let before = shared.written.fetch_add(count, Ordering::Relaxed);
    statistics::grown(shared, before, count);
    if before / TRIM_EVERY == before.saturating_add(count) / TRIM_EVERY {
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let trimmed = async {
            let sql = Sql::new(
                "DELETE FROM change WHERE NOT EXISTS (SELECT 1 FROM consumer) AND position <=
                   (SELECT position FROM change ORDER BY position DESC OFFSET $1 LIMIT 1)",
            );
            let lease = shared.lender.lend(None).await?;
            let done = lease.run(sql.bind(KEPT)).await;
            lease.back(done).await
        };
        let trimmed: Inner<usize> = trimmed.await;
        if let Err(fault) = trimmed {
            tracing::debug!(why = %fault.during("trim the change log"), "the change log was not trimmed");
        }
    });
}
