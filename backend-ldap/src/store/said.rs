//! Who refers to entries, by what these say themselves: no search for each page of users, where `memberOf` may be relied on.

use std::sync::Arc;
use std::time::Instant;

use foldhash::HashMap;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use scim_core::store::{Label, Link, ResourceId, Result};

use crate::directory::Call;
use crate::ldap::{AttributeName, Dn, Entry, Filter, LdapError, Reach, Search};
use crate::mapping::{LinkColumn, Mapping};
use crate::member_of::{self, Agreement, MEMBER_OF, Reliance};
use crate::settings::MemberOf;
use crate::tenant::Tenant;

use super::Inner;
use super::members::Held;
use super::names::{AT_ONCE, CHUNK, READS};
use super::read::seen;
use super::shelf::Known;

/// Who refers to whom.
type Holders = Vec<(ResourceId, Link)>;

impl Inner {
    /// Compares what entries and groups say, in the background, where that is due.
    pub(super) fn weigh(self: &Arc<Self>, tenant: &Arc<Tenant>, call: &Call) {
        let possible = self.features.member_of && self.features.keeps_member_of;
        let (begun, losses) = (Instant::now(), self.directory.losses());
        if !possible
            || self.settings.authorize_as.is_some()
            || self.settings.member_of != MemberOf::Auto
            || !tenant.belief.begin(begun, losses)
        {
            return;
        }
        let (inner, tenant) = (self.clone(), tenant.clone());
        let call = Call { who: call.who.clone(), ..Call::default() };
        tokio::spawn(async move {
            let compared = member_of::compare(&inner.directory, &call, &tenant, inner.settings.page).await;
            let agreement = compared.inspect_err(|error| {
                tracing::debug!(tenant = %tenant.id, %error, "memberOf was not compared with the groups");
            });
            let agreement = agreement.ok();
            let says = agreement.clone();
            if !tenant.belief.end(begun, Instant::now(), losses, agreement) {
                return;
            }
            match says {
                Some(Agreement::Yes { memberships, .. }) => {
                    tracing::info!(tenant = %tenant.id, memberships, "memberOf agrees with the groups, and is relied on");
                }
                Some(Agreement::No(why)) => {
                    tracing::info!(tenant = %tenant.id, %why, "memberOf is not relied on: groups are searched for their members");
                }
                Some(Agreement::Nothing) | None => {}
            }
        });
    }

    fn reliance(&self, tenant: &Tenant, column: &LinkColumn) -> Option<Reliance> {
        let counts =
            self.features.member_of && member_of::column(tenant).is_some_and(|(_, own)| own.name == column.name);
        // What one client sees of groups is nothing to another, and not what was compared.
        let own = self.settings.authorize_as.is_some();
        match self.settings.member_of {
            _ if !counts || own => None,
            MemberOf::Never => None,
            MemberOf::Always => Some(Reliance { strangers: true }),
            MemberOf::Auto => tenant.belief.reliance(Instant::now(), self.directory.losses()),
        }
    }

    /// The holders of those who say them, and those who have to be searched for: all of them, where nobody is to be believed.
    pub(super) async fn said(
        &self,
        tenant: &Tenant,
        call: &Call,
        groups: &Mapping,
        column: &LinkColumn,
        targets: Vec<Held>,
    ) -> Result<(Holders, Vec<Held>)> {
        let Some(reliance) = self.reliance(tenant, column) else { return Ok((Vec::new(), targets)) };
        let known = self.known(tenant, call, groups, &targets).await?;
        let noted = known.values().map(|known| (known.link.target.id.clone(), known.seen.clone()));
        self.recent.note(call, Instant::now(), noted);
        let (mut told, mut open) = (Vec::new(), Vec::new());
        for target in targets {
            let clear = |own: &Vec<Dn>| {
                self.features.direct_member_of || is_clear(own, &known, reliance, |dn| groups.place.has_name(dn))
            };
            match target.groups.as_ref().filter(|own| clear(own)) {
                Some(own) => {
                    let links = own.iter().filter_map(|dn| known.get(dn));
                    told.extend(links.map(|known| (target.id.clone(), known.link.clone())));
                }
                None => open.push(target),
            }
        }
        Ok((told, open))
    }

