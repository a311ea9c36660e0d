//! What a directory is asked to do, as data (RFC 4511 sections 4.2 to 4.12).

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};

use super::attribute::AttributeName;
use super::ber::{self, Writer, context};
use super::control::{self, Control};
use super::dn::{Dn, Rdn};
use super::error::LdapError;
use super::filter::{DEEPEST, Filter};

/// Start a transaction (RFC 5805).
pub const START_TRANSACTION: &str = "1.3.6.1.1.21.1";
/// End a transaction (RFC 5805).
pub const END_TRANSACTION: &str = "1.3.6.1.1.21.3";
/// Modify a password (RFC 3062).
pub const MODIFY_PASSWORD: &str = "1.3.6.1.4.1.4203.1.11.1";
/// Who am I? (RFC 4532)
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// The entry that is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// By its name.
    Dn(Dn),
    /// By its `objectGUID`, in the bytes that Active Directory keeps (Active Directory and Samba).
    Guid([u8; 16]),
}

impl From<&Dn> for Target {
    fn from(dn: &Dn) -> Self {
        Target::Dn(dn.clone())
    }
}

impl From<Dn> for Target {
    fn from(dn: Dn) -> Self {
        Target::Dn(dn)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Dn(dn) => write!(f, "{dn}"),
            Target::Guid(guid) => {
                f.write_str("<GUID=")?;
                guid.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(">")
            }
        }
    }
}

/// How far below its base a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// At the base alone.
    Base,
    /// Directly below.
    One,
    /// The base and all below.
    Tree,
}

impl Reach {
    fn number(self) -> i64 {
        match self {
            Reach::Base => 0,
            Reach::One => 1,
            Reach::Tree => 2,
        }
    }
}

/// SearchRequest.
const SEARCH: u8 = 0x63;
/// ModifyRequest, AddRequest, DelRequest, ModifyDNRequest, CompareRequest, ExtendedRequest. The tag of the answer is one more; that
/// of a DelRequest, which is a name and nothing else, apart.
const MODIFY: u8 = 0x66;
const ADD: u8 = 0x68;
const DELETE: u8 = 0x4a;
const MODIFY_DN: u8 = 0x6c;
const COMPARE: u8 = 0x6e;
const EXTENDED: u8 = 0x77;
/// DelResponse.
const DELETED: u8 = 0x6b;
/// AbandonRequest.
const ABANDON: u8 = 0x50;
/// `neverDerefAliases`.
const NEVER: i64 = 0;
/// `maxInt`.
const MOST: u32 = 0x7fff_ffff;
/// Asks for no attributes (RFC 4511 section 4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Where.
    pub base: Target,
    /// How far.
    pub reach: Reach,
    /// Which.
    pub filter: Filter,
    /// What of them. None: no attributes (`1.1`).
    pub attributes: Vec<AttributeName>,
    /// At most so many; 0: as many as the server gives.
    pub size_limit: u32,
    /// Its controls.
    pub controls: Vec<Control>,
}

impl Search {
    /// A search without limits or controls.
    pub fn new(base: impl Into<Target>, reach: Reach, filter: Filter, attributes: Vec<AttributeName>) -> Self {
        Search { base: base.into(), reach, filter, attributes, size_limit: 0, controls: Vec::new() }
    }

    /// A read of one entry.
    pub fn entry(target: impl Into<Target>, attributes: Vec<AttributeName>) -> Self {
        Search::new(target, Reach::Base, Filter::present(AttributeName::known("objectClass")), attributes)
    }

    /// The same with a control.
    pub fn with(mut self, control: Control) -> Self {
        self.controls.push(control);
        self
    }

    /// The same for at most so many entries.
    pub fn at_most(mut self, entries: u32) -> Self {
        self.size_limit = entries;
        self
    }
}

