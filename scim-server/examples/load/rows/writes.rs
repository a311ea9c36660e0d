//! Writes: one user at a time, a hundred in a bulk request, all of them by import. All durable.

use std::io::{BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::client::Client;
use crate::hello::Hello;
use crate::measure::{Requests, Sample, requests, turns, work};
use crate::parse::Parser;
use crate::raw::{Person, Prepared, Raw};
use crate::seed;
use crate::server::TOKEN;
use crate::table::{Line, millis, number};
use crate::world::{World, any, copy, remove, send};

/// A commit that takes less, in milliseconds, is measured by the distance to it.
const QUICK: f64 = 0.4;
/// That distance.
const NEAR: f64 = 0.15;
/// Requests made ahead for a second of sending; more are made while sending.
const AHEAD: f64 = 8_000.0;
/// Creates in a bulk request.
const BULK: u64 = 100;
/// Resources in a transaction of the raw import.
const BATCH: u64 = 1_000;

#[derive(Clone, Copy)]
enum Kind {
    Post,
    Put,
    Patch,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Post => "POST",
            Kind::Put => "PUT",
            Kind::Patch => "PATCH",
        }
    }

    /// The request with this number: every one changes something.
    fn request(self, people: &[Person], number: u64) -> Vec<u8> {
        let person = any(people, 0, number);
        let target = || format!("/scim/v2/Users/{}", person.map_or("", |person| &person.id));
        match self {
            Kind::Post => send("POST", "/scim/v2/Users", seed::user_text(seed::FRESH + number).as_bytes()),
            Kind::Put => send("PUT", &target(), changed(person, number).as_bytes()),
            Kind::Patch => {
                let title = format!("Engineer {number}");
                let body = seed::patch(json!([{ "op": "replace", "path": "title", "value": title }]));
                send("PATCH", &target(), &body)
            }
        }
    }

    /// The same through the driver: what is ready before the time runs, `count` of them.
    fn prepared(self, raw: &Raw, people: &[Person], from: u64, count: u64) -> Ready {
        let numbers = from..from + count;
        match self {
            Kind::Post => Ready::Create(numbers.map(|number| prepared(raw, number)).collect()),
            Kind::Put | Kind::Patch => Ready::Update(
                numbers
                    .filter_map(|number| {
                        let person = any(people, 1, number)?;
                        Some((person.id.clone(), changed(Some(person), number)))
                    })
                    .collect(),
            ),
        }
    }
}

/// A user with another title.
fn changed(person: Option<&Person>, number: u64) -> String {
    let mut user = seed::user(person.map_or(0, |person| person.number));
    if let Some(title) = user.get_mut("title") {
        *title = format!("Engineer {number}").into();
    }
    user.to_string()
}

/// A new user for the driver, with an id behind all others.
fn prepared(raw: &Raw, number: u64) -> Prepared {
    raw.prepare(format!("ffffffff-ffff-7fff-8fff-{number:012x}"), &seed::user(seed::FRESH + number))
}

enum Ready {
    Create(Vec<Prepared>),
    Update(Vec<(String, String)>),
}

impl Ready {
    fn write(&self, raw: &mut Raw) -> Result<u64> {
        match self {
            Ready::Create(users) => raw.create(users).map(|()| users.len() as u64),
            Ready::Update(users) => {
                let users: Vec<(&str, &str)> = users.iter().map(|(id, text)| (&**id, &**text)).collect();
                raw.update(&users).map(|()| users.len() as u64)
            }
        }
    }
}

/// Requests that are made before the time runs, each sent once.
fn stock(make: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static, from: u64, ahead: usize) -> Requests {
    let made: Vec<Vec<u8>> = (from..).take(ahead).map(&make).collect();
    let next = AtomicUsize::new(0);
    Arc::new(move |_, _| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        made.get(number).cloned().unwrap_or_else(|| make(from + number as u64))
    })
}

/// POST, PUT and PATCH of one user, with one client and with 32.
pub async fn one(world: &mut World) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for kind in [Kind::Post, Kind::Put, Kind::Patch] {
        lines.push(one_client(world, kind).await?);
        lines.push(many_clients(world, kind).await?);
    }
    Ok(lines)
}

