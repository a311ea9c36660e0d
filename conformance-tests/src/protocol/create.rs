//! Creating: RFC 7644 section 3.3.

use std::sync::Barrier;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Case, case};
use crate::compare::equal;
use crate::harness::Ability;
use crate::session::{ENTERPRISE, GROUP, Session, USER, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "a new resource is answered with 201, its representation, its location and its version",
            "7644-3.3-04 7644-3.3-05 7644-3.3-06 7644-3.3-08 7644-3.14-02",
            |t| {
                let made = t.user(json!({"title": "T", "emails": [{"value": "a@example.com"}]}))?;
                ensure!(made.is_scim_json(), "{:?}", made.header("content-type"));
                made.has("/meta/location", made.must_header("location")?)?;
                made.has("/meta/version", made.must_header("etag")?)?;
                let shown = t.with_base(made.text("/meta/location")).get("")?.is(200)?;
                ensure!(equal(&made.body, &shown.body), "{}\n{}", made.tell(), shown.tell());
                Ok(())
            },
        ),
        case("only active is given a default", "7644-3.3-02 7644-3.3-13", |t| {
            let made = t.user(json!({}))?;
            made.has("/active", true)?;
            let names: Vec<_> = made.body.as_object().into_iter().flat_map(|body| body.keys()).collect();
            let known = ["schemas", "id", "userName", "active", "meta"];
            ensure!(names.iter().all(|name| known.contains(&name.as_str())), "{}", made.tell());
            Ok(())
        }),
        case("null asks for no value and overrides the default", "7644-3.3-03", |t| {
            let made = t.user(json!({"active": null}))?;
            made.lacks("/active")?;
            t.get(&format!("/Users/{}", made.id()?))?.is(200)?.lacks("/active")?;
            Ok(())
        }),
        case("a defaulted value can be filtered by", "7644-3.4.2.2-21", |t| {
            let made = t.user(json!({}))?;
            t.filter("/Users", "active eq true")?.is(200)?.finds(&[made.id()?])?;
            Ok(())
        })
        .needs(&[Ability::Ours]),
        case(
            "a required attribute must have a value",
            "7644-3.3-09 7643-4.1.1-01 7643-4.2-01 7643-2.5-05 7644-3.12-23",
            |t| {
                let empty = t.ours().then(|| user(json!({"userName": ""})));
                for body in [json!({"schemas": [USER]}), user(json!({"userName": null}))].into_iter().chain(empty) {
                    let refused = t.post("/Users", &body)?.fails(400, "invalidValue")?;
                    ensure!(refused.text("/detail").contains("userName") || !t.ours(), "{}", refused.tell());
                }
                t.post("/Groups", &json!({"schemas": [GROUP]}))?.fails(400, "invalidValue")?;
                Ok(())
            },
        ),
        case("a resource type asks for its required attributes", "7643-6-05", |t| {
            t.user(json!({}))?.has("/schemas", json!([USER]))?;
            Ok(())
        }),
        case("a body that is no JSON object is refused", "7644-3.3-11 7644-3.12-07 7644-3.12-20", |t| {
            for body in ["{", "[]", "", "\"x\"", "null", "{}{}", "{\"a\":1,}", "\u{0}", "{'a':1}"] {
                let request = t.request("POST", "/Users").header("Content-Type", "application/scim+json");
                request
                    .bytes(body)
                    .send()?
                    .fails(400, "invalidSyntax")
                    .map_err(|error| error.context(body.to_owned()))?;
            }
            let request = t.request("POST", "/Users").header("Content-Type", "application/scim+json");
            request.bytes(b"{\"userName\":\"\xff\"}".to_vec()).send()?.fails(400, "invalidSyntax")?;
            Ok(())
        }),
        case(
            "a taken userName is a conflict, in any letter case",
            "7644-3.3-07 7643-4.1.1-02 7643-7-18 7644-3.12-11 7644-3.12-18",
            |t| {
                let name = unique("bjensen");
                t.user(json!({"userName": name}))?;
                for taken in [name.clone(), name.to_uppercase()] {
                    t.post("/Users", &user(json!({"userName": taken})))?.fails(409, "uniqueness")?;
                }
                Ok(())
            },
        ),
        case("of many that create one userName at once, one succeeds", "7644-3.3-12", |t| {
            let body = user(json!({"userName": unique("race")}));
            let statuses = at_once(20, |_| t.post("/Users", &body).map(|answer| answer.status))?;
            let made = statuses.iter().filter(|status| **status == 201).count();
            ensure!(made == 1 && statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
            Ok(())
        }),
        case("an unknown attribute is ignored, or refused in strict", "7644-3.1-04", |t| {
            let answer = t.post("/Users", &user(json!({"foo": 1, "name": {"bar": 2, "givenName": "G"}})))?;
            if t.strict() {
                answer.fails(400, "invalidSyntax")?;
                return Ok(());
            }
            answer.is(201)?.lacks("/foo")?.has("/name", json!({"givenName": "G"}))?;
            Ok(())
        }),
        case("the answer shows what is stored, not what was sent", "7644-3.1-03 7644-3.3-01", |t| {
            let sent = json!({"USERNAME": unique("u"), "schemas": [USER], "meta": {"created": "2001-01-01T00:00:00Z"}, "title": null, ENTERPRISE: {}});
            let made = t.post("/Users", &sent)?.is(201)?;
            made.lacks("/USERNAME")?.lacks("/title")?.lacks(&format!("/{ENTERPRISE}"))?;
            ensure!(!made.text("/meta/created").starts_with("2001"), "{}", made.tell());
            Ok(())
        }),
        case(
            "bodies are JSON of one of two media types, in UTF-8",
            "7644-3.8-06 7644-3.8-01 7644-8.1-01 7644-3.12-13",
            |t| {
                let send = |media: Option<&str>| {
                    let request = t.request("POST", "/Users").bytes(user(json!({})).to_string());
                    match media {
                        Some(media) => request.header("Content-Type", media).send(),
                        None => request.send(),
                    }
                };
                for media in [
                    "application/scim+json",
                    "application/json",
                    "application/scim+json; charset=utf-8",
                    "Application/JSON;Charset=\"UTF-8\"",
                ] {
                    send(Some(media))?.is(201)?;
                }
                send(None)?.is(201)?;
                for media in [
                    "text/plain",
                    "application/xml",
                    "application/scim+json; charset=iso-8859-1",
                    "application/json-patch+json",
                ] {
                    send(Some(media))?.fails(415, "")?;
                }
                Ok(())
            },
        ),
    ]
}

/// Runs `act` on so many threads that all start together.
pub fn at_once<T: Send>(threads: usize, act: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| {
                let (barrier, act) = (&barrier, &act);
                scope.spawn(move || {
                    barrier.wait();
                    act(number)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked"))).collect()
    })
}

/// A user's representation with these changes, for a PUT.
pub fn changed(t: &Session, id: &str, changes: Value) -> Result<Value> {
    let mut body = t.get(&format!("/Users/{id}"))?.is(200)?.body;
    if let (Value::Object(body), Value::Object(changes)) = (&mut body, changes) {
        body.extend(changes);
    }
    Ok(body)
}
