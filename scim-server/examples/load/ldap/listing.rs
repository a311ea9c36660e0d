//! Everybody listed by four clients, and a large group read, while others come and go: each who was there throughout is
//! shown once, and the server's memory stays bounded.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance_tests::servers::fake_directory::{self, FakeDirectory};
use conformance_tests::servers::slapd::Slapd;
use ldap3::Mod;
use serde_json::Value;

use crate::client::{Client, escaped};
use crate::server::Server;
use crate::table::{Line, number};
use crate::world::get;

use super::floor::{self, Find, Floor, by_id};
use super::{name, writes};

/// Who list at the same time.
const CLIENTS: u64 = 4;
/// Users of a page.
const PAGE: u32 = 100;
/// Anonymous memory of the server while they do, in MiB.
const MOST: f64 = 64.0;
/// Between looks at the memory.
const LOOK: Duration = Duration::from_millis(20);

/// Lists what a slapd holds, and tells what it took.
pub async fn of_slapd(slapd: &Slapd, server: Server, users: usize) -> Result<Vec<Line>> {
    let floor = Arc::new(Floor::open(&slapd.url(), Duration::ZERO).await?);
    let people = floor.ids(&floor::people(), "(objectClass=inetOrgPerson)").await?;
    ensure!(people.len() == users, "{} users instead of {users}", people.len());
    let found = Find::group(format!("(cn={})", name(users / 10))).send(&mut floor.one()?).await?;
    let group = found.first().and_then(|group| group.attrs.get("entryUUID")?.first()).context("no group")?.clone();
    let others = |flow| tokio::spawn(come_and_go(floor, group.clone(), flow));
    measure("slapd", server, people.into_iter().collect(), group.clone(), others).await
}

/// The same of a fake Active Directory, with its limits of pages and of values.
pub async fn of_fake(fake: Arc<FakeDirectory>, server: Server, users: usize) -> Result<Vec<Line>> {
    let people = walk(server.address, Arc::default()).await?;
    ensure!(people.len() == users, "{} users instead of {users}", people.len());
    let target = format!("/scim/v2/Groups?excludedAttributes=members&filter={}", escaped("displayName pr"));
    let mut client = Client::connect(server.address).await?;
    let answer = client.send(&get(&target)).await?;
    let list: Value = serde_json::from_slice(answer.body)?;
    let group = list.pointer("/Resources/0/id").and_then(Value::as_str).context("no group")?.to_owned();
    let others = |flow: Flow| tokio::task::spawn_blocking(move || come_and_go_in(&fake, users, &flow));
    measure("a fake Active Directory", server, people, group, others).await
}

/// Until when others come and go, and how many did.
#[derive(Clone, Default)]
struct Flow {
    over: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
}

async fn measure(
    directory: &str,
    server: Server,
    people: HashSet<String>,
    group: String,
    others: impl FnOnce(Flow) -> tokio::task::JoinHandle<Result<()>>,
) -> Result<Vec<Line>> {
    let (users, lasting) = (people.len(), Arc::new(people));
    let idle = server.memory("RssAnon")?;
    let flow = Flow::default();
    let others = others(flow.clone());
    let begun = Instant::now();
    let mut listing = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let lasting = lasting.clone();
        listing.spawn(async move { Ok(walk(server.address, lasting).await?.len() as u64) });
    }
    listing.spawn(read(server.address, group, users / 10));
    let (mut most, mut shown) = (idle, 0);
    loop {
        tokio::select! {
            ended = listing.join_next() => match ended {
                Some(ended) => shown += ended??,
                None => break,
            },
            () = tokio::time::sleep(LOOK) => most = most.max(server.memory("RssAnon")?),
        }
    }
    let took = begun.elapsed();
    flow.over.store(true, Ordering::Relaxed);
    others.await??;
    server.stop().await?;
    let changes = flow.changes.load(Ordering::Relaxed);
    let line = Line::at_most(
        &format!("{directory}: anonymous memory of the server meanwhile"),
        most as f64 / f64::from(1 << 20),
        "MiB",
        MOST,
    );
    Ok(vec![
        Line {
            work: format!(
                "{directory}: {CLIENTS} clients list {} users, and one reads a group of {}, while {} others come and go",
                number(users as f64),
                number((users / 10) as f64),
                number(changes as f64)
            ),
            measured: format!("{:.1} s, {} shown", took.as_secs_f64(), number(shown as f64)),
            floor: "none".into(),
            reached: "each lasting one once".into(),
            target: "each lasting one once".into(),
            met: true,
        },
        Line { floor: format!("idle: {:.1} MiB", idle as f64 / f64::from(1 << 20)), ..line },
    ])
}

