//! A document as values of the directory, and the difference of two as one Modify.

use std::collections::BTreeMap;

use bytes::Bytes;
use scim_core::document::values;
use scim_core::path::AttrPath;
use scim_core::schema::Place;
use serde_json::{Map, Value};

use crate::ldap::{AttributeName, Change, Entry, Rdn};

use super::schema::Equality;
use super::{Column, Fill, Mapping, Syntax};

/// What the directory cannot hold: the attribute, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Unholdable {
    /// The attribute.
    pub at: AttrPath,
    /// Why, and what would do.
    pub why: String,
}

/// The values of each attribute of the directory, in the order of the columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values(Vec<(AttributeName, Vec<Bytes>)>);

impl Values {
    /// Those of this attribute.
    pub fn of(&self, name: &AttributeName) -> &[Bytes] {
        self.0.iter().find(|(own, _)| own == name).map_or(&[], |(_, values)| values.as_slice())
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &(AttributeName, Vec<Bytes>)> {
        self.0.iter()
    }

    /// Sets one value where there is none.
    pub fn fill(&mut self, name: &AttributeName, value: Bytes) {
        if self.of(name).is_empty() {
            self.push(name, value);
        }
    }

    fn push(&mut self, name: &AttributeName, value: Bytes) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => self.0.push((name.clone(), vec![value])),
        }
    }
}

impl Mapping {
    /// What the columns that can be written hold of a document. `present` is the entry as it is: a value stays in the
    /// attribute where it is already.
    ///
    /// # Errors
    /// A value that no column takes: two of a kind where one fits, a type without a column.
    pub fn values_of(&self, document: &Map<String, Value>, present: Option<&Entry>) -> Result<Values, Unholdable> {
        let mut out = Values::default();
        for at in values::attributes(&self.rt) {
            let columns: Vec<&Column> = self.columns_of(&at).filter(|column| column.write).collect();
            let Some(value) = values::whole(document, &at).filter(|_| !columns.is_empty()) else { continue };
            if let Some(whole) = columns.iter().find(|column| column.syntax == Syntax::Json) {
                out.push(&whole.name, to_ldap(whole, value)?);
                continue;
            }
            match (at.attr().is_complex(), value) {
                (true, Value::Array(elements)) => self.put_elements(&mut out, &at, &columns, elements, present)?,
                (true, Value::Object(parts)) => put_parts(&mut out, &columns, parts)?,
                (false, Value::Array(all)) => {
                    put(&mut out, &columns, all.iter().collect::<Vec<_>>().as_slice(), present)?;
                }
                (_, one) => put(&mut out, &columns, &[one], present)?,
            }
        }
        Ok(out)
    }

    fn put_elements(
        &self,
        out: &mut Values,
        at: &AttrPath,
        columns: &[&Column],
        elements: &[Value],
        present: Option<&Entry>,
    ) -> Result<(), Unholdable> {
        let mut by_kind: BTreeMap<Option<String>, Vec<&Map<String, Value>>> = BTreeMap::new();
        for element in elements.iter().filter_map(Value::as_object) {
            // Without a type it goes where the first line of the table says.
            let asked = element.get("type").and_then(Value::as_str);
            let fitting = columns.iter().find(|column| match (&column.kind, asked) {
                (Some(own), Some(asked)) => own.eq_ignore_ascii_case(asked),
                (_, None) | (None, _) => true,
            });
            let Some(column) = fitting else {
                // What can be read only was left out of the columns: it stays as it is.
                if self
                    .columns_of(at)
                    .any(|column| column.kind.as_deref().map(str::to_owned) == asked.map(str::to_owned))
                {
                    continue;
                }
                return Err(Unholdable {
                    at: at.clone(),
                    why: format!("the directory has no attribute for the type {}", asked.unwrap_or("(none)")),
                });
            };
            by_kind.entry(column.kind.clone()).or_default().push(element);
        }
        for (kind, elements) in by_kind {
            let own: Vec<&Column> = columns.iter().copied().filter(|column| column.kind == kind).collect();
            if own.iter().all(|column| column.at.sub().is_some_and(|sub| sub.name == "value")) {
                let all: Vec<&Value> = elements.iter().filter_map(|element| element.get("value")).collect();
                match own.iter().find(|column| column.prefix.is_some()) {
                    Some(column) => put_marked(out, column, &elements, present)?,
                    None => put(out, &own, &all, present)?,
                }
            } else if let [only] = elements.as_slice() {
                put_parts(out, &own, only)?;
            } else {
                let kind = kind.unwrap_or_default();
                return Err(Unholdable {
                    at: at.clone(),
                    why: format!("the directory holds one value of the type {kind:?}; send one"),
                });
            }
        }
        Ok(())
    }

