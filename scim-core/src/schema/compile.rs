//! Files to resource types: finds every schema, refuses what does not fit together, and works out once what the rest of
//! the core asks of a type again and again.

use std::sync::Arc;

use serde_json::Value;

use crate::document::json;
use crate::limits::Limits;
use crate::name::same;
use crate::path::AttrPath;

use super::error::SchemaError;
use super::load::{self, Definition, Extending, Nesting, SchemaFile, TypeFile};
use super::registry::Options;
use super::{
    AttributeDef, Extension, Kind, LinkType, Place, ResourceType, Returned, Schema, Uniqueness, builtin, place,
};

type Compiled = (Vec<Arc<ResourceType>>, Vec<Arc<Schema>>);

pub(super) fn compile(files: &[SchemaFile], options: &Options) -> Result<Compiled, SchemaError> {
    let mut catalog = Catalog::built_in()?;
    for file in files {
        catalog.add(file)?;
    }
    if options.unique_group_names {
        catalog.unique_group_names();
    }
    catalog.attach_loose_schemas()?;
    let common = place::common(load::common(builtin::SOURCE, &object(builtin::SOURCE, builtin::COMMON)?)?);

    let bases = catalog.types.iter().map(|file| catalog.unlinked(file)).collect::<Result<Vec<_>, _>>()?;
    let links = bases.iter().flat_map(Unlinked::links).collect::<Vec<_>>();
    for link in &links {
        catalog.check_targets(link)?;
    }
    let types = bases.into_iter().map(|base| Arc::new(base.linked(&common, &links))).collect::<Vec<_>>();
    let schemas = catalog.shown(&types)?;
    Ok((types, schemas))
}

fn object(source: &str, text: &str) -> Result<serde_json::Map<String, Value>, SchemaError> {
    match parse(source, text)? {
        Value::Object(object) => Ok(object),
        _ => Err(SchemaError::new(source, "", "is no JSON object")),
    }
}

fn parse(source: &str, text: &str) -> Result<Value, SchemaError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    json::parse(text.as_bytes(), &Limits::default()).map_err(|error| {
        let told = error.detail.replace("the body", "the file");
        SchemaError::new(source, "", format!("cannot be read: {told}"))
    })
}

/// A schema and where it comes from.
#[derive(Debug)]
struct Entry {
    source: String,
    schema: Schema,
    /// As [`SchemaFile::extends`].
    extends: Option<String>,
}

/// All definitions, not yet put together.
#[derive(Debug)]
struct Catalog {
    schemas: Vec<Entry>,
    types: Vec<TypeFile>,
}

impl Catalog {
    fn built_in() -> Result<Self, SchemaError> {
        let mut schemas = Vec::new();
        for text in builtin::RESOURCES {
            let schema = load::schema(builtin::SOURCE, &object(builtin::SOURCE, text)?, Nesting::ONE)?;
            schemas.push(Entry { source: builtin::SOURCE.into(), schema, extends: None });
        }
        Ok(Catalog { schemas, types: builtin::types() })
    }

    fn add(&mut self, file: &SchemaFile) -> Result<(), SchemaError> {
        for definition in load::definitions(&file.source, &parse(&file.source, &file.text)?)? {
            match definition {
                Definition::Schema(schema) => self.add_schema(file, schema)?,
                Definition::Type(declared) => self.add_type(declared)?,
            }
        }
        Ok(())
    }

    /// A schema with the URN of a built-in one takes its place.
    fn add_schema(&mut self, file: &SchemaFile, schema: Schema) -> Result<(), SchemaError> {
        let wrong = |problem: String| Err(SchemaError::new(&file.source, &*schema.id, problem));
        let service = [builtin::SCHEMA, builtin::RESOURCE_TYPE, builtin::SERVICE_PROVIDER_CONFIG];
        if service.iter().any(|urn| same(urn, &schema.id)) {
            return wrong("describes the service itself and cannot be replaced; leave it out".into());
        }
        match self.schemas.iter_mut().find(|other| same(&other.schema.id, &schema.id)) {
            None => {
                self.schemas.push(Entry { source: file.source.clone(), schema, extends: file.extends.clone() });
            }
            Some(other) if other.source != builtin::SOURCE => {
                return wrong(format!("is defined in {} already; leave one out", other.source));
            }
            Some(other) => {
                place::replaces(&file.source, &schema, &other.schema)?;
                let schema = Schema { id: other.schema.id.clone(), ..schema };
                *other = Entry { source: file.source.clone(), schema, extends: file.extends.clone() };
            }
        }
        Ok(())
    }

