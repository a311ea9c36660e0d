//! Resources and pages that take much: a resource grows to its limit and no further, a page holds what fits.

use std::collections::BTreeSet;

use conformance_tests::answer::Answer;
use conformance_tests::http::encode;
use conformance_tests::session::{Session, patch_op, user};
use serde_json::{Value, json};

use crate::support::{Server, client_error, populate};

/// Users of 40 kB, and pages of 200 kB.
const USERS: usize = 17;
const TEXT: usize = 40_000;
const PAGE_BYTES: &str = "200000";

fn ids(page: &Answer) -> Vec<String> {
    let resources = page.list("/Resources");
    page.has("/itemsPerPage", resources.len()).unwrap();
    resources.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// A walk by index, as many steps on as resources came.
fn by_index(session: &Session, query: &str) -> Vec<Vec<String>> {
    let (mut pages, mut start) = (Vec::new(), 1);
    loop {
        let page = session.get(&format!("{query}&startIndex={start}")).unwrap().is(200).unwrap();
        let found = ids(&page);
        if found.is_empty() {
            return pages;
        }
        page.has("/totalResults", USERS).unwrap();
        start += found.len();
        pages.push(found);
    }
}

/// A walk by cursor, to the end, and what lies before its last page, nearest first.
fn by_cursor(session: &Session, query: &str) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let step = |cursor: &str| session.get(&format!("{query}&cursor={}", encode(cursor))).unwrap().is(200).unwrap();
    let mut page = step("");
    let mut there = vec![ids(&page)];
    while let Some(next) = page.at("/nextCursor").as_str() {
        page = step(next);
        there.push(ids(&page));
    }
    let mut back = Vec::new();
    while let Some(previous) = page.at("/previousCursor").as_str() {
        page = step(previous);
        back.push(ids(&page));
    }
    (there, back)
}

/// Everybody once, and no page with more than fits.
fn all_once(pages: &[Vec<String>], what: &str) -> Vec<String> {
    let all = pages.concat();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{what}");
    assert!(pages.iter().all(|page| page.len() <= 4) && pages.iter().any(|page| page.len() > 1), "{what}: {pages:?}");
    all
}

#[test]
fn a_page_holds_no_more_than_fits() {
    let mut server = Server::with(&[("SCIM__LIMITS__PAGE_BYTES", PAGE_BYTES)]);
    let session = server.session();
    let text = "x".repeat(TEXT);
    for n in 0..USERS {
        session
            .user(json!({"userName": format!("large-{n:02}"), "displayName": format!("Person {n}"), "title": format!("T{:02}", n * 7 % USERS), "nickName": text}))
            .unwrap();
    }
    let fragment = encode("displayName co \"person\"");
    let unindexed = encode("nickName sw \"xx\" and not (title eq \"none\")");
    for path in [
        "/Users?count=100".to_owned(),
        "/Users?count=100&sortBy=userName&sortOrder=descending".to_owned(),
        "/Users?count=100&sortBy=title".to_owned(),
        "/Users?count=100&sortBy=groups.display".to_owned(),
        format!("/Users?count=100&filter={}", encode("userName sw \"large\"")),
        format!("/Users?count=100&filter={fragment}"),
        format!("/Users?count=100&filter={unindexed}"),
        format!("/Users?count=100&filter={unindexed}&sortBy=title"),
        "/?count=100".to_owned(),
    ] {
        let index = all_once(&by_index(&session, &path), &path);
        assert_eq!(index.len(), USERS, "{path}");
        let (there, back) = by_cursor(&session, &path);
        assert_eq!(all_once(&there, &path), index, "{path}");
        // Backwards come all but those of the last page.
        let before = back.iter().rev().flatten().cloned().collect::<Vec<_>>();
        assert_eq!(before, index[..index.len() - there.last().unwrap().len()], "{path}: {back:?}");
    }
    // Of those of whom little is shown there is no less to read; what is not asked for at all does not count.
    let page = session.get("/Users?count=0").unwrap().is(200).unwrap();
    page.has("/totalResults", USERS).unwrap();
    assert!(ids(&page).is_empty());
    server.is_well();
}

