//! What is the same for every entry that is read, worked out once: which attributes are asked for, and what of an entry each attribute
//! of the type is made of, in the order of the schemas.

use std::sync::Arc;

use scim_core::path::AttrPath;
use scim_core::schema::{AttributeDef, Place};
use serde_json::Value;

use crate::ldap::AttributeName;

use super::computed::Template;
use super::syntax::Syntax;
use super::{Column, Mapping, VersionSource};

/// How entries are read.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What a search must ask for to see id, version and times.
    pub bare: Vec<AttributeName>,
    /// The same, with all that makes the document.
    pub document: Vec<AttributeName>,
    /// The attributes of the type that stand anywhere, but those of extensions.
    pub(super) own: Vec<Field>,
    /// Those of its extensions.
    pub(super) extensions: Vec<ExtensionPlan>,
}

/// The attributes of an extension that stand anywhere.
#[derive(Debug, Clone)]
pub(super) struct ExtensionPlan {
    pub(super) urn: Arc<str>,
    pub(super) key: String,
    pub(super) fields: Vec<Field>,
    /// What holds its links, which name it though they are no part of the document.
    pub(super) links: Vec<AttributeName>,
}

/// A member of a JSON object, and what it is made of.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) at: AttrPath,
    /// Its name, as it stands before its value.
    pub(super) key: String,
    pub(super) source: Source,
}

/// What a value is made of.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Who may log in.
    Active,
    /// The whole of it stands there as JSON.
    Json(Column),
    /// It is put together.
    Made(Template),
    /// The first of these that has a value.
    One(Vec<Column>),
    /// All values of these.
    All(Vec<Column>),
    /// An object of these.
    Parts(Vec<Field>),
    /// An array of objects, type by type as the table has them.
    Elements(Vec<Elements>),
}

/// The elements of one `type`.
#[derive(Debug, Clone)]
pub(super) struct Elements {
    pub(super) of: Each,
    /// The members of each of them, in the order of the schema.
    pub(super) members: Vec<Member>,
}

/// How many elements there are.
#[derive(Debug, Clone)]
pub(super) enum Each {
    /// One for each value of these; is an only value the primary one?
    Value(Vec<Column>, bool),
    /// One, where one of its parts has a value.
    Entry,
}

/// A member of an element.
#[derive(Debug, Clone)]
pub(super) enum Member {
    /// Its name, and the value of which the element is made.
    Value(String),
    /// Says `true` where it is the primary one.
    Primary(String),
    /// What says of which type it is: the same for all.
    Type(String),
    /// What has an attribute of its own.
    Part(Field),
}

impl Field {
    fn new(at: AttrPath, source: Source) -> Field {
        Field { key: key(&at.leaf().name), at, source }
    }
}

/// A name as it stands before the value of a member.
pub(super) fn key(name: &str) -> String {
    format!("{}:", Value::from(name))
}

impl Plan {
    /// That of this mapping.
    pub(super) fn of(mapping: &Mapping) -> Plan {
        let rt = &mapping.rt;
        let field = |urn: Option<&Arc<str>>, attr: &Arc<AttributeDef>| {
            let at = AttrPath::new(urn.cloned(), attr.clone(), None);
            let source = source(mapping, &at)?;
            Some(Field::new(at, source))
        };
        // What `schemas` names is known when all else is.
        let common = rt.common.iter().filter(|attr| attr.name != "schemas");
        let extensions = rt.extensions.iter().map(|extension| {
            let urn = &extension.schema.id;
            let links = mapping.links.iter().filter(|column| column.link.at.extension() == Some(urn));
            ExtensionPlan {
                urn: urn.clone(),
                key: key(urn),
                fields: extension.schema.attributes.iter().filter_map(|attr| field(Some(urn), attr)).collect(),
                links: links.map(|column| column.name.clone()).collect(),
            }
        });
        let bare = bare(mapping);
        Plan {
            document: with_document(mapping, bare.clone()),
            own: common.chain(&rt.schema.attributes).filter_map(|attr| field(None, attr)).collect(),
            extensions: extensions.collect(),
            bare,
        }
    }
}

fn bare(mapping: &Mapping) -> Vec<AttributeName> {
    let mut names = vec![mapping.id.name.clone(), mapping.created.clone(), mapping.modified.clone()];
    match &mapping.version {
        VersionSource::Attribute(name) => names.push(name.clone()),
        VersionSource::Digest => names = with_document(mapping, names),
    }
    names
}

