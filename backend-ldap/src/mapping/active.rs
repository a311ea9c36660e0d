//! Who may log in: `active`, as each kind of directory keeps it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use scim_core::clock::Timestamp;

use crate::ldap::{AttributeName, Change, Dn, Entry, Filter};

/// How a directory says that a user may not log in.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Active {
    /// It does not: everybody is active, and nobody can be made otherwise.
    #[default]
    Always,
    /// The second bit of `userAccountControl` (Active Directory).
    AdControl,
    /// `nsAccountLock` is true (389-DS, FreeIPA).
    NsAccountLock,
    /// `pwdAccountLockedTime` is the mark of an administrator (the password policy of OpenLDAP). A time in its place
    /// passes by itself and is none of ours.
    PpolicyLock,
    /// An attribute says so with one of two values.
    #[expect(missing_docs, reason = "said above")]
    Attribute { name: AttributeName, on: String, off: String },
    /// `shadowExpire` (RFC 2307) is a day that is over.
    ShadowExpire(Today),
    /// A group says so, by who is its member.
    Group(Switch),
    /// Entries of those who are not stand below this one.
    Below(Dn),
}

/// A group whose members are active, or are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Switch {
    /// The group.
    pub group: Dn,
    /// The attribute of its members, who stand there by name.
    pub members: AttributeName,
    /// Are members active?
    pub on: bool,
}

/// The day, as the last request said. Clones are the same.
#[derive(Clone, Default)]
pub struct Today(Arc<AtomicI64>);

impl Today {
    /// It is this day now.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.millis().div_euclid(DAY), Ordering::Relaxed);
    }

    /// Is this day over, or today? Day 1 and earlier are, whatever the day; days below zero never come.
    fn has_come(&self, day: i64) -> bool {
        (0..=self.0.load(Ordering::Relaxed).max(1)).contains(&day)
    }
}

/// The same every day: what is mapped does not change with it.
impl fmt::Debug for Today {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Today")
    }
}

impl PartialEq for Today {
    fn eq(&self, _: &Today) -> bool {
        true
    }
}

const UAC: AttributeName = AttributeName::known("userAccountControl");
const NS_LOCK: AttributeName = AttributeName::known("nsAccountLock");
const PPOLICY: AttributeName = AttributeName::known("pwdAccountLockedTime");
/// The time that means: until an administrator says otherwise.
const FOREVER: &str = "000001010000Z";
/// ACCOUNTDISABLE.
const DISABLED: i64 = 2;
const SHADOW_EXPIRE: AttributeName = AttributeName::known("shadowExpire");
/// The class that allows it.
const SHADOW_ACCOUNT: &str = "shadowAccount";
const OBJECT_CLASS: AttributeName = AttributeName::known("objectClass");
/// A day that is long over.
const OVER: &str = "1";
/// Milliseconds.
const DAY: i64 = 86_400_000;
/// Stands in an entry that was found in the group of a [`Switch`]. No directory has it.
pub const SWITCHED: AttributeName = AttributeName::known("scimInSwitchGroup");
const BIT_AND: AttributeName = AttributeName::known("1.2.840.113556.1.4.803");

impl Active {
    /// The attribute that says it.
    pub fn attribute(&self) -> Option<AttributeName> {
        match self {
            Active::Always => None,
            Active::AdControl => Some(UAC),
            Active::NsAccountLock => Some(NS_LOCK),
            Active::PpolicyLock => Some(PPOLICY),
            Active::Attribute { name, .. } => Some(name.clone()),
            Active::ShadowExpire(_) => Some(SHADOW_EXPIRE),
            Active::Group(_) => Some(SWITCHED),
            Active::Below(_) => None,
        }
    }

    /// The group that says it, where one does.
    pub fn switch(&self) -> Option<&Switch> {
        match self {
            Active::Group(switch) => Some(switch),
            _ => None,
        }
    }

    /// Where those stand who are not active, where that says it.
    pub fn below(&self) -> Option<&Dn> {
        match self {
            Active::Below(dn) => Some(dn),
            _ => None,
        }
    }

    /// Can it be changed?
    pub fn can_write(&self) -> bool {
        *self != Active::Always
    }

