//! `doctor --write-probe`: what only writing shows, and that the directory holds afterwards just what it held before.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use conformance_tests::servers::ds389::{self, Ds389};
use conformance_tests::servers::samba;
use conformance_tests::servers::slapd::{ADMIN, MemberOf, PASSWORD, SUFFIX, Setup, Slapd, group, people_of};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::domain::{self, Domain};
use crate::ldapmodify;
use crate::support::command;

/// The tables of users and groups where nothing else is said.
const PLACES: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n[store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
const PROBE: &[&str] = &["--write-probe", "--format", "json"];
const SCIM: &str = "cn=scim,dc=example,dc=org";

/// Runs `doctor` with this configuration and these arguments.
fn doctor(configuration: &str, more: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("scim-server.toml"), configuration).unwrap();
    let program = env!("CARGO_BIN_EXE_scim-server");
    Command::new(program).current_dir(folder.path()).arg("doctor").args(more).output().unwrap()
}

fn configuration(slapd: &Slapd, account: &str, lines: &str, tables: &str) -> String {
    format!(
        "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{account}\"\nbind_password = \"{PASSWORD}\"\noperation_time = 60\nconnect_time = 60\n{lines}\n{tables}",
        slapd.url()
    )
}

/// What the probe said: its findings, each with its level and its mend.
#[derive(Debug)]
struct Said(Vec<(String, String, String)>, Output);

impl Said {
    fn of(output: Output) -> Said {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let all = report["findings"].as_array().unwrap().iter();
        let all = all.map(|one| (text(one, "level"), text(one, "what"), text(one, "mend")));
        Said(all.filter(|(_, what, _)| what.starts_with("probe")).collect(), output)
    }

    /// Is this said, at this level?
    fn says(&self, level: &str, what: &str) {
        assert!(self.0.iter().any(|(own, said, _)| own == level && said.contains(what)), "{level}: {what}\n{self:#?}");
    }

    /// Nothing is said at this level.
    fn has_no(&self, level: &str) {
        assert!(!self.0.iter().any(|(own, ..)| own == level), "{level}\n{self:#?}");
    }

    fn mend(&self, what: &str) -> &str {
        let found = self.0.iter().find(|(_, said, _)| said.contains(what));
        &found.unwrap_or_else(|| panic!("{what}\n{self:#?}")).2
    }
}

/// Everything that the directory holds, with what it notes of each change, in no order.
fn all(slapd: &Slapd) -> Vec<String> {
    let text = slapd.search("(objectClass=*)", &["*", "entryUUID", "entryCSN", "memberOf"]).unwrap();
    sorted(&text)
}

fn sorted(ldif: &str) -> Vec<String> {
    let mut entries: Vec<String> = ldif.trim().split("\n\n").map(str::to_owned).collect();
    entries.sort();
    entries
}

/// Probes, and looks that everything is as it was.
fn probed(slapd: &Slapd, configuration: &str) -> Said {
    let before = all(slapd);
    let said = Said::of(doctor(configuration, PROBE));
    assert_eq!(all(slapd), before);
    said
}

fn furnished() -> Setup {
    Setup { entries: people_of(0..3, &[("staff", 0..3)]) + &group("staff", 0..3), ..Setup::furnished() }
}

fn account() -> String {
    format!(
        "dn: {SCIM}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: scim\nuserPassword: {PASSWORD}\n\n"
    )
}

#[test]
fn a_furnished_directory_does_all_of_it_right() {
    let slapd = Slapd::start(&furnished()).unwrap();
    let tables = PLACES.replacen("]\n", "]\nactive = \"ppolicy_lock\"\n", 1);
    ldapmodify(
        &slapd,
        "dn: cn=default,ou=policies,dc=example,dc=org\nchangetype: modify\nadd: pwdLockout\npwdLockout: TRUE\n",
    );
    let said = probed(&slapd, &configuration(&slapd, ADMIN, "mode = \"write\"", &tables));
    for what in [
        "a user is made, has an id (entryUUID), and is found by it",
        "a user who is made inactive is so",
        "a change of an older version is refused",
        "the directory itself refuses a write whose assertion does not hold",
        "a write answers with the entry as it has become",
        "memberOf follows the members of groups",
        "users become members of a group, and leave it, the last one too",
        "a member that is renamed follows to its new name by the directory's own doing (member)",
        "a member that is renamed through the gateway follows to its new name (member)",
        "a member that is deleted leaves its group by the directory's own doing (member)",
        "a member that is deleted through the gateway leaves its group (member)",
        "nothing of it is left in the directory",
    ] {
        said.says("good", what);
    }
    said.says("note", "cannot be empty: member holds cn=nobody");
    said.has_no("warning");
    said.has_no("problem");
    assert!(said.1.status.success(), "{said:?}");
}

