//! Reads of one entry each that are asked for at the same time, as one search: what a search costs the directory by itself is paid once
//! for all of them. The first goes at once; what is asked for while it is under way goes together when it has ended
//! (`docs/decisions/0031-directory-reads-together.md`).

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use scim_core::query::{LinkSelect, Select};
use scim_core::store::ResourceId;
use scim_core::store::gather::{Asker, Gather, Told, Turn};
use tokio::runtime::{Handle, Id};

use crate::directory::Call;
use crate::ldap::{AttributeName, Entry, LdapError};
use crate::mapping::{LinkColumn, Mapping};

use super::Inner;

/// How long anyone waits for those before: a search for one entry takes less, unless the directory is far away.
const PATIENCE: Duration = Duration::from_millis(2);

/// Those who wait for an entry each.
pub(super) type Gathered = Arc<Gather<Like, ResourceId, Vec<Entry>>>;

/// What reads have in common that may be one search, of those who ask in one runtime.
#[derive(Clone)]
pub(super) struct Like {
    runtime: Id,
    /// Of one tenant, and one type.
    mapping: Arc<Mapping>,
    /// What is asked for, besides what is always.
    document: bool,
    reverse: bool,
    links: Vec<AttributeName>,
    /// As whom.
    identity: Option<Arc<str>>,
}

impl PartialEq for Like {
    fn eq(&self, other: &Self) -> bool {
        let asked = |one: &Self| (one.runtime, one.document, one.reverse);
        Arc::ptr_eq(&self.mapping, &other.mapping)
            && asked(self) == asked(other)
            && self.links == other.links
            && self.identity == other.identity
    }
}

impl Eq for Like {}

impl Hash for Like {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.runtime, Arc::as_ptr(&self.mapping)).hash(state);
    }
}

impl Inner {
    /// The entry of this id, with what shows this much of it; none where there is none.
    pub(super) async fn one(
        &self,
        call: &Call,
        mapping: &Arc<Mapping>,
        id: &ResourceId,
        select: &Select,
        columns: &[(&LinkSelect, &LinkColumn)],
    ) -> Result<Vec<Entry>, LdapError> {
        let ask = async |ids: &[ResourceId]| {
            let with = |search| self.with_links(columns, search);
            self.entries(call, mapping, ids, self.attributes(mapping, select), with).await
        };
        let told = match self.like(call, mapping, select, columns) {
            Some(like) => self.told(call, &like, id).await?,
            None => Told::Nothing,
        };
        match told {
            Told::Answer(found) => Ok(found),
            Told::Lead(turn, others) => lead(mapping, id, ask, turn, others).await,
            Told::Nothing => ask(std::slice::from_ref(id)).await,
        }
    }

    /// With whom this may be read. None: alone, as what many links say takes long, and as who wrote just now reads where the write went,
    /// whereas the others' search goes wherever they read.
    fn like(
        &self,
        call: &Call,
        mapping: &Arc<Mapping>,
        select: &Select,
        columns: &[(&LinkSelect, &LinkColumn)],
    ) -> Option<Like> {
        if !columns.iter().all(|(_, column)| column.is_single()) || self.directory.is_bound(call) {
            return None;
        }
        Some(Like {
            runtime: Handle::try_current().ok()?.id(),
            mapping: mapping.clone(),
            document: select.document,
            reverse: !select.reverse.is_empty(),
            links: columns.iter().map(|(_, column)| column.name.clone()).collect(),
            identity: call.identity.clone(),
        })
    }

    /// Waits for those before, no longer than the caller does.
    async fn told(
        &self,
        call: &Call,
        like: &Like,
        id: &ResourceId,
    ) -> Result<Told<Like, ResourceId, Vec<Entry>>, LdapError> {
        let begun = Instant::now();
        let told = self.together.ask(like, id.clone(), tokio::time::sleep(PATIENCE));
        match call.deadline {
            Some(deadline) => {
                let told = tokio::time::timeout_at(deadline.into(), told).await;
                told.map_err(|_| LdapError::Late(begun.elapsed()))
            }
            None => Ok(told.await),
        }
    }
}

/// Asks for all of them. Where that fails, each of the others asks alone, and learns what is wrong.
async fn lead(
    mapping: &Mapping,
    own: &ResourceId,
    ask: impl AsyncFnOnce(&[ResourceId]) -> Result<Vec<Entry>, LdapError>,
    turn: Turn<Like, ResourceId, Vec<Entry>>,
    others: Vec<Asker<Like, ResourceId, Vec<Entry>>>,
) -> Result<Vec<Entry>, LdapError> {
    let mut ids = vec![own.clone()];
    ids.extend(others.iter().map(|other| other.work.clone()));
    ids.sort_unstable();
    ids.dedup();
    let found = ask(&ids).await;
    if turn.end() {
        // Who goes next asks first: the directory is at work while these are answered.
        tokio::task::yield_now().await;
    }
    let found = found?;
    if others.is_empty() {
        return Ok(found);
    }
    let mut found: Vec<(Option<ResourceId>, Entry)> =
        found.into_iter().map(|entry| (mapping.id_of(&entry), entry)).collect();
    for other in others {
        let wanted =
            |(id, entry): &(Option<ResourceId>, Entry)| (id.as_ref() == Some(&other.work)).then(|| entry.clone());
        let answer = found.iter().filter_map(wanted).collect();
        other.answer(answer);
    }
    found.retain(|(id, _)| id.as_ref() == Some(own));
    Ok(found.into_iter().map(|(_, entry)| entry).collect())
}
