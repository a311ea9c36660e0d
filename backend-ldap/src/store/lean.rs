//! Searches for few entries that leave the type's own filter out. A directory looks up and compares every part of a filter, and that of a
//! type names a class that most entries have: it costs more than what finds the one that is meant. Where an index finds that, only that is
//! asked for, with the classes of what is found. Whether it is of the type is seen here; where it cannot be seen, the directory is asked.

use foldhash::{HashSet, HashSetExt};
use scim_core::store::ResourceId;

use crate::directory::Call;
use crate::ldap::{AttributeName, Entry, Filter, LdapError, Search};
use crate::mapping::Mapping;

use super::Inner;
use super::create::OBJECT_CLASS;
use super::names::CHUNK;

/// What finds few entries of a type.
pub(super) struct Lean {
    /// What is sent.
    pub(super) filter: Filter,
    /// Does it find others than those of the type?
    open: bool,
}

impl Inner {
    /// What finds the entries of the type that `narrow` means. `names` is what the search asks for.
    pub(super) fn lean(&self, mapping: &Mapping, narrow: Filter, names: &mut Vec<AttributeName>) -> Lean {
        let place = &mapping.place;
        if mapping.unnamed.are_there() || !place.is_of_classes() || !self.is_found(mapping, &narrow) {
            return Lean { filter: Filter::all([place.filter.clone(), narrow]), open: false };
        }
        if !names.contains(&OBJECT_CLASS) {
            names.push(OBJECT_CLASS);
        }
        Lean { filter: narrow, open: true }
    }

    /// Does an index find what this filter means?
    fn is_found(&self, mapping: &Mapping, filter: &Filter) -> bool {
        match filter {
            Filter::And(parts) => parts.iter().any(|part| self.is_found(mapping, part)),
            Filter::Or(parts) => !parts.is_empty() && parts.iter().all(|part| self.is_found(mapping, part)),
            Filter::Equal(name, _) => match &self.features.indexed {
                Some(indexed) => indexed.has(name, &mapping.place.base),
                // Without an index on ids every read looks at each entry of the type, which nobody keeps so.
                None => *name == mapping.id.name,
            },
            _ => false,
        }
    }

    /// Those of what such a search found that are of the type.
    pub(super) async fn of_type(
        &self,
        call: &Call,
        mapping: &Mapping,
        lean: &Lean,
        found: Vec<Entry>,
    ) -> Result<Vec<Entry>, LdapError> {
        let place = &mapping.place;
        if !lean.open || found.iter().all(|entry| place.surely_has(entry)) {
            return Ok(found);
        }
        // Seldom, and large while it is under way: kept apart from what every request carries along.
        Box::pin(self.asked_of_type(call, mapping, found)).await
    }

    /// The same, as the directory says.
    async fn asked_of_type(
        &self,
        call: &Call,
        mapping: &Mapping,
        mut found: Vec<Entry>,
    ) -> Result<Vec<Entry>, LdapError> {
        let place = &mapping.place;
        let unclear = found.iter().filter(|entry| place.has_name(&entry.dn) && !place.surely_has(entry));
        let ids: Vec<ResourceId> = unclear.filter_map(|entry| mapping.id_of(entry)).collect();
        let mut told: HashSet<ResourceId> = HashSet::new();
        for chunk in ids.chunks(CHUNK) {
            let equal = |id| Some(Filter::equal(mapping.id.name.clone(), mapping.id_value(id)?));
            let any = Filter::any(chunk.iter().filter_map(equal));
            let filter = Filter::all([place.filter.clone(), any]);
            let search = Search::new(place.base.clone(), place.reach, filter, vec![mapping.id.name.clone()]);
            let own = self.search(call, &search).await?;
            told.extend(own.iter().filter(|entry| place.has_name(&entry.dn)).filter_map(|entry| mapping.id_of(entry)));
        }
        if !told.is_empty() {
            mapping.unnamed.note();
        }
        found.retain(|entry| place.surely_has(entry) || mapping.id_of(entry).is_some_and(|id| told.contains(&id)));
        Ok(found)
    }
}
