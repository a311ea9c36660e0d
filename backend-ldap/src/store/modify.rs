//! A change of an entry: worked out on what is there, sent as one Modify by value.

use bytes::Bytes;
use scim_core::change::{Change as Wanted, ChangeSet, Effect, Expect, Outcome, resolve_guarded};
use scim_core::document::values;
use scim_core::query::Select;
use scim_core::store::{Record, ResourceId, Result, StoreError, StoreErrorKind};
use serde_json::{Map, Value};

use crate::ldap::{Change, Code, Dn, Entry, Filter, LdapError, Operation, Request, controls};

use crate::settings::Mode;

use super::BACKEND;
use super::brakes::Loss;
use super::claims::Claimed;
use super::commit::Work;
use super::create::OBJECT_CLASS;
use super::leaving::Leaving;
use super::membership::{Edit, EditError};
use super::read::{asserted, record, version};
use super::rename::{Renaming, contrary};
use super::result::{of_write, says, unholdable};

/// What became of a try.
enum Tried {
    Done(Outcome),
    /// Somebody else wrote meanwhile.
    Overtaken,
}

impl Work<'_> {
    /// Changes an entry; again where somebody else wrote in between and no version was asked for.
    pub(super) async fn modify(&self, id: ResourceId, change: Wanted, expect: &Expect) -> Result<Outcome> {
        for _ in 0..=self.inner.settings.retry_max {
            match self.try_modify(&id, &change, expect).await? {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::Overtaken if matches!(expect, Expect::Version(_)) => return Err(StoreErrorKind::Stale.into()),
                Tried::Overtaken => {}
            }
        }
        Err(StoreError::new(StoreErrorKind::Unavailable).during(BACKEND, "write an entry that others keep changing"))
    }

    async fn try_modify(&self, id: &ResourceId, change: &Wanted, expect: &Expect) -> Result<Tried> {
        let select = match change {
            Wanted::Of(resolve) => Select { document: true, ..resolve.reads().clone() },
            Wanted::Known(change) => Select { document: change.document.is_some(), ..Select::default() },
        };
        let entry = self.find(id, &select).await?;
        if !expect.holds(&version(self.mapping, &entry)) {
            return Err(StoreErrorKind::Stale.into());
        }
        self.guard(&entry).await?;
        let change = match change {
            Wanted::Known(change) => Some((**change).clone()),
            Wanted::Of(resolve) => {
                let now = self.now(&entry, &select).await?;
                resolve_guarded(&**resolve, &now)?
            }
        };
        let Some(change) = change else {
            return self.unchanged(id.clone(), version(self.mapping, &entry)).await.map(Tried::Done);
        };
        self.apply(id, entry, change, expect).await
    }

    async fn now(&self, entry: &Entry, select: &Select) -> Result<Record> {
        let found = self.inner.records(self.tenant, &self.call, self.mapping, select, vec![entry.clone()]).await?;
        let now = found.into_iter().next();
        now.or_else(|| record(self.mapping, entry, true)).ok_or_else(|| StoreErrorKind::NotFound.into())
    }

    /// Makes a change, and says in a group who may log in where that is part of it: undone where the rest is refused.
    async fn apply(&self, id: &ResourceId, entry: Entry, change: ChangeSet, expect: &Expect) -> Result<Tried> {
        let wanted = self.active_wanted(&entry, &change);
        let turning = wanted.and_then(|wanted| Some((wanted, self.turning(&entry.dn, wanted)?)));
        let Some((wanted, turning)) = turning else { return self.apply_own(id, entry, change, expect, wanted).await };
        if !wanted {
            self.lose(Loss::Deactivations, 1).await?;
        }
        if self.inner.settings.mode == Mode::Shadow {
            let told = self.shadowed(&[&turning]);
            self.apply_own(id, entry.clone(), change.clone(), expect, None).await?;
            told?;
        }
        let dn = entry.dn.clone();
        let turned = self.turn(&dn, wanted).await?;
        match self.apply_own(id, entry, change, expect, None).await {
            Ok(Tried::Done(outcome)) if outcome.effect == Effect::Unchanged => {
                self.outcome(id.clone(), Effect::Changed, None).await.map(Tried::Done)
            }
            Ok(Tried::Done(outcome)) => Ok(Tried::Done(outcome)),
            other => {
                // Whoever else turned it meanwhile meant it.
                if turned {
                    self.turn(&dn, !wanted).await?;
                }
                other
            }
        }
    }

    /// Whom this change makes active who is not, or the other way round.
    fn active_wanted(&self, entry: &Entry, change: &ChangeSet) -> Option<bool> {
        let (at, active) = self.mapping.active.as_ref().filter(|(_, active)| active.can_write())?;
        let wanted = values::whole(&change.document.as_ref()?.parse(), at).and_then(Value::as_bool)?;
        (active.read(entry) != wanted).then_some(wanted)
    }

    /// Where an entry belongs that becomes so; None where it stays.
    fn moves(&self, entry: &Entry, change: &ChangeSet, turned: Option<bool>) -> Option<Dn> {
        let below = self.mapping.active.as_ref().and_then(|(_, active)| active.below());
        if below.is_none() && self.mapping.placement.is_empty() {
            return None;
        }
        let then = change.document.as_ref()?.parse();
        let superior = match (below, turned) {
            (Some(below), Some(false)) => below,
            (Some(_), Some(true)) => self.mapping.home(&then),
            (Some(below), None) if entry.dn.is_within(below) => return None,
            _ => {
                let now = self.mapping.attributes_of(entry);
                let (now, then) = (self.mapping.home(&now), self.mapping.home(&then));
                (now != then).then_some(then)?
            }
        };
        (entry.dn.parent().as_ref() != Some(superior)).then(|| superior.clone())
    }

    async fn apply_own(
        &self,
        id: &ResourceId,
        entry: Entry,
        change: ChangeSet,
        expect: &Expect,
        turned: Option<bool>,
    ) -> Result<Tried> {
        if turned == Some(false) {
            self.lose(Loss::Deactivations, 1).await?;
        }
        // Who is not active stays so with a new password.
        let active =
            self.mapping.active.as_ref().map(|(_, active)| active).filter(|active| active.ends_with_password());
        let locked = active.filter(|active| !turned.unwrap_or_else(|| active.read(&entry)));
        if turned == Some(true) && active.is_some() {
            self.unlocked(id).await?;
        }
        let claimed = match &change.document {
            Some(document) => self.claim_values(&change.claim, &document.parse(), Some(id)).await?,
            None => Claimed::default(),
        };
        let changes = self.document_changes(&entry, &change)?;
        let superior = self.moves(&entry, &change, turned);
        let edits = self.edits(id, &entry.dn, &change.links).await?;
        self.lose_members(id, &entry.dn, &edits).await?;
        let unique = self.unique(&change.claim);
        let mut assertion = self.assertion(&entry, expect, change.document.is_some());
        let named = change.document.as_ref().and_then(|document| self.new_user_name(&document.parse()));
        let names = self.user_name(&entry).zip(named).filter(|(old, new)| old != new);
        let (renamed, rest) = self.renamed(&entry, changes)?;
        let rdn = renamed.or_else(|| superior.as_ref().and_then(|_| entry.dn.rdn()));
        if let Some(rdn) = rdn {
            let renaming =
                Renaming { id, rdn, superior, claimed: &claimed, secrets: &change.secrets, names: &names, locked };
            let done = self.rename(&entry, renaming, rest, edits, assertion.as_ref(), unique.as_ref()).await?;
            return Ok(match done {
                true => Tried::Done(self.outcome(id.clone(), Effect::Changed, None).await?),
                false => Tried::Overtaken,
            });
        }
        let mut edits = edits;
        if let Some(filter) = assertion.take_if(|_| self.spreads() && !edits.is_empty()) {
            edits = self.effective(&entry.dn, edits).await?;
            let idle = rest.is_empty() && edits.is_empty() || self.inner.settings.mode == Mode::Shadow;
            match if idle { Ok(()) } else { self.claim(&entry, &filter).await } {
                Ok(()) => {}
                Err(error) if overtaken(&error) => return Ok(Tried::Overtaken),
                Err(error) => return Err(of_write(self.mapping, None, error, "modify an entry")),
            }
        }
        let dressed = |request: Request, assertion: Option<&Filter>| {
            let control = assertion.and_then(|filter| controls::assertion(filter).ok());
            self.with_post_read(control.into_iter().fold(request, Request::with))
        };
        // Active Directory lets nobody in without a password: where both are asked for, that comes first.
        let enabled = self.mapping.active.as_ref().filter(|(_, active)| active.wants_password());
        let enabled = enabled.and_then(|(_, active)| active.attribute());
        let password_first = rest.iter().any(|change| Some(change.parts().0) == enabled.as_ref());
        if password_first {
            self.set_secrets(&entry.dn, &change.secrets, None).await?;
        }
        let mut undo = Vec::new();
        if claimed.is_open() || !change.secrets.is_empty() {
            edits = self.effective(&entry.dn, edits).await?;
            let changes: Vec<Change> = rest.iter().cloned().chain(edits.iter().flat_map(Edit::changes)).collect();
            undo = contrary(&entry, &changes);
        }
        let mut leaving = Leaving { names: names.as_ref(), ..Leaving::staying(id, &entry.dn) };
        if self.inner.settings.mode == Mode::Write {
            if let Some((_, new)) = &names {
                self.vacate(&entry.dn, Some(new)).await?;
            }
            self.leaving(&mut leaving).await?;
        }
        let asserted = assertion.as_ref();
        let again = asserted.map(|filter| (filter, edits.clone()));
        let mut sent = self.send_edits(&entry.dn, &rest, edits, |request| dressed(request, asserted)).await;
        if let (Err(EditError::Ldap(error)), Some((filter, edits))) = (&sent, again)
            && blinded(error)
        {
            // What is asserted stands in a Modify of its own before the change.
            sent = match self.claim(&entry, filter).await {
                Ok(()) => self.send_edits(&entry.dn, &rest, edits, |request| dressed(request, None)).await,
                Err(error) => Err(EditError::Ldap(error)),
            };
        }
        let answer = match sent {
            Ok(answer) => answer,
            Err(EditError::Store(error)) => return Err(error),
            Err(EditError::Ldap(error)) if overtaken(&error) => {
                self.not_left(&leaving, &error).await;
                return Ok(Tried::Overtaken);
            }
            Err(EditError::Ldap(error)) => {
                self.not_left(&leaving, &error).await;
                return Err(of_write(self.mapping, unique.as_ref(), error, "modify an entry"));
            }
        };
        if let Err(taken) = self.still_alone(&claimed, id).await {
            self.take_back(&entry.dn, None, undo).await?;
            self.given_up(&leaving, &taken).await;
            return Err(taken);
        }
        if !password_first {
            if locked.is_some() && !change.secrets.is_empty() {
                self.locking(&mut leaving).await;
            }
            if let Err(refused) = self.set_behind(&entry.dn, None, &change.secrets, undo, locked).await {
                self.given_up(&leaving, &refused).await;
                return Err(refused);
            }
        }
        if names.is_some() || leaving.noted {
            self.left(&leaving).await;
        }
        if !change.secrets.is_empty() {
            return self.outcome(id.clone(), Effect::Changed, None).await.map(Tried::Done);
        }
        match answer {
            Some(answer) => self.outcome(id.clone(), Effect::Changed, Some(&answer)).await.map(Tried::Done),
            None => self.unchanged(id.clone(), version(self.mapping, &entry)).await.map(Tried::Done),
        }
    }

    /// The user name that a document has, where somebody refers to its entry by that.
    pub(super) fn new_user_name(&self, document: &Map<String, Value>) -> Option<Bytes> {
        let column = self.mapping.columns.iter().find(|own| own.at.attr().name == "userName")?;
        let named = values::whole(document, &column.at).filter(|_| self.is_held_by_name())?;
        column.to_ldap(named).ok()
    }

    /// What the new document changes, `active` with it.
    fn document_changes(&self, entry: &Entry, change: &ChangeSet) -> Result<Vec<Change>> {
        let Some(document) = &change.document else { return Ok(Vec::new()) };
        let (now, then) = (self.mapping.attributes_of(entry), document.parse());
        let mut changes = self.mapping.difference(entry, &now, &then).map_err(unholdable)?;
        if let Some((at, active)) = &self.mapping.active
            && let Some(wanted) = values::whole(&then, at).and_then(Value::as_bool)
        {
            changes.extend(active.write(entry, wanted));
        }
        Ok(changes)
    }

    /// Would what is asserted of this entry also be asserted of its members, whose entries say in which groups they are? Those who are
    /// members have their references mended by others, or by us.
    pub(super) fn spreads(&self) -> bool {
        self.inner.features.assertion_spreads && self.mapping.links.iter().any(|column| column.link.multi_valued())
    }

    /// What makes this change the one that holds for a version, without changing anything else: where the change itself cannot be
    /// asserted, it goes before. Whoever asserts the same version later is too late.
    pub(super) fn claiming(&self, entry: &Entry, filter: &Filter) -> std::result::Result<Request, LdapError> {
        let changes = vec![Change::Replace(OBJECT_CLASS, entry.values(&OBJECT_CLASS).to_vec())];
        let request = Request::from(Operation::Modify { target: (&entry.dn).into(), changes });
        Ok(request.with(controls::assertion(filter)?))
    }

    /// Sends it. What changes nothing cannot be seen to be done where its answer is lost.
    pub(super) async fn claim(&self, entry: &Entry, filter: &Filter) -> std::result::Result<(), LdapError> {
        let claiming = self.claiming(entry, filter)?;
        self.inner.directory.perform(&self.call, &claiming).await.map(|_| ())
    }

    /// What must still be so when the change arrives: the version that was read, where a document was worked out from it or
    /// the client named it, and the directory can compare it.
    fn assertion(&self, entry: &Entry, expect: &Expect, document: bool) -> Option<Filter> {
        let wanted = document || matches!(expect, Expect::Version(_));
        if !wanted || !self.inner.features.assertion {
            return None;
        }
        let version = version(self.mapping, entry);
        asserted(self.mapping, &version).map(|(name, text)| Filter::equal(name, text.to_owned()))
    }
}

/// Did slapo-unique fail by an assertion, which its own search inherits? Nothing was written, and nothing is known of the entry.
pub(super) fn blinded(error: &LdapError) -> bool {
    matches!(error, LdapError::Refused(result) if says(result, &["unique_search failed"]))
}

/// Does this answer say that the entry is no longer what it was?
pub(super) fn overtaken(error: &LdapError) -> bool {
    match error {
        LdapError::Refused(result) => match result.code {
            Code::ASSERTION_FAILED => !blinded(error),
            // It has another name since it was found, or is gone: the next look tells.
            Code::NO_SUCH_ATTRIBUTE | Code::NO_SUCH_OBJECT => true,
            _ => false,
        },
        _ => false,
    }
}
