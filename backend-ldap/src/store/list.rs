//! Pages of lists that the directory answers by itself: the ids are walked once and kept while somebody pages.
//!
//! Lists stand in order of ids, so a page begins behind the last id of the one before: what was there throughout is shown
//! once, whatever comes and goes, and also where the ids were forgotten meanwhile and are walked again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use scim_core::filter::{BoundFilter, Compare, Leaf, Operand};
use scim_core::query::{Page, Position, Query, SortKey, Total, Window};
use scim_core::schema::Kind;
use scim_core::store::{Pushdown, Record, ResourceId, Result, Scope, Store, StoreError, StoreErrorKind, TenantId};

use crate::directory::Call;
use crate::ldap::Search;
use crate::tenant::Tenant;

use super::ids::{Gathered, Ids};
use super::metrics::ListFrom;
use super::queue::Queue;
use super::{BACKEND, Inner, LdapStore};

/// How long the ids of a list are kept for its later pages.
const LIFE: Duration = Duration::from_secs(600);
/// Ids kept, of all lists together; the oldest lists go first.
const IDS: usize = 2_000_000;
/// Ids of one list.
const LONGEST: usize = 1_000_000;

/// Whose list, and of what.
type Which = (TenantId, Kind, String);

/// The ids of a list, and when their walk began.
type Walked = (Instant, Arc<Ids>);

/// The ids of lists that somebody pages through.
#[derive(Debug, Default)]
pub(super) struct Lists {
    walked: Mutex<HashMap<Which, Walked>>,
    /// Who walks which list: the others wait, and share the next walk.
    walking: Queue,
}

impl Lists {
    fn get(&self, which: &Which) -> Option<Arc<Ids>> {
        let walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner);
        walked.get(which).filter(|(at, _)| at.elapsed() < LIFE).map(|(_, ids)| ids.clone())
    }

    /// The ids of a walk that began no earlier than this: whatever was there then is among them.
    fn begun_since(&self, which: &Which, since: Instant) -> Option<Arc<Ids>> {
        let walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner);
        walked.get(which).filter(|(at, _)| *at >= since).map(|(_, ids)| ids.clone())
    }

    fn keep(&self, which: Which, begun: Instant, ids: Arc<Ids>) {
        let mut walked = self.walked.lock().unwrap_or_else(PoisonError::into_inner);
        walked.retain(|_, (at, _)| at.elapsed() < LIFE);
        walked.insert(which, (begun, ids));
        while walked.len() > 1 && walked.values().map(|(_, ids)| ids.len()).sum::<usize>() > IDS {
            let oldest = walked.iter().min_by_key(|(_, (at, _))| *at).map(|(which, _)| which.clone());
            oldest.and_then(|which| walked.remove(&which));
        }
    }
}

impl LdapStore {
    /// The page, where nobody wants another order, and the directory answers the filter exactly or finds few.
    pub(super) async fn page(&self, scope: &Scope, query: &Query) -> Result<Option<Page>> {
        let [source] = query.from.as_slice() else { return Ok(None) };
        if query.order.is_some() || source.sort.is_some() {
            return Ok(None);
        }
        let inner = self.inner.clone();
        let (tenant, call) = (inner.tenant(scope).await?, inner.call(scope));
        // Who begins gets the list as it is; who goes on gets the one that was begun.
        let begins = matches!(query.window, Window::Offset { skip: 0, .. });
        let pushed = source.filter.as_ref().map(|filter| (filter, self.pushdown(&source.kind, filter)));
        if let Some((filter, Pushdown::Exact(pushed) | Pushdown::Superset(pushed))) = &pushed
            && begins
            && narrow(pushed)
            && let Some(records) = inner.few(&tenant, &call, &source.kind, pushed, filter, &query.select).await?
        {
            return Ok(Some(whole(records, query)));
        }
        let filter = match pushed {
            None => None,
            Some((_, Pushdown::Exact(filter))) => Some(filter),
            Some(_) => return Ok(None),
        };
        let which = which(&tenant, &call, &source.kind, filter.as_ref());
        let ids = match inner.lists.get(&which).filter(|_| !begins) {
            Some(ids) => {
                inner.counts.list(ListFrom::Kept);
                ids
            }
            None => {
                let arrived = Instant::now();
                let name = format!("{}?{}", which.1, which.2);
                let _turn = inner.lists.walking.turn(&scope.tenant, &name).await;
                match inner.lists.begun_since(&which, arrived) {
                    Some(ids) => {
                        inner.counts.list(ListFrom::Shared);
                        ids
                    }
                    None => {
                        inner.counts.list(ListFrom::Walked);
                        let begun = Instant::now();
                        let ids = Box::pin(inner.ids(&tenant, &call, &source.kind, filter.as_ref()));
                        let ids = Arc::new(ids.await?);
                        inner.lists.keep(which, begun, ids.clone());
                        ids
                    }
                }
            }
        };
        let (start, end) = cut(&ids, &query.window);
        let wanted = ids.part(start, end);
        let more = match query.window {
            Window::Before { .. } => start > 0,
            Window::Offset { .. } | Window::After { .. } => end < ids.len(),
        };
        let mut records = match wanted.is_empty() {
            true => Vec::new(),
            false => Box::pin(inner.read(&tenant, &call, &source.kind, &wanted, &query.select)).await?,
        };
        records.sort_by(|a, b| a.key.id.cmp(&b.key.id));
        let at = |id: &ResourceId| Position { key: SortKey::Absent, id: id.clone() };
        let ends = wanted.first().zip(wanted.last()).map(|(first, last)| (at(first), at(last)));
        let total = if query.total { Total::Exact(ids.len() as u64) } else { Total::Unknown };
        Ok(Some(Page { records, total, more, ends, filled: false }))
    }
}

