//! Who may come in (threats A09, A11, A13, B05, D09, E02, E04, E14).

use conformance_tests::answer::Answer;
use conformance_tests::session::{Session, user};
use serde_json::json;

use crate::ground::LEARNS;
use crate::support::{Server, TOKEN, client_error, wait_until};

fn with_authorization(session: &Session, value: &str) -> Answer {
    session.request("GET", "/Users").header("Authorization", value).send().unwrap()
}

/// Threat A09: nothing, blanks and near misses are no credential.
#[test]
fn only_the_whole_token_lets_in() {
    let mut server = Server::with(&[("SCIM__LIMITS__AUTH_FAILURES", "100000")]);
    let session = server.session();
    let refused = |value: &str| {
        let answer = client_error(with_authorization(&session, value).is(401).unwrap());
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{}", answer.tell());
        answer.hides(TOKEN).unwrap();
    };
    for value in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  x",
        "Bearer null",
        "Bearer undefined",
        "Bearer =",
        "Basic Og==",
        "Digest x",
        "Bearer \"\"",
        "Token x",
        "x",
        "Bearer x, Bearer y",
    ] {
        refused(value);
    }
    refused(TOKEN);
    refused(&format!("Basic {TOKEN}"));
    refused(&format!("Bearer {}", &TOKEN[1..]));
    refused(&format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]));
    refused(&format!("Bearer {TOKEN}="));
    refused(&format!("Bearer {TOKEN}x"));
    refused(&format!("Bearer {TOKEN},"));
    refused(&format!("Bearer {TOKEN} x"));
    refused(&format!("Bearer {}", TOKEN.to_uppercase()));
    refused(&format!("Bearer {}", "x".repeat(10_000)));
    with_authorization(&session, &format!("Bearer {TOKEN}")).is(200).unwrap();
    with_authorization(&session, &format!("bearer   {TOKEN}")).is(200).unwrap();
    server.is_well();
}

/// Threat E04: secrets that are alike in their first 72 bytes are two secrets.
#[test]
fn long_tokens_are_compared_to_their_end() {
    let long = |end: &str| format!("{}{end}", "t".repeat(100));
    let server = Server::with(&[("SCIM_BOOTSTRAP_TOKEN", &long("a"))]);
    let session = server.session();
    session.with_token(&long("a")).get("/Users").unwrap().is(200).unwrap();
    session.with_token(&long("b")).get("/Users").unwrap().is(401).unwrap();
    session.with_token(&long("")).get("/Users").unwrap().is(401).unwrap();
}

/// Threat A13: every route but those that are meant to be open.
#[test]
fn without_a_credential_nothing_opens() {
    let mut server = Server::with(&[("SCIM__LIMITS__AUTH_FAILURES", "100000")]);
    let session = server.session();
    let id = session.user(json!({"title": "Canary"})).unwrap().id().unwrap().to_owned();
    let one = format!("/Users/{id}");
    let paths = [
        "",
        "/",
        "/Users",
        &one,
        "/Groups",
        "/Groups/x",
        "/Me",
        "/Bulk",
        "/.search",
        "/Users/.search",
        "/Schemas",
        "/Schemas/x",
        "/ResourceTypes",
        "/ResourceTypes/User",
        "/Nothing",
        "/Users/../Users",
    ];
    for base in [
        session.site.base.clone(),
        session.site.named(),
        session.site.base.replace("/v2", ""),
        session.site.base.replace("/v2", "/v1"),
    ] {
        for path in paths {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
                for token in [None, Some("Bearer wrong-token-of-more-than-thirty-two-letters")] {
                    let outside = session.with_base(&base);
                    let mut request = outside.request(method, path).without("Authorization");
                    if let Some(token) = token {
                        request = request.header("Authorization", token);
                    }
                    let body = json!({});
                    let answer = if matches!(method, "POST" | "PUT" | "PATCH") { request.json(&body) } else { request }
                        .send()
                        .unwrap();
                    assert_eq!(answer.status, 401, "{base} {}", answer.tell());
                    answer.hides("Canary").unwrap();
                }
            }
        }
    }
    let outside = |path: &str, token: &str| {
        let origin = session.with_base(session.site.origin());
        origin.request("GET", path).without("Authorization").header("X-Token", token).send().unwrap()
    };
    outside("/scim/v2/ServiceProviderConfig", "").is(200).unwrap();
    outside("/healthz", "").is(200).unwrap().hides("sqlite").unwrap();
    outside("/readyz", "").is(200).unwrap().hides("sqlite").unwrap();
    for path in [
        "/",
        "/admin",
        "/admin/",
        "/admin/tenants",
        "/debug",
        "/debug/pprof",
        "/.env",
        "/.git/config",
        "/server-status",
        "/t/",
        "/t/default",
        "/scim2",
    ] {
        let answer = outside(path, TOKEN);
        assert!(matches!(answer.status, 401 | 404), "{}", answer.tell());
    }
    session.get(&one).unwrap().is(200).unwrap();
    server.is_well();
}

/// Threat E14: a token in the URL lets nobody in, and is not written down.
#[test]
fn tokens_in_the_url_are_refused() {
    let server = Server::with(&[("SCIM__LOG__LEVEL", "trace")]);
    let session = server.session();
    for query in ["access_token=", "Access_Token=", "access%5Ftoken="] {
        let path = format!("/Users?{query}{TOKEN}");
        client_error(session.request("GET", &path).without("Authorization").send().unwrap().is(401).unwrap());
        client_error(session.get(&path).unwrap().is(401).unwrap());
    }
    let open = session
        .request("GET", &format!("/ServiceProviderConfig?access_token={TOKEN}"))
        .without("Authorization")
        .send()
        .unwrap();
    client_error(open.is(401).unwrap());
    assert!(!server.log().contains(TOKEN));
}

