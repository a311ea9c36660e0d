//! The store: a place where resources live. Four methods of [`Store`] are required; the rest make it faster or let it say
//! more.
//!
//! - `capability`: what a store can do, as data; `pushdown`: which part of a filter it can take; `error`: how it fails
//! - `evaluate`, `reverse`: what the core does in its place
//! - `link_list`: the values of a link attribute
//! - `index`: what stores that keep indexes have in common
//! - `memory`: the reference store
//! - `control`: tenants and credentials; `metric`: numbers for whoever watches
//! - `ext`: conveniences for callers; `gather`: work that is asked for at the same time, done together

pub mod capability;
pub mod control;
pub mod error;
pub mod evaluate;
pub mod ext;
pub mod gather;
pub mod index;
pub mod link_list;
pub mod memory;
pub mod metric;
pub mod pushdown;
pub mod reverse;

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures_core::Stream;
use secrecy::SecretString;

use crate::change::{Mutation, Outcome};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::filter::BoundFilter;
use crate::path::AttrPath;
use crate::query::{Page, Query, Select};
use crate::schema::{Kind, LinkType, ResourceType, ReverseType};
use crate::text::text_type;

pub use capability::{
    Capabilities, Held, IdsFrom, Keeps, Lock, Newcomers, Secrets, Shortfall, Unique, Versions, Writes,
};
pub use error::{Result, Retry, StoreError, StoreErrorKind};
pub use ext::StoreExt;
pub use link_list::LinkList;
pub use metric::{Labels, Metric};
pub use pushdown::Fit;

/// A stream that borrows.
pub type BoxStream<'a, T> = Pin<Box<dyn Stream<Item = T> + Send + 'a>>;

text_type! {
    /// The name of a tenant. Part of every key.
    TenantId, 16, "{:?}"
}
text_type! {
    /// The `id` of a resource: opaque, case exact, unique over the whole server.
    ResourceId, 36, "{:?}"
}
text_type! {
    /// The version of a resource: the store's own opaque text, without quotes.
    Version, 16, "{:?}"
}

/// The type and the id of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The type.
    pub kind: Kind,
    /// The id.
    pub id: ResourceId,
}

/// On whose behalf, and until when. The first parameter of every call that touches data.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The tenant whose data it is.
    pub tenant: TenantId,
    /// The credential that asks.
    pub actor: Arc<str>,
    /// The request it asks in.
    pub request: Arc<str>,
    /// The time of the request: what `created` and `lastModified` become.
    pub now: Timestamp,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

/// A resource as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Which.
    pub key: Key,
    /// Moves on any change.
    pub version: Version,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed. Always later than before: a store takes `max(now, modified + 1 ms)`.
    pub modified: Timestamp,
    /// Its bounded attributes; [`Document::default`] where they were not selected.
    pub document: Document,
    /// The selected link attributes that have values. Reverse attributes too, once the core has filled them in.
    pub links: Vec<Links>,
}

/// The values of one link attribute, in ascending order of their targets' ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Links {
    /// The attribute, without sub-attribute.
    pub at: AttrPath,
    /// Its values.
    pub links: LinkList,
    /// Are these all of them?
    pub whole: bool,
}

text_type! {
    /// What a link shows of its other end: mostly a short name.
    Label, 24, "{:?}"
}

impl Deref for Label {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        Label::new(text)
    }
}

impl From<String> for Label {
    fn from(text: String) -> Self {
        Label::new(&text)
    }
}

/// One link, seen from one of its ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The other end.
    pub target: Key,
    /// The label of the other end, where it has one.
    pub display: Option<Label>,
    /// Reverse links only: through another holder rather than itself.
    pub indirect: bool,
}

impl Record {
    /// The selected values of the link attribute at this path.
    pub fn links(&self, at: &AttrPath) -> &[Link] {
        self.links.iter().find(|links| links.at.same_attribute(at)).map_or(&[], |links| &links.links)
    }
}

/// What [`Store::scan`] is asked for.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The type.
    pub kind: Kind,
    /// Never more than `pushdown` accepted.
    pub filter: Option<BoundFilter>,
    /// A hint.
    pub select: Select,
}

/// Which part of a filter `scan` takes, and whether that part is the whole answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Pushdown {
    /// No part.
    None,
    /// This, which accepts all that the filter accepts and perhaps more.
    Superset(BoundFilter),
    /// This, which accepts just what the filter accepts.
    Exact(BoundFilter),
}

/// How a store is: reachable or not is in the `Result`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// Something an operator should know.
    pub note: Option<String>,
}

