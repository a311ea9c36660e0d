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

/// On Linux nothing but this is asked for: to tell when a file was written, the system has to note the exact time of its
/// next write, and to make that as durable as what was written. A commit then takes half as long again.
#[cfg(target_os = "linux")]
fn identity(file: &Path) -> std::io::Result<Identity> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
    match statx(CWD, file, AtFlags::empty(), StatxFlags::INO) {
        Ok(about) => Ok((makedev(about.stx_dev_major, about.stx_dev_minor), about.stx_ino)),
        // Some containers know no such call.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => by_metadata(file),
        Err(error) => Err(error.into()),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn identity(file: &Path) -> std::io::Result<Identity> {
    by_metadata(file)
}

#[cfg(unix)]
fn by_metadata(file: &Path) -> std::io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).map(|about| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn identity(file: &Path) -> std::io::Result<Identity> {
    std::fs::metadata(file).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_or_removed_is_another_one_and_one_that_is_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (database, log) = (folder.path().join("s.db"), folder.path().join("s.db-wal"));
        for file in [&database, &log] {
            std::fs::write(file, "as it was").unwrap();
        }
        let presence = Presence::of(&database).unwrap();
        std::fs::write(&log, "with more in it").unwrap();
        assert!(presence.holds());
        #[cfg(unix)]
        {
            assert_eq!(identity(&log).unwrap(), by_metadata(&log).unwrap(), "both ways to ask say the same");
            let copy = folder.path().join("copy");
            std::fs::copy(&log, &copy).unwrap();
            std::fs::rename(&log, folder.path().join("away")).unwrap();
            assert!(!presence.holds(), "it is gone");
            std::fs::rename(copy, &log).unwrap();
            assert!(!presence.holds(), "it is another one");
            std::fs::rename(folder.path().join("away"), &log).unwrap();
            assert!(presence.holds(), "it is back");
        }
    }
}
