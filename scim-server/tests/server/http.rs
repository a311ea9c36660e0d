//! Methods, paths, media types, headers and limits.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Running, USER, read_answer};

/// 7644-3.2-04, 9110-9.3.7-01: every place says which methods it has.
#[test]
fn other_methods_are_405_with_allow() {
    let server = Running::start();
    let look = "GET, HEAD, OPTIONS";
    for (path, allow) in [
        ("/scim/v2", look),
        ("/scim/v2/Users", "GET, HEAD, POST, OPTIONS"),
        ("/scim/v2/Groups/", "GET, HEAD, POST, OPTIONS"),
        ("/scim/v2/Users/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("/scim/v2/Users/.search", "POST, OPTIONS"),
        ("/scim/v2/.search", "POST, OPTIONS"),
        ("/scim/v2/Bulk", "POST, OPTIONS"),
        ("/scim/v2/Me", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("/scim/v2/ServiceProviderConfig", look),
        ("/scim/v2/Schemas", look),
        ("/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", look),
        ("/scim/v2/ResourceTypes", look),
        ("/scim/v2/ResourceTypes/User", look),
        ("/scim/v2/Schemas/.search", "POST, OPTIONS"),
        ("/healthz", look),
        ("/readyz", look),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            if allow.split(", ").any(|one| one == method) {
                continue;
            }
            let answer = server.request(method, path).send();
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            if method != "HEAD" {
                answer.is_error(405, None);
            }
        }
        let options = server.request("OPTIONS", path).send();
        assert_eq!((options.status, options.header("allow")), (204, Some(allow)), "{path}");
    }
}

#[test]
fn unknown_paths_are_404() {
    let server = Running::start();
    for path in [
        "/",
        "/nope",
        "/scim/v2/Nope",
        "/scim/v2/Nope/1",
        "/scim/v2/Users/1/2",
        "/scim/v2/ServiceProviderConfigs",
        "/scim/v2/Schemas/urn:none",
        "/scim/v2/ResourceTypes/None",
        "/scim/v2/Bulk/1",
        "/scim/v2/Users/none.scim",
        "/v2/Users",
        "/admin",
        "/scim/v2/Schemas/urn:ietf:params:scim:api:messages:2.0:ListResponse",
    ] {
        server.get(path).is_error(404, None);
    }
}

/// C14, 7644-3.4.1-03: ids are decoded once, and are ids.
#[test]
fn odd_ids_are_404_like_any_unknown_one() {
    let server = Running::start();
    let plain = server.get("/scim/v2/Users/none").body;
    for id in ["a%2Fb", "..%2f..", "%2e%2e", "a;x=y", "a%00b", "a%0d%0ab", "a%252Fb", "%C3%A4", &"a".repeat(65)] {
        let answer = server.get(&format!("/scim/v2/Users/{id}"));
        answer.is_error(404, None);
        assert_eq!(answer.body, plain, "{id}");
    }
    for id in ["%ff", "%2", "a/b"] {
        server.get(&format!("/scim/v2/Users/{id}")).is_error(404, None);
    }
    let id = server.user("anna");
    let encoded = id.replace('-', "%2D");
    assert_eq!(server.get(&format!("/scim/v2/Users/{encoded}")).status, 200);
}

/// 7644-3.13-02, 7644-3.12-24.
#[test]
fn only_version_2_is_spoken() {
    let server = Running::start();
    for path in ["/scim/v1/Users", "/scim/v3/Users", "/scim/v1", "/t/default/scim/v1.1/Users"] {
        server.get(path).is_error(400, Some("invalidVers"));
    }
    for path in [
        "/scim/Users",
        "/scim/v2/Users",
        "/scim/v2/Users/",
        "/scim/v2//Users",
        "/scim/v2/Users?",
        "/scim/v2/Users?&x=y&",
    ] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

/// R23, 7644-3.8-*.
#[test]
fn media_types_are_negotiated() {
    let server = Running::start();
    let n = std::cell::Cell::new(0);
    let post = |content: Option<&str>, status: u16| {
        n.set(n.get() + 1);
        let body = json!({"schemas": [USER], "userName": format!("u{}", n.get())}).to_string();
        let request = server.request("POST", "/scim/v2/Users").header("Content-Type", content.unwrap_or("")).body(body);
        let answer = request.send();
        assert_eq!(answer.status, status, "{content:?}: {answer:?}");
    };
    post(Some("application/scim+json"), 201);
    post(Some("application/json; charset=UTF-8"), 201);
    post(None, 201);
    for wrong in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
        "application/json; charset=latin1",
    ] {
        post(Some(wrong), 415);
    }
    let packed = server.request("POST", "/scim/v2/Users").header("Content-Encoding", "gzip").body("x").send();
    packed.is_error(415, None);

    let get = |accept: &str| server.request("GET", "/scim/v2/Users").header("Accept", accept).send();
    for (accept, content) in [
        ("*/*", "application/scim+json"),
        ("application/scim+json", "application/scim+json"),
        ("application/json", "application/json"),
    ] {
        assert_eq!(get(accept).header("content-type"), Some(content), "{accept}");
    }
    get("text/xml").is_error(406, None);
    let refused = server.request("POST", "/scim/v2/Users").header("Accept", "text/html");
    refused.json(&json!({"schemas": [USER], "userName": "never"})).send().is_error(406, None);
    assert_eq!(
        server.get("/scim/v2/Users?filter=userName+eq+%22never%22").json()["totalResults"],
        0,
        "nothing was done"
    );
}

#[test]
fn large_answers_are_packed_where_asked() {
    let server = Running::start();
    let packed = server.request("GET", "/scim/v2/Schemas").header("Accept-Encoding", "gzip").send();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut plain = String::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_string(&mut plain).unwrap();
    assert_eq!(plain.as_bytes(), server.get("/scim/v2/Schemas").body);
    assert_eq!(server.get("/scim/v2/Schemas").header("content-encoding"), None);
}

/// B11 and 7644-3.4.1-05.
#[test]
fn answers_carry_their_headers() {
    let server = Running::start();
    let id = server.user("anna");
    for path in ["/scim/v2/Users", &format!("/scim/v2/Users/{id}"), "/scim/v2/Users/none", "/scim/v2/Schemas", "/nope"]
    {
        let answer = server.get(path);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("vary").unwrap().contains("Authorization"), "{path}");
        assert_eq!(answer.header("x-request-id").map(str::len), Some(32), "{path}");
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
    }
    let one = server.get(&format!("/scim/v2/Users/{id}"));
    assert_eq!(one.header("etag"), one.json()["meta"]["version"].as_str(), "7644-3.14-03");
    assert_eq!(one.header("location"), one.json()["meta"]["location"].as_str());
    assert!(
        server
            .anonymous("GET", "/scim/v2/ServiceProviderConfig")
            .send()
            .header("cache-control")
            .unwrap()
            .contains("public")
    );
}

