//! Opening a database: its server's settings, its layout, the connections.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use scim_core::store::{Capabilities, IdsFrom, Keeps, Lock, Newcomers, Secrets, Unique, Versions, Writes};

use crate::config::Options;
use crate::connection::{Address, Link};
use crate::error::{BACKEND, Fault, OpenError};
use crate::grants::{self, Grants};
use crate::index::Catalogue;
use crate::near::Near;
use crate::pool::Pool;
use crate::statement::Sql;
use crate::tally::Counts;
use crate::writable::Writable;
use crate::{PostgresStore, Shared, migrate};

impl PostgresStore {
    /// Opens the database and brings it to today's layout.
    ///
    /// # Errors
    /// Why the database cannot be served, and what to do about it.
    pub async fn open(options: Options) -> Result<PostgresStore, OpenError> {
        let address = Address::new(&options)?;
        let pool = Pool::new(address.clone(), &options)?;
        let (allow_unsafe, look) = (options.allow_unsafe, options.look);
        let (watched, near) = (address.clone(), Arc::new(Near::new(address.clone(), pool.home())));
        let opening = async move {
            let link = address.connect().await.map_err(OpenError::unreachable)?;
            check_server(&link, allow_unsafe).await?;
            migrate::migrate(&link, look).await?;
            migrate::catch_up(&link).await
        };
        pool.finish(opening)
            .await
            .map_err(|fault| OpenError::Unreachable { why: fault.during("open").to_string() })??;
        let grants = Arc::new(Grants::default());
        pool.start(grants::watch(watched, grants.clone()));
        Ok(PostgresStore {
            capabilities: Capabilities {
                name: BACKEND,
                writes: Writes::Full,
                ids: IdsFrom::Core,
                lock: Lock::CompareAndSet,
                versions: Versions::Exact,
                unique: Unique::Enforced,
                secrets: Secrets::Hashed,
                history: Keeps::Yes,
                newcomers: Newcomers::HeldByNone,
            },
            shared: Arc::new(Shared {
                lender: pool.lender(),
                catalogue: Catalogue::default(),
                counts: Counts::default(),
                types: RwLock::default(),
                options,
                gathered: Arc::default(),
                writable: Writable::default(),
                written: AtomicU64::new(0),
            }),
            near,
            pool,
            grants,
        })
    }
}

/// Is it a server on which what is answered is kept?
async fn check_server(link: &Link, allow_unsafe: bool) -> Result<(), OpenError> {
    let unreadable = |fault: Fault| OpenError::Unreachable { why: fault.during("open").to_string() };
    let settings = Sql::new(
        "SELECT current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
           current_setting('server_version_num')::bigint, current_setting('server_version'),
           current_setting('server_encoding')",
    );
    let line = link.first(settings.once()).await.map_err(unreadable)?;
    let Some(line) = line else { return Err(OpenError::Unreachable { why: "it answers nothing".into() }) };
    let read = || {
        Ok((line.truth(0)?, line.truth(1)?, line.int(2)?, line.text(3, str::to_owned)?, line.text(4, str::to_owned)?))
    };
    let (fsync, pages, number, version, encoding) = read().map_err(unreadable)?;
    if number < 130_000 {
        return Err(OpenError::Old { found: version });
    }
    if encoding != "UTF8" {
        return Err(OpenError::Encoding { found: encoding });
    }
    for (on, setting) in [(fsync, "fsync"), (pages, "full_page_writes")] {
        if !on && !allow_unsafe {
            return Err(OpenError::Unsafe { setting });
        }
        if !on {
            tracing::warn!("PostgreSQL runs with {setting} = off: answered writes may be lost when it crashes");
        }
    }
    Ok(())
}
