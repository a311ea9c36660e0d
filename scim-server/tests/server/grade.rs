//! Our own server, graded as any other: by its base URL and a token, over TLS, one case after another in one tenant.

use std::sync::Arc;

use conformance_tests::Foreign;
use conformance_tests::grade::{self, Outcome};
use conformance_tests::http::Client;

use crate::tls::{authority, server};

#[test]
fn a_stranger_finds_nothing_amiss() {
    let server = server(&authority(), "");
    let client = Arc::new(Client::with_tls(Some(&server.directory.path().join("ca.pem"))).unwrap());
    let base = format!("https://{}/scim/v2", server.address);
    let foreign = Foreign::new(&base, &server.token, &client).unwrap();
    let graded: Vec<_> = grade::run(&foreign, &client, grade::chosen(&[])).collect();
    assert!(grade::passes(&graded), "what it tolerates is held against it: {}", grade::table(&graded).unwrap());

    server.command(&["tenant", "set", "default", "profile=strict"]);
    let graded: Vec<_> = grade::run(&foreign, &client, grade::chosen(&[])).collect();
    let failed: Vec<_> = graded.iter().filter(|case| matches!(case.outcome, Outcome::Fails(_))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(grade::passes(&graded));
    let hold = graded.iter().filter(|case| case.outcome == Outcome::Holds).count();
    assert!(hold > 150, "{}", grade::table(&graded).unwrap());
    let unclaimed = graded.iter().filter(|case| matches!(case.outcome, Outcome::NotClaimed(_))).count();
    assert_eq!(unclaimed, 0, "{}", grade::table(&graded).unwrap());
    // Each case clears away what it makes.
    let export = server.directory.path().join("left.jsonl");
    server.command(&["export", &export.to_string_lossy(), "--tenant", "default"]);
    assert_eq!(std::fs::read_to_string(&export).unwrap(), "");
}

#[test]
fn a_token_that_is_not_taken_is_told() {
    let server = crate::support::Running::start();
    let client = Client::default();
    let base = format!("http://{}/scim/v2", server.address);
    let refused = Foreign::new(&base, "wrong", &client).unwrap_err().to_string();
    assert!(refused.contains("the token is not taken"), "{refused}");
}
