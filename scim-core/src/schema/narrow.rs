//! A registry without what a store cannot hold: discovery, validation, filters and paths all follow from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::path::AttrPath;
use crate::store::{Held, Shortfall};

use super::{AttributeDef, Extension, Kind, LinkType, Mutability, Place, Registry, ResourceType, ReverseType, Schema};

impl Registry {
    /// These types as a store with such shortfalls holds them. What cannot be held is no attribute any more: unknown to
    /// filters and paths, and in bodies treated as the caller's profile treats unknown names. `id`, `meta` and `schemas`
    /// stay whatever is said of them.
    pub fn narrowed(&self, shortfalls: &[Shortfall]) -> Registry {
        if shortfalls.is_empty() {
            return self.clone();
        }
        let types: Vec<ResourceType> =
            self.types().iter().map(|one| Narrowing::new(one, shortfalls).apply(one)).collect();
        let links: Vec<Arc<LinkType>> = types.iter().flat_map(|one| one.links.iter().cloned()).collect();
        let types: Vec<_> = types.into_iter().map(|one| Arc::new(with_far_ends(one, &links))).collect();
        let schemas = self.schemas().iter().filter_map(|schema| shown(schema, self, &types)).collect();
        Registry::of(types, schemas)
    }
}

/// The schema as discovery shows it: as the first type has it that uses it; None where no type has anything of it left.
fn shown(schema: &Arc<Schema>, before: &Registry, types: &[Arc<ResourceType>]) -> Option<Arc<Schema>> {
    let of = |one: &ResourceType| {
        let extensions = one.extensions.iter().map(|extension| &extension.schema);
        std::iter::once(&one.schema).chain(extensions).find(|own| own.id == schema.id).cloned()
    };
    match types.iter().find_map(|one| of(one)) {
        Some(narrowed) => Some(narrowed),
        None => (!before.types().iter().any(|one| of(one).is_some())).then(|| schema.clone()),
    }
}

/// What one type lacks.
struct Narrowing<'a> {
    kind: &'a Kind,
    shortfalls: Vec<&'a Shortfall>,
}

impl<'a> Narrowing<'a> {
    fn new(of: &'a ResourceType, shortfalls: &'a [Shortfall]) -> Self {
        let own = shortfalls.iter().filter(|shortfall| shortfall.kind == of.kind).collect();
        Narrowing { kind: &of.kind, shortfalls: own }
    }

    /// The type without reverse attributes whose links are gone: [`with_far_ends`].
    fn apply(&self, one: &ResourceType) -> ResourceType {
        let schema = self.schema(None, &one.schema);
        let extensions: Vec<Extension> = one
            .extensions
            .iter()
            .map(|extension| Extension {
                schema: self.schema(Some(&extension.schema.id), &extension.schema),
                required: extension.required,
            })
            .filter(|extension| !extension.schema.attributes.is_empty())
            .collect();
        let kept = |attribute: &Arc<AttributeDef>| match attribute.place {
            Place::Id | Place::Meta => Some(attribute.clone()),
            _ if attribute.name == "schemas" => Some(attribute.clone()),
            _ => self.attribute(None, attribute),
        };
        let narrowed = ResourceType {
            common: one.common.iter().filter_map(kept).collect(),
            schema,
            extensions,
            hidden: one.hidden.iter().cloned().chain(self.dropped()).collect::<BTreeSet<_>>().into_iter().collect(),
            ..one.clone()
        };
        let links = one.links.iter().filter_map(|link| self.link(&narrowed, link)).collect();
        let reverse = one.reverse.iter().filter_map(|reverse| {
            let at = find(&narrowed, &reverse.at)?;
            Some(Arc::new(ReverseType { at, via: reverse.via.clone() }))
        });
        let unique = one.unique.iter().filter_map(|at| find(&narrowed, at)).collect();
        ResourceType { links, reverse: reverse.collect(), unique, ..narrowed }
    }

    fn schema(&self, urn: Option<&Arc<str>>, schema: &Arc<Schema>) -> Arc<Schema> {
        let attributes: Vec<_> =
            schema.attributes.iter().filter_map(|attribute| self.attribute(urn, attribute)).collect();
        if attributes == schema.attributes {
            return schema.clone();
        }
        Arc::new(Schema { attributes, ..schema.as_ref().clone() })
    }

    /// The attribute as it can be held; None where it cannot, or where nothing of it can.
    fn attribute(&self, urn: Option<&Arc<str>>, attribute: &Arc<AttributeDef>) -> Option<Arc<AttributeDef>> {
        let at = AttrPath::new(urn.cloned(), attribute.clone(), None);
        let mut narrowed = attribute.as_ref().clone();
        for sub in &attribute.sub_attributes {
            for held in self.held(&at.with_sub(sub.clone())) {
                hold_part(&mut narrowed, sub, held);
            }
        }
        if narrowed.sub_attributes.is_empty() && !attribute.sub_attributes.is_empty() {
            return None;
        }
        for held in self.held(&at) {
            match held {
                Held::Not => return None,
                // A secret that can only be read is none.
                Held::ReadOnly if attribute.place == Place::Secret => return None,
                Held::ReadOnly => make_read_only(&mut narrowed),
                Held::Once if narrowed.mutability == Mutability::ReadWrite => {
                    narrowed.mutability = Mutability::Immutable
                }
                Held::Once => {}
                Held::Required => narrowed.required = true,
                Held::Types(types) if attribute.place != Place::Link => only_types(&mut narrowed, types),
                Held::Types(_) => {}
            }
        }
        Some(if narrowed == **attribute { attribute.clone() } else { Arc::new(narrowed) })
    }

