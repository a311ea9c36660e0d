//! Resources of one type as a table (CSV, RFC 4180), both ways.
//!
//! A column is a path in SCIM's notation: `userName`, `name.givenName`, `emails[type eq "work"].value`,
//! `urn:…:User:department`. An empty cell is no value. Where an attribute has many values and the column chooses none by
//! brackets, a cell holds all of them, `|` between two: the first of `emails.value` belongs to the first of `emails.type`.
//! `\|` and `\\` stand for the characters themselves. An apostrophe keeps spreadsheets from taking a cell for a formula.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use csv::{ByteRecord, ReaderBuilder, StringRecord, WriterBuilder};
use scim_core::ScimError;
use scim_core::access::Profile;
use scim_core::error::excerpt;
use scim_core::limits::Limits;
use scim_core::name::{nearest, same};
use scim_core::path::{self, AttrPath, Target, equalities};
use scim_core::schema::{AttributeDef, Mutability, Place as Kept, ResourceType, Type};
use serde_json::{Map, Value, json};

use super::records::Place;

/// What stands between two values of one cell.
const BETWEEN: char = '|';

/// The columns of a file, and the type of its resources.
#[derive(Debug)]
pub struct Columns {
    kind: Arc<ResourceType>,
    delimiter: u8,
    all: Vec<Column>,
}

/// What one column holds.
#[derive(Debug)]
struct Column {
    title: String,
    /// The attribute, without its sub-attribute.
    at: AttrPath,
    /// The sub-attribute; None where the attribute is simple.
    sub: Option<Arc<AttributeDef>>,
    /// Of elements with these values, where the title has brackets.
    such: Option<Vec<(AttrPath, Value)>>,
}

impl Columns {
    /// Reads a header. Commas, semicolons or tabs stand between the columns; the resources are of the first type whose
    /// required attributes all have one.
    ///
    /// # Errors
    /// No type has its required attributes there; an attribute that the type does not have; a title that stands twice.
    pub fn read(header: &str, types: &[Arc<ResourceType>], limits: &Limits) -> Result<Columns> {
        let header = header.trim_start_matches('\u{feff}');
        let delimiter = delimiter(header);
        let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(header.as_bytes());
        let mut titles = StringRecord::new();
        reader.read_record(&mut titles)?;
        titles.trim();
        let Some(kind) = types.iter().find(|kind| has_required(kind, &titles)) else {
            let needed = types.iter().map(|kind| format!("{} needs {}", kind.kind, required(kind).join(", ")));
            let needed = needed.collect::<Vec<_>>().join("; ");
            let all = types.iter().flat_map(|kind| required(kind));
            let meant = all.filter_map(|name| nearest(name, &titles).map(|title| (title, name)));
            let meant = meant.filter(|(title, name)| !same(title, name)).map(|(title, name)| (excerpt(title), name));
            let meant = meant.map(|(title, name)| format!("; did you mean {name} by {title}?")).next();
            bail!("the header tells no resource type: {needed}{}", meant.unwrap_or_default());
        };
        let mut all: Vec<Column> = Vec::with_capacity(titles.len());
        for title in &titles {
            let column = Column::read(title, kind, limits).map_err(|error| anyhow::anyhow!("{}", error.detail))?;
            if all.iter().any(|other| same(&other.title, title)) {
                bail!("the column {} stands there twice; leave one out", excerpt(title));
            }
            all.push(column);
        }
        Ok(Columns { kind: kind.clone(), delimiter, all })
    }

    /// Says of each row of a file with this header where it stands, and its `id`.
    pub fn survey(&self, file: impl Read, mut found: impl FnMut(Place, Option<String>)) -> Result<()> {
        let id = self.all.iter().position(|column| column.at.place() == Kept::Id);
        let mut reader = ReaderBuilder::new().delimiter(self.delimiter).flexible(true).from_reader(file);
        reader.byte_headers()?;
        let mut row = ByteRecord::new();
        while reader.read_byte_record(&mut row)? {
            let Some(start) = row.position() else { continue };
            let length = reader.position().byte().saturating_sub(start.byte());
            let id = id.and_then(|id| row.get(id)).and_then(|id| std::str::from_utf8(id).ok());
            found(
                Place { line: start.line(), offset: start.byte(), length },
                id.filter(|id| !id.is_empty()).map(str::to_owned),
            );
        }
        Ok(())
    }

