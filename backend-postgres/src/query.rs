//! Lists: filter, order, window, total and projection in the database.
//!
//! A list that an index gives whole is read from where the window begins, and no further than it ends. Any other is gone
//! through once, counted, and cut by a [`Collector`].

use std::collections::HashMap;
use std::sync::Arc;

use scim_core::query::collect::{Collector, MOST};
use scim_core::query::{Page, Position, Query, Select, Source, Total, Window, sort};
use scim_core::schema::{Place, ResourceType};
use scim_core::store::index::pick;
use scim_core::store::{Record, ResourceId, TenantId};
use serde_json::Map;

use crate::Shared;
use crate::around::{Around, Rows};
use crate::binds::Binds;
use crate::compile::{Compiled, Compiler};
use crate::connection::Link;
use crate::drive::Drive;
use crate::error::Inner;
use crate::index::Indexes;
use crate::read::{self, Joined};
use crate::sorted::{Sorted, Stretch};
use crate::statement::Line;
use crate::tally::{Counted, List, MOVED, Matching, RESOURCES};

/// Resources on a page, and before it, up to which a list may be read on a connection that others read on too.
const SHORT: u32 = 200;

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
    pub binds: Binds,
    /// What is to be held to rows; None where the drive says it all, or all are wanted.
    compiled: Option<Compiled>,
}

impl Ask {
    /// The page; None where some part of the filter or the order has no translation.
    pub(crate) async fn answer(&self, link: &Link) -> Inner<Option<Page>> {
        self.query.select.budget.anew();
        let mut plans = Vec::new();
        for source in &self.query.from {
            match self.plan(link, source).await? {
                Some(plan) => plans.push(plan),
                None => return Ok(None),
            }
        }
        if let [plan] = plans.as_slice()
            && let Some(page) = self.in_order(link, plan, true).await?
        {
            return Ok(Some(page));
        }
        self.collected(link, plans).await
    }

    /// Is it worth asking for the [`Ask::short`] answer?
    pub(crate) fn may_be_short(&self) -> bool {
        let near = !matches!(self.query.window, Window::Offset { skip, .. } if skip > u64::from(SHORT));
        self.query.from.len() == 1 && self.query.window.count() <= SHORT && near
    }

    /// The page, where it is found with a few steps in an index; None where it is not.
    pub(crate) async fn short(&self, link: &Link) -> Inner<Option<Page>> {
        let Some(source) = self.query.from.first() else { return Ok(None) };
        self.query.select.budget.anew();
        match self.plan(link, source).await? {
            Some(plan) if plan.drive.as_ref().is_none_or(|drive| drive.quick) => {
                self.in_order(link, &plan, false).await
            }
            _ => Ok(None),
        }
    }

