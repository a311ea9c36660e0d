//! What is said of what went wrong.

use std::fmt::Display;

use scim_core::error::ErrorKind;
use scim_core::store::{StoreError, StoreErrorKind};

use crate::ldap::LdapError;

use super::super::report::Finding;
use super::hand::told;

/// Where the settings are at fault.
pub(super) const CONFIGURE: &str = "set it in the configuration";

/// A step that a probe could not take with entries below this one: everything behind it is left out.
pub(super) fn failed(step: &str, below: &impl Display, error: &StoreError) -> Finding {
    let mend = match &error.kind {
        StoreErrorKind::Rejected(own) if own.kind == ErrorKind::Forbidden => rights(below),
        StoreErrorKind::Refused => rights(below),
        StoreErrorKind::NotFound => {
            "let the filter of the type accept what its object_classes make, and the account of store.ldap.bind_dn read it".into()
        }
        StoreErrorKind::Unavailable | StoreErrorKind::Uncertain => "look at the directory's log, and run the probe again".into(),
        _ => "mend what the directory names, or the mapping of the type in [store.ldap]".into(),
    };
    Finding::problem(format!("probe: {step}: {}", told(error)), mend)
}

fn rights(below: &impl Display) -> String {
    format!(
        "give the account of store.ldap.bind_dn the right to add, change, rename and delete entries below {below}, or set \
         store.ldap.mode = \"read_only\""
    )
}

/// The same of what was asked of the directory itself.
pub(super) fn failed_at(step: &str, below: &impl Display, error: LdapError) -> Finding {
    failed(step, below, &error.during("probe"))
}
