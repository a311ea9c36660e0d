//! `doctor --write-probe`: what only writing shows. Two users and a group are made, changed, renamed, joined and deleted, through the
//! store as clients do it, and what the directory makes of that is looked at. Whatever happens, everything that was made is removed again.
//!
//! - `made`: what is made, and under which names; `hand`: how it is written; `clean`: how it is removed, and what an earlier probe left
//! - `users`, `groups`: what is looked at; `words`: what is said of it

mod clean;
mod groups;
mod hand;
mod made;
mod users;
mod words;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use scim_core::clock::Timestamp;
use scim_core::schema::ResourceType;
use scim_core::store::{Scope, Store, TenantId};

use crate::LdapStore;
use crate::directory::{Call, Directory};
use crate::features::{Features, Upheld};
use crate::ldap::LdapError;
use crate::mapping::Mapping;
use crate::mapping::settings::TypeSettings;
use crate::open::features;
use crate::profile::Profile;
use crate::settings::{Brakes, MemberOf, Mode, Settings};
use crate::tenant::Tenant;

use super::report::Finding;
use hand::Hand;
use made::Chance;

/// What a probe is told.
#[derive(Debug)]
pub struct Probe<'a> {
    /// The types that are served.
    pub types: &'a [Arc<ResourceType>],
    /// The time.
    pub now: Timestamp,
    /// What nobody else has: its names are made of it.
    pub chance: u128,
    /// Once it is true, nothing new is begun, and what was made is removed.
    pub stop: &'a AtomicBool,
}

/// What one tenant is probed by.
struct Ground<'a> {
    profile: &'a Profile,
    features: &'a Features,
    settings: &'a Settings,
    chance: Chance,
    users: Arc<Mapping>,
    groups: Option<Arc<Mapping>>,
}

/// Why nothing may be probed by writing with these settings, and the mend.
pub fn refusal(settings: &Settings) -> Option<String> {
    let mode = match settings.mode {
        Mode::Write => return None,
        Mode::Shadow => "shadow",
        Mode::ReadOnly => "read_only",
    };
    Some(format!(
        "--write-probe makes entries in the directory and removes them again, and store.ldap.mode = \"{mode}\": nothing was sent. Set \
         store.ldap.mode = \"write\", or leave --write-probe out"
    ))
}

impl Probe<'_> {
    /// The names of the entries that are made, as they begin.
    pub fn names(&self) -> String {
        Chance(self.chance).name('*')
    }

    /// Writes, looks, and removes what was written, for one tenant after another. What is wrong stands in the findings.
    ///
    /// # Errors
    /// The directory cannot be reached, and nothing was written.
    pub async fn run(&self, directory: &Directory, settings: &Settings) -> Result<Vec<Finding>, LdapError> {
        let call = Call::default();
        let profile = Profile::probe(directory, &call).await?;
        let options = directory.options();
        let private = options.servers.iter().all(|server| options.is_private(server));
        let mut features = features(&profile, settings.product, private);
        features.member_of |= settings.member_of == MemberOf::Always;
        let mut found = Vec::new();
        found.extend(settings.authorize_as.as_ref().map(|_| {
            Finding::note("probe: it writes as the account of store.ldap.bind_dn, and not as store.ldap.authorize_as says of clients")
        }));
        let settings = gentle(settings);
        let tenants: Vec<String> = settings.tenants.keys().cloned().collect();
        let several = !tenants.is_empty();
        for name in if several { tenants } else { vec!["default".to_owned()] } {
            for mut finding in self.tenant(directory, &settings, &profile, &features, &name).await {
                if several {
                    finding.what = finding.what.replacen("probe:", &format!("probe of tenant {name}:"), 1);
                }
                found.push(finding);
            }
        }
        Ok(found)
    }

    async fn tenant(
        &self,
        directory: &Directory,
        settings: &Settings,
        profile: &Profile,
        features: &Features,
        name: &str,
    ) -> Vec<Finding> {
        let bad = |why: String| vec![Finding::problem(format!("probe: nothing was written: {why}"), words::CONFIGURE)];
        let tenant = match Tenant::build(name, self.types, settings, features, &profile.schema) {
            Ok((tenant, _)) => tenant,
            Err(why) => return bad(why.to_string()),
        };
        let of = |kind: &str| tenant.mappings().iter().find(|mapping| mapping.rt.kind.as_str() == kind).cloned();
        let Some(users) = of("User") else { return bad("the type User stands nowhere in the directory".into()) };
        let schema = Arc::new(profile.schema.clone());
        let store = |features| LdapStore::new(directory.clone(), settings.clone(), features, schema.clone());
        let left = Features { integrity: Upheld::All, ..features.clone() };
        let (store, leaving) = (store(features.clone()), store(left));
        let id = TenantId::new(name);
        for one in [&store, &leaving] {
            if let Err(why) = one.prepare(&id, self.types).await {
                return bad(why.to_string());
            }
        }
        let scope =
            Scope { tenant: id, actor: "doctor".into(), request: "write-probe".into(), now: self.now, deadline: None };
        let mut hand = Hand { directory, store, leaving, scope, stop: self.stop, taken: Vec::new() };
        let mut found = Vec::new();
        for mapping in tenant.mappings() {
            match clean::left_over(directory, &hand.call(), mapping).await {
                Ok(left) => found.extend(left),
                Err(error) => return bad(error.to_string()),
            }
        }
        let ground = Ground { profile, features, settings, chance: Chance(self.chance), users, groups: of("Group") };
        let done = ground.probe(&mut hand, &mut found).await;
        found.extend(done.err());
        found.extend(hand.clean().await);
        found
    }
}

impl Ground<'_> {
    /// Everything there is to see, until something is refused.
    async fn probe(&self, hand: &mut Hand<'_>, found: &mut Vec<Finding>) -> Result<(), Finding> {
        let mut pair = self.make_users(hand, found).await?;
        self.change(hand, &pair.0, found).await?;
        let members = match &self.groups {
            Some(groups) => self.make_group(hand, groups, found).await?,
            None => None,
        };
        if let Some(members) = &members {
            self.join(hand, &pair, members, found).await?;
        }
        self.rename(hand, &mut pair, members.as_ref(), found).await?;
        self.delete(hand, &pair, members.as_ref(), found).await
    }
}

/// The same settings for entries of the probe's own: they go when they are deleted, count for no brake, and are written as the account
/// of the server itself.
fn gentle(settings: &Settings) -> Settings {
    let going = |one: &mut TypeSettings| {
        one.on_delete = None;
        one.deleted_base = None;
    };
    let mut settings = settings.clone();
    settings.authorize_as = None;
    settings.brakes = Brakes {
        deletes: u32::MAX,
        deactivations: u32::MAX,
        removals: u32::MAX,
        share: 0,
        removals_share: 0,
        ..settings.brakes
    };
    going(&mut settings.users);
    going(&mut settings.groups);
    for own in settings.tenants.values_mut() {
        going(&mut own.users);
        going(&mut own.groups);
    }
    settings
}
