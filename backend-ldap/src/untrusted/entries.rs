//! An entry of a directory that holds anything at all, read as a resource by every table and every kind of column.
//!
//! Bytes say what the entry holds: the same bytes, the same entry. So a fuzzer finds its way through them, and what it found is a test.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use scim_core::path;
use scim_core::schema::load::SchemaFile;
use scim_core::schema::{Options, Place, Registry, ResourceType, Type};
use serde_json::{Map, Value};

use crate::features::Features;
use crate::ldap::ber::{self, Writer, context_nested};
use crate::ldap::message::{Body, Message};
use crate::ldap::{AttributeName, Control, Dn, Entry, control, controls};
use crate::mapping::read::fits;
use crate::mapping::schema::{Equality, Facts, Rules, Schema};
use crate::mapping::settings::TypeSettings;
use crate::mapping::tables::Product;
use crate::mapping::{Mapping, Syntax};
use crate::settings::{Mode, Settings};
use crate::store::{dereferenced, record, seen};
use crate::tenant::Tenant;

/// Attributes of every type, each written in every way.
const ODD: &str = r#"[{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
  "id": "urn:example:odd", "name": "Odd", "description": "One of each type", "attributes": [
    { "name": "text" }, { "name": "texts", "multiValued": true }, { "name": "flag", "type": "boolean" },
    { "name": "number", "type": "integer" }, { "name": "fraction", "type": "decimal" }, { "name": "when", "type": "dateTime" },
    { "name": "bytes", "type": "binary" }, { "name": "times", "type": "dateTime", "multiValued": true },
    { "name": "things", "type": "complex", "multiValued": true, "subAttributes": [
      { "name": "value" }, { "name": "size", "type": "integer" }, { "name": "type" }, { "name": "primary", "type": "boolean" } ] }
  ] }]"#;

const ODDS: [(&str, Type); 9] = [
    ("text", Type::String),
    ("texts", Type::String),
    ("flag", Type::Boolean),
    ("number", Type::Integer),
    ("fraction", Type::Decimal),
    ("when", Type::DateTime),
    ("bytes", Type::Binary),
    ("times", Type::DateTime),
    ("things", Type::String),
];

/// The tables of each kind of directory, and how their columns are written over.
const PRODUCTS: [Product; 5] =
    [Product::OpenLdap, Product::Ds389, Product::FreeIpa, Product::ActiveDirectory, Product::Samba];
const SYNTAXES: [&str; 10] =
    ["text", "boolean", "integer", "generalized_time", "filetime", "binary", "guid", "lines", "photo", "json"];
const ACTIVE: [&str; 5] = [
    "\"none\"",
    "\"ad_uac\"",
    "\"ns_account_lock\"",
    "\"ppolicy_lock\"",
    r#"{ "attribute": "employeeType", "on": "in", "off": "out" }"#,
];

/// What bytes of no sense seldom are.
const VALUES: [&[u8]; 24] = [
    b"",
    b"TRUE",
    b"false",
    b"0",
    b"-1",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"66050",
    b"1e400",
    b"20261121212407.123Z",
    b"20240229240000+1459",
    b"000001010000Z",
    b"99991231235960,9Z",
    b"133444736000000000",
    b"\x78\x56\x34\x12\x34\x12\x78\x56\x01\x02\x03\x04\x05\x06\x07\x08",
    b"12345678-1234-5678-0102-030405060708",
    b"uid=ann,ou=people,dc=x",
    b"cn=staff\\2c all+ou=b,ou=groups,dc=x",
    b"<GUID=78563412341278560102030405060708>;cn=a,dc=x",
    b"cn=nobody",
    b"a$b\\24c\\5cd",
    b"[{\"value\":\"x\",\"size\":1,\"type\":null}]",
    b"\xff\xfe\x00\xc0\x80",
    "STRASSE \u{212a}\u{1f680}\u{0}".as_bytes(),
];

/// Names of entries, in their place and out of it.
const NAMES: [&str; 5] =
    ["uid=ann,ou=people,dc=x", "cn=ann,ou=people,dc=x", "cn=a\\2cb+sn=c,ou=groups,dc=x", "cn=c,ou=groups,dc=x", "dc=y"];

/// How long a value may be made.
const HUGE: usize = 1 << 20;
/// Attributes of one entry.
const MOST: usize = 24;

struct Everything;

impl Schema for Everything {
    fn attribute(&self, name: &AttributeName) -> Option<Facts> {
        let equality = if name.is("jpegPhoto") { Equality::None } else { Equality::Folded };
        Some(Facts { rules: Rules { equality, ..Rules::default() }, single: name.is("mail"), ..Facts::default() })
    }

    fn allows(&self, _: &[String], _: &AttributeName) -> bool {
        true
    }
}

static TENANTS: LazyLock<Result<Vec<Tenant>, String>> = LazyLock::new(|| {
    let file = SchemaFile { source: "odd.json".into(), text: ODD.into(), extends: Some("User".into()) };
    let registry = Registry::compile(&[file], &Options::default()).map_err(|error| error.to_string())?;
    let mut tenants = Vec::new();
    for (n, product) in PRODUCTS.iter().cycle().take(2 * SYNTAXES.len()).enumerate() {
        tenants.push(tenant(registry.types(), *product, n)?);
    }
    Ok(tenants)
});

