//! What no client should send. Each gets a clear SCIM error, leaves everything as it was, and stops nobody.

use std::time::Instant;

use conformance_tests::answer::Answer;
use conformance_tests::http::{Connection, request};
use conformance_tests::session::{GROUP, MESSAGES, Session, patch_op, user};
use scim_core::access::{Client, Profile};
use serde_json::{Value, json};

use crate::support::{Chance, PATIENCE, Server, authority, client_error, raw, scim_error};

/// One user and one group, and everywhere a body can be sent to.
struct Scene {
    server: Server,
    session: Session,
    user: String,
    group: String,
    before: String,
}

impl Scene {
    fn new() -> Scene {
        let server = Server::start();
        let session = server.session();
        let made = session
            .user(json!({"userName": "somebody", "title": "T", "emails": [{"value": "a@example.com", "type": "work"}]}))
            .unwrap();
        let user = made.id().unwrap().to_owned();
        let group = session.group("Somebodies", &[&user]).unwrap().id().unwrap().to_owned();
        let mut scene = Scene { server, session, user, group, before: String::new() };
        scene.before = scene.shown();
        scene
    }

    /// Everything there is.
    fn shown(&self) -> String {
        String::from_utf8(self.session.get("/").unwrap().is(200).unwrap().raw).unwrap()
    }

    /// Where bodies go.
    fn places(&self) -> Vec<(&'static str, String)> {
        vec![
            ("POST", "/Users".into()),
            ("POST", "/Groups".into()),
            ("PUT", format!("/Users/{}", self.user)),
            ("PATCH", format!("/Users/{}", self.user)),
            ("PUT", format!("/Groups/{}", self.group)),
            ("PATCH", format!("/Groups/{}", self.group)),
            ("POST", "/Bulk".into()),
            ("POST", "/.search".into()),
            ("POST", "/Users/.search".into()),
        ]
    }

    fn send(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.session.request(method, path).header("Content-Type", "application/scim+json").bytes(body).send().unwrap()
    }

    /// Nothing changed, and the server is well.
    fn unharmed(&mut self) {
        assert_eq!(self.shown(), self.before);
        self.server.is_well();
    }
}

/// 7644-3.12-04; threats C06, C08, C11.
#[test]
fn bodies_that_are_no_json_are_refused_everywhere() {
    let mut scene = Scene::new();
    let deep = |open: &str, n: usize| open.repeat(n);
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b" ".to_vec(),
        b"{".to_vec(),
        b"}".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"0".to_vec(),
        b"{\"schemas\":[\"".to_vec(),
        b"{\"userName\":\"x\",}".to_vec(),
        b"{userName:\"x\"}".to_vec(),
        b"{'userName':'x'}".to_vec(),
        b"{\"userName\":\"x\"} {}".to_vec(),
        b"{\"userName\":\"x\"}garbage".to_vec(),
        b"{\"userName\":NaN}".to_vec(),
        b"{\"userName\":\"x\",\"userName\":\"y\"}".to_vec(),
        b"{\"userName\":\"x\",\"USERNAME\":\"y\"}".to_vec(),
        b"{\"userName\":\"a\\u0000b\"}".to_vec(),
        b"{\"userName\":\"\\ud800\"}".to_vec(),
        b"{\"userName\":\"\\udc00\\ud800\"}".to_vec(),
        b"{\"userName\":\"\\x41\"}".to_vec(),
        b"{\"userName\":\"a\nb\"}".to_vec(),
        b"{\"userName\":\"\xff\xfe\"}".to_vec(),
        b"{\"userName\":\"\xc0\x80\"}".to_vec(),
        b"{\"userName\":\"\xed\xa0\x80\"}".to_vec(),
        b"{\"userName\":\"J\xfcrgen\"}".to_vec(),
        "{\"userName\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "\u{feff}{\"userName\":\"x\"}".encode_utf16().flat_map(u16::to_be_bytes).collect(),
        vec![0; 100],
        vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0],
        deep("[", 100_000).into_bytes(),
        deep("{\"a\":", 100_000).into_bytes(),
        format!("{}{}", deep("[", 33), deep("]", 33)).into_bytes(),
        format!("{{\"schemas\":[\"x\"],\"a\":{}1{}}}", deep("{\"a\":", 40), deep("}", 40)).into_bytes(),
        format!("{{\"userName\":\"{}\"}}", "x".repeat(70_000)).into_bytes(),
        format!("{{{}\"z\":1}}", (0..2_000).map(|n| format!("\"k{n}\":1,")).collect::<String>()).into_bytes(),
        b"<user><userName>x</userName></user>".to_vec(),
        b"userName=x&active=true".to_vec(),
    ];
    for (method, path) in scene.places() {
        for body in &bodies {
            let answer = client_error(scene.send(method, &path, body.clone()));
            assert!(matches!(answer.status, 400 | 413), "{}", answer.tell());
        }
    }
    scene.unharmed();
}

