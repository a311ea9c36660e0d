//! Lists: filter, order, window, total and projection in the database.
//!
//! A list that an index gives in its own order is read from where the window begins, and no further than it ends. Any
//! other is gone through once, counted, and cut by a [`Collector`].

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;
use scim_core::query::collect::{Collector, MOST};
use scim_core::query::{Page, Position, Query, Select, Source, Total, Window, sort};
use scim_core::schema::{Place, ResourceType};
use scim_core::store::index::pick;
use scim_core::store::{ResourceId, Result, Scope, TenantId};
use serde_json::Map;

use crate::binds::Binds;
use crate::compile::Compiler;
use crate::connection::Reader;
use crate::drive::{Drive, Name};
use crate::equal;
use crate::error::Inner;
use crate::finds;
use crate::holders;
use crate::index::{Catalogue, Extent};
use crate::read::{self, Stored};
use crate::sorted::Sorted;
use crate::{FEW, FEW_LINKS, SqliteStore};

/// Resources that are skipped where the call comes from.
const SHORT_SKIP: u64 = 2_000;

/// Resources among which a phrase is looked for where the call comes from: the time rises with them, to some milliseconds.
const PHRASES_HERE: i64 = 200_000;

impl SqliteStore {
    pub(crate) async fn page(&self, scope: &Scope, query: &Query) -> Result<Option<Page>> {
        let page = self.found(scope, query).await;
        if self.finds.take_searched() {
            self.writer.searched();
        }
        page
    }

    async fn found(&self, scope: &Scope, query: &Query) -> Result<Option<Page>> {
        const DOING: &str = "query";
        let ask = self.ask(scope, query);
        let skip = if let Window::Offset { skip, .. } = query.window { skip } else { 0 };
        if skip <= SHORT_SKIP && query.window.count() as usize <= FEW {
            match self.readers.briefly(|reader| ask.answer(reader, true)) {
                Some(Ok(Answer::Page(page))) => return Ok(page),
                Some(Err(fault)) => return Err(fault.during(DOING)),
                Some(Ok(Answer::Long)) | None => {}
            }
        }
        let (tenant, query, types) = (scope.tenant.clone(), query.clone(), ask.types);
        let catalogue = self.catalogue.clone();
        let long = move |reader: &mut Reader| {
            Ask { tenant: &tenant, query: &query, types, catalogue: &catalogue }.answer(reader, false)
        };
        match self.readers.apart(DOING, Some(scope), long).await? {
            Answer::Page(page) => Ok(page),
            Answer::Long => Ok(None),
        }
    }

    pub(crate) fn ask<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> Ask<'a> {
        Ask { tenant: &scope.tenant, query, types: self.types_of(&scope.tenant), catalogue: &self.catalogue }
    }

    pub(crate) fn types_of(&self, tenant: &TenantId) -> Option<Arc<[Arc<ResourceType>]>> {
        self.types.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(tenant).cloned()
    }
}

/// A list that is asked for.
pub(crate) struct Ask<'a> {
    tenant: &'a TenantId,
    pub query: &'a Query,
    types: Option<Arc<[Arc<ResourceType>]>>,
    catalogue: &'a Catalogue,
}

/// What stands on a page, still without links.
pub(crate) struct Found {
    pub rows: Vec<(Stored, Position)>,
    pub total: Total,
    pub more: bool,
}

#[expect(clippy::large_enum_variant, reason = "made and taken apart at once")]
enum Answer {
    /// None: some part of the filter or the order has no translation.
    Page(Option<Page>),
    /// It takes longer than a calling thread may be held.
    Long,
}

/// How one source is gone through.
pub(crate) struct Plan<'a> {
    pub source: &'a Source,
    pub extent: Extent,
    pub binds: Binds,
    /// The parameter that stands for the number under which the resources of the type stand.
    pub shelf: String,
    pub drive: Option<Drive>,
    condition: Option<String>,
}

