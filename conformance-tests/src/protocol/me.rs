//! The authenticated subject: RFC 7644 section 3.11.

use anyhow::{Result, ensure};
use scim_core::store::control::{MeMode, TenantSettings};
use serde_json::json;

use super::{Case, case};
use crate::harness::Ability;
use crate::session::{Session, patch_op, user};

const NEEDS: &[Ability] = &[Ability::Credentials, Ability::Settings];

pub fn cases() -> Vec<Case> {
    vec![
        case("Me is the resource of the subject", "7644-3.11-03 7644-3.11-04", |t| {
            let (me, path) = subject(t)?;
            let shown = me.get("/Me")?.is(200)?;
            shown.has("/meta/location", shown.must_header("location")?)?;
            ensure!(shown.text("/meta/location").ends_with(&path), "{}", shown.tell());
            let operation = json!([{"op": "replace", "path": "title", "value": "T"}]);
            me.patch("/Me", operation)?.is(200)?.has("/title", "T")?;
            t.get(&path)?.is(200)?.has("/title", "T")?;
            me.put("/Me", &user(json!({"title": "U"})))?.is(200)?;
            t.get(&path)?.is(200)?.has("/title", "U")?;
            me.delete("/Me")?.is(204)?;
            t.get(&path)?.fails(404, "")?;
            Ok(())
        })
        .needs(NEEDS),
        case("who stands for nobody has no Me", "7644-3.11-05", |t| {
            t.get("/Me")?.fails(404, "")?;
            t.request("GET", "/Me").without("Authorization").send()?.fails(401, "")?;
            Ok(())
        })
        .needs(&[Ability::Ours]),
        case("Me cannot be created", "7644-3.11-06", |t| {
            let (me, _) = subject(t)?;
            me.post("/Me", &user(json!({})))?.fails(501, "")?;
            Ok(())
        })
        .needs(NEEDS),
        case("Me may redirect", "7644-3.11-02 7644-3.12-06 7644-3.12-05", |t| {
            let (me, path) = subject(t)?;
            mode(t, MeMode::Redirect)?;
            for method in ["GET", "PATCH", "DELETE"] {
                let body = patch_op(json!([{"op": "add", "path": "title", "value": "T"}]));
                let moved = me.request(method, "/Me").json(&body).send()?.is(308)?;
                ensure!(moved.must_header("location")?.ends_with(&path), "{}", moved.tell());
            }
            t.get(&path)?.is(200)?.lacks("/title")?;
            Ok(())
        })
        .needs(NEEDS),
        case("Me may be switched off", "7644-3.11-01 7644-3.12-15", |t| {
            let (me, _) = subject(t)?;
            mode(t, MeMode::Off)?;
            for method in ["GET", "PUT", "PATCH", "DELETE", "POST"] {
                me.request(method, "/Me").json(&json!({})).send()?.fails(501, "")?;
            }
            Ok(())
        })
        .needs(NEEDS),
    ]
}

fn subject(t: &Session) -> Result<(Session, String)> {
    let made = t.user(json!({}))?;
    Ok((t.granted(&["write"], Some(made.id()?))?, format!("/Users/{}", made.id()?)))
}

fn mode(t: &Session, me: MeMode) -> Result<()> {
    t.harness.settings(&t.site, TenantSettings { me: Some(me), profile: Some(t.profile), ..TenantSettings::default() })
}
