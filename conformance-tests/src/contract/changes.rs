//! The outbox: what was changed, and nothing else, in order.

use anyhow::{Context, Result, ensure};
use scim_core::change::Effect;
use scim_core::store::{ChangeLog, LoggedChange};
use serde_json::{Value, json};

use super::bench::{Bench, has_effect};
use super::{Case, Need, case};

const NEEDS: &[Need] = &[Need::Writes, Need::Log];

pub fn cases() -> Vec<Case> {
    vec![
        case("every change is written down with the resource and its version", "", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                has_effect(
                    b.rewrite(b.user_type(), &id, json!({"userName": "a", "title": "T"})).await,
                    Effect::Changed,
                )?;
                let version = b.get(b.user_type(), &id).await?.version;
                has_effect(b.delete(b.user_type(), &id).await, Effect::Deleted)?;
                let lines = lines(&b, 3).await?;
                ensure!(lines.len() == 3, "{lines:?}");
                for line in &lines {
                    ensure!(line["resource"] == id.as_str() && line["resourceType"] == "User", "{line}");
                    ensure!(line["actor"] == "contract" && line["request"] == "request", "{line}");
                }
                ensure!(
                    lines.iter().map(|line| line["verb"].as_str().unwrap_or("")).eq(["create", "create", "delete"]),
                    "{lines:?}"
                );
                ensure!(lines.get(1).is_some_and(|line| line["version"] == version.as_str()), "{lines:?}");
                let mut ids: Vec<_> = lines.iter().map(|line| line["id"].to_string()).collect();
                ids.dedup();
                ensure!(ids.len() == 3, "records have ids of their own");
                Ok(())
            })
        })
        .needs(NEEDS),
        case("what changed nothing or failed is not written down", "", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let group = b.group("G", &[&id]).await?;
                let before = lines(&b, 2).await?.len();
                has_effect(b.rewrite(b.user_type(), &id, json!({"userName": "a"})).await, Effect::Unchanged)?;
                has_effect(b.add(&group, &[&id]).await, Effect::Unchanged)?;
                ensure!(b.user("a").await.is_err() && b.add(&group, &[&b.nobody()]).await.is_err());
                // Whatever was written behind them stands before this.
                b.user("last").await?;
                let lines = lines(&b, before + 1).await?;
                ensure!(lines.len() == before + 1, "{lines:?}");
                Ok(())
            })
        })
        .needs(NEEDS),
        case("every holder that loses a link is written down", "7644-3.6-06", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let groups = [b.group("G", &[&id]).await?, b.group("H", &[&id]).await?];
                let before = lines(&b, 3).await?.len();
                has_effect(b.delete(b.user_type(), &id).await, Effect::Deleted)?;
                let lines = lines(&b, before + 3).await?.split_off(before);
                ensure!(lines.len() == 3, "{lines:?}");
                for group in &groups {
                    let line = lines
                        .iter()
                        .find(|line| line["resource"] == group.as_str())
                        .context("a line for each holder")?;
                    let version = b.get(b.group_type(), group).await?.version;
                    ensure!(line["verb"] == "release" && line["version"] == version.as_str(), "{line}");
                    ensure!(line["attributes"] == json!(["members"]), "{line}");
                }
                Ok(())
            })
        })
        .needs(NEEDS),
        case("the log is read on from any position", "", |b| {
            Box::pin(async move {
                for number in 0..7 {
                    b.user(&format!("u{number}")).await?;
                }
                let log = b.store.change_log().context("a change log")?;
                let all = settled(log, 0, 7).await?;
                ensure!(all.len() == 7 && all.is_sorted_by(|a, b| a.position < b.position), "{all:?}");
                ensure!(all.iter().all(|line| line.tenant == b.scope().tenant));
                let (mut seen, mut after) = (Vec::new(), 0);
                while let Some(last) = {
                    let part = log.read(after, 3).await?;
                    let last = part.last().map(|line| line.position);
                    seen.extend(part);
                    last
                } {
                    after = last;
                }
                ensure!(seen == all, "{seen:?}");
                log.acknowledge("relay", after).await?;
                b.user("one more").await?;
                let next = settled(log, after, 1).await?;
                ensure!(next.len() == 1, "{next:?}");
                Ok(())
            })
        })
        .needs(NEEDS),
        case("lines of writers at the same time come once each, none behind one already read", "", |b| {
            Box::pin(async move {
                let writers = (0..8).map(|writer| {
                    let b = b.clone();
                    tokio::spawn(async move {
                        for number in 0..10 {
                            b.user(&format!("w{writer}-{number}")).await?;
                        }
                        Ok::<_, anyhow::Error>(())
                    })
                });
                let writers: Vec<_> = writers.collect();
                let log = b.store.change_log().context("a change log")?;
                let (mut seen, mut after) = (Vec::new(), 0);
                for _ in 0..2_000 {
                    let part = log.read(after, 5).await?;
                    after = part.last().map_or(after, |line| line.position);
                    seen.extend(part.into_iter().map(|line| line.record["resource"].to_string()));
                    if seen.len() >= 80 {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                for writer in writers {
                    writer.await??;
                }
                let count = seen.len();
                seen.sort();
                seen.dedup();
                ensure!(count == 80 && seen.len() == 80, "{count} lines, {} resources", seen.len());
                Ok(())
            })
        })
        .needs(NEEDS),
    ]
}

/// What the log says, from its beginning, once it says so much.
async fn lines(b: &Bench, least: usize) -> Result<Vec<Value>> {
    let log = b.store.change_log().context("a change log")?;
    Ok(settled(log, 0, least).await?.into_iter().map(|line| line.record).collect())
}

/// The lines behind a position, once they are so many: a line may be held back while anything older is under way, be it
/// the system's own.
async fn settled(log: &dyn ChangeLog, after: u64, least: usize) -> Result<Vec<LoggedChange>> {
    for _ in 0..6_000 {
        let lines = log.read(after, 1_000).await?;
        if lines.len() >= least {
            return Ok(lines);
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    anyhow::bail!("the log did not come to {least} lines behind {after} within a minute")
}
