//! The data sets, embedded, and their rows as values. The files and their sources are listed in `data/README.md`.

use anyhow::{Context, Result, ensure};
use scim_core::access::Profile;
use serde::Deserialize;
use serde_json::Value;

/// The extension schema that the data sets use, in the RFC's own JSON.
pub const TEST_USER: &str = include_str!("../data/TestUser.json");
/// The URN of that schema.
pub const TEST_URN: &str = "urn:example:params:scim:schemas:test:1.0:User";

/// A second one, with the characteristics that TestUser leaves out.
pub const EXTRA: &str = include_str!("../data/Extra.json");
/// The URN of that schema.
pub const EXTRA_URN: &str = "urn:example:params:scim:schemas:extra:1.0:User";
/// A third one, whose URN is a prefix of the second's.
pub const PREFIX: &str = include_str!("../data/Prefix.json");
/// The URN of that schema.
pub const PREFIX_URN: &str = "urn:example:params:scim:schemas:extra:1.0";
/// The schema of a resource type of its own.
pub const DEVICE: &str = include_str!("../data/Device.json");
/// An extension that it requires.
pub const SITE: &str = include_str!("../data/Site.json");
/// The URN of that extension.
pub const SITE_URN: &str = "urn:example:params:scim:schemas:site:1.0:Device";
/// That resource type.
pub const DEVICE_TYPE: &str = include_str!("../data/DeviceType.json");
/// The URN of its schema.
pub const DEVICE_URN: &str = "urn:example:params:scim:schemas:device:1.0:Device";

const REQUIREMENTS: &str = include_str!("../data/requirements.tsv");
const PATCH_CASES: &str = include_str!("../data/patch-cases.tsv");
const FILTER_CASES: &str = include_str!("../data/filter-cases.tsv");
const FILTER_DATA: &str = include_str!("../data/filter-data.json");
const PROFILES: &str = include_str!("../data/profiles.tsv");
const REQUESTS: &str = include_str!("../data/requests.jsonl");
const EXPLAINED: &str = include_str!("../data/explained.tsv");
const COVERS: &str = include_str!("../data/covers.tsv");

/// One requirement of a standard, or of ours.
#[derive(Debug, Clone, Copy)]
pub struct Requirement {
    /// RFC, section, running number.
    pub id: &'static str,
    /// MUST, MUST NOT, SHOULD, MAY or `behaviour`.
    pub level: &'static str,
    /// What it is about.
    pub area: &'static str,
    /// The requirement in a sentence.
    pub text: &'static str,
}

/// One PATCH and what comes of it.
#[derive(Debug, Clone)]
pub struct PatchCase {
    /// `patch-001` and so on.
    pub id: &'static str,
    /// The resource before, without `meta`.
    pub initial: Value,
    /// The message body.
    pub message: Value,
    /// What comes of it.
    pub expected: Expected,
}

/// One filter and what it finds.
#[derive(Debug, Clone)]
pub struct FilterCase {
    /// `filter-001` and so on.
    pub id: &'static str,
    /// `/Users`, `/Groups` or `/`.
    pub endpoint: &'static str,
    /// The filter.
    pub filter: &'static str,
    /// What comes of it.
    pub expected: Expected,
}

/// What comes of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// Success, and the resource is this.
    Resource(Value),
    /// Success, with these ids.
    Ids(Vec<String>),
    /// An error with this status and `scimType`.
    Error(u16, String),
}

/// One recorded message of a client (`requests.jsonl`).
#[derive(Debug, Clone, Deserialize)]
pub struct Replay {
    /// `entra-001` and so on.
    pub id: String,
    /// Who sends it.
    pub client: String,
    /// What it is for.
    pub step: String,
    /// Resources to make first.
    #[serde(default)]
    pub given: Vec<Given>,
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// GETs to issue afterwards.
    #[serde(default)]
    pub verify: Vec<Message>,
}

/// A resource to make before a [`Replay`].
#[derive(Debug, Clone, Deserialize)]
pub struct Given {
    /// The name of its id later on: `${name}`.
    #[serde(rename = "as")]
    pub name: String,
    /// `User` or `Group`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is POSTed.
    pub body: Value,
}

