//! The server on PostgreSQL with its safe settings, against pgbench with the same statements and as many clients.
//!
//! `floor` pgbench and its scripts · `copy` a whole store from SQLite into PostgreSQL and back.

mod copy;
mod floor;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use conformance_tests::servers::postgres::{Care, Postgres};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::client::{Client, escaped, request};
use crate::measure::{Requests, Sample, median, requests, spread, turns};
use crate::rows::write_users;
use crate::seed;
use crate::server::{Program, Server, TOKEN, imported, started};
use crate::table::{Line, millis, number};

use floor::{Floor, ids};

/// What is measured of the server on PostgreSQL.
#[derive(Debug, Args)]
pub struct Options {
    /// Copy instead: so many users, and a group for each hundred of them, into PostgreSQL and back.
    #[arg(long)]
    copy: bool,
    /// Parts of the table, with commas; else all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// A database of a PostgreSQL that runs, instead of one of its own. The store that an earlier run filled is used as it is,
    /// and its import is not measured.
    #[arg(long)]
    database: Option<String>,
}

/// Parts of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// One user, by id and by filters.
    Reads,
    /// Pages.
    Lists,
    /// Lists, page by page.
    Walks,
    /// One user made or changed.
    Writes,
    /// One member more or less.
    Members,
    /// /Bulk and the import.
    Batches,
    /// Two servers.
    Nodes,
}

/// Connections, and clients of pgbench.
const CLIENTS: u64 = 8;
/// Creates in a bulk request.
const BULK: u64 = 100;
/// Groups, by their number of members.
const GROUPS: [u64; 3] = [10, 1_000, 100_000];

/// One run.
struct Run {
    server: Server,
    /// Ids of users, in their order.
    people: Arc<Vec<String>>,
    groups: Vec<String>,
    time: Duration,
    rounds: usize,
    floor: Floor,
    fresh: AtomicU64,
}

/// The settings that lead a server to a database.
fn settings(url: &str) -> Vec<(&'static str, String)> {
    vec![("SCIM__STORE__BACKEND", "postgres".into()), ("SCIM__STORE__POSTGRES__URL", url.into())]
}

/// Measures; gives the lines of the table.
pub async fn run(options: &Options, program: Program, users: u64, time: Duration, rounds: usize) -> Result<Vec<Line>> {
    let folder = TempDir::with_prefix("scim-load-")?;
    let own = match &options.database {
        Some(_) => None,
        None => Some(tokio::task::block_in_place(|| {
            Postgres::start_with(Care::Safe, &["shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min"])
        })?),
    };
    let database = own.as_ref().map(Postgres::url).or(options.database.as_deref()).unwrap_or_default().to_owned();
    if options.copy {
        return copy::measure(&program, &database, folder.path(), users).await;
    }
    let command = || program.set(folder.path(), &settings(&database));
    started(command()).await?.stop().await?;
    let filled = !ids(&database).await?.is_empty();
    let mut import = None;
    if !filled {
        let file = folder.path().join("users.jsonl");
        write_users(&file, users)?;
        let took = tokio::task::block_in_place(|| imported(command(), &file))?;
        import = Some(Sample::once(users, took));
    }
    let settled = async || -> Result<()> { Ok(connected(&database).await?.batch_execute("VACUUM ANALYZE").await?) };
    settled().await?;
    let mut people = ids(&database).await?;
    // Those that an earlier run made came behind.
    people.truncate(usize::try_from(users)?);
    let people = Arc::new(people);
    ensure!(people.len() as u64 == users, "{} users instead of {users}", people.len());
    let server = started(command()).await?;
    let floor = Floor::new(folder.path(), &database, time, &people).await?;
    // New people of each run have names of their own.
    let fresh = AtomicU64::new(if filled { u64::from(std::process::id() % 10_000) << 42 } else { 0 });
    let mut run = Run { server, people, groups: Vec::new(), time, rounds, floor, fresh };
    run.groups().await?;
    settled().await?;
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    let mut lines = Vec::new();
    if wanted(Part::Reads) {
        lines.extend(run.reads().await?);
    }
    if wanted(Part::Lists) {
        lines.extend(run.lists().await?);
    }
    if wanted(Part::Walks) {
        lines.extend(run.walks().await?);
    }
    if wanted(Part::Writes) {
        lines.extend(run.writes().await?);
    }
    if wanted(Part::Members) {
        lines.extend(run.members().await?);
    }
    if wanted(Part::Batches) {
        lines.extend(run.batches(import).await?);
    }
    if wanted(Part::Nodes) {
        // As many processors for both together as the one has.
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let half = |from: usize| program.set_on(from..from + (all / 2).max(1), folder.path(), &settings(&database));
        let nodes = [started(half(0)).await?, started(half(all / 2)).await?];
        lines.push(run.nodes(nodes).await?);
    }
    run.server.stop().await?;
    Ok(lines)
}

