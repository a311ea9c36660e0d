//! How a probe writes: through the store, as clients do. Every name that it may leave behind is noted before it is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scim_core::change::{Action, Change, ChangeSet, Expect, LinkEdit, Making, Mutation, Outcome, Verb};
use scim_core::document::Document;
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{Record, ResourceId, Scope, Store, StoreError, StoreErrorKind, Version};
use serde_json::{Map, Value};

use crate::LdapStore;
use crate::directory::{Call, Directory};
use crate::ldap::{AttributeName, Dn, Entry, Filter, LdapError, Search};
use crate::mapping::{LinkColumn, Mapping};

use super::super::report::Finding;

/// What the directory does by itself may come a moment behind the answer: so often is it looked for, and after so long again.
const LOOKS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(100);

/// Who brings references along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The store, where the directory does not.
    Gateway,
    /// The directory, or nobody.
    Directory,
}

/// A probe at work for one tenant.
pub(super) struct Hand<'a> {
    pub(super) directory: &'a Directory,
    /// The store as it is served.
    pub(super) store: LdapStore,
    /// The same, which leaves references to the directory.
    pub(super) leaving: LdapStore,
    pub(super) scope: Scope,
    pub(super) stop: &'a AtomicBool,
    /// The names under which something may stand, in the reverse of the order in which they are cleared.
    pub(super) taken: Vec<Taken>,
}

/// A name under which something may stand.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) dn: Dn,
    /// The write that takes it was not refused: it is cleared also where it cannot be seen.
    pub(super) open: bool,
}

/// Names that are about to be taken.
fn taken(places: Vec<Dn>) -> impl Iterator<Item = Taken> {
    places.into_iter().map(|dn| Taken { dn, open: true })
}

/// Did the directory say that it wrote nothing?
fn is_refused(error: &StoreError) -> bool {
    use StoreErrorKind::{Invalid, Refused, Rejected, Taken};
    matches!(error.kind, Rejected(_) | Invalid { .. } | Taken { .. } | Refused)
}

/// A resource that was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) mapping: Arc<Mapping>,
    pub(super) id: ResourceId,
    pub(super) document: Map<String, Value>,
}

/// Why a step failed, in words for whoever reads the report.
pub(super) fn told(error: &StoreError) -> String {
    match &error.kind {
        StoreErrorKind::Rejected(own) => own.detail.to_string(),
        StoreErrorKind::Invalid { at, why } => format!("{at}: {why}"),
        StoreErrorKind::Stale => "somebody else changed it".into(),
        StoreErrorKind::NotFound => "it is not found".into(),
        _ => error.to_string(),
    }
}

