//! What a case works with: a store, its types, a clock that ticks, and short words for mutations.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::StreamExt;
use scim_core::access::Profile;
use scim_core::change::{
    Action, Change, ChangeRecord, ChangeSet, Claim, Effect, Expect, LinkEdit, Making, Mutation, Outcome, Resolve,
    SecretEdit, Verb,
};
use scim_core::clock::Timestamp;
use scim_core::document::{Document, check};
use scim_core::error::ScimError;
use scim_core::filter::{self, BoundFilter};
use scim_core::limits::Limits;
use scim_core::path::{self, AttrPath};
use scim_core::query::Select;
use scim_core::schema::registry::{Options, Registry};
use scim_core::schema::{LinkType, ResourceType};
use scim_core::store::{
    IdsFrom, Link, Record, ResourceId, Scan, Scope, Store, StoreError, StoreErrorKind, StoreExt, TenantId, Version,
};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::data;
use crate::datasets::seed::{self, Shape};

/// A store and what a case needs around it. Cheap to clone.
#[derive(Clone)]
pub struct Bench {
    /// The store under test.
    pub store: Arc<dyn Store>,
    /// User with its extensions, and Group, as far as the store holds them.
    pub types: Arc<Registry>,
    /// All that they are where a store holds everything.
    pub whole: Arc<Registry>,
    tenant: TenantId,
    clock: Arc<AtomicI64>,
    ids: Arc<AtomicU64>,
}

/// When the clock of every bench starts: 2020-01-01T00:00:00Z.
const START: i64 = 1_577_836_800_000;

impl Bench {
    /// Around an empty store, prepared for the types.
    pub async fn new(store: Arc<dyn Store>) -> Result<Self> {
        let types = Arc::new(types()?);
        let tenant = TenantId::new("acme");
        let clock = Arc::new(AtomicI64::new(START));
        let mut bench = Bench { store, whole: types.clone(), types, tenant, clock, ids: Arc::default() };
        bench.prepare().await?;
        Ok(bench)
    }

    /// The same store, as another tenant sees it.
    pub async fn neighbour(&self, tenant: &str) -> Result<Self> {
        let mut bench = Bench { tenant: TenantId::new(tenant), ..self.clone() };
        bench.prepare().await?;
        Ok(bench)
    }

    /// The same tenant, clock and ids around another store.
    pub fn around(&self, store: Arc<dyn Store>) -> Self {
        Bench { store, ..self.clone() }
    }

    async fn prepare(&mut self) -> Result<()> {
        let shortfalls = self.store.prepare(&self.tenant, self.whole.types()).await.context("prepare")?;
        if !shortfalls.is_empty() {
            self.types = Arc::new(self.whole.narrowed(&shortfalls));
        }
        Ok(())
    }

    /// Can the store hold this, by what it says of itself? The core refuses the rest before it reaches the store.
    fn holds(&self, kind: &ResourceType, attributes: &Map<String, Value>) -> Result<()> {
        if Arc::ptr_eq(&self.types, &self.whole) {
            return Ok(());
        }
        let (rules, limits) = (Profile::Strict.rules(), Limits::default());
        match check::resource(&Value::Object(attributes.clone()), kind, &rules, &limits) {
            Ok(_) => Ok(()),
            Err(refused) => Err(Unheld(refused.to_string()).into()),
        }
    }

    /// The scope of a new request, one second after the last.
    pub fn scope(&self) -> Scope {
        self.scope_at(self.clock.fetch_add(1_000, Ordering::Relaxed) + 1_000)
    }

    /// The scope of a request at this time, in milliseconds since the epoch.
    pub fn scope_at(&self, now: i64) -> Scope {
        Scope {
            tenant: self.tenant.clone(),
            actor: Arc::from("contract"),
            request: Arc::from("request"),
            now: Timestamp::from_millis(now),
            deadline: None,
        }
    }

    /// The type of users.
    pub fn user_type(&self) -> &Arc<ResourceType> {
        self.kind("Users")
    }

    /// The type of groups.
    pub fn group_type(&self) -> &Arc<ResourceType> {
        self.kind("Groups")
    }

    #[expect(clippy::expect_used, reason = "the registry was compiled with both types")]
    fn kind(&self, endpoint: &str) -> &Arc<ResourceType> {
        self.types.endpoint(endpoint, false).expect("a built-in type")
    }

    /// `Group.members`.
    pub fn members(&self) -> Result<Arc<LinkType>> {
        seed::link(self.group_type(), "members")
    }

    /// The enterprise `manager`.
    pub fn manager(&self) -> Result<Arc<LinkType>> {
        seed::link(self.user_type(), "manager")
    }

