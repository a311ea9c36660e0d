//! Where people and groups are in a directory that nobody described: looked for from its top.

use crate::directory::{Call, Directory};
use crate::ldap::{AttributeName, Dn, Filter, LdapError, Reach, Search};
use crate::mapping::tables::{self, Product};
use crate::profile::Profile;

/// So many entries tell where the others are.
const SAMPLE: u32 = 500;

/// Where the entries of a type are.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Above all of them.
    pub base: Dn,
    /// Which they are, as filter text.
    pub filter: &'static str,
    /// The object class of a new one.
    pub class: &'static str,
    /// For groups: what holds members.
    pub members: Option<&'static str>,
    /// How many were seen.
    pub seen: usize,
}

/// Kinds of groups: the filter, the class, what holds members.
const GROUPS: &[(&str, &str, &str)] = &[
    ("(objectClass=groupOfNames)", "groupOfNames", "member"),
    ("(objectClass=groupOfUniqueNames)", "groupOfUniqueNames", "uniqueMember"),
    ("(objectClass=posixGroup)", "posixGroup", "memberUid"),
];

/// Where the people are. None: none is seen.
///
/// # Errors
/// The directory cannot be reached.
pub async fn people(
    directory: &Directory,
    call: &Call,
    profile: &Profile,
    product: Product,
) -> Result<Option<Found>, LdapError> {
    let table = tables::users(product);
    let class = table.classes.first().copied().unwrap_or_default();
    look(directory, call, profile, table.filter, class, None).await
}

/// Where the groups are: those of the kind of which there are most. None: none is seen.
///
/// # Errors
/// The directory cannot be reached.
pub async fn groups(
    directory: &Directory,
    call: &Call,
    profile: &Profile,
    product: Product,
) -> Result<Option<Found>, LdapError> {
    if matches!(product, Product::ActiveDirectory | Product::Samba | Product::FreeIpa) {
        let table = tables::groups(product);
        let class = table.classes.first().copied().unwrap_or_default();
        return look(directory, call, profile, table.filter, class, Some("member")).await;
    }
    let mut best: Option<Found> = None;
    for (filter, class, members) in GROUPS {
        let found = look(directory, call, profile, filter, class, Some(members)).await?;
        if let Some(found) = found.filter(|found| best.as_ref().is_none_or(|best| best.seen < found.seen)) {
            best = Some(found);
        }
    }
    Ok(best)
}

async fn look(
    directory: &Directory,
    call: &Call,
    profile: &Profile,
    filter: &'static str,
    class: &'static str,
    members: Option<&'static str>,
) -> Result<Option<Found>, LdapError> {
    let Some(top) = profile.root.suffix() else { return Ok(None) };
    let parsed = Filter::parse(filter).map_err(|bad| LdapError::Request(bad.to_string()))?;
    let search = Search::new(top, Reach::Tree, parsed, Vec::<AttributeName>::new());
    let entries = match directory.walk(call, search, SAMPLE).next().await {
        Ok(page) => page.unwrap_or_default(),
        Err(LdapError::Refused(result)) if !result.code.is_down() => Vec::new(),
        Err(error) => return Err(error),
    };
    let parents = entries.iter().filter_map(|entry| entry.dn.parent()).collect::<Vec<_>>();
    Ok(above(&parents).map(|base| Found { base, filter, class, members, seen: entries.len() }))
}

/// The deepest name that all of these are within.
fn above(names: &[Dn]) -> Option<Dn> {
    let mut base = names.first()?.clone();
    for name in names {
        while !name.is_within(&base) {
            base = base.parent()?;
        }
    }
    Some(base).filter(|base| !base.is_root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_above_all_and_no_higher() {
        let check = |names: &[&str], expected: Option<&str>| {
            let names = names.iter().map(|name| Dn::parse(name).unwrap()).collect::<Vec<_>>();
            assert_eq!(above(&names), expected.map(|name| Dn::parse(name).unwrap()));
        };
        check(&["ou=people,dc=x", "ou=people,dc=x"], Some("ou=people,dc=x"));
        check(&["ou=a,ou=people,dc=x", "ou=b,ou=people,dc=x"], Some("ou=people,dc=x"));
        check(&["ou=people,dc=x", "ou=a,ou=people,dc=x"], Some("ou=people,dc=x"));
        check(&["ou=a,dc=x", "ou=a,dc=y"], None);
        check(&[], None);
    }
}
