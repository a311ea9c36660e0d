//! What was asked of a directory, how it ended, and how long a connection was waited for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::ldap::LdapError;

/// Numbers of one directory, over all its servers.
#[derive(Debug, Default)]
pub struct Numbers {
    /// By operation and by how it ended.
    operations: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    waits: AtomicU64,
    waited: AtomicU64,
    pages: AtomicU64,
}

impl Numbers {
    /// An operation ended so.
    pub(super) fn count<T>(&self, operation: &'static str, done: &Result<T, LdapError>) {
        let ended = match done {
            Ok(_) => "success",
            Err(LdapError::Unavailable(_)) => "unavailable server",
            Err(LdapError::Uncertain(_)) => "uncertain",
            Err(LdapError::Late(_)) => "late",
            Err(LdapError::Malformed(_)) => "malformed",
            Err(LdapError::TooMany(_)) => "too many",
            Err(LdapError::Request(_)) => "not sent",
            Err(error) => error.code().map_or("another code", crate::ldap::Code::name),
        };
        *self.operations.lock().unwrap_or_else(PoisonError::into_inner).entry((operation, ended)).or_default() += 1;
    }

    /// A connection was waited for.
    pub(super) fn waited(&self, time: Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.waited.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A page of a walk was read.
    pub(super) fn page(&self) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }

    /// Operations, by name and by how they ended.
    pub fn operations(&self) -> Vec<((&'static str, &'static str), u64)> {
        let all = self.operations.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(key, count)| (*key, *count)).collect()
    }

    /// How often a connection was waited for, and how long in all.
    pub fn waits(&self) -> (u64, Duration) {
        (self.waits.load(Ordering::Relaxed), Duration::from_micros(self.waited.load(Ordering::Relaxed)))
    }

    /// Pages of walks.
    pub fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }
}
