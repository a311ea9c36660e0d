//! References by DN to an entry that goes or gets another name, where the directory does not see to them. That they are to follow is noted in
//! the control store before the entry leaves, and forgotten once they have: what a crash, a failure or the end of a request cuts short is
//! brought to its end later ([`Inner::tend`]).

use std::time::Duration;

use scim_core::clock::Timestamp;
use scim_core::error::ScimError;
use scim_core::schema::Kind;
use scim_core::store::control::{ExternalIds, LEAVING};
use scim_core::store::{ResourceId, Result, Scope, TenantId};
use serde::Deserialize;
use serde_json::json;

use crate::directory::Call;
use crate::ldap::{Code, Dn, LdapError, Search};
use crate::mapping::Mapping;
use crate::settings::Mode;
use crate::tenant::Tenant;

use super::commit::Work;
use super::result::rejected;
use super::{Inner, mapped};

/// Younger notes are those of a request under way.
const UNDER_WAY: Duration = Duration::from_secs(120);
/// Notes of a tenant that are taken up at a time.
const MOST: u32 = 1_000;

/// What is noted with the id of an entry.
#[derive(Debug, Deserialize)]
struct Note {
    kind: String,
    /// When it was noted, in milliseconds.
    at: i64,
    /// The name that it leaves.
    old: String,
    /// The one that it takes; None where it goes for good.
    new: Option<String>,
}

/// What a note turns out to mean.
enum Left {
    /// The entry left its name, for this one or for good.
    For(Option<Dn>),
    /// It is where it was.
    Stayed,
    /// Somebody else bears the name now: nobody can tell any more whom what leads there means.
    Taken,
}

impl Work<'_> {
    /// Notes that an entry is about to leave its name, if anything that leads to it has to follow by our hand.
    pub(super) async fn leaving(&self, id: &ResourceId, old: &Dn, new: Option<&Dn>) -> Result<()> {
        let Some(kept) = self.inner.kept.get().filter(|_| self.must_follow(old)) else { return Ok(()) };
        let note = json!({
            "kind": self.mapping.rt.kind.as_str(),
            "at": self.scope.now.millis(),
            "old": old.as_str(),
            "new": new.map(Dn::as_str),
        });
        kept.set(&self.scope.tenant, LEAVING, id, Some(&note.to_string())).await
    }

    /// Brings to its end what was cut short of an entry that bore this name, before somebody else bears it and is taken for it.
    pub(super) async fn vacate(&self, dn: &Dn) -> Result<()> {
        let Some(kept) = self.inner.kept.get().filter(|_| self.must_follow(dn)) else { return Ok(()) };
        for (id, text) in kept.all(&self.scope.tenant, LEAVING, MOST).await? {
            let Ok(note) = serde_json::from_str::<Note>(&text) else { continue };
            if !Dn::parse(&note.old).is_ok_and(|old| old == *dn) {
                continue;
            }
            let bearer = self.inner.bearer(&self.call, self.mapping, dn).await;
            if bearer.map_err(|error| error.during("look who bears a name"))?.is_some() {
                // It has not left.
                continue;
            }
            self.inner.take_up(&**kept, self.tenant, id.clone(), &note, self.scope.now).await?;
            if !kept.of(&self.scope.tenant, LEAVING, &[id]).await?.is_empty() {
                let why = "others in the directory still name who bore this name before, and it refuses to let that be mended: whoever gets \
                           the name now would be taken for them; the server's log says which entries";
                return Err(rejected(ScimError::conflict(why)));
            }
        }
        Ok(())
    }

    /// The directory refused to let it leave. Where that is not certain, the note stays and what became of the entry is looked up.
    pub(super) async fn not_left(&self, id: &ResourceId, old: &Dn, error: &LdapError) {
        if error.code().is_some_and(|code| code != Code::NO_SUCH_OBJECT) {
            self.settled(id, old).await;
        }
    }

    /// Nothing has to follow any more.
    async fn settled(&self, id: &ResourceId, old: &Dn) {
        if let Some(kept) = self.inner.kept.get().filter(|_| self.must_follow(old)) {
            forget(&**kept, &self.scope.tenant, id).await;
        }
    }

    /// It has left: lets everything that led to it follow.
    pub(super) async fn left(&self, id: &ResourceId, old: &Dn, new: Option<&Dn>) {
        let followed = self.follow(old, new).await;
        let turned = self.turn_follows(old, new).await;
        if followed && turned {
            self.settled(id, old).await;
        }
    }
}

