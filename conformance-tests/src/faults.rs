//! Races and interruption: what must hold when many write at once, when callers go away, and when the core itself fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{FutureExt, StreamExt};
use scim_core::change::{Change, ChangeSet, Effect, Expect, Mutation, Verb};
use scim_core::document::Document;
use scim_core::store::{Scan, Scope, StoreErrorKind, StoreExt};
use serde_json::{Value, json};

use crate::contract::bench::{Becomes, Bench, With, fails, has_effect, whole};
use crate::contract::{Case, Need, case};

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        case("of many writers to one resource none is lost", "7644-3.5.2-31", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let writers = (0..10).map(|_| {
                    let (b, id) = (b.clone(), id.clone());
                    tokio::spawn(async move {
                        for _ in 0..10 {
                            has_effect(b.store.commit_one(&b.scope(), count_up(&b, &id)).await, Effect::Changed)?;
                        }
                        Ok::<_, anyhow::Error>(())
                    })
                });
                for writer in writers.collect::<Vec<_>>() {
                    writer.await??;
                }
                let shown = b.get(b.user_type(), &id).await?.document.parse();
                ensure!(shown.get("title").is_some_and(|title| title == "100"), "{shown:?}");
                Ok(())
            })
        }),
        case("of many that take one value at once, one has it", "7644-3.3-12 7643-4.1.1-02", |b| {
            Box::pin(async move {
                let takers = (0..20).map(|_| {
                    let b = b.clone();
                    tokio::spawn(async move { b.user("wanted").await.is_ok() })
                });
                let mut done = 0;
                for taker in takers.collect::<Vec<_>>() {
                    done += usize::from(taker.await?);
                }
                ensure!(done == 1 && b.all(b.user_type(), None).await?.len() == 1, "{done} have it");
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::Unique]),
        case("of many that expect one version, one passes", "7644-3.14-12", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let version = b.get(b.user_type(), &id).await?.version;
                let writers = (0..12).map(|number| {
                    let (b, id, expect) = (b.clone(), id.clone(), Expect::Version(vec![version.clone()]));
                    tokio::spawn(async move {
                        let attributes = json!({"userName": "a", "title": format!("T{number}")});
                        match b.rewrite_if(b.user_type(), &id, attributes, expect).await {
                            Ok(outcome) => Ok(outcome.effect == Effect::Changed),
                            other => fails(other, "Stale", |kind| matches!(kind, StoreErrorKind::Stale)).map(|_| false),
                        }
                    })
                });
                let mut done = 0;
                for writer in writers.collect::<Vec<_>>() {
                    done += usize::from(writer.await??);
                }
                ensure!(done == 1, "{done} passed");
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::Atomic]),
        case("members added and targets deleted at once leave no link to nothing", "7643-2.3.7-05 7644-3.6-06", |b| {
            Box::pin(async move {
                let group = b.group("G", &[]).await?;
                let mut work = Vec::new();
                for number in 0..12 {
                    let user = b.user(&format!("u{number}")).await?;
                    let (adder, deleter, group, gone) = (b.clone(), b.clone(), group.clone(), user.clone());
                    work.push(tokio::spawn(async move { drop(adder.add(&group, &[&user]).await) }));
                    if number % 2 == 0 {
                        work.push(tokio::spawn(async move { drop(deleter.delete(deleter.user_type(), &gone).await) }));
                    }
                }
                for one in work {
                    one.await?;
                }
                let left: Vec<_> = b.all(b.user_type(), None).await?.into_iter().map(|record| record.key.id).collect();
                let members = b.members_of(&group).await?;
                ensure!(
                    left.len() == 6 && members.iter().all(|member| left.contains(member)),
                    "{members:?} of {left:?}"
                );
                Ok(())
            })
        }),
        case("a commit whose caller went away is done whole", "", |b| {
            Box::pin(async move { caller_went_away(&b).await })
        }),
        case("a scan that is dropped half way gives back what it held", "9865-5.3-01", |b| {
            Box::pin(async move {
                for number in 0..60 {
                    b.user(&format!("u{number}")).await?;
                }
                let scope = b.scope();
                let scan = || Scan { kind: b.user_type().kind.clone(), filter: None, select: whole(b.user_type()) };
                for taken in 0..60 {
                    let mut records = b.store.scan(&scope, scan());
                    for _ in 0..taken {
                        records.next().await.context("a record")??;
                    }
                }
                let written = tokio::time::timeout(Duration::from_secs(60), b.user("after")).await;
                written.context("writing waits for a scan that nobody reads")??;
                ensure!(b.all(b.user_type(), None).await?.len() == 61);
                Ok(())
            })
        }),
        case("writing goes on while a scan is read slowly", "", |b| {
            Box::pin(async move {
                let first = b.user("u0").await?;
                for number in 1..40 {
                    b.user(&format!("u{number}")).await?;
                }
                let scope = b.scope();
                let mut records = b.store.scan(
                    &scope,
                    Scan { kind: b.user_type().kind.clone(), filter: None, select: whole(b.user_type()) },
                );
                let mut seen = Vec::new();
                seen.push(records.next().await.context("a record")??.key.id);
                let changed = b.rewrite(b.user_type(), &first, json!({"userName": "u0", "title": "T"}));
                has_effect(
                    tokio::time::timeout(Duration::from_secs(60), changed).await.context("a scan stops writers")?,
                    Effect::Changed,
                )?;
                while let Some(record) = records.next().await {
                    seen.push(record?.key.id);
                }
                let count = seen.len();
                seen.sort();
                seen.dedup();
                ensure!(count == 40 && seen.len() == 40, "{count} seen, {} of 40", seen.len());
                Ok(())
            })
        }),
        case("a resolve that panics harms nobody else", "", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let before = b.get(b.user_type(), &id).await?;
                let scope = b.scope();
                let change = With::document(b.record(&scope, Verb::Patch), |_| {
                    std::panic::resume_unwind(Box::new("on purpose"))
                });
                let panics = b.modification(b.user_type(), &id, change, Expect::Exists);
                let batch = vec![panics, count_up(&b, &id)];
                let mut answers = b.store.commit(&scope, batch).await;
                let second = answers.pop().context("two answers")?;
                let first = answers.pop().context("two answers")?;
                fails(first, "Rejected", |kind| matches!(kind, StoreErrorKind::Rejected(_)))?;
                has_effect(second, Effect::Changed)?;
                ensure!(b.get(b.user_type(), &id).await?.version != before.version);
                b.user("after").await?;
                Ok(())
            })
        }),
        case("a deadline that has passed is told, and nothing is half done", "", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                let past = Scope { deadline: Instant::now().checked_sub(Duration::from_secs(1)), ..b.scope() };
                match b.store.commit_one(&past, count_up(&b, &id)).await {
                    Ok(outcome) => ensure!(outcome.effect == Effect::Changed),
                    Err(error) => {
                        let kept = matches!(error.kind, StoreErrorKind::Unavailable | StoreErrorKind::Uncertain);
                        ensure!(kept, "{error}");
                        let untouched = !b.get(b.user_type(), &id).await?.document.as_str().contains("title");
                        ensure!(
                            untouched || matches!(error.kind, StoreErrorKind::Uncertain),
                            "Unavailable says that nothing was written"
                        );
                    }
                }
                if let Err(error) = b.store.get(&past, &b.user_type().kind, &id, &whole(b.user_type())).await {
                    ensure!(matches!(error.kind, StoreErrorKind::Unavailable), "{error}");
                }
                b.user("after").await?;
                Ok(())
            })
        }),
    ]
}