/// What is gone through, because no store takes the filter as a whole, is read in pieces that are no larger for it.
#[test]
fn users_of_a_megabyte_are_gone_through_in_small_pieces() {
    let mut server = Server::start();
    let session = server.session();
    let parts =
        |n: usize| (0..15).map(|k| json!({"value": format!("{n:03}{k:03}{}", "A".repeat(60_000))})).collect::<Value>();
    for n in 0..12 {
        session.user(json!({"userName": format!("large-{n}"), "x509Certificates": parts(n)})).unwrap().is(201).unwrap();
    }
    let filter = encode("groups.display eq \"none\" or userName sw \"large\"");
    for path in
        [format!("/Users?count=5&filter={filter}"), format!("/Users?count=5&filter={filter}&sortBy=groups.display")]
    {
        let page = session.get(&path).unwrap().is(200).unwrap();
        page.has("/totalResults", 12).unwrap();
        assert_eq!(ids(&page).len(), 5, "{path}");
    }
    server.is_well();
}

/// Members count as well, and one resource is always shown.
#[test]
fn groups_with_many_members_share_a_page_as_far_as_they_fit() {
    let server = Server::with(&[("SCIM__LIMITS__PAGE_BYTES", "30000")]);
    let session = server.session();
    let people = populate(&session, 300, |n| format!("member-{n}"));
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    for (name, members) in [("A", &people[..100]), ("B", &people[..100]), ("C", &people[..]), ("D", &people[..1])] {
        session.group(name, members).unwrap().is(201).unwrap();
    }
    let shown = |path: &str| {
        let page = session.get(path).unwrap().is(200).unwrap();
        let members = |one: &Value| one["members"].as_array().map_or(0, Vec::len);
        page.has("/totalResults", 4).unwrap();
        page.list("/Resources").iter().map(members).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    while all.len() < 4 {
        let page = shown(&format!("/Groups?sortBy=displayName&startIndex={}", all.len() + 1));
        // 300 members alone are more than what fits.
        assert!(page.len() == 1 || page.iter().sum::<usize>() * 128 < 30_000, "{page:?}");
        all.extend(page);
    }
    assert_eq!(all, [100, 100, 300, 1]);
    assert_eq!(shown("/Groups?sortBy=displayName&excludedAttributes=members"), [0; 4]);
}

#[test]
fn a_resource_grows_to_its_limit_and_no_further() {
    let server = Server::with(&[("SCIM__LIMITS__RESOURCE", "100000")]);
    let session = server.session();
    let text = |n: usize| "x".repeat(n);
    let too_large = |answer: Answer| {
        let answer = client_error(answer.is(413).unwrap());
        assert!(answer.text("/detail").contains("limits.resource"), "{}", answer.tell());
    };
    let parts = json!({"userName": "grown", "nickName": text(60_000), "title": text(39_000)});
    let id = session.user(parts).unwrap().is(201).unwrap().id().unwrap().to_owned();
    let path = format!("/Users/{id}");
    let before = session.get(&path).unwrap().is(200).unwrap();

    let add = json!([{"op": "add", "path": "displayName", "value": text(2_000)}]);
    too_large(session.request("PATCH", &path).json(&patch_op(add.clone())).send().unwrap());
    let larger = json!({"userName": "grown", "nickName": text(60_000), "title": text(60_000)});
    too_large(session.request("PUT", &path).json(&user(larger.clone())).send().unwrap());
    too_large(session.request("POST", "/Users").json(&user(larger)).send().unwrap());
    let unchanged = session.get(&path).unwrap().is(200).unwrap();
    assert_eq!(unchanged.raw, before.raw);

    // Less of one makes room for another.
    let swap = json!([{"op": "remove", "path": "title"}, {"op": "add", "path": "displayName", "value": text(2_000)}]);
    session.request("PATCH", &path).json(&patch_op(swap)).send().unwrap().is(200).unwrap();
    // Members take no part in it.
    let people = populate(&session, 1_000, |n| format!("member-{n:060}"));
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    session.group("Many", &people).unwrap().is(201).unwrap();
}
