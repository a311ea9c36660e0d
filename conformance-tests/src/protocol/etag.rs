//! Versions: RFC 7644 section 3.14, RFC 9110 section 13.

use anyhow::{Result, ensure};
use scim_core::store::control::TenantSettings;
use serde_json::json;

use super::create::at_once;
use super::{Case, case};
use crate::answer::Answer;
use crate::harness::Ability;
use crate::session::{Session, patch_op, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "the tag stands in the header and in meta.version, weak",
            "7644-3.14-01 7644-3.14-02 7644-3.14-03 7643-3.1-18 7643-3.1-19",
            |t| {
                let made = t.user(json!({}))?;
                let path = format!("/Users/{}", made.id()?);
                let changed = t.patch(&path, json!([{"op": "add", "path": "title", "value": "T"}]))?.is(200)?;
                let put = t.put(&path, &user(json!({})))?.is(200)?;
                for answer in [&made, &changed, &put, &t.get(&path)?.is(200)?] {
                    let tag = answer.must_header("etag")?;
                    answer.has("/meta/version", tag)?;
                    ensure!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
                }
                t.get("/ServiceProviderConfig")?.has("/etag/supported", true)?;
                Ok(())
            },
        ),
        case("a reader who has the current version is told so", "7644-3.14-04 9110-15.4.5-01 7644-3.14-09", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            let tag = made.must_header("etag")?;
            let ask = |value: &str| t.request("GET", &path).header("If-None-Match", value).send();
            for value in [tag, "*", &format!("W/\"a\", {tag} ,W/\"b\""), tag.trim_start_matches("W/")] {
                let same = ask(value)?.is(304).map_err(|error| error.context(value.to_owned()))?;
                ensure!(same.raw.is_empty() && same.must_header("etag")? == tag, "{}", same.tell());
            }
            ask("W/\"other\"")?.is(200)?;
            change(t, &path)?;
            ask(tag)?.is(200)?;
            Ok(())
        }),
        case(
            "a writer who has the current version may pass",
            "7644-3.14-05 7644-3.14-07 7644-3.14-08 7644-3.14-09",
            |t| {
                for form in [0, 1, 2, 3] {
                    let made = t.user(json!({}))?;
                    let path = format!("/Users/{}", made.id()?);
                    let with = |answer: &Answer| -> Result<String> {
                        let tag = answer.must_header("etag")?;
                        Ok([tag.to_owned(), "*".into(), format!("W/\"a\", {tag}"), tag.trim_start_matches("W/").into()]
                            [form]
                            .clone())
                    };
                    let put = t
                        .request("PUT", &path)
                        .json(&user(json!({"title": "T"})))
                        .header("If-Match", &with(&made)?)
                        .send()?
                        .is(200)?;
                    let operation = patch_op(json!([{"op": "add", "path": "title", "value": "U"}]));
                    let patched =
                        t.request("PATCH", &path).json(&operation).header("If-Match", &with(&put)?).send()?.is(200)?;
                    t.request("DELETE", &path).header("If-Match", &with(&patched)?).send()?.is(204)?;
                }
                Ok(())
            },
        ),
        case(
            "a writer with another version may not, and nothing changes",
            "7644-3.14-06 7644-3.12-12 9110-13.2.2-01",
            |t| {
                let made = t.user(json!({}))?;
                let path = format!("/Users/{}", made.id()?);
                change(t, &path)?;
                let before = t.get(&path)?.is(200)?;
                let old = made.must_header("etag")?;
                let operation = patch_op(json!([{"op": "add", "path": "title", "value": "U"}]));
                for request in [
                    t.request("PUT", &path).json(&user(json!({}))),
                    t.request("PATCH", &path).json(&operation),
                    t.request("DELETE", &path),
                ] {
                    request.header("If-Match", old).send()?.fails(412, "")?;
                }
                ensure!(t.get(&path)?.is(200)?.body == before.body);
                // If-Match is looked at first: it fails although If-None-Match would pass.
                let both = t
                    .request("PUT", &path)
                    .json(&user(json!({})))
                    .header("If-Match", old)
                    .header("If-None-Match", "W/\"none\"");
                both.send()?.fails(412, "")?;
                t.request("PUT", &path).json(&user(json!({}))).header("If-None-Match", "*").send()?.fails(412, "")?;
                t.request("DELETE", "/Users/none").header("If-Match", "*").send()?.is_one_of(&[404, 412])?;
                Ok(())
            },
        ),
        case("changes hold to If-None-Match and If-Unmodified-Since too", "9110-13.2.2-01 7644-3.14-05", |t| {
            const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
            const LONG_AFTER: &str = "Sat, 06 Nov 2094 08:49:37 GMT";
            let name = unique("u");
            let made = t.user(json!({"userName": name}))?;
            let path = format!("/Users/{}", made.id()?);
            let requests = |title: &str| {
                let operation = patch_op(json!([{"op": "add", "path": "title", "value": title}]));
                [
                    t.request("PUT", &path).json(&user(json!({"userName": name, "title": title}))),
                    t.request("PATCH", &path).json(&operation),
                    t.request("DELETE", &path),
                ]
            };
            let before = t.get(&path)?.is(200)?;
            let tag = made.must_header("etag")?;
            for (name, value) in [("If-None-Match", tag), ("If-None-Match", "*"), ("If-Unmodified-Since", LONG_AGO)] {
                for request in requests("T") {
                    request.header(name, value).send()?.fails(412, "")?;
                }
            }
            ensure!(t.get(&path)?.is(200)?.body == before.body, "a change was made all the same");
            // What is no date says nothing, and with If-Match the time says nothing.
            let [put, patch, _] = requests("T");
            put.header("If-Unmodified-Since", "yesterday").send()?.is(200)?;
            patch.header("If-Match", "*").header("If-Unmodified-Since", LONG_AGO).send()?.is(200)?;
            for (name, value) in [("If-None-Match", "W/\"none\""), ("If-Unmodified-Since", LONG_AFTER)] {
                let [put, patch, _] = requests(name);
                put.header(name, value).send()?.is(200)?;
                patch.header(name, value).send()?.is(200)?;
            }
            let [.., delete] = requests("");
            delete.header("If-Unmodified-Since", LONG_AFTER).send()?.is(204)?;
            Ok(())
        }),
        case("rights come before preconditions", "9110-13.2.2-01", |t| {
            let made = t.user(json!({}))?;
            let reader = t.granted(&["read"], None)?;
            let request = reader.request("DELETE", &format!("/Users/{}", made.id()?));
            request.header("If-Match", "W/\"stale\"").send()?.fails(403, "")?;
            Ok(())
        })
        .needs(&[Ability::Credentials]),
        case("the tag moves with whatever is shown", "7644-3.14-10", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            let group = t.group(&unique("g"), &[made.id()?])?;
            let grouped = t.get(&path)?.is(200)?;
            ensure!(grouped.header("etag") != made.header("etag"), "groups are shown: {}", grouped.tell());
            let ask = |tag: &str| t.request("GET", &path).header("If-None-Match", tag).send();
            ask(made.must_header("etag")?)?.is(200)?;
            ask(grouped.must_header("etag")?)?.is(304)?;
            let rename = json!([{"op": "replace", "path": "displayName", "value": unique("n")}]);
            t.patch(&format!("/Groups/{}", group.id()?), rename)?.is(200)?;
            ask(grouped.must_header("etag")?)?.is(200)?;
            // A writer is not stopped by what others did to computed values.
            let operation = patch_op(json!([{"op": "add", "path": "title", "value": "U"}]));
            t.request("PATCH", &path).json(&operation).header("If-Match", made.must_header("etag")?).send()?.is(200)?;
            Ok(())
        }),
        case("a tenant may demand If-Match", "7644-3.14-11", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            let settings =
                TenantSettings { require_if_match: Some(true), profile: Some(t.profile), ..TenantSettings::default() };
            t.harness.settings(&t.site, settings)?;
            t.put(&path, &user(json!({})))?.fails(428, "")?;
            t.patch(&path, json!([{"op": "add", "path": "title", "value": "T"}]))?.fails(428, "")?;
            t.delete(&path)?.fails(428, "")?;
            t.request("DELETE", &path).header("If-Match", made.must_header("etag")?).send()?.is(204)?;
            Ok(())
        })
        .needs(&[Ability::Settings]),
        case("of writers with one version, one passes", "7644-3.14-12", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            let tag = made.must_header("etag")?;
            let statuses = at_once(8, |number| {
                let body = user(json!({"title": format!("T{number}")}));
                Ok(t.request("PUT", &path).json(&body).header("If-Match", tag).send()?.status)
            })?;
            let done = statuses.iter().filter(|status| **status == 200).count();
            ensure!(done == 1 && statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");
            Ok(())
        }),
        case("a time may stand for a version, to the second", "9110-13.1.3-01", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            let ask = |since: &str| t.request("GET", &path).header("If-Modified-Since", since);
            ask("Fri, 01 Jan 2100 00:00:00 GMT").send()?.is(304)?;
            ask("Mon, 01 Jan 2001 00:00:00 GMT").send()?.is(200)?;
            ask("no time at all").send()?.is(200)?;
            ask("Fri, 01 Jan 2100 00:00:00 GMT").header("If-None-Match", "W/\"other\"").send()?.is(200)?;
            Ok(())
        }),
    ]
}

fn change(t: &Session, path: &str) -> Result<Answer> {
    t.patch(path, json!([{"op": "replace", "path": "title", "value": unique("t")}]))?.is(200)
}
