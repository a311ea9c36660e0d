//! What a case speaks through: one tenant, one credential, short words for requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use scim_core::access::Profile;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::harness::{Ability, Grant, Harness, Site};
use crate::http::{Client, encode};

/// The URN of the User schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the Group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// What the URNs of messages begin with.
pub const MESSAGES: &str = "urn:ietf:params:scim:api:messages:2.0";

static NAMES: AtomicU64 = AtomicU64::new(1);

/// One tenant, one credential.
pub struct Session {
    /// The tenant, and the credential.
    pub site: Site,
    /// How it speaks.
    pub profile: Profile,
    /// Whoever runs the server.
    pub harness: Arc<dyn Harness>,
    client: Arc<Client>,
    made: Mutex<Vec<String>>,
}

impl Session {
    /// In a fresh tenant.
    pub fn fresh(harness: &Arc<dyn Harness>, client: &Arc<Client>, profile: Profile) -> Result<Self> {
        let site = harness.fresh_tenant(profile).context("a fresh tenant")?;
        Ok(Session::at(harness, client, profile, site))
    }

    /// At this site.
    pub fn at(harness: &Arc<dyn Harness>, client: &Arc<Client>, profile: Profile, site: Site) -> Self {
        Session { site, profile, harness: harness.clone(), client: client.clone(), made: Mutex::default() }
    }

    /// The same tenant through another token.
    pub fn with_token(&self, token: &str) -> Session {
        let site = Site { token: token.to_owned(), ..self.site.clone() };
        Session::at(&self.harness, &self.client, self.profile, site)
    }

    /// The same credential at another base URL.
    pub fn with_base(&self, base: &str) -> Session {
        let site = Site { base: base.to_owned(), ..self.site.clone() };
        Session::at(&self.harness, &self.client, self.profile, site)
    }

    /// The same tenant through a further credential with these rights (`read`, `users:write` …).
    pub fn granted(&self, rights: &[&str], subject: Option<&str>) -> Result<Session> {
        let rights = rights.iter().map(|right| right.parse().map_err(anyhow::Error::msg)).collect::<Result<_>>()?;
        let grant = Grant { rights, subject: subject.map(str::to_owned), profile: None };
        Ok(self.with_token(&self.harness.credential(&self.site, &grant)?))
    }

    /// Another fresh tenant of the same server.
    pub fn neighbour(&self) -> Result<Session> {
        Session::fresh(&self.harness, &self.client, self.profile)
    }

    /// Is this the strict profile?
    pub fn strict(&self) -> bool {
        self.profile == Profile::Strict
    }

    /// Does the server make the choices of our catalogue, where the standards leave them open?
    pub fn ours(&self) -> bool {
        self.harness.abilities().contains(&Ability::Ours)
    }

    /// The server claims this optional feature.
    ///
    /// # Errors
    /// [`NotClaimed`](crate::foreign::NotClaimed).
    pub fn claimed(&self, feature: &str) -> Result<()> {
        self.harness.claims().map_or(Ok(()), |claims| claims.feature(feature)).map_err(Into::into)
    }