/// A turn of the server.
async fn served(world: &World, kind: Kind, clients: u64, time: Duration) -> Result<Sample> {
    let ahead = (time.as_secs_f64() * AHEAD) as usize;
    let people = world.people.clone();
    let make = stock(move |number| kind.request(&people, number), world.fresh(1 << 20), ahead);
    requests(world.server()?.address, clients, time, &make).await
}

/// A turn of the driver, with so many in a transaction.
fn driven(world: &World, raw: &mut Raw, kind: Kind, together: u64, time: Duration) -> Result<Sample> {
    let from = world.fresh(1 << 20);
    // What is prepared reads the copy's indexes; the copy itself is written by what is measured.
    let ready: Vec<Ready> = {
        let count = (time.as_secs_f64() * AHEAD * 2.0) as u64 / together;
        (0..count).map(|turn| kind.prepared(raw, &world.people, from + turn * together, together)).collect()
    };
    let mut ready = ready.into_iter();
    let mut left = Vec::new();
    work(
        time,
        |_| ready.next(),
        |next| match next {
            Some(next) => {
                let done = next.write(raw);
                // Its memory is given back when the time does not run.
                left.push(next);
                done
            }
            None => anyhow::bail!("the driver is quicker than was prepared for"),
        },
    )
}

async fn one_client(world: &World, kind: Kind) -> Result<Line> {
    let mut raw = world.raw()?;
    served(world, kind, 1, world.time / 4).await?;
    let found = turns(
        world.rounds,
        async || driven(world, &mut raw, kind, 1, world.time),
        async || served(world, kind, 1, world.time).await,
    )
    .await?;
    let line = Line::share(&format!("{} of one user, one client", kind.name()), "raw single commit", &found, 0.70);
    let (own, floor) = (found.subject.median(), found.floor.median());
    let near = floor < QUICK && own - floor <= NEAR;
    Ok(Line {
        floor: format!("{}, p50 {}", line.floor, millis(floor)),
        reached: format!("{}, {:+.3} ms", line.reached, own - floor),
        target: "at least 0.70, or within 0.15 ms".into(),
        met: line.met || near,
        ..line
    })
}

async fn many_clients(world: &World, kind: Kind) -> Result<Line> {
    let mut raw = world.raw()?;
    let people = world.people.clone();
    let size = world.size(&kind.request(&people, world.fresh(1))).await?;
    let hello = Hello::start(size)?;
    let half = world.time / 2;
    let mut floors = [0.0, 0.0];
    let found = turns(
        world.rounds,
        async || {
            let ten = driven(world, &mut raw, kind, 10, half)?;
            let people = people.clone();
            let ahead = (half.as_secs_f64() * AHEAD) as usize;
            let make = stock(move |number| kind.request(&people, number), world.fresh(1 << 20), ahead);
            let fixed = requests(hello.address, 32, half, &make).await?;
            floors = [ten.rate(), fixed.rate()];
            Ok(if ten.rate() < fixed.rate() { ten } else { fixed })
        },
        async || served(world, kind, 32, world.time).await,
    )
    .await?;
    let line = Line::share(&format!("{} of one user, 32 clients", kind.name()), "", &found, 0.5);
    let [ten, fixed] = floors.map(number);
    Ok(Line { floor: format!("lower of raw ten a transaction: {ten}/s and hello: {fixed}/s"), ..line })
}

/// A hundred creates in one request.
pub async fn bulk(world: &mut World) -> Result<Vec<Line>> {
    let mut raw = world.raw()?;
    let parser = Parser::new()?;
    let world = &*world;
    let mut floors = [0.0, 0.0];
    let found = turns(
        world.rounds,
        async || {
            let hundred = driven(world, &mut raw, Kind::Post, BULK, world.time / 2)?;
            let parsed = parsing(&parser, world.time / 2)?;
            floors = [hundred.rate(), parsed.rate()];
            Ok(if hundred.rate() < parsed.rate() { hundred } else { parsed })
        },
        async || {
            let from = world.fresh(1 << 20);
            let make = move |turn: u64| {
                let first = seed::FRESH + from + (turn - from) * BULK;
                send("POST", "/scim/v2/Bulk", &seed::bulk(first..first + BULK))
            };
            let ahead = (world.time.as_secs_f64() * 300.0) as usize;
            let sent = stock(make, from, ahead);
            Ok(requests(world.server()?.address, 8, world.time, &sent).await?.each_of(BULK))
        },
    )
    .await?;
    let line = Line::share("/Bulk of 100 creates, 8 connections, in creates", "", &found, 0.5);
    let [hundred, parsed] = floors.map(number);
    let floor = format!("lower of raw hundred a transaction: {hundred}/s and parsing: {parsed}/s");
    Ok(vec![Line { floor, ..line }])
}