impl Search {
    /// As the message that asks for it under this number (RFC 4511 section 4.5.1), at most so long on the server, in whole seconds;
    /// zero: as long as it likes. Aliases are never followed: an entry is found under one name.
    ///
    /// # Errors
    /// The filter has no form that can be sent.
    pub(crate) fn to_message(&self, id: i32, time: Duration) -> Result<Vec<u8>, LdapError> {
        let mut writer = Writer::new();
        writer.try_nest(ber::SEQUENCE, |whole| {
            whole.integer(ber::INTEGER, i64::from(id));
            whole.try_nest(SEARCH, |inside| {
                match &self.base {
                    Target::Dn(dn) => inside.octets(dn.as_str()),
                    guid @ Target::Guid(_) => inside.octets(guid.to_string()),
                }
                inside.integer(ber::ENUMERATED, self.reach.number());
                inside.integer(ber::ENUMERATED, NEVER);
                inside.integer(ber::INTEGER, i64::from(self.size_limit.min(MOST)));
                let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
                inside.integer(ber::INTEGER, i64::try_from(seconds).unwrap_or(i64::MAX).min(i64::from(MOST)));
                inside.boolean(ber::BOOLEAN, false);
                self.filter.write(inside, DEEPEST)?;
                inside.nest(ber::SEQUENCE, |names| match self.attributes.is_empty() {
                    true => names.octets(NO_ATTRIBUTES),
                    false => self.attributes.iter().for_each(|name| names.octets(name.as_str())),
                });
                Ok::<(), LdapError>(())
            })?;
            control::write(whole, &self.controls);
            Ok::<(), LdapError>(())
        })?;
        Ok(writer.into_bytes())
    }
}

impl Request {
    /// As the message that asks for it under this number (RFC 4511 sections 4.6 to 4.10 and 4.12).
    ///
    /// # Errors
    /// An attribute to add has no values.
    pub(crate) fn to_message(&self, id: i32) -> Result<Vec<u8>, LdapError> {
        let mut writer = Writer::new();
        writer.try_nest(ber::SEQUENCE, |whole| {
            whole.integer(ber::INTEGER, i64::from(id));
            self.operation.write(whole)?;
            control::write(whole, &self.controls);
            Ok::<(), LdapError>(())
        })?;
        Ok(writer.into_bytes())
    }
}

impl Operation {
    /// The tag of the answer that ends it.
    pub(crate) fn answer(&self) -> u8 {
        match self {
            Operation::Add { .. } => ADD + 1,
            Operation::Modify { .. } => MODIFY + 1,
            Operation::ModifyDn { .. } => MODIFY_DN + 1,
            Operation::Delete { .. } => DELETED,
            Operation::Compare { .. } => COMPARE + 1,
            Operation::Extended { .. } => EXTENDED + 1,
        }
    }

    fn write(&self, whole: &mut Writer) -> Result<(), LdapError> {
        match self {
            Operation::Add { attributes, .. } if attributes.iter().any(|(_, values)| values.is_empty()) => {
                return Err(LdapError::Request("an attribute to add has no values".into()));
            }
            Operation::Add { dn, attributes } => whole.nest(ADD, |inside| {
                inside.octets(dn.as_str());
                inside.nest(ber::SEQUENCE, |list| {
                    attributes.iter().for_each(|(name, values)| write_attribute(list, name, values));
                });
            }),
            Operation::Modify { target, changes } => whole.nest(MODIFY, |inside| {
                inside.octets(target.to_string());
                inside.nest(ber::SEQUENCE, |list| changes.iter().for_each(|change| change.write(list)));
            }),
            Operation::ModifyDn { target, rdn, delete_old, superior } => whole.nest(MODIFY_DN, |inside| {
                inside.octets(target.to_string());
                inside.octets(rdn.to_string());
                inside.boolean(ber::BOOLEAN, *delete_old);
                if let Some(superior) = superior {
                    inside.primitive(context(0), superior.as_str().as_bytes());
                }
            }),
            Operation::Delete { target } => whole.primitive(DELETE, target.to_string().as_bytes()),
            Operation::Compare { target, name, value } => whole.nest(COMPARE, |inside| {
                inside.octets(target.to_string());
                inside.nest(ber::SEQUENCE, |assertion| {
                    assertion.octets(name.as_str());
                    assertion.octets(value);
                });
            }),
            Operation::Extended { oid, value } => whole.nest(EXTENDED, |inside| {
                inside.primitive(context(0), oid.as_bytes());
                if let Some(value) = value {
                    inside.primitive(context(1), value);
                }
            }),
        }
        Ok(())
    }
}

/// An attribute with its values, each once: they are a set (RFC 4511 section 4.1.7).
fn write_attribute(list: &mut Writer, name: &AttributeName, values: &[Bytes]) {
    list.nest(ber::SEQUENCE, |one| {
        one.octets(name.as_str());
        one.nest(ber::SET, |set| {
            let mut written = HashSet::new();
            values.iter().filter(|value| written.insert(*value)).for_each(|value| set.octets(value));
        });
    });
}

