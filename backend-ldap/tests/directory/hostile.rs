//! What a server may send that no good one does, and the limits that Active Directory has: on a fake.

use std::time::{Duration, Instant};

use backend_ldap::directory::{Call, Credentials, Directory, Options};
use backend_ldap::ldap::{Code, Filter, LdapError, Operation, Reach, Search, Target, controls};
use backend_ldap::profile::{Profile, Vendor};
use conformance_tests::servers::fake_directory::{FakeDirectory, Fault, PAGE, SUFFIX, VALUES, person};

use super::support::*;

fn fake() -> (FakeDirectory, Directory) {
    let fake = FakeDirectory::active_directory().unwrap();
    let directory = Directory::open(bare(&fake)).unwrap();
    (fake, directory)
}

fn bare(fake: &FakeDirectory) -> Options {
    Options { credentials: Credentials::Anonymous, connections: 1, ..options(&[fake.url()]) }
}

fn everybody() -> Search {
    let filter = Filter::parse("(sAMAccountType=805306368)").unwrap();
    Search::new(dn(&format!("OU=people,{SUFFIX}")), Reach::Tree, filter, vec![name("objectGUID")])
}

async fn count(directory: &Directory, page: u32) -> usize {
    let mut walk = directory.walk(&call(), everybody(), page);
    let mut seen = std::collections::HashSet::new();
    while let Some(entries) = walk.next().await.unwrap() {
        for entry in entries {
            assert!(seen.insert(entry.first(&name("objectGUID")).unwrap().to_vec()), "{} came twice", entry.dn);
        }
    }
    seen.len()
}

#[tokio::test]
async fn the_limits_of_active_directory_are_kept() {
    let (fake, directory) = fake();
    fake.people(0..2 * PAGE + 1);
    let profile = Profile::probe(&directory, &call()).await.unwrap();
    assert_eq!(profile.vendor, Vendor::ActiveDirectory);
    assert!(profile.schema.allows(&["user".to_owned()], "userPrincipalName"));
    let error = directory.search(&call(), &everybody()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::SIZE_LIMIT), "without pages the first 1,000 come and a refusal");
    // It gives 1,000 a page also where more were asked for.
    for page in [300, 5_000] {
        assert_eq!(count(&directory, page).await, 2 * PAGE + 1);
    }
}

#[tokio::test]
async fn values_that_come_in_parts_are_seen_as_parts() {
    let (fake, directory) = fake();
    fake.people(0..2 * VALUES + 7);
    fake.group("staff", 0..2 * VALUES + 7);
    let at = dn(&format!("CN=staff,OU=groups,{SUFFIX}"));
    let mut wanted = name("member");
    let mut members = Vec::new();
    loop {
        let entry = directory.entry(&call(), &Search::entry(&at, vec![wanted])).await.unwrap().unwrap();
        assert!(entry.values(&name("member")).is_empty(), "the attribute itself is empty");
        let part = entry.part("member").unwrap();
        members.extend(part.values.iter().map(|value| value.to_vec()));
        match part.name.range().unwrap() {
            (_, Some(last)) => wanted = part.name.from_value(last + 1),
            (_, None) => break,
        }
    }
    members.sort();
    members.dedup();
    assert_eq!(members.len(), 2 * VALUES + 7);
}

#[tokio::test]
async fn an_entry_is_meant_by_its_guid_and_members_bring_theirs() {
    let (fake, directory) = fake();
    fake.people(0..3);
    fake.group("staff", 0..3);
    let entry = read(&directory, &dn(&person(1)), &["objectGUID"]).await.unwrap();
    let guid: [u8; 16] = entry.first(&name("objectGUID")).unwrap().as_ref().try_into().unwrap();
    let by_guid = Search::entry(Target::Guid(guid), vec![name("cn")]);
    let found = directory.entry(&call(), &by_guid).await.unwrap().unwrap();
    assert_eq!(found.text(&name("cn")), Some("user000001"));
    let staff = Search::entry(dn(&format!("CN=staff,OU=groups,{SUFFIX}")), vec![name("member")]);
    let group = directory.entry(&call(), &staff.with(controls::extended_dn())).await.unwrap().unwrap();
    let members = group.texts(&name("member")).filter_map(controls::extended_parts).collect::<Vec<_>>();
    assert_eq!(members.len(), 3);
    assert!(members.iter().any(|(own, dn)| *own == guid && dn.as_ref().unwrap() == &found.dn));
}

