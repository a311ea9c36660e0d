//! Values that mean something elsewhere mean only themselves here (threats C04, C07, C10, C11, C14, C15).

use std::time::{Duration, Instant};

use conformance_tests::session::user;
use serde_json::{Value, json};

use crate::support::{PATIENCE, Server, client_error, populate};

/// Threat C04: quotes, wildcards and comments of SQL, in every place that reaches a statement.
#[test]
fn sql_in_values_is_text() {
    let mut server = Server::start();
    let session = server.session();
    let names = [
        "o'brien",
        "x' OR '1'='1",
        "x'; DROP TABLE resource; --",
        "a%b",
        "a_b",
        "a\\b",
        "a\\%b",
        "%",
        "_",
        "\\",
        "\"quoted\"",
        "x/*y*/z",
        "x--y",
        "$1",
        "?1",
        ":name",
        "@p",
        "{{7*7}}",
        "${7*7}",
        "a*b",
        "a?b",
        "[a-z]",
        "NULL",
        "1e1",
        "0x41",
        "\u{fb01}",
        "a\u{301}",
        "CHAR(65)",
        "x||y",
        "^x$",
        "=HYPERLINK(\"http://x\")",
        "<img src=x onerror=alert(1)>",
    ];
    let mut ids = Vec::new();
    for name in names {
        let made = session.user(json!({"userName": format!("u {name}"), "displayName": name, "title": name, "externalId": name, "emails": [{"value": name}]})).unwrap();
        made.has("/displayName", name).unwrap();
        ids.push(made.id().unwrap().to_owned());
    }
    let literal = |text: &str| Value::from(text).to_string();
    for (name, id) in names.iter().zip(&ids) {
        for attribute in ["title", "externalId"] {
            for operator in ["eq", "co", "sw", "ew"] {
                let found = session
                    .filter("/Users", &format!("{attribute} {operator} {}", literal(name)))
                    .unwrap()
                    .is(200)
                    .unwrap();
                let expected: Vec<_> = names
                    .iter()
                    .zip(&ids)
                    .filter(|(other, _)| {
                        let (other, name) = if attribute == "title" {
                            (other.to_lowercase(), name.to_lowercase())
                        } else {
                            ((*other).to_string(), (*name).to_string())
                        };
                        match operator {
                            "eq" => other == name,
                            "co" => other.contains(&name),
                            "sw" => other.starts_with(&name),
                            _ => other.ends_with(&name),
                        }
                    })
                    .map(|(_, id)| id.as_str())
                    .collect();
                found.finds(&expected).unwrap_or_else(|error| panic!("{attribute} {operator} {name:?}: {error}"));
                assert!(expected.contains(&id.as_str()));
            }
        }
    }
    for broken in [
        "userName'",
        "userName\"",
        "name.familyName;--",
        "title UNION SELECT 1",
        "(SELECT 1)",
        "title\u{0}",
        "1=1",
        "rowid",
        "resource.document",
        "document",
        "tenant",
        "seq",
    ] {
        let sorted = session
            .request("POST", "/Users/.search")
            .json(&json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "sortBy": broken}))
            .send()
            .unwrap();
        client_error(sorted.is(400).unwrap());
        client_error(session.filter("/Users", &format!("{broken} eq \"x\"")).unwrap().is(400).unwrap());
        let remove = json!([{"op": "remove", "path": broken}]);
        client_error(session.patch(&format!("/Users/{}", ids[0]), remove).unwrap().is(400).unwrap());
    }
    session.get("/Users?count=0").unwrap().has("/totalResults", names.len()).unwrap();
    server.is_well();
}

/// Threat C10: two spellings of one name are one name.
#[test]
fn names_that_look_the_same_are_the_same() {
    let server = Server::start();
    let session = server.session();
    let same = |first: &str, second: &str| {
        let made = session.user(json!({"userName": first})).unwrap();
        made.has("/userName", first).unwrap();
        session.post("/Users", &user(json!({"userName": second}))).unwrap().fails(409, "uniqueness").unwrap();
        let found = session.filter("/Users", &format!("userName eq {}", Value::from(second))).unwrap().is(200).unwrap();
        found.finds(&[made.id().unwrap()]).unwrap();
        session.delete(&format!("/Users/{}", made.id().unwrap())).unwrap().is(204).unwrap();
    };
    same("bjensen", "BJENSEN");
    same("Straße", "STRASSE");
    same("kelvin", "\u{212a}elvin");
    same("fullwidth", "ｆｕｌｌｗｉｄｔｈ");
    same("caf\u{e9}", "cafe\u{301}");
    same("ﬁnn", "finn");
    same("ΣΊΣΥΦΟΣ", "σίσυφος");
    same("trailing", "trailing ");
    same("trailing", "\u{a0}trailing");
    for refused in ["a\u{200b}b", "a\u{202e}b", "a\u{0}b", "a\u{1b}b", "a\u{feff}b", " ", "\u{a0}", ""] {
        client_error(session.post("/Users", &user(json!({"userName": refused}))).unwrap().is(400).unwrap());
    }
    session.get("/Users").unwrap().has("/totalResults", 0).unwrap();
}