    /// Is this user active?
    pub fn read(&self, entry: &Entry) -> bool {
        match self {
            Active::Always => true,
            Active::AdControl => control(entry).is_none_or(|control| control & DISABLED == 0),
            Active::NsAccountLock => !entry.text(&NS_LOCK).is_some_and(|text| text.eq_ignore_ascii_case("true")),
            Active::PpolicyLock => entry.text(&PPOLICY) != Some(FOREVER),
            Active::Attribute { name, off, .. } => !entry.text(name).is_some_and(|text| text.eq_ignore_ascii_case(off)),
            Active::ShadowExpire(today) => {
                let day = entry.text(&SHADOW_EXPIRE).and_then(|text| text.parse().ok());
                !day.is_some_and(|day| today.has_come(day))
            }
            Active::Group(switch) => entry.first(&SWITCHED).is_some() == switch.on,
            Active::Below(dn) => !entry.dn.is_within(dn),
        }
    }

    /// The changes of the entry itself that make it so; none where it is so, and where something else than the entry says it. Old values stand in them: who changed one meanwhile wins.
    pub fn write(&self, entry: &Entry, active: bool) -> Vec<Change> {
        if self.read(entry) == active {
            return Vec::new();
        }
        let value = |text: &str| vec![Bytes::copy_from_slice(text.as_bytes())];
        match self {
            Active::Always | Active::Group(_) | Active::Below(_) => Vec::new(),
            Active::ShadowExpire(_) => {
                let old = entry.values(&SHADOW_EXPIRE);
                let mut changes = Vec::new();
                if !active && !entry.is_a(SHADOW_ACCOUNT) {
                    changes.push(Change::Add(OBJECT_CLASS, value(SHADOW_ACCOUNT)));
                }
                if !old.is_empty() {
                    changes.push(Change::Delete(SHADOW_EXPIRE, old.to_vec()));
                }
                if !active {
                    changes.push(Change::Add(SHADOW_EXPIRE, value(OVER)));
                }
                changes
            }
            Active::AdControl => {
                let old = control(entry).unwrap_or(512);
                let new = if active { old & !DISABLED } else { old | DISABLED };
                let (old, new) = (value(&old.to_string()), value(&new.to_string()));
                vec![Change::Delete(UAC, old), Change::Add(UAC, new)]
            }
            Active::NsAccountLock if active => vec![Change::Delete(NS_LOCK, entry.values(&NS_LOCK).to_vec())],
            Active::NsAccountLock => vec![Change::Replace(NS_LOCK, value("true"))],
            Active::PpolicyLock if active => vec![Change::Delete(PPOLICY, value(FOREVER))],
            Active::PpolicyLock => vec![Change::Replace(PPOLICY, value(FOREVER))],
            Active::Attribute { name, on, off } => {
                let mut changes = Vec::new();
                if !entry.values(name).is_empty() {
                    changes.push(Change::Delete(name.clone(), entry.values(name).to_vec()));
                }
                changes.push(Change::Add(name.clone(), value(if active { on } else { off })));
                changes
            }
        }
    }

    /// Does the directory let nobody be active who has no password?
    pub fn wants_password(&self) -> bool {
        *self == Active::AdControl
    }

    /// Does a new password let in whoever was not active? OpenLDAP's policy takes every lock away with the old one.
    pub fn ends_with_password(&self) -> bool {
        *self == Active::PpolicyLock
    }

    /// The class that a new entry needs for it beside those it has.
    pub fn class(&self, active: bool) -> Option<&'static str> {
        matches!(self, Active::ShadowExpire(_)).then_some(SHADOW_ACCOUNT).filter(|_| !active)
    }

    /// What a new entry has for it.
    pub fn create(&self, active: bool) -> Option<(AttributeName, Bytes)> {
        let text = |name: AttributeName, text: &str| Some((name, Bytes::copy_from_slice(text.as_bytes())));
        match self {
            Active::AdControl => text(UAC, if active { "512" } else { "514" }),
            Active::NsAccountLock if !active => text(NS_LOCK, "true"),
            Active::PpolicyLock if !active => text(PPOLICY, FOREVER),
            Active::ShadowExpire(_) if !active => text(SHADOW_EXPIRE, OVER),
            Active::Attribute { name, on, off } => text(name.clone(), if active { on } else { off }),
            _ => None,
        }
    }

    /// A filter that finds all who are (or are not) so, and perhaps more; None where nothing narrower than all is known.
    pub fn filter(&self, active: bool) -> Option<Filter> {
        let locked = match self {
            Active::Always => return (!active).then(|| Filter::Or(Vec::new())),
            Active::AdControl => Filter::matching(UAC, BIT_AND, "2"),
            // Its value may come from a role, which no index knows: nothing is pushed.
            Active::NsAccountLock => return None,
            Active::ShadowExpire(_) if !active => return Some(Filter::present(SHADOW_EXPIRE)),
            Active::ShadowExpire(_) | Active::Group(_) | Active::Below(_) => return None,
            Active::PpolicyLock => Filter::equal(PPOLICY, FOREVER),
            Active::Attribute { name, off, .. } => Filter::equal(name.clone(), off.clone()),
        };
        Some(if active { Filter::negate(locked) } else { locked })
    }
}

