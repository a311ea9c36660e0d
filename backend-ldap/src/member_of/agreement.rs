//! Do entries say the same of their groups as the groups say of their members? Both sides come one after the other, in any
//! order, and are kept as numbers, so that millions of memberships fit in memory.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::ldap::Dn;

/// Memberships that are compared; with more, nothing is certain.
pub(super) const MOST: usize = 2_000_000;
/// Memberships that only one side tells of, each of which is looked at again; with more the sides differ.
pub(super) const DOUBTS: usize = 1_000;

/// More memberships than are compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Whom groups name, while they come.
#[derive(Debug, Default)]
pub(super) struct Named {
    groups: Vec<u64>,
    inside: Vec<u64>,
    strangers: Vec<u64>,
}

impl Named {
    /// There is this group.
    pub(super) fn group(&mut self, group: &Dn) {
        self.groups.push(number(group, group));
    }

    /// This group names this member: one who may be shown, or a stranger.
    pub(super) fn name(&mut self, group: &Dn, member: &Dn, inside: bool) -> Result<(), TooMany> {
        if self.inside.len() + self.strangers.len() >= MOST {
            return Err(TooMany);
        }
        let side = if inside { &mut self.inside } else { &mut self.strangers };
        side.push(number(group, member));
        Ok(())
    }

    /// All groups have come.
    pub(super) fn finish(self) -> Comparison {
        let Named { mut groups, mut inside, mut strangers } = self;
        for side in [&mut groups, &mut inside, &mut strangers] {
            side.sort_unstable();
            side.dedup();
        }
        Comparison { said: vec![false; inside.len()], groups, inside, strangers, extra: Vec::new(), extras: 0 }
    }
}

/// Whom groups name, against what entries say while they come.
#[derive(Debug)]
pub(super) struct Comparison {
    groups: Vec<u64>,
    inside: Vec<u64>,
    said: Vec<bool>,
    strangers: Vec<u64>,
    /// The first of those that entries say and neither groups nor nesting explains: (who, group).
    extra: Vec<(Dn, Dn)>,
    extras: usize,
}

impl Comparison {
    /// This entry says it is in these groups. Those that never came do not count: nobody is shown as being in them.
    pub(super) fn say(&mut self, entry: &Dn, groups: &[Dn]) {
        for group in groups {
            if self.groups.binary_search(&number(group, group)).is_err() {
                continue;
            }
            if let Ok(at) = self.inside.binary_search(&number(group, entry)) {
                if let Some(said) = self.said.get_mut(at) {
                    *said = true;
                }
            } else if !self.is_nested(group, groups) {
                self.extras += 1;
                if self.extra.len() < DOUBTS {
                    self.extra.push((entry.clone(), group.clone()));
                }
            }
        }
    }

    /// Does this group have one of these as a member? Then whoever is in that one may well be in this one.
    pub(super) fn is_nested(&self, group: &Dn, among: &[Dn]) -> bool {
        among.iter().any(|inner| self.is_named(group, inner))
    }

    fn is_named(&self, group: &Dn, member: &Dn) -> bool {
        let pair = number(group, member);
        self.inside.binary_search(&pair).is_ok() || self.strangers.binary_search(&pair).is_ok()
    }

    /// Is this one of the memberships that a group told and no entry did?
    pub(super) fn is_silent(&self, group: &Dn, member: &Dn) -> bool {
        let at = self.inside.binary_search(&number(group, member)).ok();
        at.and_then(|at| self.said.get(at)).is_some_and(|said| !said)
    }

    /// How many of these there are.
    pub(super) fn silent(&self) -> usize {
        self.said.iter().filter(|said| !**said).count()
    }

    /// Those that entries say alone, as many as are looked at, and how many there are.
    pub(super) fn extra(&self) -> (&[(Dn, Dn)], usize) {
        (&self.extra, self.extras)
    }

    /// Memberships that both sides could tell of.
    pub(super) fn memberships(&self) -> usize {
        self.inside.len()
    }

    /// Do groups have members that are never shown? Through them somebody may be in a group whom it does not name.
    pub(super) fn has_strangers(&self) -> bool {
        !self.strangers.is_empty()
    }
}

fn number(group: &Dn, member: &Dn) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(group.key().as_bytes());
    // No text of a name holds it.
    hasher.write_u8(0xff);
    hasher.write(member.key().as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(text: &str) -> Dn {
        Dn::parse(&format!("cn={text},dc=x")).unwrap()
    }

    fn compared(named: &[(&str, &str)], said: &[(&str, &[&str])]) -> Comparison {
        let mut sides = Named::default();
        for (group, member) in named {
            sides.group(&dn(group));
            sides.name(&dn(group), &dn(member), !member.starts_with("stranger")).unwrap();
        }
        let mut comparison = sides.finish();
        for (entry, groups) in said {
            let groups: Vec<Dn> = groups.iter().map(|group| dn(group)).collect();
            comparison.say(&dn(entry), &groups);
        }
        comparison
    }

    fn extra(comparison: &Comparison) -> Vec<(Dn, Dn)> {
        comparison.extra().0.to_vec()
    }

    #[test]
    fn two_sides_that_say_the_same_agree() {
        let named = [("a", "ann"), ("b", "ann"), ("b", "bob"), ("b", "ann")];
        let both = compared(&named, &[("bob", &["b", "elsewhere"]), ("ann", &["a", "b"]), ("cid", &[])]);
        assert_eq!((both.silent(), extra(&both), both.memberships(), both.has_strangers()), (0, vec![], 3, false));
    }

    #[test]
    fn what_one_side_says_alone_is_found() {
        let both = compared(&[("a", "ann"), ("b", "bob")], &[("ann", &["a", "b", "elsewhere"]), ("bob", &[])]);
        assert_eq!((both.silent(), both.is_silent(&dn("b"), &dn("bob"))), (1, true));
        assert!(!both.is_silent(&dn("a"), &dn("ann")) && !both.is_silent(&dn("c"), &dn("ann")));
        assert_eq!(extra(&both), [(dn("ann"), dn("b"))]);
    }

    #[test]
    fn nesting_explains_what_only_entries_say() {
        // c holds b, b holds a, a holds ann: a directory that works nesting out says all three of her.
        let named = [("a", "ann"), ("b", "a"), ("c", "b"), ("d", "stranger")];
        let said: &[(&str, &[&str])] =
            &[("ann", &["a", "b", "c"]), ("a", &["b", "c"]), ("b", &["c"]), ("bob", &["stranger", "d"])];
        let both = compared(&named, said);
        // Of a stranger nobody can say whom it holds: whoever is in it may be where it is.
        assert_eq!((both.silent(), extra(&both), both.has_strangers()), (0, vec![], true));
    }
}
