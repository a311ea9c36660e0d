//! References to an entry that goes or gets another name, where the directory does not see to them. That they are to follow is noted in
//! the control store before the entry leaves, and forgotten once they have: what a crash, a failure or the end of a request cuts short is
//! brought to its end later ([`Inner::tend`]).

use std::time::Duration;

use bytes::Bytes;
use scim_core::clock::Timestamp;
use scim_core::error::ScimError;
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::control::{ExternalIds, LEAVING};
use scim_core::store::{ResourceId, Result, Scope, StoreError, StoreErrorKind, TenantId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::directory::Call;
use crate::ldap::{Code, Dn, Entry, Filter, LdapError, Search};
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

/// An entry that is about to leave its name.
pub(super) struct Leaving<'l> {
    pub(super) id: &'l ResourceId,
    /// The name that it leaves.
    pub(super) old: &'l Dn,
    /// The one that it takes; None where it goes for good.
    pub(super) new: Option<&'l Dn>,
    /// The user name that it leaves, and the one that it takes, where others refer to it by that.
    pub(super) names: Option<&'l (Bytes, Bytes)>,
    /// The attributes that are changed before it leaves, and would stay so if it never did.
    pub(super) cut: &'l [String],
    /// Is it locked out, and to be so again behind a new password?
    pub(super) lock: bool,
    /// Was it noted?
    pub(super) noted: bool,
}

