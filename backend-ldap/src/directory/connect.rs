//! From an address to a connection that is bound: TCP or a socket, TLS, the bind, all within one deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;

use crate::ldap::ber::whole_length;
use crate::ldap::message::{Body, Message};
use crate::ldap::{Code, LdapError};

use super::address::{Address, Endpoint};
use super::connection::{Bind, Bounds, Connection};
use super::options::{Credentials, Options};
use super::password::Refusals;
use super::tls::client_config;

/// ExtendedRequest 1.3.6.1.4.1.1466.20037 (RFC 4511 section 4.14.1).
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// An answer to StartTLS is a few bytes.
const START_TLS_ANSWER: usize = 64 << 10;

/// What opens connections to the servers of one directory.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) options: Options,
    tls: Arc<rustls::ClientConfig>,
    refusals: Refusals,
    pub(crate) runtime: Handle,
}

impl Connector {
    pub(crate) fn new(options: Options, runtime: Handle) -> Result<Self, String> {
        let tls = Arc::new(client_config(&options.tls)?);
        Ok(Connector { options, tls, refusals: Refusals::default(), runtime })
    }

    /// A new connection, bound. All of it is this runtime's: the connection outlives the call.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        to: &Address,
        runtime: &Handle,
        deadline: Instant,
    ) -> Result<Connection, LdapError> {
        let (this, address) = (self.clone(), to.clone());
        let connected = runtime.spawn(async move { this.connect_here(&address, deadline).await });
        connected.await.unwrap_or_else(|error| Err(unavailable(to, &error.to_string())))
    }

    async fn connect_here(&self, to: &Address, deadline: Instant) -> Result<Connection, LdapError> {
        let deadline = deadline.min(Instant::now() + self.options.connect_time);
        let failed = |why: String| unavailable(to, &format!("the bind failed: {why}"));
        let bind = match &self.options.credentials {
            Credentials::Anonymous => Bind::Anonymous,
            Credentials::External => Bind::External,
            Credentials::Simple { dn, password } => {
                let password = password.now().map_err(|why| failed(format!("the password in {why}")))?;
                self.refusals.check(to, &password, Instant::now()).map_err(failed)?;
                Bind::Simple { dn, password }
            }
        };
        let opened = tokio::time::timeout_at(deadline.into(), self.open(to)).await;
        let connection = opened.unwrap_or_else(|_| Err(unavailable(to, "no connection in time")))?;
        connection.bind(&bind, deadline).await.map_err(|error| {
            if let (Some(Code::INVALID_CREDENTIALS), Bind::Simple { password, .. }) = (error.code(), &bind) {
                self.refusals.note(to, password, &error.to_string(), Instant::now());
            }
            failed(error.to_string())
        })?;
        Ok(connection)
    }

    async fn open(&self, to: &Address) -> Result<Connection, LdapError> {
        match to {
            Address::Ldap(at) => {
                let mut stream = self.dial(to, at).await?;
                if !self.options.tls.start {
                    return self.speak(stream).await;
                }
                start_tls(&mut stream).await.map_err(|why| unavailable(to, &why))?;
                self.encrypt(to, at, stream).await
            }
            Address::Ldaps(at) => {
                let stream = self.dial(to, at).await?;
                self.encrypt(to, at, stream).await
            }
            Address::Ldapi(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| unavailable(to, &error.to_string()))?;
                self.speak(stream).await
            }
        }
    }

    async fn speak(&self, stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Result<Connection, LdapError> {
        let Options { in_flight, message, answer, .. } = self.options;
        Connection::over(stream, Bounds { in_flight, message, answer }, &Handle::current()).await
    }

    async fn dial(&self, to: &Address, at: &Endpoint) -> Result<TcpStream, LdapError> {
        let stream = TcpStream::connect((at.host.as_str(), at.port)).await;
        let stream = stream.map_err(|error| unavailable(to, &error.to_string()))?;
        // Both make it better, neither is needed.
        let _ = stream.set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        Ok(stream)
    }

    async fn encrypt(&self, to: &Address, at: &Endpoint, stream: TcpStream) -> Result<Connection, LdapError> {
        let name = ServerName::try_from(at.host.clone()).map_err(|error| unavailable(to, &error.to_string()))?;
        let connector = TlsConnector::from(self.tls.clone());
        let stream =
            connector.connect(name, stream).await.map_err(|error| unavailable(to, &format!("TLS: {error}")))?;
        self.speak(stream).await
    }
}

fn unavailable(to: &Address, why: &str) -> LdapError {
    LdapError::Unavailable(format!("{to}: {why}"))
}

/// Asks to go on in TLS, and reads the answer to its last byte. What comes behind it in clear could be anybody's.
async fn start_tls(stream: &mut TcpStream) -> Result<(), String> {
    stream.write_all(START_TLS).await.map_err(|error| error.to_string())?;
    let mut buffer = BytesMut::new();
    loop {
        let length = whole_length(&buffer, START_TLS_ANSWER).map_err(|bad| bad.to_string())?;
        match length {
            Some(length) if buffer.len() > length => return Err("bytes in clear behind the answer to StartTLS".into()),
            Some(length) if buffer.len() == length => break,
            _ => {}
        }
        let read = stream.read_buf(&mut buffer).await.map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("the server closed the connection instead of starting TLS".into());
        }
    }
    match Message::read(buffer.freeze()).map_err(|bad| bad.to_string())?.body {
        Body::Done(_, answer) if answer.result.code.is_success() => Ok(()),
        Body::Done(_, answer) => Err(format!("StartTLS was refused: {}", answer.result)),
        _ => Err("the answer to StartTLS is none".into()),
    }
}
