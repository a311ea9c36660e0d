//! Reverse attributes: `User.groups`, read from the far end of `Group.members`, through nested groups too.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::schema::{Kind, ReverseType};

use super::{Link, Links, Record, ResourceId, Result, Scope, Store};

/// Fills a reverse attribute into records of one type. One call of [`Store::holders`] for all of them, and one more for
/// each level of nesting; a cycle ends where everybody in it has been seen.
pub async fn fill<S: Store + ?Sized>(
    store: &S,
    scope: &Scope,
    records: &mut [Record],
    reverse: &Arc<ReverseType>,
) -> Result<()> {
    let mut filling = Filling::of(records, reverse);
    while let Some((kind, targets)) = filling.wanted() {
        let found = store.holders(scope, kind, targets, &reverse.via).await?;
        let found = by_target(found, targets);
        filling.take(found);
    }
    filling.finish(records);
    Ok(())
}

/// The same for a store that finds without waiting who holds targets of one kind: those of each target, in the order of the
/// targets. The first call is for the records themselves, in their order.
pub fn fill_now<E>(
    records: &mut [Record],
    reverse: &Arc<ReverseType>,
    mut holders: impl FnMut(&Kind, &[ResourceId]) -> std::result::Result<Vec<Vec<Link>>, E>,
) -> std::result::Result<(), E> {
    let mut filling = Filling::of(records, reverse);
    while let Some((kind, targets)) = filling.wanted() {
        let found = holders(kind, targets)?;
        filling.take(found);
    }
    filling.finish(records);
    Ok(())
}

/// A reverse attribute on its way into records, level by level.
struct Filling<'a> {
    reverse: &'a ReverseType,
    /// Whose holders are to be found next.
    kind: Option<Kind>,
    targets: Vec<ResourceId>,
    /// The holders of each record, once they are found.
    direct: Option<Vec<Vec<Link>>>,
    /// The holders of holders.
    parents: HashMap<ResourceId, Vec<Link>>,
    seen: HashSet<ResourceId>,
}

impl<'a> Filling<'a> {
    fn of(records: &[Record], reverse: &'a ReverseType) -> Filling<'a> {
        Filling {
            reverse,
            kind: records.first().map(|record| record.key.kind.clone()),
            targets: records.iter().map(|record| record.key.id.clone()).collect(),
            direct: None,
            parents: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    /// Whose holders are to be found next; None once all are.
    fn wanted(&self) -> Option<(&Kind, &[ResourceId])> {
        self.kind.as_ref().filter(|_| !self.targets.is_empty()).map(|kind| (kind, self.targets.as_slice()))
    }

    /// They were found: those of each target.
    fn take(&mut self, found: Vec<Vec<Link>>) {
        let asked = std::mem::take(&mut self.targets);
        if self.direct.is_some() {
            for (child, parents) in asked.into_iter().zip(found).filter(|(_, parents)| !parents.is_empty()) {
                parents.iter().for_each(|parent| self.rise(parent));
                self.parents.insert(child, parents);
            }
            return;
        }
        let via = &self.reverse.via;
        if via.kinds.contains(&via.holder) {
            // Most resources of a page have the holders of the one before.
            let mut before: &[Link] = &[];
            for links in &found {
                for (place, link) in links.iter().enumerate() {
                    if before.get(place).is_none_or(|own| own.target.id != link.target.id) {
                        self.rise(link);
                    }
                }
                before = links;
            }
        }
        self.kind = Some(via.holder.clone());
        self.direct = Some(found);
    }

    /// The next level is asked for the holders of this one, unless it has been.
    fn rise(&mut self, link: &Link) {
        if !self.seen.contains(&link.target.id) {
            self.seen.insert(link.target.id.clone());
            self.targets.push(link.target.id.clone());
        }
    }

    fn finish(self, records: &mut [Record]) {
        for (record, own) in records.iter_mut().zip(self.direct.into_iter().flatten()) {
            if !own.is_empty() {
                let links = close(own, &self.parents);
                record.links.push(Links { at: self.reverse.at.clone(), links: links.into(), whole: true });
            }
        }
    }
}

/// What was found, to each of the ids. Stores mostly find it in their order.
fn by_target(found: Vec<(ResourceId, Link)>, ids: &[ResourceId]) -> Vec<Vec<Link>> {
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
