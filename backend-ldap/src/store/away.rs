//! An entry that is deleted over SCIM and stays: it is made inactive, moved out of sight where there is a place for that, and
//! remembered as deleted where there is none.

use std::time::Instant;

use scim_core::change::{Effect, Expect, Outcome};
use scim_core::store::control::{DELETED, DELETED_MARK as MARK, ExternalIds};
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind, TenantId};

use crate::ldap::{Code, Dn, Entry, Filter, Operation, Rdn, Request};
use crate::mapping::OnDelete;
use crate::tenant::Tenant;

use super::commit::Work;
use super::leaving::Leaving;
use super::modify::overtaken;
use super::read::{asserted, version};
use super::result::of_write;
use super::{BACKEND, Inner};

/// Must it be remembered which entries of a tenant were deleted?
pub(super) fn remembers(tenant: &Tenant) -> bool {
    let stays = |on_delete, base: &Option<Dn>| on_delete == OnDelete::Deactivate && base.is_none();
    tenant.mappings().iter().any(|mapping| stays(mapping.on_delete, &mapping.deleted_base))
}

impl Inner {
    /// Reads again who was deleted, where that was some time ago.
    pub(super) async fn look_who_is_gone(&self, tenant: &Tenant) -> Result<()> {
        let Some(kept) = self.kept.get().filter(|_| remembers(tenant)) else { return Ok(()) };
        let now = Instant::now();
        if tenant.mappings().iter().all(|mapping| !mapping.gone.is_old(now)) {
            return Ok(());
        }
        let ids = kept.with(&tenant.id, DELETED, MARK).await?;
        tenant.mappings().iter().for_each(|mapping| mapping.gone.set(ids.iter().cloned(), now));
        Ok(())
    }

    fn memory(&self) -> Result<&dyn ExternalIds> {
        let lacking = StoreErrorKind::Unsupported("deleting without a control store that remembers who was deleted");
        self.kept.get().map(|kept| &**kept).ok_or_else(|| StoreError::new(lacking).during(BACKEND, "put away"))
    }
}

impl Work<'_> {
    /// Puts an entry away. Whatever breaks half way, the same deletion once more brings it to its end.
    pub(super) async fn put_away(&self, id: ResourceId, entry: Entry, expect: &Expect) -> Result<Outcome> {
        let version = version(self.mapping, &entry);
        let active = self.mapping.active.as_ref().map(|(_, active)| active).filter(|active| active.read(&entry));
        let superior = match &self.mapping.deleted_base {
            Some(base) => Some(base),
            None => active.and_then(|active| active.below()),
        };
        let modify = active.map(|active| active.write(&entry, false)).filter(|changes| !changes.is_empty());
        let modify = modify.map(|changes| Request::from(Operation::Modify { target: (&entry.dn).into(), changes }));
        let turning = active.and_then(|_| self.turning(&entry.dn, false));
        let moving =
            superior.zip(entry.dn.rdn()).map(|(superior, rdn)| (rename(&entry.dn, &rdn, superior), superior, rdn));
        let sent = modify.iter().chain(&turning).chain(moving.iter().map(|(request, ..)| request));
        self.shadowed(&sent.collect::<Vec<_>>())?;
        if let Expect::Version(_) = expect
            && self.inner.features.assertion
            && let Some((name, text)) = asserted(self.mapping, &version)
        {
            match self.claim(&entry, &Filter::equal(name, text.to_owned())).await {
                Ok(()) => {}
                Err(error) if overtaken(&error) => return Err(StoreErrorKind::Stale.into()),
                Err(error) => return Err(of_write(self.mapping, None, error, "put an entry away")),
            }
        }
        if let Some(request) = modify {
            self.send(request).await.map_err(|error| of_write(self.mapping, None, error, "put an entry away"))?;
        }
        if turning.is_some() {
            self.turn(&entry.dn, false).await?;
        }
        if let Some((request, superior, rdn)) = moving {
            let first = superior.child(&rdn);
            let leaving =
                |new| Leaving { id: &id, old: &entry.dn, new, names: None, cut: &[], lock: false, noted: false };
            let mut noted = leaving(Some(&first));
            self.leaving(&mut noted).await?;
            let mut done = self.send(request).await;
            let other = with_id(&rdn, &id).map(|other| (superior.child(&other), other));
            if done.as_ref().is_err_and(|error| error.code() == Some(Code::ENTRY_ALREADY_EXISTS))
                && let Some((name, other)) = &other
            {
                // Somebody of this name was put away before.
                noted = leaving(Some(name));
                self.leaving(&mut noted).await?;
                done = self.send(rename(&entry.dn, other, superior)).await;
            }
            if let Err(error) = &done {
                self.not_left(&noted, error).await;
            }
            done.map_err(|error| of_write(self.mapping, None, error, "put an entry away"))?;
            self.left(&noted).await;
        }
        if self.mapping.deleted_base.is_none() {
            self.remember(&self.scope.tenant, &id).await?;
        }
        Ok(Outcome { id, version, effect: Effect::Deleted, record: None, filled: false })
    }

    async fn remember(&self, tenant: &TenantId, id: &ResourceId) -> Result<()> {
        self.inner.memory()?.set(tenant, DELETED, id, Some(MARK)).await?;
        self.tenant.mappings().iter().for_each(|mapping| mapping.gone.add(id.clone()));
        Ok(())
    }

    /// Without what remembers it, nothing is put away.
    pub(super) fn can_put_away(&self) -> Result<()> {
        if self.mapping.deleted_base.is_none() { self.inner.memory().map(drop) } else { Ok(()) }
    }
}

fn rename(dn: &Dn, rdn: &Rdn, superior: &Dn) -> Request {
    let superior = Some(superior.clone());
    Operation::ModifyDn { target: dn.into(), rdn: rdn.clone(), delete_old: true, superior }.into()
}

/// The most letters that Active Directory takes in a name.
const NAME_LENGTH: usize = 64;

/// A name of its own for an entry whose name stands there already. What else stands in the name stays: it is of the entry's values.
fn with_id(rdn: &Rdn, id: &ResourceId) -> Option<Rdn> {
    let mut parts = rdn.parts().to_vec();
    let (_, value) = parts.first_mut()?;
    let own = String::from_utf8_lossy(value);
    let room = NAME_LENGTH.saturating_sub(1 + id.as_str().chars().count());
    let own: String = own.chars().take(room).collect();
    *value = format!("{} {id}", own.trim_end()).into_bytes();
    Rdn::of(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_its_own_keeps_what_else_stands_in_the_name_and_is_short() {
        let id = ResourceId::new("8f0c1b5e-7f5e-4c8e-9d6b-0a1b2c3d4e5f");
        let named = |text: &str| {
            let rdn = Dn::parse(&format!("{text},dc=x")).unwrap().rdn().unwrap();
            with_id(&rdn, &id).unwrap().to_string()
        };
        assert_eq!(named("uid=anna"), format!("uid=anna {id}"));
        assert_eq!(named("cn=Anna+uid=anna"), format!("cn=Anna {id}+uid=anna"));
        let long = "Ä".repeat(60);
        assert_eq!(named(&format!("cn={long}")), format!("cn={} {id}", "Ä".repeat(27)));
    }
}
