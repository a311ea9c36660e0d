//! Which attributes of a type are to be indexed.

use crate::path::{self, AttrPath};
use crate::schema::{Place, ResourceType, Uniqueness};

use super::{Indexed, Rule, Shape, State, Via};

/// Indexed in every type that has them, beside what is unique.
const ALWAYS: &[&str] = &["externalId", "displayName", "emails.value"];

/// Fragments of these are looked for.
const FRAGMENTS: &[&str] = &["displayName", "userName"];

/// The attribute of this name, where it can be indexed in this type.
pub fn usable(name: &str, rt: &ResourceType) -> Option<(AttrPath, Shape)> {
    let at = path::attribute(name, rt, true)?;
    let at = match at.attr().sub("value") {
        // What a filter on the attribute alone means.
        Some(value) if at.sub().is_none() && at.attr().is_complex() => at.with_sub(value.clone()),
        _ => at,
    };
    if at.place() != Place::Document || at.leaf().name == "primary" || at.attr().name == "schemas" {
        return None;
    }
    let shape = Shape::of(&at)?;
    Some((at, shape))
}

/// The attributes of a type that are to be indexed: those that every identity provider asks for, all unique ones, those
/// named in `indexed`, and those in `substring`, of which fragments are looked for too.
pub fn wanted(rt: &ResourceType, indexed: &[String], substring: &[String]) -> Vec<Indexed> {
    let mut all: Vec<Indexed> = Vec::new();
    let searched: Vec<AttrPath> = FRAGMENTS
        .iter()
        .copied()
        .chain(substring.iter().map(String::as_str))
        .filter_map(|name| usable(name, rt))
        .filter(|(_, shape)| matches!(shape.rule, Rule::Text(_)))
        .map(|(at, _)| at)
        .collect();
    let mut add = |at: AttrPath, shape: Shape, via: Via| {
        if !all.iter().any(|known| known.attr == at.to_string()) {
            let single = !at.attr().multi_valued && !at.leaf().multi_valued;
            let (attr, search) = (at.to_string(), searched.contains(&at));
            all.push(Indexed { attr, shape, via, state: State::Missing, single, search });
        }
    };
    let names = ALWAYS.iter().copied().chain(indexed.iter().chain(substring).map(String::as_str));
    // Group names have claims only where the tenant wants them unique, so they stand in terms all the same.
    let (terms, claims): (Vec<_>, Vec<_>) = names
        .filter_map(|name| usable(name, rt))
        .partition(|(at, _)| !rt.unique.contains(at) || ALWAYS.contains(&at.to_string().as_str()));
    for (at, shape) in terms {
        add(at, shape, Via::Term);
    }
    let unique = rt.unique.iter().filter_map(|at| usable(&at.to_string(), rt));
    for (at, shape) in claims.into_iter().chain(unique) {
        let via = match (at.leaf().uniqueness, shape.rule) {
            (Uniqueness::Global, _) => Via::Global,
            _ => Via::Claim,
        };
        add(at, shape, via);
    }
    all
}
