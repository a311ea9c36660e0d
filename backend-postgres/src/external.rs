//! What clients call resources of a store that has no place for it. Each call is one statement.

use async_trait::async_trait;
use scim_core::store::control::ExternalIds;
use scim_core::store::{ResourceId, Result, TenantId};

use crate::PostgresStore;
use crate::control::{text, told};
use crate::error::Inner;
use crate::statement::{Line, Sql};

#[async_trait]
impl ExternalIds for PostgresStore {
    async fn of(&self, tenant: &TenantId, client: &str, ids: &[ResourceId]) -> Result<Vec<(ResourceId, String)>> {
        const DOING: &str = "read external ids";
        let sql = Sql::new(
            "SELECT id, value FROM external WHERE tenant = $1 AND client = $2 AND id = ANY($3::text[]) ORDER BY id",
        );
        let ids: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let rows = self.look(DOING, sql.bind(text(tenant)).bind(client.to_owned()).bind(ids)).await?;
        let pair = |line: &Line| Ok((line.text(0, ResourceId::new)?, line.text(1, str::to_owned)?));
        told(DOING, rows.iter().map(pair).collect::<Inner<_>>())
    }

    async fn with(&self, tenant: &TenantId, client: &str, external: &str) -> Result<Vec<ResourceId>> {
        const DOING: &str = "find an external id";
        let sql = Sql::new(
            "SELECT id FROM external WHERE tenant = $1 AND client = $2 AND value = $3 ORDER BY id COLLATE \"C\"",
        );
        let sql = sql.bind(text(tenant)).bind(client.to_owned()).bind(external.to_owned());
        let rows = self.look(DOING, sql).await?;
        told(DOING, rows.iter().map(|line| line.text(0, ResourceId::new)).collect::<Inner<_>>())
    }

    async fn set(&self, tenant: &TenantId, client: &str, id: &ResourceId, external: Option<&str>) -> Result<()> {
        let sql = match external {
            Some(_) => Sql::new(
                "INSERT INTO external (tenant, client, id, value) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (tenant, client, id) DO UPDATE SET value = excluded.value",
            ),
            None => Sql::new("DELETE FROM external WHERE tenant = $1 AND client = $2 AND id = $3"),
        };
        let sql = sql.bind(text(tenant)).bind(client.to_owned()).bind(id.as_str().to_owned());
        let sql = match external {
            Some(external) => sql.bind(external.to_owned()),
            None => sql,
        };
        self.tell("write an external id", sql).await.map(drop)
    }

    async fn all(&self, tenant: &TenantId, client: &str, most: u32) -> Result<Vec<(ResourceId, String)>> {
        const DOING: &str = "list external ids";
        let sql = Sql::new(
            "SELECT id, value FROM external WHERE tenant = $1 AND client = $2 ORDER BY id COLLATE \"C\" LIMIT $3",
        );
        let sql = sql.bind(text(tenant)).bind(client.to_owned()).bind(i64::from(most));
        let rows = self.look(DOING, sql).await?;
        let pair = |line: &Line| Ok((line.text(0, ResourceId::new)?, line.text(1, str::to_owned)?));
        told(DOING, rows.iter().map(pair).collect::<Inner<_>>())
    }

    async fn clients(&self, tenant: &TenantId) -> Result<Vec<(String, u64)>> {
        const DOING: &str = "list clients";
        let sql = Sql::new(
            "SELECT client, count(*) FROM external WHERE tenant = $1 AND client NOT IN ('', ' leaving') GROUP BY client ORDER BY client",
        );
        let rows = self.look(DOING, sql.bind(text(tenant))).await?;
        let pair = |line: &Line| Ok((line.text(0, str::to_owned)?, line.int(1)?.unsigned_abs()));
        told(DOING, rows.iter().map(pair).collect::<Inner<_>>())
    }

    async fn forget(&self, tenant: &TenantId, id: &ResourceId) -> Result<()> {
        let sql = Sql::new("DELETE FROM external WHERE tenant = $1 AND id = $2 AND client NOT IN ('', ' leaving')");
        self.tell("forget external ids", sql.bind(text(tenant)).bind(id.as_str().to_owned())).await.map(drop)
    }
}
