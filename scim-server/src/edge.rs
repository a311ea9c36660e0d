//! The edge of the world: the real clock, the system's random numbers, and the threads that hash passwords. Everything
//! below takes them as parameters.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rand_core::{OsRng, TryRngCore};
use scim_core::clock::{Clock, Entropy, Timestamp};
use scim_core::service::{Full, Pool};

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the wall clock is read")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// Ends the process where the system has no random numbers to give: no token or key made without them is safe.
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = OsRng.try_fill_bytes(bytes) {
            tracing::error!(%error, "the operating system gives no random numbers");
            std::process::abort();
        }
    }
}

/// 32 bytes that nobody can guess.
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes);
    bytes
}

type Job = Box<dyn FnOnce() + Send>;

/// A few threads with a bounded queue: password hashing is slow on purpose and must not hold up anything else (threat
/// D04).
#[derive(Debug)]
pub struct Threads(SyncSender<Job>);

impl Threads {
    /// So many threads, and so many jobs waiting.
    pub fn start(threads: usize, waiting: usize) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<Job>(waiting);
        let receiver = Arc::new(Mutex::new(receiver));
        for n in 0..threads.max(1) {
            let receiver = receiver.clone();
            std::thread::Builder::new().name(format!("password-{n}")).spawn(move || work(&receiver))?;
        }
        Ok(Threads(sender))
    }
}

fn work(receiver: &Mutex<Receiver<Job>>) {
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            // A job that panics answers nothing, and its caller learns that from the dropped channel.
            Ok(job) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))),
            Err(_) => return,
        }
    }
}

impl Pool for Threads {
    fn submit(&self, job: Job) -> Result<(), Full> {
        self.0.try_send(job).map_err(|_| Full)
    }
}
