//! Ids to names of entries, many at once, and names to what refers to them shows.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use scim_core::schema::Kind;
use scim_core::store::{Key, Label, Link, ResourceId, Result};

use crate::directory::Call;
use crate::ldap::{AttributeName, Dn, Entry, Filter, LdapError, Search};
use crate::mapping::Mapping;
use crate::tenant::Tenant;

use super::Inner;
use super::lean::Lean;
use super::metrics::MembersBy;

/// Ids or names in one filter.
pub(super) const CHUNK: usize = 100;
/// Searches of one call at a time.
pub(super) const AT_ONCE: usize = 8;
/// Entries that are held at a time while it is found out what they are.
const PART: usize = 1_600;
/// Reads of single entries at a time.
pub(super) const READS: usize = 64;

impl Inner {
    /// The entries of these ids, with these attributes and the id.
    pub(super) async fn entries(
        &self,
        call: &Call,
        mapping: &Mapping,
        ids: &[ResourceId],
        attributes: Vec<AttributeName>,
        with: impl Fn(Search) -> Search,
    ) -> std::result::Result<Vec<Entry>, LdapError> {
        // The fence holds also where a server would look further than it was told; and ids have case, whatever its rules.
        let wanted: HashSet<&ResourceId> = ids.iter().collect();
        let meant = |entry: &Entry| {
            mapping.place.has_name(&entry.dn) && mapping.id_of(entry).is_some_and(|id| wanted.contains(&id))
        };
        let (place, with) = (&mapping.place, &with);
        let searches = ids.chunks(CHUNK).filter_map(|chunk| {
            let equal = |id| Some(Filter::equal(mapping.id.name.clone(), mapping.id_value(id)?));
            let equals: Vec<Filter> = chunk.iter().filter_map(equal).collect();
            let mut names = attributes.clone();
            (!equals.is_empty()).then(|| {
                let lean = self.lean(mapping, Filter::any(equals), &mut names);
                (with(Search::new(place.base.clone(), place.reach, lean.filter.clone(), names)), lean)
            })
        });
        let searches: Vec<(Search, Lean)> = searches.collect();
        let meant = &meant;
        let searched = |(search, lean): (Search, Lean)| async move {
            let mut found = self.search(call, &search).await?;
            found.retain(meant);
            self.of_type(call, mapping, &lean, found).await
        };
        let mut found: Vec<Entry> = match <[_; 1]>::try_from(searches) {
            // Nearly always.
            Ok([only]) => searched(only).await?,
            Err(all) => {
                let found = stream::iter(all.into_iter().map(searched)).buffered(AT_ONCE);
                Box::pin(found.try_collect::<Vec<Vec<Entry>>>()).await?.into_iter().flatten().collect()
            }
        };
        self.mark(call, mapping, &mut found).await?;
        Ok(found)
    }

