//! Common attributes and the characteristics of others: RFC 7643 sections 3.1 and 7.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Case, case};
use crate::data::{EXTRA_URN, TEST_URN};
use crate::harness::Ability;
use crate::session::{unique, user};

pub fn cases() -> Vec<Case> {
    let mut all = common();
    all.extend(characteristics());
    all
}

fn common() -> Vec<Case> {
    vec![
        case(
            "the server gives id and meta",
            "7643-3.1-01 7643-3.1-02 7643-3.1-06 7643-3.1-08 7643-3.1-14 7643-3.1-16",
            |t| {
                let made = t.user(json!({}))?;
                let id = made.id()?;
                ensure!(!id.contains("bulkId"), "{id}");
                made.lacks("/externalId")?.has("/meta/resourceType", "User")?;
                ensure!(made.at("/meta/created") == made.at("/meta/lastModified"), "{}", made.tell());
                for time in ["/meta/created", "/meta/lastModified"] {
                    ensure!(made.text(time).parse::<jiff::Timestamp>().is_ok(), "{time}: {}", made.tell());
                }
                ensure!(made.text("/meta/location").ends_with(&format!("/Users/{id}")), "{}", made.tell());
                let path = format!("/Users/{id}");
                for query in ["", "?attributes=title", "?excludedAttributes=id,title"] {
                    t.get(&format!("{path}{query}"))?.is(200)?.has("/id", id)?;
                }
                t.put(&path, &user(json!({})))?.is(200)?.has("/id", id)?;
                t.patch(&path, json!([{"op": "add", "path": "title", "value": "T"}]))?.is(200)?.has("/id", id)?;
                t.search("/Users/.search", json!({"attributes": ["title"]}))?.is(200)?.finds(&[id])?;
                Ok(())
            },
        ),
        case("ids are unique over all types and never come again", "7643-3.1-03 7643-3.1-04 7644-6.2-01", |t| {
            let mut ids = Vec::new();
            for _ in 0..10 {
                let made = t.user(json!({}))?;
                t.delete(&format!("/Users/{}", made.id()?))?.is(204)?;
                ids.push(made.id()?.to_owned());
                ids.push(t.group(&unique("g"), &[])?.id()?.to_owned());
            }
            let count = ids.len();
            ids.sort();
            ids.dedup();
            ensure!(ids.len() == count, "{ids:?}");
            Ok(())
        }),
        case(
            "an id and a meta that a client sends are not taken",
            "7643-3.1-05 7643-3.1-12 7644-3.3-01 7644-3.1-03",
            |t| {
                let own = json!({"id": "mine", "meta": {"created": "1999-01-01T00:00:00Z", "resourceType": "Group", "version": "x"}});
                let made = t.user(own.clone())?;
                let check = |shown: &crate::answer::Answer| -> Result<()> {
                    ensure!(
                        shown.id()? != "mine" && !shown.text("/meta/created").starts_with("1999"),
                        "{}",
                        shown.tell()
                    );
                    shown.has("/meta/resourceType", "User")?;
                    Ok(())
                };
                check(&made)?;
                t.get("/Users/mine")?.fails(404, "")?;
                let put = t.put(&format!("/Users/{}", made.id()?), &user(own))?.is(200)?;
                put.has("/id", made.id()?)?;
                check(&put)
            },
        ),
        case("id is case exact, read-only and always shown", "7643-3.1-07", |t| {
            let made = t.user(json!({}))?;
            let id = made.id()?;
            let changed = id.to_uppercase();
            if changed != id {
                t.filter("/Users", &format!("id eq \"{changed}\""))?.is(200)?.finds(&[])?;
                t.get(&format!("/Users/{changed}"))?.fails(404, "")?;
            }
            t.patch(&format!("/Users/{id}"), json!([{"op": "replace", "path": "id", "value": "x"}]))?
                .fails(400, "mutability")?;
            t.get(&format!("/Users/{id}?excludedAttributes=id"))?.is(200)?.has("/id", id)?;
            Ok(())
        }),
        case("an externalId may stand twice, is case exact and can be changed", "7643-3.1-10 7643-3.1-11", |t| {
            let one = t.user(json!({"externalId": "ABC"}))?;
            let two = t.user(json!({"externalId": "ABC"}))?;
            t.filter("/Users", "externalId eq \"ABC\"")?.is(200)?.finds(&[one.id()?, two.id()?])?;
            t.filter("/Users", "externalId eq \"abc\"")?.is(200)?.finds(&[])?;
            let operation = json!([{"op": "replace", "path": "externalId", "value": "D"}]);
            t.patch(&format!("/Users/{}", one.id()?), operation)?.is(200)?.has("/externalId", "D")?;
            Ok(())
        }),
        case(
            "meta is returned by default and belongs to the server",
            "7643-3.1-13 7643-3.1-15 7643-3.1-16 7643-7-10",
            |t| {
                let made = t.user(json!({}))?;
                let path = format!("/Users/{}", made.id()?);
                t.get(&format!("{path}?attributes=userName"))?.is(200)?.lacks("/meta")?;
                for at in ["meta.created", "meta.lastModified", "meta.resourceType", "meta.location", "meta.version"] {
                    let operation = json!([{"op": "replace", "path": at, "value": "2020-01-01T00:00:00Z"}]);
                    t.patch(&path, operation)?.fails(400, "mutability")?;
                }
                let changed = t.patch(&path, json!([{"op": "add", "path": "title", "value": "T"}]))?.is(200)?;
                ensure!(changed.at("/meta/created") == made.at("/meta/created"), "{}", changed.tell());
                let (before, after) = (made.text("/meta/lastModified"), changed.text("/meta/lastModified"));
                ensure!(before.parse::<jiff::Timestamp>()? < after.parse()?, "{before} {after}");
                Ok(())
            },
        ),
        case("meta.resourceType is case exact", "7643-3.1-14 7644-3.3.1-01", |t| {
            t.user(json!({}))?;
            t.group(&unique("g"), &[])?.has("/meta/resourceType", "Group")?;
            t.filter("/Users", "meta.resourceType eq \"User\"")?.is(200)?.has("/totalResults", 1)?;
            t.filter("/Users", "meta.resourceType eq \"user\"")?.is(200)?.has("/totalResults", 0)?;
            Ok(())
        }),
        case("location and version stand in header and body alike", "7643-3.1-17 7643-3.1-18 7643-3.1-19", |t| {
            let made = t.user(json!({}))?;
            let shown = t.get(&format!("/Users/{}", made.id()?))?.is(200)?;
            shown.has("/meta/location", shown.must_header("location")?)?;
            shown.has("/meta/version", shown.must_header("etag")?)?;
            ensure!(
                shown.header("content-location").is_none_or(|at| at == shown.text("/meta/location")),
                "{}",
                shown.tell()
            );
            let version = shown.text("/meta/version");
            ensure!(version.starts_with("W/\"") || version.starts_with('"'), "{version}");
            t.with_base(shown.text("/meta/location")).get("")?.is(200)?.has("/id", made.id()?)?;
            Ok(())
        }),
    ]
}

