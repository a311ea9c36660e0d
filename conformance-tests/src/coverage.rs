//! Which requirement is held by which test. The table is made from the tests themselves: from what the cases declare,
//! from `data/covers.tsv` for the cases of the data sets, and from the ids that unit tests of the workspace name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use scim_core::access::Profile;

use crate::data::{self, Requirement};
use crate::{contract, protocol};

/// The areas in which every requirement has to be covered or explained.
pub const AREAS: &[&str] = &[
    "schema",
    "attributes",
    "discovery",
    "create",
    "read",
    "query",
    "filter",
    "sort",
    "page-index",
    "page-cursor",
    "projection",
    "replace",
    "patch",
    "delete",
    "bulk",
    "me",
    "etag",
    "search-post",
    "errors",
    "i18n",
    "multitenancy",
];

/// One requirement, and what holds it.
#[derive(Debug, Clone)]
pub struct Row {
    /// The requirement.
    pub requirement: Requirement,
    /// The tests that name it.
    pub tests: Vec<String>,
    /// Why no test can, where one was given.
    pub explained: Option<&'static str>,
}

/// The whole table, in the order of `requirements.tsv`.
pub fn table() -> Result<Vec<Row>> {
    let requirements = data::requirements();
    let known: BTreeSet<_> = requirements.iter().map(|row| row.id).collect();
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut declare = |covers: &str, test: String| -> Result<()> {
        for id in covers.split_whitespace() {
            ensure!(known.contains(id), "{test} covers {id}, which is no requirement");
            tests.entry(id.to_owned()).or_default().push(test.clone());
        }
        Ok(())
    };
    for (section, cases) in protocol::sections() {
        for case in cases {
            declare(case.covers, format!("protocol::{section}::{}", case.name))?;
        }
    }
    for (topic, cases) in contract::topics() {
        for case in cases {
            declare(case.covers, format!("store::{topic}::{}", case.name))?;
        }
    }
    let cases = data_cases()?;
    for (id, named) in data::covers() {
        for case in named.split_whitespace() {
            ensure!(cases.contains(case), "covers.tsv: {id} names {case}, which is no case");
            declare(id, format!("data::{case}"))?;
        }
    }
    for (path, text) in test_sources()? {
        for id in known.iter().filter(|id| names(&text, id)) {
            declare(id, path.clone())?;
        }
    }
    let explained: BTreeMap<_, _> = data::explained().into_iter().collect();
    for id in explained.keys() {
        ensure!(known.contains(id), "explained.tsv: {id} is no requirement");
    }
    let row = |requirement: Requirement| Row {
        tests: tests.remove(requirement.id).unwrap_or_default(),
        explained: explained.get(requirement.id).copied(),
        requirement,
    };
    Ok(requirements.into_iter().map(row).collect())
}

/// Rows of [`AREAS`] that are neither covered nor explained.
pub fn gaps(table: &[Row]) -> Vec<&Row> {
    let open = |row: &&Row| AREAS.contains(&row.requirement.area) && row.tests.is_empty() && row.explained.is_none();
    table.iter().filter(open).collect()
}

/// The table as text: a line for each area, then what is not covered and why; with `all`, every requirement and its tests.
pub fn print(table: &[Row], all: bool) -> Result<String> {
    let mut out = String::new();
    let mut areas: Vec<_> = table.iter().map(|row| row.requirement.area).collect();
    areas.sort_by_key(|area| (!AREAS.contains(area), AREAS.iter().position(|one| one == area), *area));
    areas.dedup();
    writeln!(out, "{:14} {:>7} {:>9} {:>7}", "area", "covered", "explained", "open")?;
    for area in areas {
        let rows: Vec<_> = table.iter().filter(|row| row.requirement.area == area).collect();
        let covered = rows.iter().filter(|row| !row.tests.is_empty()).count();
        let explained = rows.iter().filter(|row| row.tests.is_empty() && row.explained.is_some()).count();
        let open = rows.len() - covered - explained;
        let note = if AREAS.contains(&area) { "" } else { "  (of a later part)" };
        writeln!(out, "{area:14} {covered:7} {explained:9} {open:7}{note}")?;
    }
    for row in table {
        let Requirement { id, level, area, text } = row.requirement;
        if all && !row.tests.is_empty() {
            writeln!(out, "\n{id} {level} ({area}): {text}")?;
            for test in &row.tests {
                writeln!(out, "  {test}")?;
            }
        } else if row.tests.is_empty() && AREAS.contains(&area) {
            let why = row.explained.map_or_else(|| "OPEN".to_owned(), |why| format!("not tested: {why}"));
            writeln!(out, "\n{id} {level} ({area}): {text}\n  {why}")?;
        }
    }
    Ok(out)
}

