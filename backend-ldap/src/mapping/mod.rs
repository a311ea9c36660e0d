//! What an entry of a directory is in SCIM, as data, in both directions.
//!
//! - `tables`: the defaults for each kind of directory; `settings`: what the configuration says over them
//! - `build`: both, `line` by line, into a [`Mapping`]; `schema`: what is asked of the directory's schema
//! - `column`: one attribute of the directory; `syntax`: single values; `country`: a country in its three attributes; `computed`:
//!   values that stand in no attribute
//! - `plan`: what is the same for every entry; `read`: entries to documents; `write`: documents to values, and the difference of two
//! - `push`: filters
//! - `active`: who may log in; `gone`: who was deleted and stays; `unnamed`: who is of the type without naming its class

pub mod active;
pub mod build;
pub mod column;
pub mod computed;
pub mod country;
pub mod gone;
mod line;
pub mod plan;
pub mod push;
pub mod read;
pub mod schema;
pub mod settings;
pub mod syntax;
pub mod tables;
pub mod unnamed;
pub mod write;

use std::sync::Arc;

use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::filter::{BoundFilter, eval};
use scim_core::path::AttrPath;
use scim_core::schema::{LinkType, ResourceType};
use scim_core::store::{Key, Record, ResourceId, Version};
use serde_json::{Map, Value};

use crate::ldap::{AttributeName, Control, Dn, Entry, Filter, Reach};

pub use active::Active;
pub use computed::Computed;
pub use gone::Gone;
pub use plan::Plan;
pub use settings::OnDelete;
pub use syntax::Syntax;
pub use unnamed::Unnamed;

/// How the resources of one type stand in one directory.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The type, as the configuration has it.
    pub rt: Arc<ResourceType>,
    /// Where its entries are.
    pub place: Place,
    /// What tells them apart for good.
    pub id: Id,
    /// What tells when an entry has changed.
    pub version: VersionSource,
    /// When it was made.
    pub created: AttributeName,
    /// When it last changed.
    pub modified: AttributeName,
    /// Attribute by attribute.
    pub columns: Vec<Column>,
    /// What is put together of several attributes, or stands nowhere.
    pub computed: Vec<Computed>,
    /// References to other entries.
    pub links: Vec<LinkColumn>,
    /// Who may log in, for types that have `active`.
    pub active: Option<(AttrPath, Active)>,
    /// What the directory wants to have though SCIM may not name it.
    pub fills: Vec<Fill>,
    /// Where entries stand by what they are, the first that fits; else at the base.
    pub placement: Vec<(BoundFilter, Dn)>,
    /// Entries that are shown and never changed.
    pub protected: Option<Filter>,
    /// What becomes of entries that are deleted.
    pub on_delete: OnDelete,
    /// Where they go, where they stay.
    pub deleted_base: Option<Dn>,
    /// Those that were deleted and stay.
    pub gone: Gone,
    /// Those that do not name the class of the type.
    pub unnamed: Unnamed,
    /// Moves with every change of the mapping itself, so that versions of before are none any more.
    pub revision: u32,
    /// How entries are read, made of all this.
    pub plan: Plan,
}

/// Where the entries of a type are, and what one of them needs.
#[derive(Debug, Clone)]
pub struct Place {
    /// The fence: nothing outside of it is ever read or written.
    pub base: Dn,
    /// How far below the base.
    pub reach: Reach,
    /// Which of the entries there.
    pub filter: Filter,
    /// What a new one is.
    pub classes: Vec<String>,
    /// The attribute of its relative name.
    pub rdn: AttributeName,
}

/// Where ids come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Id {
    /// The attribute.
    pub name: AttributeName,
    /// [`Syntax::Guid`], or text that is taken as it stands.
    pub syntax: Syntax,
    /// Ids are UUIDs: anything else is nobody's.
    pub uuid: bool,
    /// The directory gives none: a new entry is given one.
    pub write: bool,
}

/// Where versions come from.
#[derive(Debug, Clone, PartialEq)]
pub enum VersionSource {
    /// An attribute that moves with every change of the entry, and can be asserted (`entryCSN`).
    Attribute(AttributeName),
    /// A digest of what is mapped, and of when the entry was changed.
    Digest,
}

/// One attribute of the directory, and what it is in SCIM.
#[derive(Debug, Clone)]
pub struct Column {
    /// The attribute, or the part of one.
    pub at: AttrPath,
    /// The `type` of the elements that it holds.
    pub kind: Option<String>,
    /// The directory's attribute.
    pub name: AttributeName,
    /// How its values are written.
    pub syntax: Syntax,
    /// What is done to its texts.
    pub transforms: Vec<column::Transform>,
    /// What stands before its values.
    pub prefix: Option<column::Prefix>,
    /// May it be written?
    pub write: bool,
    /// Has it one value at most?
    pub single: bool,
    /// Is its only value the primary one?
    pub primary: bool,
    /// How the directory compares its values.
    pub rules: schema::Rules,
}