fn characteristics() -> Vec<Case> {
    vec![
        case("an immutable attribute is set once", "7643-7-11", |t| {
            let at = format!("{TEST_URN}:imm");
            let made = t.user(json!({TEST_URN: {"imm": "a"}}))?;
            let path = format!("/Users/{}", made.id()?);
            t.patch(&path, json!([{"op": "replace", "path": at, "value": "b"}]))?.fails(400, "mutability")?;
            let later = t.user(json!({}))?;
            t.patch(&format!("/Users/{}", later.id()?), json!([{"op": "add", "path": at, "value": "a"}]))?.is(200)?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case("a writeOnly attribute is never shown", "7643-7-12 7643-7-14 7643-7-15", |t| {
            let made = t.user(json!({TEST_URN: {"secret": "hush-hush", "num": 1}}))?;
            made.hides("hush-hush")?;
            let path = format!("/Users/{}", made.id()?);
            for query in ["", &format!("?attributes={TEST_URN}:secret"), &format!("?attributes={TEST_URN}")] {
                t.get(&format!("{path}{query}"))?.is(200)?.hides("hush-hush")?;
            }
            t.search("/Users/.search", json!({"filter": format!("{TEST_URN}:secret eq \"hush-hush\"")}))?
                .fails(400, "invalidFilter")?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case(
            "a value returned on request is shown when it is asked for, or was just set",
            "7643-7-17 7644-3.4-01",
            |t| {
                let at = format!("/{TEST_URN}/onDemand");
                let made = t.user(json!({TEST_URN: {"onDemand": "x", "num": 1}}))?;
                made.has(&at, "x")?;
                let path = format!("/Users/{}", made.id()?);
                t.get(&path)?.is(200)?.lacks(&at)?;
                t.get(&format!("{path}?attributes={TEST_URN}:onDemand"))?.is(200)?.has(&at, "x")?;
                let operation = json!([{"op": "replace", "path": format!("{TEST_URN}:onDemand"), "value": "y"}]);
                t.patch(&path, operation)?.is(200)?.has(&at, "y")?;
                t.patch(&path, json!([{"op": "replace", "path": "title", "value": "t"}]))?.is(200)?.lacks(&at)?;
                Ok(())
            },
        )
        .needs(&[Ability::TestSchema]),
        case("a part returned on request is shown when it is asked for, or was just set", "7643-7-17", |t| {
            let (number, code) = (format!("/{EXTRA_URN}/pass/number"), format!("/{EXTRA_URN}/pass/code"));
            let made = t.user(json!({EXTRA_URN: {"pass": {"number": "7", "code": "x"}}}))?;
            made.has(&number, "7")?.has(&code, "x")?;
            let path = format!("/Users/{}", made.id()?);
            t.get(&path)?.is(200)?.has(&number, "7")?.lacks(&code)?;
            t.get(&format!("{path}?attributes={EXTRA_URN}:pass"))?.is(200)?.has(&number, "7")?.lacks(&code)?;
            t.get(&format!("{path}?attributes={EXTRA_URN}:pass.code"))?.is(200)?.lacks(&number)?.has(&code, "x")?;
            let set = |path: &str, value: Value| json!([{"op": "replace", "path": format!("{EXTRA_URN}:{path}"), "value": value}]);
            t.patch(&path, set("pass.code", json!("y")))?.is(200)?.has(&number, "7")?.has(&code, "y")?;
            t.patch(&path, set("pass", json!({"Code": "z"})))?.is(200)?.has(&number, "7")?.has(&code, "z")?;
            t.patch(&path, set("pass", json!({"number": "8"})))?.is(200)?.has(&number, "8")?.lacks(&code)?;
            t.patch(&path, set("pass.number", json!("9")))?.is(200)?.has(&number, "9")?.lacks(&code)?;
            let put = t.put(&path, &user(json!({EXTRA_URN: {"pass": {"code": "q"}}})))?.is(200)?;
            put.lacks(&number)?.has(&code, "q")?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case("a unique value stands once in the tenant", "7643-7-18 7643-7-19", |t| {
            t.user(json!({TEST_URN: {"code": "Kx"}}))?;
            t.post("/Users", &user(json!({TEST_URN: {"code": "Kx"}})))?.fails(409, "uniqueness")?;
            t.user(json!({TEST_URN: {"code": "kX"}}))?;
            t.neighbour()?.user(json!({TEST_URN: {"code": "Kx"}}))?;
            Ok(())
        })
        .needs(&[Ability::TestSchema, Ability::Tenants]),
        case("a globally unique value stands once in the server", "7643-7-20", |t| {
            let seat = unique("seat");
            let made = t.user(json!({EXTRA_URN: {"seat": seat}}))?;
            let body = user(json!({EXTRA_URN: {"seat": seat}}));
            t.neighbour()?.post("/Users", &body)?.fails(409, "uniqueness")?;
            t.delete(&format!("/Users/{}", made.id()?))?.is(204)?;
            t.neighbour()?.post("/Users", &body)?.is(201)?;
            Ok(())
        })
        .needs(&[Ability::TestSchema, Ability::Tenants]),
        case("a unique part of an element stands once among all resources", "7643-7-21", |t| {
            t.user(json!({EXTRA_URN: {"keys": [{"value": "k1"}, {"value": "k2"}]}}))?;
            t.post("/Users", &user(json!({EXTRA_URN: {"keys": [{"value": "K2"}]}})))?.fails(409, "uniqueness")?;
            t.user(json!({EXTRA_URN: {"keys": [{"value": "k3"}]}}))?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
    ]
}
