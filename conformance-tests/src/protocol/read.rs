//! Reading one resource: RFC 7644 sections 3.4, 3.4.1 and 3.8.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Case, case};
use crate::session::unique;

pub fn cases() -> Vec<Case> {
    vec![
        case("a resource is read by its id", "7644-3.4.1-01 7644-3.4.1-05 7644-3.4-01", |t| {
            let made = t.user(json!({"password": "t0p-Secret-pass"}))?;
            let shown = t.get(&format!("/Users/{}", made.id()?))?.is(200)?;
            shown.has("/id", made.id()?)?.lacks("/password")?;
            for name in ["location", "etag"] {
                ensure!(shown.must_header(name)? == made.must_header(name)?, "{name}");
            }
            ensure!(shown.is_scim_json(), "{:?}", shown.header("content-type"));
            Ok(())
        }),
        case("an unknown id is not found, whatever it looks like", "7644-3.4.1-02 7644-3.12-10", |t| {
            for id in ["none", "00000000-0000-0000-0000-000000000000", "%27%20or%201=1", "%F0%9F%9A%80", "..", "a%2Fb"]
            {
                let answer = t.get(&format!("/Users/{id}"))?;
                answer.fails(404, "")?;
            }
            Ok(())
        }),
        case("neither userName nor externalId is an id", "7644-3.4.1-03", |t| {
            let made = t.user(json!({"externalId": unique("ext")}))?;
            for other in ["/userName", "/externalId"] {
                t.get(&format!("/Users/{}", made.text(other)))?.fails(404, "")?;
            }
            Ok(())
        }),
        case("an id of one type is not found at another", "7644-3.4.1-04", |t| {
            let (user, group) = (t.user(json!({}))?, t.group(&unique("g"), &[])?);
            t.get(&format!("/Groups/{}", user.id()?))?.fails(404, "")?;
            t.get(&format!("/Users/{}", group.id()?))?.fails(404, "")?;
            Ok(())
        }),
        case("every reference that the server gives leads to its resource", "7643-2.3.7-04", |t| {
            let user = t.user(json!({}))?;
            t.group(&unique("g"), &[user.id()?])?;
            for list in [t.get("/Users")?.is(200)?, t.get("/Groups")?.is(200)?] {
                for one in list.list("/Resources") {
                    let links = ["/meta/location", "/members/0/$ref", "/groups/0/$ref"];
                    for link in links.iter().filter_map(|at| one.pointer(at)).filter_map(|link| link.as_str()) {
                        t.with_base(link).get("")?.is(200)?;
                    }
                }
            }
            Ok(())
        }),
        case(
            "the client chooses between two names of one format",
            "7644-3.8-01 7644-3.8-02 7644-3.8-03 7644-3.8-04",
            |t| {
                let path = format!("/Users/{}", t.user(json!({}))?.id()?);
                let media = |accept: Option<&str>| -> Result<String> {
                    let request = t.request("GET", &path).without("Accept");
                    let request = if let Some(accept) = accept { request.header("Accept", accept) } else { request };
                    let answer = request.send()?.is(200)?;
                    Ok(answer.must_header("content-type")?.split(';').next().unwrap_or_default().to_owned())
                };
                for accept in [
                    None,
                    Some("*/*"),
                    Some("application/*"),
                    Some("application/scim+json"),
                    Some("text/html, */*;q=0.1"),
                ] {
                    ensure!(media(accept)? == "application/scim+json", "{accept:?}");
                }
                ensure!(media(Some("application/json"))? == "application/json");
                Ok(())
            },
        ),
        case("a .scim suffix is no format", "7644-3.8-07", |t| {
            let path = format!("/Users/{}.scim", t.user(json!({}))?.id()?);
            t.get(&path)?.fails(404, "")?;
            Ok(())
        }),
        case("HEAD gives the head of GET", "9110-9.3.2-01", |t| {
            let user = t.user(json!({}))?;
            for path in
                [format!("/Users/{}", user.id()?), "/Users".into(), "/Schemas".into(), "/ServiceProviderConfig".into()]
            {
                let get = t.get(&path)?.is(200)?;
                let head = t.request("HEAD", &path).send()?.is(200)?;
                ensure!(head.raw.is_empty(), "no body");
                for name in ["etag", "content-type", "location"] {
                    ensure!(head.header(name) == get.header(name), "{name} of {path}");
                }
            }
            t.request("HEAD", "/Users/none").send()?.is(404)?;
            Ok(())
        }),
    ]
}