/// New people come, are members for a while, and go.
async fn come_and_go(floor: Arc<Floor>, group: String, flow: Flow) -> Result<()> {
    let mut ldap = floor.one()?;
    let group = Find::group(by_id(&group)).send(&mut ldap).await?.into_iter().next().context("no group")?.dn;
    while !flow.over.load(Ordering::Relaxed) {
        let number = flow.changes.fetch_add(1, Ordering::Relaxed);
        let entry = writes::entry(&format!("guest{number}"));
        let dn = entry.0.clone();
        floor::add(&mut ldap, entry).await?;
        let member = || ("member", HashSet::from([&*dn]));
        ldap.modify(&group, vec![Mod::Add(member().0, member().1)]).await?.success()?;
        ldap.modify(&group, vec![Mod::Delete(member().0, member().1)]).await?.success()?;
        ldap.delete(&dn).await?.success()?;
    }
    Ok(())
}

/// The same in a directory of our own, behind its back.
fn come_and_go_in(fake: &FakeDirectory, users: usize, flow: &Flow) -> Result<()> {
    let at = format!("CN={},OU=groups,{}", name(users / 10), fake_directory::SUFFIX);
    let group = fake.world().by_name(&at).context("no group")?;
    while !flow.over.load(Ordering::Relaxed) {
        let number = users + usize::try_from(flow.changes.fetch_add(1, Ordering::Relaxed))?;
        let member = fake_directory::person(number);
        fake.people(number..number + 1);
        fake.world().change(group, |entry| entry.add("member", member.as_bytes()));
        std::thread::sleep(LOOK);
        fake.world().change(group, |entry| entry.take("member", member.as_bytes()));
        ensure!(fake.world().remove(&member), "{member} is gone");
    }
    Ok(())
}

/// A whole walk by cursor; whom it showed.
async fn walk(address: std::net::SocketAddr, lasting: Arc<HashSet<String>>) -> Result<HashSet<String>> {
    let mut client = Client::connect(address).await?;
    let (mut seen, mut cursor) = (HashSet::new(), String::new());
    loop {
        let target = format!("/scim/v2/Users?count={PAGE}&excludedAttributes=groups&cursor={}", escaped(&cursor));
        let answer = client.send(&get(&target)).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        let page: Value = serde_json::from_slice(answer.body)?;
        for one in page.get("Resources").and_then(Value::as_array).into_iter().flatten() {
            let id = one.get("id").and_then(Value::as_str).context("a user without id")?;
            ensure!(seen.insert(id.to_owned()), "{id} is shown twice");
        }
        match page.get("nextCursor").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let lost = lasting.difference(&seen).count();
    ensure!(lost == 0, "{lost} users were there throughout and are not shown");
    Ok(seen)
}

/// The group with all its members; how many they are.
async fn read(address: std::net::SocketAddr, group: String, members: usize) -> Result<u64> {
    let mut client = Client::connect(address).await?;
    let answer = client.send(&get(&format!("/scim/v2/Groups/{group}"))).await?;
    ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
    let group: Value = serde_json::from_slice(answer.body)?;
    let shown = group.get("members").and_then(Value::as_array).context("no members")?;
    let ids: HashSet<&str> = shown.iter().filter_map(|one| one.get("value")?.as_str()).collect();
    ensure!(ids.len() == shown.len(), "{} members, {} different ones", shown.len(), ids.len());
    ensure!(ids.len() >= members, "{} members of {members}", ids.len());
    Ok(ids.len() as u64)
}
