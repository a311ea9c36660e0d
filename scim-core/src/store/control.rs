//! What is not a resource: tenants, their credentials, and the server's own small secrets.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::access::{Profile, Right};
use crate::clock::Timestamp;

use super::{ResourceId, Result, TenantId};

/// What an administrator decides for one tenant. None leaves it to the server's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// For credentials without a profile of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// What becomes of members that do not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_missing_member: Option<OnMissing>,
    /// May two groups have one name? Default: no in compatible, yes in strict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_group_names: Option<bool>,
    /// Must PUT, PATCH and DELETE carry `If-Match`?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_if_match: Option<bool>,
    /// Are passwords taken?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passwords: Option<Passwords>,
    /// How `/Me` answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub me: Option<MeMode>,
    /// Domains that `userName` (where it is an address) and `emails.value` must be in; empty for any (threat A12).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Ids of groups (or other resources) that cannot be changed or deleted over SCIM, nor what is nested in them
    /// (threat A07).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    /// The fewest characters of a new password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_min: Option<usize>,
    /// The most users and groups and so on, each type by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources_max: Option<u64>,
}

/// What becomes of a member that names no resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// 400 invalidValue, naming it.
    #[default]
    Refuse,
    /// It is left out.
    Ignore,
}

/// Are passwords taken?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passwords {
    /// Hashed and kept.
    #[default]
    Accept,
    /// Accepted from clients that always send one, and thrown away.
    Discard,
    /// 400 invalidValue.
    Refuse,
}

/// How `/Me` answers (RFC 7644 section 3.11).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeMode {
    /// As the resource itself.
    #[default]
    Direct,
    /// 308 to the resource.
    Redirect,
    /// 501.
    Off,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantRow {
    /// Its name: `[a-z0-9][a-z0-9-]{0,62}`.
    pub id: TenantId,
    /// A disabled tenant's credentials are refused; its data stay.
    pub disabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Its settings.
    pub settings: TenantSettings,
}

/// The SHA-256 of a token. Equal to another only when compared in constant time.
#[derive(Clone, Copy)]
pub struct TokenDigest(pub [u8; 32]);

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

/// A credential, without its secret.
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialRow {
    /// Whose data it opens.
    pub tenant: TenantId,
    /// Its name, unique in the tenant among those that are not revoked; what logs call it. Rotation makes a second
    /// credential of the same name, so the digest is the key.
    pub name: String,
    /// The digest of the token.
    pub digest: TokenDigest,
    /// What it may do.
    pub rights: Vec<Right>,
    /// None: the tenant's.
    pub profile: Option<Profile>,
    /// The user that `/Me` means.
    pub subject: Option<ResourceId>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used: Option<Timestamp>,
}

/// What a token opens.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The credential that it is.
    pub credential: CredentialRow,
    /// Whose it is.
    pub tenant: TenantRow,
}

/// The note that says why the writes of a tenant are paused; absent or empty while they are not.
pub fn pause_note(tenant: &TenantId) -> String {
    format!("paused.{tenant}")
}

/// Tenants and credentials. Implemented by the SQL backends; a directory borrows one of them. Every call acts on what
/// other processes have written until now.
#[async_trait]
pub trait ControlStore: fmt::Debug + Send + Sync + 'static {
    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<TenantRow>>;
    /// One of them.
    async fn tenant(&self, id: &TenantId) -> Result<Option<TenantRow>>;
    /// Makes a tenant; `Taken` is told as false.
    async fn create_tenant(&self, row: &TenantRow) -> Result<bool>;
    /// Changes settings and state of a tenant; false where there is none.
    async fn update_tenant(&self, row: &TenantRow) -> Result<bool>;
    /// Deletes a tenant with its credentials and all its resources; false where there is none.
    async fn delete_tenant(&self, id: &TenantId) -> Result<bool>;

    /// The credential with this digest, and its tenant. Every request asks: a store keeps what it found, until it changes.
    async fn credential(&self, digest: &TokenDigest) -> Result<Option<Arc<Grant>>>;
    /// Those of one tenant, or all, by tenant, name and time of making.
    async fn credentials(&self, tenant: Option<&TenantId>) -> Result<Vec<CredentialRow>>;
    /// Adds a credential.
    async fn create_credential(&self, row: &CredentialRow) -> Result<()>;
    /// Ends credentials of this name: all, or all but the newest. Returns how many.
    async fn revoke(&self, tenant: &TenantId, name: &str, keep_newest: bool) -> Result<u64>;
    /// Sets the end of the credentials of this name that end later or never. Returns how many.
    async fn expire(&self, tenant: &TenantId, name: &str, at: Timestamp) -> Result<u64>;
    /// Notes that credentials were used. Callers batch; losing a note is no harm.
    async fn touch(&self, used: &[(TokenDigest, Timestamp)]) -> Result<()>;

    /// A small value of the server's own, such as the key of cursors or the fingerprint of a tenant's schemas.
    async fn note(&self, name: &str) -> Result<Option<Vec<u8>>>;
    /// Sets it; with `only_if_absent` an existing value stays. Returns the value that now stands.
    async fn set_note(&self, name: &str, value: &[u8], only_if_absent: bool) -> Result<Vec<u8>>;

    /// What is kept here for a store that has no place for it; None: nothing is.
    fn external_ids(self: Arc<Self>) -> Option<Arc<dyn ExternalIds>> {
        None
    }
}

/// The client in whose name it is kept which resources were deleted though the store still has them. No credential is called so.
pub const DELETED: &str = "";
/// What stands with the id of such a resource.
pub const DELETED_MARK: &str = "deleted";

/// The client in whose name it is kept which entries are about to leave their names while what leads to them has to follow. No credential
/// is called so.
pub const LEAVING: &str = " leaving";

/// The `externalId`s that clients give to resources of a store that cannot hold them. A client sees its own only (RFC 7643
/// section 3.1); one id may stand for several resources.
#[async_trait]
pub trait ExternalIds: fmt::Debug + Send + Sync + 'static {
    /// Those that a client gave to some of these resources.
    async fn of(&self, tenant: &TenantId, client: &str, ids: &[ResourceId]) -> Result<Vec<(ResourceId, String)>>;
    /// The resources to which a client gave this one, in order of their ids.
    async fn with(&self, tenant: &TenantId, client: &str, external: &str) -> Result<Vec<ResourceId>>;
    /// Gives a resource this one, or none.
    async fn set(&self, tenant: &TenantId, client: &str, id: &ResourceId, external: Option<&str>) -> Result<()>;
    /// All that a client gave, in order of ids, but no more than so many.
    async fn all(&self, tenant: &TenantId, client: &str, most: u32) -> Result<Vec<(ResourceId, String)>>;
    /// The clients who gave any, by name, with how many; without [`DELETED`] and [`LEAVING`].
    async fn clients(&self, tenant: &TenantId) -> Result<Vec<(String, u64)>>;
    /// Forgets a resource, for all clients but [`DELETED`] and [`LEAVING`].
    async fn forget(&self, tenant: &TenantId, id: &ResourceId) -> Result<()>;
}
