//! What is there when a row begins: a filled database, the server on it, a copy of it for the raw floor.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::client::{Client, request};
use crate::hello::Hello;
use crate::measure::{Requests, Turns, requests, spread, turns};
use crate::raw::{Person, Raw};
use crate::seed;
use crate::server::{Program, Server, TOKEN};

/// The groups, by their number of members.
pub const GROUPS: [u64; 4] = [10, 1_000, 10_000, 100_000];
/// Creates in one bulk request of the start: below the largest body.
const BATCH: u64 = 400;
/// Members in one PATCH of the start.
const MEMBERS: usize = 5_000;

pub struct World {
    pub program: Program,
    pub users: u64,
    /// Of one measurement.
    pub time: Duration,
    pub rounds: usize,
    /// The users of the start, in order of their ids.
    pub people: Arc<Vec<Person>>,
    folder: PathBuf,
    server: Option<Server>,
    /// Numbers given out so far.
    fresh: AtomicU64,
    _temporary: Option<TempDir>,
}

impl World {
    pub async fn make(
        program: Program,
        users: u64,
        time: Duration,
        rounds: usize,
        keep: Option<&Path>,
    ) -> Result<World> {
        let temporary = if keep.is_some() { None } else { Some(TempDir::with_prefix("scim-load-")?) };
        let folder = match (keep, &temporary) {
            (Some(keep), _) => std::path::absolute(keep)?,
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => std::env::temp_dir(),
        };
        std::fs::create_dir_all(&folder)?;
        let people = Arc::default();
        let mut world = World {
            program,
            users,
            time,
            rounds,
            people,
            folder,
            server: None,
            fresh: AtomicU64::new(0),
            _temporary: temporary,
        };
        let filled = world.path(&format!("filled-{users}.db"));
        if !filled.exists() {
            let filling = world.path("filling.db");
            remove(&filling)?;
            world.fill(&filling, users).await?;
            std::fs::rename(&filling, &filled)?;
        }
        copy(&filled, &world.path("serve.db"))?;
        copy(&filled, &world.path("raw.db"))?;
        world.people = Arc::new(world.raw()?.users()?);
        ensure!(world.people.len() as u64 == users, "{} users in {}", world.people.len(), filled.display());
        world.restart().await?;
        Ok(world)
    }

    /// A file of this run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Creates users in bulk and groups by PATCH, over HTTP.
    async fn fill(&self, path: &Path, users: u64) -> Result<()> {
        let server = self.program.start(path).await?;
        let mut client = Client::connect(server.address).await?;
        for start in (0..users).step_by(usize::try_from(BATCH)?) {
            let body = seed::bulk(start..(start + BATCH).min(users));
            let answer = client.send(&request("POST", "/scim/v2/Bulk", TOKEN, Some(&body))).await?;
            let text = String::from_utf8_lossy(answer.body);
            ensure!(answer.status == 200, "{}: {text}", answer.status);
            ensure!(!text.contains("\"status\":\"4"), "a user was refused: {text}");
        }
        server.stop().await?;
        let people = Raw::open(path)?.users()?;
        let server = self.program.start(path).await?;
        let mut client = Client::connect(server.address).await?;
        for size in GROUPS.into_iter().filter(|size| *size <= users) {
            let body = seed::group(&group_name(size));
            let answer = client.send(&request("POST", "/scim/v2/Groups", TOKEN, Some(&body))).await?;
            ensure!(answer.status == 201, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
            let group: serde_json::Value = serde_json::from_slice(answer.body)?;
            let id = group.get("id").and_then(serde_json::Value::as_str).context("a group without id")?.to_owned();
            let members = people.get(..usize::try_from(size)?).context("too few users")?;
            for some in members.chunks(MEMBERS) {
                let body = seed::add_members(some.iter().map(|person| &*person.id));
                let sent = request("PATCH", &format!("/scim/v2/Groups/{id}"), TOKEN, Some(&body));
                let answer = client.send(&sent).await?;
                ensure!(answer.status == 204, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
            }
        }
        server.stop().await
    }

    /// The running server.
    pub fn server(&self) -> Result<&Server> {
        self.server.as_ref().context("the server is not running")
    }

    /// A server that has just started.
    pub async fn restart(&mut self) -> Result<&Server> {
        self.end().await?;
        Ok(self.server.insert(self.program.start(&self.path("serve.db")).await?))
    }

    pub async fn end(&mut self) -> Result<()> {
        match self.server.take() {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    /// The raw floor, on its copy.
    pub fn raw(&self) -> Result<Raw> {
        Raw::open(&self.path("raw.db"))
    }

    /// The id of the group of this size; the same in both copies.
    pub fn group(&self, size: u64) -> Result<String> {
        self.raw()?.group(&group_name(size))?.with_context(|| format!("there is no group of {size}"))
    }

    /// The first of so many numbers that were not given out before.
    pub fn fresh(&self, count: u64) -> u64 {
        self.fresh.fetch_add(count, Ordering::Relaxed)
    }

    /// The bytes of the answer to a request, which must be a success.
    pub async fn size(&self, sent: &[u8]) -> Result<usize> {
        let mut client = Client::connect(self.server()?.address).await?;
        let answer = client.send(sent).await?;
        ensure!((200..300).contains(&answer.status), "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
        Ok(answer.body.len())
    }

    /// The server against actix-web with a fixed body of the size that the server's answers have.
    pub async fn against_hello(&self, connections: u64, make: Requests) -> Result<Turns> {
        let hello = Hello::start(self.size(&make(0, 0)).await?)?;
        self.against(&hello, connections, make).await
    }

    /// The same with a floor that is running.
    pub async fn against(&self, hello: &Hello, connections: u64, make: Requests) -> Result<Turns> {
        let address = self.server()?.address;
        let warm = self.time / 4;
        requests(address, connections, warm, &make).await?;
        requests(hello.address, connections, warm, &make).await?;
        turns(
            self.rounds,
            async || requests(hello.address, connections, self.time, &make).await,
            async || requests(address, connections, self.time, &make).await,
        )
        .await
    }
}

pub fn group_name(size: u64) -> String {
    format!("Group of {size}")
}

/// A GET.
pub fn get(target: &str) -> Vec<u8> {
    request("GET", target, TOKEN, None)
}

/// A request with a body.
pub fn send(method: &str, target: &str, body: &[u8]) -> Vec<u8> {
    request(method, target, TOKEN, Some(body))
}

/// Copies a database that nobody has open.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    ensure!(!beside(from, "-wal").exists_with_content(), "{} is in use", from.display());
    std::fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(())
}

/// Removes a database.
pub fn remove(path: &Path) -> Result<()> {
    for end in ["", "-wal", "-shm", "-lock"] {
        match std::fs::remove_file(beside(path, end).0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

struct Beside(PathBuf);

impl Beside {
    fn exists_with_content(&self) -> bool {
        std::fs::metadata(&self.0).is_ok_and(|file| file.len() > 0)
    }
}

fn beside(path: &Path, end: &str) -> Beside {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    Beside(name.into())
}

/// One of these people, by chance that is the same in every run.
pub fn any(people: &[Person], connection: u64, number: u64) -> Option<&Person> {
    let at = spread(connection << 32 | number) % people.len().max(1) as u64;
    people.get(usize::try_from(at).ok()?)
}