/// One attribute of the directory that holds names of other entries.
#[derive(Debug, Clone)]
pub struct LinkColumn {
    /// What it is in SCIM.
    pub link: Arc<LinkType>,
    /// The directory's attribute.
    pub name: AttributeName,
    /// May it be written?
    pub write: bool,
    /// Its values are user names rather than names of entries (`memberUid`).
    pub by_name: bool,
    /// Stands where the directory wants a value and there is none: hidden.
    pub placeholder: Option<Dn>,
    /// There are more whom it does not name, and who have the entry as their primary group.
    pub by_primary: bool,
    /// Asks the directory for what is shown of the entries that it names, beside each entry that names them.
    pub deref: Option<Control>,
}

impl LinkColumn {
    /// Does it name one entry, in one attribute of its own?
    pub fn is_single(&self) -> bool {
        !self.link.multi_valued() && !self.by_name && !self.by_primary
    }
}

/// What the directory wants to have though SCIM may not name it.
#[derive(Debug, Clone)]
pub struct Fill {
    /// The directory's attribute.
    pub name: AttributeName,
    /// The attributes whose value it takes, the first that has one.
    pub from: Vec<AttrPath>,
    /// What stands there where none has: hidden when read.
    pub else_: Option<String>,
}

/// What Active Directory takes as the `sAMAccountName` of a user: so many letters, and none of these.
const ACCOUNT_LENGTH: usize = 20;
const NO_ACCOUNT: &str = "\"/\\[]:;|=,+*?<>";

impl Fill {
    /// Does its value stand once in the directory, so that it has to be given back?
    fn is_unique(&self) -> bool {
        self.name.is("sAMAccountName")
    }

    /// What it takes of a text that stands at `at`; None where that cannot stand here, and the directory makes one up.
    fn taken<'t>(&self, at: &AttrPath, text: &'t str) -> Option<&'t str> {
        if !self.is_unique() || at.attr().name != "userName" {
            return Some(text);
        }
        // A userPrincipalName is an account at a domain.
        let account = text.split('@').next().unwrap_or(text);
        let fits = account.chars().count() <= ACCOUNT_LENGTH && !account.contains(|c| NO_ACCOUNT.contains(c));
        Some(account).filter(|account| fits && !account.is_empty())
    }
}

impl Mapping {
    /// The columns of this attribute.
    pub fn columns_of<'a>(&'a self, at: &'a AttrPath) -> impl Iterator<Item = &'a Column> {
        self.columns.iter().filter(|column| column.at.same_attribute(at))
    }

    /// What is put together at this path.
    pub fn computed(&self, at: &AttrPath) -> Option<&Computed> {
        self.computed.iter().find(|computed| computed.at == *at)
    }

    /// The column of this link attribute.
    pub fn link(&self, at: &AttrPath) -> Option<&LinkColumn> {
        self.links.iter().find(|column| column.link.at.same_attribute(at))
    }

    /// The column that is the relative name of entries, where it is mapped.
    pub fn name_column(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == self.place.rdn)
    }

    /// The value that stands in this attribute where there is none.
    pub fn placeholder(&self, name: &AttributeName) -> Option<&str> {
        self.fills.iter().find(|fill| fill.name == *name)?.else_.as_deref()
    }

    /// Was this value filled in by the mapping, since the directory demands one and no client gave any: a fixed text, or the user
    /// name once more? It is not shown.
    pub fn hides(&self, entry: &Entry, name: &AttributeName, value: &[u8]) -> bool {
        self.fills.iter().filter(|fill| fill.name == *name).any(|fill| {
            let again = || {
                let at = fill.from.iter().find(|at| at.attr().name == "userName")?;
                let own = self.columns_of(at).next().filter(|column| column.name != *name)?;
                entry.first(&own.name)
            };
            fill.else_.as_deref().is_some_and(|text| text.as_bytes() == value)
                || again().is_some_and(|own| own == value)
        })
    }

    /// The entry below which one with this document belongs.
    pub fn home(&self, document: &Map<String, Value>) -> &Dn {
        if self.placement.is_empty() {
            return &self.place.base;
        }
        let record = Record {
            key: Key { kind: self.rt.kind.clone(), id: ResourceId::new("") },
            version: Version::new(""),
            created: Timestamp::default(),
            modified: Timestamp::default(),
            document: Document::default(),
            links: Vec::new(),
        };
        let fits = |(filter, _): &&(BoundFilter, Dn)| eval::matches_parsed(filter, &record, document);
        self.placement.iter().find(fits).map_or(&self.place.base, |(_, base)| base)
    }

    /// What must be seen of an entry to know whether it may be changed.
    pub fn guards(&self) -> Vec<AttributeName> {
        self.protected.as_ref().map(crate::fence::names).unwrap_or_default()
    }
}
