//! How an operation ended: the LDAPResult of RFC 4511 section 4.1.9 and its codes.

use std::fmt;

use super::ber::{self, Content, Reader, Writer, context_nested};
use super::control::Control;
use super::error::Malformed;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// A result code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct Code(pub i32);

        impl Code {
            $($(#[$doc])* pub const $name: Code = Code($number);)*

            /// Its name in RFC 4511, or where it comes from.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)* _ => "another code" }
            }
        }
    };
}

codes! {
    /// Done.
    SUCCESS = 0, "success";
    /// Out of order, or something inside.
    OPERATIONS_ERROR = 1, "operationsError";
    /// The request makes no sense to the server.
    PROTOCOL_ERROR = 2, "protocolError";
    /// Its time was up.
    TIME_LIMIT = 3, "timeLimitExceeded";
    /// Too many entries.
    SIZE_LIMIT = 4, "sizeLimitExceeded";
    /// The value compared differs.
    COMPARE_FALSE = 5, "compareFalse";
    /// The value compared is there.
    COMPARE_TRUE = 6, "compareTrue";
    /// The server wants another way to authenticate.
    AUTH_METHOD_NOT_SUPPORTED = 7, "authMethodNotSupported";
    /// Not without TLS or signing.
    STRONGER_AUTH_REQUIRED = 8, "strongerAuthRequired";
    /// Elsewhere.
    REFERRAL = 10, "referral";
    /// Over a limit an administrator set.
    ADMIN_LIMIT = 11, "adminLimitExceeded";
    /// A critical control that the server lacks.
    UNAVAILABLE_CRITICAL_EXTENSION = 12, "unavailableCriticalExtension";
    /// Not in clear.
    CONFIDENTIALITY_REQUIRED = 13, "confidentialityRequired";
    /// One more step of a SASL bind.
    SASL_BIND_IN_PROGRESS = 14, "saslBindInProgress";
    /// A value to delete is not there.
    NO_SUCH_ATTRIBUTE = 16, "noSuchAttribute";
    /// The schema has no such attribute.
    UNDEFINED_ATTRIBUTE_TYPE = 17, "undefinedAttributeType";
    /// The attribute has no such matching rule.
    INAPPROPRIATE_MATCHING = 18, "inappropriateMatching";
    /// A rule about values: a size, an overlay's.
    CONSTRAINT_VIOLATION = 19, "constraintViolation";
    /// A value to add is there already.
    ATTRIBUTE_OR_VALUE_EXISTS = 20, "attributeOrValueExists";
    /// The value is none of this attribute's syntax.
    INVALID_ATTRIBUTE_SYNTAX = 21, "invalidAttributeSyntax";
    /// No such entry.
    NO_SUCH_OBJECT = 32, "noSuchObject";
    /// The name is none.
    INVALID_DN_SYNTAX = 34, "invalidDNSyntax";
    /// This account may not bind thus.
    INAPPROPRIATE_AUTHENTICATION = 48, "inappropriateAuthentication";
    /// Wrong name or password.
    INVALID_CREDENTIALS = 49, "invalidCredentials";
    /// Not allowed.
    INSUFFICIENT_ACCESS = 50, "insufficientAccessRights";
    /// Come again.
    BUSY = 51, "busy";
    /// Shutting down.
    UNAVAILABLE = 52, "unavailable";
    /// The server refuses, for a reason of its own.
    UNWILLING_TO_PERFORM = 53, "unwillingToPerform";
    /// Round in circles.
    LOOP_DETECT = 54, "loopDetect";
    /// Not where the schema wants such entries.
    NAMING_VIOLATION = 64, "namingViolation";
    /// Against the object classes of the entry.
    OBJECT_CLASS_VIOLATION = 65, "objectClassViolation";
    /// There are entries below.
    NOT_ALLOWED_ON_NON_LEAF = 66, "notAllowedOnNonLeaf";
    /// The value is in the name.
    NOT_ALLOWED_ON_RDN = 67, "notAllowedOnRDN";
    /// There is such an entry.
    ENTRY_ALREADY_EXISTS = 68, "entryAlreadyExists";
    /// The structural class may not change.
    OBJECT_CLASS_MODS_PROHIBITED = 69, "objectClassModsProhibited";
    /// Several servers.
    AFFECTS_MULTIPLE_DSAS = 71, "affectsMultipleDSAs";
    /// Something else.
    OTHER = 80, "other";
    /// Abandoned, and it could be.
    CANCELED = 118, "canceled";
    /// The assertion does not hold (RFC 4528).
    ASSERTION_FAILED = 122, "assertionFailed";
    /// No right to act as another (RFC 4370).
    AUTHORIZATION_DENIED = 123, "authorizationDenied";
}

