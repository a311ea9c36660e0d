//! Entries of a file as resources, and resources as entries, by the tables of the gateway and without a directory.
//!
//! In a file resources refer to each other by names of entries: these are their ids on the way in. What the tables do not hold
//! is told, and left out.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use scim_core::document::values;
use scim_core::path::AttrPath;
use scim_core::schema::ResourceType;
use serde_json::{Map, Value, json};

use crate::features::Features;
use crate::ldap::{AttributeName, Dn, Entry, Rdn, Reach};
use crate::mapping::build::BadMapping;
use crate::mapping::schema::{Facts, Schema};
use crate::mapping::write::Values;
use crate::mapping::{LinkColumn, Mapping};
use crate::settings::{Mode, Settings};
use crate::tenant::Tenant;

const OBJECT_CLASS: AttributeName = AttributeName::known("objectClass");
/// Attributes of the tables that no standard class has, and that only some directories know.
const BEYOND: [&str; 1] = ["mailAlternateAddress"];
/// Stands as a member where a class wants one.
const NOBODY: &str = "cn=nobody";

/// The tables of one tenant.
#[derive(Debug)]
pub struct Exchange {
    mappings: Vec<Arc<Mapping>>,
}

/// An entry for a file, and what the tables have no place for.
#[derive(Debug, PartialEq)]
pub struct Held {
    /// The entry.
    pub entry: Entry,
    /// The attributes, or values of them, that are left out.
    pub left_out: Vec<String>,
}

/// Every attribute is there: what is missing shows where the file is used.
struct Anything;

impl Schema for Anything {
    fn attribute(&self, _: &AttributeName) -> Option<Facts> {
        Some(Facts::default())
    }

    fn allows(&self, _: &[String], name: &AttributeName) -> bool {
        !BEYOND.iter().any(|beyond| name.is(beyond))
    }
}

impl Exchange {
    /// The tables of this tenant, as its settings have them.
    ///
    /// # Errors
    /// Settings that make no mapping; bases that are missing.
    pub fn new(tenant: &str, types: &[Arc<ResourceType>], settings: &Settings) -> Result<Exchange, BadMapping> {
        let settings = Settings { mode: Mode::Write, ..settings.clone() };
        let features = Features { product: settings.product.unwrap_or_default(), ..Features::default() };
        let (tenant, _) = Tenant::build(tenant, types, &settings, &features, &Anything)?;
        Ok(Exchange { mappings: tenant.mappings().to_vec() })
    }

    /// The same for entries that stand anywhere: those of another directory.
    #[must_use]
    pub fn anywhere(self) -> Exchange {
        let anywhere = |mapping: Arc<Mapping>| {
            let mut mapping = Arc::unwrap_or_clone(mapping);
            (mapping.place.base, mapping.place.reach) = (Dn::root(), Reach::Tree);
            Arc::new(mapping)
        };
        Exchange { mappings: self.mappings.into_iter().map(anywhere).collect() }
    }

    /// By what others refer to an entry: its name, and its user name. None where it is no resource.
    pub fn names(&self, entry: &Entry) -> Option<(String, Option<String>)> {
        let mapping = self.mapping_of(entry)?;
        let column = mapping.columns.iter().find(|column| column.at.attr().name == "userName");
        let user_name = column.and_then(|column| entry.text(&column.name)).map(str::to_owned);
        Some((entry.dn.key().to_string(), user_name))
    }

    /// An entry as a resource whose `id` is its name, None where it is of no type; and the references that lead nowhere. `known` says
    /// which name an entry of the file has that is referred to by this name or user name.
    pub fn resource(
        &self,
        entry: &Entry,
        known: impl Fn(&str) -> Option<String>,
    ) -> Option<(Map<String, Value>, Vec<String>)> {
        let mapping = self.mapping_of(entry)?;
        let mut resource = mapping.attributes_of(entry);
        resource.insert("id".into(), entry.dn.key().to_string().into());
        let mut astray = Vec::new();
        for column in &mapping.links {
            let mut targets = Vec::new();
            for text in entry.texts(&column.name) {
                match Exchange::key(column, text).and_then(|key| known(&key)) {
                    Some(id) => targets.push(json!({ "value": id })),
                    None if text == NOBODY || text.is_empty() => {}
                    None => astray.push(text.to_owned()),
                }
            }
            put_links(&mut resource, &column.link.at, targets, column.link.multi_valued());
        }
        Some((resource, astray))
    }

    /// What a value refers to, as it compares.
    fn key(column: &LinkColumn, text: &str) -> Option<String> {
        match column.by_name {
            true => Some(text.to_owned()),
            false => Dn::parse(text).ok().map(|dn| dn.key().to_string()),
        }
    }

    /// The name that a resource gets as an entry.
    ///
    /// # Errors
    /// It has none, and why.
    pub fn name(&self, resource: &Map<String, Value>) -> Result<Dn, String> {
        let mapping = self.mapping_for(resource)?;
        let (values, _) = held(mapping, resource);
        name(mapping, &values)
    }

