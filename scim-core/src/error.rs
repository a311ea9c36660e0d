//! What can go wrong, and the one table from kinds of error to HTTP status and `scimType` (RFC 7644 section 3.12).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::store::{StoreError, StoreErrorKind};

/// An error in SCIM's own terms: what the client is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// Decides the status and the `scimType`.
    pub kind: ErrorKind,
    /// A sentence for people: the attribute, the rule, the mend. Never a secret, never an internal.
    pub detail: Cow<'static, str>,
    /// For `Unavailable` and `TooManyRequests`: when to come back.
    pub retry_after: Option<Duration>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $status:literal, $scim_type:expr;)*) => {
        /// The kinds of error a SCIM client can meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $kind,)* }

        impl ErrorKind {
            /// Every kind, for tests and documentation that print the table.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)*];

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(ErrorKind::$kind => $status,)* }
            }

            /// The `scimType` keyword, where RFC 7644 table 9 or RFC 9865 section 2.1 defines one.
            pub const fn scim_type(self) -> Option<&'static str> {
                match self { $(ErrorKind::$kind => $scim_type,)* }
            }
        }
    };
}

kinds! {
    /// A filter that does not parse, or an operator that does not fit its attribute.
    InvalidFilter => 400, Some("invalidFilter");
    /// The server will not compute so many results.
    TooMany => 400, Some("tooMany");
    /// A unique value is taken.
    Uniqueness => 409, Some("uniqueness");
    /// The change is not allowed by the mutability or the state of the attribute.
    Mutability => 400, Some("mutability");
    /// The message is not built as SCIM wants it.
    InvalidSyntax => 400, Some("invalidSyntax");
    /// The path is malformed or names no attribute of the type.
    InvalidPath => 400, Some("invalidPath");
    /// The path yields nothing to operate on.
    NoTarget => 400, Some("noTarget");
    /// A required value is missing, or a value does not fit its attribute.
    InvalidValue => 400, Some("invalidValue");
    /// Another version of the protocol was asked for.
    InvalidVers => 400, Some("invalidVers");
    /// A GET filter names data that must not stand in a URL (RFC 7644 section 7.5.2).
    Sensitive => 403, Some("sensitive");
    /// A cursor that is unknown, altered or another query's.
    InvalidCursor => 400, Some("invalidCursor");
    /// A cursor past its life.
    ExpiredCursor => 400, Some("expiredCursor");
    /// A `count` that differs from that of the first page.
    InvalidCount => 400, Some("invalidCount");
    /// No credential, or a wrong one.
    Unauthorized => 401, None;
    /// A known caller without the right.
    Forbidden => 403, None;
    /// No such resource or endpoint.
    NotFound => 404, None;
    /// The endpoint does not define this method.
    MethodNotAllowed => 405, None;
    /// None of the acceptable media types can be given.
    NotAcceptable => 406, None;
    /// The request did not arrive in time.
    Timeout => 408, None;
    /// An operation that depends on one that failed.
    Conflict => 409, None;
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed => 412, None;
    /// The body, or the number of operations in it, is over the limit.
    TooLarge => 413, None;
    /// The request target is over the limit.
    UriTooLong => 414, None;
    /// The body is of a media type that is not JSON.
    UnsupportedMediaType => 415, None;
    /// This tenant wants `If-Match` on every change.
    PreconditionRequired => 428, None;
    /// Too many requests from this caller.
    TooManyRequests => 429, None;
    /// The head of the request is over the limit.
    HeadersTooLarge => 431, None;
    /// Our fault; the log says more.
    Internal => 500, None;
    /// Not supported by this server or its store.
    NotImplemented => 501, None;
    /// The store cannot be reached just now; nothing was written.
    Unavailable => 503, None;
    /// The store has no room left; nothing was written.
    InsufficientStorage => 507, None;
}

/// How a request that succeeded is told apart: the status of answers and of the entries of a bulk response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// A representation follows.
    Ok,
    /// A resource was made.
    Created,
    /// Done, and nothing to show.
    NoContent,
    /// What the client holds is current.
    NotModified,
}

impl Done {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Done::Ok => 200,
            Done::Created => 201,
            Done::NoContent => 204,
            Done::NotModified => 304,
        }
    }
}