/// Threat A11: from the next request on.
#[test]
fn revoked_tokens_and_disabled_tenants_are_out_at_once() {
    let server = Server::with(&[("SCIM__LIMITS__AUTH_FAILURES", "100000")]);
    let program = server.program();
    let session = server.session();
    let token = program.done(&["token", "create", "--tenant", "default", "--name", "short"]);
    let other = session.with_token(&token);
    other.get("/Users").unwrap().is(200).unwrap();
    let refused = |session: &Session| session.get("/Users").unwrap().status == 401;
    program.done(&["token", "revoke", "--tenant", "default", "--name", "short"]);
    wait_until(LEARNS, "a revoked token is refused", || refused(&other));
    for _ in 0..20 {
        client_error(other.get("/Users").unwrap().is(401).unwrap());
    }
    program.done(&["tenant", "disable", "default"]);
    wait_until(LEARNS, "a tenant is disabled", || refused(&session));
    client_error(session.get("/Users").unwrap().is(401).unwrap());
    client_error(session.post("/Users", &user(json!({}))).unwrap().is(401).unwrap());
    program.done(&["tenant", "enable", "default"]);
    wait_until(LEARNS, "a tenant is enabled", || !refused(&session));
    session.get("/Users").unwrap().is(200).unwrap();

    let rotated = program.done(&["token", "rotate", "--tenant", "default", "--name", "first", "--grace", "0s"]);
    wait_until(LEARNS, "a token is replaced", || refused(&session));
    client_error(session.get("/Users").unwrap().is(401).unwrap());
    session.with_token(&rotated).get("/Users").unwrap().is(200).unwrap();
}

/// Threats A08, B05: rights are looked at for every endpoint and verb, whatever the detour.
#[test]
fn rights_hold_on_every_way() {
    let server = Server::start();
    let session = server.session();
    let made = session.user(json!({"title": "Canary"})).unwrap();
    let id = made.id().unwrap().to_owned();
    let group = session.group("Hidden crew", &[&id]).unwrap().id().unwrap().to_owned();
    let (user_path, group_path) = (format!("/Users/{id}"), format!("/Groups/{group}"));
    let rename = json!([{"op": "replace", "path": "displayName", "value": "X"}]);

    let reader = session.granted(&["read"], None).unwrap();
    reader.get(&user_path).unwrap().is(200).unwrap();
    client_error(reader.post("/Users", &user(json!({}))).unwrap().is(403).unwrap());
    client_error(reader.put(&user_path, &user(json!({}))).unwrap().is(403).unwrap());
    client_error(reader.patch(&user_path, rename.clone()).unwrap().is(403).unwrap());
    client_error(reader.delete(&user_path).unwrap().is(403).unwrap());
    let bulk = reader.bulk(json!([{"method": "DELETE", "path": user_path}])).unwrap();
    assert!(bulk.status == 403 || bulk.text("/Operations/0/status") == "403", "{}", bulk.tell());

    let users = session.granted(&["users:read"], None).unwrap();
    users.get(&user_path).unwrap().is(200).unwrap();
    client_error(users.get("/Groups").unwrap().is(403).unwrap());
    client_error(users.get(&group_path).unwrap().is_one_of(&[403, 404]).unwrap());
    let all = users.get("/").unwrap();
    if all.status == 200 {
        all.has("/totalResults", 1).unwrap().has("/Resources/0/id", id.as_str()).unwrap();
    }
    for filter in ["displayName eq \"Hidden crew\"", "members pr"] {
        let found = users.search("/.search", json!({"filter": filter})).unwrap();
        assert!(found.status != 200 || found.at("/totalResults") == 0, "{}", found.tell());
    }

    let writer = session.granted(&["users:write"], None).unwrap();
    client_error(
        writer
            .patch(&group_path, json!([{"op": "add", "path": "members", "value": [{"value": id}]}]))
            .unwrap()
            .is_one_of(&[403, 404])
            .unwrap(),
    );
    let joined =
        writer.patch(&user_path, json!([{"op": "add", "path": "groups", "value": [{"value": group}]}])).unwrap();
    assert!(joined.status >= 400, "{}", joined.tell());
    session.get(&group_path).unwrap().has("/displayName", "Hidden crew").unwrap();
    session.get(&user_path).unwrap().has("/title", "Canary").unwrap();
}

/// Threat D09: guessing is slowed down, and who has the right token is not.
#[test]
fn guessing_is_limited_and_hinders_nobody_else() {
    let mut server = Server::with(&[("SCIM__LIMITS__AUTH_FAILURES", "20")]);
    let session = server.session();
    let guess =
        |n: usize| session.with_token(&format!("guess-{n}-of-more-than-thirty-two-letters")).get("/Users").unwrap();
    let statuses: Vec<u16> = (0..60).map(|n| guess(n).status).collect();
    assert_eq!(statuses[0], 401);
    assert!(statuses.ends_with(&[429; 30]), "{statuses:?}");
    let limited = guess(99).fails(429, "").unwrap();
    assert!(limited.must_header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    session.user(json!({})).unwrap();
    server.is_well();
}
