//! `If-Match`, `If-None-Match` and their like for times (RFC 7644 section 3.14, RFC 9110 section 13). Weak tags compare by
//! their text everywhere.

use crate::change::Expect;
use crate::clock::Timestamp;
use crate::error::{ErrorKind, ScimError};
use crate::query::Select;
use crate::schema::Kind;
use crate::store::control::TenantSettings;
use crate::store::{ResourceId, Scope, StoreExt, Version};

use super::Service;

/// The raw conditional headers of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<String>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<String>,
}

impl Service {
    /// What a change expects of the resource where more was asked than [`Conditions::expect`] can say: that is held against
    /// the resource as it is, and the change then expects this very version, so that nothing comes in between. Whoever
    /// changes it meanwhile makes it 412.
    pub(super) async fn expected(
        &self,
        scope: &Scope,
        kind: &Kind,
        id: &ResourceId,
        conditions: &Conditions,
        expect: Expect,
    ) -> Result<Expect, ScimError> {
        if !conditions.need_the_resource() {
            return Ok(expect);
        }
        let now = self.store.get(scope, kind, id, &Select::bare()).await?.ok_or_else(ScimError::no_resource)?;
        conditions.hold(&now.version, now.modified)?;
        if conditions.names(&now.version) {
            return Err(ScimError::stale("the resource has a version that If-None-Match names"));
        }
        Ok(Expect::Version(vec![now.version]))
    }
}

/// The tags of a header: any, or these, without `W/` and quotes.
enum Tags<'a> {
    Any,
    These(Vec<&'a str>),
}

impl Conditions {
    /// What a write expects of the resource. `If-None-Match: *` on an existing resource never holds.
    pub(super) fn expect(&self, settings: &TenantSettings) -> Result<Expect, ScimError> {
        if self.if_none_match.as_deref().is_some_and(|header| matches!(tags(header), Tags::Any)) {
            return Err(ScimError::stale("If-None-Match: * holds only where the resource does not exist"));
        }
        match self.if_match.as_deref() {
            None if settings.require_if_match == Some(true) => Err(ScimError::new(
                ErrorKind::PreconditionRequired,
                "this tenant wants If-Match on every change; read the resource and send its ETag",
            )),
            None => Ok(Expect::Exists),
            Some(header) => Ok(expect_version(header)),
        }
    }

    /// `If-Match`, and where there is none `If-Unmodified-Since`: 412 where the resource has another version or a later
    /// time, as RFC 9110 section 13.2.2 asks of every method.
    pub(super) fn hold(&self, version: &Version, modified: Timestamp) -> Result<(), ScimError> {
        match self.if_match.as_deref().map(expect_version) {
            Some(expected) if !expected.holds(version) => {
                Err(ScimError::stale("the resource has another version than those in If-Match"))
            }
            None if self.unmodified_since().is_some_and(|since| second(modified) > since) => {
                Err(ScimError::stale("the resource has changed since the time in If-Unmodified-Since"))
            }
            _ => Ok(()),
        }
    }

    /// Can it be told only from the resource whether a change may be made?
    fn need_the_resource(&self) -> bool {
        self.if_none_match.is_some() || (self.if_match.is_none() && self.unmodified_since().is_some())
    }

    /// Is this version among those of `If-None-Match`?
    fn names(&self, version: &Version) -> bool {
        self.if_none_match.as_deref().is_some_and(|header| expect_version(header).holds(version))
    }

    fn unmodified_since(&self) -> Option<i64> {
        self.if_unmodified_since.as_deref().and_then(http_date)
    }

    /// Does the client hold this very representation already?
    pub(super) fn is_current(&self, etag: &str) -> bool {
        match self.if_none_match.as_deref().map(tags) {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => tags.contains(&opaque(etag)),
        }
    }
}

impl Conditions {
    /// Has a resource not changed since the time that the client names? To the second, and only where no tag is given
    /// (9110-13.1.3-01). What is no time says nothing.
    pub(super) fn is_unmodified(&self, modified: Timestamp) -> bool {
        let since = self.if_modified_since.as_deref().filter(|_| self.if_none_match.is_none());
        since.and_then(http_date).is_some_and(|since| second(modified) <= since)
    }
}

