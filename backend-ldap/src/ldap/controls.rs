//! The controls this gateway uses: what is asked, and what comes back. Each says where it is defined.

use bytes::Bytes;

use super::attribute::AttributeName;
use super::ber::{self, Reader, Writer, context, context_nested};
use super::control::Control;
use super::dn::Dn;
use super::entry::{Attribute, Entry, read_attributes};
use super::error::{LdapError, Malformed};
use super::filter::Filter;

/// Paged results (RFC 2696).
pub const PAGED: &str = "1.2.840.113556.1.4.319";
/// Server side sorting (RFC 2891).
pub const SORT: &str = "1.2.840.113556.1.4.473";
/// Assertion (RFC 4528).
pub const ASSERTION: &str = "1.3.6.1.1.12";
/// Pre-read (RFC 4527).
pub const PRE_READ: &str = "1.3.6.1.1.13.1";
/// Post-read (RFC 4527).
pub const POST_READ: &str = "1.3.6.1.1.13.2";
/// Dereference (draft-masarati-ldap-deref).
pub const DEREF: &str = "1.3.6.1.4.1.4203.666.5.16";
/// Matched values (RFC 3876).
pub const MATCHED_VALUES: &str = "1.2.826.0.1.3344810.2.3";
/// One of the operations of a transaction (RFC 5805).
pub const TRANSACTION: &str = "1.3.6.1.1.21.2";
/// Relaxed rules (draft-zeilenga-ldap-relax): lets an Add give an entry its `entryUUID`.
pub const RELAX: &str = "1.3.6.1.4.1.4203.666.5.12";
/// Proxied authorization (RFC 4370).
pub const PROXIED_AUTHORIZATION: &str = "2.16.840.1.113730.3.4.18";
/// Password policy (draft-behera-ldap-password-policy).
pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// Active Directory: no referrals from subordinate naming contexts.
pub const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
/// Active Directory: DNs with GUID and SID.
pub const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";
/// Active Directory: a search over the entries that an attribute names.
pub const ATTRIBUTE_SCOPED: &str = "1.2.840.113556.1.4.1504";
/// Active Directory: deleted entries too.
pub const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
/// Delete an entry with what is below it.
pub const TREE_DELETE: &str = "1.2.840.113556.1.4.805";
/// Active Directory: adding what is there, or deleting what is not, is no error.
pub const PERMISSIVE_MODIFY: &str = "1.2.840.113556.1.4.1413";

fn ber(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nest(ber::SEQUENCE, write);
    writer.into_bytes()
}

fn names(writer: &mut Writer, names: &[AttributeName]) {
    names.iter().for_each(|name| writer.octets(name.as_str()));
}

/// A page of a search, and from where. Critical: a server that leaves it out would send everything.
pub fn paged(size: u32, cookie: &[u8]) -> Control {
    let value = ber(|writer| {
        writer.integer(ber::INTEGER, i64::from(size));
        writer.octets(cookie);
    });
    Control::valued(PAGED, true, value)
}

/// A key of server side sorting.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// The attribute.
    pub name: AttributeName,
    /// The ordering rule; the attribute's own where there is none.
    pub rule: Option<AttributeName>,
    /// From the last to the first?
    pub reverse: bool,
}

/// Sorted by the server. Critical.
pub fn sort(keys: &[SortKey]) -> Control {
    let value = ber(|writer| {
        for key in keys {
            writer.nest(ber::SEQUENCE, |one| {
                one.octets(key.name.as_str());
                if let Some(rule) = &key.rule {
                    one.primitive(context(0), rule.as_str().as_bytes());
                }
                if key.reverse {
                    one.boolean(context(1), true);
                }
            });
        }
    });
    Control::valued(SORT, true, value)
}

/// Only if the entry matches. Critical.
///
/// # Errors
/// The filter is nested too deep.
pub fn assertion(filter: &Filter) -> Result<Control, LdapError> {
    Ok(Control::valued(ASSERTION, true, filter.to_ber()?))
}

/// The entry as it was before the change. Critical.
pub fn pre_read(attributes: &[AttributeName]) -> Control {
    Control::valued(PRE_READ, true, ber(|writer| names(writer, attributes)))
}

/// The entry as it is after the change. Critical.
pub fn post_read(attributes: &[AttributeName]) -> Control {
    Control::valued(POST_READ, true, ber(|writer| names(writer, attributes)))
}

/// With each value of `of`, a DN, these attributes of the entry it names. Critical.
pub fn deref(of: &AttributeName, attributes: &[AttributeName]) -> Control {
    let value = ber(|writer| {
        writer.nest(ber::SEQUENCE, |one| {
            one.octets(of.as_str());
            one.nest(ber::SEQUENCE, |list| names(list, attributes));
        });
    });
    Control::valued(DEREF, true, value)
}

