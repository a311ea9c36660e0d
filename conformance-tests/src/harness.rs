//! What the suite needs from whoever runs the server under test.

use anyhow::Result;
use scim_core::access::{Profile, Right};
use scim_core::store::control::TenantSettings;

use crate::datasets::seed::Seed;
use crate::foreign::Claims;

/// Something a harness may or may not be able to do. A case that needs what is missing is not run, and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ability {
    /// Fresh tenants, each for itself.
    Tenants,
    /// Further credentials of a tenant: fewer rights, a subject.
    Credentials,
    /// Changing a tenant's settings.
    Settings,
    /// Writing resources past HTTP, with chosen ids and times.
    Seed,
    /// The extension schema TestUser on users.
    TestSchema,
    /// A server with tight limits.
    Tight,
    /// The choices that our own catalogue makes where the RFC leaves them open.
    Ours,
}

/// One tenant of the server under test, with a credential that may do everything in it.
#[derive(Debug, Clone)]
pub struct Site {
    /// The SCIM base URL, without trailing slash.
    pub base: String,
    /// The bearer token.
    pub token: String,
    /// The tenant's name, where tenants have names.
    pub tenant: String,
}

impl Site {
    /// `http://host:port`.
    pub fn origin(&self) -> &str {
        let from = self.base.find("://").map_or(0, |at| at + 3);
        let end = self.base.get(from..).and_then(|rest| rest.find('/')).map_or(self.base.len(), |at| from + at);
        self.base.get(..end).unwrap_or_default()
    }

    /// The base URL that names the tenant.
    pub fn named(&self) -> String {
        format!("{}/t/{}/scim/v2", self.origin(), self.tenant)
    }
}

/// A further credential.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// What it may do.
    pub rights: Vec<Right>,
    /// The user that `/Me` means.
    pub subject: Option<String>,
    /// How it speaks, where not as its tenant.
    pub profile: Option<Profile>,
}

/// Whoever runs the server under test. Blocking: cases run on threads of their own.
pub trait Harness: Send + Sync + 'static {
    /// What the names of its trials begin with.
    fn name(&self) -> &str {
        ""
    }
    /// What else it can do.
    fn abilities(&self) -> &[Ability];
    /// The profiles to run the cases in.
    fn profiles(&self) -> &[Profile];
    /// An empty tenant that speaks this profile.
    fn fresh_tenant(&self, profile: Profile) -> Result<Site>;
    /// An empty tenant of a server whose limits are tight: see [`crate::protocol::limits`]. Needs [`Ability::Tight`].
    fn tight_tenant(&self) -> Result<Site> {
        anyhow::bail!("no server with tight limits")
    }
    /// The token of a further credential. Needs [`Ability::Credentials`].
    fn credential(&self, _site: &Site, _grant: &Grant) -> Result<String> {
        anyhow::bail!("no further credentials")
    }
    /// Ends every credential of the tenant whose token this is. Needs [`Ability::Credentials`].
    fn revoke(&self, _site: &Site, _token: &str) -> Result<()> {
        anyhow::bail!("no further credentials")
    }
    /// Changes the settings of the tenant. Needs [`Ability::Settings`].
    fn settings(&self, _site: &Site, _settings: TenantSettings) -> Result<()> {
        anyhow::bail!("no settings")
    }
    /// Writes resources directly. Needs [`Ability::Seed`].
    fn seed(&self, _site: &Site, _seeds: Vec<Seed>) -> Result<()> {
        anyhow::bail!("no seeding")
    }
    /// What is known of this case, named without the profile (`patch-029`, `sort::…`), if it need not pass here.
    fn cannot(&self, _profile: Profile, _case: &str) -> Option<Cannot<'_>> {
        None
    }
    /// What the server says that it can do. None: everything.
    fn claims(&self) -> Option<&Claims> {
        None
    }
    /// Are tenants shared between cases, so that each has to clear away what it made?
    fn shared(&self) -> bool {
        false
    }
}

/// Why a case need not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cannot<'a> {
    /// It fails, for this reason. If it passes, the list is out of date, which is a failure too.
    Pass(&'a str),
    /// It asks for something that is not kept here, for this reason, and passes where chance gives the same: times of
    /// whole seconds, an order that is no one's.
    Promise(&'a str),
}

/// What a case comes to, where some are known not to pass.
pub(crate) fn judged(harness: &dyn Harness, profile: Profile, case: &str, outcome: Result<()>) -> Result<()> {
    match (harness.cannot(profile, case), outcome) {
        (None, outcome) => outcome,
        (Some(_), Err(_)) | (Some(Cannot::Promise(_)), Ok(())) => Ok(()),
        (Some(Cannot::Pass(why)), Ok(())) => {
            anyhow::bail!("{case} is listed as one that cannot pass ({why}), and it does: unlist it")
        }
    }
}
