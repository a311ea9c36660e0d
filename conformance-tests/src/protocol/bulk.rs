//! Many operations in one request: RFC 7644 section 3.7.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::projection::version;
use super::query::tight;
use super::{Case, case};
use crate::answer::{Answer, ERROR};
use crate::data::TEST_URN;
use crate::harness::Ability;
use crate::session::{ENTERPRISE, GROUP, MESSAGES, message, patch_op, unique, user};

pub fn cases() -> Vec<Case> {
    let mut all = requests();
    all.extend(references());
    all.extend(answers());
    all
}

fn requests() -> Vec<Case> {
    vec![
        case("a bulk request and its answer name themselves", "7644-3.7-01 7644-3.7-02 7644-3.7-12 7644-3.7-13", |t| {
            let done = t.post("/Bulk", &message("BulkRequest", json!({"failOnErrors": 5, "Operations": [post(&unique("b"))]})))?.is(200)?;
            done.has("/schemas", json!([format!("{MESSAGES}:BulkResponse")]))?.lacks("/failOnErrors")?;
            statuses(&done, "201")?;
            t.post("/Bulk", &json!({"Operations": []}))?.fails(400, "invalidSyntax")?;
            t.post("/Bulk", &json!({"schemas": [GROUP], "Operations": []}))?.fails(400, "invalidSyntax")?;
            Ok(())
        }),
        case("Operations is required and may be empty", "7644-3.7-03 7644-3.7-14", |t| {
            t.post("/Bulk", &message("BulkRequest", json!({})))?.fails(400, "invalidSyntax")?;
            t.bulk(json!({}))?.fails(400, "invalidSyntax")?;
            if t.ours() {
                t.bulk(json!([]))?.is(200)?.has("/Operations", json!([]))?;
            }
            let request = t.request("POST", "/Bulk").header("Content-Type", "application/scim+json");
            request.bytes("{\"schemas\":").send()?.fails(400, "invalidSyntax")?;
            Ok(())
        }),
        case("methods match in any case, others fail for themselves", "7644-3.7-04", |t| {
            let done = t.bulk(json!([
                {"method": "post", "path": "/Users", "bulkId": "a", "data": user(json!({}))},
                {"method": "GET", "path": "/Users/x"},
                post("c"),
            ]))?.is(200)?;
            statuses(&done, "201 400 201")?;
            failure(&done, 1, "invalidSyntax")
        }),
        case("POST has a bulkId, and each bulkId stands once", "7644-3.7-05 7644-3.7-06 7644-3.7-19 7644-3.7.3-07", |t| {
            let done = t.bulk(json!([{"method": "POST", "path": "/Users", "data": user(json!({}))}, post("b")]))?.is(200)?;
            statuses(&done, "400 201")?;
            failure(&done, 0, "invalidSyntax")?;
            done.has("/Operations/1/bulkId", "b")?.has("/Operations/1/method", "POST")?;
            t.bulk(json!([post("same"), post("same")]))?.fails(400, "invalidSyntax")?;
            t.get("/Users")?.is(200)?.has("/totalResults", 1)?;
            Ok(())
        }),
        case("path is a type for POST and a resource for the others", "7644-3.7-07 7644-3.7-23", |t| {
            let mut wrong = vec![
                json!({"method": "POST", "path": "/Users/1", "bulkId": "a", "data": user(json!({}))}),
                json!({"method": "PUT", "path": "/Users", "data": user(json!({}))}),
                json!({"method": "DELETE", "path": "/Users"}),
                json!({"method": "DELETE"}),
            ];
            for path in ["/Bulk", "/Me", "/.search", "/Users/.search", "/Schemas", "/ServiceProviderConfig"] {
                wrong.push(json!({"method": "POST", "path": path, "bulkId": path, "data": {}}));
            }
            let count = wrong.len();
            let done = t.bulk(Value::from(wrong))?.is(200)?;
            for at in 0..count {
                let status = done.text(&format!("/Operations/{at}/status"));
                ensure!(status == "400" || !t.ours() && status.starts_with('4'), "{at}: {}", done.tell());
            }
            Ok(())
        }),
        case("path is relative, with or without slash, version and base", "7644-3.7-08", |t| {
            let at = |path: String, id: &str| json!({"method": "POST", "path": path, "bulkId": id, "data": user(json!({}))});
            let absolute = format!("{}/Users", t.site.base);
            let done = t.bulk(json!([at("Users".into(), "a"), at("/Users".into(), "b"), at("/v2/Users".into(), "c"), at(absolute, "d")]))?;
            statuses(&done.is(200)?, "201 201 201 201")
        }),
        case("data is required for POST, PUT and PATCH, and is a whole message", "7644-3.7-09 7644-3.7-10", |t| {
            let path = format!("/Users/{}", t.user(json!({}))?.id()?);
            let operations = json!([{"op": "add", "path": "title", "value": "T"}]);
            let done = t.bulk(json!([
                {"method": "POST", "path": "/Users", "bulkId": "a"},
                {"method": "PUT", "path": path},
                {"method": "PATCH", "path": path},
                {"method": "PATCH", "path": path, "data": operations},
                {"method": "PATCH", "path": path, "data": patch_op(operations.clone())},
            ]))?.is(200)?;
            statuses(&done, "400 400 400 400 200")?;
            (0..4).try_for_each(|at| failure(&done, at, "invalidSyntax"))?;
            t.get(&path)?.is(200)?.has("/title", "T")?;
            Ok(())
        }),
        case("version in an operation acts like If-Match", "7644-3.7-11", |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            let put = |version: &str| json!({"method": "PUT", "path": path, "version": version, "data": user(json!({"title": "T"}))});
            let done = t.bulk(json!([put("W/\"stale\""), put(made.must_header("etag")?)]))?.is(200)?;
            statuses(&done, "412 200")
        }),
        case("without failOnErrors all are tried, with it the job stops there", "7644-3.7-15 7644-3.7-16 7644-3.7-17 7644-3.7-18 7644-3.7.3-01", |t| {
            let bad = json!({"method": "DELETE", "path": "/Users/none"});
            let job = |stop: Value| {
                let operations = json!([post("1"), bad, post("2"), bad, post("3")]);
                t.post("/Bulk", &message("BulkRequest", json!({"failOnErrors": stop, "Operations": operations})))
            };
            statuses(&job(Value::Null)?.is(200)?, "201 404 201 404 201")?;
            if t.ours() {
                statuses(&job(json!(0))?.is(200)?, "201 404 201 404 201")?;
            }
            statuses(&job(json!(2))?.is(200)?, "201 404 201 404")?;
            let stopped = job(json!(1))?.is(200)?;
            statuses(&stopped, "201 404")?;
            t.with_base(stopped.text("/Operations/0/location")).get("")?.is(200)?;
            if t.ours() {
                for wrong in [json!("x"), json!(-1), json!(1.5)] {
                    job(wrong)?.fails(400, "invalidValue")?;
                }
                t.get("/Users")?.is(200)?.has("/totalResults", 9)?;
            }
            Ok(())
        }),
        case("each operation is judged as if sent alone", "7644-3.7-21 7644-3.7-22 7644-3.12-26", |t| {
            let name = unique("twice");
            let create = |id: &str| json!({"method": "POST", "path": "/Users", "bulkId": id, "data": user(json!({"userName": name}))});
            let done = t.bulk(json!([create("a"), create("b")]))?.is(200)?;
            statuses(&done, "201 409")?;
            failure(&done, 1, "uniqueness")
        }),
        case("rights are looked at for each operation", "7644-3.7-21", |t| {
            let narrow = t.granted(&["users:write"], None)?;
            let group = json!({"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP], "displayName": "G"}});
            statuses(&narrow.bulk(json!([post("a"), group, post("b")]))?.is(200)?, "201 403 201")
        })
        .needs(&[Ability::Credentials]),
        case("limits are kept and named", "7644-3.7.4-01 7644-3.7.4-02 7644-3.7.4-03 7644-3.12-13", |t| {
            let tight = tight(t)?;
            let many = tight.bulk(json!([post("1"), post("2"), post("3"), post("4")]))?.fails(413, "")?;
            ensure!(many.text("/detail").contains('3'), "{}", many.tell());
            let mut large = post("1");
            large["data"]["title"] = "x".repeat(5_000).into();
            let large = tight.bulk(json!([large]))?.fails(413, "")?;
            ensure!(large.text("/detail").contains("4000"), "{}", large.tell());
            tight.get("/Users")?.is(200)?.has("/totalResults", 0)?;
            tight.get("/ServiceProviderConfig")?.is(200)?.has("/bulk/maxOperations", 3)?.has("/bulk/maxPayloadSize", 4_000)?;
            Ok(())
        })
        .needs(&[Ability::Tight]),
    ]
}

fn references() -> Vec<Case> {
    vec![
        case("a bulkId stands for the id, also of what comes later", "7644-3.7.2-01 7644-3.7-20", |t| {
            let done = t.bulk(json!([group("g", &["u"]), post("u")]))?.is(200)?;
            statuses(&done, "201 201")?;
            done.has("/Operations/0/bulkId", "g")?.has("/Operations/1/bulkId", "u")?;
            let shown = t.with_base(done.text("/Operations/0/location")).get("")?.is(200)?;
            ensure!(done.text("/Operations/1/location").ends_with(shown.text("/members/0/value")), "{}", shown.tell());
            Ok(())
        }),
        case("groups that name each other both come to be", "7644-3.7.1-01", |t| {
            let done = t.bulk(json!([group("a", &["b"]), group("b", &["a"])]))?.is(200)?;
            statuses(&done, "201 201")?;
            for (own, other) in [(0, 1), (1, 0)] {
                let shown = t.with_base(done.text(&format!("/Operations/{own}/location"))).get("")?.is(200)?;
                let member = shown.text("/members/0/value");
                ensure!(
                    !member.is_empty() && done.text(&format!("/Operations/{other}/location")).ends_with(member),
                    "{}",
                    shown.tell()
                );
            }
            Ok(())
        }),
        case("a circle with one that fails is told apart", "7644-3.7.1-02 7644-3.7.2-05", |t| {
            let bad = json!({"method": "POST", "path": "/Groups", "bulkId": "b", "data": {"schemas": [GROUP], "members": [{"value": "bulkId:a"}]}});
            let done = t.bulk(json!([group("a", &["b"]), bad]))?.is(200)?;
            statuses(&done, "409 400")?;
            let done = t.bulk(json!([group("c", &["none"])]))?.is(200)?;
            statuses(&done, "400")?;
            failure(&done, 0, "invalidValue")
        }),
        case("a group cannot name itself by bulkId", "7644-3.7.1-03", |t| {
            let done = t.bulk(json!([group("a", &["a"])]))?.is(200)?;
            statuses(&done, "400")?;
            failure(&done, 0, "invalidValue")
        }),
        case("a bulkId stands in extensions, paths, PATCH values and references", "7644-3.7.2-02 7644-3.7.2-03", |t| {
            let worker = user(json!({ENTERPRISE: {"manager": {"value": "bulkId:boss"}}}));
            let member = json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:boss"}]}]);
            let reference = json!([{"op": "add", "path": "members", "value": [{"$ref": "/Users/bulkId:worker"}]}]);
            let object = json!([{"op": "replace", "path": ENTERPRISE, "value": {"manager": {"value": "bulkId:boss"}}}]);
            let done = t.bulk(json!([
                {"method": "POST", "path": "/Users", "bulkId": "worker", "data": worker},
                post("boss"),
                group("g", &[]),
                {"method": "PATCH", "path": "/Groups/bulkId:g", "data": patch_op(member)},
                {"method": "PATCH", "path": "/Groups/bulkId:g", "data": patch_op(reference)},
                {"method": "PATCH", "path": "/Users/bulkId:boss", "data": patch_op(json!([{"op": "add", "path": "title", "value": "Boss"}]))},
                {"method": "PATCH", "path": "/Users/bulkId:worker", "data": patch_op(object)},
            ]))?.is(200)?;
            for at in 0..7 {
                ensure!(done.text(&format!("/Operations/{at}/status")).starts_with('2'), "{at}: {}", done.tell());
            }
            let shown = t.with_base(done.text("/Operations/0/location")).get("")?.is(200)?;
            let boss = shown.text(&format!("/{ENTERPRISE}/manager/value"));
            ensure!(done.text("/Operations/1/location").ends_with(boss) && !boss.is_empty(), "{}", shown.tell());
            let shown = t.with_base(done.text("/Operations/2/location")).get("")?.is(200)?;
            ensure!(shown.list("/members").len() == 2, "{}", shown.tell());
            t.with_base(done.text("/Operations/1/location")).get("")?.is(200)?.has("/title", "Boss")?;
            Ok(())
        }),
        case("ordinary text is not touched", "7644-3.7.2-04", |t| {
            let data = user(
                json!({"displayName": "bulkId:b", "emails": [{"value": "bulkId:b"}], TEST_URN: {"tags": ["bulkId:b"]}}),
            );
            let done = t
                .bulk(json!([{"method": "POST", "path": "/Users", "bulkId": "a", "data": data}, post("b")]))?
                .is(200)?;
            let shown = t.with_base(done.text("/Operations/0/location")).get("")?.is(200)?;
            shown.has("/displayName", "bulkId:b")?.has("/emails/0/value", "bulkId:b")?;
            Ok(())
        })
        .needs(&[Ability::TestSchema]),
        case("outside bulk a bulkId is an unknown id", "7644-3.7.2-06", |t| {
            let body = json!({"schemas": [GROUP], "displayName": "G", "members": [{"value": "bulkId:x"}]});
            t.post("/Groups", &body)?.fails(400, "invalidValue")?;
            t.get("/Users/bulkId:x")?.fails(404, "")?;
            Ok(())
        }),
    ]
}

fn answers() -> Vec<Case> {
    vec![case(
        "an entry says what happened",
        "7644-3.7.3-02 7644-3.7.3-03 7644-3.7.3-04 7644-3.7.3-05 7644-3.7.3-06",
        |t| {
            let made = t.user(json!({}))?;
            let path = format!("/Users/{}", made.id()?);
            let done = t
                .bulk(json!([
                    post("new"),
                    {"method": "PUT", "path": path, "data": user(json!({"title": "T"}))},
                    {"method": "PUT", "path": path, "version": "W/\"stale\"", "data": user(json!({}))},
                    {"method": "DELETE", "path": "/Users/none"},
                    {"method": "POST", "path": "/Users", "bulkId": "bad", "data": user(json!({"userName": null}))},
                    {"method": "DELETE", "path": path},
                ]))?
                .is(200)?;
            statuses(&done, "201 200 412 404 400 204")?;
            for (at, operation) in done.list("/Operations").iter().enumerate() {
                ensure!(operation["status"].is_string(), "{operation}");
                ensure!(operation.get("location").is_some() == (at != 4), "location of {operation}");
                let failed = (2..5).contains(&at);
                ensure!(operation.get("response").is_some() == failed, "response of {operation}");
                if failed {
                    ensure!(operation["response"]["schemas"] == json!([ERROR]), "{operation}");
                    ensure!(operation["response"]["status"] == operation["status"], "{operation}");
                    ensure!(operation["response"]["detail"].is_string(), "{operation}");
                }
            }
            let shown = t.with_base(done.text("/Operations/0/location")).get("")?.is(200)?;
            let told = done.text("/Operations/0/version");
            ensure!(!told.is_empty() && version(told) == version(shown.must_header("etag")?), "{}", done.tell());
            done.some("/Operations/1/version")?;
            Ok(())
        },
    )]
}

fn post(id: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": id, "data": user(json!({}))})
}

fn group(id: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|other| json!({"value": format!("bulkId:{other}")})).collect();
    let data = json!({"schemas": [GROUP], "displayName": unique(id), "members": members});
    json!({"method": "POST", "path": "/Groups", "bulkId": id, "data": data})
}

/// The entries have these statuses, in this order.
fn statuses(answer: &Answer, wanted: &str) -> Result<()> {
    let found: Vec<_> = answer.list("/Operations").iter().map(|one| one["status"].as_str().unwrap_or("?")).collect();
    ensure!(found == wanted.split(' ').collect::<Vec<_>>(), "expected {wanted}: {}", answer.tell());
    Ok(())
}

fn failure(answer: &Answer, at: usize, scim_type: &str) -> Result<()> {
    let said = answer.text(&format!("/Operations/{at}/response/scimType"));
    ensure!(answer.means(said, scim_type), "expected {scim_type} at {at}: {}", answer.tell());
    Ok(())
}
