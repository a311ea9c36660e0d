//! Credentials and tenants (threats A01, A02, A09, A11, A13, E14; 7644-2-*, 7644-6-*, 6750-*).

use std::time::Duration;

use serde_json::json;

use crate::support::{Running, USER};

/// Every SCIM path but `/ServiceProviderConfig` wants a credential, known or not, with every method.
#[test]
fn without_a_credential_only_the_open_paths_answer() {
    let server = Running::start();
    for path in [
        "/scim/v2",
        "/scim/v2/Users",
        "/scim/v2/Users/1",
        "/scim/v2/Groups",
        "/scim/v2/Me",
        "/scim/v2/Bulk",
        "/scim/v2/.search",
        "/scim/v2/Users/.search",
        "/scim/v2/Schemas",
        "/scim/v2/ResourceTypes",
        "/scim/v2/ResourceTypes/User",
        "/scim/v2/Nope",
        "/scim/v1/Users",
        "/scim/Users",
        "/t/default/scim/v2/Users",
        "/t/nobody/scim/v2/Users",
        "/scim/v2/ServiceProviderConfig/x",
        "/scim/v2/serviceproviderconfig",
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = server.anonymous(method, path).send();
            answer.is_error(401, None);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"scim\""), "{method} {path}");
        }
    }
    for path in ["/healthz", "/readyz", "/metrics", "/scim/v2/ServiceProviderConfig", "/scim/ServiceProviderConfig/"] {
        assert_eq!(server.anonymous("GET", path).send().status, 200, "{path}");
    }
}

#[test]
fn the_header_holds_one_bearer_token() {
    let server = Running::start();
    let check = |lines: &[&str], status: u16, detail: &str| {
        let mut request = server.anonymous("GET", "/scim/v2/Users");
        for line in lines {
            request = request.header("Authorization", line);
        }
        let answer = request.send();
        assert_eq!(answer.status, status, "{lines:?}: {answer:?}");
        if status == 401 {
            assert!(answer.json()["detail"].as_str().unwrap().contains(detail), "{lines:?}: {answer:?}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"), "{answer:?}");
        }
    };
    let token = server.token.as_str();
    check(&[&format!("Bearer {token}")], 200, "");
    check(&[&format!("bearer {token}")], 200, "");
    check(&[&format!("BEARER   {token}")], 200, "");
    check(&[token], 401, "put the word Bearer");
    check(&["Bearer"], 401, "token is missing");
    check(&[""], 401, "credential");
    check(&["Bearer x y"], 401, "no token");
    check(&["Basic YTpi"], 401, "only the scheme Bearer");
    check(&[&format!("Bearer {token}x")], 401, "not valid");
    check(&["Bearer scim_0000000000000000000000000000000000000000000_000000"], 401, "not valid");
    check(&[&format!("Bearer {token}"), &format!("Bearer {token}")], 401, "one Authorization header");
    let wrong = server.anonymous("GET", "/scim/v2/Users").header("Authorization", "Bearer abc").send();
    assert!(wrong.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "6750-3-01: {wrong:?}");
}

/// E14, 6750-2.1-01.
#[test]
fn tokens_in_the_url_are_refused() {
    let server = Running::start();
    for path in [
        format!("/scim/v2/Users?access_token={}", server.token),
        format!("/scim/v2/ServiceProviderConfig?access_token={}", server.token),
    ] {
        server.anonymous("GET", &path).send().is_error(401, None);
        server.get(&path).is_error(401, None);
    }
}

/// A11: nothing is remembered from one request to the next.
#[test]
fn a_revoked_token_is_refused_with_the_next_request() {
    let server = Running::start();
    let token = server.make_token("default", "second", &[]);
    let ask =
        || server.anonymous("GET", "/scim/v2/Users").header("Authorization", &format!("Bearer {token}")).send().status;
    assert_eq!(ask(), 200);
    server.command(&["token", "revoke", "--tenant", "default", "--name", "second"]);
    assert_eq!(ask(), 401);
}

