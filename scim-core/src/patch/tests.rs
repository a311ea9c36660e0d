//! The catalogue's PATCH cases in both profiles, and what PUT and POST make of drafts.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::access::Profile;
use crate::change::{Change, ChangeSet, LinkEdit, Making, SecretEdit, Verb};
use crate::clock::Timestamp;
use crate::document::{Document, check, link};
use crate::error::ScimError;
use crate::limits::Limits;
use crate::schema::{Kind, Options, Registry, ResourceType, SchemaFile};
use crate::store::{Key, Link, Links, Record, ResourceId, Version};

mod cases;
mod properties;
mod puts;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const TEST: &str = "urn:example:params:scim:schemas:test:1.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const BOTH: [Profile; 2] = [Profile::Strict, Profile::Compatible];

fn registry() -> Registry {
    let file = SchemaFile {
        source: "TestUser.json".into(),
        text: include_str!("../../../conformance-tests/data/TestUser.json").into(),
        extends: Some("User".into()),
    };
    Registry::compile(&[file], &Options::default()).unwrap()
}

thread_local! {
    static REGISTRY: Registry = registry();
}

fn kind(endpoint: &str) -> Arc<ResourceType> {
    REGISTRY.with(|registry| registry.endpoint(endpoint, false).unwrap().clone())
}

/// The type of a resource, from its base URN.
fn kind_of(resource: &Value) -> Arc<ResourceType> {
    kind(if resource["schemas"][0] == GROUP { "Groups" } else { "Users" })
}

fn making() -> Making {
    Making {
        id: "c1".into(),
        at: Timestamp::from_millis(0),
        actor: "test".into(),
        request: "r1".into(),
        verb: Verb::Patch,
        unique_group_names: false,
        document_max: usize::MAX,
        secrets: Vec::new(),
        without: Arc::default(),
    }
}

/// What points at `u…` is a User, at `g…` a Group.
fn link_to(id: &str) -> Link {
    let kind = Kind::new(if id.starts_with('g') { "Group" } else { "User" });
    Link { target: Key { kind, id: ResourceId::new(id) }, display: None, indirect: false }
}

/// A record as it would be stored of a resource as it is shown.
fn record(resource: &Value) -> Record {
    let resource_type = kind_of(resource);
    let mut attributes = resource.as_object().unwrap().clone();
    let mut links = Vec::new();
    for link in &resource_type.links {
        let home = match link.at.extension() {
            None => Some(&mut attributes),
            Some(urn) => attributes.get_mut(&**urn).and_then(Value::as_object_mut),
        };
        let Some(value) = home.and_then(|home| home.shift_remove(&link.at.attr().name)) else { continue };
        let values = link::attribute(link, &value, &Profile::Compatible.rules()).unwrap().unwrap_or_default();
        let mut there = values.iter().map(|value| link_to(value.target.as_str())).collect::<Vec<_>>();
        if there.is_empty() {
            continue;
        }
        there.sort_by(|a, b| a.target.id.cmp(&b.target.id));
        links.push((link.clone(), there));
    }
    let linked = links.iter().map(|(link, _)| link.clone()).collect::<Vec<_>>();
    for name in ["id", "meta", "groups"] {
        attributes.shift_remove(name);
    }
    let document = check::complete(attributes, &resource_type, &linked).unwrap();
    Record {
        key: Key { kind: resource_type.kind.clone(), id: ResourceId::new(resource["id"].as_str().unwrap()) },
        version: Version::new("1"),
        created: Timestamp::from_millis(0),
        modified: Timestamp::from_millis(0),
        document,
        links: links
            .into_iter()
            .map(|(link, links)| Links { at: link.at.clone(), links: links.into(), whole: true })
            .collect(),
    }
}

/// The record after a change, as a store would make it.
fn after(record: &Record, change: &ChangeSet) -> Record {
    let mut record = record.clone();
    if let Some(document) = &change.document {
        record.document = document.clone();
    }
    for edit in &change.links {
        let at = match edit {
            LinkEdit::Add { at, .. } | LinkEdit::Remove { at, .. } | LinkEdit::Replace { at, .. } => at.at.clone(),
        };
        let mut ids = record.links(&at).iter().map(|link| link.target.id.clone()).collect::<BTreeSet<_>>();
        match edit {
            LinkEdit::Add { targets, .. } => ids.extend(targets.iter().cloned()),
            LinkEdit::Remove { targets, .. } => ids.retain(|id| !targets.contains(id)),
            LinkEdit::Replace { targets, .. } => ids = targets.iter().map(|(id, _)| id.clone()).collect(),
        }
        record.links.retain(|links| links.at != at);
        if !ids.is_empty() {
            let links = ids.iter().map(|id| link_to(id.as_str())).collect();
            record.links.push(Links { at, links, whole: true });
        }
    }
    record
}

