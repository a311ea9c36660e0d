//! Replacing: RFC 7644 section 3.5.1.

use anyhow::{Result, ensure};
use scim_core::access::Profile;
use serde_json::{Value, json};

use super::create::changed;
use super::{Case, case};
use crate::compare::equal;
use crate::data::{EXTRA_URN, TEST_URN};
use crate::harness::Ability;
use crate::session::{ENTERPRISE, GROUP, Session, USER, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case("a PUT is answered with what is now stored", "7644-3.5-01 7644-3.5.1-10 7644-3.14-02", |t| {
            let (path, id) = one(t, json!({"title": "T"}))?;
            let put = t.put(&path, &changed(t, &id, json!({"title": "U"}))?)?.is(200)?;
            let shown = t.get(&path)?.is(200)?;
            ensure!(equal(&put.body, &shown.body), "{}\n{}", put.tell(), shown.tell());
            put.has("/title", "U")?.has("/meta/location", put.must_header("location")?)?;
            put.has("/meta/version", put.must_header("etag")?)?;
            Ok(())
        }),
        case("a PUT creates nothing", "7644-3.2-01 7644-3.5.1-01", |t| {
            t.put("/Users/new-id", &user(json!({})))?.fails(404, "")?;
            t.get("/Users/new-id")?.fails(404, "")?;
            t.get("/Users")?.is(200)?.has("/totalResults", 0)?;
            Ok(())
        }),
        case("values given replace the old ones, whole lists at a time", "7644-3.5.1-02", |t| {
            let mails = json!([{"value": "a@example.com"}, {"value": "b@example.com"}]);
            let (path, id) = one(t, json!({"emails": mails}))?;
            t.put(&path, &changed(t, &id, json!({"emails": [{"value": "b@example.com"}]}))?)?.is(200)?;
            t.get(&path)?.is(200)?.has("/emails", json!([{"value": "b@example.com"}]))?;
            Ok(())
        }),
        case("what is left out is cleared; nobody is enabled again by that", "7644-3.5.1-03", |t| {
            let (path, _) = one(
                t,
                json!({"title": "T", "active": false, "name": {"givenName": "G"}, "password": "t0p-Secret-pass"}),
            )?;
            let put = t.put(&path, &user(json!({})))?.is(200)?;
            put.lacks("/title")?.lacks("/name")?;
            // Our own promise is stronger than the catalogue, which would let `active` go back to its default.
            if t.ours() {
                put.has("/active", false)?;
            }
            Ok(())
        }),
        case("null and empty clear", "7644-3.5.1-04", |t| {
            let (path, id) = one(t, json!({"title": "T", "emails": [{"value": "a@example.com"}]}))?;
            t.put(&path, &changed(t, &id, json!({"title": null, "emails": []}))?)?
                .is(200)?
                .lacks("/title")?
                .lacks("/emails")?;
            Ok(())
        }),
        case("an immutable value stays what it is", "7644-3.5.1-05 7644-3.5.1-06 7644-3.5.1-07 7644-3.12-19", |t| {
            let (path, _) = one(t, json!({}))?;
            let with = |imm: Option<&str>| user(imm.map_or(json!({}), |imm| json!({TEST_URN: {"imm": imm}})));
            let at = format!("/{TEST_URN}/imm");
            t.put(&path, &with(Some("a")))?.is(200)?.has(&at, "a")?;
            t.put(&path, &with(Some("a")))?.is(200)?.has(&at, "a")?;
            t.put(&path, &with(Some("b")))?.fails(400, "mutability")?;
            t.put(&path, &with(None))?.is(200)?.has(&at, "a")?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case("an immutable value is the same in another order", "7644-3.5.1-05 7644-3.5.2-15 7643-2.4-01", |t| {
            let (path, _) = one(t, json!({}))?;
            let (at, name) = (format!("/{EXTRA_URN}/labels"), unique("user"));
            let with = |labels: Value| user(json!({"userName": name, EXTRA_URN: {"labels": labels}}));
            let replace =
                |labels: Value| json!([{"op": "replace", "path": format!("{EXTRA_URN}:labels"), "value": labels}]);
            let put = t.put(&path, &with(json!(["a", "b"])))?.is(200)?;
            let stored = put.at(&at).clone();
            let version = put.text("/meta/version").to_owned();
            let same = t.put(&path, &with(json!(["b", "a"])))?.is(200)?;
            same.has(&at, stored.clone())?.has("/meta/version", &*version)?;
            let same = t.patch(&path, replace(json!(["B", "A"])))?.is(200)?;
            same.has(&at, stored)?.has("/meta/version", &*version)?;
            t.put(&path, &with(json!(["a", "c"])))?.fails(400, "mutability")?;
            t.patch(&path, replace(json!(["b"])))?.fails(400, "mutability")?;
            t.patch(&path, replace(json!(["b", "a", "c"])))?.fails(400, "mutability")?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case("read-only values are ignored", "7644-3.5.1-08 7643-3.1-05 7643-3.1-12", |t| {
            let (path, id) = one(t, json!({}))?;
            let group = t.group(&unique("g"), &[])?;
            let body = changed(
                t,
                &id,
                json!({"id": "x", "meta": {"created": "1999-01-01T00:00:00Z"}, "groups": [{"value": group.id()?}]}),
            )?;
            let put = t.put(&path, &body)?.is(200)?;
            put.has("/id", &*id)?.lacks("/groups")?;
            ensure!(!put.text("/meta/created").starts_with("1999"), "{}", put.tell());
            Ok(())
        }),
        case("required attributes have to be sent", "7644-3.5.1-09", |t| {
            let (path, _) = one(t, json!({}))?;
            t.put(&path, &json!({"schemas": [USER]}))?.fails(400, "invalidValue")?;
            Ok(())
        }),
        case("members become just those given", "7644-3.5.1-11", |t| {
            let (a, b) = (t.user(json!({}))?, t.user(json!({}))?);
            let name = unique("g");
            let group = t.group(&name, &[a.id()?])?;
            let body = json!({"schemas": [GROUP], "displayName": name, "members": [{"value": b.id()?}]});
            let put = t.put(&format!("/Groups/{}", group.id()?), &body)?.is(200)?;
            ensure!(put.list("/members").len() == 1, "{}", put.tell());
            put.has("/members/0/value", b.id()?)?;
            Ok(())
        }),
        case(
            "a taken userName is a conflict, one's own is not",
            "7644-3.5.1-12 7644-3.5.1-13 7643-7-18 7644-3.12-18",
            |t| {
                let (taken, own) = (unique("taken"), unique("bjensen"));
                t.user(json!({"userName": taken}))?;
                let (path, id) = one(t, json!({"userName": own}))?;
                t.put(&path, &changed(t, &id, json!({"userName": taken.to_uppercase()}))?)?.fails(409, "uniqueness")?;
                let upper = own.to_uppercase();
                t.put(&path, &changed(t, &id, json!({"userName": upper}))?)?.is(200)?.has("/userName", &*upper)?;
                Ok(())
            },
        ),
        case("an extension left out goes with its data", "7644-3.5.1-14", |t| {
            let (path, _) = one(t, json!({ENTERPRISE: {"division": "D"}}))?;
            let put = t.put(&path, &user(json!({"schemas": [USER]})))?.is(200)?;
            put.has("/schemas", json!([USER]))?.lacks(&format!("/{ENTERPRISE}"))?;
            Ok(())
        }),
        case("a PUT that changes nothing moves nothing", "7644-3.5.1-15", |t| {
            let boss = t.user(json!({}))?;
            let (path, _) = one(
                t,
                json!({"title": "T", "emails": [{"value": "a@example.com"}], ENTERPRISE: {"manager": {"value": boss.id()?}}}),
            )?;
            let before = t.get(&path)?.is(200)?;
            let put = t.put(&path, &before.body)?.is(200)?;
            ensure!(put.header("etag") == before.header("etag"), "{}", put.tell());
            ensure!(put.at("/meta") == before.at("/meta"), "{}", put.tell());
            Ok(())
        }),
        case("the body names valid schemas", "7644-3.5.1-16", |t| {
            let (path, _) = one(t, json!({}))?;
            t.put(&path, &user(json!({"schemas": []})))?.fails(400, "invalidSyntax")?;
            t.put(&path, &user(json!({"schemas": [GROUP]})))?.fails(400, "invalidSyntax")?;
            Ok(())
        })
        .only(Profile::Strict),
        case("a preference for little is honoured", "7240-4.2-01", |t| {
            let (path, id) = one(t, json!({}))?;
            let prefer = |method: &str, path: &str, body: &serde_json::Value, what: &str| {
                t.request(method, path).json(body).header("Prefer", what).send()
            };
            let operation = crate::session::patch_op(json!([{"op": "replace", "path": "title", "value": "T"}]));
            for answer in [
                prefer("PUT", &path, &changed(t, &id, json!({"title": "U"}))?, "return=minimal")?.is(204)?,
                prefer("PATCH", &path, &operation, "return=minimal")?.is(204)?,
                prefer("POST", "/Users", &user(json!({})), "return=minimal")?.is(201)?,
            ] {
                ensure!(answer.raw.is_empty(), "{}", answer.tell());
                ensure!(answer.must_header("preference-applied")?.contains("return=minimal"), "{}", answer.tell());
                answer.must_header("etag")?;
            }
            let group = t.group(&unique("g"), &[])?;
            let members = crate::session::patch_op(json!([{"op": "add", "path": "members", "value": [{"value": id}]}]));
            prefer("PATCH", &format!("/Groups/{}", group.id()?), &members, "return=representation")?
                .is(200)?
                .some("/members/0")?;
            Ok(())
        }),
    ]
}

fn one(t: &Session, attributes: serde_json::Value) -> Result<(String, String)> {
    let made = t.user(attributes)?;
    Ok((format!("/Users/{}", made.id()?), made.id()?.to_owned()))
}