impl Code {
    /// Did it succeed? The two answers of a compare are successes as well.
    pub fn is_success(self) -> bool {
        matches!(self, Code::SUCCESS | Code::COMPARE_FALSE | Code::COMPARE_TRUE)
    }

    /// Does it say that this server cannot serve just now, or not with this account?
    pub fn is_down(self) -> bool {
        matches!(self, Code::BUSY | Code::UNAVAILABLE | Code::INVALID_CREDENTIALS | Code::INAPPROPRIATE_AUTHENTICATION)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct LdapResult {
    /// The code.
    pub code: Code,
    /// How much of the name was found, where it was not.
    pub matched: String,
    /// What the server says about it.
    pub message: String,
    /// Where else to go.
    pub referrals: Vec<String>,
    /// The controls of the response.
    pub controls: Vec<Control>,
}

/// More URLs than anyone needs are left off.
const REFERRALS: usize = 16;

impl LdapResult {
    /// A result without more than this.
    pub fn of(code: Code, message: &str) -> Self {
        LdapResult { code, matched: String::new(), message: message.into(), referrals: vec![], controls: vec![] }
    }

    /// Reads the components of LDAPResult; what follows them is left in the reader.
    pub(crate) fn read<C: Content>(reader: &mut Reader<C>) -> Result<Self, Malformed> {
        let code = Code(reader.integer(ber::ENUMERATED, "the result code")?);
        if code.0 < 0 {
            return Err(Malformed::Missing("the result code"));
        }
        let matched = reader.text("matchedDN")?;
        let message = reader.text("diagnosticMessage")?;
        let mut referrals = Vec::new();
        if let Some(urls) = reader.optional(context_nested(3))? {
            let mut urls = Reader::new(urls);
            while !urls.is_empty() && referrals.len() < REFERRALS {
                referrals.push(urls.text("a referral")?);
            }
        }
        Ok(LdapResult { code, matched, message, referrals, controls: Vec::new() })
    }

    /// Writes the components of LDAPResult.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.integer(ber::ENUMERATED, i64::from(self.code.0));
        writer.octets(&self.matched);
        writer.octets(&self.message);
        if !self.referrals.is_empty() {
            writer.nest(context_nested(3), |urls| self.referrals.iter().for_each(|url| urls.octets(url)));
        }
    }

    /// The number behind `data` in Active Directory's messages, which tells why a bind or a password was refused.
    pub fn data_code(&self) -> Option<u32> {
        let (_, rest) = self.message.split_once("data ")?;
        let digits = rest.split(|c: char| !c.is_ascii_hexdigit()).next()?;
        u32::from_str_radix(digits, 16).ok()
    }
}

impl fmt::Display for LdapResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let message = self.message.trim_end_matches('\0').trim();
        if !message.is_empty() {
            write!(f, ": {message}")?;
        }
        if let Some(url) = self.referrals.first() {
            write!(f, " (refers to {url})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_code_of_active_directory_is_found() {
        let said = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 52e, v3839";
        assert_eq!(LdapResult::of(Code::INVALID_CREDENTIALS, said).data_code(), Some(0x52e));
        assert_eq!(LdapResult::of(Code::INVALID_CREDENTIALS, "no").data_code(), None);
    }
}
