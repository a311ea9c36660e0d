//! From tables and settings to a [`Mapping`]: names become definitions, what the directory's schema lacks falls out, and
//! what cannot be held is said.

use std::hash::Hasher;
use std::sync::Arc;

use scim_core::access::Profile;
use scim_core::filter::{self, BoundFilter};
use scim_core::limits::Limits;
use scim_core::path::{self, AttrPath, Target, equalities};
use scim_core::schema::Place as Lives;
use scim_core::schema::{AttributeDef, Kind, ResourceType, Type};
use scim_core::store::{Held, Shortfall};
use serde_json::Value;
use siphasher::sip::SipHasher13;

use crate::ldap::{AttributeName, Dn, Filter, Reach};

use super::active::{SWITCHED, Switch, Today};
use super::column::Prefix;
use super::computed::{Computed, Template};
use super::line::{Line, Meaning, secret_told};
use super::schema::Schema;
use super::settings::{ActiveSetting, Cell, Direction, Members, ScopeSetting, TypeSettings};
use super::syntax::Syntax;
use super::tables::Table;
use super::{Active, Column, Fill, Gone, Id, LinkColumn, Mapping, OnDelete, Place, Plan, Unnamed, VersionSource};

/// Settings that make no mapping: the setting, the value, the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadMapping(pub String);

/// What may be done with the directory at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Powers {
    /// Attributes may be written.
    pub write: bool,
    /// Passwords may be set: only over a protected connection.
    pub passwords: bool,
}

/// A mapping, and what it leaves out.
#[derive(Debug, Clone)]
pub struct Built {
    /// The mapping.
    pub mapping: Mapping,
    /// What cannot be held, and why.
    pub shortfalls: Vec<Shortfall>,
}

/// Builds the mapping of a type. `section` is where its settings stand, for messages.
///
/// # Errors
/// A setting that cannot be: a name that is none, an id that is a DN, a SCIM path that the type lacks.
pub fn build(
    rt: &Arc<ResourceType>,
    table: &Table,
    settings: &TypeSettings,
    section: &str,
    schema: &dyn Schema,
    powers: Powers,
) -> Result<Built, BadMapping> {
    Builder { rt, section, schema, powers, settings, table, lacking: Vec::new(), once: Vec::new() }.build()
}

struct Builder<'a> {
    rt: &'a Arc<ResourceType>,
    section: &'a str,
    schema: &'a dyn Schema,
    powers: Powers,
    settings: &'a TypeSettings,
    table: &'a Table,
    /// What is mapped to something the directory lacks: for the shortfall.
    lacking: Vec<(AttrPath, String)>,
    /// What is given once.
    once: Vec<AttrPath>,
}