fn tenant(types: &[Arc<ResourceType>], product: Product, n: usize) -> Result<Tenant, String> {
    let cell = |attribute: &str, n: usize, ty: Type| {
        let known = SYNTAXES.iter().cycle().skip(n % SYNTAXES.len()).take(SYNTAXES.len());
        let fits = |name: &&&str| {
            let syntax = serde_json::from_value::<Syntax>(Value::from(**name));
            syntax.is_ok_and(|syntax| syntax.makes(ty))
        };
        serde_json::json!({ "attribute": attribute, "syntax": known.into_iter().find(fits) })
    };
    let mut attributes = Map::new();
    for (k, (name, ty)) in ODDS.into_iter().enumerate() {
        attributes.insert(format!("urn:example:odd:{name}"), cell(&format!("odd{name}"), n + k, ty));
    }
    attributes.insert("nickName".into(), cell("nick", n, Type::String));
    attributes.insert("roles".into(), cell("roles", SYNTAXES.len() - 1, Type::Complex));
    attributes.insert("photos".into(), cell("jpegPhoto", SYNTAXES.len() - 2, Type::Reference));
    let settings = |value: Value| serde_json::from_value::<TypeSettings>(value).map_err(|error| error.to_string());
    let active: Value =
        ACTIVE.get(n % ACTIVE.len()).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let users = settings(serde_json::json!({ "base": "ou=people,dc=x", "attributes": attributes, "active": active }))?;
    let by_name =
        if n.is_multiple_of(3) { serde_json::json!({ "members": "memberUid" }) } else { serde_json::json!({}) };
    let groups = settings(serde_json::json!({ "base": "ou=groups,dc=x", "attributes": by_name }))?;
    let settings = Settings { mode: Mode::Write, users, groups, ..Settings::default() };
    let features = Features { product, ..Features::default() };
    Ok(Tenant::build("t", types, &settings, &features, &Everything).map_err(|bad| bad.to_string())?.0)
}

/// What bytes say, one after the other; zeros behind their end.
struct Says<'a>(&'a [u8]);

impl Says<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        all.get(usize::from(self.byte()) % all.len().max(1))
    }

    fn value(&mut self) -> Vec<u8> {
        let known = || VALUES.as_slice();
        match self.byte() % 8 {
            0..4 => self.of(known()).copied().unwrap_or_default().to_vec(),
            4 => {
                let mut value = self.of(known()).copied().unwrap_or_default().to_vec();
                let at = usize::from(self.byte()) % value.len().max(1);
                let byte = self.byte();
                value.get_mut(at).into_iter().for_each(|place| *place = byte);
                value
            }
            5 => {
                let one = self.of(known()).copied().unwrap_or_default();
                let times = 1_usize << (self.byte() % 20);
                one.iter().copied().cycle().take(if one.is_empty() { 0 } else { times.min(HUGE) }).collect()
            }
            _ => {
                let (own, rest) = self.0.split_at(usize::from(self.byte()).min(self.0.len().saturating_sub(1)));
                self.0 = rest;
                own.to_vec()
            }
        }
    }

    /// The name of an entry, mostly.
    fn dn(&mut self) -> Vec<u8> {
        match self.byte() % 4 {
            0 => self.value(),
            _ => self.of(&NAMES).map_or_else(Vec::new, |name| name.as_bytes().to_vec()),
        }
    }

    fn name(&mut self, mapping: &Mapping) -> Vec<u8> {
        let links = mapping.links.iter().map(|column| column.name.clone());
        let more = ["objectClass", "memberOf", "sAMAccountType"].map(AttributeName::known);
        let names: Vec<AttributeName> = mapping.plan.document.iter().cloned().chain(links).chain(more).collect();
        let name = self.of(&names).map(|name| name.as_str().to_owned()).unwrap_or_default();
        match self.byte() % 8 {
            0 => format!("{};range=0-{}", name, self.byte()).into_bytes(),
            1 => format!("{name};range=0-*").into_bytes(),
            2 => name.to_ascii_uppercase().into_bytes(),
            3 => self.value(),
            _ => name.into_bytes(),
        }
    }

    /// A PartialAttributeList.
    fn attributes(&mut self, writer: &mut Writer, mapping: &Mapping) {
        for _ in 0..usize::from(self.byte()) % MOST {
            writer.nest(ber::SEQUENCE, |one| {
                one.octets(self.name(mapping));
                one.nest(ber::SET, |values| {
                    for _ in 0..self.byte() % 4 {
                        values.octets(self.value());
                    }
                });
            });
        }
    }

    /// An entry, where the message is one.
    fn entry(&mut self, mapping: &Mapping) -> Option<Entry> {
        match Message::read(self.message(mapping).into()).ok()?.body {
            Body::Entry(entry) => entry.ok(),
            _ => None,
        }
    }

    /// An entry, with what is said of those it refers to.
    fn message(&mut self, mapping: &Mapping) -> Vec<u8> {
        let mut beside = Writer::new();
        beside.nest(ber::SEQUENCE, |list| {
            list.nest(ber::SEQUENCE, |one| {
                one.octets("member");
                one.octets(self.value());
                one.nest(context_nested(0), |attributes| self.attributes(attributes, mapping));
            });
        });
        let mut writer = Writer::new();
        writer.nest(ber::SEQUENCE, |whole| {
            whole.integer(ber::INTEGER, 1);
            whole.nest(0x64, |entry| {
                entry.octets(self.dn());
                entry.nest(ber::SEQUENCE, |list| self.attributes(list, mapping));
            });
            let control = Control::valued("1.3.6.1.4.1.4203.666.5.16", false, beside.into_bytes());
            control::write(whole, &[control]);
        });
        writer.into_bytes()
    }
}

