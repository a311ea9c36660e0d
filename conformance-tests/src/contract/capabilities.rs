//! What a store says of itself.

use anyhow::ensure;
use scim_core::store::Writes;

use super::{Case, Need, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("a store has a name and is in order", "", |b| {
            Box::pin(async move {
                ensure!(!b.store.capabilities().name.is_empty(), "the name is for logs and errors");
                b.store.health().await?;
                Ok(())
            })
        })
        .needs(&[]),
        case("a store is prepared twice as well as once", "", |b| {
            Box::pin(async move {
                let tenant = b.scope().tenant;
                let first = b.store.prepare(&tenant, b.whole.types()).await?;
                let again = b.store.prepare(&tenant, b.whole.types()).await?;
                ensure!(first == again, "{first:?} {again:?}");
                Ok(())
            })
        })
        .needs(&[]),
        case("an empty store is empty", "", |b| {
            Box::pin(async move {
                ensure!(b.all(b.user_type(), None).await?.is_empty());
                ensure!(b.find(b.user_type(), &b.nobody()).await?.is_none());
                ensure!(b.holders(b.user_type(), &[&b.nobody()]).await?.is_empty());
                Ok(())
            })
        })
        .needs(&[]),
        case("a store that does not write says so", "", |b| {
            Box::pin(async move {
                if b.store.capabilities().writes == Writes::None {
                    b.refuses_to_write().await?;
                    ensure!(b.all(b.user_type(), None).await?.is_empty());
                }
                Ok(())
            })
        })
        .needs(&[]),
        case("a store that writes everything can do everything once", "", |b| {
            Box::pin(async move {
                let user = b.user("a").await?;
                let group = b.group("G", &[&user]).await?;
                b.delete(b.user_type(), &user).await?;
                ensure!(b.members_of(&group).await?.is_empty());
                Ok(())
            })
        })
        .needs(&[Need::Writes]),
    ]
}
