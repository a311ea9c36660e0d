//! A part of a directory for each case: tenants with places for people and groups.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend_ldap::LdapStore;
use backend_ldap::directory::{Address, Call, Credentials, Directory, Options, Tls};
use backend_ldap::features::Features;
use backend_ldap::ldap::{AttributeName, Dn, Operation, Request, controls};
use backend_ldap::mapping::settings::{Cell, TypeSettings};
use backend_ldap::open::features;
use backend_ldap::profile::{Profile, Subschema};
use backend_ldap::settings::{Brakes, MemberOf, Mode, Settings, TenantSettings};
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard};

/// The tenants that the cases ask for; random histories, which have more, are not for stores whose versions may move by themselves.
const TENANTS: [&str; 2] = ["acme", "other"];

/// A server that all cases share.
#[derive(Debug)]
pub struct Server {
    pub url: String,
    pub admin: &'static str,
    pub password: &'static str,
    pub suffix: &'static str,
    /// In PEM, where it speaks TLS.
    pub authority: Option<String>,
    /// Are entries believed in which groups they are?
    pub member_of: MemberOf,
    /// Some names stand once in the whole directory: one case at a time, and what the last one left is removed.
    pub alone: Option<Alone>,
    /// The cases so far.
    pub cases: AtomicU64,
    /// What was found of it, for all cases.
    pub found: OnceCell<Found>,
}

/// A directory, what it can do, and its schema.
pub type Found = (Directory, Features, Arc<Subschema>);

/// Whose turn it is, and the base of the case before.
pub type Alone = Arc<Mutex<Option<Dn>>>;

impl Server {
    /// A store on a part of the directory that nobody used before. What comes with it is dropped when the case is over.
    pub async fn fresh(&self) -> (LdapStore, Option<OwnedMutexGuard<Option<Dn>>>) {
        let (directory, features, schema) = self.found.get_or_init(|| self.look()).await;
        let case = format!("case{}", self.cases.fetch_add(1, Ordering::Relaxed));
        let base = format!("ou={case},{}", self.suffix);
        let mut turn = match &self.alone {
            Some(alone) => Some(alone.clone().lock_owned().await),
            None => None,
        };
        if let Some(before) = turn.as_mut().and_then(|turn| turn.replace(Dn::parse(&base).unwrap())) {
            let delete = Request::from(Operation::Delete { target: (&before).into() }).with(controls::tree_delete());
            directory.perform(&Call::default(), &delete).await.unwrap();
        }
        unit(directory, &base, &case).await;
        let most = u32::MAX;
        let brakes = Brakes { deletes: most, deactivations: most, removals: most, ..Brakes::default() };
        let mut settings = Settings { mode: Mode::Write, brakes, member_of: self.member_of, ..Settings::default() };
        for tenant in TENANTS {
            let below = format!("ou={tenant},{base}");
            unit(directory, &below, tenant).await;
            for ou in ["people", "groups"] {
                unit(directory, &format!("ou={ou},{below}"), ou).await;
            }
            let place = |ou: &str, attributes| TypeSettings {
                base: Some(format!("ou={ou},{below}")),
                attributes,
                ..TypeSettings::default()
            };
            let own = TenantSettings { users: place("people", no_name()), groups: place("groups", BTreeMap::new()) };
            settings.tenants.insert(tenant.to_owned(), own);
        }
        (LdapStore::new(directory.clone(), settings, features.clone(), schema.clone()), turn)
    }

    /// The directory, each operation within so much time.
    pub fn open(&self, time: Duration) -> Directory {
        let dn = Dn::parse(self.admin).unwrap();
        let credentials = Credentials::Simple { dn, password: self.password.to_owned().into() };
        let tls = Tls { authorities: self.authority.clone().map(String::into_bytes), ..Tls::default() };
        let options = Options::new(vec![Address::parse(&self.url).unwrap()]);
        let options = Options { credentials, tls, connect_time: time, operation_time: time, ..options };
        Directory::open(options).unwrap()
    }

    async fn look(&self) -> Found {
        let directory = self.open(Duration::from_secs(60));
        let profile = Profile::probe(&directory, &Call::default()).await.unwrap();
        let features = features(&profile, None, true);
        (directory, features, Arc::new(profile.schema))
    }
}

async fn unit(directory: &Directory, dn: &str, name: &str) {
    let dn = Dn::parse(dn).unwrap();
    let attributes = vec![
        (AttributeName::known("objectClass"), vec!["organizationalUnit".into()]),
        (AttributeName::known("ou"), vec![name.to_owned().into()]),
    ];
    directory.perform(&Call::default(), &Operation::Add { dn, attributes }.into()).await.unwrap();
}

/// What is in the way of documents that come back as they were written: a name that nobody gave.
fn no_name() -> BTreeMap<String, Cell> {
    [("name.formatted".to_owned(), Cell::Mapped(false))].into()
}
