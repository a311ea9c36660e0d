//! The PostgreSQL row of the factory table.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use backend_postgres::{OpenError, Options, PostgresStore};
use futures_util::FutureExt;

use crate::backends::{Factory, Older, Opened, Purpose, Upkeep};
use crate::config::{Section, keys, postgres::PostgresSettings};

/// `store.backend = "postgres"`.
pub const FACTORY: Factory = Factory {
    name: "postgres",
    keys: keys::defaults::<PostgresSettings>,
    keeps_control: true,
    begun: |section| begun(&options(section)?),
    open: |section, purpose, _| async move { open(&section, purpose).await }.boxed(),
    restore: None,
};

fn options(section: &Section) -> Result<Options> {
    let settings = section.read::<PostgresSettings>()?;
    settings.check(section.place())?;
    Ok(Options {
        password_file: settings.password_file.clone(),
        ca: settings.ca.clone(),
        connections: settings.connections,
        indexed: settings.index.clone(),
        allow_unsafe: settings.allow_unsafe,
        wait: Duration::from_secs(settings.wait),
        statement_time: Duration::from_secs(settings.statement_time),
        ..Options::new(settings.whole_url(section.place())?)
    })
}

/// Asks the database from a thread of its own: who asks may be in a runtime already, and must not wait in it.
fn begun(options: &Options) -> Result<bool> {
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(PostgresStore::begun(options))?)
    };
    std::thread::scope(|scope| scope.spawn(ask).join()).map_err(|_| anyhow!("asking the database failed"))?
}

async fn open(section: &Section, purpose: Purpose) -> Result<Opened> {
    let options = Options { look: purpose == Purpose::Look, ..options(section)? };
    let store = match PostgresStore::open(options).await {
        Err(older @ OpenError::Older { .. }) => return Err(Older(older.to_string()).into()),
        done => Arc::new(done?),
    };
    Ok(Opened { store: store.clone(), control: Some(store.clone()), upkeep: Some(Arc::new(Postgres(store))) })
}

#[derive(Debug)]
struct Postgres(Arc<PostgresStore>);

#[async_trait::async_trait]
impl Upkeep for Postgres {
    async fn backup(&self, _to: &Path) -> Result<()> {
        bail!("a PostgreSQL database is backed up with its own tools: pg_dump, or base backups with archived WAL")
    }

    async fn reindex(&self) -> Result<()> {
        let bar = crate::say::bar(Some(0));
        self.0
            .reindex(&mut |progress| {
                bar.set_length(progress.of);
                bar.set_position(progress.done);
            })
            .await?;
        Ok(())
    }
}
