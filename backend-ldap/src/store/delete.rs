//! An entry goes, and with it every reference to it.

use bytes::Bytes;
use scim_core::change::{Effect, Expect, Outcome};
use scim_core::error::ScimError;
use scim_core::query::Select;
use scim_core::store::{ResourceId, Result, StoreErrorKind};

use crate::ldap::{Answer, Change, Code, Dn, Entry, Filter, LdapError, Operation, Request, Search, controls};

use crate::mapping::{LinkColumn, Mapping, OnDelete};

use super::brakes::Loss;
use super::commit::Work;
use super::create::placeholder;
use super::leaving::Leaving;
use super::membership::moved;
use super::read::{asserted, version};
use super::result::{of_write, rejected};

impl Work<'_> {
    /// Deletes an entry.
    pub(super) async fn delete(&self, id: ResourceId, expect: &Expect) -> Result<Outcome> {
        // Where members stand by user name, that name is needed too.
        let stays = self.mapping.on_delete == OnDelete::Deactivate;
        let select = Select { document: stays || self.is_held_by_name(), ..Select::bare() };
        let entry = self.find(&id, &select).await?;
        let version = version(self.mapping, &entry);
        if !expect.holds(&version) {
            return Err(StoreErrorKind::Stale.into());
        }
        self.guard(&entry).await?;
        if stays {
            self.can_put_away()?;
            self.lose(Loss::Deletes, 1).await?;
            return self.put_away(id, entry, expect).await;
        }
        let mut request = Request::from(Operation::Delete { target: (&entry.dn).into() });
        if self.mapping.on_delete == OnDelete::RemoveTree {
            request = request.with(controls::tree_delete());
        }
        self.shadowed(&[&request])?;
        self.lose(Loss::Deletes, 1).await?;
        let name = self.user_name(&entry).map(|name| (name, Bytes::new()));
        let (old, names) = (&entry.dn, name.as_ref());
        let mut leaving = Leaving { id: &id, old, new: None, names, cut: &[], lock: false, noted: false };
        self.leaving(&mut leaving).await?;
        let asserted = match expect {
            Expect::Version(_) if self.inner.features.assertion => asserted(self.mapping, &version),
            _ => None,
        };
        let filter = asserted.map(|(name, text)| Filter::equal(name, text.to_owned()));
        let sent = match filter {
            None => self.send(request).await,
            Some(filter) if self.spreads() => match self.claim(&entry, &filter).await {
                Ok(()) => self.send(request).await,
                Err(error) => Err(error),
            },
            Some(filter) => match controls::assertion(&filter) {
                Ok(asserted) => self.send(request.with(asserted)).await,
                Err(error) => Err(error),
            },
        };
        if let Err(error) = &sent {
            self.not_left(&leaving, error).await;
        }
        match sent {
            Ok(_) => {}
            Err(error) if error.code() == Some(Code::ASSERTION_FAILED) => return Err(StoreErrorKind::Stale.into()),
            // A deletion makes nothing that could be there already: so Active Directory keeps a primary group.
            Err(error) if error.code() == Some(Code::ENTRY_ALREADY_EXISTS) => {
                let why = "this is the primary group (primaryGroupID) of some users: the directory's administrator has to give them another";
                return Err(rejected(ScimError::conflict(why)));
            }
            Err(error) => return Err(of_write(self.mapping, None, error, "delete an entry")),
        }
        self.left(&leaving).await;
        Ok(Outcome { id, version, effect: Effect::Deleted, record: None, filled: false })
    }

    /// The references to an entry of this name that the directory does not see to.
    fn ours<'w>(&'w self, old: &'w Dn) -> impl Iterator<Item = (&'w Mapping, &'w LinkColumn)> {
        let own = &self.mapping.rt.kind;
        let all = self.tenant.mappings().iter();
        let all = all.flat_map(|holder| holder.links.iter().map(move |column| (&**holder, column)));
        all.filter(|(_, column)| column.link.kinds.contains(own) && !column.by_name)
            .filter(|(holder, column)| !self.inner.features.integrity.has(&column.name, &holder.place.base, old))
    }

    /// Is there anything that the directory does not see to, when an entry leaves this name?
    pub(super) fn must_follow(&self, old: &Dn) -> bool {
        self.ours(old).next().is_some() || self.told().is_some()
    }

    /// Lets every reference to an entry follow it to its new name, or go with it, where the directory does not see to
    /// that. What fails here is told in the log, as the write itself is done, and gives false.
    pub(super) async fn follow(&self, old: &Dn, new: Option<&Dn>) -> bool {
        let mut done = true;
        for (holder, column) in self.ours(old) {
            let changes = |column: &LinkColumn| moved(&column.name, old, new);
            done &= self.refer_anew(holder, column, old.as_str(), &changes).await;
        }
        done
    }

    /// Does somebody refer to these entries by user name (`memberUid`)?
    pub(super) fn is_held_by_name(&self) -> bool {
        let own = &self.mapping.rt.kind;
        let mut links = self.tenant.mappings().iter().flat_map(|holder| &holder.links);
        links.any(|column| column.by_name && column.link.kinds.contains(own))
    }

    /// The user name of an entry, where somebody refers to it by that.
    pub(super) fn user_name(&self, entry: &Entry) -> Option<Bytes> {
        let own = self.mapping.columns.iter().find(|own| own.at.attr().name == "userName")?;
        entry.first(&own.name).filter(|_| self.is_held_by_name()).cloned()
    }

    /// Lets those who refer to a user by name follow to the new one, or forget the name: whoever takes it later is somebody
    /// else. No directory sees to that.
    pub(super) async fn follow_name(&self, old: &Bytes, new: Option<&Bytes>) -> bool {
        let own = &self.mapping.rt.kind;
        let mut done = true;
        for holder in self.tenant.mappings() {
            for column in holder.links.iter().filter(|column| column.by_name && column.link.kinds.contains(own)) {
                let changes = |column: &LinkColumn| {
                    let gone = Change::Delete(column.name.clone(), vec![old.clone()]);
                    let come = new.map(|new| Change::Add(column.name.clone(), vec![new.clone()]));
                    std::iter::once(gone).chain(come).collect::<Vec<_>>()
                };
                done &= self.refer_anew(holder, column, &String::from_utf8_lossy(old), &changes).await;
            }
        }
        done
    }

    /// Sends what comes to the same where it is done twice, as changes by value do, once more where its answer was lost.
    async fn send_again(&self, request: Request) -> std::result::Result<Answer, LdapError> {
        match self.send(request.clone()).await {
            Err(LdapError::Uncertain(_)) => self.send(request).await,
            done => done,
        }
    }

    /// Makes these changes to all who refer so. What fails is told in the log, and gives false.
    async fn refer_anew(
        &self,
        holder: &Mapping,
        column: &LinkColumn,
        old: &str,
        changes: &(dyn Fn(&LinkColumn) -> Vec<Change> + Sync),
    ) -> bool {
        let mut whole = true;
        let refers = Filter::equal(column.name.clone(), old.to_owned());
        let filter = Filter::all([holder.place.filter.clone(), refers]);
        let place = &holder.place;
        let search = Search::new(place.base.clone(), place.reach, filter, Vec::new());
        let mut walk = self.inner.directory.walk(&self.call, search, self.inner.settings.page);
        loop {
            let page = match walk.next().await {
                Ok(Some(page)) => page,
                Ok(None) => return whole,
                Err(error) => {
                    tracing::error!(%old, %error, "references to an entry that is gone could not be found");
                    return false;
                }
            };
            for entry in page {
                let mut changes = changes(column);
                let modify = |changes: &[Change]| {
                    Request::from(Operation::Modify { target: (&entry.dn).into(), changes: changes.to_vec() })
                };
                let mut done = self.send_again(modify(&changes)).await;
                let again = match done.as_ref().err().and_then(LdapError::code) {
                    Some(Code::OBJECT_CLASS_VIOLATION) => {
                        changes.push(Change::Add(column.name.clone(), vec![placeholder(column)]));
                        true
                    }
                    // The new name stands there already, of one who had it before: the old one must not stay beside it.
                    Some(Code::ATTRIBUTE_OR_VALUE_EXISTS | Code::ENTRY_ALREADY_EXISTS) => {
                        changes.retain(|change| matches!(change, Change::Delete(..)));
                        true
                    }
                    _ => false,
                };
                if again {
                    done = self.send_again(modify(&changes)).await;
                }
                if let Err(error) = done
                    && error.code() != Some(Code::NO_SUCH_ATTRIBUTE)
                {
                    tracing::error!(holder = %entry.dn, %old, %error, "a reference to an entry that is gone stays");
                    whole = false;
                }
            }
        }
    }
}