fn data_cases() -> Result<BTreeSet<String>> {
    let mut cases: BTreeSet<String> =
        data::patch_cases(Profile::Strict)?.iter().map(|case| case.id.to_owned()).collect();
    cases.extend(data::filter_cases(Profile::Strict)?.iter().map(|case| case.id.to_owned()));
    cases.extend(data::replays()?.into_iter().map(|replay| replay.id));
    Ok(cases)
}

/// The text of every test in the workspace that is not one of our own cases: path and text.
fn test_sources() -> Result<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let mut found = Vec::new();
    for member in fs::read_dir(root)? {
        let member = member?.path();
        if member.join("Cargo.toml").is_file() {
            collect(&member, &mut found)?;
        }
    }
    let own = root.join("conformance-tests").join("src");
    let mut sources = Vec::new();
    for path in found.into_iter().filter(|path| !path.starts_with(&own)) {
        let text = fs::read_to_string(&path)?;
        let shown = path.strip_prefix(root)?.to_string_lossy().into_owned();
        if let Some(tests) = tests_in(&path, &shown, &text) {
            sources.push((shown, tests));
        }
    }
    sources.sort();
    Ok(sources)
}

/// The part of a file that is there for tests: all of it below `tests/` and where its parent declares it so, else what
/// follows the first `#[cfg(test)]` with a body.
fn tests_in(path: &Path, shown: &str, text: &str) -> Option<String> {
    if shown.contains("/tests/") || declared_for_tests(path) {
        return Some(text.to_owned());
    }
    let at = text.match_indices("#[cfg(test)]").find(|(at, _)| {
        let rest = text.get(at + "#[cfg(test)]".len()..).unwrap_or_default();
        let line = rest.trim_start().lines().find(|line| !line.starts_with("#[")).unwrap_or_default();
        line.ends_with('{')
    })?;
    text.get(at.0..).map(str::to_owned)
}

/// Does the file that declares this module say `#[cfg(test)]` before it?
fn declared_for_tests(path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_stem().and_then(|name| name.to_str())) else {
        return false;
    };
    let parents = [folder.join("mod.rs"), folder.join("lib.rs"), folder.join("main.rs"), folder.with_extension("rs")];
    parents.iter().filter_map(|parent| fs::read_to_string(parent).ok()).any(|text| {
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let declared = |pair: &[&str]| {
            pair[0].starts_with("#[cfg(test)]")
                && pair[1].trim_start_matches("pub(crate) ").starts_with(&format!("mod {name};"))
        };
        lines.windows(2).any(declared)
    })
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Does the text name this id, and not a longer one?
fn names(text: &str, id: &str) -> bool {
    text.match_indices(id).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + id.len()..).and_then(|text| text.chars().next());
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || c == '-');
        !inside(before) && !inside(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_of_the_areas_is_covered_or_explained() {
        let table = table().unwrap();
        let open: Vec<_> = gaps(&table).iter().map(|row| (row.requirement.id, row.requirement.text)).collect();
        assert!(open.is_empty(), "{open:#?}");
    }

    #[test]
    fn ids_are_found_whole() {
        let check = |text: &str, found: bool| assert_eq!(names(text, "7644-3.3-01"), found, "{text}");
        check("// covers: 7644-3.3-01, 7644-3.3-02", true);
        check("7644-3.3-011", false);
        check("17644-3.3-01", false);
        check("7644-3.3.1-01", false);
    }
}
