//! A server's folder and process: private, never root's, and gone when the process that started them is gone, also
//! when that was killed.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Waits at a pipe that the test process holds. A line on it is the signal to end the server with; the end of the pipe
/// means that the test process is gone, and then the folder goes too. It ignores what a terminal sends to everybody,
/// so as to be there still. A server that was stopped goes on, so that it ends; one that hangs is killed.
const GUARD: &str = r#"
folder=$1 last=$2 patience=$3; shift 3
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
trap '' INT HUP TERM
read -r signal <&3 || gone=yes
kill -s "${signal:-$last}" "$server" 2>/dev/null
kill -s CONT "$server" 2>/dev/null
{
  left=$((patience * 5))
  while [ "$left" -gt 0 ] && kill -s 0 "$server" 2>/dev/null; do sleep 0.2; left=$((left - 1)); done
  if kill -s 0 "$server" 2>/dev/null; then
    echo "it did not end within $patience s, and is killed"
    kill -s KILL "$server"
  fi
} &
wait "$server"
[ -z "$gone" ] || rm -rf "$folder"
"#;

/// How long a server may take to end, in seconds, before it counts as one that hangs.
const PATIENCE: u32 = 60;

/// A folder for one server, owned by the user it will run as.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Whom to become, where we are root.
    user: Option<(u32, u32)>,
}

impl Folder {
    /// A new one. As root it belongs to the first of these users that exists: servers refuse to run as root, and are
    /// right to.
    pub fn new(users: &[&str]) -> Result<Self> {
        let made = tempfile::Builder::new().prefix("scim-").tempdir().context("a folder for a test server")?;
        let path = made.keep();
        let root = std::fs::metadata(&path)?.uid() == 0;
        let user = if root { Some(first_user(users)?) } else { None };
        if let Some((user, group)) = user {
            chown(&path, Some(user), Some(group))?;
        }
        Ok(Folder { path, user })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that its owner alone can read, and says where it is.
    pub fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.path.join(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))?;
        if let Some((user, group)) = self.user {
            chown(&path, Some(user), Some(group))?;
        }
        path.to_str().map(str::to_owned).context("the name of the folder is text")
    }

    /// A command that runs in the folder, as its owner.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.path).stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs a command to its end. What it says is told when it fails.
    pub fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Result<()> {
        let program = program.as_ref();
        let output = self.command(program).args(arguments).output();
        let output = output.with_context(|| format!("cannot run {}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} {arguments:?}: {}: {said}", program.display(), output.status);
        Ok(())
    }

    /// Starts a server in the folder. Its output goes to the file `log`, anew each time; `end` is the signal, by its short name, that it is ended
    /// with when nobody needs it any more.
    pub fn start(&self, program: &Path, arguments: &[String], end: &str) -> Result<Guarded> {
        self.start_patiently(program, arguments, end, PATIENCE)
    }

    fn start_patiently(&self, program: &Path, arguments: &[String], end: &str, patience: u32) -> Result<Guarded> {
        let log = self.path.join("log");
        let output = std::fs::File::create(&log)?;
        let mut guard = self.command("sh");
        guard
            .args(["-c", GUARD, "guard"])
            .arg(&self.path)
            .arg(end)
            .arg(patience.to_string())
            .arg(program)
            .args(arguments);
        guard.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        // A group of its own: what kills the test's whole group must leave the guard alive.
        guard.process_group(0);
        let mut guard = guard.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let pipe = guard.stdin.take().context("the pipe to the guard")?;
        Ok(Guarded { guard, pipe: Some(pipe), log })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The guard of a server that ran has removed it already.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A running server. Dropped, it ends, and its folder goes.
#[derive(Debug)]
pub struct Guarded {
    guard: Child,
    pipe: Option<ChildStdin>,
    log: PathBuf,
}

impl Guarded {
    /// Ends the server with a signal, by its short name, and waits for its end. The folder stays.
    pub fn end(mut self, signal: &str) -> Result<()> {
        if let Some(mut pipe) = self.pipe.take() {
            writeln!(pipe, "{signal}").context("the guard of a test server is gone")?;
        }
        self.guard.wait()?;
        Ok(())
    }

    /// What the server has said since it was started.
    pub fn log(&self) -> String {
        let mut said = Vec::new();
        if let Ok(mut file) = std::fs::File::open(&self.log) {
            // A log that cannot be read is an empty one: it is for people only.
            let _ = file.read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.guard.wait();
    }
}

/// A port of the loopback interface that nobody listens on. Somebody may the next moment: try again then.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// User and group of the first of these names that exists.
fn first_user(names: &[&str]) -> Result<(u32, u32)> {
    let id = |flag: &str, name: &str| -> Option<u32> {
        let output = Command::new("id").args([flag, name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    let found = names.iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
    found.with_context(|| format!("a test server cannot run as root, and there is no user {}", names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// A server that says that it runs, and then ends as it likes.
    fn server(script: &str, patience: u32) -> (Folder, Guarded) {
        let folder = Folder::new(&["nobody"]).unwrap();
        let arguments = ["-c".to_owned(), format!("{script}; echo ready; while :; do sleep 0.1; done")];
        let server = folder.start_patiently(Path::new("/bin/sh"), &arguments, "TERM", patience).unwrap();
        let begun = Instant::now();
        while !server.log().contains("ready") {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not start: {}", server.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        (folder, server)
    }

    #[test]
    fn a_server_ends_with_its_signal() {
        let (folder, server) = server("trap 'echo over; exit' TERM", 600);
        server.end("TERM").unwrap();
        let said = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(said.contains("over") && !said.contains("killed"), "{said}");
    }

    #[test]
    fn a_server_that_hangs_is_killed() {
        let (folder, server) = server("trap '' TERM", 1);
        server.end("TERM").unwrap();
        let said = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(said.contains("is killed"), "{said}");
    }
}
