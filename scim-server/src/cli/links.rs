//! The links of an imported resource: they name ids of the system the file came from.

use std::collections::{HashMap, HashSet};

use scim_core::name::same;
use scim_core::schema::{LinkType, ResourceType};
use serde_json::{Map, Value};

/// What is known of the ids in the file.
#[derive(Debug, Default)]
pub struct Ids {
    /// Old id → the id it has here.
    pub made: HashMap<String, String>,
    /// Those that lines of the file have.
    pub in_file: InFile,
    /// Ids of lines that were refused.
    pub refused: HashSet<String>,
}

/// The ids that lines of a file have.
#[derive(Debug, Default)]
pub struct InFile {
    ids: HashSet<String>,
    /// Those of several lines: who links to one of them cannot be understood.
    twice: HashSet<String>,
}

impl Extend<String> for InFile {
    fn extend<T: IntoIterator<Item = String>>(&mut self, ids: T) {
        for id in ids {
            if let Some(known) = self.ids.replace(id) {
                self.twice.insert(known);
            }
        }
    }
}

/// What stands in the way of a resource.
#[derive(Debug, PartialEq, Eq)]
pub enum Ready {
    /// Nothing: all its links name resources that are here.
    Yes,
    /// Resources of the file that are not made yet.
    Waits,
    /// A resource of the file that was refused.
    Never(String),
    /// An id that several resources of the file have.
    Unclear(String),
}

/// Puts the new ids in the place of the old. Where a link has to wait, and `hold` is given, the link is taken out and
/// put there instead: (path, value), for a later PATCH.
pub fn translate(
    resource: &mut Map<String, Value>,
    kind: &ResourceType,
    ids: &Ids,
    mut hold: Option<&mut Vec<(String, Value)>>,
) -> Ready {
    let mut answer = Ready::Yes;
    for link in &kind.links {
        let Some(value) = place(resource, link) else { continue };
        let mut elements = match value.take() {
            Value::Array(elements) => elements,
            one => vec![one],
        };
        elements.retain_mut(|element| match translate_one(element, ids) {
            Ready::Yes => true,
            Ready::Waits => match hold.as_deref_mut() {
                Some(held) => {
                    held.push((link.at.to_string(), element.take()));
                    false
                }
                None => {
                    answer = Ready::Waits;
                    true
                }
            },
            never => {
                answer = never;
                true
            }
        });
        *value = match link.multi_valued() {
            true => Value::Array(elements),
            false => elements.into_iter().next().unwrap_or_default(),
        };
        if matches!(answer, Ready::Never(_) | Ready::Unclear(_)) {
            return answer;
        }
    }
    answer
}

/// Puts new ids into held links, once everything is made.
pub fn release(held: &mut [(String, Value)], ids: &Ids) -> Ready {
    held.iter_mut()
        .map(|(_, element)| translate_one(element, ids))
        .find(|ready| *ready != Ready::Yes)
        .unwrap_or(Ready::Yes)
}

fn translate_one(element: &mut Value, ids: &Ids) -> Ready {
    let (target, reference) = match &*element {
        Value::Object(keys) => match keys.iter().find(|(key, _)| same(key, "value")) {
            Some((key, target)) => (target.as_str(), Some(key.clone())),
            None => return Ready::Yes,
        },
        other => (other.as_str(), None),
    };
    let Some(old) = target else { return Ready::Yes };
    if ids.in_file.twice.contains(old) {
        return Ready::Unclear(old.to_owned());
    }
    let Some(new) = ids.made.get(old) else {
        return match () {
            () if ids.refused.contains(old) => Ready::Never(old.to_owned()),
            () if ids.in_file.ids.contains(old) => Ready::Waits,
            () => Ready::Yes,
        };
    };
    match (reference, element) {
        (Some(key), Value::Object(keys)) => {
            keys.retain(|key, _| !same(key, "$ref"));
            keys.insert(key, new.as_str().into());
        }
        (_, other) => *other = new.as_str().into(),
    }
    Ready::Yes
}

/// Where a resource keeps this link attribute.
fn place<'a>(resource: &'a mut Map<String, Value>, link: &LinkType) -> Option<&'a mut Value> {
    let name = &*link.at.attr().name;
    let table = match link.at.extension() {
        None => resource,
        Some(urn) => resource.iter_mut().find(|(key, _)| same(key, urn))?.1.as_object_mut()?,
    };
    table.iter_mut().find(|(key, _)| same(key, name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use scim_core::schema::{Kind, Registry};
    use serde_json::json;

    use super::*;

    fn check(kind: &str, resource: Value, expected: Value, ready: Ready) {
        let registry = Registry::standard();
        let kind = registry.kind(&Kind::new(kind)).unwrap();
        let mut ids = Ids::default();
        ids.made.insert("old".into(), "new".into());
        ids.in_file.extend(["old", "later", "bad", "same", "same"].map(str::to_owned));
        ids.refused.insert("bad".into());
        let Value::Object(mut resource) = resource else { panic!() };
        assert_eq!(translate(&mut resource, kind, &ids, None), ready);
        assert_eq!(Value::Object(resource), expected);
    }

    #[test]
    fn old_ids_become_new_ones() {
        check(
            "Group",
            json!({"Members": [{"value": "old", "$ref": "../Users/old"}, {"value": "elsewhere"}]}),
            json!({"Members": [{"value": "new"}, {"value": "elsewhere"}]}),
            Ready::Yes,
        );
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        check(
            "User",
            json!({urn: {"manager": {"value": "old"}}}),
            json!({urn: {"manager": {"value": "new"}}}),
            Ready::Yes,
        );
        check("User", json!({urn: {"manager": "old"}}), json!({urn: {"manager": "new"}}), Ready::Yes);
        check("User", json!({"userName": "old"}), json!({"userName": "old"}), Ready::Yes);
    }

    #[test]
    fn who_names_a_later_line_waits_and_who_names_a_refused_one_is_told() {
        let waits = json!({"members": [{"value": "later"}]});
        check("Group", waits.clone(), waits, Ready::Waits);
        let never = json!({"members": [{"value": "bad"}]});
        check("Group", never.clone(), never, Ready::Never("bad".into()));
        let unclear = json!({"members": [{"value": "later"}, {"value": "same"}]});
        check("Group", unclear.clone(), unclear, Ready::Unclear("same".into()));
    }

    #[test]
    fn links_of_a_circle_are_held_back() {
        let registry = Registry::standard();
        let kind = registry.kind(&Kind::new("Group")).unwrap();
        let mut ids = Ids::default();
        ids.in_file.extend(["g2".to_owned()]);
        let Value::Object(mut group) = json!({"displayName": "g1", "members": [{"value": "g2"}, {"value": "x"}]})
        else {
            panic!()
        };
        let mut held = Vec::new();
        assert_eq!(translate(&mut group, kind, &ids, Some(&mut held)), Ready::Yes);
        assert_eq!(Value::Object(group), json!({"displayName": "g1", "members": [{"value": "x"}]}));
        ids.made.insert("g2".into(), "n2".into());
        assert_eq!(release(&mut held, &ids), Ready::Yes);
        assert_eq!(held, [("members".to_owned(), json!({"value": "n2"}))]);
    }
}
