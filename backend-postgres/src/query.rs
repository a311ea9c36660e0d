//! Lists: filter, order, window, total and projection in the database.
//!
//! A list that an index gives whole is read from where the window begins, and no further than it ends. Any other is gone
//! through once, counted, and cut by a [`Collector`].

use std::collections::HashMap;
use std::sync::Arc;

use scim_core::query::collect::{Collector, MOST};
use scim_core::query::{Page, Position, Query, Select, Source, Total, Window, sort};
use scim_core::schema::{Kind, Place, ResourceType};
use scim_core::store::index::pick;
use scim_core::store::{Record, ResourceId, TenantId};
use serde_json::Map;

use crate::Shared;
use crate::binds::Binds;
use crate::compile::{Compiled, Compiler};
use crate::connection::Link;
use crate::drive::Drive;
use crate::error::Inner;
use crate::index::Indexes;
use crate::read::{self, Joined};
use crate::sorted::Sorted;
use crate::statement::Line;

/// A list that is asked for.
pub(crate) struct Ask {
    pub shared: Arc<Shared>,
    pub tenant: TenantId,
    pub query: Query,
    pub types: Option<Arc<[Arc<ResourceType>]>>,
}

/// How one source is gone through.
pub(crate) struct Plan<'a> {
    pub source: &'a Source,
    pub indexes: Arc<Indexes>,
    pub drive: Option<Drive>,
    binds: Binds,
    /// What is to be held to rows; None where the drive says it all, or all are wanted.
    compiled: Option<Compiled>,
}

/// The sum of a type's counts.
const COUNT: &str = "(SELECT coalesce(sum(n), 0)::bigint FROM tally WHERE tenant = $1 AND kind = $2 AND attr = '')";

impl Ask {
    /// The page; None where some part of the filter or the order has no translation.
    pub(crate) async fn answer(&self, link: &Link) -> Inner<Option<Page>> {
        let mut plans = Vec::new();
        for source in &self.query.from {
            match self.plan(link, source).await? {
                Some(plan) => plans.push(plan),
                None => return Ok(None),
            }
        }
        if let [plan] = plans.as_slice()
            && let Some(page) = self.in_order(link, plan).await?
        {
            return Ok(Some(page));
        }
        self.collected(link, plans).await
    }

