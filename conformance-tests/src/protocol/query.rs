//! Queries: RFC 7644 sections 3.4.2 and 3.4.2.1.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Case, case};
use crate::harness::Ability;
use crate::http::encode;
use crate::session::{MESSAGES, Session, unique};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "a list says what it is and how long it is",
            "7644-3.4.2-01 7644-3.4.2-02 7644-3.4.2-03 7644-3.4.2-10",
            |t| {
                t.user(json!({"title": "T"}))?;
                t.user(json!({}))?;
                for query in ["", "?attributes=userName", "?filter=title%20pr"] {
                    let list = t.get(&format!("/Users{query}"))?.is(200)?;
                    list.has("/schemas", json!([format!("{MESSAGES}:ListResponse")]))?;
                    ensure!(*list.at("/totalResults") == list.list("/Resources").len(), "{}", list.tell());
                    for one in list.list("/Resources") {
                        ensure!(one["schemas"].is_array() && one["id"].is_string(), "{one}");
                    }
                }
                Ok(())
            },
        ),
        case("a query without match is answered with an empty list", "7644-3.4.2-04 7644-3.4.2-06", |t| {
            let list = t.filter("/Users", "userName eq \"nobody\"")?.is(200)?;
            list.has("/totalResults", 0)?.has("/Resources", json!([]))?;
            t.get("/Groups")?.is(200)?.has("/Resources", json!([]))?;
            Ok(())
        }),
        case("unknown parameters and loose ends are ignored", "7644-3.4.2-07 7644-3.4.2-08", |t| {
            let made = t.user(json!({}))?;
            for query in ["?foo=bar", "?", "?&", "?foo&bar=&", "?filter=userName%20pr&aadOptscim062020"] {
                t.get(&format!("/Users{query}"))?.is(200)?.finds(&[made.id()?])?;
            }
            Ok(())
        }),
        case("a filter on a single resource is ignored", "7644-3.4.2-09", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            t.get(&format!("{path}?attributes=userName"))?.is(200)?.lacks("/meta")?;
            t.filter(&path, "userName eq \"nobody\"")?.is(200)?.has("/id", made.id()?)?;
            Ok(())
        }),
        case("percent-encoding is decoded before anything is parsed", "7644-1.2-01", |t| {
            let made = t.user(json!({"displayName": "a+b & c=d #é"}))?;
            t.filter("/Users", "displayName eq \"a+b & c=d #é\"")?.is(200)?.finds(&[made.id()?])?;
            t.get("/Users?filter=displayName+eq+%22a%2Bb+%26+c%3Dd+%23%C3%A9%22")?.is(200)?.finds(&[made.id()?])?;
            t.get("/Users?%66ilter=user%4Eame%20pr")?.is(200)?.finds(&[made.id()?])?;
            Ok(())
        }),
        case(
            "the root covers all types, and nothing of discovery",
            "7644-3.4.2.1-01 7644-3.4.2.1-02 7644-3.4.2.1-05 7644-3.4.2.1-04",
            |t| {
                let user = t.user(json!({"displayName": "Smith"}))?;
                let group = t.group("Smithy", &[])?;
                let both = [user.id()?, group.id()?];
                t.get("/")?.is(200)?.finds(&both)?;
                t.filter("/", "displayName sw \"smith\"")?.is(200)?.finds(&both)?;
                t.filter("/", "meta.resourceType eq \"User\"")?.is(200)?.finds(&[user.id()?])?;
                t.filter("/", "userName pr")?.is(200)?.finds(&[user.id()?])?;
                t.filter("/", "not (userName pr)")?.is(200)?.finds(&[group.id()?])?;
                t.filter("/", "members.value pr")?.is(200)?.finds(&[])?;
                if t.ours() {
                    t.filter("/", "members.value pr or noSuchAttribute eq \"x\"")?.is(200)?.finds(&[])?;
                }
                Ok(())
            },
        ),
        case("pages of the root run over all types in one order", "7644-3.4.2.1-06", |t| {
            let mut wanted = HashSet::new();
            for _ in 0..5 {
                wanted.insert(t.user(json!({"displayName": unique("m")}))?.id()?.to_owned());
                wanted.insert(t.group(&unique("m"), &[])?.id()?.to_owned());
            }
            for sort in ["", "&sortBy=displayName", "&sortBy=meta.created&sortOrder=descending", "&sortBy=userName"] {
                let mut seen = HashSet::new();
                for start in [1, 4, 7, 10] {
                    let page = t.get(&format!("/?startIndex={start}&count=3{sort}"))?.is(200)?;
                    page.has("/totalResults", 10)?;
                    for id in page.ids() {
                        ensure!(seen.insert(id.to_owned()), "{id} stands twice, {sort}");
                    }
                }
                ensure!(seen == wanted, "every resource once, {sort}");
            }
            let list = t.get("/?sortBy=displayName")?.is(200)?;
            let names = list.each("/displayName");
            ensure!(names.is_sorted(), "one order over both types: {names:?}");
            Ok(())
        }),
        case("a query that looks at too many resources is refused", "7644-3.4.2.1-03 7644-3.12-17", too_many)
            .needs(&[Ability::Tight]),
    ]
}

/// Under tight limits eight resources may be looked at where no index answers. What a store answers by itself it may;
/// what the server would have to work out beyond that, it refuses.
fn too_many(t: &Session) -> Result<()> {
    let tight = tight(t)?;
    for _ in 0..6 {
        tight.user(json!({"timezone": "Europe/Zurich"}))?;
        tight.group(&unique("g"), &[])?;
    }
    let heavy = encode("not (groups.display co \"x\")");
    for path in
        [format!("/?filter={heavy}"), format!("/?filter={heavy}&sortBy=meta.created"), "/?sortBy=groups.display".into()]
    {
        let answer = tight.get(&path)?;
        if answer.status == 200 {
            answer.has("/totalResults", 12)?;
        } else {
            answer.fails(400, "tooMany")?;
        }
    }
    tight.get("/Users?count=1")?.is_one_of(&[200])?;
    Ok(())
}

/// A session with the server of tight limits.
pub fn tight(t: &Session) -> Result<Session> {
    let site = t.harness.tight_tenant()?;
    let client = std::sync::Arc::new(crate::http::Client::default());
    Ok(Session::at(&t.harness, &client, t.profile, site))
}