    fn unique_group_names(&mut self) {
        let group = self.schemas.iter_mut().filter(|entry| &*entry.schema.id == builtin::GROUP);
        for attribute in group.flat_map(|entry| entry.schema.attributes.iter_mut()) {
            if attribute.name == "displayName" && attribute.uniqueness == Uniqueness::None {
                Arc::make_mut(attribute).uniqueness = Uniqueness::Server;
            }
        }
    }

    /// A type named like a built-in one takes its place.
    fn add_type(&mut self, declared: TypeFile) -> Result<(), SchemaError> {
        let wrong =
            |problem: String| SchemaError::new(&declared.source, format!("ResourceType {}", declared.name), problem);
        let replaced = self.types.iter().position(|other| same(&other.name, &declared.name));
        let clash = self
            .types
            .iter()
            .enumerate()
            .find(|(n, other)| Some(*n) != replaced && same(&other.endpoint, &declared.endpoint));
        if let Some((_, other)) = clash {
            let (endpoint, name) = (&declared.endpoint, &other.name);
            return Err(wrong(format!("has the endpoint {endpoint}, which is that of {name}; choose another")));
        }
        match replaced.and_then(|n| self.types.get_mut(n)) {
            None => self.types.push(declared),
            Some(other) if other.source != builtin::SOURCE => {
                return Err(wrong(format!("is defined in {} already; leave one out", other.source)));
            }
            Some(other) if other.name != declared.name || !same(&other.schema, &declared.schema) => {
                return Err(wrong(format!(
                    "takes the place of the RFC's {} and must keep its name and its schema {}; name it differently",
                    other.name, other.schema
                )));
            }
            Some(other) => *other = declared,
        }
        Ok(())
    }

    fn type_named(&mut self, name: &str) -> Option<&mut TypeFile> {
        self.types.iter_mut().find(|one| same(&one.name, name))
    }

    /// A schema that no type refers to extends the type that its file names, else the one its URN ends with.
    fn attach_loose_schemas(&mut self) -> Result<(), SchemaError> {
        let loose = self
            .schemas
            .iter()
            .filter(|entry| entry.source != builtin::SOURCE)
            .map(|entry| (entry.source.clone(), entry.schema.id.clone(), entry.extends.clone()));
        for (source, urn, extends) in loose.collect::<Vec<_>>() {
            let used = |one: &TypeFile| {
                same(&one.schema, &urn) || one.extensions.iter().any(|extension| same(&extension.schema, &urn))
            };
            if extends.is_none() && self.types.iter().any(used) {
                continue;
            }
            let last = urn.rsplit(':').next().unwrap_or_default();
            let name = extends.as_deref().unwrap_or(last);
            let names = self.types.iter().map(|one| one.name.clone()).collect::<Vec<_>>().join(", ");
            match self.type_named(name) {
                Some(one) if !used(one) => {
                    one.extensions.push(Extending { schema: urn.to_string(), required: false });
                }
                Some(_) => {}
                None => {
                    let problem = format!(
                        "extends the resource type {name}, which there is not; set extends to one of {names}, or add \
                         a ResourceType that has this schema"
                    );
                    return Err(SchemaError::new(&source, &*urn, problem));
                }
            }
        }
        Ok(())
    }

    fn find(&self, file: &TypeFile, urn: &str) -> Result<Arc<Schema>, SchemaError> {
        match self.schemas.iter().find(|entry| same(&entry.schema.id, urn)) {
            Some(entry) => place::schema(&entry.source, entry.schema.clone()).map(Arc::new),
            None => {
                let problem = format!("refers to the schema {urn}, which no file defines; add the file that does");
                Err(SchemaError::new(&file.source, format!("ResourceType {}", file.name), problem))
            }
        }
    }

    fn unlinked(&self, file: &TypeFile) -> Result<Unlinked, SchemaError> {
        let schema = self.find(file, &file.schema)?;
        let mut extensions = Vec::with_capacity(file.extensions.len());
        for extending in &file.extensions {
            let extension = self.find(file, &extending.schema)?;
            if extension.id == schema.id {
                let problem = format!("lists its own schema {} as an extension; leave it out", schema.id);
                return Err(SchemaError::new(&file.source, format!("ResourceType {}", file.name), problem));
            }
            for attribute in &extension.attributes {
                if schema.attribute(&attribute.name).is_some() {
                    tracing::warn!(
                        "{}: {}:{} has the name of an attribute of {}; only its full name reaches it",
                        file.source,
                        extension.id,
                        attribute.name,
                        schema.id,
                    );
                }
            }
            extensions.push(Extension { schema: extension, required: extending.required });
        }
        Ok(Unlinked {
            kind: Kind::new(&file.name),
            endpoint: file.endpoint.clone(),
            description: file.description.clone(),
            schema,
            extensions,
        })
    }