/// 9110-9.3.2-01.
#[test]
fn head_is_get_without_a_body() {
    let server = Running::start();
    let id = server.user("anna");
    for path in [
        "/scim/v2/Users",
        &format!("/scim/v2/Users/{id}"),
        "/scim/v2/ServiceProviderConfig",
        "/scim/v2/Schemas",
        "/healthz",
    ] {
        let get = server.get(path);
        let head = server.request("HEAD", path).send();
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        for name in ["etag", "location", "content-type", "content-length", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

/// 7644-3.14-04 to 7644-3.14-09, 9110-15.4.5-01.
#[test]
fn conditions_are_passed_on() {
    let server = Running::start();
    let path = format!("/scim/v2/Users/{}", server.user("anna"));
    let tag = server.get(&path).header("etag").unwrap().to_owned();
    let get = |value: &str| server.request("GET", &path).header("If-None-Match", value).send();
    let held = get(&tag);
    assert_eq!((held.status, held.header("etag"), held.body.len()), (304, Some(tag.as_str()), 0));
    assert_eq!(get("W/\"other\"").status, 200);
    assert_eq!(get(&format!("W/\"other\", {tag}")).status, 304);
    let read = |value: &str| server.request("GET", &path).header("If-Match", value).send().status;
    assert_eq!(
        (read(&tag), read("*"), read("W/\"other\"")),
        (200, 200, 412),
        "RFC 9110 section 13.1.1: of every method"
    );
    let put = |name: &str, value: &str| {
        let request = server.request("PUT", &path).header(name, value);
        request.json(&json!({"schemas": [USER], "userName": "anna"})).send().status
    };
    assert_eq!(put("If-Match", "W/\"other\""), 412);
    assert_eq!(put("If-None-Match", "*"), 412);
    assert_eq!(put("If-Match", "*"), 200);
    assert_eq!(put("If-Match", &tag), 200, "nothing changed, so the tag stands");
}

/// 7644-4-*: what discovery is, to whom, and what it is not.
#[test]
fn discovery_answers() {
    let server = Running::start();
    let config = server.anonymous("GET", "/scim/v2/ServiceProviderConfig").send();
    assert_eq!(config.json()["meta"]["resourceType"], "ServiceProviderConfig");
    for path in [
        "/t/default/scim/v2/ServiceProviderConfig",
        "/t/nobody/scim/v2/ServiceProviderConfig",
        "/scim/ServiceProviderConfig",
    ] {
        assert_eq!(server.anonymous("GET", path).send().body, config.body, "{path}");
        assert_eq!(server.get(path).body, config.body, "{path}");
    }
    let tag = config.header("etag").unwrap();
    let again = server.anonymous("GET", "/scim/v2/ServiceProviderConfig").header("If-None-Match", tag).send();
    assert_eq!(again.status, 304, "7644-4-12");
    for path in ["/scim/v2/Schemas?count=1&sortBy=name&attributes=id", "/scim/v2/ResourceTypes?startIndex=9"] {
        let list = server.get(path).json();
        assert_eq!(list["totalResults"], list["Resources"].as_array().unwrap().len(), "7644-4-07 {path}");
        assert!(list["Resources"][0]["name"].is_string(), "{path}");
    }
    for path in ["/scim/v2/Schemas", "/scim/v2/ResourceTypes", "/scim/v2/ServiceProviderConfig"] {
        server.get(&format!("{path}?filter=id%20pr")).is_error(403, None);
        server.post(&format!("{path}/.search"), &json!({"filter": "id pr"})).is_error(403, None);
        server.post(&format!("{path}/.search"), &json!({})).is_error(404, None);
    }
    for urn in
        ["urn:ietf:params:scim:schemas:core:2.0:User", "urn%3Aietf%3Aparams%3Ascim%3Aschemas%3Acore%3A2.0%3Auser"]
    {
        assert_eq!(server.get(&format!("/scim/v2/Schemas/{urn}")).json()["id"], USER, "7644-4-04");
    }
    assert_eq!(server.get("/scim/v2/ResourceTypes/User").json()["endpoint"], "/Users");
}

#[test]
fn discovery_can_be_opened() {
    let server = Running::with("[server]\nopen_discovery = true");
    for path in ["/scim/v2/Schemas", "/scim/v2/ResourceTypes", "/scim/v2/ResourceTypes/Group"] {
        assert_eq!(server.anonymous("GET", path).send().status, 200, "{path}");
    }
    server.anonymous("GET", "/scim/v2/Users").send().is_error(401, None);
    server.anonymous("GET", "/t/default/scim/v2/Schemas").send().is_error(401, None);
}

/// 7644-3.11-*.
#[test]
fn me_is_the_subject_of_the_credential() {
    let server = Running::start();
    let id = server.user("anna");
    server.get("/scim/v2/Me").is_error(404, None);
    let token = server.make_token("default", "anna", &["--subject", &id]);
    let me = |method: &str| server.anonymous(method, "/scim/v2/Me").header("Authorization", &format!("Bearer {token}"));
    let answer = me("GET").send();
    assert_eq!((answer.status, &answer.json()["userName"]), (200, &json!("anna")));
    assert!(answer.header("location").unwrap().ends_with(&format!("/scim/v2/Users/{id}")));
    me("POST").json(&json!({})).send().is_error(501, None);
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "title", "value": "T"}]});
    assert_eq!(me("PATCH").json(&patch).send().json()["title"], "T");

    server.command(&["tenant", "set", "default", "me=redirect"]);
    let redirect = me("GET").send();
    assert_eq!(redirect.status, 308);
    assert!(redirect.header("location").unwrap().ends_with(&format!("/scim/v2/Users/{id}")));
    server.command(&["tenant", "set", "default", "me=off"]);
    me("GET").send().is_error(501, None);
    server.command(&["tenant", "set", "default", "me=direct"]);
    assert_eq!(me("DELETE").send().status, 204);
    server.get(&format!("/scim/v2/Users/{id}")).is_error(404, None);
}