    /// What a new entry has beside its document: values that the directory wants.
    pub fn fill(&self, values: &mut Values, document: &Map<String, Value>) {
        for fill in &self.fills {
            let taken = fill.from.iter().find_map(|at| fill.taken(at, values::whole(document, at)?.as_str()?));
            if let Some(text) = taken.or(fill.else_.as_deref()) {
                values.fill(&fill.name, Bytes::copy_from_slice(text.as_bytes()));
            }
        }
    }

    /// The changes that make of an entry that shows `now` one that shows `then`: by value, so that what is not mapped and
    /// what others add meanwhile stays. Not `active`, links or secrets.
    ///
    /// # Errors
    /// As [`Mapping::values_of`].
    pub fn difference(
        &self,
        entry: &Entry,
        now: &Map<String, Value>,
        then: &Map<String, Value>,
    ) -> Result<Vec<Change>, Unholdable> {
        let shown = self.values_of(now, Some(entry))?;
        let wanted = self.values_of(then, Some(entry))?;
        let mut changes = Vec::new();
        let mut seen: Vec<&AttributeName> = Vec::new();
        for column in self.columns.iter().filter(|column| column.write && column.at.place() == Place::Document) {
            if seen.contains(&&column.name) {
                continue;
            }
            seen.push(&column.name);
            let (shown, wanted) = (shown.of(&column.name), wanted.of(&column.name));
            let gone: Vec<&Bytes> = shown.iter().filter(|value| !wanted.contains(value)).collect();
            let new: Vec<Bytes> = wanted.iter().filter(|value| !shown.contains(value)).cloned().collect();
            if gone.is_empty() && new.is_empty() {
                continue;
            }
            self.change(entry, column, &gone, new, then, &mut changes);
        }
        self.refill(entry, then, &mut changes);
        self.country_changes(entry, &wanted, &mut changes);
        Ok(changes)
    }

    /// What stands somewhere because the directory wants a value follows what it was taken from, the name of the entry too.
    fn refill(&self, entry: &Entry, then: &Map<String, Value>, changes: &mut Vec<Change>) {
        let mut filled = Values::default();
        self.fill(&mut filled, then);
        let rdn = entry.dn.rdn();
        for fill in &self.fills {
            let named = rdn.as_ref().and_then(|rdn| rdn.value(fill.name.base()));
            if named.is_some() && fill.name != self.place.rdn {
                // Whoever named the entry by it meant it.
                continue;
            }
            let old = match (named, entry.values(&fill.name)) {
                (Some(named), _) => Bytes::copy_from_slice(named),
                (None, [only]) => only.clone(),
                (None, _) => continue,
            };
            let mapped = self.columns.iter().any(|column| column.name == fill.name);
            let follows = match mapped {
                true => named.is_none() && self.hides(entry, &fill.name, &old),
                // What nobody sees may stay, but for names that somebody else may want.
                false => (named.is_some() || fill.is_unique()) && self.is_taken(entry, fill, &old),
            };
            let touched = changes.iter().any(|change| *change.parts().0 == fill.name);
            let [new] = filled.of(&fill.name) else { continue };
            if !touched && old != *new && follows {
                changes.push(Change::Delete(fill.name.clone(), vec![old]));
                changes.push(Change::Add(fill.name.clone(), vec![new.clone()]));
            }
        }
    }

    /// Was this value taken from what the entry has where the fill looks?
    fn is_taken(&self, entry: &Entry, fill: &Fill, value: &[u8]) -> bool {
        let of = |at| self.columns_of(at).find_map(|column| entry.text(&column.name));
        let taken = fill.from.iter().find_map(|at| fill.taken(at, of(at)?));
        taken.is_some_and(|taken| taken.as_bytes() == value)
    }

