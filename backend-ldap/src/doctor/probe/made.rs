//! What a probe makes: names that nobody else has and that say what they are, documents, and where the entries of these stand.

use scim_core::path::AttrPath;
use scim_core::store::ResourceId;
use serde_json::{Map, Value, json};

use crate::ldap::{AttributeName, Dn, Rdn};
use crate::mapping::{Active, Mapping};

/// What the names of all that a probe makes begin with.
pub(super) const PREFIX: &str = "scim-probe-";
/// Stands as the title of its users, where that is mapped.
const REMARK: &str = "made by scim-server doctor --write-probe";
/// The same, changed.
const CHANGED: &str = "made and changed by scim-server doctor --write-probe";
/// What is changed, the first that can be: an attribute, and a part of it.
const CHANGEABLE: [(&str, Option<&str>); 3] = [("title", None), ("name", Some("givenName")), ("displayName", None)];

/// What is by chance in one probe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance(pub(super) u128);

impl Chance {
    /// A name that is told apart by a letter. Active Directory takes no more than these twenty letters.
    pub(super) fn name(self, letter: char) -> String {
        format!("{PREFIX}{:08x}{letter}", self.0 as u32)
    }

    /// An id, where the directory gives none.
    pub(super) fn id(self, letter: char) -> ResourceId {
        let bytes = self.0.wrapping_add(u128::from(u32::from(letter)) << 96).to_be_bytes();
        ResourceId::new(&uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }
}

/// What a user or a group of this name says of itself. `active` where it says so.
pub(super) fn document(name: &str, active: Option<bool>) -> Map<String, Value> {
    let names = json!({ "familyName": name, "givenName": name, "formatted": name });
    let mut document = Map::new();
    document.insert("userName".into(), name.into());
    document.insert("displayName".into(), name.into());
    document.insert("name".into(), names);
    document.insert("title".into(), REMARK.into());
    document.extend(active.map(|active| ("active".to_owned(), active.into())));
    document
}

/// The same with one attribute changed, and the directory's attribute of that; None where there is none beside the name.
pub(super) fn changed(mapping: &Mapping, document: &Map<String, Value>) -> Option<(Map<String, Value>, AttributeName)> {
    let is_at = |at: &AttrPath, (name, part): (&str, Option<&str>)| {
        at.extension().is_none() && at.attr().name == name && at.sub().map(|sub| sub.name.as_ref()) == part
    };
    CHANGEABLE.into_iter().find_map(|path| {
        let mut own = mapping.columns.iter().filter(|column| column.write && is_at(&column.at, path));
        let column = own.find(|column| column.name != mapping.place.rdn)?;
        let mut document = document.clone();
        let (name, part) = path;
        match part {
            None => drop(document.insert(name.to_owned(), CHANGED.into())),
            Some(part) => drop(document.get_mut(name)?.as_object_mut()?.insert(part.to_owned(), CHANGED.into())),
        }
        Some((document, column.name.clone()))
    })
}

/// Shall a new user of the probe say that it is inactive? A group of those who are is none of the probe's entries, and is left alone:
/// without a password nobody logs in anyway.
pub(super) fn active(mapping: &Mapping) -> Option<bool> {
    let (_, active) = mapping.active.as_ref()?;
    let others = active.switch().is_some_and(|switch| !switch.on);
    (active.can_write() && !others).then_some(false)
}

/// Where the entry of a document may stand.
pub(super) fn places(mapping: &Mapping, document: &Map<String, Value>) -> Vec<Dn> {
    let Ok(mut values) = mapping.values_of(document, None) else { return Vec::new() };
    mapping.fill(&mut values, document);
    let rdn = values.of(&mapping.place.rdn).first();
    let rdn = rdn.and_then(|value| Rdn::new(mapping.place.rdn.clone(), value.to_vec()).ok());
    let away = mapping.active.as_ref().and_then(|(_, active): &(_, Active)| active.below());
    let mut superiors = vec![mapping.home(document)];
    superiors.extend(away.filter(|away| *away != mapping.home(document)));
    rdn.map(|rdn| superiors.iter().map(|superior| superior.child(&rdn)).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are_and_fit_everywhere() {
        let name = Chance(u128::MAX).name('a');
        assert_eq!(name, "scim-probe-ffffffffa");
        assert!(name.len() <= 20);
        assert_eq!(Chance(1).name('g'), "scim-probe-00000001g");
        assert_ne!(Chance(1).id('a'), Chance(1).id('b'));
    }
}
