//! The references that an entry holds, and the entries that hold a reference to one.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use scim_core::query::LinkSelect;
use scim_core::schema::{Kind, LinkType};
use scim_core::store::{Link, Links, ResourceId, Result};

use crate::directory::Call;
use crate::ldap::{AttributeName, Dn, Entry, Filter, LdapError, Search, controls};
use crate::mapping::{LinkColumn, Mapping};
use crate::member_of::{self, MEMBER_OF};
use crate::tenant::Tenant;

use super::metrics::MembersBy;
use super::names::{CHUNK, link};
use super::primary::{OBJECT_SID, TOLD_BY};
use super::read::seen;
use super::recent::Seen;
use super::{Inner, with_names};

/// An entry that others may refer to.
pub(super) struct Held {
    pub(super) id: ResourceId,
    /// How they do: its name, or its user name.
    value: String,
    /// The same, as it compares.
    key: String,
    /// The groups that the directory says it is in; None where it says only a part.
    pub(super) groups: Option<Vec<Dn>>,
    /// What its primary group is known by.
    pub(super) primary: Option<Bytes>,
}

/// What references stand where the directory wants one and there is none.
const NOBODY: &[&str] = &["cn=nobody", ""];

impl Inner {
    /// The selected links of these entries of one type, in the order of the entries.
    pub(super) async fn links_of(
        &self,
        call: &Call,
        tenant: &Tenant,
        columns: &[(&LinkSelect, &LinkColumn)],
        entries: &[Entry],
    ) -> Result<Vec<Vec<Links>>> {
        let mut all: Vec<Vec<Links>> = entries.iter().map(|_| Vec::new()).collect();
        let deref = self.dereferences(columns);
        for (select, column) in columns {
            let mut found = match deref {
                true => self.named(call, tenant, column, entries).await?,
                false => Box::pin(self.targets(call, tenant, column, entries)).await?,
            };
            if column.by_primary {
                let most = select.at_most.map_or(usize::MAX, |most| most as usize);
                let more = Box::pin(self.primary_members(call, tenant, column, entries, most)).await?;
                found.iter_mut().zip(more).for_each(|(targets, more)| targets.extend(more));
            }
            for (links, mut targets) in all.iter_mut().zip(found) {
                targets.sort_by(|a, b| a.target.id.cmp(&b.target.id));
                targets.dedup_by(|a, b| a.target == b.target);
                let most = select.at_most.map_or(usize::MAX, |most| most as usize);
                let whole = targets.len() <= most;
                targets.truncate(most);
                if !targets.is_empty() {
                    links.push(Links { at: column.link.at.clone(), links: targets.into(), whole });
                }
            }
        }
        Ok(all)
    }

    /// Does the directory resolve these references by itself? One attribute at a time.
    fn dereferences(&self, columns: &[(&LinkSelect, &LinkColumn)]) -> bool {
        self.features.deref && matches!(columns, [(_, column)] if !column.by_name)
    }

    /// What came beside each entry of those it refers to.
    async fn named(
        &self,
        call: &Call,
        tenant: &Tenant,
        column: &LinkColumn,
        entries: &[Entry],
    ) -> Result<Vec<Vec<Link>>> {
        let mut found = Vec::with_capacity(entries.len());
        for entry in entries {
            let named = dereferenced(column, entry)?;
            self.counts.members(MembersBy::Deref, named.len());
            let links = self.judged(call, tenant, &column.link.kinds, &named).await?;
            found.push(links.into_iter().flatten().collect());
        }
        Ok(found)
    }

    /// What one link attribute of each entry refers to.
    async fn targets(
        &self,
        call: &Call,
        tenant: &Tenant,
        column: &LinkColumn,
        entries: &[Entry],
    ) -> Result<Vec<Vec<Link>>> {
        let kinds = &column.link.kinds;
        if column.by_name {
            return self.by_user_name(call, tenant, column, entries).await;
        }
        let mut names: HashSet<Dn> = HashSet::new();
        let mut of: Vec<Vec<Dn>> = Vec::with_capacity(entries.len());
        for entry in entries {
            let own: Vec<Dn> = self.values(call, entry, &column.name).await?;
            names.extend(own.iter().cloned());
            of.push(own);
        }
        let links = self.links(call, tenant, kinds, names.into_iter().collect()).await?;
        Ok(of.into_iter().map(|own| own.iter().filter_map(|dn| links.get(dn).cloned()).collect()).collect())
    }

    /// The names in an attribute, also where the server sends it in parts (Active Directory).
    pub(super) async fn values(&self, call: &Call, entry: &Entry, name: &AttributeName) -> Result<Vec<Dn>> {
        let names = member_of::names(&self.directory, call, entry, name).await;
        names.map_err(|error| error.during("read more members"))
    }

