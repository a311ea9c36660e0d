//! `doctor` on a directory that nobody prepared: what it sees, and that the configuration it writes is enough.

use std::process::{Command, Output};

use conformance_tests::servers::slapd::{ADMIN, MemberOf, PASSWORD, Setup, Slapd, group, people, people_of};
use serde_json::Value;
use tempfile::TempDir;

use crate::ldapmodify;

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
    let entries = people_of(0..3, &[("staff", 0..3)]) + &group("staff", 0..3);
    let machine = Machine::new(&Setup { entries, ..Setup::furnished() });
    let config = machine.doctor(&["--print-config"]);
    std::fs::write(machine.folder.path().join("scim-server.toml"), text(&config)).unwrap();
    let seen = report(&machine.run(&["doctor", "--format", "json"]));
    assert_eq!((findings(&seen, "problem"), findings(&seen, "warning")), (String::new(), String::new()), "{seen}");
    assert!(findings(&seen, "good").contains("refint"));
    assert!(findings(&seen, "good").contains("agrees with the groups in 3 memberships"), "{seen}");
}

/// References that no overlay follows are followed by the gateway for what goes through it, and by nobody for the rest.
#[test]
fn references_that_the_directory_leaves_alone_are_named() {
    let entries = people_of(0..3, &[("staff", 0..3)]) + &group("staff", 0..3);
    let machine = Machine::new(&Setup { entries, refint: &["member"], ..Setup::furnished() });
    let config = text(&machine.doctor(&["--print-config"])).replace("mode = \"read_only\"", "mode = \"write\"");
    assert!(config.contains("mode = \"write\""), "{config}");
    std::fs::write(machine.folder.path().join("scim-server.toml"), config).unwrap();
    let seen = report(&machine.run(&["doctor", "--format", "json"]));
    let warning = findings(&seen, "warning");
    assert!(warning.starts_with("manager below ou=people,dc=example,dc=org is not kept right"), "{seen}");
    assert!(findings(&seen, "good").contains("the refint overlay, for member"), "{seen}");
    let shown = text(&machine.run(&["doctor"]));
    assert!(shown.contains("olcRefintAttribute: manager"), "{shown}");
}

/// What entries say of their groups is believed only where it is kept and agrees.
#[test]
fn member_of_is_believed_only_where_it_is_true() {
    let told = |setup: Setup| {
        let machine = Machine::new(&setup);
        let seen = report(&machine.doctor(&["--format", "json"]));
        let all = seen["findings"].as_array().unwrap().iter();
        let mut own = all.filter(|finding| finding["what"].as_str().unwrap().starts_with("groups of users"));
        let finding = own.next().unwrap_or_else(|| panic!("{seen}"));
        (finding["level"].as_str().unwrap().to_owned(), finding["what"].as_str().unwrap().to_owned())
    };
    let check = |setup: Setup, level: &str, says: &str| {
        let (own, what) = told(setup);
        assert!(own == level && what.contains(says), "{own}: {what}, instead of {level}: {says}");
    };
    let staff = || group("staff", 0..3) + &group("few", 1..2);
    let furnished = |entries: String| Setup { entries, ..Setup::furnished() };
    let groups = [("staff", 0..3), ("few", 1..2)];
    check(Setup { entries: people(0..3) + &staff(), ..Setup::default() }, "note", "the directory keeps no memberOf");
    check(furnished(people_of(0..3, &groups) + &staff()), "good", "agrees with the groups in 4 memberships");
    // Groups from before the overlay.
    check(furnished(people(0..3) + &staff()), "warning", "its memberOf does not say so");
    check(
        furnished(people_of(0..3, &groups[..1]) + &staff()),
        "warning",
        "user000001,ou=people,dc=example,dc=org is a member of",
    );
    // What stands only in entries, and names that lead nowhere.
    check(
        furnished(people_of(0..3, &[("staff", 0..3), ("few", 0..2)]) + &staff()),
        "warning",
        "which does not have it as a member",
    );
    check(
        furnished(
            people_of(0..3, &[("staff", 0..4), ("few", 1..2), ("gone", 0..1)])
                + &group("staff", 0..4)
                + &group("few", 1..2),
        ),
        "good",
        "agrees",
    );
    // Computed on the way.
    let dynlist = |entries| Setup { member_of: MemberOf::Dynlist, entries, ..Setup::default() };
    check(dynlist(people(0..3) + &staff()), "good", "agrees with the groups in 4 memberships");
    let everybody = "dn: cn=everybody,ou=groups,dc=example,dc=org\nobjectClass: groupOfURLs\ncn: everybody\n\
                     memberURL: ldap:///ou=people,dc=example,dc=org??sub?(objectClass=inetOrgPerson)\n\n";
    // Of groups that are none of ours entries may say what they like.
    check(dynlist(people(0..3) + &staff() + everybody), "good", "agrees with the groups in 4 memberships");
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

/// Of what is hidden the directory says neither that it is there nor that it is not.
#[test]
fn what_the_account_may_not_look_for_is_named() {
    let entries = people(0..20)
        + &format!(
            "dn: cn=scim,dc=example,dc=org\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: scim\n\
             userPassword: {PASSWORD}\n\n"
        );
    let rights = "olcAccess: {0}to dn.base=\"uid=user000003,ou=people,dc=example,dc=org\" attrs=title by * none\n\
                  olcAccess: {0}to attrs=employeeNumber by * none\nolcAccess: {1}to * by users read by * auth\n";
    let machine = Machine::new(&Setup { entries, configuration: rights.into(), ..Setup::default() });
    let seen = report(&machine.doctor(&["--format", "json"]));
    assert!(!findings(&seen, "warning").contains("hidden"), "the administrator sees all: {seen}");
    let url = machine.slapd.url();
    let who = ["--user", "cn=scim,dc=example,dc=org", "--password-file", "password", "--format", "json"];
    let seen = report(&machine.run(&[&["doctor", "--url", &url][..], &who].concat()));
    let warnings = findings(&seen, "warning");
    assert!(warnings.contains("User: filters on title, employeeNumber leave out"), "{warnings}");
}

/// OpenLDAP's policy looks at locks only where it is told to.
#[test]
fn a_policy_that_keeps_nobody_out_is_named() {
    let entries = people_of(0..3, &[]);
    let machine = Machine::new(&Setup { entries, password_policy: true, ..Setup::default() });
    let config = text(&machine.doctor(&["--print-config"]));
    let config = config.replace("[store.ldap.users]\n", "[store.ldap.users]\nactive = \"ppolicy_lock\"\n");
    std::fs::write(machine.folder.path().join("scim-server.toml"), config).unwrap();
    let problems = || findings(&report(&machine.run(&["doctor", "--format", "json"])), "problem");
    assert!(problems().contains("cn=default,ou=policies,dc=example,dc=org"), "{}", problems());
    ldapmodify(
        &machine.slapd,
        "dn: cn=default,ou=policies,dc=example,dc=org\nchangetype: modify\nadd: pwdLockout\npwdLockout: TRUE\n",
    );
    assert_eq!(problems(), "");
}
