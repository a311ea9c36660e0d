//! One connection: bytes in, bytes out. Many operations share it; each gets its own answer, or hears that there is none.
//!
//! Two tasks belong to it: one writes what is queued, one reads and hands answers out. Neither runs any code of the
//! callers, and neither can panic on what it reads.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_channel::oneshot;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use zeroize::Zeroize;

use crate::ldap::ber::whole_length;
use crate::ldap::request::{self, Bind};
use crate::ldap::response::{Body, Message};
use crate::ldap::{Answer, Code, Entry, LdapError, LdapResult, Malformed, Request, Search};

/// What a search brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where more would be. Nobody goes there by itself.
    pub references: Vec<String>,
    /// How it ended, and the controls of the end.
    pub result: LdapResult,
}

/// The bounds of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) in_flight: usize,
    pub(crate) message: usize,
    pub(crate) answer: usize,
}

/// A connection that is open, or was.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something is queued.
    wake: Notify,
    /// Is it over?
    over: watch::Sender<bool>,
    turns: Semaphore,
    bounds: Bounds,
}

#[derive(Debug)]
struct State {
    next: i32,
    waiting: HashMap<i32, Waiting>,
    out: Vec<u8>,
    /// Bytes ever queued, and of those how many the writer has taken.
    queued: u64,
    taken: u64,
    /// Does `out` hold a secret?
    secret: bool,
    /// Why it is over.
    closed: Option<String>,
    /// When the last message came.
    heard: Instant,
}

/// An operation without its answer.
#[derive(Debug)]
struct Waiting {
    answer: oneshot::Sender<Result<Answered, LdapError>>,
    /// Where in the stream it begins: whether any of it can have gone out.
    begins: u64,
    writes: bool,
    search: Option<Gathering>,
}

/// The entries of a search so far.
#[derive(Debug, Default)]
struct Gathering {
    entries: Vec<Entry>,
    references: Vec<String>,
    bytes: usize,
}

#[derive(Debug)]
struct Answered {
    answer: Answer,
    gathered: Gathering,
}

/// More than this many references of one search are left off.
const REFERENCES: usize = 100;

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;

/// How long a good bye may take.
const GOOD_BYE: Duration = Duration::from_secs(1);

impl Connection {
    /// Begins to speak on a stream that is ready for it, in tasks of this runtime.
    pub(crate) fn over(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        bounds: Bounds,
        runtime: &Handle,
    ) -> Connection {
        let state = State {
            next: 1,
            waiting: HashMap::new(),
            out: Vec::new(),
            queued: 0,
            taken: 0,
            secret: false,
            closed: None,
            heard: Instant::now(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Notify::new(),
            over: watch::Sender::new(false),
            turns: Semaphore::new(bounds.in_flight),
            bounds,
        });
        let (read, write) = tokio::io::split(stream);
        runtime.spawn(write_all(write, shared.clone()));
        runtime.spawn(read_all(read, shared.clone()));
        Connection { shared }
    }

