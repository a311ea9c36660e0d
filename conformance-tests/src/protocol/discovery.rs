//! Discovery: RFC 7644 section 4, RFC 7643 sections 5 to 7, RFC 9865 section 4.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Case, case};
use crate::answer::Answer;
use crate::data::{DEVICE_URN, SITE_URN, TEST_URN, TEST_USER};
use crate::harness::Ability;
use crate::http::encode;
use crate::session::{ENTERPRISE, GROUP, MESSAGES, Session, USER};

const CONFIG: &str = "/ServiceProviderConfig";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0";

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "the service provider configuration is one object with all its parts",
            "7643-5-02 7643-5-03 7643-5-04 7643-5-05 7643-5-06 7643-5-07 7643-5-08 7643-3.1-20 7644-4-01 7644-4-11 \
             7644-3.4.2.2-01 7644-3.4.2.3-01 7644-3.5-02 7644-3.14-01 7644-3.7.4-03",
            configuration_is_whole,
        ),
        case(
            "pagination is described, and its numbers agree with the rest",
            "9865-4-01 9865-4-02 9865-4-03 9865-4-05 9865-2.4-01",
            pagination_is_described,
        ),
        case("no event is promised where there are none", "9967-4-01 9967-4-02 9967-4-03", |t| {
            let config = t.get(CONFIG)?.is(200)?;
            // Events are not part of this server yet: the attribute is absent, and so nothing wrong stands in it.
            if let Some(events) = config.body.get("securityEvents") {
                let request = events["asyncRequest"].as_str().unwrap_or("none").to_lowercase();
                ensure!(["none", "long", "request"].contains(&request.as_str()), "{}", config.tell());
                ensure!(events["eventUris"].as_array().is_some_and(|uris| !uris.is_empty()), "{}", config.tell());
            }
            Ok(())
        }),
        case("the configuration can be read without credentials", "7643-5-09", |t| {
            t.request("GET", CONFIG).without("Authorization").send()?.is(200)?.some("/authenticationSchemes/0")?;
            Ok(())
        }),
        case("the published limits are the limits in force", "7643-5-10 7644-3.7.4-01", published_limits),
        case("discovery resources cannot be changed", "7643-5-01 7643-6-06 7643-7-02", |t| {
            for path in [CONFIG, "/Schemas", &schema_path(USER), "/ResourceTypes", "/ResourceTypes/User"] {
                for method in ["PUT", "PATCH", "POST", "DELETE"] {
                    let answer = t.request(method, path).json(&json!({})).send()?.fails(405, "")?;
                    ensure!(answer.must_header("allow")?.contains("GET"), "Allow of {path}");
                }
            }
            Ok(())
        }),
        case("the plural of ServiceProviderConfig does not exist", "7644-4-02", |t| {
            t.get("/ServiceProviderConfigs")?.fails(404, "")?;
            Ok(())
        }),
        case(
            "all schemas come as one list",
            "7644-4-03 7644-4-10 7643-7-01 7643-7-03 7644-4-11 7643-2.1-05",
            all_schemas,
        ),
        case("one schema is found by its URN in any case and encoding", "7644-4-04", |t| {
            for urn in [USER.to_owned(), USER.to_uppercase(), encode(USER)] {
                t.get(&format!("/Schemas/{urn}"))?.is(200)?.has("/id", USER)?.has("/meta/resourceType", "Schema")?;
            }
            t.get("/Schemas/urn:example:none")?.fails(404, "")?;
            Ok(())
        }),
        case("messages are no schemas", "7644-3.1-02", |t| {
            let list = t.get("/Schemas")?.is(200)?;
            ensure!(list.ids().iter().all(|id| !id.contains(":api:")), "{}", list.tell());
            t.get(&format!("/Schemas/{MESSAGES}:ListResponse"))?.fails(404, "")?;
            Ok(())
        }),
        case(
            "the attributes of the User schema have the characteristics of the RFC",
            "7643-7-05 7643-7-06 7643-7-23 7643-4.1.1-17 7643-2.3.6-05 7643-2.3.8-03 7643-3-05 7643-4.2-01",
            user_schema,
        ),
        case("the schemas of the service know etag and the type of an authentication scheme", "7643-5-11", |t| {
            let schema = t.get(&schema_path(&format!("{CORE}:ServiceProviderConfig")))?.is(200)?;
            attribute(&schema.body, "etag")?;
            attribute(attribute(&schema.body, "authenticationSchemes")?, "type")?;
            Ok(())
        }),
        case("a schema is shown as it was loaded", "7643-7-04 7643-2.2-01", |t| {
            let shown = t.get(&schema_path(TEST_URN))?.is(200)?;
            let loaded: Value = serde_json::from_str(TEST_USER)?;
            for wanted in loaded["attributes"].as_array().into_iter().flatten() {
                described_as(wanted, attribute(&shown.body, wanted["name"].as_str().unwrap_or_default())?)?;
            }
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case(
            "resource types name schemas that exist",
            "7644-4-05 7644-4-06 7643-6-01 7643-6-03 7643-6-07 7644-4-11",
            resource_types,
        ),
        case("names of resource types and endpoints are unique and case exact", "7643-6-02", |t| {
            let schema = t.get(&schema_path(&format!("{CORE}:ResourceType")))?.is(200)?;
            let name = attribute(&schema.body, "name")?;
            ensure!(name["caseExact"] == true && name["uniqueness"] == "server", "{name}");
            t.get("/ResourceTypes/user")?.fails(404, "")?;
            Ok(())
        }),
        case("query parameters are ignored on discovery endpoints", "7644-4-07 7644-4-09", |t| {
            let whole = t.get("/Schemas")?.is(200)?;
            let asked =
                t.get("/Schemas?count=1&startIndex=2&sortBy=name&attributes=id&excludedAttributes=meta")?.is(200)?;
            ensure!(whole.body == asked.body, "{}", asked.tell());
            t.get("/ServiceProviderConfig?attributes=patch&count=0")?.is(200)?.some("/bulk")?;
            Ok(())
        }),
        case("a filter on a discovery endpoint is refused", "7644-4-08 7644-4-09", |t| {
            for path in ["/Schemas", "/ResourceTypes", CONFIG] {
                t.filter(path, "id pr")?.fails(403, "")?;
                t.search(&format!("{path}/.search"), json!({"filter": "id pr"}))?.fails(403, "")?;
                t.search(&format!("{path}/.search"), json!({}))?.fails(404, "")?;
            }
            Ok(())
        }),
        case("discovery answers can be kept and asked for again", "7644-4-12", |t| {
            for path in [CONFIG, "/Schemas", &schema_path(GROUP), "/ResourceTypes", "/ResourceTypes/User"] {
                let tag = t.get(path)?.is(200)?.must_header("etag")?.to_owned();
                let again = t.request("GET", path).header("If-None-Match", &tag).send()?.is(304)?;
                ensure!(again.header("etag") == Some(&*tag), "304 carries the ETag");
            }
            Ok(())
        }),
        case("every endpoint of the protocol is there", "7644-3.2-02", |t| {
            for path in ["/Users", "/Groups", CONFIG, "/ResourceTypes", "/Schemas"] {
                t.get(path)?.is(200)?;
            }
            t.search("/.search", json!({}))?.is(200)?;
            t.bulk(json!([]))?.is(200)?;
            t.get("/Me")?.is_one_of(&[200, 404, 501])?;
            Ok(())
        }),
        case(
            "the version stands before the endpoint, and other versions are refused",
            "7644-3.13-01 7644-3.13-02 7644-3.13-03 7644-3.12-24",
            |t| {
                let origin = t.site.origin();
                t.with_base(&format!("{origin}/scim/v2")).get("/Users")?.is(200)?;
                t.with_base(&format!("{origin}/scim")).get("/Users")?.is(200)?;
                for version in ["v1", "v3"] {
                    t.with_base(&format!("{origin}/scim/{version}")).get("/Users")?.fails(400, "invalidVers")?;
                }
                Ok(())
            },
        )
        .needs(&[Ability::Ours]),
        case("links carry the base under which the server is reached", "7644-1.3-02 7643-2.3.7-04", |t| {
            let user = t.user(json!({}))?;
            let named = t.with_base(&t.site.named());
            for session in [t, &named] {
                let shown = session.get(&format!("/Users/{}", user.id()?))?.is(200)?;
                let location = shown.text("/meta/location").to_owned();
                ensure!(location.starts_with(t.site.origin()), "{location}");
                session.with_base(&location).get("")?.is(200)?.has("/id", user.id()?)?;
            }
            for path in ["/Schemas", "/ResourceTypes"] {
                for location in t.get(path)?.each("/meta/location") {
                    t.with_base(location).get("")?.is(200)?;
                }
            }
            Ok(())
        })
        .needs(&[Ability::Tenants]),
        case("a configured resource type behaves like the built-in ones", "7643-3.2-01 7644-3.2-03", device)
            .needs(&[Ability::TestSchema]),
        case(
            "a required extension comes with every resource of its type",
            "7643-6-04 7644-3.5.2-19",
            required_extension,
        )
        .needs(&[Ability::TestSchema]),
    ]
}

