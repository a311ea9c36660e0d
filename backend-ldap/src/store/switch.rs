//! Who may log in, where a group says it: marked in entries as they are read, and changed there.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use scim_core::error::ScimError;
use scim_core::store::Result;

use crate::directory::Call;
use crate::ldap::{Attribute, Change, Code, Dn, Entry, Filter, LdapError, Operation, Request, Search, controls};
use crate::mapping::Mapping;
use crate::mapping::active::{SWITCHED, Switch};

use super::Inner;
use super::commit::Work;
use super::create::NOBODY;
use super::names::CHUNK;
use super::result::{of_write, rejected};

/// Compares at a time.
const COMPARES: usize = 32;

impl Inner {
    /// Marks those of these entries that are in the group that says who may log in.
    pub(super) async fn mark(
        &self,
        call: &Call,
        mapping: &Mapping,
        entries: &mut [Entry],
    ) -> std::result::Result<(), LdapError> {
        let Some(switch) = mapping.active.as_ref().and_then(|(_, active)| active.switch()) else { return Ok(()) };
        let names: Vec<Dn> = entries.iter().map(|entry| entry.dn.clone()).collect();
        let inside = Box::pin(self.switched(call, switch, &names)).await?;
        for entry in entries.iter_mut().filter(|entry| inside.contains(&entry.dn)) {
            entry.attributes.push(Attribute { name: SWITCHED, values: vec![Bytes::from_static(b"TRUE")] });
        }
        Ok(())
    }

    /// Those of these names that are in the group. One that is not there has no members.
    async fn switched(
        &self,
        call: &Call,
        switch: &Switch,
        names: &[Dn],
    ) -> std::result::Result<HashSet<Dn>, LdapError> {
        if !self.features.matched_values {
            let asked = names.iter().cloned().map(|dn| async move {
                let found = self.is_switched(call, switch, &dn).await?;
                Ok::<_, LdapError>(found.then_some(dn))
            });
            let found: Vec<Option<Dn>> = stream::iter(asked).buffered(COMPARES).try_collect().await?;
            return Ok(found.into_iter().flatten().collect());
        }
        let mut inside = HashSet::new();
        for chunk in names.chunks(CHUNK) {
            let any: Vec<Filter> = chunk.iter().map(|dn| Filter::equal(switch.members.clone(), value(dn))).collect();
            let search = Search::entry(&switch.group, vec![switch.members.clone()]);
            let group = self.directory.entry(call, &search.with(controls::matched_values(&any)?)).await?;
            let found = group.iter().flat_map(|group| group.texts(&switch.members));
            inside.extend(found.filter_map(|text| Dn::parse(text).ok()));
        }
        Ok(inside)
    }

    async fn is_switched(&self, call: &Call, switch: &Switch, dn: &Dn) -> std::result::Result<bool, LdapError> {
        let (target, name) = ((&switch.group).into(), switch.members.clone());
        let compare = Request::from(Operation::Compare { target, name, value: value(dn) });
        match self.directory.perform(call, &compare).await {
            Ok(answer) => Ok(answer.result.code == Code::COMPARE_TRUE),
            Err(error) if matches!(error.code(), Some(Code::NO_SUCH_ATTRIBUTE | Code::NO_SUCH_OBJECT)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Work<'_> {
    /// The group that says who may log in.
    fn switch(&self) -> Option<&Switch> {
        self.mapping.active.as_ref().and_then(|(_, active)| active.switch())
    }

    /// What would be sent to make the entry of this name active, or not, where a group says it.
    pub(super) fn turning(&self, dn: &Dn, active: bool) -> Option<Request> {
        let switch = self.switch()?;
        let (name, values) = (switch.members.clone(), vec![value(dn)]);
        let change = if active == switch.on { Change::Add(name, values) } else { Change::Delete(name, values) };
        Some(Operation::Modify { target: (&switch.group).into(), changes: vec![change] }.into())
    }

    /// Does so, and says whether that changed anything: what is so already stays, and is not for us to undo.
    pub(super) async fn turn(&self, dn: &Dn, active: bool) -> Result<bool> {
        let (Some(switch), Some(request)) = (self.switch(), self.turning(dn, active)) else { return Ok(false) };
        let mut done = self.send(request.clone()).await;
        if done.as_ref().is_err_and(|error| error.code() == Some(Code::OBJECT_CLASS_VIOLATION))
            && let Operation::Modify { target, mut changes } = request.operation
        {
            // The last member must not go: nobody takes its place.
            changes.push(Change::Add(switch.members.clone(), vec![Bytes::from_static(NOBODY.as_bytes())]));
            done = self.send(Operation::Modify { target, changes }.into()).await;
        }
        let Err(error) = done else { return Ok(true) };
        let same = match error.code() {
            Some(
                Code::ATTRIBUTE_OR_VALUE_EXISTS
                | Code::NO_SUCH_ATTRIBUTE
                | Code::ENTRY_ALREADY_EXISTS
                | Code::UNWILLING_TO_PERFORM,
            ) => {
                let inside = self.inner.is_switched(&self.call, switch, dn).await;
                inside.map_err(|error| error.during("look who may log in"))? == (active == switch.on)
            }
            _ => false,
        };
        match error.code() {
            _ if same => Ok(false),
            Some(Code::NO_SUCH_OBJECT) => {
                tracing::error!(group = %switch.group, "the group that says who is active is not there");
                Err(rejected(ScimError::internal("active: the group of the directory that says it is not there")))
            }
            _ => Err(of_write(self.mapping, None, error, "say in a group who may log in")),
        }
    }

    /// The group that has to be told of an entry that leaves its name.
    pub(super) fn told(&self) -> Option<&Switch> {
        self.switch().filter(|_| !self.inner.features.direct_member_of)
    }

    /// Lets the group follow an entry to its new name, or forget one that is gone. A directory may have seen to it already. False: it
    /// could not.
    pub(super) async fn turn_follows(&self, old: &Dn, new: Option<&Dn>) -> bool {
        let Some(switch) = self.told() else { return true };
        let mut changes = super::membership::moved(&switch.members, old, new);
        let target = || (&switch.group).into();
        let mut done = self.send(Operation::Modify { target: target(), changes: changes.clone() }.into()).await;
        if done.as_ref().is_err_and(|error| error.code() == Some(Code::OBJECT_CLASS_VIOLATION)) {
            changes.push(Change::Add(switch.members.clone(), vec![Bytes::from_static(NOBODY.as_bytes())]));
            done = self.send(Operation::Modify { target: target(), changes }.into()).await;
        }
        let known = [Code::NO_SUCH_ATTRIBUTE, Code::NO_SUCH_OBJECT];
        if let Err(error) = done
            && !error.code().is_some_and(|code| known.contains(&code))
        {
            tracing::error!(group = %switch.group, %old, %error, "the group that says who is active still names an entry that is gone");
            return false;
        }
        true
    }
}

/// A name as it stands as a member.
fn value(dn: &Dn) -> Bytes {
    Bytes::copy_from_slice(dn.as_str().as_bytes())
}
