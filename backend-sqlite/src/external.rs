//! What clients call resources of a store that has no place for it.

use async_trait::async_trait;
use rusqlite::params;
use scim_core::store::control::ExternalIds;
use scim_core::store::{ResourceId, Result, TenantId};

use crate::SqliteStore;
use crate::writing::Writing;

#[async_trait]
impl ExternalIds for SqliteStore {
    async fn of(&self, tenant: &TenantId, client: &str, ids: &[ResourceId]) -> Result<Vec<(ResourceId, String)>> {
        self.look("read external ids", |db| {
            let mut statement =
                db.prepare_cached("SELECT value FROM external WHERE tenant = ?1 AND client = ?2 AND id = ?3")?;
            let mut found = Vec::new();
            for id in ids {
                let mut rows = statement.query(params![tenant.as_str(), client, id.as_str()])?;
                if let Some(row) = rows.next()? {
                    found.push((id.clone(), row.get(0)?));
                }
            }
            Ok(found)
        })
    }

    async fn with(&self, tenant: &TenantId, client: &str, external: &str) -> Result<Vec<ResourceId>> {
        self.look("find an external id", |db| {
            let sql = "SELECT id FROM external WHERE tenant = ?1 AND client = ?2 AND value = ?3 ORDER BY id";
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map(params![tenant.as_str(), client, external], |row| {
                Ok(ResourceId::new(row.get_ref(0)?.as_str()?))
            })?;
            Ok(rows.collect::<std::result::Result<_, _>>()?)
        })
    }

    async fn set(&self, tenant: &TenantId, client: &str, id: &ResourceId, external: Option<&str>) -> Result<()> {
        let (tenant, client, id) = (tenant.clone(), client.to_owned(), id.clone());
        let external = external.map(str::to_owned);
        let set = move |writing: &mut Writing<'_>| {
            match &external {
                Some(external) => writing.run(
                    "INSERT INTO external (tenant, client, id, value) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET value = excluded.value",
                    params![tenant.as_str(), client, id.as_str(), external],
                )?,
                None => writing.run(
                    "DELETE FROM external WHERE tenant = ?1 AND client = ?2 AND id = ?3",
                    params![tenant.as_str(), client, id.as_str()],
                )?,
            };
            Ok(())
        };
        self.writer.ask("write an external id", set).await
    }

    async fn all(&self, tenant: &TenantId, client: &str, most: u32) -> Result<Vec<(ResourceId, String)>> {
        self.look("list external ids", |db| {
            let sql = "SELECT id, value FROM external WHERE tenant = ?1 AND client = ?2 ORDER BY id LIMIT ?3";
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map(params![tenant.as_str(), client, most], |row| {
                Ok((ResourceId::new(row.get_ref(0)?.as_str()?), row.get(1)?))
            })?;
            Ok(rows.collect::<std::result::Result<_, _>>()?)
        })
    }

    async fn clients(&self, tenant: &TenantId) -> Result<Vec<(String, u64)>> {
        self.look("list clients", |db| {
            let sql = "SELECT client, count(*) FROM external WHERE tenant = ?1 AND client NOT IN ('', ' leaving') GROUP BY client ORDER BY client";
            let mut statement = db.prepare_cached(sql)?;
            let rows = statement.query_map([tenant.as_str()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            Ok(rows.collect::<std::result::Result<_, _>>()?)
        })
    }

    async fn forget(&self, tenant: &TenantId, id: &ResourceId) -> Result<()> {
        let (tenant, id) = (tenant.clone(), id.clone());
        let forget = move |writing: &mut Writing<'_>| {
            let sql = "DELETE FROM external WHERE tenant = ?1 AND id = ?2 AND client NOT IN ('', ' leaving')";
            writing.run(sql, params![tenant.as_str(), id.as_str()]).map(drop)
        };
        self.writer.ask("forget external ids", forget).await
    }
}
