//! Links read the other way.

use anyhow::{Context, ensure};
use scim_core::change::Effect;
use scim_core::store::{Link, Record, reverse};
use serde_json::json;

use super::bench::{has_effect, whole};
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
                // Who holds by nesting, a directory may work out, and says that it is so.
                let direct = |mut found: Vec<(_, Link)>| {
                    found.retain(|(_, link)| !link.indirect);
                    found
                };
                let of_user = direct(b.holders(b.user_type(), &[&user, &inner]).await?);
                ensure!(of_user.len() == 1 && of_user.iter().all(|(_, link)| link.target.id == inner), "{of_user:?}");
                let of_group = direct(b.holders(b.group_type(), &[&user, &inner]).await?);
                ensure!(
                    of_group.len() == 1 && of_group.iter().all(|(_, link)| link.target.id == outer),
                    "{of_group:?}"
                );
                Ok(())
            })
        }),
        case("groups come with a read, nested ones too", "7643-4.1.2-09 7643-4.1.2-10 7643-4.1.2-11", |b| {
            Box::pin(async move {
                let (user, lone) = (b.user("u").await?, b.user("v").await?);
                let inner = b.group("inner", &[&user]).await?;
                let middle = b.group("middle", &[&inner]).await?;
                let outer = b.group("outer", &[&middle, &user]).await?;
                // A cycle: everybody in it is shown once.
                has_effect(b.add(&inner, &[&middle]).await, Effect::Changed)?;
                let (kind, scope) = (b.user_type(), b.scope());
                let (ids, select) = ([user.clone(), lone], whole(kind));
                let filled = b.store.read_filled(&scope, &kind.kind, &ids, &select, &kind.reverse).await?;
                let mut plain = b.store.read(&scope, &kind.kind, &ids, &select).await?;
                for one in &kind.reverse {
                    reverse::fill(&*b.store, &scope, &mut plain, one).await?;
                }
                let sorted = |mut records: Vec<Record>| {
                    records.sort_by(|a, b| a.key.id.cmp(&b.key.id));
                    records
                };
                let (filled, plain) = (sorted(filled), sorted(plain));
                ensure!(filled == plain, "{filled:?}\n{plain:?}");
                let own = filled.iter().find(|record| record.key.id == user).context("the user")?;
                let shown = own.links.iter().flat_map(|links| &links.links);
                let shown: Vec<_> = shown.map(|link| (link.target.id.clone(), link.indirect)).collect();
                let mut wanted = vec![(inner, false), (middle, true), (outer, false)];
                wanted.sort();
                ensure!(shown == wanted, "{shown:?}");
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
