//! Groups by their names, for a moment: what a thousand requests a second would each ask the directory for again. Writing a group
//! forgets them all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::HashMap;
use scim_core::store::{Link, TenantId};

use crate::ldap::Dn;

use super::recent::Seen;

/// What others change in a group shows no later than this.
const MOMENT: Duration = Duration::from_secs(1);
/// Groups, and groups they are in, that are remembered.
const MOST: usize = 16_384;

/// A group, as it is to its members.
#[derive(Debug, PartialEq)]
pub(super) struct Known {
    pub(super) link: Link,
    pub(super) seen: Seen,
}

/// What is remembered of the groups of all tenants.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Moves when all is forgotten: what was read before is not remembered after.
    age: u64,
    size: usize,
    groups: HashMap<TenantId, HashMap<Dn, (Instant, Arc<Known>)>>,
}

impl Kept {
    fn forget(&mut self) {
        self.size = 0;
        self.groups.clear();
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of these groups that are remembered, and the age to give back with the others once they were read.
    pub(super) fn get<'n>(
        &self,
        tenant: &TenantId,
        names: impl IntoIterator<Item = &'n Dn>,
        now: Instant,
    ) -> (HashMap<Dn, Arc<Known>>, u64) {
        let kept = self.lock();
        let own = kept.groups.get(tenant);
        let fresh = |dn: &Dn| {
            let (at, known) = own?.get(dn)?;
            (now.saturating_duration_since(*at) < MOMENT).then(|| (dn.clone(), known.clone()))
        };
        (names.into_iter().filter_map(fresh).collect(), kept.age)
    }

    /// Remembers groups that were read at a time, unless all was forgotten since.
    pub(super) fn put(&self, tenant: &TenantId, age: u64, read: Instant, groups: &[Arc<Known>]) {
        let mut kept = self.lock();
        if kept.age != age {
            return;
        }
        let size: usize = groups.iter().map(|known| 1 + known.seen.groups.as_ref().map_or(0, Vec::len)).sum();
        if kept.size + size > MOST {
            kept.forget();
        }
        if size > MOST {
            return;
        }
        kept.size += size;
        let own = kept.groups.entry(tenant.clone()).or_default();
        own.extend(groups.iter().map(|known| (known.seen.dn.clone(), (read, known.clone()))));
    }

    /// A group is about to be written.
    pub(super) fn forget(&self) {
        let mut kept = self.lock();
        kept.age += 1;
        kept.forget();
    }
}

#[cfg(test)]
mod tests {
    use scim_core::schema::Kind;
    use scim_core::store::{Key, ResourceId};

    use super::*;

    fn known(n: usize) -> Arc<Known> {
        let dn = Dn::parse(&format!("cn=g{n},dc=x")).unwrap();
        let target = Key { kind: Kind::new("Group"), id: ResourceId::new(&n.to_string()) };
        let seen = Seen { dn, user_name: None, groups: Some(Vec::new()), primary: None };
        Arc::new(Known { link: Link { target, display: None, indirect: false }, seen })
    }

    #[test]
    fn groups_are_remembered_for_a_moment_by_tenant_until_one_is_written() {
        let (shelf, now, acme) = (Shelf::default(), Instant::now(), TenantId::new("acme"));
        let one = known(1);
        let find = |tenant: &str, now| shelf.get(&TenantId::new(tenant), [&one.seen.dn], now).0.len();
        let (_, age) = shelf.get(&acme, [], now);
        shelf.put(&acme, age, now, std::slice::from_ref(&one));
        assert_eq!((find("acme", now), find("other", now), find("acme", now + MOMENT)), (1, 0, 0));
        shelf.forget();
        assert_eq!(find("acme", now), 0);
        shelf.put(&acme, age, now, std::slice::from_ref(&one));
        assert_eq!(find("acme", now), 0, "it was read before somebody wrote");
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let (shelf, now, acme) = (Shelf::default(), Instant::now(), TenantId::new("acme"));
        for n in 0..2 * MOST {
            shelf.put(&acme, 0, now, &[known(n)]);
        }
        let kept = shelf.lock();
        assert!(kept.size <= MOST && kept.groups.values().map(HashMap::len).sum::<usize>() <= MOST);
    }
}