impl<'q> Ask<'q> {
    fn answer(&self, reader: &mut Reader, brief: bool) -> Inner<Answer> {
        let long_links = brief.then_some(FEW_LINKS);
        self.query.select.budget.anew();
        if let [source] = self.query.from.as_slice() {
            let extent = self.extent(reader, source)?;
            if let Some(found) = equal::of(reader, (&extent, self.type_of(source)), source, self.query)? {
                return self.finished(reader, found, long_links);
            }
        }
        let mut plans = Vec::new();
        for source in &self.query.from {
            match self.plan(reader, source)? {
                Some(plan) => plans.push(plan),
                None => return Ok(Answer::Page(None)),
            }
        }
        let answer = if let [plan] = plans.as_mut_slice()
            && let Some(found) = self.in_order(&reader.db, plan)?
        {
            self.finished(reader, found, long_links)?
        } else if brief && !plans.iter().all(Plan::is_short) {
            Answer::Long
        } else if let [plan] = plans.as_mut_slice()
            && let Some(finds) = finds::of(&reader.db, plan, self.query)?
        {
            let found = finds.records(&reader.db, &reader.finds, plan, self.query)?;
            self.finished(reader, found, long_links)?
        } else {
            self.collected(reader, &mut plans, long_links)?
        };
        Ok(answer)
    }

    fn extent(&self, reader: &mut Reader, source: &Source) -> Inner<Extent> {
        Ok(reader.extent(self.catalogue, self.tenant.as_str(), source.kind.as_str())?.unwrap_or_default())
    }

    fn type_of(&self, source: &Source) -> Option<&ResourceType> {
        let types = self.types.as_ref()?;
        types.iter().find(|rt| rt.kind == source.kind).map(AsRef::as_ref)
    }

