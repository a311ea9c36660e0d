//! A worker waits awake for its only client (`docs/decisions/0032-awake-for-the-only-client.md`).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::support::{Server, wait_until};

/// Asks this often over one connection, each time at once.
fn ask(stream: &mut TcpStream, times: usize) {
    let mut answer = [0; 4 << 10];
    for _ in 0..times {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
        // It is small enough to come in one piece.
        let read = stream.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
    }
}

#[test]
fn a_worker_waits_awake_for_a_quick_client_that_is_alone() {
    let server = Server::with(&[("SCIM__LOG__LEVEL", "trace")]);
    let waits = || server.log().matches("waiting awake for the next request").count();
    let connect = || {
        let stream = TcpStream::connect(server.authority()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    };
    let mut first = connect();
    if available_parallelism().is_ok_and(|all| all.get() == 1) {
        ask(&mut first, 1_000);
        assert_eq!(waits(), 0, "the client needs the only processor");
        return;
    }
    wait_until(Duration::from_secs(60), "a worker waits awake", || {
        ask(&mut first, 100);
        waits() > 0
    });

    let mut second = connect();
    ask(&mut second, 1);
    // One that was begun before may still be written down.
    ask(&mut first, 1);
    let before = waits();
    ask(&mut first, 1_000);
    assert_eq!(waits(), before, "with others, processors do not wait");
}
