//! What a control store keeps for a store that has no place for it: what clients call resources, and what is kept in names that no
//! client bears.

use anyhow::{Result, ensure};
use scim_core::store::control::{DELETED, DELETED_MARK, ExternalIds, LEAVING};
use scim_core::store::{ResourceId, TenantId};

/// Goes through all that is promised, in two tenants that nothing is kept of yet.
///
/// # Errors
/// A promise that is not held.
pub async fn external_ids(kept: &dyn ExternalIds) -> Result<()> {
    let [own, other] = ["acme", "zeta"].map(TenantId::new);
    let [a, b, c] = ["a", "b", "c"].map(ResourceId::new);
    for (tenant, client, id, value) in [
        (&own, "entra", &b, "7"),
        (&own, "entra", &a, "7"),
        (&own, "okta", &a, "x"),
        (&own, DELETED, &c, DELETED_MARK),
        (&own, LEAVING, &a, "{}"),
        (&other, "entra", &a, "9"),
    ] {
        kept.set(tenant, client, id, Some(value)).await?;
    }
    let pair = |id: &ResourceId, value: &str| (id.clone(), value.to_owned());
    let ids = [c.clone(), a.clone(), b.clone()];
    let mut of = kept.of(&own, "entra", &ids).await?;
    of.sort();
    ensure!(of == [pair(&a, "7"), pair(&b, "7")], "of: {of:?}");
    let with = kept.with(&own, "entra", "7").await?;
    ensure!(with == [a.clone(), b.clone()], "in order of ids: {with:?}");
    ensure!(kept.with(&own, "okta", "7").await?.is_empty(), "a client sees its own");
    ensure!(kept.all(&own, "entra", 9).await? == [pair(&a, "7"), pair(&b, "7")], "all");
    ensure!(kept.all(&own, "entra", 1).await? == [pair(&a, "7")], "no more than asked for");
    ensure!(kept.all(&other, "entra", 9).await? == [pair(&a, "9")], "a tenant sees its own");
    let clients = kept.clients(&own).await?;
    ensure!(clients == [("entra".to_owned(), 2), ("okta".to_owned(), 1)], "clients: {clients:?}");

    kept.set(&own, "entra", &a, Some("8")).await?;
    kept.set(&own, "entra", &b, None).await?;
    ensure!(kept.all(&own, "entra", 9).await? == [pair(&a, "8")], "the last one counts");
    kept.forget(&own, &a).await?;
    kept.forget(&own, &c).await?;
    ensure!(kept.clients(&own).await?.is_empty(), "forgotten, for all clients");
    ensure!(kept.all(&own, DELETED, 9).await? == [pair(&c, DELETED_MARK)], "what no client gave stays");
    ensure!(kept.all(&own, LEAVING, 9).await? == [pair(&a, "{}")], "what no client gave stays");
    ensure!(kept.all(&other, "entra", 9).await? == [pair(&a, "9")], "in one tenant");
    Ok(())
}
