//! OpenLDAP: one of the machine's own, as bare or as furnished as a test wants it, loaded before it starts.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::certificates::{self, Certificates};
use super::guard::{Folder, Guarded, free_port};

/// What everything stands below.
pub const SUFFIX: &str = "dc=example,dc=org";
/// Who may do everything.
pub const ADMIN: &str = "cn=admin,dc=example,dc=org";
/// The password of [`ADMIN`], and of everybody else who has one.
pub const PASSWORD: &str = "secret";

/// How long a start may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Starts on other ports, when one was taken in between.
const TRIES: usize = 5;

/// Who keeps `memberOf`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemberOf {
    /// Nobody.
    #[default]
    Nobody,
    /// The memberof overlay, which writes it.
    Overlay,
    /// The dynlist overlay, which computes it.
    Dynlist,
}

/// How a server is furnished. The default is what nobody prepared for us.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Who keeps `memberOf`.
    pub member_of: MemberOf,
    /// In these attributes, references to entries that go, go too (refint). A DN stands in where a group would be empty.
    pub refint: &'static [&'static str],
    /// `uid` below `ou=people` is unique (unique).
    pub unique: bool,
    /// Passwords are hashed and counted (ppolicy).
    pub password_policy: bool,
    /// Sorting and virtual lists (sssvlv).
    pub sorting: bool,
    /// The dereference control (deref).
    pub deref: bool,
    /// Changes can be followed (syncprov).
    pub sync: bool,
    /// Attributes with an index, as `olcDbIndex` wants them; `objectClass eq` is always there.
    pub indexes: Vec<String>,
    /// What it holds besides the suffix, `ou=people` and `ou=groups`, in LDIF.
    pub entries: String,
    /// Does the log tell of operations? It takes time.
    pub tells: bool,
    /// Does it write down each change with its values ([`Slapd::audit`])?
    pub audits: bool,
    /// What it gives without pages, and the most of a page.
    pub size_limit: Option<u32>,
    /// Is what it answers also written before it answers? For what is measured or killed.
    pub safe: bool,
    /// What is added to the database's configuration, in LDIF lines.
    pub configuration: String,
    /// Attribute types and classes beside the usual ones: the lines of an `olcSchemaConfig`.
    pub schema: String,
}

impl Setup {
    /// What an administrator who knows the gateway would run: indexes, memberOf by overlay, refint, ppolicy, sssvlv, deref.
    pub fn furnished() -> Self {
        Setup {
            member_of: MemberOf::Overlay,
            refint: &["member", "manager"],
            password_policy: true,
            sorting: true,
            deref: true,
            indexes: Setup::usual_indexes(),
            ..Setup::default()
        }
    }

    /// The indexes that the gateway's searches want.
    pub fn usual_indexes() -> Vec<String> {
        ["entryUUID,entryCSN,displayName,manager eq", "uid,mail,cn,sn eq,sub,pres", "member,memberOf,uniqueMember eq"]
            .map(str::to_owned)
            .into()
    }
}

/// A running slapd, its folder, and its certificates.
#[derive(Debug)]
pub struct Slapd {
    // Before the folder: the server ends first.
    process: Option<Guarded>,
    folder: Folder,
    certificates: Certificates,
    port: u16,
    tls_port: u16,
    tells: bool,
}

