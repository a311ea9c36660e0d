//! Pages by cursor: RFC 9865.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::index_paging::some;
use super::query::tight;
use super::{Case, case};
use crate::answer::Answer;
use crate::harness::Ability;
use crate::session::{Session, user};

pub fn cases() -> Vec<Case> {
    vec![
        case("an empty cursor begins a walk", "9865-2-01 9865-2-02 9865-2-15 9865-2.4-03 9865-2-10 9865-2-05", |t| {
            some(t, 5)?;
            for query in ["cursor&count=2", "cursor=&count=2"] {
                let page = t.get(&format!("/Users?{query}"))?.is(200)?;
                let next = page.text("/nextCursor");
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                ensure!(!next.is_empty() && next.bytes().all(plain), "{}", page.tell());
                page.lacks("/startIndex")?.lacks("/previousCursor")?.has("/itemsPerPage", 2)?;
                ensure!(page.ids().len() == 2, "{}", page.tell());
            }
            Ok(())
        }),
        case("paging is by index unless a cursor asks otherwise", "9865-2.4-01 9865-2.4-02 9865-2.4-03", |t| {
            some(t, 3)?;
            t.get("/Users?count=2")?.is(200)?.has("/startIndex", 1)?.lacks("/nextCursor")?;
            Ok(())
        }),
        case("count zero and below ask for the total only", "9865-2-03 9865-2-04", |t| {
            some(t, 3)?;
            for count in [0, -1] {
                let page = t.get(&format!("/Users?cursor&count={count}"))?.is(200)?;
                ensure!(page.ids().is_empty(), "{}", page.tell());
                page.has("/totalResults", 3)?;
            }
            Ok(())
        }),
        case(
            "a walk visits each match once, and ends where nextCursor is missing",
            "9865-2-07 9865-2-08 9865-2-13 9865-2-14 9865-2-17 9865-2-06",
            |t| {
                some(t, 9)?;
                for query in [
                    "count=4",
                    "count=3",
                    "count=9",
                    "count=4&sortBy=title",
                    "count=2&filter=title%20pr&sortBy=nickName",
                ] {
                    let pages = walk(t, query)?;
                    let ids: BTreeSet<_> = pages.iter().flat_map(Answer::ids).collect();
                    let count: usize = pages.iter().map(|page| page.ids().len()).sum();
                    ensure!(ids.len() == 9 && count == 9, "{query}: {count} shown, {} of 9 seen", ids.len());
                    ensure!(pages.iter().all(|page| *page.at("/totalResults") == 9), "the total stays the same");
                }
                ensure!(walk(t, "count=3")?.len() == 3, "no empty page behind a full last one");
                Ok(())
            },
        ),
        case("a walk can be taken backwards", "9865-2-09 9865-2-10", |t| {
            some(t, 6)?;
            let pages = walk(t, "count=2&sortBy=title")?;
            let mut back = pages[2].clone();
            for expected in [&pages[1], &pages[0]] {
                back = follow(t, "count=2&sortBy=title", back.text("/previousCursor"))?.is(200)?;
                back.shows("/id", &expected.ids())?;
            }
            back.lacks("/previousCursor")?;
            Ok(())
        }),
        case("a cursor belongs to its query", "9865-2-11 9865-2-12 9865-2.1-04", |t| {
            some(t, 5)?;
            let query = "count=2&sortBy=title&filter=title%20pr&attributes=title";
            let first = t.get(&format!("/Users?cursor&{query}"))?.is(200)?;
            let next = first.text("/nextCursor").to_owned();
            follow(t, query, &next)?.is(200)?;
            follow(t, "count=2&sortBy=TITLE&filter=Title%20PR&attributes=TITLE", &next)?.is(200)?;
            for other in [
                "count=2&sortBy=nickName&filter=title%20pr&attributes=title",
                "count=2&sortBy=title&filter=userName%20pr&attributes=title",
                "count=2&sortBy=title&filter=title%20pr&attributes=userName",
                "count=2&sortBy=title&filter=title%20pr&attributes=title&sortOrder=descending",
            ] {
                follow(t, other, &next)?.fails(400, "invalidCursor")?;
            }
            t.get(&format!("/Groups?{query}&cursor={next}"))?.fails(400, "invalidCursor").or_else(|error| {
                // `title` is no attribute of groups; that may be said first.
                t.get(&format!("/Groups?{query}&cursor={next}"))?.fails(400, "invalidFilter").map_err(|_| error)
            })?;
            follow(t, &query.replace("count=2", "count=3"), &next)?.fails(400, "invalidCount")?;
            follow(t, &query.replace("count=2", "count=abc"), &next)?.fails(400, "invalidCount")?;
            t.get("/Users?cursor&count=abc")?.fails(400, "invalidCount")?;
            Ok(())
        }),
        case("a count above the limit is cut on the first page", "9865-2.1-04 7644-3.4.2.4-06", |t| {
            let tight = tight(t)?;
            some(&tight, 5)?;
            let first = tight.get("/Users?cursor&count=1000")?.is(200)?;
            ensure!(first.ids().len() == 3, "{}", first.tell());
            follow(&tight, "count=1000", first.text("/nextCursor"))?.is(200)?.has("/itemsPerPage", 2)?;
            Ok(())
        })
        .needs(&[Ability::Tight]),
        case("startIndex and cursor exclude each other", "9865-2-16", |t| {
            t.get("/Users?cursor&startIndex=1")?.fails(400, "invalidValue")?;
            Ok(())
        }),
        case("an unknown or altered cursor is refused", "9865-2.1-01 9865-2.1-02 9865-5.2-04", |t| {
            some(t, 5)?;
            let next = t.get("/Users?cursor&count=2")?.is(200)?.text("/nextCursor").to_owned();
            let mut wrong =
                vec!["abc".to_owned(), next.to_uppercase(), next[..next.len() - 1].to_owned(), format!("{next}A")];
            for at in [0, next.len() / 2, next.len() - 2] {
                let flipped = if next.as_bytes()[at] == b'A' { "B" } else { "A" };
                wrong.push(format!("{}{flipped}{}", &next[..at], &next[at + 1..]));
            }
            for cursor in wrong.iter().filter(|cursor| **cursor != next) {
                follow(t, "count=2", cursor)?.fails(400, "invalidCursor")?;
            }
            Ok(())
        }),
        case("a foreign cursor is an unknown one", "9865-5.2-01 9865-5.2-05 9865-2.1-02 7644-6.2-03", |t| {
            let other = t.neighbour()?;
            some(t, 5)?;
            some(&other, 5)?;
            let next = t.get("/Users?cursor&count=2")?.is(200)?.text("/nextCursor").to_owned();
            let foreign = follow(&other, "count=2", &next)?.fails(400, "invalidCursor")?;
            let unknown = follow(&other, "count=2", "abc")?.fails(400, "invalidCursor")?;
            ensure!(foreign.body == unknown.body, "{} {}", foreign.tell(), unknown.tell());
            Ok(())
        })
        .needs(&[Ability::Tenants]),
        case("rights are looked at on every page", "9865-5.2-02 9865-5.2-03", |t| {
            some(t, 5)?;
            let reader = t.granted(&["read"], None)?;
            let next = reader.get("/Users?cursor&count=2")?.is(200)?.text("/nextCursor").to_owned();
            follow(&reader, "count=2", &next)?.is(200)?;
            t.harness.revoke(&t.site, &reader.site.token)?;
            follow(&reader, "count=2", &next)?.fails(401, "")?;
            let narrower = t.granted(&["groups:read"], None)?;
            follow(&narrower, "count=2", &next)?.fails(403, "")?;
            Ok(())
        })
        .needs(&[Ability::Credentials]),
        case("a cursor dies of age, and says so", "9865-2.1-03 9865-4-04 9865-5.3-01", |t| {
            let tight = tight(t)?;
            some(&tight, 5)?;
            let first = tight.get("/Users?cursor&count=2")?.is(200)?;
            let config = tight.get("/ServiceProviderConfig")?.is(200)?;
            let life = config.at("/pagination/cursorTimeout").as_u64().unwrap_or(1);
            follow(&tight, "count=2", first.text("/nextCursor"))?.is(200)?;
            std::thread::sleep(Duration::from_millis(life * 1_000 + 1_200));
            follow(&tight, "count=2", first.text("/nextCursor"))?.fails(400, "expiredCursor")?;
            Ok(())
        })
        .needs(&[Ability::Tight]),
        case("cursors work in a search by POST", "9865-2.1-05 9865-3-01", |t| {
            some(t, 5)?;
            let first = t.search("/Users/.search", json!({"cursor": "", "count": 2}))?.is(200)?;
            let second =
                t.search("/Users/.search", json!({"cursor": first.text("/nextCursor"), "count": 2}))?.is(200)?;
            let seen: BTreeSet<_> = first.ids().into_iter().chain(second.ids()).collect();
            ensure!(seen.len() == 4, "{} {}", first.tell(), second.tell());
            t.search("/Users/.search", json!({"cursor": "abc", "count": 2}))?.fails(400, "invalidCursor")?;
            Ok(())
        }),
        case("order runs over all pages", "9865-2.2-01", |t| {
            for title in ["b", "A", "d", "C", "e"] {
                t.user(json!({"title": title}))?;
            }
            let titles: Vec<String> = walk(t, "count=2&sortBy=title&sortOrder=descending")?
                .iter()
                .flat_map(|page| page.each("/title").into_iter().map(str::to_owned).collect::<Vec<_>>())
                .collect();
            ensure!(titles == ["e", "d", "C", "b", "A"], "{titles:?}");
            Ok(())
        }),
        case("changes on the way neither repeat nor lose what stays", "9865-2-17", |t| {
            let ids = some(t, 10)?;
            let mut page = t.get("/Users?cursor&count=3")?.is(200)?;
            let mut seen: Vec<String> = page.ids().iter().map(|id| (*id).to_owned()).collect();
            let gone = ids.iter().rfind(|id| !seen.contains(id)).cloned().unwrap_or_default();
            t.delete(&format!("/Users/{gone}"))?.is(204)?;
            t.delete(&format!("/Users/{}", seen[1]))?.is(204)?;
            t.post("/Users", &user(json!({})))?.is(201)?;
            while !page.text("/nextCursor").is_empty() {
                page = follow(t, "count=3", page.text("/nextCursor"))?.is(200)?;
                seen.extend(page.ids().iter().map(|id| (*id).to_owned()));
            }
            let distinct: BTreeSet<_> = seen.iter().collect();
            ensure!(distinct.len() == seen.len(), "{seen:?}");
            ensure!(ids.iter().all(|id| *id == gone || seen.contains(id)), "all that stayed: {seen:?}");
            Ok(())
        }),
    ]
}

fn follow(t: &Session, query: &str, cursor: &str) -> Result<Answer> {
    t.get(&format!("/Users?{query}&cursor={cursor}"))
}

/// All pages of a walk. Ends also where the server would not.
fn walk(t: &Session, query: &str) -> Result<Vec<Answer>> {
    let mut pages = vec![follow(t, query, "")?.is(200)?];
    while let Some(next) = pages.last().map(|page| page.text("/nextCursor").to_owned()).filter(|next| !next.is_empty())
    {
        ensure!(pages.len() < 50, "the walk does not end");
        pages.push(follow(t, query, &next)?.is(200)?);
    }
    Ok(pages)
}
