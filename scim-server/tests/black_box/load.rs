//! Work that one client heaps up does not become everybody's wait (threats D04, D05, D10).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use conformance_tests::session::user;
use scim_core::access::Profile;
use serde_json::json;

use crate::ground::HEAP;
use crate::support::{Server, at_once, raw_json, statuses};

/// Threat D04: hashes wait for their threads, everything else does not.
#[test]
fn password_hashing_holds_up_nobody() {
    let mut server = Server::start();
    let session = server.session();
    let requests: Vec<_> = (0..40)
        .map(|n| {
            raw_json(
                &session,
                "POST",
                "/Users",
                &[],
                &user(json!({"userName": format!("hash-{n}"), "password": format!("Correct-Horse-{n}")})),
            )
        })
        .collect();
    thread::scope(|scope| {
        let creates = scope.spawn(|| at_once(&session, &requests));
        let mut meanwhile = 0;
        while !creates.is_finished() {
            assert_eq!(server.probe("/healthz"), Some(200));
            meanwhile += 1;
            thread::sleep(Duration::from_millis(5));
        }
        let answers = creates.join().unwrap();
        assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 503)), "{:?}", statuses(&answers));
        assert!(meanwhile >= 2, "others were answered {meanwhile} times while forty passwords were hashed");
    });
    server.is_well();
}

/// Beyond those in work and those that wait it is 503 with `Retry-After`, and what was refused was not done.
#[test]
fn beyond_the_queue_it_is_503_and_nothing_was_done() {
    let mut server = Server::with(&[("SCIM__LIMITS__IN_WORK", "1"), ("SCIM__LIMITS__WAITING", "2")]);
    let session = server.session();
    let requests: Vec<_> = (0..200)
        .map(|n| raw_json(&session, "POST", "/Users", &[], &user(json!({"userName": format!("queue-{n}")}))))
        .collect();
    let answers = at_once(&session, &requests);
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.status, 503);
        assert!(refused.headers.iter().any(|(name, _)| name == "retry-after"));
    }
    session.get("/Users?count=0").unwrap().is(200).unwrap().has("/totalResults", made).unwrap();
    server.is_well();
}

/// A tenant over its rate is told when to come back.
#[test]
fn over_the_rate_it_is_429() {
    let server = Server::with(&[("SCIM__LIMITS__RATE", "3")]);
    let session = server.session();
    let answers: Vec<_> = (0..60).map(|_| session.get("/Users?count=0").unwrap()).collect();
    assert!(answers[..3].iter().all(|answer| answer.status == 200));
    let limited = answers.into_iter().find(|answer| answer.status == 429).unwrap().fails(429, "").unwrap();
    let wait = limited.must_header("retry-after").unwrap().parse::<u64>().unwrap();
    thread::sleep(Duration::from_secs(wait));
    session.get("/Users?count=0").unwrap().is(200).unwrap();
}

/// Threat D05: reads that take long are not all that is read. How many of the one tenant's end while the other's is answered, which
/// begins in the midst of the first of them: whoever waits for one of them sees one end, every time.
#[test]
fn reads_of_one_tenant_that_take_long_hold_up_no_other() {
    const LOUD: usize = 24;
    let mut server = Server::start();
    let (loud, quiet) = (server.tenant(Profile::Compatible), server.session());
    crate::support::populate(&loud, HEAP, |n| format!("loud-{n}"));
    crate::support::populate(&quiet, 5, |n| format!("quiet-{n}"));
    let long = (0..200).map(|n| format!("nickName co \"x{n}\"")).collect::<Vec<_>>().join(" or ");
    let begun = Instant::now();
    loud.filter("/Users", &long).unwrap().is(200).unwrap();
    let alone = begun.elapsed();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|(before, after)| *before > 0 || *after == 0) {
        assert!(seen.len() < 10, "so many ended meanwhile, and so many later: {seen:?}");
        let ended = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..LOUD {
                scope.spawn(|| {
                    loud.filter("/Users", &long).unwrap().is(200).unwrap();
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
            thread::sleep(alone);
            let before = ended.load(Ordering::SeqCst);
            quiet.filter("/Users", "nickName co \"x\"").unwrap().is(200).unwrap().has("/totalResults", 0).unwrap();
            let after = ended.load(Ordering::SeqCst);
            seen.push((after - before, LOUD - after));
        });
    }
    server.is_well();
}

/// A request that looks at more than it may is refused with a reason; the server goes on.
#[test]
fn queries_beyond_the_scan_limit_are_too_many() {
    let mut server = Server::with(&[("SCIM__LIMITS__SCAN_MAX", "50")]);
    let session = server.session();
    crate::support::populate(&session, 200, |n| format!("scan-{n}"));
    let found = session.filter("/Users", "not (name.familyName co \"a\")").unwrap();
    assert!(found.status == 200 || found.text("/scimType") == "tooMany", "{}", found.tell());
    if found.status == 200 {
        found.has("/totalResults", 200).unwrap();
    }
    session.filter("/Users", "userName eq \"scan-7\"").unwrap().is(200).unwrap().has("/totalResults", 1).unwrap();
    server.is_well();
}
