//! The floor of validation: the same resources read and checked, and nothing else.

use std::sync::Arc;

use anyhow::{Context, Result};
use scim_core::access::Profile;
use scim_core::document::{check, json};
use scim_core::limits::Limits;
use scim_core::schema::{Kind, Registry, ResourceType};

pub struct Parser {
    limits: Limits,
    user: Arc<ResourceType>,
}

impl Parser {
    pub fn new() -> Result<Parser> {
        let user = Registry::standard().kind(&Kind::new("User")).context("no users")?.clone();
        Ok(Parser { limits: Limits::default(), user })
    }

    /// Reads, checks and completes one resource; gives the bytes of its canonical form.
    pub fn validate(&self, text: &[u8]) -> Result<usize> {
        let value = json::parse(text, &self.limits)?;
        let draft = check::resource(&value, &self.user, &Profile::Compatible.rules(), &self.limits)?;
        let document = check::complete(draft.attributes, &self.user, &[])?;
        Ok(document.as_str().len())
    }
}
