//! What a directory can do, as far as the store goes by it.

use crate::ldap::{AttributeName, Dn};
use crate::mapping::tables::Product;

/// What a directory can do, found by probing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Features {
    /// Which tables are its.
    pub product: Product,
    /// It resolves the references of an entry as it sends it.
    pub deref: bool,
    /// It sends those values alone that a filter names (RFC 3876).
    pub matched_values: bool,
    /// It compares before it writes (RFC 4528).
    pub assertion: bool,
    /// What it does by itself on other entries inherits the assertion, which does not hold there: OpenLDAP's memberof overlay then leaves
    /// those entries as they were, and says nothing.
    pub assertion_spreads: bool,
    /// It sends the entry as it has become (RFC 4527).
    pub post_read: bool,
    /// Several writes are one (RFC 5805).
    pub transactions: bool,
    /// It finds entries by `entryDN` (RFC 5020).
    pub entry_dn: bool,
    /// Passwords can be set: there is a way, and the connection is protected.
    pub passwords: bool,
    /// The references that it keeps right by itself when an entry goes or is renamed.
    pub integrity: Upheld,
    /// It says of an entry in which groups it is (`memberOf`).
    pub member_of: bool,
    /// It keeps that by itself: nobody else can write it, or need to.
    pub keeps_member_of: bool,
    /// It says so of the groups that name the entry alone, and not of those that these are in.
    pub direct_member_of: bool,
    /// It can leave out references to other naming contexts, which nobody follows.
    pub domain_scope: bool,
    /// A user is in one group by its own number alone (`primaryGroupID`), which neither that group nor `memberOf` tells.
    pub primary_groups: bool,
    /// It may put a new entry into groups by itself: dynamic groups, automatic members, primary groups.
    pub joins: bool,
    /// What it finds by an index; None where that is not known.
    pub indexed: Option<Indexed>,
}

/// The attributes that are found by equality through an index, each with the entry below which that is so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Indexed(pub Vec<(AttributeName, Dn)>);

impl Indexed {
    /// Is this one found so below this entry?
    pub fn has(&self, name: &AttributeName, base: &Dn) -> bool {
        self.0.iter().any(|(own, below)| own == name && base.is_within(below))
    }
}

/// References that a directory keeps right by itself when an entry goes or is renamed.
#[derive(Debug, Clone, PartialEq)]
pub enum Upheld {
    /// All of them.
    All,
    /// These.
    Of(Vec<Reference>),
}

/// Values of an attribute, in some places, that lead to entries in some places.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The attribute.
    pub name: AttributeName,
    /// Where the entries stand that it leads to.
    pub entries: Vec<Dn>,
    /// Where those stand that hold it.
    pub holders: Vec<Dn>,
}

impl Default for Upheld {
    fn default() -> Self {
        Upheld::Of(Vec::new())
    }
}

impl Upheld {
    /// Are all values of this attribute kept right, of the holders below this entry, that lead to this one?
    pub fn has(&self, name: &AttributeName, holders: &Dn, entry: &Dn) -> bool {
        let within = |one: &Dn, places: &[Dn]| places.iter().any(|place| one.is_within(place));
        match self {
            Upheld::All => true,
            Upheld::Of(all) => {
                all.iter().any(|own| own.name == *name && within(entry, &own.entries) && within(holders, &own.holders))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_counts_in_its_own_database() {
        let dn = |text: &str| Dn::parse(text).unwrap();
        let indexed = Indexed(vec![(AttributeName::known("uid"), dn("dc=x")), (AttributeName::known("cn"), dn("o=y"))]);
        assert!(indexed.has(&AttributeName::known("UID"), &dn("ou=people,dc=x")));
        assert!(!indexed.has(&AttributeName::known("cn"), &dn("ou=people,dc=x")));
        assert!(!indexed.has(&AttributeName::known("uid"), &dn("ou=people,o=y")));
    }
}
