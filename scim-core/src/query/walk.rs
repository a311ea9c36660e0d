//! Lists that a store does not answer by itself: every candidate is looked at once, within limits.

use std::cmp::Ordering;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::Fuse;

use crate::filter::{BoundFilter, eval};
use crate::limits::Limits;
use crate::schema::{Registry, ReverseType};
use crate::store::{BoxStream, Pushdown, Record, Result, Scan, Scope, Store, StoreErrorKind};

use super::budget::weight;
use super::{Page, Position, Query, Select, SortKey, Source, Total, Window, sort};

/// Candidates whose reverse attributes are filled in together, and bytes that they take, roughly.
const BATCH: (usize, usize) = (500, 8 << 20);

/// The page, from the store where it can, else by a walk. `Unavailable` and the like are the store's; `TooMany` says
/// that more than `limits.scan_max` candidates would have to be looked at.
pub async fn page(
    store: &dyn Store,
    scope: &Scope,
    registry: &Registry,
    limits: &Limits,
    query: &Query,
) -> Result<Page> {
    if let Some(page) = store.query(scope, query).await? {
        return Ok(page);
    }
    let mut walk = Walk::new(query);
    for source in &query.from {
        collect(store, scope, registry, limits, query, source, &mut walk).await?;
    }
    let (positions, total, more) = walk.cut();
    let records = read(store, scope, query, &positions).await?;
    let ends = positions.first().zip(positions.last()).map(|((_, first), (_, last))| (first.clone(), last.clone()));
    Ok(Page { records, total, more, ends, filled: false })
}

/// Candidates and results of one source, every candidate looked at.
///
/// # Errors
/// As [`page`].
pub async fn count(
    store: &dyn Store,
    scope: &Scope,
    registry: &Registry,
    limits: &Limits,
    query: &Query,
) -> Result<(u64, u64)> {
    let mut walk = Walk::new(query);
    for source in &query.from {
        collect(store, scope, registry, limits, query, source, &mut walk).await?;
    }
    Ok((walk.looked_at, walk.seen.len() as u64))
}

/// The positions seen so far. `usize` is the index of the source.
struct Walk<'a> {
    query: &'a Query,
    seen: Vec<(usize, Position)>,
    looked_at: u64,
}

async fn collect(
    store: &dyn Store,
    scope: &Scope,
    registry: &Registry,
    limits: &Limits,
    query: &Query,
    source: &Source,
    walk: &mut Walk<'_>,
) -> Result<()> {
    let index = query.from.iter().position(|one| std::ptr::eq(one, source)).unwrap_or_default();
    let Some(rt) = registry.kind(&source.kind) else { return Ok(()) };
    let (pushed, residue) = match source.filter.as_ref().map(|filter| (filter, store.pushdown(&source.kind, filter))) {
        None => (None, None),
        Some((_, Pushdown::Exact(pushed))) => (Some(pushed), None),
        Some((filter, Pushdown::Superset(pushed))) => (Some(pushed), Some(filter)),
        Some((filter, Pushdown::None)) => (None, Some(filter)),
    };
    let (mut select, mut reverse) = residue.map_or((Select::bare(), Vec::new()), |filter| filter.reads(rt));
    if let Some(at) = &source.sort {
        match (rt.link(at), rt.reverse(at)) {
            (Some(link), _) => select = select.with_link(link),
            (_, Some(back)) if reverse.contains(back) => {}
            (_, Some(back)) => reverse.push(back.clone()),
            (None, None) => select.document = true,
        }
    }
    tracing::debug!(kind = %source.kind, pushed = pushed.is_some(), residue = residue.is_some(), "walking a list");
    let before = (walk.looked_at, walk.seen.len());
    let scan = Scan { kind: source.kind.clone(), filter: pushed, select };
    let mut records = store.scan(scope, scan).fuse();
    loop {
        let mut batch = batch(&mut records).await?;
        if batch.is_empty() {
            break;
        }
        walk.looked_at += batch.len() as u64;
        // What is only counted costs little: a list of everybody is no careless filter.
        let costly = residue.is_some() || source.sort.is_some();
        if costly && walk.looked_at > limits.scan_max {
            return Err(StoreErrorKind::TooMany.into());
        }
        fill(store, scope, &mut batch, &reverse).await?;
        walk.add(index, &batch, residue, source);
    }
    tracing::debug!(
        kind = %source.kind,
        candidates = walk.looked_at - before.0,
        results = walk.seen.len() - before.1,
        "walked a list",
    );
    Ok(())
}