    /// Is it over?
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.state().closed.is_some()
    }

    /// How many operations are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.state().waiting.len()
    }

    /// For how long nothing came.
    pub(crate) fn silent(&self) -> Duration {
        self.shared.state().heard.elapsed()
    }

    /// Ends it. Who still waits hears why.
    pub(crate) fn close(&self, why: &str) {
        self.shared.close(why);
    }

    /// Binds.
    pub(crate) async fn bind(&self, bind: &Bind<'_>, deadline: Instant) -> Result<(), LdapError> {
        let answered = self.ask(false, true, None, deadline, |id| bind.to_message(id)).await?;
        succeeded(answered.answer).map(|_| ())
    }

    /// Asks for something that is no search.
    ///
    /// # Errors
    /// As [`LdapError`] says; `Uncertain` where a write went out and no answer came.
    pub(crate) async fn perform(&self, request: &Request, deadline: Instant) -> Result<Answer, LdapError> {
        let writes = request.operation.writes();
        let answered = self.ask(writes, writes, None, deadline, |id| request.to_message(id)).await?;
        succeeded(answered.answer)
    }

    /// Searches, and gathers all that is found.
    ///
    /// # Errors
    /// As [`LdapError`] says; `TooMany` where the entries are more bytes than an answer may have.
    pub(crate) async fn search(&self, search: &Search, deadline: Instant) -> Result<Found, LdapError> {
        let gathering = Some(Gathering::default());
        let answered = self.ask(false, false, gathering, deadline, |id| search.to_message(id)).await?;
        let Answered { answer, gathered } = answered;
        // What was cut off where the caller said was asked for.
        let wanted = search.size_limit > 0 && gathered.entries.len() >= search.size_limit as usize;
        let result = match answer.result.code {
            Code::SIZE_LIMIT if wanted => answer.result,
            _ => succeeded(answer)?.result,
        };
        Ok(Found { entries: gathered.entries, references: gathered.references, result })
    }

    async fn ask(
        &self,
        writes: bool,
        secret: bool,
        search: Option<Gathering>,
        deadline: Instant,
        message: impl FnOnce(i32) -> Result<Vec<u8>, LdapError>,
    ) -> Result<Answered, LdapError> {
        let begun = Instant::now();
        let turn = self.shared.turns.acquire();
        let turn = tokio::time::timeout_at(deadline.into(), turn).await;
        let _turn = match turn {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(LdapError::Unavailable("the connection is closed".into())),
            Err(_) => return Err(LdapError::Unavailable("the connection is busy for too long".into())),
        };
        let (id, answer) = self.shared.queue(writes, secret, search, message)?;
        let mut asked = Asked { shared: &self.shared, id, writes, done: false };
        let answered = tokio::time::timeout_at(deadline.into(), answer).await;
        match answered {
            Ok(answered) => {
                asked.done = true;
                answered.unwrap_or_else(|_| Err(lost(writes, "the connection went away")))
            }
            Err(_) if writes => Err(LdapError::Uncertain(format!("no answer within {:?}", begun.elapsed()))),
            Err(_) => Err(LdapError::Late(begun.elapsed())),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.close("it is not needed any more");
    }
}

fn succeeded(answer: Answer) -> Result<Answer, LdapError> {
    if answer.result.code.is_success() { Ok(answer) } else { Err(LdapError::Refused(Box::new(answer.result))) }
}

fn lost(writes: bool, why: &str) -> LdapError {
    if writes { LdapError::Uncertain(why.to_owned()) } else { LdapError::Unavailable(why.to_owned()) }
}

/// An operation under way: dropped before its answer, it is abandoned. A write is not: it is to run to its end.
struct Asked<'a> {
    shared: &'a Shared,
    id: i32,
    writes: bool,
    done: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.shared.forget(self.id, !self.writes);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(
        &self,
        writes: bool,
        secret: bool,
        search: Option<Gathering>,
        message: impl FnOnce(i32) -> Result<Vec<u8>, LdapError>,
    ) -> Result<(i32, oneshot::Receiver<Result<Answered, LdapError>>), LdapError> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        if let Some(why) = &state.closed {
            return Err(LdapError::Unavailable(why.clone()));
        }
        let id = state.free_id();
        let mut bytes = message(id)?;
        let begins = state.queued;
        state.send(&bytes, secret);
        if secret {
            bytes.zeroize();
        }
        state.waiting.insert(id, Waiting { answer, begins, writes, search });
        drop(state);
        self.wake.notify_one();
        Ok((id, answered))
    }

    /// Nobody waits for this any more.
    fn forget(&self, id: i32, abandon: bool) {
        let mut state = self.state();
        if state.waiting.remove(&id).is_some() && abandon && state.closed.is_none() {
            let own = state.free_id();
            state.send(&request::abandon(own, id), false);
            drop(state);
            self.wake.notify_one();
        }
    }

    /// What is to be written next, in place of what was there. Is there a secret in it?
    fn next_bytes(&self, bytes: &mut Vec<u8>) -> bool {
        let mut state = self.state();
        bytes.clear();
        std::mem::swap(bytes, &mut state.out);
        state.taken = state.queued;
        std::mem::take(&mut state.secret)
    }

    fn close(&self, why: &str) {
        let mut state = self.state();
        if state.closed.is_some() {
            return;
        }
        state.closed = Some(why.to_owned());
        let waiting = std::mem::take(&mut state.waiting);
        let taken = state.taken;
        drop(state);
        for (_, one) in waiting {
            // What the writer had not taken did not go out.
            let went_out = one.writes && one.begins < taken;
            let _ = one.answer.send(Err(lost(went_out, why)));
        }
        self.over.send_replace(true);
    }

    /// Hands out what came. Some: it is over, for this reason.
    fn take(&self, message: Message, bytes: usize) -> Option<String> {
        let mut state = self.state();
        state.heard = Instant::now();
        if message.id == 0 {
            let Body::Done(answer) = message.body else { return None };
            return Some(format!("the server ended the connection: {}", answer.result));
        }
        let Slot::Occupied(mut waiting) = state.waiting.entry(message.id) else { return None };
        let gathering = waiting.get_mut().search.as_mut();
        match (message.body, gathering) {
            (Body::Entry(entry), Some(gathering)) => {
                gathering.bytes += bytes;
                if gathering.bytes > self.bounds.answer {
                    let why = format!("the entries of one answer are more than {} bytes", self.bounds.answer);
                    let _ = waiting.remove().answer.send(Err(LdapError::TooMany(why)));
                    let own = state.free_id();
                    state.send(&request::abandon(own, message.id), false);
                    self.wake.notify_one();
                } else {
                    gathering.entries.push(entry);
                }
            }
            (Body::Reference(urls), Some(gathering)) => {
                let room = REFERENCES.saturating_sub(gathering.references.len());
                gathering.references.extend(urls.into_iter().take(room));
            }
            (Body::Done(answer), _) => {
                let mut waiting = waiting.remove();
                let gathered = waiting.search.take().unwrap_or_default();
                let _ = waiting.answer.send(Ok(Answered { answer, gathered }));
            }
            _ => {}
        }
        None
    }
}

