//! Resources written past HTTP, through a store's own write path, with the ids and times that a data set names.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use scim_core::change::{Action, Change, ChangeSet, Claim, Effect, Expect, LinkEdit, Making, Mutation, Outcome, Verb};
use scim_core::clock::Timestamp;
use scim_core::document::{self, Document};
use scim_core::query::Select;
use scim_core::schema::{AttributeDef, Kind, LinkType, Place, ResourceType};
use scim_core::store::{ResourceId, Scope, Store, TenantId};
use serde_json::{Map, Value};

/// One resource to write.
#[derive(Debug, Clone)]
pub struct Seed {
    kind: Kind,
    id: ResourceId,
    created: Timestamp,
    modified: Timestamp,
    document: Document,
    links: Vec<LinkEdit>,
    claims: Vec<Claim>,
}

impl Seed {
    /// The id that it asks for.
    pub fn id(&self) -> &ResourceId {
        &self.id
    }

    /// When it was made, and when it last changed.
    pub fn times(&self) -> (Timestamp, Timestamp) {
        (self.created, self.modified)
    }

    /// The same, as if it had not been changed since it was made: for who sets its times in another way.
    pub fn unchanged(self) -> Seed {
        Seed { modified: self.created, ..self }
    }

    /// The type.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }
}

/// Reads a resource of this type as a data set shows it: `id` and `meta` are its own, link attributes become links,
/// reverse attributes (`groups`) are left out, read-only values are kept. Without `meta` it was made at the epoch of
/// the data sets, 2011-05-13.
pub fn record(resource: &Value, kind: &ResourceType) -> Result<Seed> {
    let mut attributes: Map<String, Value> = resource.as_object().context("a resource is an object")?.clone();
    let id = attributes.remove("id").and_then(|id| id.as_str().map(ResourceId::new)).context("a seed needs its id")?;
    let meta = attributes.remove("meta").unwrap_or_default();
    let time = |name: &str| match meta.get(name).and_then(Value::as_str) {
        Some(text) => instant(text),
        None => Ok(Timestamp::from_millis(1_305_261_754_000)),
    };
    let (created, modified) = (time("created")?, time("lastModified")?);

    let Shape { document, links, claims } = shape(attributes, kind)?;
    Ok(Seed { kind: kind.kind.clone(), id, created, modified, document, links, claims })
}

/// What attributes become in a store.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The bounded attributes.
    pub document: Document,
    /// The link attributes, each replaced as a whole.
    pub links: Vec<LinkEdit>,
    /// The unique values.
    pub claims: Vec<Claim>,
}

/// Attributes as a store keeps them: in canonical form, links apart, reverse attributes left out.
pub fn shape(mut attributes: Map<String, Value>, kind: &ResourceType) -> Result<Shape> {
    for reverse in &kind.reverse {
        attributes.remove(&reverse.at.attr().name);
    }
    let mut links = Vec::new();
    let mut linked = Vec::new();
    for link in &kind.links {
        let targets = take(&mut attributes, link.at.extension(), &link.at.attr().name).map(|value| targets(&value));
        let Some(targets) = targets.filter(|targets| !targets.is_empty()) else { continue };
        let targets = targets.into_iter().map(|id| (ResourceId::new(&id), link.kinds.clone())).collect();
        links.push(LinkEdit::Replace { at: link.clone(), targets });
        linked.push(link.clone());
    }
    let secret = |at: &&Arc<AttributeDef>| at.place == Place::Secret && attributes.contains_key(&at.name);
    ensure!(!kind.schema.attributes.iter().any(|at| secret(&at)), "secrets stand in no document");
    let claims = document::claims(&attributes, kind, false);
    let document = document::check::complete(attributes, kind, &linked).map_err(|error| anyhow!("{error}"))?;
    Ok(Shape { document, links, claims })
}

