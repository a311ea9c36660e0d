//! Random histories: the store under test and the reference store are given the same mutations, and must answer alike
//! and look alike ever after. A history is told by its seed, so that a failure can be repeated.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use scim_core::change::{Action, Change, ChangeSet, Effect, Expect, LinkEdit, Mutation, Outcome, SecretEdit, Verb};
use scim_core::query::{Order, Query, Source, Window, walk};
use scim_core::schema::ResourceType;
use scim_core::store::memory::MemoryStore;
use scim_core::store::{Key, Record, ResourceId, Secrets, StoreError, StoreErrorKind, Version};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::contract::bench::{Becomes, Bench, claim, whole};
use crate::contract::{Case, Need, case};
use crate::data::TEST_URN;

const NEEDS: &[Need] = &[Need::Writes, Need::OwnIds, Need::Lock, Need::Versions, Need::Unique];
const STEPS: u32 = 120;

/// The cases.
pub fn cases() -> Vec<Case> {
    vec![
        case("a short history leaves both stores alike", "7644-3.4.2.2-03", |b| {
            Box::pin(async move { histories(b, 1..=6, 30).await })
        })
        .needs(NEEDS),
        case("a long history leaves both stores alike", "7644-3.4.2.2-03", |b| {
            Box::pin(async move { histories(b, 100..=102, STEPS).await })
        })
        .needs(NEEDS),
        case("histories of two tenants do not meet", "7644-6.2-03", |b| {
            Box::pin(async move {
                let other = b.neighbour("other").await?;
                histories(b, 200..=200, 60).await?;
                histories(other, 201..=201, 60).await
            })
        })
        .needs(NEEDS),
    ]
}

