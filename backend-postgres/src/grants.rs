//! What tokens open, kept for as long as no tenant and no credential changes: every request asks.
//!
//! Other servers change them too. A session of its own listens for that, and asks four times a second as well, as
//! notifications get lost in poolers and broken connections. Where it could not ask for so long that a change might be
//! older than a second, nothing that is kept counts, and every request asks the database.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use scim_core::store::control::{Grant, TokenDigest};
use tokio::time::{sleep, timeout};

use crate::connection::{Address, Link};
use crate::error::{Fault, Inner, corrupt};
use crate::statement::Sql;

/// Grants that are kept; where there are more in use, they are read again.
const KEPT: usize = 10_000;
/// How long to wait for a notification before asking.
const ASK: Duration = Duration::from_millis(250);
/// How old the last answer may be for what is kept to count.
const GOOD: Duration = Duration::from_millis(750);
/// How long an answer may take before the session is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What tokens open.
#[derive(Debug, Default)]
pub(crate) struct Grants(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The number that changes of tenants and credentials move, and when it was last asked for.
    generation: i64,
    asked: Option<Instant>,
    /// How often what was kept was thrown away.
    cleared: u64,
    known: HashMap<[u8; 32], Arc<Grant>>,
}

/// Which state of things something was read in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since(u64);

impl Grants {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of this token; else what [`Grants::keep`] wants to know of the time before the database was asked.
    pub(crate) fn find(&self, digest: &TokenDigest, now: Instant) -> Result<Arc<Grant>, Since> {
        let state = self.state();
        let good = state.asked.is_some_and(|asked| now.saturating_duration_since(asked) < GOOD);
        match state.known.get(&digest.0).filter(|_| good) {
            Some(grant) => Ok(grant.clone()),
            None => Err(Since(state.cleared)),
        }
    }

    /// Keeps what the database said, unless something has changed since it was asked.
    pub(crate) fn keep(&self, grant: &Arc<Grant>, since: Since) {
        let mut state = self.state();
        if state.cleared != since.0 {
            return;
        }
        if state.known.len() >= KEPT {
            state.known.clear();
        }
        state.known.insert(grant.credential.digest.0, grant.clone());
    }

    /// Something has changed.
    pub(crate) fn clear(&self) {
        self.state().clear();
    }

    /// The number as it stood at this moment or later.
    fn learn(&self, generation: i64, asked: Instant) {
        let mut state = self.state();
        if state.generation != generation {
            state.generation = generation;
            state.clear();
        }
        state.asked = Some(asked);
    }
}

impl State {
    fn clear(&mut self) {
        self.known.clear();
        self.cleared += 1;
    }
}

/// Watches for changes as long as the runtime lives.
pub(crate) async fn watch(address: Address, grants: Arc<Grants>) {
    loop {
        let Err(fault) = session(&address, &grants).await;
        tracing::debug!(?fault, "the session that listens for changes of tenants and tokens ended; it begins anew");
        sleep(ASK).await;
    }
}

async fn session(address: &Address, grants: &Grants) -> Inner<Infallible> {
    let mut link = address.connect().await?;
    link.batch("LISTEN scim_control").await?;
    loop {
        let asked = Instant::now();
        let generation = timeout(PATIENCE, generation(&link)).await;
        grants.learn(generation.unwrap_or(Err(Fault::Late))?, asked);
        if let Ok(news) = timeout(ASK, link.news()).await {
            news?;
        }
    }
}

async fn generation(link: &Link) -> Inner<i64> {
    let line = link.first(Sql::new("SELECT n FROM generation")).await?;
    line.ok_or_else(|| corrupt("the table generation is empty"))?.int(0)
}

#[cfg(test)]
mod tests {
    use scim_core::clock::Timestamp;
    use scim_core::store::TenantId;
    use scim_core::store::control::{CredentialRow, TenantRow, TenantSettings};

    use super::*;

    fn grant(digest: u8) -> Arc<Grant> {
        let (id, created) = (TenantId::new("acme"), Timestamp::from_millis(0));
        let credential = CredentialRow {
            tenant: id.clone(),
            name: "ci".into(),
            digest: TokenDigest([digest; 32]),
            rights: Vec::new(),
            profile: None,
            subject: None,
            created,
            expires: None,
            last_used: None,
        };
        let tenant = TenantRow { id, disabled: false, created, settings: TenantSettings::default() };
        Arc::new(Grant { credential, tenant })
    }

    #[test]
    fn what_is_kept_counts_until_something_changes_or_nobody_could_ask() {
        let grants = Grants::default();
        let (one, start) = (grant(1), Instant::now());
        let since = grants.find(&one.credential.digest, start).unwrap_err();
        grants.keep(&one, since);
        assert!(grants.find(&one.credential.digest, start).is_err(), "nobody has asked yet");
        grants.learn(7, start);
        let since = grants.find(&one.credential.digest, start).unwrap_err();
        grants.keep(&one, since);
        assert_eq!(grants.find(&one.credential.digest, start).unwrap(), one);
        grants.learn(7, start + ASK);
        assert!(grants.find(&one.credential.digest, start + GOOD).is_ok(), "asked again in between");
        assert!(grants.find(&one.credential.digest, start + ASK + GOOD).is_err(), "asked too long ago");
        grants.learn(8, start + ASK);
        assert!(grants.find(&one.credential.digest, start + ASK).is_err(), "something changed");
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let grants = Grants::default();
        let (one, start) = (grant(1), Instant::now());
        grants.learn(1, start);
        let since = grants.find(&one.credential.digest, start).unwrap_err();
        grants.clear();
        grants.keep(&one, since);
        assert!(grants.find(&one.credential.digest, start).is_err());
    }
}
