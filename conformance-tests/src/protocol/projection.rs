//! What is shown: RFC 7644 sections 3.4.2.5 and 3.9.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Case, case};
use crate::answer::Answer;
use crate::session::{ENTERPRISE, Session, USER, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "attributes shows what it names beside what is always shown",
            "7644-3.4.2.5-02 7644-3.9-01 7643-7-13 7643-7-16",
            |t| {
                let path = full(t)?;
                shows(&t.get(&format!("{path}?attributes=userName"))?, "schemas id userName")?;
                shows(&t.get(&format!("{path}?attributes=displayName"))?, "schemas id displayName")?;
                let types = t.get(&format!("{path}?attributes=emails.type"))?.is(200)?;
                types.has("/emails", json!([{"type": "work"}, {"type": "home"}]))?;
                shows(&types, "schemas id emails")
            },
        ),
        case(
            "excludedAttributes leaves out what it names, save what is always shown",
            "7644-3.4.2.5-03 7644-3.9-02 7643-7-13",
            |t| {
                let path = full(t)?;
                let shown =
                    t.get(&format!("{path}?excludedAttributes=id,schemas,userName,name.formatted,emails"))?.is(200)?;
                shown.some("/id")?.some("/schemas")?.lacks("/userName")?.lacks("/emails")?;
                shown.has("/name", json!({"givenName": "G", "familyName": "F"}))?.some("/meta")?;
                Ok(())
            },
        ),
        case("both work on every operation that returns resources", "7644-3.4.2.5-01 7644-3.9-09 7644-3.5.2-26", |t| {
            let query = "?attributes=title";
            let made = t.post(&format!("/Users{query}"), &user(json!({"title": "T"})))?.is(201)?;
            shows(&made, "schemas id title")?;
            made.must_header("etag")?;
            let path = t
                .with_base(made.must_header("location")?)
                .get("")?
                .is(200)
                .map(|shown| format!("/Users/{}", shown.text("/id")))?;
            shows(&t.get(&format!("{path}{query}"))?, "schemas id title")?;
            shows(&t.put(&format!("{path}{query}"), &user(json!({"title": "U"})))?.is(200)?, "schemas id title")?;
            let operation = json!([{"op": "replace", "path": "title", "value": "V"}]);
            shows(&t.patch(&format!("{path}{query}"), operation)?.is(200)?, "schemas id title")?;
            for list in
                [t.get(&format!("/Users{query}"))?, t.search("/Users/.search", json!({"attributes": ["title"]}))?]
            {
                ensure!(names(list.is(200)?.at("/Resources/0")) == ["id", "schemas", "title"]);
            }
            let hidden = "?excludedAttributes=title,meta";
            shows(
                &t.post(&format!("/Users{hidden}"), &user(json!({"title": "T"})))?.is(201)?,
                "schemas id userName active",
            )?;
            shows(
                &t.put(&format!("{path}{hidden}"), &user(json!({"title": "W", "active": true})))?.is(200)?,
                "schemas id userName active",
            )?;
            Ok(())
        }),
        case(
            "names are in standard notation, in any case, qualified or not",
            "7644-3.4.2.5-04 7644-3.9-08 7644-3.10-01 7644-3.10-02",
            |t| {
                let path = full(t)?;
                let names = format!("name.givenName,{ENTERPRISE}:division,{USER}:title");
                let shown = t.get(&format!("{path}?attributes={names}"))?.is(200)?;
                shown
                    .has("/name", json!({"givenName": "G"}))?
                    .has(&format!("/{ENTERPRISE}"), json!({"division": "D"}))?;
                shows(&shown, &format!("schemas id name title {ENTERPRISE}"))?;
                shows(
                    &t.get(&format!("{path}?attributes=USERNAME,{}", format!("{USER}:title").to_uppercase()))?,
                    "schemas id userName title",
                )
            },
        ),
        case("both parameters at once are refused", "7644-3.9-03", |t| {
            let path = full(t)?;
            t.get(&format!("{path}?attributes=title&excludedAttributes=name"))?.fails(400, "invalidValue")?;
            t.search("/Users/.search", json!({"attributes": ["title"], "excludedAttributes": ["name"]}))?
                .fails(400, "invalidValue")?;
            Ok(())
        }),
        case("lists are read generously, unknown names ignored", "7644-3.9-04 7644-3.9-05", |t| {
            let path = full(t)?;
            shows(&t.get(&format!("{path}?attributes=%20userName%20,%20title"))?, "schemas id userName title")?;
            shows(&t.get(&format!("{path}?attributes=userName&attributes=title"))?, "schemas id userName title")?;
            shows(&t.get(&format!("{path}?attributes=foo,,"))?, "schemas id")?;
            t.get(&format!("{path}?attributes="))?.is(200)?.some("/userName")?.some("/meta")?;
            t.get(&format!("{path}?excludedAttributes=foo"))?.is(200)?.some("/userName")?;
            Ok(())
        }),
        case("a complex attribute is shown whole, an extension too", "7644-3.9-06 7644-3.9-07", |t| {
            let path = full(t)?;
            let name = json!({"formatted": "G F", "familyName": "F", "givenName": "G"});
            let shown = t.get(&format!("{path}?attributes=name"))?.is(200)?;
            crate::compare::same_resource(&name, shown.at("/name"))?;
            let whole = t.get(&format!("{path}?attributes={ENTERPRISE}"))?.is(200)?;
            shows(&whole, &format!("schemas id {ENTERPRISE}"))?;
            whole.has(&format!("/{ENTERPRISE}"), json!({"division": "D"}))?;
            t.get(&format!("{path}?excludedAttributes={ENTERPRISE}"))?.is(200)?.lacks(&format!("/{ENTERPRISE}"))?;
            Ok(())
        }),
        case("schemas is always the full list", "7644-3.9-10", |t| {
            let path = full(t)?;
            for query in
                ["attributes=userName", "excludedAttributes=schemas", &format!("excludedAttributes={ENTERPRISE}")]
            {
                t.get(&format!("{path}?{query}"))?.is(200)?.has("/schemas", json!([USER, ENTERPRISE]))?;
            }
            Ok(())
        }),
        case("the version is that of the whole resource", "7644-3.9-11", |t| {
            let path = full(t)?;
            let whole = version(t.get(&path)?.is(200)?.must_header("etag")?);
            for query in ["attributes=userName", "attributes=meta", "excludedAttributes=emails"] {
                let part = t.get(&format!("{path}?{query}"))?.is(200)?;
                ensure!(version(part.must_header("etag")?) == whole, "{query}");
                ensure!(part.at("/meta/version").is_null() || version(part.text("/meta/version")) == whole, "{query}");
            }
            Ok(())
        }),
        case("a group without its members is a group without its members", "7644-3.9-12", |t| {
            let member = t.user(json!({}))?;
            let group = t.group(&unique("g"), &[member.id()?])?;
            let path = format!("/Groups/{}", group.id()?);
            t.get(&format!("{path}?excludedAttributes=members"))?.is(200)?.lacks("/members")?.some("/displayName")?;
            t.get("/Groups?excludedAttributes=members")?.is(200)?.lacks("/Resources/0/members")?;
            t.get(&format!("{path}?attributes=members.value"))?
                .is(200)?
                .has("/members", json!([{"value": member.id()?}]))?;
            Ok(())
        }),
    ]
}

/// The version in a tag, without the digest of computed values behind it.
pub fn version(tag: &str) -> String {
    let inside = tag.trim_start_matches("W/").trim_matches('"');
    inside.split('-').next().unwrap_or_default().to_owned()
}

/// A user with a bit of everything; its path.
fn full(t: &Session) -> Result<String> {
    let made = t.user(json!({
        "title": "T", "displayName": "D", "name": {"formatted": "G F", "givenName": "G", "familyName": "F"},
        "emails": [{"value": "a@example.com", "type": "work"}, {"value": "b@example.com", "type": "home"}],
        ENTERPRISE: {"division": "D"},
    }))?;
    Ok(format!("/Users/{}", made.id()?))
}

fn names(resource: &Value) -> Vec<&str> {
    let mut names: Vec<_> = resource.as_object().into_iter().flat_map(|one| one.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The resource has just these attributes.
fn shows(answer: &Answer, wanted: &str) -> Result<()> {
    let mut wanted: Vec<_> = wanted.split(' ').collect();
    wanted.sort_unstable();
    ensure!(names(&answer.body) == wanted, "expected {wanted:?}: {}", answer.tell());
    Ok(())
}