/// For people: the same lines, and on standard error what is about to be made.
#[test]
fn people_read_it_too() {
    let slapd = Slapd::start(&furnished()).unwrap();
    let output = doctor(&configuration(&slapd, ADMIN, "mode = \"write\"", PLACES), &["--write-probe"]);
    let (shown, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("\nok       probe: nothing of it is left in the directory\n"), "{shown}");
    assert!(told.contains("entries scim-probe-"), "{told}");
}

#[test]
fn what_a_bare_directory_leaves_to_others_is_said() {
    let entries = people_of(0..3, &[]) + &group("staff", 0..3);
    let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
    let said = probed(&slapd, &configuration(&slapd, ADMIN, "mode = \"write\"", PLACES));
    said.says("warning", "of a member that is renamed by others than the gateway the old member stays in its group");
    said.says("warning", "of a member that is deleted by others than the gateway the old member stays in its group");
    assert!(said.mend("deleted by others").contains("load the refint overlay"), "{said:?}");
    said.says("good", "a member that is renamed through the gateway follows to its new name (member)");
    said.says("good", "a member that is deleted through the gateway leaves its group (member)");
    said.says("good", "nothing of it is left");
    said.has_no("problem");
    assert!(said.1.status.success(), "{said:?}");

    // Who relies on what is not kept is told so.
    let always = "mode = \"write\"\nmember_of = \"always\"";
    let said = probed(&slapd, &configuration(&slapd, ADMIN, always, PLACES));
    said.says("problem", "store.ldap.member_of = \"always\" relies on it");
    assert_eq!(said.1.status.code(), Some(1));
}

/// Refint that an account cannot see in the configuration is found by what it does; brakes count nothing of it.
#[test]
fn what_the_configuration_hides_is_found_out() {
    let rights = "olcAccess: {0}to * by dn.exact=\"cn=scim,dc=example,dc=org\" write by * break\n";
    let setup = Setup {
        entries: account() + &people_of(0..3, &[]) + &group("staff", 0..3),
        configuration: rights.into(),
        member_of: MemberOf::Dynlist,
        refint: &["member"],
        ..Setup::default()
    };
    let slapd = Slapd::start(&setup).unwrap();
    let tables = format!("{PLACES}[store.ldap.brakes]\ndeletes = 1\nremovals = 1\n");
    let said = probed(&slapd, &configuration(&slapd, SCIM, "mode = \"write\"", &tables));
    said.says(
        "note",
        "a member that is renamed follows to its new name by the directory's own doing (member), which its",
    );
    said.says("note", "a member that is deleted leaves its group by the directory's own doing (member), which its");
    said.says("good", "memberOf follows the members of groups");
    said.has_no("warning");
    said.has_no("problem");
}