/// Of each attribute only the values that one of these matches. Critical. Only comparisons stand here, no `&`, `|`, `!`.
///
/// # Errors
/// One of them is no plain comparison.
pub fn matched_values(filters: &[Filter]) -> Result<Control, LdapError> {
    let mut writer = Writer::new();
    writer.try_nest(ber::SEQUENCE, |list| filters.iter().try_for_each(|filter| filter.write(list, 1)))?;
    Ok(Control::valued(MATCHED_VALUES, true, writer.into_bytes()))
}

/// As part of this transaction. Critical, as RFC 5805 section 2.2 wants it.
pub fn transaction(id: &Bytes) -> Control {
    Control::valued(TRANSACTION, true, id.clone())
}

/// Rules relaxed. Critical.
pub fn relax() -> Control {
    Control::plain(RELAX, true)
}

/// As this authorization identity (`dn:…`, `u:…`). Critical, as RFC 4370 section 3 wants it.
pub fn proxied_authorization(identity: &str) -> Control {
    Control::valued(PROXIED_AUTHORIZATION, true, identity.to_owned())
}

/// Say what the password policy says.
pub fn password_policy() -> Control {
    Control::plain(PASSWORD_POLICY, false)
}

/// No referrals to other naming contexts.
pub fn domain_scope() -> Control {
    Control::plain(DOMAIN_SCOPE, false)
}

/// Each DN with the GUID of its entry, in hexadecimal. Critical.
pub fn extended_dn() -> Control {
    Control::valued(EXTENDED_DN, true, ber(|writer| writer.integer(ber::INTEGER, 0)))
}

/// Over the entries that this attribute of the base names. Critical.
pub fn attribute_scoped(attribute: &AttributeName) -> Control {
    Control::valued(ATTRIBUTE_SCOPED, true, ber(|writer| writer.octets(attribute.as_str())))
}

/// Deleted entries too. Critical.
pub fn show_deleted() -> Control {
    Control::plain(SHOW_DELETED, true)
}

/// With everything below. Critical.
pub fn tree_delete() -> Control {
    Control::plain(TREE_DELETE, true)
}

/// Adding what is there and deleting what is not succeed. Critical.
pub fn permissive_modify() -> Control {
    Control::plain(PERMISSIVE_MODIFY, true)
}

fn answered<'a>(controls: &'a [Control], oid: &str) -> Option<&'a Bytes> {
    controls.iter().find(|control| control.oid == oid).and_then(|control| control.value.as_ref())
}

/// The cookie of the next page; empty after the last. None: the server did not page.
///
/// # Errors
/// The control's value is not what RFC 2696 says.
pub fn next_page(controls: &[Control]) -> Result<Option<Bytes>, Malformed> {
    let Some(value) = answered(controls, PAGED) else { return Ok(None) };
    let mut inside = Reader::new(value.clone()).nested(ber::SEQUENCE, "the value of a paged result")?;
    inside.integer(ber::INTEGER, "the size of a paged result")?;
    inside.expect(ber::OCTETS, "the cookie of a paged result").map(Some)
}

/// The entry that a pre-read or post-read control brought.
///
/// # Errors
/// The control's value is no entry.
pub fn read_entry(controls: &[Control], oid: &str) -> Result<Option<Entry>, Malformed> {
    let Some(value) = answered(controls, oid) else { return Ok(None) };
    let (_, content) = Reader::new(value.clone()).element()?;
    Entry::read(content).map(Some)
}

/// What a dereference brought of one value: which attribute, the DN, and what was read there. Without attributes: it
/// names no entry, or none that may be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Dereferenced {
    /// The attribute that holds the DN.
    pub of: AttributeName,
    /// The DN, as the server wrote it.
    pub dn: Bytes,
    /// What was asked of the entry there.
    pub attributes: Vec<Attribute>,
}

/// What the dereference control brought with an entry.
///
/// # Errors
/// The control's value is not what the draft says.
pub fn dereferenced(controls: &[Control]) -> Result<Vec<Dereferenced>, Malformed> {
    let Some(value) = answered(controls, DEREF) else { return Ok(Vec::new()) };
    let mut list = Reader::new(value.clone()).nested(ber::SEQUENCE, "a list of dereferenced values")?;
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut one = list.nested(ber::SEQUENCE, "a dereferenced value")?;
        let of = one.text("a dereferenced attribute")?;
        let of = AttributeName::new(&of).map_err(|bad| Malformed::Name(bad.to_string()))?;
        let dn = one.expect(ber::OCTETS, "a dereferenced name")?;
        let attributes = match one.optional(context_nested(0))? {
            Some(list) => read_attributes(Reader::new(list))?,
            None => Vec::new(),
        };
        found.push(Dereferenced { of, dn, attributes });
    }
    Ok(found)
}

