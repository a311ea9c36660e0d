//! What is not a resource: tenants, credentials, the server's own small secrets.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use scim_core::access::Right;
use scim_core::clock::Timestamp;
use scim_core::store::control::{ControlStore, CredentialRow, ExternalIds, Grant, TenantRow, TokenDigest};
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::SqliteStore;
use crate::error::Inner;
use crate::writing::Writing;

const TENANT: &str = "t.id, t.disabled, t.created, t.settings";
const CREDENTIAL: &str =
    "c.tenant, c.name, c.digest, c.rights, c.profile, c.subject, c.created, c.expires, c.last_used";

/// A credential and its tenant, by digest; for [`grant`].
pub(crate) const GRANT: &str = "SELECT c.tenant, c.name, c.digest, c.rights, c.profile, c.subject, c.created, c.expires, c.last_used,
   t.id, t.disabled, t.created, t.settings FROM credential c CROSS JOIN tenant t ON t.id = c.tenant WHERE c.digest = ?1";

/// The tables that hold a tenant's data, with the columns of their keys, and which rows are the tenant's. What names
/// resources by number goes before them: a number may be given to another tenant's.
const TABLES: &[(&str, &str, &str)] = &[
    ("term", "shelf, token, seq", OWN_SHELVES),
    ("claim", "shelf, token", OWN_SHELVES),
    ("resource", "seq", OWN_SHELVES),
    ("bundle", "tenant, holder, attr, first", OWN),
    ("secret", "tenant, holder, attr", OWN),
    ("change", "id", OWN),
    ("external", "tenant, client, id", OWN),
];
const OWN: &str = "tenant = ?1";
const OWN_SHELVES: &str = "shelf IN (SELECT number FROM shelf WHERE tenant = ?1)";

/// Rows that are deleted in one transaction: others wait for some milliseconds.
const PIECE: i64 = 5_000;

fn json<T: Serialize>(value: &T) -> Inner<String> {
    serde_json::to_string(value).map_err(|error| StoreError::new(StoreErrorKind::Corrupt).because(error).into())
}

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into()))
}

fn tenant(row: &Row<'_>, from: usize) -> rusqlite::Result<TenantRow> {
    Ok(TenantRow {
        id: TenantId::new(row.get_ref(from)?.as_str()?),
        disabled: row.get(from + 1)?,
        created: Timestamp::from_millis(row.get(from + 2)?),
        settings: parsed(row, from + 3)?,
    })
}

fn credential(row: &Row<'_>) -> rusqlite::Result<CredentialRow> {
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis));
    let profile: Option<String> = row.get(4)?;
    let profile = profile
        .map(|name| name.parse())
        .transpose()
        .map_err(|why: String| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, why.into()))?;
    Ok(CredentialRow {
        tenant: TenantId::new(row.get_ref(0)?.as_str()?),
        name: row.get(1)?,
        digest: TokenDigest(row.get(2)?),
        rights: parsed::<Vec<Right>>(row, 3)?,
        profile,
        subject: row.get::<_, Option<String>>(5)?.map(|id| ResourceId::new(&id)),
        created: Timestamp::from_millis(row.get(6)?),
        expires: time(7)?,
        last_used: time(8)?,
    })
}

pub(crate) fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    Ok(Grant { credential: credential(row)?, tenant: tenant(row, 9)? })
}

