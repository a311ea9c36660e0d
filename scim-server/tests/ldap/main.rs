//! The gateway as its clients meet it: a server over a real directory.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on must fail")]

mod active;
mod active_directory;
mod answered;
mod away;
mod brakes;
mod doctor;
mod domain;
mod ds389;
mod external;
mod files;
mod grown;
mod kept;
mod leaving;
mod locked;
mod lost;
mod mapped;
mod member_of;
mod names;
mod of_type;
mod outage;
mod primary_group;
mod proxied;
mod reading;
mod refusals;
#[path = "../server/support.rs"]
mod support;
mod tenants;
mod together;
mod unique;
mod versions;
mod write_probe;
mod writing;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Slapd};
use scim_server::Server;
use serde_json::{Value, json};

use support::{Answer, Running};

/// How long something may take to become so before a test fails.
const PATIENCE: Duration = Duration::from_secs(120);
const TOKEN: &str = "a-token-of-the-operators-own-making-0";

/// A server whose `[store.ldap]` is these lines, with these tables behind them, and a token `{tenant}-…` for each tenant.
pub fn served(lines: &str, tables: &str, tenants: &[&str]) -> Running {
    let mut settings = format!("[store]\nbackend = \"ldap\"\n[store.ldap]\n{lines}\n{tables}\n");
    for tenant in tenants {
        settings += &format!("[[tokens]]\nname = \"n\"\ntenant = \"{tenant}\"\ntoken = \"{}\"\n", token(tenant));
    }
    let mut server = Running::built(Server::builder(), &settings, |_| {});
    server.token = tenants.first().map(|tenant| token(tenant)).unwrap_or_default();
    server
}

/// A server over this directory in mode `write`.
pub fn gateway_of(slapd: &Slapd, tables: &str, tenants: &[&str]) -> Running {
    gateway_as(slapd, ADMIN, tables, tenants)
}

/// The same, as this account of the directory.
pub fn gateway_as(slapd: &Slapd, account: &str, tables: &str, tenants: &[&str]) -> Running {
    let lines = format!(
        "urls = [\"{}\"]\nbind_dn = \"{account}\"\nbind_password = \"{PASSWORD}\"\noperation_time = 60\nmode = \"write\"",
        slapd.url(),
    );
    served(&lines, tables, tenants)
}

/// Waits until it is so.
pub fn wait(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Makes changes with the directory's own tool, as its administrator.
pub fn ldapmodify(slapd: &Slapd, ldif: &str) {
    let mut tool = Command::new("ldapmodify")
        .args(["-x", "-H", &slapd.url(), "-D", ADMIN, "-w", PASSWORD])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut tool.stdin.take().unwrap(), ldif.as_bytes()).unwrap();
    assert!(tool.wait().unwrap().success(), "{ldif}");
}

/// Changes one attribute of a user with this value.
pub fn patch_user(server: &Running, id: &str, path: &str, value: Value) -> Answer {
    let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    let body = json!({"schemas": [schema], "Operations": [{"op": "replace", "path": path, "value": value}]});
    server.request("PATCH", &format!("/scim/v2/Users/{id}")).json(&body).send()
}

/// The ids of the users that a filter finds, as the list has them.
pub fn users(server: &Running, filter: &str) -> Vec<String> {
    let coded: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = server.get(&format!("/scim/v2/Users?count=200&filter={coded}"));
    assert_eq!(answer.status, 200, "{filter}: {answer:?}");
    let list = answer.json();
    let found = list["Resources"].as_array().cloned().unwrap_or_default();
    assert_eq!(list["totalResults"], found.len(), "{filter}: {list}");
    found.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// The token of a tenant.
pub fn token(tenant: &str) -> String {
    format!("{tenant}-{TOKEN}")
}

/// The tables of `[control]`, for a server of the test's own.
pub const CONTROL: &str = "[control]\nbackend = \"sqlite\"\n[control.sqlite]\npath = \"{dir}/control.db\"\n";

/// A server over this directory with a control store, in mode `write`. `more` are lines of `[store.ldap]` and tables behind it; those
/// of users and groups are there where it does not bring them.
pub fn with_control(slapd: &Slapd, more: &str) -> Running {
    with_control_as(slapd, ADMIN, more)
}

/// The same, as this account of the directory.
pub fn with_control_as(slapd: &Slapd, account: &str, more: &str) -> Running {
    let base = |table: &str, ou: &str| match more.contains(&format!("[store.ldap.{table}]")) {
        true => String::new(),
        false => format!("[store.ldap.{table}]\nbase = \"ou={ou},dc=example,dc=org\"\n"),
    };
    let settings = format!(
        "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{account}\"\nbind_password = \"{PASSWORD}\"\n\
         operation_time = 60\nmode = \"write\"\n{more}\n{}{}{CONTROL}",
        slapd.url(),
        base("users", "people"),
        base("groups", "groups"),
    );
    Running::built(Server::builder(), &settings, |_| {})
}

/// A server over this directory. `more` are lines of `[store.ldap]` and tables behind it.
pub fn gateway(slapd: &Slapd, more: &str) -> Running {
    let settings = format!(
        "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\n\
         operation_time = 30\n{more}\n[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
         [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n\
         [[tokens]]\nname = \"n\"\ntenant = \"acme\"\ntoken = \"{TOKEN}\"\n",
        slapd.url(),
    );
    let mut server = Running::built(Server::builder(), &settings, |_| {});
    server.token = TOKEN.to_owned();
    server
}
