//! What only Active Directory does, on a fake that does it: 1,000 entries a page, 1,500 values a range, its own refusals of members, users
//! who may log in once they have a password, and limits of time.

use std::collections::BTreeSet;

use conformance_tests::servers::fake_directory::{FakeDirectory, Fault, PAGE, SUFFIX, VALUES, person};
use serde_json::{Value, json};

use crate::support::{Running, USER};
use crate::{served, wait};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn gateway(fake: &FakeDirectory) -> Running {
    let lines = format!("urls = [\"{}\"]\nmode = \"write\"\npage = 5000\noperation_time = 60\n", fake.url());
    let tables = format!(
        "[store.ldap.users]\nbase = \"OU=people,{SUFFIX}\"\n[store.ldap.groups]\nbase = \"OU=groups,{SUFFIX}\"\n"
    );
    served(&lines, &tables, &["acme"])
}

fn list(server: &Running, path: &str) -> Value {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

fn patch(server: &Running, path: &str, operations: Value) -> u16 {
    server.request("PATCH", path).json(&json!({"schemas": [PATCH], "Operations": operations})).send().status
}

fn only(server: &Running, kind: &str) -> String {
    format!("/scim/v2/{kind}/{}", list(server, &format!("/scim/v2/{kind}"))["Resources"][0]["id"].as_str().unwrap())
}

#[test]
fn everybody_is_listed_once_past_the_limit_of_a_page() {
    let fake = FakeDirectory::active_directory().unwrap();
    fake.people(0..2 * PAGE + 1);
    let server = gateway(&fake);
    let mut seen = BTreeSet::new();
    let mut next = "/scim/v2/Users?count=400&cursor".to_owned();
    loop {
        let page = list(&server, &next);
        assert_eq!(page["totalResults"], 2 * PAGE + 1);
        for one in page["Resources"].as_array().unwrap() {
            assert!(seen.insert(one["userName"].as_str().unwrap().to_owned()), "{one} came twice");
        }
        match page["nextCursor"].as_str() {
            Some(cursor) => next = format!("/scim/v2/Users?count=400&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 2 * PAGE + 1);
}

#[test]
fn a_group_is_shown_past_the_limit_of_a_range_and_changed_by_one_value() {
    let count = 2 * VALUES + 7;
    let fake = FakeDirectory::active_directory().unwrap();
    fake.people(0..count + 1);
    fake.group("staff", 0..count);
    let server = gateway(&fake);
    let path = only(&server, "Groups");
    let members = || list(&server, &path)["members"].as_array().unwrap().len();
    assert_eq!(members(), count);
    let id = |n: usize| {
        let found = list(&server, &format!("/scim/v2/Users?filter=userName%20eq%20%22user{n:06}%40fake.example%22"));
        found["Resources"][0]["id"].as_str().unwrap().to_owned()
    };
    let (there, newcomer) = (id(VALUES + 1), id(count));
    let add = |ids: &[&String]| {
        let values: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
        patch(&server, &path, json!([{"op": "add", "path": "members", "value": values}]))
    };
    let gone =
        |id: &str| patch(&server, &path, json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]));
    // It refuses who is there already (68), and with that everybody: the others are sent without.
    assert_eq!((add(&[&there, &newcomer]), members()), (204, count + 1));
    assert_eq!((add(&[&there]), members()), (204, count + 1));
    // It refuses who is not there (53).
    assert_eq!((gone(&newcomer), gone(&newcomer), gone(&there), members()), (204, 204, 204, count - 1));
    // All by others.
    let whole = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "staff", "members": [{"value": newcomer}]});
    let put = server.request("PUT", &path).json(&whole).send();
    assert_eq!((put.status, members()), (200, 1), "{put:?}");
}

#[test]
fn a_new_user_is_let_in_once_the_password_is_set() {
    let fake = FakeDirectory::active_directory().unwrap();
    let server = gateway(&fake);
    let make = |name: &str, more: Value| {
        let mut body = json!({"schemas": [USER], "userName": name, "name": {"familyName": "F"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/scim/v2/Users", &body)
    };
    let made = make("anna@fake.example", json!({"password": "Correct.Horse.1", "active": true}));
    assert_eq!((made.status, made.json()["active"].clone()), (201, json!(true)), "{made:?}");
    let at = |name: &str| format!("CN={name},OU=people,{SUFFIX}");
    let held = |name: &str, attribute: &str| {
        let world = fake.world();
        let entry = world.entry(world.by_name(&at(name)).unwrap()).unwrap();
        entry.values(attribute).first().map(|value| String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!(held("anna@fake.example", "userAccountControl").as_deref(), Some("512"));
    assert_eq!(held("anna@fake.example", "sAMAccountName").as_deref(), Some("anna"));
    let password: Vec<u8> = "\"Correct.Horse.1\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let set = {
        let world = fake.world();
        world.entry(world.by_name(&at("anna@fake.example")).unwrap()).unwrap().values("unicodePwd").to_vec()
    };
    assert_eq!(set, [password]);

    // Nobody is let in without a password: that is refused with the directory's reason, and the mend.
    let refused = make("bert@fake.example", json!({}));
    refused.is_error(400, Some("invalidValue"));
    let told = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.starts_with("active: ") && told.contains("0000052D") && told.contains("send a password"), "{told}");
    let made = make("carl@fake.example", json!({"active": false}));
    assert_eq!((made.status, made.json()["active"].clone()), (201, json!(false)));
    // What would be too long an account name, or hold what none may hold, is left to the directory.
    for name in ["maximilian.von.und.zu.langenstein@fake.example", "a+b@fake.example"] {
        assert_eq!(make(name, json!({"active": false})).status, 201, "{name}");
        assert_eq!(held(&name.replace('+', "\\+"), "sAMAccountName"), None, "{name}");
    }
}

#[test]
fn a_limit_of_time_is_told_and_passes() {
    let fake = FakeDirectory::active_directory().unwrap();
    fake.people(0..3);
    let server = gateway(&fake);
    let path = only(&server, "Users");
    for (code, status) in [(3, 400), (11, 400), (51, 503), (52, 503)] {
        // Each is asked again once, elsewhere or here.
        for _ in 0..4 {
            fake.next(Fault::Refuse(code));
        }
        let answer = server.get(&path);
        assert_eq!(answer.status, status, "{code}: {answer:?}");
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{answer:?}");
        wait("an answer", || server.get(&path).status == 200);
    }
    assert_eq!(list(&server, &path)["userName"], "user000000@fake.example");
    assert!(fake.world().by_name(&person(0)).is_some());
}