    /// Of an attribute that has one value in SCIM and several in the directory, the first is shown. So a new one is put before the
    /// others, which stay; and where none is to be there, all of them go.
    fn settle(&self, entry: &Entry, column: &Column, delete: &mut Vec<Bytes>, new: &mut Vec<Bytes>) {
        let held = entry.values(&column.name).iter();
        let shown = |raw: &Bytes| column.to_scim(raw).is_some() && !self.hides(entry, &column.name, raw);
        let others: Vec<Bytes> = held.filter(|raw| !delete.contains(raw) && shown(raw)).cloned().collect();
        if let Some(first) = new.first().cloned() {
            let alike = |raw: &Bytes| match column.rules.equality {
                Equality::Exact => *raw == first,
                _ => Rdn::new(column.name.clone(), first.to_vec()).is_ok_and(|rdn| rdn.has(&column.name, raw)),
            };
            new.extend(others.iter().filter(|raw| !alike(raw)).cloned());
        }
        delete.extend(others);
    }

    /// What is shown in the place of a value that the directory wants and nobody gives any more: it comes before the other values, which no
    /// client sees, and which stay. None: nothing, or what is hidden.
    fn stands_instead(&self, name: &AttributeName, then: &Map<String, Value>) -> Option<Bytes> {
        let text = |at: &AttrPath| values::whole(then, at)?.as_str().map(str::to_owned);
        let fill = self.fills.iter().find(|fill| fill.name == *name)?;
        let (at, taken) = fill.from.iter().find_map(|at| Some((at, text(at)?)))?;
        let login = fill.from.iter().filter(|at| at.attr().name == "userName").find_map(text);
        (at.attr().name != "userName" && login.as_ref() != Some(&taken)).then(|| taken.into())
    }

    fn change(
        &self,
        entry: &Entry,
        column: &Column,
        gone: &[&Bytes],
        mut new: Vec<Bytes>,
        then: &Map<String, Value>,
        changes: &mut Vec<Change>,
    ) {
        let held = entry.values(&column.name);
        let is_gone = |raw: &&Bytes| {
            let shown = column.to_scim(raw);
            gone.iter().any(|value| *value == *raw || (shown.is_some() && column.to_scim(value) == shown))
        };
        let mut delete: Vec<Bytes> = held.iter().filter(is_gone).cloned().collect();
        if column.single && !new.is_empty() {
            // What is no value of this kind is shown to nobody, and would stand beside the new one, or in its way.
            let strange = held.iter().filter(|raw| column.to_scim(raw).is_none() && !delete.contains(raw));
            let strange: Vec<Bytes> = strange.cloned().collect();
            delete.extend(strange);
        }
        if !new.is_empty() {
            // What stands for a name that nobody gave makes room; a user name beside others was put there by somebody else.
            let alone = held.iter().all(|value| self.hides(entry, &column.name, value));
            let ours = |value: &&Bytes| {
                let fixed = self.placeholder(&column.name).is_some_and(|text| text.as_bytes() == **value);
                self.hides(entry, &column.name, value) && (alone || fixed) && !delete.contains(value)
            };
            let hidden: Vec<Bytes> = held.iter().filter(ours).cloned().collect();
            delete.extend(hidden);
        }
        let rdn = entry.dn.rdn();
        let named = rdn.as_ref().is_some_and(|rdn| rdn.value(column.name.base()).is_some());
        if !column.at.attr().multi_valued && !named {
            if new.is_empty()
                && let Some(stands) = self.stands_instead(&column.name, then)
            {
                if delete.contains(&stands) {
                    return;
                }
                new.push(stands);
            }
            self.settle(entry, column, &mut delete, &mut new);
        }
        if delete.len() == held.len() && new.is_empty() && (!named || column.name == self.place.rdn) {
            // The last value goes: what the directory wants there takes its place.
            let mut filled = Values::default();
            self.fill(&mut filled, then);
            new = filled.of(&column.name).to_vec();
            new.retain(|value| !delete.contains(value) || held.len() > delete.len());
            if new.is_empty() && filled.of(&column.name).iter().any(|value| delete.contains(value)) {
                return;
            }
        }
        if column.rules.equality == Equality::None {
            // Single values cannot be named there: all of them are said.
            let kept = held.iter().filter(|value| !delete.contains(value)).cloned();
            changes.push(Change::Replace(column.name.clone(), kept.chain(new).collect()));
            return;
        }
        if !delete.is_empty() {
            changes.push(Change::Delete(column.name.clone(), delete));
        }
        if !new.is_empty() {
            changes.push(Change::Add(column.name.clone(), new));
        }
    }
}