fn control(entry: &Entry) -> Option<i64> {
    entry.text(&UAC)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &'static str, value: Option<&'static str>) -> Entry {
        let entry = Entry::new(Dn::parse("uid=a,dc=x").unwrap());
        match value {
            Some(value) => entry.with(AttributeName::known(name), [value]),
            None => entry,
        }
    }

    #[test]
    fn each_kind_of_directory_says_it_its_own_way() {
        let today = Today::default();
        today.set(Timestamp::from_millis(20_000 * DAY + 5));
        let switch = |on| {
            let group = Dn::parse("cn=off,dc=x").unwrap();
            Switch { group, members: AttributeName::known("member"), on }
        };
        let own = Active::Attribute { name: AttributeName::known("status"), on: "in".into(), off: "out".into() };
        for (active, name, value, expected) in [
            (Active::Always, "x", Some("y"), true),
            (Active::AdControl, "userAccountControl", Some("512"), true),
            (Active::AdControl, "userAccountControl", Some("66050"), false),
            (Active::NsAccountLock, "nsaccountlock", Some("True"), false),
            (Active::NsAccountLock, "nsaccountlock", None, true),
            (Active::PpolicyLock, "pwdAccountLockedTime", Some("000001010000Z"), false),
            (Active::PpolicyLock, "pwdAccountLockedTime", Some("20261121000000Z"), true),
            (Active::ShadowExpire(today.clone()), "shadowExpire", Some("1"), false),
            (Active::ShadowExpire(today.clone()), "shadowExpire", Some("20000"), false),
            (Active::ShadowExpire(today.clone()), "shadowExpire", Some("20001"), true),
            (Active::ShadowExpire(today.clone()), "shadowExpire", Some("-1"), true),
            (Active::ShadowExpire(today.clone()), "shadowExpire", Some("soon"), true),
            (Active::ShadowExpire(today), "shadowExpire", None, true),
            (Active::Group(switch(false)), "scimInSwitchGroup", Some("TRUE"), false),
            (Active::Group(switch(false)), "x", Some("y"), true),
            (Active::Group(switch(true)), "x", Some("y"), false),
            (Active::Below(Dn::parse("ou=gone,dc=x").unwrap()), "x", Some("y"), true),
            (Active::Below(Dn::parse("dc=x").unwrap()), "x", Some("y"), false),
            (own.clone(), "status", Some("OUT"), false),
            (own.clone(), "status", None, true),
        ] {
            assert_eq!(active.read(&entry(name, value)), expected, "{active:?} {value:?}");
        }
    }

    #[test]
    fn an_account_that_expires_is_of_the_class_that_can() {
        let active = Active::ShadowExpire(Today::default());
        let value = |text: &'static str| vec![Bytes::from(text)];
        let off = active.write(&entry("shadowExpire", Some("90000")), false);
        let class = Change::Add(OBJECT_CLASS, value("shadowAccount"));
        let (old, new) = (Change::Delete(SHADOW_EXPIRE, value("90000")), Change::Add(SHADOW_EXPIRE, value("1")));
        assert_eq!(off, [class, old, new]);
        let gone = entry("shadowExpire", Some("1")).with(OBJECT_CLASS, ["shadowAccount"]);
        assert_eq!(active.write(&gone, true), [Change::Delete(SHADOW_EXPIRE, value("1"))]);
    }

    #[test]
    fn only_the_bit_moves() {
        let changes = Active::AdControl.write(&entry("userAccountControl", Some("66048")), false);
        assert_eq!(changes, [Change::Delete(UAC, vec!["66048".into()]), Change::Add(UAC, vec!["66050".into()])]);
        assert!(Active::AdControl.write(&entry("userAccountControl", Some("66050")), false).is_empty());
    }
}
