//! Creating.

use anyhow::{Context, ensure};
use scim_core::change::{Action, ChangeSet, Effect, History, LinkEdit, Mutation};
use scim_core::clock::Timestamp;
use scim_core::store::{Record, ResourceId, StoreErrorKind, StoreExt, Version};
use serde_json::json;

use super::bench::{claim, fails, has_effect, whole};
use super::{Case, Need, case};
use crate::data::TEST_URN;

pub fn cases() -> Vec<Case> {
    vec![
        case("what was created is read back as it was written", "7643-3.1-01 7643-2.3.1-01", |b| {
            Box::pin(async move {
                let kind = b.user_type().clone();
                let scope = b.scope();
                let change = b.change(&scope, &kind, json!({
                "userName": "Zoë \"Z\" \\ ﷺ", "title": "x".repeat(50_000), "active": false, "displayName": "\u{1f680} e\u{301}",
                "emails": [{"value": "a@example.com", "type": "work", "primary": true}, {"value": "b@example.com"}],
                TEST_URN: {"num": 9_007_199_254_740_993_i64, "dec": 0.1, "when": "2011-05-13T04:42:34.5+02:00", "tags": ["a", "A\n"]},
            }))?;
                let document = change.document.clone();
                let created = has_effect(b.store.commit_one(&scope, b.creation(&kind, change)).await, Effect::Created)?;
                let record = b.get(&kind, &created.id).await?;
                ensure!(
                    Some(&record.document) == document.as_ref(),
                    "{} became {}",
                    document.unwrap_or_default().as_str(),
                    record.document.as_str()
                );
                ensure!(
                    record.version == created.version && !created.version.as_str().is_empty(),
                    "{:?}",
                    record.version
                );
                ensure!(record.created == record.modified, "{:?} {:?}", record.created, record.modified);
                ensure!(record.links.is_empty() && created.record.is_none(), "nothing else was asked for");
                Ok(())
            })
        }),
        case("the reply shows the record as it is stored", "", |b| {
            Box::pin(async move {
                let member = b.user("member").await?;
                let kind = b.group_type().clone();
                let scope = b.scope();
                let change =
                    b.change(&scope, &kind, json!({"displayName": "G", "members": [{"value": member.as_str()}]}))?;
                let mutation = Mutation { reply: Some(whole(&kind)), ..b.creation(&kind, change) };
                let created = has_effect(b.store.commit_one(&scope, mutation).await, Effect::Created)?;
                let read = b.get(&kind, &created.id).await?;
                ensure!(created.record.as_deref() == Some(&read), "{:?}\n{read:?}", created.record);
                Ok(())
            })
        }),
        case("times are those of the request", "7643-3.1-15 7643-3.1-16", |b| {
            Box::pin(async move {
                let scope = b.scope_at(1_600_000_000_123);
                let change = b.change(&scope, b.user_type(), json!({"userName": "a"}))?;
                let created = b.store.commit_one(&scope, b.creation(b.user_type(), change)).await?;
                let record = b.get(b.user_type(), &created.id).await?;
                ensure!(record.created == scope.now && record.modified == scope.now, "{record:?}");
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::OwnIds]),
        case("a creation that fails leaves no trace", "", |b| {
            Box::pin(async move {
                let kind = b.user_type().clone();
                b.user("taken").await?;
                let name = b.at(&kind, "userName")?;
                let scope = b.scope();
                let id = b.new_id();
                let change = b.change(&scope, &kind, json!({"userName": "free"}))?;
                let change = ChangeSet { claim: vec![claim(&name, "free"), claim(&name, "TAKEN")], ..change };
                let action = Action::Create { id: id.clone(), change };
                let answer =
                    b.store.commit_one(&scope, Mutation { kind: kind.kind.clone(), action, reply: None }).await;
                let kind_of_error = fails(answer, "Taken", |kind| matches!(kind, StoreErrorKind::Taken { .. }))?;
                ensure!(matches!(&kind_of_error, StoreErrorKind::Taken { at } if *at == name), "{kind_of_error:?}");
                if let Some(id) = id {
                    ensure!(b.find(&kind, &id).await?.is_none(), "the resource is there");
                }
                ensure!(b.all(&kind, None).await?.len() == 1, "something is there");
                b.user("free").await?;
                Ok(())
            })
        }),
        case("every link target that is missing is named", "7643-2.3.7-05", |b| {
            Box::pin(async move {
                let there = b.user("there").await?;
                let kind = b.group_type().clone();
                let members = json!([{"value": "gone1"}, {"value": there.as_str()}, {"value": "gone2"}]);
                let scope = b.scope();
                let change = b.change(&scope, &kind, json!({"displayName": "G", "members": members}))?;
                let answer = b.store.commit_one(&scope, b.creation(&kind, change)).await;
                let error = fails(answer, "Missing", |kind| matches!(kind, StoreErrorKind::Missing { .. }))?;
                let StoreErrorKind::Missing { at, mut targets } = error else { anyhow::bail!("{error:?}") };
                targets.sort();
                ensure!(
                    at == b.members()?.at && targets == ["gone1", "gone2"].map(ResourceId::new),
                    "{at} {targets:?}"
                );
                ensure!(b.all(&kind, None).await?.is_empty(), "the group is there");
                Ok(())
            })
        }),
        case("an id that exists is not written over", "7643-3.1-03", |b| {
            Box::pin(async move {
                let kind = b.user_type().clone();
                let id = b.user("first").await?;
                let before = b.get(&kind, &id).await?;
                let scope = b.scope();
                let change = b.change(&scope, &kind, json!({"userName": "second"}))?;
                let action = Action::Create { id: Some(id.clone()), change };
                let answer =
                    b.store.commit_one(&scope, Mutation { kind: kind.kind.clone(), action, reply: None }).await;
                ensure!(answer.is_err(), "an id was given out twice");
                ensure!(b.get(&kind, &id).await? == before, "the first was changed");
                b.user("second").await?;
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::OwnIds]),
        case("a resource from elsewhere keeps the version and the times it had", "", |b| {
            Box::pin(async move {
                let (kind, scope) = (b.group_type().clone(), b.scope());
                let time = Timestamp::from_millis;
                let had = |version: &str| {
                    Some(History { version: Version::new(version), created: time(5_000), modified: time(9_000) })
                };
                let stands = |record: &Record, version: &str| {
                    let as_it_was = (record.created, record.modified) == (time(5_000), time(9_000));
                    ensure!(as_it_was && record.version.as_str() == version, "{record:?}");
                    Ok(())
                };
                let change = b.change(&scope, &kind, json!({"displayName": "old"}))?;
                let creation = b.creation(&kind, ChangeSet { history: had("41"), ..change });
                let outcome = b.store.commit_one(&scope, Mutation { reply: Some(whole(&kind)), ..creation }).await?;
                ensure!(outcome.version.as_str() == "41", "{outcome:?}");
                stands(outcome.record.as_deref().context("the reply")?, "41")?;
                stands(&b.get(&kind, &outcome.id).await?, "41")?;

                // Its links come later, and change nothing of that.
                let user = b.user("a").await?;
                let link = b.members()?;
                let add = LinkEdit::Add { at: link.clone(), targets: vec![user.clone()], kinds: link.kinds.clone() };
                let change = ChangeSet { history: had("41"), ..b.link_change(&scope, add) };
                ensure!(b.apply(&kind, &outcome.id, change.clone()).await?.effect == Effect::Changed);
                stands(&b.get(&kind, &outcome.id).await?, "41")?;
                ensure!(b.apply(&kind, &outcome.id, change).await?.effect == Effect::Unchanged);

                // From here on it is a resource like all others.
                b.rewrite(&kind, &outcome.id, json!({"displayName": "new"})).await?;
                let now = b.get(&kind, &outcome.id).await?;
                ensure!(now.version.as_str() != "41" && now.modified > time(9_000), "{now:?}");
                ensure!(now.created == time(5_000), "{now:?}");
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::OwnIds, Need::History]),
        case("versions are texts of their own", "7643-3.1-18", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let version = b.get(b.user_type(), &id).await?.version;
                let plain =
                    |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '-');
                ensure!(plain(version.as_str()), "{version:?} must fit into an ETag");
                ensure!(version != Version::new("none"), "{version:?}");
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::Versions]),
    ]
}
