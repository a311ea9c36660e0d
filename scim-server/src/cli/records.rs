//! A file of resources, record by record: where each stands, and what resource it is. The ending of the file's name says
//! its form: `.csv` is CSV, everything else JSON Lines.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use scim_core::ScimError;
use scim_core::document::json;
use scim_core::limits::Limits;
use scim_core::name::same;
use scim_core::schema::ResourceType;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::links::InFile;
use super::table::Columns;

/// Where a record stands in its file.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The line it begins in, from 1.
    pub line: u64,
    /// Bytes before it.
    pub offset: u64,
    /// Its own bytes.
    pub length: u64,
}

/// The form of a file.
#[derive(Debug)]
pub enum Form {
    /// One JSON object a line.
    JsonLines,
    /// One resource a row, of the type that the header tells.
    Csv(Columns),
}

/// Does the name of this file say that it is CSV?
pub fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if file.metadata()?.is_dir() {
        bail!("{} is a directory; name a file", path.display());
    }
    Ok(BufReader::new(file))
}

impl Form {
    /// The form of this file.
    ///
    /// # Errors
    /// It cannot be read; its header tells no type, or has a column that the type has no attribute for.
    pub fn of(path: &Path, types: &[Arc<ResourceType>], limits: &Limits) -> Result<Form> {
        if !is_csv(path) {
            return Ok(Form::JsonLines);
        }
        let mut header = String::new();
        open(path)?
            .take(limits.body as u64)
            .read_line(&mut header)
            .with_context(|| format!("the header of {} cannot be read: save it as CSV in UTF-8", path.display()))?;
        let columns = Columns::read(&header, types, limits).with_context(|| path.display().to_string())?;
        Ok(Form::Csv(columns))
    }

    /// Where each record stands, and which ids they have.
    pub fn survey(&self, path: &Path) -> Result<(Vec<Place>, InFile)> {
        match self {
            Form::JsonLines => survey_lines(open(path)?),
            Form::Csv(columns) => {
                let (mut places, mut ids) = (Vec::new(), InFile::default());
                columns.survey(open(path)?, |place, id| {
                    places.push(place);
                    ids.extend(id);
                })?;
                Ok((places, ids))
            }
        }
    }

    /// The resource of a record. None: it is blank.
    pub fn resource(&self, text: &[u8], limits: &Limits) -> Result<Option<Map<String, Value>>, ScimError> {
        if text.len() > limits.body {
            return Err(ScimError::too_large(format!("the record is longer than {} bytes", limits.body)));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        match self {
            Form::JsonLines => match json::parse(text, limits)? {
                Value::Object(resource) => Ok(Some(resource)),
                _ => Err(ScimError::invalid_syntax("the line holds no JSON object")),
            },
            Form::Csv(columns) => columns.resource(text).map(Some),
        }
    }
}

/// Reads records in the order in which they stand in their file.
#[derive(Debug)]
pub struct InOrder {
    reader: BufReader<File>,
    at: u64,
}

impl InOrder {
    /// From the beginning of this file.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(InOrder { reader: open(path)?, at: 0 })
    }

    /// Reads the record at a place behind the one before. What was read ahead stays good.
    pub fn read(&mut self, place: Place, text: &mut Vec<u8>) -> std::io::Result<()> {
        self.reader.seek_relative(place.offset.saturating_sub(self.at).cast_signed())?;
        text.clear();
        self.at = place.offset + (&mut self.reader).take(place.length).read_to_end(text)? as u64;
        Ok(())
    }

    /// From the beginning again.
    pub fn rewind(&mut self) -> std::io::Result<()> {
        self.at = 0;
        self.reader.rewind()
    }
}

fn survey_lines(mut reader: impl BufRead) -> Result<(Vec<Place>, InFile)> {
    let (mut places, mut ids, mut offset, mut text) = (Vec::new(), InFile::default(), 0, Vec::new());
    loop {
        text.clear();
        let length = reader.read_until(b'\n', &mut text)? as u64;
        if length == 0 {
            return Ok((places, ids));
        }
        places.push(Place { line: places.len() as u64 + 1, offset, length });
        offset += length;
        if let Ok(OwnId(Some(id))) = serde_json::from_slice(&text) {
            ids.extend([id]);
        }
    }
}

/// The `id` of a line, without making anything of the rest of it.
struct OwnId(Option<String>);

impl<'de> Deserialize<'de> for OwnId {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = OwnId;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a resource")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<OwnId, A::Error> {
                let mut id = None;
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    if id.is_none() && same(&name, "id") {
                        id = Some(members.next_value::<Value>()?);
                    } else {
                        members.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(OwnId(id.and_then(|id| id.as_str().map(str::to_owned))))
            }
        }

        source.deserialize_map(Members)
    }
}