/// The states of a process's threads, as `ps` names them.
fn states(pid: &str) -> Result<String> {
    let output = Command::new("ps").args(["-L", "-o", "s=", "-p", pid]).output().context("ps")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What belongs to one installation.
#[derive(Debug)]
struct Installed {
    program: PathBuf,
    modules: Option<PathBuf>,
    schemas: PathBuf,
}

impl Slapd {
    /// One for the caller alone.
    pub fn start(setup: &Setup) -> Result<Slapd> {
        let installed = installed().context(
            "no OpenLDAP to test with: install it (apt-get install slapd, dnf install openldap-servers, \
             brew install openldap); ./test.sh does",
        )?;
        let folder = Folder::new(&["openldap", "ldap", "nobody"])?;
        let certificates = certificates::make(&folder, "127.0.0.1")?;
        // A copy: where AppArmor knows the program by its path, it would not let it into our folder.
        std::fs::copy(&installed.program, folder.path().join("slapd")).context("copying slapd")?;
        for below in ["cfg", "db"] {
            folder.run("mkdir", &[below])?;
        }
        let mut slapd = Slapd { process: None, folder, certificates, port: 0, tls_port: 0, tells: setup.tells };
        slapd.load(&configuration(setup, &installed, &slapd.folder, &slapd.certificates), "config.ldif", "0")?;
        slapd.load(&contents(setup), "entries.ldif", "1")?;
        for _ in 0..TRIES {
            slapd.port = free_port()?;
            slapd.tls_port = free_port()?;
            match slapd.run() {
                Ok(()) => return Ok(slapd),
                Err(error) if format!("{error:#}").contains("ddress already in use") => {}
                Err(error) => return Err(error),
            }
        }
        bail!("no port for slapd: {TRIES} were taken by others")
    }

    /// Where it listens in clear, with StartTLS.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Where it listens in TLS; its certificate is for `localhost` and `127.0.0.1`.
    pub fn tls_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls_port)
    }

    /// Where it listens on this machine alone. Who comes over it as root or as its own user is [`ADMIN`] by EXTERNAL.
    pub fn socket_url(&self) -> String {
        format!("ldapi://{}", self.socket().replace('/', "%2F"))
    }

    fn socket(&self) -> String {
        self.folder.path().join("ldapi").display().to_string()
    }

    /// The certificates around it.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// What it has said since it was started.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Guarded::log).unwrap_or_default()
    }

    /// Each change that it made, with its values, in LDIF; where it was told to write them down.
    pub fn audit(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("audit.ldif")).unwrap_or_default()
    }

    /// What its own tool finds of these attributes, as LDIF.
    pub fn search(&self, filter: &str, attributes: &[&str]) -> Result<String> {
        let (url, quiet) = (self.url(), ["-x", "-LLL", "-o", "ldif-wrap=no"]);
        let mut search = Command::new("ldapsearch");
        search.args(quiet).args(["-H", &url, "-D", ADMIN, "-w", PASSWORD, "-b", SUFFIX, filter]).args(attributes);
        let output = search.output().context("ldapsearch")?;
        ensure!(output.status.success(), "ldapsearch: {output:?}");
        String::from_utf8(output.stdout).context("ldapsearch")
    }

    /// Ends it, with TERM or with KILL, and waits for its end.
    pub fn stop(&mut self, signal: &str) -> Result<()> {
        self.process.take().context("slapd is stopped already")?.end(signal)
    }

    /// Starts it again on the same ports and data, and waits until it answers.
    pub fn again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "slapd runs already");
        self.run()
    }

    /// Makes it hang: it keeps its connections and does nothing.
    pub fn pause(&self) -> Result<()> {
        self.signal("-STOP")?;
        // The signal is on its way when it was sent: until it is there, requests are answered.
        let (pid, begun) = (self.pid()?.to_string(), Instant::now());
        while !states(&pid)?.bytes().all(|state| matches!(state, b'T' | b'\n' | b' ')) {
            ensure!(begun.elapsed() < PATIENCE, "slapd does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Lets it go on.
    pub fn resume(&self) -> Result<()> {
        self.signal("-CONT")
    }

    /// Its process.
    pub fn pid(&self) -> Result<u32> {
        let file = self.folder.path().join("pid");
        std::fs::read_to_string(file).context("slapd's pid file")?.trim().parse().context("slapd's pid")
    }

    fn signal(&self, signal: &str) -> Result<()> {
        // The shell has it built in; the program is not on every machine.
        let status = Command::new("sh").args(["-c", &format!("kill {signal} {}", self.pid()?)]).status()?;
        ensure!(status.success(), "kill {signal}: {status}");
        Ok(())
    }

    /// Adds the entries of an LDIF with slapadd.
    fn load(&self, ldif: &str, name: &str, database: &str) -> Result<()> {
        let file = self.folder.write(name, ldif)?;
        let program = self.folder.path().join("slapd");
        self.folder.run(&program, &["-Tadd", "-q", "-n", database, "-F", "cfg", "-l", &file])
    }

    fn run(&mut self) -> Result<()> {
        let at = format!("{}/ {}/ {}/", self.url(), self.tls_url(), self.socket_url());
        let level = if self.tells { "256" } else { "0" };
        let arguments = ["-d", level, "-F", "cfg", "-h", &at].map(str::to_owned);
        let process = self.folder.start(&self.folder.path().join("slapd"), &arguments, "TERM")?;
        let begun = Instant::now();
        while !listens(self.port) {
            let said = process.log();
            if said.contains("slapd stopped") || said.contains("address already in use") || begun.elapsed() > PATIENCE {
                process.end("KILL")?;
                bail!("slapd did not start: {said}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = Some(process);
        Ok(())
    }
}

/// Does somebody take connections there, and answer a bind?
pub(super) fn listens(port: u16) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    // Message 1: an anonymous simple bind of version 3.
    let bind = [0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    stream.write_all(&bind).is_ok() && stream.read(&mut [0; 16]).is_ok_and(|read| read > 0)
}

fn installed() -> Option<Installed> {
    let first = |paths: &[&str]| paths.iter().map(PathBuf::from).find(|path| path.exists());
    Some(Installed {
        program: first(&[
            "/usr/sbin/slapd",
            "/usr/libexec/slapd",
            "/usr/local/libexec/slapd",
            "/opt/homebrew/opt/openldap/libexec/slapd",
            "/usr/local/opt/openldap/libexec/slapd",
        ])?,
        modules: first(&[
            "/usr/lib/ldap",
            "/usr/lib64/openldap",
            "/usr/lib/openldap",
            "/opt/homebrew/opt/openldap/libexec/openldap",
        ]),
        schemas: first(&[
            "/etc/ldap/schema",
            "/etc/openldap/schema",
            "/opt/homebrew/etc/openldap/schema",
            "/usr/local/etc/openldap/schema",
        ])?,
    })
}

/// The database of the configuration.
fn configuration(setup: &Setup, installed: &Installed, folder: &Folder, certificates: &Certificates) -> String {
    let at = folder.path().display();
    let Certificates { authority, certificate, key, .. } = certificates;
    let audited = format!("olcAuditlogFile: {at}/audit.ldif\n");
    let mut overlays = Vec::new();
    match setup.member_of {
        MemberOf::Nobody => {}
        MemberOf::Overlay => overlays.push(("memberof", "olcMemberOfConfig", "olcMemberOfRefInt: TRUE\n")),
        MemberOf::Dynlist => overlays.push((
            "dynlist",
            "olcDynListConfig",
            "olcDynListAttrSet: groupOfURLs memberURL member+memberOf@groupOfNames\n",
        )),
    }
    let followed: String = setup.refint.iter().map(|name| format!("olcRefintAttribute: {name}\n")).collect();
    let followed = followed + "olcRefintNothing: cn=admin,dc=example,dc=org\n";
    if !setup.refint.is_empty() {
        overlays.push(("refint", "olcRefintConfig", &followed));
    }
    if setup.password_policy {
        let settings = "olcPPolicyDefault: cn=default,ou=policies,dc=example,dc=org\nolcPPolicyHashCleartext: TRUE\n";
        overlays.push(("ppolicy", "olcPPolicyConfig", settings));
    }
    if setup.sorting {
        overlays.push(("sssvlv", "olcSssVlvConfig", "olcSssVlvMax: 16\nolcSssVlvMaxPerConn: 4\n"));
    }
    if setup.unique {
        overlays.push(("unique", "olcUniqueConfig", "olcUniqueURI: ldap:///ou=people,dc=example,dc=org?uid?sub\n"));
    }
    if setup.deref {
        overlays.push(("deref", "", ""));
    }
    if setup.sync {
        overlays.push(("syncprov", "olcSyncProvConfig", ""));
    }
    if setup.audits {
        overlays.push(("auditlog", "olcAuditlogConfig", &audited));
    }
    let mut text = format!(
        "dn: cn=config\nobjectClass: olcGlobal\ncn: config\nolcPidFile: {at}/pid\nolcTLSCACertificateFile: {authority}\n\
         olcTLSCertificateFile: {certificate}\nolcTLSCertificateKeyFile: {key}\nolcTLSVerifyClient: try\n\
         olcAuthzRegexp: {{0}}\"gidNumber=[0-9]+\\+uidNumber=[0-9]+,cn=peercred,cn=external,cn=auth\" \"{ADMIN}\"\n\
         olcAuthzRegexp: {{1}}\"cn=scim-client.*\" \"{ADMIN}\"\n\n"
    );
    if let Some(modules) = &installed.modules {
        let _ = write!(
            text,
            "dn: cn=module{{0}},cn=config\nobjectClass: olcModuleList\ncn: module{{0}}\nolcModulePath: {}\nolcModuleLoad: back_mdb\n",
            modules.display()
        );
        overlays.iter().for_each(|(name, ..)| text.push_str(&format!("olcModuleLoad: {name}\n")));
        text.push('\n');
    }
    text.push_str("dn: cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: schema\n\n");
    for schema in ["core", "cosine", "inetorgperson", "nis", "dyngroup"] {
        let _ = writeln!(text, "include: file://{}/{schema}.ldif", installed.schemas.display());
    }
    if !setup.schema.is_empty() {
        let own = &setup.schema;
        let _ = write!(text, "\ndn: cn=own,cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: own\n{own}");
    }
    let limit = setup.size_limit.unwrap_or(1000);
    let _ = write!(
        text,
        "\ndn: olcDatabase={{-1}}frontend,cn=config\nobjectClass: olcDatabaseConfig\nobjectClass: olcFrontendConfig\n\
         olcDatabase: {{-1}}frontend\nolcSizeLimit: size.soft={limit} size.hard=unlimited size.pr={limit} size.prtotal=unlimited\n\n\
         dn: olcDatabase={{0}}config,cn=config\nobjectClass: olcDatabaseConfig\nolcDatabase: {{0}}config\nolcRootDN: {ADMIN}\n\n\
         dn: olcDatabase={{1}}mdb,cn=config\nobjectClass: olcDatabaseConfig\nobjectClass: olcMdbConfig\nolcDatabase: {{1}}mdb\n\
         olcSuffix: {SUFFIX}\nolcRootDN: {ADMIN}\nolcRootPW: {PASSWORD}\nolcDbDirectory: {at}/db\n\
         olcDbMaxSize: 4294967296\nolcDbNoSync: {}\nolcDbIndex: objectClass eq\n\
         olcAccess: {{0}}to attrs=userPassword by self write by anonymous auth by * none\n\
         olcAccess: {{1}}to * by users read by * none\n",
        if setup.safe { "FALSE" } else { "TRUE" },
    );
    setup.indexes.iter().for_each(|index| text.push_str(&format!("olcDbIndex: {index}\n")));
    text.push_str(&setup.configuration);
    for (number, (name, class, settings)) in overlays.iter().enumerate() {
        let class = if class.is_empty() { String::new() } else { format!("objectClass: {class}\n") };
        let _ = write!(
            text,
            "\ndn: olcOverlay={{{number}}}{name},olcDatabase={{1}}mdb,cn=config\nobjectClass: olcOverlayConfig\n{class}\
             olcOverlay: {{{number}}}{name}\n{settings}",
        );
    }
    text
}

/// What it holds from the beginning.
fn contents(setup: &Setup) -> String {
    let mut text =
        format!("dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n");
    for unit in ["people", "groups", "policies"] {
        let _ = write!(text, "dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n\n");
    }
    if setup.password_policy {
        let _ = write!(
            text,
            "dn: cn=default,ou=policies,{SUFFIX}\nobjectClass: pwdPolicy\nobjectClass: organizationalRole\ncn: default\n\
             pwdAttribute: userPassword\npwdMinLength: 8\npwdCheckQuality: 2\npwdInHistory: 3\n\n"
        );
    }
    text.push_str(&setup.entries);
    text
}

/// People by number, as nobody prepared them for us: `uid=user000000,ou=people`, with a name, a mail address and a title.
pub fn people(numbers: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    for n in numbers {
        let _ = write!(
            text,
            "dn: uid=user{n:06},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: user{n:06}\ncn: Given{n:06} Family{n:06}\n\
             givenName: Given{n:06}\nsn: Family{n:06}\nmail: user{n:06}@example.org\ntitle: Title {}\n\
             telephoneNumber: +1 555 {n:06}\nemployeeNumber: {n}\ndepartmentNumber: {}\n\n",
            n % 10,
            n % 100,
        );
    }
    text
}

/// The same, with what the memberof overlay has written into their entries for these groups: as `slapcat` gives them.
pub fn people_of(numbers: std::ops::Range<usize>, groups: &[(&str, std::ops::Range<usize>)]) -> String {
    let mut text = String::new();
    for n in numbers {
        let one = people(n..n + 1);
        text.push_str(one.trim_end());
        for (name, _) in groups.iter().filter(|(_, members)| members.contains(&n)) {
            let _ = write!(text, "\nmemberOf: cn={name},ou=groups,{SUFFIX}");
        }
        text.push_str("\n\n");
    }
    text
}

/// A group of this name with these people.
pub fn group(name: &str, members: std::ops::Range<usize>) -> String {
    let mut text = format!("dn: cn={name},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {name}\n");
    for n in members {
        let _ = writeln!(text, "member: uid=user{n:06},ou=people,{SUFFIX}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_holds_what_it_was_loaded_with_in_every_setup() {
        let entries = people(0..3) + &group("staff", 0..3);
        for member_of in [MemberOf::Nobody, MemberOf::Overlay, MemberOf::Dynlist] {
            let furnished = Setup { unique: true, sync: true, ..Setup::furnished() };
            let base = if member_of == MemberOf::Nobody { Setup::default() } else { furnished };
            let mut slapd = Slapd::start(&Setup { member_of, entries: entries.clone(), ..base }).unwrap();
            assert_eq!(slapd.search("(uid=user00*)", &["uid"]).unwrap().matches("\nuid: ").count(), 3, "{member_of:?}");
            assert!(slapd.search("(cn=staff)", &["member"]).unwrap().contains("member: uid=user000002,"));
            slapd.stop("TERM").unwrap();
            slapd.again().unwrap();
            assert!(slapd.search("(cn=staff)", &["member"]).unwrap().contains("member: uid=user000002,"));
            if member_of == MemberOf::Dynlist {
                assert!(
                    slapd.search("(uid=user000001)", &["memberOf"]).unwrap().contains("memberOf: cn=staff,"),
                    "computed"
                );
            }
        }
    }
}