#[test]
fn search_and_bulk_are_reached() {
    let server = Running::start();
    server.user("anna");
    let search =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName eq \"ANNA\""});
    for path in ["/scim/v2/Users/.search", "/scim/v2/.search", "/t/default/scim/v2/.search"] {
        let answer = server.post(path, &search);
        assert_eq!((answer.status, &answer.json()["totalResults"]), (200, &json!(1)), "{path}: {answer:?}");
    }
    assert_eq!(server.get("/scim/v2?filter=userName%20eq%20%22anna%22").json()["totalResults"], 1);
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"schemas": [USER], "userName": "ben"}}]});
    let answer = server.post("/scim/v2/Bulk", &bulk);
    assert_eq!((answer.status, &answer.json()["Operations"][0]["status"]), (200, &json!("201")), "{answer:?}");
}

#[test]
fn prefer_decides_what_a_write_shows() {
    let server = Running::start();
    let path = format!("/scim/v2/Users/{}", server.user("anna"));
    let put = |prefer: &str| {
        let request = server.request("PUT", &path).header("Prefer", prefer);
        request.json(&json!({"schemas": [USER], "userName": "anna"})).send().status
    };
    assert_eq!(put("return=minimal"), 204);
    assert_eq!(put("respond-async, return=representation"), 200);
    assert_eq!(put("something-else"), 200);
}

