//! Lists: scans, pushed filters and whole pages. Whatever a store does by itself must be what the core would do.

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use scim_core::access::Profile;
use scim_core::change::{Mutation, Outcome};
use scim_core::filter::{BoundFilter, eval};
use scim_core::limits::Limits;
use scim_core::query::{Order, Page, Query, Select, Source, Total, Window, walk};
use scim_core::schema::{Kind, ResourceType};
use scim_core::store::{BoxStream, Capabilities, Pushdown, Record, ResourceId, Scan, Scope, Store, reverse};
use serde_json::json;
use std::sync::Arc;

use super::bench::{Bench, scim, whole};
use super::{Case, Need, case};
use crate::data::{Expected, TEST_URN, filter_cases, filter_data};
use crate::datasets::patch::type_of;
use crate::datasets::seed;
use crate::session::ENTERPRISE;

pub fn cases() -> Vec<Case> {
    vec![
        case("a scan gives every resource of a type once", "7644-3.4.2-03", |b| {
            Box::pin(async move {
                let mut wanted = Vec::new();
                for number in 0..30 {
                    wanted.push(b.user(&format!("u{number}")).await?);
                    b.group(&format!("g{number}"), &[]).await?;
                }
                wanted.sort();
                let found: Vec<_> = b.all(b.user_type(), None).await?.into_iter().map(|record| record.key.id).collect();
                ensure!(found == wanted, "{found:?}");
                Ok(())
            })
        }),
        case(
            "every filter case finds its resources, pushed down or not",
            "7644-3.4.2.2-02 7644-3.4.2.2-03 7644-3.4.2.2-33",
            |b| Box::pin(async move { filter_data_set(&b).await }),
        )
        .needs(&[Need::Writes, Need::OwnIds]),
        case(
            "a page from the store is the page that the core would walk to",
            "7644-3.4.2.3-09 7644-3.4.2.4-12 9865-2-17",
            |b| Box::pin(async move { pages(&b).await }),
        ),
        case("a page over several types is one list", "7644-3.4.2.1-06", |b| {
            Box::pin(async move {
                for number in 0..6 {
                    b.create(
                        b.user_type(),
                        json!({"userName": format!("u{number}"), "displayName": format!("n{}", number * 2)}),
                    )
                    .await?;
                    b.group(&format!("n{}", number * 2 + 1), &[]).await?;
                }
                let from = [b.user_type().clone(), b.group_type().clone()];
                for order in [None, Some(Order::Ascending), Some(Order::Descending)] {
                    for skip in [0, 4, 11, 40] {
                        let sources = from
                            .iter()
                            .map(|kind| source(&b, kind, None, order.map(|_| "displayName")))
                            .collect::<Result<Vec<_>>>()?;
                        compare(&b, sources, order, Window::Offset { skip, count: 5 }).await?;
                    }
                }
                Ok(())
            })
        }),
    ]
}

/// A store that can do the required things only: the core has to do the rest.
#[derive(Debug)]
pub struct Humble(pub Arc<dyn Store>);

