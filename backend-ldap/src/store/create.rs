//! A new entry: one Add of everything, and the password behind it.

use bytes::Bytes;
use scim_core::change::{ChangeSet, Claim, Effect, LinkEdit, Outcome, SecretEdit};
use scim_core::document::values;
use scim_core::error::ScimError;
use scim_core::path::AttrPath;
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind};
use serde_json::Value;

use crate::ldap::{AttributeName, Code, Dn, LdapError, Operation, Rdn, Request, Search};
use crate::mapping::Active;
use crate::mapping::write::Values;

use super::BACKEND;
use super::commit::Work;
use super::leaving::Leaving;
use super::lost::done_answer;
use super::members::is_placeholder;
use super::result::{of_write, rejected, told, unholdable};

pub(super) const OBJECT_CLASS: AttributeName = AttributeName::known("objectClass");

/// Stands as a member where the directory wants one and the configuration names nobody.
pub(super) const NOBODY: &str = "cn=nobody";

impl Work<'_> {
    /// Makes an entry.
    pub(super) async fn create(&self, id: Option<ResourceId>, change: ChangeSet) -> Result<Outcome> {
        let document = change.document.as_ref().map(scim_core::document::Document::parse).unwrap_or_default();
        let mut values = self.mapping.values_of(&document, None).map_err(unholdable)?;
        self.mapping.fill(&mut values, &document);
        self.mapping.complete_country(&mut values);
        let turned = self
            .mapping
            .active
            .as_ref()
            .map(|(at, active)| (active, values::whole(&document, at).and_then(Value::as_bool).unwrap_or(true)));
        let superior = match turned.and_then(|(active, wanted)| active.below().filter(|_| !wanted)) {
            Some(below) => below,
            None => self.mapping.home(&document),
        };
        let dn = self.name(&values, superior)?;
        let class = turned.and_then(|(active, wanted)| active.class(wanted));
        let mut attributes = vec![(OBJECT_CLASS, self.classes(class))];
        attributes.extend(values.iter().cloned());
        attributes.extend(self.own_id(id)?);
        // Active Directory lets nobody in without a password: a new user who is to have one is enabled behind it.
        let mut enable = None;
        let mut lacks_password = false;
        if let Some((at, active)) = &self.mapping.active {
            let wanted = values::whole(&document, at).and_then(Value::as_bool).unwrap_or(true);
            let first = wanted && active.wants_password();
            enable = Some(active).filter(|_| first && !change.secrets.is_empty());
            lacks_password = first && change.secrets.is_empty();
            attributes.extend(active.create(wanted && enable.is_none()).map(|(name, value)| (name, vec![value])));
        }
        for edit in &change.links {
            attributes.extend(self.linked(edit).await?);
        }
        let claimed = self.claim_values(&change.claim, &document, None).await?;
        let add = |attributes| Request::from(Operation::Add { dn: dn.clone(), attributes });
        // Where a group says who is active, a new entry is outside of it.
        let turn = turned.filter(|(active, wanted)| active.switch().is_some_and(|switch| *wanted == switch.on));
        let turn = turn.map(|(_, wanted)| wanted);
        let turning = turn.and_then(|wanted| self.turning(&dn, wanted));
        self.shadowed(&std::iter::once(&add(attributes.clone())).chain(&turning).collect::<Vec<_>>())?;
        self.vacate(&dn, self.new_user_name(&document).as_ref()).await?;
        let unique = self.unique(&change.claim);
        let request = |attributes| self.with_post_read(add(attributes));
        let mut answer = self.send(request(attributes.clone())).await;
        if let (Err(error), Some(placeholder)) = (&answer, self.placeholder(&attributes))
            && error.code() == Some(Code::OBJECT_CLASS_VIOLATION)
        {
            attributes.push(placeholder);
            answer = self.send(request(attributes.clone())).await;
        }
        // Nobody had what it claims a moment ago: whoever stands there with it is the one that was asked for.
        if matches!(answer, Err(LdapError::Uncertain(_)))
            && !change.claim.is_empty()
            && self.is_made(&dn, &attributes).await
        {
            answer = Ok(done_answer());
        }
        let answer = answer.map_err(|error| match &error {
            LdapError::Refused(result) if lacks_password && result.code == Code::UNWILLING_TO_PERFORM => {
                let why = format!("active: {}; send a password, or active = false", told(result));
                rejected(ScimError::invalid_value(why))
            }
            LdapError::Refused(result) if result.code == Code::NO_SUCH_OBJECT => {
                error.below(superior).during("add an entry")
            }
            _ => of_write(self.mapping, unique.as_ref(), error, "add an entry"),
        })?;
        let mut finished = match turn {
            Some(wanted) => self.turn(&dn, wanted).await.map(drop),
            None => Ok(()),
        };
        let locked = turned.filter(|(active, wanted)| !wanted && active.ends_with_password()).map(|(active, _)| active);
        let mut id = None;
        if finished.is_ok() && !change.secrets.is_empty() {
            if locked.is_some() {
                id = Some(self.id_at(&dn, &answer).await?);
            }
            let mut lock = id.as_ref().map(|id| Leaving::staying(id, &dn));
            if let Some(lock) = &mut lock {
                self.locking(lock).await;
            }
            finished = self.admit(&dn, &change.secrets, enable, locked).await;
            if let Some(lock) = &lock {
                // It is locked out, or nothing of it stays.
                self.left(lock).await;
            }
        }
        if let Err(refused) = finished {
            // A user who cannot log in, or can, was not asked for: nothing of it stays.
            self.unmake(&dn, turn.is_some()).await;
            return Err(refused);
        }
        let id = match id {
            Some(id) => id,
            None => self.id_at(&dn, &answer).await?,
        };
        if let Err(taken) = self.still_alone(&claimed, &id).await {
            self.unmake(&dn, turn.is_some()).await;
            return Err(taken);
        }
        self.outcome(id, Effect::Created, Some(&answer)).await
    }

    /// Removes an entry that was made just now.
    async fn unmake(&self, dn: &Dn, turned: bool) {
        if turned {
            self.turn_follows(dn, None).await;
        }
        if let Err(error) = self.send(Operation::Delete { target: dn.into() }.into()).await {
            tracing::error!(%dn, %error, "an entry that could not be made as a whole could not be removed again");
        }
    }

    /// Gives a new user its password, and lets it in where that has to wait for the password.
    async fn admit(
        &self,
        dn: &Dn,
        secrets: &[SecretEdit],
        enable: Option<&Active>,
        locked: Option<&Active>,
    ) -> Result<()> {
        self.set_secrets(dn, secrets, locked).await?;
        match enable {
            Some(active) => self.make_active(dn, active, true).await,
            None => Ok(()),
        }
    }

    /// Lets in who may not, or locks out who may.
    pub(super) async fn make_active(&self, dn: &Dn, active: &Active, wanted: bool) -> Result<()> {
        let search = Search::entry(dn.clone(), active.attribute().into_iter().collect());
        let entry = self.inner.directory.entry(&self.call, &search).await;
        let entry = entry.map_err(|error| error.during("read whether a user may log in"))?;
        let changes = entry.map(|entry| active.write(&entry, wanted)).unwrap_or_default();
        if changes.is_empty() {
            return Ok(());
        }
        let modify = Operation::Modify { target: dn.into(), changes };
        let done = self.send(modify.into()).await;
        done.map(drop).map_err(|error| of_write(self.mapping, None, error, "say whether a user may log in"))
    }

    /// The id that a new entry is given, where the directory itself gives none.
    fn own_id(&self, id: Option<ResourceId>) -> Result<Option<(AttributeName, Vec<Bytes>)>> {
        if !self.mapping.id.write {
            return Ok(None);
        }
        let value = id.and_then(|id| self.mapping.id_value(&id)).ok_or_else(|| {
            let kind =
                StoreErrorKind::Unsupported("new entries of one type whose ids the directory gives, and another's not");
            StoreError::new(kind).during(BACKEND, "give an id")
        })?;
        Ok(Some((self.mapping.id.name.clone(), vec![value])))
    }

    fn classes(&self, more: Option<&str>) -> Vec<Bytes> {
        let own = self.mapping.place.classes.iter().map(String::as_str);
        let more = more.filter(|more| !own.clone().any(|class| class.eq_ignore_ascii_case(more)));
        own.chain(more).map(|class| Bytes::copy_from_slice(class.as_bytes())).collect()
    }

    /// The name of a new entry, directly below another.
    fn name(&self, values: &Values, superior: &Dn) -> Result<Dn> {
        let place = &self.mapping.place;
        let lacking = |why: &str| {
            let at = self.mapping.name_column().or(self.mapping.columns.first()).map(|column| column.at.clone());
            let kind = at.map_or(StoreErrorKind::Unsupported("entries without a name"), |at| StoreErrorKind::Invalid {
                at,
                why: why.to_owned(),
            });
            StoreError::new(kind).during(BACKEND, "name an entry")
        };
        let value = values.of(&place.rdn).first().ok_or_else(|| lacking("is required: the entry is named by it"))?;
        let rdn = Rdn::new(place.rdn.clone(), value.to_vec()).map_err(|bad| lacking(&bad.to_string()))?;
        Ok(superior.child(&rdn))
    }

    /// The member that stands where the directory wants one, for an entry that has none.
    fn placeholder(&self, attributes: &[(AttributeName, Vec<Bytes>)]) -> Option<(AttributeName, Vec<Bytes>)> {
        let column = self.mapping.links.iter().find(|column| column.link.multi_valued() && !column.by_name)?;
        let has = attributes.iter().any(|(name, _)| *name == column.name);
        (!has).then(|| (column.name.clone(), vec![placeholder(column)]))
    }

    /// The references of a new entry.
    async fn linked(&self, edit: &LinkEdit) -> Result<Option<(AttributeName, Vec<Bytes>)>> {
        let (at, targets) = match edit {
            LinkEdit::Add { at, targets, kinds } => {
                (at, targets.iter().map(|id| (id.clone(), kinds.clone())).collect::<Vec<_>>())
            }
            LinkEdit::Replace { at, targets } => (at, targets.clone()),
            LinkEdit::Remove { .. } => return Ok(None),
        };
        if targets.is_empty() {
            return Ok(None);
        }
        let column = self.link_column(at)?;
        let values = self.values_of_targets(column, &targets).await?;
        Ok(Some((column.name.clone(), values)))
    }

    /// What may stand once only there: the name of the entry, else what is claimed.
    pub(super) fn unique(&self, claims: &[Claim]) -> Option<AttrPath> {
        let named = self.mapping.name_column().map(|column| column.at.clone());
        named.or_else(|| claims.first().map(|claim| claim.at.clone()))
    }

    /// The id that the directory gave.
    async fn id_at(&self, dn: &Dn, answer: &crate::ldap::Answer) -> Result<ResourceId> {
        use crate::ldap::controls;
        let shown = controls::read_entry(&answer.result.controls, controls::POST_READ).ok().flatten();
        if let Some(id) = shown.and_then(|entry| self.mapping.id_of(&entry)) {
            return Ok(id);
        }
        let search = Search::entry(dn.clone(), vec![self.mapping.id.name.clone()]);
        let entry = self.inner.directory.entry(&self.call, &search).await;
        let entry = entry.map_err(|error| match error {
            LdapError::Unavailable(why) => LdapError::Uncertain(why).during("read the id of a new entry"),
            other => other.during("read the id of a new entry"),
        })?;
        entry
            .and_then(|entry| self.mapping.id_of(&entry))
            .ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt).during(BACKEND, "read the id of a new entry"))
    }
}

/// The value that stands as a member where there is none.
pub(super) fn placeholder(column: &crate::mapping::LinkColumn) -> Bytes {
    let dn = column.placeholder.as_ref().map_or(NOBODY, Dn::as_str);
    debug_assert!(Dn::parse(dn).is_ok_and(|dn| is_placeholder(column, &dn)), "what stands there is hidden");
    Bytes::copy_from_slice(dn.as_bytes())
}
