//! Link attributes: added, removed and replaced element by element.

use std::sync::Arc;

use anyhow::{Context, ensure};
use scim_core::change::{Change, ChangeSet, Effect, Expect, LinkEdit, Mutation, Verb};
use scim_core::schema::Kind;
use scim_core::store::{StoreErrorKind, StoreExt};
use serde_json::json;

use super::bench::{Becomes, fails, has_effect, whole};
use super::{Case, Need, case};
use crate::session::ENTERPRISE;

pub fn cases() -> Vec<Case> {
    vec![
        case("members are added, removed and replaced", "7643-4.2-03 7644-3.5.2-32 7644-3.5.1-11", |b| {
            Box::pin(async move {
                let mut users = [b.user("u").await?, b.user("v").await?, b.user("w").await?];
                users.sort();
                let [u, v, w] = users;
                let group = b.group("G", &[]).await?;
                has_effect(b.add(&group, &[&v, &u]).await, Effect::Changed)?;
                ensure!(b.members_of(&group).await? == [u.clone(), v.clone()], "in order of their ids");
                has_effect(b.remove(&group, &[&u]).await, Effect::Changed)?;
                ensure!(b.members_of(&group).await?.iter().eq([&v]));
                has_effect(b.replace(&group, &[&w, &u]).await, Effect::Changed)?;
                ensure!(b.members_of(&group).await? == [u, w]);
                has_effect(b.replace(&group, &[]).await, Effect::Changed)?;
                ensure!(b.get(b.group_type(), &group).await?.links.is_empty());
                Ok(())
            })
        }),
        case("what is so already changes nothing", "7644-3.5.2.1-12 7644-3.5.2.1-13 7644-3.5.2.2-09", |b| {
            Box::pin(async move {
                let (u, v) = (b.user("u").await?, b.user("v").await?);
                let group = b.group("G", &[&u, &v]).await?;
                let before = b.get(b.group_type(), &group).await?;
                has_effect(b.add(&group, &[&u]).await, Effect::Unchanged)?;
                has_effect(b.add(&group, &[&v, &u]).await, Effect::Unchanged)?;
                has_effect(b.remove(&group, &[&b.nobody()]).await, Effect::Unchanged)?;
                has_effect(b.replace(&group, &[&u, &v]).await, Effect::Unchanged)?;
                has_effect(b.add(&group, &[]).await, Effect::Unchanged)?;
                ensure!(b.get(b.group_type(), &group).await? == before, "neither version nor time moves");
                Ok(())
            })
        }),
        case("a target that is missing fails the whole edit", "7643-2.3.7-05", |b| {
            Box::pin(async move {
                let (u, v) = (b.user("u").await?, b.user("v").await?);
                let group = b.group("G", &[&u]).await?;
                let before = b.get(b.group_type(), &group).await?;
                for answer in [b.add(&group, &[&v, &b.nobody()]).await, b.replace(&group, &[&v, &b.nobody()]).await] {
                    let error = fails(answer, "Missing", |kind| matches!(kind, StoreErrorKind::Missing { .. }))?;
                    ensure!(
                        matches!(&error, StoreErrorKind::Missing { targets, .. } if *targets == [b.nobody()]),
                        "{error:?}"
                    );
                }
                ensure!(b.get(b.group_type(), &group).await? == before);
                Ok(())
            })
        }),
        case("a target is looked for among the kinds that are allowed", "7643-4.2-06 7643-4.3-02", |b| {
            Box::pin(async move {
                let inner = b.group("inner", &[]).await?;
                let outer = b.group("outer", &[]).await?;
                let at = b.members()?;
                let add = |kinds: Arc<[Kind]>| LinkEdit::Add { at: at.clone(), targets: vec![inner.clone()], kinds };
                let users: Arc<[Kind]> = Arc::from([b.user_type().kind.clone()]);
                let change = b.link_change(&b.scope(), add(users));
                fails(b.apply(b.group_type(), &outer, change).await, "Missing", |kind| {
                    matches!(kind, StoreErrorKind::Missing { .. })
                })?;
                let change = b.link_change(&b.scope(), add(at.kinds.clone()));
                has_effect(b.apply(b.group_type(), &outer, change).await, Effect::Changed)?;
                let shown = b.get(b.group_type(), &outer).await?;
                ensure!(
                    shown.links(&at.at).first().is_some_and(|link| link.target.kind == b.group_type().kind),
                    "{shown:?}"
                );
                Ok(())
            })
        }),
        case("a resource may link to itself", "7643-4.2-07", |b| {
            Box::pin(async move {
                let group = b.group("G", &[]).await?;
                has_effect(b.add(&group, &[&group]).await, Effect::Changed)?;
                ensure!(b.members_of(&group).await?.iter().eq([&group]));
                has_effect(b.delete(b.group_type(), &group).await, Effect::Deleted)?;
                ensure!(b.find(b.group_type(), &group).await?.is_none());
                Ok(())
            })
        }),
        case("a new label shows in every link, and moves no holder", "7643-4.3-03 7643-4.2-04", |b| {
            Box::pin(async move {
                let user = b.user("before").await?;
                let group = b.group("G", &[&user]).await?;
                let held = b.get(b.group_type(), &group).await?;
                has_effect(
                    b.rewrite(b.user_type(), &user, json!({"userName": "before", "displayName": "After"})).await,
                    Effect::Changed,
                )?;
                let shown = b.get(b.group_type(), &group).await?;
                let label = shown.links(&b.members()?.at).first().and_then(|link| link.display.clone());
                ensure!(label.as_deref() == Some("After"), "{label:?}");
                ensure!(
                    (&shown.version, shown.modified) == (&held.version, held.modified),
                    "the group was not changed"
                );
                Ok(())
            })
        }),
        case("a resource that links to itself shows its new label in the reply", "7643-4.3-03 7644-3.5.2-25", |b| {
            Box::pin(async move {
                let user = b.user("self").await?;
                let at = b.manager()?;
                let targets = vec![(user.clone(), at.kinds.clone())];
                let change = b.link_change(&b.scope(), LinkEdit::Replace { at: at.clone(), targets });
                has_effect(b.apply(b.user_type(), &user, change).await, Effect::Changed)?;
                // Worked out where the record stands, and known before.
                for (label, known) in [("First", false), ("Second", true)] {
                    let scope = b.scope();
                    let change = b.change(&scope, b.user_type(), json!({"userName": "self", "displayName": label}))?;
                    let change = ChangeSet { claim: Vec::new(), ..change };
                    let change = match known {
                        true => Change::Known(Box::new(change)),
                        false => Change::Of(Arc::new(Becomes::new(change))),
                    };
                    let mutation = b.modification(b.user_type(), &user, change, Expect::Exists);
                    let mutation = Mutation { reply: Some(whole(b.user_type())), ..mutation };
                    let outcome = has_effect(b.store.commit_one(&scope, mutation).await, Effect::Changed)?;
                    let shown = outcome.record.context("the record was asked for")?;
                    let shown = shown.links(&at.at).first().and_then(|link| link.display.clone());
                    ensure!(shown.as_deref() == Some(label), "{shown:?} instead of {label}");
                }
                Ok(())
            })
        }),
        case("a label alone is no change", "", |b| {
            Box::pin(async move {
                let user = b.user("a").await?;
                let before = b.get(b.user_type(), &user).await?;
                let change = ChangeSet { label: Some("a".into()), ..b.no_change(&b.scope(), Verb::Patch) };
                has_effect(b.apply(b.user_type(), &user, change).await, Effect::Unchanged)?;
                ensure!(b.get(b.user_type(), &user).await? == before);
                Ok(())
            })
        }),
        case("a single-valued link is replaced and cleared", "7643-4.3-02 7643-4.3-04", |b| {
            Box::pin(async move {
                let (a, c) = (b.user("a").await?, b.user("c").await?);
                let worker = b
                    .create(b.user_type(), json!({"userName": "w", ENTERPRISE: {"manager": {"value": a.as_str()}}}))
                    .await?
                    .id;
                let at = b.manager()?;
                let managers = |targets: Vec<_>| LinkEdit::Replace { at: at.clone(), targets };
                for (targets, effect) in
                    [(vec![&c], Effect::Changed), (vec![&c], Effect::Unchanged), (vec![], Effect::Changed)]
                {
                    let wanted: Vec<_> = targets.into_iter().cloned().collect();
                    let pairs = wanted.iter().map(|id| (id.clone(), at.kinds.clone())).collect();
                    let change = b.link_change(&b.scope(), managers(pairs));
                    has_effect(b.apply(b.user_type(), &worker, change).await, effect)?;
                    let shown = b.get(b.user_type(), &worker).await?;
                    let found: Vec<_> = shown.links(&at.at).iter().map(|link| link.target.id.clone()).collect();
                    ensure!(found == wanted, "{found:?}");
                }
                Ok(())
            })
        }),
        case("a removal and an addition in one change both happen", "7644-3.5.2-20", |b| {
            Box::pin(async move {
                let (u, v) = (b.user("u").await?, b.user("v").await?);
                let group = b.group("G", &[&u]).await?;
                let at = b.members()?;
                let change = ChangeSet {
                    links: vec![
                        LinkEdit::Remove { at: at.clone(), targets: vec![u] },
                        LinkEdit::Add { at: at.clone(), targets: vec![v.clone()], kinds: at.kinds.clone() },
                    ],
                    ..b.no_change(&b.scope(), Verb::Patch)
                };
                has_effect(b.apply(b.group_type(), &group, change).await, Effect::Changed)?;
                ensure!(b.members_of(&group).await? == [v]);
                Ok(())
            })
        }),
        case("deleting a target takes the links to it, and moves their holders", "7644-3.6-06", |b| {
            Box::pin(async move {
                let (u, v) = (b.user("u").await?, b.user("v").await?);
                let (held, free) = (b.group("held", &[&u, &v]).await?, b.group("free", &[&v]).await?);
                let worker = b
                    .create(b.user_type(), json!({"userName": "w", ENTERPRISE: {"manager": {"value": u.as_str()}}}))
                    .await?
                    .id;
                let group = b.group_type().clone();
                let before =
                    (b.get(&group, &held).await?, b.get(&group, &free).await?, b.get(b.user_type(), &worker).await?);
                has_effect(b.delete(b.user_type(), &u).await, Effect::Deleted)?;
                let after =
                    (b.get(&group, &held).await?, b.get(&group, &free).await?, b.get(b.user_type(), &worker).await?);
                ensure!(b.members_of(&held).await? == [v]);
                ensure!(after.0.version != before.0.version && after.0.modified > before.0.modified, "{after:?}");
                ensure!(after.1 == before.1, "a group that lost nothing stays");
                ensure!(after.2.links.is_empty() && after.2.version != before.2.version, "{:?}", after.2);
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::Versions]),
        case("many links at once", "7644-3.5.2-32", |b| {
            Box::pin(async move {
                let mut ids = Vec::new();
                for number in 0..120 {
                    ids.push(b.user(&format!("u{number}")).await?);
                }
                let group = b.group("G", &ids.iter().collect::<Vec<_>>()).await?;
                let half: Vec<_> = ids.iter().step_by(2).collect();
                has_effect(b.remove(&group, &half).await, Effect::Changed)?;
                ensure!(b.members_of(&group).await?.len() == 60);
                has_effect(b.add(&group, &ids.iter().collect::<Vec<_>>()).await, Effect::Changed)?;
                ensure!(b.members_of(&group).await?.len() == 120);
                Ok(())
            })
        }),
    ]
}
