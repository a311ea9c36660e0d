//! Another name for an entry: its attributes and its name change together, or not at all.

use bytes::Bytes;
use scim_core::change::SecretEdit;
use scim_core::error::ScimError;
use scim_core::path::AttrPath;
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind};

use crate::ldap::{AttributeName, Change, Code, Dn, Entry, Filter, LdapError, Operation, Rdn, Request, controls};
use crate::mapping::Active;

use super::BACKEND;
use super::claims::Claimed;
use super::commit::Work;
use super::create::OBJECT_CLASS;
use super::leaving::Leaving;
use super::membership::Edit;
use super::modify::{blinded, overtaken};
use super::result::{of_write, rejected};

/// What an entry is to be called, and where it is to stand.
pub(super) struct Renaming<'r> {
    pub(super) id: &'r ResourceId,
    pub(super) rdn: Rdn,
    /// Another entry to stand below.
    pub(super) superior: Option<Dn>,
    /// What it takes that may stand once only.
    pub(super) claimed: &'r Claimed,
    /// Its passwords from now on.
    pub(super) secrets: &'r [SecretEdit],
    /// The user name that it leaves and the one that it takes, where others refer to it by that.
    pub(super) names: &'r Option<(Bytes, Bytes)>,
    /// Who is locked out, also with a new password.
    pub(super) locked: Option<&'r Active>,
}

impl<'a> Work<'a> {
    /// The relative name that these changes ask for, and what of them is left to a Modify; None where it stays. An entry may be named
    /// by several values, and by others than new ones are: each follows its own attribute, and the rest stays.
    pub(super) fn renamed(&self, entry: &Entry, changes: Vec<Change>) -> Result<(Option<Rdn>, Vec<Change>)> {
        let Some(own) = entry.dn.rdn() else { return Ok((None, changes)) };
        let (mut rest, mut parts, mut moved) = (changes, Vec::new(), false);
        for (name, value) in own.parts() {
            let of_it = |change: &Change| own.value(change.parts().0.as_str()).is_some_and(|named| named == value);
            let goes = |gone: &Bytes| own.has(name, gone);
            let gone = rest.iter().any(|change| match change {
                Change::Delete(_, values) => of_it(change) && (values.is_empty() || values.iter().any(goes)),
                Change::Replace(_, values) => of_it(change) && !values.iter().any(goes),
                Change::Add(..) => false,
            });
            if !gone {
                parts.push((name.clone(), value.clone()));
                continue;
            }
            let (own_changes, others) = rest.into_iter().partition::<Vec<_>, _>(of_it);
            rest = others;
            let mut new = None;
            for change in own_changes {
                let (name, mut values, adds) = match change {
                    Change::Add(name, values) | Change::Replace(name, values) => (name, values, true),
                    Change::Delete(name, values) => (name, values, false),
                };
                // What the rename itself adds and takes away.
                if adds && new.is_none() && !values.is_empty() {
                    new = Some(values.remove(0));
                }
                values.retain(|value| adds || !own.has(&name, value));
                match (values.is_empty(), adds) {
                    (true, _) => {}
                    (false, true) => rest.push(Change::Add(name, values)),
                    (false, false) => rest.push(Change::Delete(name, values)),
                }
            }
            let Some(new) = new else { return Err(self.nameless(name)) };
            parts.push((name.clone(), new.to_vec()));
            moved = true;
        }
        if !moved {
            return Ok((None, rest));
        }
        let bad = |bad| rejected(ScimError::invalid_value(format!("an entry cannot have this name: {bad}")));
        Ok((Some(Rdn::of(parts).map_err(bad)?), rest))
    }

    /// An entry keeps what it is named by.
    fn nameless(&self, name: &AttributeName) -> StoreError {
        let column = self.mapping.columns.iter().find(|column| column.name.is(name.base()));
        let why = "names the entry and cannot be removed".to_owned();
        let kind = column.map_or(StoreErrorKind::Unsupported("entries without a name"), |column| {
            StoreErrorKind::Invalid { at: column.at.clone(), why }
        });
        StoreError::new(kind).during(BACKEND, "rename an entry")
    }