#[tokio::test]
async fn a_read_that_breaks_is_asked_again() {
    let (fake, directory) = fake();
    fake.people(0..50);
    let garbage = vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1];
    let nested = std::iter::repeat_n([0x30, 0x84, 0, 15, 0x42, 0x40], 200_000).flatten().collect();
    for fault in [
        Fault::Cut(0),
        Fault::Cut(20),
        Fault::Notice,
        Fault::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Fault::Bytes(garbage),
        Fault::Bytes(nested),
        Fault::Refuse(51),
    ] {
        fake.next(fault.clone());
        let found = directory.search(&call(), &everybody()).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(found.entries.len(), 50, "{fault:?}");
        assert!(directory.down().is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_walk_that_breaks_says_so_and_does_not_end_as_if_it_were_whole() {
    let (fake, directory) = fake();
    fake.people(0..50);
    let mut walk = directory.walk(&call(), everybody(), 20);
    assert_eq!(walk.next().await.unwrap().unwrap().len(), 20);
    fake.next(Fault::Cut(5));
    let error = walk.next().await.unwrap_err();
    assert!(matches!(error, LdapError::Unavailable(_)), "{error}");
    assert_eq!(count(&directory, 20).await, 50, "the next walk is whole");
}

#[tokio::test]
async fn a_huge_value_is_refused_before_it_is_held() {
    let fake = FakeDirectory::active_directory().unwrap();
    fake.people(0..1);
    let directory = Directory::open(Options { message: 1 << 20, ..bare(&fake) }).unwrap();
    for size in [100 << 20, (1 << 20) + 1] {
        fake.next(Fault::Huge(size));
        fake.next(Fault::Huge(size));
        let error = directory.search(&call(), &everybody()).await.unwrap_err();
        assert!(error.to_string().contains("at most 1048576"), "{error}");
        assert_eq!(directory.search(&call(), &everybody()).await.unwrap().entries.len(), 1);
    }
    // Below the limit of a message, above that of an answer.
    let directory = Directory::open(Options { answer: 1 << 20, ..bare(&fake) }).unwrap();
    fake.next(Fault::Huge(2 << 20));
    let error = directory.search(&call(), &everybody()).await.unwrap_err();
    assert!(matches!(error, LdapError::TooMany(_)), "{error}");
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let (fake, directory) = fake();
    fake.people(0..1);
    fake.next(Fault::Referral);
    let error = directory.search(&call(), &everybody()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::REFERRAL));
    assert_eq!(fake.searches(), 1, "asked once");
}

#[tokio::test]
async fn a_limit_of_time_is_said_as_one() {
    let (fake, directory) = fake();
    for (code, expected) in [(3, Code::TIME_LIMIT), (11, Code::ADMIN_LIMIT), (12, Code::UNAVAILABLE_CRITICAL_EXTENSION)]
    {
        fake.next(Fault::Refuse(code));
        assert_eq!(directory.search(&call(), &everybody()).await.unwrap_err().code(), Some(expected));
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_others_are_answered_meanwhile() {
    let fake = FakeDirectory::active_directory().unwrap();
    fake.people(0..10);
    let directory = Directory::open(bare(&fake)).unwrap();
    let search = everybody();
    directory.search(&call(), &search).await.unwrap();
    fake.next(Fault::Silence);
    let brief = Call { deadline: Some(Instant::now() + Duration::from_secs(1)), ..Call::default() };
    let silent = directory.search(&brief, &search);
    let others = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        directory.search(&call(), &everybody()).await.unwrap().entries.len()
    };
    let (silent, others) = tokio::join!(silent, others);
    assert!(matches!(silent.unwrap_err(), LdapError::Late(_)));
    assert_eq!(others, 10, "on the same connection");
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn a_write_without_an_answer_is_uncertain_and_is_not_sent_twice() {
    let (fake, directory) = fake();
    let add = |n| Operation::Add { dn: dn(&person(n)), attributes: vec![(name("objectClass"), vec!["user".into()])] };
    directory.search(&call(), &everybody()).await.unwrap();
    let brief = || Call { deadline: Some(Instant::now() + Duration::from_secs(2)), ..Call::default() };
    let before = fake.world().len();
    for (n, fault) in [Fault::Silence, Fault::Cut(0)].into_iter().enumerate() {
        fake.next(fault);
        let error = directory.perform(&brief(), &add(n).into()).await.unwrap_err();
        assert!(matches!(error, LdapError::Uncertain(_)), "{error}");
        assert_eq!(fake.world().len(), before + n + 1, "it was sent, and sent once");
    }
}
