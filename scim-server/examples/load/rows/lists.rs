//! Lists: a page, a walk to the end, a jump there, and fragments of names.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client::{Client, escaped};
use crate::measure::{median, requests, turns, work};
use crate::seed;
use crate::table::{Line, millis};
use crate::world::{World, get};

const PAGE: u64 = 100;
/// A walk is looked at in so many stretches: one slow page among a thousand is the machine's, not the list's.
const STRETCHES: usize = 20;
/// Times that a walk is walked. The median of each page counts: the first walks on each of two connections to the
/// database map it into memory, which the first page, asked for over and over, has behind it.
const WALKS: usize = 9;

/// The first page.
pub async fn page(world: &mut World) -> Result<Vec<Line>> {
    let make = Arc::new(|_, _| get("/scim/v2/Users?startIndex=1&count=100"));
    let turns = world.against_hello(8, make).await?;
    Ok(vec![Line::share("?startIndex=1&count=100", "hello", &turns, 0.20)])
}

/// To the end, by cursor and by startIndex.
pub async fn walk(world: &mut World) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (name, by_cursor, most) in [("cursor", true, 1.2), ("startIndex", false, 2.0)] {
        let mut pages: Vec<Vec<f64>> = Vec::new();
        let mut firsts = Vec::new();
        for _ in 0..WALKS {
            let mut client = Client::connect(world.server()?.address).await?;
            firsts.extend(first_pages(&mut client, by_cursor).await?);
            for (number, took) in to_the_end(&mut client, by_cursor, world.users).await?.into_iter().enumerate() {
                match pages.get_mut(number) {
                    Some(of_page) => of_page.push(took),
                    None => pages.push(vec![took]),
                }
            }
        }
        let each: Vec<f64> = pages.iter().map(|of_page| median(of_page)).collect();
        let stretches = each.chunks(each.len().div_ceil(STRETCHES).max(1)).map(median);
        let worst = stretches.fold(0.0, f64::max);
        let work = format!("each of {} pages of a walk by {name}; the slowest of {STRETCHES} stretches", each.len());
        lines.push(Line::times(&work, worst, "first page", median(&firsts), most));
    }
    Ok(lines)
}

/// The times of some first pages, in milliseconds. Each is read as those of a walk are: while a client reads, the server
/// rests, and comes back to work with colder caches.
async fn first_pages(client: &mut Client, by_cursor: bool) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for number in 0..120 {
        let begun = Instant::now();
        let answer = client.send(&get(&first(by_cursor))).await?;
        let took = begun.elapsed().as_secs_f64() * 1_000.0;
        let page: serde_json::Value = serde_json::from_slice(answer.body)?;
        ensure!(page.get("totalResults").is_some(), "{}: no list", answer.status);
        // The first few warm the connection up.
        if number >= 20 {
            times.push(took);
        }
    }
    Ok(times)
}

fn first(by_cursor: bool) -> String {
    if by_cursor { format!("/scim/v2/Users?cursor&count={PAGE}") } else { by_index(1) }
}

fn by_index(start: u64) -> String {
    format!("/scim/v2/Users?startIndex={start}&count={PAGE}")
}

/// Walks a list to its end; gives the time of each page in milliseconds.
async fn to_the_end(client: &mut Client, by_cursor: bool, users: u64) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    let (mut target, mut seen) = (first(by_cursor), 0);
    // One page more than there can be: a walk that goes round is an error, not a long one.
    for _ in 0..users / PAGE + 2 {
        let begun = Instant::now();
        let answer = client.send(&get(&target)).await?;
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        let page: serde_json::Value = serde_json::from_slice(answer.body)?;
        seen += page.get("itemsPerPage").and_then(serde_json::Value::as_u64).context("no itemsPerPage")?;
        let total = page.get("totalResults").and_then(serde_json::Value::as_u64).unwrap_or_default();
        match page.get("nextCursor").and_then(serde_json::Value::as_str) {
            Some(cursor) => target = format!("/scim/v2/Users?cursor={}&count={PAGE}", escaped(cursor)),
            None if !by_cursor && seen < total => target = by_index(seen + 1),
            None => {
                ensure!(seen >= users, "the walk ended after {seen} of {users}");
                // The last page may be a short one.
                times.pop();
                return Ok(times);
            }
        }
    }
    anyhow::bail!("the walk does not end")
}

/// To the last page by startIndex, without having walked there.
pub async fn jump(world: &mut World) -> Result<Vec<Line>> {
    let (address, time, users) = (world.server()?.address, world.time, world.users);
    let raw = world.raw()?;
    // Another place each time: a list that was left here before would be continued.
    let make: crate::measure::Requests =
        Arc::new(move |_, number| get(&by_index(users - PAGE + 1 - (number * 2 * PAGE + number) % (users / 50))));
    let found = turns(
        world.rounds,
        async || work(time, |number| users - PAGE - number % (users / 50), |skip| raw.page(skip, PAGE).map(|_| 1)),
        async || requests(address, 1, time, &make).await,
    )
    .await?;
    Ok(vec![Line::share("a cold jump to the last pages by startIndex, one client", "raw OFFSET", &found, 0.80)])
}

/// Fragments of names: of two letters, by looking at all; of three and more, from an index.
pub async fn contains(world: &mut World) -> Result<Vec<Line>> {
    type Fragment = fn(u64) -> String;
    let fragments: [(&str, Fragment, f64); 3] = [
        ("two letters", |number| cut(number, 2), 0.9),
        ("three letters", |number| cut(number, 3), 20.0),
        ("a family name", |number| seed::family(number).to_lowercase(), 20.0),
    ];
    let (address, time) = (world.server()?.address, world.time.max(Duration::from_millis(500)));
    let raw = world.raw()?;
    let mut lines = Vec::new();
    for (name, fragment, least) in fragments {
        let make: crate::measure::Requests = Arc::new(move |_, number| {
            let filter = format!("displayName co \"{}\"", fragment(number));
            get(&format!("/scim/v2/Users?filter={}", escaped(&filter)))
        });
        let found = turns(
            world.rounds,
            async || work(time, fragment, |text| raw.scan(&text).map(|_| 1)),
            async || requests(address, 1, time, &make).await,
        )
        .await?;
        let line = Line::share(&format!("displayName co, {name}, one client"), "raw scan", &found, least);
        let floor = format!("{}, {} each", line.floor, millis(found.floor.median()));
        lines.push(Line { floor, ..line });
    }
    Ok(lines)
}

/// The first letters of a family name.
fn cut(number: u64, letters: usize) -> String {
    seed::family(number).to_lowercase().chars().take(letters).collect()
}