    /// What these searches find, several of them on the way at a time.
    async fn all(&self, call: &Call, searches: Vec<Search>) -> std::result::Result<Vec<Entry>, LdapError> {
        let searches = searches.into_iter().map(|search| async move { self.search(call, &search).await });
        let found: Vec<Vec<Entry>> = stream::iter(searches).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The names of the entries with these ids, of any of these types, each with its type.
    pub(super) async fn names(
        &self,
        call: &Call,
        tenant: &Tenant,
        kinds: &[Kind],
        ids: &[ResourceId],
    ) -> Result<HashMap<ResourceId, (Dn, Arc<Mapping>)>> {
        let mut names = HashMap::new();
        for mapping in tenant.of(kinds) {
            let open: Vec<ResourceId> = ids.iter().filter(|id| !names.contains_key(*id)).cloned().collect();
            if open.is_empty() {
                break;
            }
            let entries = self.entries(call, mapping, &open, vec![mapping.id.name.clone()], |search| search).await;
            for entry in entries.map_err(|error| error.during("find entries by id"))? {
                if let Some(id) = mapping.id_of(&entry) {
                    names.insert(id, (entry.dn, mapping.clone()));
                }
            }
        }
        Ok(names)
    }

    /// What each of these names is to somebody who refers to it. Names that stand for nothing of the tenant's are left out.
    pub(super) async fn links(
        &self,
        call: &Call,
        tenant: &Tenant,
        kinds: &[Kind],
        names: Vec<Dn>,
    ) -> Result<HashMap<Dn, Link>> {
        let attributes = tenant.reference_attributes(kinds);
        let inside = |dn: &Dn| tenant.of(kinds).any(|mapping| mapping.place.has_name(dn));
        let names: Vec<Dn> = names.into_iter().filter(inside).collect();
        let mut all = HashMap::with_capacity(names.len());
        // An entry is many times what is kept of it.
        for names in names.chunks(PART) {
            let by = if self.features.entry_dn { MembersBy::EntryDn } else { MembersBy::Reads };
            self.counts.members(by, names.len());
            let found = if self.features.entry_dn {
                self.by_entry_dn(call, tenant, kinds, names, &attributes).await
            } else {
                self.one_by_one(call, names, &attributes).await
            };
            let entries = found.map_err(|error| error.during("read members"))?;
            let links = self.judged(call, tenant, kinds, &entries).await?;
            all.extend(entries.into_iter().zip(links).filter_map(|(entry, link)| Some((entry.dn, link?))));
        }
        Ok(all)
    }

    /// What each of these entries is to somebody who refers to it; None where it is nothing of these. Where the filter of a type
    /// asks what can be told of no entry in hand, the directory is asked.
    pub(super) async fn judged(
        &self,
        call: &Call,
        tenant: &Tenant,
        kinds: &[Kind],
        entries: &[Entry],
    ) -> Result<Vec<Option<Link>>> {
        let mut open: HashMap<&Kind, (&Arc<Mapping>, Vec<ResourceId>)> = HashMap::new();
        for entry in entries {
            for (mapping, _) in tenant.kinds_of(entry, kinds).take_while(|(_, told)| told.is_none()) {
                let (_, ids) = open.entry(&mapping.rt.kind).or_insert_with(|| (mapping, Vec::new()));
                ids.extend(mapping.id_of(entry));
            }
        }
        let mut told: HashSet<(Kind, ResourceId)> = HashSet::new();
        for (kind, (mapping, ids)) in open {
            let found = self.entries(call, mapping, &ids, vec![mapping.id.name.clone()], |search| search);
            let found = Box::pin(found).await.map_err(|error| error.during("ask of which type members are"))?;
            told.extend(found.iter().filter_map(|entry| Some((kind.clone(), mapping.id_of(entry)?))));
        }
        let is = |mapping: &Mapping, entry: &Entry| {
            mapping.id_of(entry).is_some_and(|id| told.contains(&(mapping.rt.kind.clone(), id)))
        };
        let link_of = |entry| {
            let mut kinds = tenant.kinds_of(entry, kinds);
            let (mapping, _) = kinds.find(|(mapping, told)| told.is_some() || is(mapping, entry))?;
            link(mapping, entry)
        };
        Ok(entries.iter().map(link_of).collect())
    }

    async fn by_entry_dn(
        &self,
        call: &Call,
        tenant: &Tenant,
        kinds: &[Kind],
        names: &[Dn],
        attributes: &[AttributeName],
    ) -> std::result::Result<Vec<Entry>, LdapError> {
        let mut searches = Vec::new();
        for chunk in names.chunks(CHUNK) {
            let mut bases: Vec<&Dn> = Vec::new();
            for mapping in tenant.of(kinds) {
                let base = &mapping.place.base;
                let has_some = chunk.iter().any(|dn| dn.is_within(base));
                if has_some && !bases.iter().any(|other| base.is_within(other)) {
                    bases.retain(|other| !other.is_within(base));
                    bases.push(base);
                }
            }
            let equal = |dn: &Dn| Filter::equal(AttributeName::known("entryDN"), dn.as_str().to_owned());
            let filter = Filter::any(chunk.iter().map(equal));
            for base in bases {
                searches.push(Search::new(base.clone(), crate::ldap::Reach::Tree, filter.clone(), attributes.to_vec()));
            }
        }
        self.all(call, searches).await
    }

    async fn one_by_one(
        &self,
        call: &Call,
        names: &[Dn],
        attributes: &[AttributeName],
    ) -> std::result::Result<Vec<Entry>, LdapError> {
        let reads: Vec<Search> = names.iter().map(|dn| Search::entry(dn, attributes.to_vec())).collect();
        let reads = reads.into_iter().map(|search| async move { self.directory.entry(call, &search).await });
        let found: Vec<Option<Entry>> = stream::iter(reads).buffered(READS).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}

/// What an entry of a type is to somebody who refers to it; None where it has no id.
pub(super) fn link(mapping: &Mapping, entry: &Entry) -> Option<Link> {
    let target = Key { kind: mapping.rt.kind.clone(), id: mapping.id_of(entry)? };
    Some(Link { target, display: mapping.label_of(entry).map(Label::from), indirect: false })
}
