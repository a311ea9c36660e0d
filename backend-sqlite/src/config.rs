//! What can be set about a database.

use std::path::PathBuf;
use std::time::Duration;

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file. SQLite keeps two more beside it (`-wal`, `-shm`), the server one (`-lock`).
    pub path: PathBuf,
    /// Attributes (`userType`, `name.familyName`, `urn:…:User:employeeNumber`) on which equality is answered from an
    /// index, beside `userName`, `externalId`, `emails.value`, `displayName` and all unique ones. Each applies to every
    /// resource type that has it.
    pub indexed: Vec<String>,
    /// Attributes in which fragments of three characters and more are found by an index, beside `displayName` and
    /// `userName`. They are indexed for equality too.
    pub substring: Vec<String>,
    /// From so many resources on, a type has an index of fragments. Below, looking at every value is as quick.
    pub search_from: u32,
    /// Threads for reads that take long, of one tenant; there are two more for others. Short reads run where they are called.
    pub readers: usize,
    /// Writes, and long reads, that may wait for their turn; one more is refused as unavailable.
    pub queue: usize,
    /// Nobody else may serve the file. Commands beside a running server leave this off.
    pub exclusive: bool,
    /// Only look: a database of an older layout is refused, and no index is made.
    pub look: bool,
    /// Kibibytes of page cache for each connection that reads. The writer takes four times as much.
    pub cache_kib: u32,
    /// Bytes of the file that may be mapped into memory.
    pub mmap: u64,
    /// How long to wait for a lock that another process holds.
    pub busy: Duration,
}

impl Options {
    /// The defaults, for this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Options {
            path: path.into(),
            indexed: Vec::new(),
            substring: Vec::new(),
            search_from: 1_000,
            readers: 2,
            queue: 4_096,
            exclusive: false,
            look: false,
            cache_kib: 4_096,
            mmap: 1 << 30,
            busy: Duration::from_secs(5),
        }
    }
}