impl Builder<'_> {
    fn build(mut self) -> Result<Built, BadMapping> {
        let place = self.place()?;
        let mut columns = Vec::new();
        let mut computed = Vec::new();
        let mut links = Vec::new();
        let mut fills = self.fills()?;
        for (meaning, line) in self.lines()? {
            if let Some(link) = self.rt.link(&meaning.at) {
                let by_name = line.names.iter().any(|name| name.is("memberUid"));
                if let Some((name, write)) = self.usable(&meaning.at, &line, &place.classes).into_iter().next() {
                    let placeholder = self.settings.placeholder.as_deref().map(|text| self.dn("placeholder", text));
                    let placeholder = placeholder.transpose()?;
                    let (link, by_primary, deref) = (link.clone(), false, None);
                    links.push(LinkColumn { link, name, write, by_name, placeholder, by_primary, deref });
                }
                continue;
            }
            if let Some(template) = line.template {
                computed.push(Computed { at: meaning.at, template });
                continue;
            }
            if let (Some(default), Some(name)) = (&line.default, line.names.first()) {
                fills.push(Fill { name: name.clone(), from: Vec::new(), else_: Some(default.clone()) });
            }
            columns.extend(self.columns(meaning, &line, &place));
        }
        let active = self.active(&place)?;
        let can_turn = active.as_ref().is_some_and(|(_, active)| active.can_write());
        if self.settings.on_delete == Some(OnDelete::Deactivate) && !can_turn && self.settings.deleted_base.is_none() {
            return self.wrong(
                "on_delete",
                "is \"deactivate\", and nothing says who is active: set active to how it is kept, or deleted_base to where entries go",
            );
        }
        let (protected, deleted_base) = (self.protected()?, self.deleted_base(&place)?);
        let mapping = Mapping {
            placement: self.placement(&place)?,
            protected,
            on_delete: self.settings.on_delete.unwrap_or_default(),
            deleted_base,
            gone: Gone::default(),
            unnamed: Unnamed::default(),
            rt: self.rt.clone(),
            id: self.id()?,
            version: self.version(active.as_ref()),
            created: self.name("times", self.table.times.0)?,
            modified: self.name("times", self.table.times.1)?,
            columns,
            computed,
            links,
            active,
            fills,
            revision: 0,
            plan: Plan::default(),
            place,
        };
        let (revision, plan) = (revision(&mapping), Plan::of(&mapping));
        let shortfalls = self.shortfalls(&mapping);
        Ok(Built { mapping: Mapping { revision, plan, ..mapping }, shortfalls })
    }

    fn wrong<T>(&self, key: &str, problem: impl std::fmt::Display) -> Result<T, BadMapping> {
        Err(BadMapping(format!("{}.{key}: {problem}", self.section)))
    }

    fn name(&self, key: &str, text: &str) -> Result<AttributeName, BadMapping> {
        let name = AttributeName::new(text).or_else(|bad| self.wrong(key, bad))?;
        Ok(self.schema.usual(&name))
    }

    fn is_secret(&self, name: &AttributeName) -> bool {
        name.is_secret() || self.schema.attribute(name).is_some_and(|facts| facts.secret)
    }

    /// The name of an attribute that shows, or that others find entries by.
    fn open_name(&self, key: &str, text: &str) -> Result<AttributeName, BadMapping> {
        let name = self.name(key, text)?;
        if self.is_secret(&name) { self.wrong(key, secret_told(&name)) } else { Ok(name) }
    }

    fn dn(&self, key: &str, text: &str) -> Result<Dn, BadMapping> {
        Dn::parse(text).or_else(|bad| self.wrong(key, bad))
    }

    fn place(&self) -> Result<Place, BadMapping> {
        let Some(base) = &self.settings.base else {
            return self.wrong("base", "is not set: name the entry below which they are");
        };
        let base = self.dn("base", base)?;
        if base.is_root() {
            return self.wrong("base", "is empty: name the entry below which they are");
        }
        let filter = self.settings.filter.as_deref().unwrap_or(self.table.filter);
        let filter = Filter::parse(filter).or_else(|bad| self.wrong("filter", bad))?;
        let reach = match self.settings.scope {
            Some(ScopeSetting::One) => Reach::One,
            Some(ScopeSetting::Sub) | None => Reach::Tree,
        };
        let classes = match &self.settings.object_classes {
            Some(classes) if classes.is_empty() => return self.wrong("object_classes", "is empty: name one at least"),
            Some(classes) => classes.clone(),
            None => self.table.classes.iter().map(|class| (*class).to_owned()).collect(),
        };
        let rdn = self.open_name("rdn", self.settings.rdn.as_deref().unwrap_or(self.table.rdn))?;
        Ok(Place { base, reach, filter, classes, rdn })
    }

    fn id(&self) -> Result<Id, BadMapping> {
        let name = match &self.settings.id {
            Some(id) => {
                let name = self.open_name("id", id)?;
                if ["entryDN", "distinguishedName", "dn"].iter().any(|dn| name.is(dn)) {
                    return self.wrong(
                        "id",
                        "is the entry's name, which changes when the entry is renamed or moved; ids never change. Take \
                         entryUUID, objectGUID, nsUniqueId or ipaUniqueID",
                    );
                }
                match self.schema.attribute(&name) {
                    Some(facts) if facts.single => name,
                    Some(_) => return self.wrong("id", format_args!("{name} can have several values; an id is one")),
                    None => return self.wrong("id", format_args!("the directory's schema has no attribute {name}")),
                }
            }
            None => {
                let known = self.table.ids.iter().map(|id| AttributeName::known(id));
                let mut there = known.clone().filter(|name| self.schema.attribute(name).is_some());
                match there.next().or_else(|| known.clone().next()) {
                    Some(name) => name,
                    None => return self.wrong("id", "is not set"),
                }
            }
        };
        let syntax = if name.is("objectGUID") { Syntax::Guid } else { Syntax::Text };
        let uuid = ["objectGUID", "entryUUID", "ipaUniqueID"].iter().any(|uuid| name.is(uuid));
        let write = self.schema.attribute(&name).is_some_and(|facts| !facts.read_only) && self.settings.id.is_some();
        Ok(Id { name, syntax, uuid, write })
    }

    fn version(&self, active: Option<&(AttrPath, Active)>) -> VersionSource {
        // Who is in a group does not move the entry's own mark.
        let elsewhere = active.is_some_and(|(_, active)| active.switch().is_some());
        let known = self.table.version.filter(|_| !elsewhere).map(AttributeName::known);
        known
            .filter(|name| self.schema.attribute(name).is_some())
            .map_or(VersionSource::Digest, VersionSource::Attribute)
    }

    /// Where entries stand by what they are.
    fn placement(&self, place: &Place) -> Result<Vec<(BoundFilter, Dn)>, BadMapping> {
        let rules = Profile::default().rules();
        let mut all = Vec::new();
        for one in self.settings.placement.iter().flatten() {
            let base = self.within("placement", &one.base, place)?;
            let parsed = filter::parse(&one.when, &Limits::default());
            let bound = parsed.and_then(|parsed| filter::bind::bind(&parsed, self.rt, &rules));
            let bound = bound.or_else(|bad| self.wrong("placement", format_args!("{:?}: {bad}", one.when)))?;
            all.push((bound, base));
        }
        Ok(all)
    }

    /// An entry below which others of the type stand.
    fn within(&self, key: &str, text: &str, place: &Place) -> Result<Dn, BadMapping> {
        let dn = self.dn(key, text)?;
        let fits = dn == place.base || (place.reach == Reach::Tree && dn.is_within(&place.base));
        if !fits {
            return self.wrong(
                key,
                format_args!(
                    "{dn} is not within the base {} with its scope, and what is put there would be seen no more: take a base                      that is above both",
                    place.base
                ),
            );
        }
        Ok(dn)
    }

    fn protected(&self) -> Result<Option<Filter>, BadMapping> {
        let parse = |text: &String| Filter::parse(text).or_else(|bad| self.wrong("protected", bad));
        self.settings.protected.as_ref().map(parse).transpose()
    }

    /// Where entries go that are deleted and stay: out of sight.
    fn deleted_base(&self, place: &Place) -> Result<Option<Dn>, BadMapping> {
        let Some(text) = &self.settings.deleted_base else { return Ok(None) };
        let dn = self.dn("deleted_base", text)?;
        if self.settings.on_delete != Some(OnDelete::Deactivate) {
            return self.wrong("deleted_base", "is for on_delete = \"deactivate\": set it, or leave this out");
        }
        if dn.is_within(&place.base) && place.reach != Reach::One || dn == place.base {
            return self.wrong(
                "deleted_base",
                format_args!("{dn} is within the base {}, where what is deleted would still be seen", place.base),
            );
        }
        Ok(Some(dn))
    }

    fn active(&self, place: &Place) -> Result<Option<(AttrPath, Active)>, BadMapping> {
        let Some(at) = path::attribute("active", self.rt, false).filter(|at| at.attr().ty == Type::Boolean) else {
            return Ok(None);
        };
        let known = match &self.settings.active {
            None => self.table.active,
            Some(ActiveSetting::Known(text)) => text,
            Some(ActiveSetting::Attribute { attribute, on, off }) => {
                let name = self.open_name("active.attribute", attribute)?;
                return Ok(Some((at, Active::Attribute { name, on: on.clone(), off: off.clone() })));
            }
            Some(ActiveSetting::Group { group, members, attribute }) => {
                let name = attribute.as_deref().unwrap_or("member");
                let members_at = self.open_name("active.attribute", name)?;
                let group = self.dn("active.group", group)?;
                let on = members.unwrap_or_default() == Members::Active;
                return Ok(Some((at, Active::Group(Switch { group, members: members_at, on }))));
            }
            Some(ActiveSetting::Move { ou_move }) => {
                let below = self.within("active.ou_move", ou_move, place)?;
                if below == place.base {
                    return self.wrong("active.ou_move", "is the base itself: nobody would be active");
                }
                return Ok(Some((at, Active::Below(below))));
            }
        };
        let active = match known {
            "none" => Active::Always,
            "ad_uac" => Active::AdControl,
            "ns_account_lock" => Active::NsAccountLock,
            "ppolicy_lock" => Active::PpolicyLock,
            "shadow_expire" => Active::ShadowExpire(Today::default()),
            other => {
                return self.wrong(
                    "active",
                    format_args!(
                        "{other:?} is no way to keep it: write none, ad_uac, ns_account_lock, ppolicy_lock or shadow_expire, or \
                         {{ attribute = \"…\", on = \"…\", off = \"…\" }}, {{ group = \"cn=…\" }} or {{ ou_move = \"ou=…\" }}"
                    ),
                );
            }
        };
        Ok(Some((at, active)))
    }

    /// The lines in force: those of the settings in the place of those of the table.
    fn lines(&self) -> Result<Vec<(Meaning, Line)>, BadMapping> {
        let mut lines: Vec<(Meaning, Line)> = Vec::new();
        for row in &self.table.rows {
            // A tenant's own schemas may leave out what the table names.
            let Some(meaning) = self.meaning(row.path) else { continue };
            let names = row.names.iter().map(|name| AttributeName::known(name)).collect();
            let (syntax, primary, read_only) = (row.syntax, row.primary, row.read_only);
            lines.push((meaning, Line { syntax, primary, read_only, asked_for: false, ..Line::of(names) }));
        }
        for (path, cell) in &self.settings.attributes {
            let key = format!("attributes.{path:?}");
            let Some(meaning) = self.meaning(path) else {
                return self.wrong(
                    &key,
                    format_args!(
                        "the type {} has no such attribute; write a path such as name.familyName, emails[type eq \
                         \"work\"].value or, for an extension, its URN, a colon and the name",
                        self.rt.kind
                    ),
                );
            };
            let primary = lines.iter().any(|(other, line)| *other == meaning && line.primary);
            let whole = matches!(cell, Cell::Table(table) if table.syntax == Some(Syntax::Json));
            let meaning = match (whole, &meaning.kind) {
                (true, Some(_)) => {
                    return self.wrong(&key, "JSON holds an attribute as a whole: name it without a type");
                }
                (true, None) => Meaning { at: meaning.at.attribute(), kind: None },
                (false, _) => meaning,
            };
            let line = self.line(&key, cell, primary)?;
            // What says itself which value is primary stands for all types.
            let whole = whole || meaning.kind.is_none() && line.as_ref().is_some_and(|line| line.prefix.is_some());
            lines.retain(|(other, _)| *other != meaning && !(whole && other.at.same_attribute(&meaning.at)));
            if let Some(line) = line {
                line.problem(&meaning, &|name| self.is_secret(name))
                    .map_or(Ok(()), |problem| self.wrong(&key, problem))?;
                let (attr, leaf) = (meaning.at.attr(), meaning.at.leaf());
                let is_text = leaf.ty == Type::String && !leaf.multi_valued && !attr.multi_valued && !leaf.required;
                if line.template.is_some() && (!is_text || meaning.at.place() != Lives::Document) {
                    return self.wrong(
                        &key,
                        "only a text that stands once, and need not be there, can be constant or put together",
                    );
                }
                let ty = meaning.at.leaf().ty;
                if line.syntax.is_some_and(|syntax| !syntax.makes(ty)) {
                    return self.wrong(
                        &key,
                        format_args!(
                            "{} is of the type {} in SCIM, which no value of this syntax is: leave it out",
                            meaning.at,
                            ty.name()
                        ),
                    );
                }
                lines.push((meaning, line));
            }
        }
        Ok(lines)
    }

    fn line(&self, key: &str, cell: &Cell, primary: bool) -> Result<Option<Line>, BadMapping> {
        let of = |names: Vec<AttributeName>| Line { primary, ..Line::of(names) };
        let made = |template: Template| Line { read_only: true, template: Some(template), ..of(Vec::new()) };
        Ok(match cell {
            Cell::Constant { constant } => Some(made(Template::constant(constant))),
            Cell::Template { template } => Some(made(
                Template::parse(template).or_else(|bad| self.wrong(key, format_args!("{template:?}: {bad}")))?,
            )),
            Cell::Mapped(false) => None,
            Cell::Mapped(true) => return self.wrong(key, "true says nothing: name the attribute, or write false"),
            Cell::Name(name) => Some(of(vec![self.name(key, name)?])),
            Cell::Names(names) => Some(of(names.iter().map(|name| self.name(key, name)).collect::<Result<_, _>>()?)),
            Cell::Table(table) => Some(Line {
                syntax: table.syntax,
                read_only: table.direction == Direction::ReadOnly,
                once: table.direction == Direction::CreateOnly,
                transforms: table.transforms.clone(),
                prefix: table
                    .prefix
                    .as_deref()
                    .map(|text| Prefix::new(text).or_else(|bad| self.wrong(key, format_args!("prefix {text:?} {bad}"))))
                    .transpose()?,
                default: table.default.clone(),
                ..of(vec![self.name(key, &table.attribute)?])
            }),
        })
    }

    /// The attribute (or the part) that a path means, and the `type` of its elements. The value of an element where no
    /// part is named.
    fn meaning(&self, path: &str) -> Option<Meaning> {
        let rules = Profile::default().rules();
        let value = |at: AttrPath| {
            let part = at.attr().sub("value").filter(|_| at.sub().is_none() && at.place() == Lives::Document).cloned();
            part.map_or(at.clone(), |part| at.with_sub(part))
        };
        match path::resolve(path, self.rt, &rules, &Limits::default()).ok()? {
            Target::Attribute(at) if at.attr().is_complex() => Some(Meaning { at: value(at), kind: None }),
            Target::Attribute(at) => Some(Meaning { at, kind: None }),
            Target::Element { at, filter, sub } => match equalities(&filter)?.as_slice() {
                [(by, Value::String(kind))] if by.sub().is_some_and(|sub| sub.name == "type") => {
                    let at = sub.map_or_else(|| value(at.clone()), |sub| at.with_sub(sub));
                    Some(Meaning { at, kind: Some(kind.clone()) })
                }
                _ => None,
            },
            Target::Extension(_) => None,
        }
    }

    fn fills(&self) -> Result<Vec<Fill>, BadMapping> {
        let known = self.table.fills.iter();
        Ok(known
            .map(|(name, from, else_)| Fill {
                name: AttributeName::known(name),
                from: from.iter().filter_map(|path| path::attribute(path, self.rt, false)).collect(),
                else_: else_.map(str::to_owned),
            })
            .collect())
    }

    /// The attributes of a line that the directory has, and whether they may be written.
    fn usable(&mut self, at: &AttrPath, line: &Line, classes: &[String]) -> Vec<(AttributeName, bool)> {
        let mut usable = Vec::new();
        for name in &line.names {
            let Some(facts) = self.schema.attribute(name) else {
                self.lacking.push((at.clone(), format!("is mapped to {name}, which the directory's schema lacks")));
                continue;
            };
            let allowed = self.schema.allows(classes, name);
            if !allowed {
                let why = format!(
                    "is mapped to {name}, which no class of a new entry allows ({}): add the class that does to \
                     object_classes",
                    classes.join(", ")
                );
                self.lacking.push((at.clone(), why));
                if !line.asked_for {
                    continue;
                }
            }
            let write = allowed && self.powers.write && !line.read_only && !facts.read_only;
            usable.push((name.clone(), write && self.may_write(name)));
        }
        usable
    }

    /// Does the operator let this attribute be written?
    fn may_write(&self, name: &AttributeName) -> bool {
        self.settings.writable.as_ref().is_none_or(|all| all.iter().any(|own| name.is(own)))
    }

    fn columns(&mut self, meaning: Meaning, line: &Line, place: &Place) -> Vec<Column> {
        let Meaning { at, kind } = meaning;
        if at.place() == Lives::Secret && !self.powers.passwords {
            let why = "is not taken: it is set over a protected connection only, and in mode write";
            self.lacking.push((at, why.to_owned()));
            return Vec::new();
        }
        let syntax = line.syntax.unwrap_or_else(|| Syntax::of(at.leaf().ty));
        let usable = self.usable(&at, line, &place.classes);
        let column = |(name, write): (AttributeName, bool)| {
            let facts = self.schema.attribute(&name).unwrap_or_default();
            let single = facts.single || syntax == Syntax::Json || !(at.attr().multi_valued || at.leaf().multi_valued);
            let (at, kind) = (at.clone(), kind.clone());
            let (transforms, prefix) = (line.transforms.clone(), line.prefix.clone());
            let (primary, rules) = (line.primary, facts.rules);
            Column { at, kind, name, syntax, transforms, prefix, write, single, primary, rules }
        };
        if line.once {
            self.once.push(at.clone());
        }
        usable.into_iter().map(column).collect()
    }

    fn shortfalls(&self, mapping: &Mapping) -> Vec<Shortfall> {
        let mut found = Vec::new();
        let own = self.rt.common.iter().chain(&self.rt.schema.attributes).map(|attr| (None, attr));
        let extended = self.rt.extensions.iter().flat_map(|extension| {
            let urn = &extension.schema.id;
            extension.schema.attributes.iter().map(move |attr| (Some(urn.clone()), attr))
        });
        for (urn, attr) in own.chain(extended) {
            let at = AttrPath::new(urn, attr.clone(), None);
            match attr.place {
                Lives::Id | Lives::Meta | Lives::Reverse => {}
                Lives::Document if attr.name == "schemas" => {}
                Lives::Link => self.of_link(mapping, at, &mut found),
                Lives::Secret | Lives::Document => self.of_columns(mapping, at, &mut found),
            }
        }
        found
    }

    fn say(&self, found: &mut Vec<Shortfall>, at: &AttrPath, held: Held, else_: &str) {
        let told = self.lacking.iter().find(|(lacking, _)| lacking.same_attribute(at) && *at.leaf() == *lacking.leaf());
        let whole = || self.lacking.iter().find(|(lacking, _)| lacking.same_attribute(at) && at.sub().is_none());
        let told = told.or_else(whole);
        let why = format!("{at} {}", told.map_or(else_, |(_, why)| why.as_str()));
        found.push(Shortfall { kind: self.kind(), at: at.clone(), held, why });
    }

    fn kind(&self) -> Kind {
        self.rt.kind.clone()
    }

    fn of_link(&self, mapping: &Mapping, at: AttrPath, found: &mut Vec<Shortfall>) {
        match mapping.link(&at) {
            None => self.say(found, &at, Held::Not, "is mapped to nothing"),
            Some(column) => {
                if !column.write {
                    self.say(found, &at, Held::ReadOnly, READ_ONLY);
                }
                if column.by_name {
                    let users = vec!["User".to_owned()];
                    self.say(found, &at, Held::Types(users), "holds user names: only users can be members");
                }
            }
        }
    }

    fn of_columns(&self, mapping: &Mapping, at: AttrPath, found: &mut Vec<Shortfall>) {
        if let Some((_, active)) = mapping.active.as_ref().filter(|(active, _)| active.same_attribute(&at)) {
            let may = active.attribute().is_none_or(|name| name == SWITCHED || self.may_write(&name));
            if !active.can_write() || !self.powers.write || !may {
                self.say(found, &at, Held::ReadOnly, "is always true: set store.ldap.users.active to how it is kept");
            }
            return;
        }
        let columns: Vec<&Column> = mapping.columns_of(&at).collect();
        if columns.is_empty() && mapping.computed.iter().any(|computed| computed.at.same_attribute(&at)) {
            self.say(found, &at, Held::ReadOnly, PUT_TOGETHER);
            let parts = at.attr().sub_attributes.iter().map(|sub| at.with_sub(sub.clone()));
            for part in parts.filter(|part| mapping.computed(part).is_none()) {
                self.say(found, &part, Held::Not, "is mapped to nothing");
            }
            return;
        }
        if columns.is_empty() && at.attr().name == "externalId" {
            return self.say(
                found,
                &at,
                Held::Not,
                "is mapped to nothing: a control store keeps it (control.backend = \"sqlite\")",
            );
        }
        if columns.is_empty() {
            return self.say(found, &at, Held::Not, "is mapped to nothing");
        }
        for once in self.once.iter().filter(|once| once.same_attribute(&at)) {
            let at = if at.attr().is_complex() && !at.attr().multi_valued { once.clone() } else { at.clone() };
            self.say(found, &at, Held::Once, "is given once, and never changed");
        }
        if columns.iter().all(|column| !column.write) {
            self.say(found, &at, Held::ReadOnly, READ_ONLY);
        } else if columns.iter().any(|column| column.name == mapping.place.rdn)
            && !at.attr().is_complex()
            && !at.attr().required
        {
            self.say(found, &at, Held::Required, "is the name of the entry");
        }
        if columns.iter().any(|column| column.syntax == Syntax::Json) {
            return;
        }
        for sub in &at.attr().sub_attributes {
            if mapping.computed(&at.with_sub(sub.clone())).is_some() {
                self.say(found, &at.with_sub(sub.clone()), Held::ReadOnly, PUT_TOGETHER);
                continue;
            }
            self.of_part(&columns, &at, sub, found);
        }
        let kinds: Vec<String> =
            columns.iter().filter_map(|column| column.kind.clone()).fold(Vec::new(), |mut all, kind| {
                if !all.contains(&kind) {
                    all.push(kind);
                }
                all
            });
        if !kinds.is_empty() {
            self.say(found, &at, Held::Types(kinds), "has attributes of the directory for some types only");
        }
    }

    fn of_part(&self, columns: &[&Column], at: &AttrPath, sub: &Arc<AttributeDef>, found: &mut Vec<Shortfall>) {
        let part = at.with_sub(sub.clone());
        let own: Vec<_> = columns.iter().filter(|column| column.at == part).collect();
        match sub.name.as_str() {
            "type" if columns.iter().any(|column| column.kind.is_some()) => {}
            "primary" if columns.iter().any(|column| column.prefix.is_some()) => {}
            "primary" if columns.iter().any(|column| column.primary) => {
                self.say(
                    found,
                    &part,
                    Held::ReadOnly,
                    "follows from a rule: a directory keeps no order and no preference",
                );
            }
            _ if own.is_empty() => self.say(found, &part, Held::Not, "is mapped to nothing"),
            _ if own.iter().all(|column| !column.write) && columns.iter().any(|column| column.write) => {
                self.say(found, &part, Held::ReadOnly, READ_ONLY);
            }
            _ => {}
        }
    }
}

const READ_ONLY: &str = "can be read only";
const PUT_TOGETHER: &str = "is put together by the configuration";

/// A number that moves with whatever a version says of what is mapped.
fn revision(mapping: &Mapping) -> u32 {
    let mut hasher = SipHasher13::new();
    let mut add = |text: &str| {
        hasher.write(text.as_bytes());
        hasher.write_u8(0);
    };
    for column in &mapping.columns {
        add(&column.at.to_string());
        add(column.kind.as_deref().unwrap_or_default());
        add(column.name.as_str());
        add(&format!("{:?}", column.syntax));
        if !column.transforms.is_empty() || column.prefix.is_some() {
            add(&format!("{:?} {:?}", column.transforms, column.prefix));
        }
    }
    for column in &mapping.links {
        add(&column.link.at.to_string());
        add(column.name.as_str());
    }
    for computed in &mapping.computed {
        add(&format!("{} {:?}", computed.at, computed.template));
    }
    add(&format!("{:?} {:?}", mapping.active, mapping.id.name));
    u32::try_from(hasher.finish() & 0xffff_ffff).unwrap_or_default()
}
