//! Errors: RFC 7644 sections 3.2, 3.8 and 3.12.

use anyhow::{Result, ensure};
use serde_json::json;

use super::query::tight;
use super::{Case, case};
use crate::answer::Answer;
use crate::harness::Ability;
use crate::session::{Session, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "every error is a SCIM error",
            "7644-3.12-01 7644-3.12-02 7644-3.12-03 7644-3.12-04 7644-3.2-05 7644-3.12-07 7644-3.12-10 7644-3.12-11 7644-3.12-12 7644-3.12-20 7644-3.12-23",
            |t| {
                let made = t.user(json!({}))?;
                let path = format!("/Users/{}", made.id()?);
                let put = t.request("PUT", &path).json(&user(json!({})));
                let raw = t.request("POST", "/Users").header("Content-Type", "application/scim+json").bytes("{");
                raw.send()?.fails(400, "invalidSyntax")?;
                t.request("GET", "/Users").without("Authorization").send()?.fails(401, "")?;
                t.get("/Users/none")?.fails(404, "")?;
                t.request("PUT", "/Users").json(&json!({})).send()?.fails(405, "")?;
                if t.ours() {
                    t.request("GET", "/Users").header("Accept", "text/xml").send()?.fails(406, "")?;
                }
                t.post("/Users", &user(json!({"userName": made.text("/userName")})))?.fails(409, "uniqueness")?;
                put.header("If-Match", "W/\"stale\"").send()?.fails(412, "")?;
                t.request("POST", "/Users").header("Content-Type", "text/plain").bytes("x").send()?.fails(415, "")?;
                t.post("/Users", &user(json!({"userName": null})))?.fails(400, "invalidValue")?;
                Ok(())
            },
        ),
        case("a detail helps, and betrays nothing", "7644-3.12-04 7644-3.12-14", |t| {
            for answer in [
                t.filter("/Users", "userName eq \"' OR 1=1 --\" and")?,
                t.get("/Users/%27%3B%20DROP%20TABLE%20resource")?,
                t.post("/Users", &user(json!({"title": {"$where": "x"}})))?,
                t.get("/Users/%00")?,
            ] {
                ensure!((400..500).contains(&answer.status), "{}", answer.tell());
                for trace in ["constraint failed", "SELECT ", "panicked", ".rs:", "/home/", "/root/", "resource ("] {
                    answer.hides(trace)?;
                }
            }
            Ok(())
        }),
        case("a method that an endpoint lacks is told with those it has", "7644-3.2-04", |t| {
            let path = format!("/Users/{}", t.user(json!({}))?.id()?);
            for (method, path, allowed) in [
                ("PUT", "/Users", "GET"),
                ("DELETE", "/Schemas/x", "GET"),
                ("GET", "/Bulk", "POST"),
                ("POST", &*path, "PATCH"),
                ("GET", "/.search", "POST"),
                ("DELETE", "/Users/.search", "POST"),
            ] {
                let refused = t.request(method, path).send()?.fails(405, "")?;
                let allow = refused.must_header("allow")?;
                ensure!(
                    allow.contains(allowed) && !allow.split(", ").any(|one| one == method),
                    "{method} {path}: {allow}"
                );
            }
            Ok(())
        }),
        case("an unknown path is not found; endpoints keep their case in strict", "7644-3.2-06 7644-3.12-10", |t| {
            for path in ["/Nope", "/Users/a/b", "/Users/a/b/c", "/ServiceProviderConfig/x", "/Bulk/x"] {
                t.get(path)?.fails(404, "")?;
            }
            let lower = t.get("/users")?;
            if t.strict() {
                lower.fails(404, "")?;
            } else {
                lower.is(200)?;
            }
            Ok(())
        }),
        case("OPTIONS tells what is allowed", "9110-9.3.7-01", |t| {
            for path in ["/Users", "/Groups", "/Bulk", "/Schemas"] {
                ensure!(!t.request("OPTIONS", path).send()?.is(204)?.must_header("allow")?.is_empty());
            }
            Ok(())
        }),
        case("what cannot be given is told so", "7644-3.8-05", |t| {
            for accept in ["text/xml", "text/html, image/png", "application/xml"] {
                t.request("GET", "/Users").header("Accept", accept).send()?.fails(406, "")?;
            }
            Ok(())
        }),
        case("without a good credential there is nothing but a challenge", "7644-3.12-08", |t| {
            for header in
                [None, Some("Bearer wrong"), Some("Bearer "), Some("Basic dXNlcjpwYXNz"), Some(t.site.token.as_str())]
            {
                let request = t.request("GET", "/Users").without("Authorization");
                let request = if let Some(value) = header { request.header("Authorization", value) } else { request };
                let refused = request.send()?.fails(401, "")?;
                ensure!(refused.must_header("www-authenticate")?.starts_with("Bearer"), "{}", refused.tell());
            }
            Ok(())
        }),
        case("a credential without the right is refused", "7644-3.12-09", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            let reader = t.granted(&["read"], None)?;
            reader.get(&path)?.is(200)?;
            reader.post("/Users", &user(json!({})))?.fails(403, "")?;
            reader.put(&path, &user(json!({})))?.fails(403, "")?;
            reader.patch(&path, json!([{"op": "add", "path": "title", "value": "T"}]))?.fails(403, "")?;
            reader.delete(&path)?.fails(403, "")?;
            t.granted(&["groups:write"], None)?.get(&path)?.fails(403, "")?;
            t.get(&path)?.is(200)?.lacks("/title")?;
            Ok(())
        })
        .needs(&[Ability::Credentials]),
        case("a body over the limit is refused", "7644-3.12-13", |t| {
            let tight = tight(t)?;
            tight.post("/Users", &user(json!({"title": "x".repeat(20_000)})))?.fails(413, "")?;
            Ok(())
        })
        .needs(&[Ability::Tight]),
        case(
            "what is deeper or wider than the limits is refused, never a crash",
            "7644-3.12-20 7644-3.4.2.2-34",
            |t| {
                let tight = tight(t)?;
                let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
                let request = tight.request("POST", "/Users").header("Content-Type", "application/scim+json");
                request.bytes(deep).send()?.fails(400, "invalidSyntax")?;
                tight
                    .filter("/Users", &format!("{}userName pr{}", "(".repeat(10), ")".repeat(10)))?
                    .fails(400, "invalidFilter")?;
                tight.filter("/Users", &["title pr"; 7].join(" or "))?.fails(400, "invalidFilter")?;
                tight.filter("/Users", &format!("title eq \"{}\"", "x".repeat(500)))?.fails(400, "invalidFilter")?;
                Ok(())
            },
        )
        .needs(&[Ability::Tight]),
        case(
            "each keyword stands where the RFC puts it",
            "7644-3.12-16 7644-3.12-18 7644-3.12-19 7644-3.12-21 7644-3.12-22 7644-3.12-25",
            keywords,
        ),
    ]
}

fn keywords(t: &Session) -> Result<()> {
    let made = t.user(json!({"userName": unique("k")}))?;
    let path = format!("/Users/{}", made.id()?);
    let patch = |operation: serde_json::Value| -> Result<Answer> { t.patch(&path, json!([operation])) };
    t.filter("/Users", "a")?.fails(400, "invalidFilter")?;
    t.search("/Users/.search", json!({"filter": "a"}))?.fails(400, "invalidFilter")?;
    patch(json!({"op": "remove", "path": "emails[a]"}))?.fails(400, "invalidFilter")?;
    patch(json!({"op": "add", "path": "a b", "value": "x"}))?.fails(400, "invalidPath")?;
    patch(json!({"op": "remove"}))?.fails(400, "noTarget")?;
    patch(json!({"op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x"}))?.fails(400, "noTarget")?;
    patch(json!({"op": "replace", "path": "id", "value": "x"}))?.fails(400, "mutability")?;
    patch(json!({"op": "add", "path": "active", "value": 5}))?.fails(400, "invalidValue")?;
    t.filter("/Users", "password pr")?.fails(403, "sensitive")?;
    Ok(())
}
