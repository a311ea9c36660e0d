//! A small HTTP/1.1 client that sends the request target byte for byte and keeps connections open, in the clear and by TLS.
//!
//! Libraries tidy up what they send (dangling `?` and `&`, unusual escapes); here that is part of the test.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

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

/// Open connections, by `http://host:port` or `https://host:port`.
#[derive(Debug, Default)]
pub struct Client {
    idle: Mutex<HashMap<String, Vec<Connection>>>,
    tls: Option<Arc<ClientConfig>>,
}

impl Client {
    /// One that speaks TLS too, with servers whose certificates the machine trusts, or those of the authorities in this file
    /// (PEM).
    ///
    /// # Errors
    /// The file cannot be read or holds no certificate.
    pub fn with_tls(authorities: Option<&Path>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        match authorities {
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Some(file) => {
                for certificate in CertificateDer::pem_file_iter(file).with_context(|| format!("{}", file.display()))? {
                    roots.add(certificate.with_context(|| format!("{}", file.display()))?)?;
                }
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
        Ok(Client { tls: Some(Arc::new(config)), ..Client::default() })
    }

    /// Sends one request to `http://host:port/target` (or `https://`) and reads the answer. `url` is split at its first
    /// single slash; nothing else of it is looked at.
    pub fn send(&self, method: &str, url: &str, headers: &[(String, String)], body: &[u8]) -> Result<Response> {
        let authority = url.find("://").context("a URL begins with http:// or https://")? + 3;
        let rest = url.get(authority..).unwrap_or_default();
        let (origin, target) = url.split_at(authority + rest.find('/').unwrap_or(rest.len()));
        let authority = origin.get(authority..).unwrap_or_default();
        let request = request(method, authority, if target.is_empty() { "/" } else { target }, headers, body);
        if let Some(connection) = self.take(origin)
            && let Ok(response) = self.exchange(origin, connection, method, &request)
        {
            return Ok(response);
        }
        self.exchange(origin, self.open(origin, authority)?, method, &request)
    }

    fn open(&self, origin: &str, authority: &str) -> Result<Connection> {
        if !origin.starts_with("https://") {
            return Connection::open(&with_port(authority, 80));
        }
        let tls = self.tls.as_ref().context("this client does not speak TLS")?;
        Connection::secure(&with_port(authority, 443), tls.clone())
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

/// `host:port`, with this port where none is said.
fn with_port(authority: &str, port: u16) -> String {
    let host = authority.rfind(']').map_or(0, |end| end + 1);
    let said = authority.get(host..).is_some_and(|rest| rest.contains(':'));
    if said { authority.to_owned() } else { format!("{authority}:{port}") }
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

/// What the bytes go through.
#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// One connection, for who wants to say when which bytes go.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    buffer: Vec<u8>,
    at: usize,
    reusable: bool,
}

impl Connection {
    /// Connects to `host:port`.
    pub fn open(authority: &str) -> Result<Connection> {
        Ok(Connection::over(Wire::Plain(connect(authority)?)))
    }

    /// Connects to `host:port` by TLS, and looks whether the certificate is that of the host.
    fn secure(authority: &str, tls: Arc<ClientConfig>) -> Result<Connection> {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .with_context(|| format!("{host:?} is no name of a server"))?;
        let client = ClientConnection::new(tls, name)?;
        Ok(Connection::over(Wire::Tls(Box::new(StreamOwned::new(client, connect(authority)?)))))
    }

    fn over(wire: Wire) -> Connection {
        Connection { wire, buffer: Vec::new(), at: 0, reusable: true }
    }

    /// Sends these bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.wire {
            Wire::Plain(stream) => stream.write_all(bytes),
            Wire::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// The socket, to set it up or to close half of it.
    pub fn stream(&self) -> &TcpStream {
        match &self.wire {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => stream.get_ref(),
        }
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
            let read = match &mut self.wire {
                Wire::Plain(stream) => stream.read(&mut chunk),
                Wire::Tls(stream) => stream.read(&mut chunk),
            };
            match read {
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

fn connect(authority: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(authority).with_context(|| format!("cannot connect to {authority}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
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
