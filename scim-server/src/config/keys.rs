//! Which keys there are. A key that is not among them is an error that names the nearest one: a setting that is
//! silently ignored is worse than none.

use anyhow::{Result, bail};
use config::{Map, Value as Given, ValueKind};
use scim_core::limits::Limits;
use scim_core::name::nearest;
use serde_json::{Map as Json, Value, json};

use crate::backends::{DEFAULT, ELSEWHERE, Factory};

use super::{LogSettings, SchemaSettings, ServerSettings, TokenSettings};

/// The whole configuration with its defaults, null where there is none; a list of tables is shown by one element.
pub fn shape(backends: &[Factory]) -> Value {
    let mut store = Json::new();
    store.insert("backend".into(), DEFAULT.into());
    let mut control = Json::new();
    control.insert("backend".into(), Value::Null);
    for backend in backends {
        store.insert(backend.name.into(), (backend.keys)());
        if backend.keeps_control {
            control.insert(backend.name.into(), (backend.keys)());
        }
    }
    json!({
        "server": defaults::<ServerSettings>(),
        "log": defaults::<LogSettings>(),
        "store": store,
        "control": control,
        "tokens": [defaults::<TokenSettings>()],
        "limits": defaults::<Limits>(),
        "schemas": [defaults::<SchemaSettings>()],
    })
}

/// The defaults of one section, as JSON.
pub fn defaults<T: Default + serde::Serialize>() -> Value {
    serde_json::to_value(T::default()).unwrap_or_default()
}

/// Refuses keys that are not in `shape`.
pub fn check(given: &Map<String, Given>, shape: &Value) -> Result<()> {
    let mut open = vec![(String::new(), given, shape)];
    while let Some((path, table, shape)) = open.pop() {
        let mut names = table.keys().collect::<Vec<_>>();
        names.sort();
        for name in names {
            let full = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let Some(value) = table.get(name) else { continue };
            match (find(shape, name), &value.kind) {
                (None, _) if matches!(path.as_str(), "store" | "control") && ELSEWHERE.contains(&name.as_str()) => {}
                (None, _) => bail!(unknown(&full, name, value.origin(), &path, shape)),
                (Some(inner @ Value::Object(_)), ValueKind::Table(table)) => open.push((full, table, inner)),
                (Some(Value::Object(_)), _) => bail!("{full} must be a table: [{full}]"),
                (Some(Value::Array(inner)), ValueKind::Array(elements))
                    if inner.first().is_some_and(Value::is_object) =>
                {
                    for element in elements {
                        match (&element.kind, inner.first()) {
                            (ValueKind::Table(table), Some(inner)) => open.push((full.clone(), table, inner)),
                            _ => bail!("{full} must be tables: [[{full}]]"),
                        }
                    }
                }
                (Some(_), _) => {}
            }
        }
    }
    Ok(())
}

/// `x_file` stands for any secret `x`; the shape lists the secret only.
fn find<'a>(shape: &'a Value, name: &str) -> Option<&'a Value> {
    shape.get(name).or_else(|| {
        let secret = name.strip_suffix("_file")?;
        super::values::is_secret(secret).then(|| shape.get(secret)).flatten()
    })
}

fn unknown(full: &str, name: &str, origin: Option<&str>, parent: &str, shape: &Value) -> String {
    let place = match origin {
        Some("the environment") => {
            format!("the environment variable SCIM__{}", full.to_uppercase().replace('.', "__"))
        }
        Some(file) => format!("{full} in {file}"),
        None => full.to_owned(),
    };
    let siblings = shape.as_object().into_iter().flat_map(Json::keys);
    match nearest(name, siblings.map(String::as_str)) {
        Some(key) if parent.is_empty() => format!("{place} is no setting; did you mean {key}?"),
        Some(key) => format!("{place} is no setting; did you mean {parent}.{key}?"),
        None => {
            let known = shape.as_object().into_iter().flat_map(Json::keys).map(String::as_str).collect::<Vec<_>>();
            format!("{place} is no setting; known here: {}", known.join(", "))
        }
    }
}
