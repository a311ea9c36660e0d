//! A small HTTP/1.1 client that sends the request target byte for byte and keeps connections open.
//!
//! Libraries tidy up what they send (dangling `?` and `&`, unusual escapes); here that is part of the test.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long a server may take over one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of an answer that the client will read.
const LONGEST: usize = 64 << 20;

/// What came back, undecoded.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values trimmed, in order.
    pub headers: Vec<(String, String)>,
    /// The bytes behind the head.
    pub body: Vec<u8>,
}

/// Open connections, by `host:port`.
#[derive(Debug, Default)]
pub struct Client {
    idle: Mutex<HashMap<String, Vec<Connection>>>,
}

impl Client {
    /// Sends one request to `http://host:port/target` and reads the answer. `url` is split at its first single slash;
    /// nothing else of it is looked at.
    pub fn send(&self, method: &str, url: &str, headers: &[(String, String)], body: &[u8]) -> Result<Response> {
        let rest = url.strip_prefix("http://").context("the suite speaks plain HTTP; put a TLS proxy before others")?;
        let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let request = request(method, authority, if target.is_empty() { "/" } else { target }, headers, body);
        if let Some(connection) = self.take(authority)
            && let Ok(response) = self.exchange(authority, connection, method, &request)
        {
            return Ok(response);
        }
        self.exchange(authority, Connection::open(authority)?, method, &request)
    }

    fn exchange(&self, authority: &str, mut connection: Connection, method: &str, request: &[u8]) -> Result<Response> {
        // A server that refuses a body early may close while we still write; its answer counts all the same.
        let written = connection.write(request);
        let response = match connection.response(method) {
            Ok(response) => response,
            Err(error) => {
                written.context("the server closed the connection while the request was sent")?;
                return Err(error);
            }
        };
        if connection.reusable && written.is_ok() {
            self.keep(authority, connection);
        }
        Ok(response)
    }

    fn take(&self, authority: &str) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.get_mut(authority).and_then(Vec::pop)
    }

    fn keep(&self, authority: &str, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.entry(authority.to_owned()).or_default().push(connection);
    }
}

/// The bytes of a request. A body is announced where there is one, and where the method wants one.
pub fn request(method: &str, authority: &str, target: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        request.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    request
}

/// One connection, for who wants to say when which bytes go.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    at: usize,
    reusable: bool,
}

impl Connection {
    /// Connects to `host:port`.
    pub fn open(authority: &str) -> Result<Connection> {
        let stream = TcpStream::connect(authority).with_context(|| format!("cannot connect to {authority}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection { stream, buffer: Vec::new(), at: 0, reusable: true })
    }

    /// Sends these bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The socket, to set it up or to close half of it.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// May another request follow?
    pub fn reusable(&self) -> bool {
        self.reusable
    }

    /// Reads the answer to a request of this method.
    pub fn response(&mut self, method: &str) -> Result<Response> {
        loop {
            let (status, headers) = self.head()?;
            if (100..200).contains(&status) {
                continue;
            }
            let header = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
            self.reusable = !header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            let body = if method == "HEAD" || status == 204 || status == 304 {
                Vec::new()
            } else if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
                self.chunks()?
            } else if let Some(length) = header("content-length") {
                let length = length.parse().with_context(|| format!("Content-Length is {length:?}"))?;
                self.exactly(length)?
            } else {
                self.reusable = false;
                self.rest()?
            };
            // What was read ahead belongs to the next answer.
            self.buffer.drain(..self.at);
            self.at = 0;
            return Ok(Response { status, headers, body });
        }
    }

    fn head(&mut self) -> Result<(u16, Vec<(String, String)>)> {
        let first = self.line()?;
        let status = first
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1))
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("{first:?} is no status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) = line.split_once(':').with_context(|| format!("{line:?} is no header"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).with_context(|| format!("{line:?} is no chunk size"))?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.exactly(size)?);
            self.line()?;
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            let unread = self.buffer.get(self.at..).unwrap_or_default();
            if let Some(end) = unread.iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(unread.get(..end).unwrap_or_default()).trim_end().to_owned();
                self.at += end + 1;
                return Ok(line);
            }
            if !self.fill()? {
                bail!("the server closed the connection before its answer was complete");
            }
        }
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < self.at + length {
            if !self.fill()? {
                bail!("the body is shorter than announced");
            }
        }
        let bytes = self.buffer.get(self.at..self.at + length).unwrap_or_default().to_vec();
        self.at += length;
        Ok(bytes)
    }

    fn rest(&mut self) -> Result<Vec<u8>> {
        while self.fill()? {}
        Ok(self.buffer.split_off(self.at))
    }

    fn fill(&mut self) -> Result<bool> {
        let mut chunk = [0; 16 << 10];
        let read = loop {
            match self.stream.read(&mut chunk) {
                // A child of the test has ended: reads that have a time limit are not taken up again by themselves.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        self.buffer.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if self.buffer.len() > LONGEST {
            bail!("the answer is longer than {LONGEST} bytes");
        }
        Ok(read > 0)
    }
}

/// Percent-encodes everything but unreserved characters: for one query value.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
