//! What the seam costs: the same searches on the same slapd, by ldap3 alone and by a `Directory`, in turns.
//!
//! `cargo bench -p backend-ldap --bench seam`
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a program for people who measure"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use backend_ldap::directory::{Address, Call, Credentials, Directory, Options};
use backend_ldap::ldap::{AttributeName, Dn, Filter, Reach, Search};
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, group, people};
use ldap3::{Ldap, LdapConnAsync, Scope, SearchEntry};

const PEOPLE: usize = 20_000;
const CONNECTIONS: usize = 8;
/// Each side of a row is measured so long, so many times.
const TIME: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

const WANTED: [&str; 9] =
    ["entryUUID", "entryCSN", "uid", "cn", "sn", "givenName", "mail", "createTimestamp", "modifyTimestamp"];

/// A search: below which base, by which filter the n-th time, of which attributes, and how many entries it finds.
#[derive(Clone)]
struct Work {
    base: &'static str,
    filter: Arc<dyn Fn(usize) -> String + Send + Sync>,
    wanted: Vec<&'static str>,
    count: usize,
}

#[tokio::main]
async fn main() {
    let entries = people(0..PEOPLE) + &group("all", 0..10_000);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    let raw = raw(&slapd).await;
    let ours = directory(&slapd);
    let ids = Arc::new(ids(&ours).await);
    println!("| Work, {CONNECTIONS} connections | ldap3 alone | through the seam | reached |\n|---|---|---|---|");

    let people = Work {
        base: "ou=people,dc=example,dc=org",
        filter: Arc::new(|_| String::new()),
        wanted: WANTED.into(),
        count: 1,
    };
    let by_id = ids.clone();
    let one = Work { filter: Arc::new(move |n| format!("(entryUUID={})", by_id[n % PEOPLE])), ..people.clone() };
    row("a search by id", &one, &raw, &ours).await;
    let by_id = ids.clone();
    let hundred = move |n: usize| {
        let ids = (0..100).map(|k| format!("(entryUUID={})", by_id[(n * 100 + k) % PEOPLE]));
        format!("(|{})", ids.collect::<String>())
    };
    row("100 entries by their ids", &Work { filter: Arc::new(hundred), count: 100, ..people }, &raw, &ours).await;
    let all = Work {
        base: "ou=groups,dc=example,dc=org",
        filter: Arc::new(|_| "(cn=all)".to_owned()),
        wanted: vec!["cn", "member"],
        count: 1,
    };
    row("a group of 10,000 members", &all, &raw, &ours).await;
}

/// The better of the rounds of each side, taken in turns.
async fn row(what: &str, work: &Work, raw: &[Ldap], ours: &Directory) {
    let (mut theirs, mut own) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        let (ldaps, work_of_theirs) = (raw.to_vec(), work.clone());
        theirs = theirs.max(rate(move |client, n| by_ldap3(ldaps[client].clone(), work_of_theirs.clone(), n)).await);
        let (ours, work) = (ours.clone(), work.clone());
        own = own.max(rate(move |_, n| by_ours(ours.clone(), work.clone(), n)).await);
    }
    println!("| {what} | {theirs:.0}/s | {own:.0}/s | {:.2} |", own / theirs);
}

/// How often in a second so many clients at a time get it done.
async fn rate<F: Future<Output = ()> + Send>(once: impl Fn(usize, usize) -> F + Clone + Send + 'static) -> f64 {
    let (begun, turn) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let client = |client: usize| {
        let (once, turn) = (once.clone(), turn.clone());
        tokio::spawn(async move {
            while begun.elapsed() < TIME {
                once(client, turn.fetch_add(1, Ordering::Relaxed)).await;
            }
        })
    };
    for client in (0..CONNECTIONS).map(client).collect::<Vec<_>>() {
        client.await.unwrap();
    }
    turn.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

async fn raw(slapd: &Slapd) -> Vec<Ldap> {
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let (driver, mut ldap) = LdapConnAsync::new(&slapd.url()).await.unwrap();
        tokio::spawn(async move { driver.drive().await.unwrap() });
        ldap.simple_bind(ADMIN, PASSWORD).await.unwrap().success().unwrap();
        open.push(ldap);
    }
    open
}

async fn by_ldap3(mut ldap: Ldap, work: Work, n: usize) {
    let found = ldap.search(work.base, Scope::Subtree, &(work.filter)(n), &work.wanted).await.unwrap();
    let entries = found.success().unwrap().0.into_iter().map(SearchEntry::construct).collect::<Vec<_>>();
    assert_eq!(entries.len(), work.count);
}

fn directory(slapd: &Slapd) -> Directory {
    let credentials = Credentials::Simple { dn: Dn::parse(ADMIN).unwrap(), password: PASSWORD.to_owned().into() };
    let servers = vec![Address::parse(&slapd.url()).unwrap()];
    Directory::open(Options { credentials, connections: CONNECTIONS, ..Options::new(servers) }).unwrap()
}

fn search(work: &Work, n: usize) -> Search {
    let names = work.wanted.iter().map(|name| AttributeName::known(name)).collect();
    Search::new(Dn::parse(work.base).unwrap(), Reach::Tree, Filter::parse(&(work.filter)(n)).unwrap(), names)
}

async fn by_ours(directory: Directory, work: Work, n: usize) {
    let found = directory.search(&Call::default(), &search(&work, n)).await.unwrap();
    assert_eq!(found.entries.len(), work.count);
}

async fn ids(directory: &Directory) -> Vec<String> {
    let everybody = Work {
        base: "ou=people,dc=example,dc=org",
        filter: Arc::new(|_| "(objectClass=inetOrgPerson)".to_owned()),
        wanted: vec!["entryUUID"],
        count: PEOPLE,
    };
    let mut walk = directory.walk(&Call::default(), search(&everybody, 0), 1000);
    let mut ids = Vec::new();
    while let Some(page) = walk.next().await.unwrap() {
        let id = AttributeName::known("entryUUID");
        ids.extend(page.iter().map(|entry| entry.text(&id).unwrap().to_owned()));
    }
    assert_eq!(ids.len(), PEOPLE);
    ids
}
