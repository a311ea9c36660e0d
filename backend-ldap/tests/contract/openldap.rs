//! The contract of stores on OpenLDAP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers included")]

mod ground;

use std::process::ExitCode;
use std::sync::OnceLock;

use backend_ldap::settings::MemberOf;
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, SUFFIX, Setup, Slapd};

use ground::Server;

fn main() -> ExitCode {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let slapd = Slapd::start(&Setup::furnished()).unwrap();
    let server = SERVER.get_or_init(|| Server {
        url: slapd.url(),
        admin: ADMIN,
        password: PASSWORD,
        suffix: SUFFIX,
        authority: None,
        member_of: MemberOf::Always,
        alone: None,
        cases: Default::default(),
        found: Default::default(),
    });
    conformance_tests::store_contract_on(|| server.fresh())
}
