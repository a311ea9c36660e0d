//! What a directory is asked to do, as data (RFC 4511 sections 4.2 to 4.12).

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};

use super::attribute::AttributeName;
use super::ber::{self, Writer, context};
use super::control::Control;
use super::dn::{Dn, Rdn};
use super::filter::Filter;

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
    /// At most so long on the server, in whole seconds; zero: as long as it likes.
    pub time_limit: Duration,
    /// Its controls.
    pub controls: Vec<Control>,
}

impl Search {
    /// A search without limits or controls.
    pub fn new(base: impl Into<Target>, reach: Reach, filter: Filter, attributes: Vec<AttributeName>) -> Self {
        let (size_limit, time_limit) = (0, Duration::ZERO);
        Search { base: base.into(), reach, filter, attributes, size_limit, time_limit, controls: Vec::new() }
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
