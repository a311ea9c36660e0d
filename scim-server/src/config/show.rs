//! Prints what is in force, as TOML that could be read back; secrets are masked, settings without a value are comments.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::backends::Factory;

use super::{Settings, values};

/// The effective settings.
pub fn toml(settings: &Settings, backends: &[Factory]) -> String {
    let mut out = String::new();
    table(&mut out, "server", &json(&settings.server));
    table(&mut out, "log", &json(&settings.log));
    for store in std::iter::once(&settings.store).chain(&settings.control) {
        let mut all = Map::new();
        all.insert("backend".into(), store.backend.clone().into());
        let mut section = match backends.iter().find(|backend| backend.name == store.backend) {
            Some(backend) => (backend.keys)(),
            None => Value::Object(Map::new()),
        };
        if let (Some(section), Value::Object(given)) = (section.as_object_mut(), store.selected().given()) {
            section.extend(given);
        }
        all.insert(store.backend.clone(), section);
        table(&mut out, store.place, &Value::Object(all));
    }
    table(&mut out, "limits", &json(&settings.limits));
    for (name, elements) in [("tokens", json(&settings.tokens)), ("schemas", json(&settings.schemas))] {
        for element in elements.as_array().into_iter().flatten() {
            out.push_str(&format!("[[{name}]]\n"));
            lines(&mut out, element);
            out.push('\n');
        }
    }
    out
}

/// The keys in which two such texts differ. Of a secret it does not show.
pub fn differing(one: &str, other: &str) -> Vec<String> {
    let keys = |text: &str| {
        let mut section = String::new();
        let mut found = BTreeSet::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_matches(['[', ']']).to_owned();
            } else if let Some((key, value)) = line.split_once('=') {
                let key = key.trim_start_matches('#').trim();
                found.insert((format!("{section}.{key}"), value.trim().to_owned()));
            }
        }
        found
    };
    let differing: BTreeSet<_> = keys(one).symmetric_difference(&keys(other)).map(|(key, _)| key.clone()).collect();
    differing.into_iter().collect()
}

fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Tables deeper than this are none of ours.
const DEEPEST: usize = 6;

/// A table and the tables in it.
fn table(out: &mut String, name: &str, value: &Value) {
    let mut open = vec![(name.to_owned(), value, DEEPEST)];
    while let Some((name, value, left)) = open.pop() {
        out.push_str(&format!("[{name}]\n"));
        lines(out, value);
        out.push('\n');
        let inner = value.as_object().into_iter().flatten().filter(|(_, inner)| inner.is_object());
        let inner: Vec<_> = inner.map(|(key, inner)| (format!("{name}.{}", bare(key)), inner)).collect();
        if left > 0 {
            open.extend(inner.into_iter().rev().map(|(name, inner)| (name, inner, left - 1)));
        }
    }
}

/// A key as TOML wants it: in quotation marks unless it is plain.
fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if plain { key.to_owned() } else { Value::from(key).to_string() }
}

fn lines(out: &mut String, value: &Value) {
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => {}
            Value::Null => out.push_str(&format!("# {} =\n", bare(key))),
            Value::String(secret) if values::is_secret(key) => {
                out.push_str(&format!("{key} = {}\n", Value::from(values::masked(key, secret))));
            }
            // JSON's strings, numbers, booleans and lists of them are TOML's too.
            value => out.push_str(&format!("{} = {value}\n", bare(key))),
        }
    }
}
