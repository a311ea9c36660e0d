//! Primary groups, as Active Directory has them: a user names its own by a number (`primaryGroupID`), and neither the group's `member`
//! nor the user's `memberOf` tells of it. Who is in one is worked out here, from both ends; only the directory's administrators change it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use scim_core::error::ScimError;
use scim_core::schema::Kind;
use scim_core::store::{Link, ResourceId, Result, TenantId};

use crate::directory::Call;
use crate::ldap::{AttributeName, Dn, Entry, Filter, LdapError, Search, sid};
use crate::mapping::{LinkColumn, Mapping};
use crate::member_of::MEMBER_OF;
use crate::tenant::Tenant;

use super::commit::Work;
use super::members::Held;
use super::metrics::MembersBy;
use super::names::{CHUNK, READS, link};
use super::read::seen;
use super::result::rejected;
use super::shelf::Known;
use super::{Inner, with_names};

/// What an entry is known by in its domain.
pub(super) const OBJECT_SID: AttributeName = AttributeName::known("objectSid");
/// The number of its primary group there.
const PRIMARY_GROUP_ID: AttributeName = AttributeName::known("primaryGroupID");
/// What must be seen of an entry to tell its primary group.
pub(super) const TOLD_BY: [AttributeName; 2] = [OBJECT_SID, PRIMARY_GROUP_ID];

/// What others change in a group shows no later than this.
const MOMENT: Duration = Duration::from_secs(1);
/// Groups that are remembered.
const MOST: usize = 1_024;

/// What the primary group of an entry is known by.
pub(super) fn primary_of(entry: &Entry) -> Option<Bytes> {
    let number = entry.text(&PRIMARY_GROUP_ID)?.parse().ok()?;
    sid::beside(entry.first(&OBJECT_SID)?, number)
}

/// A tenant's groups by what they are known by in the domain; None where it is none of the tenant's.
type Groups = HashMap<Bytes, Option<Arc<Known>>>;

/// When a group was read, and what it was then.
type Read = (Instant, Option<Arc<Known>>);

/// Primary groups of a moment ago: nearly everybody has the same.
#[derive(Debug, Default)]
pub(super) struct Primaries {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Moves when all is forgotten: what was read before is not remembered after.
    age: u64,
    groups: HashMap<(TenantId, Bytes), Read>,
}

impl Primaries {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, tenant: &TenantId, wanted: &[Bytes], now: Instant) -> (Groups, u64) {
        let kept = self.lock();
        let fresh = |sid: &Bytes| {
            let (at, known) = kept.groups.get(&(tenant.clone(), sid.clone()))?;
            (now.saturating_duration_since(*at) < MOMENT).then(|| (sid.clone(), known.clone()))
        };
        (wanted.iter().filter_map(fresh).collect(), kept.age)
    }

    fn put(&self, tenant: &TenantId, age: u64, read: Instant, groups: &Groups) {
        let mut kept = self.lock();
        if kept.age != age {
            return;
        }
        if kept.groups.len() + groups.len() > MOST {
            kept.groups.clear();
        }
        let own = groups.iter().take(MOST);
        kept.groups.extend(own.map(|(sid, known)| ((tenant.clone(), sid.clone()), (read, known.clone()))));
    }

    /// A group is about to be written.
    pub(super) fn forget(&self) {
        let mut kept = self.lock();
        kept.age += 1;
        kept.groups.clear();
    }
}

