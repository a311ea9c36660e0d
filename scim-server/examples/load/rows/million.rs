//! Memory and start.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::client::{Client, escaped};
use crate::measure::median;
use crate::rows::writes::write_users;
use crate::server::Server;
use crate::table::Line;
use crate::world::{World, get, remove};

const MILLION: u64 = 1_000_000;
const MIB: f64 = (1 << 20) as f64;
/// Between two looks at the memory.
const LOOK: Duration = Duration::from_millis(10);
/// Starts whose median counts.
const STARTS: usize = 9;

/// The server after its start and first answers.
pub async fn idle(world: &mut World) -> Result<Vec<Line>> {
    let server = world.restart().await?;
    let mut client = Client::connect(server.address).await?;
    for _ in 0..10 {
        client.send(&get("/scim/v2/Users?count=1")).await?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let resident = server.memory("VmRSS")? as f64 / MIB;
    Ok(vec![Line::at_most("memory of the idle server, resident", resident, "MiB", 20.0)])
}

/// One million users: start, and lists to the end.
pub async fn million(world: &mut World) -> Result<Vec<Line>> {
    world.end().await?;
    let database = world.path("million.db");
    if !database.exists() {
        let (file, filling) = (world.path("million.jsonl"), world.path("million-filling.db"));
        write_users(&file, MILLION)?;
        remove(&filling)?;
        world.program.start(&filling).await?.stop().await?;
        tokio::task::block_in_place(|| world.program.import(&filling, &file))?;
        std::fs::remove_file(&file)?;
        // A start and a stop leave one file that is whole.
        world.program.start(&filling).await?.stop().await?;
        std::fs::rename(&filling, &database)?;
    }
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let server = world.program.start(&database).await?;
        starts.push(server.first_answer.as_secs_f64() * 1_000.0);
        server.stop().await?;
    }
    let mut lines = vec![Line::at_most("start to first answer, one million users", median(&starts), "ms", 50.0)];
    for by_cursor in [true, false] {
        let server = world.program.start(&database).await?;
        let most = listed(&server, by_cursor).await? as f64 / MIB;
        let way = if by_cursor { "cursor" } else { "startIndex" };
        let work = format!("anonymous memory while one million users are listed by {way}");
        lines.push(Line::at_most(&work, most, "MiB", 64.0));
        server.stop().await?;
    }
    world.restart().await?;
    Ok(lines)
}

/// Lists all users in the largest pages; gives the most anonymous memory meanwhile.
async fn listed(server: &Server, by_cursor: bool) -> Result<u64> {
    let (most, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    let look = async {
        while !ended.load(Ordering::Relaxed) {
            most.fetch_max(server.memory("RssAnon")?, Ordering::Relaxed);
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    let walk = async {
        let done = walk(server, by_cursor).await;
        ended.store(true, Ordering::Relaxed);
        done
    };
    let (looked, walked) = tokio::join!(look, walk);
    looked?;
    walked?;
    Ok(most.load(Ordering::Relaxed))
}

async fn walk(server: &Server, by_cursor: bool) -> Result<()> {
    let mut client = Client::connect(server.address).await?;
    let mut seen = 0;
    let mut target =
        if by_cursor { "/scim/v2/Users?cursor&count=1000" } else { "/scim/v2/Users?count=1000" }.to_owned();
    for _ in 0..MILLION {
        let answer = client.send(&get(&target)).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        let page: serde_json::Value = serde_json::from_slice(answer.body)?;
        let shown = page.get("itemsPerPage").and_then(serde_json::Value::as_u64).context("no itemsPerPage")?;
        seen += shown;
        match page.get("nextCursor").and_then(serde_json::Value::as_str) {
            Some(cursor) => target = format!("/scim/v2/Users?cursor={}&count=1000", escaped(cursor)),
            None if !by_cursor && shown > 0 => {
                target = format!("/scim/v2/Users?startIndex={}&count=1000", seen + 1);
            }
            None => break,
        }
    }
    ensure!(seen == MILLION, "{seen} of {MILLION} users were listed");
    Ok(())
}
