//! Who asks.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::ScimError;
use crate::schema::Kind;
use crate::store::ResourceId;

use super::Profile;

/// One thing a credential may do, written `read`, `write`, `users:read`, `groups:write` and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The endpoint without slash, lower case (`users`), or None for every type.
    pub endpoint: Option<String>,
    /// Change as well as look. Writing includes reading.
    pub write: bool,
}

impl FromStr for Right {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (endpoint, verb) = match text.split_once(':') {
            Some((endpoint, verb)) if !endpoint.is_empty() => (Some(endpoint.to_ascii_lowercase()), verb),
            Some(_) => return Err(format!("{text:?} names no endpoint before its colon")),
            None => (None, text),
        };
        match verb {
            "read" => Ok(Right { endpoint, write: false }),
            "write" => Ok(Right { endpoint, write: true }),
            _ => Err(format!(
                "{text:?} is no scope; use read, write, users:read, users:write, groups:read, groups:write"
            )),
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = &self.endpoint {
            write!(f, "{endpoint}:")?;
        }
        f.write_str(if self.write { "write" } else { "read" })
    }
}

impl Serialize for Right {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Right {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Who asks: a credential that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    /// The name of the credential, for logs and audit.
    pub name: Arc<str>,
    /// What it may do.
    pub rights: Vec<Right>,
    /// How it speaks SCIM.
    pub profile: Profile,
    /// The user it stands for, where it stands for one.
    pub subject: Option<ResourceId>,
}

impl Principal {
    /// May it look at (or change) resources at this endpoint (`/Users`)?
    pub fn may(&self, endpoint: &str, write: bool) -> bool {
        let endpoint = endpoint.trim_start_matches('/');
        self.rights.iter().any(|right| {
            (right.write || !write) && right.endpoint.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(endpoint))
        })
    }

    /// As [`Principal::may`], as an answer to the client.
    pub fn require(&self, kind: &Kind, endpoint: &str, write: bool) -> Result<(), ScimError> {
        if self.may(endpoint, write) {
            return Ok(());
        }
        let verb = if write { "change" } else { "read" };
        Err(ScimError::forbidden(format!("this credential may not {verb} resources of type {kind}")))
    }
}