    /// A request to be sent.
    pub fn request(&self, method: &str, path: &str) -> Request<'_> {
        let headers = vec![
            ("Authorization".to_owned(), format!("Bearer {}", self.site.token)),
            ("Accept".to_owned(), "application/scim+json".to_owned()),
        ];
        Request { session: self, method: method.to_owned(), path: path.to_owned(), headers, body: Vec::new() }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.request("GET", path).send()
    }

    /// GET with a filter.
    pub fn filter(&self, endpoint: &str, filter: &str) -> Result<Answer> {
        self.get(&format!("{endpoint}?filter={}", encode(filter)))
    }

    /// POST.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.request("POST", path).json(body).send()
    }

    /// PUT.
    pub fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.request("PUT", path).json(body).send()
    }

    /// PATCH with these operations.
    pub fn patch(&self, path: &str, operations: Value) -> Result<Answer> {
        self.request("PATCH", path).json(&patch_op(operations)).send()
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Result<Answer> {
        self.request("DELETE", path).send()
    }

    /// A search by POST, with these members beside `schemas`.
    pub fn search(&self, path: &str, members: Value) -> Result<Answer> {
        self.post(path, &message("SearchRequest", members))
    }

    /// A bulk request of these operations.
    pub fn bulk(&self, operations: Value) -> Result<Answer> {
        self.post("/Bulk", &message("BulkRequest", json!({"Operations": operations})))
    }

    /// A user with these attributes (and a `userName` of its own, where none is given), made: 201.
    pub fn user(&self, attributes: Value) -> Result<Answer> {
        self.post("/Users", &user(attributes))?.is(201)
    }

    /// A group with these members, made: 201.
    pub fn group(&self, name: &str, members: &[&str]) -> Result<Answer> {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        self.post("/Groups", &json!({"schemas": [GROUP], "displayName": name, "members": members}))?.is(201)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.harness.shared() {
            let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
            for location in made.iter().rev() {
                let _ = self.with_base(location).delete("");
            }
        }
    }
}

/// A request that is being put together. Starts with the credential and `Accept`.
pub struct Request<'a> {
    session: &'a Session,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request<'_> {
    /// With this header field, in place of any of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without header fields of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/scim+json").bytes(body.to_string().into_bytes())
    }

    /// With these bytes as body, whatever they are.
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sent, and answered. Where choices are left open and a PATCH was answered with nothing, what it made is read.
    ///
    /// # Errors
    /// There is no answer, or [`NotClaimed`](crate::foreign::NotClaimed).
    pub fn send(self) -> Result<Answer> {
        let answer = self.sent()?;
        if self.session.ours() {
            return Ok(answer);
        }
        let patched = self.method == "PATCH";
        let little = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Prefer"));
        if patched && !little && answer.status == 204 {
            let now = Request { method: "GET".to_owned(), body: Vec::new(), ..self };
            return Ok(now.without("If-Match").without("Content-Type").sent()?.left_open(patched));
        }
        Ok(answer.left_open(patched))
    }

    fn sent(&self) -> Result<Answer> {
        if let Some(claims) = self.session.harness.claims() {
            claims.allow(&self.method, &self.path, &self.headers, &self.body)?;
        }
        let url = format!("{}{}", self.session.site.base, self.path);
        let body: String = String::from_utf8_lossy(&self.body).chars().take(400).collect();
        let asked = format!("{} {} {body}", self.method, self.path);
        let response =
            self.session.client.send(&self.method, &url, &self.headers, &self.body).with_context(|| asked.clone())?;
        let answer = Answer::new(asked, response);
        if self.session.harness.shared() {
            let mut made = self.session.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.extend(answer.header("location").filter(|_| answer.status == 201).map(str::to_owned));
            let in_bulk = answer.list("/Operations").iter().filter(|operation| operation["status"] == "201");
            made.extend(in_bulk.filter_map(|operation| operation["location"].as_str()).map(str::to_owned));
        }
        Ok(answer)
    }
}

/// A message of this name with these members beside `schemas`.
pub fn message(name: &str, members: Value) -> Value {
    let mut body = Map::new();
    body.insert("schemas".into(), json!([format!("{MESSAGES}:{name}")]));
    if let Value::Object(members) = members {
        body.extend(members);
    }
    Value::Object(body)
}

/// A PatchOp message with these operations.
pub fn patch_op(operations: Value) -> Value {
    message("PatchOp", json!({"Operations": operations}))
}

/// A user with these attributes, and `schemas` and `userName` where they are not given.
pub fn user(attributes: Value) -> Value {
    let mut body = Map::new();
    body.insert("schemas".into(), json!([USER]));
    body.insert("userName".into(), unique("user").into());
    if let Value::Object(attributes) = attributes {
        body.extend(attributes);
    }
    Value::Object(body)
}

/// A name that no other case uses.
pub fn unique(stem: &str) -> String {
    format!("{stem}-{}", NAMES.fetch_add(1, Ordering::Relaxed))
}
