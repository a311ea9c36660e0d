//! References: added and removed by value, whatever the size of the entry. Nothing of it is read before.

use std::sync::Arc;

use bytes::Bytes;
use foldhash::{HashSet, HashSetExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use scim_core::change::LinkEdit;
use scim_core::schema::{Kind, LinkType};
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind};

use crate::ldap::{AttributeName, Change, Code, Dn, Entry, LdapError, Operation, Request, Search};
use crate::mapping::LinkColumn;
use crate::settings::Mode;

use super::BACKEND;
use super::brakes::Loss;
use super::commit::Work;
use super::create::placeholder;
use super::members::is_placeholder;
use super::primary::must_stay;

/// Compares at a time.
const COMPARES: usize = 32;

/// What shall become of the values of one attribute.
#[derive(Debug, Clone)]
pub(super) struct Edit<'a> {
    pub(super) column: &'a LinkColumn,
    pub(super) add: Vec<Bytes>,
    pub(super) delete: Vec<Bytes>,
}

impl Edit<'_> {
    fn is_empty(&self) -> bool {
        self.add.is_empty() && self.delete.is_empty()
    }

    /// As changes of a Modify.
    pub(super) fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        if !self.delete.is_empty() {
            changes.push(Change::Delete(self.column.name.clone(), self.delete.clone()));
        }
        if !self.add.is_empty() {
            changes.push(Change::Add(self.column.name.clone(), self.add.clone()));
        }
        changes
    }
}

