//! What a path means. Segments are percent-decoded once; a slash at the end, or doubled where a base URL met a path,
//! means nothing (clients send both).

use std::borrow::Cow;

use scim_core::ScimError;

/// The three probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// `/healthz`.
    Alive,
    /// `/readyz`.
    Ready,
    /// `/metrics`.
    Metrics,
}

/// A path.
#[derive(Debug, PartialEq)]
pub enum Path<'a> {
    /// Below `/scim` or `/t/{tenant}/scim`.
    Scim(ScimPath<'a>),
    /// Not SCIM.
    Probe(Probe),
    /// Nothing.
    Unknown,
}

/// A path below a SCIM base URL.
#[derive(Debug, PartialEq)]
pub struct ScimPath<'a> {
    /// The tenant that the path names.
    pub tenant: Option<Cow<'a, str>>,
    /// Does it ask for version 2, in words or by saying nothing?
    pub version_2: bool,
    /// What follows; None where there are more segments than any place has, or one cannot be decoded.
    segments: Option<[Option<Cow<'a, str>>; 2]>,
}

/// A place below a SCIM base URL (RFC 7644 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place<'a> {
    /// The base URL itself.
    Root,
    /// `/.search`.
    RootSearch,
    /// `/ServiceProviderConfig`.
    ProviderConfig,
    /// `/Schemas` or `/Schemas/{urn}`.
    Schemas(Option<&'a str>),
    /// `/ResourceTypes` or `/ResourceTypes/{name}`.
    ResourceTypes(Option<&'a str>),
    /// `/.search` below one of the three before.
    DiscoverySearch,
    /// `/Bulk`.
    Bulk,
    /// `/Me`.
    Me,
    /// `/Users` and so on, if there is such a type.
    Type(&'a str),
    /// `/Users/.search`.
    TypeSearch(&'a str),
    /// `/Users/{id}`.
    Resource(&'a str, &'a str),
    /// Nothing.
    Unknown,
}

/// 404 for a path.
pub fn unknown() -> ScimError {
    ScimError::not_found("there is no such endpoint")
}

/// Takes a raw path apart.
pub fn parse(path: &str) -> Path<'_> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    match segments.next() {
        Some("scim") => Path::Scim(below_base(None, segments)),
        Some("t") => match (segments.next().and_then(decode), segments.next()) {
            (Some(tenant), Some("scim")) => Path::Scim(below_base(Some(tenant), segments)),
            _ => Path::Unknown,
        },
        Some("healthz") if segments.next().is_none() => Path::Probe(Probe::Alive),
        Some("readyz") if segments.next().is_none() => Path::Probe(Probe::Ready),
        Some("metrics") if segments.next().is_none() => Path::Probe(Probe::Metrics),
        _ => Path::Unknown,
    }
}

fn below_base<'a>(tenant: Option<Cow<'a, str>>, segments: impl Iterator<Item = &'a str>) -> ScimPath<'a> {
    let mut segments = segments.peekable();
    let version = segments.next_if(|segment| is_version(segment));
    let version_2 = version.is_none_or(|version| version.eq_ignore_ascii_case("v2"));
    let mut found = [None, None];
    for place in &mut found {
        let Some(raw) = segments.next() else { break };
        let Some(text) = decode(raw) else { return ScimPath { tenant, version_2, segments: None } };
        *place = Some(text);
    }
    let whole = segments.next().is_none();
    ScimPath { tenant, version_2, segments: whole.then_some(found) }
}

/// `v1`, `v2`, `v3.1`.
fn is_version(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    matches!(bytes.next(), Some(b'v' | b'V'))
        && bytes.next().is_some_and(|b| b.is_ascii_digit())
        && bytes.all(|b| b.is_ascii_digit() || b == b'.')
}

impl ScimPath<'_> {
    /// Which place it is. Endpoint names match exactly, or in any case.
    pub fn place(&self, any_case: bool) -> Place<'_> {
        let Some([first, second]) = &self.segments else { return Place::Unknown };
        let Some(first) = first.as_deref() else { return Place::Root };
        let second = second.as_deref();
        let is = |name: &str| first == name || (any_case && first.eq_ignore_ascii_case(name));
        let discovery = is("Schemas") || is("ResourceTypes") || is("ServiceProviderConfig");
        match second {
            Some(".search") if discovery => Place::DiscoverySearch,
            None if is(".search") => Place::RootSearch,
            None if is("Bulk") => Place::Bulk,
            None if is("Me") => Place::Me,
            None if is("ServiceProviderConfig") => Place::ProviderConfig,
            _ if is("Schemas") => Place::Schemas(second),
            _ if is("ResourceTypes") => Place::ResourceTypes(second),
            Some(_) if is("ServiceProviderConfig") || is("Bulk") || is("Me") || is(".search") => Place::Unknown,
            None => Place::Type(first),
            Some(".search") => Place::TypeSearch(first),
            Some(id) => Place::Resource(first, id),
        }
    }
}

