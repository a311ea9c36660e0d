//! Recorded requests of real clients: what they send, byte for byte, and what they need back.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::answer::Answer;
use crate::data::{Expect, Message, Replay};
use crate::session::Session;

/// Runs one line in a fresh tenant.
pub fn run(replay: &Replay, session: &Session) -> Result<()> {
    let mut names = HashMap::from([("raw_token".to_owned(), session.site.token.clone())]);
    for given in &replay.given {
        let made = session.post(&format!("/{}s", given.kind), &fill(&given.body, &names))?.is(201).context("given")?;
        names.insert(given.name.clone(), made.id()?.to_owned());
    }
    exchange(&replay.message, session, &names)?;
    for (at, message) in replay.verify.iter().enumerate() {
        exchange(message, session, &names).with_context(|| format!("verify {at}"))?;
    }
    Ok(())
}

fn exchange(message: &Message, session: &Session, names: &HashMap<String, String>) -> Result<()> {
    let mut request = session.request(&message.method, &fill_text(&message.path, names)).without("Accept");
    if let Some(body) = &message.body {
        request = request.bytes(fill(body, names).to_string());
    }
    for (name, value) in &message.headers {
        request = match value.as_str() {
            Some(text) if !text.is_empty() => request.header(name, &fill_text(text, names)),
            _ => request.without(name),
        };
    }
    check(&message.expect, &request.send()?, names)
}

fn check(expect: &Expect, answer: &Answer, names: &HashMap<String, String>) -> Result<()> {
    let status = Value::from(answer.status);
    let fits = expect.status == status || expect.status.as_array().is_some_and(|list| list.contains(&status));
    ensure!(fits, "expected {}: {}", expect.status, answer.tell());
    for (name, value) in &expect.headers {
        let own = answer.must_header(name)?;
        let own = if name.eq_ignore_ascii_case("content-type") { own.split(';').next().unwrap_or("") } else { own };
        ensure!(value == "*" || value == own, "expected {name}: {value}, got {own}");
    }
    for claim in &expect.body {
        let at = claim.get("at").and_then(Value::as_str).context("a claim says where")?;
        for (word, value) in claim.iter().filter(|(word, _)| *word != "at") {
            let held = holds(word, &fill(value, names), answer.body.pointer(at))?;
            ensure!(held, "at {at} expected {word} {value}: {}", answer.tell());
        }
    }
    Ok(())
}

fn holds(word: &str, value: &Value, own: Option<&Value>) -> Result<bool> {
    let length = |own: &Value| match own {
        Value::Array(elements) => elements.len(),
        Value::Object(members) => members.len(),
        other => other.as_str().map_or(0, |text| text.chars().count()),
    };
    Ok(match word {
        "equals" => own == Some(value),
        "exists" => own.is_some() == (*value != false),
        "absent" => own.is_none() == (*value != false),
        "type" => own.is_some_and(|own| value == type_of(own)),
        "length" => own.is_some_and(|own| *value == length(own)),
        "contains" => own.is_some_and(|own| contains(own, value)),
        "notContains" => !own.is_some_and(|own| contains(own, value)),
        other => bail!("unknown claim {other:?}"),
    })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Some element has at least these members, or is this.
fn contains(own: &Value, value: &Value) -> bool {
    let fits = |element: &Value| match (value.as_object(), element.as_object()) {
        (Some(wanted), Some(element)) => wanted.iter().all(|(name, value)| element.get(name) == Some(value)),
        _ => element == value,
    };
    own.as_array().is_some_and(|elements| elements.iter().any(fits))
}

fn fill(value: &Value, names: &HashMap<String, String>) -> Value {
    match value {
        Value::String(text) => fill_text(text, names).into(),
        Value::Array(elements) => elements.iter().map(|element| fill(element, names)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (fill_text(name, names), fill(value, names)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn fill_text(text: &str, names: &HashMap<String, String>) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}
