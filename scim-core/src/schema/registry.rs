//! All schemas and resource types of a tenant, compiled and immutable.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::name::same;

use super::compile;
use super::error::SchemaError;
use super::load::SchemaFile;
use super::{Kind, ResourceType, Schema};

/// What a tenant decides about its schemas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `Group.displayName` is unique (7643-4.2-02), and `/Schemas` says so.
    pub unique_group_names: bool,
}

/// All schemas and resource types of a tenant.
#[derive(Debug, Clone)]
pub struct Registry {
    types: Vec<Arc<ResourceType>>,
    schemas: Vec<Arc<Schema>>,
}

impl Registry {
    /// User with the enterprise extension, and Group, as the RFC defines them.
    pub fn standard() -> Self {
        #[expect(clippy::expect_used, reason = "compiles what is embedded in the binary: a test shows that it does")]
        Registry::compile(&[], &Options::default()).expect("the embedded schemas compile")
    }

    /// The RFC's schemas and types, and those of the files.
    ///
    /// # Errors
    /// The first thing that is wrong with a file: see [`SchemaError`].
    pub fn compile(files: &[SchemaFile], options: &Options) -> Result<Self, SchemaError> {
        let (types, schemas) = compile::compile(files, options)?;
        Ok(Registry { types, schemas })
    }

    pub(super) fn of(types: Vec<Arc<ResourceType>>, schemas: Vec<Arc<Schema>>) -> Self {
        Registry { types, schemas }
    }

    /// Every name that documents of these types may hold as a key: attributes, sub-attributes, URNs of extensions.
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for one in &self.types {
            names.extend(one.extensions.iter().map(|extension| extension.schema.id.to_string()));
            let extended = one.extensions.iter().map(|extension| &extension.schema);
            for attribute in std::iter::once(&one.schema).chain(extended).flat_map(|schema| &schema.attributes) {
                names.insert(attribute.name.clone());
                names.extend(attribute.sub_attributes.iter().map(|sub| sub.name.clone()));
            }
        }
        names
    }

    /// The same types, knowing that stored documents may still hold names that no schema has any more: what was removed
    /// from a schema stays stored and is not shown.
    pub fn with_retired(&self, names: &BTreeSet<String>) -> Self {
        let known = self.names();
        let retired: Vec<String> = names.difference(&known).cloned().collect();
        let hide = |one: &Arc<ResourceType>| {
            let hidden = one.hidden.iter().chain(&retired).cloned().collect();
            Arc::new(ResourceType { hidden, ..(**one).clone() })
        };
        Registry { types: self.types.iter().map(hide).collect(), schemas: self.schemas.clone() }
    }

    /// The resource types, in the order of their registration.
    pub fn types(&self) -> &[Arc<ResourceType>] {
        &self.types
    }

    /// The schemas of resources and of the service itself, in the order of their registration.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// The schema with this URN, in any letter case (7644-4-04).
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| same(&schema.id, urn))
    }

    /// The type of this name.
    pub fn kind(&self, kind: &Kind) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|one| one.kind == *kind)
    }

    /// The type at this endpoint, given without slash.
    pub fn endpoint(&self, name: &str, any_case: bool) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|one| {
            let own = one.endpoint.trim_start_matches('/');
            own == name || (any_case && own.eq_ignore_ascii_case(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::name::TextRule;
    use crate::schema::Place;

    use super::*;

    fn kind(registry: &Registry, name: &str) -> Arc<ResourceType> {
        registry.kind(&Kind::new(name)).unwrap().clone()
    }

    #[test]
    fn the_standard_types_are_those_of_the_rfc() {
        let registry = Registry::standard();
        let user = kind(&registry, "User");
        let group = kind(&registry, "Group");
        assert_eq!(registry.types().len(), 2);
        assert_eq!((user.endpoint.as_str(), group.endpoint.as_str()), ("/Users", "/Groups"));
        assert_eq!(user.extensions.len(), 1);
        assert!(registry.endpoint("Users", false).is_some() && registry.endpoint("users", false).is_none());
        assert!(registry.endpoint("users", true).is_some());
        assert!(registry.schema("URN:ietf:params:scim:schemas:core:2.0:user").is_some());
        assert_eq!(registry.schemas().len(), 6);
    }

    #[test]
    fn the_place_of_an_attribute_follows_from_its_shape() {
        let registry = Registry::standard();
        let user = kind(&registry, "User");
        let place = |schema: &Schema, name: &str| schema.attribute(name).unwrap().place;
        assert_eq!(place(&user.schema, "userName"), Place::Document);
        assert_eq!(place(&user.schema, "photos"), Place::Document);
        assert_eq!(place(&user.schema, "password"), Place::Secret);
        assert_eq!(place(&user.schema, "groups"), Place::Reverse);
        assert_eq!(place(&user.extensions[0].schema, "manager"), Place::Link);
        assert_eq!(place(&kind(&registry, "Group").schema, "members"), Place::Link);
        let common = |name: &str| user.common.iter().find(|attribute| attribute.name == name).unwrap();
        assert_eq!(common("id").place, Place::Id);
        assert_eq!(common("meta").place, Place::Meta);
        assert_eq!(common("schemas").place, Place::Document);
        assert_eq!(common("externalId").place, Place::Document);
    }

    #[test]
    fn links_are_known_from_both_ends() {
        let registry = Registry::standard();
        let user = kind(&registry, "User");
        let group = kind(&registry, "Group");
        let members = &group.links[0];
        assert!(members.multi_valued() && members.has_type);
        assert_eq!(members.kinds.as_ref(), [Kind::new("User"), Kind::new("Group")]);
        assert_eq!(members.display.as_ref().unwrap().name, "display");
        let manager = &user.links[0];
        assert!(!manager.multi_valued() && !manager.has_type);
        assert_eq!(manager.at.to_string(), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager");
        assert_eq!(manager.display.as_ref().unwrap().name, "displayName");
        assert_eq!(user.reverse.len(), 1);
        assert_eq!(user.reverse[0].via, *members);
        assert_eq!(user.reverse[0].at.to_string(), "groups");
        assert!(group.reverse.is_empty());
    }

    #[test]
    fn text_is_compared_by_the_rule_of_its_attribute() {
        let user = kind(&Registry::standard(), "User");
        let rule = |name: &str, sub: &str| user.schema.attribute(name).unwrap().sub(sub).unwrap().text;
        assert_eq!(user.schema.attribute("userName").unwrap().text, TextRule::UserName);
        assert_eq!(user.schema.attribute("displayName").unwrap().text, TextRule::Folded);
        assert_eq!(user.schema.attribute("profileUrl").unwrap().text, TextRule::Exact);
        assert_eq!(rule("emails", "value"), TextRule::Folded);
        assert_eq!(rule("x509Certificates", "value"), TextRule::Exact);
        assert_eq!(rule("groups", "value"), TextRule::Exact);
        assert_eq!(user.common[0].text, TextRule::Folded, "schemas");
        assert_eq!(user.common[1].text, TextRule::Exact, "id");
    }

    #[test]
    fn group_names_are_unique_where_the_tenant_wants_it() {
        for unique_group_names in [false, true] {
            let registry = Registry::compile(&[], &Options { unique_group_names }).unwrap();
            let unique = |name: &str| kind(&registry, name).unique.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(unique("User"), ["userName"]);
            assert_eq!(unique("Group"), if unique_group_names { vec!["displayName"] } else { vec![] });
        }
    }
}
