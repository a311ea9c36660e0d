//! Is the database still the file that was opened? SQLite goes on writing into a file that was removed or replaced under
//! it, and says so to nobody: what it then calls committed is gone with the process.

use std::path::{Path, PathBuf};

/// The files that hold what is committed, as they were when the database was opened.
#[derive(Debug)]
pub(crate) struct Presence(Vec<(PathBuf, Identity)>);

/// What tells a file from another one of its name.
#[cfg(unix)]
type Identity = (u64, u64);
/// Elsewhere a file that is open cannot be removed.
#[cfg(not(unix))]
type Identity = ();

impl Presence {
    /// Looks at the database and its log. Both are there once something was read from it.
    pub(crate) fn of(path: &Path) -> std::io::Result<Presence> {
        let mut log = path.canonicalize()?.into_os_string();
        log.push("-wal");
        let files = [path.to_owned(), log.into()].into_iter();
        files.map(|file| identity(&file).map(|identity| (file, identity))).collect::<Result<_, _>>().map(Presence)
    }

    /// Are they what they were?
    pub(crate) fn holds(&self) -> bool {
        self.0.iter().all(|(file, then)| identity(file).is_ok_and(|now| now == *then))
    }
}

#[cfg(unix)]
fn identity(file: &Path) -> std::io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).map(|about| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn identity(file: &Path) -> std::io::Result<Identity> {
    std::fs::metadata(file).map(drop)
}
