//! The cases of the standards catalogue in both profiles, and tables of our own.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use crate::access::Profile;
use crate::error::{ErrorKind, ScimError};
use crate::limits::Limits;
use crate::store::{Link, Links, Record, ResourceId};

use super::testing::{self, kind, records};
use super::{BoundFilter, bind, eval, parse};

const CASES: &str = include_str!("../../../conformance-tests/data/filter-cases.tsv");
const PROFILES: &str = include_str!("../../../conformance-tests/data/profiles.tsv");

/// The ids that a query at an endpoint gives, as the table writes them; or the error.
fn query(endpoint: &str, filter: &str, profile: Profile) -> Result<String, ScimError> {
    let (rules, filter) = (profile.rules(), parse(filter, &Limits::default())?);
    let mut ids = Vec::new();
    for kind in testing::registry().types() {
        let bound = match endpoint {
            "/" => bind::bind_root(&filter, kind, &rules)?,
            own if own == kind.endpoint => bind::bind(&filter, kind, &rules)?,
            _ => continue,
        };
        for record in records().iter().filter(|record| record.key.kind == kind.kind) {
            let answer = eval::matches(&bound, record);
            assert_eq!(answer, eval::matches_parsed(&bound, record, &record.document.parse()));
            if answer {
                ids.push(record.key.id.as_str());
            }
        }
    }
    Ok(if ids.is_empty() { "-".into() } else { ids.join(" ") })
}

fn shown(answer: Result<String, ScimError>) -> String {
    answer.unwrap_or_else(|error| error.kind.to_string())
}

