//! Reverse attributes: `User.groups`, read from the far end of `Group.members`, through nested groups too.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

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
    let mut direct: HashMap<ResourceId, Vec<Link>> = HashMap::new();
    for (target, link) in store.holders(scope, &kind, &ids, &reverse.via).await? {
        direct.entry(target).or_default().push(link);
    }
    if direct.is_empty() {
        return Ok(());
    }
    let parents = if reverse.via.kinds.contains(&reverse.via.holder) {
        ancestors(store, scope, reverse, &direct).await?
    } else {
        HashMap::new()
    };
    for record in records {
        if let Some(own) = direct.remove(&record.key.id) {
            let links = close(own, &parents);
            record.links.push(Links { at: reverse.at.clone(), links, whole: true });
        }
    }
    Ok(())
}

/// The holders of every holder reachable from `direct`, level by level.
async fn ancestors<S: Store + ?Sized>(
    store: &S,
    scope: &Scope,
    reverse: &ReverseType,
    direct: &HashMap<ResourceId, Vec<Link>>,
) -> Result<HashMap<ResourceId, Vec<Link>>> {
    let mut seen: HashSet<ResourceId> = HashSet::new();
    let mut parents: HashMap<ResourceId, Vec<Link>> = HashMap::new();
    let mut level: Vec<ResourceId> = direct
        .values()
        .flatten()
        .map(|link| &link.target.id)
        .filter(|id| seen.insert((*id).clone()))
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
