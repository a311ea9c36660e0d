//! Groups: one member more or less, and reading large ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};

use crate::client::Client;
use crate::measure::{Requests, requests, turns, work};
use crate::seed;
use crate::table::{Line, millis};
use crate::world::{World, get, send};

/// New people who come and go.
const GUESTS: u64 = 400;

/// Adding and removing a member, in groups of three sizes.
pub async fn member(world: &mut World) -> Result<Vec<Line>> {
    let guests = guests(world).await?;
    let groups = [world.group(10)?, world.group(1_000)?, world.group(100_000)?];
    let coming_and_going = |group: &str| -> Requests {
        let (group, guests, next) = (group.to_owned(), guests.clone(), AtomicU64::new(0));
        Arc::new(move |_, _| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            // All come, one by one, then all go, and again.
            let place = usize::try_from(number % GUESTS).unwrap_or_default();
            let guest = guests.get(place).map_or("", String::as_str);
            let coming = (number / GUESTS).is_multiple_of(2);
            let body = if coming { seed::add_members([guest].into_iter()) } else { seed::remove_member(guest) };
            send("PATCH", &format!("/scim/v2/Groups/{group}"), &body)
        })
    };
    let [small, middle, large] = groups.each_ref().map(|group| coming_and_going(group));
    let (address, time) = (world.server()?.address, world.time);
    requests(address, 1, time / 4, &small).await?;
    requests(address, 1, time / 4, &large).await?;
    let mut lines = Vec::new();
    for (members, make) in [("1,000", &middle), ("100,000", &large)] {
        let found = turns(
            world.rounds,
            async || requests(address, 1, time, &small).await,
            async || requests(address, 1, time, make).await,
        )
        .await?;
        let work = format!("add or remove one member, group of {members}, one client");
        let line = Line::times(&work, found.subject.median(), "group of 10", found.floor.median(), 1.3);
        let ratio = found.time();
        lines.push(Line { reached: format!("{ratio:.2}x"), met: ratio <= 1.3, ..line });
    }
    let mut raw = world.raw()?;
    let people = world.people.clone();
    let [group, ..] = groups;
    for (connections, clients) in [(1, "one client"), (8, "8 connections")] {
        let found = turns(
            world.rounds,
            async || {
                // Beyond the first members, and each only once until all came; then they go again.
                let mut number = 0u64;
                let half = people.len() as u64 / 2;
                let visitors = |number: u64| people.get(usize::try_from(half + number % half).unwrap_or_default());
                let sample = work(time, visitors, |person| {
                    number += 1;
                    raw.add_member(&group, &person.context("nobody")?.id).map(|()| 1)
                })?;
                for number in 0..number {
                    raw.forget_member(&group, &visitors(number).context("nobody")?.id)?;
                }
                raw.settle()?;
                Ok(sample)
            },
            async || requests(address, connections, time, &large).await,
        )
        .await?;
        let work = format!("the same, group of 100,000, {clients}");
        let line = Line::share(&work, "raw durable insert", &found, 0.6);
        lines.push(Line { floor: format!("{}, p50 {}", line.floor, millis(found.floor.median())), ..line });
    }
    Ok(lines)
}

/// New users, who are in no group.
async fn guests(world: &World) -> Result<Arc<Vec<String>>> {
    let first = seed::FRESH + world.fresh(GUESTS);
    let mut client = Client::connect(world.server()?.address).await?;
    let body = seed::bulk(first..first + GUESTS);
    let answer = client.send(&send("POST", "/scim/v2/Bulk", &body)).await?;
    let done: serde_json::Value = serde_json::from_slice(answer.body)?;
    let operations = done.get("Operations").and_then(serde_json::Value::as_array).context("no Operations")?;
    let id = |operation: &serde_json::Value| {
        let location = operation.get("location")?.as_str()?;
        Some(location.rsplit('/').next()?.to_owned())
    };
    let ids: Vec<String> = operations.iter().filter_map(id).collect();
    ensure!(ids.len() as u64 == GUESTS, "only {} of {GUESTS} guests came", ids.len());
    Ok(Arc::new(ids))
}

/// A group without its members, and one with all.
pub async fn read(world: &mut World) -> Result<Vec<Line>> {
    let without = |id: String| -> Requests {
        Arc::new(move |_, _| get(&format!("/scim/v2/Groups/{id}?excludedAttributes=members")))
    };
    let (small, large) = (without(world.group(10)?), without(world.group(100_000)?));
    let (address, time) = (world.server()?.address, world.time);
    requests(address, 8, time / 4, &small).await?;
    let found = turns(
        world.rounds,
        async || requests(address, 8, time, &small).await,
        async || requests(address, 8, time, &large).await,
    )
    .await?;
    let work = "GET a group of 100,000 with excludedAttributes=members";
    let line = Line::times(work, found.subject.median(), "group of 10", found.floor.median(), 1.2);
    let ratio = found.time();
    let line = Line { reached: format!("{ratio:.2}x"), met: ratio <= 1.2, ..line };

    let whole = world.group(10_000)?;
    let make = Arc::new(move |_, _| get(&format!("/scim/v2/Groups/{whole}")));
    let found = world.against_hello(8, make).await?;
    Ok(vec![line, Line::share("GET a group of 10,000 whole", "hello", &found, 0.20)])
}
