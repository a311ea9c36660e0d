//! ldap3 by itself, on connections of its own: the same searches and writes that the server sends.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, SUFFIX};
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::controls::{Assertion, PostRead, RawControl};
use ldap3::{Ldap, LdapConnAsync, Mod, ResultEntry, Scope, SearchEntry};

use crate::measure::{Sample, micros};

/// Persistent connections.
const CONNECTIONS: usize = 8;
/// Entries in a page of a raw walk: what slapd gives without being told.
const PAGE: i32 = 1_000;
/// The dereference control, which ldap3 has no type for.
const DEREF: &str = "1.3.6.1.4.1.4203.666.5.16";

/// What the server asks for of a person.
pub const PERSON: [&str; 27] = [
    "entryUUID",
    "createTimestamp",
    "modifyTimestamp",
    "entryCSN",
    "uid",
    "cn",
    "sn",
    "givenName",
    "displayName",
    "title",
    "employeeType",
    "preferredLanguage",
    "labeledURI",
    "mail",
    "telephoneNumber",
    "mobile",
    "homePhone",
    "facsimileTelephoneNumber",
    "pager",
    "street",
    "l",
    "st",
    "postalCode",
    "postalAddress",
    "employeeNumber",
    "departmentNumber",
    "manager",
];
/// The same of a group, but for its members.
pub const GROUP: [&str; 5] = ["entryUUID", "createTimestamp", "modifyTimestamp", "entryCSN", "cn"];

/// The connections.
pub struct Floor {
    open: Vec<Ldap>,
    time: Duration,
}

/// A search below a base.
#[derive(Clone)]
pub struct Find {
    pub base: String,
    pub filter: String,
    pub wanted: Vec<&'static str>,
    pub count: usize,
    pub controls: Vec<RawControl>,
}

impl Find {
    pub fn person(filter: String) -> Find {
        Find { base: people(), filter, wanted: PERSON.into(), count: 1, controls: Vec::new() }
    }

    pub fn group(filter: String) -> Find {
        Find { base: groups(), wanted: GROUP.into(), ..Find::person(filter) }
    }

    /// With the entries that this attribute names.
    pub fn resolved(mut self, attribute: &str, wanted: &[&str]) -> Find {
        self.controls.push(deref(attribute, wanted));
        self
    }

    /// Sends it and reads all that comes.
    pub async fn send(&self, ldap: &mut Ldap) -> Result<Vec<SearchEntry>> {
        if !self.controls.is_empty() {
            ldap.with_controls(self.controls.clone());
        }
        let found = ldap.search(&self.base, Scope::Subtree, &self.filter, &self.wanted).await?.success()?.0;
        ensure!(found.len() == self.count, "{}: {} entries instead of {}", self.filter, found.len(), self.count);
        Ok(found.into_iter().map(SearchEntry::construct).collect())
    }
}

pub fn people() -> String {
    format!("ou=people,{SUFFIX}")
}

pub fn groups() -> String {
    format!("ou=groups,{SUFFIX}")
}

/// `SEQUENCE { SEQUENCE { attribute, SEQUENCE OF wanted } }`, all of it short.
fn deref(attribute: &str, wanted: &[&str]) -> RawControl {
    fn nested(tag: u8, inside: &[u8]) -> Vec<u8> {
        let length = u8::try_from(inside.len()).unwrap_or(u8::MAX);
        [&[tag, length], inside].concat()
    }
    let names: Vec<u8> = wanted.iter().flat_map(|name| nested(4, name.as_bytes())).collect();
    let one = [nested(4, attribute.as_bytes()), nested(0x30, &names)].concat();
    RawControl { ctype: DEREF.into(), crit: true, val: Some(nested(0x30, &nested(0x30, &one))) }
}

/// A new entry.
pub type NewEntry = (String, Vec<(String, HashSet<String>)>);

/// Adds it, asking for what it became.
pub async fn add(ldap: &mut Ldap, (dn, attributes): NewEntry) -> Result<()> {
    ldap.with_controls(PostRead::new(PERSON.into()));
    ldap.add(&dn, attributes).await?.success()?;
    Ok(())
}