/// A11: what stands for a user ends with the user, and is good again with the user.
#[test]
fn a_token_of_a_user_is_good_as_long_as_the_user_is() {
    let server = Running::start();
    let id = server.user("anna");
    let token = server.make_token("default", "anna", &["--subject", &id]);
    let ask = |path: &str| server.anonymous("GET", path).header("Authorization", &format!("Bearer {token}")).send();
    let set_active = |active: bool| {
        let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": active}]});
        assert_eq!(server.request("PATCH", &format!("/scim/v2/Users/{id}")).json(&patch).send().status, 200);
    };
    let paths = ["/scim/v2/Users", "/scim/v2/Me", "/t/default/scim/v2/Schemas"];
    for (active, status) in [(true, 200), (false, 401), (true, 200)] {
        set_active(active);
        assert_eq!(paths.map(|path| ask(path).status), [status; 3], "active: {active}");
    }
    assert_eq!(server.request("DELETE", &format!("/scim/v2/Users/{id}")).send().status, 204);
    for path in paths {
        ask(path).is_error(401, None);
    }
}

#[test]
fn a_token_ends_when_it_says_so() {
    let server = Running::start();
    let ask = |token: &str| {
        server.anonymous("GET", "/scim/v2/Users").header("Authorization", &format!("Bearer {token}")).send()
    };
    // On a machine that takes longer than that to ask at all, a token that is good for longer.
    for seconds in [1, 5, 25, 125] {
        let (name, life) = (format!("short-{seconds}"), format!("{seconds}s"));
        let token = server.make_token("default", &name, &["--expires", &life]);
        if ask(&token).status == 200 {
            std::thread::sleep(Duration::from_millis(seconds * 1_000 + 200));
            ask(&token).is_error(401, None);
            return;
        }
    }
    panic!("no token is good");
}

#[test]
fn a_rotated_token_and_its_successor_are_both_good_for_a_while() {
    let server = Running::start();
    let old = server.make_token("default", "client", &["--scope", "users:read"]);
    let new = server.command(&["token", "rotate", "--tenant", "default", "--name", "client"]);
    let ask = |token: &str, path: &str| {
        server.anonymous("GET", path).header("Authorization", &format!("Bearer {token}")).send().status
    };
    for token in [&old, &new] {
        assert_eq!(ask(token, "/scim/v2/Users"), 200);
        assert_eq!(ask(token, "/scim/v2/Groups"), 403, "rights are kept");
    }
}

/// 7644-3.12-09.
#[test]
fn rights_are_kept() {
    let server = Running::start();
    let id = server.user("anna");
    let check = |scope: &str, cases: &[(&str, &str, u16)]| {
        let name = scope.replace(':', "-");
        let token = server.make_token("default", &name, &["--scope", scope]);
        for (method, path, status) in cases {
            let request = server.anonymous(method, path).header("Authorization", &format!("Bearer {token}"));
            let body = json!({"schemas": [USER], "userName": format!("{name}-{method}")});
            let answer = if *method == "POST" { request.json(&body).send() } else { request.send() };
            assert_eq!(answer.status, *status, "{scope} {method} {path}: {answer:?}");
            if *status == 403 {
                answer.is_error(403, None);
                assert!(answer.header("www-authenticate").unwrap().contains("insufficient_scope"), "{answer:?}");
            }
        }
    };
    let user = format!("/scim/v2/Users/{id}");
    check("read", &[("GET", &user, 200), ("POST", "/scim/v2/Users", 403), ("DELETE", &user, 403)]);
    check("groups:read", &[("GET", "/scim/v2/Groups", 200), ("GET", "/scim/v2/Users", 403), ("GET", &user, 403)]);
    check("users:write", &[("GET", &user, 200), ("POST", "/scim/v2/Users", 201), ("GET", "/scim/v2/Groups", 403)]);
}

