//! Reading by id.

use std::collections::HashSet;

use anyhow::ensure;
use scim_core::query::{LinkSelect, Select};
use scim_core::store::ResourceId;
use serde_json::json;

use super::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case("those that exist are read, each once", "7644-3.4.1-01 7644-3.4.1-02", |b| {
            Box::pin(async move {
                let (a, c) = (b.user("a").await?, b.user("c").await?);
                let ids = [a.clone(), b.nobody(), c.clone()];
                let records = b.store.read(&b.scope(), &b.user_type().kind, &ids, &Select::document()).await?;
                let found: HashSet<_> = records.iter().map(|record| record.key.id.clone()).collect();
                ensure!(records.len() == 2 && found == HashSet::from([a, c]), "{records:?}");
                ensure!(b.store.read(&b.scope(), &b.user_type().kind, &[], &Select::document()).await?.is_empty());
                Ok(())
            })
        }),
        case("an id is found under its own type only", "7644-3.4.1-04", |b| {
            Box::pin(async move {
                let id = b.user("a").await?;
                ensure!(b.find(b.group_type(), &id).await?.is_none());
                let upper = ResourceId::new(&id.as_str().to_uppercase());
                ensure!(upper == id || b.find(b.user_type(), &upper).await?.is_none(), "ids are case exact");
                Ok(())
            })
        }),
        case("many are read at once", "", |b| {
            Box::pin(async move {
                let mut ids = Vec::new();
                for number in 0..40 {
                    ids.push(b.user(&format!("u{number}")).await?);
                }
                let mut asked = ids.clone();
                asked.extend((0..2_500).map(|number| ResourceId::new(&format!("none-{number}"))));
                let records = b.store.read(&b.scope(), &b.user_type().kind, &asked, &Select::bare()).await?;
                ensure!(records.len() == ids.len(), "{} of {}", records.len(), ids.len());
                Ok(())
            })
        }),
        case("links are shown as far as they are selected, in order", "7644-3.9-12", |b| {
            Box::pin(async move {
                let ids = [b.user("a").await?, b.user("b").await?, b.user("c").await?];
                let group = b.group("G", &[&ids[2], &ids[0], &ids[1]]).await?;
                let link = b.members()?;
                let select =
                    |at_most| Select { links: vec![LinkSelect { link: link.clone(), at_most }], ..Select::default() };
                for (at_most, count, whole) in
                    [(None, 3, true), (Some(3), 3, true), (Some(2), 2, false), (Some(0), 0, false)]
                {
                    let read = b
                        .store
                        .read(&b.scope(), &b.group_type().kind, std::slice::from_ref(&group), &select(at_most))
                        .await?;
                    let shown = read.first().map(|record| record.links(&link.at).to_vec()).unwrap_or_default();
                    ensure!(shown.len() >= count, "{at_most:?}: {shown:?}");
                    let told = read.iter().flat_map(|record| &record.links).next().map(|links| links.whole);
                    // Returning more is allowed; saying that part is the whole is not.
                    ensure!(
                        shown.len() == 3 || told == Some(whole) || (count == 0 && told.is_none()),
                        "{at_most:?}: {told:?}"
                    );
                    ensure!(shown.is_sorted_by_key(|link| link.target.id.clone()), "{shown:?}");
                }
                let bare = b.store.read(&b.scope(), &b.group_type().kind, &[group], &Select::bare()).await?;
                ensure!(bare.len() == 1);
                Ok(())
            })
        }),
        case("a link shows the label of its target", "7643-4.2-04", |b| {
            Box::pin(async move {
                let user = b.create(b.user_type(), json!({"userName": "a", "displayName": "Ann"})).await?.id;
                let plain = b.user("plain").await?;
                let group = b.group("G", &[&user, &plain]).await?;
                let shown = b.get(b.group_type(), &group).await?;
                let labels: Vec<_> = shown
                    .links(&b.members()?.at)
                    .iter()
                    .map(|link| (link.target.id.clone(), link.display.as_deref().map(str::to_owned)))
                    .collect();
                ensure!(
                    labels.contains(&(user, Some("Ann".into()))) && labels.contains(&(plain, Some("plain".into()))),
                    "{labels:?}"
                );
                Ok(())
            })
        }),
    ]
}
