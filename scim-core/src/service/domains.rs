//! Tenants limited to some e-mail domains: nobody claims a name elsewhere for a later takeover (threat A12).

use std::sync::Arc;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::change::{Change, ChangeSet, Resolve};
use crate::document::Document;
use crate::error::{ScimError, excerpt};
use crate::query::Select;
use crate::store::Record;

use super::Caller;

impl Caller {
    /// Refuses a document whose `userName` or `emails` are addresses outside the tenant's domains.
    pub(super) fn in_domains(&self, document: &Document) -> Result<(), ScimError> {
        check(&self.tenant.settings.domains, document)
    }

    /// The change, refusing documents outside the tenant's domains.
    pub(super) fn guarded(&self, change: Change) -> Change {
        let domains = &self.tenant.settings.domains;
        match change {
            Change::Of(inner) if !domains.is_empty() => {
                Change::Of(Arc::new(Guarded { inner, domains: domains.clone() }))
            }
            change => change,
        }
    }
}

#[derive(Debug)]
struct Guarded {
    inner: Arc<dyn Resolve>,
    domains: Vec<String>,
}

impl Resolve for Guarded {
    fn reads(&self) -> &Select {
        self.inner.reads()
    }

    fn resolve(&self, now: &Record) -> Result<Option<ChangeSet>, ScimError> {
        let change = self.inner.resolve(now)?;
        if let Some(document) = change.as_ref().and_then(|change| change.document.as_ref()) {
            check(&self.domains, document)?;
        }
        Ok(change)
    }
}

/// What follows the last at sign of an address. Those of other widths count, as they do in the key of a user name.
fn domain(address: &str) -> Option<&str> {
    let is_at = |c: char| c == '@' || !c.is_ascii() && std::iter::once(c).nfkc().any(|c| c == '@');
    address.rsplit_once(is_at).map(|(_, domain)| domain)
}

fn check(domains: &[String], document: &Document) -> Result<(), ScimError> {
    if domains.is_empty() {
        return Ok(());
    }
    let attributes = document.parse();
    let emails = attributes.get("emails").and_then(Value::as_array).into_iter().flatten();
    let named = [("userName", attributes.get("userName"))];
    for (at, value) in named.into_iter().chain(emails.map(|email| ("emails.value", email.get("value")))) {
        let Some(domain) = value.and_then(Value::as_str).and_then(domain) else { continue };
        if !domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain)) {
            return Err(ScimError::invalid_value(format!(
                "{at}: {} is not in one of this tenant's domains ({})",
                excerpt(domain),
                domains.join(", ")
            )));
        }
    }
    Ok(())
}