/// The next candidates; none at the end of all.
async fn batch(records: &mut Fuse<BoxStream<'_, Result<Record>>>) -> Result<Vec<Record>> {
    let (most, bytes) = BATCH;
    let (mut batch, mut taken) = (Vec::new(), 0);
    while batch.len() < most
        && taken < bytes
        && let Some(record) = records.next().await
    {
        let record = record?;
        taken += weight(std::slice::from_ref(&record));
        batch.push(record);
    }
    Ok(batch)
}

async fn fill(store: &dyn Store, scope: &Scope, batch: &mut [Record], wanted: &[Arc<ReverseType>]) -> Result<()> {
    for one in wanted {
        store.fill(scope, batch, one).await?;
    }
    Ok(())
}

impl<'a> Walk<'a> {
    fn new(query: &'a Query) -> Self {
        Walk { query, seen: Vec::new(), looked_at: 0 }
    }

    fn add(&mut self, index: usize, batch: &[Record], residue: Option<&BoundFilter>, source: &Source) {
        for record in batch {
            let document = if residue.is_some() || source.sort.is_some() {
                record.document.parse()
            } else {
                serde_json::Map::new()
            };
            if residue.is_none_or(|filter| eval::matches_parsed(filter, record, &document)) {
                let key = source.sort.as_ref().map_or(SortKey::Absent, |at| sort::key(record, &document, at));
                self.seen.push((index, sort::position(record, key)));
            }
        }
    }

    /// The positions in the window, the total, and whether there are more in its direction.
    fn cut(mut self) -> (Vec<(usize, Position)>, Total, bool) {
        let order = self.query.order;
        self.seen.sort_by(|(_, a), (_, b)| a.compare(b, order));
        let all = self.seen.len();
        let total = if self.query.total { Total::Exact(all as u64) } else { Total::Unknown };
        let behind = |position: &Position, including: bool| {
            self.seen.partition_point(|(_, one)| match one.compare(position, order) {
                Ordering::Less => true,
                Ordering::Equal => including,
                Ordering::Greater => false,
            })
        };
        let count = self.query.window.count() as usize;
        let (start, end, more) = match &self.query.window {
            Window::Offset { skip, .. } => {
                let start = usize::try_from(*skip).unwrap_or(all).min(all);
                let end = start.saturating_add(count).min(all);
                (start, end, end < all)
            }
            Window::After { position, .. } => {
                let start = behind(position, true);
                let end = start.saturating_add(count).min(all);
                (start, end, end < all)
            }
            Window::Before { position, .. } => {
                let end = behind(position, false);
                let start = end.saturating_sub(count);
                (start, end, start > 0)
            }
        };
        let page = self.seen.drain(start..end).collect();
        (page, total, more)
    }
}

/// Reads the resources of a page, in its order. One that was deleted meanwhile is left out.
async fn read(store: &dyn Store, scope: &Scope, query: &Query, positions: &[(usize, Position)]) -> Result<Vec<Record>> {
    let mut found = std::collections::HashMap::new();
    for (index, source) in query.from.iter().enumerate() {
        let own = positions.iter().filter(|(of, _)| *of == index);
        let ids: Vec<_> = own.map(|(_, position)| position.id.clone()).collect();
        if !ids.is_empty() {
            for record in store.read(scope, &source.kind, &ids, &query.select).await? {
                found.insert(record.key.id.clone(), record);
            }
        }
    }
    Ok(positions.iter().filter_map(|(_, position)| found.remove(&position.id)).collect())
}
