//! Secrets: kept, never shown.

use anyhow::{Context, Result, ensure};
use scim_core::change::{ChangeSet, Effect, SecretEdit, Verb};
use scim_core::store::{Key, ResourceId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::bench::{Bench, has_effect};
use super::{Case, Need, case};

const NEEDS: &[Need] = &[Need::Writes, Need::Secrets];

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "a hash is kept, replaced and cleared, and each is a change",
            "7643-4.1.1-12 7643-9.2-01 7644-3.5.2.3-12 7644-3.5.2.2-12",
            |b| {
                Box::pin(async move {
                    let id = b.user("a").await?;
                    ensure!(kept(&b, &id).await?.is_none());
                    for value in [Some("hash-1"), Some("hash-2"), Some("hash-2"), None] {
                        let before = b.get(b.user_type(), &id).await?;
                        has_effect(set(&b, &id, value).await, Effect::Changed)?;
                        ensure!(kept(&b, &id).await?.as_deref() == value, "{:?}", kept(&b, &id).await?);
                        let after = b.get(b.user_type(), &id).await?;
                        ensure!(after.version != before.version && after.document == before.document, "{after:?}");
                    }
                    Ok(())
                })
            },
        )
        .needs(NEEDS),
        case("a secret is nowhere else", "7643-4.1.1-11 7643-9.2-01", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                has_effect(set(&b, &id, Some("hash-hash-hash")).await, Effect::Changed)?;
                let record = b.get(b.user_type(), &id).await?;
                ensure!(
                    !record.document.as_str().contains("hash") && !format!("{record:?}").contains("hash-"),
                    "{record:?}"
                );
                if let Some(log) = b.store.change_log() {
                    let told = format!("{:?}", log.read(0, 100).await?);
                    ensure!(!told.contains("hash-hash"), "{told}");
                }
                ensure!(!format!("{:?}", b.store).contains("hash-hash"), "the store prints its secrets");
                Ok(())
            })
        })
        .needs(NEEDS),
        case("a secret survives changes of the rest and goes with the resource", "7644-3.5.1-03", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                has_effect(set(&b, &id, Some("hash")).await, Effect::Changed)?;
                has_effect(
                    b.rewrite(b.user_type(), &id, json!({"userName": "a", "title": "T"})).await,
                    Effect::Changed,
                )?;
                ensure!(kept(&b, &id).await?.as_deref() == Some("hash"));
                let other = b.neighbour("other").await?;
                ensure!(kept(&other, &id).await?.is_none(), "another tenant sees none");
                has_effect(b.delete(b.user_type(), &id).await, Effect::Deleted)?;
                ensure!(kept(&b, &id).await?.is_none());
                Ok(())
            })
        })
        .needs(NEEDS),
    ]
}

async fn set(b: &Bench, id: &ResourceId, value: Option<&str>) -> super::bench::Answer {
    let secrets =
        b.at(b.user_type(), "password").map(|at| vec![SecretEdit { at, value: value.map(SecretString::from) }]);
    let change = ChangeSet { secrets: secrets.unwrap_or_default(), ..b.no_change(&b.scope(), Verb::Patch) };
    b.apply(b.user_type(), id, change).await
}

async fn kept(b: &Bench, id: &ResourceId) -> Result<Option<String>> {
    let key = Key { kind: b.user_type().kind.clone(), id: id.clone() };
    let at = b.at(b.user_type(), "password")?;
    let secret = b.store.secret(&b.scope(), &key, &at).await.context("secret")?;
    Ok(secret.map(|secret| secret.expose_secret().to_owned()))
}