    /// A link to a type that does not exist could never be made.
    fn check_targets(&self, link: &LinkType) -> Result<(), SchemaError> {
        let unknown = |kind: &&Kind| !self.types.iter().any(|one| one.name == kind.as_str());
        let Some(kind) = link.kinds.iter().find(unknown) else { return Ok(()) };
        let source = self.types.iter().find(|one| one.name == link.holder.as_str()).map_or("", |one| &one.source);
        let names = self.types.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
        let problem =
            format!("refers to the resource type {kind}, which there is not; referenceTypes may name {names}");
        Err(SchemaError::new(source, format!("{}.$ref", link.at), problem))
    }

    /// The schemas that discovery shows: those in use, base first, and those of the service.
    fn shown(&self, types: &[Arc<ResourceType>]) -> Result<Vec<Arc<Schema>>, SchemaError> {
        let mut shown: Vec<Arc<Schema>> = Vec::new();
        for one in types {
            let extensions = one.extensions.iter().map(|extension| &extension.schema);
            for schema in std::iter::once(&one.schema).chain(extensions) {
                if !shown.iter().any(|other| other.id == schema.id) {
                    shown.push(schema.clone());
                }
            }
        }
        for text in builtin::SERVICE {
            let schema = load::schema(builtin::SOURCE, &object(builtin::SOURCE, text)?, Nesting::SERVICE)?;
            shown.push(Arc::new(schema));
        }
        Ok(shown)
    }
}

/// A type whose reverse attributes are not found yet.
#[derive(Debug)]
struct Unlinked {
    kind: Kind,
    endpoint: String,
    description: String,
    schema: Arc<Schema>,
    extensions: Vec<Extension>,
}

impl Unlinked {
    /// Its own links.
    fn links(&self) -> Vec<Arc<LinkType>> {
        let mut links = place::links(&self.kind, &self.schema, None);
        for Extension { schema, .. } in &self.extensions {
            links.extend(place::links(&self.kind, schema, Some(&schema.id)));
        }
        links
    }

    /// With the links of all types known, the whole type.
    fn linked(self, common: &Arc<[Arc<AttributeDef>]>, all_links: &[Arc<LinkType>]) -> ResourceType {
        let (schema, mut reverse) = place::reverse(&self.kind, &self.schema, None, all_links);
        let mut extensions = Vec::with_capacity(self.extensions.len());
        for Extension { schema, required } in self.extensions {
            let (schema, found) = place::reverse(&self.kind, &schema, Some(&schema.id), all_links);
            reverse.extend(found);
            extensions.push(Extension { schema, required });
        }
        let mut unique = Vec::new();
        let mut hidden = Vec::new();
        let extended = extensions.iter().map(|extension| (Some(&extension.schema.id), &extension.schema));
        for (urn, schema) in std::iter::once((None, &schema)).chain(extended) {
            for attribute in schema.attributes.iter().filter(|attribute| attribute.place == Place::Document) {
                collect_unique(urn, attribute, &mut unique);
                collect_hidden(attribute, &mut hidden);
            }
        }
        ResourceType {
            links: all_links.iter().filter(|link| link.holder == self.kind).cloned().collect(),
            kind: self.kind,
            endpoint: self.endpoint,
            description: self.description,
            schema,
            extensions,
            common: common.clone(),
            reverse,
            unique,
            hidden,
        }
    }
}

fn collect_unique(urn: Option<&Arc<str>>, attribute: &Arc<AttributeDef>, unique: &mut Vec<AttrPath>) {
    let path = AttrPath::new(urn.cloned(), attribute.clone(), None);
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.uniqueness != Uniqueness::None) {
        unique.push(path.with_sub(sub.clone()));
    }
    if attribute.uniqueness != Uniqueness::None {
        unique.push(path);
    }
}

fn collect_hidden(attribute: &AttributeDef, hidden: &mut Vec<String>) {
    let not_shown = |one: &AttributeDef| matches!(one.returned, Returned::Request | Returned::Never);
    let subs = attribute.sub_attributes.iter().map(|sub| sub.as_ref());
    for one in std::iter::once(attribute).chain(subs).filter(|one| not_shown(one)) {
        if !hidden.contains(&one.name) {
            hidden.push(one.name.clone());
        }
    }
}
