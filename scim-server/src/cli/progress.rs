//! How far an import got, in `FILE.progress`: what a second run needs in order to neither lose nor double a line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Note {
    /// The first: into which tenant.
    Tenant(String),
    /// These lines are about to be made.
    Begin(Vec<u64>),
    /// This line was made, under this id, with these links still to add.
    Made { line: u64, old: Option<String>, id: String, kind: String, held: Vec<(String, Value)> },
    /// The links of this line were added.
    Linked(u64),
}

/// A resource that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The id it had.
    pub old: Option<String>,
    /// The id it has here.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// Links that wait until everything is made.
    pub held: Vec<(String, Value)>,
}

/// The file.
#[derive(Debug)]
pub struct Progress {
    path: PathBuf,
    file: File,
    /// What was made, by line.
    pub made: BTreeMap<u64, Made>,
    /// Lines of which nobody knows whether they were made.
    pub doubtful: BTreeSet<u64>,
}

impl Progress {
    /// Has an import of this file begun?
    pub fn begun(file: &Path) -> bool {
        Progress::beside(file).exists()
    }

    fn beside(file: &Path) -> PathBuf {
        PathBuf::from(format!("{}.progress", file.display()))
    }

    /// Reads what an earlier run left, or begins.
    pub fn open(file: &Path, tenant: &str) -> Result<Self> {
        let path = Progress::beside(file);
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
        let file = opened.with_context(|| format!("{} cannot be written", path.display()))?;
        let mut progress = Progress { path, file, made: BTreeMap::new(), doubtful: BTreeSet::new() };
        let mut lines = BufReader::new(progress.file.try_clone()?).lines();
        match lines.next().transpose()? {
            None => progress.write(&[Note::Tenant(tenant.to_owned())])?,
            Some(first) => match serde_json::from_str(&first) {
                Ok(Note::Tenant(own)) if own == tenant => {}
                Ok(Note::Tenant(own)) => bail!(
                    "{} is of an import into the tenant {own}: name that tenant, or remove the file to begin anew",
                    progress.path.display()
                ),
                _ => bail!("{} is damaged: remove it to begin anew", progress.path.display()),
            },
        }
        for line in lines {
            // A line that broke off was never acted upon.
            let Ok(note) = serde_json::from_str::<Note>(&line?) else { continue };
            progress.learn(note);
        }
        Ok(progress)
    }

    fn learn(&mut self, note: Note) {
        match note {
            Note::Tenant(_) => {}
            Note::Begin(lines) => self.doubtful.extend(lines.iter().filter(|line| !self.made.contains_key(line))),
            Note::Made { line, old, id, kind, held } => {
                self.doubtful.remove(&line);
                self.made.insert(line, Made { old, id, kind, held });
            }
            Note::Linked(line) => {
                if let Some(made) = self.made.get_mut(&line) {
                    made.held.clear();
                }
            }
        }
    }

    /// These lines are about to be made.
    pub fn begin(&mut self, lines: Vec<u64>) -> Result<()> {
        self.write(&[Note::Begin(lines)])
    }

    /// These were made.
    pub fn made(&mut self, made: Vec<(u64, Made)>) -> Result<()> {
        let note = |(line, made): (u64, Made)| {
            let Made { old, id, kind, held } = made;
            Note::Made { line, old, id, kind, held }
        };
        let notes = made.into_iter().map(note).collect::<Vec<_>>();
        self.write(&notes)?;
        notes.into_iter().for_each(|note| self.learn(note));
        Ok(())
    }

    /// The links of this line were added.
    pub fn linked(&mut self, line: u64) -> Result<()> {
        self.write(&[Note::Linked(line)])?;
        self.learn(Note::Linked(line));
        Ok(())
    }

    /// Nothing is left to do.
    pub fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.path).with_context(|| format!("{} cannot be removed", self.path.display()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, notes: &[Note]) -> Result<()> {
        let mut text = Vec::new();
        for note in notes {
            serde_json::to_writer(&mut text, note)?;
            text.push(b'\n');
        }
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_knows_what_the_first_did() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("users.jsonl");
        let made = Made { old: Some("a".into()), id: "n".into(), kind: "User".into(), held: Vec::new() };
        let mut first = Progress::open(&file, "acme").unwrap();
        first.begin(vec![1, 2]).unwrap();
        first.made(vec![(1, made.clone())]).unwrap();
        first.file.write_all(b"{\"made\":{\"li").unwrap();
        drop(first);
        let second = Progress::open(&file, "acme").unwrap();
        assert_eq!(second.made.get(&1), Some(&made));
        assert_eq!(second.doubtful.iter().copied().collect::<Vec<_>>(), [2]);
        assert!(Progress::open(&file, "other").is_err());
    }
}