    /// A resource as an entry. `names` are those of all resources, by id.
    ///
    /// # Errors
    /// It has no name, and why.
    pub fn entry(&self, resource: &Map<String, Value>, names: &HashMap<String, Dn>) -> Result<Held, String> {
        let mapping = self.mapping_for(resource)?;
        let (values, mut left_out) = held(mapping, resource);
        let classes = mapping.place.classes.iter().map(|class| Bytes::copy_from_slice(class.as_bytes()));
        let mut entry = Entry::new(name(mapping, &values)?).with(OBJECT_CLASS, classes);
        for (name, values) in values.iter() {
            entry = entry.with(name.clone(), values.iter().cloned());
        }
        if let Some((at, active)) = &mapping.active {
            let wanted = values::whole(resource, at).and_then(Value::as_bool).unwrap_or(true);
            match active.create(wanted) {
                Some((name, value)) => entry = entry.with(name, [value]),
                None if !wanted && !active.can_write() => left_out.push(format!("{at} = false")),
                None => {}
            }
        }
        for column in &mapping.links {
            entry = with_links(entry, column, resource, names, &mut left_out);
        }
        Ok(Held { entry, left_out })
    }

    fn mapping_of(&self, entry: &Entry) -> Option<&Arc<Mapping>> {
        self.mappings.iter().find(|mapping| mapping.place.has(entry))
    }

    fn mapping_for(&self, resource: &Map<String, Value>) -> Result<&Arc<Mapping>, String> {
        let kind = resource.get("meta").and_then(|meta| meta.get("resourceType")).and_then(Value::as_str);
        let found = self.mappings.iter().find(|mapping| kind == Some(mapping.rt.kind.as_str()));
        found.ok_or_else(|| format!("resources of the type {} stand in no table", kind.unwrap_or("(none)")))
    }
}

/// The values that the columns hold of a resource, and what they do not.
fn held(mapping: &Mapping, resource: &Map<String, Value>) -> (Values, Vec<String>) {
    let mut rest = resource.clone();
    let mut left_out: Vec<String> = values::attributes(&mapping.rt)
        .filter(|at| values::whole(resource, at).is_some() && mapping.columns_of(at).next().is_none())
        .filter(|at| mapping.active.as_ref().is_none_or(|(active, _)| !active.same_attribute(at)))
        .map(|at| at.to_string())
        .collect();
    // Each try takes one element, or one attribute, away: it ends.
    loop {
        match mapping.values_of(&rest, None) {
            Ok(mut values) => {
                mapping.fill(&mut values, &rest);
                return (values, left_out);
            }
            Err(bad) => {
                left_out.push(format!("{}: {}", bad.at, bad.why));
                if !drop_last(&mut rest, &bad.at) {
                    return (Values::default(), left_out);
                }
            }
        }
    }
}

/// Takes the last element of an attribute away, or the attribute where it has no more; false where there is none.
fn drop_last(resource: &mut Map<String, Value>, at: &AttrPath) -> bool {
    let own = match at.extension() {
        None => Some(resource),
        Some(urn) => resource.get_mut(&**urn).and_then(Value::as_object_mut),
    };
    let Some(own) = own else { return false };
    match own.get_mut(&at.attr().name) {
        Some(Value::Array(elements)) if elements.len() > 1 => elements.pop().is_some(),
        _ => own.remove(&at.attr().name).is_some(),
    }
}

fn name(mapping: &Mapping, values: &Values) -> Result<Dn, String> {
    let attribute = &mapping.place.rdn;
    let value = values.of(attribute).first().ok_or_else(|| format!("it has no {attribute}, which names an entry"))?;
    let rdn = Rdn::new(attribute.clone(), value.to_vec()).map_err(|bad| bad.to_string())?;
    Ok(mapping.place.base.child(&rdn))
}

fn put_links(resource: &mut Map<String, Value>, at: &AttrPath, mut targets: Vec<Value>, many: bool) {
    let value = match (many, targets.is_empty()) {
        (_, true) => return,
        (true, _) => Value::Array(targets),
        (false, _) => targets.swap_remove(0),
    };
    let own = match at.extension() {
        None => Some(resource),
        Some(urn) => resource.entry(urn.to_string()).or_insert_with(|| json!({})).as_object_mut(),
    };
    if let Some(own) = own {
        own.insert(at.attr().name.clone(), value);
    }
}

/// The entry with what a resource links to.
fn with_links(
    entry: Entry,
    column: &LinkColumn,
    resource: &Map<String, Value>,
    names: &HashMap<String, Dn>,
    left_out: &mut Vec<String>,
) -> Entry {
    let at = &column.link.at;
    let elements = match values::whole(resource, at) {
        Some(Value::Array(elements)) => elements.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let mut links = Vec::new();
    for element in elements {
        match element.get("value").and_then(Value::as_str).and_then(|id| names.get(id)) {
            Some(dn) if column.by_name => {
                links.extend(dn.rdn().and_then(|rdn| Some(Bytes::copy_from_slice(rdn.parts().first()?.1.as_slice()))));
            }
            Some(dn) => links.push(Bytes::copy_from_slice(dn.as_str().as_bytes())),
            None => left_out.push(format!("{at} that are no entries")),
        }
    }
    if links.is_empty() && at.attr().multi_valued && !column.by_name {
        let nobody = column.placeholder.as_ref().map_or(NOBODY, Dn::as_str);
        links.push(Bytes::copy_from_slice(nobody.as_bytes()));
    }
    if links.is_empty() { entry } else { entry.with(column.name.clone(), links) }
}
