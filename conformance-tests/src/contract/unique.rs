//! Unique values: taken, given back, kept.

use anyhow::{Result, ensure};
use scim_core::change::{Change, ChangeSet, Effect, Expect};
use scim_core::store::{ResourceId, StoreErrorKind, StoreExt};
use serde_json::json;

use super::bench::{Answer, Bench, claim, fails, has_effect};
use super::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("a value is taken once, whatever its letters", "7643-4.1.1-02 7643-7-18 7644-5-02", |b| {
            Box::pin(async move {
                b.user("Zoë").await?;
                for taken in ["Zoë", "ZOË", "zoe\u{308}"] {
                    ensure!(b.user(taken).await.is_err(), "{taken}");
                }
                b.user("zoe").await?;
                Ok(())
            })
        }),
        case("a rename gives the old value back and takes the new", "7644-3.5.1-12 7644-3.5.1-13 7644-3.5.2-29", |b| {
            Box::pin(async move {
                let (a, _) = (b.user("a").await?, b.user("b").await?);
                fails(rename(&b, &a, "a", "B").await, "Taken", |kind| matches!(kind, StoreErrorKind::Taken { .. }))?;
                ensure!(b.user("A").await.is_err(), "a name that was not given back is kept");
                has_effect(rename(&b, &a, "a", "A").await, Effect::Changed)?;
                has_effect(rename(&b, &a, "A", "c").await, Effect::Changed)?;
                b.user("a").await?;
                ensure!(b.user("C").await.is_err());
                Ok(())
            })
        }),
        case("a deletion gives everything back", "7644-3.6-04", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                has_effect(b.delete(b.user_type(), &id).await, Effect::Deleted)?;
                let again = b.user("a").await?;
                ensure!(again != id, "an id does not come again");
                Ok(())
            })
        }),
        case("a failed change gives nothing back", "7644-3.5.2-23", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let scope = b.scope();
                let name = b.at(b.user_type(), "userName")?;
                let at = b.manager()?;
                let change = ChangeSet {
                    release: vec![claim(&name, "a")],
                    claim: vec![claim(&name, "z")],
                    links: vec![scim_core::change::LinkEdit::Replace {
                        targets: vec![(b.nobody(), at.kinds.clone())],
                        at,
                    }],
                    ..b.change(&scope, b.user_type(), json!({"userName": "z"}))?
                };
                let answer = b
                    .store
                    .commit_one(
                        &scope,
                        b.modification(b.user_type(), &id, Change::Known(Box::new(change)), Expect::Exists),
                    )
                    .await;
                fails(answer, "Missing", |kind| matches!(kind, StoreErrorKind::Missing { .. }))?;
                ensure!(b.user("A").await.is_err(), "still held");
                b.user("z").await?;
                Ok(())
            })
        }),
        case("values of different attributes and types do not meet", "7643-7-19", |b| {
            Box::pin(async move {
                let code = |code: &str| json!({"userName": code, crate::data::TEST_URN: {"code": "Kx"}});
                b.create(b.user_type(), code("one")).await?;
                ensure!(b.create(b.user_type(), code("two")).await.is_err());
                b.user("Kx").await?;
                b.create(b.user_type(), json!({"userName": "three", crate::data::TEST_URN: {"code": "kx"}})).await?;
                b.group("Kx", &[]).await?;
                Ok(())
            })
        }),
    ]
}

/// Renames a user as the core would: the old name released, the new one claimed.
async fn rename(b: &Bench, id: &ResourceId, from: &str, to: &str) -> Answer {
    let build = || -> Result<ChangeSet> {
        let name = b.at(b.user_type(), "userName")?;
        let change = b.change(&b.scope(), b.user_type(), json!({"userName": to}))?;
        let (release, claim) = (vec![claim(&name, from)], vec![claim(&name, to)]);
        Ok(if release == claim {
            ChangeSet { claim: Vec::new(), ..change }
        } else {
            ChangeSet { release, claim, ..change }
        })
    };
    let change = build()
        .map_err(|error| scim_core::store::StoreError::new(StoreErrorKind::Corrupt).because(error.to_string()))?;
    let change = Change::Of(std::sync::Arc::new(super::bench::Becomes::new(change)));
    b.store.commit_one(&b.scope(), b.modification(b.user_type(), id, change, Expect::Exists)).await
}
