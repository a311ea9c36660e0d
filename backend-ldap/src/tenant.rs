//! One tenant's part of a directory: its types, and the fences around their entries.

use std::sync::Arc;

use scim_core::clock::Timestamp;
use scim_core::schema::{Kind, ResourceType};
use scim_core::store::{Held, Shortfall, TenantId};

use crate::features::Features;
use crate::ldap::{AttributeName, Entry, controls};
use crate::mapping::build::{BadMapping, Powers, build};
use crate::mapping::schema::Schema;
use crate::mapping::{Active, Mapping, tables};
use crate::member_of::Belief;
use crate::settings::{Mode, Settings};

/// What a tenant's types are in the directory.
#[derive(Debug)]
pub struct Tenant {
    /// Whose it is.
    pub id: TenantId,
    /// May entries be believed in which groups they are?
    pub(crate) belief: Belief,
    mappings: Vec<Arc<Mapping>>,
}

impl Tenant {
    /// Maps these types, and says what cannot be held.
    ///
    /// # Errors
    /// Settings that make no mapping.
    pub fn build(
        name: &str,
        types: &[Arc<ResourceType>],
        settings: &Settings,
        features: &Features,
        schema: &dyn Schema,
    ) -> Result<(Tenant, Vec<Shortfall>), BadMapping> {
        let own = settings.tenants.get(name);
        let powers = Powers {
            write: settings.mode != Mode::ReadOnly,
            passwords: settings.mode == Mode::Write && features.passwords,
        };
        let mut mappings = Vec::new();
        let mut shortfalls = Vec::new();
        for rt in types {
            let (common, own, part, table) = match rt.kind.as_str() {
                "User" => (&settings.users, own.map(|own| &own.users), "users", tables::users(features.product)),
                "Group" => (&settings.groups, own.map(|own| &own.groups), "groups", tables::groups(features.product)),
                _ => {
                    shortfalls.extend(nothing_of(rt));
                    continue;
                }
            };
            let (merged, section) = match own {
                Some(own) => (own.over(common), format!("store.ldap.tenants.{name}.{part}")),
                None if settings.tenants.is_empty() => (common.clone(), format!("store.ldap.{part}")),
                None => {
                    return Err(BadMapping(format!(
                        "store.ldap.tenants.{name} is not set: with several tenants each has its own bases"
                    )));
                }
            };
            if merged.base.is_none() && part == "groups" {
                shortfalls.extend(nothing_of(rt));
                continue;
            }
            let mut built = build(rt, &table, &merged, &section, schema, powers)?;
            for column in &mut built.mapping.links {
                column.by_primary = features.primary_groups && column.link.multi_valued() && column.name.is("member");
            }
            mappings.push(built.mapping);
            shortfalls.extend(built.shortfalls);
        }
        let all = mappings.clone();
        for column in mappings.iter_mut().flat_map(|mapping| &mut mapping.links) {
            let shown = reference_attributes(all.iter().filter(|mapping| column.link.kinds.contains(&mapping.rt.kind)));
            column.deref = Some(controls::deref(&column.name, &shown));
        }
        let mappings = mappings.into_iter().map(Arc::new).collect();
        Ok((Tenant { id: TenantId::new(name), belief: Belief::default(), mappings }, shortfalls))
    }

    /// The mapping of a type; None where it stands nowhere.
    pub fn mapping(&self, kind: &Kind) -> Option<&Arc<Mapping>> {
        self.mappings.iter().find(|mapping| mapping.rt.kind == *kind)
    }

    /// The mappings of these types.
    pub fn of<'a>(&'a self, kinds: &'a [Kind]) -> impl Iterator<Item = &'a Arc<Mapping>> {
        self.mappings.iter().filter(|mapping| kinds.contains(&mapping.rt.kind))
    }

    /// It is this day now.
    pub fn set_day(&self, now: Timestamp) {
        for (_, active) in self.mappings.iter().filter_map(|mapping| mapping.active.as_ref()) {
            if let Active::ShadowExpire(today) = active {
                today.set(now);
            }
        }
    }

    /// All of them.
    pub fn mappings(&self) -> &[Arc<Mapping>] {
        &self.mappings
    }

    /// The types that an entry may be of among these; with each whether it is, or None where only the directory can tell.
    pub fn kinds_of<'a>(
        &'a self,
        entry: &'a Entry,
        kinds: &'a [Kind],
    ) -> impl Iterator<Item = (&'a Arc<Mapping>, Option<bool>)> {
        let told = self.of(kinds).map(|mapping| (mapping, mapping.place.tells(entry)));
        told.filter(|(_, told)| *told != Some(false))
    }

    /// What must be seen of an entry that is referred to: its type, its id, its label.
    pub fn reference_attributes(&self, kinds: &[Kind]) -> Vec<AttributeName> {
        reference_attributes(self.of(kinds).map(|mapping| &**mapping))
    }
}

fn reference_attributes<'m>(mappings: impl Iterator<Item = &'m Mapping>) -> Vec<AttributeName> {
    let mut names: Vec<AttributeName> = Vec::new();
    let mut add = |name: AttributeName| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for mapping in mappings {
        add(mapping.id.name.clone());
        mapping.place.looks_at().into_iter().for_each(&mut add);
        for name in ["displayName", "userName"] {
            let label = |column: &&crate::mapping::Column| {
                column.at.extension().is_none() && column.at.sub().is_none() && column.at.attr().name == name
            };
            mapping.columns.iter().filter(label).for_each(|column| add(column.name.clone()));
            let made = mapping.computed.iter().filter(|made| made.at.sub().is_none() && made.at.attr().name == name);
            made.flat_map(|made| made.template.names().cloned()).for_each(&mut add);
        }
    }
    names
}

/// A type that stands nowhere in the directory.
fn nothing_of(rt: &Arc<ResourceType>) -> impl Iterator<Item = Shortfall> {
    let own = rt.common.iter().chain(&rt.schema.attributes).map(|attr| (None, attr.clone()));
    let extended = rt.extensions.iter().flat_map(|extension| {
        let urn = extension.schema.id.clone();
        extension.schema.attributes.iter().map(move |attr| (Some(urn.clone()), attr.clone()))
    });
    own.chain(extended).map(|(urn, attr)| {
        let at = scim_core::path::AttrPath::new(urn, attr, None);
        let why = format!("{at}: the type {} stands nowhere in the directory", rt.kind);
        Shortfall { kind: rt.kind.clone(), at, held: Held::Not, why }
    })
}
