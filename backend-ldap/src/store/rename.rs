//! Another name for an entry: its attributes and its name change together, or not at all.

use bytes::Bytes;
use scim_core::error::ScimError;
use scim_core::path::AttrPath;
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind};

use crate::ldap::{AttributeName, Change, Code, Dn, Entry, Filter, LdapError, Operation, Rdn, Request, controls};

use super::BACKEND;
use super::commit::Work;
use super::membership::Edit;
use super::modify::overtaken;
use super::result::{of_write, rejected, says};

const OBJECT_CLASS: AttributeName = AttributeName::known("objectClass");

impl<'a> Work<'a> {
    /// The relative name that these changes of the naming attribute ask for; None where it stays.
    pub(super) fn renamed(&self, entry: &Entry, named: &[Change]) -> Result<Option<Rdn>> {
        let name = &self.mapping.place.rdn;
        let own = entry.dn.rdn();
        let own = own.as_ref().and_then(|rdn| rdn.value(name.base()));
        let gone = named.iter().any(|change| match change {
            Change::Delete(_, values) => own.is_none_or(|own| values.iter().any(|value| value == own)),
            _ => false,
        });
        let new = named.iter().find_map(|change| match change {
            Change::Add(_, values) | Change::Replace(_, values) => values.first(),
            Change::Delete(..) => None,
        });
        match (named.is_empty(), gone, new) {
            (true, ..) => Ok(None),
            (false, _, Some(value)) => Rdn::new(name.clone(), value.to_vec())
                .map(Some)
                .map_err(|bad| rejected(ScimError::invalid_value(format!("an entry cannot have this name: {bad}")))),
            (false, true, None) => {
                let column = self.mapping.name_column();
                let why = "names the entry and cannot be removed".to_owned();
                let kind = column.map_or(StoreErrorKind::Unsupported("entries without a name"), |column| {
                    StoreErrorKind::Invalid { at: column.at.clone(), why }
                });
                Err(StoreError::new(kind).during(BACKEND, "rename an entry"))
            }
            (false, false, None) => Ok(None),
        }
    }

    /// Changes and renames. False: somebody else wrote meanwhile, and nothing was changed.
    #[expect(clippy::too_many_arguments, reason = "the parts of one change")]
    pub(super) async fn rename(
        &self,
        _id: &ResourceId,
        entry: &Entry,
        rdn: Rdn,
        rest: Vec<Change>,
        edits: Vec<Edit<'a>>,
        assertion: Option<&Filter>,
        unique: Option<&AttrPath>,
    ) -> Result<bool> {
        let edits = self.effective(&entry.dn, edits).await?;
        let mut changes = rest;
        changes.extend(edits.iter().flat_map(Edit::changes));
        let rename = Request::from(Operation::ModifyDn {
            target: (&entry.dn).into(),
            rdn: rdn.clone(),
            delete_old: true,
            superior: None,
        });
        let asserting = |changes: Vec<Change>| -> Result<Request> {
            let request = Request::from(Operation::Modify { target: (&entry.dn).into(), changes });
            Ok(match assertion {
                Some(filter) => request.with(controls::assertion(filter).map_err(|error| error.during("assert"))?),
                None => request,
            })
        };
        let new = entry.dn.parent().unwrap_or_else(Dn::root).child(&rdn);
        let done = if self.inner.features.transactions && self.inner.settings.transactions {
            // What is asserted stands in a Modify of its own: slapo-unique would fail by it. Where there is nothing else to
            // change, something is set to what it is.
            let first = match (assertion, changes.is_empty()) {
                (None, true) => None,
                (Some(_), true) => {
                    let classes: Vec<Bytes> = entry.values(&OBJECT_CLASS).to_vec();
                    Some(asserting(vec![Change::Replace(OBJECT_CLASS, classes)])?)
                }
                (_, false) => Some(asserting(changes)?),
            };
            let requests: Vec<Request> = first.into_iter().chain([rename]).collect();
            self.shadowed(&requests.iter().collect::<Vec<_>>())?;
            let lease = self.inner.directory.lease(&self.call).await;
            let lease = lease.map_err(|error| error.during("rename an entry"))?;
            lease.transaction(requests).await.map(|_| ())
        } else {
            self.in_two_steps(entry, changes, rename, assertion, &asserting).await?
        };
        match done {
            Ok(()) => {
                self.follow(&entry.dn, Some(&new)).await;
                Ok(true)
            }
            Err(error) if overtaken(&error) => Ok(false),
            Err(error) => Err(of_write(self.mapping, unique, error, "rename an entry")),
        }
    }

    /// Modify first, then rename; undone where the second is refused.
    async fn in_two_steps(
        &self,
        entry: &Entry,
        changes: Vec<Change>,
        rename: Request,
        assertion: Option<&Filter>,
        asserting: &(dyn Fn(Vec<Change>) -> Result<Request> + Sync),
    ) -> Result<std::result::Result<(), LdapError>> {
        let modify = if changes.is_empty() { None } else { Some(asserting(changes.clone())?) };
        self.shadowed(&modify.iter().chain([&rename]).collect::<Vec<_>>())?;
        if modify.is_none()
            && let Some(filter) = assertion
        {
            let asserted = rename.clone().with(controls::assertion(filter).map_err(|error| error.during("assert"))?);
            match self.send(asserted).await {
                // slapo-unique's own search inherits the assertion, and fails by it: what is asserted goes before.
                Err(LdapError::Refused(result)) if says(&result, &["unique_search failed"]) => {
                    let classes = entry.values(&OBJECT_CLASS).to_vec();
                    if let Err(error) = self.send(asserting(vec![Change::Replace(OBJECT_CLASS, classes)])?).await {
                        return Ok(Err(error));
                    }
                }
                done => return Ok(done.map(|_| ())),
            }
        }
        if let Some(modify) = modify
            && let Err(error) = self.send(modify).await
        {
            return Ok(Err(error));
        }
        let Err(error) = self.send(rename).await else { return Ok(Ok(())) };
        if !changes.is_empty() && error.code().is_some() {
            let undo = Operation::Modify { target: (&entry.dn).into(), changes: contrary(entry, &changes) };
            if let Err(second) = self.send(undo.into()).await {
                tracing::error!(dn = %entry.dn, %error, %second, "a rename was refused, and what went before it stays");
                let told = "the directory took one half of the change and refused the other; its log says more";
                return Err(rejected(ScimError::internal(told)));
            }
        }
        if error.code() == Some(Code::NO_SUCH_OBJECT) {
            return Err(StoreErrorKind::NotFound.into());
        }
        Ok(Err(error))
    }
}

/// What undoes these changes of an entry.
fn contrary(entry: &Entry, changes: &[Change]) -> Vec<Change> {
    let mut names: Vec<&AttributeName> = Vec::new();
    for change in changes {
        let (name, _) = change.parts();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let undo = |name: &AttributeName| {
        let own = changes.iter().filter(|change| change.parts().0 == name);
        own.rev()
            .map(|change| match change {
                Change::Add(name, values) => Change::Delete(name.clone(), values.clone()),
                Change::Delete(name, values) if values.is_empty() => {
                    Change::Add(name.clone(), entry.values(name).to_vec())
                }
                Change::Delete(name, values) => Change::Add(name.clone(), values.clone()),
                Change::Replace(name, _) => Change::Replace(name.clone(), entry.values(name).to_vec()),
            })
            .collect::<Vec<_>>()
    };
    names.into_iter().flat_map(undo).collect()
}
