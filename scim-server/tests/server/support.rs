//! A real server on a free port of loopback, and a small HTTP client of our own, so that nothing between test and
//! server mends what it sends.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use scim_core::store::Store;
use scim_server::{Builder, Server, Settings, Sources, Stopper};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A server in this process.
pub struct Running {
    pub address: SocketAddr,
    pub token: String,
    pub directory: tempfile::TempDir,
    /// What it serves, past HTTP.
    #[allow(dead_code, reason = "not every program of tests that shares this looks past HTTP")]
    pub store: Arc<dyn Store>,
    stopper: Stopper,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Running {
    /// With the defaults.
    pub fn start() -> Running {
        Running::with("")
    }

    /// With these settings beside an own store and port. `{dir}` in them is the server's directory.
    pub fn with(settings: &str) -> Running {
        Running::prepared(settings, |_| {})
    }

    /// The same, with files put in place first.
    pub fn prepared(settings: &str, prepare: impl FnOnce(&Path)) -> Running {
        Running::built(Server::builder(), settings, prepare)
    }

    /// The same, by a builder of the test's own.
    pub fn built(builder: Builder, settings: &str, prepare: impl FnOnce(&Path)) -> Running {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        let config = write_config(directory.path(), settings);
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let sources = Sources { file: Some(config), environment: Some(HashMap::new()) };
                let settings = Settings::load(&sources, builder.backends())?;
                let server = builder.open(settings, sources).await?;
                let first = server.first().and_then(|first| first.token.as_ref());
                let token = first.map(|token| token.expose_secret().to_owned()).unwrap_or_default();
                sender.send((server.address().unwrap(), token, server.store().clone(), server.stopper()))?;
                server.run().await
            })
        });
        match receiver.recv() {
            Ok((address, token, store, stopper)) => {
                Running { address, token, directory, store, stopper, thread: Some(thread) }
            }
            Err(_) => panic!("the server did not start: {:?}", thread.join()),
        }
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("scim-server.toml")
    }

    /// Runs a command beside the server; gives its standard output.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = command(&self.config(), arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A new token.
    pub fn make_token(&self, tenant: &str, name: &str, more: &[&str]) -> String {
        let mut arguments = vec!["token", "create", "--tenant", tenant, "--name", name];
        arguments.extend(more);
        self.command(&arguments)
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path).header("Authorization", &format!("Bearer {}", self.token))
    }

    pub fn anonymous(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send()
    }

    /// Makes a user and gives its id.
    pub fn user(&self, name: &str) -> String {
        let answer = self.post("/scim/v2/Users", &json!({"schemas": [USER], "userName": name}));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits for the end.
    pub fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes a configuration with a store and a port of its own.
pub fn write_config(directory: &Path, more: &str) -> PathBuf {
    let config = directory.join("scim-server.toml");
    let more = more.replace("{dir}", &directory.display().to_string());
    let listen = if more.contains("listen =") { "" } else { "listen = \"127.0.0.1:0\"" };
    let (server, rest) = match more.split_once("[server]") {
        Some((before, after)) => (after.to_owned(), before.to_owned()),
        None => (String::new(), more),
    };
    let path = directory.join("scim.db");
    let text = format!("{rest}\n[store.sqlite]\npath = {path:?}\n[server]\n{listen}\n{server}\n");
    std::fs::write(&config, text).unwrap();
    config
}

/// The built program.
pub fn command(config: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_scim-server"));
    command.arg("--config").arg(config).args(arguments).env_remove("SCIM_BOOTSTRAP_TOKEN");
    command
}

/// One request, on a connection of its own.
pub struct Request {
    address: SocketAddr,
    method: String,
    head: String,
    body: Vec<u8>,
    typed: bool,
}

impl Request {
    pub fn new(address: SocketAddr, method: &str, path: &str) -> Request {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n");
        Request { address, method: method.to_owned(), head, body: Vec::new(), typed: false }
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.typed |= name.eq_ignore_ascii_case("content-type");
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub fn json(self, body: &Value) -> Request {
        self.body(body.to_string())
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    pub fn send(self) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let typed = if self.typed || self.body.is_empty() { "" } else { "Content-Type: application/scim+json\r\n" };
        let head = format!("{}{typed}Content-Length: {}\r\n\r\n", self.head, self.body.len());
        // A server that refuses early closes while we still write.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&self.body));
        read_answer(&mut stream, self.method == "HEAD")
    }
}

/// Reads until the server closes.
pub fn read_answer(stream: &mut impl Read, head_only: bool) -> Answer {
    let mut raw = Vec::new();
    let mut piece = [0; 4096];
    let mut end = None;
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            // A child of the test has ended: reads that have a time limit are not taken up again by themselves.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                end = Some(error);
                break;
            }
            Ok(n) => raw.extend_from_slice(&piece[..n]),
        }
        if let Some((head, body)) = split(&raw) {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            if length.is_some_and(|length| body.len() >= length) || (head_only && length.is_some()) {
                break;
            }
        }
    }
    let (head, body) = split(&raw).unwrap_or_else(|| panic!("no answer: {:?} {end:?}", String::from_utf8_lossy(&raw)));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Answer { status, headers, body: body.to_vec() }
}

fn split(raw: &[u8]) -> Option<(String, &[u8])> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(&raw[..end]).into_owned(), &raw[end + 4..]))
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// An error must be a whole SCIM Error message (7644-3.12-01, -02, -04).
    #[track_caller]
    pub fn is_error(&self, status: u16, scim_type: Option<&str>) -> &Answer {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/scim+json"), "{self:?}");
        let body = self.json();
        assert_eq!(body["schemas"], json!([ERROR]), "{self:?}");
        assert_eq!(body["status"], json!(status.to_string()), "{self:?}");
        assert_eq!(body["scimType"].as_str(), scim_type, "{self:?}");
        assert!(body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{self:?}");
        self
    }
}