impl ScimError {
    /// An error of this kind, told in these words.
    pub fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        ScimError { kind, detail: detail.into(), retry_after: None }
    }

    /// The store cannot answer now; come back after `wait`.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>, wait: Duration) -> Self {
        ScimError { kind: ErrorKind::Unavailable, detail: detail.into(), retry_after: Some(wait) }
    }

    /// No such resource. The text is the same whether the id never existed, was deleted or is another tenant's.
    pub fn no_resource() -> Self {
        ScimError::new(ErrorKind::NotFound, "no resource with this id exists at this endpoint")
    }

    /// The Error message of RFC 7644 section 3.12.
    pub fn to_value(&self) -> serde_json::Value {
        let mut body = serde_json::Map::new();
        body.insert("schemas".into(), serde_json::json!([ERROR_URN]));
        body.insert("status".into(), self.kind.status().to_string().into());
        if let Some(keyword) = self.kind.scim_type() {
            body.insert("scimType".into(), keyword.into());
        }
        body.insert("detail".into(), self.detail.as_ref().into());
        serde_json::Value::Object(body)
    }
}

/// The URN of the Error message.
const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

macro_rules! shorthand {
    ($($name:ident => $kind:ident),* $(,)?) => {
        impl ScimError {
            $(#[doc = concat!("An error of kind `", stringify!($kind), "`.")]
            pub fn $name(detail: impl Into<Cow<'static, str>>) -> Self { ScimError::new(ErrorKind::$kind, detail) })*
        }
    };
}
shorthand! {
    invalid_filter => InvalidFilter, too_many => TooMany, uniqueness => Uniqueness, mutability => Mutability,
    invalid_syntax => InvalidSyntax, invalid_path => InvalidPath, no_target => NoTarget, invalid_value => InvalidValue,
    invalid_cursor => InvalidCursor, invalid_count => InvalidCount, forbidden => Forbidden, not_found => NotFound,
    conflict => Conflict, stale => PreconditionFailed, too_large => TooLarge, internal => Internal,
    not_implemented => NotImplemented,
}

/// A short, escaped excerpt of client input, safe to stand in an error's detail.
pub fn excerpt(text: &str) -> String {
    // A URN and an attribute behind it.
    const LONGEST: usize = 120;
    let mut out = String::from("\"");
    for (n, c) in text.chars().enumerate() {
        if n == LONGEST {
            out.push('…');
            break;
        }
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        let shown = error.to_string();
        match error.kind {
            StoreErrorKind::NotFound => ScimError::no_resource(),
            StoreErrorKind::Taken { at } => {
                ScimError::uniqueness(format!("the value of {at} is already in use by another resource"))
            }
            StoreErrorKind::Stale => ScimError::stale("the resource has changed since the version in If-Match"),
            StoreErrorKind::Missing { at, targets } => {
                let named = targets.iter().take(5).map(|id| excerpt(id.as_str())).collect::<Vec<_>>().join(", ");
                ScimError::invalid_value(format!(
                    "{at} names {} that do not exist or are of another type: {named}",
                    if targets.len() == 1 { "1 resource".into() } else { format!("{} resources", targets.len()) },
                ))
            }
            StoreErrorKind::Invalid { at, why } => ScimError::invalid_value(format!("{at}: {why}")),
            StoreErrorKind::Rejected(rejection) => *rejection,
            StoreErrorKind::Unsupported(what) => {
                ScimError::not_implemented(format!("the store behind this tenant does not support {what}"))
            }
            StoreErrorKind::Refused => ScimError::forbidden("the store behind this tenant refused the operation"),
            StoreErrorKind::TooMany => {
                ScimError::too_many("this query looks at more resources than the server allows; narrow the filter")
            }
            StoreErrorKind::Heavy => {
                ScimError::too_many("these resources take more than the server reads at once; ask for fewer with count")
            }
            StoreErrorKind::Uncertain | StoreErrorKind::Unavailable => {
                tracing::warn!(error = %shown, "store unavailable");
                ScimError::unavailable("the store cannot be reached just now; try again", Duration::from_secs(1))
            }
            StoreErrorKind::Full => {
                tracing::error!(error = %shown, "store full");
                let detail = "the disk of the store is full, and nothing was written; the operator must make room";
                let wait = Some(Duration::from_secs(60));
                ScimError { retry_after: wait, ..ScimError::new(ErrorKind::InsufficientStorage, detail) }
            }
            StoreErrorKind::Displaced => {
                tracing::error!(error = %shown, "store displaced");
                let detail = "the database was moved or replaced under the server, and nothing was written; the operator \
                              must put it back, or start the server anew";
                ScimError::unavailable(detail, Duration::from_secs(60))
            }
            StoreErrorKind::Corrupt => {
                tracing::error!(error = %shown, "store corrupt");
                ScimError::internal("the server failed; its log says more")
            }
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scim_type() {
            Some(keyword) => write!(f, "{} {keyword}", self.status()),
            None => write!(f, "{}", self.status()),
        }
    }
}