/// Looks a person up, and changes its title if it is still as it was.
pub async fn retitle(ldap: &mut Ldap, id: &str, title: String) -> Result<()> {
    let found = Find::person(by_id(id)).send(ldap).await?;
    let entry = found.into_iter().next().context("nobody")?;
    let first = |name: &str| entry.attrs.get(name).and_then(|values| values.first()).cloned();
    let csn = first("entryCSN").context("no entryCSN")?;
    let assertion = Assertion::new(format!("(entryCSN={csn})"));
    ldap.with_controls(vec![assertion, PostRead::new(PERSON.into())]);
    let old = first("title").into_iter().collect();
    let changes = vec![Mod::Delete("title".into(), old), Mod::Add("title".into(), HashSet::from([title]))];
    ldap.modify(&entry.dn, changes).await?.success()?;
    Ok(())
}

/// Looks a group and a person up, and makes the one a member of the other, or no member.
pub async fn join(ldap: &mut Ldap, group: &str, person: &str, comes: bool) -> Result<()> {
    let of = |find: Find, wanted| Find { wanted, ..find };
    let found = of(Find::group(by_id(group)), GROUP.into()).send(ldap).await?;
    let group = found.into_iter().next().context("no group")?;
    let found = of(Find::person(by_id(person)), vec!["entryUUID"]).send(ldap).await?;
    let person = found.into_iter().next().context("nobody")?;
    let value = HashSet::from([person.dn]);
    let change = if comes { Mod::Add("member".into(), value) } else { Mod::Delete("member".into(), value) };
    ldap.with_controls(PostRead::new(GROUP.into()));
    ldap.modify(&group.dn, vec![change]).await?.success()?;
    Ok(())
}

pub fn by_id(id: &str) -> String {
    format!("(entryUUID={id})")
}

impl Floor {
    /// Opens the connections.
    pub async fn open(url: &str, time: Duration) -> Result<Floor> {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let (driver, mut ldap) = LdapConnAsync::new(url).await?;
            tokio::spawn(driver.drive());
            ldap.simple_bind(ADMIN, PASSWORD).await?.success()?;
            open.push(ldap);
        }
        Ok(Floor { open, time })
    }

    /// One of the connections, for what is looked up once.
    pub fn one(&self) -> Result<Ldap> {
        self.open.first().cloned().context("no connection")
    }

    /// Does it over and over on each of so many connections.
    pub async fn run<F>(
        &self,
        connections: usize,
        once: Arc<dyn Fn(Ldap, u64, u64) -> F + Send + Sync>,
    ) -> Result<Sample>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let start = Instant::now();
        let until = start + self.time;
        let mut tasks = tokio::task::JoinSet::new();
        for (connection, ldap) in (0..).zip(self.open.iter().take(connections).cloned()) {
            let once = once.clone();
            tasks.spawn(async move {
                let mut each = Vec::new();
                for turn in 0.. {
                    let begun = Instant::now();
                    once(ldap.clone(), connection, turn).await?;
                    let now = Instant::now();
                    each.push(micros(now - begun));
                    if now >= until {
                        break;
                    }
                }
                anyhow::Ok(each)
            });
        }
        let mut each = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            each.extend(ended??);
        }
        Ok(Sample::new(each.len() as u64, start.elapsed(), each))
    }

    /// Searches over and over.
    pub async fn find(&self, make: impl Fn(u64, u64) -> Find + Send + Sync + 'static) -> Result<Sample> {
        self.run(
            CONNECTIONS,
            Arc::new(move |mut ldap: Ldap, connection, turn| {
                let find = make(connection, turn);
                async move { find.send(&mut ldap).await.map(|_| ()) }
            }),
        )
        .await
    }

    /// The ids of all that a filter finds, by one walk.
    pub async fn ids(&self, base: &str, filter: &str) -> Result<Vec<String>> {
        let mut ldap = self.one()?;
        let adapters: Vec<Box<dyn Adapter<&str, Vec<&str>>>> =
            vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(PAGE))];
        let mut found = ldap.streaming_search_with(adapters, base, Scope::Subtree, filter, vec!["entryUUID"]).await?;
        let mut ids = Vec::new();
        while let Some(entry) = found.next().await? {
            ids.extend(id(entry));
        }
        found.finish().await.success()?;
        ids.sort_unstable();
        Ok(ids)
    }
}

fn id(entry: ResultEntry) -> Option<String> {
    SearchEntry::construct(entry).attrs.remove("entryUUID")?.pop()
}