/// A message and what must come back.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// The HTTP method.
    pub method: String,
    /// Relative to the base URL of the tenant, encoded already.
    pub path: String,
    /// Header fields; null sends none.
    #[serde(default)]
    pub headers: serde_json::Map<String, Value>,
    /// The body.
    pub body: Option<Value>,
    /// What must come back.
    pub expect: Expect,
}

/// What must come back.
#[derive(Debug, Clone, Deserialize)]
pub struct Expect {
    /// A status, or a list of acceptable ones.
    pub status: Value,
    /// Header fields; `*` is any value.
    #[serde(default)]
    pub headers: serde_json::Map<String, Value>,
    /// Claims about the body, each with `at` and what is claimed there.
    #[serde(default)]
    pub body: Vec<serde_json::Map<String, Value>>,
}

/// All requirements.
pub fn requirements() -> Vec<Requirement> {
    rows(REQUIREMENTS)
        .map(|cells| Requirement { id: cells[0], level: cells[3], area: cells[4], text: cells[5] })
        .collect()
}

/// Requirements that no automatic test can hold: id and reason.
pub fn explained() -> Vec<(&'static str, &'static str)> {
    rows(EXPLAINED).map(|cells| (cells[0], cells[1])).collect()
}

/// Which cases of the data sets hold which requirement: id of the requirement, ids of the cases.
pub fn covers() -> Vec<(&'static str, &'static str)> {
    rows(COVERS).map(|cells| (cells[0], cells[1])).collect()
}

/// The PATCH cases, as this profile answers them.
pub fn patch_cases(profile: Profile) -> Result<Vec<PatchCase>> {
    rows(PATCH_CASES)
        .map(|cells| {
            let initial: Value = serde_json::from_str(cells[1]).context(cells[0])?;
            let patch: Value = serde_json::from_str(cells[2]).context(cells[0])?;
            let message = if patch.is_array() {
                serde_json::json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": patch})
            } else {
                patch
            };
            let expected = expected(cells[0], cells[3], profile)?;
            Ok(PatchCase { id: cells[0], initial, message, expected })
        })
        .collect()
}

/// The filter cases, as this profile answers them.
pub fn filter_cases(profile: Profile) -> Result<Vec<FilterCase>> {
    rows(FILTER_CASES)
        .map(|cells| {
            let expected = expected(cells[0], cells[3], profile)?;
            Ok(FilterCase { id: cells[0], endpoint: cells[1], filter: cells[2], expected })
        })
        .collect()
}

/// The resources that the filter cases look at.
pub fn filter_data() -> Result<Vec<Value>> {
    serde_json::from_str(FILTER_DATA).context("filter-data.json")
}

/// What clients send.
pub fn replays() -> Result<Vec<Replay>> {
    REQUESTS.lines().map(|line| serde_json::from_str(line).with_context(|| format!("requests.jsonl: {line}"))).collect()
}

/// The expectation of a case under a profile: that of `profiles.tsv` where it lists the case.
fn expected(id: &str, own: &'static str, profile: Profile) -> Result<Expected> {
    let listed = rows(PROFILES).find(|cells| cells[0] == id);
    let told = listed.map(|cells| if profile == Profile::Strict { cells[1] } else { cells[2] });
    let cell = told.filter(|told| *told != "=").unwrap_or(own);
    if cell.starts_with('{') {
        return Ok(Expected::Resource(serde_json::from_str(cell).with_context(|| id.to_owned())?));
    }
    if let Some((status, scim_type)) = cell.split_once(' ')
        && let Ok(status) = status.parse()
    {
        return Ok(Expected::Error(status, scim_type.to_owned()));
    }
    ensure!(!cell.is_empty(), "{id}: nothing is expected");
    Ok(Expected::Ids(cell.split_whitespace().filter(|id| *id != "-").map(str::to_owned).collect()))
}

/// The rows of a TSV without its header line, always with as many cells as any of our tables has.
fn rows(table: &'static str) -> impl Iterator<Item = [&'static str; 7]> {
    table.lines().skip(1).filter(|line| !line.is_empty()).map(|line| {
        let mut cells = [""; 7];
        for (cell, text) in cells.iter_mut().zip(line.split('\t')) {
            *cell = text;
        }
        cells
    })
}
