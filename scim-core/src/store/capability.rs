//! What a store can do, as data that the service, `/ServiceProviderConfig` and the contract suite read.

use crate::path::AttrPath;
use crate::schema::Kind;

/// `Default` is the humblest backend, so a new field never makes an old backend boast.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Capabilities {
    /// The backend's name, for logs and errors.
    pub name: &'static str,
    /// What may be written.
    pub writes: Writes,
    /// Who gives ids out.
    pub ids: IdsFrom,
    /// How `Expect::Version` is kept.
    pub lock: Lock,
    /// What versions are worth.
    pub versions: Versions,
    /// How unique values are kept unique.
    pub unique: Unique,
    /// What becomes of secrets.
    pub secrets: Secrets,
    /// What becomes of the version and the times that a resource had elsewhere.
    pub history: Keeps,
    /// Who refers to a resource that was made just now.
    pub newcomers: Newcomers,
}

/// Who refers to a resource that was made just now?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Newcomers {
    /// Perhaps somebody: the store itself works out who is a member of what.
    #[default]
    MayBeHeld,
    /// Nobody: links are only those that were written, and nobody knew it.
    HeldByNone,
}

/// Does the store keep the version and the times that a resource brings along
/// ([`ChangeSet::history`](crate::change::ChangeSet::history))?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keeps {
    /// No: its resources can be copied elsewhere, but none into it.
    #[default]
    No,
    /// Yes.
    Yes,
}

/// What may be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Writes {
    /// Nothing.
    #[default]
    None,
    /// Attributes of existing resources.
    Attributes,
    /// Everything.
    Full,
}

/// Who gives ids out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IdsFrom {
    /// The core.
    Core,
    /// The store: nobody knows an id before the outcome.
    #[default]
    Store,
}

/// How an expected version is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lock {
    /// Not at all.
    #[default]
    None,
    /// Looked at shortly before the write.
    CheckThenSet,
    /// Looked at in the write.
    CompareAndSet,
}

/// What versions are worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Versions {
    /// There are none.
    #[default]
    None,
    /// May miss a link change the system made itself, or move with a derived value.
    Loose,
    /// Move exactly when something changes.
    Exact,
}

/// How unique values are kept unique.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unique {
    /// Looked up before the write: two at once can both succeed.
    #[default]
    Checked,
    /// By the system itself.
    Enforced,
}

/// What becomes of secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Secrets {
    /// They are refused.
    #[default]
    Refused,
    /// They are handed on in plain, over a protected connection.
    Forwarded,
    /// Their hashes are kept.
    Hashed,
}

/// Something of a tenant's schemas that the store cannot hold. The core narrows the registry by it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortfall {
    /// The type.
    pub kind: Kind,
    /// The attribute.
    pub at: AttrPath,
    /// How far it can be held.
    pub held: Held,
    /// For the administrator.
    pub why: String,
}

/// How far an attribute can be held.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    /// Not at all.
    Not,
    /// It can be read.
    ReadOnly,
    /// It can be given once, and never changed (`immutable`).
    Once,
    /// It can, but must have a value.
    Required,
    /// Its elements may have these `type`s only.
    Types(Vec<String>),
}
