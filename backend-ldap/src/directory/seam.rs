//! The seam between us and a server: bytes in, bytes out.
//!
//! ldap3 speaks into one end of a pair of sockets; the other end and the connection to the server, in TLS or not, are held
//! here. Two tasks carry messages between them, one each way, and let nothing through but what [`traffic`](super::traffic)
//! lets pass. All but binds is asked here, beside ldap3, and what comes of it goes from the task that reads to who waits for it. The
//! tasks run no code of the callers, and cannot panic on what they read.

use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot, watch};
use zeroize::{Zeroize, Zeroizing};

use crate::ldap::ber::whole_length;
use crate::ldap::{Answer, LdapError, Malformed, Request, Search};

use super::connection::Bounds;
use super::search::{Asking, Found, Gathering};
use super::traffic::{Passage, Traffic};

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;

/// How long a good bye may take.
const GOOD_BYE: Duration = Duration::from_secs(1);

/// UnbindRequest, under a number that no other request has.
const UNBIND: [u8; 10] = [0x30, 8, 2, 4, 0x7f, 0xff, 0xff, 0xff, 0x42, 0];

/// One connection to a server, as it is seen from ldap3's side.
#[derive(Debug)]
pub(super) struct Seam {
    state: Mutex<State>,
    /// Is it over?
    over: watch::Sender<bool>,
    /// There is something in `State::out`.
    waiting: Notify,
    bounds: Bounds,
}

#[derive(Debug)]
struct State {
    traffic: Traffic,
    /// What is asked beside ldap3, on its way out.
    out: Vec<u8>,
    /// May there be a password in it?
    secret: bool,
    /// Why it is over.
    closed: Option<String>,
}

impl Drop for State {
    /// There may have been a password in what did not go out.
    fn drop(&mut self) {
        self.out.zeroize();
    }
}

