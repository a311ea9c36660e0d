//! 389 Directory Server: one of the machine's own, an instance of the moment.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::guard::{Folder, Guarded, free_port};
use super::slapd::listens;

/// What everything stands below.
pub const SUFFIX: &str = "dc=example,dc=org";
/// Who may do everything.
pub const ADMIN: &str = "cn=Directory Manager";
/// The password of [`ADMIN`].
pub const PASSWORD: &str = "secret12345";

/// How long a start may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// Starts on other ports, when one was taken in between.
const TRIES: usize = 5;
/// Plug-ins that are off in a new instance.
const MEMBER_OF: &str = "cn=MemberOf Plugin,cn=plugins,cn=config";
const INTEGRITY: &str = "cn=referential integrity postoperation,cn=plugins,cn=config";
/// One that is on: it takes nothing but ASCII in `uid` and `mail`.
const SEVEN_BITS: &str = "cn=7-bit check,cn=plugins,cn=config";

/// How an instance is furnished. The default is what `dscreate` makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Setup {
    /// The memberOf plug-in.
    pub member_of: bool,
    /// The referential integrity plug-in.
    pub integrity: bool,
    /// Letters beyond ASCII in `uid` and `mail`: without the 7-bit check plug-in.
    pub all_letters: bool,
    /// TLS, with a certificate for `localhost`: it takes passwords no other way, and making the keys takes time.
    pub tls: bool,
}

impl Setup {
    /// What an administrator who knows the gateway would run, but for TLS.
    pub fn furnished() -> Self {
        Setup { member_of: true, integrity: true, all_letters: true, tls: false }
    }
}

/// A running instance and its folder.
#[derive(Debug)]
pub struct Ds389 {
    // Before the folder: the server ends first.
    process: Option<Guarded>,
    folder: Folder,
    program: PathBuf,
    port: u16,
    tls_port: u16,
}

