//! What the mapping asks of a directory's schema.

use crate::ldap::AttributeName;

/// How values of an attribute are compared (RFC 4517).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// By an equality rule: not all have one.
    pub equality: Equality,
    /// By an ordering rule.
    pub ordering: bool,
    /// By a substring rule.
    pub substrings: bool,
}

/// What an equality rule makes of text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Equality {
    /// There is no rule.
    #[default]
    None,
    /// Case does not count.
    Folded,
    /// Case counts.
    Exact,
    /// The rule is not one of text: numbers, times, bytes, names.
    Typed,
}

/// One attribute, as the schema has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// How its values are compared.
    pub rules: Rules,
    /// It has one value at most.
    pub single: bool,
    /// Only the directory itself writes it.
    pub read_only: bool,
    /// It holds passwords, under this name or another one of it.
    pub secret: bool,
}

/// A directory's schema.
pub trait Schema {
    /// The attribute of this name; None where the directory has none such.
    fn attribute(&self, name: &AttributeName) -> Option<Facts>;

    /// The same attribute by the name under which the directory shows it, where it has several.
    fn usual(&self, name: &AttributeName) -> AttributeName {
        name.clone()
    }

    /// May an entry of these classes have this attribute? True where nothing is known of the classes.
    fn allows(&self, classes: &[String], name: &AttributeName) -> bool;
}