/// A place where resources live. Every call sees exactly one tenant. A mutation is whole (a system that needs two
/// steps undoes the first, or answers `Uncertain`) and visible to the next read; an `Unchanged` outcome moves neither
/// version nor change log. A `commit` once begun runs to its end, also when its future is dropped; a dropped `scan`
/// stops working and gives back what it held.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// What the store can do.
    fn capabilities(&self) -> &Capabilities;

    /// Those of `ids` that exist, in any order, in as few round trips as the system allows.
    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>>;

    /// All resources of a type that the filter accepts, in any order.
    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>>;

    /// In order, each seeing those before it; one answer each. A mutation that fails leaves no trace and does not
    /// hinder the others.
    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>>;

    /// Before a tenant's traffic, and again when its types change: migrate, index, say what cannot be held.
    async fn prepare(&self, _tenant: &TenantId, _types: &[Arc<ResourceType>]) -> Result<Vec<Shortfall>> {
        Ok(Vec::new())
    }

    /// Lends a store that keeps no tenants the control store it is served with, for what it has to keep beside itself. Once, before
    /// any traffic.
    fn lend(&self, _control: Arc<dyn control::ControlStore>) {}

    /// Which part of this filter can `scan` take, and is that part exact?
    fn pushdown(&self, _kind: &Kind, _filter: &BoundFilter) -> Pushdown {
        Pushdown::None
    }

    /// What the system below is asked for a scan, in its own words, for people who wonder what a filter costs; None: there is
    /// nothing to tell.
    async fn explain(&self, _scope: &Scope, _scan: &Scan) -> Result<Option<String>> {
        Ok(None)
    }

    /// A whole page, or None: not this one, walk it.
    async fn query(&self, _scope: &Scope, _query: &Query) -> Result<Option<Page>> {
        Ok(None)
    }

    /// Links read the other way, over one hop: (target, its holder) for many targets at once. `User.groups` of a page.
    /// The link's `target` is the holder and its `display` the holder's label.
    async fn holders(
        &self,
        scope: &Scope,
        of: &Kind,
        targets: &[ResourceId],
        via: &Arc<LinkType>,
    ) -> Result<Vec<(ResourceId, Link)>> {
        evaluate::holders(self, scope, of, targets, via).await
    }

    /// Fills a reverse attribute into records of one type, through nested holders too.
    async fn fill(&self, scope: &Scope, records: &mut [Record], reverse: &Arc<ReverseType>) -> Result<()> {
        reverse::fill(self, scope, records, reverse).await
    }

    /// [`Store::read`] and then [`Store::fill`] for each of these: one round trip, where the system can.
    async fn read_filled(
        &self,
        scope: &Scope,
        kind: &Kind,
        ids: &[ResourceId],
        select: &Select,
        reverse: &[Arc<ReverseType>],
    ) -> Result<Vec<Record>> {
        let mut records = self.read(scope, kind, ids, select).await?;
        for one in reverse {
            self.fill(scope, &mut records, one).await?;
        }
        Ok(records)
    }

    /// The hash kept for a secret attribute, where `Capabilities::secrets` is `Hashed`.
    async fn secret(&self, _scope: &Scope, _key: &Key, _at: &AttrPath) -> Result<Option<SecretString>> {
        Err(StoreError::new(StoreErrorKind::Unsupported("reading secrets")))
    }

    /// Is the store reachable and in order?
    async fn health(&self) -> Result<Health> {
        Ok(Health::default())
    }

    /// What a store has to do by itself now and then, such as bringing to its end what was cut short. The server asks for it about once
    /// a minute.
    async fn tend(&self, _now: Timestamp) -> Result<()> {
        Ok(())
    }

    /// Numbers for whoever watches over the store. Asked now and then; nothing is waited for.
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }

    /// The outbox, where there is one.
    fn change_log(&self) -> Option<&dyn ChangeLog> {
        None
    }
}

/// One line of a change log.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedChange {
    /// Where the line stands; lines come in this order, and none appears later before one already read.
    pub position: u64,
    /// Whose resource it was.
    pub tenant: TenantId,
    /// [`ChangeRecord::logged`](crate::change::ChangeRecord::logged).
    pub record: serde_json::Value,
}

/// What was changed, in the order in which it settled. Written in the same transaction as the change.
#[async_trait]
pub trait ChangeLog: Send + Sync {
    /// The next lines behind a position, settled ones only.
    async fn read(&self, after: u64, count: u32) -> Result<Vec<LoggedChange>>;
    /// `consumer` needs nothing up to here any more.
    async fn acknowledge(&self, consumer: &str, upto: u64) -> Result<()>;
}