impl Seam {
    /// Begins to carry messages to and from a stream that is ready for them, in tasks of this runtime. The socket is ldap3's.
    pub(super) fn over(
        server: impl AsyncRead + AsyncWrite + Send + 'static,
        bounds: Bounds,
        runtime: &Handle,
    ) -> std::io::Result<(Arc<Seam>, StdUnixStream)> {
        let (theirs, ours) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let ours = {
            let _runtime = runtime.enter();
            UnixStream::from_std(ours)?
        };
        let state = Mutex::new(State { traffic: Traffic::new(), out: Vec::new(), secret: false, closed: None });
        let seam = Arc::new(Seam { state, over: watch::Sender::new(false), waiting: Notify::new(), bounds });
        let (from_server, to_server) = tokio::io::split(server);
        let (from_us, to_us) = ours.into_split();
        runtime.spawn(outwards(from_us, to_server, seam.clone()));
        runtime.spawn(inwards(from_server, to_us, seam.clone()));
        Ok((seam, theirs))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is it over?
    pub(super) fn is_closed(&self) -> bool {
        self.state().closed.is_some()
    }

    /// Why it is over.
    pub(super) fn why(&self) -> String {
        self.state().closed.clone().unwrap_or_else(|| "the connection went away".into())
    }

    /// For how long nothing came.
    pub(super) fn silent(&self) -> Duration {
        self.state().traffic.heard().elapsed()
    }

    /// Can anything of this request have gone out?
    pub(super) fn was_sent(&self, id: i32) -> bool {
        self.state().traffic.was_sent(id)
    }

    /// ldap3 does not wait for this any more: what comes for it stays here.
    pub(super) fn forget(&self, id: i32) {
        self.state().traffic.forget(id);
    }

    /// Asks for what a search finds in so much time on the server; zero: as long as it likes.
    ///
    /// # Errors
    /// It is over, or the search has no form that can be sent.
    pub(super) fn ask(self: &Arc<Self>, search: &Search, time: Duration) -> Result<Asking<Found>, LdapError> {
        let (gathering, told) = Gathering::new(self.bounds.answer);
        let id = self.put(false, |traffic| traffic.search(gathering), |id| search.to_message(id, time))?;
        Ok(Asking { seam: self.clone(), id, told, begun: Instant::now() })
    }

    /// Asks for something that is no search.
    ///
    /// # Errors
    /// It is over, or the request has no form that can be sent.
    pub(super) fn perform(self: &Arc<Self>, request: &Request) -> Result<Asking<Answer>, LdapError> {
        let (tells, told) = oneshot::channel();
        let end = request.operation.answer();
        let write = |id| request.to_message(id).map(Zeroizing::new);
        let id = self.put(true, |traffic| traffic.operation(end, tells), write)?;
        Ok(Asking { seam: self.clone(), id, told, begun: Instant::now() })
    }

    /// Puts a message among those that go out; may there be a password in it?
    fn put<M: AsRef<[u8]>>(
        &self,
        secret: bool,
        number: impl FnOnce(&mut Traffic) -> i32,
        write: impl FnOnce(i32) -> Result<M, LdapError>,
    ) -> Result<i32, LdapError> {
        let mut state = self.state();
        if let Some(why) = &state.closed {
            return Err(LdapError::Unavailable(why.clone()));
        }
        let id = number(&mut state.traffic);
        let message = write(id).inspect_err(|_| state.traffic.forget(id))?;
        state.out.extend_from_slice(message.as_ref());
        state.secret |= secret;
        drop(state);
        self.waiting.notify_one();
        Ok(id)
    }

    /// Takes what goes out: nothing, once it is over, since whoever waits was told how far it had gone.
    fn take(&self, out: &mut Outgoing) {
        let mut state = self.state();
        if state.closed.is_some() {
            return;
        }
        out.secret |= state.secret;
        if out.bytes.is_empty() {
            std::mem::swap(&mut out.bytes, &mut state.out);
        } else {
            out.bytes.extend_from_slice(&state.out);
            wipe(&mut state.out, out.secret);
        }
        state.secret = false;
        state.traffic.go();
    }

    /// Nobody waits for this any more.
    pub(super) fn leave(&self, id: i32) {
        let mut state = self.state();
        let State { traffic, out, .. } = &mut *state;
        if let Some(message) = traffic.leave(id) {
            out.extend_from_slice(&message);
            drop(state);
            self.waiting.notify_one();
        }
    }

    /// Ends it. Who still waits hears why.
    pub(super) fn close(&self, why: &str) {
        let mut state = self.state();
        state.closed.get_or_insert_with(|| why.to_owned());
        state.traffic.end();
        drop(state);
        self.over.send_replace(true);
    }
}

/// Carries requests to the server until it is over, and then says good bye.
async fn outwards(mut from: OwnedReadHalf, mut to: impl AsyncWrite + Unpin, seam: Arc<Seam>) {
    let mut over = seam.over.subscribe();
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut out = Outgoing::default();
    let why = loop {
        buffer.reserve(CHUNK);
        tokio::select! {
            // Requests are taken also while the server takes none, as ldap3 reads no answers before it is rid of them. They
            // are bounded by the operations under way.
            read = from.read_buf(&mut buffer) => match read {
                Ok(0) => break "it is not needed any more".to_owned(),
                Ok(_) => if let Err(bad) = take_requests(&mut buffer, &mut out, &seam) {
                    break format!("the request is malformed: {bad}");
                },
                Err(error) => break format!("the connection broke: {error}"),
            },
            () = seam.waiting.notified() => seam.take(&mut out),
            step = out.step(&mut to), if out.is_under_way() => match step {
                Ok(step) => out.done(step),
                Err(error) => break format!("the connection broke: {error}"),
            },
            _ = over.wait_for(|over| *over) => break String::new(),
        }
    };
    seam.close(&why);
    drop(from);
    let good_bye = async {
        to.write_all(&UNBIND).await?;
        to.shutdown().await
    };
    // A server that does not take it gets none.
    let _ = tokio::time::timeout(GOOD_BYE, good_bye).await;
}

/// Bytes on their way out.
#[derive(Debug, Default)]
struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    /// Were bytes written that may still be held back?
    held: bool,
    /// May there be a password in it?
    secret: bool,
}

/// What one step did. Each is one call that did nothing where it is broken off.
enum Step {
    Wrote(usize),
    Flushed,
}

impl Outgoing {
    fn is_under_way(&self) -> bool {
        self.held || !self.bytes.is_empty()
    }

