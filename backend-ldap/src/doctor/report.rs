//! What an examination found, for people and for machines.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// How a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, and could be better, or is good to know.
    Note,
    /// Will be slow, or wrong in places.
    Warning,
    /// Does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How it stands.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do, where there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    pub(super) fn good(what: impl Into<String>) -> Self {
        Finding { level: Level::Good, what: what.into(), mend: None }
    }

    pub(super) fn note(what: impl Into<String>) -> Self {
        Finding { level: Level::Note, what: what.into(), mend: None }
    }

    pub(super) fn warning(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Finding { level: Level::Warning, what: what.into(), mend: Some(mend.into()) }
    }

    pub(super) fn problem(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Finding { level: Level::Problem, what: what.into(), mend: Some(mend.into()) }
    }
}

/// A SCIM attribute and what it is in the directory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its path.
    pub scim: String,
    /// The directory's attribute; None where it cannot be held.
    pub ldap: Option<String>,
    /// Why it cannot, or what is restricted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What was found of one type.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeReport {
    /// The tenant, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The type.
    pub kind: String,
    /// Where its entries are.
    pub base: String,
    /// Which entries there.
    pub filter: String,
    /// Where ids come from.
    pub id: String,
    /// How many there are: of these at least, where there are more than were counted.
    pub entries: usize,
    /// Are there more?
    pub more: bool,
    /// Attribute by attribute.
    pub attributes: Vec<Row>,
    /// One of them, in SCIM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
}

/// What an examination found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// What the directory is, a name and a value each.
    pub directory: Vec<(String, String)>,
    /// Type by type.
    pub types: Vec<TypeReport>,
    /// What was looked at, the worst last.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Does something not work?
    pub fn has_problems(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Problem)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.directory.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.directory {
            writeln!(f, "{name:width$}  {value}")?;
        }
        for one in &self.types {
            write!(f, "\n{one}")?;
        }
        writeln!(f)?;
        for finding in &self.findings {
            let mark = match finding.level {
                Level::Good => "ok     ",
                Level::Note => "note   ",
                Level::Warning => "warning",
                Level::Problem => "problem",
            };
            writeln!(f, "{mark}  {}", finding.what)?;
            for line in finding.mend.iter().flat_map(|mend| mend.lines()) {
                writeln!(f, "         {line}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for TypeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenant = self.tenant.as_ref().map(|tenant| format!(" of tenant {tenant}")).unwrap_or_default();
        let more = if self.more { " and more" } else { "" };
        writeln!(f, "{}{tenant}: {}{more} below {}, {}", self.kind, self.entries, self.base, self.filter)?;
        let width = self.attributes.iter().map(|row| row.scim.chars().count()).max().unwrap_or(0);
        let names = self.attributes.iter().filter_map(|row| row.ldap.as_ref()).map(String::len).max().unwrap_or(0);
        for row in &self.attributes {
            let name = row.ldap.as_deref().unwrap_or("-");
            let line = format!("  {:width$}  {name:names$}  {}", row.scim, row.why.as_deref().unwrap_or_default());
            writeln!(f, "{}", line.trim_end())?;
        }
        if let Some(example) = &self.example {
            writeln!(f, "  for example:")?;
            let text = serde_json::to_string_pretty(example).unwrap_or_default();
            text.lines().try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        Ok(())
    }
}