/// Reads an entry that holds what these bytes say, and works out how it would become another. True: it was an entry.
///
/// # Errors
/// What came of it is no resource of the type: what does not fit was shown, or something differs from itself.
pub fn entry(bytes: &[u8]) -> Result<bool, String> {
    let mut says = Says(bytes);
    let tenants = TENANTS.as_ref().map_err(Clone::clone)?;
    let Some(tenant) = says.of(tenants) else { return Ok(false) };
    let Some(mapping) = says.of(tenant.mappings()) else { return Ok(false) };
    let Some(entry) = says.entry(mapping) else { return Ok(false) };
    let other = says.entry(mapping);
    read(tenant, mapping, &entry, other.as_ref())?;
    Ok(true)
}

fn read(tenant: &Tenant, mapping: &Mapping, entry: &Entry, other: Option<&Entry>) -> Result<(), String> {
    let id = mapping.id_of(entry);
    if let Some(id) = &id {
        let back: Option<Bytes> = mapping.id_value(id);
        if back.is_some() && back.as_ref() != entry.first(&mapping.id.name) {
            return Err(format!("the id {} is another's", id.as_str()));
        }
    }
    let record = record(mapping, entry, true);
    if record.is_some() != id.is_some() {
        return Err("a record without an id".into());
    }
    if let Some(record) = &record
        && record.modified < record.created
    {
        return Err("changed before it was made".into());
    }
    let _ = (seen(mapping, entry), mapping.label_of(entry), mapping.place.has(entry));
    for column in &mapping.links {
        for named in dereferenced(column, entry).unwrap_or_default() {
            let _ = tenant.kinds_of(&named, &column.link.kinds).count();
        }
        entry.texts(&column.name).for_each(|text| drop((Dn::parse(text), controls::extended_parts(text))));
        entry.part(column.name.base()).and_then(|part| part.name.range());
    }
    let document = mapping.attributes_of(entry);
    shown(&mapping.rt, &document)?;
    for (name, value) in document.iter().filter(|(name, _)| *name != "schemas") {
        let alone = path::attribute(name, &mapping.rt, false).map(|at| mapping.attributes_at(entry, &[at]));
        if alone.is_some_and(|alone| alone.get(name) != Some(value) || alone.len() > 2) {
            return Err(format!("{name} is otherwise where it is shown alone"));
        }
    }
    let same = mapping.difference(entry, &document, &document);
    if let Ok(changes) = &same
        && let Some(change) = changes.iter().find(|change| {
            let (name, _) = change.parts();
            // What was filled in follows what it was taken from.
            !mapping.fills.iter().any(|fill| fill.name == *name)
        })
    {
        return Err(format!("what is shown differs from itself: {change:?}"));
    }
    let wanted = other.map(|other| mapping.attributes_of(other)).unwrap_or_default();
    let _ = mapping.difference(entry, &document, &wanted);
    let _ = mapping.values_of(&wanted, None).map(|mut values| mapping.fill(&mut values, &wanted));
    if let Some((_, active)) = &mapping.active {
        for wanted in [true, false] {
            let _ = active.write(entry, wanted);
        }
    }
    Ok(())
}

/// Is each attribute that is shown one of the type, and of its form?
fn shown(rt: &ResourceType, document: &Map<String, Value>) -> Result<(), String> {
    let of = |attributes: &[Arc<scim_core::schema::AttributeDef>], own: &Map<String, Value>| {
        for (name, value) in own {
            let attr = attributes.iter().find(|attr| attr.name == *name && attr.place == Place::Document);
            let extension = rt.extensions.iter().any(|extension| *extension.schema.id == **name);
            if name != "schemas" && !extension && !attr.is_some_and(|attr| fits(attr, value)) {
                return Err(format!("{name} is shown as {value}"));
            }
        }
        Ok(())
    };
    let own: Vec<_> = rt.common.iter().chain(&rt.schema.attributes).cloned().collect();
    of(&own, document)?;
    for extension in &rt.extensions {
        if let Some(Value::Object(own)) = document.get(&*extension.schema.id) {
            of(&extension.schema.attributes, own)?;
        }
    }
    Ok(())
}
