//! `doctor` on a directory that nobody prepared: what it sees, and that the configuration it writes is enough.

use std::process::{Command, Output};

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, group, people};
use serde_json::Value;
use tempfile::TempDir;

struct Machine {
    folder: TempDir,
    slapd: Slapd,
}

impl Machine {
    fn new(setup: &Setup) -> Machine {
        let machine = Machine { folder: TempDir::new().unwrap(), slapd: Slapd::start(setup).unwrap() };
        std::fs::write(machine.folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
        machine
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_scim-server");
        Command::new(program).current_dir(self.folder.path()).args(arguments).output().unwrap()
    }

    fn doctor(&self, more: &[&str]) -> Output {
        let url = self.slapd.url();
        self.run(&[&["doctor", "--url", &url, "--user", ADMIN, "--password-file", "password"], more].concat())
    }
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn findings(report: &Value, level: &str) -> String {
    let all = report["findings"].as_array().unwrap().iter();
    let of = all.filter(|finding| finding["level"] == level).map(|finding| finding["what"].as_str().unwrap());
    of.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_directory_that_nobody_prepared_is_described_and_configured() {
    let entries = people(0..1000) + &group("staff", 0..200) + &group("others", 3..5);
    let machine = Machine::new(&Setup { entries, ..Setup::default() });
    let seen = machine.doctor(&["--format", "json"]);
    assert!(seen.status.success(), "{seen:?}");
    let seen = report(&seen);
    let users = &seen["types"][0];
    assert_eq!((users["kind"].as_str(), users["entries"].as_u64()), (Some("User"), Some(1000)));
    assert_eq!(users["base"], "ou=people,dc=example,dc=org");
    assert!(users["example"]["userName"].as_str().unwrap().starts_with("user000"));
    assert_eq!(seen["types"][1]["entries"], 2);
    let warnings = findings(&seen, "warning");
    assert!(warnings.contains("no index for entryUUID, uid"), "{warnings}");
    assert!(warnings.contains("no base for users is set"), "{warnings}");
    assert_eq!(findings(&seen, "problem"), "");

    let config = machine.doctor(&["--print-config"]);
    assert!(config.status.success(), "{config:?}");
    std::fs::write(machine.folder.path().join("scim-server.toml"), text(&config)).unwrap();
    let checked = machine.run(&["check-config"]);
    assert!(checked.status.success(), "{}\n{checked:?}", text(&config));
    let again = machine.run(&["doctor", "--format", "json"]);
    let again = report(&again);
    assert_eq!(again["types"][0]["entries"], 1000);
    assert!(!findings(&again, "warning").contains("no base"), "{again}");
    let made = machine.run(&["tenant", "create", "acme"]);
    assert!(made.status.success(), "{made:?}");
    // For people: the same, aligned.
    let shown = text(&machine.run(&["doctor"]));
    for expected in ["directory  OpenLDAP", "User: 1000 below ou=people", "emails.value", "olcDbIndex: entryUUID eq"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn a_furnished_directory_has_nothing_to_mend() {
    let machine = Machine::new(&Setup { entries: people(0..3) + &group("staff", 0..3), ..Setup::furnished() });
    let config = machine.doctor(&["--print-config"]);
    std::fs::write(machine.folder.path().join("scim-server.toml"), text(&config)).unwrap();
    let seen = report(&machine.run(&["doctor", "--format", "json"]));
    assert_eq!((findings(&seen, "problem"), findings(&seen, "warning")), (String::new(), String::new()), "{seen}");
    assert!(findings(&seen, "good").contains("refint"));
}

#[test]
fn groups_of_another_kind_are_configured_as_such() {
    let unique = group("staff", 0..2).replace("groupOfNames", "groupOfUniqueNames").replace("member:", "uniqueMember:");
    let machine = Machine::new(&Setup { entries: people(0..3) + &unique, ..Setup::default() });
    let config = text(&machine.doctor(&["--print-config"]));
    assert!(config.contains("members = \"uniqueMember\""), "{config}");
    std::fs::write(machine.folder.path().join("scim-server.toml"), config).unwrap();
    let seen = report(&machine.run(&["doctor", "--format", "json"]));
    assert_eq!(seen["types"][1]["entries"], 1, "{seen}");
}

#[test]
fn what_cannot_be_examined_is_an_error_with_the_mend() {
    let mut machine = Machine::new(&Setup { entries: people(0..3), ..Setup::default() });
    let wrong = machine.run(&["doctor", "--url", "http://127.0.0.1"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("known are ldap://"), "{wrong:?}");
    let nobody = machine.run(&["doctor", "--url", &machine.slapd.url(), "--print-config"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("--user"), "{nobody:?}");
    machine.slapd.stop("TERM").unwrap();
    let gone = machine.doctor(&[]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("refused"), "{gone:?}");
}

#[test]
fn another_store_says_how_it_is() {
    let folder = TempDir::new().unwrap();
    let program = env!("CARGO_BIN_EXE_scim-server");
    let seen = Command::new(program).current_dir(folder.path()).args(["doctor", "--format", "json"]).output().unwrap();
    assert_eq!(report(&seen)["works"], true);
}
