//! The server on an OpenLDAP with its safe settings, against ldap3 with the same searches and writes.
//!
//! `floor` ldap3 by itself · `reads`, `writes` the rows · `listing` everybody listed, while others come and go, also on a fake Active
//! Directory.

mod floor;
mod listing;
mod reads;
mod writes;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use conformance_tests::servers::fake_directory::FakeDirectory;
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, group, people_of};
use tempfile::TempDir;

use crate::measure::{Requests, Sample, Turns, requests, spread, turns};
use crate::server::{Program, Server, started};
use crate::table::Line;

use floor::{Find, Floor, by_id};

/// What is measured of the server on a directory.
#[derive(Debug, Args)]
pub struct Options {
    /// List everybody instead: four clients, and a group of a tenth, while others come and go.
    #[arg(long)]
    listing: bool,
    /// The same on a fake Active Directory: 1,000 entries a page, 1,500 values a range.
    #[arg(long)]
    fake: bool,
    /// Rows to measure: reads, pages, groups, writes, members; else all.
    #[arg(long, value_delimiter = ',', value_parser = ROWS)]
    only: Vec<String>,
}

/// Connections of clients.
const CLIENTS: u64 = 8;
/// What is measured, in this order.
const ROWS: [&str; 5] = ["reads", "pages", "groups", "writes", "members"];
/// Groups, by their number of members.
const GROUPS: [usize; 3] = [10, 10_000, 100_000];
/// Groups of which any is asked for, and their members.
const SMALL: usize = 100;
const SMALL_SIZE: usize = 10;

/// One run.
struct Run {
    server: Server,
    floor: Arc<Floor>,
    /// Ids of users, in their order.
    people: Arc<Vec<String>>,
    /// Ids of groups, with their number of members.
    groups: Vec<(usize, String)>,
    /// Ids of small groups.
    small: Arc<Vec<String>>,
    time: Duration,
    rounds: usize,
    fresh: AtomicU64,
}

/// A directory as an administrator keeps it: indexes, memberOf, refint, policies, and what it answers is on the disk.
fn directory(users: usize, groups: &[(String, Range<usize>)]) -> Result<Slapd> {
    let held: Vec<(&str, Range<usize>)> = groups.iter().map(|(name, members)| (&**name, members.clone())).collect();
    // As a slapd with the memberof overlay would have made them: entries say in which groups they are.
    let mut entries = people_of(0..users, &held);
    for (name, members) in held {
        entries += &group(name, members);
    }
    tokio::task::block_in_place(|| Slapd::start(&Setup { entries, safe: true, ..Setup::furnished() }))
}

fn name(size: usize) -> String {
    format!("group of {size}")
}

fn sized(size: usize) -> (String, Range<usize>) {
    (name(size), 0..size)
}

fn small(number: usize) -> (String, Range<usize>) {
    (format!("small group {number}"), number * SMALL_SIZE..(number + 1) * SMALL_SIZE)
}

/// The settings that lead a server to it.
fn settings(slapd: &Slapd) -> Vec<(&'static str, String)> {
    [
        ("SCIM__STORE__BACKEND", "ldap".to_owned()),
        ("SCIM__STORE__LDAP__URLS", slapd.url()),
        ("SCIM__STORE__LDAP__BIND_DN", ADMIN.into()),
        ("SCIM__STORE__LDAP__BIND_PASSWORD", PASSWORD.into()),
        ("SCIM__STORE__LDAP__MODE", "write".into()),
        ("SCIM__STORE__LDAP__CONNECTIONS", CLIENTS.to_string()),
        ("SCIM__STORE__LDAP__OPERATION_TIME", "60".into()),
        ("SCIM__STORE__LDAP__USERS__BASE", floor::people()),
        ("SCIM__STORE__LDAP__GROUPS__BASE", floor::groups()),
        ("SCIM__STORE__LDAP__BRAKES__REMOVALS", u32::MAX.to_string()),
        ("SCIM__STORE__LDAP__BRAKES__DELETES", u32::MAX.to_string()),
        ("SCIM__CONTROL__BACKEND", "sqlite".into()),
        ("SCIM__LIMITS__REQUEST_TIME", "60".into()),
        ("SCIM__LOG__LEVEL", "error".into()),
    ]
    .into()
}

