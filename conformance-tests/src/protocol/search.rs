//! Searching by POST: RFC 7644 section 3.4.3.

use anyhow::ensure;
use serde_json::json;

use super::index_paging::some;
use super::{Case, case};
use crate::session::{GROUP, MESSAGES, unique};

pub fn cases() -> Vec<Case> {
    vec![
        case("a search is a query, at the root and at each type", "7644-3.4.3-01 7644-3.4.3-06", |t| {
            let user = t.user(json!({}))?;
            let group = t.group(&unique("g"), &[])?;
            for (path, found) in
                [("", vec![user.id()?, group.id()?]), ("/Users", vec![user.id()?]), ("/Groups", vec![group.id()?])]
            {
                let list = t.search(&format!("{path}/.search"), json!({}))?.is(200)?;
                list.has("/schemas", json!([format!("{MESSAGES}:ListResponse")]))?.finds(&found)?;
                ensure!(list.header("location").is_none() || !t.ours(), "nothing was created: {}", list.tell());
            }
            Ok(())
        }),
        case("a search names itself", "7644-3.4.3-02", |t| {
            for body in
                [json!({}), json!({"schemas": [GROUP]}), json!({"schemas": []}), json!({"filter": "userName pr"})]
            {
                t.post("/Users/.search", &body)?.fails(400, "invalidSyntax")?;
            }
            Ok(())
        }),
        case("every member means what the parameter means", "7644-3.4.3-03 7644-3.4.3-04", |t| {
            some(t, 6)?;
            let query =
                "filter=title%20gt%20%22t0%22&sortBy=title&sortOrder=descending&startIndex=2&count=3&attributes=title";
            let by_get = t.get(&format!("/Users?{query}"))?.is(200)?;
            for attributes in [json!(["title"]), json!("title")] {
                let by_post = t.search(
                    "/Users/.search",
                    json!({
                        "filter": "title gt \"t0\"", "sortBy": "title", "sortOrder": "descending",
                        "startIndex": 2, "count": 3, "attributes": attributes,
                    }),
                )?;
                ensure!(by_post.is(200)?.body == by_get.body, "{}", by_get.tell());
            }
            let hidden = t.search("/Users/.search", json!({"excludedAttributes": ["title", "meta"]}))?.is(200)?;
            hidden.lacks("/Resources/0/title")?.lacks("/Resources/0/meta")?;
            Ok(())
        }),
        case("wrong types, wrong structure and wrong filters are told apart", "7644-3.4.3-05", |t| {
            t.search("/Users/.search", json!({"count": "x"}))?.fails(400, "invalidValue")?;
            t.search("/Users/.search", json!({"filter": 5}))?.fails(400, "invalidValue")?;
            t.search("/Users/.search", json!({"attributes": 5}))?.fails(400, "invalidValue")?;
            t.search("/Users/.search", json!({"filter": "foo"}))?.fails(400, "invalidFilter")?;
            t.post("/Users/.search", &json!([]))?.fails(400, "invalidSyntax")?;
            Ok(())
        }),
        case("parameters in the URL of a search are ignored", "7644-3.4.3-07", |t| {
            some(t, 3)?;
            let list =
                t.search("/Users/.search?count=1&filter=userName%20eq%20%22x%22", json!({"count": 2}))?.is(200)?;
            ensure!(list.ids().len() == 2, "{}", list.tell());
            Ok(())
        }),
        case("personal data may stand in a search", "7644-3.4.3-08", |t| {
            let made = t.user(json!({"emails": [{"value": "a@example.com"}]}))?;
            t.search("/Users/.search", json!({"filter": "emails.value eq \"a@example.com\""}))?
                .is(200)?
                .finds(&[made.id()?])?;
            Ok(())
        }),
    ]
}