    /// The path of an attribute.
    pub fn at(&self, kind: &ResourceType, name: &str) -> Result<AttrPath> {
        match path::attribute(name, kind, false) {
            Some(at) => Ok(at),
            None if self.whole.types().iter().any(|one| path::attribute(name, one, false).is_some()) => {
                Err(Unheld(format!("no attribute {name} here")).into())
            }
            None => Err(anyhow!("no attribute {name}")),
        }
    }

    /// A filter on a type.
    pub fn filter(&self, kind: &ResourceType, text: &str) -> Result<BoundFilter> {
        let parsed = filter::parse(text, &Limits::default()).map_err(scim)?;
        filter::bind::bind(&parsed, kind, &Profile::Strict.rules()).map_err(scim)
    }

    /// An id for a new resource; None where the store gives ids out.
    pub fn new_id(&self) -> Option<ResourceId> {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        (self.store.capabilities().ids == IdsFrom::Core)
            .then(|| ResourceId::new(&format!("r{number:05}-{}", self.tenant)))
    }

    /// An id that nothing has.
    pub fn nobody(&self) -> ResourceId {
        ResourceId::new("nobody")
    }

    /// A change record; every one has an id of its own.
    pub fn record(&self, scope: &Scope, verb: Verb) -> ChangeRecord {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        Making::new(scope, format!("change-{number}-{}", self.tenant), verb).record(vec!["userName".into()])
    }

    /// A change set that makes a resource of this type have these attributes.
    pub fn change(&self, scope: &Scope, kind: &ResourceType, attributes: Value) -> Result<ChangeSet> {
        let mut own = Map::new();
        own.insert("schemas".into(), json!([kind.schema.id]));
        own.extend(attributes.as_object().context("attributes are an object")?.clone());
        self.holds(kind, &own)?;
        let Shape { document, links, claims } = seed::shape(own, kind)?;
        Ok(ChangeSet {
            label: document.label(),
            document: Some(document),
            links,
            claim: claims,
            ..self.no_change(scope, Verb::Create)
        })
    }

    /// A change set that changes nothing.
    pub fn no_change(&self, scope: &Scope, verb: Verb) -> ChangeSet {
        ChangeSet {
            document: None,
            label: None,
            links: Vec::new(),
            claim: Vec::new(),
            release: Vec::new(),
            secrets: Vec::new(),
            history: None,
            record: self.record(scope, verb),
        }
    }

    /// A change set of one link edit.
    pub fn link_change(&self, scope: &Scope, edit: LinkEdit) -> ChangeSet {
        ChangeSet { links: vec![edit], ..self.no_change(scope, Verb::Patch) }
    }

    /// A mutation that creates.
    pub fn creation(&self, kind: &ResourceType, change: ChangeSet) -> Mutation {
        let action = Action::Create { id: self.new_id(), change };
        Mutation { kind: kind.kind.clone(), action, reply: None }
    }

    /// Creates a resource; its outcome.
    pub async fn create(&self, kind: &ResourceType, attributes: Value) -> Result<Outcome> {
        let scope = self.scope();
        let change = self.change(&scope, kind, attributes)?;
        Ok(self.store.commit_one(&scope, self.creation(kind, change)).await?)
    }

    /// A user of this name.
    pub async fn user(&self, name: &str) -> Result<ResourceId> {
        Ok(self.create(self.user_type(), json!({"userName": name})).await?.id)
    }

