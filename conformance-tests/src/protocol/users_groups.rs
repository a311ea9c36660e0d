//! Users and groups: RFC 7643 section 4.

use anyhow::{Result, ensure};
use scim_core::access::Profile;
use serde_json::{Value, json};

use super::values::{refuses, takes};
use super::{Case, case};
use crate::foreign::NotClaimed;
use crate::harness::Ability;
use crate::session::{ENTERPRISE, GROUP, Session, unique, user};

pub fn cases() -> Vec<Case> {
    let mut all = users();
    all.extend(groups());
    all
}

fn users() -> Vec<Case> {
    vec![
        case("a name comes back in the parts in which it was sent", "7643-4.1.1-03 7643-4.1.1-04", |t| {
            let made = t.user(json!({"name": {"givenName": "G", "familyName": "F"}}))?;
            made.has("/name", json!({"givenName": "G", "familyName": "F"}))?;
            takes(
                t,
                json!({"name": {"formatted": "G F"}, "displayName": "d", "nickName": "n", "title": "t", "userType": "u"}),
            )
        }),
        case(
            "languages, locales and time zones have their form",
            "7643-4.1.1-06 7643-4.1.1-07 7643-4.1.1-08 7643-4.1.1-09",
            |t| {
                takes(
                    t,
                    json!({"preferredLanguage": "en-US, fr;q=0.5", "locale": "en-US", "timezone": "America/Los_Angeles"}),
                )?;
                takes(t, json!({"locale": "en_US"}))?;
                refuses(t, "invalidValue", json!({"locale": "en US"}))
            },
        ),
        case("an inactive user stays readable, listable and changeable", "7643-4.1.1-10", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            t.patch(&path, json!([{"op": "replace", "path": "active", "value": false}]))?
                .is(200)?
                .has("/active", false)?;
            t.get(&path)?.is(200)?.has("/active", false)?;
            t.get("/Users")?.is(200)?.finds(&[made.id()?])?;
            t.patch(&path, json!([{"op": "replace", "path": "title", "value": "T"}]))?
                .is(200)?
                .has("/active", false)?;
            Ok(())
        }),
        case("a password never comes back", "7643-4.1.1-11 7643-7-12 7643-7-14", |t| {
            let secret = "t0p-Secret-pass";
            let made = t.user(json!({"password": secret}))?;
            let path = format!("/Users/{}", made.id()?);
            let answers = [
                t.put(&format!("{path}?attributes=password"), &user(json!({"password": secret})))?.is(200)?,
                t.patch(&format!("{path}?attributes=password"), json!([{"op": "replace", "path": "password", "value": secret}]))?.is(200)?,
                t.get(&format!("{path}?attributes=password"))?.is(200)?,
                t.get("/Users?attributes=password,userName")?.is(200)?,
                t.search("/.search", json!({"attributes": ["password"]}))?.is(200)?,
                t.bulk(json!([{"method": "POST", "path": "/Users", "bulkId": "b", "data": user(json!({"password": secret}))}]))?.is(200)?,
                t.post("/Users", &user(json!({"userName": 5, "password": secret})))?.fails(400, "invalidValue")?,
                t.post("/Users", &user(json!({"password": [secret]})))?.fails(400, "invalidValue")?,
                made,
            ];
            for answer in answers {
                answer.hides(secret)?.hides("$argon2")?;
                ensure!(answer.body.get("password").is_none(), "{}", answer.tell());
            }
            Ok(())
        }),
        case("a password that is too short is refused without an echo", "7643-4.1.1-14", |t| {
            let settings = scim_core::store::control::TenantSettings {
                password_min: Some(8),
                profile: Some(t.profile),
                ..Default::default()
            };
            t.harness.settings(&t.site, settings)?;
            t.post("/Users", &user(json!({"password": "xQ7zw"})))?.fails(400, "invalidValue")?.hides("xQ7zw")?;
            t.user(json!({"password": "long-enough"}))?;
            Ok(())
        })
        .needs(&[Ability::Settings]),
        case("any one part makes an address", "7643-4.1.2-08 7643-4.1.2-12", |t| {
            takes(
                t,
                json!({"addresses": [{"locality": "X"}], "roles": [{"value": "Student"}], "entitlements": [{"value": "e", "type": "any"}]}),
            )
        }),
        case("groups of a user follow the members of groups", "7643-4.1.2-09 7643-4.1.2-11 7643-4.2-05", |t| {
            let user = t.user(json!({}))?;
            let inner = t.group(&unique("inner"), &[user.id()?])?;
            let outer = t.group(&unique("outer"), &[inner.id()?])?;
            ensure!(outer.text("/members/0/type") == "Group" || !t.ours(), "{}", outer.tell());
            let shown = t.get(&format!("/Users/{}", user.id()?))?.is(200)?;
            if shown.list("/groups").is_empty() && !t.ours() {
                return Err(NotClaimed("groups of users").into());
            }
            for (group, kind) in [(&inner, "direct"), (&outer, "indirect")] {
                let entry = shown
                    .list("/groups")
                    .iter()
                    .find(|entry| entry["value"] == group.text("/id"))
                    .cloned()
                    .unwrap_or_default();
                ensure!(entry["type"] == kind && entry["display"] == *group.at("/displayName"), "{entry}");
                let reference = entry["$ref"].as_str().unwrap_or_default();
                ensure!(reference == group.text("/meta/location"), "{reference}");
            }
            Ok(())
        }),
        case("groups cannot be written from the user's side", "7643-4.1.2-10 7643-7-10", |t| {
            let group = t.group(&unique("g"), &[])?;
            let groups = json!([{"value": group.id()?}]);
            let made = t.user(json!({"groups": groups}))?;
            made.lacks("/groups")?;
            let path = format!("/Users/{}", made.id()?);
            t.put(&path, &user(json!({"groups": groups})))?.is(200)?.lacks("/groups")?;
            t.patch(&path, json!([{"op": "add", "path": "groups", "value": groups}]))?.fails(400, "mutability")?;
            Ok(())
        }),
        case(
            "a manager is a user, is shown with its name, and is case exact",
            "7643-4.3-02 7643-4.3-03 7643-4.3-04 7643-2.3.7-02",
            |t| {
                let boss = t.user(json!({"displayName": "Boss"}))?;
                let at = format!("/{ENTERPRISE}/manager");
                let reference =
                    t.ours().then(|| boss.id()).transpose()?.map(|id| json!({"$ref": format!("../Users/{id}")}));
                let managers = [json!({"value": boss.id()?, "displayName": "x"})].into_iter().chain(reference);
                for manager in managers {
                    let made = t.user(json!({ENTERPRISE: {"manager": manager}}))?;
                    let shown = t.get(&format!("/Users/{}", made.id()?))?.is(200)?;
                    shown.has(&format!("{at}/value"), boss.id()?)?;
                    if t.ours() {
                        shown.has(&format!("{at}/displayName"), "Boss")?;
                        shown.has(&format!("{at}/$ref"), boss.at("/meta/location").clone())?;
                    }
                }
                t.filter("/Users", &format!("{ENTERPRISE}:manager.value eq \"{}\"", boss.id()?))?
                    .is(200)?
                    .has("/totalResults", if t.ours() { 2 } else { 1 })?;
                let group = t.group(&unique("g"), &[])?;
                refuses(t, "invalidValue", json!({ENTERPRISE: {"manager": {"value": group.id()?}}}))?;
                refuses(t, "invalidValue", json!({ENTERPRISE: {"manager": {"value": "none"}}}))
            },
        ),
    ]
}

