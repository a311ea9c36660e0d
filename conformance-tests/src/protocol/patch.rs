//! PATCH beyond the data set: RFC 7644 section 3.5.2.

use anyhow::{Result, ensure};
use serde_json::json;

use super::create::at_once;
use super::projection::version;
use super::{Case, case};
use crate::answer::Answer;
use crate::compare::equal;
use crate::data::TEST_URN;
use crate::harness::Ability;
use crate::session::{ENTERPRISE, Session, patch_op, unique};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "a PATCH of attributes is answered with the resource, one of members with 204",
            "7644-3.5.2-25 7644-3.5.2-26 7644-3.14-02",
            |t| {
                let user = t.user(json!({}))?;
                let changed = set(t, &user, "T")?.is(200)?;
                changed.has("/title", "T")?.has("/meta/version", changed.must_header("etag")?)?;
                let group = t.group(&unique("g"), &[])?;
                let path = format!("/Groups/{}", group.id()?);
                t.patch(&path, json!([{"op": "replace", "path": "displayName", "value": unique("n")}]))?.is(200)?;
                let add = json!([{"op": "add", "path": "members", "value": [{"value": user.id()?}]}]);
                let added = t.patch(&path, add.clone())?.is(204)?;
                ensure!(added.raw.is_empty() || !t.ours(), "{}", added.tell());
                ensure!(
                    version(added.must_header("etag")?) == version(t.get(&path)?.must_header("etag")?),
                    "{}",
                    added.tell()
                );
                t.patch(&format!("{path}?attributes=members"), add)?.is(200)?.has("/members/0/value", user.id()?)?;
                Ok(())
            },
        ),
        case("an answer that would carry too many members is 204", "7644-3.5.2-25", |t| {
            let tight = super::query::tight(t)?;
            let ids = super::index_paging::some(&tight, 4)?;
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            for (members, status) in [(&ids[..3], 200), (&ids[..], 204)] {
                let group = tight.group(&unique("g"), members)?;
                let operation = json!([{"op": "replace", "path": "displayName", "value": unique("n")}]);
                tight.patch(&format!("/Groups/{}", group.id()?), operation)?.is(status)?;
            }
            Ok(())
        })
        .needs(&[Ability::Tight]),
        case(
            "the version moves once for each PATCH that changes something",
            "7644-3.5.2-27 7644-3.5.2.3-13 7644-3.5.2.1-13",
            |t| {
                let user = t.user(json!({}))?;
                let path = format!("/Users/{}", user.id()?);
                let changed = t
                    .patch(
                        &path,
                        json!([
                            {"op": "add", "path": "title", "value": "A"},
                            {"op": "replace", "path": "title", "value": "B"},
                            {"op": "add", "path": "nickName", "value": "N"},
                        ]),
                    )?
                    .is(200)?;
                ensure!(changed.header("etag") != user.header("etag"), "{}", changed.tell());
                let same = set(t, &user, "B")?.is(200)?;
                ensure!(
                    same.header("etag") == changed.header("etag") && same.at("/meta") == changed.at("/meta"),
                    "{}",
                    same.tell()
                );
                Ok(())
            },
        ),
        case("a PATCH that fails leaves the resource as it was", "7644-3.5.2-23 7644-3.5.2-24 7644-3.5.2-16", |t| {
            let user = t.user(json!({"title": "T"}))?;
            let path = format!("/Users/{}", user.id()?);
            let before = t.get(&path)?.is(200)?;
            for bad in [
                json!({"op": "add", "path": "active", "value": 7}),
                json!({"op": "remove", "path": "id"}),
                json!({"op": "add", "path": "foo", "value": 1}),
            ] {
                let refused = t.patch(&path, json!([{"op": "replace", "path": "title", "value": "X"}, bad]))?;
                ensure!(refused.status == 400, "{}", refused.tell());
                let scim_type = refused.text("/scimType").to_owned();
                refused.fails(400, &scim_type)?;
                let after = t.get(&path)?.is(200)?;
                ensure!(equal(&before.body, &after.body), "{}", after.tell());
            }
            Ok(())
        }),
        case("an unknown resource cannot be patched", "7644-3.5.2-30", |t| {
            t.patch("/Users/none", json!([{"op": "add", "path": "title", "value": "T"}]))?.fails(404, "")?;
            Ok(())
        }),
        case("a taken userName is a conflict", "7644-3.5.2-29 7643-7-18 7644-3.12-18", |t| {
            let taken = t.user(json!({}))?;
            let user = t.user(json!({}))?;
            let operation =
                json!([{"op": "replace", "path": "userName", "value": taken.text("/userName").to_uppercase()}]);
            t.patch(&format!("/Users/{}", user.id()?), operation)?.fails(409, "uniqueness")?;
            Ok(())
        }),
        case("JSON Patch is something else", "7644-3.5.2-05 7644-3.5.2-06", |t| {
            let user = t.user(json!({}))?;
            let body = json!([{"op": "add", "path": "/title", "value": "T"}]);
            let path = format!("/Users/{}", user.id()?);
            let request = t.request("PATCH", &path).json(&body).header("Content-Type", "application/json-patch+json");
            request.send()?.fails(415, "")?;
            t.request("PATCH", &path).json(&body).send()?.fails(400, "invalidSyntax")?;
            Ok(())
        }),
        case("malformed operations are refused one and all", "7644-3.5.2-02 7644-3.5.2-03", |t| {
            let path = format!("/Users/{}", t.user(json!({}))?.id()?);
            for operations in [
                json!([]),
                json!({}),
                json!(null),
                json!([{"op": "test", "path": "title", "value": "x"}]),
                json!([{"op": 5, "path": "title"}]),
            ] {
                t.patch(&path, operations)?.fails(400, "invalidSyntax")?;
            }
            let twice = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","OP":"remove","path":"title","value":"x"}]}"#;
            let request = t.request("PATCH", &path).header("Content-Type", "application/scim+json");
            request.bytes(twice).send()?.fails(400, "invalidSyntax")?;
            Ok(())
        }),
        case(
            "paths that name nothing are refused",
            "7644-3.5.2-07 7644-3.5.2-08 7644-3.5.2-09 7644-3.5.2-10 7644-3.12-21",
            |t| {
                let path = format!("/Users/{}", t.user(json!({}))?.id()?);
                for (at, scim_type) in [
                    ("a b", "invalidPath"),
                    (" ", "invalidPath"),
                    ("", "invalidPath"),
                    ("name..x", "invalidPath"),
                    ("urn:x:y:z", "invalidPath"),
                    ("emails[type eq \"work\"", "invalidPath"),
                    ("name[givenName eq \"a\"]", "invalidPath"),
                    ("emails[type zz \"work\"]", "invalidFilter"),
                    ("emails[foo eq 1]", "invalidFilter"),
                    ("emails[0]", "invalidFilter"),
                ] {
                    let refused = t.patch(&path, json!([{"op": "add", "path": at, "value": "x"}]))?;
                    refused.fails(400, scim_type).map_err(|error| error.context(at))?;
                }
                Ok(())
            },
        ),
        case("of changes at the same time none is lost", "7644-3.5.2-31", |t| {
            let group = t.group(&unique("g"), &[])?;
            let ids = super::index_paging::some(t, 20)?;
            let path = format!("/Groups/{}", group.id()?);
            let statuses = at_once(20, |number| {
                let operation = json!([{"op": "add", "path": "members", "value": [{"value": ids[number]}]}]);
                Ok(t.patch(&path, operation)?.status)
            })?;
            // A stranger may show the group in place of saying 204.
            let done = statuses.iter().filter(|status| **status != 503).count();
            let good = |status: &u16| [204, 503].contains(status) || *status == 200 && !t.ours();
            ensure!(statuses.iter().all(good), "{statuses:?}");
            let shown = t.get(&path)?.is(200)?;
            ensure!(shown.list("/members").len() == done, "{done} done: {}", shown.tell());

            let user = t.user(json!({}))?;
            let path = format!("/Users/{}", user.id()?);
            let names = ["title", "nickName", "displayName", "userType", "preferredLanguage"];
            at_once(names.len(), |number| {
                t.patch(&path, json!([{"op": "add", "path": names[number], "value": "en"}]))?.is(200).map(drop)
            })?;
            let shown = t.get(&path)?.is(200)?;
            names.iter().try_for_each(|name| shown.has(&format!("/{name}"), "en").map(drop))
        }),
        case(
            "a path-less value merges, qualified and dotted keys included",
            "7644-3.5.2.1-02 7644-3.5.2.1-04 7644-3.5.2.1-05 7644-3.5.2.1-18 7644-3.5.2-17",
            |t| {
                let user = t.user(json!({"emails": [{"value": "a@example.com", "type": "work"}]}))?;
                let value = json!({
                    "nickname": "Babs", "name.givenName": "B", format!("{ENTERPRISE}:department"): "R", ENTERPRISE: {"division": "D"},
                    "emails": [{"value": "babs@example.org", "type": "home"}],
                });
                let shown =
                    t.patch(&format!("/Users/{}", user.id()?), json!([{"op": "add", "value": value}]))?.is(200)?;
                shown.has("/nickName", "Babs")?.has("/name/givenName", "B")?;
                shown.has(&format!("/{ENTERPRISE}"), json!({"division": "D", "department": "R"}))?;
                ensure!(shown.list("/emails").len() == 2, "{}", shown.tell());
                Ok(())
            },
        ),
        case("removing a password clears it, replacing it always counts", "7644-3.5.2.2-12 7644-3.5.2.3-12", |t| {
            let user = t.user(json!({"password": "t0p-Secret-pass"}))?;
            let path = format!("/Users/{}", user.id()?);
            let mut tag = version(user.must_header("etag")?);
            for operation in [
                json!({"op": "replace", "path": "password", "value": "n3w-Secret-pass"}),
                json!({"op": "replace", "path": "password", "value": "n3w-Secret-pass"}),
                json!({"op": "remove", "path": "password"}),
            ] {
                let answer = t.patch(&path, json!([operation]))?.is(200)?;
                answer.hides("Secret")?;
                let now = version(answer.must_header("etag")?);
                ensure!(now != tag, "the version must not tell whether it was equal: {}", answer.tell());
                tag = now;
            }
            Ok(())
        }),
        case("a required sub-attribute of a value stays", "7644-3.5.2.2-08 7644-3.5.2-28", |t| {
            let user = t.user(json!({TEST_URN: {"licence": {"number": "1", "state": "S"}}}))?;
            let path = format!("/Users/{}", user.id()?);
            t.patch(&path, json!([{"op": "remove", "path": format!("{TEST_URN}:licence.number")}]))?
                .fails(400, "mutability")?;
            t.patch(&path, json!([{"op": "remove", "path": format!("{TEST_URN}:licence")}]))?
                .is(200)?
                .lacks(&format!("/{TEST_URN}"))?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case("one member of a big group comes and goes without the rest", "7644-3.5.2-32", |t| {
            let ids = super::index_paging::some(t, 60)?;
            let members: Vec<_> = ids.iter().map(String::as_str).collect();
            let group = t.group(&unique("big"), &members[1..])?;
            let path = format!("/Groups/{}", group.id()?);
            t.patch(&path, json!([{"op": "add", "path": "members", "value": [{"value": ids[0]}]}]))?.is(204)?;
            t.patch(&path, json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ids[1])}]))?.is(204)?;
            let shown = t.get(&path)?.is(200)?;
            ensure!(shown.list("/members").len() == 59, "{} members", shown.list("/members").len());
            Ok(())
        }),
        case("what is read only stays", "7644-3.5.2-13 7644-3.5.2.2-07 7643-7-10 7644-3.12-19", |t| {
            let path = format!("/Users/{}", t.user(json!({}))?.id()?);
            for at in ["id", "meta.created", "groups"] {
                for op in ["add", "replace", "remove"] {
                    let request =
                        t.request("PATCH", &path).json(&patch_op(json!([{"op": op, "path": at, "value": "x"}])));
                    request.send()?.fails(400, "mutability").map_err(|error| error.context(format!("{op} {at}")))?;
                }
            }
            Ok(())
        }),
    ]
}

fn set(t: &Session, user: &Answer, title: &str) -> Result<Answer> {
    t.patch(&format!("/Users/{}", user.id()?), json!([{"op": "replace", "path": "title", "value": title}]))
}