/// The settings that lead a server to this one.
fn settings_of_fake(fake: &FakeDirectory) -> Vec<(&'static str, String)> {
    let suffix = conformance_tests::servers::fake_directory::SUFFIX;
    [
        ("SCIM__STORE__BACKEND", "ldap".to_owned()),
        ("SCIM__STORE__LDAP__URLS", fake.url()),
        ("SCIM__STORE__LDAP__PAGE", "1000".into()),
        ("SCIM__STORE__LDAP__OPERATION_TIME", "60".into()),
        ("SCIM__STORE__LDAP__USERS__BASE", format!("OU=people,{suffix}")),
        ("SCIM__STORE__LDAP__GROUPS__BASE", format!("OU=groups,{suffix}")),
        ("SCIM__CONTROL__BACKEND", "sqlite".into()),
        ("SCIM__LIMITS__REQUEST_TIME", "60".into()),
        ("SCIM__LOG__LEVEL", "error".into()),
    ]
    .into()
}

/// Measures; gives the lines of the table.
pub async fn run(options: &Options, program: Program, users: u64, time: Duration, rounds: usize) -> Result<Vec<Line>> {
    let folder = TempDir::with_prefix("scim-load-")?;
    let users = usize::try_from(users)?;
    if options.fake {
        let fake = Arc::new(FakeDirectory::active_directory()?);
        fake.people(0..users);
        fake.group(&name(users / 10), 0..users / 10);
        let server = started(program.set(folder.path(), &settings_of_fake(&fake))).await?;
        return listing::of_fake(fake, server, users).await;
    }
    if options.listing {
        let slapd = directory(users, &[sized(users / 10)])?;
        let server = started(program.set(folder.path(), &settings(&slapd))).await?;
        return listing::of_slapd(&slapd, server, users).await;
    }
    let groups: Vec<usize> = GROUPS.into_iter().filter(|size| *size <= users).collect();
    let all = groups.iter().copied().map(sized).chain((0..SMALL.min(users / SMALL_SIZE)).map(small));
    let slapd = directory(users, &all.collect::<Vec<_>>())?;
    let floor = Arc::new(Floor::open(&slapd.url(), time).await?);
    let people = Arc::new(floor.ids(&floor::people(), "(objectClass=inetOrgPerson)").await?);
    ensure!(people.len() == users, "{} users instead of {users}", people.len());
    let mut by_size = Vec::new();
    for size in groups {
        let find = Find::group(format!("(cn={})", name(size)));
        let found = find.send(&mut floor.one()?).await?.into_iter().next().context("no such group")?;
        let id = found.attrs.get("entryUUID").and_then(|ids| ids.first()).context("a group without id")?;
        by_size.push((size, id.clone()));
    }
    let small = Arc::new(floor.ids(&floor::groups(), "(cn=small group*)").await?);
    let server = started(program.set(folder.path(), &settings(&slapd))).await?;
    let run = Run { server, floor, people, groups: by_size, small, time, rounds, fresh: AtomicU64::new(0) };
    let mut lines = Vec::new();
    for row in ROWS.into_iter().filter(|row| options.only.is_empty() || options.only.iter().any(|only| only == row)) {
        let found = match row {
            "reads" => run.people().await?,
            "pages" => run.pages().await?,
            "groups" => run.groups().await?,
            "writes" => run.writes().await?,
            _ => run.members().await?,
        };
        crate::say(&crate::table::markdown(&found))?;
        lines.extend(found);
    }
    run.server.stop().await?;
    Ok(lines)
}

impl Run {
    async fn served(&self, make: &Requests) -> Result<Sample> {
        requests(self.server.address, CLIENTS, self.time, make).await
    }

    /// The server against ldap3, in turns.
    async fn against(&self, make: Requests, floor: impl AsyncFnMut() -> Result<Sample>) -> Result<Turns> {
        requests(self.server.address, CLIENTS, self.time / 4, &make).await?;
        turns(self.rounds, floor, async || self.served(&make).await).await
    }

    /// The first of so many numbers that were not given out before.
    fn fresh(&self, count: u64) -> u64 {
        self.fresh.fetch_add(count, Ordering::Relaxed)
    }
}

/// One of these ids, by chance that is the same in every run.
fn someone(people: &[String], connection: u64, turn: u64) -> &str {
    let at = spread(connection << 32 | turn) % people.len().max(1) as u64;
    people.get(usize::try_from(at).unwrap_or_default()).map_or("", String::as_str)
}

/// One of those whom this connection alone changes.
fn own(people: &[String], connection: u64, turn: u64) -> &str {
    let at = spread(turn) % (people.len() as u64 / CLIENTS).max(1) * CLIENTS + connection % CLIENTS;
    people.get(usize::try_from(at).unwrap_or_default()).map_or("", String::as_str)
}