async fn histories(b: Bench, seeds: std::ops::RangeInclusive<u64>, steps: u32) -> Result<()> {
    for seed in seeds {
        // Each history has a tenant of its own, so that one store serves them all.
        let own = b.neighbour(&format!("{}-{seed}", b.scope().tenant)).await?;
        let reference = own.around(Arc::new(MemoryStore::new()));
        History {
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            own,
            reference,
            users: Vec::new(),
            groups: Vec::new(),
            seen: HashMap::new(),
        }
        .run(steps)
        .await
        .with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

/// A small generator: the histories of a seed never change.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % bound.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

struct History {
    random: Random,
    own: Bench,
    reference: Bench,
    users: Vec<ResourceId>,
    groups: Vec<ResourceId>,
    /// The versions when both were last compared: (own, reference).
    seen: HashMap<ResourceId, (Version, Version)>,
}

/// A mutation for each store: they differ in the versions they expect.
type Pair = (Mutation, Mutation);

impl History {
    async fn run(mut self, steps: u32) -> Result<()> {
        for step in 0..steps {
            let scope = self.own.scope();
            let mut batch = Vec::new();
            for _ in 0..=self.random.below(3) {
                batch.push(self.mutation(&scope).await?);
            }
            let told = format!("{batch:?}");
            let (own, reference): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let left = self.own.store.commit(&scope, own).await;
            let right = self.reference.store.commit(&scope, reference).await;
            ensure!(left.len() == right.len(), "step {step}: {} answers, expected {}", left.len(), right.len());
            for (left, right) in left.iter().zip(&right) {
                ensure!(alike(left, right), "step {step}: {left:?}\n     expected {right:?}\n{told}");
                if let Ok(Outcome { effect: Effect::Deleted, id, .. }) = right {
                    self.users.retain(|one| one != id);
                    self.groups.retain(|one| one != id);
                }
            }
            if step % 10 == 9 {
                self.compare().await.with_context(|| format!("after step {step}"))?;
            }
        }
        self.compare().await
    }

    async fn mutation(&mut self, scope: &scim_core::store::Scope) -> Result<Pair> {
        let b = self.own.clone();
        let (user, group) = (b.user_type().clone(), b.group_type().clone());
        let both = |mutation: Mutation| (mutation.clone(), mutation);
        Ok(match self.random.below(12) {
            0..=2 => both(self.create(scope, &user)?),
            3 => both(self.create(scope, &group)?),
            4 | 5 => {
                let Some(id) = self.random.pick(&self.users).cloned() else {
                    return Ok(both(self.create(scope, &user)?));
                };
                self.rewrite(scope, &user, id).await?
            }
            6..=8 => {
                let Some(id) = self.random.pick(&self.groups).cloned() else {
                    return Ok(both(self.create(scope, &group)?));
                };
                let change = b.link_change(scope, self.members_edit()?);
                both(b.modification(&group, &id, Change::Known(Box::new(change)), Expect::Exists))
            }
            9 => {
                let Some(id) = self.random.pick(&self.users).cloned() else {
                    return Ok(both(self.create(scope, &user)?));
                };
                let at = b.manager()?;
                let target = self.target();
                let targets = if self.random.below(3) == 0 { vec![] } else { vec![(target, at.kinds.clone())] };
                let change = b.link_change(scope, LinkEdit::Replace { at, targets });
                both(b.modification(&user, &id, Change::Known(Box::new(change)), Expect::Exists))
            }
            10 if b.store.capabilities().secrets == Secrets::Hashed => {
                let Some(id) = self.random.pick(&self.users).cloned() else {
                    return Ok(both(self.create(scope, &user)?));
                };
                let value =
                    (self.random.below(4) > 0).then(|| SecretString::from(format!("hash-{}", self.random.below(3))));
                let secrets = vec![SecretEdit { at: b.at(&user, "password")?, value }];
                let change = ChangeSet { secrets, ..b.no_change(scope, Verb::Patch) };
                both(b.modification(&user, &id, Change::Known(Box::new(change)), Expect::Exists))
            }
            _ => {
                let kind = if self.random.below(3) == 0 { group } else { user };
                let id = self.target();
                let action = Action::Delete { id, expect: Expect::Exists, record: b.record(scope, Verb::Delete) };
                both(Mutation { kind: kind.kind.clone(), action, reply: None })
            }
        })
    }

    fn create(&mut self, scope: &scim_core::store::Scope, kind: &ResourceType) -> Result<Mutation> {
        let is_user = kind.kind == self.own.user_type().kind;
        let attributes = if is_user { self.user_attributes() } else { self.group_attributes() };
        let change = self.own.change(scope, kind, attributes)?;
        let mutation = self.own.creation(kind, change);
        if let Action::Create { id: Some(id), .. } = &mutation.action {
            // Noted before it is known to succeed: a history may well refer to what never came to be.
            if is_user { self.users.push(id.clone()) } else { self.groups.push(id.clone()) }
        }
        Ok(mutation)
    }

    /// A PUT, as the core makes it: the old name given back, the new one taken, the version expected or not.
    async fn rewrite(&mut self, scope: &scim_core::store::Scope, kind: &ResourceType, id: ResourceId) -> Result<Pair> {
        let b = self.own.clone();
        let now = self.reference.find(kind, &id).await?;
        let attributes = self.user_attributes();
        let name = b.at(kind, "userName")?;
        let mut change = b.change(scope, kind, attributes.clone())?;
        if let Some(old) =
            now.as_ref().and_then(|record| record.document.parse().get("userName")?.as_str().map(str::to_owned))
        {
            let (old, new) = (claim(&name, &old), claim(&name, attributes["userName"].as_str().unwrap_or_default()));
            change.claim.retain(|claim| claim.at != name);
            if old != new {
                change.release.push(old);
                change.claim.push(new);
            }
        }
        let stale = self.random.below(4) == 0;
        let conditional = self.random.below(2) == 0;
        let expect = |record: Option<Record>| match record {
            Some(_) if stale => Expect::Version(vec![Version::new("stale")]),
            Some(record) if conditional => Expect::Version(vec![record.version]),
            _ => Expect::Exists,
        };
        let (left, right) = (expect(b.find(kind, &id).await?), expect(now));
        let change = Change::Of(Arc::new(Becomes::new(change)));
        Ok((b.modification(kind, &id, change.clone(), left), b.modification(kind, &id, change, right)))
    }

    fn members_edit(&mut self) -> Result<LinkEdit> {
        let at = self.own.members()?;
        let mut targets: Vec<_> = (0..self.random.below(4)).map(|_| self.target()).collect();
        targets.sort();
        targets.dedup();
        Ok(match self.random.below(5) {
            0 | 1 => LinkEdit::Add { kinds: at.kinds.clone(), at, targets },
            2 | 3 => LinkEdit::Remove { at, targets },
            _ => {
                let targets = targets.into_iter().map(|target| (target, at.kinds.clone())).collect();
                LinkEdit::Replace { at, targets }
            }
        })
    }

    /// Mostly somebody who exists, now and then somebody who never did.
    fn target(&mut self) -> ResourceId {
        let from = if self.random.below(4) == 0 { &self.groups } else { &self.users };
        match (self.random.below(25), self.random.pick(from)) {
            (0, _) | (_, None) => ResourceId::new("nobody"),
            (_, Some(id)) => id.clone(),
        }
    }

    fn user_attributes(&mut self) -> Value {
        let mut attributes =
            json!({"userName": format!("User{}", self.random.below(25)), "active": self.random.below(2) == 0});
        let names = ["Zoë", "ZOË", "ann", "Ann Lee", "%_*", "é\u{1f680}"];
        if let Some(name) = names.get(self.random.below(8)) {
            attributes["displayName"] = (*name).into();
        }
        if self.random.below(2) == 0 {
            attributes[TEST_URN] = json!({"num": self.random.below(5), "dec": 0.5});
        }
        if self.random.below(2) == 0 {
            attributes["emails"] = json!([{"value": format!("m{}@x.example", self.random.below(4)), "type": "work"}]);
        }
        attributes
    }

    fn group_attributes(&mut self) -> Value {
        let members: Vec<_> =
            (0..self.random.below(3)).filter_map(|_| self.random.pick(&self.users).cloned()).collect();
        let mut members: Vec<_> = members.iter().map(ResourceId::as_str).collect();
        members.sort_unstable();
        members.dedup();
        let members: Vec<_> = members.into_iter().map(|id| json!({"value": id})).collect();
        json!({"displayName": format!("Group {}", self.random.below(6)), "members": members})
    }

    /// Everything that can be observed is the same in both, save the text of versions.
    async fn compare(&mut self) -> Result<()> {
        let types = [self.own.user_type().clone(), self.own.group_type().clone()];
        for kind in &types {
            let (left, right) = (self.own.all(kind, None).await?, self.reference.all(kind, None).await?);
            let bare = |records: &[Record]| {
                records.iter().map(|one| Record { version: Version::new(""), ..one.clone() }).collect::<Vec<_>>()
            };
            ensure!(bare(&left) == bare(&right), "{left:#?}\nexpected {right:#?}");
            for (own, reference) in left.iter().zip(&right) {
                let now = (own.version.clone(), reference.version.clone());
                if let Some(before) = self.seen.insert(own.key.id.clone(), now.clone()) {
                    ensure!(
                        (before.0 == now.0) == (before.1 == now.1),
                        "{}: version {before:?} became {now:?}",
                        own.key.id
                    );
                }
                self.compare_secret(kind, &own.key).await?;
            }
            let ids: Vec<_> = left.iter().map(|record| &record.key.id).collect();
            let holders = (self.own.holders(kind, &ids).await?, self.reference.holders(kind, &ids).await?);
            ensure!(holders.0 == holders.1, "holders {:?}\nexpected {:?}", holders.0, holders.1);
        }
        self.compare_queries().await
    }

    async fn compare_secret(&self, kind: &ResourceType, key: &Key) -> Result<()> {
        if self.own.store.capabilities().secrets != Secrets::Hashed || kind.kind != self.own.user_type().kind {
            return Ok(());
        }
        let (scope, at) = (self.own.scope(), self.own.at(kind, "password")?);
        let left = self.own.store.secret(&scope, key, &at).await?;
        let right = self.reference.store.secret(&scope, key, &at).await?;
        let shown = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        ensure!(shown(&left) == shown(&right), "secrets of {} differ", key.id);
        Ok(())
    }

    async fn compare_queries(&mut self) -> Result<()> {
        let b = self.own.clone();
        let user = b.user_type().clone();
        let filters = [
            "active eq true",
            "displayName sw \"zo\"",
            "not (displayName pr) or userName co \"1\"",
            "emails.value eq \"M1@X.example\"",
            "groups.display co \"group\" and active eq false",
            "displayName eq \"%_*\"",
            "meta.lastModified gt \"2020-01-01T00:01:00Z\"",
            "urn:example:params:scim:schemas:test:1.0:User:num ge 2 and not (emails[type eq \"work\"])",
        ];
        let sorts = [
            "userName",
            "displayName",
            "emails.value",
            "meta.lastModified",
            "urn:example:params:scim:schemas:test:1.0:User:num",
        ];
        for _ in 0..6 {
            let filter = self.random.pick(&filters).map(|filter| b.filter(&user, filter)).transpose()?;
            let sort = self.random.pick(&sorts).map(|sort| b.at(&user, sort)).transpose()?;
            let order = if self.random.below(2) == 0 { Order::Ascending } else { Order::Descending };
            let window = Window::Offset { skip: self.random.below(5) as u64, count: 5 };
            let query = Query {
                from: vec![Source { kind: user.kind.clone(), filter, sort }],
                order: Some(order),
                window,
                select: whole(&user),
                total: true,
            };
            let scope = b.scope();
            let limits = scim_core::limits::Limits::default();
            let left = walk::page(&*b.store, &scope, &b.types, &limits, &query).await?;
            let right = walk::page(&*self.reference.store, &scope, &b.types, &limits, &query).await?;
            let ids = |page: &scim_core::query::Page| {
                page.records.iter().map(|record| record.key.id.clone()).collect::<Vec<_>>()
            };
            ensure!(
                ids(&left) == ids(&right) && left.total == right.total && left.more == right.more,
                "{query:?}\n{:?} {:?}\n{:?} {:?}",
                ids(&left),
                left.total,
                ids(&right),
                right.total
            );
        }
        Ok(())
    }
}

/// The same effect on the same resource, or the same kind of error.
fn alike(left: &Result<Outcome, StoreError>, right: &Result<Outcome, StoreError>) -> bool {
    match (left, right) {
        (Ok(left), Ok(right)) => left.effect == right.effect && left.id == right.id,
        (Err(left), Err(right)) => match (&left.kind, &right.kind) {
            (StoreErrorKind::Missing { at: a, targets: x }, StoreErrorKind::Missing { at: b, targets: y }) => {
                let sorted = |ids: &[ResourceId]| {
                    let mut ids = ids.to_vec();
                    ids.sort();
                    ids
                };
                a == b && sorted(x) == sorted(y)
            }
            (left, right) => format!("{left:?}") == format!("{right:?}"),
        },
        _ => false,
    }
}