impl<'a> Work<'a> {
    pub(super) fn link_column(&self, link: &Arc<LinkType>) -> Result<&'a LinkColumn> {
        let column = self.mapping.link(&link.at).filter(|column| column.write);
        column.ok_or_else(|| {
            let why = "the directory holds no such references, or they cannot be written".to_owned();
            StoreError::new(StoreErrorKind::Invalid { at: link.at.clone(), why }).during(BACKEND, "write references")
        })
    }

    /// The directory's values for these targets.
    ///
    /// # Errors
    /// `Missing` with every target that there is not.
    pub(super) async fn values_of_targets(
        &self,
        column: &LinkColumn,
        targets: &[(ResourceId, Arc<[Kind]>)],
    ) -> Result<Vec<Bytes>> {
        let ids: Vec<ResourceId> = targets.iter().map(|(id, _)| id.clone()).collect();
        let names = self.inner.names(&self.call, self.tenant, &column.link.kinds, &ids).await?;
        let mut values = Vec::with_capacity(targets.len());
        let mut missing = Vec::new();
        for (id, kinds) in targets {
            match names.get(id).filter(|(_, mapping)| kinds.contains(&mapping.rt.kind)) {
                Some((dn, _)) => values.push(dn.clone()),
                None => missing.push(id.clone()),
            }
        }
        if !missing.is_empty() {
            let kind = StoreErrorKind::Missing { at: column.link.at.clone(), targets: missing };
            return Err(StoreError::new(kind).during(BACKEND, "find members"));
        }
        if column.by_name {
            return self.user_names(column, &values).await;
        }
        Ok(values.iter().map(|dn| Bytes::copy_from_slice(dn.as_str().as_bytes())).collect())
    }

    /// `memberUid`: the user names of these entries.
    async fn user_names(&self, column: &LinkColumn, names: &[Dn]) -> Result<Vec<Bytes>> {
        let mut mappings = self.tenant.of(&column.link.kinds);
        let own = mappings.find_map(|mapping| mapping.columns.iter().find(|own| own.at.attr().name == "userName"));
        let Some(own) = own else { return Ok(Vec::new()) };
        let reads = names.iter().cloned().map(|dn| {
            let search = Search::entry(dn, vec![own.name.clone()]);
            async move { self.inner.directory.entry(&self.call, &search).await }
        });
        let found: Vec<Option<Entry>> = stream::iter(reads)
            .buffered(COMPARES)
            .try_collect()
            .await
            .map_err(|error: LdapError| error.during("read user names"))?;
        Ok(found.into_iter().flatten().filter_map(|entry| entry.first(&own.name).cloned()).collect())
    }

    /// Those of these user names that are somebody's whom clients see: accounts of systems, and people elsewhere, stay in a group.
    async fn user_names_seen(&self, column: &LinkColumn, dn: &Dn, names: Vec<Bytes>) -> Result<Vec<Bytes>> {
        let one = |name: &Bytes| Entry::new(dn.clone()).with(column.name.clone(), [name.clone()]);
        let alone: Vec<Entry> = names.iter().map(one).collect();
        let found = self.inner.by_user_name(&self.call, self.tenant, column, &alone).await?;
        Ok(names.into_iter().zip(found).filter(|(_, links)| !links.is_empty()).map(|(name, _)| name).collect())
    }

    /// What the edits of a change come to, attribute by attribute. Only a replacement reads what is there.
    pub(super) async fn edits(&self, id: &ResourceId, dn: &Dn, links: &[LinkEdit]) -> Result<Vec<Edit<'a>>> {
        let mut edits: Vec<Edit<'a>> = Vec::new();
        for link in links {
            let edit = match link {
                LinkEdit::Add { at, targets, kinds } => {
                    let column = self.link_column(at)?;
                    let targets: Vec<_> = targets.iter().map(|id| (id.clone(), kinds.clone())).collect();
                    Edit { column, add: self.values_of_targets(column, &targets).await?, delete: Vec::new() }
                }
                LinkEdit::Remove { at, targets } => {
                    let column = self.link_column(at)?;
                    let names = self.inner.names(&self.call, self.tenant, &column.link.kinds, targets).await?;
                    let names: Vec<Dn> = names.into_values().map(|(dn, _)| dn).collect();
                    let delete = match column.by_name {
                        true => self.user_names(column, &names).await?,
                        false => names.iter().map(|dn| Bytes::copy_from_slice(dn.as_str().as_bytes())).collect(),
                    };
                    Edit { column, add: Vec::new(), delete }
                }
                LinkEdit::Replace { at, targets } => self.replacement(id, dn, at, targets).await?,
            };
            match edits.iter_mut().find(|other| other.column.name == edit.column.name) {
                Some(other) => {
                    other.delete.retain(|value| !edit.add.contains(value));
                    other.add.extend(edit.add);
                    other.delete.extend(edit.delete);
                }
                None => edits.push(edit),
            }
        }
        edits.retain(|edit| !edit.is_empty());
        Ok(edits)
    }

    /// Counts the members that are about to leave, and stops what is too many, of all groups or of this one.
    pub(super) async fn lose_members(&self, id: &ResourceId, dn: &Dn, edits: &[Edit<'a>]) -> Result<()> {
        let losing = || edits.iter().filter(|edit| edit.column.link.multi_valued() && !edit.delete.is_empty());
        let count: usize = losing().map(|edit| edit.delete.len()).sum();
        if count == 0 {
            return Ok(());
        }
        self.lose(Loss::Removals, count).await?;
        if self.inner.settings.mode != Mode::Write {
            return Ok(());
        }
        let (brakes, tenant) = (&self.inner.brakes, &self.scope.tenant);
        let mut size = None;
        if brakes.wants_size(tenant, id, count) {
            for edit in losing() {
                size = Some(size.unwrap_or(0) + self.held(dn, edit.column).await?.len());
            }
        }
        brakes.pass_members(tenant, id, count, size).await
    }

    /// What is there against what shall be. References to what no client sees stay.
    async fn replacement(
        &self,
        _id: &ResourceId,
        dn: &Dn,
        at: &Arc<LinkType>,
        targets: &[(ResourceId, Arc<[Kind]>)],
    ) -> Result<Edit<'a>> {
        let column = self.link_column(at)?;
        let wanted = self.values_of_targets(column, targets).await?;
        let held = self.held(dn, column).await?;
        if column.by_name {
            let unwanted: Vec<Bytes> = held.iter().filter(|value| !wanted.contains(value)).cloned().collect();
            let delete = self.user_names_seen(column, dn, unwanted).await?;
            let add = wanted.into_iter().filter(|value| !held.contains(value)).collect();
            return Ok(Edit { column, add, delete });
        }
        let parse = |value: &Bytes| Dn::parse(std::str::from_utf8(value).ok()?).ok();
        let wanted_names: Vec<Dn> = wanted.iter().filter_map(parse).collect();
        let held_names: Vec<(Dn, Bytes)> = held.into_iter().filter_map(|value| Some((parse(&value)?, value))).collect();
        let (wanted_set, held_set): (HashSet<&Dn>, HashSet<&Dn>) =
            (wanted_names.iter().collect(), held_names.iter().map(|(dn, _)| dn).collect());
        let unwanted: Vec<Dn> = held_names
            .iter()
            .map(|(dn, _)| dn.clone())
            .filter(|dn| !wanted_set.contains(dn) && !is_placeholder(column, dn))
            .collect();
        let primary = if column.by_primary { self.primary_names(dn, column).await? } else { HashSet::new() };
        let stuck = primary.iter().filter(|dn| !wanted_set.contains(dn)).count();
        if stuck > 0 {
            return Err(must_stay(column, stuck));
        }
        // A single reference is replaced whatever it refers to: two would not fit.
        let visible: HashSet<Dn> = match column.link.multi_valued() {
            true => self
                .inner
                .links(&self.call, self.tenant, &column.link.kinds, unwanted.clone())
                .await?
                .into_keys()
                .collect(),
            false => unwanted.into_iter().collect(),
        };
        let delete: Vec<Bytes> =
            held_names.iter().filter(|(dn, _)| visible.contains(dn)).map(|(_, value)| value.clone()).collect();
        let add = wanted_names
            .iter()
            .zip(&wanted)
            .filter(|(dn, _)| !held_set.contains(dn) && !primary.contains(dn))
            .map(|(_, value)| value.clone())
            .collect();
        Ok(Edit { column, add, delete })
    }

    /// The values that an entry has of a link attribute.
    async fn held(&self, dn: &Dn, column: &LinkColumn) -> Result<Vec<Bytes>> {
        let search = Search::entry(dn.clone(), vec![column.name.clone()]);
        let entry = self.inner.directory.entry(&self.call, &search).await;
        let entry = entry.map_err(|error| error.during("read members"))?;
        let Some(entry) = entry else { return Err(StoreErrorKind::NotFound.into()) };
        if entry.part(column.name.base()).is_none() {
            return Ok(entry.values(&column.name).to_vec());
        }
        let names = self.inner.values(&self.call, &entry, &column.name).await?;
        Ok(names.iter().map(|dn| Bytes::copy_from_slice(dn.as_str().as_bytes())).collect())
    }

    /// Those parts of the edits that would change something, asked value by value: after a refusal.
    pub(super) async fn effective(&self, dn: &Dn, edits: Vec<Edit<'a>>) -> Result<Vec<Edit<'a>>> {
        let mut effective = Vec::new();
        for edit in edits {
            let mut add = self.those_there(dn, &edit, edit.add.clone(), false).await?;
            let delete = self.those_there(dn, &edit, edit.delete.clone(), true).await?;
            if edit.column.by_primary {
                // Who is not named may be a member all the same.
                let there: HashSet<&Bytes> = delete.iter().collect();
                let gone = || edit.delete.iter().filter(|value| !there.contains(value));
                let open: Vec<Bytes> = add.iter().chain(gone()).cloned().collect();
                let primary = self.with_primary(dn, &open).await?;
                let stuck = gone().filter(|value| primary.contains(*value)).count();
                if stuck > 0 {
                    return Err(must_stay(edit.column, stuck));
                }
                add.retain(|value| !primary.contains(value));
            }
            let edit = Edit { add, delete, ..edit };
            if !edit.is_empty() {
                effective.push(edit);
            }
        }
        Ok(effective)
    }

    /// Those of the values that the entry has, or has not.
    async fn those_there(&self, dn: &Dn, edit: &Edit<'_>, values: Vec<Bytes>, wanted: bool) -> Result<Vec<Bytes>> {
        let asked = values.into_iter().map(|value| {
            let (target, name) = (dn.into(), edit.column.name.clone());
            let compare = Request::from(Operation::Compare { target, name, value: value.clone() });
            async move {
                let there = match self.inner.directory.perform(&self.call, &compare).await {
                    Ok(answer) => answer.result.code == Code::COMPARE_TRUE,
                    Err(error) if error.code() == Some(Code::NO_SUCH_ATTRIBUTE) => false,
                    Err(error) => return Err(error.during("look for a member")),
                };
                Ok((there == wanted).then_some(value))
            }
        });
        let found: Vec<Option<Bytes>> = stream::iter(asked).buffered(COMPARES).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Sends a Modify with references in it. Where some of them are there, or gone, already, only the others are sent;
    /// where the last one must not go, what stands for nobody takes its place. None: nothing was left to be done.
    pub(super) async fn send_edits(
        &self,
        dn: &Dn,
        rest: &[Change],
        mut edits: Vec<Edit<'a>>,
        dress: impl Fn(Request) -> Request,
    ) -> std::result::Result<Option<crate::ldap::Answer>, EditError> {
        let mut checked = 0;
        loop {
            let mut changes: Vec<Change> = rest.to_vec();
            changes.extend(edits.iter().flat_map(Edit::changes));
            if changes.is_empty() {
                return Ok(None);
            }
            let request = dress(Operation::Modify { target: dn.into(), changes }.into());
            self.shadowed(&[&request]).map_err(EditError::Store)?;
            let error = match self.send(request).await {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => error,
            };
            match error.code() {
                // Members that are there, members that are not: 20 and 16; Active Directory says 68 and 53.
                Some(
                    Code::ATTRIBUTE_OR_VALUE_EXISTS
                    | Code::NO_SUCH_ATTRIBUTE
                    | Code::ENTRY_ALREADY_EXISTS
                    | Code::UNWILLING_TO_PERFORM,
                ) if checked <= self.inner.settings.retry_max && !edits.is_empty() => {
                    checked += 1;
                    edits = self.effective(dn, edits).await.map_err(EditError::Store)?;
                }
                Some(Code::OBJECT_CLASS_VIOLATION) if self.add_placeholder(&mut edits) => {}
                _ => return Err(EditError::Ldap(error)),
            }
        }
    }

    /// Puts what stands for nobody beside the members that go. False: it stands there already, or none goes.
    fn add_placeholder(&self, edits: &mut [Edit<'a>]) -> bool {
        let losing = edits.iter_mut().find(|edit| {
            edit.column.link.multi_valued() && !edit.column.by_name && !edit.delete.is_empty() && edit.add.is_empty()
        });
        let Some(edit) = losing else { return false };
        edit.add.push(placeholder(edit.column));
        true
    }
}

/// Why references could not be written.
pub(super) enum EditError {
    /// The directory refused.
    Ldap(LdapError),
    /// We did.
    Store(StoreError),
}

/// Changes that take this name away from every entry that refers to it, or put another in its place.
pub(super) fn moved(name: &AttributeName, old: &Dn, new: Option<&Dn>) -> Vec<Change> {
    let value = |dn: &Dn| vec![Bytes::copy_from_slice(dn.as_str().as_bytes())];
    let mut changes = vec![Change::Delete(name.clone(), value(old))];
    if let Some(new) = new {
        changes.push(Change::Add(name.clone(), value(new)));
    }
    changes
}