/// A01, A02, A11: 7644-6.1-02, 7644-6.1-03.
#[test]
fn a_tenant_sees_itself_only() {
    let server = Running::start();
    server.command(&["tenant", "create", "acme"]);
    let token = server.make_token("acme", "own", &[]);
    let id = server.user("anna");
    let other = |path: &str| server.anonymous("GET", path).header("Authorization", &format!("Bearer {token}")).send();
    assert_eq!(server.get(&format!("/t/default/scim/v2/Users/{id}")).status, 200);
    other(&format!("/scim/v2/Users/{id}")).is_error(404, None);
    other(&format!("/t/acme/scim/v2/Users/{id}")).is_error(404, None);
    for path in [format!("/t/default/scim/v2/Users/{id}"), "/t/nobody/scim/v2/Users".into()] {
        other(&path).is_error(404, None);
    }
    assert_eq!(other("/t/acme/scim/v2/Users").json()["totalResults"], 0);
    let foreign = other(&format!("/t/default/scim/v2/Users/{id}")).body;
    assert_eq!(foreign, other("/t/nobody/scim/v2/Users/x").body, "a foreign tenant looks like none");

    server.command(&["tenant", "disable", "acme"]);
    other("/scim/v2/Users").is_error(401, None);
    server.command(&["tenant", "enable", "acme"]);
    assert_eq!(other("/scim/v2/Users").status, 200);
    server.command(&["tenant", "delete", "acme", "--yes"]);
    other("/scim/v2/Users").is_error(401, None);
}

#[test]
fn links_name_the_tenant_where_the_request_did() {
    let server = Running::start();
    let id = server.user("anna");
    let location = |base: &str| server.get(&format!("{base}/Users/{id}")).header("location").unwrap().to_owned();
    let origin = format!("http://{}", server.address);
    assert_eq!(location("/scim/v2"), format!("{origin}/scim/v2/Users/{id}"));
    assert_eq!(location("/scim"), format!("{origin}/scim/v2/Users/{id}"));
    assert_eq!(location("/t/default/scim/v2"), format!("{origin}/t/default/scim/v2/Users/{id}"));
}

/// C12: links come from the configuration, not from headers.
#[test]
fn headers_do_not_move_links() {
    let server = Running::with("[server]\npublic_url = \"https://scim.example.com/base/\"");
    let id = server.user("anna");
    let answer = server
        .request("GET", &format!("/scim/v2/Users/{id}"))
        .header("X-Forwarded-Host", "evil.example")
        .header("X-Forwarded-Proto", "http")
        .header("Forwarded", "host=evil.example")
        .send();
    let expected = format!("https://scim.example.com/base/scim/v2/Users/{id}");
    assert_eq!(answer.header("location"), Some(expected.as_str()));
    assert_eq!(answer.json()["meta"]["location"], json!(expected));
}

/// D09: who guesses is slowed down, who knows is not.
#[test]
fn wrong_credentials_are_limited_by_address() {
    let server = Running::with("[limits]\nauth_failures = 3");
    let wrong = || server.anonymous("GET", "/scim/v2/Users").header("Authorization", "Bearer wrong").send();
    for _ in 0..3 {
        wrong().is_error(401, None);
    }
    let limited = wrong();
    limited.is_error(429, None);
    assert!(limited.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(server.get("/scim/v2/Users").status, 200, "the right one passes");
    server.anonymous("GET", "/scim/v2/Users").send().is_error(401, None);
}

#[test]
fn a_change_of_settings_is_in_force_at_once() {
    let server = Running::start();
    let id = server.user("anna");
    let path = format!("/scim/v2/Users/{id}");
    let patch = || {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "title", "value": "T"}]});
        server.request("PATCH", &path).json(&body).send().status
    };
    assert_eq!(patch(), 200);
    server.command(&["tenant", "set", "default", "require_if_match=true"]);
    assert_eq!(patch(), 428);
    server.command(&["tenant", "set", "default", "require_if_match="]);
    assert_eq!(patch(), 200);
}

/// 7644-3.2-06.
#[test]
fn endpoint_names_match_in_any_case_but_in_strict() {
    let server = Running::start();
    let strict = server.make_token("default", "strict", &["--client", "strict"]);
    for (path, status) in [("/scim/v2/users", 404), ("/scim/v2/Users", 200), ("/scim/v2/schemas", 404)] {
        let answer = server.anonymous("GET", path).header("Authorization", &format!("Bearer {strict}")).send();
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}