fn schema_path(urn: &str) -> String {
    format!("/Schemas/{urn}")
}

fn attribute<'a>(schema: &'a Value, name: &str) -> Result<&'a Value> {
    let list = schema.get("attributes").or_else(|| schema.get("subAttributes"));
    let found = list.and_then(Value::as_array).and_then(|list| list.iter().find(|one| one["name"] == name));
    found.ok_or_else(|| anyhow::anyhow!("{} has no attribute {name}", schema["id"]))
}

/// What is shown says what was loaded, and the defaults where that is silent.
fn described_as(wanted: &Value, shown: &Value) -> Result<()> {
    let defaults = json!({"required": false, "multiValued": false, "mutability": "readWrite", "returned": "default"});
    for name in ["name", "type", "description", "multiValued", "required", "mutability", "returned", "canonicalValues"]
    {
        let value = wanted.get(name).or_else(|| defaults.get(name));
        ensure!(value.is_none() || shown.get(name) == value, "{name} of {shown}, loaded as {wanted}");
    }
    if wanted["type"] == "string" {
        ensure!(shown["caseExact"] == wanted.get("caseExact").cloned().unwrap_or(json!(false)), "caseExact of {shown}");
        ensure!(
            shown["uniqueness"] == wanted.get("uniqueness").cloned().unwrap_or(json!("none")),
            "uniqueness of {shown}"
        );
    }
    for sub in wanted["subAttributes"].as_array().into_iter().flatten() {
        described_as(sub, attribute(shown, sub["name"].as_str().unwrap_or_default())?)?;
    }
    Ok(())
}