fn put_parts(out: &mut Values, columns: &[&Column], parts: &Map<String, Value>) -> Result<(), Unholdable> {
    for column in columns {
        let value = column.at.sub().and_then(|sub| parts.get(&sub.name));
        if let Some(value) = value {
            out.push(&column.name, to_ldap(column, value)?);
        }
    }
    Ok(())
}

/// Puts elements behind a prefix that says which of them is primary: the one that says so, else the one that is now, else the first,
/// as there must be one.
fn put_marked(
    out: &mut Values,
    column: &Column,
    elements: &[&Map<String, Value>],
    present: Option<&Entry>,
) -> Result<(), Unholdable> {
    let values: Vec<(Bytes, bool)> = elements
        .iter()
        .filter_map(|element| Some((element.get("value")?, element.get("primary") == Some(&Value::Bool(true)))))
        .map(|(value, primary)| Ok((to_ldap(column, value)?, primary)))
        .collect::<Result<_, Unholdable>>()?;
    let held = present.map_or(&[][..], |entry| entry.values(&column.name));
    let now = held.iter().find(|raw| column.is_primary(raw)).and_then(|raw| column.to_scim(raw));
    let asked = values.iter().position(|(_, primary)| *primary);
    let stays = || values.iter().position(|(bytes, _)| now.is_some() && column.to_scim(bytes) == now);
    let primary = asked.or_else(stays).unwrap_or_default();
    for (n, (bytes, _)) in values.into_iter().enumerate() {
        out.push(&column.name, if n == primary { column.as_primary(bytes) } else { bytes });
    }
    Ok(())
}

/// Spreads values over the columns that may hold them: each stays where it is, the others go where there is room.
fn put(out: &mut Values, columns: &[&Column], all: &[&Value], present: Option<&Entry>) -> Result<(), Unholdable> {
    let mut left = Vec::new();
    let room = |out: &Values, column: &Column| !column.single || out.of(&column.name).is_empty();
    for &value in all {
        let stays = columns.iter().find(|column| {
            let held = present.map_or(&[][..], |entry| entry.values(&column.name));
            let Ok(bytes) = column.to_ldap(value) else { return false };
            let alike = |raw: &Bytes| !column.transforms.is_empty() && column.to_scim(raw) == column.to_scim(&bytes);
            held.iter().any(|raw| *raw == bytes || alike(raw)) && room(out, column)
        });
        match stays {
            Some(column) => out.push(&column.name, to_ldap(column, value)?),
            None => left.push(value),
        }
    }
    for value in left {
        match columns.iter().find(|column| room(out, column)) {
            Some(column) => out.push(&column.name, to_ldap(column, value)?),
            None => {
                let Some(first) = columns.first() else { continue };
                let kind = first.kind.as_deref().map_or(String::new(), |kind| format!(" of the type {kind:?}"));
                return Err(Unholdable {
                    at: first.at.clone(),
                    why: format!("the directory holds one value{kind}; send no more"),
                });
            }
        }
    }
    Ok(())
}

fn to_ldap(column: &Column, value: &Value) -> Result<Bytes, Unholdable> {
    let standard = value.as_str().filter(|_| column.at.leaf().url_safe && column.syntax == Syntax::Binary);
    let standard = standard.map(|text| Value::from(text.replace('-', "+").replace('_', "/")));
    column.to_ldap(standard.as_ref().unwrap_or(value)).map_err(|why| Unholdable { at: column.at.clone(), why })
}