fn with_document(mapping: &Mapping, mut names: Vec<AttributeName>) -> Vec<AttributeName> {
    let active = mapping.active.iter().filter_map(|(_, active)| active.attribute());
    let labels = mapping.links.iter().filter(|column| !column.link.multi_valued()).map(|column| column.name.clone());
    let fills = mapping.fills.iter().filter(|fill| fill.is_unique()).map(|fill| fill.name.clone());
    let made = mapping.computed.iter().flat_map(|computed| computed.template.names().cloned());
    let more = active.chain(labels).chain(fills).chain(made).chain(mapping.country_attributes());
    for name in mapping.columns.iter().map(|column| column.name.clone()).chain(more) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What an attribute is made of; None where it stands nowhere.
fn source(mapping: &Mapping, at: &AttrPath) -> Option<Source> {
    let attr = at.attr();
    if attr.place != Place::Document {
        return None;
    }
    if mapping.active.as_ref().is_some_and(|(active, _)| active.same_attribute(at)) {
        return Some(Source::Active);
    }
    let columns: Vec<Column> = mapping.columns_of(at).cloned().collect();
    if let Some(whole) = columns.iter().find(|column| column.syntax == Syntax::Json) {
        return Some(Source::Json(whole.clone()));
    }
    let made = mapping.computed.iter().any(|computed| computed.at.same_attribute(at));
    match (attr.is_complex(), attr.multi_valued) {
        _ if columns.is_empty() && !made => None,
        (false, false) => Some(match mapping.computed(at) {
            Some(computed) => Source::Made(computed.template.clone()),
            None => Source::One(columns),
        }),
        (false, true) => Some(Source::All(columns)),
        (true, false) => Some(Source::Parts(parts(mapping, at, &columns))),
        (true, true) => Some(Source::Elements(elements(mapping, at, &columns))),
    }
}

/// Each part of a complex value that stands anywhere, in the order of the schema.
fn parts(mapping: &Mapping, at: &AttrPath, columns: &[Column]) -> Vec<Field> {
    let part = |sub: &Arc<AttributeDef>| {
        let own: Vec<Column> = columns.iter().filter(|column| is_sub(column, &sub.name)).cloned().collect();
        let source = match mapping.computed(&at.with_sub(sub.clone())) {
            Some(computed) => Source::Made(computed.template.clone()),
            None if own.is_empty() => return None,
            None => Source::One(own),
        };
        Some(Field::new(at.with_sub(sub.clone()), source))
    };
    at.attr().sub_attributes.iter().filter_map(part).collect()
}

/// The elements of a multi-valued complex attribute.
fn elements(mapping: &Mapping, at: &AttrPath, columns: &[Column]) -> Vec<Elements> {
    let mut kinds: Vec<Option<&str>> = Vec::new();
    for column in columns {
        if !kinds.contains(&column.kind.as_deref()) {
            kinds.push(column.kind.as_deref());
        }
    }
    let of_kind = |kind: Option<&str>| {
        let own: Vec<Column> = columns.iter().filter(|column| column.kind.as_deref() == kind).cloned().collect();
        let values = own.iter().all(|column| is_sub(column, "value"));
        let parts = if values { Vec::new() } else { parts(mapping, at, &own) };
        let member = |sub: &Arc<AttributeDef>| {
            let part = || parts.iter().find(|part| part.at.leaf().name == sub.name).cloned();
            match (&*sub.name, kind) {
                ("type", Some(kind)) => Some(Member::Type(format!("{}{}", key("type"), Value::from(kind)))),
                ("value", _) if values => Some(Member::Value(key("value"))),
                ("primary", _) if values => Some(Member::Primary(format!("{}true", key("primary")))),
                _ => part().map(Member::Part),
            }
        };
        let members = at.attr().sub_attributes.iter().filter_map(member).collect();
        let primary = own.iter().any(|column| column.primary);
        Elements { of: if values { Each::Value(own, primary) } else { Each::Entry }, members }
    };
    kinds.into_iter().map(of_kind).collect()
}

fn is_sub(column: &Column, name: &str) -> bool {
    column.at.sub().is_some_and(|sub| sub.name == name)
}