/// 7644-3.3-01: JSON, but not the message that belongs there.
#[test]
fn messages_of_the_wrong_shape_are_refused() {
    let mut scene = Scene::new();
    let all = |scene: &Scene, body: Value| {
        for (method, path) in scene.places() {
            client_error(scene.send(method, &path, body.to_string()));
        }
    };
    for schemas in [
        json!(null),
        json!(""),
        json!(1),
        json!({}),
        json!([1]),
        json!([null]),
        json!([["x"]]),
        json!(["urn:x"]),
        json!({"a": "b"}),
    ] {
        all(
            &scene,
            json!({"schemas": schemas, "userName": 1, "displayName": 1, "Operations": 1, "filter": 1, "count": "x"}),
        );
    }
    let operations = [
        json!(null),
        json!(1),
        json!("x"),
        json!({}),
        json!([]),
        json!([1]),
        json!([null]),
        json!([[]]),
        json!([{}]),
        json!([{"op": 1}]),
        json!([{"op": ""}]),
        json!([{"op": "move", "path": "title", "value": "x"}]),
        json!([{"path": "title", "value": "x"}]),
        json!([{"op": "add", "path": "title"}]),
        json!([{"op": "add", "path": 1, "value": "x"}]),
        json!([{"op": "add", "path": ["title"], "value": "x"}]),
        json!([{"op": "remove"}]),
        json!([{"op": "replace", "value": 1}]),
        json!([{"op": "replace", "value": [{"title": "x"}]}]),
        json!([{"op": "add", "value": "x"}]),
        json!([{"op": "add", "path": "emails[", "value": "x"}]),
        json!([{"op": "add", "path": "emails[type eq \"work\"", "value": "x"}]),
        json!([{"op": "add", "path": "emails]", "value": "x"}]),
        json!([{"op": "add", "path": "a".repeat(2_000), "value": "x"}]),
        json!([{"op": "add", "path": "", "value": "x"}]),
        json!([{"op": "add", "path": "emails[".repeat(100), "value": "x"}]),
        json!([{"op": "add", "path": "..", "value": "x"}]),
        json!([{"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:Nothing:title", "value": "x"}]),
    ];
    for operations in operations {
        for path in [format!("/Users/{}", scene.user), format!("/Groups/{}", scene.group)] {
            let body = json!({"schemas": [format!("{MESSAGES}:PatchOp")], "Operations": operations});
            client_error(scene.send("PATCH", &path, body.to_string()));
        }
    }
    scene.unharmed();
}