/// Groups of user names, and users who stand elsewhere while they are not active.
#[test]
fn names_in_groups_and_places_of_the_inactive_are_probed_as_they_are_mapped() {
    let unit = "dn: ou=left,dc=example,dc=org\nobjectClass: organizationalUnit\nou: left\n\n";
    let slapd = Slapd::start(&Setup { entries: people_of(0..3, &[]) + unit, ..Setup::default() }).unwrap();
    let tables = "[store.ldap.users]\nbase = \"dc=example,dc=org\"\nactive = { ou_move = \"ou=left,dc=example,dc=org\" }\n\
                  [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\nfilter = \"(objectClass=groupOfUniqueNames)\"\n\
                  object_classes = [\"groupOfUniqueNames\"]\nattributes = { members = \"uniqueMember\" }\n";
    let said = probed(&slapd, &configuration(&slapd, ADMIN, "mode = \"write\"", tables));
    said.says("good", "a user who is made inactive is so");
    said.says("good", "a member that is renamed through the gateway follows to its new name (uniqueMember)");
    said.says("good", "nothing of it is left");
    said.has_no("problem");

    let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                  [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\nfilter = \"(objectClass=posixGroup)\"\n\
                  object_classes = [\"posixGroup\"]\nattributes = { members = \"memberUid\" }\n";
    let said = probed(&slapd, &configuration(&slapd, ADMIN, "mode = \"write\"", tables));
    // A group of this class wants a number, which nobody gave.
    said.says("problem", "a group cannot be made: ");
    said.says("good", "nothing of it is left");

    let number = "members = \"memberUid\", externalId = { attribute = \"gidNumber\", default = \"5000\" } }";
    let tables = tables.replace("members = \"memberUid\" }", number);
    let said = probed(&slapd, &configuration(&slapd, ADMIN, "mode = \"write\"", &tables));
    said.says("good", "a group is made, and may be empty");
    said.says("good", "a member that is renamed through the gateway follows to its new name (memberUid)");
    said.says("good", "a member that is deleted through the gateway leaves its group (memberUid)");
    assert!(!said.0.iter().any(|(_, what, _)| what.contains("others than the gateway")), "{said:?}");
    said.has_no("problem");
}

/// Where the directory gives no ids, the probe brings its own.
#[test]
fn ids_of_our_own_and_an_attribute_of_who_is_active_are_probed_too() {
    let schema = "olcAttributeTypes: ( 1.3.6.1.4.1.55555.1.1 NAME 'scimId' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 \
                  SINGLE-VALUE )\nolcAttributeTypes: ( 1.3.6.1.4.1.55555.1.3 NAME 'scimActive' EQUALITY booleanMatch SYNTAX \
                  1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )\nolcObjectClasses: ( 1.3.6.1.4.1.55555.2.1 NAME 'scimThing' SUP top \
                  AUXILIARY MAY ( scimId $ scimActive ) )\n";
    let slapd = Slapd::start(&Setup { schema: schema.into(), ..Setup::furnished() }).unwrap();
    let tables = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\nid = \"scimId\"\n\
                  object_classes = [\"inetOrgPerson\", \"scimThing\"]\n\
                  active = { attribute = \"scimActive\", on = \"TRUE\", off = \"FALSE\" }\n\
                  [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\nid = \"scimId\"\n\
                  object_classes = [\"groupOfNames\", \"scimThing\"]\n";
    let said = probed(&slapd, &configuration(&slapd, ADMIN, "mode = \"write\"", tables));
    said.says("good", "a user is made, has an id (scimId), and is found by it");
    said.says("good", "a user who is made inactive is so");
    said.says("good", "a member that is deleted leaves its group by the directory's own doing (member)");
    said.has_no("problem");
}

/// A group that says who is active is one of the operator's: not even for a moment does somebody of the probe stand in it.
#[test]
fn groups_of_who_is_active_are_left_alone() {
    let slapd = Slapd::start(&furnished()).unwrap();
    for members in ["active", "inactive"] {
        let active = format!(
            "]\nactive = {{ group = \"cn=staff,ou=groups,dc=example,dc=org\", members = \"{members}\" }}\nprotected = \"(uid=root)\"\n"
        );
        let tables = PLACES.replacen("]\n", &active, 1);
        let said = probed(&slapd, &configuration(&slapd, ADMIN, "mode = \"write\"", &tables));
        said.says("good", "a user is deleted");
        said.has_no("problem");
    }
}

#[test]
fn an_account_that_may_not_write_is_told_so_and_leaves_nothing() {
    let slapd = Slapd::start(&Setup { entries: account() + &people_of(0..3, &[]), ..Setup::default() }).unwrap();
    let said = probed(&slapd, &configuration(&slapd, SCIM, "mode = \"write\"", PLACES));
    said.says("problem", "probe: a user cannot be made: the directory refuses it");
    assert!(said.mend("cannot be made").contains("right to add, change, rename and delete entries below ou=people"));
    assert_eq!(said.1.status.code(), Some(1));
}

/// What is refused half way is removed; what cannot be removed is named, and found by the next probe.
#[test]
fn what_cannot_be_removed_is_named() {
    // It may add users, and groups not.
    let half = "olcAccess: {0}to dn.subtree=\"ou=people,dc=example,dc=org\" by dn.exact=\"cn=scim,dc=example,dc=org\" write by * break\n";
    let setup = |rights: &str| Setup {
        entries: account() + &people_of(0..3, &[]),
        configuration: rights.into(),
        ..Setup::default()
    };
    let slapd = Slapd::start(&setup(half)).unwrap();
    let said = probed(&slapd, &configuration(&slapd, SCIM, "mode = \"write\"", PLACES));
    said.says("problem", "probe: a group cannot be made: the directory refuses it");
    said.says("good", "nothing of it is left");

    // It may add and change, and not delete.
    let adds = "olcAccess: {0}to dn.base=\"ou=people,dc=example,dc=org\" attrs=children by dn.exact=\"cn=scim,dc=example,dc=org\" =arscxd by * break\n\
                olcAccess: {0}to dn.children=\"ou=people,dc=example,dc=org\" attrs=entry by dn.exact=\"cn=scim,dc=example,dc=org\" =arscxd by * break\n\
                olcAccess: {0}to dn.children=\"ou=people,dc=example,dc=org\" by dn.exact=\"cn=scim,dc=example,dc=org\" write by * break\n";
    let slapd = Slapd::start(&setup(adds)).unwrap();
    let lines = configuration(&slapd, SCIM, "mode = \"write\"", PLACES);
    let said = Said::of(doctor(&lines, PROBE));
    said.says("problem", "these entries may be left in the directory, as they could not be removed: uid=scim-probe-");
    assert!(said.mend("may be left").contains("ldapdelete"), "{said:?}");
    let left = slapd.search("(uid=scim-probe-*)", &["uid", "userPassword"]).unwrap();
    assert_eq!((left.matches("dn: ").count(), left.matches("userPassword").count()), (2, 0), "{left}");
    let said = Said::of(doctor(&lines, PROBE));
    said.says("warning", "left over from an earlier probe: uid=scim-probe-");
}

#[test]
fn nothing_is_sent_where_nothing_may_be_written() {
    let slapd = Slapd::start(&Setup { tells: true, ..furnished() }).unwrap();
    for (lines, mode) in [("", "read_only"), ("mode = \"shadow\"", "shadow")] {
        let output = doctor(&configuration(&slapd, ADMIN, lines, PLACES), &["--write-probe"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(told.contains(&format!("store.ldap.mode = \"{mode}\": nothing was sent")), "{told}");
        assert!(told.contains("Set store.ldap.mode = \"write\""), "{told}");
    }
    assert!(!slapd.log().contains(ADMIN), "{}", slapd.log());

    let output = doctor("", &["--write-probe"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && told.contains("a store of the backend sqlite is the server's own"),
        "{output:?}"
    );
    // Without a base there is no place of which an operator said that it may be written.
    let output = doctor(&configuration(&slapd, ADMIN, "mode = \"write\"", ""), PROBE);
    let said = Said::of(output);
    said.says("problem", "nothing was written: store.ldap.users.base");
}

#[test]
fn each_tenant_is_probed_in_its_own_place() {
    let slapd = Slapd::start(&furnished()).unwrap();
    let tables = "[store.ldap.tenants.acme.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                  [store.ldap.tenants.acme.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n\
                  [store.ldap.tenants.bare.users]\nbase = \"ou=people,dc=example,dc=org\"\non_delete = \"deactivate\"\n\
                  deleted_base = \"ou=policies,dc=example,dc=org\"\n";
    let said = probed(&slapd, &configuration(&slapd, ADMIN, "mode = \"write\"", tables));
    said.says("good", "probe of tenant acme: memberOf follows the members of groups");
    said.says("good", "probe of tenant bare: a user is renamed");
    said.says("good", "probe of tenant bare: a user is deleted");
    said.says("good", "probe of tenant bare: nothing of it is left in the directory");
    said.has_no("problem");
}

/// A probe that has made somebody, and the folder of its configuration.
fn begun(slapd: &Slapd) -> (Child, TempDir) {
    let folder = TempDir::new().unwrap();
    let text = configuration(slapd, ADMIN, "mode = \"write\"", PLACES);
    std::fs::write(folder.path().join("scim-server.toml"), text).unwrap();
    let mut probe = Command::new(env!("CARGO_BIN_EXE_scim-server"));
    probe.current_dir(folder.path()).args(["doctor", "--write-probe", "--format", "json"]);
    let child = probe.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !slapd.search("(uid=scim-probe-*)", &["uid"]).unwrap().contains("dn: ") {
        assert!(begun.elapsed() < Duration::from_secs(60), "it makes nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
    (child, folder)
}

/// A directory that goes away in between and stays away keeps what was made: the report says what to look for.
#[test]
fn what_a_lost_directory_keeps_is_named() {
    let entries = people_of(0..3, &[]) + &group("staff", 0..3);
    let mut slapd = Slapd::start(&Setup { entries, safe: true, ..Setup::default() }).unwrap();
    let (child, _folder) = begun(&slapd);
    slapd.stop("KILL").unwrap();
    let said = Said::of(child.wait_with_output().unwrap());
    said.says("problem", "these entries may be left in the directory");
    assert_eq!(said.1.status.code(), Some(1));
    slapd.again().unwrap();
    let left = slapd.search("(uid=scim-probe-*)", &["uid"]).unwrap();
    let left: Vec<&str> = left.lines().filter_map(|line| line.strip_prefix("dn: ")).collect();
    assert!(!left.is_empty());
    for dn in left {
        said.says("problem", dn);
        let again = Said::of(doctor(&configuration(&slapd, ADMIN, "mode = \"write\"", PLACES), PROBE));
        again.says("warning", dn);
    }
}

/// Whoever ends it half way gets the directory back as it was.
#[test]
fn who_interrupts_it_finds_nothing_left() {
    // Where nobody follows, it waits a while for what does not come.
    let entries = people_of(0..3, &[]) + &group("staff", 0..3);
    let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
    let before = all(&slapd);
    let (child, _folder) = begun(&slapd);
    assert!(Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap().success());
    let said = Said::of(child.wait_with_output().unwrap());
    said.says("problem", "probe: stopped before its end");
    said.says("good", "nothing of it is left");
    assert_eq!(said.1.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.1.stderr).contains("stopping: what the probe made is removed"), "{said:?}");
    assert_eq!(all(&slapd), before);
}

#[test]
fn a_389_directory_server_does_all_of_it_right() {
    let ds389 = Ds389::start(ds389::Setup::furnished()).unwrap();
    let unit = |ou| format!("dn: ou={ou},{}\nobjectClass: organizationalUnit\nou: {ou}\n\n", ds389::SUFFIX);
    crate::ds389::tool(&ds389, "ldapadd", &(unit("people") + &unit("groups")));
    let text = format!(
        "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{}\"\nbind_password = \"{}\"\nmode = \"write\"\noperation_time = 60\nconnect_time = 60\n{}",
        ds389.url(),
        ds389::ADMIN,
        ds389::PASSWORD,
        PLACES.replace(SUFFIX, ds389::SUFFIX)
    );
    let said = Said::of(doctor(&text, PROBE));
    said.says("good", "a group is made, and may be empty");
    said.says("good", "memberOf follows the members of groups");
    said.says("good", "a member that is renamed follows to its new name by the directory's own doing");
    said.says("good", "nothing of it is left");
    said.has_no("problem");
    let again = Said::of(doctor(&text, PROBE));
    assert!(!again.0.iter().any(|(_, what, _)| what.contains("left over")), "{again:?}");
}

#[test]
fn a_domain_does_all_of_it_right() {
    let domain = Domain::new("probed");
    domain.user("probed", json!({"active": false}));
    let all = || {
        let mut search = domain::tool("ldapsearch", domain.samba);
        search.args(["-LLL", "-D", samba::ADMIN, "-w", samba::PASSWORD, "-b", &domain.base, "(objectClass=*)"]);
        let found = search.output().unwrap();
        assert!(found.status.success(), "{found:?}");
        sorted(&String::from_utf8(found.stdout).unwrap())
    };
    let before = all();
    let mut probe = command(&domain.server.config(), &["doctor", "--write-probe", "--format", "json"]);
    let said = Said::of(probe.output().unwrap());
    assert_eq!(all(), before);
    said.says("good", "a user who is made inactive is so");
    said.says("good", "a group is made, and may be empty");
    said.says("good", "memberOf follows the members of groups");
    said.says("good", "a member that is renamed follows to its new name by the directory's own doing (member)");
    said.says("good", "a member that is deleted leaves its group by the directory's own doing (member)");
    said.says("good", "nothing of it is left");
    said.has_no("problem");
}
