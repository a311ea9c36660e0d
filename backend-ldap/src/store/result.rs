//! What the answers of a directory mean for a write.

use std::time::Duration;

use scim_core::error::ScimError;
use scim_core::path::AttrPath;
use scim_core::store::{StoreError, StoreErrorKind};

use crate::ldap::{Code, LdapError, LdapResult};
use crate::mapping::Mapping;
use crate::mapping::write::Unholdable;

use super::BACKEND;

/// When a directory that failed may do it.
const AGAIN: Duration = Duration::from_secs(10);

/// What the mapping cannot hold, as the store says it.
pub(super) fn unholdable(bad: Unholdable) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid { at: bad.at, why: bad.why }).during(BACKEND, "map a document")
}

/// A refusal in SCIM's words.
pub(super) fn rejected(error: ScimError) -> StoreError {
    StoreError::new(StoreErrorKind::Rejected(Box::new(error)))
}

/// The answer to a write of an entry. `unique` is what may stand once only there.
pub(super) fn of_write(
    mapping: &Mapping,
    unique: Option<&AttrPath>,
    error: LdapError,
    during: &'static str,
) -> StoreError {
    let LdapError::Refused(result) = &error else { return error.during(during) };
    tracing::debug!(%result, during, "the directory refuses a write");
    let kind = match result.code {
        Code::ENTRY_ALREADY_EXISTS => Some(match unique {
            Some(at) => StoreErrorKind::Taken { at: at.clone() },
            None => StoreErrorKind::Rejected(Box::new(ScimError::uniqueness(told(result)))),
        }),
        // slapo-unique, and the plug-ins that do the same. They may keep more than we look for, and not all name it.
        Code::CONSTRAINT_VIOLATION if says(result, &["non-unique", "already exists", "not unique"]) => {
            let named = mapping.columns.iter().find(|column| named_in(result, column.name.base()));
            Some(match named {
                Some(column) => StoreErrorKind::Taken { at: column.at.clone() },
                None => StoreErrorKind::Rejected(Box::new(ScimError::uniqueness(told(result)))),
            })
        }
        Code::CONSTRAINT_VIOLATION
        | Code::INVALID_ATTRIBUTE_SYNTAX
        | Code::OBJECT_CLASS_VIOLATION
        | Code::ATTRIBUTE_OR_VALUE_EXISTS => {
            let named = mapping.columns.iter().find(|column| named_in(result, column.name.base()));
            Some(match named {
                Some(column) => StoreErrorKind::Invalid { at: column.at.clone(), why: told(result) },
                None => StoreErrorKind::Rejected(Box::new(ScimError::invalid_value(told(result)))),
            })
        }
        Code::UNDEFINED_ATTRIBUTE_TYPE
        | Code::INVALID_DN_SYNTAX
        | Code::NAMING_VIOLATION
        | Code::NOT_ALLOWED_ON_RDN => Some(StoreErrorKind::Rejected(Box::new(ScimError::invalid_value(told(result))))),
        Code::INSUFFICIENT_ACCESS
        | Code::AUTHORIZATION_DENIED
        | Code::STRONGER_AUTH_REQUIRED
        | Code::CONFIDENTIALITY_REQUIRED
        | Code::INAPPROPRIATE_MATCHING
        | Code::OBJECT_CLASS_MODS_PROHIBITED
        | Code::AFFECTS_MULTIPLE_DSAS => Some(StoreErrorKind::Rejected(Box::new(ScimError::forbidden(told(result))))),
        Code::NOT_ALLOWED_ON_NON_LEAF => {
            let why = "other entries stand below this one in the directory, and would go with it; delete them first";
            Some(StoreErrorKind::Rejected(Box::new(ScimError::conflict(why))))
        }
        // Nothing was written: the entry is not one too many, the server had no room or no time for it.
        Code::TIME_LIMIT | Code::SIZE_LIMIT | Code::ADMIN_LIMIT | Code::OPERATIONS_ERROR | Code::OTHER => {
            Some(StoreErrorKind::Rejected(Box::new(ScimError::unavailable(told(result), AGAIN))))
        }
        Code::REFERRAL => {
            let why =
                "this directory server takes no writes and names another, which is not among those this server may ask";
            Some(StoreErrorKind::Rejected(Box::new(ScimError::forbidden(why))))
        }
        // OpenLDAP says so of a database that takes no writes.
        Code::UNWILLING_TO_PERFORM if says(result, &["operation restricted"]) => {
            Some(StoreErrorKind::Rejected(Box::new(ScimError::forbidden(told(result)))))
        }
        Code::UNWILLING_TO_PERFORM => Some(StoreErrorKind::Rejected(Box::new(ScimError::invalid_value(told(result))))),
        _ => None,
    };
    match kind {
        Some(kind) => StoreError::new(kind).during(BACKEND, during).because(error),
        None => error.during(during),
    }
}

/// Does the server's own text say one of these?
pub(super) fn says(result: &LdapResult, texts: &[&str]) -> bool {
    let own = result.message.to_ascii_lowercase();
    texts.iter().any(|text| own.contains(text))
}

/// Is this attribute named in the server's text?
fn named_in(result: &LdapResult, name: &str) -> bool {
    let own = result.message.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    own.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == name)
}

/// What the client is told: the kind of refusal and the server's own reason, which names attributes and rules.
pub(super) fn told(result: &LdapResult) -> String {
    let message: String = result.message.chars().filter(|c| !c.is_control()).take(200).collect();
    if message.is_empty() {
        format!("the directory refuses it ({})", result.code)
    } else {
        format!("the directory refuses it ({}): {message}", result.code)
    }
}