/// The message that wants no more of what was asked under the number `which` (RFC 4511 section 4.11). Nothing answers.
pub(crate) fn abandon(id: i32, which: i32) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nest(ber::SEQUENCE, |whole| {
        whole.integer(ber::INTEGER, i64::from(id));
        whole.integer(ABANDON, i64::from(which));
    });
    writer.into_bytes()
}

/// One change of a Modify.
#[derive(Clone, PartialEq)]
pub enum Change {
    /// These values more.
    Add(AttributeName, Vec<Bytes>),
    /// Without these values; of none, without the attribute.
    Delete(AttributeName, Vec<Bytes>),
    /// These values and no others; of none, without the attribute if it is there.
    Replace(AttributeName, Vec<Bytes>),
}

impl Change {
    /// Which attribute, and with which values.
    pub fn parts(&self) -> (&AttributeName, &[Bytes]) {
        match self {
            Change::Add(name, values) | Change::Delete(name, values) | Change::Replace(name, values) => (name, values),
        }
    }

    fn write(&self, list: &mut Writer) {
        let operation = match self {
            Change::Add(..) => 0,
            Change::Delete(..) => 1,
            Change::Replace(..) => 2,
        };
        let (name, values) = self.parts();
        list.nest(ber::SEQUENCE, |one| {
            one.integer(ber::ENUMERATED, operation);
            write_attribute(one, name, values);
        });
    }
}

/// Values may be secret, and are somebody's: what was changed is said by name and number alone.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Change::Add(..) => "add",
            Change::Delete(..) => "delete",
            Change::Replace(..) => "replace",
        };
        let (name, values) = self.parts();
        write!(f, "{what} {name} ({})", values.len())
    }
}

/// What is asked.
#[derive(Clone, PartialEq)]
pub enum Operation {
    /// A new entry.
    #[expect(missing_docs, reason = "said above")]
    Add { dn: Dn, attributes: Vec<(AttributeName, Vec<Bytes>)> },
    /// A change of one entry, whole or not at all.
    #[expect(missing_docs, reason = "said above")]
    Modify { target: Target, changes: Vec<Change> },
    /// Another name, and perhaps another place.
    #[expect(missing_docs, reason = "said above")]
    ModifyDn { target: Target, rdn: Rdn, delete_old: bool, superior: Option<Dn> },
    /// No such entry any more.
    #[expect(missing_docs, reason = "said above")]
    Delete { target: Target },
    /// Has it this value?
    #[expect(missing_docs, reason = "said above")]
    Compare { target: Target, name: AttributeName, value: Bytes },
    /// Something beyond the core of LDAP.
    #[expect(missing_docs, reason = "said above")]
    Extended { oid: &'static str, value: Option<Bytes> },
}

impl Operation {
    /// Does it change what the directory holds?
    pub fn writes(&self) -> bool {
        match self {
            Operation::Compare { .. } => false,
            Operation::Extended { oid, .. } => !matches!(*oid, START_TRANSACTION | WHO_AM_I),
            _ => true,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Add { .. } => "add",
            Operation::Modify { .. } => "modify",
            Operation::ModifyDn { .. } => "modify_dn",
            Operation::Delete { .. } => "delete",
            Operation::Compare { .. } => "compare",
            Operation::Extended { .. } => "extended",
        }
    }
}

/// Without values, which may be secret.
impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Add { dn, attributes } => {
                let names = attributes.iter().map(|(name, _)| name).collect::<Vec<_>>();
                write!(f, "add {dn} {names:?}")
            }
            Operation::Modify { target, changes } => write!(f, "modify {target} {changes:?}"),
            Operation::ModifyDn { target, rdn, superior: Some(to), .. } => write!(f, "rename {target} to {rdn},{to}"),
            Operation::ModifyDn { target, rdn, .. } => write!(f, "rename {target} to {rdn}"),
            Operation::Delete { target } => write!(f, "delete {target}"),
            Operation::Compare { target, name, .. } => write!(f, "compare {target} {name}"),
            Operation::Extended { oid, .. } => write!(f, "extended {oid}"),
        }
    }
}

