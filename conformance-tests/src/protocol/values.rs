//! Values and their types: RFC 7643 sections 2.1 to 2.5.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Case, case};
use crate::answer::Answer;
use crate::data::{EXTRA_URN, TEST_URN};
use crate::harness::Ability;
use crate::session::{Session, USER, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case("names match in any case and come back in the spelling of the schema", "7643-2.1-01 7644-3.10-01", |t| {
            let name = unique("user");
            let made =
                t.post("/Users", &json!({"SCHEMAS": [USER], "USERNAME": name, "NAME": {"GivenName": "G"}}))?.is(201)?;
            made.has("/userName", &*name)?.has("/name/givenName", "G")?;
            let path = format!("/Users/{}", made.id()?);
            t.patch(&path, json!([{"op": "add", "path": "NAME.FAMILYNAME", "value": "F"}]))?
                .is(200)?
                .has("/name/familyName", "F")?;
            t.get("/Users?sortBy=NAME.FAMILYNAME&attributes=NAME.FamilyName&filter=NAME.familyname%20eq%20%22f%22")?
                .is(200)?
                .finds(&[made.id()?])?
                .has("/Resources/0/name", json!({"familyName": "F"}))?;
            Ok(())
        }),
        case("$ref is a name like any other", "7643-2.1-03", |t| {
            let user = t.user(json!({}))?;
            let group = t.group(&unique("g"), &[user.id()?])?;
            t.filter("/Groups", "members[$ref pr]")?.is(200)?.finds(&[group.id()?])?;
            let path = format!("members[value eq \"{}\"].$ref", user.id()?);
            t.patch(&format!("/Groups/{}", group.id()?), json!([{"op": "remove", "path": path}]))?
                .fails(400, "mutability")?;
            Ok(())
        }),
        case("an attribute that stands twice is refused", "7643-2.1-04", |t| {
            for body in [
                format!(r#"{{"schemas":["{USER}"],"userName":"a","USERNAME":"b"}}"#),
                format!(r#"{{"schemas":["{USER}"],"userName":"a","userName":"a"}}"#),
            ] {
                let request = t.request("POST", "/Users").header("Content-Type", "application/scim+json");
                request.bytes(body).send()?.fails(400, "invalidSyntax")?;
            }
            Ok(())
        }),
        case("strings keep every code point", "7643-2.3.1-01 7643-7-08 7643-7-09 7643-4.1.2-07", |t| {
            let text = "e\u{301} \u{1f469}\u{200d}\u{1f680} ﷺ \t \u{202e} \\ \" / \u{7f}";
            takes(t, json!({"displayName": text, "externalId": "AbC", "addresses": [{"formatted": "1 A St\nTown"}]}))?;
            let escaped = r#"\ud83d\ude80"#;
            let body = format!(r#"{{"schemas":["{USER}"],"userName":"{}","title":"{escaped}"}}"#, unique("user"));
            let request = t.request("POST", "/Users").header("Content-Type", "application/scim+json");
            request.bytes(body).send()?.is(201)?.has("/title", "\u{1f680}")?;
            takes(t, json!({"userName": unique("BJensen")}))
        }),
        case("a value of the wrong JSON type is refused", "7643-2.3.1-02 7644-3.3-10 7644-3.12-23", |t| {
            for value in [json!(5), json!(true), json!(["a"]), json!({"a": 1})] {
                refuses(t, "invalidValue", json!({"title": value}))?;
            }
            refuses(t, "invalidValue", json!({"userName": 5}))?;
            refuses(t, "invalidValue", json!({"emails": [5]}))?;
            refuses(t, "invalidValue", json!({"name": "x"}))
        }),
        case("canonical values bind only where the schema says so", "7643-2.3.1-03 7643-4.1.2-02", |t| {
            takes(t, json!({"emails": [{"value": "a@example.com", "type": "private"}]}))?;
            takes(t, json!({EXTRA_URN: {"grade": "high"}}))?;
            refuses(t, "invalidValue", json!({EXTRA_URN: {"grade": "middle"}}))
        })
        .needs(&[Ability::TestSchema]),
        case("a country is two letters", "7643-4.1.2-06 7643-2.3.1-04", |t| {
            takes(t, json!({"addresses": [{"country": "US"}]}))?;
            for country in ["USA", "Germany"] {
                let body = json!({"addresses": [{"country": country}]});
                if t.strict() { refuses(t, "invalidValue", body)? } else { takes(t, body)? }
            }
            Ok(())
        }),
        case("booleans are true and false", "7643-2.3.2-01 7643-2.3.2-02 7643-4.1.1-10", |t| {
            takes(t, json!({"active": true}))?;
            takes(t, json!({"active": false}))?;
            refuses(t, "invalidValue", json!({"active": 1}))?;
            if t.strict() {
                return refuses(t, "invalidValue", json!({"active": "True"}));
            }
            t.user(json!({"active": "False"}))?.has("/active", false)?;
            Ok(())
        }),
        case("decimals keep the precision of a double", "7643-2.3.3-01 7643-2.3.3-02", |t| {
            for number in [json!(1.5), json!(0.1), json!(12345678901.25), json!(-2.5e-3), json!(7)] {
                let made = t.user(json!({TEST_URN: {"dec": number}}))?;
                let shown = t.get(&format!("/Users/{}", made.id()?))?.is(200)?;
                ensure!(
                    shown.at(&format!("/{TEST_URN}/dec")).as_f64() == number.as_f64(),
                    "{number}: {}",
                    shown.tell()
                );
            }
            refuses(t, "invalidValue", json!({TEST_URN: {"dec": "1.5"}}))
        })
        .needs(&[Ability::TestSchema]),
        case("integers have neither fraction nor exponent and are kept exactly", "7643-2.3.4-01 7643-2.3.4-02", |t| {
            for number in ["9007199254740993", "-9223372036854775808", "9223372036854775807", "0"] {
                let made = raw_number(t, number)?.is(201)?;
                ensure!(
                    String::from_utf8_lossy(&made.raw).contains(&format!(":{number}")),
                    "{number}: {}",
                    made.tell()
                );
            }
            for number in ["5.0", "5.5", "1e3", "1e400", "1180591620717411303424"] {
                raw_number(t, number)?.fails(400, "invalidValue")?;
            }
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case(
            "a dateTime is date and time, with or without zone",
            "7643-2.3.5-01 7643-2.3.5-02 7643-2.3.5-03 7643-2.3.5-04",
            |t| {
                for (sent, same) in [
                    ("2011-05-13T04:42:34Z", "2011-05-13T04:42:34.000Z"),
                    ("2012-05-13T04:42:34.123+02:00", "2012-05-13T02:42:34.123Z"),
                    ("2013-05-13T04:42:34", "2013-05-13T04:42:34Z"),
                ] {
                    let made = t.user(json!({TEST_URN: {"when": sent}}))?;
                    t.filter("/Users", &format!("{TEST_URN}:when eq \"{same}\""))?.is(200)?.finds(&[made.id()?])?;
                }
                for wrong in ["2011-05-13", "04:42:34Z", "13 May 2011", "2011-13-01T00:00:00Z", "2011-05-13T25:00:00Z"]
                {
                    refuses(t, "invalidValue", json!({TEST_URN: {"when": wrong}}))?;
                }
                Ok(())
            },
        )
        .needs(&[Ability::TestSchema]),
        case("a binary is base64, padded or not", "7643-2.3.6-01 7643-2.3.6-02 7643-2.3.6-03 7643-2.3.6-05", |t| {
            let made = t.user(json!({TEST_URN: {"blob": "AQID"}}))?;
            for (filter, found) in [("AQID", true), ("aqid", false)] {
                let wanted = if found { vec![made.id()?] } else { vec![] };
                t.filter("/Users", &format!("{TEST_URN}:blob eq \"{filter}\""))?.is(200)?.finds(&wanted)?;
            }
            t.user(json!({TEST_URN: {"blob": "AQIDBA"}}))?;
            refuses(t, "invalidValue", json!({TEST_URN: {"blob": "%%%"}}))?;
            refuses(t, "invalidValue", json!({"x509Certificates": [{"value": "%%%"}]}))?;
            t.user(json!({"x509Certificates": [{"value": CERTIFICATE}]}))?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case("an attribute may want the URL-safe alphabet", "7643-2.3.6-04", |t| {
            takes(t, json!({EXTRA_URN: {"token": "-_-_"}}))
        })
        .needs(&[Ability::TestSchema]),
        case(
            "a reference is a URI and is compared exactly",
            "7643-2.3.7-01 7643-2.3.7-03 7643-4.1.1-05 7643-4.1.2-05",
            |t| {
                let made = t.user(
                    json!({"profileUrl": "HTTP://Example.COM/a", "photos": [{"value": "https://example.com/p"}]}),
                )?;
                made.has("/profileUrl", "HTTP://Example.COM/a")?;
                t.filter("/Users", "profileUrl eq \"HTTP://Example.COM/a\"")?.is(200)?.finds(&[made.id()?])?;
                t.filter("/Users", "profileUrl eq \"http://example.com/a\"")?.is(200)?.finds(&[])?;
                refuses(t, "invalidValue", json!({"profileUrl": "not a uri with spaces"}))?;
                refuses(t, "invalidValue", json!({"photos": [{"value": "abc def"}]}))
            },
        ),
        case("order of sub-attributes means nothing", "7643-2.3.8-01", |t| {
            for name in [json!({"givenName": "G", "familyName": "F"}), json!({"familyName": "F", "givenName": "G"})] {
                takes(t, json!({"name": name}))?;
            }
            Ok(())
        }),
        case("one value of a multi-valued attribute is an array of one", "7643-2.4-01 7643-2.4-02", |t| {
            t.user(json!({"emails": [{"value": "a@example.com"}]}))?.has("/emails/0/value", "a@example.com")?;
            let bare = t.post("/Users", &user(json!({"emails": {"value": "a@example.com"}})))?;
            bare.fails(400, "invalidSyntax")?;
            Ok(())
        }),
        case("type, primary, display, value and $ref mean what they always mean", "7643-2.4-03", |t| {
            let schema = t.get(&format!("/Schemas/{USER}"))?.is(200)?;
            let wanted = [("type", "string"), ("primary", "boolean"), ("display", "string"), ("$ref", "reference")];
            for attribute in schema.list("/attributes").iter().filter(|one| one["multiValued"] == true) {
                for sub in attribute["subAttributes"].as_array().into_iter().flatten() {
                    let defined = wanted.iter().find(|(name, _)| sub["name"] == *name);
                    ensure!(defined.is_none_or(|(_, kind)| sub["type"] == *kind), "{sub} in {}", attribute["name"]);
                }
            }
            Ok(())
        }),
        case("primary is true once at most, and false where it is missing", "7643-2.4-04 7643-2.4-05", |t| {
            let emails =
                json!([{"value": "a@example.com", "primary": true}, {"value": "b@example.com", "primary": true}]);
            refuses(t, "invalidValue", json!({"emails": emails}))?;
            let made = t.user(json!({"emails": [{"value": "a@example.com"}]}))?;
            t.filter("/Users", "emails[primary eq true]")?.is(200)?.finds(&[])?;
            t.filter("/Users", "emails[primary eq false]")?.is(200)?.finds(&[made.id()?])?;
            Ok(())
        }),
        case("references to one resource are the same in any form", "7643-2.4-06", |t| {
            let member = t.user(json!({}))?;
            let id = member.id()?;
            for form in [
                format!("https://other.example/v2/Users/{id}"),
                format!("https://other.example/Users/{id}"),
                format!("Users/{id}"),
            ] {
                let group = t.group(&unique("g"), &[id])?;
                let path = format!("/Groups/{}", group.id()?);
                t.patch(&path, json!([{"op": "remove", "path": format!("members[$ref eq \"{form}\"]")}]))?
                    .is_one_of(&[200, 204])?;
                t.get(&path)?.is(200)?.lacks("/members")?;
            }
            Ok(())
        }),
        case(
            "values keep the spelling in which they were sent",
            "7643-2.4-07 7643-4.1.2-01 7643-4.1.2-04 7643-4.1.2-03",
            |t| {
                takes(
                    t,
                    json!({
                        "emails": [{"value": "bjensen@EXAMPLE.COM", "type": "WORK"}],
                        "ims": [{"value": "Some One", "type": "xmpp"}],
                        "phoneNumbers": [{"value": "tel:+1-201-555-0123"}, {"value": "555-555-8377", "type": "fax"}],
                    }),
                )?;
                t.filter("/Users", "emails.value eq \"BJENSEN@example.com\"")?.is(200)?.has("/totalResults", 1)?;
                Ok(())
            },
        ),
        case("a value may stand under two types, an exact duplicate is dropped", "7643-2.4-08 7643-2.4-09", |t| {
            let twice = json!([{"value": "a@example.com", "type": "work"}, {"value": "a@example.com", "type": "home"}]);
            takes(t, json!({"emails": twice}))?;
            let same = json!([{"value": "a@example.com", "type": "work"}, {"value": "a@example.com", "type": "work"}]);
            let made = t.user(json!({"emails": same}))?;
            ensure!(made.list("/emails").len() == 1, "{}", made.tell());
            Ok(())
        }),
        case("absent, null and empty are one state", "7643-2.5-01 7643-2.5-03 7643-2.5-04 7643-2.5-05", |t| {
            let made = t.user(json!({"title": null, "emails": [], "name": {"givenName": null}}))?;
            for name in ["title", "emails", "name"] {
                made.lacks(&format!("/{name}"))?;
                t.filter("/Users", &format!("{name} pr"))?.is(200)?.finds(&[])?;
            }
            made.hides("null")?;
            refuses(t, "invalidValue", json!({"userName": null}))
        }),
        case("an empty text is no value", "7643-2.5-03 7643-2.5-05", |t| {
            let made = t.user(json!({"roles": [{"value": ""}], "nickName": ""}))?;
            for name in ["roles", "nickName"] {
                made.lacks(&format!("/{name}"))?;
                t.filter("/Users", &format!("{name} pr"))?.is(200)?.finds(&[])?;
            }
            Ok(())
        })
        .needs(&[Ability::Ours]),
        case("null and empty clear what was there", "7643-2.5-02 7643-2.5-04 7644-3.5.1-04", |t| {
            let made = t.user(json!({"title": "T", "roles": [{"value": "r"}], "name": {"givenName": "G"}}))?;
            let body = user(json!({"title": null, "roles": [], "name": {"givenName": null}}));
            let path = format!("/Users/{}", made.id()?);
            t.put(&path, &body)?.is(200)?;
            t.get(&path)?.is(200)?.lacks("/title")?.lacks("/roles")?.lacks("/name")?;
            Ok(())
        }),
    ]
}

/// POST is 201 and shows the attributes as sent, or fails so.
pub fn takes(t: &Session, attributes: Value) -> Result<()> {
    let made = t.user(attributes.clone())?;
    crate::compare::same_resource(
        &attributes,
        &made.body.as_object().map_or(Value::Null, |shown| {
            shown
                .iter()
                .filter(|(name, _)| attributes.get(*name).is_some())
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect()
        }),
    )
}

/// POST fails with 400 and this `scimType`.
pub fn refuses(t: &Session, scim_type: &str, attributes: Value) -> Result<()> {
    let answer = t.post("/Users", &user(attributes.clone()))?;
    answer.fails(400, scim_type).map_err(|error| error.context(attributes.to_string()))?;
    Ok(())
}

fn raw_number(t: &Session, number: &str) -> Result<Answer> {
    let body = format!(r#"{{"schemas":["{USER}"],"userName":"{}","{TEST_URN}":{{"num":{number}}}}}"#, unique("user"));
    t.request("POST", "/Users").header("Content-Type", "application/scim+json").bytes(body).send()
}

/// A self-signed certificate in DER.
const CERTIFICATE: &str = "MIIBfTCCASOgAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARzY2ltMB4XDTI0MDEwMTAwMDAwMFoXDTM0MDEwMTAwMDAwMFowDzENMAsGA1UEAwwEc2NpbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABA==";
