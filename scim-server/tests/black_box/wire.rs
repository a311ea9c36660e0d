//! What is not even HTTP, or almost (threats D05, E12): answered with 400 or with a closed door, and nobody else notices.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use conformance_tests::http::Connection;
use conformance_tests::session::user;
use serde_json::json;

use crate::support::{Server, TOKEN, raw, raw_json};

/// Sends these bytes and reads until the server has no more to say.
fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.authority()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // The server may close while this is still being sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn bytes_that_are_no_request_get_400_or_nothing() {
    let mut server = Server::start();
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let long = "x".repeat(200_000);
    let requests: Vec<String> = vec![
        "\r\n\r\n".into(),
        "GET\r\n\r\n".into(),
        "GET /scim/v2/Users\r\n\r\n".into(),
        "GET /scim/v2/Users HTTP/9.9\r\nHost: x\r\n\r\n".into(),
        "GET scim HTTP/1.1\r\nHost: x\r\n\r\n".into(),
        format!("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}X\u{0}: y\r\n\r\n"),
        format!("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}X: y\u{0}\r\n\r\n"),
        format!("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token} folded: yes\r\n\r\n"),
        format!("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}no colon\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n{token}\r\n"),
        format!("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}X: {long}\r\n\r\n"),
        format!("GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}{}\r\n", "A: b\r\n".repeat(1_000)),
        format!("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}Content-Length: -1\r\n\r\n"),
        format!("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}Content-Length: x\r\n\r\n"),
        format!("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}Content-Length: 99999999999999999999999\r\n\r\n"),
        format!("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{{}}"),
        format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"
        ),
        format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{{}}"
        ),
        format!("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{token}Transfer-Encoding: gzip\r\n\r\n{{}}"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}".into(),
        "GET /scim/v2/Users HTTP/1.1\r\nHost: x".into(),
        "*1\r\n$4\r\nPING\r\n".into(),
    ];
    for request in &requests {
        let answer = exchange(&server, request.as_bytes());
        let fine = answer.is_empty()
            || answer.starts_with("HTTP/1.1 4")
            || answer.starts_with("HTTP/1.0 4")
            || !answer.starts_with("HTTP/1.");
        assert!(fine, "{:?}: {answer}", request.chars().take(80).collect::<String>());
    }
    let everything: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    exchange(&server, &everything);
    server.session().get("/Users").unwrap().has("/totalResults", 0).unwrap();
    server.is_well();
}

/// Threat E12: of two ways to read where a body ends, neither lets a second request in.
#[test]
fn a_request_with_two_lengths_is_refused_and_its_tail_is_no_request() {
    let mut server = Server::start();
    let body = user(json!({"userName": "smuggled"})).to_string();
    let inner = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    );
    let outer = |lines: &str| {
        format!(
            "POST /scim/v2/.search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n{lines}\r\n0\r\n\r\n{inner}"
        )
    };
    for lines in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", inner.len() + 5),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", inner.len() + 5),
        format!("Content-Length: {}\r\nContent-Length: 5\r\n", inner.len() + 5),
        format!("Content-Length: {}\r\nTransfer-Encoding: xchunked\r\n", inner.len() + 5),
        format!("Content-Length: {}\r\nTransfer-Encoding : chunked\r\n", inner.len() + 5),
        format!("Content-Length: {}\r\nTransfer-Encoding: identity, chunked\r\n", inner.len() + 5),
    ] {
        let answer = exchange(&server, outer(&lines).as_bytes());
        assert!(!answer.contains("201 Created"), "{lines:?}: {answer}");
    }
    server.session().get("/Users").unwrap().has("/totalResults", 0).unwrap();
    server.is_well();
}

/// Threat C12: what a client calls the server appears in no link.
#[test]
fn links_come_from_the_configuration_not_from_the_client() {
    let server = Server::start();
    let body = user(json!({"userName": "linked"})).to_string();
    let request = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\nForwarded: host=evil.example\r\n\
         X-Forwarded-For: 10.0.0.1\r\nX-Original-URL: /admin\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/scim+json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len(),
    );
    let answer = exchange(&server, request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(!answer.contains("evil.example") && !answer.contains("gopher"), "{answer}");
    let origin = format!("http://{}/scim/v2/Users/", server.authority());
    assert_eq!(answer.matches(&origin).count(), 2, "Location and meta.location: {answer}");
}

/// Does it say that nothing was done, as no turn came?
fn waited_in_vain(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 503") && answer.contains("too many requests of this tenant")
}

