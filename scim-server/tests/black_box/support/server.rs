//! The program, running.

use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use conformance_tests::harness::{Ability, Grant, Harness, Site};
use conformance_tests::http::Client;
use conformance_tests::session::Session;
use scim_core::access::Profile;
use tempfile::TempDir;

use super::{PATIENCE, Program, wait_until};

/// The token of the tenant `default`.
pub const TOKEN: &str = "black-box-token-of-more-than-32-letters";
/// The program, running in a folder that goes when it goes.
#[derive(Debug)]
pub struct Server {
    program: Program,
    child: Child,
    authority: String,
    /// Bytes of the log before this start.
    logged: usize,
    _folder: TempDir,
}

impl Server {
    /// A fresh one.
    pub fn start() -> Server {
        Server::with(&[])
    }

    /// A fresh one with these settings.
    pub fn with(settings: &[(&str, &str)]) -> Server {
        Server::of(|program| settings.iter().fold(program, |program, (name, value)| program.with(name, value)))
    }

    /// A fresh one, prepared so.
    pub fn of(prepare: impl FnOnce(Program) -> Program) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let program = prepare(Program::new(folder.path()));
        let child = spawn(&program);
        let mut server = Server { program, child, authority: String::new(), logged: 0, _folder: folder };
        server.ready();
        server
    }

    /// Starts it again after an end, and says how long it took until it was ready.
    pub fn restart(&mut self) -> Duration {
        let begun = Instant::now();
        self.logged = self.log().len();
        self.child = spawn(&self.program);
        self.ready();
        begun.elapsed()
    }

    /// Waits until it is ready.
    fn ready(&mut self) {
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.child.try_wait().unwrap() {
                panic!("the server ended with {ended}: {}", self.log());
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not become ready: {}", self.log());
            if let Some(authority) = self.listening() {
                self.authority = authority;
                if self.probe("/readyz").is_some_and(|status| status == 200) {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Where it says it listens: it chose a free port.
    fn listening(&self) -> Option<String> {
        let log = self.log();
        let (_, serving) = log.get(self.logged..)?.split_once("serving")?;
        let (_, url) = serving.split_once("http://")?;
        Some(url.split_once("/scim/v2")?.0.to_owned())
    }

    /// The status of this probe, or None where nobody answers.
    pub fn probe(&self, path: &str) -> Option<u16> {
        let url = format!("http://{}{path}", self.authority);
        Client::default().send("GET", &url, &[], &[]).ok().map(|response| response.status)
    }

    /// `host:port`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// How it was started, for commands beside it.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The id of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.program.folder().join("log")).unwrap_or_default()).into_owned()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal, by its short name.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        wait_until(PATIENCE, "the server ends", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap()
    }

    /// Ends it in peace.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// It still runs, answers and has not panicked.
    pub fn is_well(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "the server ended: {}", self.log());
        assert_eq!(self.probe("/readyz"), Some(200), "{}", self.log());
        assert!(!self.log().contains("a panic, which is a defect"), "{}", self.log());
    }

    /// The tenant `default`.
    pub fn session(&self) -> Session {
        let site = self.site("default", TOKEN);
        Session::at(&self.harness(), &Arc::new(Client::default()), Profile::Compatible, site)
    }

    /// A tenant of its own.
    pub fn tenant(&self, profile: Profile) -> Session {
        Session::fresh(&self.harness(), &Arc::new(Client::default()), profile).unwrap()
    }

    fn harness(&self) -> Arc<dyn Harness> {
        Arc::new(Commands { program: self.program.clone(), site: self.site("", "") })
    }

    fn site(&self, tenant: &str, token: &str) -> Site {
        let base = format!("http://{}/scim/v2", self.authority);
        Site { base, token: token.into(), tenant: tenant.into() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<_> = log.lines().rev().take(20).collect();
            println!("the last lines of its log:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

fn spawn(program: &Program) -> Child {
    let log = File::options().create(true).append(true).open(program.folder().join("log")).unwrap();
    program.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Sends a signal to a process.
fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status().unwrap();
    assert!(sent.success());
}

/// Makes tenants and credentials by the program's own commands, beside the running server.
struct Commands {
    program: Program,
    site: Site,
}

static MADE: AtomicUsize = AtomicUsize::new(1);

impl Harness for Commands {
    fn abilities(&self) -> &[Ability] {
        &[Ability::Tenants, Ability::Credentials, Ability::Ours]
    }

    fn profiles(&self) -> &[Profile] {
        &[Profile::Compatible]
    }

    fn fresh_tenant(&self, profile: Profile) -> Result<Site> {
        let tenant = format!("tenant-{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.program.done(&["tenant", "create", &tenant]);
        let site = Site { tenant, ..self.site.clone() };
        let token = self.credential(&site, &Grant { profile: Some(profile), ..Grant::default() })?;
        Ok(Site { token, ..site })
    }

    fn credential(&self, site: &Site, grant: &Grant) -> Result<String> {
        let name = format!("token-{}", MADE.fetch_add(1, Ordering::Relaxed));
        let mut words = ["token", "create", "--tenant", &site.tenant, "--name", &name].map(str::to_owned).to_vec();
        for right in &grant.rights {
            words.extend(["--scope".to_owned(), right.to_string()]);
        }
        words.extend(grant.profile.iter().flat_map(|profile| ["--client".to_owned(), profile.to_string()]));
        words.extend(grant.subject.iter().flat_map(|subject| ["--subject".to_owned(), subject.clone()]));
        let token = self.program.done(&words.iter().map(String::as_str).collect::<Vec<_>>());
        ensure!(token.len() >= 32, "{token}");
        Ok(token)
    }
}
