//! Attributes that the account may not look for. Of what is hidden a directory says neither that it is there nor that it is not (RFC 4511
//! section 4.5.1.7), so that filters on it leave people out.

use scim_core::store::ResourceId;

use crate::directory::{Call, Directory};
use crate::ldap::{AttributeName, Filter, LdapError, Search};
use crate::mapping::Mapping;
use crate::profile::Profile;

use super::report::Finding;

/// So many entries are looked at.
pub(super) const SAMPLE: usize = 100;

/// What cannot be looked for in entries of these ids, or in some of them.
///
/// # Errors
/// The directory cannot be reached.
pub(super) async fn hidden(
    directory: &Directory,
    call: &Call,
    profile: &Profile,
    mapping: &Mapping,
    ids: &[ResourceId],
) -> Result<Option<Finding>, LdapError> {
    if profile.schema.is_empty() || ids.is_empty() {
        // What the schema does not have is never there, which is no matter of rights.
        return Ok(None);
    }
    let equal = |id| Some(Filter::equal(mapping.id.name.clone(), mapping.id_value(id)?));
    let these = Filter::any(ids.iter().filter_map(equal));
    let seen = count(directory, call, mapping, these.clone()).await?;
    let mut names: Vec<AttributeName> = Vec::new();
    let columns = mapping.columns.iter().map(|column| &column.name);
    for name in columns.chain(mapping.links.iter().map(|column| &column.name)) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let mut hidden = Vec::new();
    for name in names {
        let there = Filter::present(name.clone());
        let told = Filter::any([there.clone(), Filter::negate(there)]);
        if count(directory, call, mapping, Filter::all([these.clone(), told])).await? < seen {
            hidden.push(name.to_string());
        }
    }
    let hidden = hidden.join(", ");
    Ok((!hidden.is_empty()).then(|| {
        Finding::warning(
            format!("{}: filters on {hidden} leave out whose values are hidden from this account", mapping.rt.kind),
            format!("let the account of store.ldap.bind_dn search for and read {hidden}, or map it to false"),
        )
    }))
}

async fn count(directory: &Directory, call: &Call, mapping: &Mapping, filter: Filter) -> Result<usize, LdapError> {
    let place = &mapping.place;
    let filter = Filter::all([place.filter.clone(), filter]);
    let search = Search::new(&place.base, place.reach, filter, vec![mapping.id.name.clone()]);
    match directory.search(call, &search).await {
        Ok(found) => Ok(found.entries.len()),
        // A refusal tells nothing of rights to look.
        Err(LdapError::Refused(result)) if !result.code.is_down() => Ok(usize::MAX),
        Err(error) => Err(error),
    }
}
