//! A whole store copied from SQLite into PostgreSQL and back, with a group for each hundred users and one of all.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::client::{Client, request};
use crate::rows::write_users;
use crate::seed;
use crate::server::{Program, Server, TOKEN, imported, started};
use crate::table::{Line, number};

/// Fills a store on SQLite, copies it there and back, and asks the copies.
pub async fn measure(program: &Program, database: &str, folder: &Path, users: u64) -> Result<Vec<Line>> {
    let file = |name: &str| folder.join(name);
    let sqlite = |name: &str| vec![("SCIM__STORE__SQLITE__PATH", file(name).display().to_string())];
    let first = || program.set(folder, &sqlite("first.db"));
    started(first()).await?.stop().await?;
    write_users(&file("users.jsonl"), users)?;
    tokio::task::block_in_place(|| imported(first(), &file("users.jsonl")))?;
    let server = started(first()).await?;
    let members = populate(&server, users).await?;
    server.stop().await?;
    for (name, store) in [
        ("first.toml", format!("[store]\nbackend = \"sqlite\"\n[store.sqlite]\npath = {:?}\n", file("first.db"))),
        ("there.toml", format!("[store]\nbackend = \"postgres\"\n[store.postgres]\nurl = {database:?}\n")),
        ("back.toml", format!("[store]\nbackend = \"sqlite\"\n[store.sqlite]\npath = {:?}\n", file("back.db"))),
    ] {
        std::fs::write(file(name), store)?;
    }
    let there = copied(program, folder, "first.toml", "there.toml")?;
    ask(started(program.set(folder, &super::settings(database))).await?, users, members).await?;
    let back = copied(program, folder, "there.toml", "back.toml")?;
    ask(started(program.set(folder, &sqlite("back.db"))).await?, users, members).await?;
    let line = |work: &str, took: Duration| Line {
        work: format!(
            "copy of {} users, {} groups, {} members, {work}",
            number(users as f64),
            users / 100,
            number(members as f64)
        ),
        measured: format!("{:.1} s, compared", took.as_secs_f64()),
        floor: "none".into(),
        reached: format!("{} resources/s", number((users + users / 100) as f64 / took.as_secs_f64().max(1e-9))),
        target: "equal, tokens work".into(),
        met: true,
    };
    Ok(vec![line("SQLite to PostgreSQL", there), line("PostgreSQL to SQLite", back)])
}

/// Makes the groups: all users in the first, some in each of the others; gives how many members they have together.
async fn populate(server: &Server, users: u64) -> Result<u64> {
    let mut client = Client::connect(server.address).await?;
    let (mut people, mut cursor) = (Vec::new(), String::new());
    loop {
        let target = format!("/scim/v2/Users?attributes=id&count=1000&cursor={}", crate::client::escaped(&cursor));
        let page: Value = serde_json::from_slice(client.send(&request("GET", &target, TOKEN, None)).await?.body)?;
        let shown = page.get("Resources").and_then(Value::as_array).context("no Resources")?;
        people.extend(shown.iter().filter_map(|one| one.get("id")?.as_str().map(str::to_owned)));
        match page.get("nextCursor").and_then(Value::as_str) {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    ensure!(people.len() as u64 == users, "{} users", people.len());
    let mut members = 0;
    for group in 0..users / 100 {
        let body = seed::group(&format!("Group {group}"));
        let answer = client.send(&request("POST", "/scim/v2/Groups", TOKEN, Some(&body))).await?;
        let made: Value = serde_json::from_slice(answer.body)?;
        let id = made.get("id").and_then(Value::as_str).context("a group without id")?.to_owned();
        let start = usize::try_from(group)?;
        let some: Vec<&String> = people.iter().skip(start).step_by(if group == 0 { 1 } else { 1_000 }).collect();
        for some in some.chunks(5_000) {
            let body = seed::add_members(some.iter().map(|id| id.as_str()));
            let sent = request("PATCH", &format!("/scim/v2/Groups/{id}"), TOKEN, Some(&body));
            let answer = client.send(&sent).await?;
            ensure!(answer.status == 204, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        members += some.len() as u64;
    }
    Ok(members)
}

/// Runs the command, which compares both stores at its end.
fn copied(program: &Program, folder: &Path, from: &str, to: &str) -> Result<Duration> {
    let begun = Instant::now();
    let mut command = program.set(folder, &[]);
    command.env_remove("SCIM_BOOTSTRAP_TOKEN").args(["copy", "--from", from, "--to", to]).stderr(Stdio::piped());
    let output = tokio::task::block_in_place(|| command.output())?;
    ensure!(output.status.success(), "copy to {to}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(begun.elapsed())
}

/// Is everybody there, and the largest group, for the token of the first store?
async fn ask(server: Server, users: u64, members: u64) -> Result<()> {
    let mut client = Client::connect(server.address).await?;
    for (target, total) in [("/scim/v2/Users?count=0", users), ("/scim/v2/Groups?count=0", users / 100)] {
        let answer = client.send(&request("GET", target, TOKEN, None)).await?;
        ensure!(answer.status == 200, "{}", answer.status);
        let page: Value = serde_json::from_slice(answer.body)?;
        let found = page.get("totalResults").and_then(Value::as_u64);
        ensure!(found == Some(total), "{target}: {found:?} instead of {total}, {members} members");
    }
    server.stop().await
}
