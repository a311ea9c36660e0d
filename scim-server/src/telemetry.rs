//! Logs on standard error. They name routes, ids, tenants, credentials and durations, never values, tokens or query
//! strings (threat B07).

use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

use anyhow::Result;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt as lines, reload};

use crate::config::{LogFormat, LogSettings};

static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts logging; a second call in one process only changes the level.
pub fn start(settings: &LogSettings) -> Result<()> {
    if FILTER.get().is_some() {
        return level(settings);
    }
    let (filter, handle) = reload::Layer::new(settings.filter()?);
    let layer = match settings.format {
        LogFormat::Json => lines::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines::layer().with_ansi(colours).with_writer(std::io::stderr).boxed()
        }
    };
    if tracing_subscriber::registry().with(filter).with(layer).try_init().is_ok() {
        // Set by nobody else: try_init succeeds once.
        let _ = FILTER.set(handle);
    }
    Ok(())
}

/// Changes what is told.
pub fn level(settings: &LogSettings) -> Result<()> {
    let filter = settings.filter()?;
    if let Some(handle) = FILTER.get() {
        handle.reload(filter)?;
    }
    Ok(())
}

/// Names requests: what the process drew at its start, and a count. Nobody's order is told to anybody else, for the
/// count is mixed with what was drawn. In memory of its own: what lies beside it would go from thread to thread with the count.
#[derive(Debug)]
#[repr(align(128))]
pub struct RequestIds {
    process: u64,
    key: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that no other process gives out.
    pub fn new(random: &[u8; 32]) -> Self {
        let part = |at: usize| {
            let bytes = random.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
            u64::from_le_bytes(bytes)
        };
        RequestIds { process: part(0), key: part(8) | 1, next: AtomicU64::new(part(16)) }
    }

    /// The next one.
    pub fn next(&self) -> RequestId {
        // Multiplying by an odd number is a permutation: no count gives another's text.
        let mixed = self.next.fetch_add(1, Ordering::Relaxed).wrapping_mul(self.key);
        let mut text = [b'0'; 32];
        for (place, shift) in text.iter_mut().zip((0..32u32).rev()) {
            let from = if shift >= 16 { self.process >> ((shift - 16) * 4) } else { mixed >> (shift * 4) };
            *place = b"0123456789abcdef".get((from & 15) as usize).copied().unwrap_or(b'0');
        }
        RequestId(text)
    }
}

/// The name of a request, as `X-Request-Id` says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// Its text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Remembers the last panic of a thread without its text, which could hold data: only where it was.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
        tracing::error!(place, "a panic, which is a defect: please report it");
    }));
}

/// A value that is read often and replaced seldom.
#[derive(Debug, Default)]
pub struct Swap<T>(RwLock<T>);

impl<T: Clone> Swap<T> {
    /// Holds this.
    pub fn new(value: T) -> Self {
        Swap(RwLock::new(value))
    }

    /// What it holds.
    pub fn get(&self) -> T {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Holds this from now on.
    pub fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn request_ids_differ_and_begin_alike() {
        let ids = RequestIds::new(&crate::edge::random());
        let all = (0..10_000).map(|_| ids.next()).collect::<Vec<_>>();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert!(all.iter().all(|id| id.as_str().len() == 32 && id.as_str()[..16] == all[0].as_str()[..16]));
    }
}
