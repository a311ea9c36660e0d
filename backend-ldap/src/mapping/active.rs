//! Who may log in: `active`, as each kind of directory keeps it.

use bytes::Bytes;

use crate::ldap::{AttributeName, Change, Entry, Filter};

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
}

const UAC: AttributeName = AttributeName::known("userAccountControl");
const NS_LOCK: AttributeName = AttributeName::known("nsAccountLock");
const PPOLICY: AttributeName = AttributeName::known("pwdAccountLockedTime");
/// The time that means: until an administrator says otherwise.
const FOREVER: &str = "000001010000Z";
/// ACCOUNTDISABLE.
const DISABLED: i64 = 2;
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
        }
    }

    /// The changes that make this entry so. Old values stand in them: who changed one meanwhile wins.
    pub fn write(&self, entry: &Entry, active: bool) -> Vec<Change> {
        if self.read(entry) == active {
            return Vec::new();
        }
        let value = |text: &str| vec![Bytes::copy_from_slice(text.as_bytes())];
        match self {
            Active::Always => Vec::new(),
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

    /// What a new entry has for it.
    pub fn create(&self, active: bool) -> Option<(AttributeName, Bytes)> {
        let text = |name: AttributeName, text: &str| Some((name, Bytes::copy_from_slice(text.as_bytes())));
        match self {
            Active::AdControl => text(UAC, if active { "512" } else { "514" }),
            Active::NsAccountLock if !active => text(NS_LOCK, "true"),
            Active::PpolicyLock if !active => text(PPOLICY, FOREVER),
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
    use crate::ldap::Dn;

    fn entry(name: &'static str, value: Option<&'static str>) -> Entry {
        let entry = Entry::new(Dn::parse("uid=a,dc=x").unwrap());
        match value {
            Some(value) => entry.with(AttributeName::known(name), [value]),
            None => entry,
        }
    }

    #[test]
    fn each_kind_of_directory_says_it_its_own_way() {
        let own = Active::Attribute { name: AttributeName::known("status"), on: "in".into(), off: "out".into() };
        for (active, name, value, expected) in [
            (Active::Always, "x", Some("y"), true),
            (Active::AdControl, "userAccountControl", Some("512"), true),
            (Active::AdControl, "userAccountControl", Some("66050"), false),
            (Active::NsAccountLock, "nsaccountlock", Some("True"), false),
            (Active::NsAccountLock, "nsaccountlock", None, true),
            (Active::PpolicyLock, "pwdAccountLockedTime", Some("000001010000Z"), false),
            (Active::PpolicyLock, "pwdAccountLockedTime", Some("20261121000000Z"), true),
            (own.clone(), "status", Some("OUT"), false),
            (own.clone(), "status", None, true),
        ] {
            assert_eq!(active.read(&entry(name, value)), expected, "{active:?} {value:?}");
        }
    }

    #[test]
    fn only_the_bit_moves() {
        let changes = Active::AdControl.write(&entry("userAccountControl", Some("66048")), false);
        assert_eq!(changes, [Change::Delete(UAC, vec!["66048".into()]), Change::Add(UAC, vec!["66050".into()])]);
        assert!(Active::AdControl.write(&entry("userAccountControl", Some("66050")), false).is_empty());
    }
}
