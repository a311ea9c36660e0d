//! The grader against servers that are no good, or are good for less.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on must fail")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use conformance_tests::Foreign;
use conformance_tests::grade::{self, Graded, Outcome};
use conformance_tests::http::Client;

/// A server that gives this answer to discovery, and to all else `200 {}`. Gives its base URL.
fn server(discovery: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v2", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = Vec::new();
            let mut chunk = [0; 65536];
            while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => asked.extend_from_slice(&chunk[..read]),
                }
            }
            let text = String::from_utf8_lossy(&asked);
            let target = text.split(' ').nth(1).unwrap_or_default();
            let known = discovery.iter().find(|(path, _)| target == format!("/v2{path}"));
            let body = known.map_or("{}", |(_, body)| body);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/scim+json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    base
}

fn graded(base: &str, words: &[&str]) -> Vec<Graded> {
    let client = Arc::new(Client::default());
    let foreign = Foreign::new(base, "token", &client).unwrap();
    let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
    grade::run(&foreign, &client, grade::chosen(&words)).collect()
}

const ALL: &str = r#"{"patch":{"supported":true},"bulk":{"supported":true},"filter":{"supported":true},
    "sort":{"supported":true},"etag":{"supported":true},"pagination":{"cursor":true}}"#;

#[test]
fn who_says_yes_to_everything_does_not_pass() {
    let base = server(&[("/ServiceProviderConfig", ALL)]);
    let all = graded(&base, &["create::", "patch::", "delete::"]);
    assert!(!grade::passes(&all));
    let held: Vec<_> = all.iter().filter(|case| case.outcome == Outcome::Holds).map(|case| case.name).collect();
    assert!(held.is_empty(), "{held:?}");
    assert!(grade::table(&all).unwrap().contains("MUST"));
}

#[test]
fn what_is_not_claimed_is_not_asked() {
    let base = server(&[
        ("/ServiceProviderConfig", r#"{"patch":{"supported":false},"filter":{"supported":true}}"#),
        ("/ResourceTypes", r#"{"Resources":[{"endpoint":"/Users"}]}"#),
        ("/Schemas", r#"{"Resources":[]}"#),
    ]);
    let all = graded(&base, &["bulk::", "sort::", "cursor_paging::"]);
    let asked: Vec<_> = all.iter().filter(|case| matches!(case.outcome, Outcome::Holds)).collect();
    assert!(asked.is_empty(), "{asked:?}");
    let unclaimed = |what: &str| all.iter().any(|case| case.outcome == Outcome::NotClaimed(what.to_owned()));
    assert!(unclaimed("bulk"));
    let whole = graded(&base, &["a bulk request and its answer name themselves"]);
    assert!(grade::passes(&whole), "what is not claimed does not count against a server");
}
