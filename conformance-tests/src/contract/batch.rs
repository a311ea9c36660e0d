//! Many mutations in one commit: in order, each for itself, whole.

use anyhow::ensure;
use scim_core::change::{Action, Effect, Expect, LinkEdit, Mutation, Verb};
use scim_core::store::StoreErrorKind;
use serde_json::json;

use super::bench::fails;
use super::{Case, Need, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("each mutation is answered, in order", "7644-3.7.3-01 7644-3.7-20", |b| {
            Box::pin(async move {
                ensure!(b.store.commit(&b.scope(), Vec::new()).await.is_empty());
                let scope = b.scope();
                let kind = b.user_type().clone();
                let names = (0..50).map(|number| format!("u{number}")).collect::<Vec<_>>();
                let batch =
                    names.iter().map(|name| Ok(b.creation(&kind, b.change(&scope, &kind, json!({"userName": name}))?)));
                let outcomes = b.store.commit(&scope, batch.collect::<anyhow::Result<_>>()?).await;
                ensure!(outcomes.len() == 50);
                for (name, outcome) in names.iter().zip(outcomes) {
                    let record = b.get(&kind, &outcome?.id).await?;
                    ensure!(record.document.label().as_ref() == Some(name), "{record:?}");
                }
                Ok(())
            })
        }),
        case("a failure leaves the others alone", "7644-3.7-15 7644-3.7-18", |b| {
            Box::pin(async move {
                b.user("taken").await?;
                let (scope, kind) = (b.scope(), b.user_type().clone());
                let create = |name: &str| {
                    Ok::<_, anyhow::Error>(b.creation(&kind, b.change(&scope, &kind, json!({"userName": name}))?))
                };
                let record = b.record(&scope, Verb::Delete);
                let delete = Action::Delete { id: b.nobody(), expect: Expect::Exists, record };
                let batch = vec![
                    create("a")?,
                    create("TAKEN")?,
                    create("c")?,
                    Mutation { kind: kind.kind.clone(), action: delete, reply: None },
                    create("a")?,
                    create("e")?,
                ];
                let told: Vec<_> = b
                    .store
                    .commit(&scope, batch)
                    .await
                    .into_iter()
                    .map(|answer| match answer {
                        Ok(outcome) => format!("{:?}", outcome.effect),
                        Err(error) => {
                            format!("{:?}", error.kind).split([' ', '(']).next().unwrap_or_default().to_owned()
                        }
                    })
                    .collect();
                ensure!(told == ["Created", "Taken", "Created", "NotFound", "Taken", "Created"], "{told:?}");
                ensure!(b.all(&kind, None).await?.len() == 4);
                Ok(())
            })
        }),
        case("each sees those before it", "7644-3.7.1-01 7644-3.7-20", |b| {
            Box::pin(async move {
                let (scope, user, group) = (b.scope(), b.user_type().clone(), b.group_type().clone());
                let (id, holder) = (b.new_id(), b.new_id());
                let (Some(id), Some(holder)) = (id, holder) else { anyhow::bail!("the core gives ids out") };
                let create = |own: &scim_core::store::ResourceId,
                              kind: &scim_core::schema::ResourceType,
                              attributes| {
                    let action = Action::Create { id: Some(own.clone()), change: b.change(&scope, kind, attributes)? };
                    Ok::<_, anyhow::Error>(Mutation { kind: kind.kind.clone(), action, reply: None })
                };
                let at = b.members()?;
                let add = LinkEdit::Add { at: at.clone(), targets: vec![id.clone()], kinds: at.kinds.clone() };
                let change = scim_core::change::Change::Known(Box::new(b.link_change(&scope, add)));
                let record = b.record(&scope, Verb::Delete);
                let delete = Action::Delete { id: id.clone(), expect: Expect::Exists, record };
                let batch = vec![
                    create(&holder, &group, json!({"displayName": "G"}))?,
                    create(&id, &user, json!({"userName": "a"}))?,
                    b.modification(&group, &holder, change, Expect::Exists),
                    Mutation { kind: user.kind.clone(), action: delete, reply: None },
                    create(&b.new_id().unwrap_or_else(|| b.nobody()), &user, json!({"userName": "A"}))?,
                ];
                let mut effects = Vec::new();
                for answer in b.store.commit(&scope, batch).await {
                    effects.push(answer?.effect);
                }
                ensure!(
                    effects == [Effect::Created, Effect::Created, Effect::Changed, Effect::Deleted, Effect::Created],
                    "{effects:?}"
                );
                ensure!(b.members_of(&holder).await?.is_empty());
                Ok(())
            })
        })
        .needs(&[Need::Writes, Need::OwnIds]),
        case("a batch may be large, and a link may point behind it", "7644-3.7.4-03", |b| {
            Box::pin(async move {
                let (scope, kind) = (b.scope(), b.user_type().clone());
                let batch = (0..1_000).map(|number| {
                    Ok(b.creation(&kind, b.change(&scope, &kind, json!({"userName": format!("u{number}")}))?))
                });
                let outcomes = b.store.commit(&scope, batch.collect::<anyhow::Result<_>>()?).await;
                ensure!(outcomes.len() == 1_000 && outcomes.iter().all(Result::is_ok));
                ensure!(b.all(&kind, None).await?.len() == 1_000);
                Ok(())
            })
        }),
        case("one mutation that is refused does not keep what it took", "7643-7-18", |b| {
            Box::pin(async move {
                // It takes a free name, then fails for a member that is missing: the name is free again.
                let (scope, group) = (b.scope(), b.group_type().clone());
                let name = b.at(b.user_type(), "userName")?;
                let change = b.change(
                    &scope,
                    b.user_type(),
                    json!({"userName": "free", crate::session::ENTERPRISE: {"manager": {"value": "gone"}}}),
                )?;
                let answer = b.store.commit(&scope, vec![b.creation(b.user_type(), change)]).await.pop();
                let Some(answer) = answer else { anyhow::bail!("no answer") };
                fails(answer, "Missing", |kind| matches!(kind, StoreErrorKind::Missing { .. }))?;
                let user = b.user("FREE").await?;
                ensure!(b.group("G", &[&user]).await.is_ok(), "{group:?} {name}");
                Ok(())
            })
        }),
    ]
}
