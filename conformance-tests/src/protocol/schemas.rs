//! `schemas`, extensions and what a resource may hold: RFC 7643 sections 1 to 3.

use anyhow::{Result, ensure};
use scim_core::access::Profile;
use serde_json::{Value, json};

use super::{Case, case};
use crate::data::{EXTRA_URN, PREFIX_URN, TEST_URN};
use crate::harness::Ability;
use crate::session::{ENTERPRISE, GROUP, MESSAGES, USER, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case("quotation marks of the RFC text are not part of values", "7643-1.1-01", |t| {
            t.user(json!({}))?.has("/meta/resourceType", "User")?;
            Ok(())
        }),
        case("what was read can be written back whole", "7643-2-01 7644-3.5.1-08", |t| {
            let user = t.user(json!({"title": "T", "emails": [{"value": "a@example.com", "type": "work"}]}))?;
            t.group(&unique("g"), &[user.id()?])?;
            let path = format!("/Users/{}", user.id()?);
            let shown = t.get(&path)?.is(200)?;
            ensure!(shown.list("/groups").len() == 1 || !t.ours(), "{}", shown.tell());
            let again = t.put(&path, &shown.body)?.is(200)?;
            let same = |part: &str| again.at(part) == shown.at(part);
            let told = ["/id", "/userName", "/title", "/emails", "/groups"].into_iter().all(same);
            ensure!(told && (again.body == shown.body || !t.ours()), "{}\n{}", shown.tell(), again.tell());
            Ok(())
        }),
        case("schemas stands in every representation", "7643-2.1-05 7643-3.3-01 7643-3-05", |t| {
            let user = t.user(json!({}))?;
            user.has("/schemas", json!([USER]))?.some("/id")?.some("/meta/created")?;
            t.group(&unique("g"), &[])?.has("/schemas", json!([GROUP]))?;
            for list in [t.get("/Users")?, t.search("/.search", json!({}))?] {
                let list = list.is(200)?;
                for one in list.list("/Resources") {
                    ensure!(one["schemas"].as_array().is_some_and(|urns| !urns.is_empty()), "{one}");
                }
            }
            Ok(())
        }),
        case("a resource without schemas is refused", "7643-3-01 7644-3.12-20", |t| {
            for schemas in [json!([]), json!("x"), Value::Null] {
                let body = user(json!({"schemas": schemas}));
                t.post("/Users", &body)?.fails(400, "invalidSyntax")?;
            }
            let mut body = user(json!({}));
            body.as_object_mut().map(|members| members.remove("schemas"));
            t.post("/Users", &body)?.fails(400, "invalidSyntax")?;
            Ok(())
        })
        .only(Profile::Strict),
        case("without schemas the route decides", "7643-3-01 7644-3.5.1-16", |t| {
            for schemas in [json!([]), Value::Null] {
                t.post("/Users", &user(json!({"schemas": schemas})))?.is(201)?.has("/schemas", json!([USER]))?;
            }
            Ok(())
        })
        .only(Profile::Compatible),
        case("schemas names the base schema and registered extensions only", "7643-3-02 7643-3.3-01", |t| {
            t.post("/Users", &user(json!({"schemas": [GROUP]})))?.fails(400, "invalidSyntax")?;
            t.post("/Users", &user(json!({"schemas": ["urn:example:unknown"]})))?.fails(400, "invalidSyntax")?;
            let beside = t.post("/Users", &user(json!({"schemas": [USER, "urn:example:unknown"]})))?;
            let only = t.post("/Users", &user(json!({"schemas": [ENTERPRISE]})))?;
            if t.strict() {
                beside.fails(400, "invalidSyntax")?;
                only.fails(400, "invalidSyntax")?;
            } else {
                beside.is(201)?.has("/schemas", json!([USER]))?;
            }
            Ok(())
        }),
        case("schemas may repeat and stand in any order, and comes back as a set", "7643-3-03 7643-3-04", |t| {
            let extended = |schemas: Value| user(json!({"schemas": schemas, ENTERPRISE: {"division": "D"}}));
            for schemas in [json!([USER, USER, ENTERPRISE]), json!([ENTERPRISE, USER])] {
                t.post("/Users", &extended(schemas))?.is(201)?.has("/schemas", json!([USER, ENTERPRISE]))?;
            }
            Ok(())
        }),
        case("extension attributes live under their URN only", "7643-3-06 7643-3.3-02 7643-4.3-01", |t| {
            let own = json!({"employeeNumber": "7", "costCenter": "41", "organization": "O", "division": "D", "department": "R"});
            let made = t.user(json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: own}))?;
            made.has(&format!("/{ENTERPRISE}"), own)?.lacks("/employeeNumber")?;
            t.get(&format!("/Users/{}", made.id()?))?.is(200)?.some(&format!("/{ENTERPRISE}/division"))?;
            Ok(())
        }),
        case("attributes under the URN of the base schema are those at the top", "7643-3-06 7644-3.1-04", |t| {
            let name = unique("user");
            let nested = json!({"schemas": [USER], USER: {"userName": name, "title": "T", "emails": [{"value": "a@example.com"}]}});
            if t.strict() {
                return t.post("/Users", &nested)?.fails(400, "invalidSyntax").map(drop);
            }
            let made = t.post("/Users", &nested)?.is(201)?;
            made.has("/userName", &*name)?.has("/title", "T")?.has("/emails/0/value", "a@example.com")?;
            made.lacks(&format!("/{USER}"))?;
            let path = format!("/Users/{}", made.id()?);
            let put = json!({"userName": name, USER.to_uppercase(): {"TITLE": "U", "nickName": null}, "displayName": "D"});
            let put = t.put(&path, &put)?.is(200)?;
            put.has("/title", "U")?.has("/displayName", "D")?.lacks("/emails")?.has("/schemas", json!([USER]))?;
            t.put(&path, &json!({"userName": name, "title": "V", USER: {"title": "V"}}))?.fails(400, "invalidSyntax")?;
            t.put(&path, &json!({"userName": name, USER: "x"}))?.fails(400, "invalidValue")?;
            t.put(&path, &json!({"userName": name, USER: null}))?.is(200)?.lacks("/title")?;
            let group = |bulk_id: &str, members: Value| json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": {"displayName": unique("g"), GROUP: {"members": members}}});
            let done = t.bulk(json!([group("a", json!([])), group("b", json!([{"value": "bulkId:a"}]))]))?.is(200)?;
            let shown = t.with_base(done.text("/Operations/1/location")).get("")?.is(200)?;
            ensure!(done.text("/Operations/0/location").ends_with(shown.text("/members/0/value")), "{}", shown.tell());
            ensure!(shown.list("/members").len() == 1, "{}", shown.tell());
            Ok(())
        })
        .needs(&[Ability::Ours]),
        case("an extension that schemas forgets is added to it", "7643-3-07", |t| {
            t.user(json!({ENTERPRISE: {"division": "D"}}))?.has("/schemas", json!([USER, ENTERPRISE]))?;
            Ok(())
        }),
        case("an extension without values is left out of schemas", "7643-3-08 7643-6-05", |t| {
            let made = t.user(json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: {}}))?;
            made.has("/schemas", json!([USER]))?.lacks(&format!("/{ENTERPRISE}"))?;
            t.user(json!({"schemas": [USER]}))?.has("/schemas", json!([USER]))?;
            Ok(())
        }),
        case(
            "the URN of an extension matches in any case and comes back as registered",
            "7643-3.3-04 7644-3.10-01",
            |t| {
                let made = t.user(json!({ENTERPRISE.to_uppercase(): {"DIVISION": "D"}}))?;
                made.has(&format!("/{ENTERPRISE}/division"), "D")?.has("/schemas", json!([USER, ENTERPRISE]))?;
                Ok(())
            },
        ),
        case("a URN outside the ietf name space is as good as any", "7643-10.2.1-01 7644-3.10-04", |t| {
            let made = t.user(json!({TEST_URN: {"num": 7}}))?;
            let path = format!("/Users/{}", made.id()?);
            t.filter("/Users", &format!("{TEST_URN}:num eq 7"))?.is(200)?.finds(&[made.id()?])?;
            t.patch(&path, json!([{"op": "replace", "path": format!("{TEST_URN}:num"), "value": 8}]))?.is(200)?;
            t.get(&format!("{path}?attributes={TEST_URN}:num"))?.is(200)?.has(&format!("/{TEST_URN}/num"), 8)?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case("a URN that is the prefix of another is told apart", "7644-3.10-04", |t| {
            let made = t.user(json!({EXTRA_URN: {"plain": "p"}, PREFIX_URN: {"remark": "r"}}))?;
            for filter in [format!("{EXTRA_URN}:plain eq \"p\""), format!("{PREFIX_URN}:remark eq \"r\"")] {
                t.filter("/Users", &filter)?.is(200)?.finds(&[made.id()?])?;
            }
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case(
            "an extension that repeats a core name leaves the core attribute alone",
            "7643-3.3-03 7644-3.10-02 7644-3.10-03",
            |t| {
                let made = t.user(json!({"nickName": "core", EXTRA_URN: {"nickName": "extra"}}))?;
                let check = |name: String, value: &str, found: bool| -> Result<()> {
                    let wanted = if found { vec![made.id()?] } else { vec![] };
                    t.filter("/Users", &format!("{name} eq \"{value}\""))?.is(200)?.finds(&wanted)?;
                    Ok(())
                };
                check("nickName".into(), "core", true)?;
                check("nickName".into(), "extra", false)?;
                check(format!("{USER}:nickName"), "core", true)?;
                check(format!("{EXTRA_URN}:nickName"), "extra", true)
            },
        )
        .needs(&[Ability::TestSchema]),
        case("messages carry their URN", "7644-3.1-01", |t| {
            let name = |answer: &crate::answer::Answer| answer.text("/schemas/0").to_owned();
            ensure!(name(&t.get("/Users")?) == format!("{MESSAGES}:ListResponse"));
            ensure!(name(&t.get("/Users/none")?) == format!("{MESSAGES}:Error"));
            let bulk = t.bulk(json!([{"method": "DELETE", "path": "/Users/none"}]))?;
            ensure!(name(&bulk) == format!("{MESSAGES}:BulkResponse"), "{}", bulk.tell());
            Ok(())
        }),
        case("an attribute without characteristics has the defaults", "7643-2.2-01", |t| {
            let made = t.user(json!({EXTRA_URN: {"plain": "Ab"}}))?;
            t.user(json!({EXTRA_URN: {"plain": "Ab"}}))?;
            let found = t.filter("/Users", &format!("{EXTRA_URN}:plain eq \"aB\""))?.is(200)?;
            ensure!(found.ids().len() == 2, "neither case exact nor unique: {}", found.tell());
            t.put(&format!("/Users/{}", made.id()?), &user(json!({EXTRA_URN: {"plain": "c"}})))?.is(200)?;
            let schema = t.get(&format!("/Schemas/{EXTRA_URN}"))?.is(200)?;
            let plain =
                schema.list("/attributes").iter().find(|one| one["name"] == "plain").cloned().unwrap_or_default();
            for (name, value) in [
                ("required", json!(false)),
                ("caseExact", json!(false)),
                ("mutability", json!("readWrite")),
                ("returned", json!("default")),
                ("uniqueness", json!("none")),
                ("type", json!("string")),
                ("multiValued", json!(false)),
            ] {
                ensure!(plain[name] == value, "{name} of {plain}");
            }
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
    ]
}