fn groups() -> Vec<Case> {
    vec![
        case("a second group of the same name", "7643-4.2-02", |t| {
            let name = unique("Twice");
            t.group(&name, &[])?;
            let second = t.post("/Groups", &json!({"schemas": [GROUP], "displayName": name.to_uppercase()}))?;
            if t.strict() {
                second.is(201)?
            } else {
                second.fails(409, "uniqueness")?
            };
            Ok(())
        }),
        case("the tenant may allow two groups of one name, and /Schemas says which", "7643-4.2-02", |t| {
            let shown = |t: &Session| -> Result<Value> {
                let schema = t.get(&format!("/Schemas/{GROUP}"))?.is(200)?;
                let name = schema.list("/attributes").iter().find(|one| one["name"] == "displayName").cloned();
                Ok(name.unwrap_or_default()["uniqueness"].clone())
            };
            ensure!(shown(t)? == "server", "unique by default");
            let settings =
                scim_core::store::control::TenantSettings { unique_group_names: Some(false), ..Default::default() };
            t.harness.settings(&t.site, settings)?;
            let name = unique("Twice");
            t.group(&name, &[])?;
            t.group(&name, &[])?;
            ensure!(shown(t)? == "none", "the switch shows");
            Ok(())
        })
        .only(Profile::Compatible)
        .needs(&[Ability::Settings]),
        case("members come and go but are not edited", "7643-4.2-03 7643-7-10", |t| {
            let (a, b) = (t.user(json!({}))?, t.user(json!({}))?);
            let group = t.group(&unique("g"), &[a.id()?])?;
            let path = format!("/Groups/{}", group.id()?);
            let value = format!("members[value eq \"{}\"].value", a.id()?);
            t.patch(&path, json!([{"op": "replace", "path": value, "value": b.id()?}]))?.fails(400, "mutability")?;
            t.patch(&path, json!([{"op": "add", "path": "members", "value": [{"value": b.id()?}]}]))?.is(204)?;
            let gone = format!("members[value eq \"{}\"]", a.id()?);
            t.patch(&path, json!([{"op": "remove", "path": gone}]))?.is(204)?;
            let shown = t.get(&path)?.is(200)?;
            ensure!(shown.list("/members").len() == 1, "{}", shown.tell());
            shown.has("/members/0/value", b.id()?)?;
            Ok(())
        }),
        case("the server completes a member", "7643-4.2-04 7643-4.2-06", |t| {
            let user = t.user(json!({"displayName": "Ann"}))?;
            let plain = t.user(json!({}))?;
            for (member, shown) in [(&user, "Ann"), (&plain, plain.text("/userName"))] {
                let by_reference = json!([{"$ref": member.text("/meta/location")}]);
                let body = json!({"schemas": [GROUP], "displayName": unique("g"), "members": by_reference});
                let group = t.post("/Groups", &body)?.is(201)?;
                group.has("/members/0/value", member.id()?)?.has("/members/0/type", "User")?;
                group.has("/members/0/$ref", member.at("/meta/location").clone())?.has("/members/0/display", shown)?;
            }
            Ok(())
        }),
        case(
            "a member that contradicts itself or does not exist is refused",
            "7643-4.2-06 7643-2.3.7-05 7643-4.2-08",
            |t| {
                let user = t.user(json!({}))?;
                let id = user.id()?;
                for member in [
                    json!({"value": id, "type": "Group"}),
                    json!({"value": id, "$ref": "https://example.com/v2/Users/other"}),
                    json!({"value": "unknown"}),
                    json!({"value": 5}),
                ] {
                    let body = json!({"schemas": [GROUP], "displayName": unique("g"), "members": [member]});
                    t.post("/Groups", &body)?.fails(400, "invalidValue")?;
                }
                t.group(&unique("empty"), &[])?.lacks("/members")?;
                let group = t.group(&unique("g"), &[id])?;
                t.delete(&format!("/Users/{id}"))?.is(204)?;
                t.get(&format!("/Groups/{}", group.id()?))?.is(200)?.lacks("/members")?;
                Ok(())
            },
        ),
        case("groups that contain each other are stored and do not hang", "7643-4.2-07", |t| {
            let user = t.user(json!({}))?;
            let a = t.group(&unique("a"), &[user.id()?])?;
            let b = t.group(&unique("b"), &[a.id()?])?;
            let operation = json!([{"op": "add", "path": "members", "value": [{"value": b.id()?}]}]);
            t.patch(&format!("/Groups/{}", a.id()?), operation)?.is(204)?;
            let shown = t.get(&format!("/Users/{}", user.id()?))?.is(200)?;
            ensure!(shown.list("/groups").len() == 2, "each group once: {}", shown.tell());
            Ok(())
        }),
    ]
}
