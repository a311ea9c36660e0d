//! What is not a resource: tenants, credentials, the server's own small secrets. Each call is one statement; triggers
//! move the number that tells other servers of a change (see `grants`).

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use scim_core::access::Right;
use scim_core::clock::Timestamp;
use scim_core::store::control::{ControlStore, CredentialRow, ExternalIds, Grant, TenantRow, TokenDigest};
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::PostgresStore;
use crate::error::{BACKEND, Inner, corrupt};
use crate::pool::{Lender, reading};
use crate::statement::{Line, Sql};

/// The columns that [`tenant`] reads.
const TENANT: &str = "t.id, t.disabled, t.created, t.settings";
/// The columns that [`credential`] reads: nine.
const CREDENTIAL: &str =
    "c.tenant, c.name, c.digest, c.rights, c.profile, c.subject, c.created, c.expires, c.last_used";

/// The tables that hold a tenant's data, with the columns of their keys and the column that names the tenant.
const TABLES: &[(&str, &str, &str)] = &[
    ("link", "tenant, holder, attr, target", "tenant"),
    ("term", "tenant, kind, attr, token, holder", "tenant"),
    ("claim", "tenant, kind, attr, token", "owner"),
    ("secret", "tenant, holder, attr", "tenant"),
    ("resource", "tenant, kind, id", "tenant"),
    ("change", "tenant, position", "tenant"),
    ("tally", "tenant, kind, attr, slot", "tenant"),
    ("catalogue", "tenant, kind", "tenant"),
    ("indexed", "tenant, kind, attr", "tenant"),
    ("external", "tenant, client, id", "tenant"),
    ("credential", "digest", "tenant"),
];

/// Rows that are deleted by one statement: others do not wait for it, and it ends well within its time.
const PIECE: i64 = 5_000;

fn json<T: Serialize>(value: &T) -> Inner<String> {
    serde_json::to_string(value).map_err(corrupt)
}

fn parsed<T: DeserializeOwned>(line: &Line, column: usize) -> Inner<T> {
    line.text(column, |text| serde_json::from_str(text).map_err(corrupt))?
}

fn time(line: &Line, column: usize) -> Inner<Timestamp> {
    Ok(Timestamp::from_millis(line.int(column)?))
}

fn opt_time(line: &Line, column: usize) -> Inner<Option<Timestamp>> {
    Ok(line.opt_int(column)?.map(Timestamp::from_millis))
}

fn tenant(line: &Line, from: usize) -> Inner<TenantRow> {
    Ok(TenantRow {
        id: line.text(from, TenantId::new)?,
        disabled: line.truth(from + 1)?,
        created: time(line, from + 2)?,
        settings: parsed(line, from + 3)?,
    })
}

fn credential(line: &Line) -> Inner<CredentialRow> {
    let profile = line.opt_text(4)?.map(|name| name.parse()).transpose();
    let digest: [u8; 32] = line.bytes(2)?.try_into().map_err(|_| corrupt("a digest that is none"))?;
    Ok(CredentialRow {
        tenant: line.text(0, TenantId::new)?,
        name: line.text(1, str::to_owned)?,
        digest: TokenDigest(digest),
        rights: parsed::<Vec<Right>>(line, 3)?,
        profile: profile.map_err(|why: String| corrupt(why))?,
        subject: line.opt_text(5)?.map(|id| ResourceId::new(&id)),
        created: time(line, 6)?,
        expires: opt_time(line, 7)?,
        last_used: opt_time(line, 8)?,
    })
}

impl PostgresStore {
    /// Runs a statement that only reads; on a second connection where the first turns out dead.
    pub(crate) async fn look(&self, operation: &'static str, sql: Sql<'static>) -> Result<Vec<Line>> {
        let lender = self.pool.lender();
        let reading = async move { reading!(lender, None, link => link.rows(sql.clone()).await) };
        self.pool.run(operation, None, reading).await
    }

    /// Runs a statement that writes, to its end; gives its rows.
    pub(crate) async fn tell(&self, operation: &'static str, sql: Sql<'static>) -> Result<Vec<Line>> {
        let lender = self.pool.lender();
        let done = self.pool.finish(async move { rows(&lender, sql).await }).await;
        // Others learn of it by the watch; whoever asks here learns of it now.
        self.grants.clear();
        done.and_then(|done| done).map_err(|fault| fault.during(operation))
    }

    async fn count(&self, operation: &'static str, sql: Sql<'static>) -> Result<u64> {
        Ok(self.tell(operation, sql).await?.len() as u64)
    }