impl State {
    fn free_id(&mut self) -> i32 {
        loop {
            let id = self.next;
            self.next = if id == i32::MAX { 1 } else { id + 1 };
            if !self.waiting.contains_key(&id) {
                return id;
            }
        }
    }

    fn send(&mut self, bytes: &[u8], secret: bool) {
        self.out.extend_from_slice(bytes);
        self.queued += bytes.len() as u64;
        self.secret |= secret;
    }
}

/// Writes what is queued until it is over, and then says good bye.
async fn write_all(mut stream: impl AsyncWrite + Unpin, shared: Arc<Shared>) {
    let mut over = shared.over.subscribe();
    let mut bytes = Vec::new();
    loop {
        let secret = shared.next_bytes(&mut bytes);
        let sent = async {
            if bytes.is_empty() {
                shared.wake.notified().await;
                return Ok(());
            }
            stream.write_all(&bytes).await?;
            stream.flush().await
        };
        let done = tokio::select! {
            done = sent => done,
            _ = over.wait_for(|over| *over) => break,
        };
        if secret {
            bytes.zeroize();
        }
        if let Err(error) = done {
            return shared.close(&format!("the connection broke: {error}"));
        }
    }
    bytes.zeroize();
    let good_bye = async {
        stream.write_all(&request::unbind(i32::MAX)).await?;
        stream.shutdown().await
    };
    // A server that does not take it gets none.
    let _ = tokio::time::timeout(GOOD_BYE, good_bye).await;
}

/// Reads and hands out until it is over.
async fn read_all(mut stream: impl AsyncRead + Unpin, shared: Arc<Shared>) {
    let mut over = shared.over.subscribe();
    let mut buffer = BytesMut::with_capacity(CHUNK);
    loop {
        let read = tokio::select! {
            read = stream.read_buf(&mut buffer) => read,
            _ = over.wait_for(|over| *over) => return,
        };
        let why = match read {
            Ok(0) => Some("the server closed the connection".to_owned()),
            Ok(_) => {
                hand_out(&mut buffer, &shared).unwrap_or_else(|bad| Some(format!("the answer is malformed: {bad}")))
            }
            Err(error) => Some(format!("the connection broke: {error}")),
        };
        if let Some(why) = why {
            return shared.close(&why);
        }
        // Room is made for what comes, never for what a length promises.
        buffer.reserve(CHUNK);
    }
}

/// Hands out what is whole. Some: it is over, for this reason.
fn hand_out(buffer: &mut BytesMut, shared: &Shared) -> Result<Option<String>, Malformed> {
    while let Some(length) = whole_length(buffer, shared.bounds.message)? {
        if buffer.len() < length {
            break;
        }
        let message = Message::read(buffer.split_to(length).freeze())?;
        if let Some(why) = shared.take(message, length) {
            return Ok(Some(why));
        }
    }
    Ok(None)
}
