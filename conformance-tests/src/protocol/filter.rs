//! Filters beyond the data set: RFC 7644 sections 3.4.2.2 and 7.5.2.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{Case, case};
use crate::data::TEST_URN;
use crate::harness::Ability;
use crate::session::{ENTERPRISE, Session, unique};

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "an error tells what it could not read",
            "7644-3.4.2.2-05 7644-3.4.2.2-06 7644-3.4.2.2-07 7644-3.12-16",
            |t| {
                for filter in ["", "userName eq", "eq \"a\"", "userName pr \"x\"", "a"] {
                    t.filter("/Users", filter)?
                        .fails(400, "invalidFilter")
                        .map_err(|error| error.context(filter.to_owned()))?;
                }
                let refused = t.filter("/Users", "userName regex \"a\"")?.fails(400, "invalidFilter")?;
                ensure!(refused.text("/detail").contains("regex") || !t.ours(), "{}", refused.tell());
                Ok(())
            },
        ),
        case("a filter has its bounds, and refuses quickly beyond them", "7644-3.4.2.2-34", |t| {
            let deep = format!("{}userName pr{}", "(".repeat(2_000), ")".repeat(2_000));
            let wide = vec!["userName pr"; 600].join(" or ");
            let long = format!("userName eq \"{}\"", "x".repeat(20_000));
            for filter in [deep, wide, long] {
                let refused = t.search("/Users/.search", json!({"filter": filter}))?;
                refused.fails(400, "invalidFilter")?;
            }
            Ok(())
        }),
        case(
            "a secret cannot be asked for, least of all in a URL",
            "7643-4.1.1-16 7644-7.5.2-01 7643-7-15 7644-3.12-25",
            |t| {
                let refused = t.filter("/Users", "password eq \"x\"")?.fails(403, "sensitive")?;
                refused.has("/status", "403")?;
                t.search("/Users/.search", json!({"filter": "password eq \"x\""}))?.fails(400, "invalidFilter")?;
                Ok(())
            },
        ),
        case("nothing in an operand has a meaning of its own", "7644-3.4.2.2-33", |t| {
            let names =
                ["50%", "a_b", "x*y", "o'k", "back\\slash", "q\"t", "(x=*)", "Robert'); DROP TABLE resource;--"];
            let mut ids = Vec::new();
            for name in names {
                ids.push(t.user(json!({"displayName": name}))?.id()?.to_owned());
            }
            for (name, id) in names.iter().zip(&ids) {
                for operator in ["eq", "co", "sw", "ew"] {
                    let filter = format!("displayName {operator} {}", json!(name));
                    t.filter("/Users", &filter)?.is(200)?.finds(&[id])?;
                }
            }
            t.filter("/Users", "displayName co \"%\"")?.is(200)?.finds(&[&ids[0]])?;
            t.filter("/Users", "displayName co \"*\"")?.is(200)?.finds(&[&ids[2], &ids[6]])?;
            Ok(())
        }),
        case(
            "text without case is compared after folding",
            "7644-3.4.2.2-36 7644-3.4.2.2-37 7644-3.4.2.2-38 7644-3.4.2.2-39 7644-3.4.2.2-40 7644-3.4.2.2-20 7643-7-07",
            |t| {
                let set = Set::of(t, "displayName", &[Some(json!("ABC")), Some(json!("abd")), Some(json!("b")), None])?;
                set.check("eq \"abc\"", "0")?;
                set.check("ne \"abc\"", "1 2 3")?;
                set.check("co \"B\"", "0 1 2")?;
                set.check("sw \"aB\"", "0 1")?;
                set.check("ew \"C\"", "0")?;
                set.check("gt \"abc\"", "1 2")?;
                set.check("ge \"abc\"", "0 1 2")?;
                set.check("lt \"B\"", "0 1")?;
                set.check("le \"b\"", "0 1 2")?;
                set.check("pr", "0 1 2")
            },
        ),
        case(
            "case-exact text is compared by code points",
            "7644-3.4.2.2-41 7644-3.4.2.2-42 7644-3.4.2.2-43 7644-3.4.2.2-44 7644-3.4.2.2-45 7644-3.4.2.2-20 7643-7-07",
            |t| {
                let set =
                    Set::of(t, "externalId", &[Some(json!("ABC")), Some(json!("abc")), Some(json!("abd")), None])?;
                set.check("eq \"abc\"", "1")?;
                set.check("ne \"abc\"", "0 2 3")?;
                set.check("co \"b\"", "1 2")?;
                set.check("sw \"ab\"", "1 2")?;
                set.check("ew \"C\"", "0")?;
                set.check("gt \"abc\"", "2")?;
                set.check("ge \"abc\"", "1 2")?;
                set.check("lt \"abc\"", "0")?;
                set.check("le \"abc\"", "0 1")?;
                set.check("pr", "0 1 2")
            },
        ),
        case(
            "booleans are equal or not, and have no order",
            "7644-3.4.2.2-46 7644-3.4.2.2-47 7644-3.4.2.2-48 7644-3.4.2.2-49 7644-3.4.2.2-50",
            |t| {
                let set = Set::of(t, &format!("{TEST_URN}:flag"), &[Some(json!(true)), Some(json!(false)), None])?;
                set.check("eq true", "0")?;
                set.check("ne true", "1 2")?;
                set.check("pr", "0 1")?;
                for operator in ["co", "sw", "ew", "gt", "ge", "lt", "le"] {
                    set.refuses(&format!("{operator} true"))?;
                }
                if t.strict() { set.refuses("eq \"true\"") } else { set.check("eq \"True\"", "0") }
            },
        )
        .needs(&[Ability::TestSchema]),
        case(
            "integers compare as numbers",
            "7644-3.4.2.2-51 7644-3.4.2.2-52 7644-3.4.2.2-53 7644-3.4.2.2-54 7644-3.4.2.2-55",
            |t| {
                let numbers =
                    [Some(json!(5)), Some(json!(0)), Some(json!(-7)), Some(json!(9_007_199_254_740_993_i64)), None];
                let set = Set::of(t, &format!("{TEST_URN}:num"), &numbers)?;
                set.check("eq 5", "0")?;
                set.check("eq 5.0", "0")?;
                set.check("ne 5", "1 2 3 4")?;
                set.check("eq 9007199254740993", "3")?;
                set.check("eq 9007199254740992", "")?;
                set.check("gt 0", "0 3")?;
                set.check("ge 0", "0 1 3")?;
                set.check("lt 5", "1 2")?;
                set.check("le -7", "2")?;
                set.check("pr", "0 1 2 3")?;
                ["co 5", "sw 5", "ew 5", "eq \"5\"", "gt null"].iter().try_for_each(|rest| set.refuses(rest))
            },
        )
        .needs(&[Ability::TestSchema]),
        case(
            "decimals compare as numbers",
            "7644-3.4.2.2-56 7644-3.4.2.2-57 7644-3.4.2.2-58 7644-3.4.2.2-59 7644-3.4.2.2-60",
            |t| {
                let numbers = [Some(json!(1.5)), Some(json!(0.0)), Some(json!(10.25)), None];
                let set = Set::of(t, &format!("{TEST_URN}:dec"), &numbers)?;
                set.check("eq 1.50", "0")?;
                set.check("ne 1.5", "1 2 3")?;
                set.check("gt 1.5", "2")?;
                set.check("ge 1.5", "0 2")?;
                set.check("lt 10", "0 1")?;
                set.check("le 0", "1")?;
                set.check("pr", "0 1 2")?;
                ["co 1.5", "sw 1.5", "ew 1.5"].iter().try_for_each(|rest| set.refuses(rest))
            },
        )
        .needs(&[Ability::TestSchema]),
        case(
            "times compare as instants",
            "7644-3.4.2.2-61 7644-3.4.2.2-62 7644-3.4.2.2-63 7644-3.4.2.2-64 7644-3.4.2.2-65",
            |t| {
                let times = ["2011-05-13T04:42:34Z", "2011-05-13T06:42:34.500+02:00", "2012-01-01T00:00:00Z"];
                let mut values: Vec<_> = times.iter().map(|time| Some(json!(time))).collect();
                values.push(None);
                let set = Set::of(t, &format!("{TEST_URN}:when"), &values)?;
                set.check("eq \"2011-05-13T05:42:34.0+01:00\"", "0")?;
                set.check("ne \"2011-05-13T04:42:34Z\"", "1 2 3")?;
                set.check("gt \"2011-05-13T04:42:34Z\"", "1 2")?;
                set.check("ge \"2011-05-13T04:42:34.5Z\"", "1 2")?;
                set.check("lt \"2012-01-01T00:00:00Z\"", "0 1")?;
                set.check("le \"2011-05-13T04:42:34Z\"", "0")?;
                set.check("pr", "0 1 2")?;
                for rest in ["co \"2011\"", "sw \"2011\"", "ew \"Z\"", "gt \"yesterday\"", "eq 5"] {
                    set.refuses(rest)?;
                }
                Ok(())
            },
        )
        .needs(&[Ability::TestSchema]),
        case(
            "references compare exactly",
            "7644-3.4.2.2-66 7644-3.4.2.2-67 7644-3.4.2.2-68 7644-3.4.2.2-69 7644-3.4.2.2-70",
            |t| {
                let set = Set::of(
                    t,
                    "profileUrl",
                    &[Some(json!("https://e/x")), Some(json!("https://e/X")), Some(json!("https://f/y")), None],
                )?;
                set.check("eq \"https://e/x\"", "0")?;
                set.check("ne \"https://e/x\"", "1 2 3")?;
                set.check("co \"/e/\"", "0 1")?;
                set.check("sw \"https://f\"", "2")?;
                set.check("ew \"X\"", "1")?;
                set.check("gt \"https://e/x\"", "2")?;
                set.check("ge \"https://e/x\"", "0 2")?;
                set.check("lt \"https://e/x\"", "1")?;
                set.check("le \"https://e/x\"", "0 1")?;
                set.check("pr", "0 1 2")
            },
        ),
        case("a SCIM reference matches in relative and other forms", "7644-3.4.2.2-66 7643-2.4-06", |t| {
            let user = t.user(json!({}))?;
            let group = t.group(&unique("g"), &[user.id()?])?;
            let id = user.id()?;
            for form in [
                user.text("/meta/location").to_owned(),
                format!("Users/{id}"),
                format!("https://h.example/v2/Users/{id}"),
            ] {
                t.filter("/Groups", &format!("members[$ref eq \"{form}\"]"))?.is(200)?.finds(&[group.id()?])?;
            }
            Ok(())
        }),
        case(
            "binaries compare as bytes and have no order",
            "7644-3.4.2.2-71 7644-3.4.2.2-72 7644-3.4.2.2-73 7644-3.4.2.2-74 7644-3.4.2.2-75",
            |t| {
                let set =
                    Set::of(t, &format!("{TEST_URN}:blob"), &[Some(json!("AQIDBA==")), Some(json!("AQID")), None])?;
                set.check("eq \"AQIDBA\"", "0")?;
                set.check("ne \"AQIDBA==\"", "1 2")?;
                set.check("pr", "0 1")?;
                ["co", "sw", "ew", "gt", "ge", "lt", "le"]
                    .iter()
                    .try_for_each(|one| set.refuses(&format!("{one} \"AQID\"")))
            },
        )
        .needs(&[Ability::TestSchema]),
        case(
            "a complex attribute stands for its value, where it has one",
            "7644-3.4.2.2-76 7644-3.4.2.2-77 7644-3.4.2.2-78 7644-3.4.2.2-79 7644-3.4.2.2-80 7644-3.4.2.2-18",
            |t| {
                let mail = |value: &str| Some(json!([{"value": value, "type": "work"}]));
                let set = Set::of(
                    t,
                    "emails",
                    &[mail("b@example.com"), mail("d@example.org"), Some(json!([{"type": "home"}])), None],
                )?;
                set.check("eq \"B@example.com\"", "0")?;
                set.check("ne \"b@example.com\"", "1 2 3")?;
                set.check("co \"example\"", "0 1")?;
                set.check("sw \"d\"", "1")?;
                set.check("ew \".org\"", "1")?;
                set.check("gt \"c\"", "1")?;
                set.check("le \"c\"", "0")?;
                set.check("pr", "0 1 2")?;
                let refused =
                    ["name eq \"x\"", "name ne \"x\"", "name co \"x\"", "name gt \"x\"", "addresses eq \"x\""];
                for filter in refused.into_iter().filter(|_| t.ours()) {
                    t.filter("/Users", filter)?.fails(400, "invalidFilter")?;
                }
                Ok(())
            },
        ),
        case(
            "conditions in brackets hold for one value, others each for its own",
            "7644-3.4.2.2-12 7644-3.4.2.2-17 7644-3.4.2.2-19",
            |t| {
                let made = t.user(json!({"emails": [{"value": "x@a.example", "type": "home"}, {"value": "x@b.example", "type": "work"}]}))?;
                let check = |filter: &str, found: bool| -> Result<()> {
                    let wanted = if found { vec![made.id()?] } else { vec![] };
                    t.filter("/Users", filter)?.is(200)?.finds(&wanted)?;
                    Ok(())
                };
                check("emails[type eq \"work\" and value co \"@a\"]", false)?;
                check("emails[type eq \"work\" and value co \"@b\"]", true)?;
                check("emails.type eq \"work\" and emails.value co \"@a\"", true)?;
                check("emails.value eq \"x@b.example\"", true)
            },
        ),
        case(
            "an extension attribute needs its URN, unless its short name is plain",
            "7644-3.4.2.2-24 7644-3.4.2.2-25 7644-3.10-03",
            |t| {
                let made = t.user(json!({ENTERPRISE: {"employeeNumber": "7"}}))?;
                let short = t.filter("/Users", "employeeNumber eq \"7\"")?;
                if t.strict() {
                    short.fails(400, "invalidFilter")?;
                } else {
                    short.is(200)?.finds(&[made.id()?])?;
                }
                t.filter("/Users", "foo eq \"a\"")?.fails(400, "invalidFilter")?;
                t.filter("/", "foo pr")?.is(200)?.has("/totalResults", 0)?;
                Ok(())
            },
        ),
        case("what a credential may not read it cannot ask about", "7644-3.4.2.2-35", |t| {
            // Rights go by type: of a type that may not be read, no attribute can be asked about, filter or not.
            let made = t.user(json!({"title": "T"}))?;
            t.group(&unique("g"), &[made.id()?])?;
            let reader = t.granted(&["groups:read"], None)?;
            reader.filter("/Users", "title pr")?.fails(403, "")?;
            reader.filter("/", "title pr")?.is(200)?.finds(&[])?;
            Ok(())
        })
        .needs(&[Ability::Credentials]),
        case("every filter finds what looking at each resource finds", "7644-3.4.2.2-03 7644-3.4.2.2-02", |t| {
            for number in 0..20 {
                let title = if number % 3 == 0 { json!(format!("t{number}")) } else { json!(null) };
                t.user(json!({"title": title, "displayName": format!("D{}", number % 4), "active": number % 2 == 0}))?;
            }
            let all = t.get("/Users?count=100")?.is(200)?;
            let check = |filter: &str, holds: fn(&serde_json::Value) -> bool| -> Result<()> {
                let wanted: Vec<_> = all
                    .list("/Resources")
                    .iter()
                    .filter(|one| holds(one))
                    .filter_map(|one| one["id"].as_str())
                    .collect();
                t.filter("/Users", filter)?.is(200)?.finds(&wanted)?;
                Ok(())
            };
            check("title pr and displayName eq \"d0\"", |one| one["title"].is_string() && one["displayName"] == "D0")?;
            check("not (title pr) or active eq true", |one| !one["title"].is_string() || one["active"] == true)?;
            check("displayName gt \"d1\" and not (active eq true and title pr)", |one| {
                one["displayName"].as_str() > Some("D1") && !(one["active"] == true && one["title"].is_string())
            })
        }),
    ]
}