/// Limits: 413, 414, 431.
#[test]
fn what_is_too_much_is_refused() {
    let server = Running::with("[limits]\nbody = 2000\nbulk_body = 3000");
    let body = |length: usize| json!({"schemas": [USER], "userName": "anna", "title": "x".repeat(length)});
    server.post("/scim/v2/Users", &body(3_000)).is_error(413, None);
    server.post("/scim/v2/Bulk", &body(2_500)).is_error(400, Some("invalidSyntax"));
    server.post("/scim/v2/Bulk", &body(4_000)).is_error(413, None);
    server.get(&format!("/scim/v2/Users?filter={}", "x".repeat(8_200))).is_error(414, None);
    server.request("GET", "/scim/v2/Users").header("X-Long", &"x".repeat(17_000)).send().is_error(431, None);

    // A chunked body is counted while it is read.
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..3 {
        let _ = stream.write_all(format!("3e8\r\n{}\r\n", "x".repeat(1_000)).as_bytes());
    }
    read_answer(&mut stream, false).is_error(413, None);
}

#[test]
fn a_body_that_does_not_come_is_408() {
    let server = Running::with("[limits]\nrequest_time = 1");
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n",
        server.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"{").unwrap();
    read_answer(&mut stream, false).is_error(408, None);
}

/// 9865-5.3-02
#[test]
fn a_tenant_over_its_rate_is_told_when_to_come_back() {
    let server = Running::with("[limits]\nrate = 2");
    let answers = (0..6).map(|_| server.get("/scim/v2/Users?count=0")).collect::<Vec<_>>();
    let limited = answers.iter().find(|answer| answer.status == 429).unwrap();
    limited.is_error(429, None);
    assert!(limited.header("retry-after").is_some());
    let alive = server.anonymous("GET", "/healthz").send();
    assert_eq!((alive.status, alive.header("content-type")), (200, Some("text/plain; charset=utf-8")));
}

/// R26: blanks as `+` and `%20`.
#[test]
fn queries_are_decoded() {
    let server = Running::start();
    server.user("anna smith");
    for query in [
        "filter=userName+eq+%22anna+smith%22",
        "filter=userName%20eq%20%22anna%20smith%22&",
        "&aadOptscim062020&filter=userName%20eq%20%22anna%20smith%22",
    ] {
        assert_eq!(server.get(&format!("/scim/v2/Users?{query}")).json()["totalResults"], 1, "{query}");
    }
    server.get("/scim/v2/Users?filter=%ff").is_error(400, Some("invalidSyntax"));
    server.get("/scim/v2/Users?filter=a&filter=b").is_error(400, Some("invalidSyntax"));
    server.get("/scim/v2/Users?filter=userName").is_error(400, Some("invalidFilter"));
}

#[test]
fn metrics_count_by_pattern_and_hide_from_proxies() {
    let server = Running::start();
    let id = server.user("anna");
    server.get(&format!("/scim/v2/Users/{id}"));
    let text = String::from_utf8(server.anonymous("GET", "/metrics").send().body).unwrap();
    assert!(
        text.contains("scim_http_requests_total{route=\"/{type}/{id}\",method=\"GET\",status=\"200\"} 1"),
        "{text}"
    );
    assert!(!text.contains(&id), "{text}");
    let proxied = server.anonymous("GET", "/metrics").header("X-Forwarded-For", "192.0.2.1").send();
    proxied.is_error(401, None);
}

#[test]
fn one_connection_carries_many_requests() {
    let server = Running::start();
    let mut stream = TcpStream::connect(server.address).unwrap();
    let request = format!("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", server.token);
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_answer(&mut stream, false);
        assert_eq!(answer.json()["totalResults"], Value::from(0));
    }
}
