//! What a write does to one resource, as a value: computed by the core, made true by a store.

pub mod making;
pub mod record;

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

use crate::clock::Timestamp;
use crate::document::Document;
use crate::error::ScimError;
use crate::path::AttrPath;
use crate::query::Select;
use crate::schema::{Kind, LinkType};
use crate::store::{Record, ResourceId, Version};

pub use making::Making;
pub use record::{ChangeRecord, Verb};

/// Everything one write does to one resource. Creating is changing nothing into something.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// All bounded attributes as they shall be; None: as they are.
    pub document: Option<Document>,
    /// What links to the resource show (`members.display`), when that changes.
    pub label: Option<String>,
    /// Unbounded reference attributes, in order. For each attribute at most one `Replace`, or one `Remove` and then an
    /// `Add` for each choice of kinds; no target is named twice.
    pub links: Vec<LinkEdit>,
    /// Unique values to take.
    pub claim: Vec<Claim>,
    /// Unique values to give back, before any is taken.
    pub release: Vec<Claim>,
    /// Passwords and the like; never in documents, logs or events. A secret always counts as a change.
    pub secrets: Vec<SecretEdit>,
    /// Of a resource that is taken over from another store: what it brings along. None: version and time move by
    /// themselves. Needs `Capabilities::history`.
    pub history: Option<History>,
    /// For audit and events; the store adds id and version.
    pub record: ChangeRecord,
}

/// Version and times that a resource had in the store it comes from. Where a change is one, they stand instead of the
/// next version and the time of the request.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Its version.
    pub version: Version,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
}

/// A change to the links of one attribute. Targets are without repetition.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEdit {
    /// Adds the links that are not there yet. A target that exists in none of `kinds` in the tenant fails the
    /// mutation with `Missing`.
    #[expect(missing_docs, reason = "said above")]
    Add { at: Arc<LinkType>, targets: Vec<ResourceId>, kinds: Arc<[Kind]> },
    /// Removes the links that are there.
    #[expect(missing_docs, reason = "said above")]
    Remove { at: Arc<LinkType>, targets: Vec<ResourceId> },
    /// Makes the targets exactly these; each with the kinds in which it may be found.
    #[expect(missing_docs, reason = "said above")]
    Replace { at: Arc<LinkType>, targets: Vec<(ResourceId, Arc<[Kind]>)> },
}

/// A value that may stand once only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Unique in the whole server rather than among the resources of one kind in one tenant.
    pub global: bool,
    /// The attribute.
    pub at: AttrPath,
    /// The value's key under the attribute's text rule.
    pub token: String,
}

/// A new value for a secret attribute, or none.
#[derive(Clone)]
pub struct SecretEdit {
    /// The attribute.
    pub at: AttrPath,
    /// Plain or hashed, as `Capabilities::secrets` says; None clears it.
    pub value: Option<SecretString>,
}

impl fmt::Debug for SecretEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretEdit({})", self.at)
    }
}

/// Known without reading, or a function of the record.
#[derive(Debug, Clone)]
pub enum Change {
    /// With a document only beside `Expect::Version`: it was worked out from that version.
    Known(Box<ChangeSet>),
    /// Resolved where the record cannot move.
    Of(Arc<dyn Resolve>),
}

/// A change that depends on the record. Pure, quick, without I/O; run where the record cannot move, perhaps more than
/// once. Stores call it through [`resolve_guarded`].
pub trait Resolve: Send + Sync + fmt::Debug {
    /// The least that `now` must show.
    fn reads(&self) -> &Select;
    /// What shall change; None where nothing would.
    fn resolve(&self, now: &Record) -> Result<Option<ChangeSet>, ScimError>;
}

/// Runs `resolve`, turning a panic of ours into an internal error so that it cannot take the store's writer with it.
pub fn resolve_guarded(change: &dyn Resolve, now: &Record) -> Result<Option<ChangeSet>, ScimError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| change.resolve(now)))
        .unwrap_or_else(|_| Err(ScimError::internal("the server failed to work out the change; its log says more")))
}

/// One write.
#[derive(Debug, Clone)]
pub struct Mutation {
    /// The type of the resource.
    pub kind: Kind,
    /// What to do.
    pub action: Action,
    /// Asks for the record as it is stored afterwards.
    pub reply: Option<Select>,
}

/// What a mutation does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Makes a resource. `id` is None where ids come from the store.
    #[expect(missing_docs, reason = "said above")]
    Create { id: Option<ResourceId>, change: ChangeSet },
    /// Changes one.
    #[expect(missing_docs, reason = "said above")]
    Modify { id: ResourceId, change: Change, expect: Expect },
    /// Deletes one, and every link to it: the holders' versions move, and each gets `record.released(holder)`.
    #[expect(missing_docs, reason = "said above")]
    Delete { id: ResourceId, expect: Expect, record: ChangeRecord },
}

/// What must hold of the resource before it is changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Expect {
    /// It is there.
    Exists,
    /// It has one of these versions: the client's `If-Match`.
    Version(Vec<Version>),
}

impl Expect {
    /// Does this version satisfy the expectation?
    pub fn holds(&self, version: &Version) -> bool {
        match self {
            Expect::Exists => true,
            Expect::Version(versions) => versions.contains(version),
        }
    }
}

/// What a mutation did.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The resource.
    pub id: ResourceId,
    /// Its version now (of a deleted one: its last).
    pub version: Version,
    /// What happened.
    pub effect: Effect,
    /// The record as stored, where `reply` asked for it. None all the same where the change stands, but could not be
    /// read any more.
    pub record: Option<Box<Record>>,
    /// Does the record show the reverse attributes that `reply` asked for? Else they are read after the commit.
    pub filled: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Effect {
    Created,
    Changed,
    Unchanged,
    Deleted,
}