    async fn tenant_rows(&self, operation: &'static str, id: Option<&TenantId>) -> Result<Vec<TenantRow>> {
        let sql = format!("SELECT {TENANT} FROM tenant t WHERE $1::text IS NULL OR t.id = $1 ORDER BY t.id");
        let sql = Sql::new(sql).bind(id.map(|id| id.as_str().to_owned()));
        let rows = self.look(operation, sql).await?;
        told(operation, rows.iter().map(|line| tenant(line, 0)).collect())
    }
}

async fn rows(lender: &Lender, sql: Sql<'static>) -> Inner<Vec<Line>> {
    let lease = lender.lend(None).await?;
    let done = lease.rows(sql).await;
    lease.back(done).await
}

/// With what was being done.
pub(crate) fn told<T>(operation: &'static str, read: Inner<T>) -> Result<T> {
    read.map_err(|fault| fault.during(operation))
}

pub(crate) fn text(id: &TenantId) -> String {
    id.as_str().to_owned()
}

#[async_trait]
impl ControlStore for PostgresStore {
    async fn tenants(&self) -> Result<Vec<TenantRow>> {
        self.tenant_rows("tenants", None).await
    }

    async fn tenant(&self, id: &TenantId) -> Result<Option<TenantRow>> {
        Ok(self.tenant_rows("tenant", Some(id)).await?.into_iter().next())
    }

    async fn create_tenant(&self, row: &TenantRow) -> Result<bool> {
        const DOING: &str = "create a tenant";
        let sql = Sql::new(
            "INSERT INTO tenant (id, disabled, created, settings) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING RETURNING id",
        );
        let settings = told(DOING, json(&row.settings))?;
        let sql = sql.bind(text(&row.id)).bind(row.disabled).bind(row.created.millis()).bind(settings);
        Ok(self.count(DOING, sql).await? > 0)
    }

    async fn update_tenant(&self, row: &TenantRow) -> Result<bool> {
        const DOING: &str = "update a tenant";
        let sql = Sql::new("UPDATE tenant SET disabled = $2, settings = $3 WHERE id = $1 RETURNING id");
        let sql = sql.bind(text(&row.id)).bind(row.disabled).bind(told(DOING, json(&row.settings))?);
        Ok(self.count(DOING, sql).await? > 0)
    }