/// A mutation that adds one to the number in `title`.
fn count_up(b: &Bench, id: &scim_core::store::ResourceId) -> Mutation {
    let scope = b.scope();
    let change = With::document(b.record(&scope, Verb::Patch), |now| {
        let mut attributes = now.document.parse();
        let number: u64 =
            attributes.get("title").and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(0);
        attributes.insert("title".into(), (number + 1).to_string().into());
        Ok(Some(Document::from_stored(Value::Object(attributes).to_string())))
    });
    b.modification(b.user_type(), id, change, Expect::Exists)
}

/// Commits that are begun and then dropped: each must come to be, with its document, its links and its claims.
async fn caller_went_away(b: &Bench) -> Result<()> {
    let members = [b.user("m1").await?, b.user("m2").await?];
    let mut begun = Vec::new();
    for number in 0..20 {
        let scope = b.scope();
        let values: Vec<_> = members.iter().map(|id| json!({"value": id.as_str()})).collect();
        let change =
            b.change(&scope, b.group_type(), json!({"displayName": format!("G{number}"), "members": values}))?;
        let mutation = b.creation(b.group_type(), change);
        let mut commit = b.store.commit(&scope, vec![mutation]);
        // One poll begins it; then the caller is gone.
        let _ = (&mut commit).now_or_never();
        drop(commit);
        begun.push(format!("G{number}"));
    }
    let id = members.first().context("two members")?;
    let change = Change::Of(Arc::new(Becomes::new(ChangeSet {
        claim: Vec::new(),
        ..b.change(&b.scope(), b.user_type(), json!({"userName": "m1", "title": "done"}))?
    })));
    let scope = b.scope();
    let mut commit = b.store.commit(&scope, vec![b.modification(b.user_type(), id, change, Expect::Exists)]);
    let _ = (&mut commit).now_or_never();
    drop(commit);

    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let groups = b.all(b.group_type(), None).await?;
        for group in &groups {
            ensure!(group.links(&b.members()?.at).len() == 2, "half a group: {group:?}");
        }
        let done = b.get(b.user_type(), id).await?.document.as_str().contains("done");
        if done && groups.len() == begun.len() {
            return Ok(());
        }
        ensure!(Instant::now() < patience, "{} of {} groups came to be", groups.len(), begun.len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
