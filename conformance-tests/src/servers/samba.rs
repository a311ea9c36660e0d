//! Samba as a domain controller of Active Directory: one of the machine's own, a domain of the moment. Root alone can run
//! it, and its ports are fixed, so that each has an address of the loopback network to itself.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::certificates::{self, Certificates};
use super::guard::{Folder, Guarded};

/// What everything stands below.
pub const SUFFIX: &str = "DC=ad,DC=example,DC=org";
/// Who may do everything.
pub const ADMIN: &str = "CN=Administrator,CN=Users,DC=ad,DC=example,DC=org";
/// The password of [`ADMIN`].
pub const PASSWORD: &str = "Passw0rd.123";

/// How long a start may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running domain controller, its folder, and its certificates.
#[derive(Debug)]
pub struct Samba {
    // Before the folder: the server ends first.
    _process: Guarded,
    _folder: Folder,
    certificates: Certificates,
    address: String,
}

impl Samba {
    /// The one that all tests of this process share.
    pub fn shared() -> Result<&'static Samba> {
        static SHARED: OnceLock<Result<Samba>> = OnceLock::new();
        SHARED.get_or_init(Samba::start).as_ref().map_err(|error| anyhow!("{error:#}"))
    }

    /// One for the caller alone.
    pub fn start() -> Result<Samba> {
        let missing = "no Samba to test with: install it (apt-get install samba samba-ad-dc samba-ad-provision \
                       samba-dsdb-modules samba-vfs-modules winbind python3-samba) and run as root, as which alone it can \
                       make a domain; ./test.sh does the former";
        let first = |paths: &[&str]| paths.iter().map(PathBuf::from).find(|path| path.exists());
        let program = first(&["/usr/sbin/samba", "/usr/local/samba/sbin/samba"]).context(missing)?;
        let tool = first(&["/usr/bin/samba-tool", "/usr/local/samba/bin/samba-tool"]).context(missing)?;
        let folder = Folder::new(&["root"]).context(missing)?;
        let address = free_address()?;
        let certificates = certificates::make(&folder, &address)?;
        provision(&folder, &tool).context(missing)?;
        let at = |below: &str| folder.path().join(below).display().to_string();
        for below in ["run", "ncalrpc", "logs"] {
            folder.run("mkdir", &["-p", below])?;
        }
        let options = [
            "server services=ldap".to_owned(),
            // Nobody needs it after a crash, and each write would wait for the disk some times over.
            "ldb:nosync=true".to_owned(),
            format!("pid directory={}", at("run")),
            format!("ncalrpc dir={}", at("ncalrpc")),
            format!("log file={}", at("logs/samba.log")),
            format!("interfaces={address}/8"),
            "bind interfaces only=yes".to_owned(),
            format!("tls cafile={}", certificates.authority),
            format!("tls certfile={}", certificates.certificate),
            format!("tls keyfile={}", certificates.key),
        ];
        let fixed = ["-F", "--no-process-group", "-M", "single", "-s", &at("ad/etc/smb.conf")].map(str::to_owned);
        let arguments = fixed.into_iter().chain(options.map(|option| format!("--option={option}"))).collect::<Vec<_>>();
        let process = folder.start(&program, &arguments, "TERM")?;
        let begun = Instant::now();
        while std::net::TcpStream::connect((address.as_str(), 636)).is_err() {
            if begun.elapsed() > PATIENCE {
                let said = process.log() + &std::fs::read_to_string(at("logs/samba.log")).unwrap_or_default();
                process.end("KILL")?;
                bail!("Samba did not start: {said}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Samba { _process: process, _folder: folder, certificates, address })
    }

    /// Where it listens in TLS; its certificate is for its address.
    pub fn url(&self) -> String {
        format!("ldaps://{}", self.address)
    }

    /// The certificates around it.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }
}

fn provision(folder: &Folder, tool: &std::path::Path) -> Result<()> {
    let target = format!("--targetdir={}", folder.path().join("ad").display());
    let password = format!("--adminpass={PASSWORD}");
    let arguments = [
        "domain",
        "provision",
        &target,
        "--realm=AD.EXAMPLE.ORG",
        "--domain=EXAMPLE",
        "--server-role=dc",
        "--dns-backend=NONE",
        &password,
        "--host-name=dc1",
        "--host-ip=127.0.0.1",
        "--option=interfaces=127.0.0.1/8",
        "--option=bind interfaces only=yes",
        "--option=vfs objects=dfs_samba4 acl_xattr xattr_tdb",
    ];
    folder.run("mkdir", &["-p", "ad"])?;
    folder.run(tool, &arguments)
}

/// An address of this machine on which nobody has Samba's ports.
fn free_address() -> Result<String> {
    let first = std::process::id() % 10_000;
    for n in 0..100 {
        let n = (first + n) % 10_000;
        let address = format!("127.77.{}.{}", n / 250, n % 250 + 1);
        if [389, 636].iter().all(|port| TcpListener::bind((address.as_str(), *port)).is_ok()) {
            return Ok(address);
        }
    }
    bail!("no address for Samba: it needs the ports 389 and 636 of one, and root to take them")
}
