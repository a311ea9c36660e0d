//! Deleting: RFC 7644 section 3.6.

use anyhow::ensure;
use serde_json::json;

use super::{Case, case};
use crate::session::{ENTERPRISE, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case("a deleted resource is gone for every operation", "7644-3.6-01 7644-3.6-02 7644-3.6-05", |t| {
            let path = format!("/Users/{}", t.user(json!({}))?.id()?);
            let gone = t.delete(&path)?.is(204)?;
            ensure!(gone.raw.is_empty(), "{}", gone.tell());
            t.get(&path)?.fails(404, "")?;
            t.put(&path, &user(json!({})))?.fails(404, "")?;
            t.patch(&path, json!([{"op": "add", "path": "title", "value": "T"}]))?.fails(404, "")?;
            t.delete(&path)?.fails(404, "")?;
            Ok(())
        }),
        case("a deleted resource is in no list", "7644-3.6-03", |t| {
            let made = t.user(json!({}))?;
            t.delete(&format!("/Users/{}", made.id()?))?.is(204)?;
            t.get("/Users")?.is(200)?.finds(&[])?;
            t.get("/")?.is(200)?.finds(&[])?;
            t.filter("/Users", &format!("userName eq \"{}\"", made.text("/userName")))?.is(200)?.finds(&[])?;
            t.search("/.search", json!({}))?.is(200)?.finds(&[])?;
            Ok(())
        }),
        case("a deleted resource gives its name back, not its id", "7644-3.6-04 7643-3.1-04", |t| {
            let name = unique("bjensen");
            let first = t.user(json!({"userName": name}))?;
            t.delete(&format!("/Users/{}", first.id()?))?.is(204)?;
            let second = t.user(json!({"userName": name}))?;
            ensure!(second.id()? != first.id()?, "{}", second.tell());
            Ok(())
        }),
        case("a deleted resource leaves the members and managers that named it", "7644-3.6-06 7643-2.3.7-05", |t| {
            let (boss, other) = (t.user(json!({}))?, t.user(json!({}))?);
            let group = t.group(&unique("g"), &[boss.id()?, other.id()?])?;
            let worker = t.user(json!({ENTERPRISE: {"manager": {"value": boss.id()?}}}))?;
            t.delete(&format!("/Users/{}", boss.id()?))?.is(204)?;
            let left = t.get(&format!("/Groups/{}", group.id()?))?.is(200)?;
            ensure!(left.list("/members").len() == 1 && *left.at("/members/0/value") == other.id()?, "{}", left.tell());
            ensure!(left.header("etag") != group.header("etag"), "the group changed: {}", left.tell());
            t.get(&format!("/Users/{}", worker.id()?))?.is(200)?.lacks(&format!("/{ENTERPRISE}"))?;
            Ok(())
        }),
        case("If-Match holds for DELETE", "7644-3.6-07 7644-3.14-05 7644-3.14-06", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            t.request("DELETE", &path).header("If-Match", "W/\"stale\"").send()?.fails(412, "")?;
            t.get(&path)?.is(200)?;
            t.request("DELETE", &path).header("If-Match", made.must_header("etag")?).send()?.is(204)?;
            Ok(())
        }),
        case("collections and discovery cannot be deleted", "7644-3.6-08", |t| {
            for path in ["/Users", "/Groups", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
                t.delete(path)?.fails(405, "")?;
            }
            Ok(())
        }),
    ]
}