    async fn step(&self, to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<Step> {
        match self.bytes.get(self.written..) {
            Some(rest) if !rest.is_empty() => match to.write(rest).await? {
                0 => Err(std::io::ErrorKind::WriteZero.into()),
                bytes => Ok(Step::Wrote(bytes)),
            },
            _ => to.flush().await.map(|()| Step::Flushed),
        }
    }

    fn done(&mut self, step: Step) {
        match step {
            Step::Wrote(bytes) => {
                self.written += bytes;
                self.held = true;
                if self.written >= self.bytes.len() {
                    self.clear();
                }
            }
            Step::Flushed => self.held = false,
        }
    }

    fn clear(&mut self) {
        wipe(&mut self.bytes, self.secret);
        self.bytes.shrink_to(4 * CHUNK);
        (self.written, self.secret) = (0, false);
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Empties it; leaves nothing in its memory where there may have been a password in it.
fn wipe(bytes: &mut Vec<u8>, secret: bool) {
    if secret {
        bytes.as_mut_slice().zeroize();
    }
    bytes.clear();
}

fn take_requests(buffer: &mut BytesMut, out: &mut Outgoing, seam: &Seam) -> Result<(), Malformed> {
    let mut state = seam.state();
    while let Some(mut message) = next_message(buffer, usize::MAX)? {
        state.traffic.goes(&message)?;
        out.bytes.extend_from_slice(&message);
        out.secret = true;
        message.as_mut().zeroize();
    }
    Ok(())
}

/// Carries answers to who waits for them until it is over.
async fn inwards(mut from: impl AsyncRead + Unpin, mut to: OwnedWriteHalf, seam: Arc<Seam>) {
    let mut over = seam.over.subscribe();
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut out = Vec::new();
    loop {
        let read = tokio::select! {
            read = from.read_buf(&mut buffer) => read,
            _ = over.wait_for(|over| *over) => return,
        };
        let end = match read {
            Ok(0) => Some("the server closed the connection".to_owned()),
            Ok(_) => take_answers(&mut buffer, &mut out, &seam)
                .unwrap_or_else(|bad| Some(format!("the answer is malformed: {bad}"))),
            Err(error) => Some(format!("the connection broke: {error}")),
        };
        // What came before the end still counts.
        let sent = tokio::select! {
            sent = to.write_all(&out) => sent,
            _ = over.wait_for(|over| *over) => return,
        };
        if let Some(why) = end {
            return seam.close(&why);
        }
        if sent.is_err() {
            return seam.close("it is not needed any more");
        }
        out.clear();
        out.shrink_to(4 * CHUNK);
        // Room is made for what comes, never for what a length promises.
        buffer.reserve(CHUNK);
    }
}

/// Some: it is over, for this reason.
fn take_answers(buffer: &mut BytesMut, out: &mut Vec<u8>, seam: &Seam) -> Result<Option<String>, Malformed> {
    let mut state = seam.state();
    let now = Instant::now();
    while let Some(message) = next_message(buffer, seam.bounds.message)? {
        match state.traffic.comes(kept(message), now)? {
            Passage::As(other) => out.extend_from_slice(&other),
            Passage::No => {}
            Passage::Stop(message) => {
                state.out.extend_from_slice(&message);
                seam.waiting.notify_one();
            }
            Passage::End(why) => return Ok(Some(why)),
        }
    }
    Ok(None)
}

/// A message as it can be kept: entries share the memory in which they came, and a small one must not hold all that was read with it.
fn kept(message: BytesMut) -> Bytes {
    if message.len() < CHUNK { Bytes::copy_from_slice(&message) } else { message.freeze() }
}

/// The next message, once it is whole.
fn next_message(buffer: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, Malformed> {
    let length = whole_length(buffer, most)?.filter(|length| *length <= buffer.len());
    Ok(length.map(|length| buffer.split_to(length)))
}

#[cfg(test)]
mod tests {
    use crate::ldap::Dn;

    use super::*;

    #[test]
    fn what_may_hold_a_password_is_wiped_and_a_search_holds_none() {
        let state = Mutex::new(State { traffic: Traffic::new(), out: Vec::new(), secret: false, closed: None });
        let bounds = Bounds { in_flight: 8, message: 1 << 20, answer: 1 << 20 };
        let seam = Arc::new(Seam { state, over: watch::Sender::new(false), waiting: Notify::new(), bounds });
        let mut out = Outgoing::default();
        let _search = seam.ask(&Search::entry(Dn::root(), Vec::new()), Duration::ZERO).unwrap();
        seam.take(&mut out);
        let search = out.bytes.len();
        assert!(search > 0 && !out.secret);
        let _password = seam.perform(&Request::set_password(&Dn::root(), &"swordfish".into())).unwrap();
        seam.take(&mut out);
        assert!(out.bytes.len() > search && out.secret && seam.state().out.is_empty());
        out.done(Step::Wrote(search));
        assert!(out.secret, "it is not gone yet");
        out.done(Step::Wrote(out.bytes.len() - search));
        assert!(out.bytes.is_empty() && !out.secret);
    }
}
