//! The SQLite row of the factory table.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use backend_sqlite::{OpenError, Options, SqliteStore};
use futures_util::FutureExt;
use indicatif::ProgressBar;

use crate::backends::{Factory, Older, Opened, Purpose, Upkeep};
use crate::config::{Section, keys, sqlite::SqliteSettings};
use crate::say::bar;

/// `store.backend = "sqlite"`.
pub const FACTORY: Factory = Factory {
    name: "sqlite",
    keys: keys::defaults::<SqliteSettings>,
    keeps_control: true,
    begun: |section| {
        let path = section.read::<SqliteSettings>()?.path;
        SqliteStore::begun(&path).with_context(|| format!("store.sqlite.path = {path:?}"))
    },
    open: |section, purpose, _| async move { open(&section, purpose) }.boxed(),
    restore: Some(|section, from| {
        let settings = section.read::<SqliteSettings>()?;
        let bar = pages();
        SqliteStore::restore(from, &settings.path, &mut |done, of| show(&bar, done, of))?;
        Ok(())
    }),
};

fn open(section: &Section, purpose: Purpose) -> Result<Opened> {
    let settings = section.read::<SqliteSettings>()?;
    let options = Options {
        indexed: settings.index.clone(),
        substring: settings.substring.clone(),
        exclusive: purpose == Purpose::Serve,
        look: purpose == Purpose::Look,
        ..Options::new(&settings.path)
    };
    let store = match SqliteStore::open(options) {
        Err(older @ OpenError::Older { .. }) => return Err(Older(older.to_string()).into()),
        done => done.with_context(|| format!("store.sqlite.path = {:?}", settings.path))?,
    };
    let store = Arc::new(store);
    Ok(Opened { store: store.clone(), control: Some(store.clone()), upkeep: Some(Arc::new(Sqlite(store))) })
}

#[derive(Debug)]
struct Sqlite(Arc<SqliteStore>);

#[async_trait::async_trait]
impl Upkeep for Sqlite {
    async fn backup(&self, to: &Path) -> Result<()> {
        let bar = pages();
        Ok(self.0.backup(to, &mut |done, of| show(&bar, done, of))?)
    }

    async fn reindex(&self) -> Result<()> {
        let bar = pages();
        Ok(self.0.reindex(&mut |progress| show(&bar, progress.done, progress.of)).await?)
    }
}

fn pages() -> ProgressBar {
    bar(Some(0))
}

fn show(bar: &ProgressBar, done: u64, of: u64) {
    bar.set_length(of);
    bar.set_position(done);
}
