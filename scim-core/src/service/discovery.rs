//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 section 4, RFC 7643 sections 5 to 7, RFC 9865
//! section 4). Only what works is advertised.

use std::hash::Hasher;

use serde_json::{Map, Value, json};
use siphasher::sip::SipHasher13;

use crate::error::{Done, ScimError};
use crate::name::same;
use crate::schema::{Registry, describe};
use crate::store::{Lock, Secrets, Writes};

use super::{Conditions, Reply, Service};

/// What the operator says about the service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovery {
    /// Where people read on.
    pub documentation_uri: Option<String>,
    /// How clients authenticate.
    pub authentication_schemes: Vec<AuthenticationScheme>,
}

/// One way to authenticate (RFC 7643 section 5).
#[derive(Debug, Clone, PartialEq)]
pub struct AuthenticationScheme {
    /// `oauthbearertoken` and the like.
    pub kind: &'static str,
    /// For people.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
    /// The specification.
    pub spec_uri: &'static str,
}

impl Service {
    /// What the service can do. `base` is the SCIM base URL, without trailing slash.
    pub fn service_provider_config(&self, base: &str, conditions: &Conditions) -> Reply {
        let can = self.store.capabilities();
        let limits = &self.env.limits;
        let schemes = self.env.discovery.authentication_schemes.iter().enumerate().map(|(n, scheme)| {
            json!({
                "type": scheme.kind, "name": scheme.name, "description": scheme.description,
                "specUri": scheme.spec_uri, "primary": n == 0,
            })
        });
        let mut config = Map::new();
        config.insert("schemas".into(), json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]));
        if let Some(uri) = &self.env.discovery.documentation_uri {
            config.insert("documentationUri".into(), uri.as_str().into());
        }
        let rest = json!({
            "patch": { "supported": can.writes != Writes::None },
            "bulk": {
                "supported": can.writes == Writes::Full,
                "maxOperations": limits.bulk_operations,
                "maxPayloadSize": limits.bulk_body,
            },
            "filter": { "supported": true, "maxResults": limits.page_max },
            "changePassword": { "supported": can.writes != Writes::None && can.secrets != Secrets::Refused },
            "sort": { "supported": true },
            "etag": { "supported": can.lock != Lock::None },
            "pagination": {
                "cursor": true,
                "index": true,
                "defaultPaginationMethod": "index",
                "defaultPageSize": limits.page,
                "maxPageSize": limits.page_max,
                "cursorTimeout": limits.cursor_time,
            },
            "authenticationSchemes": schemes.collect::<Vec<_>>(),
        });
        if let Value::Object(rest) = rest {
            config.extend(rest);
        }
        let location = format!("{base}/ServiceProviderConfig");
        one(Value::Object(config), "ServiceProviderConfig", &location, conditions)
    }

    /// All schemas, or the one with this URN in any letter case.
    pub fn schemas(
        &self,
        registry: &Registry,
        base: &str,
        urn: Option<&str>,
        conditions: &Conditions,
    ) -> Result<Reply, ScimError> {
        let all = registry.schemas().iter();
        let found = all.filter(|schema| urn.is_none_or(|urn| same(&schema.id, urn)));
        let found = found.map(|schema| (describe::schema(schema), format!("{base}/Schemas/{}", schema.id)));
        answer(found.collect(), "Schema", urn.is_some(), conditions)
    }

    /// All resource types, or the one of this name.
    pub fn resource_types(
        &self,
        registry: &Registry,
        base: &str,
        name: Option<&str>,
        conditions: &Conditions,
    ) -> Result<Reply, ScimError> {
        let all = registry.types().iter();
        let found = all.filter(|rt| name.is_none_or(|name| rt.kind.as_str() == name));
        let found = found.map(|rt| (describe::resource_type(rt), format!("{base}/ResourceTypes/{}", rt.kind)));
        answer(found.collect(), "ResourceType", name.is_some(), conditions)
    }
}

fn answer(found: Vec<(Value, String)>, kind: &str, single: bool, conditions: &Conditions) -> Result<Reply, ScimError> {
    if single {
        let (value, location) = found.into_iter().next().ok_or_else(|| {
            ScimError::not_found(format!("no {kind} of this name; GET the list to see those there are"))
        })?;
        return Ok(one(value, kind, &location, conditions));
    }
    let resources: Vec<Value> = found.into_iter().map(|(value, location)| with_meta(value, kind, &location)).collect();
    let list = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "itemsPerPage": resources.len(),
        "startIndex": 1,
        "Resources": resources,
    });
    Ok(tagged(&list, None, conditions))
}

fn one(value: Value, kind: &str, location: &str, conditions: &Conditions) -> Reply {
    tagged(&with_meta(value, kind, location), Some(location), conditions)
}

fn with_meta(mut value: Value, kind: &str, location: &str) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.insert("meta".into(), json!({ "resourceType": kind, "location": location }));
    }
    value
}

fn tagged(value: &Value, location: Option<&str>, conditions: &Conditions) -> Reply {
    let body = value.to_string().into_bytes();
    let mut hasher = SipHasher13::new();
    hasher.write(&body);
    let etag = format!("W/\"{:016x}\"", hasher.finish());
    let current = conditions.is_current(&etag);
    Reply {
        done: if current { Done::NotModified } else { Done::Ok },
        body: if current { bytes::Bytes::new() } else { body.into() },
        etag: Some(etag),
        location: location.map(str::to_owned),
    }
}