    /// The groups that these say they are in, as far as they are the tenant's.
    async fn known(
        &self,
        tenant: &Tenant,
        call: &Call,
        groups: &Mapping,
        targets: &[Held],
    ) -> Result<HashMap<Dn, Arc<Known>>> {
        let names = || targets.iter().filter_map(|one| one.groups.as_ref()).flatten();
        let now = Instant::now();
        let (mut known, age) = self.shelf.get(&tenant.id, names(), now);
        let mut missing: Vec<&Dn> =
            names().filter(|dn| !known.contains_key(*dn) && groups.place.has_name(dn)).collect();
        missing.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        missing.dedup();
        if missing.is_empty() {
            return Ok(known);
        }
        let entries = Box::pin(self.groups_of(call, tenant, groups, &missing)).await;
        let entries = entries.map_err(|error| error.during("read groups"))?;
        let read = entries.iter().filter_map(|entry| {
            let target = scim_core::store::Key { kind: groups.rt.kind.clone(), id: groups.id_of(entry)? };
            let link = Link { target, display: groups.label_of(entry).map(Label::from), indirect: false };
            Some(Arc::new(Known { link, seen: seen(groups, entry) }))
        });
        let read: Vec<Arc<Known>> = read.collect();
        self.shelf.put(&tenant.id, age, now, &read);
        known.extend(read.into_iter().map(|known| (known.seen.dn.clone(), known)));
        Ok(known)
    }

    /// Those of these names that are groups of the tenant's.
    async fn groups_of(
        &self,
        call: &Call,
        tenant: &Tenant,
        groups: &Mapping,
        names: &[&Dn],
    ) -> std::result::Result<Vec<Entry>, LdapError> {
        let place = &groups.place;
        let mut attributes = tenant.reference_attributes(std::slice::from_ref(&groups.rt.kind));
        attributes.push(MEMBER_OF);
        let (searches, at_once): (Vec<Search>, usize) = if self.features.entry_dn {
            let equal = |dn: &&Dn| Filter::equal(AttributeName::known("entryDN"), dn.as_str().to_owned());
            let any = |chunk: &[&Dn]| {
                let filter = Filter::all([place.filter.clone(), Filter::any(chunk.iter().map(equal))]);
                Search::new(&place.base, place.reach, filter, attributes.clone())
            };
            (names.chunks(CHUNK).map(any).collect(), AT_ONCE)
        } else {
            let one = |dn: &&Dn| Search::new(*dn, Reach::Base, place.filter.clone(), attributes.clone());
            (names.iter().map(one).collect(), READS)
        };
        let searches = searches.into_iter().map(|search| async move {
            match self.search(call, &search).await {
                // One that is gone.
                Err(LdapError::Refused(result)) if result.code == crate::ldap::Code::NO_SUCH_OBJECT => Ok(Vec::new()),
                found => found,
            }
        });
        let found: Vec<Vec<Entry>> = stream::iter(searches).buffered(at_once).try_collect().await?;
        Ok(found.into_iter().flatten().filter(|entry| place.has_name(&entry.dn)).collect())
    }
}

/// Is each of these groups one that names the entry? A directory may work nesting out, and then says of groups within groups as well:
/// where one of them is in another, the groups have to be asked.
fn is_clear(own: &[Dn], known: &HashMap<Dn, Arc<Known>>, reliance: Reliance, inside: impl Fn(&Dn) -> bool) -> bool {
    own.iter().all(|dn| match known.get(dn) {
        Some(known) => known.seen.groups.as_ref().is_some_and(|above| !above.iter().any(|above| own.contains(above))),
        // A group that has another name by now, perhaps. And what is none of the tenant's groups may be in one of them.
        None => !inside(dn) && !reliance.strangers,
    })
}

#[cfg(test)]
mod tests {
    use scim_core::schema::Kind;
    use scim_core::store::Key;

    use super::super::recent::Seen;
    use super::*;

    fn dn(name: &str) -> Dn {
        Dn::parse(&format!("cn={name},dc=x")).unwrap()
    }

    fn known(groups: &[(&str, Option<&[&str]>)]) -> HashMap<Dn, Arc<Known>> {
        let one = |(name, above): &(&str, Option<&[&str]>)| {
            let target = Key { kind: Kind::new("Group"), id: ResourceId::new(name) };
            let groups = above.map(|above| above.iter().map(|name| dn(name)).collect());
            let seen = Seen { dn: dn(name), user_name: None, groups, primary: None };
            (dn(name), Arc::new(Known { link: Link { target, display: None, indirect: false }, seen }))
        };
        groups.iter().map(one).collect()
    }

    #[test]
    fn groups_within_groups_have_to_be_asked() {
        let known = known(&[("a", Some(&["b"])), ("b", Some(&[])), ("c", Some(&["elsewhere"])), ("part", None)]);
        let check = |own: &[&str], strangers: bool| {
            let own: Vec<Dn> = own.iter().map(|name| dn(name)).collect();
            is_clear(&own, &known, Reliance { strangers }, |dn| !dn.key().starts_with("cn=stranger"))
        };
        assert!(check(&[], true) && check(&["a"], true) && check(&["b", "c"], true) && check(&["a", "c"], true));
        assert!(!check(&["a", "b"], true), "in b by a, or by itself");
        assert!(!check(&["b", "a", "c"], false));
        assert!(!check(&["part"], false), "what it is in is not known");
        assert!(!check(&["a", "renamed"], false), "it may have another name");
        assert!(check(&["c", "stranger"], false) && !check(&["c", "stranger"], true));
    }
}
