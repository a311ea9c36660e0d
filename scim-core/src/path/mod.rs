//! Attribute paths: the notation of RFC 7644 section 3.10 and the PATH of section 3.5.2.
//!
//! - `parse`: text to [`Path`]
//! - `resolve`: names to definitions, as [`AttrPath`] and [`Target`]
//! - `near`: which name was meant, for error messages

pub mod near;
pub mod parse;
pub mod resolve;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::schema::{AttributeDef, Place};

pub use near::near;
pub(crate) use near::unknown;
pub use parse::Path;
pub use resolve::{Named, Target, attribute, equalities, named, resolve};

/// An attribute or sub-attribute of a resource type, resolved. Prints back as its notation.
#[derive(Clone)]
pub struct AttrPath {
    extension: Option<Arc<str>>,
    attr: Arc<AttributeDef>,
    sub: Option<Arc<AttributeDef>>,
}

impl AttrPath {
    /// A path to `attr` (of the extension with this URN, or of the base schema), or to its sub-attribute.
    pub fn new(extension: Option<Arc<str>>, attr: Arc<AttributeDef>, sub: Option<Arc<AttributeDef>>) -> Self {
        AttrPath { extension, attr, sub }
    }

    /// The URN of the extension, None for attributes of the base schema and common ones.
    pub fn extension(&self) -> Option<&Arc<str>> {
        self.extension.as_ref()
    }

    /// The attribute.
    pub fn attr(&self) -> &Arc<AttributeDef> {
        &self.attr
    }

    /// The sub-attribute, where the path names one.
    pub fn sub(&self) -> Option<&Arc<AttributeDef>> {
        self.sub.as_ref()
    }

    /// What the path ends at: the sub-attribute, else the attribute.
    pub fn leaf(&self) -> &Arc<AttributeDef> {
        self.sub.as_ref().unwrap_or(&self.attr)
    }

    /// Where the values live.
    pub fn place(&self) -> Place {
        self.attr.place
    }

    /// The same attribute, whatever the sub-attributes?
    pub fn same_attribute(&self, other: &AttrPath) -> bool {
        self.attr.name == other.attr.name && self.extension == other.extension
    }

    /// The path without its sub-attribute.
    pub fn attribute(&self) -> AttrPath {
        AttrPath { extension: self.extension.clone(), attr: self.attr.clone(), sub: None }
    }

    /// The path to a sub-attribute of the attribute.
    pub fn with_sub(&self, sub: Arc<AttributeDef>) -> AttrPath {
        AttrPath { extension: self.extension.clone(), attr: self.attr.clone(), sub: Some(sub) }
    }
}

/// The notation of RFC 7644 section 3.10: `name.familyName`, `urn:…:User:manager.value`.
impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.attr.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{}", sub.name),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for AttrPath {
    fn eq(&self, other: &Self) -> bool {
        self.same_attribute(other) && self.sub.as_ref().map(|sub| &sub.name) == other.sub.as_ref().map(|sub| &sub.name)
    }
}

impl Eq for AttrPath {}

impl Hash for AttrPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.extension.hash(state);
        self.attr.name.hash(state);
        self.sub.as_ref().map(|sub| &sub.name).hash(state);
    }
}
