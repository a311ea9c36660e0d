//! The contract of stores on 389 Directory Server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers included")]

mod ground;

use std::process::ExitCode;
use std::sync::OnceLock;

use backend_ldap::settings::MemberOf;
use conformance_tests::servers::ds389::{ADMIN, Ds389, PASSWORD, SUFFIX, Setup};

use ground::Server;

fn main() -> ExitCode {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let ds389 = Ds389::start(Setup::furnished()).unwrap();
    let server = SERVER.get_or_init(|| Server {
        url: ds389.url(),
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
