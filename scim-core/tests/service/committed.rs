//! What was committed is answered as committed, whatever becomes of the store afterwards.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use scim_core::change::{Mutation, Outcome};
use scim_core::query::Select;
use scim_core::schema::{Kind, LinkType};
use scim_core::store::{
    BoxStream, Capabilities, Link, Record, ResourceId, Result, Scan, Scope, Store, StoreError, StoreErrorKind,
};

use super::*;

/// A store that can be read no more once something was committed, as one whose database goes away behind a commit.
#[derive(Debug)]
struct GoesAway {
    inner: MemoryStore,
    /// Is it to go away behind the next commit?
    armed: AtomicBool,
    away: AtomicBool,
    /// Does it show what it has written?
    shows: AtomicBool,
}

impl GoesAway {
    fn here(&self) -> Result<()> {
        if self.away.load(Ordering::Relaxed) { Err(StoreError::new(StoreErrorKind::Unavailable)) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for GoesAway {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>> {
        self.here()?;
        self.inner.read(scope, kind, ids, select).await
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        self.inner.scan(scope, scan)
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        let mut outcomes = self.inner.commit(scope, batch).await;
        self.away.store(self.armed.load(Ordering::Relaxed), Ordering::Relaxed);
        if !self.shows.load(Ordering::Relaxed) {
            outcomes.iter_mut().flatten().for_each(|outcome| outcome.record = None);
        }
        outcomes
    }

    async fn holders(
        &self,
        scope: &Scope,
        of: &Kind,
        targets: &[ResourceId],
        via: &Arc<LinkType>,
    ) -> Result<Vec<(ResourceId, Link)>> {
        self.here()?;
        self.inner.holders(scope, of, targets, via).await
    }
}

/// A desk whose store has a user in a group, and goes away behind the next commit.
fn desk() -> (Desk, Arc<GoesAway>, String) {
    let store = Arc::new(GoesAway {
        inner: MemoryStore::new(),
        armed: AtomicBool::new(false),
        away: AtomicBool::new(false),
        shows: AtomicBool::new(true),
    });
    let desk = Desk::over(store.clone(), Registry::standard(), TenantSettings::default());
    let id = desk.user("ada");
    desk.group("G", &[&id]);
    store.armed.store(true, Ordering::Relaxed);
    (desk, store, id)
}

fn put(desk: &Desk, id: &str) -> Reply {
    let body = json!({ "schemas": [USER], "userName": "ada", "title": "Countess" }).to_string();
    let (view, conditions, prefer) = (View::default(), Conditions::default(), Prefer::default());
    let kind = desk.kind("Users");
    let put = desk.service.replace(&desk.caller, &kind, id, body.as_bytes(), &view, &conditions, &prefer);
    put.now_or_never().unwrap().unwrap()
}

fn title() -> Value {
    json!([{ "op": "replace", "path": "title", "value": "Countess" }])
}

/// The change stands: a reader sees it once the store is back.
fn stands(desk: &Desk, store: &GoesAway, id: &str) {
    assert!(desk.read("Users", id).is_err(), "the store was to be away");
    store.away.store(false, Ordering::Relaxed);
    let read = desk.read("Users", id).unwrap();
    assert_eq!(read["title"], "Countess");
    assert_eq!(read["groups"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_patch_whose_groups_cannot_be_read_any_more_is_answered_204_with_its_tag() {
    let (desk, store, id) = desk();
    let reply = desk.patch("Users", &id, title()).unwrap();
    assert_eq!((reply.done, reply.etag.as_deref()), (Done::NoContent, Some("W/\"2\"")));
    stands(&desk, &store, &id);
}

#[test]
fn a_patch_that_owes_a_representation_is_answered_with_what_is_known() {
    let (desk, store, id) = desk();
    let kind = desk.kind("Users");
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": title() });
    let view = View { attributes: Some("title,groups".into()), ..View::default() };
    let (conditions, prefer) = (Conditions::default(), Prefer::default());
    let body = body.to_string();
    let patch = desk.service.patch(&desk.caller, &kind, &id, body.as_bytes(), &view, &conditions, &prefer);
    let reply = patch.now_or_never().unwrap().unwrap();
    assert_eq!(reply.done, Done::Ok);
    assert_eq!(answer(Ok(reply)).unwrap()["title"], "Countess");
    stands(&desk, &store, &id);
}

#[test]
fn a_put_is_answered_200_with_what_the_commit_showed() {
    let (desk, store, id) = desk();
    let reply = put(&desk, &id);
    assert_eq!((reply.done, reply.etag.as_deref()), (Done::Ok, Some("W/\"2\"")));
    assert_eq!(answer(Ok(reply)).unwrap()["title"], "Countess");
    stands(&desk, &store, &id);
}

#[test]
fn a_change_that_the_store_does_not_show_is_answered_by_its_tag() {
    let (desk, store, id) = desk();
    store.shows.store(false, Ordering::Relaxed);
    let reply = put(&desk, &id);
    assert_eq!((reply.done, reply.etag.as_deref()), (Done::NoContent, Some("W/\"2\"")));
    let kind = desk.kind("Users");
    let body = json!({ "schemas": [USER], "userName": "bob" }).to_string();
    let view = View::default();
    let create = desk.service.create(&desk.caller, &kind, body.as_bytes(), &view);
    let reply = create.now_or_never().unwrap().unwrap();
    assert_eq!((reply.done, reply.etag.as_deref()), (Done::Created, Some("W/\"1\"")));
    assert!(reply.location.is_some_and(|location| location.starts_with("http://h/scim/v2/Users/")));
    stands(&desk, &store, &id);
}

#[test]
fn nothing_is_read_behind_a_creation() {
    let (desk, _store, _) = desk();
    let made = desk.create("Users", json!({ "schemas": [USER], "userName": "bob" })).unwrap();
    assert_eq!(made["userName"], "bob");
}
