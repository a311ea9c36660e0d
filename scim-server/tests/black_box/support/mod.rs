//! The program in a folder of its own, and words to speak to it.

mod chance;
mod program;
mod server;

pub use chance::Chance;
pub use program::Program;
pub use server::{Server, TOKEN};

use std::time::{Duration, Instant};

use conformance_tests::answer::Answer;
use conformance_tests::http::{Connection, Response, request};
use conformance_tests::session::Session;
use serde_json::Value;

/// Nothing takes so long on the slowest of machines unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes of a request with the credential of this session.
pub fn raw(session: &Session, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut all = vec![
        ("Authorization".to_owned(), format!("Bearer {}", session.site.token)),
        ("Content-Type".to_owned(), "application/scim+json".to_owned()),
    ];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    request(method, authority(session), &format!("/scim/v2{path}"), &all, body.as_bytes())
}

/// The same with JSON.
pub fn raw_json(session: &Session, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Vec<u8> {
    raw(session, method, path, headers, &body.to_string())
}

/// `host:port` of the session's server.
pub fn authority(session: &Session) -> &str {
    session.site.origin().trim_start_matches("http://")
}

/// Sends all requests at one moment, each on a connection of its own, and reads the answers in order. Each must have a
/// body: it is the last byte of it that is held back until all others are there.
pub fn at_once(session: &Session, requests: &[Vec<u8>]) -> Vec<Response> {
    let mut open: Vec<_> = requests.iter().map(|_| Connection::open(authority(session)).unwrap()).collect();
    for (connection, request) in open.iter_mut().zip(requests) {
        connection.write(&request[..request.len() - 1]).unwrap();
    }
    for (connection, request) in open.iter_mut().zip(requests) {
        connection.write(&request[request.len() - 1..]).unwrap();
    }
    open.iter_mut().map(|connection| connection.response("POST").unwrap()).collect()
}

/// How many answers have each status, in order of status.
pub fn statuses(answers: &[Response]) -> Vec<(u16, usize)> {
    let mut counted = std::collections::BTreeMap::new();
    for answer in answers {
        *counted.entry(answer.status).or_default() += 1;
    }
    counted.into_iter().collect()
}

/// Makes so many users by bulk requests and gives their ids. `name` names each.
pub fn populate(session: &Session, count: usize, name: impl Fn(usize) -> String) -> Vec<String> {
    populate_with(session, count, |n| serde_json::json!({"userName": name(n)}))
}

/// The same with these attributes.
pub fn populate_with(session: &Session, count: usize, attributes: impl Fn(usize) -> Value) -> Vec<String> {
    let mut ids = Vec::with_capacity(count);
    for from in (0..count).step_by(1_000) {
        let operation = |n: usize| {
            let data = conformance_tests::session::user(attributes(n));
            serde_json::json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": data})
        };
        let operations: Value = (from..count.min(from + 1_000)).map(operation).collect();
        let answer = session.bulk(operations).unwrap().is(200).unwrap();
        for one in answer.list("/Operations") {
            assert_eq!(one["status"], "201", "{one}");
            ids.push(one["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
        }
    }
    assert_eq!(ids.len(), count);
    ids
}

/// The answer is a SCIM error of the 4xx kind that tells nothing of what is inside (threat B08).
pub fn client_error(answer: Answer) -> Answer {
    assert!((400..500).contains(&answer.status), "expected 4xx: {}", answer.tell());
    scim_error(answer)
}

/// The answer is an Error message, whatever its status.
pub fn scim_error(answer: Answer) -> Answer {
    let (status, scim_type) = (answer.status, answer.text("/scimType").to_owned());
    let answer = answer.fails(status, &scim_type).unwrap();
    let text = String::from_utf8_lossy(&answer.raw).into_owned();
    for inside in [
        ".rs",
        "SELECT seq",
        "INSERT INTO",
        " WHERE ",
        "sqlite",
        "panicked",
        "rusqlite",
        "serde",
        "actix",
        "/src/",
        "unwrap",
    ] {
        assert!(!text.contains(inside), "{inside:?} stands in {}", answer.tell());
    }
    answer
}

/// Does this until it holds, for at most so long.
pub fn wait_until(most: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < most, "after {most:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
