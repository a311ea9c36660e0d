//! Reading a schema file key by key: each value of the right type, or an error that names the place and the mend.

use serde_json::{Map, Value};

use crate::error::excerpt;
use crate::name::same;

use super::error::SchemaError;

/// A key in any letter case; the strict reader has seen to it that there is one.
pub(super) fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| same(key, name)).map(|(_, value)| value))
}

/// Where in which file.
#[derive(Debug)]
pub(super) struct Site<'a> {
    pub source: &'a str,
    pub path: String,
}

impl Site<'_> {
    pub fn wrong(&self, problem: impl Into<String>) -> SchemaError {
        SchemaError::new(self.source, self.path.trim_end_matches(':'), problem)
    }

    pub fn inside(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.ends_with(':') { "" } else { "." };
        // An invented name may be anything; only a plain one is repeated as it stands.
        let plain = name.chars().all(|c| c.is_ascii_graphic());
        let shown = if plain { name.to_owned() } else { excerpt(name) };
        Site { source: self.source, path: format!("{}{dot}{shown}", self.path) }
    }

    /// No key but these: a characteristic with a slip of the pen must not silently be the default.
    pub fn known(&self, object: &Map<String, Value>, names: &[&str]) -> Result<(), SchemaError> {
        match object.keys().find(|key| !names.iter().any(|name| same(name, key))) {
            Some(key) => {
                let shown = excerpt(key);
                Err(self.wrong(format!("has the unknown key {shown}; the known ones are {}", names.join(", "))))
            }
            None => Ok(()),
        }
    }

    pub fn text(&self, object: &Map<String, Value>, name: &str) -> Result<Option<String>, SchemaError> {
        match get(object, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(format!("has the {name} {}; give a string", excerpt(&other.to_string())))),
        }
    }

    pub fn required_text(&self, object: &Map<String, Value>, name: &str) -> Result<String, SchemaError> {
        match self.text(object, name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.wrong(format!("has no {name}; give it one"))),
        }
    }

    pub fn texts(&self, object: &Map<String, Value>, name: &str) -> Result<Vec<String>, SchemaError> {
        let wrong = || self.wrong(format!("has {name} that are no array of strings; write [\"one\", \"two\"]"));
        match get(object, name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }

    pub fn boolean(&self, object: &Map<String, Value>, name: &str) -> Result<Option<bool>, SchemaError> {
        match get(object, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong(format!("has {name} {other}; it is true or false, without quotation marks"))),
        }
    }

    pub fn choice<T: Copy>(
        &self,
        object: &Map<String, Value>,
        name: &str,
        all: &[T],
        called: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, SchemaError> {
        let Some(text) = self.text(object, name)? else { return Ok(None) };
        match all.iter().find(|one| same(called(**one), &text)) {
            Some(one) => Ok(Some(*one)),
            None => {
                let names = all.iter().map(|one| called(*one)).collect::<Vec<_>>().join(", ");
                Err(self.wrong(format!("has the {name} {}; it is one of {names}", excerpt(&text))))
            }
        }
    }
}