/// The second that an HTTP date means; None where it is no date, which then says nothing (RFC 9110 section 13.1.3).
fn http_date(text: &str) -> Option<i64> {
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(time.as_second())
}

fn second(time: Timestamp) -> i64 {
    time.millis().div_euclid(1_000)
}

/// What these tags (of `If-Match`, or the `version` of a bulk operation) expect.
pub(super) fn expect_version(header: &str) -> Expect {
    match tags(header) {
        Tags::Any => Expect::Exists,
        Tags::These(tags) => Expect::Version(tags.into_iter().flat_map(versions).collect()),
    }
}

/// The versions a tag may mean: itself, and itself without the digest of computed values.
fn versions(tag: &str) -> Vec<Version> {
    let mut versions = vec![Version::new(tag)];
    if let Some((version, digest)) = tag.rsplit_once('-')
        && digest.len() == 8
        && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        versions.push(Version::new(version));
    }
    versions
}

fn tags(header: &str) -> Tags<'_> {
    let tags: Vec<&str> = header.split(',').map(opaque).filter(|tag| !tag.is_empty()).collect();
    if tags.contains(&"*") { Tags::Any } else { Tags::These(tags) }
}

fn opaque(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_stands_for_a_version_to_the_second() {
        let check = |since: &str, modified: i64, unmodified: bool| {
            let conditions = Conditions { if_modified_since: Some(since.into()), ..Conditions::default() };
            assert_eq!(conditions.is_unmodified(Timestamp::from_millis(modified)), unmodified, "{since} {modified}");
        };
        check("Thu, 01 Jan 1970 00:00:10 GMT", 10_999, true);
        check("Thu, 01 Jan 1970 00:00:10 GMT", 11_000, false);
        check("yesterday", 0, false);
        let tagged = Conditions {
            if_none_match: Some("\"7\"".into()),
            if_modified_since: Some("Fri, 01 Jan 2100 00:00:00 GMT".into()),
            ..Conditions::default()
        };
        assert!(!tagged.is_unmodified(Timestamp::default()));
    }

    #[test]
    fn a_reading_holds_to_if_match() {
        let check = |header: Option<&str>, good: bool| {
            let conditions = Conditions { if_match: header.map(str::to_owned), ..Conditions::default() };
            let held = conditions.hold(&Version::new("7"), Timestamp::default());
            assert_eq!(held.is_ok(), good, "{header:?}");
        };
        check(None, true);
        check(Some("*"), true);
        check(Some("W/\"7\""), true);
        check(Some("\"6\", \"7-0a1b2c3d\""), true);
        check(Some("W/\"6\""), false);
        check(Some(""), false);
    }

    #[test]
    fn if_unmodified_since_counts_to_the_second_and_where_no_tag_is_given() {
        let check = |if_match: Option<&str>, since: &str, good: bool| {
            let conditions = Conditions {
                if_match: if_match.map(str::to_owned),
                if_unmodified_since: Some(since.into()),
                ..Conditions::default()
            };
            let held = conditions.hold(&Version::new("7"), Timestamp::from_millis(10_999));
            assert_eq!(held.is_ok(), good, "{if_match:?} {since}");
        };
        check(None, "Thu, 01 Jan 1970 00:00:10 GMT", true);
        check(None, "Thu, 01 Jan 1970 00:00:09 GMT", false);
        check(None, "yesterday", true);
        check(Some("W/\"7\""), "Thu, 01 Jan 1970 00:00:09 GMT", true);
    }

    #[test]
    fn a_tag_with_a_digest_matches_its_version_in_if_match_and_itself_in_if_none_match() {
        assert!(expect_version("W/\"7-0a1b2c3d\"").holds(&Version::new("7")));
        assert!(expect_version("W/\"6\", \"7\"").holds(&Version::new("7")));
        assert!(expect_version("*").holds(&Version::new("7")));
        assert!(!expect_version("W/\"6\"").holds(&Version::new("7")));
        let held = Conditions { if_none_match: Some("W/\"7\", W/\"8\"".into()), ..Conditions::default() };
        assert!(held.is_current("W/\"7\""));
        assert!(!held.is_current("W/\"7-0a1b2c3d\""));
    }
}