/// Threat D05: who sends its head or its body drop by drop is cut off; others are served meanwhile. Large bodies
/// beyond those that may be on their way at once wait, and never hear that they may have been carried out.
#[test]
fn slow_senders_are_cut_off_and_hold_up_nobody() {
    let settings =
        [("SCIM__LIMITS__HEADER_TIME", "4"), ("SCIM__LIMITS__REQUEST_TIME", "10"), ("SCIM__LIMITS__IN_WORK", "30")];
    let mut server = Server::with(&settings);
    let session = server.session();
    let head = format!("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n");
    let mut slow: Vec<_> = (0..300)
        .map(|n| {
            let mut stream = TcpStream::connect(server.authority()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let beginning = match n % 3 {
                0 => String::new(),
                1 => head.clone(),
                _ => format!("{head}Content-Length: 100000\r\n\r\n{{"),
            };
            stream.write_all(beginning.as_bytes()).unwrap();
            stream
        })
        .collect();
    for round in 0..20 {
        for stream in &mut slow {
            // Those that were cut off already no longer take it.
            let _ = stream.write_all(if round % 2 == 0 { b"X" } else { b" " });
        }
        session.user(json!({})).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    for stream in &mut slow {
        let mut answer = Vec::new();
        // Reset or closed: gone either way.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            waited_in_vain(&answer)
                || answer.is_empty()
                || answer.starts_with("HTTP/1.1 408")
                || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
    session.get("/Users?count=0").unwrap().has("/totalResults", 20).unwrap();
    server.is_well();
}

/// Threat D05: large bodies that all run out of time in one moment, most of them behind others, were read by nobody:
/// no answer says that they may have been carried out.
#[test]
fn bodies_that_run_out_of_time_together_hear_that_nothing_was_done() {
    let mut server = Server::with(&[("SCIM__LIMITS__REQUEST_TIME", "3"), ("SCIM__LIMITS__IN_WORK", "10")]);
    let request = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 100000\r\n\r\n{{"
    );
    let mut senders: Vec<_> = (0..200).map(|_| TcpStream::connect(server.authority()).unwrap()).collect();
    for stream in &mut senders {
        stream.write_all(request.as_bytes()).unwrap();
    }
    for stream in &mut senders {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let late = answer.starts_with("HTTP/1.1 408") && answer.contains("did not arrive in time");
        assert!(late || waited_in_vain(&answer), "{answer}");
    }
    server.session().get("/Users?count=0").unwrap().has("/totalResults", 0).unwrap();
    server.is_well();
}

/// Threat D05: who was answered once and then sends a head or a chunked body that never ends is cut off too.
#[test]
fn who_never_asks_to_the_end_is_cut_off_behind_an_answer_too() {
    let settings =
        [("SCIM__LIMITS__HEADER_TIME", "2"), ("SCIM__LIMITS__KEEP_ALIVE", "2"), ("SCIM__LIMITS__REQUEST_TIME", "3")];
    let mut server = Server::with(&settings);
    let chunked = "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n \r\n";
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    // What is sent first, the piece that is sent for ever, and the answer to what was sent first.
    let senders = [
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nX: ".to_owned(), "x", "200"),
        (format!("GET /healthz HTTP/1.1\r\n{chunked}"), "1\r\n \r\n", "200"),
        (format!("POST /scim/v2/Users HTTP/1.1\r\n{chunked}"), "1\r\n \r\n", "401"),
        (format!("POST /scim/v2/Users HTTP/1.1\r\n{token}{chunked}"), "1\r\n \r\n", "408"),
    ];
    let streams = senders.each_ref().map(|(beginning, ..)| {
        let mut stream = TcpStream::connect(server.authority()).unwrap();
        stream.write_all(beginning.as_bytes()).unwrap();
        stream
    });
    // A connection that is used now and then, and longer than the others last, stays.
    let mut used = Connection::open(server.authority()).unwrap();
    let ask = raw(&server.session(), "GET", "/Users?count=0", &[], "");
    for _ in 0..100 {
        for (stream, (_, piece, _)) in streams.iter().zip(&senders) {
            let _ = (&*stream).write_all(piece.as_bytes());
        }
        used.write(&ask).unwrap();
        assert_eq!(used.response("GET").unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(100));
    }
    for (mut stream, (beginning, _, status)) in streams.into_iter().zip(senders) {
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        assert!(String::from_utf8_lossy(&answer).starts_with(&format!("HTTP/1.1 {status}")), "{beginning}: {answer:?}");
        let gone = match &end {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        assert!(gone, "{beginning}: still open: {end:?}");
    }
    server.is_well();
}

/// Threat D05: more connections than the server takes wait their turn; it survives, and serves again.
#[test]
fn more_connections_than_allowed_do_not_stop_the_server() {
    let mut server = Server::with(&[("SCIM__LIMITS__CONNECTIONS", "64"), ("SCIM__LIMITS__HEADER_TIME", "5")]);
    let idle: Vec<_> = (0..300).map(|_| TcpStream::connect(server.authority()).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(200));
    drop(idle);
    server.session().user(json!({})).unwrap();
    server.is_well();
}

/// A wish for another protocol, which this server does not speak, is passed over (RFC 9110 section 7.8): the body ends
/// where it says, whether or not the client goes on to wait.
#[test]
fn a_wish_for_another_protocol_is_passed_over() {
    let server = Server::start();
    let session = server.session();
    let wish = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    for (n, headers) in [&wish[..], &wish[1..]].into_iter().enumerate() {
        let body = user(json!({"userName": format!("upgraded-{n}")}));
        let mut connection = Connection::open(server.authority()).unwrap();
        connection.write(&raw_json(&session, "POST", "/Users", headers, &body)).unwrap();
        assert_eq!(connection.response("POST").unwrap().status, 201);
    }
    let mut connection = Connection::open(server.authority()).unwrap();
    connection.write(&raw(&session, "GET", "/Users?count=0", &wish, "")).unwrap();
    assert_eq!(connection.response("GET").unwrap().status, 200);
    session.get("/Users").unwrap().has("/totalResults", 2).unwrap();
}

/// Many requests in one go on one connection are answered in their order (RFC 9112 section 9.3.2).
#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start();
    let request = |n: usize| {
        let body = user(json!({"userName": format!("piped-{n}")})).to_string();
        format!(
            "POST /scim/v2/Users?attributes=userName HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{body}",
            body.len(),
            if n == 49 { "Connection: close\r\n" } else { "" },
        )
    };
    let mut stream = TcpStream::connect(server.authority()).unwrap();
    stream.write_all((0..50).map(request).collect::<String>().as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    let places: Vec<_> = (0..50).map(|n| answers.find(&format!("\"piped-{n}\"")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}