    /// A group of this name with these members.
    pub async fn group(&self, name: &str, members: &[&ResourceId]) -> Result<ResourceId> {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id.as_str()})).collect();
        Ok(self.create(self.group_type(), json!({"displayName": name, "members": members})).await?.id)
    }

    /// A mutation that modifies.
    pub fn modification(&self, kind: &ResourceType, id: &ResourceId, change: Change, expect: Expect) -> Mutation {
        Mutation { kind: kind.kind.clone(), action: Action::Modify { id: id.clone(), change, expect }, reply: None }
    }

    /// Applies a change set to a resource that exists.
    pub async fn apply(&self, kind: &ResourceType, id: &ResourceId, change: ChangeSet) -> Answer {
        let mutation = self.modification(kind, id, Change::Known(Box::new(change)), Expect::Exists);
        self.store.commit_one(&self.scope(), mutation).await
    }

    /// Makes the document of a resource this, where it stands; claims are left alone.
    pub async fn rewrite(&self, kind: &ResourceType, id: &ResourceId, attributes: Value) -> Answer {
        self.rewrite_if(kind, id, attributes, Expect::Exists).await
    }

    /// The same, where an expectation holds.
    pub async fn rewrite_if(&self, kind: &ResourceType, id: &ResourceId, attributes: Value, expect: Expect) -> Answer {
        let scope = self.scope();
        let change = match self.change(&scope, kind, attributes) {
            Ok(change) => ChangeSet { claim: Vec::new(), ..change },
            Err(error) => return Err(StoreError::new(StoreErrorKind::Corrupt).because(error.to_string())),
        };
        let change = Change::Of(Arc::new(Becomes::new(change)));
        self.store.commit_one(&scope, self.modification(kind, id, change, expect)).await
    }

    /// Adds members to a group.
    pub async fn add(&self, group: &ResourceId, members: &[&ResourceId]) -> Answer {
        self.edit(group, members, |at, targets| LinkEdit::Add { kinds: at.kinds.clone(), at, targets }).await
    }

    /// Removes members from a group.
    pub async fn remove(&self, group: &ResourceId, members: &[&ResourceId]) -> Answer {
        self.edit(group, members, |at, targets| LinkEdit::Remove { at, targets }).await
    }

    /// Makes these the members of a group.
    pub async fn replace(&self, group: &ResourceId, members: &[&ResourceId]) -> Answer {
        let edit = |at: Arc<LinkType>, targets: Vec<ResourceId>| LinkEdit::Replace {
            targets: targets.into_iter().map(|target| (target, at.kinds.clone())).collect(),
            at,
        };
        self.edit(group, members, edit).await
    }

    async fn edit(
        &self,
        group: &ResourceId,
        members: &[&ResourceId],
        edit: impl FnOnce(Arc<LinkType>, Vec<ResourceId>) -> LinkEdit,
    ) -> Answer {
        let at = self.members().map_err(|error| StoreError::new(StoreErrorKind::Corrupt).because(error.to_string()))?;
        let targets = members.iter().map(|id| (*id).clone()).collect();
        let change = self.link_change(&self.scope(), edit(at, targets));
        self.apply(self.group_type(), group, change).await
    }

    /// Deletes a resource.
    pub async fn delete(&self, kind: &ResourceType, id: &ResourceId) -> Answer {
        let scope = self.scope();
        let record = self.record(&scope, Verb::Delete);
        let action = Action::Delete { id: id.clone(), expect: Expect::Exists, record };
        self.store.commit_one(&scope, Mutation { kind: kind.kind.clone(), action, reply: None }).await
    }

    /// A record with its document and all its links, if it exists.
    pub async fn find(&self, kind: &ResourceType, id: &ResourceId) -> Result<Option<Record>> {
        Ok(self.store.get(&self.scope(), &kind.kind, id, &whole(kind)).await?)
    }

    /// A record that must exist.
    pub async fn get(&self, kind: &ResourceType, id: &ResourceId) -> Result<Record> {
        self.find(kind, id).await?.with_context(|| format!("{} {id} is gone", kind.kind))
    }

    /// The ids of the members of a group, in the order given.
    pub async fn members_of(&self, group: &ResourceId) -> Result<Vec<ResourceId>> {
        let record = self.get(self.group_type(), group).await?;
        Ok(record.links(&self.members()?.at).iter().map(|link| link.target.id.clone()).collect())
    }

    /// All records of a type, by id.
    pub async fn all(&self, kind: &ResourceType, filter: Option<BoundFilter>) -> Result<Vec<Record>> {
        let scope = self.scope();
        let scan = Scan { kind: kind.kind.clone(), filter, select: whole(kind) };
        let mut records: Vec<Record> =
            self.store.scan(&scope, scan).collect::<Vec<_>>().await.into_iter().collect::<Result<_, _>>()?;
        records.sort_by(|a, b| a.key.id.cmp(&b.key.id));
        Ok(records)
    }

    /// The groups that have these users (or groups) as members: (member, group), sorted.
    pub async fn holders(&self, of: &ResourceType, targets: &[&ResourceId]) -> Result<Vec<(ResourceId, Link)>> {
        let targets: Vec<_> = targets.iter().map(|id| (*id).clone()).collect();
        let mut found = self.store.holders(&self.scope(), &of.kind, &targets, &self.members()?).await?;
        found.sort_by(|a, b| (&a.0, &a.1.target.id).cmp(&(&b.0, &b.1.target.id)));
        Ok(found)
    }

    /// A store that does not write says so.
    pub async fn refuses_to_write(&self) -> Result<()> {
        let scope = self.scope();
        let change = self.change(&scope, self.user_type(), json!({"userName": "anybody"}))?;
        unsupported(self.store.commit_one(&scope, self.creation(self.user_type(), change)).await)
    }

    /// A store that keeps no versions refuses to compare them.
    pub async fn refuses_versions(&self) -> Result<()> {
        let id = self.user("anybody").await?;
        let expect = Expect::Version(vec![Version::new("1")]);
        unsupported(self.rewrite_if(self.user_type(), &id, json!({"userName": "anybody", "title": "T"}), expect).await)
    }

    /// A store that keeps no secrets refuses them.
    pub async fn refuses_secrets(&self) -> Result<()> {
        let id = self.user("anybody").await?;
        let at = self.at(self.user_type(), "password")?;
        let secrets = vec![SecretEdit { at, value: Some(SecretString::from("hash")) }];
        let change = ChangeSet { secrets, ..self.no_change(&self.scope(), Verb::Patch) };
        match self.apply(self.user_type(), &id, change).await {
            Err(error) if matches!(error.kind, StoreErrorKind::Refused) => Ok(()),
            other => unsupported(other),
        }
    }
}