    /// `memberUid`: user names.
    pub(super) async fn by_user_name(
        &self,
        call: &Call,
        tenant: &Tenant,
        column: &LinkColumn,
        entries: &[Entry],
    ) -> Result<Vec<Vec<Link>>> {
        let kinds = &column.link.kinds;
        let Some((mapping, own)) = tenant.of(kinds).find_map(|mapping| {
            let own = mapping.columns.iter().find(|own| own.at.attr().name == "userName")?;
            Some((mapping, own))
        }) else {
            return Ok(entries.iter().map(|_| Vec::new()).collect());
        };
        let mut wanted: Vec<&str> = entries.iter().flat_map(|entry| entry.texts(&column.name)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        self.counts.members(MembersBy::UserName, wanted.len());
        let mut found: HashMap<String, Link> = HashMap::new();
        for chunk in wanted.chunks(CHUNK) {
            let any = Filter::any(chunk.iter().map(|name| Filter::equal(own.name.clone(), (*name).to_owned())));
            let filter = Filter::all([mapping.place.filter.clone(), any]);
            let attributes = with_names(tenant.reference_attributes(kinds), [own.name.clone()]);
            let search = Search::new(mapping.place.base.clone(), mapping.place.reach, filter, attributes);
            let entries = self.search(call, &search).await.map_err(|error| error.during("read members"))?;
            for entry in entries {
                if let Some(link) = link(mapping, &entry).filter(|_| mapping.place.has_name(&entry.dn)) {
                    found.extend(entry.texts(&own.name).map(|name| (name.to_owned(), link.clone())));
                }
            }
        }
        let of = |entry: &Entry| entry.texts(&column.name).filter_map(|name| found.get(name).cloned()).collect();
        Ok(entries.iter().map(of).collect())
    }

    /// Who refers to these: (target, holder).
    pub(super) async fn holders(
        &self,
        tenant: &Tenant,
        call: &Call,
        of: &Kind,
        targets: &[ResourceId],
        via: &Arc<LinkType>,
    ) -> Result<Vec<(ResourceId, Link)>> {
        let Some(holder) = tenant.mapping(&via.holder) else { return Ok(Vec::new()) };
        let Some(column) = holder.link(&via.at) else { return Ok(Vec::new()) };
        let targets = self.held(tenant, call, of, targets, column).await?;
        let primary = Box::pin(self.primary_holders(tenant, call, holder, column, &targets)).await?;
        let (mut told, open) = self.said(tenant, call, holder, column, targets).await?;
        if !open.is_empty() {
            told.extend(Box::pin(self.searched_holders(tenant, call, holder, column, open)).await?);
        }
        told.extend(primary);
        Ok(told)
    }

    /// The same, by a search for them.
    async fn searched_holders(
        &self,
        tenant: &Tenant,
        call: &Call,
        holder: &Mapping,
        column: &LinkColumn,
        targets: Vec<Held>,
    ) -> Result<Vec<(ResourceId, Link)>> {
        let ids: HashMap<&str, &ResourceId> = targets.iter().map(|one| (one.key.as_str(), &one.id)).collect();
        let of_value = |text: &str| match column.by_name {
            true => ids.get(text).copied(),
            false => Dn::parse(text).ok().and_then(|dn| ids.get(&**dn.key()).copied()),
        };
        let holders = [holder.rt.kind.clone()];
        let mut attributes = tenant.reference_attributes(&holders);
        if self.features.member_of {
            // Who holds a holder is asked for next.
            attributes.push(MEMBER_OF);
        }
        let chunk = if self.features.matched_values { CHUNK } else { 1 };
        let mut found = Vec::new();
        for targets in targets.chunks(chunk) {
            let any: Vec<Filter> =
                targets.iter().map(|one| Filter::equal(column.name.clone(), one.value.clone())).collect();
            let filter = Filter::all([holder.place.filter.clone(), Filter::any(any.clone())]);
            let mut names = attributes.clone();
            let single = if let [only] = targets { Some(only) } else { None };
            if single.is_none() {
                names.push(column.name.clone());
            }
            let mut search = Search::new(holder.place.base.clone(), holder.place.reach, filter, names);
            if single.is_none() {
                // Each answers with those members alone, and with everything of the other attributes.
                let rest = attributes.iter().cloned().map(Filter::present);
                let matched = controls::matched_values(&any.into_iter().chain(rest).collect::<Vec<_>>());
                search = search.with(matched.map_err(|error| error.during("ask for groups"))?);
            }
            let mut walk = self.directory.walk(call, search, self.settings.page);
            while let Some(page) =
                walk.next().await.map_err(|error| error.below(&holder.place.base).during("read groups"))?
            {
                let shown = page.iter().filter_map(|entry| Some((holder.id_of(entry)?, seen(holder, entry))));
                self.recent.note(call, Instant::now(), shown);
                for entry in page {
                    let own = link(holder, &entry).filter(|_| holder.place.has_name(&entry.dn));
                    let Some(link) = own else { continue };
                    if let Some(only) = single {
                        found.push((only.id.clone(), link, entry.dn));
                        continue;
                    }
                    let members = entry.texts(&column.name).filter_map(of_value);
                    found.extend(members.map(|id| (id.clone(), link.clone(), entry.dn.clone())));
                }
            }
        }
        self.add_computed(call, tenant, &holders, &targets, &mut found).await?;
        Ok(found.into_iter().map(|(id, link, _)| (id, link)).collect())
    }

    /// The entries of these ids as others refer to them, with the groups that the directory says they are in.
    async fn held(
        &self,
        tenant: &Tenant,
        call: &Call,
        of: &Kind,
        ids: &[ResourceId],
        column: &LinkColumn,
    ) -> Result<Vec<Held>> {
        let Some(mapping) = tenant.mapping(of) else { return Ok(Vec::new()) };
        let by = mapping.columns.iter().find(|own| column.by_name && own.at.attr().name == "userName");
        let held = |(id, seen): (ResourceId, Seen)| {
            let (value, key) = match by {
                Some(_) => (seen.user_name.clone()?, seen.user_name?),
                None => (seen.dn.as_str().to_owned(), seen.dn.key().to_string()),
            };
            Some(Held { id, value, key, groups: seen.groups, primary: seen.primary })
        };
        if let Some(seen) = self.recent.of(call, Instant::now(), ids) {
            return Ok(seen.into_iter().filter_map(held).collect());
        }
        let mut names = vec![mapping.id.name.clone()];
        names.extend(by.map(|own| own.name.clone()));
        if self.features.member_of && !column.by_name {
            names.push(MEMBER_OF);
        }
        if column.by_primary {
            names = with_names(names, TOLD_BY);
        }
        let entries = Box::pin(self.entries(call, mapping, ids, names, |search| search)).await;
        let entries = entries.map_err(|error| error.during("find entries by id"))?;
        let of = |entry: Entry| Some((mapping.id_of(&entry)?, seen(mapping, &entry)));
        Ok(entries.into_iter().filter_map(of).filter_map(held).collect())
    }

    /// Groups that do not name a member and have it all the same: by nesting, by a search, where the directory works that out.
    async fn add_computed(
        &self,
        call: &Call,
        tenant: &Tenant,
        holders: &[Kind],
        targets: &[Held],
        found: &mut Vec<(ResourceId, Link, Dn)>,
    ) -> Result<()> {
        let known: HashSet<(ResourceId, Dn)> = found.iter().map(|(id, _, dn)| (id.clone(), dn.clone())).collect();
        let own = |one: &'_ Held| {
            let id = one.id.clone();
            one.groups.clone().into_iter().flatten().map(move |dn| (id.clone(), dn))
        };
        let more = targets.iter().flat_map(own);
        let more: Vec<(ResourceId, Dn)> = more.filter(|one| !known.contains(one)).collect();
        if more.is_empty() {
            return Ok(());
        }
        let names: HashSet<Dn> = more.iter().map(|(_, dn)| dn.clone()).collect();
        let links = self.links(call, tenant, holders, names.into_iter().collect()).await?;
        found.extend(more.into_iter().filter_map(|(id, dn)| {
            let link = links.get(&dn)?;
            Some((id, Link { indirect: true, ..link.clone() }, dn))
        }));
        Ok(())
    }