fn tenants(db: &Connection, id: Option<&str>) -> Inner<Vec<TenantRow>> {
    let sql = format!("SELECT {TENANT} FROM tenant t WHERE ?1 IS NULL OR t.id = ?1 ORDER BY t.id");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([id], |row| tenant(row, 0))?;
    Ok(rows.collect::<std::result::Result<_, _>>()?)
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// Deletes some of a tenant's rows from one of [`TABLES`]; gives how many.
fn delete_piece(writing: &Writing<'_>, id: &TenantId, (table, key, own): &(&str, &str, &str)) -> Inner<usize> {
    let piece = format!("SELECT {key} FROM {table} WHERE {own} LIMIT {PIECE}");
    if *table == "resource" {
        // Links lie by their targets, and go before them. One target may have any number.
        let links = format!("SELECT target, shelf, holder FROM link WHERE target IN ({piece}) LIMIT {PIECE}");
        let gone =
            writing.run(&format!("DELETE FROM link WHERE (target, shelf, holder) IN ({links})"), [id.as_str()])?;
        if gone > 0 {
            return Ok(gone);
        }
        // Values that are unique in the whole server go with the resources that have them.
        writing.run(&format!("DELETE FROM claim WHERE seq IN ({piece})"), [id.as_str()])?;
    }
    writing.run(&format!("DELETE FROM {table} WHERE ({key}) IN ({piece})"), [id.as_str()])
}

impl SqliteStore {
    pub(crate) fn look<T>(&self, operation: &'static str, work: impl FnOnce(&Connection) -> Inner<T>) -> Result<T> {
        self.readers.here(|reader| work(&reader.db)).map_err(|fault| fault.during(operation))
    }
}

impl SqliteStore {
    /// Changes something that tokens open.
    async fn change<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Writing<'_>) -> Inner<T> + Send + 'static,
    ) -> Result<T> {
        let done = self.writer.ask(operation, work).await;
        self.readers.grants_changed();
        done
    }
}

#[async_trait]
impl ControlStore for SqliteStore {
    async fn tenants(&self) -> Result<Vec<TenantRow>> {
        self.look("tenants", |db| tenants(db, None))
    }

    async fn tenant(&self, id: &TenantId) -> Result<Option<TenantRow>> {
        self.look("tenant", |db| Ok(tenants(db, Some(id.as_str()))?.into_iter().next()))
    }