/// A body of about this many bytes.
type Family = fn(usize) -> Value;

/// Threat C07: twice the text takes no more than about twice the time.
#[test]
fn reading_takes_time_in_proportion_to_length() {
    let server = Server::start();
    let session = server.session();
    let path = format!("/Users/{}", session.user(json!({})).unwrap().id().unwrap());
    let families: [(&str, Family); 5] = [
        ("many keys", |n| Value::Object((0..n / 20).map(|k| (format!("key{k}"), json!(1))).collect())),
        (
            "many emails",
            |n| json!({"emails": (0..n / 40).map(|k| json!({"value": format!("{k}@example.com")})).collect::<Vec<_>>()}),
        ),
        ("one long text", |n| json!({"title": "a\\\"".repeat(n / 8)})),
        ("escapes", |n| json!({"title": "\u{1f600}\u{1}".repeat(n / 16)})),
        ("equal emails", |n| json!({"emails": vec![json!({"value": "same@example.com"}); n / 40]})),
    ];
    for (name, family) in families {
        let time = |n: usize| {
            let body = user(family(n));
            let best = (0..3).map(|_| {
                let begun = Instant::now();
                let answer = session.put(&path, &body).unwrap();
                assert!(answer.status < 500, "{}", answer.tell());
                begun.elapsed()
            });
            best.min().unwrap()
        };
        // A busy machine spoils one measurement; what grows with the square spoils them all.
        let attempts: Vec<_> = (0..5).map(|_| (time(10_000), time(80_000))).collect();
        assert!(
            attempts.iter().any(|(small, large)| *large < *small * 8 * 4 + Duration::from_millis(50)),
            "{name}, and eight times as much: {attempts:?}"
        );
    }
}

/// Threats D01, D02: what one request may ask for is bounded, and what it may ask for is done.
#[test]
fn requests_at_their_limits_are_answered() {
    let mut server = Server::start();
    let session = server.session();
    let users = populate(&session, 1_000, |n| format!("limit-{n}"));
    let group = session.group("Limit", &[]).unwrap().id().unwrap().to_owned();
    let path = format!("/Groups/{group}");
    let add = |id: &String| json!({"op": "add", "path": "members", "value": [{"value": id}]});
    let begun = Instant::now();
    session.patch(&path, users.iter().map(add).collect()).unwrap().is(204).unwrap();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    let many: Value = users.iter().chain(&users[..1]).map(add).collect();
    client_error(session.patch(&path, many).unwrap().is(413).unwrap());
    let values: Value = (0..10_001).map(|n| json!({"value": format!("nobody-{n}")})).collect();
    client_error(
        session.patch(&path, json!([{"op": "add", "path": "members", "value": values}])).unwrap().is(413).unwrap(),
    );

    let operations: Value = (0..1_001).map(|_| json!({"method": "DELETE", "path": "/Users/nobody"})).collect();
    client_error(session.bulk(operations).unwrap().is(413).unwrap());
    // A circle of groups, each a member of the next (7644-3.7.1).
    let circle: Value = (0..300)
        .map(|n| {
            let next = format!("bulkId:g{}", (n + 1) % 300);
            let data = json!({"schemas": [conformance_tests::session::GROUP], "displayName": format!("circle-{n}"), "members": [{"value": next}]});
            json!({"method": "POST", "path": "/Groups", "bulkId": format!("g{n}"), "data": data})
        })
        .collect();
    let begun = Instant::now();
    let answer = session.bulk(circle).unwrap();
    assert!(matches!(answer.status, 200 | 400 | 409), "{}", answer.tell());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    session.get("/Groups?count=1000").unwrap().is(200).unwrap();
    server.is_well();
}
