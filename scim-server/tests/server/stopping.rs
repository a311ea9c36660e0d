//! Signals: a stop loses nothing that was accepted, a reload changes what can change.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, Request, Running, USER, command, read_answer, write_config};

/// The built program, stopped when the test ends.
pub struct Process {
    pub child: Child,
    pub address: SocketAddr,
    pub token: String,
}

impl Process {
    /// Starts it; the address is what its log says.
    pub fn start(config: &Path) -> Process {
        let mut child = command(config, &["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server ended before it served");
            if let Some((_, rest)) = line.split_once("http://")
                && line.contains("serving")
            {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        // The rest of the log is read, or the server would wait for a reader.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut token = String::new();
        let mut line = String::new();
        while token.is_empty() && config.parent().is_some_and(|directory| !directory.join("second").exists()) {
            line.clear();
            if out.read_line(&mut line).unwrap() == 0 {
                break;
            }
            if let Some((_, rest)) = line.split_once("Bearer token") {
                token = rest.trim().to_owned();
            }
        }
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Process { child, address, token }
    }

    pub fn signal(&self, name: &str) {
        // The shell has it built in; the program is not on every machine.
        let script = format!("kill -{name} {}", self.child.id());
        assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path).header("Authorization", &format!("Bearer {}", self.token))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until this holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < patience, "still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stops_whole(signal: &str) {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Process::start(&write_config(directory.path(), ""));
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients = (0..4).map(|n| {
        let (address, token, stop, count) = (server.address, server.token.clone(), stop.clone(), count.clone());
        std::thread::spawn(move || client(address, &token, n, &count, &stop))
    });
    let clients = clients.collect::<Vec<_>>();
    until("there is load", || count.load(Ordering::Relaxed) > 20);
    server.signal(signal);
    let mut status = None;
    until("it ends", || {
        status = server.child.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success(), "exit status 0");
    stop.store(true, Ordering::Relaxed);
    let acknowledged = clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>();

    std::fs::write(directory.path().join("second"), "").unwrap();
    let mut again = Process::start(&directory.path().join("scim-server.toml"));
    again.token = server.token.clone();
    for id in acknowledged {
        assert_eq!(again.request("GET", &format!("/scim/v2/Users/{id}")).send().status, 200, "{id} was promised");
    }
}

/// Creates users until the server is gone; a request that was sent whole is answered whole or its connection was never
/// accepted. Gives the ids that were acknowledged.
fn client(address: SocketAddr, token: &str, n: usize, count: &AtomicUsize, stop: &AtomicBool) -> Vec<String> {
    let mut made = Vec::new();
    'connect: while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address) else { break };
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        loop {
            let body = json!({"schemas": [USER], "userName": format!("u{n}-{}", made.len())}).to_string();
            let head = format!(
                "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(head.as_bytes()).is_err() {
                continue 'connect;
            }
            let mut first = [0; 1];
            match stream.read(&mut first) {
                // Closed before a byte of an answer: the connection was not accepted any more.
                Ok(0) | Err(_) => continue 'connect,
                Ok(_) => {}
            }
            let answer: Answer = read_answer(&mut first.as_slice().chain(&mut stream), false);
            assert!([201, 409].contains(&answer.status), "{answer:?}");
            if answer.status == 201 {
                made.push(answer.json()["id"].as_str().unwrap().to_owned());
            } else {
                made.push(lookup(address, token, &format!("u{n}-{}", made.len())));
            }
            count.fetch_add(1, Ordering::Relaxed);
            if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
                continue 'connect;
            }
        }
    }
    made
}

/// A name that is taken was made by a request whose answer was lost with its connection.
fn lookup(address: SocketAddr, token: &str, name: &str) -> String {
    let path = format!("/scim/v2/Users?filter=userName%20eq%20%22{name}%22");
    let answer = Request::new(address, "GET", &path).header("Authorization", &format!("Bearer {token}")).send();
    answer.json()["Resources"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn sigterm_finishes_what_was_accepted() {
    stops_whole("TERM");
}

#[test]
fn sigint_does_so_too() {
    stops_whole("INT");
}

/// Promises: 2xx means durable, also after kill -9.
#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(&write_config(directory.path(), ""));
    let body = json!({"schemas": [USER], "userName": "anna"});
    let id = server.request("POST", "/scim/v2/Users").json(&body).send().json()["id"].as_str().unwrap().to_owned();
    server.signal("KILL");
    let token = server.token.clone();
    drop(server);
    std::fs::write(directory.path().join("second"), "").unwrap();
    let mut again = Process::start(&directory.path().join("scim-server.toml"));
    again.token = token;
    assert_eq!(again.request("GET", &format!("/scim/v2/Users/{id}")).send().status, 200);
}

#[test]
fn while_stopping_the_server_is_not_ready_and_closes_connections() {
    let mut server = Running::start();
    let mut stream = TcpStream::connect(server.address).unwrap();
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        read_answer(stream, false)
    };
    assert_eq!(ask(&mut stream).status, 200);
    server.stopper().stop();
    let mut answer = ask(&mut stream);
    until("it is not ready", || {
        if answer.status == 200 {
            answer = ask(&mut stream);
        }
        answer.status != 200
    });
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")), "{answer:?}");
    server.join();
}

#[test]
fn a_second_server_on_the_same_store_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    let _first = Process::start(&config);
    let second = command(&config, &["serve"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("another scim-server serves the database"), "{said}");
}

/// SIGHUP: schemas and log level, without a connection lost; a configuration that is wrong changes nothing.
#[test]
fn sighup_reads_the_configuration_anew() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    let server = Process::start(&config);
    let types = || server.request("GET", "/scim/v2/ResourceTypes").send().json()["totalResults"].as_u64().unwrap();
    let wait = |expected: u64| until("there are so many types", || types() == expected);
    assert_eq!(types(), 2);
    let schema = json!([
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:Device", "name": "Device",
         "attributes": [{"name": "serial", "type": "string", "multiValued": false, "required": true,
            "caseExact": true, "mutability": "readWrite", "returned": "default", "uniqueness": "server"}]},
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "id": "Device", "name": "Device",
         "endpoint": "/Devices", "schema": "urn:example:Device"}]);
    std::fs::write(directory.path().join("device.json"), schema.to_string()).unwrap();
    write_config(directory.path(), "[[schemas]]\nfile = \"{dir}/device.json\"\n[log]\nlevel = \"debug\"\n");
    server.signal("HUP");
    wait(3);
    let body = json!({"schemas": ["urn:example:Device"], "serial": "1"});
    assert_eq!(server.request("POST", "/scim/v2/Devices").json(&body).send().status, 201);

    std::fs::write(&config, "[server]\nlisen = \"x\"").unwrap();
    server.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    wait(3);
}
