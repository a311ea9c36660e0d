//! Who is in which group, by what entries say themselves (`memberOf`): whether that is true is found out, not believed.
//!
//! An attribute of this name may be kept by the directory, computed by it, written by a script of years ago, kept only since
//! some day, or be hidden from the account in part. So it counts only where the directory keeps it ([`Kept`]) and a comparison of all
//! memberships on each of its servers showed that entries and groups say the same; and no longer than an hour, nor after a server
//! was lost. `agreement` the comparison as such · `belief` how long it counts, and when to compare again.
//!
//! [`Kept`]: crate::profile::Kept

mod agreement;
mod belief;

use crate::directory::{Call, Directory};
use crate::ldap::{AttributeName, Dn, Entry, Filter, LdapError, Reach, Search};
use crate::mapping::{LinkColumn, Mapping};
use crate::tenant::Tenant;

use agreement::{Comparison, DOUBTS, MOST, Named};
pub(crate) use belief::{Belief, Reliance};

/// The groups of an entry, where the directory says so.
pub(crate) const MEMBER_OF: AttributeName = AttributeName::known("memberOf");
/// Groups of a page: they come with all their members.
const GROUPS: u32 = 20;
/// What makes a group one whose members are computed (OpenLDAP's dynlist).
const MEMBER_URL: AttributeName = AttributeName::known("memberURL");

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// Entries and groups say the same of so many memberships.
    Yes {
        /// How many.
        memberships: usize,
        /// Do groups have members that are never shown?
        strangers: bool,
    },
    /// They do not, or it cannot be told.
    No(String),
    /// There is nothing to compare yet.
    Nothing,
}

/// The holders of a tenant's groups and the column of their members, by name of entry: what `memberOf` could say.
pub(crate) fn column(tenant: &Tenant) -> Option<(&Mapping, &LinkColumn)> {
    tenant.mappings().iter().find_map(|mapping| {
        let nested = |column: &&LinkColumn| column.link.multi_valued() && !column.by_name;
        Some((&**mapping, mapping.links.iter().find(nested)?))
    })
}

/// Compares all memberships of a tenant, on each server of the directory.
///
/// # Errors
/// A server cannot be reached, or does not answer.
pub(crate) async fn compare(
    directory: &Directory,
    call: &Call,
    tenant: &Tenant,
    page: u32,
) -> Result<Agreement, LdapError> {
    let Some((groups, column)) = column(tenant) else {
        return Ok(Agreement::No("members stand in no attribute that memberOf answers to".into()));
    };
    let mut agreement = Agreement::Nothing;
    for server in directory.each() {
        let sides = Sides { directory: &server, call, tenant, groups, column, page };
        agreement = sides.compare().await?;
        if !matches!(agreement, Agreement::Yes { .. }) {
            return Ok(agreement);
        }
    }
    Ok(agreement)
}

/// One server, and what is compared there.
struct Sides<'a> {
    directory: &'a Directory,
    call: &'a Call,
    tenant: &'a Tenant,
    groups: &'a Mapping,
    column: &'a LinkColumn,
    page: u32,
}

