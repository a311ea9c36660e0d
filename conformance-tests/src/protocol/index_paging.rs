//! Pages by index: RFC 7644 section 3.4.2.4.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::json;

use super::query::tight;
use super::{Case, case};
use crate::harness::Ability;
use crate::session::Session;

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "startIndex begins at one, whatever is below it",
            "7644-3.4.2.4-01 7644-3.4.2.4-02 7644-3.4.2-05 7644-3.4.2.4-03",
            |t| {
                some(t, 5)?;
                let first = t.get("/Users?count=2")?.is(200)?;
                first.has("/startIndex", 1)?.has("/itemsPerPage", 2)?.has("/totalResults", 5)?;
                ensure!(first.ids().len() == 2, "{}", first.tell());
                for start in [1, 0, -5] {
                    t.get(&format!("/Users?startIndex={start}&count=2"))?
                        .is(200)?
                        .has("/startIndex", 1)?
                        .shows("/id", &first.ids())?;
                }
                Ok(())
            },
        ),
        case("count zero and below ask for the total only", "7644-3.4.2.4-04 7644-3.4.2.4-05", |t| {
            some(t, 3)?;
            for count in [0, -1] {
                let page = t.get(&format!("/Users?count={count}"))?.is(200)?;
                page.has("/totalResults", 3)?.has("/itemsPerPage", 0)?;
                ensure!(page.ids().is_empty(), "{}", page.tell());
            }
            Ok(())
        }),
        case("a count above the limit is cut to it", "7644-3.4.2.4-06 7644-3.4.2.4-07", |t| {
            let tight = tight(t)?;
            some(&tight, 5)?;
            let most = tight.get("/Users?count=100000")?.is(200)?;
            most.has("/itemsPerPage", 3)?.has("/totalResults", 5)?;
            ensure!(most.ids().len() == 3, "{}", most.tell());
            let page = tight.get("/Users")?.is(200)?;
            page.has("/itemsPerPage", 2)?.has("/totalResults", 5)?;
            ensure!(page.ids().len() == 2, "{}", page.tell());
            Ok(())
        })
        .needs(&[Ability::Tight]),
        case(
            "the total counts all matches, itemsPerPage those on the page",
            "7644-3.4.2.4-08 7644-3.4.2.4-09 7644-3.4.2-02",
            |t| {
                some(t, 7)?;
                t.get("/Users?filter=title%20sw%20%22t%22&count=3")?
                    .is(200)?
                    .has("/totalResults", 7)?
                    .has("/itemsPerPage", 3)?;
                t.get("/Users?startIndex=7&count=3")?.is(200)?.has("/totalResults", 7)?.has("/itemsPerPage", 1)?;
                t.get("/Users?filter=title%20eq%20%22t3%22&count=3")?.is(200)?.has("/totalResults", 1)?;
                Ok(())
            },
        ),
        case("a page past the end is empty", "7644-3.4.2.4-10", |t| {
            some(t, 3)?;
            let page = t.get("/Users?startIndex=999")?.is(200)?;
            page.has("/totalResults", 3)?.has("/Resources", json!([]))?.has("/itemsPerPage", 0)?;
            Ok(())
        }),
        case("what is no number is refused", "7644-3.4.2.4-11", |t| {
            for query in ["count=abc", "startIndex=x", "count=1.5", "startIndex=1e2"] {
                t.get(&format!("/Users?{query}"))?.fails(400, "invalidValue")?;
            }
            Ok(())
        }),
        case("a walk visits each resource once", "7644-3.4.2.4-12", |t| {
            some(t, 11)?;
            for sort in
                ["", "&sortBy=title", "&sortBy=title&sortOrder=descending", "&sortBy=nickName", "&filter=title%20pr"]
            {
                let (mut seen, mut start) = (BTreeSet::new(), 1);
                while start <= 11 {
                    let page = t.get(&format!("/Users?startIndex={start}&count=4{sort}"))?.is(200)?;
                    ensure!(!page.ids().is_empty(), "{}", page.tell());
                    start += page.ids().len();
                    for id in page.ids() {
                        ensure!(seen.insert(id.to_owned()), "{id} stands twice, {sort}");
                    }
                }
                ensure!(seen.len() == 11, "{} of 11 seen, {sort}", seen.len());
            }
            Ok(())
        }),
    ]
}

/// So many users with titles.
pub fn some(t: &Session, count: usize) -> Result<Vec<String>> {
    (0..count).map(|number| Ok(t.user(json!({"title": format!("t{number}")}))?.id()?.to_owned())).collect()
}