/// 7644-3.7-21; threat D01: one bad operation is its own affair, a bad request is refused whole.
#[test]
fn bulk_requests_of_the_wrong_shape_change_nothing() {
    let mut scene = Scene::new();
    let bulk = |operations: Value| {
        json!({"schemas": [format!("{MESSAGES}:BulkRequest")], "Operations": operations}).to_string()
    };
    for operations in [json!(null), json!(1), json!({}), json!([1]), json!([null]), json!(vec![json!({}); 1_001])] {
        client_error(scene.send("POST", "/Bulk", bulk(operations)));
    }
    let one = |operation: Value| {
        let answer = scene.send("POST", "/Bulk", bulk(json!([operation])));
        if answer.status == 200 {
            let status = answer.text("/Operations/0/status");
            assert!(status.starts_with('4'), "{}", answer.tell());
            assert_eq!(answer.text("/Operations/0/response/status"), status, "{}", answer.tell());
            assert!(!answer.text("/Operations/0/response/detail").is_empty(), "{}", answer.tell());
        } else {
            client_error(answer);
        }
    };
    let data = user(json!({}));
    one(json!({}));
    one(json!({"method": "POST"}));
    one(json!({"method": "POST", "path": "/Users", "data": data}));
    one(json!({"method": "POST", "path": "/Users", "bulkId": 1, "data": data}));
    one(json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": []}));
    one(json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": {"schemas": []}}));
    one(json!({"method": "POST", "path": "/Bulk", "bulkId": "a", "data": data}));
    one(json!({"method": "POST", "path": "/Nothing", "bulkId": "a", "data": data}));
    one(json!({"method": "POST", "path": "/Users/../Groups", "bulkId": "a", "data": data}));
    one(json!({"method": "POST", "path": "http://127.0.0.1:1/scim/v2/Users", "bulkId": "a", "data": data}));
    one(json!({"method": "GET", "path": "/Users", "bulkId": "a"}));
    one(json!({"method": "TRACE", "path": "/Users", "bulkId": "a"}));
    one(json!({"method": 1, "path": "/Users", "bulkId": "a"}));
    one(json!({"method": "DELETE", "path": "/Users"}));
    one(json!({"method": "DELETE", "path": "/Users/nobody"}));
    one(json!({"method": "DELETE", "path": "/Users/bulkId:nothing"}));
    one(json!({"method": "PUT", "path": format!("/Users/{}", scene.user)}));
    one(
        json!({"method": "PATCH", "path": format!("/Users/{}", scene.user), "data": patch_op(json!([{"op": "remove"}]))}),
    );
    one(
        json!({"method": "PATCH", "path": format!("/Users/{}", scene.user), "version": "W/\"none\"", "data": patch_op(json!([{"op": "replace", "path": "title", "value": "x"}]))}),
    );
    let group = json!({"schemas": [GROUP], "displayName": "G", "members": [{"value": "bulkId:g"}]});
    let itself =
        scene.send("POST", "/Bulk", bulk(json!([{"method": "POST", "path": "/Groups", "bulkId": "h", "data": group}])));
    assert!(itself.text("/Operations/0/status").starts_with('4') || itself.status == 400, "{}", itself.tell());
    scene.unharmed();
}

/// Threats C06, D06; 7644-3.7.4: sizes are looked at before anything is done.
#[test]
fn bodies_of_ten_megabytes_are_refused_however_they_come() {
    let mut scene = Scene::new();
    let padding = "x".repeat(10 << 20);
    for (method, path) in scene.places() {
        let body = format!("{{\"schemas\":[],\"userName\":\"{padding}\"}}");
        client_error(scene.send(method, &path, body).is(413).unwrap());

        // In chunks, which announce nothing.
        let mut connection = Connection::open(scene.server.authority()).unwrap();
        let head = format!(
            "{method} /scim/v2{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
            scene.session.site.token,
        );
        let chunk = format!("10000\r\n{}\r\n", &padding[..0x10000]);
        let _ = connection.write(head.as_bytes());
        // The server may close while this is still being sent.
        let _ = (0..160).try_for_each(|_| connection.write(chunk.as_bytes()));
        if let Ok(response) = connection.response(method) {
            assert_eq!(response.status, 413);
        }
    }
    scene.unharmed();
}

/// Threat D06.
#[test]
fn compressed_and_foreign_bodies_are_refused() {
    let mut scene = Scene::new();
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip", "x"] {
        for (method, path) in scene.places() {
            let sent =
                scene.session.request(method, &path).json(&user(json!({}))).header("Content-Encoding", encoding).send();
            client_error(sent.unwrap().is(415).unwrap());
        }
    }
    for media in [
        "text/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/scim+json; charset=utf-16",
        "x",
    ] {
        let sent = scene.session.request("POST", "/Users").json(&user(json!({}))).header("Content-Type", media).send();
        client_error(sent.unwrap().is(415).unwrap());
    }
    for accept in ["text/html", "application/xml", "image/png;q=0.5", "application/scim+json;q=0"] {
        let sent =
            scene.session.request("POST", "/Users").json(&user(json!({}))).header("Accept", accept).send().unwrap();
        client_error(sent.is(406).unwrap());
    }
    scene.unharmed();
}

#[test]
fn a_body_cut_off_half_way_does_nothing() {
    let mut scene = Scene::new();
    for (method, path) in scene.places() {
        let body = user(json!({"userName": "half", "displayName": "half"})).to_string();
        let whole = raw(&scene.session, method, &path, &[], &body);
        for less in [1, body.len() / 2, body.len()] {
            let mut connection = Connection::open(authority(&scene.session)).unwrap();
            connection.write(&whole[..whole.len() - less]).unwrap();
            connection.stream().shutdown(std::net::Shutdown::Write).unwrap();
            // Closed without a word, or told that the body broke off.
            if let Ok(response) = connection.response(method) {
                assert_eq!(response.status, 400);
            }
        }
    }
    scene.unharmed();
}

/// Threats C05, C07: any length, any depth, answered or refused, and quickly.
#[test]
fn filters_of_any_length_and_depth_are_answered_or_refused() {
    let mut scene = Scene::new();
    let many = |part: &str, n: usize| part.repeat(n);
    let term = "userName eq \"x\"";
    let mut filters = vec![
        String::new(),
        " ".into(),
        "x".into(),
        "userName".into(),
        "userName eq".into(),
        "userName eq x".into(),
        "eq".into(),
        "\"".into(),
        "userName eq \"".into(),
        "userName eq \"\\".into(),
        "userName eq \"\\u12".into(),
        "userName eq \"\u{0}\"".into(),
        "userName eq \"\\u0000\"".into(),
        "userName pr pr".into(),
        "(userName pr".into(),
        "userName pr)".into(),
        "()".into(),
        "not".into(),
        "not userName pr".into(),
        "not (not (userName pr))".into(),
        "emails[".into(),
        "emails[]".into(),
        "emails[type]".into(),
        "emails[type eq \"work\"].value".into(),
        "emails[emails[type pr]]".into(),
        "userName[a pr]".into(),
        "active gt true".into(),
        "active eq \"true\"".into(),
        "meta.created gt \"yesterday\"".into(),
        "meta.created gt 1e999".into(),
        "userName eq 1".into(),
        "userName co null".into(),
        "userName eq {}".into(),
        "userName eq []".into(),
        "userName zz \"x\"".into(),
        "urn:x:y eq \"z\"".into(),
        "a.b.c.d pr".into(),
        ". pr".into(),
        "-1 pr".into(),
        "\u{202e}userName pr".into(),
        "userName\u{a0}pr".into(),
        "userName eq \"x\" AND".into(),
        "and and and".into(),
        "userName eq \"x\" xor title pr".into(),
    ];
    for n in [65, 100_000] {
        filters.push(many("(", n));
        filters.push(format!("{}{term}{}", many("(", n), many(")", n)));
        filters.push(format!("{}x", many("not (", n)));
        filters.push(format!("{}{term}{}", many("not (", n), many(")", n)));
        filters.push(many("emails[", n));
    }
    for n in [300, 100_000] {
        filters.push(format!("{term}{}", many(&format!(" and {term}"), n)));
        filters.push(format!("{term}{}", many(&format!(" or {term}"), n)));
    }
    filters.push(format!("{} eq \"x\"", many("a", 100_000)));
    filters.push(format!("{} eq \"x\"", many("a.", 50_000)));
    filters.push(format!("userName eq \"{}\"", many("x", 100_000)));
    filters.push(format!("userName co \"{}\"", many("%_*\\\\", 1_000)));
    for filter in &filters {
        let begun = Instant::now();
        // One megabyte is the most that a body may have.
        let found = scene.session.search("/Users/.search", json!({"filter": filter})).unwrap();
        if found.status != 200 {
            client_error(found);
        }
        if filter.len() < 60_000 {
            let found = scene.session.filter("/Users", filter).unwrap();
            if found.status != 200 {
                client_error(found);
            }
            client_error(scene.session.search("/.search", json!({"filter": format!("{filter} and )")})).unwrap());
            let remove = json!([{"op": "remove", "path": format!("emails[{filter}]")}]);
            let answer = scene.session.patch(&format!("/Users/{}", scene.user), remove).unwrap();
            assert!(
                answer.status == 204 || answer.status == 200 || (400..500).contains(&answer.status),
                "{}",
                answer.tell()
            );
        }
        let took = begun.elapsed();
        assert!(took < PATIENCE, "{took:?}: {}", filter.chars().take(80).collect::<String>());
    }
    scene.unharmed();
}

/// 7644-3.12-04, 7644-3.4.2-10: unknown parameters mean nothing, broken ones are refused.
#[test]
fn query_parameters_are_known_unknown_or_broken() {
    let mut scene = Scene::new();
    let check = |query: &str, status: u16| {
        let answer = scene.session.get(&format!("/Users?{query}")).unwrap();
        assert_eq!(answer.status, status, "{}", answer.tell());
        if status != 200 {
            client_error(answer);
        }
    };
    check("", 200);
    check("&&&", 200);
    check("unknown=1&filter2=x&%00=%00", 200);
    check("aadOptscim062020", 200);
    check("sortBy=nothing", 400);
    check("sortBy=password", 400);
    check("sortOrder=sideways", 400);
    check("attributes=nothing", 200);
    check("attributes=,,,", 200);
    check(&format!("attributes={}", "a,".repeat(3_000)), 200);
    check("filter=%ff%fe", 400);
    check("filter=%", 400);
    check("filter=%zz", 400);
    check("filter=a&filter=b", 400);
    check("filter=", 400);
    check(&format!("filter={}", "x".repeat(9_000)), 414);
    scene.unharmed();
}

/// 7644-3.4.1-02, threat C14.
#[test]
fn ids_that_do_not_exist_are_404_however_they_are_written() {
    let mut scene = Scene::new();
    let long = "x".repeat(5_000);
    let ids = [
        "nobody",
        "00000000-0000-7000-8000-000000000000",
        "0",
        "-1",
        "null",
        "%00",
        "%0d%0aX-Injected:%20yes",
        "..",
        "%2e%2e",
        "%2e%2e%2f",
        "..%2fGroups",
        "%252e%252e",
        "a%2fb",
        "a/b",
        "a;b=c",
        ";",
        "%",
        "%zz",
        "%ff",
        "'",
        "%27%20or%201=1--",
        "%22",
        "*",
        "%25",
        "_",
        "\u{e4}",
        "a%20b",
        long.as_str(),
        "$count",
    ];
    for id in ids {
        for endpoint in ["/Users", "/Groups"] {
            let path = format!("{endpoint}/{id}");
            let body = user(json!({}));
            for method in ["GET", "PUT", "PATCH", "DELETE"] {
                let request = scene.session.request(method, &path);
                let request = if matches!(method, "GET" | "DELETE") { request } else { request.json(&body) };
                let answer = request.send().unwrap();
                assert!(matches!(answer.status, 400 | 404 | 405), "{}", answer.tell());
                assert!(answer.header("x-injected").is_none());
            }
        }
    }
    // Case and white space are part of an id (7643-3.1-03).
    let upper = scene.user.to_uppercase();
    if upper != scene.user {
        scene.session.get(&format!("/Users/{upper}")).unwrap().fails(404, "").unwrap();
    }
    scene.session.get(&format!("/Users/{}%20", scene.user)).unwrap().fails(404, "").unwrap();
    scene.session.get(&format!("/Groups/{}", scene.user)).unwrap().fails(404, "").unwrap();
    scene.session.get(&format!("/Users/{}", scene.group)).unwrap().fails(404, "").unwrap();
    scene.unharmed();
}

/// 9110-15.5.6: every method at every place is answered, and only the right ones do something.
#[test]
fn wrong_methods_are_405_and_do_nothing() {
    let mut scene = Scene::new();
    let (user, group) = (format!("/Users/{}", scene.user), format!("/Groups/{}", scene.group));
    let places = [
        "/",
        "/Users",
        "/Groups",
        &user,
        &group,
        "/Me",
        "/Bulk",
        "/.search",
        "/Users/.search",
        "/Schemas",
        "/ResourceTypes",
        "/ServiceProviderConfig",
        "/Nothing",
        "/Schemas/.search",
    ];
    for place in places {
        for method in [
            "TRACE", "CONNECT", "PROPFIND", "LOCK", "FOO", "get", "PUT", "PATCH", "DELETE", "POST", "OPTIONS", "HEAD",
            "QUERY",
        ] {
            if matches!((method, place.len() > 30), ("DELETE", true)) {
                continue;
            }
            let mut connection = Connection::open(scene.server.authority()).unwrap();
            let headers = [("Authorization".to_owned(), format!("Bearer {}", scene.session.site.token))];
            connection.write(&request(method, "x", &format!("/scim/v2{place}"), &headers, b"")).unwrap();
            match connection.response(method) {
                Ok(response) => {
                    assert!(response.status < 500 || response.status == 501, "{method} {place}: {}", response.status)
                }
                Err(_) => assert!(matches!(method, "CONNECT" | "get"), "{method} {place}: no answer"),
            }
        }
    }
    scene.unharmed();
}

/// Requests that were right until a few of their bytes were changed: never a failure of the server.
#[test]
fn damaged_requests_never_fail_the_server() {
    let mut chance = Chance::new();
    let mut scene = Scene::new();
    let bodies = [
        user(json!({"userName": "m", "name": {"givenName": "M"}, "emails": [{"value": "m@example.com", "primary": true}], "active": true})).to_string(),
        json!({"schemas": [GROUP], "displayName": "M", "members": [{"value": scene.user, "type": "User"}]}).to_string(),
        patch_op(json!([
            {"op": "add", "path": "emails[type eq \"work\" and not (value co \"x\")].value", "value": "n@example.com"},
            {"op": "replace", "value": {"name.familyName": "N", "active": "False"}},
            {"op": "remove", "path": "members[value eq \"x\"]"},
        ])).to_string(),
        json!({"schemas": [format!("{MESSAGES}:SearchRequest")], "filter": "emails[type eq \"work\"] or meta.created gt \"2020-01-01T00:00:00Z\"", "count": 10, "sortBy": "name.familyName"}).to_string(),
        json!({"schemas": [format!("{MESSAGES}:BulkRequest")], "failOnErrors": 1, "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "a", "data": user(json!({"userName": "b"}))},
            {"method": "POST", "path": "/Groups", "bulkId": "b", "data": {"schemas": [GROUP], "displayName": "B", "members": [{"value": "bulkId:a"}]}},
        ]}).to_string(),
    ];
    let pieces: [&[u8]; 24] = [
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"null",
        b"true",
        b"-1",
        b"1e400",
        b"0.0000001",
        b"\xff",
        b"\xc3",
        b"\\ud83d",
        b"\\u0000",
        b" ",
        b"eq",
        b"and",
        b"bulkId:a",
        b".",
        b"urn:",
        b"9223372036854775808",
    ];
    let places = scene.places();
    for _ in 0..3_000 {
        let mut body = chance.pick(&bodies).clone().into_bytes();
        for _ in 0..=chance.below(4) {
            let (from, length) = (chance.below(body.len()), chance.below(8));
            let to = (from + length).min(body.len());
            let piece = if chance.below(3) > 0 { *chance.pick(&pieces) } else { b"" };
            body.splice(from..to, piece.iter().copied());
            if body.is_empty() {
                body.push(b'{');
            }
        }
        let (method, path) = chance.pick(&places).clone();
        let answer = scene.send(method, &path, body);
        assert!(answer.status < 500, "{}", answer.tell());
        if answer.status >= 400 {
            scim_error(answer);
        }
    }
    scene.server.is_well();
}