impl<'l> Leaving<'l> {
    /// One that keeps its name.
    pub(super) fn staying(id: &'l ResourceId, dn: &'l Dn) -> Self {
        Leaving { id, old: dn, new: Some(dn), names: None, cut: &[], lock: false, noted: false }
    }
}

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
    /// The user name that it leaves.
    name: Option<String>,
    /// What was changed before.
    #[serde(default)]
    cut: Vec<String>,
    /// Must it be locked out again?
    #[serde(default)]
    lock: bool,
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
    /// Notes that an entry is about to leave its name, if anything that leads to it has to follow by our hand, or would stay half done.
    pub(super) async fn leaving(&self, entry: &mut Leaving<'_>) -> Result<()> {
        let follows = entry.new != Some(entry.old) && self.must_follow(entry.old);
        let wanted = follows || entry.names.is_some() || entry.lock || !entry.cut.is_empty();
        let Some(kept) = self.inner.kept.get().filter(|_| wanted) else { return Ok(()) };
        let note = json!({
            "kind": self.mapping.rt.kind.as_str(),
            "at": self.scope.now.millis(),
            "old": entry.old.as_str(),
            "new": entry.new.map(Dn::as_str),
            "name": entry.names.map(|(old, _)| String::from_utf8_lossy(old)),
            "cut": entry.cut,
            "lock": entry.lock,
        });
        kept.set(&self.scope.tenant, LEAVING, entry.id, Some(&note.to_string())).await?;
        entry.noted = true;
        Ok(())
    }

    /// Brings to its end what was cut short of an entry that bore this name or this user name, before somebody else bears it and is taken
    /// for it.
    pub(super) async fn vacate(&self, dn: &Dn, name: Option<&Bytes>) -> Result<()> {
        let wanted = name.is_some() || self.must_follow(dn);
        let Some(kept) = self.inner.kept.get().filter(|_| wanted) else { return Ok(()) };
        for (id, text) in kept.all(&self.scope.tenant, LEAVING, MOST).await? {
            let Ok(note) = serde_json::from_str::<Note>(&text) else { continue };
            let named = note.name.as_deref().is_some_and(|own| name.is_some_and(|name| own.as_bytes() == name));
            if !named && !Dn::parse(&note.old).is_ok_and(|old| old == *dn) {
                continue;
            }
            let bearer = self.inner.bearer(&self.call, self.mapping, dn).await;
            if !named && bearer.map_err(|error| error.during("look who bears a name"))?.is_some() {
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
    pub(super) async fn not_left(&self, entry: &Leaving<'_>, error: &LdapError) {
        if error.code().is_some_and(|code| code != Code::NO_SUCH_OBJECT) {
            self.settled(entry).await;
        }
    }

    /// Nothing has to follow any more.
    async fn settled(&self, entry: &Leaving<'_>) {
        if let Some(kept) = self.inner.kept.get().filter(|_| entry.noted) {
            forget(&**kept, &self.scope.tenant, entry.id).await;
        }
    }

    /// It has left: lets everything that led to it follow.
    pub(super) async fn left(&self, entry: &Leaving<'_>) {
        let mut followed = true;
        if entry.new != Some(entry.old) {
            followed &= self.follow(entry.old, entry.new).await;
            followed &= self.turn_follows(entry.old, entry.new).await;
        }
        if let Some((old, new)) = entry.names {
            followed &= self.follow_name(old, Some(new).filter(|_| entry.new.is_some())).await;
        }
        if followed {
            self.settled(entry).await;
        }
    }

    /// Notes that who is about to get a password is locked out again behind it.
    pub(super) async fn locking(&self, entry: &mut Leaving<'_>) {
        entry.lock = true;
        if let Err(error) = self.leaving(entry).await {
            tracing::warn!(id = %entry.id, %error, "a crash now would let in who is not active: that could not be noted");
        }
    }

    /// The directory refused a password, and all of the change is taken back; where that is not certain, the note stays.
    pub(super) async fn given_up(&self, entry: &Leaving<'_>, why: &StoreError) {
        if !matches!(why.kind, StoreErrorKind::Uncertain | StoreErrorKind::Unavailable) {
            self.settled(entry).await;
        }
    }

    /// Whoever is made active is not locked out later for what was cut short before.
    pub(super) async fn unlocked(&self, id: &ResourceId) -> Result<()> {
        let Some(kept) = self.inner.kept.get() else { return Ok(()) };
        for (id, text) in kept.of(&self.scope.tenant, LEAVING, std::slice::from_ref(id)).await? {
            let Ok(mut note) = serde_json::from_str::<Map<String, Value>>(&text) else { continue };
            if note.get("lock") == Some(&Value::Bool(true)) {
                note.insert("lock".into(), false.into());
                kept.set(&self.scope.tenant, LEAVING, &id, Some(&Value::Object(note).to_string())).await?;
            }
        }
        Ok(())
    }

    /// Locks out whom a new password may have let in.
    async fn lock_again(&self, id: &ResourceId) -> Result<()> {
        let active =
            self.mapping.active.as_ref().map(|(_, active)| active).filter(|active| active.ends_with_password());
        let Some(active) = active else { return Ok(()) };
        match self.find(id, &Select::bare()).await {
            Ok(entry) => self.make_active(&entry.dn, active, false).await,
            Err(gone) if matches!(gone.kind, StoreErrorKind::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lets those follow who refer by this user name to an entry that bore it. False: they could not.
    async fn name_left(&self, id: &ResourceId, name: &str) -> Result<bool> {
        let Some(column) = self.mapping.columns.iter().find(|own| own.at.attr().name == "userName") else {
            return Ok(true);
        };
        let place = &self.mapping.place;
        let filter = Filter::all([place.filter.clone(), Filter::equal(column.name.clone(), name.to_owned())]);
        let search = Search::new(place.base.clone(), place.reach, filter, vec![self.mapping.id.name.clone()]);
        let bearers = self.inner.search(&self.call, &search).await;
        let bearers = bearers.map_err(|error| error.during("look who bears a user name"))?;
        let now = match self.find(id, &Select { document: true, ..Select::bare() }).await {
            Ok(entry) => entry.first(&column.name).cloned(),
            Err(gone) if matches!(gone.kind, StoreErrorKind::NotFound) => None,
            Err(error) => return Err(error),
        };
        let own = |entry: &Entry| self.mapping.id_of(entry).as_ref() == Some(id);
        // Of several user names of its own, the first is what others refer to it by.
        if now.as_ref().is_some_and(|now| now == name) {
            return Ok(true);
        }
        if bearers.iter().any(|entry| !own(entry)) {
            tracing::error!(tenant = %self.scope.tenant, %id, name,
                "somebody else has the user name of an entry that left it: groups that name it mean them now; look through them");
            return Ok(true);
        }
        Ok(self.follow_name(&Bytes::copy_from_slice(name.as_bytes()), now.as_ref()).await)
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
        let left = left.map_err(|error| error.during("look for an entry that left"))?;
        let work = Work { inner: self, scope: &scope, tenant, mapping, call, reply: None };
        if note.lock {
            tracing::info!(tenant = %tenant.id, %id, %old, "a change of a password was cut short: who was not active is locked out again");
            work.lock_again(&id).await?;
        }
        let named = match &note.name {
            Some(name) => work.name_left(&id, name).await?,
            None => true,
        };
        match left {
            Left::For(new) => {
                tracing::info!(tenant = %tenant.id, %id, %old, "references follow an entry that left earlier");
                let new = new.as_ref();
                work.left(&Leaving { new, noted: named, ..Leaving::staying(&id, &old) }).await;
            }
            Left::Stayed => {
                if !note.cut.is_empty() {
                    tracing::error!(tenant = %tenant.id, %id, %old, changed = ?note.cut,
                        "a rename was cut short: what was changed before it may stand, and nobody was told that it does");
                }
                if named {
                    forget(kept, &tenant.id, &id).await;
                }
            }
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