    fn held(&self, at: &AttrPath) -> impl Iterator<Item = &'a Held> {
        self.shortfalls.iter().filter(|shortfall| shortfall.at == *at).map(|shortfall| &shortfall.held)
    }

    /// Names of whole attributes that are gone: a stored document may still hold them.
    fn dropped(&self) -> impl Iterator<Item = String> {
        let gone = |shortfall: &&&Shortfall| shortfall.held == Held::Not && shortfall.at.sub().is_none();
        self.shortfalls.iter().filter(gone).map(|shortfall| shortfall.at.attr().name.clone())
    }

    /// The link as it can be held. Its element types are the kinds it may point to.
    fn link(&self, narrowed: &ResourceType, link: &LinkType) -> Option<Arc<LinkType>> {
        let at = find(narrowed, &link.at)?;
        let kinds = self.held(&link.at).fold(link.kinds.to_vec(), |kinds, held| match held {
            Held::Types(types) => {
                kinds.into_iter().filter(|kind| types.iter().any(|one| one == kind.as_str())).collect()
            }
            _ => kinds,
        });
        let display = link.display.as_ref().and_then(|display| at.attr().sub(&display.name).cloned());
        let has_type = at.attr().sub("type").is_some();
        Some(Arc::new(LinkType { holder: self.kind.clone(), at, kinds: kinds.into(), display, has_type }))
    }
}

fn hold_part(of: &mut AttributeDef, sub: &Arc<AttributeDef>, held: &Held) {
    match held {
        Held::Not => of.sub_attributes.retain(|own| own.name != sub.name),
        Held::ReadOnly => change_part(of, sub, |own| own.mutability = Mutability::ReadOnly),
        Held::Once => change_part(of, sub, |own| own.mutability = Mutability::Immutable),
        Held::Required => {
            change_part(of, sub, |own| own.required = true);
            // One that must have a part must be there; of many, each must have it.
            of.required |= !of.multi_valued;
        }
        Held::Types(types) => change_part(of, sub, |own| only(own, types)),
    }
}

fn change_part(of: &mut AttributeDef, sub: &AttributeDef, change: impl FnOnce(&mut AttributeDef)) {
    if let Some(own) = of.sub_attributes.iter_mut().find(|own| own.name == sub.name) {
        change(Arc::make_mut(own));
    }
}

fn make_read_only(attribute: &mut AttributeDef) {
    attribute.mutability = Mutability::ReadOnly;
    for sub in &mut attribute.sub_attributes {
        Arc::make_mut(sub).mutability = Mutability::ReadOnly;
    }
}

fn only_types(attribute: &mut AttributeDef, types: &[String]) {
    if let Some(sub) = attribute.sub_attributes.iter_mut().find(|sub| sub.name == "type") {
        only(Arc::make_mut(sub), types);
    }
}

fn only(attribute: &mut AttributeDef, values: &[String]) {
    attribute.canonical_values = values.to_vec();
    attribute.canonical_only = true;
}

/// The type with the reverse attributes whose links are still there; the others are no attributes any more.
fn with_far_ends(mut one: ResourceType, links: &[Arc<LinkType>]) -> ResourceType {
    let via = |reverse: &ReverseType| {
        let same = |link: &&Arc<LinkType>| link.holder == reverse.via.holder && link.at == reverse.via.at;
        links.iter().find(same).filter(|link| link.kinds.contains(&one.kind)).cloned()
    };
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for reverse in &one.reverse {
        match via(reverse) {
            Some(via) => kept.push(Arc::new(ReverseType { at: reverse.at.clone(), via })),
            None => gone.push(reverse.at.clone()),
        }
    }
    one.reverse = kept;
    for at in gone {
        let own = match at.extension() {
            None => Some(&mut one.schema),
            Some(urn) => one.extensions.iter_mut().map(|extension| &mut extension.schema).find(|own| own.id == *urn),
        };
        if let Some(schema) = own {
            Arc::make_mut(schema).attributes.retain(|attribute| attribute.name != at.attr().name);
        }
    }
    one
}

/// The path with the definitions that this type has; None where it lacks them.
fn find(one: &ResourceType, at: &AttrPath) -> Option<AttrPath> {
    let attribute = match at.extension() {
        Some(urn) => one.extension(urn)?.schema.attribute(&at.attr().name),
        None => one
            .schema
            .attribute(&at.attr().name)
            .or_else(|| one.common.iter().find(|attribute| attribute.name == at.attr().name)),
    }?;
    let sub = match at.sub() {
        Some(sub) => Some(attribute.sub(&sub.name)?.clone()),
        None => None,
    };
    Some(AttrPath::new(at.extension().cloned(), attribute.clone(), sub))
}