impl Run {
    async fn served(&self, make: &Requests) -> Result<Sample> {
        requests(self.server.address, CLIENTS, self.time, make).await
    }

    /// The server against one script of pgbench, in turns.
    async fn against(&self, work: &str, floor: &str, make: Requests, script: &str, least: f64) -> Result<Line> {
        requests(self.server.address, CLIENTS, self.time / 4, &make).await?;
        let found = turns(
            self.rounds,
            async || tokio::task::block_in_place(|| self.floor.run(script, CLIENTS)),
            async || self.served(&make).await,
        )
        .await?;
        Ok(Line::share(work, floor, &found, least))
    }

    fn fresh(&self, count: u64) -> u64 {
        seed::FRESH + self.fresh.fetch_add(count, Ordering::Relaxed)
    }

    fn someone(people: &[String], connection: u64, number: u64) -> String {
        let at = spread(connection << 32 | number) % people.len().max(1) as u64;
        people.get(usize::try_from(at).unwrap_or_default()).cloned().unwrap_or_default()
    }

    /// Groups of all sizes that there are users for.
    async fn groups(&mut self) -> Result<()> {
        let mut client = Client::connect(self.server.address).await?;
        for size in GROUPS.into_iter().filter(|size| *size <= self.people.len() as u64) {
            let name = format!("Group of {size}");
            let filter = escaped(&format!("displayName eq \"{name}\""));
            let sought = format!("/scim/v2/Groups?filter={filter}&attributes=id");
            let answer = client.send(&request("GET", &sought, TOKEN, None)).await?;
            let found: Value = serde_json::from_slice(answer.body)?;
            if let Some(id) = found.pointer("/Resources/0/id").and_then(Value::as_str) {
                self.groups.push(id.to_owned());
                continue;
            }
            let body = seed::group(&name);
            let answer = client.send(&request("POST", "/scim/v2/Groups", TOKEN, Some(&body))).await?;
            ensure!(answer.status == 201, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
            let group: Value = serde_json::from_slice(answer.body)?;
            let id = group.get("id").and_then(Value::as_str).context("a group without id")?.to_owned();
            for some in self.people.get(..usize::try_from(size)?).unwrap_or_default().chunks(5_000) {
                let body = seed::add_members(some.iter().map(String::as_str));
                let sent = request("PATCH", &format!("/scim/v2/Groups/{id}"), TOKEN, Some(&body));
                let answer = client.send(&sent).await?;
                ensure!(answer.status == 204, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
            }
            self.groups.push(id);
        }
        Ok(())
    }

    fn get(&self) -> Requests {
        let people = self.people.clone();
        Arc::new(move |connection, number| {
            let id = Run::someone(&people, connection, number);
            request("GET", &format!("/scim/v2/Users/{id}"), TOKEN, None)
        })
    }

    /// One user, by id and by what a filter finds.
    async fn reads(&self) -> Result<Vec<Line>> {
        let floor = "primary-key SELECT";
        let mut lines = vec![self.against("GET /Users/{id}", floor, self.get(), "by_id", 0.50).await?];
        type Text = fn(u64) -> String;
        let filters: [(&str, Text); 3] =
            [("userName", seed::user_name), ("emails.value", seed::email), ("externalId", seed::external_id)];
        let users = self.people.len() as u64;
        for (attribute, value) in filters {
            let make: Requests = Arc::new(move |connection, turn| {
                let filter = format!("{attribute} eq \"{}\"", value(spread(connection << 32 | turn) % users));
                request("GET", &format!("/scim/v2/Users?filter={}", escaped(&filter)), TOKEN, None)
            });
            lines.push(self.against(&format!("filter {attribute} eq, a hit"), floor, make, "by_id", 0.45).await?);
        }
        Ok(lines)
    }

    /// Pages.
    async fn lists(&self) -> Result<Vec<Line>> {
        let first: Requests = Arc::new(|_, _| request("GET", "/scim/v2/Users?startIndex=1&count=100", TOKEN, None));
        let mut lines =
            vec![self.against("?startIndex=1&count=100", "the same page in SQL", first, "page", 0.50).await?];
        let prefix: Requests = Arc::new(|_, _| {
            let filter = escaped("userName sw \"user\"");
            request("GET", &format!("/scim/v2/Users?filter={filter}&count=100"), TOKEN, None)
        });
        lines.push(
            self.against("?filter=userName sw \"user\"&count=100", "the page in SQL", prefix, "page", 0.25).await?,
        );
        Ok(lines)
    }

    /// All pages of a list, one behind another.
    async fn walks(&self) -> Result<Vec<Line>> {
        Ok(vec![
            self.walk("cursor", "count=100&cursor=", 1.2).await?,
            self.walk("startIndex", "count=100&startIndex=", 2.0).await?,
            self.walk("cursor, filter userName sw", "filter=userName%20sw%20%22user%22&count=100&cursor=", 1.2).await?,
        ])
    }

    /// Each page of a walk against the first ones.
    async fn walk(&self, by: &str, query: &str, most: f64) -> Result<Line> {
        const STRETCHES: usize = 20;
        let mut client = Client::connect(self.server.address).await?;
        let (mut times, mut next) = (Vec::new(), if by == "startIndex" { "1".to_owned() } else { String::new() });
        let mut first = Vec::new();
        for _ in 0..50 {
            let sent = request("GET", &format!("/scim/v2/Users?{query}{next}"), TOKEN, None);
            let begun = Instant::now();
            let answer = client.send(&sent).await?;
            first.push(begun.elapsed().as_secs_f64() * 1_000.0);
            // Read as the pages of a walk are: the server rests meanwhile, and its caches cool.
            let page: Value = serde_json::from_slice(answer.body)?;
            ensure!(page.get("itemsPerPage").is_some(), "{}: no list", answer.status);
        }
        let mut seen = 0;
        loop {
            let sent = request("GET", &format!("/scim/v2/Users?{query}{}", escaped(&next)), TOKEN, None);
            let begun = Instant::now();
            let answer = client.send(&sent).await?;
            let took = begun.elapsed().as_secs_f64() * 1_000.0;
            ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
            let page: Value = serde_json::from_slice(answer.body)?;
            let shown = page.get("itemsPerPage").and_then(Value::as_u64).unwrap_or_default();
            seen += shown;
            if shown == 100 {
                times.push(took);
            }
            next = match page.get("nextCursor").and_then(Value::as_str) {
                Some(cursor) => cursor.to_owned(),
                None if by == "startIndex" && shown == 100 => (seen + 1).to_string(),
                None => break,
            };
        }
        ensure!(seen >= self.people.len() as u64, "a walk saw {seen} users");
        let slowest = times.chunks((times.len() / STRETCHES).max(1)).map(median).fold(0.0, f64::max);
        let work = format!("each of {} pages of a walk by {by}; the slowest of {STRETCHES} stretches", times.len());
        Ok(Line::times(&work, slowest, "first page", median(&first), most))
    }

    /// POST, PUT, PATCH of one user.
    async fn writes(&self) -> Result<Vec<Line>> {
        let from = self.fresh(1 << 30);
        let next = Arc::new(AtomicU64::new(from));
        let post: Requests = Arc::new(move |_, _| {
            let user = seed::user_text(next.fetch_add(1, Ordering::Relaxed));
            request("POST", "/scim/v2/Users", TOKEN, Some(user.as_bytes()))
        });
        let titles = Arc::new(AtomicU64::new(0));
        let people = Arc::new(self.floor.people().await?);
        // Everything becomes that of somebody who was not there, or nothing but the title changes.
        let change = |put: bool, all: bool| -> Requests {
            let (people, titles) = (people.clone(), titles.clone());
            Arc::new(move |connection, turn| {
                let at = spread(connection << 32 | turn) % people.len().max(1) as u64;
                let Some((id, number)) = people.get(usize::try_from(at).unwrap_or_default()) else { return Vec::new() };
                let title = titles.fetch_add(1, Ordering::Relaxed);
                let (target, name) = (format!("/scim/v2/Users/{id}"), format!("Engineer {title}"));
                if put {
                    let mut user = seed::user(if all { from * 2 + title } else { *number });
                    if let Some(own) = user.get_mut("title") {
                        *own = name.into();
                    }
                    return request("PUT", &target, TOKEN, Some(user.to_string().as_bytes()));
                }
                let body = seed::patch(json!([{ "op": "replace", "path": "title", "value": name }]));
                request("PATCH", &target, TOKEN, Some(&body))
            })
        };
        let floor = "the same transaction";
        Ok(vec![
            self.against("POST of one user", floor, post, "create", 0.60).await?,
            self.against("PATCH of one user", floor, change(false, false), "update", 0.60).await?,
            self.against("PUT of one user, one value changes", floor, change(true, false), "update", 0.60).await?,
            self.against("PUT of one user, all values change", floor, change(true, true), "replace", 0.60).await?,
        ])
    }

    /// One member more or less.
    async fn members(&self) -> Result<Vec<Line>> {
        // Those who come and go are in no group of less than all.
        let guests: Arc<Vec<String>> = {
            let first = self.fresh(400);
            let mut client = Client::connect(self.server.address).await?;
            let answer =
                client.send(&request("POST", "/scim/v2/Bulk", TOKEN, Some(&seed::bulk(first..first + 400)))).await?;
            let done: Value = serde_json::from_slice(answer.body)?;
            let operations = done.get("Operations").and_then(Value::as_array).context("no Operations")?;
            let id = |one: &Value| Some(one.get("location")?.as_str()?.rsplit('/').next()?.to_owned());
            Arc::new(operations.iter().filter_map(id).collect())
        };
        let coming = |group: String| -> Requests {
            let (guests, next) = (guests.clone(), AtomicU64::new(0));
            Arc::new(move |_, _| {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                let many = guests.len().max(1) as u64;
                let guest = guests.get(usize::try_from(turn % many).unwrap_or_default()).map_or("", String::as_str);
                let comes = (turn / many).is_multiple_of(2);
                let body = if comes { seed::add_members([guest].into_iter()) } else { seed::remove_member(guest) };
                request("PATCH", &format!("/scim/v2/Groups/{group}"), TOKEN, Some(&body))
            })
        };
        let (address, time) = (self.server.address, self.time);
        let mut groups = self.groups.iter().cloned();
        let (Some(small), Some(large)) = (groups.next(), groups.next_back()) else { return Ok(Vec::new()) };
        let (small, large) = (coming(small), coming(large));
        let found = turns(
            self.rounds,
            async || requests(address, 1, time, &small).await,
            async || requests(address, 1, time, &large).await,
        )
        .await?;
        let work = "add or remove one member, the largest group, one client";
        let line = Line::times(work, found.subject.median(), "group of 10", found.floor.median(), 1.3);
        let ratio = found.time();
        let flat = Line { reached: format!("{ratio:.2}x"), met: ratio <= 1.3, ..line };
        let one = turns(
            self.rounds,
            async || tokio::task::block_in_place(|| self.floor.run("member", 1)),
            async || requests(address, 1, time, &large).await,
        )
        .await?;
        let line = Line::share("the same", "the same INSERT", &one, 0.60);
        Ok(vec![flat, Line { floor: format!("{}, p50 {}", line.floor, millis(one.floor.median())), ..line }])
    }

    /// A hundred in one request, and the import of all.
    async fn batches(&self, import: Option<Sample>) -> Result<Vec<Line>> {
        let first = self.fresh(1 << 30);
        let next = Arc::new(AtomicU64::new(first));
        let make: Requests = Arc::new(move |_, _| {
            let from = next.fetch_add(BULK, Ordering::Relaxed);
            request("POST", "/scim/v2/Bulk", TOKEN, Some(&seed::bulk(from..from + BULK)))
        });
        let found = turns(
            self.rounds,
            async || Ok(tokio::task::block_in_place(|| self.floor.run("batch", CLIENTS))?.each_of(BULK)),
            async || Ok(self.served(&make).await?.each_of(BULK)),
        )
        .await?;
        let bulk = Line::share("/Bulk of 100 creates, in creates", "batches of 100", &found, 0.50);
        let Some(import) = import else { return Ok(vec![bulk]) };
        let ratio = import.rate() / found.floor.rate().max(1.0);
        Ok(vec![
            bulk,
            Line {
                work: format!("import of {} users", number(self.people.len() as f64)),
                measured: format!("{}/s", number(import.rate())),
                floor: format!("batches of 100, 8 clients: {}/s", number(found.floor.rate())),
                reached: format!("{ratio:.2}"),
                target: "at least 0.60".into(),
                met: ratio >= 0.60,
            },
        ])
    }

    /// Two servers on the one database, with half of the connections and of the processors each.
    async fn nodes(&self, nodes: [Server; 2]) -> Result<Line> {
        let make = self.get();
        let found = turns(
            self.rounds,
            async || self.served(&make).await,
            async || {
                let [here, there] = &nodes;
                let half = |server: &Server| requests(server.address, CLIENTS / 2, self.time, &make);
                let (here, there) = tokio::join!(half(here), half(there));
                let (here, there) = (here?, there?);
                let rate = here.rate() + there.rate();
                Ok(here.and(there).at(rate))
            },
        )
        .await?;
        for node in nodes {
            node.stop().await?;
        }
        Ok(Line::share("GET through two servers, each with half of the processors", "through one", &found, 1.0))
    }
}

/// A connection to a database, for what is looked up once.
async fn connected(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
