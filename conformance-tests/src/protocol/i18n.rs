//! Names and passwords in all scripts: RFC 7644 sections 5 and 7.8.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Case, case};
use crate::session::{Session, unique, user};

pub fn cases() -> Vec<Case> {
    vec![
        case("user names that look the same are the same", "7644-5-01 7644-5-02 7644-7.8-01", |t| {
            for (first, second) in [
                ("ZOË", "zoe\u{308}"),
                ("JÖRG", "jörg"),
                ("ＡＮＮ", "ann"),
                ("straße", "STRASSE"),
                ("\u{212a}im", "kim"),
            ] {
                let made = t.user(json!({"userName": first}))?;
                made.has("/userName", first)?;
                t.post("/Users", &user(json!({"userName": second})))?.fails(409, "uniqueness")?;
                t.filter("/Users", &format!("userName eq \"{second}\""))?.is(200)?.finds(&[made.id()?])?;
            }
            Ok(())
        }),
        case("other text is compared after normal form and folding", "7644-7.8-01", |t| {
            let made = t.user(json!({"displayName": "ZOË", "nickName": "ﬁn"}))?;
            t.filter("/Users", "displayName eq \"zoe\u{308}\"")?.is(200)?.finds(&[made.id()?])?;
            t.filter("/Users", "nickName eq \"fin\"")?.is(200)?.finds(&[])?;
            Ok(())
        }),
        case("user names hold no invisible characters", "7644-5-03", |t| {
            for name in ["a\u{0}b", "a\u{7}b", "a\u{200b}b", "a\u{202e}b", "a\u{feff}b", "\u{378}"] {
                let refused = t.post("/Users", &user(json!({"userName": name})))?;
                ensure!(refused.status == 400, "{name:?}: {}", refused.tell());
            }
            for name in [unique("Ann Lee"), unique("a b")] {
                let answer = t.post("/Users", &user(json!({"userName": name})))?;
                if t.strict() {
                    answer.fails(400, "invalidValue")?;
                } else {
                    answer.is(201)?.has("/userName", &*name)?;
                }
            }
            Ok(())
        }),
        case("an empty password is none", "7644-5-04 7643-4.1.1-13", passwords),
    ]
}

fn passwords(t: &Session) -> Result<()> {
    for password in ["", "a\u{7}bcdefghijk", "\u{378}bcdefghijk"] {
        t.post("/Users", &user(json!({"password": password})))?.fails(400, "invalidValue")?;
    }
    // Compatibility characters and blanks beyond ASCII are prepared, not refused.
    t.user(json!({"password": "pass\u{3000}wort-Ｚ-zoe\u{308}"}))?.lacks("/password")?;
    Ok(())
}