impl Sides<'_> {
    async fn compare(&self) -> Result<Agreement, LdapError> {
        let mut named = Named::default();
        let mut walk = self.walk(self.groups, vec![self.column.name.clone(), MEMBER_URL]);
        while let Some(page) = walk.next().await? {
            for group in page.iter().filter(|entry| self.groups.place.has_name(&entry.dn)) {
                if !group.values(&MEMBER_URL).is_empty() {
                    return Ok(Agreement::No(format!("{} has members that the directory computes", group.dn)));
                }
                named.group(&group.dn);
                let mut all = Ok(());
                each_name(self.directory, self.call, group, &self.column.name, |member| {
                    if let (Ok(()), Some(member)) = (&all, member) {
                        all = named.name(&group.dn, &member, self.inside(&member));
                    }
                })
                .await?;
                if all.is_err() {
                    return Ok(Agreement::No(format!("there are more than {MOST} memberships to compare")));
                }
            }
        }
        let mut comparison = named.finish();
        for mapping in self.tenant.of(&self.column.link.kinds) {
            let mut walk = self.walk(mapping, vec![MEMBER_OF]);
            while let Some(page) = walk.next().await? {
                for entry in page.iter().filter(|entry| mapping.place.has_name(&entry.dn)) {
                    let said = names(self.directory, self.call, entry, &MEMBER_OF).await?;
                    comparison.say(&entry.dn, &said);
                }
            }
        }
        self.judge(&comparison).await
    }

    fn walk(&self, mapping: &Mapping, attributes: Vec<AttributeName>) -> crate::directory::Walk {
        let place = &mapping.place;
        let search = Search::new(&place.base, place.reach, place.filter.clone(), attributes);
        let page = if std::ptr::eq(mapping, self.groups) { self.page.min(GROUPS) } else { self.page };
        self.directory.walk(self.call, search, page)
    }

    /// May this one be shown as a member?
    fn inside(&self, member: &Dn) -> bool {
        self.tenant.of(&self.column.link.kinds).any(|mapping| mapping.place.has_name(member))
    }

    /// What only one side told is looked at again: it may have changed meanwhile, or be a member that is not there.
    async fn judge(&self, comparison: &Comparison) -> Result<Agreement, LdapError> {
        let (memberships, silent) = (comparison.memberships(), comparison.silent());
        let (extra, extras) = comparison.extra();
        if silent > DOUBTS {
            return Ok(Agreement::No(format!("memberOf lacks {silent} of {memberships} memberships")));
        }
        if extras > DOUBTS {
            return Ok(Agreement::No(format!("memberOf tells of {extras} memberships that no group does")));
        }
        let mut doubts: Vec<(Dn, Dn)> = extra.to_vec();
        if silent > 0 {
            doubts.extend(self.silent(comparison).await?);
        }
        for (who, group) in doubts {
            if let Some(why) = self.differ(comparison, &who, &group).await? {
                return Ok(Agreement::No(why));
            }
        }
        Ok(match memberships {
            0 => Agreement::Nothing,
            memberships => Agreement::Yes { memberships, strangers: comparison.has_strangers() },
        })
    }

    /// Those whom a group named and who did not say so: (who, group).
    async fn silent(&self, comparison: &Comparison) -> Result<Vec<(Dn, Dn)>, LdapError> {
        let mut found = Vec::new();
        let mut walk = self.walk(self.groups, vec![self.column.name.clone()]);
        while let Some(page) = walk.next().await? {
            for group in &page {
                each_name(self.directory, self.call, group, &self.column.name, |member| {
                    if let Some(member) = member.filter(|member| comparison.is_silent(&group.dn, member)) {
                        found.push((member, group.dn.clone()));
                    }
                })
                .await?;
            }
        }
        Ok(found)
    }

    /// How entry and group differ now; None: they do not, or there is no such entry.
    async fn differ(&self, comparison: &Comparison, who: &Dn, group: &Dn) -> Result<Option<String>, LdapError> {
        let mapping = self.tenant.of(&self.column.link.kinds).find(|mapping| mapping.place.has_name(who));
        let Some(mapping) = mapping else { return Ok(None) };
        let at = |dn: &Dn, filter, names| Search::new(dn, Reach::Base, filter, names);
        let search = at(who, mapping.place.filter.clone(), vec![MEMBER_OF]);
        let Some(entry) = self.directory.entry(self.call, &search).await? else { return Ok(None) };
        let said = names(self.directory, self.call, &entry, &MEMBER_OF).await?;
        let is_member = Filter::equal(self.column.name.clone(), who.as_str().to_owned());
        let search = at(group, Filter::all([self.groups.place.filter.clone(), is_member]), Vec::new());
        let named = self.directory.entry(self.call, &search).await?.is_some();
        let says = said.contains(group);
        Ok(match (named, says) {
            (true, false) => Some(format!("{who} is a member of {group}, and its memberOf does not say so")),
            (false, true) if !comparison.is_nested(group, &said) => self
                .is_group(group)
                .await?
                .then(|| format!("memberOf of {who} names {group}, which does not have it as a member")),
            _ => None,
        })
    }

    /// Is this name one of a group that may be shown? What else an entry says it is in does not count.
    async fn is_group(&self, dn: &Dn) -> Result<bool, LdapError> {
        let search = Search::new(dn, Reach::Base, self.groups.place.filter.clone(), Vec::new());
        Ok(self.directory.entry(self.call, &search).await?.is_some())
    }
}

/// Each name in an attribute of an entry, also where the server sends it in parts (Active Directory); None for a value that is no name.
///
/// # Errors
/// The parts cannot be read.
pub(crate) async fn each_name(
    directory: &Directory,
    call: &Call,
    entry: &Entry,
    name: &AttributeName,
    mut with: impl FnMut(Option<Dn>),
) -> Result<(), LdapError> {
    let parse = |value: &bytes::Bytes| Dn::parse(std::str::from_utf8(value).ok()?).ok();
    entry.values(name).iter().for_each(|value| with(parse(value)));
    let mut part = entry.part(name.base()).cloned();
    while let Some(attribute) = part.take() {
        attribute.values.iter().for_each(|value| with(parse(value)));
        let Some((_, Some(last))) = attribute.name.range() else { break };
        let search = Search::entry(entry.dn.clone(), vec![name.from_value(last + 1)]);
        let more = directory.entry(call, &search).await?;
        part = more.and_then(|entry| entry.part(name.base()).cloned()).filter(|part| !part.values.is_empty());
    }
    Ok(())
}

/// All of them that are names.
///
/// # Errors
/// As [`each_name`].
pub(crate) async fn names(
    directory: &Directory,
    call: &Call,
    entry: &Entry,
    name: &AttributeName,
) -> Result<Vec<Dn>, LdapError> {
    let mut names = Vec::new();
    each_name(directory, call, entry, name, |dn| names.extend(dn)).await?;
    Ok(names)
}