    pub(crate) fn plan(&self, reader: &mut Reader, source: &'q Source) -> Inner<Option<Plan<'q>>> {
        let extent = self.extent(reader, source)?;
        if source.sort.as_ref().is_some_and(|at| matches!(at.place(), Place::Link | Place::Reverse)) {
            return Ok(None);
        }
        let mut binds = Binds::new(self.tenant.as_str());
        let (kind, shelf) = (binds.bind(source.kind.as_str().to_owned()), binds.bind(extent.indexes.own));
        let rt = self.type_of(source);
        let compiler = Compiler { kind: &source.kind, kind_mark: &kind, shelf_mark: &shelf, rt };
        let (mut drive, mut condition) = (None, None);
        if let Some(filter) = &source.filter {
            drive = compiler.drive(filter, &extent, &mut binds);
            if !drive.as_ref().is_some_and(|drive| drive.exact) {
                match compiler.condition(filter, &mut binds) {
                    Some(found) => condition = Some(found),
                    None => return Ok(None),
                }
            }
        }
        Ok(Some(Plan { source, extent, binds, shelf, drive, condition }))
    }

    /// Lists that an index gives in order; None for others.
    fn in_order(&self, db: &Connection, plan: &mut Plan<'_>) -> Inner<Option<Found>> {
        let Some(sorted) = Sorted::of(db, plan, self.query.order)? else { return Ok(None) };
        let Some(statement) = sorted.statement(plan, &self.query.window, read::columns(&self.query.select)) else {
            return Ok(None);
        };
        let count = self.query.window.count() as usize;
        let mut found = Vec::with_capacity(count.min(FEW) + 1);
        plan.binds.each(db, &statement, |row| {
            let stored = Stored::read(row, &plan.source.kind, &self.query.select)?;
            let position = sort::position(&stored.record, sorted.key(row, read::width(&self.query.select))?);
            found.push((stored, position));
            Ok(())
        })?;
        let order = self.query.order.filter(|_| plan.source.sort.is_some());
        let backwards = matches!(self.query.window, Window::Before { .. });
        found.sort_by(|(_, a), (_, b)| if backwards { b.compare(a, order) } else { a.compare(b, order) });
        let more = found.len() > count;
        found.truncate(count);
        if backwards {
            found.reverse();
        }
        let first_page = matches!(self.query.window, Window::Offset { skip: 0, .. });
        let total = match (&plan.drive, self.query.total) {
            (_, false) => Total::Unknown,
            // All of them are on the page.
            _ if first_page && !more => Total::Exact(found.len() as u64),
            (None, true) => Total::Exact(u64::try_from(plan.extent.n).unwrap_or_default()),
            (Some(drive), true) => {
                let sql = format!("SELECT count(*) FROM ({})", drive.given.sql);
                let counted = plan.binds.all(db, &sql, |row| row.get::<_, i64>(0))?;
                Total::Exact(counted.first().map_or(0, |n| u64::try_from(*n).unwrap_or_default()))
            }
        };
        Ok(Some(Found { rows: found, total, more }))
    }

    /// The page, once its records have their links, and their computed attributes where they are of one type.
    fn finished(&self, reader: &mut Reader, found: Found, links: Option<u32>) -> Inner<Answer> {
        let Found { rows, total, more } = found;
        let ends = rows.first().zip(rows.last()).map(|((_, first), (_, last))| (first.clone(), last.clone()));
        let (tenant, select) = (self.tenant.as_str(), &self.query.select);
        let rows: Vec<Stored> = rows.into_iter().map(|(stored, _)| stored).collect();
        let numbers = read::numbers(&rows);
        let Some(mut records) = read::with_links(&reader.db, tenant, rows, select, links)? else {
            return Ok(Answer::Long);
        };
        let filled = matches!(self.query.from.as_slice(), [_]);
        if filled {
            holders::fill(reader, tenant, (&mut records, &numbers), &select.reverse)?;
        }
        Ok(Answer::Page(Some(Page { records, total, more, ends, filled })))
    }

    /// Lists that must be gone through.
    fn collected(&self, reader: &mut Reader, plans: &mut [Plan<'_>], links: Option<u32>) -> Inner<Answer> {
        let db = &reader.db;
        if matches!(self.query.window, Window::Offset { skip, .. } if skip > MOST) {
            return Ok(Answer::Page(None));
        }
        // Where no type has the attribute, all keys are absent, and order is that of ids.
        let order = self.query.order.filter(|_| plans.iter().any(|plan| plan.source.sort.is_some()));
        let mut collector = Collector::new(&self.query.window, order);
        let mut counted = 0;
        for (number, plan) in plans.iter_mut().enumerate() {
            reader.slot.set(plan.binds.parts.clone());
            counted += plan.go_through(db, number, self.query, &mut collector)?;
            reader.slot.set(Vec::new());
        }
        let total = if self.query.total { Total::Exact(counted) } else { Total::Unknown };
        let (positions, more) = collector.cut();
        let mut found: HashMap<ResourceId, Stored> = HashMap::new();
        for (number, plan) in plans.iter().enumerate() {
            let own = positions.iter().filter(|(source, _)| *source == number);
            let ids: Vec<ResourceId> = own.map(|(_, position)| position.id.clone()).collect();
            let Select { document, ref budget, .. } = self.query.select;
            let bare = Select { document, budget: budget.clone(), ..Select::default() };
            for stored in read::rows(db, (plan.extent.indexes.own, &plan.source.kind), &ids, &bare)? {
                found.insert(stored.record.key.id.clone(), stored);
            }
        }
        let mut row = |position: Position| found.remove(&position.id).map(|stored| (stored, position));
        let rows = positions.into_iter().filter_map(|(_, position)| row(position)).collect();
        self.finished(reader, Found { rows, total, more }, links)
    }
}

impl Plan<'_> {
    /// The index that gives all of the list, and nothing else, in order of ids; Err where the list is neither that nor
    /// all resources.
    pub(crate) fn by_id(&self) -> std::result::Result<Option<&Drive>, ()> {
        match (&self.source.filter, &self.drive) {
            (None, _) => Ok(None),
            (Some(_), Some(drive)) if drive.exact && drive.ordered => Ok(Some(drive)),
            _ => Err(()),
        }
    }

    /// The statements that answer a list, as they are run: for tests of their plans.
    #[cfg(test)]
    pub(crate) fn statements(&mut self, db: &Connection, query: &Query) -> Inner<Vec<String>> {
        if let Some(sorted) = Sorted::of(db, self, query.order)?
            && let Some(statement) = sorted.statement(self, &query.window, read::columns(&query.select))
        {
            let count = self.drive.as_ref().map(|drive| format!("SELECT count(*) FROM ({})", drive.given.sql));
            return Ok([statement].into_iter().chain(count).collect());
        }
        if let Some(finds) = finds::of(db, self, query)? {
            return Ok(vec![finds.sql]);
        }
        let collector = Collector::new(&query.window, query.order);
        Ok(vec![self.pass(db, query, &collector)?])
    }

    fn is_short(&self) -> bool {
        match &self.drive {
            // SQLite looks for a phrase in one step, which no watch interrupts.
            Some(drive) if drive.phrase.as_ref().is_some_and(|phrase| phrase.indexed) => {
                drive.is_short() && self.extent.n <= PHRASES_HERE
            }
            Some(drive) => drive.is_short(),
            None => self.source.filter.is_none() && self.source.sort.is_none(),
        }
    }

    /// Offers all of the list to the collector; gives how many they are.
    fn go_through(
        &mut self,
        db: &Connection,
        number: usize,
        query: &Query,
        collector: &mut Collector<'_>,
    ) -> Inner<u64> {
        let all = self.source.filter.is_none() && self.source.sort.is_none();
        let before = collector.total;
        let sql = self.pass(db, query, collector)?;
        match &self.source.sort {
            None => self.binds.each(db, &sql, |row| {
                collector.offer_id(number, row.get_ref(0)?.as_str()?);
                Ok(())
            })?,
            Some(at) => {
                let name = at.extension().map_or(at.attr().name.as_str(), AsRef::as_ref).to_owned();
                let in_document = at.place() == Place::Document;
                self.binds.each(db, &sql, |row| {
                    let members =
                        if in_document { pick(row.get_ref(read::DOCUMENT)?.as_str()?, &[&name]) } else { Map::new() };
                    let Stored { record, .. } = Stored::read(row, &self.source.kind, &Select::bare())?;
                    let key = sort::key(&record, &members, at);
                    collector.offer(number, Position { key, id: record.key.id });
                    Ok(())
                })?;
            }
        }
        Ok(if all { u64::try_from(self.extent.n).unwrap_or_default() } else { collector.total - before })
    }

    /// The statement that goes through the list.
    fn pass(&mut self, db: &Connection, query: &Query, collector: &Collector<'_>) -> Inner<String> {
        let columns = match &self.source.sort {
            None => "r.id",
            Some(at) if at.place() == Place::Document => read::COLUMNS,
            Some(_) => read::BARE,
        };
        let shelf = &self.shelf;
        let condition = self.condition.as_deref().unwrap_or("1");
        if let Some(drive) = &self.drive {
            if drive.exact && self.source.sort.is_none() {
                return Ok(drive.given.as_ids());
            }
            let resource = match drive.given.by {
                Name::Id => format!("r.shelf = {shelf} AND r.id = d.id"),
                Name::Number => "r.seq = d.seq".to_owned(),
            };
            return Ok(format!(
                "SELECT {columns} FROM ({}) d CROSS JOIN resource r ON {resource} WHERE {condition}",
                drive.given.sql
            ));
        }
        let unsorted = self.source.sort.is_none() && query.order.is_none();
        if unsorted && (self.source.filter.is_none() || !query.total) {
            // In order of ids, the first ones are enough.
            let limit = i64::try_from(collector.enough()).unwrap_or(i64::MAX);
            let (bound, direction) = match &query.window {
                Window::Offset { .. } => (String::new(), "ASC"),
                Window::After { position, .. } => {
                    (format!("AND r.id > {}", self.binds.bind(position.id.as_str().to_owned())), "ASC")
                }
                Window::Before { position, .. } => {
                    (format!("AND r.id < {}", self.binds.bind(position.id.as_str().to_owned())), "DESC")
                }
            };
            let limit = self.binds.bind(limit);
            return Ok(format!(
                "SELECT {columns} FROM resource r WHERE r.shelf = {} AND {condition} {bound} \
                 ORDER BY r.id {direction} LIMIT {limit}",
                self.shelf
            ));
        }
        // Where most rows are wanted ones, they are read as they lie; else the index finds them.
        let all: i64 = db.prepare_cached("SELECT coalesce(sum(n), 0) FROM extent")?.query_row([], |row| row.get(0))?;
        let how = if self.extent.n.saturating_mul(2) >= all { "NOT INDEXED" } else { "" };
        Ok(format!("SELECT {columns} FROM resource r {how} WHERE r.shelf = {shelf} AND {condition}"))
    }
}