    /// The same search, asking for what its links show.
    pub(super) fn with_links(&self, columns: &[(&LinkSelect, &LinkColumn)], mut search: Search) -> Search {
        let deref = self.dereferences(columns);
        for (_, column) in columns {
            if column.by_primary {
                search.attributes = with_names(std::mem::take(&mut search.attributes), [OBJECT_SID]);
            }
            if deref {
                search.controls.extend(column.deref.clone());
            } else {
                search.attributes = with_names(std::mem::take(&mut search.attributes), [column.name.clone()]);
            }
        }
        search
    }
}

/// What came beside an entry of those it refers to.
pub(crate) fn dereferenced(column: &LinkColumn, entry: &Entry) -> Result<Vec<Entry>> {
    let found = controls::dereferenced(&entry.controls).map_err(|bad| LdapError::from(bad).during("read members"))?;
    let own = found.into_iter().filter(|one| one.of == column.name);
    // One that is not there comes without attributes.
    let entries = own.filter(|one| !one.attributes.is_empty()).filter_map(|one| {
        let dn = Dn::parse(std::str::from_utf8(&one.dn).ok()?).ok()?;
        Some(Entry { dn, attributes: one.attributes, controls: Vec::new() })
    });
    Ok(entries.collect())
}

/// Does this name stand for nobody?
pub(super) fn is_placeholder(column: &LinkColumn, dn: &Dn) -> bool {
    column.placeholder.as_ref() == Some(dn) || NOBODY.contains(&dn.as_str())
}