    /// In pieces, each by itself. The tenant is disabled first and goes last: should the server stop in between, deleting
    /// it again finishes the work.
    async fn delete_tenant(&self, id: &TenantId) -> Result<bool> {
        const DOING: &str = "delete a tenant";
        let disable = Sql::new("UPDATE tenant SET disabled = true WHERE id = $1 RETURNING id").bind(text(id));
        if self.count(DOING, disable).await? == 0 {
            return Ok(false);
        }
        for (table, key, column) in TABLES {
            let sql = format!(
                "WITH gone AS (
                   DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {column} = $1 LIMIT {PIECE})
                   RETURNING 1)
                 SELECT 1 FROM gone LIMIT 1"
            );
            while self.count(DOING, Sql::new(sql.clone()).bind(text(id))).await? > 0 {}
        }
        self.shared.catalogue.forget(id.as_str());
        self.shared.types.write().unwrap_or_else(std::sync::PoisonError::into_inner).remove(id);
        let finish = Sql::new("DELETE FROM tenant WHERE id = $1 RETURNING id").bind(text(id));
        Ok(self.count(DOING, finish).await? > 0)
    }

    async fn credential(&self, digest: &TokenDigest) -> Result<Option<Arc<Grant>>> {
        const DOING: &str = "credential";
        let since = match self.grants.find(digest, Instant::now()) {
            Ok(grant) => return Ok(Some(grant)),
            Err(since) => since,
        };
        let sql = format!(
            "SELECT {CREDENTIAL}, {TENANT} FROM credential c JOIN tenant t ON t.id = c.tenant WHERE c.digest = $1"
        );
        // Apart: every request makes this call, and nearly none comes here.
        let rows = Box::pin(self.look(DOING, Sql::new(sql).bind(digest.0.to_vec()))).await?;
        let grant = |line: &Line| Ok(Grant { credential: credential(line)?, tenant: tenant(line, 9)? });
        let found = told(DOING, rows.first().map(grant).transpose())?;
        // The index compared byte by byte; what it found is compared in constant time.
        let found = found.filter(|grant| grant.credential.digest == *digest).map(Arc::new);
        if let Some(grant) = &found {
            self.grants.keep(grant, since);
        }
        Ok(found)
    }

    async fn credentials(&self, tenant: Option<&TenantId>) -> Result<Vec<CredentialRow>> {
        const DOING: &str = "credentials";
        let sql = format!(
            "SELECT {CREDENTIAL} FROM credential c WHERE $1::text IS NULL OR c.tenant = $1
             ORDER BY c.tenant, c.name, c.created, c.digest"
        );
        let rows = self.look(DOING, Sql::new(sql).bind(tenant.map(text))).await?;
        told(DOING, rows.iter().map(credential).collect())
    }

    async fn create_credential(&self, row: &CredentialRow) -> Result<()> {
        const DOING: &str = "create a credential";
        let sql = Sql::new(
            "INSERT INTO credential (tenant, name, digest, rights, profile, subject, created, expires, last_used)
             SELECT t.id, $2, $3, $4, $5, $6, $7, $8, $9 FROM tenant t WHERE t.id = $1 RETURNING 1",
        );
        let sql = sql
            .bind(text(&row.tenant))
            .bind(row.name.clone())
            .bind(row.digest.0.to_vec())
            .bind(told(DOING, json(&row.rights))?)
            .bind(row.profile.map(|profile| profile.to_string()))
            .bind(row.subject.as_ref().map(|id| id.as_str().to_owned()))
            .bind(row.created.millis())
            .bind(row.expires.map(Timestamp::millis))
            .bind(row.last_used.map(Timestamp::millis));
        match self.count(DOING, sql).await? {
            0 => Err(StoreError::new(StoreErrorKind::NotFound).during(BACKEND, DOING)),
            _ => Ok(()),
        }
    }

    async fn revoke(&self, tenant: &TenantId, name: &str, keep_newest: bool) -> Result<u64> {
        let sql = Sql::new(
            "DELETE FROM credential WHERE tenant = $1 AND name = $2 AND (NOT $3 OR digest <> (
               SELECT digest FROM credential WHERE tenant = $1 AND name = $2 ORDER BY created DESC, digest LIMIT 1))
             RETURNING 1",
        );
        self.count("revoke", sql.bind(text(tenant)).bind(name.to_owned()).bind(keep_newest)).await
    }

    async fn expire(&self, tenant: &TenantId, name: &str, at: Timestamp) -> Result<u64> {
        let sql = Sql::new(
            "UPDATE credential SET expires = $3
             WHERE tenant = $1 AND name = $2 AND (expires IS NULL OR expires > $3) RETURNING 1",
        );
        self.count("expire", sql.bind(text(tenant)).bind(name.to_owned()).bind(at.millis())).await
    }

    /// All in one statement, in the order of their keys: two servers that note the same tokens do not lock each other out.
    async fn touch(&self, used: &[(TokenDigest, Timestamp)]) -> Result<()> {
        const DOING: &str = "touch";
        let list = used.iter().map(|(digest, at)| (hex(&digest.0), at.millis())).collect::<Vec<_>>();
        let (digests, times) = list.into_iter().unzip::<_, _, Vec<String>, Vec<i64>>();
        let sql = Sql::new(
            "WITH used AS (SELECT decode(d, 'hex') AS digest, max(at) AS at FROM unnest($1::text[], $2::bigint[]) u (d, at)
                           GROUP BY d),
                  own AS (SELECT c.digest, used.at FROM credential c JOIN used ON used.digest = c.digest
                          WHERE coalesce(c.last_used, 0) < used.at ORDER BY c.digest FOR UPDATE OF c)
             UPDATE credential c SET last_used = own.at FROM own WHERE c.digest = own.digest",
        );
        let sql = sql.bind(digests).bind(times);
        let lender = self.pool.lender();
        // Not a change: what is kept of tokens stays good.
        let done = self.pool.finish(async move { rows(&lender, sql).await }).await;
        told(DOING, done.and_then(|done| done)).map(drop)
    }

    async fn note(&self, name: &str) -> Result<Option<Vec<u8>>> {
        const DOING: &str = "note";
        let sql = Sql::new("SELECT value FROM note WHERE name = $1").bind(name.to_owned());
        let rows = self.look(DOING, sql).await?;
        told(DOING, rows.first().map(|line| line.bytes(0)).transpose())
    }

    async fn set_note(&self, name: &str, value: &[u8], only_if_absent: bool) -> Result<Vec<u8>> {
        const DOING: &str = "set a note";
        let sql = Sql::new(
            "INSERT INTO note AS n (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = CASE WHEN $3 THEN n.value ELSE excluded.value END
             RETURNING value",
        );
        let rows = self.tell(DOING, sql.bind(name.to_owned()).bind(value.to_vec()).bind(only_if_absent)).await?;
        let value = rows.first().map(|line| line.bytes(0)).transpose();
        told(DOING, value.and_then(|value| value.ok_or_else(|| corrupt("a note that was written is not there"))))
    }

    fn external_ids(self: Arc<Self>) -> Option<Arc<dyn ExternalIds>> {
        Some(self)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