/// What a password policy refused (draft-behera-ldap-password-policy section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PasswordProblem {
    Expired,
    Locked,
    MustChange,
    NotModifiable,
    MustSupplyOld,
    TooWeak,
    TooShort,
    TooSoon,
    InHistory,
}

/// What the password policy said, if it refused.
///
/// # Errors
/// The control's value is not what the draft says.
pub fn password_problem(controls: &[Control]) -> Result<Option<PasswordProblem>, Malformed> {
    let Some(value) = answered(controls, PASSWORD_POLICY) else { return Ok(None) };
    let mut inside = Reader::new(value.clone()).nested(ber::SEQUENCE, "the answer of a password policy")?;
    inside.optional(context_nested(0))?;
    let Some(number) = inside.optional(context(1))? else { return Ok(None) };
    use PasswordProblem::*;
    let problem = match number.as_ref() {
        [0] => Expired,
        [1] => Locked,
        [2] => MustChange,
        [3] => NotModifiable,
        [4] => MustSupplyOld,
        [5] => TooWeak,
        [6] => TooShort,
        [7] => TooSoon,
        [8] => InHistory,
        _ => return Err(Malformed::Missing("the problem of a password policy")),
    };
    Ok(Some(problem))
}

/// The GUID and the plain DN of a value that came with the extended-DN control: `<GUID=…>;<SID=…>;CN=…`.
pub fn extended_parts(value: &str) -> Option<([u8; 16], Result<Dn, super::dn::BadDn>)> {
    let (hex, rest) = value.strip_prefix("<GUID=")?.split_once(">;")?;
    let mut guid = [0; 16];
    let digits = hex.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    for (place, pair) in guid.iter_mut().zip(digits.chunks(2)) {
        *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    let name = match rest.strip_prefix("<SID=") {
        Some(sid) => sid.split_once(">;")?.1,
        None => rest,
    };
    Some((guid, Dn::parse(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CN: AttributeName = AttributeName::known("cn");

    #[test]
    fn a_page_asks_and_answers_in_the_form_of_the_rfc() {
        let asked = paged(500, b"next");
        assert!(asked.critical);
        assert_eq!(next_page(&[asked]).unwrap().unwrap().as_ref(), b"next");
        assert_eq!(next_page(&[]).unwrap(), None);
        assert!(next_page(&[Control::valued(PAGED, false, vec![0x30, 1, 2])]).is_err());
    }

    #[test]
    fn dereferenced_values_are_read_with_or_without_their_entry() {
        let value = ber(|writer| {
            for found in [true, false] {
                writer.nest(ber::SEQUENCE, |one| {
                    one.octets("member");
                    one.octets("uid=a,dc=x");
                    if found {
                        one.nest(context_nested(0), |list| {
                            list.nest(ber::SEQUENCE, |attribute| {
                                attribute.octets("entryUUID");
                                attribute.nest(ber::SET, |set| set.octets("1"));
                            });
                        });
                    }
                });
            }
        });
        let found = dereferenced(&[Control::valued(DEREF, false, value)]).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].attributes[0].values, ["1"]);
        assert!(found[1].attributes.is_empty());
    }

    #[test]
    fn matched_values_take_comparisons_alone() {
        assert!(matched_values(&[Filter::equal(CN, "a")]).is_ok());
        assert!(matched_values(&[Filter::all([Filter::equal(CN, "a"), Filter::equal(CN, "b")])]).is_err());
    }

    #[test]
    fn the_problem_of_a_password_is_read() {
        let said = |value: &[u8]| password_problem(&[Control::valued(PASSWORD_POLICY, false, value.to_vec())]);
        assert_eq!(said(&[0x30, 3, 0x81, 1, 6]), Ok(Some(PasswordProblem::TooShort)));
        assert_eq!(said(&[0x30, 0]), Ok(None));
        assert!(said(&[0x30, 3, 0x81, 1, 99]).is_err());
    }

    #[test]
    fn extended_names_hold_a_guid() {
        let (guid, dn) = extended_parts("<GUID=00112233445566778899aabbccddeeff>;<SID=0105>;CN=a,DC=b").unwrap();
        assert_eq!(guid[15], 0xff);
        assert_eq!(dn.unwrap().as_str(), "CN=a,DC=b");
        assert!(extended_parts("CN=a,DC=b").is_none());
        assert!(extended_parts("<GUID=é011223344556677889aabbccddeeff>;CN=a").is_none());
    }
}
