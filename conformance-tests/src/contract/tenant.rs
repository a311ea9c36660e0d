//! Tenants see nothing of each other.

use anyhow::ensure;
use scim_core::store::StoreErrorKind;
use serde_json::json;

use super::bench::fails;
use super::{Case, case};
use crate::data::EXTRA_URN;

pub fn cases() -> Vec<Case> {
    vec![
        case("nothing of one tenant is found by another", "7644-6-01 7644-6.2-03", |b| {
            Box::pin(async move {
                let other = b.neighbour("other").await?;
                let user = b.user("a").await?;
                let group = b.group("G", &[&user]).await?;
                ensure!(other.find(other.user_type(), &user).await?.is_none());
                ensure!(other.all(other.user_type(), None).await?.is_empty());
                ensure!(other.holders(other.user_type(), &[&user]).await?.is_empty());
                let answer = other.rewrite(other.user_type(), &user, json!({"userName": "x"})).await;
                fails(answer, "NotFound", |kind| matches!(kind, StoreErrorKind::NotFound))?;
                fails(other.delete(other.user_type(), &user).await, "NotFound", |kind| {
                    matches!(kind, StoreErrorKind::NotFound)
                })?;
                fails(other.remove(&group, &[&user]).await, "NotFound", |kind| {
                    matches!(kind, StoreErrorKind::NotFound)
                })?;
                ensure!(b.members_of(&group).await? == [user]);
                Ok(())
            })
        }),
        case("nothing links over the border", "7644-6.2-03 7643-2.3.7-05", |b| {
            Box::pin(async move {
                let other = b.neighbour("other").await?;
                let foreign = b.user("a").await?;
                let group = other.group("G", &[]).await?;
                fails(other.add(&group, &[&foreign]).await, "Missing", |kind| {
                    matches!(kind, StoreErrorKind::Missing { .. })
                })?;
                Ok(())
            })
        }),
        case("a unique value is unique in its tenant", "7643-7-19 7643-4.1.1-02 7644-6.2-02", |b| {
            Box::pin(async move {
                let other = b.neighbour("other").await?;
                b.user("same").await?;
                let second = other.user("same").await?;
                other.delete(other.user_type(), &second).await?;
                ensure!(b.user("same").await.is_err(), "what another tenant gives back is not ours");
                Ok(())
            })
        }),
        case("a globally unique value is unique in the server", "7643-7-20", |b| {
            Box::pin(async move {
                let other = b.neighbour("other").await?;
                let seat = |name: &str| json!({"userName": name, EXTRA_URN: {"seat": "1A"}});
                let first = b.create(b.user_type(), seat("a")).await?;
                let scope = other.scope();
                let change = other.change(&scope, other.user_type(), seat("b"))?;
                let answer = other.store.commit(&scope, vec![other.creation(other.user_type(), change)]).await.pop();
                let Some(answer) = answer else { anyhow::bail!("no answer") };
                fails(answer, "Taken", |kind| matches!(kind, StoreErrorKind::Taken { .. }))?;
                b.delete(b.user_type(), &first.id).await?;
                other.create(other.user_type(), seat("b")).await?;
                Ok(())
            })
        }),
    ]
}
