//! A resource type as the rest of the core uses it: base schema, extensions, and what follows from them.

use std::sync::Arc;

use crate::name::same;
use crate::path::AttrPath;
use crate::text::text_type;

use super::AttributeDef;

text_type! {
    /// The name of a resource type, as in `meta.resourceType`: `User`, `Group`. Cheap to clone; case exact.
    Kind, 16, "{}"
}

/// One Schema resource (RFC 7643 section 7), checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Its URN, in the registered spelling.
    pub id: Arc<str>,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// In the order of the file, which is the order of canonical documents.
    pub attributes: Vec<Arc<AttributeDef>>,
}

impl Schema {
    /// The attribute of this name, in any letter case.
    pub fn attribute(&self, name: &str) -> Option<&Arc<AttributeDef>> {
        self.attributes.iter().find(|attribute| same(&attribute.name, name))
    }
}

/// A schema that adds attributes to a resource type.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// What it adds.
    pub schema: Arc<Schema>,
    /// Every resource of the type must have it.
    pub required: bool,
}

/// An attribute whose values are links to other resources: `Group.members`, the enterprise `manager`.
///
/// An attribute is one when it is complex, writable, has `value` and a `$ref` whose reference types name resource
/// types, and nothing else that a client can write but `type`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkType {
    /// The type that holds the links.
    pub holder: Kind,
    /// The attribute, without sub-attribute.
    pub at: AttrPath,
    /// The types a link may point to.
    pub kinds: Arc<[Kind]>,
    /// The read-only sub-attribute that shows the target's label: `display` or `displayName`.
    pub display: Option<Arc<AttributeDef>>,
    /// Has a `type` sub-attribute, which shows the target's kind.
    pub has_type: bool,
}

impl LinkType {
    /// May an element be one of many?
    pub fn multi_valued(&self) -> bool {
        self.at.attr().multi_valued
    }
}

/// A read-only attribute that shows the links of others to this resource: `User.groups` for `Group.members`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReverseType {
    /// The attribute, without sub-attribute.
    pub at: AttrPath,
    /// The links it reads from their far end.
    pub via: Arc<LinkType>,
}

/// A compiled resource type (RFC 7643 section 6). Made by the registry.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceType {
    /// Its name, as a key.
    pub kind: Kind,
    /// The path segment with its slash: `/Users`.
    pub endpoint: String,
    /// For people.
    pub description: String,
    /// The base schema.
    pub schema: Arc<Schema>,
    /// What extends it.
    pub extensions: Vec<Extension>,
    /// The common attributes `schemas`, `id`, `externalId`, `meta` (RFC 7643 section 3.1).
    pub common: Arc<[Arc<AttributeDef>]>,
    /// Its link attributes.
    pub links: Vec<Arc<LinkType>>,
    /// Its reverse attributes.
    pub reverse: Vec<Arc<ReverseType>>,
    /// Attributes and sub-attributes whose values must be unique, each with its path.
    pub unique: Vec<AttrPath>,
    /// Names (JSON keys) that a stored document may hold but a default answer must not show (`returned` request or
    /// never, sub-attributes included). Where none of them occurs in a document, its text can be sent as it is.
    pub hidden: Vec<String>,
}

impl ResourceType {
    /// The link attribute at this path (its sub-attribute does not matter).
    pub fn link(&self, at: &AttrPath) -> Option<&Arc<LinkType>> {
        self.links.iter().find(|link| link.at.same_attribute(at))
    }

    /// The reverse attribute at this path (its sub-attribute does not matter).
    pub fn reverse(&self, at: &AttrPath) -> Option<&Arc<ReverseType>> {
        self.reverse.iter().find(|reverse| reverse.at.same_attribute(at))
    }

    /// The extension with this URN, in any letter case.
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| same(&extension.schema.id, urn))
    }

    /// All URNs of the type: the base schema first.
    pub fn urns(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::once(&self.schema.id).chain(self.extensions.iter().map(|extension| &extension.schema.id))
    }
}
