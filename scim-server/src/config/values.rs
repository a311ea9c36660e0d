//! Kinds of value that several sections share: lists that the environment writes with commas, and secrets that may
//! stand in a file of their own.

use std::fmt;

use anyhow::{Context, bail};
use config::{Map, Value, ValueKind};
use serde::de::{Deserializer, SeqAccess, Visitor};
use url::Url;

use crate::backends::Factory;

/// Keys that hold secrets, whatever table they stand in: shown masked, and readable from `x_file`.
const SECRETS: &[&str] = &["token", "password", "bind_password", "url"];

/// Of these the file stays known: it is read again for each connection.
const KEPT: &[&str] = &["bind_password", "password"];

/// Does this key hold a secret, or what may hold one?
pub fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

/// What is shown in the place of a secret. Of a URL all but the password, and what follows the path, where libraries
/// take one too.
pub fn masked(key: &str, value: &str) -> String {
    const HIDDEN: &str = "********";
    let url = if key == "url" { Url::parse(value).ok() } else { None };
    let Some(mut url) = url.filter(Url::has_host) else { return HIDDEN.to_owned() };
    let hidden = url.password().is_none() || url.set_password(Some(HIDDEN)).is_ok();
    let plain = url.query_pairs().all(|(name, _)| !name.contains("pass")) && url.fragment().is_none();
    if hidden && plain { url.into() } else { HIDDEN.to_owned() }
}

/// Reads a list of strings, or one string with commas.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct List;
    impl<'de> Visitor<'de> for List {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of strings")
        }

        fn visit_str<E>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<String>, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = elements.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(List)
}

/// A word among these, or an error that lists them.
pub fn choice<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    match words.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let known = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            Err(format!("{text:?} is none of {known}"))
        }
    }
}

/// Puts the contents of the file named by `x_file` in place of the secret `x`, in `[[tokens]]` and in the tables of
/// the backends.
pub fn read_secret_files(root: &mut Map<String, Value>, backends: &[Factory]) -> anyhow::Result<()> {
    if let Some(ValueKind::Array(tokens)) = root.get_mut("tokens").map(|value| &mut value.kind) {
        for token in tokens {
            if let ValueKind::Table(table) = &mut token.kind {
                read_in_table("tokens", table)?;
            }
        }
    }
    for section in ["store", "control"] {
        let Some(ValueKind::Table(tables)) = root.get_mut(section).map(|value| &mut value.kind) else { continue };
        for backend in backends {
            if let Some(ValueKind::Table(table)) = tables.get_mut(backend.name).map(|value| &mut value.kind) {
                read_in_table(&format!("{section}.{}", backend.name), table)?;
            }
        }
    }
    Ok(())
}

fn read_in_table(place: &str, table: &mut Map<String, Value>) -> anyhow::Result<()> {
    for secret in SECRETS {
        let key = format!("{secret}_file");
        let Some(path) = table.remove(&key) else { continue };
        if table.contains_key(*secret) {
            bail!("{place}.{secret} and {place}.{key} are both set: keep one");
        }
        let path = path.into_string().with_context(|| format!("{place}.{key}"))?;
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("{place}.{key} = {path:?}: cannot read it"))?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            bail!("{place}.{key} = {path:?}: the file is empty");
        }
        table.insert((*secret).to_owned(), Value::new(None, text));
        if KEPT.contains(secret) {
            table.insert(key, Value::new(None, path));
        }
    }
    Ok(())
}