async fn forget(kept: &dyn ExternalIds, tenant: &TenantId, id: &ResourceId) {
    if let Err(error) = kept.set(tenant, LEAVING, id, None).await {
        tracing::warn!(%tenant, %id, %error, "it stays noted that references follow an entry: they are looked at once more");
    }
}

impl Inner {
    /// Brings to its end what was cut short.
    pub(super) async fn tend(&self, now: Timestamp) -> Result<()> {
        let Some(kept) = self.kept.get().filter(|_| self.settings.mode == Mode::Write) else { return Ok(()) };
        for tenant in self.all_tenants() {
            for (id, text) in kept.all(&tenant.id, LEAVING, MOST).await? {
                let Ok(note) = serde_json::from_str::<Note>(&text) else {
                    tracing::error!(tenant = %tenant.id, %id, text, "a note of references that follow cannot be read");
                    continue;
                };
                if now.millis().saturating_sub(note.at) >= UNDER_WAY.as_millis() as i64 {
                    self.take_up(&**kept, &tenant, id, &note, now).await?;
                }
            }
        }
        Ok(())
    }

    async fn take_up(
        &self,
        kept: &dyn ExternalIds,
        tenant: &Tenant,
        id: ResourceId,
        note: &Note,
        now: Timestamp,
    ) -> Result<()> {
        let Ok(old) = Dn::parse(&note.old) else { return Ok(()) };
        let mapping = mapped(tenant, &Kind::new(&note.kind))?;
        let scope = Scope {
            tenant: tenant.id.clone(),
            actor: "scim-server".into(),
            request: "references".into(),
            now,
            deadline: None,
        };
        let call = self.call(&scope);
        let new = note.new.as_deref().and_then(|new| Dn::parse(new).ok());
        let left = self.what_became(&call, mapping, &id, &old, new).await;
        match left.map_err(|error| error.during("look for an entry that left"))? {
            Left::For(new) => {
                let work = Work { inner: self, scope: &scope, tenant, mapping, call, reply: None };
                tracing::info!(tenant = %tenant.id, %id, %old, "references follow an entry that left earlier");
                work.left(&id, &old, new.as_ref()).await;
            }
            Left::Stayed => forget(kept, &tenant.id, &id).await,
            Left::Taken => {
                tracing::error!(tenant = %tenant.id, %id, %old,
                    "somebody else has the name of an entry that left: what led there leads to them now, if it was not \
                     taken out; look through it");
                forget(kept, &tenant.id, &id).await;
            }
        }
        Ok(())
    }

    async fn what_became(
        &self,
        call: &Call,
        mapping: &Mapping,
        id: &ResourceId,
        old: &Dn,
        new: Option<Dn>,
    ) -> std::result::Result<Left, LdapError> {
        if let Some(new) = new
            && self.bearer(call, mapping, &new).await?.as_ref() == Some(id)
        {
            return Ok(Left::For(Some(new)));
        }
        Ok(match self.bearer(call, mapping, old).await? {
            Some(bearer) if bearer == *id => Left::Stayed,
            Some(_) => Left::Taken,
            None => Left::For(None),
        })
    }

    /// The id of who bears a name.
    async fn bearer(
        &self,
        call: &Call,
        mapping: &Mapping,
        dn: &Dn,
    ) -> std::result::Result<Option<ResourceId>, LdapError> {
        let search = Search::entry(dn, vec![mapping.id.name.clone()]);
        let found = self.directory.entry(call, &search).await?;
        // Without a readable id it is somebody all the same.
        Ok(found.map(|entry| mapping.id_of(&entry).unwrap_or_else(|| ResourceId::new(""))))
    }
}