/// Something that the store under test says it cannot hold, which the core refuses in its place: nothing is left to test.
#[derive(Debug)]
pub struct Unheld(String);

impl std::fmt::Display for Unheld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the store holds no such thing: {}", self.0)
    }
}

impl std::error::Error for Unheld {}

/// What a mutation is answered with.
pub type Answer = scim_core::store::Result<Outcome>;

/// The types that every bench has: User with Enterprise and TestUser, Group.
pub fn types() -> Result<Registry> {
    let file = |source: &str, text: &str, extends: Option<&str>| scim_core::schema::load::SchemaFile {
        source: source.into(),
        text: text.into(),
        extends: extends.map(str::to_owned),
    };
    let files = [
        file("TestUser.json", data::TEST_USER, Some("User")),
        file("Extra.json", data::EXTRA, Some("User")),
        file("Prefix.json", data::PREFIX, Some("User")),
    ];
    Registry::compile(&files, &Options::default()).map_err(|error| anyhow!("{error}"))
}

/// The document and every link attribute.
pub fn whole(kind: &ResourceType) -> Select {
    kind.links.iter().fold(Select::document(), |select, link| select.with_link(link))
}

/// An error of the core as one of the suite.
pub fn scim(error: ScimError) -> anyhow::Error {
    anyhow!("{} {error}", error.kind)
}

/// The answer is this effect.
pub fn has_effect(answer: Answer, effect: Effect) -> Result<Outcome> {
    let outcome = answer.with_context(|| format!("expected {effect:?}"))?;
    ensure!(outcome.effect == effect, "expected {effect:?}, got {:?}", outcome.effect);
    Ok(outcome)
}

/// The answer is an error of this kind.
pub fn fails(answer: Answer, expected: &str, kind: fn(&StoreErrorKind) -> bool) -> Result<StoreErrorKind> {
    match answer {
        Ok(outcome) => Err(anyhow!("expected {expected}, got {:?}", outcome.effect)),
        Err(error) if kind(&error.kind) => Ok(error.kind),
        Err(error) => Err(anyhow!("expected {expected}, got {error}")),
    }
}

fn unsupported(answer: Answer) -> Result<()> {
    fails(answer, "Unsupported", |kind| matches!(kind, StoreErrorKind::Unsupported(_))).map(drop)
}

/// A resolve that makes the resource what a change set says, unless it is that already.
#[derive(Debug)]
pub struct Becomes {
    change: ChangeSet,
    reads: Select,
}

impl Becomes {
    /// Makes it so.
    pub fn new(change: ChangeSet) -> Self {
        Becomes { change, reads: Select::document() }
    }
}

impl Resolve for Becomes {
    fn reads(&self) -> &Select {
        &self.reads
    }

    fn resolve(&self, now: &Record) -> Result<Option<ChangeSet>, ScimError> {
        let same = self.change.document.as_ref() == Some(&now.document) && self.change.links.is_empty();
        Ok((!same).then(|| self.change.clone()))
    }
}

/// A resolve that is a closure over the document's attributes.
pub struct With<F> {
    reads: Select,
    record: ChangeRecord,
    resolve: F,
}

impl<F> With<F>
where
    F: Fn(&Record) -> Result<Option<Document>, ScimError> + Send + Sync,
{
    /// The document becomes what the closure says; None leaves it.
    pub fn document(record: ChangeRecord, resolve: F) -> Change
    where
        F: 'static,
    {
        Change::Of(Arc::new(With { reads: Select::document(), record, resolve }))
    }
}

impl<F> std::fmt::Debug for With<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("With(closure)")
    }
}

impl<F> Resolve for With<F>
where
    F: Fn(&Record) -> Result<Option<Document>, ScimError> + Send + Sync,
{
    fn reads(&self) -> &Select {
        &self.reads
    }

    fn resolve(&self, now: &Record) -> Result<Option<ChangeSet>, ScimError> {
        Ok((self.resolve)(now)?.map(|document| ChangeSet {
            label: document.label(),
            document: Some(document),
            links: Vec::new(),
            claim: Vec::new(),
            release: Vec::new(),
            secrets: Vec::new(),
            history: None,
            record: self.record.clone(),
        }))
    }
}

/// A claim on an attribute of users.
pub fn claim(at: &AttrPath, value: &str) -> Claim {
    Claim { global: false, at: at.clone(), token: at.leaf().text.key(value).into_owned() }
}