/// An operation and its controls.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is asked.
    pub operation: Operation,
    /// Under which conditions, and with what to come back.
    pub controls: Vec<Control>,
}

impl From<Operation> for Request {
    fn from(operation: Operation) -> Self {
        Request { operation, controls: Vec::new() }
    }
}

impl Request {
    /// The same with a control.
    pub fn with(mut self, control: Control) -> Self {
        self.controls.push(control);
        self
    }

    /// Sets the password of the entry of this name (RFC 3062), without the old one.
    pub fn set_password(dn: &Dn, password: &SecretString) -> Self {
        let mut writer = Writer::new();
        writer.nest(ber::SEQUENCE, |inside| {
            inside.primitive(context(0), dn.as_str().as_bytes());
            inside.primitive(context(2), password.expose_secret().as_bytes());
        });
        Operation::Extended { oid: MODIFY_PASSWORD, value: Some(writer.into_bytes().into()) }.into()
    }

    /// Ends a transaction: all of it, or nothing of it (RFC 5805 section 2.2).
    pub fn end_transaction(id: &Bytes, commit: bool) -> Self {
        let mut writer = Writer::new();
        writer.nest(ber::SEQUENCE, |inside| {
            if !commit {
                inside.boolean(ber::BOOLEAN, false);
            }
            inside.octets(id);
        });
        Operation::Extended { oid: END_TRANSACTION, value: Some(writer.into_bytes().into()) }.into()
    }

    /// Starts a transaction; the answer's value is its id.
    pub fn start_transaction() -> Self {
        Operation::Extended { oid: START_TRANSACTION, value: None }.into()
    }

