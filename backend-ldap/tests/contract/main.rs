//! The contract of stores on real directories.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers included")]

use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use backend_ldap::LdapStore;
use backend_ldap::directory::{Address, Call, Credentials, Directory, Options};
use backend_ldap::ldap::{AttributeName, Dn, Operation};
use backend_ldap::mapping::settings::TypeSettings;
use backend_ldap::settings::{Brakes, Mode, Settings, TenantSettings};
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, SUFFIX, Setup, Slapd};

/// One server for all cases; each has a part of the tree to itself.
fn slapd() -> &'static Slapd {
    static SLAPD: OnceLock<Slapd> = OnceLock::new();
    SLAPD.get_or_init(|| Slapd::start(&Setup::furnished()).unwrap())
}

fn directory(url: &str) -> Directory {
    let credentials = Credentials::Simple { dn: Dn::parse(ADMIN).unwrap(), password: PASSWORD.to_owned().into() };
    let long = std::time::Duration::from_secs(60);
    let servers = vec![Address::parse(url).unwrap()];
    Directory::open(Options { credentials, connect_time: long, operation_time: long, ..Options::new(servers) }).unwrap()
}

async fn unit(directory: &Directory, dn: &str, name: &str) {
    let dn = Dn::parse(dn).unwrap();
    let attributes = vec![
        (AttributeName::known("objectClass"), vec!["organizationalUnit".into()]),
        (AttributeName::known("ou"), vec![name.to_owned().into()]),
    ];
    directory.perform(&Call::default(), &Operation::Add { dn, attributes }.into()).await.unwrap();
}

async fn fresh() -> LdapStore {
    static CASES: AtomicU64 = AtomicU64::new(0);
    let directory = directory(&slapd().url());
    let case = format!("case{}", CASES.fetch_add(1, Ordering::Relaxed));
    let base = format!("ou={case},{SUFFIX}");
    unit(&directory, &base, &case).await;
    let most = u32::MAX;
    let brakes = Brakes { deletes: most, deactivations: most, removals: most, ..Brakes::default() };
    let mut settings = Settings { mode: Mode::Write, brakes, ..Settings::default() };
    for tenant in ["acme", "other", "acme-1", "acme-2", "acme-3"] {
        let below = format!("ou={tenant},{base}");
        unit(&directory, &below, tenant).await;
        let place = |ou: &str| TypeSettings {
            base: Some(format!("ou={ou},{below}")),
            attributes: toml(),
            ..TypeSettings::default()
        };
        for ou in ["people", "groups"] {
            unit(&directory, &format!("ou={ou},{below}"), ou).await;
        }
        let users = place("people");
        let groups = TypeSettings { attributes: Default::default(), ..place("groups") };
        settings.tenants.insert(tenant.to_owned(), TenantSettings { users, groups });
    }
    LdapStore::open(directory, settings).await.unwrap()
}

/// What is in the way of documents that come back as they were written: a name that nobody gave.
fn toml() -> std::collections::BTreeMap<String, backend_ldap::mapping::settings::Cell> {
    use backend_ldap::mapping::settings::Cell;
    [("name.formatted".to_owned(), Cell::Mapped(false))].into()
}

fn main() -> ExitCode {
    // Here, in the thread that lasts: the server goes with the thread that started it.
    slapd();
    conformance_tests::store_contract(fresh)
}
