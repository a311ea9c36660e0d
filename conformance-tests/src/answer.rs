//! An answer, and what a case may claim of it. Every claim fails with the request, the status and the body.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::http::Response;

/// The URN of the Error message (RFC 7644 section 3.12).
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// The media type of every answer with a body.
pub const MEDIA: &str = "application/scim+json";

/// The keywords of RFC 7644 section 3.12, table 9, and RFC 9865 section 2.1.
const SCIM_TYPES: [&str; 13] = [
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
    "invalidCursor",
    "expiredCursor",
    "invalidCount",
];

/// An answer to a request that is remembered for messages.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body as JSON; null where there is none or it is no JSON.
    pub body: Value,
    /// The body as bytes.
    pub raw: Vec<u8>,
    headers: Vec<(String, String)>,
    asked: String,
    /// Is all right that the standards leave open, also where our server chose?
    open: bool,
    /// Is it the answer to a PATCH?
    patched: bool,
}

impl Answer {
    /// The answer to `asked`.
    pub fn new(asked: String, response: Response) -> Self {
        let body = serde_json::from_slice(&response.body).unwrap_or_default();
        Answer {
            status: response.status,
            body,
            raw: response.body,
            headers: response.headers,
            asked,
            open: false,
            patched: false,
        }
    }

    /// Takes what the standards leave open as right, whatever was chosen: a PATCH may be answered with the resource or with
    /// nothing (RFC 7644 section 3.5.2), and `scimType` is optional (section 3.12).
    pub fn left_open(mut self, patched: bool) -> Self {
        (self.open, self.patched) = (true, patched);
        self
    }

    /// The request and the answer on one line, for messages.
    pub fn tell(&self) -> String {
        let text: String = String::from_utf8_lossy(&self.raw).chars().take(600).collect();
        format!("{} → {} {text}", self.asked, self.status)
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The header, which must be there.
    pub fn must_header(&self, name: &str) -> Result<&str> {
        self.header(name).with_context(|| format!("{}: the header {name} is missing", self.tell()))
    }

    /// The value at a JSON pointer; null where there is none.
    pub fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The text at a JSON pointer; empty where there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The `id`, which must be there.
    pub fn id(&self) -> Result<&str> {
        self.at("/id").as_str().filter(|id| !id.is_empty()).with_context(|| format!("{}: no id", self.tell()))
    }

    /// The array at a JSON pointer; empty where there is none.
    pub fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    /// The ids of a list response, in order.
    pub fn ids(&self) -> Vec<&str> {
        self.each("/id")
    }

    /// One text of each resource of a list response, in order; empty where a resource lacks it.
    pub fn each(&self, pointer: &str) -> Vec<&str> {
        self.list("/Resources")
            .iter()
            .map(|one| one.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
            .collect()
    }

    /// It has this status.
    pub fn is(self, status: u16) -> Result<Self> {
        let shown = self.open && self.patched && status == 204 && self.status == 200;
        ensure!(self.status == status || shown, "expected {status}: {}", self.tell());
        Ok(self)
    }

    /// It has one of these statuses.
    pub fn is_one_of(self, statuses: &[u16]) -> Result<Self> {
        ensure!(statuses.contains(&self.status), "expected one of {statuses:?}: {}", self.tell());
        Ok(self)
    }

    /// It is a well-formed SCIM error of this status and `scimType` (empty: without one).
    pub fn fails(self, status: u16, scim_type: &str) -> Result<Self> {
        let expected = format!("expected {status} {scim_type}");
        ensure!(self.status == status, "{expected}: {}", self.tell());
        ensure!(self.means(self.text("/scimType"), scim_type), "{expected}: {}", self.tell());
        ensure!(self.list("/schemas") == [Value::from(ERROR)], "no Error message: {}", self.tell());
        ensure!(self.text("/status") == status.to_string(), "status is no string of the code: {}", self.tell());
        ensure!(!self.text("/detail").is_empty(), "no detail: {}", self.tell());
        ensure!(self.is_scim_json(), "not {MEDIA}: {:?} {}", self.header("content-type"), self.tell());
        Ok(self)
    }

    /// Is this `scimType` what is wanted, or at least no other than the standards let a server choose?
    pub fn means(&self, said: &str, wanted: &str) -> bool {
        said == wanted || self.open && (said.is_empty() || SCIM_TYPES.contains(&said))
    }

    /// Is the body declared as SCIM's media type?
    pub fn is_scim_json(&self) -> bool {
        self.header("content-type").is_some_and(|value| value.split(';').next().unwrap_or_default().trim() == MEDIA)
    }

    /// It has this value at the pointer.
    pub fn has(&self, pointer: &str, value: impl Into<Value>) -> Result<&Self> {
        let value = value.into();
        ensure!(*self.at(pointer) == value, "expected {value} at {pointer}: {}", self.tell());
        Ok(self)
    }

    /// It has anything but null at the pointer.
    pub fn some(&self, pointer: &str) -> Result<&Self> {
        ensure!(!self.at(pointer).is_null(), "nothing at {pointer}: {}", self.tell());
        Ok(self)
    }

    /// It has nothing at the pointer, not even null.
    pub fn lacks(&self, pointer: &str) -> Result<&Self> {
        ensure!(self.body.pointer(pointer).is_none(), "{pointer} is there: {}", self.tell());
        Ok(self)
    }

    /// Its list holds these ids, in any order.
    pub fn finds(&self, ids: &[&str]) -> Result<&Self> {
        let (mut found, mut wanted) = (self.ids(), ids.to_vec());
        found.sort_unstable();
        wanted.sort_unstable();
        ensure!(found == wanted, "expected {wanted:?}, found {found:?}: {}", self.tell());
        Ok(self)
    }

    /// Its list shows these texts at the pointer, in this order.
    pub fn shows(&self, pointer: &str, texts: &[&str]) -> Result<&Self> {
        let found = self.each(pointer);
        ensure!(found == texts, "expected {texts:?}, found {found:?}: {}", self.tell());
        Ok(self)
    }

    /// Its body does not contain this text anywhere.
    pub fn hides(&self, text: &str) -> Result<&Self> {
        if String::from_utf8_lossy(&self.raw).contains(text) {
            bail!("{text:?} stands in {}", self.tell());
        }
        Ok(self)
    }
}
