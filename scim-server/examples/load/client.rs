//! A small HTTP/1.1 client: one connection that is kept, requests written as they are, answers read by their length.
//! It talks to this machine only.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of an answer: a group of 100,000 members is some 20 MB.
const LONGEST: usize = 256 << 20;

/// One kept connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where the answer in the buffer ends.
    end: usize,
}

/// An answer, until the next request.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

/// What the head of an answer says.
struct Head {
    status: u16,
    length: usize,
    /// Where the body begins.
    start: usize,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Result<Client> {
        ensure!(address.ip().is_loopback(), "{address} is not on this machine");
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, buffer: Vec::with_capacity(64 << 10), end: 0 })
    }

    /// Sends a request as made by [`request`] and waits for the whole answer.
    pub async fn send(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.buffer.drain(..self.end);
        self.end = 0;
        self.stream.write_all(request).await?;
        let mut seen = 0;
        let head = loop {
            if let Some(head) = head(&self.buffer, seen)? {
                break head;
            }
            seen = self.buffer.len();
            self.fill().await?;
        };
        self.end = head.start + head.length;
        ensure!(self.end <= LONGEST, "an answer of {} bytes", head.length);
        while self.buffer.len() < self.end {
            self.fill().await?;
        }
        let body = self.buffer.get(head.start..self.end).unwrap_or_default();
        Ok(Answer { status: head.status, body })
    }

    async fn fill(&mut self) -> Result<()> {
        if self.buffer.capacity() - self.buffer.len() < 4 << 10 {
            self.buffer.reserve(self.buffer.len().clamp(64 << 10, 4 << 20));
        }
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => bail!("the server closed the connection"),
            _ => Ok(()),
        }
    }
}

/// The head, once it is whole. `seen` bytes were looked at before.
fn head(buffer: &[u8], seen: usize) -> Result<Option<Head>> {
    let from = seen.saturating_sub(3);
    let rest = buffer.get(from..).unwrap_or_default();
    let Some(at) = rest.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let end = from + at;
    let text = std::str::from_utf8(buffer.get(..end).unwrap_or_default()).context("the head of an answer")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).context("no status line")?;
    let mut length = 0;
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
            Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => bail!("an answer without length"),
            _ => {}
        }
    }
    Ok(Some(Head { status, length, start: end + 4 }))
}

/// The bytes of a request.
pub fn request(method: &str, target: &str, token: &str, body: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nAccept: application/scim+json\r\n"
    )
    .into_bytes();
    if let Some(body) = body {
        let head = format!("Content-Type: application/scim+json\r\nContent-Length: {}\r\n", body.len());
        bytes.extend_from_slice(head.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.unwrap_or_default());
    bytes
}

/// Text for the query of a URL.
pub fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
