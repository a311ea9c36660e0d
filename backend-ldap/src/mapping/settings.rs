//! What the configuration says of one type over the defaults: `[store.ldap.users]`, `[store.ldap.groups]`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::column::Transform;
use super::syntax::Syntax;

/// `[store.ldap.users]` or `[store.ldap.groups]`. What is not said is the default of the kind of directory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypeSettings {
    /// Where the entries are: the fence of the tenant.
    pub base: Option<String>,
    /// `one` or `sub`.
    pub scope: Option<ScopeSetting>,
    /// Which entries there, as filter text.
    pub filter: Option<String>,
    /// What a new entry is.
    pub object_classes: Option<Vec<String>>,
    /// The attribute of its relative name.
    pub rdn: Option<String>,
    /// The attribute that ids are taken from: single-valued, never changed.
    pub id: Option<String>,
    /// How `active` is kept: `none`, `ad_uac`, `ns_account_lock`, `ppolicy_lock`, `shadow_expire`, or a table with an attribute, a
    /// group, or a place.
    pub active: Option<ActiveSetting>,
    /// Where entries stand by what they are, the first that fits; else at the base.
    pub placement: Option<Vec<PlacementSetting>>,
    /// Which entries are shown and never changed, as filter text.
    pub protected: Option<String>,
    /// The attributes of the directory that may be written; all that are mapped where this is not said.
    pub writable: Option<Vec<String>>,
    /// What becomes of an entry that is deleted.
    pub on_delete: Option<OnDelete>,
    /// Where entries go that are deleted and stay.
    pub deleted_base: Option<String>,
    /// The entry that stands as a member where the directory wants one and there is none.
    pub placeholder: Option<String>,
    /// SCIM path → attribute of the directory; `false` for none.
    pub attributes: BTreeMap<String, Cell>,
}

impl TypeSettings {
    /// These where they say something, else those.
    pub fn over(&self, common: &TypeSettings) -> TypeSettings {
        let mut attributes = common.attributes.clone();
        attributes.extend(self.attributes.clone());
        let (own, common) = (self.clone(), common.clone());
        TypeSettings {
            base: own.base.or(common.base),
            scope: own.scope.or(common.scope),
            filter: own.filter.or(common.filter),
            object_classes: own.object_classes.or(common.object_classes),
            rdn: own.rdn.or(common.rdn),
            id: own.id.or(common.id),
            active: own.active.or(common.active),
            placement: own.placement.or(common.placement),
            protected: own.protected.or(common.protected),
            writable: own.writable.or(common.writable),
            on_delete: own.on_delete.or(common.on_delete),
            deleted_base: own.deleted_base.or(common.deleted_base),
            placeholder: own.placeholder.or(common.placeholder),
            attributes,
        }
    }
}

/// How far below the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeSetting {
    /// Directly below.
    One,
    /// All below.
    Sub,
}

/// How `active` is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ActiveSetting {
    /// One of the known ways.
    Known(String),
    /// An attribute with two values.
    #[expect(missing_docs, reason = "said above")]
    Attribute { attribute: String, on: String, off: String },
    /// A group: `members` says what its members are, `active` or `inactive`; they stand in `attribute`.
    #[expect(missing_docs, reason = "said above")]
    Group { group: String, members: Option<Members>, attribute: Option<String> },
    /// Entries of those who are not active stand below this one.
    #[expect(missing_docs, reason = "said above")]
    Move { ou_move: String },
}

/// What the members of a group are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Members {
    /// They may log in, and nobody else.
    Active,
    /// They may not.
    #[default]
    Inactive,
}

/// Where an entry stands that a filter accepts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacementSetting {
    /// The filter, in SCIM.
    pub when: String,
    /// The entry directly below which it stands.
    pub base: String,
}

/// What becomes of an entry that is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// It goes. One with entries below it stays, and the deletion is refused.
    #[default]
    Remove,
    /// It goes with all that is below it.
    RemoveTree,
    /// It stays, is made inactive, and is not shown any more.
    Deactivate,
}

/// What a SCIM attribute is in the directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// `false`: nothing.
    Mapped(bool),
    /// One attribute.
    Name(String),
    /// Several: the first takes what fits, the next what is more.
    Names(Vec<String>),
    /// One, with all there is to say.
    Table(CellTable),
    /// The same text for everybody.
    #[expect(missing_docs, reason = "said above")]
    Constant { constant: String },
    /// A text with attributes of the directory in braces.
    #[expect(missing_docs, reason = "said above")]
    Template { template: String },
}

/// One attribute of the directory, with all there is to say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellTable {
    /// Its name.
    pub attribute: String,
    /// How its values are written.
    pub syntax: Option<Syntax>,
    /// What is done to its texts, in both directions, one after another.
    #[serde(default)]
    pub transforms: Vec<Transform>,
    /// What stands before each value; in capitals before the primary one.
    pub prefix: Option<String>,
    /// `read_write`, `read_only` or `create_only`.
    #[serde(default)]
    pub direction: Direction,
    /// What stands there where the directory wants a value and SCIM has none: hidden when read.
    pub default: Option<String>,
}

/// May it be written?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Read and written.
    #[default]
    ReadWrite,
    /// Read only.
    ReadOnly,
    /// Given once, and never changed.
    CreateOnly,
}