    /// The resource of a row.
    ///
    /// # Errors
    /// Too many or too few cells; a quotation mark that is not closed; no UTF-8; a cell that the attribute's type does not have.
    pub fn resource(&self, row: &[u8]) -> Result<Map<String, Value>, ScimError> {
        let mut reader = ReaderBuilder::new().delimiter(self.delimiter).has_headers(false).from_reader(row);
        let mut cells = StringRecord::new();
        reader
            .read_record(&mut cells)
            .map_err(|_| ScimError::invalid_syntax("the row is not in UTF-8; save the file as CSV in UTF-8"))?;
        // Quotation marks come in pairs, or a cell has swallowed the rows behind it.
        let open = row.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
        if open && row.trim_ascii_end().contains(&b'\n') {
            return Err(ScimError::invalid_syntax(
                "a quotation mark is opened here and never closed; close it, or double it",
            ));
        }
        if cells.len() != self.all.len() {
            let (has, header) = (cells.len(), self.all.len());
            return Err(ScimError::invalid_syntax(format!("the row has {has} cells, and the header {header}")));
        }
        let mut resource = Map::new();
        resource.insert("meta".into(), json!({ "resourceType": self.kind.kind.as_str() }));
        resource.insert("schemas".into(), json!([*self.kind.schema.id]));
        for (column, cell) in self.all.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty()) {
            column.put(unguarded(cell), &mut resource)?;
        }
        let used = self.kind.extensions.iter().filter(|extension| resource.contains_key(&*extension.schema.id));
        let urns = std::iter::once(&self.kind.schema.id).chain(used.map(|extension| &extension.schema.id));
        resource.insert("schemas".into(), urns.map(|urn| Value::from(&**urn)).collect());
        Ok(resource)
    }

    /// Columns for all that a resource of this type can be given, its id first.
    pub fn of(kind: &Arc<ResourceType>) -> Columns {
        let common = kind.common.iter().filter(|attr| attr.place == Kept::Id || same(&attr.name, "externalId"));
        let base = common.chain(kind.schema.attributes.iter().filter(|attr| is_given(attr)));
        let base = base.map(|attr| AttrPath::new(None, attr.clone(), None));
        let extended = kind.extensions.iter().flat_map(|extension| {
            let given = extension.schema.attributes.iter().filter(|attr| is_given(attr));
            given.map(|attr| AttrPath::new(Some(extension.schema.id.clone()), attr.clone(), None))
        });
        let all = base.chain(extended).flat_map(|at| {
            let subs = at.attr().sub_attributes.iter().filter(|sub| is_given(sub) && !same(&sub.name, "$ref"));
            let subs = subs.cloned().map(Some).collect::<Vec<_>>();
            let columns = if at.attr().is_complex() { subs } else { vec![None] };
            columns.into_iter().map(move |sub| {
                let title = sub.as_ref().map_or(at.to_string(), |sub| at.with_sub(sub.clone()).to_string());
                Column { title, at: at.clone(), sub, such: None }
            })
        });
        Columns { kind: kind.clone(), delimiter: b',', all: all.collect() }
    }

    /// Makes a table of JSON lines: a header of those columns that some resource has a value for, and a row for each.
    pub fn write(&self, lines: &mut File, out: impl Write) -> Result<()> {
        let mut used = vec![false; self.all.len()];
        each(lines, |resource| {
            for (used, column) in used.iter_mut().zip(&self.all).filter(|(used, _)| !**used) {
                *used = !column.cell(resource)?.is_empty();
            }
            Ok(())
        })?;
        let columns = self.all.iter().zip(used).filter(|(_, used)| *used).map(|(column, _)| column).collect::<Vec<_>>();
        let mut out = WriterBuilder::new().delimiter(self.delimiter).from_writer(out);
        out.write_record(columns.iter().map(|column| &*column.title))?;
        each(lines, |resource| {
            for column in &columns {
                out.write_field(guarded(column.cell(resource)?))?;
            }
            Ok(out.write_record(None::<&[u8]>)?)
        })?;
        Ok(out.flush()?)
    }
}