fn configuration_is_whole(t: &Session) -> Result<()> {
    let config = t.get(CONFIG)?.is(200)?;
    config.has("/schemas", json!([format!("{CORE}:ServiceProviderConfig")]))?;
    config.has("/meta/resourceType", "ServiceProviderConfig")?.some("/meta/location")?;
    for part in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
        ensure!(config.at(&format!("/{part}/supported")).is_boolean(), "{part}: {}", config.tell());
    }
    for number in ["/bulk/maxOperations", "/bulk/maxPayloadSize", "/filter/maxResults"] {
        ensure!(config.at(number).as_u64().is_some_and(|number| number > 0), "{number}: {}", config.tell());
    }
    let schemes = config.list("/authenticationSchemes");
    ensure!(!schemes.is_empty(), "{}", config.tell());
    for scheme in schemes {
        for name in ["type", "name", "description"] {
            ensure!(scheme[name].as_str().is_some_and(|text| !text.is_empty()), "{name} of {scheme}");
        }
    }
    if t.ours() {
        for part in ["patch", "bulk", "filter", "sort", "etag"] {
            config.has(&format!("/{part}/supported"), true)?;
        }
    }
    Ok(())
}

fn pagination_is_described(t: &Session) -> Result<()> {
    t.claimed("pagination")?;
    let config = t.get(CONFIG)?.is(200)?;
    ensure!(config.at("/pagination/cursor").is_boolean(), "{}", config.tell());
    ensure!(config.at("/pagination/index").is_boolean(), "{}", config.tell());
    for number in ["defaultPageSize", "maxPageSize", "cursorTimeout"] {
        let value = config.at(&format!("/pagination/{number}"));
        ensure!(value.is_null() || value.as_u64().is_some_and(|number| number > 0), "{number}: {}", config.tell());
    }
    let most = config.at("/pagination/maxPageSize");
    ensure!(most.is_null() || most == config.at("/filter/maxResults"), "{}", config.tell());
    t.user(json!({}))?;
    let list = t.get("/Users")?.is(200)?;
    match config.text("/pagination/defaultPaginationMethod") {
        "cursor" => list.lacks("/startIndex")?,
        _ => list.some("/startIndex")?.lacks("/nextCursor")?,
    };
    Ok(())
}