    pub(crate) async fn plan<'a>(&self, link: &Link, source: &'a Source) -> Inner<Option<Plan<'a>>> {
        let tenant = self.tenant.as_str();
        let indexes = self.shared.catalogue.fresh(link, tenant, source.kind.as_str()).await?;
        Ok(plan(tenant, source, indexes, self.types.as_deref()))
    }

    /// Lists that an index gives whole; None for others, and where they would have to be counted and may not.
    async fn in_order(&self, link: &Link, plan: &Plan<'_>, may_count: bool) -> Inner<Option<Page>> {
        if Sorted::of(plan, self.query.order).is_none() {
            return Ok(None);
        }
        let steady = plan.drive.as_ref().filter(|drive| drive.steady).and(plan.source.filter.as_ref());
        let list = steady.map(|filter| self.list(plan, filter.to_string()));
        let mut counted = list.as_ref().and_then(|list| self.shared.counts.last(list));
        let choice = plan.drive.as_ref().is_some_and(|drive| drive.in_order.is_some());
        if choice && counted.is_none() {
            counted = Some(self.counted(link, plan, list.clone()).await?);
        }
        let skip = if let Window::Offset { skip, .. } = self.query.window { skip } else { 0 };
        let seen = counted.filter(|_| choice).map(|counted| counted.seen_from(skip, self.query.window.count()));
        let Some(ordered) = plan.statement(&self.query, seen.unwrap_or(Matching::Few)) else { return Ok(None) };
        let Ordered { sorted, text, binds, sound, mut around } = ordered;
        let (select, kind) = (&self.query.select, &plan.source.kind);
        let width = read::width(select);
        // Of a list with a filter, how often its indexes have moved.
        let mut sum = None;
        let sql = around.bind(binds.sql(text));
        let make = |line: Line| {
            sum = sum.or(line.opt_int(width + 1)?);
            if around.head(&line, width + 2)? {
                return Ok(None);
            }
            let mut record = read::record(&line, kind, select)?;
            let position = sort::position(&record, sorted.key(&line, width)?);
            around.fill(&line, width + 2, &mut record)?;
            select.budget.spend_links(&record.links)?;
            Ok(Some((record, position)))
        };
        let found = if plan.is_general() { link.each(sql, make).await? } else { link.weighed(sql, make).await? };
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        if found.is_empty() && !sound.is_empty() {
            // Nothing there, or not to be told by this index.
            let holds = link.first(binds.sql(format!("SELECT {sound}"))).await?;
            if !holds.map_or(Ok(false), |line| line.truth(0))? {
                return Ok(None);
            }
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
        let total = if !self.query.total {
            Total::Unknown
        } else if first_page && !more {
            // All of them are on the page.
            Total::Exact(found.len() as u64)
        } else {
            if let (None, true, Some(_)) = (sum, counted.is_some(), &list) {
                sum = self.moved(link, plan).await?;
            }
            Total::Exact(match (sum, counted) {
                (Some(total), _) if plan.drive.is_none() => unsigned(total),
                (Some(sum), Some(counted)) if counted.moved == sum => counted.matching,
                _ if !may_count => return Ok(None),
                _ => self.counted(link, plan, list).await?.matching,
            })
        };
        let ends = found.first().zip(found.last()).map(|((_, first), (_, last))| (first.clone(), last.clone()));
        let mut records: Vec<_> = found.into_iter().map(|(record, _)| record).collect();
        let upwards = around.end(records.iter_mut());
        read::rise(link, self.tenant.as_str(), kind, &select.reverse, &upwards, &mut records).await?;
        Ok(Some(Page { records, total, more, ends, filled: true }))
    }

    /// How often the indexes of the type have moved.
    async fn moved(&self, link: &Link, plan: &Plan<'_>) -> Inner<Option<i64>> {
        let binds = Binds::new(self.tenant.as_str(), plan.source.kind.as_str());
        link.first(binds.sql(format!("SELECT {MOVED}"))).await?.map(|line| line.int(0)).transpose()
    }

    /// What tells a list from others in [`Counts`](crate::tally::Counts).
    fn list(&self, plan: &Plan<'_>, filter: String) -> List {
        let (tenant, kind) = (self.tenant.as_str().to_owned(), plan.source.kind.as_str().to_owned());
        (tenant, kind, plan.indexes.generation, filter)
    }

    /// How many a list that an index gives whole has; remembered, where it is one that can be.
    async fn counted(&self, link: &Link, plan: &Plan<'_>, list: Option<List>) -> Inner<Counted> {
        let (matching, binds) = match &plan.drive {
            None => (RESOURCES.to_owned(), &Binds::new(self.tenant.as_str(), plan.source.kind.as_str())),
            Some(drive) => (format!("(SELECT count(*) FROM ({}) d)", drive.ids), &plan.binds),
        };
        let sql = binds.sql(format!("SELECT {matching}, {RESOURCES}, {MOVED}"));
        let lines = if plan.is_general() { link.rows(sql).await? } else { link.weighed(sql, Ok).await? };
        let counted = match lines.first() {
            Some(line) => Counted { matching: unsigned(line.int(0)?), of: unsigned(line.int(1)?), moved: line.int(2)? },
            None => Counted { matching: 0, of: 0, moved: 0 },
        };
        if let Some(list) = list {
            self.shared.counts.keep(list, counted);
        }
        Ok(counted)
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
            let select = &self.query.select;
            // Of several types, each has reverse attributes of its own.
            let reverse: &[_] = if plans.len() == 1 { &select.reverse } else { &[] };
            for record in read::records(link, tenant, kind, &ids, select, reverse).await? {
                found.insert(record.key.id.clone(), record);
            }
        }
        let records = positions.iter().filter_map(|(_, position)| found.remove(&position.id)).collect();
        let ends = positions.first().zip(positions.last()).map(|((_, a), (_, b))| (a.clone(), b.clone()));
        Ok(Some(Page { records, total, more, ends, filled: plans.len() == 1 }))
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
        link.weighed(joined.bind(binds.sql(text)), |line| {
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
        if all { Ok(self.counted(link, plan, None).await?.matching) } else { Ok(collector.total - before) }
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The statement for a page that an index gives whole.
pub(crate) struct Ordered<'a> {
    pub sorted: Sorted,
    /// The columns of records, the sort key, the total or how often indexes have moved, the links.
    pub text: String,
    pub binds: Binds,
    /// The condition under which the index tells.
    pub sound: String,
    /// The links, of which the values follow those in `binds`.
    pub around: Around<'a>,
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
        if !drive.as_ref().is_some_and(|drive| drive.exact && drive.sound.is_empty()) {
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
    /// Is one plan of the database the best for all values?
    pub(crate) fn is_general(&self) -> bool {
        self.drive.as_ref().is_none_or(|drive| drive.general)
    }

    /// The statement for a page that an index gives whole.
    pub(crate) fn statement<'q>(&self, query: &'q Query, matching: Matching) -> Option<Ordered<'q>> {
        let sorted = Sorted::of(self, query.order)?;
        let mut binds = Binds::clone(&self.binds);
        let Stretch { from, ids, token, sound } = sorted.rows(self, &query.window, matching, &mut binds)?;
        // What one value gives is mostly one resource.
        let page = query.window.count() > 1 && self.drive.as_ref().is_none_or(|drive| !drive.quick);
        let around = Around::new(&query.select, &query.select.reverse, &self.source.kind, binds.next(), page);
        let total = match &self.drive {
            None if query.total => RESOURCES,
            // Of what one value gives, mostly all is on the first page, and need not be counted.
            Some(drive) if query.total && drive.steady && !drive.quick => MOVED,
            _ => "NULL::bigint",
        };
        let from = if sound.is_empty() { from } else { format!("{from} WHERE {sound}") };
        let columns = format!("{}, {token}", read::columns(&query.select));
        let width = read::width(&query.select) + 1;
        let text = around.text(&Rows { columns, width, once: Some(total), from, ids });
        Some(Ordered { sorted, text, binds, sound, around })
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
