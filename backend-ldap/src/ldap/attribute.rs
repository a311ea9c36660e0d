//! Names of attributes, with their options (RFC 4512 section 2.5): `userCertificate;binary`, `member;range=0-1499`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Attributes that hold passwords, in one form or another, and the numbers of those that every directory of their kind has.
const SECRETS: &[&str] = &[
    "userPassword",
    "2.5.4.35",
    "unicodePwd",
    "1.2.840.113556.1.4.90",
    "authPassword",
    "dBCSPwd",
    "lmPwdHistory",
    "ntPwdHistory",
    "supplementalCredentials",
    "pwdHistory",
    "passwordHistory",
    "krbPrincipalKey",
    "krb5Key",
    "ipaNTHash",
    "sambaLMPassword",
    "sambaNTPassword",
    "sambaPasswordHistory",
    "ms-Mcs-AdmPwd",
    "msLAPS-Password",
];

/// The name of an attribute, and its options where it has any. Compared without case.
#[derive(Clone)]
pub struct AttributeName(Text);

#[derive(Clone)]
enum Text {
    Written(&'static str),
    Shared(Arc<str>),
}

/// Text that cannot name an attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" cannot name an LDAP attribute: a name begins with a letter and goes on in letters, digits and hyphens, or is \
     an OID; options follow, each behind a semicolon"
)]
pub struct BadName(pub String);

impl AttributeName {
    /// A name out of a file or from a server.
    ///
    /// # Errors
    /// It is not of the form of RFC 4512 section 2.5.
    pub fn new(text: &str) -> Result<Self, BadName> {
        if is_name(text) { Ok(AttributeName(Text::Shared(text.into()))) } else { Err(BadName(shortened(text))) }
    }

    /// A name that stands in this source.
    pub const fn known(text: &'static str) -> Self {
        AttributeName(Text::Written(text))
    }

    /// As it was written, with its options.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Written(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// Without options.
    pub fn base(&self) -> &str {
        self.as_str().split(';').next().unwrap_or_default()
    }

    /// Its options, as written.
    pub fn options(&self) -> impl Iterator<Item = &str> {
        self.as_str().split(';').skip(1)
    }

    /// Is this its name, whatever its options?
    pub fn is(&self, base: &str) -> bool {
        let own = self.as_str().split_at_checked(base.len());
        own.is_some_and(|(own, rest)| own.eq_ignore_ascii_case(base) && (rest.is_empty() || rest.starts_with(';')))
    }

    /// Does it hold passwords, or what they can be found out from?
    pub fn is_secret(&self) -> bool {
        SECRETS.iter().any(|secret| self.is(secret))
    }

    /// The part of its values that came, where a server sent only a part: from, and to where it was not the end
    /// (Active Directory's `range` option).
    pub fn range(&self) -> Option<(usize, Option<usize>)> {
        let option = self.options().find_map(|option| {
            let (name, range) = option.split_once('=')?;
            name.eq_ignore_ascii_case("range").then_some(range)
        })?;
        let (from, to) = option.split_once('-')?;
        let to = if to == "*" { None } else { Some(to.parse().ok()?) };
        Some((from.parse().ok()?, to))
    }

    /// This name with the option that asks for its values from this one on.
    pub fn from_value(&self, first: usize) -> AttributeName {
        AttributeName(Text::Shared(format!("{};range={first}-*", self.base()).into()))
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// `descr` or `numericoid`, then options. The `=` and `*` of Active Directory's ranges are let pass in options.
fn is_name(text: &str) -> bool {
    let (base, options) = text.split_once(';').map_or((text, None), |(base, options)| (base, Some(options)));
    let is_key = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_oid = |text: &str| text.contains('.') && text.split('.').all(is_number);
    let is_option =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=*".contains(&b));
    let are_options = options.is_none_or(|options| options.split(';').all(is_option));
    text.len() <= 512 && (is_key(base) || is_oid(base)) && are_options
}

impl PartialEq for AttributeName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for AttributeName {}

impl Hash for AttributeName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.as_str().bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AttributeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_or_oids_with_options() {
        for good in [
            "uid",
            "sAMAccountName",
            "2.5.4.3",
            "userCertificate;binary",
            "cn;lang-de;x-a",
            "member;range=0-1499",
            "my_name",
        ] {
            assert!(AttributeName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1", "2..4", "2.5.", "-a", "a b", "uid)", "uid=*", "a;", "ümlaut", "(a", "a\0"] {
            assert!(AttributeName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_compare_without_case() {
        assert_eq!(AttributeName::new("MEMBER").unwrap(), AttributeName::known("member"));
        assert!(AttributeName::known("member;range=0-1").is("Member"));
        assert_ne!(AttributeName::known("member;binary"), AttributeName::known("member"));
    }

    #[test]
    fn ranges_say_from_where_to_where() {
        for (text, expected) in [
            ("member;range=0-1499", Some((0, Some(1499)))),
            ("member;Range=1500-*", Some((1500, None))),
            ("member", None),
            ("member;range=x-*", None),
            ("member;range=5", None),
        ] {
            assert_eq!(AttributeName::known(text).range(), expected, "{text}");
        }
        assert_eq!(AttributeName::known("member;range=0-1").from_value(2).as_str(), "member;range=2-*");
    }
}