    async fn create_tenant(&self, row: &TenantRow) -> Result<bool> {
        let row = row.clone();
        let create = move |writing: &mut Writing<'_>| {
            let made = writing.run(
                "INSERT INTO tenant (id, disabled, created, settings) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                params![row.id.as_str(), row.disabled, row.created.millis(), json(&row.settings)?],
            )?;
            Ok(made > 0)
        };
        self.change("create a tenant", create).await
    }

    async fn update_tenant(&self, row: &TenantRow) -> Result<bool> {
        let row = row.clone();
        let update = move |writing: &mut Writing<'_>| {
            let changed = writing.run(
                "UPDATE tenant SET disabled = ?2, settings = ?3 WHERE id = ?1",
                params![row.id.as_str(), row.disabled, json(&row.settings)?],
            )?;
            Ok(changed > 0)
        };
        self.change("update a tenant", update).await
    }

    /// In pieces, so that others can write meanwhile. The tenant is disabled first and goes last: should the server
    /// stop in between, deleting it again finishes the work.
    async fn delete_tenant(&self, id: &TenantId) -> Result<bool> {
        const DOING: &str = "delete a tenant";
        let own = id.clone();
        let disable = move |writing: &mut Writing<'_>| {
            Ok(writing.run("UPDATE tenant SET disabled = 1 WHERE id = ?1", [own.as_str()])? > 0)
        };
        if !self.change(DOING, disable).await? {
            return Ok(false);
        }
        for table in TABLES {
            loop {
                let own = id.clone();
                let piece = move |writing: &mut Writing<'_>| delete_piece(writing, &own, table);
                if self.writer.ask(DOING, piece).await? == 0 {
                    break;
                }
            }
        }
        let own = id.clone();
        let finish = move |writing: &mut Writing<'_>| {
            // What was under way meanwhile: nothing stays on a shelf that is nobody's.
            for table in TABLES {
                while delete_piece(writing, &own, table)? > 0 {}
            }
            let searches: Vec<i64> = {
                let mut statement = writing.db.prepare_cached("SELECT number FROM search WHERE tenant = ?1")?;
                let rows = statement.query_map([own.as_str()], |row| row.get(0))?;
                rows.collect::<std::result::Result<_, _>>()?
            };
            for number in searches {
                writing.drop_search(&format!("gram_{number}"))?;
            }
            for table in ["search", "indexed", "shelf", "extent", "credential"] {
                writing.run(&format!("DELETE FROM {table} WHERE tenant = ?1"), [own.as_str()])?;
            }
            writing.reset();
            Ok(writing.run("DELETE FROM tenant WHERE id = ?1", [own.as_str()])? > 0)
        };
        self.types.write().unwrap_or_else(std::sync::PoisonError::into_inner).remove(id);
        self.change(DOING, finish).await
    }

    async fn credential(&self, digest: &TokenDigest) -> Result<Option<Arc<Grant>>> {
        self.readers.grant(digest).map_err(|fault| fault.during("credential"))
    }

    async fn credentials(&self, tenant: Option<&TenantId>) -> Result<Vec<CredentialRow>> {
        self.look("credentials", |db| {
            let sql = format!(
                "SELECT {CREDENTIAL} FROM credential c WHERE ?1 IS NULL OR c.tenant = ?1 ORDER BY c.tenant, c.name, c.created"
            );
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map([tenant.map(TenantId::as_str)], credential)?;
            Ok(rows.collect::<std::result::Result<_, _>>()?)
        })
    }

    async fn create_credential(&self, row: &CredentialRow) -> Result<()> {
        let row = row.clone();
        let create = move |writing: &mut Writing<'_>| {
            let made = writing.run(
                "INSERT INTO credential (tenant, name, digest, rights, profile, subject, created, expires, last_used)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE EXISTS (SELECT 1 FROM tenant WHERE id = ?1)",
                params![
                    row.tenant.as_str(),
                    row.name,
                    row.digest.0,
                    json(&row.rights)?,
                    row.profile.map(|profile| profile.to_string()),
                    row.subject.as_ref().map(ResourceId::as_str),
                    row.created.millis(),
                    row.expires.map(Timestamp::millis),
                    row.last_used.map(Timestamp::millis)
                ],
            )?;
            if made == 0 { Err(StoreErrorKind::NotFound.into()) } else { Ok(()) }
        };
        self.change("create a credential", create).await
    }

    async fn revoke(&self, tenant: &TenantId, name: &str, keep_newest: bool) -> Result<u64> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        let revoke = move |writing: &mut Writing<'_>| {
            let revoked = writing.run(
                "DELETE FROM credential WHERE tenant = ?1 AND name = ?2 AND (NOT ?3 OR digest <> (
                   SELECT digest FROM credential WHERE tenant = ?1 AND name = ?2 ORDER BY created DESC, digest LIMIT 1))",
                params![tenant.as_str(), name, keep_newest],
            )?;
            Ok(count(revoked))
        };
        self.change("revoke", revoke).await
    }

    async fn expire(&self, tenant: &TenantId, name: &str, at: Timestamp) -> Result<u64> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        let expire = move |writing: &mut Writing<'_>| {
            let changed = writing.run(
                "UPDATE credential SET expires = ?3
                 WHERE tenant = ?1 AND name = ?2 AND (expires IS NULL OR expires > ?3)",
                params![tenant.as_str(), name, at.millis()],
            )?;
            Ok(count(changed))
        };
        self.change("expire", expire).await
    }

    async fn touch(&self, used: &[(TokenDigest, Timestamp)]) -> Result<()> {
        let used = used.to_vec();
        let touch = move |writing: &mut Writing<'_>| {
            for (digest, at) in &used {
                writing.run(
                    "UPDATE credential SET last_used = ?2 WHERE digest = ?1 AND coalesce(last_used, 0) < ?2",
                    params![digest.0, at.millis()],
                )?;
            }
            Ok(())
        };
        self.change("touch", touch).await
    }

    async fn note(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.look("note", |db| {
            let mut statement = db.prepare_cached("SELECT value FROM note WHERE name = ?1")?;
            Ok(statement.query_row([name], |row| row.get(0)).optional()?)
        })
    }

    async fn set_note(&self, name: &str, value: &[u8], only_if_absent: bool) -> Result<Vec<u8>> {
        let (name, value) = (name.to_owned(), value.to_vec());
        let set = move |writing: &mut Writing<'_>| {
            let sql = "INSERT INTO note (name, value) VALUES (?1, ?2)
                       ON CONFLICT DO UPDATE SET value = CASE WHEN ?3 THEN value ELSE excluded.value END
                       RETURNING value";
            let mut statement = writing.db.prepare_cached(sql)?;
            Ok(statement.query_row(params![name, value, only_if_absent], |row| row.get(0))?)
        };
        self.writer.ask("set a note", set).await
    }

    fn external_ids(self: Arc<Self>) -> Option<Arc<dyn ExternalIds>> {
        Some(self)
    }
}
