//! The use cases of SCIM, for one store, without a transport: what `scim-server` calls, and any application that embeds
//! the core.
//!
//! - One use case each: `create`, `read`, `list`, `replace`, `patch`, `delete`, `bulk` (with `references`), `discovery`, `me`
//! - What writes share: `commit`, `secrets` (passwords), `protected` groups, `domains` of a tenant
//! - What answers share: `answer` (records to replies), `conditions` (ETags)
//! - `fit`: does stored data still fit after a schema has changed?

mod answer;
mod bulk;
mod commit;
mod conditions;
mod create;
mod delete;
mod discovery;
mod domains;
mod fit;
mod list;
mod me;
mod patch;
mod protected;
mod read;
mod references;
mod replace;
mod secrets;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;

use crate::access::{Principal, Rules, Tenant};
use crate::clock::{Clock, Entropy};
use crate::error::{Done, ScimError};
use crate::limits::Limits;
use crate::query::cursor::Cursors;
use crate::query::memo::Memo;
use crate::schema::ResourceType;
use crate::store::{ResourceId, Scope, Store, Writes};

pub use crate::document::project::View;
pub use conditions::Conditions;
pub use create::Imported;
pub use discovery::{AuthenticationScheme, Discovery};
pub use fit::{FitReport, MisfitOf};
pub use list::{ListParams, Over};

/// Runs work that takes a processor for a while, such as hashing a password, away from the request threads.
pub trait Pool: Send + Sync {
    /// Queues a job, or says that the queue is full.
    fn submit(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), Full>;
}

/// The queue of a [`Pool`] is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What the edge gives: time, chance, processors, bounds.
#[derive(Clone)]
pub struct Env {
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The generator of ids and salts.
    pub entropy: Arc<dyn Entropy>,
    /// Where passwords are hashed.
    pub pool: Arc<dyn Pool>,
    /// Every bound.
    pub limits: Arc<Limits>,
    /// The key of cursors: the same on all nodes, and after a restart.
    pub cursor_key: [u8; 32],
    /// What `/ServiceProviderConfig` says beside the limits.
    pub discovery: Arc<Discovery>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// On whose behalf a use case runs.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant whose data it is.
    pub tenant: Arc<Tenant>,
    /// The credential that asks.
    pub principal: Arc<Principal>,
    /// The request, for logs and audit.
    pub request: Arc<str>,
    /// The SCIM base URL that links are made with, without trailing slash.
    pub base: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

impl Caller {
    /// What the caller's profile tolerates.
    pub fn rules(&self) -> Rules {
        self.principal.profile.rules()
    }
}

/// The answer to a use case that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Decides the status.
    pub done: Done,
    /// JSON; empty for `NoContent` and `NotModified`.
    pub body: Bytes,
    /// The ETag header.
    pub etag: Option<String>,
    /// The Location header.
    pub location: Option<String>,
}

impl Reply {
    fn body(body: Vec<u8>) -> Self {
        Reply { done: Done::Ok, body: body.into(), etag: None, location: None }
    }
}

/// What the `Prefer` header asks of an answer to a write (RFC 7240).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `return=representation` is Some(true), `return=minimal` is Some(false).
    pub representation: Option<bool>,
}

/// The use cases, over one store.
#[derive(Debug)]
pub struct Service {
    store: Arc<dyn Store>,
    env: Env,
    cursors: Cursors,
    memo: Memo,
    /// Milliseconds and counter of the last id.
    last_id: AtomicU64,
}

impl Service {
    /// A service over this store.
    pub fn new(store: Arc<dyn Store>, env: Env) -> Self {
        let cursors = Cursors::new(env.cursor_key, env.limits.cursor_time);
        let memo = Memo::new(env.limits.walks, env.limits.walk_time);
        Service { store, env, cursors, memo, last_id: AtomicU64::new(0) }
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.env.limits
    }

    fn scope(&self, caller: &Caller) -> Scope {
        Scope {
            tenant: caller.tenant.id.clone(),
            actor: caller.principal.name.clone(),
            request: caller.request.clone(),
            now: self.env.clock.now(),
            deadline: caller.deadline,
        }
    }

    /// A new id: a UUID of version 7. Ids of one process always rise, so lists stand in the order of creation and
    /// indexes stay compact; 62 bits are chance.
    fn new_id(&self) -> ResourceId {
        ResourceId::new(&self.uuid())
    }

    fn uuid(&self) -> String {
        let mut tail = [0; 10];
        self.env.entropy.fill(&mut tail);
        // Milliseconds and, behind them, a counter of twelve bits for what is made in the same one (RFC 9562, 6.2).
        let now = u64::try_from(self.env.clock.now().millis()).unwrap_or_default() << 12;
        let last = self.last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
        let stamp = last.map_or(now, |last| now.max(last + 1));
        let [_, _, rest @ ..] = tail;
        let [.., high, low] = stamp.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = rest;
        let counter = [high & 0x0f, low, a, b, c, d, e, f, g, h];
        uuid::Builder::from_unix_timestamp_millis(stamp >> 12, &counter).into_uuid().to_string()
    }

    fn allow(&self, caller: &Caller, rt: &ResourceType, write: bool) -> Result<(), ScimError> {
        caller.principal.require(&rt.kind, &rt.endpoint, write)?;
        if write && self.store.capabilities().writes == Writes::None {
            return Err(ScimError::forbidden("the store behind this tenant is read-only here"));
        }
        Ok(())
    }
}