impl Ds389 {
    /// The one that all tests of this process share, furnished.
    pub fn shared() -> Result<&'static Ds389> {
        static SHARED: OnceLock<Result<Ds389>> = OnceLock::new();
        let found = SHARED.get_or_init(|| Ds389::start(Setup::furnished()));
        found.as_ref().map_err(|error| anyhow!("{error:#}"))
    }

    /// One for the caller alone.
    pub fn start(setup: Setup) -> Result<Ds389> {
        let missing = "no 389 Directory Server to test with: install it (apt-get install 389-ds-base, \
                       dnf install 389-ds-base) and run as root; ./test.sh does the former";
        let first = |paths: &[&str]| paths.iter().map(PathBuf::from).find(|path| path.exists());
        let program = first(&["/usr/sbin/ns-slapd", "/usr/bin/ns-slapd"]).context(missing)?;
        let create = first(&["/usr/sbin/dscreate", "/usr/bin/dscreate"]).context(missing)?;
        let folder = Folder::new(&["root"]).context(missing)?;
        prepare(&folder).context(missing)?;
        let (port, tls_port) = (free_port()?, free_port()?);
        folder.write("ds.inf", &instance(port, tls_port, setup.tls))?;
        let output = folder.command(&create).env("PREFIX", folder.path()).args(["from-file", "ds.inf"]).output()?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(output.status.success(), "dscreate: {}", String::from_utf8_lossy(&said));
        let mut server = Ds389 { process: None, folder, program, port, tls_port };
        let settings = server.folder.path().join("etc/dirsrv/slapd-scimtest/dse.ldif");
        let mut text = std::fs::read_to_string(&settings)?;
        for (plugin, wanted) in
            [(MEMBER_OF, setup.member_of), (INTEGRITY, setup.integrity), (SEVEN_BITS, !setup.all_letters)]
        {
            text = switched(&text, plugin, wanted)?;
        }
        std::fs::write(&settings, &text)?;
        for _ in 0..TRIES {
            match server.run() {
                Ok(()) => return Ok(server),
                Err(error) if format!("{error:#}").contains("in use") => {
                    let port = free_port()?;
                    text = text.replace(&format!("nsslapd-port: {}", server.port), &format!("nsslapd-port: {port}"));
                    std::fs::write(&settings, &text)?;
                    server.port = port;
                }
                Err(error) => return Err(error),
            }
        }
        bail!("no port for 389 Directory Server: {TRIES} were taken by others")
    }

    /// Where it listens, in clear.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Where it listens in TLS, where it does.
    pub fn tls_url(&self) -> String {
        format!("ldaps://localhost:{}", self.tls_port)
    }

    /// The file of the authority of its certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("etc/dirsrv/slapd-scimtest/ca.crt")
    }

    fn run(&mut self) -> Result<()> {
        let at = |below: &str| self.folder.path().join(below).display().to_string();
        // With a level of its log it stays in the foreground.
        let arguments = ["-D", &at("etc/dirsrv/slapd-scimtest"), "-i", &at("run/pid"), "-d", "0"].map(str::to_owned);
        let process = self.folder.start(&self.program, &arguments, "TERM")?;
        let begun = Instant::now();
        while !listens(self.port) {
            let said = process.log();
            if said.contains("shutting down") || said.contains("in use") || begun.elapsed() > PATIENCE {
                process.end("KILL")?;
                bail!("389 Directory Server did not start: {said}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.process = Some(process);
        Ok(())
    }
}

/// The folders of an instance below ours, and the file that sends `dscreate` there and keeps it from systemd.
fn prepare(folder: &Folder) -> Result<()> {
    let at = folder.path().display().to_string();
    let below = [
        "share/dirsrv/inf",
        "etc/dirsrv/config",
        "etc/dirsrv/schema",
        "etc/default",
        "etc/tmpfiles.d",
        "var/lib/dirsrv",
        "var/log/dirsrv",
        "run/lock",
        "tmp",
        "inst",
    ];
    folder.run("mkdir", &[&["-p"], &below[..]].concat())?;
    folder.run(
        "sh",
        &[
            "-c",
            "cp /etc/dirsrv/config/* etc/dirsrv/config/; cp /etc/dirsrv/schema/* etc/dirsrv/schema/ 2>/dev/null; true",
        ],
    )?;
    let defaults = std::fs::read_to_string("/usr/share/dirsrv/inf/defaults.inf").context("defaults.inf")?;
    let who = |flag: &str| -> Result<String> {
        let output = folder.command("id").arg(flag).arg("-n").output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let (user, group) = (who("-u")?, who("-g")?);
    let line = |line: &str| {
        let value = line.split_once(" = ").map_or("", |(_, value)| value);
        let moved = value.strip_prefix("/run/dirsrv").map(|rest| format!("{at}/run{rest}"));
        let moved = moved.or_else(|| value.starts_with("/dev/shm").then(|| format!("{at}/tmp")));
        let below = ["/etc", "/var", "/run"].iter().any(|top| value.starts_with(top));
        let moved = moved.or_else(|| below.then(|| format!("{at}{value}")));
        let value = match line.split(" = ").next().unwrap_or_default() {
            "with_systemd" => Some("0".to_owned()),
            "user" => Some(user.clone()),
            "group" => Some(group.clone()),
            "tmp_dir" => Some(format!("{at}/tmp")),
            "inst_dir" => Some(format!("{at}/inst/slapd-{{instance_name}}")),
            _ => moved,
        };
        match (value, line.split_once(" = ")) {
            (Some(value), Some((name, _))) => format!("{name} = {value}"),
            _ => line.to_owned(),
        }
    };
    let ours = defaults.lines().map(line).collect::<Vec<_>>().join("\n");
    folder.write("share/dirsrv/inf/defaults.inf", &(ours + "\n"))?;
    Ok(())
}

fn instance(port: u16, tls_port: u16, tls: bool) -> String {
    let sign = if tls { "True" } else { "False" };
    format!(
        "[general]\nconfig_version = 2\nfull_machine_name = localhost\nstrict_host_checking = False\nstart = False\n\
         systemd = False\nselinux = False\n[slapd]\ninstance_name = scimtest\nroot_password = {PASSWORD}\nport = {port}\n\
         secure_port = {tls_port}\nself_sign_cert = {sign}\n[backend-userroot]\nsuffix = {SUFFIX}\n\
         create_suffix_entry = True\nsample_entries = no\n"
    )
}

/// The configuration with a plug-in on or off.
fn switched(text: &str, plugin: &str, on: bool) -> Result<String> {
    let start = text.find(&format!("dn: {plugin}\n")).with_context(|| format!("no {plugin}"))?;
    let (before, entry) = text.split_at(start);
    let (entry, rest) = entry.split_at(entry.find("\n\n").unwrap_or(entry.len()));
    let state = |on| format!("nsslapd-pluginEnabled: {}", if on { "on" } else { "off" });
    ensure!(entry.contains(&state(on)) || entry.contains(&state(!on)), "{plugin} is neither on nor off");
    Ok(before.to_owned() + &entry.replacen(&state(!on), &state(on), 1) + rest)
}
