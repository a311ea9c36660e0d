//! What an operator says of the directory beside how it is reached: what stands where, and what may be done.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::mapping::settings::TypeSettings;
use crate::mapping::tables::Product;

/// What may be done to the directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing is written.
    #[default]
    ReadOnly,
    /// Nothing is written, but what would be is logged.
    Shadow,
    /// Everything.
    Write,
}

/// Whether entries are believed in which groups they are (`memberOf`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemberOf {
    /// Where the directory keeps it, and a comparison showed that groups say the same.
    #[default]
    Auto,
    /// The operator vouches for it.
    Always,
    /// Groups are searched for their members.
    Never,
}

/// Where one tenant's entries are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// Its users.
    pub users: TypeSettings,
    /// Its groups.
    pub groups: TypeSettings,
}

/// What an operator says of the directory.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What may be done.
    pub mode: Mode,
    /// Whose tables are taken; None: those of what the server says it is.
    pub product: Option<Product>,
    /// Users.
    pub users: TypeSettings,
    /// Groups.
    pub groups: TypeSettings,
    /// Tenants with places of their own. Where there is one, every tenant needs its own.
    pub tenants: BTreeMap<String, TenantSettings>,
    /// Whether entries are believed in which groups they are.
    pub member_of: MemberOf,
    /// What stops a client that has gone wrong.
    pub brakes: Brakes,
    /// Writes of a change that others keep overtaking.
    pub retry_max: u32,
    /// Entries asked for at a time.
    pub page: u32,
    /// Filters that look for a shorter fragment (`co`, `ew`), and for nothing narrower beside, are refused; 0: none are.
    pub fragment_min: u32,
    /// As whom each client's requests are done (RFC 4370): `dn:…` or `u:…`, with `{client}` and `{tenant}` in it. None: as the
    /// server itself.
    pub authorize_as: Option<String>,
    /// Rename in a transaction (RFC 5805), where the directory lists them. Off: some versions of OpenLDAP's overlays end the
    /// server in one.
    pub transactions: bool,
}

/// How much may be lost in a window of time before writing stops, until an operator lets it go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brakes {
    /// The window.
    pub window: Duration,
    /// Resources deleted in it.
    pub deletes: u32,
    /// Users made inactive in it.
    pub deactivations: u32,
    /// Members removed in it.
    pub removals: u32,
    /// Of all resources of a type, so many percent deleted or made inactive in it; 0: no such limit.
    pub share: u32,
    /// Of the members of one group, so many percent removed in it; 0: no such limit.
    pub removals_share: u32,
}

impl Default for Brakes {
    fn default() -> Self {
        Brakes {
            window: Duration::from_secs(3_600),
            deletes: 100,
            deactivations: 100,
            removals: 10_000,
            share: 0,
            removals_share: 0,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            mode: Mode::default(),
            product: None,
            users: TypeSettings::default(),
            groups: TypeSettings::default(),
            tenants: BTreeMap::new(),
            member_of: MemberOf::default(),
            brakes: Brakes::default(),
            retry_max: 5,
            page: 500,
            fragment_min: 0,
            authorize_as: None,
            transactions: false,
        }
    }
}