impl Column {
    fn read(title: &str, kind: &ResourceType, limits: &Limits) -> Result<Column, ScimError> {
        let wrong = |problem: &str| ScimError::invalid_path(format!("the column {} {problem}", excerpt(title)));
        let (at, sub, such) = match path::resolve(title, kind, &Profile::Compatible.rules(), limits)? {
            Target::Attribute(at) => (at.attribute(), at.sub().cloned(), None),
            Target::Element { at, filter, sub } => {
                let such = equalities(&filter)
                    .ok_or_else(|| wrong("chooses by more than equality; write [type eq \"work\"] or the like"))?;
                (at, sub, Some(such))
            }
            Target::Extension(_) => return Err(wrong("is a whole extension; name one of its attributes behind it")),
        };
        let sub = match sub {
            None if at.attr().is_complex() => {
                Some(at.attr().sub("value").cloned().ok_or_else(|| wrong("has parts; name one of them behind a dot"))?)
            }
            sub => sub,
        };
        if sub.as_ref().is_some_and(|sub| sub.multi_valued) {
            return Err(wrong("has many values in each value, which a table cannot hold; use JSON Lines"));
        }
        Ok(Column { title: title.to_owned(), at, sub, such })
    }

    /// Puts what a cell holds into its place.
    fn put(&self, cell: &str, resource: &mut Map<String, Value>) -> Result<(), ScimError> {
        let table = match self.at.extension() {
            None => resource,
            Some(urn) => object(resource.entry(&**urn).or_insert_with(|| json!({})))?,
        };
        let attr = self.at.attr();
        if !attr.multi_valued {
            return match &self.sub {
                None => self.set(table, attr, cell),
                Some(sub) => self.set(object(table.entry(&attr.name).or_insert_with(|| json!({})))?, sub, cell),
            };
        }
        let elements = table.entry(&attr.name).or_insert_with(|| json!([]));
        let Value::Array(elements) = elements else { return Err(self.twice()) };
        let Some(such) = &self.such else {
            let Some(sub) = &self.sub else {
                for part in parts(cell).iter().filter(|part| !part.is_empty()) {
                    elements.push(self.value(attr, part)?);
                }
                return Ok(());
            };
            for (n, part) in parts(cell).iter().enumerate() {
                if elements.len() == n {
                    elements.push(json!({}));
                }
                if let Some(element) = elements.get_mut(n).filter(|_| !part.is_empty()) {
                    self.set(object(element)?, sub, part)?;
                }
            }
            return Ok(());
        };
        let Some(sub) = &self.sub else {
            elements.push(self.value(attr, cell)?);
            return Ok(());
        };
        let is_such = |element: &Value| such.iter().all(|(at, value)| element.get(&at.leaf().name) == Some(value));
        let n = elements.iter().position(is_such).unwrap_or_else(|| {
            let values = such.iter().map(|(at, value)| (at.leaf().name.clone(), value.clone()));
            elements.push(Value::Object(values.collect()));
            elements.len() - 1
        });
        match elements.get_mut(n) {
            Some(element) => self.set(object(element)?, sub, cell),
            None => Ok(()),
        }
    }

    fn set(&self, into: &mut Map<String, Value>, leaf: &AttributeDef, text: &str) -> Result<(), ScimError> {
        match into.insert(leaf.name.clone(), self.value(leaf, text)?) {
            None => Ok(()),
            Some(_) => Err(self.twice()),
        }
    }

    fn twice(&self) -> ScimError {
        ScimError::invalid_value(format!("the column {} sets what another column sets", excerpt(&self.title)))
    }

    fn value(&self, leaf: &AttributeDef, text: &str) -> Result<Value, ScimError> {
        let wrong = |kind: &str| {
            let (title, text) = (excerpt(&self.title), excerpt(text));
            ScimError::invalid_value(format!("the column {title} holds {text}; write {kind}"))
        };
        match leaf.ty {
            Type::Boolean if text.eq_ignore_ascii_case("true") => Ok(true.into()),
            Type::Boolean if text.eq_ignore_ascii_case("false") => Ok(false.into()),
            Type::Boolean => Err(wrong("true or false")),
            Type::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wrong("an integer")),
            Type::Decimal => serde_json::from_str(text).map(Value::Number).map_err(|_| wrong("a number")),
            _ => Ok(text.into()),
        }
    }

    /// What stands in the cell of a resource, as the server shows it.
    fn cell(&self, resource: &Map<String, Value>) -> Result<String> {
        let table = match self.at.extension() {
            None => Some(resource),
            Some(urn) => resource.get(&**urn).and_then(Value::as_object),
        };
        let own = table.and_then(|table| table.get(&self.at.attr().name));
        let part = |value: &Value| match &self.sub {
            Some(sub) => value.get(&sub.name).map_or(Ok(String::new()), |value| self.text(value)),
            None => self.text(value),
        };
        match own {
            None => Ok(String::new()),
            Some(Value::Array(elements)) => {
                let parts = elements.iter().map(|element| part(element).map(|text| escaped(&text)));
                let parts = parts.collect::<Result<Vec<_>>>()?;
                let none = parts.iter().all(String::is_empty);
                Ok(if none { String::new() } else { parts.join(BETWEEN.encode_utf8(&mut [0; 4])) })
            }
            Some(value) => part(value),
        }
    }

    fn text(&self, value: &Value) -> Result<String> {
        match value {
            Value::Null => Ok(String::new()),
            Value::String(text) => Ok(text.clone()),
            Value::Bool(value) => Ok(value.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Array(_) | Value::Object(_) => {
                bail!("{} has many values in each value, which a table cannot hold; export JSON Lines", self.title)
            }
        }
    }
}

