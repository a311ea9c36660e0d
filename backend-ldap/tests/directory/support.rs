//! A directory over a fresh slapd.

use std::time::{Duration, Instant};

use backend_ldap::directory::{Address, Call, Credentials, Directory, Options};
use backend_ldap::ldap::{AttributeName, Dn, Entry, Reach, Search};
pub use conformance_tests::servers::slapd::ADMIN;
use conformance_tests::servers::slapd::{PASSWORD, Setup, Slapd};

/// For a time that a server which works never takes.
pub const LONG: Duration = Duration::from_secs(120);

pub fn name(text: &'static str) -> AttributeName {
    AttributeName::known(text)
}

pub fn dn(text: &str) -> Dn {
    Dn::parse(text).unwrap()
}

pub fn people() -> Dn {
    dn("ou=people,dc=example,dc=org")
}

pub fn slapd(setup: &Setup) -> Slapd {
    Slapd::start(setup).unwrap()
}

/// As the one who may do everything.
pub fn options(urls: &[String]) -> Options {
    let servers = urls.iter().map(|url| Address::parse(url).unwrap()).collect();
    let credentials = Credentials::Simple { dn: dn(ADMIN), password: PASSWORD.to_owned().into() };
    Options { credentials, operation_time: LONG, connect_time: LONG, ..Options::new(servers) }
}

pub fn directory(slapd: &Slapd) -> Directory {
    Directory::open(options(&[slapd.url()])).unwrap()
}

pub fn call() -> Call {
    Call { deadline: Some(Instant::now() + LONG), ..Call::default() }
}

pub async fn read(directory: &Directory, at: &Dn, attributes: &[&'static str]) -> Option<Entry> {
    let attributes = attributes.iter().map(|text| name(text)).collect();
    directory.entry(&call(), &Search::entry(at, attributes)).await.unwrap()
}

pub fn below_people(filter: &str, attributes: &[&'static str]) -> Search {
    let filter = backend_ldap::ldap::Filter::parse(filter).unwrap();
    Search::new(people(), Reach::One, filter, attributes.iter().map(|text| name(text)).collect())
}