impl Hand<'_> {
    /// Goes on, unless it shall not.
    pub(super) fn go_on(&self) -> Result<(), Finding> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Finding::problem("probe: stopped before its end", "run it again"));
        }
        Ok(())
    }

    /// A request of its own: what one has seen is no news to the next.
    fn scope(&self) -> Scope {
        Scope { request: Arc::from("write-probe"), ..self.scope.clone() }
    }

    pub(super) fn call(&self) -> Call {
        // The same as the store's own: it is answered by the server that took the writes.
        let who = [self.scope.tenant.as_str(), "/", &self.scope.actor].concat();
        Call { who: Some(who.into()), request: Some(Arc::from("write-probe")), ..Call::default() }
    }

    async fn commit(&self, by: By, kind: &Kind, action: Action) -> Result<Outcome, StoreError> {
        let store = if by == By::Gateway { &self.store } else { &self.leaving };
        let mutation = Mutation { kind: kind.clone(), action, reply: None };
        let outcomes = store.commit(&self.scope(), vec![mutation]).await;
        outcomes.into_iter().next().unwrap_or_else(|| Err(StoreErrorKind::Uncertain.into()))
    }

    fn change(&self, verb: Verb, document: Option<&Map<String, Value>>, links: Vec<LinkEdit>) -> ChangeSet {
        let text = document.map(|document| Value::Object(document.clone()).to_string());
        ChangeSet {
            document: text.map(Document::from_stored),
            label: None,
            links,
            claim: Vec::new(),
            release: Vec::new(),
            secrets: Vec::new(),
            history: None,
            record: Making::new(&self.scope, "write-probe".into(), verb).record(Vec::new()),
        }
    }

    /// Makes a resource. The names that it may get are noted before.
    pub(super) async fn create(
        &mut self,
        mapping: &Arc<Mapping>,
        id: ResourceId,
        document: Map<String, Value>,
        places: Vec<Dn>,
    ) -> Result<Made, StoreError> {
        let noted = self.taken.len();
        self.taken.extend(taken(places));
        let id = mapping.id.write.then_some(id);
        let change = self.change(Verb::Create, Some(&document), Vec::new());
        let done = self.commit(By::Gateway, &mapping.rt.kind, Action::Create { id, change }).await;
        if done.as_ref().is_err_and(is_refused) {
            self.taken.iter_mut().skip(noted).for_each(|one| one.open = false);
        }
        let outcome = done?;
        Ok(Made { mapping: mapping.clone(), id: outcome.id, document })
    }

    /// Changes a resource that has this version.
    pub(super) async fn write(
        &self,
        by: By,
        one: &Made,
        document: &Map<String, Value>,
        version: Version,
    ) -> Result<Outcome, StoreError> {
        let change = Change::Known(Box::new(self.change(Verb::Replace, Some(document), Vec::new())));
        let expect = Expect::Version(vec![version]);
        self.commit(by, &one.mapping.rt.kind, Action::Modify { id: one.id.clone(), change, expect }).await
    }

    /// Gives a resource another name. The names that it may get are noted before, behind the group that it is in.
    pub(super) async fn rename(
        &mut self,
        by: By,
        one: &mut Made,
        document: Map<String, Value>,
        places: Vec<Dn>,
    ) -> Result<(), StoreError> {
        self.taken.splice(0..0, taken(places));
        let version = self.read(one, Select::document()).await?.version;
        self.write(by, one, &document, version).await?;
        one.document = document;
        Ok(())
    }

    /// Lets these users be members of a group, or no longer.
    pub(super) async fn link(
        &self,
        group: &Made,
        column: &LinkColumn,
        users: &[&Made],
        add: bool,
    ) -> Result<(), StoreError> {
        let (at, targets) = (column.link.clone(), users.iter().map(|user| user.id.clone()).collect());
        let kinds = users.iter().map(|user| user.mapping.rt.kind.clone()).take(1).collect();
        let edit = match add {
            true => LinkEdit::Add { at, targets, kinds },
            false => LinkEdit::Remove { at, targets },
        };
        let change = Change::Known(Box::new(self.change(Verb::Patch, None, vec![edit])));
        let action = Action::Modify { id: group.id.clone(), change, expect: Expect::Exists };
        self.commit(By::Gateway, &group.mapping.rt.kind, action).await.map(drop)
    }

    /// Deletes a resource.
    pub(super) async fn delete(&self, by: By, one: &Made) -> Result<(), StoreError> {
        let record = Making::new(&self.scope, "write-probe".into(), Verb::Delete).record(Vec::new());
        let action = Action::Delete { id: one.id.clone(), expect: Expect::Exists, record };
        self.commit(by, &one.mapping.rt.kind, action).await.map(drop)
    }

    /// A resource as the store shows it.
    pub(super) async fn read(&self, one: &Made, select: Select) -> Result<Record, StoreError> {
        let ids = std::slice::from_ref(&one.id);
        let found = self.store.read(&self.scope(), &one.mapping.rt.kind, ids, &select).await?;
        found.into_iter().next().ok_or_else(|| StoreErrorKind::NotFound.into())
    }

    /// These attributes of a resource's entry, as the directory itself has them, with its name.
    pub(super) async fn look(&self, one: &Made, names: Vec<AttributeName>) -> Result<Entry, StoreError> {
        let (place, id) = (&one.mapping.place, &one.mapping.id);
        let value = one.mapping.id_value(&one.id).ok_or(StoreErrorKind::NotFound)?;
        let search = Search::new(&place.base, place.reach, Filter::equal(id.name.clone(), value), names);
        let found = self.directory.search(&self.call(), &search).await;
        let found = found.map_err(|error| error.during("look at an entry of the probe"))?;
        found.entries.into_iter().next().ok_or_else(|| StoreErrorKind::NotFound.into())
    }

    /// Looks at an entry until it is as wanted, for a moment or until it shall stop. Did it become so?
    pub(super) async fn becomes(
        &self,
        one: &Made,
        name: &AttributeName,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<bool, StoreError> {
        for _ in 0..LOOKS {
            if wanted(&self.look(one, vec![name.clone()]).await?) {
                return Ok(true);
            }
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(false)
    }

    /// Is there an entry of this name?
    pub(super) async fn is_there(&self, dn: &Dn) -> Result<bool, LdapError> {
        let search = Search::entry(dn, Vec::new());
        Ok(self.directory.entry(&self.call(), &search).await?.is_some())
    }
}