/// Can this be the id of a resource (threat C14)?
pub fn valid_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-'))
}

/// Decodes percent signs, once. None where they do not make UTF-8.
pub fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.contains('%') {
        return Some(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
        let value = digit()? * 16 + digit()?;
        out.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_mean_places() {
        let check = |path: &str, expected: Place<'_>| match parse(path) {
            Path::Scim(scim) => assert_eq!(scim.place(true), expected, "{path}"),
            other => panic!("{path}: {other:?}"),
        };
        check("/scim/v2", Place::Root);
        check("/scim/v2/", Place::Root);
        check("/scim", Place::Root);
        check("/scim/v2/.search", Place::RootSearch);
        check("/scim/v2/Users", Place::Type("Users"));
        check("/scim/Users", Place::Type("Users"));
        check("/scim/v2/Users/", Place::Type("Users"));
        check("/scim/v2//Users", Place::Type("Users"));
        check("/t/acme/scim/v2/Users", Place::Type("Users"));
        check("/scim/v2/Users/.search", Place::TypeSearch("Users"));
        check("/scim/v2/Users/a%2Db", Place::Resource("Users", "a-b"));
        check("/scim/v2/Users/a%2Fb", Place::Resource("Users", "a/b"));
        check("/scim/v2/Users/a%252Db", Place::Resource("Users", "a%2Db"));
        check("/scim/v2/Users/a%ff", Place::Unknown);
        check("/scim/v2/Users/a%2", Place::Unknown);
        check("/scim/v2/Users/a/b", Place::Unknown);
        check("/scim/v2/ServiceProviderConfig", Place::ProviderConfig);
        check("/scim/v2/serviceproviderconfig", Place::ProviderConfig);
        check("/scim/v2/ServiceProviderConfigs", Place::Type("ServiceProviderConfigs"));
        check("/scim/v2/ServiceProviderConfig/.search", Place::DiscoverySearch);
        check("/scim/v2/ServiceProviderConfig/x", Place::Unknown);
        check("/scim/v2/Schemas", Place::Schemas(None));
        check("/scim/v2/Schemas/urn%3aa:b", Place::Schemas(Some("urn:a:b")));
        check("/scim/v2/Schemas/.search", Place::DiscoverySearch);
        check("/scim/v2/ResourceTypes/User", Place::ResourceTypes(Some("User")));
        check("/scim/v2/Bulk", Place::Bulk);
        check("/scim/v2/Bulk/x", Place::Unknown);
        check("/scim/v2/Me", Place::Me);
        check("/scim/v2/Me/x", Place::Unknown);
        check("/scim/v2/..%2fadmin", Place::Type("../admin"));
    }

    #[test]
    fn case_matters_where_the_profile_says_so() {
        let Path::Scim(scim) = parse("/scim/v2/bulk") else { panic!() };
        assert_eq!(scim.place(true), Place::Bulk);
        assert_eq!(scim.place(false), Place::Type("bulk"));
    }

    #[test]
    fn only_version_2_is_served() {
        let check = |path: &str, good: bool| match parse(path) {
            Path::Scim(scim) => assert_eq!(scim.version_2, good, "{path}"),
            other => panic!("{path}: {other:?}"),
        };
        check("/scim/v2/Users", true);
        check("/scim/V2/Users", true);
        check("/scim/Users", true);
        check("/scim/v1/Users", false);
        check("/scim/v3/Users", false);
        check("/scim/v2.0/Users", false);
        check("/t/acme/scim/v1", false);
        check("/scim/vacations", true);
    }

    #[test]
    fn other_paths_are_probes_or_nothing() {
        let check = |path: &str, expected: Path<'_>| assert_eq!(parse(path), expected, "{path}");
        check("/healthz", Path::Probe(Probe::Alive));
        check("/readyz/", Path::Probe(Probe::Ready));
        check("/metrics", Path::Probe(Probe::Metrics));
        check("/healthz/x", Path::Unknown);
        check("/", Path::Unknown);
        check("/t/acme", Path::Unknown);
        check("/t/acme/other", Path::Unknown);
        check("/SCIM/v2/Users", Path::Unknown);
        check("/v2/Users", Path::Unknown);
    }

    #[test]
    fn ids_are_checked() {
        let check = |id: &str, good: bool| assert_eq!(valid_id(id), good, "{id:?}");
        check("0190a3f0-1111-7abc-8def-0123456789ab", true);
        check("a.b_c~d", true);
        check("", false);
        check("a/b", false);
        check("a;b", false);
        check("a\r\nb", false);
        check("ä", false);
        check(&"a".repeat(65), false);
    }
}
