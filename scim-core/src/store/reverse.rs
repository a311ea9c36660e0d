//! Reverse attributes: `User.groups`, read from the far end of `Group.members`, through nested groups too.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::schema::ReverseType;

use super::{Link, Links, Record, ResourceId, Result, Scope, Store};

/// Fills a reverse attribute into records of one type. One call of [`Store::holders`] for all of them, and one more for
/// each level of nesting; a cycle ends where everybody in it has been seen.
pub async fn fill<S: Store + ?Sized>(
    store: &S,
    scope: &Scope,
    records: &mut [Record],
    reverse: &Arc<ReverseType>,
) -> Result<()> {
    let Some(kind) = records.first().map(|record| record.key.kind.clone()) else { return Ok(()) };
    let ids: Vec<_> = records.iter().map(|record| record.key.id.clone()).collect();
    let found = store.holders(scope, &kind, &ids, &reverse.via).await?;
    if found.is_empty() {
        return Ok(());
    }
    let direct = by_record(found, &ids);
    let parents = if reverse.via.kinds.contains(&reverse.via.holder) {
        ancestors(store, scope, reverse, &direct).await?
    } else {
        HashMap::new()
    };
    for (record, own) in records.iter_mut().zip(direct) {
        if !own.is_empty() {
            let links = close(own, &parents);
            record.links.push(Links { at: reverse.at.clone(), links, whole: true });
        }
    }
    Ok(())
}

/// What was found, to each of the ids. Stores mostly find it in their order.
fn by_record(found: Vec<(ResourceId, Link)>, ids: &[ResourceId]) -> Vec<Vec<Link>> {
    let mut direct: Vec<Vec<Link>> = ids.iter().map(|_| Vec::new()).collect();
    let mut places: Option<HashMap<&ResourceId, usize>> = None;
    let mut last = 0;
    for (target, link) in found {
        let near = (last..ids.len()).take(2).find(|&place| ids.get(place) == Some(&target));
        let place = near.or_else(|| {
            let places = places.get_or_insert_with(|| ids.iter().zip(0..).collect());
            places.get(&target).copied()
        });
        if let Some(own) = place.and_then(|place| direct.get_mut(place)) {
            own.push(link);
            last = place.unwrap_or(last);
        }
    }
    direct
}

/// The holders of every holder reachable from `direct`, level by level.
async fn ancestors<S: Store + ?Sized>(
    store: &S,
    scope: &Scope,
    reverse: &ReverseType,
    direct: &[Vec<Link>],
) -> Result<HashMap<ResourceId, Vec<Link>>> {
    let mut seen: HashSet<ResourceId> = HashSet::new();
    let mut parents: HashMap<ResourceId, Vec<Link>> = HashMap::new();
    let mut level: Vec<ResourceId> = direct
        .iter()
        .flatten()
        .map(|link| &link.target.id)
        .filter(|id| !seen.contains(*id) && seen.insert((*id).clone()))
        .cloned()
        .collect();
    while !level.is_empty() {
        let found = store.holders(scope, &reverse.via.holder, &level, &reverse.via).await?;
        level.clear();
        for (child, parent) in found {
            if seen.insert(parent.target.id.clone()) {
                level.push(parent.target.id.clone());
            }
            parents.entry(child).or_default().push(parent);
        }
    }
    Ok(parents)
}

/// The direct holders and all above them, each once, in order of their ids.
fn close(mut direct: Vec<Link>, parents: &HashMap<ResourceId, Vec<Link>>) -> Vec<Link> {
    if parents.is_empty() {
        direct.sort_by(|a, b| a.target.id.cmp(&b.target.id));
        direct.dedup_by(|a, b| a.target.id == b.target.id);
        return direct;
    }
    let mut all: BTreeMap<ResourceId, Link> = BTreeMap::new();
    let mut open: Vec<ResourceId> = Vec::new();
    for link in direct {
        open.push(link.target.id.clone());
        all.insert(link.target.id.clone(), link);
    }
    while let Some(id) = open.pop() {
        for parent in parents.get(&id).into_iter().flatten() {
            if !all.contains_key(&parent.target.id) {
                open.push(parent.target.id.clone());
                all.insert(parent.target.id.clone(), Link { indirect: true, ..parent.clone() });
            }
        }
    }
    all.into_values().collect()
}
