//! Versions, expectations, and changes that are worked out where the record cannot move.

use std::sync::Arc;

use anyhow::ensure;
use scim_core::change::{Change, Effect, Expect};
use scim_core::document::Document;
use scim_core::error::{ErrorKind, ScimError};
use scim_core::query::Select;
use scim_core::store::{StoreErrorKind, StoreExt, Version};
use serde_json::json;

use super::bench::{Becomes, With, fails, has_effect};
use super::{Case, Need, case};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "a change moves version and time, and leaves the time of creation",
            "7643-3.1-15 7643-3.1-16 7644-3.5.2-27",
            |b| {
                Box::pin(async move {
                    let id = b.user("a").await?;
                    let before = b.get(b.user_type(), &id).await?;
                    let changed = has_effect(
                        b.rewrite(b.user_type(), &id, json!({"userName": "a", "title": "T"})).await,
                        Effect::Changed,
                    )?;
                    let after = b.get(b.user_type(), &id).await?;
                    ensure!(after.version == changed.version && after.version != before.version, "{after:?}");
                    ensure!(after.modified > before.modified && after.created == before.created, "{after:?}");
                    ensure!(after.document.as_str().contains("\"title\":\"T\""), "{}", after.document.as_str());
                    Ok(())
                })
            },
        )
        .needs(&[Need::Writes, Need::Versions]),
        case("what changes nothing moves nothing", "7644-3.5.1-15 7644-3.5.2.3-13", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let before = b.get(b.user_type(), &id).await?;
                has_effect(b.rewrite(b.user_type(), &id, json!({"userName": "a"})).await, Effect::Unchanged)?;
                let scope = b.scope();
                let nothing = With::document(b.record(&scope, scim_core::change::Verb::Patch), |_| Ok(None));
                let answer =
                    b.store.commit_one(&scope, b.modification(b.user_type(), &id, nothing, Expect::Exists)).await;
                ensure!(has_effect(answer, Effect::Unchanged)?.version == before.version);
                // The same document, told as a change: still the same document.
                let same = b.change(&scope, b.user_type(), json!({"userName": "a"}))?;
                let known = Change::Known(Box::new(same));
                let expect = Expect::Version(vec![before.version.clone()]);
                let answer = b.store.commit_one(&scope, b.modification(b.user_type(), &id, known, expect)).await;
                has_effect(answer, Effect::Unchanged)?;
                ensure!(b.get(b.user_type(), &id).await? == before);
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::Lock]),
        case("time goes on even where the clock does not", "7643-3.1-16", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let before = b.get(b.user_type(), &id).await?;
                let scope = b.scope_at(1_000);
                let change = b.change(&scope, b.user_type(), json!({"userName": "a", "title": "T"}))?;
                let change = Change::Of(Arc::new(Becomes::new(change)));
                b.store.commit_one(&scope, b.modification(b.user_type(), &id, change, Expect::Exists)).await?;
                let after = b.get(b.user_type(), &id).await?;
                ensure!(after.modified == before.modified.next(), "{:?} {:?}", before.modified, after.modified);
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::Versions]),
        case("an expected version is compared", "7644-3.14-05 7644-3.14-06 7644-3.14-12", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let first = b.get(b.user_type(), &id).await?.version;
                let title = |title: &str| json!({"userName": "a", "title": title});
                let any = Expect::Version(vec![Version::new("other"), first.clone()]);
                has_effect(b.rewrite_if(b.user_type(), &id, title("T"), any).await, Effect::Changed)?;
                let before = b.get(b.user_type(), &id).await?;
                for stale in [vec![first.clone()], vec![Version::new("x"), first], vec![]] {
                    let answer = b.rewrite_if(b.user_type(), &id, title("U"), Expect::Version(stale)).await;
                    fails(answer, "Stale", |kind| matches!(kind, StoreErrorKind::Stale))?;
                }
                ensure!(b.get(b.user_type(), &id).await? == before);
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::Lock]),
        case("a deletion keeps the expectation too", "7644-3.6-07", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let version = b.get(b.user_type(), &id).await?.version;
                for (expected, stale) in [(Version::new("x"), true), (version, false)] {
                    let scope = b.scope();
                    let record = b.record(&scope, scim_core::change::Verb::Delete);
                    let action = scim_core::change::Action::Delete {
                        id: id.clone(),
                        expect: Expect::Version(vec![expected]),
                        record,
                    };
                    let mutation =
                        scim_core::change::Mutation { kind: b.user_type().kind.clone(), action, reply: None };
                    let answer = b.store.commit_one(&scope, mutation).await;
                    if stale {
                        fails(answer, "Stale", |kind| matches!(kind, StoreErrorKind::Stale))?;
                    } else {
                        has_effect(answer, Effect::Deleted)?;
                    }
                }
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::Lock]),
        case("what is not there cannot be changed or deleted", "7644-3.5.2-30 7644-3.6-02 7644-3.5.1-01", |b| {
            Box::pin(async move {
                let group = b.group("G", &[]).await?;
                for id in [b.nobody(), group] {
                    let answer = b.rewrite(b.user_type(), &id, json!({"userName": "a"})).await;
                    fails(answer, "NotFound", |kind| matches!(kind, StoreErrorKind::NotFound))?;
                    fails(b.delete(b.user_type(), &id).await, "NotFound", |kind| {
                        matches!(kind, StoreErrorKind::NotFound)
                    })?;
                }
                Ok(())
            })
        }),
        case("a change is worked out on the record as it is", "7644-3.5.2-31", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                for title in ["x", "xx", "xxx"] {
                    let scope = b.scope();
                    let longer = With::document(b.record(&scope, scim_core::change::Verb::Patch), |now| {
                        let mut attributes = now.document.parse();
                        let title = attributes.get("title").and_then(|title| title.as_str()).unwrap_or_default();
                        attributes.insert("title".into(), format!("{title}x").into());
                        Ok(Some(Document::from_stored(serde_json::Value::Object(attributes).to_string())))
                    });
                    b.store.commit_one(&scope, b.modification(b.user_type(), &id, longer, Expect::Exists)).await?;
                    let shown = b.get(b.user_type(), &id).await?.document.parse();
                    ensure!(shown.get("title").is_some_and(|own| own == title), "{shown:?}");
                }
                Ok(())
            })
        }),
        case("what the resolve refuses is handed through", "7644-3.5.2-23", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let before = b.get(b.user_type(), &id).await?;
                let scope = b.scope();
                let refuses = With::document(b.record(&scope, scim_core::change::Verb::Patch), |_| {
                    Err(ScimError::mutability("not this"))
                });
                let answer =
                    b.store.commit_one(&scope, b.modification(b.user_type(), &id, refuses, Expect::Exists)).await;
                let error = fails(answer, "Rejected", |kind| matches!(kind, StoreErrorKind::Rejected(_)))?;
                let StoreErrorKind::Rejected(why) = error else { anyhow::bail!("{error:?}") };
                ensure!(why.kind == ErrorKind::Mutability && why.detail == "not this", "{why:?}");
                ensure!(b.get(b.user_type(), &id).await? == before);
                Ok(())
            })
        }),
        case("the reply to a change shows groups, or says that it does not", "7644-3.5.2-25 7643-4.1.2-09", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let inner = b.group("inner", &[&id]).await?;
                b.group("outer", &[&inner]).await?;
                let kind = b.user_type();
                let reply = Select { reverse: kind.reverse.clone(), ..super::bench::whole(kind) };
                // Twice: what changes nothing shows them too.
                for title in ["T", "U", "U"] {
                    let scope = b.scope();
                    let change = b.change(&scope, kind, json!({"userName": "a", "title": title}))?;
                    let change = Change::Of(Arc::new(Becomes::new(change)));
                    let mutation = b.modification(kind, &id, change, Expect::Exists);
                    let mutation = scim_core::change::Mutation { reply: Some(reply.clone()), ..mutation };
                    let outcome = b.store.commit_one(&scope, mutation).await?;
                    let mut read = b.get(kind, &id).await?;
                    if outcome.filled {
                        for one in &kind.reverse {
                            b.store.fill(&scope, std::slice::from_mut(&mut read), one).await?;
                        }
                    }
                    ensure!(outcome.record.as_deref() == Some(&read), "{:?}\n{read:?}", outcome.record);
                }
                Ok(())
            })
        }),
        case("the reply to a change shows the record after it", "7644-3.5.2-25", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let scope = b.scope();
                let change = b.change(&scope, b.user_type(), json!({"userName": "a", "title": "T"}))?;
                let change = Change::Of(Arc::new(Becomes::new(change)));
                let mutation = b.modification(b.user_type(), &id, change, Expect::Exists);
                let mutation =
                    scim_core::change::Mutation { reply: Some(super::bench::whole(b.user_type())), ..mutation };
                let outcome = b.store.commit_one(&scope, mutation).await?;
                ensure!(outcome.record.as_deref() == Some(&b.get(b.user_type(), &id).await?), "{:?}", outcome.record);
                Ok(())
            })
        }),
    ]
}