    async fn plan<'a>(&self, link: &Link, source: &'a Source) -> Inner<Option<Plan<'a>>> {
        let tenant = self.tenant.as_str();
        let indexes = self.shared.catalogue.fresh(link, tenant, source.kind.as_str()).await?;
        Ok(plan(tenant, source, indexes, self.types.as_deref()))
    }

    /// Lists that an index gives whole; None for others.
    async fn in_order(&self, link: &Link, plan: &Plan<'_>) -> Inner<Option<Page>> {
        let Some((sorted, text, binds)) = plan.statement(&self.query) else { return Ok(None) };
        let select = &self.query.select;
        let width = read::width(select);
        let joined = Joined::new(select, &plan.source.kind, binds.next());
        let mut total = None;
        let mut found = link
            .each(joined.bind(binds.sql(text)), |line| {
                let mut record = read::record(&line, &plan.source.kind, select)?;
                let position = sort::position(&record, sorted.key(&line, width)?);
                total = line.opt_int(width + 1)?;
                joined.fill(&line, width + 2, &mut record)?;
                Ok((record, position))
            })
            .await?;
        if found.is_empty() && !matches!(sorted, Sorted::Id) && !self.is_empty(link, &plan.source.kind).await? {
            // Nothing there, or not in order by this index.
            return Ok(None);
        }
        let order = self.query.order.filter(|_| plan.source.sort.is_some());
        let backwards = matches!(self.query.window, Window::Before { .. });
        found.sort_by(|(_, a), (_, b)| if backwards { b.compare(a, order) } else { a.compare(b, order) });
        let count = self.query.window.count() as usize;
        let more = found.len() > count;
        found.truncate(count);
        if backwards {
            found.reverse();
        }
        let first_page = matches!(self.query.window, Window::Offset { skip: 0, .. });
        let total = match total {
            _ if !self.query.total => Total::Unknown,
            // All of them are on the page.
            _ if first_page && !more => Total::Exact(found.len() as u64),
            Some(total) if plan.drive.is_none() => Total::Exact(u64::try_from(total).unwrap_or_default()),
            _ => Total::Exact(self.count(link, plan).await?),
        };
        let ends = found.first().zip(found.last()).map(|((_, first), (_, last))| (first.clone(), last.clone()));
        let records = found.into_iter().map(|(record, _)| record).collect();
        Ok(Some(Page { records, total, more, ends }))
    }

    async fn is_empty(&self, link: &Link, kind: &Kind) -> Inner<bool> {
        let sql = Binds::new(self.tenant.as_str(), kind.as_str()).sql(format!("SELECT {COUNT}"));
        Ok(link.first(sql).await?.map_or(Ok(0), |line| line.int(0))? == 0)
    }

    /// How many a list that an index gives whole has.
    async fn count(&self, link: &Link, plan: &Plan<'_>) -> Inner<u64> {
        let sql = match &plan.drive {
            None => Binds::new(self.tenant.as_str(), plan.source.kind.as_str()).sql(format!("SELECT {COUNT}")),
            Some(drive) => plan.binds.sql(format!("SELECT count(*) FROM ({}) d", drive.ids)),
        };
        let counted = link.first(sql).await?.map_or(Ok(0), |line| line.int(0))?;
        Ok(u64::try_from(counted).unwrap_or_default())
    }

    /// Lists that must be gone through.
    async fn collected(&self, link: &Link, plans: Vec<Plan<'_>>) -> Inner<Option<Page>> {
        if matches!(self.query.window, Window::Offset { skip, .. } if skip > MOST) {
            return Ok(None);
        }
        // Where no type has the attribute, all keys are absent, and order is that of ids.
        let order = self.query.order.filter(|_| plans.iter().any(|plan| plan.source.sort.is_some()));
        let mut collector = Collector::new(&self.query.window, order);
        let mut counted = 0;
        for (number, plan) in plans.iter().enumerate() {
            counted += self.go_through(link, plan, number, &mut collector).await?;
        }
        let total = if self.query.total { Total::Exact(counted) } else { Total::Unknown };
        let (positions, more) = collector.cut();
        let mut found: HashMap<ResourceId, Record> = HashMap::new();
        for (number, plan) in plans.iter().enumerate() {
            let own = positions.iter().filter(|(of, _)| *of == number);
            let ids: Vec<_> = own.map(|(_, position)| position.id.clone()).collect();
            let (tenant, kind) = (self.tenant.as_str(), &plan.source.kind);
            for record in read::records(link, tenant, kind, &ids, &self.query.select, &[]).await? {
                found.insert(record.key.id.clone(), record);
            }
        }
        let records = positions.iter().filter_map(|(_, position)| found.remove(&position.id)).collect();
        let ends = positions.first().zip(positions.last()).map(|((_, a), (_, b))| (a.clone(), b.clone()));
        Ok(Some(Page { records, total, more, ends }))
    }

    /// Offers all of the list to the collector; gives how many they are.
    async fn go_through(
        &self,
        link: &Link,
        plan: &Plan<'_>,
        number: usize,
        collector: &mut Collector<'_>,
    ) -> Inner<u64> {
        let (before, kind) = (collector.total, &plan.source.kind);
        let all = plan.source.filter.is_none() && plan.source.sort.is_none();
        let seen = plan.sees();
        let (text, binds) = plan.pass(&self.query, &seen, collector.enough());
        let joined = Joined::new(&seen, kind, binds.next());
        let rest = plan.compiled.as_ref();
        let width = read::width(&seen);
        let columns = rest.map_or(0, |compiled| compiled.columns.len());
        link.each(joined.bind(binds.sql(text).once()), |line| {
            if let Some(rest) = rest.and_then(|compiled| compiled.rest.as_ref()) {
                let mut record = read::record(&line, kind, &seen)?;
                joined.fill(&line, width + columns, &mut record)?;
                if !rest.holds(&record, &truths(&line, width, columns)?) {
                    return Ok(());
                }
            }
            match &plan.source.sort {
                None => line.text(0, |id| collector.offer_id(number, id)),
                Some(at) => {
                    let record = read::record(&line, kind, &Select::bare())?;
                    let members = if at.place() == Place::Document {
                        let name = at.extension().map_or(at.attr().name.as_str(), AsRef::as_ref);
                        line.text(4, |document| pick(document, &[name]))?
                    } else {
                        Map::new()
                    };
                    let key = sort::key(&record, &members, at);
                    collector.offer(number, Position { key, id: record.key.id });
                    Ok(())
                }
            }
        })
        .await?;
        if all { self.count(link, plan).await } else { Ok(collector.total - before) }
    }
}

/// Truths of a row, from this column on.
pub(crate) fn truths(line: &Line, from: usize, count: usize) -> Inner<Vec<bool>> {
    (from..from + count).map(|column| line.truth(column)).collect()
}