/// All rows of filter-cases.tsv; profiles.tsv says where the profiles part.
#[test]
fn filters_answer_as_the_catalogue_says_in_both_profiles() {
    let mut wrong = Vec::new();
    let rows: Vec<Vec<&str>> = CASES.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 126);
    for (name, column, profile) in [("strict", 1, Profile::Strict), ("compatible", 2, Profile::Compatible)] {
        for row in &rows {
            let [id, endpoint, filter, expected, _] = row[..] else { panic!("{row:?}") };
            let other = PROFILES.lines().map(|line| line.split('\t').collect::<Vec<_>>()).find(|line| line[0] == id);
            let expected = other.map_or(expected, |line| if line[column] == "=" { expected } else { line[column] });
            let got = shown(query(endpoint, filter, profile));
            if got != expected {
                wrong.push(format!("{id} {name} {filter}: {got}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// At one endpoint, in the compatible profile.
#[track_caller]
fn check(endpoint: &str, filter: &str, expected: &str) {
    assert_eq!(shown(query(endpoint, filter, Profile::Compatible)), expected, "{filter}");
}

/// 7644-3.4.2.2-36 to -80: every operator on every type.
#[test]
fn operators_fit_types() {
    const BAD: &str = "400 invalidFilter";
    for (name, operand, operators) in [
        ("displayName", "\"x\"", "eq ne co sw ew gt ge lt le"),
        ("externalId", "\"x\"", "eq ne co sw ew gt ge lt le"),
        ("profileUrl", "\"x\"", "eq ne co sw ew gt ge lt le"),
        ("emails", "\"x\"", "eq ne co sw ew gt ge lt le"),
        ("meta.version", "\"x\"", "eq ne co sw ew gt ge lt le"),
        ("num", "1", "eq ne gt ge lt le"),
        ("dec", "1", "eq ne gt ge lt le"),
        ("meta.created", "\"2011-05-13T04:42:34Z\"", "eq ne gt ge lt le"),
        ("active", "true", "eq ne"),
        ("x509Certificates.value", "\"MII=\"", "eq ne"),
        ("x509Certificates", "\"MII\"", "eq ne"),
        ("groups.$ref", "\"x\"", "eq ne"),
        ("meta.location", "\"x\"", "eq ne"),
        ("name", "\"x\"", ""),
        ("meta", "\"x\"", ""),
        ("addresses", "\"x\"", ""),
    ] {
        for op in super::Compare::ALL {
            let filter = format!("{name} {op} {operand}");
            let allowed = operators.split(' ').any(|one| one == op.name());
            match query("/Users", &filter, Profile::Compatible) {
                Ok(_) => assert!(allowed, "{filter}"),
                Err(error) => assert!(!allowed && error.kind.to_string() == BAD, "{filter}: {error}"),
            }
            let null = shown(query("/Users", &format!("{name} {op} null"), Profile::Compatible));
            assert_eq!(null != BAD, op.name() == "eq" || op.name() == "ne", "{name} {op} null");
        }
        assert!(query("/Users", &format!("{name} pr"), Profile::Compatible).is_ok(), "{name}");
    }
}

/// 7644-3.4.2.2-46 and others: no operand of one type passes for another.
#[test]
fn operands_fit_types() {
    const VALUES: [&str; 6] = ["\"x\"", "\"2011-05-13T04:42:34Z\"", "\"AQID\"", "\"TRUE\"", "1", "true"];
    for (name, fits) in [
        ("displayName", "yyyynn"),
        ("profileUrl", "yyyynn"),
        ("when", "nynnnn"),
        ("blob", "nnyynn"),
        ("num", "nnnnyn"),
        ("dec", "nnnnyn"),
        ("active", "nnnyny"),
    ] {
        for (value, fit) in VALUES.iter().zip(fits.chars()) {
            let got = query("/Users", &format!("{name} eq {value}"), Profile::Compatible);
            assert_eq!(got.is_ok(), fit == 'y', "{name} eq {value}");
        }
    }
}

#[test]
fn wide_filters_are_for_the_compatible_profile() {
    for (filter, expected) in [
        ("emails[type eq \"work\"].value co \"example\"", "u1 u2"),
        ("emails[type eq \"home\"].value co \"example\"", "-"),
        ("emails[type eq \"home\"].display eq null", "u1 u3"),
        ("emails[type eq \"home\"].primary ne true and title pr", "u1"),
        ("manager eq \"u2\"", "u1"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq \"u2\"", "u1"),
        ("manager.displayName eq \"chief\"", "u1"),
        ("active eq \"False\"", "u2 u5"),
        ("emails[primary eq \"True\"]", "u1"),
    ] {
        check("/Users", filter, expected);
        assert_eq!(shown(query("/Users", filter, Profile::Strict)), "400 invalidFilter", "{filter}");
    }
    check("/Users", "active eq \"yes\"", "400 invalidFilter");
    check("/Users", "name eq \"x\"", "400 invalidFilter");
}

/// 7643-2.4-06, 7644-3.4.2.2-66.
#[test]
fn references_to_resources_are_compared_by_the_resource() {
    for uri in ["u2", "Users/u2", "../Users/u2", "https://h/v2/Users/u2", "http://other/scim/Users/u2/"] {
        check("/Groups", &format!("members.$ref eq \"{uri}\""), "g1");
        check("/Groups", &format!("members[$ref eq \"{uri}\" and type eq \"user\"]"), "g1");
        check("/Users", &format!("meta.location eq \"{uri}\""), "u2");
        check("/Users", &format!("manager.$ref eq \"{uri}\""), "u1");
    }
    check("/Groups", "members.$ref eq \"https://h/v2/Users/U2\"", "-");
    check("/Groups", "members.$ref pr", "g1 g2");
    check("/Groups", "members.$ref ne \"u2\"", "g1 g2");
    check("/Users", "meta.location eq \"https://h/v2/Groups/u2\"", "-");
    check("/Users", "meta.location ne \"https://h/v2/Users/u2\"", "u1 u3 u4 u5 u6");
    check("/Users", "meta.location pr and meta pr", "u1 u2 u3 u4 u5 u6");
    check("/", "meta.location eq \"https://h/v2/Groups/g1\"", "g1");
    check("/Groups", "members.$ref co \"Users\"", "400 invalidFilter");
    check("/Groups", "members.$ref eq 1", "400 invalidFilter");
}

/// 11 of the decisions: the ETag as it was shown matches, with and without the digest of computed values.
#[test]
fn versions_match_as_they_are_shown() {
    for shown in ["W/\\\"1\\\"", "W/\\\"1-1f3c\\\"", "\\\"1\\\"", "1"] {
        check("/Groups", &format!("meta.version eq \"{shown}\""), "g1 g2");
        check("/Groups", &format!("meta.version ne \"{shown}\""), "-");
    }
    check("/Groups", "meta.version eq \"W/\\\"12\\\"\"", "-");
    check("/Groups", "meta.version sw \"W/\\\"1\"", "g1 g2");
}

/// 7644-3.4.2.2-25, 5.8 and 5.9 of the grammar's readings.
#[test]
fn at_the_root_an_attribute_that_a_type_lacks_has_no_value() {
    for (filter, expected) in [
        ("foo pr", "-"),
        ("foo eq null and meta.resourceType eq \"Group\"", "g1 g2"),
        ("foo ne null", "-"),
        ("foo ne 1 and userName eq \"yan\"", "u6"),
        ("not (foo sw \"x\") and members pr", "g1 g2"),
        ("emails[foo eq \"x\"]", "-"),
        ("emails[foo ne \"x\"]", "u1 u2 u3"),
        ("name.foo.bar pr", "400 invalidFilter"),
        ("foo gt null", "400 invalidFilter"),
        ("userName eq 1", "400 invalidFilter"),
        ("password pr", "400 invalidFilter"),
        ("urn:example:unknown:1.0:User:x eq \"1\"", "-"),
    ] {
        check("/", filter, expected);
    }
}

/// 7644-3.4.2.2-28 to -32, 5.3, 5.16, 5.19 and 5.20 of the readings.
#[test]
fn values_and_their_absence() {
    for (filter, expected) in [
        ("emails.primary eq false", "u1 u2 u3"),
        ("emails.primary ne true", "u1 u2 u3 u4 u5 u6"),
        ("emails.primary pr", "u1"),
        ("emails[primary pr]", "u1"),
        ("emails[primary ne false]", "u1"),
        ("title ne \"\" and title eq null", "u3 u5 u6"),
        ("title ew \"\"", "u1 u2 u4"),
        ("title ge \"\"", "u1 u2 u4"),
        ("emails eq null", "u4 u5 u6"),
        ("name ne null", "u1 u2"),
        ("tags ne \"red\" and tags pr", "u5 u6"),
        ("tags[not (value eq \"red\")]", "u5 u6"),
        ("schemas pr and id pr", "u1 u2 u3 u4 u5 u6"),
        ("schemas co \"ENTERPRISE\"", "u1 u2"),
        ("manager pr", "u1"),
        ("when ge \"2020-03-01T00:00:00\"", "u5 u6"),
        ("when ne \"2020-03-01T00:00:00Z\" and when pr", "u6"),
        ("blob ne \"AQID\" and blob pr", "-"),
        ("num eq 10e0 or dec eq 1.50", "u5 u6"),
        ("groups pr", "-"),
        ("emails eq \"BABS@home.org\"", "u1"),
        ("meta.resourceType eq \"User\" and id eq \"u1\"", "u1"),
    ] {
        check("/Users", filter, expected);
    }
}

#[test]
fn reverse_links_are_filtered_by_what_is_computed() {
    let groups = testing::at("groups");
    let link = |id: &str, display: &str, indirect| Link {
        target: crate::store::Key { kind: kind("Group").kind.clone(), id: ResourceId::new(id) },
        display: Some(display.into()),
        indirect,
    };
    let record = Record {
        links: vec![Links {
            at: groups,
            links: vec![link("g1", "Smith", false), link("g2", "Admins", true)].into(),
            whole: true,
        }],
        ..records()[0].clone()
    };
    for (filter, expected) in [
        ("groups.value eq \"g2\"", true),
        ("groups[value eq \"g2\" and type eq \"direct\"]", false),
        ("groups[value eq \"g2\" and type eq \"INDIRECT\"]", true),
        ("groups.display sw \"smi\"", true),
        ("groups.$ref eq \"https://h/Groups/g1\"", true),
        ("groups[type eq \"direct\"].$ref eq \"/Groups/g1\"", true),
        ("groups.value eq \"G2\"", false),
    ] {
        let filter = testing::user_filter(filter);
        assert_eq!(eval::matches(&filter, &record), expected, "{filter}");
        let (select, reverse) = filter.reads(kind("User"));
        assert_eq!((select.document, select.links.len(), reverse.len()), (false, 0, 1));
    }
}

#[test]
fn a_filter_reads_no_more_than_it_needs() {
    for (filter, document, links, reverse) in [
        ("id eq \"x\" or meta.created pr", false, 0, 0),
        ("title pr", true, 0, 0),
        ("manager pr and not (manager.value eq \"x\")", false, 1, 0),
        ("emails[type pr] and groups pr and manager pr", true, 1, 1),
    ] {
        let (select, reversed) = testing::user_filter(filter).reads(kind("User"));
        assert_eq!((select.document, select.links.len(), reversed.len()), (document, links, reverse), "{filter}");
    }
}

#[test]
fn elements_are_judged_one_by_one() {
    let emails = testing::at("emails");
    for (filter, value, expected) in [
        ("type eq \"work\"", json!({"type": "Work"}), true),
        ("primary eq false", json!({"type": "work"}), true),
        ("primary pr", json!({"type": "work"}), false),
        ("type ne \"work\"", json!({"value": "x"}), true),
        ("value co \"@a\" and not (type pr)", json!({"value": "x@a"}), true),
    ] {
        let parsed = parse(filter, &Limits::default()).unwrap();
        let bound = bind::bind_element(&parsed, &emails, &Profile::Strict.rules()).unwrap();
        assert_eq!(eval::element(&bound, &emails, &value), expected, "{filter} {value}");
    }
    let tags = testing::at("tags");
    let parsed = parse("value eq \"RED\"", &Limits::default()).unwrap();
    let bound = bind::bind_element(&parsed, &tags, &Profile::Strict.rules()).unwrap();
    assert!(eval::element(&bound, &tags, &json!("red")) && !eval::element(&bound, &tags, &json!("green")));
}

/// 7644-3.4.2.2-35, 5.23 and 5.27 of the readings.
#[test]
fn what_is_not_shown_cannot_be_probed() {
    let types = testing::registry().types();
    for (filter, secret) in [
        ("password eq \"x\"", true),
        ("title pr and not (PASSWORD pr)", true),
        ("urn:ietf:params:scim:schemas:core:2.0:User:password pr", true),
        ("passwordx eq \"x\"", false),
        ("displayName eq \"password\"", false),
    ] {
        let filter = parse(filter, &Limits::default()).unwrap();
        assert_eq!(bind::names_secret(&filter, types), secret, "{filter}");
        if secret {
            let error = bind::bind(&filter, kind("User"), &Profile::Compatible.rules()).unwrap_err();
            assert!(error.kind == ErrorKind::InvalidFilter && !error.detail.contains('x'), "{error}");
        }
    }
    for (filter, without) in [
        ("title pr", "false"),
        ("title ne \"x\" and userName pr", "userName pr"),
        ("not (title sw \"x\") and userName pr", "userName pr"),
        ("emails[type eq \"a\" and value pr]", "false"),
        ("emails[type eq \"a\" or value pr]", "emails[value pr]"),
        ("emails[type ne \"a\"]", "emails pr"),
        ("ims[type pr] or userName pr", "userName pr"),
    ] {
        let hidden = |at: &crate::path::AttrPath| ["title", "emails.type", "ims"].contains(&at.to_string().as_str());
        assert_eq!(testing::user_filter(filter).without(&hidden).to_string(), without, "{filter}");
    }
}

/// What is wrong is said with its mend.
#[test]
fn errors_name_the_attribute_and_the_mend() {
    for (filter, detail) in [
        (
            "employeeNumber eq \"1\"",
            "User has no attribute \"employeeNumber\"; write urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        ),
        ("usrName eq \"a\"", "User has no attribute \"usrName\"; did you mean userName?"),
        ("foo pr", "User has no attribute \"foo\"; /Schemas lists those it has"),
        ("active eq \"true\"", "active is boolean: compare it with true or false, without quotes, not with \"true\""),
        ("active gt true", "active is boolean: it takes eq, ne and pr, not gt"),
        (
            "meta.created eq \"x\"",
            "meta.created is dateTime: compare it with a dateTime such as \"2011-05-13T04:42:34Z\", not with \"x\"",
        ),
        ("title co null", "title: null is compared with eq and ne only, not with co"),
        (
            "name eq \"x\"",
            "name is complex; compare one of its sub-attributes: formatted, familyName, givenName, middleName, honorificPrefix, honorificSuffix",
        ),
        ("emails[foo pr]", "emails has no sub-attribute \"foo\"; it has value, display, type, primary"),
        ("schemas[foo pr]", "schemas has no sub-attributes; its elements are called \"value\", not \"foo\""),
        ("name[givenName pr]", "name has no elements to choose from; brackets follow multi-valued attributes only"),
        (
            "emails[type pr].value pr",
            "emails[…].value pr: put the comparison inside the brackets, emails[… and value pr]",
        ),
        ("password pr", "password is never shown and cannot be filtered by"),
    ] {
        let error = query("/Users", filter, Profile::Strict).unwrap_err();
        assert_eq!(error.detail, detail, "{filter}");
    }
}

/// Numbers of characters, from 1.
#[test]
fn grammar_errors_name_the_place() {
    for (filter, at) in [
        ("", 1),
        ("  ", 3),
        ("active", 7),
        ("userName eq", 12),
        ("userName eq bjensen", 13),
        ("userName eq 'a'", 13),
        ("userName xx \"a\"", 10),
        ("userName eq \"a", 13),
        ("userName eq \"\\ud800\"", 13),
        ("userName eq \"a\\u0000\"", 13),
        ("userName eq \"a\tb\"", 13),
        ("userName eq 1e999", 13),
        ("userName eq 01", 13),
        ("userName eq5", 10),
        ("userName pr \"x\"", 13),
        ("userName eq \"ä\" und title pr", 17),
        ("userName pr and", 16),
        ("userName pr and(title pr)", 16),
        ("(userName pr", 13),
        ("not title pr", 5),
        ("emails[type eq \"work\"", 22),
        ("emails[type pr and ims[value pr]]", 23),
        ("emails[emails.type pr]", 8),
        ("emails[type pr]value pr", 16),
        ("emails [type pr]", 8),
        ("()", 2),
        ("userName pr)", 12),
        ("name.givenName.x pr", 1),
        ("1a pr", 1),
        ("üser pr", 1),
        ("userName\u{a0}pr", 1),
    ] {
        let error = parse(filter, &Limits::default()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidFilter, "{filter}");
        assert!(error.detail.starts_with(&format!("at {at}: ")), "{filter}: {error}");
    }
}

#[test]
fn filters_print_as_they_are_understood() {
    for (filter, printed) in [
        ("a pr or b pr and c pr", "a pr or b pr and c pr"),
        ("(a pr or b pr) and c pr", "(a pr or b pr) and c pr"),
        ("a pr and (b pr and (c pr and d pr))", "a pr and b pr and c pr and d pr"),
        ("NOT(a PR)", "not (a pr)"),
        ("not (not (a pr))", "not (not (a pr))"),
        ("not eq \"a\" and and pr or pr pr", "not eq \"a\" and and pr or pr pr"),
        ("not[not(not pr)]", "not[not (not pr)]"),
        ("a\teq\r\n\"\\u0041\\/\\n\"", "a eq \"A/\\n\""),
        ("a[b EQ\"x\" or not (c pr)].$ref NE NULL", "a[b eq \"x\" or not (c pr)].$ref ne null"),
        ("( a eq TRUE )", "a eq true"),
        ("a eq 10.0 or a eq -0 or a eq 1E2", "a eq 10.0 or a eq -0.0 or a eq 100.0"),
        ("urn:a:2.0:b:c.d pr", "urn:a:2.0:b:c.d pr"),
        ("members.$ref pr", "members.$ref pr"),
    ] {
        assert_eq!(parse(filter, &Limits::default()).unwrap().to_string(), printed, "{filter}");
    }
}

/// 7644-3.4.2.2-34, C05 of the threats: in a thread with a small stack, whatever the length allowed.
#[test]
fn hostile_filters_are_refused_quickly() {
    const MANY: usize = 100_000;
    let wide = Limits { filter: usize::MAX, ..Limits::default() };
    let hostile = [
        "(".repeat(MANY),
        "not (".repeat(MANY),
        format!("{}$", "not (".repeat(MANY)),
        format!("{}a pr{}", "(".repeat(MANY), ")".repeat(MANY)),
        format!("a pr{}", " and a pr".repeat(MANY)),
        format!("a pr{}", " or a pr".repeat(MANY)),
        format!("a[b pr{}]", " or b pr".repeat(MANY)),
        "a[".repeat(MANY),
        format!("a[{}", "(".repeat(MANY)),
        format!("a eq \"{}", "\\\"".repeat(MANY)),
        " ".repeat(MANY),
        "a".repeat(MANY),
    ];
    let work = move || {
        let started = Instant::now();
        for filter in &hostile {
            for limits in [&wide, &Limits::default()] {
                let error = parse(filter, limits).unwrap_err();
                assert_eq!(error.kind, ErrorKind::InvalidFilter);
                assert!(error.detail.len() < 300, "{error}");
            }
        }
        started.elapsed()
    };
    let took = std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// What the limits allow is parsed, bound, evaluated, printed and dropped on a small stack.
#[test]
fn the_deepest_filter_is_no_danger() {
    let limits = Limits::default();
    let deep = |open: &str, close: &str, n: usize| format!("{}title pr{}", open.repeat(n), close.repeat(n));
    let texts = [
        deep("(title pr or (title pr and ", "))", limits.filter_depth / 2),
        deep("not (", ")", limits.filter_depth),
        format!("emails[{}type pr{}]", "not (".repeat(63), ")".repeat(63)),
        ["title pr"; 256].join(" and "),
        ["not (title pr)"; 256].join(" or "),
    ];
    assert!(parse(&deep("(", ")", 65), &limits).is_err() && parse(&deep("(", ")", 64), &limits).is_ok());
    assert!(parse(&["title pr"; 257].join(" and "), &limits).is_err());
    let work = move || {
        for text in &texts {
            let filter = parse(text, &limits).unwrap();
            assert_eq!(parse(&filter.to_string(), &limits).unwrap(), filter);
            let bound = bind::bind(&filter, kind("User"), &Profile::Strict.rules()).unwrap();
            assert!(!bound.to_string().is_empty());
            for record in records() {
                eval::matches(&bound, record);
            }
        }
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}

proptest! {
    #[test]
    fn printed_filters_parse_to_themselves(filter in testing::filter()) {
        let printed = filter.to_string();
        let limits = Limits { filter: usize::MAX, filter_terms: usize::MAX, ..Limits::default() };
        prop_assert_eq!(parse(&printed, &limits).unwrap(), filter, "{}", printed);
    }

    #[test]
    fn bound_filters_print_as_what_binds_to_them(filter in testing::bound()) {
        prop_assert_eq!(testing::user_filter(&filter.to_string()), filter);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = parse(&text, &Limits::default());
    }

    #[test]
    fn no_likely_text_panics(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "emails", "title", "name.givenName", "[", "]", "(", ")", " ", " ", "\"", "\\", "\"work\"", "not", "and",
            "or", "pr", "eq", "ne", "co", "null", "true", "1", ".value", "urn:ietf:params:scim:schemas:core:2.0:User",
            ":", ".", "é", "type", "schemas", "value",
        ]), 0..24,
    )) {
        let text = words.concat();
        for kind in testing::registry().types() {
            for profile in [Profile::Strict, Profile::Compatible] {
                if let Ok(filter) = parse(&text, &Limits::default()) {
                    let _ = bind::names_secret(&filter, testing::registry().types());
                    if let Ok(bound) = bind::bind(&filter, kind, &profile.rules()) {
                        records().iter().for_each(|record| { eval::matches(&bound, record); });
                    }
                    if let Ok(BoundFilter::Constant(_)) = bind::bind_root(&filter, kind, &profile.rules()) {}
                }
                let _ = crate::path::resolve(&text, kind, &profile.rules(), &Limits::default());
            }
        }
    }
}
