//! Sorting: RFC 7644 section 3.4.2.3.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Case, case};
use crate::data::TEST_URN;
use crate::harness::Ability;
use crate::session::{ENTERPRISE, Session};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "sortBy orders, ascending unless told otherwise",
            "7644-3.4.2.3-02 7644-3.4.2.3-03 7644-3.4.2.3-04",
            |t| {
                users(t, &[json!({"nickName": "b"}), json!({"nickName": "a"}), json!({"nickName": "c"})])?;
                order(t, "sortBy=nickName", "a b c")?;
                order(t, "sortBy=nickName&sortOrder=ascending", "a b c")?;
                order(t, "sortBy=nickName&sortOrder=descending", "c b a")?;
                t.get("/Users?sortBy=nickName&sortOrder=up")?.fails(400, "invalidValue")?;
                t.get("/Users?sortOrder=descending")?.is(200)?.has("/totalResults", 3)?;
                Ok(())
            },
        ),
        case(
            "a multi-valued attribute sorts by its primary value, else by its first",
            "7644-3.4.2.3-05 7644-3.4.2.3-06",
            |t| {
                let mails = |nick: &str, first: &str, second: &str, primary: bool| json!({"nickName": nick, "emails": [{"value": first}, {"value": second, "primary": primary}]});
                users(
                    t,
                    &[
                        mails("1", "z@x.example", "a@x.example", true),
                        mails("2", "b@x.example", "y@x.example", false),
                        mails("3", "c@x.example", "x@x.example", true),
                    ],
                )?;
                order(t, "sortBy=emails.value", "1 2 3")?;
                order(t, "sortBy=emails", "1 2 3")?;
                order(t, "sortBy=emails.value&sortOrder=descending", "3 2 1")
            },
        ),
        case("a complex attribute is sorted by a part of it", "7644-3.4.2.3-06", |t| {
            users(
                t,
                &[
                    json!({"nickName": "2", "name": {"givenName": "b"}}),
                    json!({"nickName": "1", "name": {"givenName": "A"}}),
                ],
            )?;
            order(t, "sortBy=name.givenName", "1 2")?;
            t.get("/Users?sortBy=name")?.fails(400, "invalidPath")?;
            Ok(())
        }),
        case("resources without value come last, descending first", "7644-3.4.2.3-07", |t| {
            users(
                t,
                &[
                    json!({"nickName": "1"}),
                    json!({"nickName": "2", "title": "b"}),
                    json!({"nickName": "3", "title": "a"}),
                ],
            )?;
            order(t, "sortBy=title", "3 2 1")?;
            order(t, "sortBy=title&sortOrder=descending", "1 2 3")
        }),
        case("order follows the type of the attribute", "7644-3.4.2.3-08 7644-3.4.2.3-09 7644-3.4.2.3-11", |t| {
            let one = |nick: &str, text: &str, number: i64, time: &str| {
                json!({"nickName": nick, "title": text, "externalId": text, ENTERPRISE: {"employeeNumber": text},
                       TEST_URN: {"num": number, "when": time}})
            };
            users(
                t,
                &[
                    one("1", "Ab", 10, "2020-01-01T01:00:00+02:00"),
                    one("2", "aa", 9, "2020-01-01T00:00:00Z"),
                    one("3", "é", -1, "2019-12-31T23:30:00Z"),
                    one("4", "B", 100, "2020-01-01T00:00:00.001Z"),
                ],
            )?;
            order(t, "sortBy=title", "2 1 4 3")?;
            order(t, "sortBy=externalId", "1 4 2 3")?;
            order(t, &format!("sortBy={ENTERPRISE}:employeeNumber"), "2 1 4 3")?;
            order(t, &format!("sortBy={TEST_URN}:num"), "3 2 1 4")?;
            order(t, &format!("sortBy={TEST_URN}:when"), "1 3 2 4")?;
            order(t, "sortBy=meta.created", "1 2 3 4")?;
            order(t, "sortBy=META.lastModified&sortOrder=descending", "4 3 2 1")
        })
        .needs(&[Ability::TestSchema]),
        case("ties are broken by id, the same way each time", "7644-3.4.2.3-09", |t| {
            let ids: Vec<String> =
                (0..6).map(|_| Ok(t.user(json!({"title": "same"}))?.id()?.to_owned())).collect::<Result<_>>()?;
            let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
            sorted.sort_unstable();
            t.get("/Users?sortBy=title")?.is(200)?.shows("/id", &sorted)?;
            t.get("/Users?sortBy=title&sortOrder=descending")?.is(200)?.shows("/id", &sorted)?;
            Ok(())
        }),
        case("what cannot be sorted by is refused", "7644-3.4.2.3-10 7644-3.12-21", |t| {
            for name in ["foo", "password", "name.foo", "urn:example:none:x", "emails[type%20eq%20%22work%22]"] {
                t.get(&format!("/Users?sortBy={name}"))?.fails(400, "invalidPath")?;
            }
            Ok(())
        }),
    ]
}

/// Users, each made in a millisecond of its own: lists are sorted by these times too.
fn users(t: &Session, all: &[Value]) -> Result<()> {
    all.iter().try_for_each(|one| {
        std::thread::sleep(Duration::from_millis(2));
        t.user(one.clone()).map(drop)
    })
}

/// The list shows users with these nick names, in this order, by GET and by search.
fn order(t: &Session, query: &str, nicks: &str) -> Result<()> {
    let nicks: Vec<_> = nicks.split(' ').collect();
    t.get(&format!("/Users?{query}"))?.is(200)?.shows("/nickName", &nicks)?;
    let parameters: serde_json::Map<_, _> = query
        .split('&')
        .filter_map(|one| one.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    t.search("/Users/.search", parameters.into())?.is(200)?.shows("/nickName", &nicks)?;
    Ok(())
}
