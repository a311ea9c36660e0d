//! Lists walked to their end while others create and delete (7644-3.4.2.4, RFC 9865): everybody who was there
//! throughout comes exactly once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use conformance_tests::http::encode;
use conformance_tests::session::{Session, unique};
use serde_json::{Value, json};

use crate::ground::STAYING;
use crate::support::{Server, populate, populate_with};

const LEAVING: usize = STAYING / 20;
/// Changes while lists are walked. They end at some time: a walk by index goes on as long as others come behind its end.
const CHANGES: usize = 3 * LEAVING;

#[test]
fn everybody_who_was_there_throughout_comes_exactly_once() {
    let server = Server::start();
    let session = server.session();
    // Those that leave stand among those that stay.
    let every = STAYING / LEAVING + 1;
    let all = populate_with(
        &session,
        STAYING + LEAVING,
        |n| json!({"userName": format!("user-{n}"), "displayName": format!("User {n}")}),
    );
    let (leaving, staying): (Vec<_>, Vec<_>) = all.into_iter().enumerate().partition(|(n, _)| n % every == 0);
    assert_eq!(staying.len(), STAYING);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let churn = scope.spawn(|| {
            let mut leaving = leaving.iter();
            let mut changes = 0;
            while !done.load(Ordering::Relaxed) && changes < CHANGES {
                session.user(json!({"userName": unique("new")})).unwrap();
                if let Some((_, id)) = leaving.next() {
                    session.delete(&format!("/Users/{id}")).unwrap().is(204).unwrap();
                }
                changes += 1;
            }
            changes
        });
        let walks: Vec<_> = [
            scope.spawn(|| by_cursor(&session, "count=100&attributes=id")),
            scope.spawn(|| by_index(&session, "count=100&attributes=id")),
            scope.spawn(|| {
                by_cursor(&session, &format!("count=100&attributes=id&filter={}", encode("displayName sw \"user \"")))
            }),
            scope.spawn(|| by_index(&session, "count=100&attributes=id&sortBy=userName")),
        ]
        .into_iter()
        .map(|walk| walk.join().unwrap())
        .collect();
        done.store(true, Ordering::Relaxed);
        let changes: usize = churn.join().unwrap();
        assert!(changes > 20, "the list hardly changed: {changes}");
        for (number, seen) in walks.iter().enumerate() {
            for (_, id) in &staying {
                assert_eq!(seen.get(id), Some(&1), "walk {number}, {id}");
            }
            let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "walk {number}: {twice:?}");
        }
    });
}

type Seen = BTreeMap<String, usize>;

fn note(seen: &mut Seen, page: &[Value]) {
    for resource in page {
        *seen.entry(resource["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
}

fn by_cursor(session: &Session, query: &str) -> Seen {
    let mut seen = Seen::new();
    let mut cursor = String::new();
    loop {
        let page = session.get(&format!("/Users?{query}&cursor={}", encode(&cursor))).unwrap().is(200).unwrap();
        note(&mut seen, page.list("/Resources"));
        match page.at("/nextCursor").as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return seen,
        }
    }
}

/// As clients do it: until as many have come as `totalResults` says, or a page is empty.
fn by_index(session: &Session, query: &str) -> Seen {
    let mut seen = Seen::new();
    let mut next = 1;
    loop {
        let page = session.get(&format!("/Users?{query}&startIndex={next}")).unwrap().is(200).unwrap();
        let resources = page.list("/Resources");
        note(&mut seen, resources);
        next += resources.len() as u64;
        if resources.is_empty() || next > page.at("/totalResults").as_u64().unwrap() {
            return seen;
        }
    }
}

/// Threat D10: the end of a list costs no more than its beginning.
#[test]
fn pages_past_the_end_and_absurd_windows_are_answered() {
    let mut server = Server::start();
    let session = server.session();
    populate(&session, 30, |n| format!("few-{n}"));
    let check = |query: &str, shown: usize| {
        let page = session.get(&format!("/Users?{query}")).unwrap().is(200).unwrap();
        page.has("/totalResults", 30).unwrap();
        assert_eq!(page.list("/Resources").len(), shown, "{query}: {}", page.tell());
    };
    check("startIndex=0", 30);
    check("startIndex=-9223372036854775808", 30);
    check("startIndex=31", 0);
    check("startIndex=9223372036854775807", 0);
    check("count=0", 0);
    check("count=-1", 0);
    check("count=2147483648", 30);
    check("startIndex=30&count=9223372036854775807", 1);
    for query in [
        "startIndex=x",
        "count=1.5",
        "count=",
        "startIndex=99999999999999999999999999",
        "count=0x10",
        "cursor=x",
        "cursor=%00",
    ] {
        let answer = session.get(&format!("/Users?{query}")).unwrap();
        assert!(answer.status == 200 || answer.status == 400, "{query}: {}", answer.tell());
    }
    server.is_well();
}