/// The list of a type that a filter makes; of each client by itself, where the directory shows each what it may see.
fn which(tenant: &Tenant, call: &Call, kind: &Kind, filter: Option<&BoundFilter>) -> Which {
    let text = filter.map(ToString::to_string).unwrap_or_default();
    let text = call.identity.as_ref().map_or(text.clone(), |identity| format!("{identity} {text}"));
    (tenant.id.clone(), kind.clone(), text)
}

/// Does it ask for one value? Then it mostly finds one.
fn narrow(filter: &BoundFilter) -> bool {
    match filter {
        BoundFilter::Leaf(Leaf::Compare(_, Compare::Eq, Operand::Text { .. })) => true,
        BoundFilter::Element(_, inner) => narrow(inner),
        BoundFilter::And(parts) => parts.iter().any(narrow),
        BoundFilter::Or(parts) => parts.len() <= 4 && parts.iter().all(narrow),
        _ => false,
    }
}

/// The first page of a list that is there as a whole.
fn whole(mut records: Vec<Record>, query: &Query) -> Page {
    let (all, count) = (records.len(), query.window.count() as usize);
    records.truncate(count);
    let at = |record: &Record| Position { key: SortKey::Absent, id: record.key.id.clone() };
    let ends = records.first().zip(records.last()).map(|(first, last)| (at(first), at(last)));
    let total = if query.total { Total::Exact(all as u64) } else { Total::Unknown };
    Page { records, total, more: all > count, ends, filled: false }
}

/// The part of the ids that a window shows.
fn cut(ids: &Ids, window: &Window) -> (usize, usize) {
    let count = window.count() as usize;
    match window {
        Window::Offset { skip, .. } => {
            let start = usize::try_from(*skip).unwrap_or(ids.len()).min(ids.len());
            (start, start.saturating_add(count).min(ids.len()))
        }
        Window::After { position, .. } => {
            let start = ids.before(&position.id, true);
            (start, start.saturating_add(count).min(ids.len()))
        }
        Window::Before { position, .. } => {
            let end = ids.before(&position.id, false);
            (end.saturating_sub(count), end)
        }
    }
}

impl Inner {
    /// How many resources of a type there are: counted anew where nobody counted for a while.
    pub(super) async fn size(&self, tenant: &Tenant, call: &Call, kind: &Kind) -> Result<usize> {
        let which = which(tenant, call, kind, None);
        if let Some(ids) = self.lists.get(&which) {
            return Ok(ids.len());
        }
        let begun = Instant::now();
        let ids = Arc::new(self.ids(tenant, call, kind, None).await?);
        self.lists.keep(which, begun, ids.clone());
        Ok(ids.len())
    }

    /// The ids of all that a filter finds, in ascending order. Nothing but ids is asked for.
    async fn ids(&self, tenant: &Tenant, call: &Call, kind: &Kind, filter: Option<&BoundFilter>) -> Result<Ids> {
        let Some(mapping) = tenant.mapping(kind) else { return Ok(Gathered::default().finish()) };
        let Some(filter) = self.pushed(tenant, call, mapping, filter).await? else {
            return Ok(Gathered::default().finish());
        };
        let place = &mapping.place;
        let search = Search::new(place.base.clone(), place.reach, filter, vec![mapping.id.name.clone()]);
        let mut walk = self.directory.walk(call, search, self.settings.page);
        let mut ids = Gathered::default();
        while let Some(page) = walk.next().await.map_err(|error| error.below(&place.base).during("walk a list"))? {
            let own = page.iter().filter(|entry| place.has_name(&entry.dn));
            own.filter_map(|entry| mapping.id_of(entry)).for_each(|id| ids.push(&id));
            if ids.len() > LONGEST {
                return Err(StoreError::new(StoreErrorKind::TooMany).during(BACKEND, "walk a list"));
            }
        }
        Ok(ids.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_cut_by_number_and_by_id() {
        let mut ids = Gathered::default();
        ["a", "c", "e", "g"].into_iter().for_each(|id| ids.push(&ResourceId::new(id)));
        let ids = ids.finish();
        let position = |id: &str| Position { key: SortKey::Absent, id: ResourceId::new(id) };
        assert_eq!(cut(&ids, &Window::Offset { skip: 1, count: 2 }), (1, 3));
        assert_eq!(cut(&ids, &Window::Offset { skip: 9, count: 2 }), (4, 4));
        assert_eq!(cut(&ids, &Window::After { position: position("c"), count: 9 }), (2, 4));
        assert_eq!(cut(&ids, &Window::After { position: position("d"), count: 1 }), (2, 3));
        assert_eq!(cut(&ids, &Window::Before { position: position("e"), count: 1 }), (1, 2));
    }
}