/// How a source is gone through; None where it cannot be.
pub(crate) fn plan<'a>(
    tenant: &str,
    source: &'a Source,
    indexes: Arc<Indexes>,
    types: Option<&[Arc<ResourceType>]>,
) -> Option<Plan<'a>> {
    if source.sort.as_ref().is_some_and(|at| matches!(at.place(), Place::Link | Place::Reverse)) {
        return None;
    }
    let mut binds = Binds::new(tenant, source.kind.as_str());
    let rt = types.and_then(|types| types.iter().find(|rt| rt.kind == source.kind));
    let compiler = Compiler { kind: &source.kind, rt: rt.map(AsRef::as_ref) };
    let (mut drive, mut compiled) = (None, None);
    if let Some(filter) = &source.filter {
        drive = compiler.drive(filter, &indexes, &mut binds);
        if !drive.as_ref().is_some_and(|drive| drive.exact) {
            // Values of a beginning that was weighed and not taken have no place in the statement.
            if drive.is_none() {
                binds = Binds::new(tenant, source.kind.as_str());
            }
            compiled = Some(compiler.compile(filter, &mut binds)?);
        }
    }
    Some(Plan { source, indexes, drive, binds, compiled })
}

impl Plan<'_> {
    /// The statement for a page that an index gives whole: the columns of records, the sort key, the total, the links.
    pub(crate) fn statement(&self, query: &Query) -> Option<(Sorted, String, Binds)> {
        let sorted = Sorted::of(self, query.order)?;
        let mut binds = Binds::clone(&self.binds);
        let rows = sorted.rows(self, &query.window, &mut binds)?;
        let joined = Joined::new(&query.select, &self.source.kind, binds.next());
        let total = if query.total && self.drive.is_none() { COUNT } else { "NULL::bigint" };
        let sound = if rows.sound.is_empty() { String::new() } else { format!(" WHERE {}", rows.sound) };
        // LIMIT keeps the join a look-up a row, whatever the planner believes of the window.
        let text = format!(
            "SELECT {}, w.token, {total}{} FROM {} CROSS JOIN LATERAL (SELECT * FROM resource r WHERE r.tenant = $1 \
             AND r.kind = $2 AND r.id = w.holder LIMIT 1) r{sound}",
            read::columns(&query.select),
            joined.columns,
            rows.from,
        );
        Some((sorted, text, binds))
    }

    /// What must be seen of each row.
    pub(crate) fn sees(&self) -> Select {
        let mut seen = self.compiled.as_ref().map(|compiled| compiled.select.clone()).unwrap_or_default();
        seen.document |= self.source.sort.as_ref().is_some_and(|at| at.place() == Place::Document);
        seen
    }

    /// The statement that goes through the list.
    pub(crate) fn pass(&self, query: &Query, seen: &Select, enough: usize) -> (String, Binds) {
        let mut binds = Binds::clone(&self.binds);
        let (mut conditions, mut truths) = (Vec::new(), String::new());
        if let Some(compiled) = &self.compiled {
            conditions.extend(compiled.conditions.iter().cloned());
            truths = compiled.columns.iter().map(|column| format!(", {column}")).collect();
        }
        let from = match &self.drive {
            Some(drive) => {
                format!("({}) d JOIN resource r ON r.tenant = $1 AND r.kind = $2 AND r.id = d.id", drive.ids)
            }
            None => "resource r".to_owned(),
        };
        conditions.push("r.tenant = $1 AND r.kind = $2".to_owned());
        let mut order = String::new();
        let exact = self.compiled.as_ref().is_none_or(|compiled| compiled.rest.is_none());
        if self.source.sort.is_none()
            && query.order.is_none()
            && exact
            && (self.source.filter.is_none() || !query.total)
        {
            // In order of ids, the first ones are enough.
            let limit = binds.bind(i64::try_from(enough).unwrap_or(i64::MAX));
            let direction = match &query.window {
                Window::Offset { .. } => "ASC",
                Window::After { position, .. } => {
                    conditions.push(format!("r.id > {}", binds.bind(position.id.as_str().to_owned())));
                    "ASC"
                }
                Window::Before { position, .. } => {
                    conditions.push(format!("r.id < {}", binds.bind(position.id.as_str().to_owned())));
                    "DESC"
                }
            };
            order = format!(" ORDER BY r.id {direction} LIMIT {limit}");
        }
        let joined = Joined::new(seen, &self.source.kind, binds.next());
        let text = format!(
            "SELECT {}{truths}{} FROM {from} WHERE {}{order}",
            read::columns(seen),
            joined.columns,
            conditions.join(" AND "),
        );
        (text, binds)
    }
}
