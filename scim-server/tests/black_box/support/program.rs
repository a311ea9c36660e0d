//! The program, not yet running.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{PATIENCE, TOKEN};
use crate::ground::Ground;

/// How the program is started: where, and with which settings.
#[derive(Debug, Clone)]
pub struct Program {
    folder: PathBuf,
    ground: Arc<Ground>,
    settings: Vec<(String, String)>,
    /// Put before the program: `sh -c …`.
    wrapper: Vec<String>,
}

impl Program {
    /// In this folder, on a store and a port of its own.
    pub fn new(folder: &Path) -> Self {
        let ground = Arc::new(Ground::fresh(folder));
        let program = Program { folder: folder.to_owned(), ground, settings: Vec::new(), wrapper: Vec::new() };
        program.grounded().with("SCIM__SERVER__LISTEN", "127.0.0.1:0").with("SCIM_BOOTSTRAP_TOKEN", TOKEN)
    }

    /// On the store of another.
    pub fn beside(self, other: &Program) -> Self {
        Program { ground: other.ground.clone(), ..self }.grounded()
    }

    /// What it stores in.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// With no store but what a configuration file names.
    pub fn configured(mut self) -> Self {
        self.settings.retain(|(name, _)| !name.starts_with("SCIM__STORE__"));
        self
    }

    fn grounded(self) -> Self {
        let settings = self.ground.settings();
        settings.iter().fold(self, |program, (name, value)| program.with(name, value))
    }

    /// With this variable in its environment.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(own, _)| own != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Started by `sh -c SCRIPT`, in which `"$@"` is the program.
    pub fn by_shell(mut self, script: &str) -> Self {
        self.wrapper = ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        self
    }

    /// Started by this program and its arguments.
    pub fn by(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&part| part.to_owned()).collect();
        self
    }

    /// Where it runs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The database it makes where nothing else is set.
    pub fn database(&self) -> PathBuf {
        self.folder.join("scim.db")
    }

    /// The command, with none of the settings of whoever runs the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.wrapper.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_scim-server")]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SCIM_") {
                command.env_remove(name);
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that succeeds, and gives what it printed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts it where it cannot start, and gives the sentence it leaves.
    pub fn refused(&self) -> String {
        let quiet = Program { settings: [("SCIM__LOG__LEVEL".into(), "error".into())].into(), ..self.clone() };
        let quiet = self.settings.iter().fold(quiet, |quiet, (name, value)| quiet.with(name, value));
        let mut command = quiet.command(&["serve"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it should refuse to start: {:?}", self.settings);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.lines().count() == 1 && said.starts_with("scim-server: "), "one sentence: {said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }
}
