//! Servers that are killed, hang and come back.

use std::time::{Duration, Instant};

use backend_ldap::directory::{Call, Directory, Options};
use backend_ldap::ldap::{LdapError, Search};
use conformance_tests::servers::slapd::{Setup, people as load};

use super::support::*;

fn brief() -> Call {
    Call { deadline: Some(Instant::now() + Duration::from_secs(2)), ..Call::default() }
}

fn one() -> Search {
    below_people("(uid=user000000)", &["cn"])
}

/// Until it answers again, which it must by itself.
async fn recovers(directory: &Directory) {
    let begun = Instant::now();
    loop {
        match directory.search(&brief(), &one()).await {
            Ok(found) => return assert_eq!(found.entries.len(), 1),
            Err(LdapError::Unavailable(_) | LdapError::Late(_)) => {}
            Err(error) => panic!("a read says that nothing was written: {error}"),
        }
        assert!(begun.elapsed() < 2 * LONG, "it did not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_is_killed_is_unavailable_and_comes_back_by_itself() {
    let mut slapd = slapd(&Setup { entries: load(0..1), safe: true, ..Setup::default() });
    let directory = directory(&slapd);
    recovers(&directory).await;
    for signal in ["KILL", "TERM"] {
        let losses = directory.losses();
        slapd.stop(signal).unwrap();
        let error = directory.search(&brief(), &one()).await.unwrap_err();
        assert!(matches!(error, LdapError::Unavailable(_)), "{error}");
        assert_eq!(directory.down().len(), 1);
        slapd.again().unwrap();
        recovers(&directory).await;
        assert!(directory.losses() > losses, "what was found of it before counts no more");
        assert!(directory.down().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_restarts_between_two_requests_is_not_noticed() {
    let mut slapd = slapd(&Setup { entries: load(0..1), safe: true, ..Setup::default() });
    let directory = directory(&slapd);
    recovers(&directory).await;
    slapd.stop("TERM").unwrap();
    slapd.again().unwrap();
    assert_eq!(directory.search(&call(), &one()).await.unwrap().entries.len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_is_unavailable_within_the_deadline_and_comes_back_by_itself() {
    let slapd = slapd(&Setup { entries: load(0..1), ..Setup::default() });
    let short = Duration::from_millis(300);
    let options = Options { operation_time: short, connect_time: short, ..options(&[slapd.url()]) };
    let directory = Directory::open(options).unwrap();
    recovers(&directory).await;
    slapd.pause().unwrap();
    let error = directory.search(&brief(), &one()).await.unwrap_err();
    assert!(matches!(error, LdapError::Unavailable(_) | LdapError::Late(_)), "{error}");
    // From now on nobody waits for it.
    assert_eq!(directory.down().len(), 1);
    assert!(matches!(directory.search(&brief(), &one()).await.unwrap_err(), LdapError::Unavailable(_)));
    slapd.resume().unwrap();
    recovers(&directory).await;
}

#[tokio::test]
async fn reads_go_to_the_next_server_and_back_to_the_first() {
    let mut first = slapd(&Setup { entries: load(0..1), safe: true, ..Setup::default() });
    let second = slapd(&Setup { entries: load(0..1), ..Setup::default() });
    let short = Duration::from_secs(2);
    let options = Options { operation_time: short, connect_time: short, ..options(&[first.url(), second.url()]) };
    let directory = Directory::open(options).unwrap();
    let found = async || directory.search(&call(), &one()).await.unwrap().entries.len();
    assert_eq!(found().await, 1);
    first.pause().unwrap();
    assert_eq!(found().await, 1, "of the second, as the first hangs");
    first.resume().unwrap();
    first.stop("KILL").unwrap();
    assert_eq!(found().await, 1, "of the second, as the first is gone");
    first.again().unwrap();
    let begun = Instant::now();
    while !directory.down().is_empty() {
        assert!(begun.elapsed() < LONG, "the first is not found again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(found().await, 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_hinders_nobody() {
    let slapd = slapd(&Setup { entries: load(0..2000), ..Setup::default() });
    let directory = Directory::open(Options { connections: 1, ..options(&[slapd.url()]) }).unwrap();
    for _ in 0..50 {
        let all = below_people("(objectClass=*)", &["*", "+"]);
        let dropped = tokio::time::timeout(Duration::from_millis(1), directory.search(&call(), &all)).await;
        drop(dropped);
    }
    assert_eq!(directory.search(&call(), &one()).await.unwrap().entries.len(), 1);
}