#[cfg(test)]
mod tests {
    use crate::path;

    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn narrowed(shortfalls: &[(&str, &str, Held)]) -> Registry {
        let registry = Registry::standard();
        let shortfalls: Vec<_> = shortfalls
            .iter()
            .map(|(kind, at, held)| {
                let rt = registry.kind(&Kind::new(kind)).unwrap();
                let at = path::attribute(at, rt, false).unwrap();
                Shortfall { kind: rt.kind.clone(), at, held: held.clone(), why: String::new() }
            })
            .collect();
        registry.narrowed(&shortfalls)
    }

    fn user(registry: &Registry) -> &ResourceType {
        registry.kind(&Kind::new("User")).unwrap()
    }

    #[test]
    fn what_cannot_be_held_is_no_attribute() {
        let registry = narrowed(&[
            ("User", "nickName", Held::Not),
            ("User", "name.middleName", Held::Not),
            ("User", "externalId", Held::Not),
            ("User", "ims.value", Held::Not),
            ("User", "id", Held::Not),
        ]);
        let rt = user(&registry);
        for gone in ["nickName", "name.middleName", "externalId", "ims.value"] {
            assert!(path::attribute(gone, rt, false).is_none(), "{gone}");
        }
        assert!(path::attribute("name.familyName", rt, false).is_some());
        assert!(path::attribute("ims.type", rt, false).is_some());
        assert!(path::attribute("id", rt, false).is_some());
        let shown = registry.schema("urn:ietf:params:scim:schemas:core:2.0:User").unwrap();
        assert!(shown.attribute("nickName").is_none() && shown.attribute("title").is_some());
        assert!(rt.hidden.contains(&"nickName".to_owned()), "stored ones are not shown either");
        assert!(path::attribute("externalId", registry.kind(&Kind::new("Group")).unwrap(), false).is_some());
    }

    #[test]
    fn an_extension_of_which_nothing_is_left_is_gone() {
        let names = ["employeeNumber", "costCenter", "organization", "division", "department", "manager"];
        let paths: Vec<String> = names.iter().map(|name| format!("{ENTERPRISE}:{name}")).collect();
        let registry = narrowed(&paths.iter().map(|at| ("User", at.as_str(), Held::Not)).collect::<Vec<_>>());
        assert!(user(&registry).extensions.is_empty() && user(&registry).links.is_empty());
        assert!(registry.schema(ENTERPRISE).is_none());
        assert_eq!(registry.schemas().len(), Registry::standard().schemas().len() - 1);
    }

    #[test]
    fn characteristics_follow_how_it_is_held() {
        let registry = narrowed(&[
            ("User", "name", Held::ReadOnly),
            ("User", "name.familyName", Held::Required),
            ("User", "title", Held::Required),
            ("User", "emails.primary", Held::ReadOnly),
            ("User", "emails", Held::Types(vec!["work".into()])),
            ("User", "password", Held::ReadOnly),
        ]);
        let rt = user(&registry);
        let name = rt.schema.attribute("name").unwrap();
        assert_eq!(name.mutability, Mutability::ReadOnly);
        assert!(name.sub_attributes.iter().all(|sub| sub.mutability == Mutability::ReadOnly));
        assert!(name.required && name.sub("familyName").unwrap().required);
        assert!(rt.schema.attribute("title").unwrap().required);
        let emails = rt.schema.attribute("emails").unwrap();
        assert_eq!(emails.sub("primary").unwrap().mutability, Mutability::ReadOnly);
        let kind = emails.sub("type").unwrap();
        assert!(kind.canonical_only && kind.canonical_values == ["work"]);
        assert!(rt.schema.attribute("password").is_none(), "a secret that can only be read is none");
    }

    #[test]
    fn links_follow_from_both_ends() {
        let registry = narrowed(&[("Group", "members", Held::Types(vec!["User".into()]))]);
        let group = registry.kind(&Kind::new("Group")).unwrap();
        assert_eq!(group.links[0].kinds.as_ref(), [Kind::new("User")]);
        assert_eq!(user(&registry).reverse[0].via, group.links[0]);

        let registry = narrowed(&[("Group", "members", Held::Not)]);
        assert!(registry.kind(&Kind::new("Group")).unwrap().links.is_empty());
        assert!(user(&registry).reverse.is_empty() && user(&registry).schema.attribute("groups").is_none());

        let registry = narrowed(&[("Group", "members", Held::ReadOnly), ("Group", "members.display", Held::Not)]);
        let members = &registry.kind(&Kind::new("Group")).unwrap().links[0];
        assert_eq!(members.at.attr().mutability, Mutability::ReadOnly);
        assert!(members.display.is_none());
    }

    #[test]
    fn without_shortfalls_nothing_changes() {
        let standard = Registry::standard();
        assert_eq!(standard.narrowed(&[]).types(), standard.types());
        let strange = narrowed(&[("Group", "externalId", Held::ReadOnly)]);
        assert_eq!(user(&strange), user(&standard));
    }
}