/// A record as something to compare: arrays as sets, links as the ids they point to.
fn shape(record: &Record) -> Value {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect::<std::collections::BTreeMap<_, _>>()
                .into_iter()
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(items) => {
                let mut items = items.iter().map(sorted).collect::<Vec<_>>();
                items.sort_by_key(Value::to_string);
                items.into()
            }
            other => other.clone(),
        }
    }
    let links = record.links.iter().map(|links| {
        let ids = links.links.iter().map(|link| link.target.id.as_str()).collect::<Vec<_>>();
        (links.at.to_string(), json!(ids))
    });
    json!({"document": sorted(&Value::Object(record.document.parse())), "links": links.collect::<Map<_, _>>()})
}

/// What a record shows of what a plan said it would read.
fn seen(record: &Record, select: &crate::query::Select) -> Record {
    let mut seen = record.clone();
    if !select.document {
        seen.document = Document::default();
    }
    seen.links.clear();
    for wanted in &select.links {
        let Some(links) = record.links.iter().find(|links| links.at == wanted.link.at) else { continue };
        let most = wanted.at_most.map_or(usize::MAX, |most| most as usize);
        let shown = links.links.iter().take(most).cloned().collect::<Vec<_>>();
        let whole = shown.len() == links.links.len();
        seen.links.push(Links { at: links.at.clone(), links: shown.into(), whole });
    }
    seen
}

fn resolve(change: Change, now: &Record) -> Result<Option<ChangeSet>, ScimError> {
    match change {
        Change::Known(change) => Ok(Some(*change)),
        Change::Of(resolve) => {
            let now = seen(now, resolve.reads());
            let change = resolve.resolve(&now);
            // Written in another way, a document is read whole rather than in parts, and the same comes of it.
            let pretty = serde_json::to_string_pretty(&now.document.parse()).unwrap();
            let whole = resolve.resolve(&Record { document: Document::from_stored(pretty), ..now });
            assert_eq!(told(&change), told(&whole));
            change
        }
    }
}

/// All of a change.
fn told(change: &Result<Option<ChangeSet>, ScimError>) -> Value {
    let Ok(change) = change else { return json!(change.as_ref().unwrap_err().to_string()) };
    let Some(change) = change else { return Value::Null };
    let document = change.document.as_ref().map(|document| (document.as_str(), document.parse()));
    let document = document.map(|(text, attributes)| {
        assert_eq!(text, Value::Object(attributes).to_string(), "it is written as documents are");
        text
    });
    let claims = |claims: &[crate::change::Claim]| {
        let mut told = claims.iter().map(|claim| format!("{} {}", claim.at, claim.token)).collect::<Vec<_>>();
        told.sort();
        told
    };
    json!({
        "document": document, "label": change.label, "claim": claims(&change.claim), "release": claims(&change.release),
        "links": format!("{:?}", change.links), "secrets": change.secrets.len(),
        "record": serde_json::to_value(&change.record).unwrap(),
    })
}

/// Runs a PATCH message on a record.
fn patch(profile: Profile, now: &Record, message: &Value) -> Result<Option<ChangeSet>, ScimError> {
    let resource_type = kind(if now.key.kind.as_str() == "Group" { "Groups" } else { "Users" });
    let (rules, limits) = (profile.rules(), Limits::default());
    let request = PatchRequest::parse(message, &rules, &limits)?;
    let plan = Plan::compile(&request, &resource_type, &now.key.id, &rules, &limits)?;
    let secrets = plan.secrets().into_iter().map(|(at, value)| SecretEdit { at, value }).collect();
    let making = Making { secrets, unique_group_names: rules.unique_group_names, ..making() };
    resolve(Arc::new(plan).into_change(making), now)
}

fn operations(operations: Value) -> Value {
    json!({"schemas": [PATCH], "Operations": operations})
}
