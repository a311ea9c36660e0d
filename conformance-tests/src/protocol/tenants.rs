//! Many tenants on one server: RFC 7644 section 6, RFC 7643 section 9.3.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Case, case};
use crate::harness::Ability;
use crate::session::{ENTERPRISE, GROUP, Session, unique, user};

const NEEDS: &[Ability] = &[Ability::Tenants, Ability::Ours];

pub fn cases() -> Vec<Case> {
    vec![
        case("tenants see nothing of each other", "7644-6-01 7644-6.2-03 7643-9.3-02", apart).needs(NEEDS),
        case(
            "the tenant comes from the credential, or from the path and the credential",
            "7644-6.1-01 7644-6.1-02 7644-6.1-03",
            |t| {
                let other = t.neighbour()?;
                let made = t.user(json!({}))?;
                let path = format!("/Users/{}", made.id()?);
                t.with_base(&t.site.named()).get(&path)?.is(200)?.has("/id", made.id()?)?;
                let intruder = other.with_base(&t.site.named());
                let nowhere = other.with_base(&t.site.named().replace(&t.site.tenant, "no-such-tenant"));
                for path in [&path, "/Users", "/Schemas", "/Nope"] {
                    let (refused, unknown) = (intruder.get(path)?.fails(404, "")?, nowhere.get(path)?.fails(404, "")?);
                    ensure!(refused.body == unknown.body, "{} {}", refused.tell(), unknown.tell());
                }
                intruder.post("/Users", &user(json!({})))?.fails(404, "")?;
                t.get("/Users")?.is(200)?.has("/totalResults", 1)?;
                Ok(())
            },
        )
        .needs(NEEDS),
        case("ids are unique over all tenants", "7644-6.2-01 7643-9.3-01", |t| {
            let other = t.neighbour()?;
            let name = unique("same");
            let (one, two) = (t.user(json!({"userName": name}))?, other.user(json!({"userName": name}))?);
            ensure!(one.id()? != two.id()?, "{}", two.tell());
            Ok(())
        })
        .needs(NEEDS),
        case("names and external ids are unique in their tenant at most", "7643-3.1-09 7644-6.2-02 7643-7-19", |t| {
            let other = t.neighbour()?;
            let name = unique("same");
            for session in [t, &other] {
                let made = session.user(json!({"userName": name, "externalId": "1"}))?;
                session.filter("/Users", "externalId eq \"1\"")?.is(200)?.finds(&[made.id()?])?;
                session.group("Same", &[])?;
            }
            Ok(())
        })
        .needs(NEEDS),
    ]
}

fn apart(t: &Session) -> Result<()> {
    let other = t.neighbour()?;
    let foreign = other.user(json!({"externalId": "theirs", "displayName": "Foreign"}))?;
    let group = other.group(&unique("g"), &[foreign.id()?])?;
    let id = foreign.id()?;
    let (there, nowhere) = (format!("/Users/{id}"), "/Users/00000000-0000-7000-8000-000000000000");

    let alike = |send: &dyn Fn(&str) -> Result<crate::answer::Answer>| -> Result<()> {
        let (foreign, unknown) = (send(&there)?.fails(404, "")?, send(nowhere)?.fails(404, "")?);
        ensure!(foreign.body == unknown.body, "{} {}", foreign.tell(), unknown.tell());
        Ok(())
    };
    alike(&|path| t.get(path))?;
    alike(&|path| t.put(path, &user(json!({}))))?;
    alike(&|path| t.patch(path, json!([{"op": "add", "path": "title", "value": "T"}])))?;
    alike(&|path| t.delete(path))?;

    for list in [t.get("/Users")?, t.get("/Groups")?, t.get("/")?, t.search("/.search", json!({}))?] {
        list.is(200)?.finds(&[])?;
    }
    t.filter("/Users", &format!("id eq \"{id}\" or externalId eq \"theirs\""))?.is(200)?.finds(&[])?;
    let members = json!({"schemas": [GROUP], "displayName": "G", "members": [{"value": id}]});
    t.post("/Groups", &members)?.fails(400, "invalidValue")?;
    t.post("/Users", &user(json!({ENTERPRISE: {"manager": {"value": id}}})))?.fails(400, "invalidValue")?;
    let operations =
        json!([{"method": "DELETE", "path": there}, {"method": "DELETE", "path": format!("/Groups/{}", group.id()?)}]);
    let bulk = t.bulk(operations)?.is(200)?;
    bulk.has("/Operations/0/status", "404")?.has("/Operations/1/status", "404")?;

    other.get(&there)?.is(200)?.has("/displayName", "Foreign")?.lacks("/title")?;
    Ok(())
}