/// Users that differ in one attribute, numbered in the order of their values.
struct Set<'a> {
    t: &'a Session,
    attribute: String,
    ids: Vec<String>,
}

impl<'a> Set<'a> {
    fn of(t: &'a Session, attribute: &str, values: &[Option<serde_json::Value>]) -> Result<Self> {
        let mut ids = Vec::new();
        for value in values {
            let attributes = match (value, attribute.rsplit_once(':')) {
                (None, _) => json!({}),
                (Some(value), None) => json!({attribute: value}),
                (Some(value), Some((urn, name))) => json!({urn: {name: value}}),
            };
            ids.push(t.user(attributes)?.id()?.to_owned());
        }
        Ok(Set { t, attribute: attribute.to_owned(), ids })
    }

    /// `attribute rest` finds the users with these numbers, by GET and by search.
    fn check(&self, rest: &str, numbers: &str) -> Result<()> {
        let filter = format!("{} {rest}", self.attribute);
        let wanted: Vec<_> = numbers
            .split_whitespace()
            .filter_map(|number| self.ids.get(number.parse::<usize>().ok()?))
            .map(String::as_str)
            .collect();
        self.t.filter("/Users", &filter)?.is(200)?.finds(&wanted)?;
        self.t.search("/Users/.search", json!({"filter": filter}))?.is(200)?.finds(&wanted)?;
        Ok(())
    }

    fn refuses(&self, rest: &str) -> Result<()> {
        self.t.filter("/Users", &format!("{} {rest}", self.attribute))?.fails(400, "invalidFilter")?;
        Ok(())
    }
}
