//! Any SCIM server, known by its base URL and one token: what it says of itself, and what it is therefore not asked.

use std::error::Error;
use std::fmt;

use anyhow::{Context, Result, ensure};
use scim_core::access::Profile;
use serde_json::Value;

use crate::harness::{Ability, Harness, Site};
use crate::http::{Client, Response};
use crate::session::ENTERPRISE;

/// A server that is not ours, or is taken as if it were not.
#[derive(Debug, Clone)]
pub struct Foreign {
    site: Site,
    claims: Claims,
}

impl Foreign {
    /// The server at this base URL, with this bearer token. Reads what it says of itself.
    ///
    /// # Errors
    /// It does not answer, or it refuses the token.
    pub fn new(base_url: &str, token: &str, client: &Client) -> Result<Self> {
        let base = base_url.trim_end_matches('/').to_owned();
        let site = Site { base, token: token.to_owned(), tenant: String::new() };
        let claims = Claims::read(&site, client)?;
        Ok(Foreign { site, claims })
    }
}

impl Harness for Foreign {
    fn abilities(&self) -> &[Ability] {
        &[]
    }

    fn profiles(&self) -> &[Profile] {
        &[Profile::Strict]
    }

    fn fresh_tenant(&self, _profile: Profile) -> Result<Site> {
        Ok(self.site.clone())
    }

    fn shared(&self) -> bool {
        true
    }

    fn claims(&self) -> Option<&Claims> {
        Some(&self.claims)
    }
}

/// What a server says that it does not do: RFC 7643 section 5 lets it, and a case that asks for it says nothing of it.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// Optional features, by their names in ServiceProviderConfig.
    missing: Vec<&'static str>,
    /// Endpoints of the RFC's resource types.
    absent: Vec<&'static str>,
    /// Is the enterprise extension known?
    enterprise: bool,
}

/// The optional features of RFC 7643 section 5 and RFC 9865 section 4 that a request shows.
const FEATURES: [&str; 6] = ["patch", "bulk", "filter", "sort", "etag", "pagination"];

impl Claims {
    fn read(site: &Site, client: &Client) -> Result<Claims> {
        let config = ask(site, client, "/ServiceProviderConfig")?;
        // A server that does not say what it can is asked for everything.
        let claimed = |name: &str| match (&config, name) {
            (None, _) => true,
            (Some(config), "pagination") => config["pagination"]["cursor"] == true,
            (Some(config), name) => config[name]["supported"] == true,
        };
        let missing = FEATURES.into_iter().filter(|name| !claimed(name)).collect();
        let types = ask(site, client, "/ResourceTypes")?;
        let unlisted = |endpoint: &&str| lacks(types.as_ref(), "endpoint", endpoint);
        let absent = ["/Users", "/Groups"].into_iter().filter(unlisted).collect();
        let schemas = ask(site, client, "/Schemas")?;
        let enterprise = !lacks(schemas.as_ref(), "id", ENTERPRISE);
        Ok(Claims { missing, absent, enterprise })
    }

    /// Is this optional feature claimed?
    ///
    /// # Errors
    /// [`NotClaimed`].
    pub fn feature(&self, name: &str) -> Result<(), NotClaimed> {
        match self.missing.iter().find(|missing| **missing == name) {
            Some(missing) => Err(NotClaimed(missing)),
            None => Ok(()),
        }
    }

    /// May this request be sent, as far as the server's word goes?
    ///
    /// # Errors
    /// [`NotClaimed`], with what it would need.
    pub fn allow(&self, method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Result<(), NotClaimed> {
        let body = String::from_utf8_lossy(body);
        let (endpoint, query) = path.split_once('?').unwrap_or((path, ""));
        let asked = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
        let searched = |name: &str| endpoint.ends_with("/.search") && body.contains(&format!("\"{name}\":"));
        let header = |name: &str| headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let needs = |feature: &str| match feature {
            "patch" => method == "PATCH" || endpoint == "/Bulk" && body.contains("PatchOp"),
            "bulk" => endpoint == "/Bulk",
            "filter" => asked("filter") || searched("filter"),
            "sort" => asked("sortBy") || searched("sortBy"),
            "etag" => header("If-Match") || header("If-None-Match"),
            _ => asked("cursor") || searched("cursor"),
        };
        let lacking = self.missing.iter().find(|feature| needs(feature)).copied();
        let lacking = lacking.or_else(|| self.absent.iter().find(|one| endpoint.starts_with(**one)).copied());
        let extension = || !self.enterprise && (path.contains(ENTERPRISE) || body.contains(ENTERPRISE));
        match lacking.or_else(|| extension().then_some("enterprise extension")) {
            Some(what) => Err(NotClaimed(what)),
            None => Ok(()),
        }
    }
}

/// A case asks for something that the server does not claim to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotClaimed(pub &'static str);

impl fmt::Display for NotClaimed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the server does not claim {}", self.0)
    }
}

impl Error for NotClaimed {}

/// Is an element with this text missing from a list, or a list response? What is no list says nothing.
fn lacks(list: Option<&Value>, member: &str, text: &str) -> bool {
    let elements = list.and_then(|list| list.get("Resources").unwrap_or(list).as_array());
    let named = |one: &Value| one[member].as_str().is_some_and(|own| own.eq_ignore_ascii_case(text));
    elements.is_some_and(|all| !all.iter().any(named))
}

/// What stands at this path of discovery; nothing where it is not served.
fn ask(site: &Site, client: &Client, path: &str) -> Result<Option<Value>> {
    let headers = [
        ("Authorization".to_owned(), format!("Bearer {}", site.token)),
        ("Accept".to_owned(), "application/scim+json".to_owned()),
    ];
    let url = format!("{}{path}", site.base);
    let Response { status, body, .. } = client.send("GET", &url, &headers, b"").with_context(|| url.clone())?;
    ensure!(!matches!(status, 401 | 403), "{url} answers {status}: the token is not taken");
    Ok(Some(body).filter(|_| status == 200).and_then(|body| serde_json::from_slice(&body).ok()))
}
