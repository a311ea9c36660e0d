//! Values that may stand once only, as user names do. A directory keeps that for the names of entries below one and the same entry,
//! and for little else unless it is told to: so whoever takes a value here waits for others who take it, and looks whether somebody
//! has it; and where another gateway may take it in the same moment, looks again when it stands there.

use scim_core::change::Claim;
use scim_core::document::values;
use scim_core::path::AttrPath;
use scim_core::store::{ResourceId, Result, StoreError, StoreErrorKind};
use serde_json::{Map, Value};
use tokio::sync::OwnedMutexGuard;

use crate::ldap::{Entry, Filter, LdapError, Search};
use crate::mapping::push::Pushed;

use super::commit::Work;
use super::create::OBJECT_CLASS;
use super::{BACKEND, with_names};

/// Values that were free. Nobody else in this server takes them while this is held.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    _turns: Vec<OwnedMutexGuard<()>>,
    /// Those that the directory does not keep by itself.
    open: Vec<Claim>,
}

/// How well a directory keeps a value from standing twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// It is the name of new entries, which stand below one other; there may be more elsewhere, and such as are named by something else.
    AmongNew,
    /// Not.
    No,
}

impl Claimed {
    /// Must it be looked for once more?
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }
}

impl Work<'_> {
    /// Takes values that may stand once only.
    ///
    /// # Errors
    /// Somebody has one of them, or the directory does not say.
    pub(super) async fn claim_values(
        &self,
        claims: &[Claim],
        document: &Map<String, Value>,
        own: Option<&ResourceId>,
    ) -> Result<Claimed> {
        let kept = |claim: &&Claim| self.kept(claim, document);
        let mut names: Vec<String> =
            claims.iter().map(|claim| format!("{} {}={}", self.mapping.rt.kind, claim.at, claim.token)).collect();
        // All wait in the same order, so that nobody waits for one who waits for him.
        names.sort_unstable();
        names.dedup();
        let mut turns = Vec::with_capacity(names.len());
        for name in &names {
            turns.push(self.inner.claims.turn(&self.scope.tenant, name).await);
        }
        for claim in claims {
            if self.is_taken(claim, own).await? {
                return Err(taken(claim));
            }
        }
        // Who has an entry already may have it in another branch.
        let alone = |claim: &Claim| own.is_none() && kept(&claim) == Kept::AmongNew;
        let open = claims.iter().filter(|claim| !alone(claim)).cloned().collect();
        Ok(Claimed { _turns: turns, open })
    }

    /// Looks once more, when the entry of this id has them: another gateway may have taken the same.
    ///
    /// # Errors
    /// It has.
    pub(super) async fn still_alone(&self, claimed: &Claimed, own: &ResourceId) -> Result<()> {
        for claim in &claimed.open {
            match self.is_taken(claim, Some(own)).await {
                Ok(false) => {}
                Ok(true) => return Err(taken(claim)),
                // What was looked for before stays true as far as anybody knows.
                Err(error) => {
                    tracing::warn!(at = %claim.at, %error, "whether a new value stands once was not looked at again")
                }
            }
        }
        Ok(())
    }

    /// Does the directory itself keep this value from standing twice, where it thinks of it as SCIM does?
    fn kept(&self, claim: &Claim, document: &Map<String, Value>) -> Kept {
        let given = values::of(document, &claim.at).into_iter().find_map(Value::as_str);
        let named = self.mapping.name_column().is_some_and(|column| column.at == claim.at);
        let plain = claim.token.is_ascii() && !claim.token.contains("ss") && !claim.token.contains("  ");
        if !named || !plain || given.is_none_or(|given| claim.at.leaf().text.key(given) != claim.token) {
            return Kept::No;
        }
        let below = self.mapping.active.as_ref().and_then(|(_, active)| active.below());
        if below.is_some() || !self.mapping.placement.is_empty() { Kept::No } else { Kept::AmongNew }
    }

    /// Has another entry this value?
    async fn is_taken(&self, claim: &Claim, own: Option<&ResourceId>) -> Result<bool> {
        let Pushed::Some(filter) = self.mapping.push(&equality(&claim.at, &claim.token), &|_, _| None) else {
            return Ok(false);
        };
        // One value finds one entry, or few; what is only near to it finds more, page by page.
        let narrow = matches!(filter, Filter::Equal(..));
        let place = &self.mapping.place;
        let columns = self.mapping.columns_of(&claim.at).map(|column| column.name.clone());
        let names = with_names(vec![self.mapping.id.name.clone(), OBJECT_CLASS], columns);
        let filter = Filter::all([place.filter.clone(), filter]);
        let search = Search::new(place.base.clone(), place.reach, filter, names);
        let failed = |error: LdapError| error.below(&place.base).during("look for a value");
        if narrow {
            let found = self.inner.search(&self.call, &search).await.map_err(failed)?;
            return Ok(found.iter().any(|entry| self.has(entry, claim, own)));
        }
        let mut walk = self.inner.directory.walk(&self.call, search, self.inner.settings.page);
        while let Some(page) = walk.next().await.map_err(failed)? {
            if page.iter().any(|entry| self.has(entry, claim, own)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Has this entry the value, and is it another one? One that was deleted and stays is one too.
    fn has(&self, entry: &Entry, claim: &Claim, own: Option<&ResourceId>) -> bool {
        let same = |value: &Value| values::key(claim.at.leaf(), value) == claim.token;
        let theirs = self.mapping.attributes_of(entry);
        let shown = || values::of(&theirs, &claim.at).into_iter().any(same);
        // One of several user names is shown, and all of them let somebody in.
        let held = || {
            let mut columns = self.mapping.columns_of(&claim.at).filter(|column| column.at == claim.at);
            columns
                .any(|own| entry.values(&own.name).iter().filter_map(|raw| own.to_scim(raw)).any(|value| same(&value)))
        };
        own.is_none_or(|own| self.mapping.id_of(entry).as_ref() != Some(own)) && (shown() || held())
    }
}

fn taken(claim: &Claim) -> StoreError {
    StoreError::new(StoreErrorKind::Taken { at: claim.at.clone() }).during(BACKEND, "claim")
}

/// `at eq value`.
fn equality(at: &AttrPath, value: &str) -> scim_core::filter::BoundFilter {
    use scim_core::filter::{BoundFilter, Compare, Leaf, Operand};
    let key = at.leaf().text.key(value).into_owned();
    BoundFilter::Leaf(Leaf::Compare(at.clone(), Compare::Eq, Operand::Text { raw: value.to_owned(), key }))
}