fn object(value: &mut Value) -> Result<&mut Map<String, Value>, ScimError> {
    value.as_object_mut().ok_or_else(|| ScimError::invalid_value("two columns set one value in two ways"))
}

/// Can a client give it a value that is kept to be shown?
fn is_given(attr: &Arc<AttributeDef>) -> bool {
    attr.mutability != Mutability::ReadOnly && attr.place != Kept::Secret
}

fn required(kind: &ResourceType) -> Vec<&str> {
    let required =
        kind.schema.attributes.iter().filter(|attr| attr.required && attr.mutability != Mutability::ReadOnly);
    required.map(|attr| attr.name.as_str()).collect()
}

fn has_required(kind: &ResourceType, titles: &StringRecord) -> bool {
    let rules = Profile::Compatible.rules();
    let named = |title: &str| {
        let name = title.split('[').next().unwrap_or(title);
        path::attribute(name, kind, rules.short_names).filter(|at| at.extension().is_none())
    };
    let named = titles.iter().filter_map(named).collect::<Vec<_>>();
    required(kind).iter().all(|name| named.iter().any(|at| at.attr().name == *name))
}

/// What stands between columns: that of the three which the header has most of outside quotation marks.
fn delimiter(header: &str) -> u8 {
    let count = |delimiter: char| {
        let mut quoted = false;
        let outside = |c: &char| {
            quoted ^= *c == '"';
            !quoted
        };
        header.chars().filter(outside).filter(|c| *c == delimiter).count()
    };
    [(';', b';'), ('\t', b'\t')]
        .into_iter()
        .filter(|(delimiter, _)| count(*delimiter) > count(','))
        .max_by_key(|(delimiter, _)| count(*delimiter))
        .map_or(b',', |(_, byte)| byte)
}

fn each(lines: &mut File, mut what: impl FnMut(&Map<String, Value>) -> Result<()>) -> Result<()> {
    lines.rewind()?;
    let mut reader = BufReader::new(lines);
    let mut text = Vec::new();
    while reader.read_until(b'\n', &mut text)? > 0 {
        what(&serde_json::from_slice(&text).context("a line that was just written cannot be read")?)?;
        text.clear();
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(BETWEEN, "\\|")
}

/// A cell that a spreadsheet would compute, with the apostrophe in front that makes it text there (threat C15): who may set a
/// name must not run anything on the machine of whoever looks at the list.
fn guarded(cell: String) -> String {
    if is_formula(&cell) { format!("'{cell}") } else { cell }
}

/// The same without the apostrophe.
fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

/// Would a spreadsheet compute it? Numbers, of telephones too, do no harm. Apostrophes in front count for nothing, so that
/// text that has some of its own comes back as it was.
fn is_formula(cell: &str) -> bool {
    let text = cell.trim_start_matches('\'');
    let begins = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    let harmless = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | ' ' | '(' | ')' | '/' | '|');
    text.starts_with(begins) && !text.chars().all(harmless)
}

/// The values of one cell.
fn parts(cell: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = cell.chars();
    while let Some(c) = rest.next() {
        let c = match c {
            BETWEEN => {
                parts.push(String::new());
                continue;
            }
            '\\' => rest.next().unwrap_or('\\'),
            c => c,
        };
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_comes_back() {
        let check = |text: &str, expected: &str| {
            assert_eq!(guarded(text.to_owned()), expected);
            assert_eq!(unguarded(expected), text);
        };
        check("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")");
        check("@SUM(A1)", "'@SUM(A1)");
        check("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0");
        check("\t=1", "'\t=1");
        check("＝A1", "'＝A1");
        check("'=A1", "''=A1");
        check("+46 (8) 1-2", "+46 (8) 1-2");
        check("+46 1|+46 2", "+46 1|+46 2");
        check("-5", "-5");
        check("'t Hooft", "'t Hooft");
        check("'", "'");
        check("a=b", "a=b");
    }
}
