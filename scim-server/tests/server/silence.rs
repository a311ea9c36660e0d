//! What must stand nowhere: passwords in clear, tokens, query strings. Looked for in the log at its loudest and in every
//! file of the store.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, Request, USER, command, write_config};

const PASSWORD: &str = "Corr3ct-horse-battery";
const LOOKED_FOR: &str = "looked.for@orchard.example";
const LOG: &str = "server.log";
const TOKEN: &str = "token-that-opens-the-door-and-is-long-enough";
const WRONG: &str = "token-that-opens-nothing-and-is-long-enough";

/// 7643-4.1.1-11, 7643-4.1.1-12, 7643-9.2-01, 7644-7.5.2-02
#[test]
fn neither_log_nor_store_holds_what_must_stay_secret() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, address) = serving(directory.path(), "[log]\nlevel = \"trace\"");
    let send = |method: &str, path: &str, token: &str, body: &str| -> Answer {
        let request = Request::new(address, method, path).header("Authorization", &format!("Bearer {token}"));
        request.body(body).send()
    };

    let user = json!({"schemas": [USER], "userName": "ann", "password": PASSWORD}).to_string();
    let made = send("POST", "/scim/v2/Users", TOKEN, &user);
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/scim/v2/Users/{}", made.json()["id"].as_str().unwrap());
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "password", "value": format!("{PASSWORD}2")}]});
    for (method, path, token, body, status) in [
        ("PATCH", path.clone(), TOKEN, patch.to_string(), 200),
        ("POST", "/scim/v2/Users".into(), TOKEN, user.clone(), 409),
        ("POST", "/scim/v2/Users".into(), TOKEN, user.replace(":[", "[[["), 400),
        ("GET", format!("/scim/v2/Users?filter=emails.value%20eq%20%22{LOOKED_FOR}%22"), TOKEN, String::new(), 200),
        ("GET", format!("/scim/v2/Users?filter=password%20eq%20%22{PASSWORD}%22"), TOKEN, String::new(), 403),
        ("GET", format!("/scim/v2/Users?access_token={TOKEN}&x={LOOKED_FOR}"), TOKEN, String::new(), 401),
        ("GET", "/scim/v2/Users".into(), WRONG, String::new(), 401),
    ] {
        let answer = send(method, &path, token, &body);
        assert!(answer.status == status || (status == 401 && answer.status == 400), "{method} {path}: {answer:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();

    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in [PASSWORD, LOOKED_FOR, TOKEN, WRONG] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} stands in {}", path.display());
        }
    }
    assert!(said(directory.path()).contains("answered"), "the log tells of requests");
}

#[test]
fn who_sends_no_http_fills_no_log() {
    let directory = tempfile::tempdir().unwrap();
    let (mut child, address) = serving(directory.path(), "");
    for head in ["GET /scim/v2/Users HTTP/9.9\r\n\r\n", "\x16\x03\x01\r\n\r\n", "GET / HTTP/1.1\r\na b: c\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = said(directory.path());
    assert!(said.contains("serving") && !said.contains("ERROR"), "{said}");
}

/// A server in this folder, with these settings, and where it listens. Its log is a file there.
fn serving(folder: &Path, settings: &str) -> (Child, SocketAddr) {
    let child = command(&write_config(folder, settings), &["serve"])
        .env("SCIM_BOOTSTRAP_TOKEN", TOKEN)
        .stdout(File::create(folder.join("out.log")).unwrap())
        .stderr(File::create(folder.join(LOG)).unwrap())
        .spawn()
        .unwrap();
    (child, address(folder))
}

/// What the server in this folder logged.
fn said(folder: &Path) -> String {
    std::fs::read_to_string(folder.join(LOG)).unwrap()
}

/// Where the server listens, as its log says.
fn address(folder: &Path) -> SocketAddr {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let text = said(folder);
        let serving = text.lines().find(|line| line.contains("serving") && line.contains("http://"));
        if let Some(address) = serving.and_then(|line| line.split("http://").nth(1)?.split('/').next()?.parse().ok()) {
            return address;
        }
        assert!(Instant::now() < patience, "the server did not start: {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