fn published_limits(t: &Session) -> Result<()> {
    let config = t.get(CONFIG)?.is(200)?;
    let most = config.at("/bulk/maxOperations").as_u64().unwrap_or_default();
    let operation = json!({"method": "DELETE", "path": "/Users/none"});
    let over = Value::from(vec![operation; usize::try_from(most)? + 1]);
    let refused = t.bulk(over)?.fails(413, "")?;
    ensure!(refused.text("/detail").contains(&most.to_string()), "the detail names the limit: {}", refused.tell());
    t.user(json!({}))?;
    let results = config.at("/filter/maxResults").as_u64().unwrap_or_default();
    let page = t.get(&format!("/Users?count={}", results + 1))?.is(200)?;
    ensure!(page.list("/Resources").len() as u64 <= results, "{}", page.tell());
    Ok(())
}

fn all_schemas(t: &Session) -> Result<()> {
    let list = t.get("/Schemas")?.is(200)?;
    list.has("/schemas", json!([format!("{MESSAGES}:ListResponse")]))?;
    ensure!(*list.at("/totalResults") == list.list("/Resources").len(), "one page: {}", list.tell());
    let ids = list.ids();
    for urn in [USER, GROUP, ENTERPRISE] {
        ensure!(ids.contains(&urn) || urn == ENTERPRISE && !t.ours(), "{urn} is missing");
    }
    for own in ["ServiceProviderConfig", "ResourceType", "Schema"] {
        ensure!(ids.contains(&&*format!("{CORE}:{own}")) || !t.ours(), "{own} is missing");
    }
    for schema in list.list("/Resources") {
        ensure!(schema["schemas"] == json!([format!("{CORE}:Schema")]), "schemas of {}", schema["id"]);
        ensure!(schema["meta"]["resourceType"] == "Schema", "meta of {}", schema["id"]);
        ensure!(schema["meta"]["location"].as_str().is_some_and(|at| at.contains("/Schemas/")), "{}", schema["id"]);
    }
    Ok(())
}

fn user_schema(t: &Session) -> Result<()> {
    let user = t.get(&schema_path(USER))?.is(200)?;
    for common in ["id", "meta", "schemas", "externalId"] {
        ensure!(attribute(&user.body, common).is_err(), "{common} belongs to no schema");
    }
    let types = ["string", "boolean", "decimal", "integer", "dateTime", "reference", "binary", "complex"];
    for one in user.list("/attributes") {
        ensure!(types.iter().any(|name| one["type"] == *name), "type of {one}");
        if one["type"] == "complex" {
            ensure!(one["subAttributes"].as_array().is_some_and(|subs| !subs.is_empty()), "sub-attributes of {one}");
            ensure!(one.get("uniqueness").is_none_or(|value| value == "none"), "uniqueness of {one}");
        }
    }
    let password = attribute(&user.body, "password")?;
    ensure!(password["mutability"] == "writeOnly" && password["returned"] == "never", "{password}");
    let certificate = attribute(attribute(&user.body, "x509Certificates")?, "value")?;
    ensure!(certificate["type"] == "binary" && certificate["caseExact"] == true, "{certificate}");
    ensure!(certificate.get("uniqueness").is_none_or(|value| value == "none"), "{certificate}");
    let reference = attribute(attribute(&user.body, "groups")?, "$ref")?;
    ensure!(reference["referenceTypes"] == json!(["Group"]), "{reference}");
    let group = t.get(&schema_path(GROUP))?.is(200)?;
    ensure!(attribute(&group.body, "displayName")?["required"] == true, "{}", group.tell());
    Ok(())
}