impl Inner {
    /// The primary groups of these, as far as they are the tenant's.
    pub(super) async fn primary_holders(
        &self,
        tenant: &Tenant,
        call: &Call,
        groups: &Mapping,
        column: &LinkColumn,
        targets: &[Held],
    ) -> Result<Vec<(ResourceId, Link)>> {
        let mut wanted: Vec<Bytes> = targets.iter().filter_map(|one| one.primary.clone()).collect();
        if !column.by_primary || wanted.is_empty() {
            return Ok(Vec::new());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let known = self.known_primaries(tenant, call, groups, wanted).await?;
        // Whom these groups are in is asked for next.
        let shown = known.values().flatten().map(|known| (known.link.target.id.clone(), known.seen.clone()));
        self.recent.note(call, Instant::now(), shown);
        let holder = |one: &Held| known.get(one.primary.as_ref()?)?.clone();
        Ok(targets.iter().filter_map(|one| Some((one.id.clone(), holder(one)?.link.clone()))).collect())
    }

    async fn known_primaries(
        &self,
        tenant: &Tenant,
        call: &Call,
        groups: &Mapping,
        wanted: Vec<Bytes>,
    ) -> Result<Groups> {
        let now = Instant::now();
        // What one client sees of groups is nothing to another.
        let own = call.identity.is_some();
        let (mut known, age) = if own { Default::default() } else { self.primaries.get(&tenant.id, &wanted, now) };
        let missing: Vec<Bytes> = wanted.into_iter().filter(|sid| !known.contains_key(sid)).collect();
        let mut names = tenant.reference_attributes(std::slice::from_ref(&groups.rt.kind));
        names.push(OBJECT_SID);
        names.extend(self.features.member_of.then_some(MEMBER_OF));
        let mut read: Groups = missing.iter().map(|sid| (sid.clone(), None)).collect();
        for chunk in missing.chunks(CHUNK) {
            let any = Filter::any(chunk.iter().map(|sid| Filter::equal(OBJECT_SID, sid.clone())));
            let filter = Filter::all([groups.place.filter.clone(), any]);
            let search = Search::new(groups.place.base.clone(), groups.place.reach, filter, names.clone());
            let found = self.search(call, &search).await.map_err(|error| error.during("read primary groups"))?;
            for entry in found.iter().filter(|entry| groups.place.has_name(&entry.dn)) {
                if let (Some(sid), Some(link)) = (entry.first(&OBJECT_SID), link(groups, entry)) {
                    // What is kept must not keep the whole answer.
                    let sid = Bytes::copy_from_slice(sid);
                    read.insert(sid, Some(Arc::new(Known { link, seen: seen(groups, entry) })));
                }
            }
        }
        if !own && !read.is_empty() {
            self.primaries.put(&tenant.id, age, now, &read);
        }
        known.extend(read);
        Ok(known)
    }

    /// Those who have one of these groups as their primary one, of each group no more than the first `most` and one, by id.
    pub(super) async fn primary_members(
        &self,
        call: &Call,
        tenant: &Tenant,
        column: &LinkColumn,
        groups: &[Entry],
        most: usize,
    ) -> Result<Vec<Vec<Link>>> {
        let mut found: Vec<Vec<Link>> = groups.iter().map(|_| Vec::new()).collect();
        let of: HashMap<&Bytes, usize> =
            groups.iter().zip(0..).filter_map(|(group, at)| Some((group.first(&OBJECT_SID)?, at))).collect();
        let sids: Vec<Bytes> = of.keys().map(|sid| (*sid).clone()).collect();
        let most = most.saturating_add(1);
        let mut count = 0;
        self.each_primary_member(call, tenant, &column.link.kinds, &sids, |sid, mapping, entry| {
            let own = of.get(sid).and_then(|at| found.get_mut(*at));
            if let (Some(own), Some(link)) = (own, link(mapping, entry)) {
                count += 1;
                own.push(link);
                // Everybody may be in one: no more is held than is wanted.
                if own.len() >= most.saturating_mul(2) {
                    own.sort_by(|a, b| a.target.id.cmp(&b.target.id));
                    own.truncate(most);
                }
            }
        })
        .await?;
        self.counts.members(MembersBy::PrimaryGroup, count);
        Ok(found)
    }

    /// What the primary groups of the entries of these ids are known by.
    pub(super) async fn primaries_of(
        &self,
        call: &Call,
        tenant: &Tenant,
        kinds: &[Kind],
        ids: &[ResourceId],
    ) -> Result<HashMap<ResourceId, Bytes>> {
        let mut primaries = HashMap::new();
        for mapping in tenant.of(kinds) {
            let names = with_names(vec![mapping.id.name.clone()], TOLD_BY);
            let entries = self.entries(call, mapping, ids, names, |search| search).await;
            let entries = entries.map_err(|error| error.during("find entries by id"))?;
            primaries.extend(entries.iter().filter_map(|entry| Some((mapping.id_of(entry)?, primary_of(entry)?))));
        }
        Ok(primaries)
    }

    /// Walks through those who have one of these groups as their primary one.
    async fn each_primary_member(
        &self,
        call: &Call,
        tenant: &Tenant,
        kinds: &[Kind],
        groups: &[Bytes],
        mut with: impl FnMut(&Bytes, &Mapping, &Entry),
    ) -> Result<()> {
        let sids: HashSet<&Bytes> = groups.iter().collect();
        let mut numbers: Vec<u32> = groups.iter().filter_map(|sid| sid::number(sid)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let names = with_names(tenant.reference_attributes(kinds), TOLD_BY);
        for mapping in tenant.of(kinds).filter(|mapping| !mapping.links.iter().any(|column| column.by_primary)) {
            let place = &mapping.place;
            for chunk in numbers.chunks(CHUNK) {
                let equal = |number: &u32| Filter::equal(PRIMARY_GROUP_ID, number.to_string());
                let filter = Filter::all([place.filter.clone(), Filter::any(chunk.iter().map(equal))]);
                let search = Search::new(place.base.clone(), place.reach, filter, names.clone());
                let failed = |error: LdapError| error.below(&place.base).during("read members by their primary group");
                let mut walk = self.directory.walk(call, search, self.settings.page);
                while let Some(page) = walk.next().await.map_err(failed)? {
                    for entry in page.iter().filter(|entry| place.has_name(&entry.dn)) {
                        // The number may be one of another domain.
                        if let Some(sid) = primary_of(entry).filter(|sid| sids.contains(sid)) {
                            with(&sid, mapping, entry);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

impl Work<'_> {
    /// What a group is known by in its domain.
    async fn sid(&self, group: &Dn) -> Result<Option<Bytes>> {
        let search = Search::entry(group, vec![OBJECT_SID]);
        let entry = self.inner.directory.entry(&self.call, &search).await;
        let entry = entry.map_err(|error| error.during("read what a group is known by"))?;
        Ok(entry.and_then(|entry| entry.first(&OBJECT_SID).cloned()))
    }

    /// The names of all who are shown as members of this group because it is their primary one.
    pub(super) async fn primary_names(&self, group: &Dn, column: &LinkColumn) -> Result<HashSet<Dn>> {
        let mut names = HashSet::new();
        let Some(sid) = self.sid(group).await? else { return Ok(names) };
        let kinds = &column.link.kinds;
        self.inner
            .each_primary_member(&self.call, self.tenant, kinds, &[sid], |_, mapping, entry| {
                if mapping.id_of(entry).is_some() {
                    names.insert(entry.dn.clone());
                }
            })
            .await?;
        Ok(names)
    }

    /// Those of these members whose primary group this is.
    pub(super) async fn with_primary(&self, group: &Dn, members: &[Bytes]) -> Result<HashSet<Bytes>> {
        if members.is_empty() {
            return Ok(HashSet::new());
        }
        let Some(sid) = self.sid(group).await? else { return Ok(HashSet::new()) };
        let reads = members.iter().cloned().map(|value| {
            let dn = std::str::from_utf8(&value).ok().and_then(|text| Dn::parse(text).ok());
            let sid = &sid;
            async move {
                let Some(dn) = dn else { return Ok(None) };
                let search = Search::entry(dn, TOLD_BY.to_vec());
                let entry = self.inner.directory.entry(&self.call, &search).await?;
                let own = entry.as_ref().and_then(primary_of).is_some_and(|own| own == *sid);
                Ok(own.then_some(value))
            }
        });
        let found: Vec<Option<Bytes>> = stream::iter(reads)
            .buffered(READS)
            .try_collect()
            .await
            .map_err(|error: LdapError| error.during("read the primary groups of members"))?;
        Ok(found.into_iter().flatten().collect())
    }
}

/// Members that cannot leave.
pub(super) fn must_stay(column: &LinkColumn, count: usize) -> scim_core::store::StoreError {
    let why = format!(
        "{}: this is the primary group (primaryGroupID) of {count} of the members that shall leave it; nobody leaves it before the \
         directory's administrator gives them another",
        column.link.at
    );
    rejected(ScimError::mutability(why))
}

#[cfg(test)]
mod tests {
    use scim_core::schema::Kind;
    use scim_core::store::Key;

    use super::super::recent::Seen;
    use super::*;

    #[test]
    fn groups_are_remembered_for_a_moment_until_one_is_written() {
        let (primaries, now, acme) = (Primaries::default(), Instant::now(), TenantId::new("acme"));
        let wanted = [Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let target = Key { kind: Kind::new("Group"), id: ResourceId::new("a") };
        let seen = Seen { dn: Dn::parse("cn=a").unwrap(), user_name: None, groups: None, primary: None };
        let known = Arc::new(Known { link: Link { target, display: None, indirect: false }, seen });
        let groups: Groups = wanted.iter().cloned().zip([Some(known), None]).collect();
        let count = |tenant: &str, at: Instant| primaries.get(&TenantId::new(tenant), &wanted, at).0.len();
        let (_, age) = primaries.get(&acme, &wanted, now);
        primaries.put(&acme, age, now, &groups);
        assert_eq!((count("acme", now), count("other", now), count("acme", now + MOMENT)), (2, 0, 0));
        primaries.forget();
        primaries.put(&acme, age, now, &groups);
        assert_eq!(count("acme", now), 0, "they were read before somebody wrote");
        for n in 0..2 * MOST {
            let one = Groups::from_iter([(Bytes::from(n.to_string()), None)]);
            primaries.put(&acme, age + 1, now, &one);
        }
        assert!(primaries.lock().groups.len() <= MOST);
    }
}
