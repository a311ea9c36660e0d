//! The contract of stores on Samba, a domain controller of Active Directory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers included")]

mod ground;

use std::process::ExitCode;
use std::sync::OnceLock;

use backend_ldap::settings::MemberOf;
use conformance_tests::servers::samba::{ADMIN, PASSWORD, SUFFIX, Samba};

use ground::{Alone, Server};

/// What a domain cannot do.
const CANNOT: &[(&str, &str)] =
    &[("tenant::a unique value is unique in its tenant", "sAMAccountName stands once in a domain")];

fn main() -> ExitCode {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let samba = Samba::start().unwrap();
    let server = SERVER.get_or_init(|| Server {
        url: samba.url(),
        admin: ADMIN,
        password: PASSWORD,
        suffix: SUFFIX,
        authority: Some(samba.certificates().authority_pem.clone()),
        member_of: MemberOf::Always,
        alone: Some(Alone::default()),
        cases: Default::default(),
        found: Default::default(),
    });
    conformance_tests::store_contract_but(CANNOT, || server.fresh())
}
