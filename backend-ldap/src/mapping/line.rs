//! One line of what is mapped: a SCIM path, and what it is in the directory.

use scim_core::path::AttrPath;
use scim_core::schema::{Place, Type};

use crate::ldap::AttributeName;

use super::column::{Prefix, Transform};
use super::computed::Template;
use super::syntax::Syntax;

/// One line, of the table or of the settings.
pub(super) struct Line {
    pub(super) names: Vec<AttributeName>,
    pub(super) syntax: Option<Syntax>,
    pub(super) primary: bool,
    pub(super) read_only: bool,
    pub(super) once: bool,
    pub(super) transforms: Vec<Transform>,
    pub(super) prefix: Option<Prefix>,
    /// The settings say so: it is kept even where a new entry could not have it.
    pub(super) asked_for: bool,
    pub(super) default: Option<String>,
    /// It is put together of others, or of none.
    pub(super) template: Option<Template>,
}

/// What the path of a line means.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Meaning {
    pub(super) at: AttrPath,
    pub(super) kind: Option<String>,
}

/// Why nothing that is shown may come of it.
pub(super) fn secret_told(name: &AttributeName) -> String {
    format!("{name} holds passwords, which are shown to nobody")
}

impl Line {
    /// These attributes, as the settings name them.
    pub(super) fn of(names: Vec<AttributeName>) -> Line {
        Line {
            names,
            syntax: None,
            primary: false,
            read_only: false,
            once: false,
            transforms: Vec::new(),
            prefix: None,
            asked_for: true,
            default: None,
            template: None,
        }
    }

    /// Why it cannot be: it would show a password, or does to texts what is none.
    pub(super) fn problem(&self, meaning: &Meaning, is_secret: &dyn Fn(&AttributeName) -> bool) -> Option<String> {
        let made = self.template.iter().flat_map(Template::names);
        let secret = self.names.iter().chain(made).find(|name| is_secret(name));
        if let Some(name) = secret.filter(|_| meaning.at.place() != Place::Secret) {
            return Some(secret_told(name));
        }
        let leaf = meaning.at.leaf();
        let text = matches!(leaf.ty, Type::String | Type::Reference)
            && matches!(self.syntax, None | Some(Syntax::Text))
            && meaning.at.place() == Place::Document;
        if !text && (!self.transforms.is_empty() || self.prefix.is_some()) {
            return Some("transforms and prefix are for texts".into());
        }
        let many = meaning.at.attr().multi_valued && meaning.at.sub().is_some_and(|sub| sub.name == "value");
        (self.prefix.is_some() && !many)
            .then(|| "prefix is for the values of an attribute that has several, as emails has".into())
    }
}