/// Writes them all, those first that others link to.
pub async fn plant(store: &dyn Store, tenant: &TenantId, seeds: Vec<Seed>) -> Result<()> {
    let mut written: HashSet<ResourceId> = HashSet::new();
    let mut waiting = seeds;
    while !waiting.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|seed| {
            seed.links.iter().flat_map(link_targets).all(|target| *target == seed.id || written.contains(target))
        });
        ensure!(!ready.is_empty(), "seeds link in a circle, or to what is not there");
        for seed in ready {
            written.insert(seed.id.clone());
            sow(store, tenant, seed).await?;
        }
        waiting = rest;
    }
    Ok(())
}

/// One resource. Where it was modified after it was made, it is made with a document of its own first, so that the
/// second commit is a change.
async fn sow(store: &dyn Store, tenant: &TenantId, seed: Seed) -> Result<()> {
    let scope = |now| Scope {
        tenant: tenant.clone(),
        actor: Arc::from("seed"),
        request: Arc::from("seed"),
        now,
        deadline: None,
    };
    let made_at = scope(seed.created);
    let change = |scope: &Scope, document: Document, part: &str| ChangeSet {
        label: document.label(),
        document: Some(document),
        links: Vec::new(),
        claim: Vec::new(),
        release: Vec::new(),
        secrets: Vec::new(),
        history: None,
        record: Making::new(scope, format!("seed-{}-{}-{part}", tenant, seed.id), Verb::Create).record(Vec::new()),
    };
    let first = if seed.created == seed.modified {
        seed.document.clone()
    } else {
        Document::from_stored(seed.document.as_str().replacen('{', "{\"externalId\":\"seed\",", 1))
    };
    let created =
        ChangeSet { links: seed.links.clone(), claim: seed.claims.clone(), ..change(&made_at, first, "made") };
    let create = Action::Create { id: Some(seed.id.clone()), change: created };
    let outcome = one(store, &made_at, &seed.kind, create).await?;
    if seed.created == seed.modified {
        return Ok(());
    }
    let changed_at = scope(seed.modified);
    let change = Change::Known(Box::new(change(&changed_at, seed.document.clone(), "changed")));
    let modify = Action::Modify { id: seed.id.clone(), change, expect: Expect::Version(vec![outcome.version]) };
    let outcome = one(store, &changed_at, &seed.kind, modify).await?;
    ensure!(outcome.effect == Effect::Changed, "the second commit of {} changed nothing", seed.id);
    Ok(())
}

async fn one(store: &dyn Store, scope: &Scope, kind: &Kind, action: Action) -> Result<Outcome> {
    let batch = vec![Mutation { kind: kind.clone(), action, reply: None::<Select> }];
    let mut outcomes = store.commit(scope, batch).await;
    Ok(outcomes.pop().context("commit answers every mutation")??)
}

fn link_targets(edit: &LinkEdit) -> Vec<&ResourceId> {
    match edit {
        LinkEdit::Add { targets, .. } | LinkEdit::Remove { targets, .. } => targets.iter().collect(),
        LinkEdit::Replace { targets, .. } => targets.iter().map(|(target, _)| target).collect(),
    }
}

/// Takes an attribute out of the resource, or out of its extension object.
fn take(attributes: &mut Map<String, Value>, extension: Option<&Arc<str>>, name: &str) -> Option<Value> {
    let Some(urn) = extension else { return attributes.remove(name) };
    let inside = attributes.get_mut(&**urn)?.as_object_mut()?;
    let value = inside.remove(name);
    if inside.is_empty() {
        attributes.remove(&**urn);
    }
    value
}

fn targets(value: &Value) -> Vec<String> {
    let elements = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    elements.iter().filter_map(|element| element.get("value").and_then(Value::as_str)).map(str::to_owned).collect()
}

fn instant(text: &str) -> Result<Timestamp> {
    let moment: jiff::Timestamp = text.parse().with_context(|| format!("{text:?} is no time"))?;
    Ok(Timestamp::from_millis(moment.as_millisecond()))
}

/// The link attribute of this name.
pub fn link(kind: &ResourceType, name: &str) -> Result<Arc<LinkType>> {
    let found = kind.links.iter().find(|link| link.at.attr().name == name);
    found.cloned().with_context(|| format!("{} has no link attribute {name}", kind.kind))
}
