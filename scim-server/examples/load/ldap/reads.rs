//! Single users, filters, pages, and groups.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::client::{Client, escaped};
use crate::measure::{Requests, median, spread};
use crate::table::{Line, millis, number};
use crate::world::get;

use super::floor::{self, Find};
use super::{Run, SMALL_SIZE, by_id, someone};

/// Users of a page.
const PAGE: usize = 100;
/// What is shown of a user.
const ALONE: &str = "excludedAttributes=groups";

impl Run {
    /// One user, by id and by what a filter finds.
    pub(super) async fn people(&self) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        for (work, query) in [("GET /Users/{id}", ""), ("the same, without groups", ALONE)] {
            let people = self.people.clone();
            let make: Requests = Arc::new(move |connection, turn| {
                get(&format!("/scim/v2/Users/{}?{query}", someone(&people, connection, turn)))
            });
            let people = self.people.clone();
            let find = move |connection, turn| Find::person(by_id(someone(&people, connection, turn)));
            let found = self.against(make, async || self.floor.find(find.clone()).await).await?;
            lines.push(Line::share(work, "the raw search", &found, 0.50));
        }
        let users = self.people.len() as u64;
        let who = move |connection: u64, turn: u64| format!("user{:06}", spread(connection << 32 | turn) % users);
        for (attribute, column, end) in [("userName", "uid", ""), ("emails.value", "mail", "@example.org")] {
            for query in ["", ALONE] {
                let make: Requests = Arc::new(move |connection, turn| {
                    let filter = escaped(&format!("{attribute} eq \"{}{end}\"", who(connection, turn)));
                    get(&format!("/scim/v2/Users?filter={filter}&{query}"))
                });
                let find = move |connection, turn| Find::person(format!("({column}={}{end})", who(connection, turn)));
                let found = self.against(make, async || self.floor.find(find).await).await?;
                let more = if query.is_empty() { "" } else { ", without groups" };
                lines.push(Line::share(&format!("filter {attribute} eq, a hit{more}"), "the raw search", &found, 0.50));
            }
        }
        Ok(lines)
    }

    /// The first page, and others at any depth.
    pub(super) async fn pages(&self) -> Result<Vec<Line>> {
        let mut client = Client::connect(self.server.address).await?;
        let (mut first, mut walks) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds.max(3) {
            let begun = Instant::now();
            self.floor.ids(&floor::people(), "(objectClass=inetOrgPerson)").await?;
            walks.push(begun.elapsed().as_secs_f64() * 1_000.0);
            let begun = Instant::now();
            let answer = client.send(&get(&format!("/scim/v2/Users?startIndex=1&count={PAGE}&{ALONE}"))).await?;
            ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
            first.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        let (first, walk) = (median(&first), median(&walks));
        let mut lines = vec![Line {
            work: format!("first page of {PAGE} of {}", number(self.people.len() as f64)),
            measured: millis(first),
            floor: format!("one raw walk of all ids: {}", millis(walk)),
            reached: format!("{:.2}x", first / walk.max(1e-6)),
            target: "one walk of ids".into(),
            met: true,
        }];
        let deep = self.people.len().saturating_sub(PAGE) as u64;
        for (work, query) in [("a page of 100 at any depth", ""), ("the same, without groups", ALONE)] {
            let make: Requests = Arc::new(move |connection, turn| {
                let start = 2 + spread(connection << 32 | turn) % deep.max(1);
                get(&format!("/scim/v2/Users?startIndex={start}&count={PAGE}&{query}"))
            });
            let people = self.people.clone();
            let find = move |connection, turn| {
                let start = usize::try_from(spread(connection << 32 | turn) % deep.max(1)).unwrap_or_default();
                let some = people.get(start..start + PAGE).unwrap_or_default();
                let filter = some.iter().map(|id| by_id(id)).collect::<String>();
                Find { count: some.len(), ..Find::person(format!("(|{filter})")) }
            };
            let found = self.against(make, async || self.floor.find(find.clone()).await).await?;
            lines.push(Line::share(work, "those 100 entries raw", &found, 0.50));
        }
        Ok(lines)
    }

    /// Groups with their members, and without.
    pub(super) async fn groups(&self) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        for (size, id) in &self.groups {
            if *size == 10_000 {
                let (target, filter) = (format!("/scim/v2/Groups/{id}"), by_id(id));
                let answer =
                    crate::client::Client::connect(self.server.address).await?.send(&get(&target)).await?.body.len();
                ensure!(answer > size * 50, "the group has not all its members: {answer} bytes");
                let make: Requests = Arc::new(move |_, _| get(&target));
                let find = move |_, _| {
                    let wanted = ["entryUUID", "objectClass", "cn", "displayName", "uid"];
                    Find::group(filter.clone()).resolved("member", &wanted)
                };
                let found = self.against(make, async || self.floor.find(find.clone()).await).await?;
                let work = format!("GET a group of {} with its members", number(*size as f64));
                lines.push(Line::share(&work, "one search with the dereference control", &found, 0.50));
            }
            let (target, filter) = (format!("/scim/v2/Groups/{id}?excludedAttributes=members"), by_id(id));
            let make: Requests = Arc::new(move |_, _| get(&target));
            let find = move |_, _| Find::group(filter.clone());
            let found = self.against(make, async || self.floor.find(find.clone()).await).await?;
            let work = format!("GET a group of {} without members", number(*size as f64));
            lines.push(Line::share(&work, "the raw search without member", &found, 0.70));
        }
        self.groups.first().context("no groups")?;
        lines.push(self.small_groups().await?);
        Ok(lines)
    }

    /// Groups of a few, each time another.
    async fn small_groups(&self) -> Result<Line> {
        let (served, raw) = (self.small.clone(), self.small.clone());
        let make: Requests = Arc::new(move |connection, turn| {
            get(&format!("/scim/v2/Groups/{}?excludedAttributes=members", someone(&served, connection, turn)))
        });
        let find = move |connection, turn| Find::group(by_id(someone(&raw, connection, turn)));
        let found = self.against(make, async || self.floor.find(find.clone()).await).await?;
        let work = format!("GET any of {} groups of {SMALL_SIZE} without members", self.small.len());
        Ok(Line::share(&work, "the raw search without member", &found, 0.70))
    }
}
