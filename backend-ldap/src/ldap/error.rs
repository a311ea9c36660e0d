//! What can go wrong between us and a directory, and what it is in the terms of the store.

use std::fmt;
use std::time::Duration;

use scim_core::error::ScimError;
use scim_core::store::{StoreError, StoreErrorKind};

use super::result::{Code, LdapResult};

/// When what an operator has to mend may be mended.
const MENDED: Duration = Duration::from_secs(60);
/// The name of this backend in errors and logs.
pub(crate) const BACKEND: &str = "ldap";

/// Bytes that are no LDAP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not BER as LDAP uses it.
    #[error("{0}")]
    Ber(&'static str),
    /// BER, but not what stands here in RFC 4511.
    #[error("{0} is missing or of another kind")]
    Missing(&'static str),
    /// More than stands here in RFC 4511.
    #[error("more follows {0}")]
    Beyond(&'static str),
    /// A message or a value over the limit.
    #[error("{bytes} bytes, where at most {most} are taken")]
    #[expect(missing_docs, reason = "said above")]
    TooLarge { bytes: usize, most: usize },
    /// More values than are taken.
    #[error("{values} values in one entry, where at most {most} are taken")]
    #[expect(missing_docs, reason = "said above")]
    TooMany { values: usize, most: usize },
    /// A name that is no DN.
    #[error("{0}")]
    Name(String),
}

/// Why a directory did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LdapError {
    /// It answered that it will not.
    #[error("{0}")]
    Refused(Box<LdapResult>),
    /// No server could be reached, or the connection broke before the request went out or while reading: nothing
    /// was written.
    #[error("{0}")]
    Unavailable(String),
    /// The connection broke, or the deadline passed, after a write went out: it may have happened.
    #[error("{0}")]
    Uncertain(String),
    /// No answer to a read in this time.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// More entries or bytes than are taken.
    #[error("{0}")]
    TooMany(String),
    /// The entry below which was searched is not there, or not for this account.
    #[error("there is no entry {0} to search below, or it is hidden from this account")]
    NoBase(String),
    /// The answer is no LDAP.
    #[error("the directory's answer is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The request cannot be made: a filter too deep, a control the server lacks.
    #[error("{0}")]
    Request(String),
}

impl LdapError {
    /// The result code, where the directory answered.
    pub fn code(&self) -> Option<Code> {
        match self {
            LdapError::Refused(result) => Some(result.code),
            LdapError::NoBase(_) => Some(Code::NO_SUCH_OBJECT),
            _ => None,
        }
    }

    /// The same, where it is known that this entry must be there: one below which entries of a type stand.
    pub(crate) fn below(self, base: &impl fmt::Display) -> LdapError {
        if self.code() == Some(Code::NO_SUCH_OBJECT) { LdapError::NoBase(base.to_string()) } else { self }
    }

    /// Can a request that only reads be asked again, elsewhere?
    pub fn is_lost(&self) -> bool {
        match self {
            LdapError::Unavailable(_) | LdapError::Malformed(_) => true,
            LdapError::Refused(result) => result.code.is_down(),
            _ => false,
        }
    }

    /// As the store's error while doing this, where nothing is known about the operation. What a code means for one
    /// operation alone (16 in a compare-and-swap, 68 on an Add) its caller looks at first.
    pub fn during(self, operation: &'static str) -> StoreError {
        StoreError::new(self.kind()).during(BACKEND, operation).because(self)
    }

    fn kind(&self) -> StoreErrorKind {
        match self {
            LdapError::Refused(result) => refused(result.code),
            LdapError::Unavailable(_) | LdapError::Late(_) => StoreErrorKind::Unavailable,
            LdapError::Uncertain(_) => StoreErrorKind::Uncertain,
            LdapError::TooMany(_) => StoreErrorKind::TooMany,
            LdapError::NoBase(_) => {
                let told =
                    "the directory has no entry below which these resources should stand, or hides it from this server";
                StoreErrorKind::Rejected(Box::new(ScimError::unavailable(told, MENDED)))
            }
            LdapError::Malformed(_) => StoreErrorKind::Corrupt,
            LdapError::Request(_) => StoreErrorKind::Unsupported("this request to the directory"),
        }
    }
}

/// What a result code is where no more is known.
fn refused(code: Code) -> StoreErrorKind {
    match code {
        Code::NO_SUCH_OBJECT => StoreErrorKind::NotFound,
        Code::ASSERTION_FAILED => StoreErrorKind::Stale,
        Code::INSUFFICIENT_ACCESS | Code::REFERRAL => StoreErrorKind::Refused,
        Code::TIME_LIMIT | Code::SIZE_LIMIT | Code::ADMIN_LIMIT => StoreErrorKind::TooMany,
        Code::UNAVAILABLE_CRITICAL_EXTENSION => StoreErrorKind::Unsupported("a control the directory lacks"),
        code if code.is_down() => StoreErrorKind::Unavailable,
        // A full disk, a fault of its own: not ours, and perhaps not for long.
        Code::OPERATIONS_ERROR | Code::OTHER | Code::LOOP_DETECT => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_kind() {
        let kind = |code| format!("{:?}", LdapError::Refused(Box::new(LdapResult::of(code, "said so"))).kind());
        for (code, expected) in [
            (Code::NO_SUCH_OBJECT, "NotFound"),
            (Code::ASSERTION_FAILED, "Stale"),
            (Code::INSUFFICIENT_ACCESS, "Refused"),
            (Code::SIZE_LIMIT, "TooMany"),
            (Code::BUSY, "Unavailable"),
            (Code::OTHER, "Unavailable"),
            (Code::UNAVAILABLE, "Unavailable"),
            (Code::INVALID_CREDENTIALS, "Unavailable"),
        ] {
            assert_eq!(kind(code), expected, "{code}");
        }
    }

    #[test]
    fn what_was_written_perhaps_is_uncertain_and_what_was_not_is_unavailable() {
        assert!(matches!(LdapError::Uncertain("lost".into()).kind(), StoreErrorKind::Uncertain));
        assert!(matches!(LdapError::Unavailable("refused".into()).kind(), StoreErrorKind::Unavailable));
        assert!(LdapError::Unavailable("refused".into()).is_lost());
        assert!(!LdapError::Uncertain("lost".into()).is_lost());
    }
}