fn resource_types(t: &Session) -> Result<()> {
    let list = t.get("/ResourceTypes")?.is(200)?;
    list.has("/schemas", json!([format!("{MESSAGES}:ListResponse")]))?;
    let mut endpoints = Vec::new();
    for kind in list.list("/Resources") {
        let name = kind["name"].as_str().unwrap_or_default();
        let one = t.get(&format!("/ResourceTypes/{name}"))?.is(200)?;
        one.has("/id", name)?.has("/meta/resourceType", "ResourceType")?.some("/meta/location")?;
        endpoints.push(kind["endpoint"].to_string());
        resolves(t, &kind["schema"])?;
        for extension in kind["schemaExtensions"].as_array().into_iter().flatten() {
            ensure!(extension["required"].is_boolean(), "{extension}");
            resolves(t, &extension["schema"])?;
        }
    }
    let count = endpoints.len();
    endpoints.sort();
    endpoints.dedup();
    ensure!(endpoints.len() == count && count >= 2, "each type has one endpoint: {}", list.tell());
    t.get("/ResourceTypes/User")?.is(200)?.has("/endpoint", "/Users")?.has("/schema", USER)?;
    t.get("/ResourceTypes/Nope")?.fails(404, "")?;
    Ok(())
}

fn resolves(t: &Session, urn: &Value) -> Result<Answer> {
    let urn = urn.as_str().unwrap_or_default();
    let schema = t.get(&schema_path(urn))?.is(200)?;
    schema.has("/id", urn)?;
    Ok(schema)
}

fn device(t: &Session) -> Result<()> {
    let device = |serial: &str, model: Value| json!({"schemas": [DEVICE_URN, SITE_URN], "serial": serial, "model": model, SITE_URN: {"room": "1A"}});
    t.get("/ResourceTypes/Device")?.is(200)?.has("/endpoint", "/Devices")?.has("/schema", DEVICE_URN)?;
    let made = t.post("/Devices", &device("S-1", json!("Lamp")))?.is(201)?;
    made.has("/meta/resourceType", "Device")?;
    let path = format!("/Devices/{}", made.id()?);
    t.get(&path)?.is(200)?.has("/serial", "S-1")?;
    t.filter("/Devices", "model eq \"lamp\"")?.is(200)?.finds(&[made.id()?])?;
    t.patch(&path, json!([{"op": "replace", "path": "model", "value": "Desk lamp"}]))?.is(200)?;
    t.put(&path, &device("S-1", Value::Null))?.is(200)?.lacks("/model")?;
    t.post("/Devices", &device("S-1", Value::Null))?.fails(409, "uniqueness")?;
    t.delete(&path)?.is(204)?;
    t.get(&path)?.fails(404, "")?;
    Ok(())
}

fn required_extension(t: &Session) -> Result<()> {
    let bare = json!({"schemas": [DEVICE_URN], "serial": "S-2"});
    t.post("/Devices", &bare)?.fails(400, "invalidValue")?;
    let empty = json!({"schemas": [DEVICE_URN, SITE_URN], "serial": "S-2", SITE_URN: {}});
    t.post("/Devices", &empty)?.fails(400, "invalidValue")?;
    let whole = json!({"schemas": [DEVICE_URN, SITE_URN], "serial": "S-2", SITE_URN: {"room": "1A"}});
    let path = format!("/Devices/{}", t.post("/Devices", &whole)?.is(201)?.id()?);
    t.put(&path, &bare)?.fails(400, "invalidValue")?;
    t.patch(&path, json!([{"op": "remove", "path": SITE_URN}]))?.fails(400, "mutability")?;
    t.get("/ResourceTypes/Device")?
        .is(200)?
        .has("/schemaExtensions/0", json!({"schema": SITE_URN, "required": true}))?;
    Ok(())
}