    /// Changes and renames, to this name and perhaps below another entry. False: somebody else wrote meanwhile, and nothing was changed.
    pub(super) async fn rename(
        &self,
        entry: &Entry,
        Renaming { id, rdn, superior, claimed, secrets, names, locked }: Renaming<'_>,
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
            superior: superior.clone(),
        });
        let modify = |changes: Vec<Change>| Request::from(Operation::Modify { target: (&entry.dn).into(), changes });
        let rename_alone = assertion.filter(|_| changes.is_empty() && !self.spreads());
        let new = superior.or_else(|| entry.dn.parent()).unwrap_or_else(Dn::root).child(&rdn);
        // What is asserted stands in a Modify of its own where slapo-unique or the memberof overlay would fail by it.
        let transaction = self.inner.features.transactions && self.inner.settings.transactions;
        // Why one step of a transaction failed is not told at its end.
        let mut apart = transaction || self.spreads() && !edits.is_empty();
        // What a crash would leave behind of a Modify before the rename.
        let cut: Vec<String> = match transaction {
            true => Vec::new(),
            false => changes.iter().map(|change| change.parts().0.to_string()).collect(),
        };
        let (old, names) = (&entry.dn, names.as_ref());
        let mut leaving = Leaving { id, old, new: Some(&new), names, cut: &cut, lock: false, noted: false };
        let mut vacant = false;
        let done = loop {
            let (claim, first) = match (assertion, changes.is_empty()) {
                (None, true) => (None, None),
                (None, false) => (None, Some(modify(changes.clone()))),
                (Some(filter), false) if !apart => {
                    let asserted = controls::assertion(filter).map_err(|error| error.during("assert"))?;
                    (None, Some(modify(changes.clone()).with(asserted)))
                }
                (Some(filter), idle) => {
                    let claim = self.claiming(entry, filter).map_err(|error| error.during("assert"))?;
                    (Some(claim), (!idle).then(|| modify(changes.clone())))
                }
            };
            self.shadowed(&first.iter().chain([&rename]).collect::<Vec<_>>())?;
            if !vacant {
                self.vacate(&new, names.map(|(_, name)| name)).await?;
                self.leaving(&mut leaving).await?;
                vacant = true;
            }
            let rename = rename.clone();
            let done = if transaction {
                let requests = claim.into_iter().chain(first).chain([rename]);
                let lease = self.inner.directory.lease(&self.call).await;
                let lease = lease.map_err(|error| error.during("rename an entry"))?;
                match lease.transaction(requests).await {
                    Ok(_) => Ok(()),
                    Err(LdapError::Uncertain(_)) if self.is_called(&entry.dn, &new).await.unwrap_or(false) => Ok(()),
                    Err(error) => Err(self.reasoned(entry, &changes, &rdn, error).await),
                }
            } else {
                match rename_alone {
                    Some(filter) => self.in_one_step(filter, claim, rename).await?,
                    None => self.in_two_steps(entry, [claim, first], rename, &changes).await?,
                }
            };
            match done {
                // Nothing was written.
                Err(error) if !apart && blinded(&error) => apart = true,
                done => break done,
            }
        };
        match done {
            Ok(()) => {
                if let Err(taken) = self.still_alone(claimed, id).await {
                    self.take_back(&entry.dn, Some(&new), contrary(entry, &changes)).await?;
                    self.given_up(&leaving, &taken).await;
                    return Err(taken);
                }
                if locked.is_some() && !secrets.is_empty() {
                    self.locking(&mut leaving).await;
                }
                let set = self.set_behind(&entry.dn, Some(&new), secrets, contrary(entry, &changes), locked).await;
                if let Err(refused) = set {
                    self.given_up(&leaving, &refused).await;
                    return Err(refused);
                }
                self.left(&leaving).await;
                Ok(true)
            }
            Err(error) => {
                self.not_left(&leaving, &error).await;
                if overtaken(&error) {
                    return Ok(false);
                }
                Err(of_write(self.mapping, unique, error, "rename an entry"))
            }
        }
    }

    /// Sets passwords behind a write, which is taken back where the directory refuses them: a change is done whole, or not at all.
    pub(super) async fn set_behind(
        &self,
        dn: &Dn,
        now: Option<&Dn>,
        secrets: &[SecretEdit],
        undo: Vec<Change>,
        locked: Option<&Active>,
    ) -> Result<()> {
        let Err(refused) = self.set_secrets(now.unwrap_or(dn), secrets, locked).await else { return Ok(()) };
        // Where nobody knows whether they were set, nobody knows what to take back.
        if !matches!(refused.kind, StoreErrorKind::Uncertain | StoreErrorKind::Unavailable) {
            self.take_back(dn, now, undo).await?;
        }
        Err(refused)
    }

    /// Undoes what was written of an entry, because what belongs to it failed; `now` is the name that it bears since, where that is
    /// another one. What others have written meanwhile stays: then nothing is undone.
    pub(super) async fn take_back(&self, dn: &Dn, now: Option<&Dn>, changes: Vec<Change>) -> Result<()> {
        let renaming = now.zip(dn.rdn()).map(|(now, rdn)| {
            let superior = dn.parent().filter(|parent| now.parent().as_ref() != Some(parent));
            Operation::ModifyDn { target: now.into(), rdn, delete_old: true, superior }
        });
        let modify = (!changes.is_empty()).then(|| Operation::Modify { target: dn.into(), changes });
        for operation in renaming.into_iter().chain(modify) {
            if let Err(error) = self.send(operation.into()).await {
                tracing::error!(%dn, %error, "a change of which one part failed could not be taken back");
                let told = "the directory took one part of the change, refused another, and did not let the first be taken back; its log says more";
                return Err(rejected(ScimError::internal(told)));
            }
        }
        Ok(())
    }

    /// Why a transaction is refused is not told at its end (slapd): no client could say of a value that somebody else has that it is taken.
    /// Who asks for the same, and for no class besides, which no entry can be without, is refused for sure, and hears the reason of what
    /// stands in the way first. Nothing of it is ever written.
    async fn reasoned(&self, entry: &Entry, changes: &[Change], rdn: &Rdn, error: LdapError) -> LdapError {
        let code = match &error {
            LdapError::Refused(result) if result.message.is_empty() => result.code,
            _ => return error,
        };
        if code != Code::CONSTRAINT_VIOLATION {
            return error;
        }
        let own = entry.dn.rdn();
        let named = rdn.parts().iter().filter(|(name, value)| own.as_ref().is_none_or(|own| !own.has(name, value)));
        let named = named.map(|(name, value)| Change::Add(name.clone(), vec![Bytes::copy_from_slice(value)]));
        let impossible = Change::Replace(OBJECT_CLASS, Vec::new());
        let changes = changes.iter().cloned().chain(named).chain([impossible]).collect();
        match self.send(Operation::Modify { target: (&entry.dn).into(), changes }.into()).await {
            Err(LdapError::Refused(told)) if told.code == code => LdapError::Refused(told),
            _ => error,
        }
    }

    /// A rename that asserts by itself. slapo-unique's own search inherits that, and fails by it: then it goes before.
    async fn in_one_step(
        &self,
        filter: &Filter,
        claim: Option<Request>,
        rename: Request,
    ) -> Result<std::result::Result<(), LdapError>> {
        let asserted = rename.clone().with(controls::assertion(filter).map_err(|error| error.during("assert"))?);
        match self.send(asserted).await {
            Err(error) if blinded(&error) => {}
            done => return Ok(done.map(|_| ())),
        }
        if let Some(claim) = claim
            && let Err(error) = self.inner.directory.perform(&self.call, &claim).await
        {
            return Ok(Err(error));
        }
        Ok(self.send(rename).await.map(|_| ()))
    }

    /// Modify first, then rename; undone where the second is refused, and where nobody knows what became of it but the entry is seen under
    /// its old name.
    async fn in_two_steps(
        &self,
        entry: &Entry,
        [claim, first]: [Option<Request>; 2],
        rename: Request,
        changes: &[Change],
    ) -> Result<std::result::Result<(), LdapError>> {
        if let Some(claim) = claim
            && let Err(error) = self.inner.directory.perform(&self.call, &claim).await
        {
            return Ok(Err(error));
        }
        if let Some(first) = first
            && let Err(error) = self.send(first).await
        {
            return Ok(Err(error));
        }
        let Err(error) = self.send(rename).await else { return Ok(Ok(())) };
        if changes.is_empty() {
        } else if error.code().is_some() {
            let back = self.take_back(&entry.dn, None, contrary(entry, changes)).await;
            back.inspect_err(
                |_| tracing::error!(dn = %entry.dn, %error, "a rename was refused, and what went before it stays"),
            )?;
        } else if self.take_back(&entry.dn, None, contrary(entry, changes)).await.is_err() {
            let changed: Vec<String> = changes.iter().map(|change| change.parts().0.to_string()).collect();
            tracing::error!(dn = %entry.dn, ?changed, %error,
                "the connection broke before a rename was answered, and what was changed before it may stay");
        }
        if error.code() == Some(Code::NO_SUCH_OBJECT) {
            return Err(StoreErrorKind::NotFound.into());
        }
        Ok(Err(error))
    }
}

/// What undoes these changes of an entry.
pub(super) fn contrary(entry: &Entry, changes: &[Change]) -> Vec<Change> {
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