/// Reading and validating alone.
fn parsing(parser: &Parser, time: Duration) -> Result<Sample> {
    let texts: Vec<String> = (0..1_000).map(seed::user_text).collect();
    let pick = |number: u64| texts.get(usize::try_from(number).unwrap_or_default() % texts.len().max(1));
    work(time, pick, |text| parser.validate(text.map_or(b"", |text| text.as_bytes())).map(|_| 1))
}

/// The users of the start once more, into an empty database, by the command.
pub async fn import(world: &mut World) -> Result<Vec<Line>> {
    let file = world.path("users.jsonl");
    write_users(&file, world.users)?;
    let parser = Parser::new()?;
    let (empty, database) = (world.path("empty.db"), world.path("import.db"));
    remove(&empty)?;
    // The first start makes the tenant and its indexes.
    world.program.start(&empty).await?.stop().await?;
    let filled = world.path(&format!("filled-{}.db", world.users));
    let floor_database = world.path("import-raw.db");
    copy(&filled, &floor_database)?;
    Raw::open(&floor_database)?.empty()?;
    let bare = world.path("import-raw-empty.db");
    copy_open(&floor_database, &bare)?;
    let world = &*world;
    let mut floors = [0.0, 0.0];
    let found = turns(
        // A turn takes many seconds: few are enough.
        world.rounds.min(2),
        async || {
            copy(&bare, &floor_database)?;
            let batched = batched(&mut Raw::open(&floor_database)?, world.users)?;
            let parsed = parsing(&parser, world.time)?;
            floors = [batched.rate(), parsed.rate()];
            Ok(if batched.rate() < parsed.rate() { batched } else { parsed })
        },
        async || {
            copy(&empty, &database)?;
            let took = tokio::task::block_in_place(|| world.program.import(&database, &file))?;
            Ok(Sample::once(world.users, took))
        },
    )
    .await?;
    let server = world.program.start(&database).await?;
    let mut client = Client::connect(server.address).await?;
    let there = client.send(&crate::client::request("GET", "/scim/v2/Users?count=0", TOKEN, None)).await?;
    let wanted = format!("\"totalResults\":{}", world.users);
    ensure!(String::from_utf8_lossy(there.body).contains(&wanted), "the import lost users");
    server.stop().await?;
    let work = format!("import of {} users", number(world.users as f64));
    let line = Line::share(&work, "", &found, 0.6);
    let [batched, parsed] = floors.map(number);
    Ok(vec![Line {
        measured: format!("{}/s", number(found.subject.rate())),
        floor: format!("lower of raw thousand a transaction: {batched}/s and parsing: {parsed}/s"),
        ..line
    }])
}

/// Users as lines of JSON.
pub fn write_users(file: &std::path::Path, users: u64) -> Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(file).context("the file to import")?);
    for number in 0..users {
        writeln!(out, "{}", seed::user_text(number))?;
    }
    Ok(out.flush()?)
}

/// All users through the driver, a thousand in a transaction.
fn batched(raw: &mut Raw, users: u64) -> Result<Sample> {
    let mut whole = Sample::default();
    for start in (0..users).step_by(usize::try_from(BATCH)?) {
        let ready: Vec<Prepared> = (start..(start + BATCH).min(users))
            .map(|number| raw.prepare(format!("ffffffff-ffff-7fff-8fff-{number:012x}"), &seed::user(number)))
            .collect();
        whole = whole.and(work(Duration::ZERO, |_| (), |()| raw.create(&ready).map(|()| ready.len() as u64))?);
    }
    Ok(whole)
}

/// Copies a database that this program has had open: its log goes in first.
fn copy_open(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    rusqlite::Connection::open(from)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    copy(from, to)
}