#[async_trait]
impl Store for Humble {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    async fn read(
        &self,
        scope: &Scope,
        kind: &Kind,
        ids: &[ResourceId],
        select: &Select,
    ) -> scim_core::store::Result<Vec<Record>> {
        self.0.read(scope, kind, ids, select).await
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, scim_core::store::Result<Record>> {
        self.0.scan(scope, scan)
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<scim_core::store::Result<Outcome>> {
        self.0.commit(scope, batch).await
    }
}

async fn filter_data_set(b: &Bench) -> Result<()> {
    let resources = filter_data()?;
    let seeds = resources.iter().map(|one| seed::record(one, type_of(one, &b.types)?)).collect::<Result<_>>()?;
    seed::plant(&*b.store, &b.scope().tenant, seeds).await?;
    for case in filter_cases(Profile::Strict)? {
        let Expected::Ids(ids) = &case.expected else { continue };
        let types: Vec<_> = match case.endpoint {
            "/" => b.types.types().to_vec(),
            endpoint => b.types.endpoint(endpoint.trim_start_matches('/'), false).cloned().into_iter().collect(),
        };
        let mut found = Vec::new();
        for kind in types {
            let parsed = scim_core::filter::parse(case.filter, &Limits::default()).map_err(scim)?;
            let rules = Profile::Strict.rules();
            let bound = match case.endpoint {
                "/" => scim_core::filter::bind::bind_root(&parsed, &kind, &rules),
                _ => scim_core::filter::bind::bind(&parsed, &kind, &rules),
            };
            found.extend(matching(b, &kind, &bound.map_err(scim)?).await.with_context(|| case.id)?);
        }
        let mut wanted: Vec<_> = ids.iter().map(|id| ResourceId::new(id)).collect();
        wanted.sort();
        found.sort();
        ensure!(
            found == wanted,
            "{}: {} on {} found {found:?}, expected {wanted:?}",
            case.id,
            case.filter,
            case.endpoint
        );
    }
    Ok(())
}

/// The ids that satisfy a filter: by a scan of what the store takes of it, then by looking.
async fn matching(b: &Bench, kind: &ResourceType, filter: &BoundFilter) -> Result<Vec<ResourceId>> {
    let (_, reverse) = filter.reads(kind);
    let mut all = b.all(kind, None).await?;
    for one in &reverse {
        reverse::fill(&*b.store, &b.scope(), &mut all, one).await?;
    }
    let wanted: Vec<_> =
        all.iter().filter(|record| eval::matches(filter, record)).map(|record| record.key.id.clone()).collect();
    let pushed = match b.store.pushdown(&kind.kind, filter) {
        Pushdown::None => return Ok(wanted),
        Pushdown::Superset(part) => {
            let found = b.all(kind, Some(part)).await?;
            let has = |id: &ResourceId| found.iter().any(|record| record.key.id == *id);
            ensure!(wanted.iter().all(has), "the part that was pushed down loses resources: {filter}");
            return Ok(wanted);
        }
        Pushdown::Exact(part) => part,
    };
    let found: Vec<_> = b.all(kind, Some(pushed)).await?.into_iter().map(|record| record.key.id).collect();
    ensure!(found == wanted, "pushed down, {filter} finds {found:?}, the core {wanted:?}");
    Ok(found)
}

async fn pages(b: &Bench) -> Result<()> {
    let mut managers = Vec::new();
    let names = ["Zoë", "zoe", "ZOË", "Ann", "ann lee", "", "Éa"];
    for number in 0..23_i64 {
        let name = names.get(usize::try_from(number % 7)?).copied().unwrap_or_default();
        let mut attributes = json!({
            "userName": format!("user {number}"), "active": number % 2 == 0,
            "displayName": name,
            "emails": [{"value": format!("{}@x.example", number % 5)}, {"value": format!("{}@y.example", number % 3), "primary": number % 4 == 0}],
            TEST_URN: {"num": number % 6 - 2, "dec": f64::from(i32::try_from(number)? % 4) / 3.0, "when": format!("2020-01-0{}T00:00:00+0{}:00", number % 3 + 1, number % 5)},
        });
        if name.is_empty() {
            attributes.as_object_mut().map(|members| members.remove("displayName"));
        }
        if let Some(manager) = managers.get(usize::try_from(number / 3)?) {
            let manager: &ResourceId = manager;
            attributes[ENTERPRISE] =
                json!({"manager": {"value": manager.as_str()}, "employeeNumber": number.to_string()});
        }
        managers.push(b.create(b.user_type(), attributes).await?.id);
    }
    for number in 0..4_usize {
        b.group(&format!("g{number}"), &managers.iter().skip(number).step_by(3).collect::<Vec<_>>()).await?;
    }
    let user = b.user_type().clone();
    let filters = [
        None,
        Some("active eq true"),
        Some("displayName sw \"z\" or not (emails.value co \"1@\")"),
        Some("emails[primary eq true and value ew \"y.example\"]"),
        Some("groups.display eq \"g1\" and active eq false"),
        Some("meta.created gt \"2020-01-01T00:00:05Z\""),
    ];
    let manager = format!("{ENTERPRISE}:manager.displayName");
    let (num, dec, when) = (format!("{TEST_URN}:num"), format!("{TEST_URN}:dec"), format!("{TEST_URN}:when"));
    let sorts = [
        None,
        Some("displayName"),
        Some("emails.value"),
        Some("active"),
        Some("meta.created"),
        Some("id"),
        Some(&*num),
        Some(&*dec),
        Some(&*when),
        Some(&*manager),
    ];
    for filter in filters {
        for sort in sorts {
            for order in [Order::Ascending, Order::Descending] {
                let order = sort.map(|_| order);
                let from = || Ok::<_, anyhow::Error>(vec![source(b, &user, filter, sort)?]);
                let first = compare(b, from()?, order, Window::Offset { skip: 0, count: 4 }).await?;
                compare(b, from()?, order, Window::Offset { skip: 3, count: 5 }).await?;
                compare(b, from()?, order, Window::Offset { skip: 100, count: 5 }).await?;
                compare(b, from()?, order, Window::Offset { skip: 0, count: 0 }).await?;
                if let Some((_, last)) = first.ends {
                    let next = compare(b, from()?, order, Window::After { position: last, count: 4 }).await?;
                    if let Some((start, _)) = next.ends {
                        compare(b, from()?, order, Window::Before { position: start, count: 3 }).await?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn source(b: &Bench, kind: &Arc<ResourceType>, filter: Option<&str>, sort: Option<&str>) -> Result<Source> {
    Ok(Source {
        kind: kind.kind.clone(),
        filter: filter.map(|filter| b.filter(kind, filter)).transpose()?,
        sort: sort.map(|sort| b.at(kind, sort)).transpose()?,
    })
}

/// The store's page, through whatever path, is the one that the core walks to over the required methods.
pub async fn compare(b: &Bench, from: Vec<Source>, order: Option<Order>, window: Window) -> Result<Page> {
    let select =
        b.types.types().iter().fold(Select::document(), |all, kind| {
            whole(kind).links.iter().fold(all, |all, one| all.with_link(&one.link))
        });
    let query = Query { from, order, window, select, total: true };
    let told = || format!("{:?} {order:?} {:?}", query.from, query.window);
    let scope = b.scope();
    let own = walk::page(&*b.store, &scope, &b.types, &Limits::default(), &query).await.with_context(told)?;
    let walked =
        walk::page(&Humble(b.store.clone()), &scope, &b.types, &Limits::default(), &query).await.with_context(told)?;
    ensure!(own.records == walked.records, "{}\nthe store: {:?}\nthe core: {:?}", told(), ids(&own), ids(&walked));
    ensure!(
        own.more == walked.more && own.ends == walked.ends,
        "{}\n{:?} {:?}\n{:?} {:?}",
        told(),
        own.more,
        own.ends,
        walked.more,
        walked.ends
    );
    ensure!(
        own.total == walked.total || !matches!(own.total, Total::Exact(_)),
        "{}: {:?} {:?}",
        told(),
        own.total,
        walked.total
    );
    Ok(own)
}

fn ids(page: &Page) -> Vec<&ResourceId> {
    page.records.iter().map(|record| &record.key.id).collect()
}
