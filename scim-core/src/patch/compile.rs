//! Operations into steps: each path, or each key of a path-less value, to its attribute, and from there to what may be
//! done to it.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::access::{Dialect, Rules};
use crate::document::check;
use crate::document::value::{shown, unassigned, unknown};
use crate::document::values;
use crate::error::{ScimError, excerpt};
use crate::filter::{BoundFilter, eval};
use crate::limits::Limits;
use crate::name::same;
use crate::path::{self, AttrPath, Named, Target};
use crate::schema::{AttributeDef, Mutability, Place, ResourceType};
use crate::store::ResourceId;

use super::apply::{read_only, required};
use super::links::LinkPlan;
use super::request::{Op, Operation, PatchRequest};
use super::step::Step;

pub(super) struct Compiler<'a> {
    pub resource_type: &'a Arc<ResourceType>,
    pub rules: &'a Rules,
    pub limits: &'a Limits,
    /// `replace` through a filter that nothing satisfies adds (tolerance rule R11).
    pub replace_creates: bool,
    pub steps: Vec<Step>,
    pub links: Vec<LinkPlan>,
    pub secrets: Vec<(AttrPath, Option<SecretString>)>,
    pub requested: Vec<AttrPath>,
    /// Something else than link attributes was addressed.
    pub bounded: bool,
    /// How many links the request has named so far.
    pub named_links: usize,
    id: &'a ResourceId,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        request: &PatchRequest,
        resource_type: &'a Arc<ResourceType>,
        id: &'a ResourceId,
        rules: &'a Rules,
        limits: &'a Limits,
    ) -> Self {
        let replace_creates = match rules.replace_creates {
            Dialect::Off => false,
            Dialect::On => true,
            Dialect::WhenPlain => request.capitalised || has_path_like_keys(request, resource_type),
        };
        Compiler {
            resource_type,
            rules,
            limits,
            replace_creates,
            steps: Vec::new(),
            links: Vec::new(),
            secrets: Vec::new(),
            requested: Vec::new(),
            bounded: false,
            named_links: 0,
            id,
        }
    }

    pub(super) fn operation(&mut self, operation: &Operation) -> Result<(), ScimError> {
        let value = operation.value.as_ref();
        match (&operation.path, value) {
            (Some(path), _) => {
                let target = path::resolve(path, self.resource_type, self.rules, self.limits)?;
                self.target(operation.op, target, value)
            }
            (None, Some(Value::Object(members))) => {
                members.iter().try_for_each(|(key, value)| self.member(operation.op, key, value))
            }
            (None, other) => Err(ScimError::invalid_value(format!(
                "without a path the value is an object of attributes, not {}",
                other.map_or_else(|| "absent".into(), shown)
            ))),
        }
    }

    fn target(&mut self, op: Op, target: Target, value: Option<&Value>) -> Result<(), ScimError> {
        match target {
            Target::Extension(urn) => self.extension(op, &urn, value),
            Target::Attribute(at) => {
                self.note(&at, value);
                self.bounded |= at.place() != Place::Link;
                if is_schemas(&at) {
                    return self.schemas(op, value, false);
                }
                writable(&at)?;
                match at.place() {
                    Place::Link => self.link(op, &at, value),
                    Place::Secret => self.secret(op, at, value),
                    _ => self.bounded(op, at, value),
                }
            }
            Target::Element { at, filter, sub } => {
                let whole = sub.as_ref().map_or_else(|| at.clone(), |sub| at.with_sub(sub.clone()));
                self.note(&whole, value);
                self.bounded |= at.place() != Place::Link;
                if is_schemas(&at) {
                    return self.schemas_matching(op, &at, &filter);
                }
                writable(&whole)?;
                match at.place() {
                    Place::Link => self.link_elements(op, &at, filter, sub.as_ref(), value),
                    _ => self.elements(op, at, filter, sub, value),
                }
            }
        }
    }

    /// Each attribute is noted once: a request may name one a thousand times.
    fn note(&mut self, at: &AttrPath, value: Option<&Value>) {
        let parts = value.filter(|_| at.sub().is_none()).map(|value| values::on_request(at, value));
        for at in std::iter::once(at.clone()).chain(parts.unwrap_or_default()) {
            if !self.requested.contains(&at) {
                self.requested.push(at);
            }
        }
    }

    /// One key of a path-less value (tolerance rules R14, R15).
    fn member(&mut self, op: Op, key: &str, value: &Value) -> Result<(), ScimError> {
        if same(key, &self.resource_type.schema.id)
            && let Value::Object(members) = value
        {
            return members.iter().try_for_each(|(key, value)| self.named(op, key, key, value));
        }
        self.named(op, key, key, value)
    }

    /// `key` is what an error calls it, `name` its full notation.
    fn named(&mut self, op: Op, key: &str, name: &str, value: &Value) -> Result<(), ScimError> {
        let at = match path::named(name, self.resource_type, false) {
            Some(Named::Attribute(at)) => at,
            Some(Named::Extension(urn)) => return self.extension(op, &urn, Some(value)),
            None if name.contains('[') => {
                let target = path::resolve(name, self.resource_type, self.rules, self.limits)?;
                return self.target(op, target, Some(value));
            }
            None => return unknown(key, self.rules),
        };
        let is_read_only = |attr: &AttributeDef| attr.mutability == Mutability::ReadOnly;
        if is_schemas(&at) {
            self.bounded = true;
            return self.schemas(Op::Add, Some(value), true);
        }
        if is_read_only(at.attr()) {
            self.bounded = true;
            return self.read_only(at, value);
        }
        if at.sub().is_some_and(|sub| is_read_only(sub)) {
            return Ok(());
        }
        self.target(op, Target::Attribute(at), Some(value))
    }

    /// A read-only attribute in a path-less value must be what it is (7644-3.5.2.1-06).
    fn read_only(&mut self, at: AttrPath, value: &Value) -> Result<(), ScimError> {
        if unassigned(value) {
            return Ok(());
        }
        match at.place() {
            Place::Id if value.as_str() == Some(self.id.as_str()) => Ok(()),
            Place::Meta | Place::Reverse if self.rules.ignore_unknown => Ok(()),
            Place::Meta if at.sub().is_none() => {
                self.steps.push(Step::SameMeta(value.clone()));
                Ok(())
            }
            Place::Document if at.sub().is_none() => {
                self.steps.push(Step::Same { at, value: value.clone() });
                Ok(())
            }
            _ => Err(read_only(&at)),
        }
    }

    /// The object of an extension, as a path or as a key (7644-3.5.2-12, 7644-3.5.2.2-11, 7644-3.5.2.3-11).
    fn extension(&mut self, op: Op, urn: &Arc<str>, value: Option<&Value>) -> Result<(), ScimError> {
        self.bounded = true;
        match (op, value) {
            (Op::Remove, _) => self.drop_extension(urn),
            (_, Some(Value::Object(members))) => {
                members.iter().try_for_each(|(key, value)| self.part_of_extension(op, urn, key, value))
            }
            (Op::Replace, Some(empty)) if unassigned(empty) => self.drop_extension(urn),
            (_, Some(empty)) if unassigned(empty) => Ok(()),
            (_, other) => Err(ScimError::invalid_value(format!(
                "{urn} takes an object of its attributes, not {}",
                other.map_or_else(|| "absent".into(), shown)
            ))),
        }
    }

    fn part_of_extension(&mut self, op: Op, urn: &str, key: &str, value: &Value) -> Result<(), ScimError> {
        let name = format!("{urn}:{key}");
        match path::named(&name, self.resource_type, false) {
            // A URN that continues with this key is another extension's; nothing of that kind stands inside this one.
            Some(Named::Extension(_)) => unknown(&name, self.rules),
            _ => self.named(op, &name, &name, value),
        }
    }

    fn drop_extension(&mut self, urn: &Arc<str>) -> Result<(), ScimError> {
        let Some(extension) = self.resource_type.extension(urn) else { return Ok(()) };
        if extension.required {
            return Err(ScimError::mutability(format!("{urn} is required and cannot be removed")));
        }
        self.steps.push(Step::Drop(urn.clone()));
        for attr in &extension.schema.attributes {
            let at = AttrPath::new(Some(urn.clone()), attr.clone(), None);
            match at.place() {
                Place::Link if attr.mutability != Mutability::ReadOnly => {
                    if let Some(plan) = self.link_plan(&at) {
                        plan.clear();
                    }
                }
                Place::Secret => self.set_secret(at, None),
                _ => {}
            }
        }
        Ok(())
    }

    /// `schemas` follows from the data, so adding to it changes nothing and removing from it removes data
    /// (7644-3.5.2-18, 7644-3.5.2-19). In a path-less value it only says what the value holds.
    fn schemas(&mut self, op: Op, value: Option<&Value>, pathless: bool) -> Result<(), ScimError> {
        let base = &self.resource_type.schema.id;
        let one;
        let items = match value {
            None => return Err(ScimError::mutability("schemas is required and cannot be removed")),
            Some(Value::Array(items)) => items.as_slice(),
            Some(empty) if unassigned(empty) => &[],
            Some(single) => {
                one = [single.clone()];
                &one
            }
        };
        if items.is_empty() && op == Op::Replace {
            return Err(ScimError::invalid_value("schemas is required: name at least the base schema"));
        }
        let mut named = Vec::with_capacity(items.len());
        for item in items {
            let Value::String(urn) = item else {
                return Err(ScimError::invalid_value(format!("schemas holds URNs, not {}", shown(item))));
            };
            match self.resource_type.urns().find(|own| same(own, urn)) {
                Some(urn) => named.push(urn.clone()),
                None if op == Op::Remove || (pathless && self.rules.lenient_schemas) => {}
                None => {
                    return Err(ScimError::invalid_value(format!(
                        "schemas names {}, which is no schema of this resource type",
                        excerpt(urn)
                    )));
                }
            }
        }
        let gone: Vec<Arc<str>> = match op {
            Op::Add => Vec::new(),
            Op::Remove => named,
            Op::Replace => self.resource_type.urns().filter(|urn| !named.contains(urn)).cloned().collect(),
        };
        if gone.contains(base) {
            return Err(ScimError::mutability(format!("{base} is the base schema and cannot be removed from schemas")));
        }
        gone.iter().try_for_each(|urn| self.drop_extension(urn))
    }

    fn schemas_matching(&mut self, op: Op, at: &AttrPath, filter: &BoundFilter) -> Result<(), ScimError> {
        if op != Op::Remove {
            return Err(ScimError::mutability("a value of schemas cannot be edited; add or remove one"));
        }
        let accepted = |urn: &&Arc<str>| eval::element(filter, at, &Value::from(&***urn));
        let urns = self.resource_type.urns().filter(accepted).map(|urn| Value::from(&**urn)).collect();
        self.schemas(Op::Remove, Some(&Value::Array(urns)), false)
    }

    fn secret(&mut self, op: Op, at: AttrPath, value: Option<&Value>) -> Result<(), ScimError> {
        let secret = match (op, value) {
            (Op::Remove, _) | (_, None) if at.attr().required => return Err(required(&at)),
            (Op::Remove, _) | (_, None) => None,
            (Op::Add, Some(Value::Null)) => return Ok(()),
            (_, Some(value)) => check::secret(&at, value)?,
        };
        if secret.is_none() && at.attr().required {
            return Err(ScimError::invalid_value(format!("{at} is required and has no value")));
        }
        self.set_secret(at, secret);
        Ok(())
    }

    /// The last word counts.
    fn set_secret(&mut self, at: AttrPath, value: Option<SecretString>) {
        self.secrets.retain(|(own, _)| *own != at);
        self.secrets.push((at, value));
    }

    /// The plan for the link attribute at this path.
    pub(super) fn link_plan(&mut self, at: &AttrPath) -> Option<&mut LinkPlan> {
        let place = match self.links.iter().position(|plan| plan.link.at.same_attribute(at)) {
            Some(place) => place,
            None => {
                self.links.push(LinkPlan::new(self.resource_type.link(at)?.clone()));
                self.links.len() - 1
            }
        };
        self.links.get_mut(place)
    }
}

/// Keys like `name.givenName`, `urn:…:User:department` or `emails[type eq "work"].value` in a path-less value.
fn has_path_like_keys(request: &PatchRequest, resource_type: &ResourceType) -> bool {
    let path_like = |key: &String| {
        key.contains('[')
            || match path::named(key, resource_type, false) {
                Some(Named::Attribute(at)) => at.sub().is_some() || key.contains(':'),
                _ => false,
            }
    };
    let keys = |operation: &Operation| match (&operation.path, &operation.value) {
        (None, Some(Value::Object(members))) => members.keys().any(path_like),
        _ => false,
    };
    request.operations().iter().any(keys)
}

fn is_schemas(at: &AttrPath) -> bool {
    at.extension().is_none() && at.attr().name == "schemas"
}

fn writable(at: &AttrPath) -> Result<(), ScimError> {
    let closed = matches!(at.place(), Place::Id | Place::Meta | Place::Reverse);
    if closed || at.attr().mutability == Mutability::ReadOnly || at.leaf().mutability == Mutability::ReadOnly {
        return Err(read_only(at));
    }
    Ok(())
}

/// An object of one member.
pub(super) fn object(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
