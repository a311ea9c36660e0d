//! Clients that ask for much and read it slowly fill the share of their tenant, and no more.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::support::{Running, USER};

/// So many users of 60 kB: more than what the system takes off a server that writes.
const USERS: usize = 250;
const PAGE: &str = "/scim/v2/Users?count=250";

/// Asks for the page, and leaves the answer where it is.
fn idle_reader(server: &Running) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let head = format!(
        "GET {PAGE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        server.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn who_reads_slowly_leaves_room_for_others() {
    let server = Running::with("[limits]\nunsent = 40000000");
    let text = "x".repeat(60_000);
    let mut last = String::new();
    for number in 0..USERS {
        let user = json!({"schemas": [USER], "userName": format!("user{number}"), "nickName": text});
        last = server.post("/scim/v2/Users", &user).json()["id"].as_str().unwrap().to_owned();
    }
    let mut readers = vec![idle_reader(&server), idle_reader(&server)];
    let refused = server.get(PAGE);
    assert_eq!(refused.status, 503, "two of 15 MB each are under way");
    let detail = refused.json()["detail"].to_string();
    assert!(refused.header("retry-after").is_some() && detail.contains("limits.unsent"), "{detail}");
    assert_eq!(server.get(&format!("/scim/v2/Users/{last}")).status, 200, "what is small does not count");

    // Who reads makes room, and is given all of it.
    let mut whole = Vec::new();
    readers.remove(0).read_to_end(&mut whole).unwrap();
    assert!(whole.len() > USERS * text.len() && whole.ends_with(b"}"), "{}", whole.len());
    let again = server.get(PAGE);
    assert_eq!((again.status, again.json()["Resources"].as_array().unwrap().len()), (200, USERS));
    // So does who goes away, as soon as the server sees it.
    drop(readers);
    assert_eq!(server.get(PAGE).status, 200);
}