    /// Whom does the server take us for?
    pub fn who_am_i() -> Self {
        Operation::Extended { oid: WHO_AM_I, value: None }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ber::Reader;
    use super::*;

    #[test]
    fn a_search_is_written_as_the_rfc_has_it() {
        let filter = Filter::equal(AttributeName::known("uid"), "ann");
        let base = Dn::parse("ou=people,dc=x").unwrap();
        let search = Search::new(&base, Reach::Tree, filter.clone(), vec![AttributeName::known("cn")]).at_most(3);
        let time = Duration::from_millis(1_500);
        let bytes = search.clone().with(Control::plain("1.2.3", true)).to_message(7, time).unwrap();
        let mut whole = Reader::new(&bytes[..]).nested(ber::SEQUENCE, "a message").unwrap();
        assert_eq!(whole.integer(ber::INTEGER, "its number"), Ok(7));
        let mut inside = whole.nested(SEARCH, "a search").unwrap();
        assert_eq!(inside.expect(ber::OCTETS, "the base"), Ok(&b"ou=people,dc=x"[..]));
        let numbers = [ber::ENUMERATED, ber::ENUMERATED, ber::INTEGER, ber::INTEGER];
        let numbers = numbers.map(|tag| inside.integer(tag, "a number").unwrap());
        assert_eq!(numbers, [2, 0, 3, 2], "scope, aliases, entries, seconds");
        assert_eq!(inside.expect(ber::BOOLEAN, "types alone"), Ok(&[0][..]));
        let (tag, _) = inside.element().unwrap();
        assert_eq!(tag, 0xa3, "equalityMatch");
        let mut names = inside.nested(ber::SEQUENCE, "attributes").unwrap();
        assert_eq!((names.expect(ber::OCTETS, "one"), names.is_empty()), (Ok(&b"cn"[..]), true));
        assert!(inside.is_empty());
        assert_eq!(whole.tag(), Some(0xa0), "controls");
        let nothing = Search { attributes: Vec::new(), ..search.clone() }.to_message(7, time).unwrap();
        assert!(nothing.ends_with(b"\x04\x031.1"));
        let deep = (0..=DEEPEST).fold(filter, |inner, _| Filter::Not(Box::new(inner)));
        assert!(matches!(Search { filter: deep, ..search }.to_message(7, time), Err(LdapError::Request(_))));
    }

    /// The elements of a message behind its number, as far down as `inside` looks.
    fn written(operation: Operation, tag: u8) -> (Vec<u8>, Vec<u8>) {
        let request = Request::from(operation).with(Control::plain("1.2.3", true));
        let bytes = request.to_message(9).unwrap();
        let mut whole = Reader::new(&bytes[..]).nested(ber::SEQUENCE, "a message").unwrap();
        assert_eq!(whole.integer(ber::INTEGER, "its number"), Ok(9));
        let inside = whole.expect(tag, "the operation").unwrap().to_vec();
        (inside, whole.into_rest().to_vec())
    }

    #[test]
    fn a_change_is_written_as_the_rfc_has_it() {
        let (dn, cn) = (Dn::parse("uid=a,dc=x").unwrap(), AttributeName::known("cn"));
        let values = || vec![Bytes::from("A"), Bytes::from("B"), Bytes::from("A")];
        let changes = vec![
            Change::Add(cn.clone(), values()),
            Change::Delete(cn.clone(), Vec::new()),
            Change::Replace(cn.clone(), values()),
        ];
        let (inside, controls) = written(Operation::Modify { target: (&dn).into(), changes }, MODIFY);
        assert_eq!(controls.first(), Some(&0xa0));
        let mut inside = Reader::new(&inside[..]);
        assert_eq!(inside.expect(ber::OCTETS, "the entry"), Ok(&b"uid=a,dc=x"[..]));
        let mut list = inside.nested(ber::SEQUENCE, "changes").unwrap();
        for (kind, expected) in [(0, 2), (1, 0), (2, 2)] {
            let mut one = list.nested(ber::SEQUENCE, "a change").unwrap();
            assert_eq!(one.integer(ber::ENUMERATED, "its kind"), Ok(kind));
            let mut attribute = one.nested(ber::SEQUENCE, "an attribute").unwrap();
            assert_eq!(attribute.expect(ber::OCTETS, "its name"), Ok(&b"cn"[..]));
            let mut set = attribute.nested(ber::SET, "its values").unwrap();
            let values = std::iter::from_fn(|| set.element().ok()).count();
            assert_eq!(values, expected, "each once");
        }
        assert!(list.is_empty() && inside.is_empty());
    }

    #[test]
    fn all_other_operations_are_written_as_the_rfc_has_them() {
        let (dn, cn) = (Dn::parse("cn=a,dc=x").unwrap(), AttributeName::known("cn"));
        let octets = |tag: u8, text: &str| [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let name = octets(4, "cn=a,dc=x");
        let rename = |superior| Operation::ModifyDn {
            target: (&dn).into(),
            rdn: Rdn::new(cn.clone(), b"b".to_vec()).unwrap(),
            delete_old: true,
            superior,
        };
        let renamed = [name.clone(), octets(4, "cn=b"), vec![1, 1, 0xff]].concat();
        let moved = [renamed.clone(), octets(0x80, "dc=y")].concat();
        assert_eq!(written(rename(None), MODIFY_DN).0, renamed);
        assert_eq!(written(rename(Some(Dn::parse("dc=y").unwrap())), MODIFY_DN).0, moved);
        assert_eq!(written(Operation::Delete { target: (&dn).into() }, DELETE).0, b"cn=a,dc=x");
        let guid = Operation::Delete { target: Target::Guid([0xab; 16]) };
        assert!(written(guid, DELETE).0.starts_with(b"<GUID=abab"));
        let add = |values| Operation::Add { dn: dn.clone(), attributes: vec![(cn.clone(), values)] };
        let list = [0x30, 0x84, 0, 0, 0, 18, 0x30, 0x84, 0, 0, 0, 12, 4, 2, b'c', b'n', 0x31, 0x84, 0, 0, 0, 2, 4, 0];
        assert_eq!(written(add(vec![Bytes::new()]), ADD).0, [&name[..], &list[..]].concat());
        assert!(matches!(Request::from(add(Vec::new())).to_message(1), Err(LdapError::Request(_))));
        let compare = Operation::Compare { target: (&dn).into(), name: cn.clone(), value: "v".into() };
        let pair = [0x30, 0x84, 0, 0, 0, 7, 4, 2, b'c', b'n', 4, 1, b'v'];
        assert_eq!(written(compare, COMPARE).0, [&name[..], &pair[..]].concat());
        let extended = |value| written(Operation::Extended { oid: WHO_AM_I, value }, EXTENDED).0;
        assert_eq!(extended(None), octets(0x80, WHO_AM_I));
        assert_eq!(extended(Some("v".into())), [octets(0x80, WHO_AM_I), octets(0x81, "v")].concat());
    }
}
