//! Links read the other way.

use anyhow::ensure;
use scim_core::change::Effect;
use serde_json::json;

use super::bench::has_effect;
use super::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("the holders of many targets come in one answer", "7643-4.1.2-09", |b| {
            Box::pin(async move {
                let (u, v, w) = (b.user("u").await?, b.user("v").await?, b.user("w").await?);
                let (one, two) = (b.group("One", &[&u, &v]).await?, b.group("Two", &[&v]).await?);
                let found = b.holders(b.user_type(), &[&u, &v, &w, &b.nobody()]).await?;
                let pairs: Vec<_> =
                    found.iter().map(|(target, link)| (target.clone(), link.target.id.clone())).collect();
                let mut wanted = vec![(u, one.clone()), (v.clone(), one), (v, two)];
                wanted.sort();
                ensure!(pairs == wanted, "{pairs:?}");
                for (_, link) in &found {
                    ensure!(link.target.kind == b.group_type().kind && !link.indirect, "{link:?}");
                    ensure!(
                        matches!(link.display.as_deref(), Some("One" | "Two")),
                        "the label of the holder: {link:?}"
                    );
                }
                Ok(())
            })
        }),
        case("holders are one hop away, and of the kind asked for", "7643-4.1.2-11 7643-4.2-05", |b| {
            Box::pin(async move {
                let user = b.user("u").await?;
                let inner = b.group("inner", &[&user]).await?;
                let outer = b.group("outer", &[&inner]).await?;
                let of_user = b.holders(b.user_type(), &[&user, &inner]).await?;
                ensure!(of_user.len() == 1 && of_user.iter().all(|(_, link)| link.target.id == inner), "{of_user:?}");
                let of_group = b.holders(b.group_type(), &[&user, &inner]).await?;
                ensure!(
                    of_group.len() == 1 && of_group.iter().all(|(_, link)| link.target.id == outer),
                    "{of_group:?}"
                );
                Ok(())
            })
        }),
        case("holders follow every change", "7643-4.1.2-09 7644-3.6-06", |b| {
            Box::pin(async move {
                let user = b.user("u").await?;
                let (one, two) = (b.group("One", &[&user]).await?, b.group("Two", &[&user]).await?);
                has_effect(b.remove(&one, &[&user]).await, Effect::Changed)?;
                has_effect(b.rewrite(b.group_type(), &two, json!({"displayName": "Zwei"})).await, Effect::Changed)?;
                let found = b.holders(b.user_type(), &[&user]).await?;
                ensure!(found.len() == 1, "{found:?}");
                ensure!(found.iter().all(|(_, link)| link.display.as_deref() == Some("Zwei")), "{found:?}");
                has_effect(b.delete(b.group_type(), &two).await, Effect::Deleted)?;
                ensure!(b.holders(b.user_type(), &[&user]).await?.is_empty());
                Ok(())
            })
        }),
    ]
}
