//! What random histories are made of: types, change sets made by hand, and numbers that are the same in every run.

use std::sync::{Arc, LazyLock};

use scim_core::ScimError;
use scim_core::access::Profile;
use scim_core::change::{Action, Change, ChangeSet, Expect, LinkEdit, Making, Mutation, Outcome, Resolve, Verb};
use scim_core::clock::Timestamp;
use scim_core::document::{Document, claims};
use scim_core::filter::{self, BoundFilter, bind};
use scim_core::limits::Limits;
use scim_core::query::{Page, Query, Select, Source, Window};
use scim_core::schema::{Kind, Registry, ResourceType};
use scim_core::store::{Record, ResourceId, Result, Scope, Store, TenantId};
use serde_json::Value;
/// The tenant.
pub fn tenant() -> TenantId {
    TenantId::new("acme")
}
/// A scope.
pub fn scope() -> Scope {
    scope_at(1_000)
}
/// A scope at this time, in milliseconds since the Unix epoch.
pub fn scope_at(now: i64) -> Scope {
    Scope {
        tenant: tenant(),
        actor: "test".into(),
        request: "r".into(),
        now: Timestamp::from_millis(now),
        deadline: None,
    }
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::standard);
/// The standard types.
pub fn registry() -> &'static Registry {
    &REGISTRY
}
/// One of them.
pub fn rt(kind: &str) -> Arc<ResourceType> {
    REGISTRY.kind(&Kind::new(kind)).unwrap().clone()
}

/// A change to this document: everything that follows from it.
pub fn change(rt: &ResourceType, before: Option<&Document>, document: &str, verb: Verb) -> ChangeSet {
    let document = Document::from_stored(document);
    let of = |document: &Document| claims(&document.parse(), rt, false);
    let (old, new) = (before.map(of).unwrap_or_default(), of(&document));
    ChangeSet {
        label: document.label(),
        links: Vec::new(),
        claim: new.iter().filter(|claim| !old.contains(claim)).cloned().collect(),
        release: old.iter().filter(|claim| !new.contains(claim)).cloned().collect(),
        secrets: Vec::new(),
        history: None,
        record: Making::new(&scope(), "change".into(), verb).record(Vec::new()),
        document: Some(document),
    }
}

/// Nothing but this edit.
pub fn links(edit: LinkEdit) -> ChangeSet {
    ChangeSet {
        document: None,
        label: None,
        links: vec![edit],
        claim: Vec::new(),
        release: Vec::new(),
        secrets: Vec::new(),
        history: None,
        record: Making::new(&scope(), "links".into(), Verb::Patch).record(vec!["members".into()]),
    }
}
/// Makes a resource.
pub fn create(kind: &str, id: &str, document: &str) -> Mutation {
    let change = change(&rt(kind), None, document, Verb::Create);
    Mutation { kind: Kind::new(kind), action: Action::Create { id: Some(ResourceId::new(id)), change }, reply: None }
}
/// Changes one.
pub fn modify(kind: &str, id: &str, change: Change) -> Mutation {
    let action = Action::Modify { id: ResourceId::new(id), change, expect: Expect::Exists };
    Mutation { kind: Kind::new(kind), action, reply: None }
}
/// Gives one another document.
pub fn replace(kind: &str, id: &str, document: &str) -> Mutation {
    modify(
        kind,
        id,
        Change::Of(Arc::new(Replace { rt: rt(kind), document: document.into(), reads: Select::document() })),
    )
}
/// Deletes one.
pub fn delete(kind: &str, id: &str) -> Mutation {
    let record = Making::new(&scope(), format!("delete {id}"), Verb::Delete).record(Vec::new());
    let action = Action::Delete { id: ResourceId::new(id), expect: Expect::Exists, record };
    Mutation { kind: Kind::new(kind), action, reply: None }
}
/// Adds (`add`), removes (`remove`) or replaces members of a group.
pub fn members(change: &str, group: &str, targets: &[&str]) -> Mutation {
    let at = rt("Group").links[0].clone();
    let targets = targets.iter().map(|id| ResourceId::new(id));
    let edit = match change {
        "add" => LinkEdit::Add { kinds: at.kinds.clone(), targets: targets.collect(), at },
        "remove" => LinkEdit::Remove { targets: targets.collect(), at },
        _ => LinkEdit::Replace { targets: targets.map(|id| (id, at.kinds.clone())).collect(), at },
    };
    modify("Group", group, Change::Known(Box::new(links(edit))))
}

/// Replaces a document, releasing and taking what follows from both.
#[derive(Debug)]
struct Replace {
    rt: Arc<ResourceType>,
    document: String,
    reads: Select,
}

impl Resolve for Replace {
    fn reads(&self) -> &Select {
        &self.reads
    }

    fn resolve(&self, now: &Record) -> std::result::Result<Option<ChangeSet>, ScimError> {
        Ok(Some(change(&self.rt, Some(&now.document), &self.document, Verb::Replace)))
    }
}
/// One mutation.
pub async fn commit(store: &dyn Store, mutation: Mutation) -> Result<Outcome> {
    store.commit(&scope(), vec![mutation]).await.remove(0)
}
/// A filter.
pub fn bound(kind: &str, text: &str) -> BoundFilter {
    let filter = filter::parse(text, &Limits::default()).unwrap();
    bind::bind(&filter, &rt(kind), &Profile::Compatible.rules()).unwrap()
}
/// A list.
pub fn query(kind: &str, filter: Option<&str>) -> Query {
    Query {
        from: vec![Source { kind: Kind::new(kind), filter: filter.map(|text| bound(kind, text)), sort: None }],
        order: None,
        window: Window::Offset { skip: 0, count: 100 },
        select: Select::document(),
        total: true,
    }
}
/// The ids of a page.
pub fn ids(page: &Page) -> Vec<String> {
    page.records.iter().map(|record| record.key.id.to_string()).collect()
}
/// The document of a user.
pub fn user(name: &str) -> String {
    let document: Value = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "externalId": format!("x-{name}"), "userName": name, "displayName": format!("{name} Smith"),
        "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}], "active": true,
    });
    document.to_string()
}
/// The document of a group.
pub fn group(name: &str) -> String {
    serde_json::json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name}).to_string()
}

/// Numbers that are the same in every run.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below this.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }
    /// One of these.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}
