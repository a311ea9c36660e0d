//! The definition of one attribute: its type and its characteristics (RFC 7643 section 2.2).

use std::sync::Arc;

use crate::name::{TextRule, same};

/// The eight data types of RFC 7643 section 2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Type {
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

/// Who may change an attribute, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}

/// When an attribute is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum Returned {
    Always,
    Never,
    Default,
    Request,
}

/// Among which resources a value may stand once only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Uniqueness {
    /// Anywhere any number of times.
    None,
    /// Once among the resources of one type in one tenant.
    Server,
    /// Once in the whole server.
    Global,
}

/// Where the values of an attribute live. Decided once, when its schema is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the document.
    Document,
    /// The key of the record: `id`.
    Id,
    /// The record itself: `meta`.
    Meta,
    /// Rows of their own, addressed element by element: `members`, `manager`.
    Link,
    /// Links of other resources, read from their far end: `groups` of a User.
    Reverse,
    /// Never in a document and never shown: `password` and all that is writeOnly or returned never.
    Secret,
}

/// One attribute of a schema, or one sub-attribute of a complex attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeDef {
    /// In the schema's spelling.
    pub name: String,
    /// For people.
    pub description: String,
    /// The data type.
    pub ty: Type,
    /// An array of values rather than one.
    pub multi_valued: bool,
    /// Must have a value.
    pub required: bool,
    /// Values that are known to be used.
    pub canonical_values: Vec<String>,
    /// No values but the canonical ones (`canonicalValuesOnly` in a schema file; an option of this server).
    pub canonical_only: bool,
    /// Text is compared code point by code point.
    pub case_exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// When it is shown.
    pub returned: Returned,
    /// How often a value may occur.
    pub uniqueness: Uniqueness,
    /// What a reference may point to: names of resource types, `external`, `uri`.
    pub reference_types: Vec<String>,
    /// Base64 in the URL-safe alphabet (`urlSafe` in a schema file; RFC 7643 section 2.3.6).
    pub url_safe: bool,
    /// The parts of a complex attribute.
    pub sub_attributes: Vec<Arc<AttributeDef>>,
    /// How its text is compared.
    pub text: TextRule,
    /// Where its values live.
    pub place: Place,
}

impl AttributeDef {
    /// The sub-attribute of this name, in any letter case.
    pub fn sub(&self, name: &str) -> Option<&Arc<AttributeDef>> {
        self.sub_attributes.iter().find(|sub| same(&sub.name, name))
    }

    /// Is this a complex attribute?
    pub fn is_complex(&self) -> bool {
        self.ty == Type::Complex
    }
}

macro_rules! named {
    ($($ty:ident { $($variant:ident = $name:literal),* $(,)? })*) => { $(
        impl $ty {
            /// Every one of them.
            pub const ALL: &'static [$ty] = &[$($ty::$variant),*];

            /// The name in a schema (RFC 7643 section 7).
            pub const fn name(self) -> &'static str {
                match self { $($ty::$variant => $name,)* }
            }
        }
    )* };
}

named! {
    Type {
        String = "string", Boolean = "boolean", Decimal = "decimal", Integer = "integer", DateTime = "dateTime",
        Binary = "binary", Reference = "reference", Complex = "complex",
    }
    Mutability {
        ReadOnly = "readOnly", ReadWrite = "readWrite", Immutable = "immutable", WriteOnly = "writeOnly",
    }
    Returned { Always = "always", Never = "never", Default = "default", Request = "request" }
    Uniqueness { None = "none", Server = "server", Global = "global" }
}