/// 7643-2.1-05, 7644-3.3-02: unknown attributes are left out by the lenient and refused by the strict.
#[test]
fn unknown_attributes_are_left_out_or_refused_and_never_kept() {
    let server = Server::start();
    let unknown = json!({"shoeSize": 43, "tenantId": "other", "isAdmin": true, "urn:example:x": {"a": 1}, "name": {"nick": "x", "givenName": "G"}});
    let lenient = server.tenant(scim_core::access::Profile::Compatible);
    let made = lenient.user(unknown.clone()).unwrap();
    for path in ["/shoeSize", "/tenantId", "/isAdmin", "/urn:example:x", "/name/nick"] {
        made.lacks(path).unwrap();
    }
    let strict = server.tenant(scim_core::access::Profile::Strict);
    client_error(strict.post("/Users", &user(unknown)).unwrap().is(400).unwrap());
    client_error(strict.filter("/Users", "shoeSize eq 43").unwrap().is(400).unwrap());
}

/// Microsoft's validator begins the tests of groups with a PATCH of nothing, and goes on only after a success.
#[test]
fn no_operations_are_no_change_for_entra_alone() {
    let mut server = Server::start();
    for (profile, taken) in
        [(Profile::Named(Client::Entra), true), (Profile::Named(Client::Okta), false), (Profile::Compatible, false)]
    {
        let session = server.tenant(profile);
        let user = session.user(json!({"title": "T"})).unwrap();
        let group = session.group("Somebodies", &[user.id().unwrap()]).unwrap();
        for (endpoint, made) in [("Users", &user), ("Groups", &group)] {
            let place = format!("/{endpoint}/{}", made.id().unwrap());
            let before = session.get(&place).unwrap().is(200).unwrap();
            let answer = session.patch(&place, json!([])).unwrap();
            if taken {
                assert_eq!(answer.is(200).unwrap().body, before.body);
            } else {
                answer.fails(400, "invalidSyntax").unwrap();
            }
            assert_eq!(session.get(&place).unwrap().body, before.body);
        }
        session.patch("/Groups/nobody", json!([])).unwrap().is(if taken { 404 } else { 400 }).unwrap();
    }
    server.is_well();
}
