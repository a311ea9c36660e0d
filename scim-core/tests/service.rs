//! The use cases over the reference store: what needs neither HTTP nor a database to be seen.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "service/committed.rs"]
mod committed;
#[path = "service/custom_types.rs"]
mod custom_types;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::FutureExt;
use scim_core::access::{Principal, Profile, Tenant, Turn};
use scim_core::clock::{Clock, Entropy, Timestamp};
use scim_core::error::ErrorKind;
use scim_core::limits::Limits;
use scim_core::schema::{Registry, ResourceType};
use scim_core::service::*;
use scim_core::store::control::TenantSettings;
use scim_core::store::memory::MemoryStore;
use scim_core::store::{Store, TenantId};
use scim_core::{Done, ScimError};
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        let tick = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_millis(1_700_000_000_000 + i64::try_from(tick).unwrap())
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }
}

struct Counter(Mutex<u64>);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        for (to, from) in bytes.iter_mut().rev().zip(count.to_le_bytes()) {
            *to = from;
        }
    }
}

struct Inline;

impl Pool for Inline {
    fn submit(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), Full> {
        job();
        Ok(())
    }
}

struct Desk {
    service: Service,
    caller: Caller,
}

impl Desk {
    fn new(settings: TenantSettings) -> Self {
        Desk::with(Registry::standard(), settings)
    }

    fn with(registry: Registry, settings: TenantSettings) -> Self {
        Desk::over(Arc::new(MemoryStore::new()), registry, settings)
    }

    fn over(store: Arc<dyn Store>, registry: Registry, settings: TenantSettings) -> Self {
        let env = Env {
            clock: Arc::new(Ticks(AtomicU64::new(0))),
            entropy: Arc::new(Counter(Mutex::new(0))),
            pool: Arc::new(Inline),
            limits: Arc::new(Limits::default()),
            cursor_key: [7; 32],
            discovery: Arc::new(Discovery::default()),
        };
        let tenant =
            Tenant { id: TenantId::new("acme"), registry: Arc::new(registry), settings, large: Turn::default() };
        let principal = Principal {
            name: "test".into(),
            rights: vec!["write".parse().unwrap()],
            profile: Profile::Compatible,
            subject: None,
        };
        let caller = Caller {
            tenant: Arc::new(tenant),
            principal: Arc::new(principal),
            request: "r".into(),
            base: "http://h/scim/v2".into(),
            deadline: None,
        };
        Desk { service: Service::new(store, env), caller }
    }

    fn kind(&self, endpoint: &str) -> Arc<ResourceType> {
        self.caller.tenant.registry.endpoint(endpoint, false).unwrap().clone()
    }

    fn create(&self, endpoint: &str, body: Value) -> Result<Value, ScimError> {
        let rt = self.kind(endpoint);
        let body = body.to_string();
        answer(self.service.create(&self.caller, &rt, body.as_bytes(), &View::default()).now_or_never().unwrap())
    }

    fn user(&self, name: &str) -> String {
        id(&self.create("Users", json!({ "schemas": [USER], "userName": name })).unwrap())
    }

    fn group(&self, name: &str, members: &[&str]) -> String {
        let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
        id(&self.create("Groups", json!({ "schemas": [GROUP], "displayName": name, "members": members })).unwrap())
    }

    fn read(&self, endpoint: &str, id: &str) -> Result<Value, ScimError> {
        let rt = self.kind(endpoint);
        let (view, conditions) = (View::default(), Conditions::default());
        answer(self.service.read(&self.caller, &rt, id, &view, &conditions).now_or_never().unwrap())
    }

    fn patch(&self, endpoint: &str, id: &str, operations: Value) -> Result<Reply, ScimError> {
        let rt = self.kind(endpoint);
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
            .to_string();
        let (view, conditions, prefer) = (View::default(), Conditions::default(), Prefer::default());
        let patch = self.service.patch(&self.caller, &rt, id, body.as_bytes(), &view, &conditions, &prefer);
        patch.now_or_never().unwrap()
    }

    fn delete(&self, endpoint: &str, id: &str) {
        let rt = self.kind(endpoint);
        let conditions = Conditions::default();
        let reply = self.service.delete(&self.caller, &rt, id, &conditions).now_or_never().unwrap().unwrap();
        assert_eq!(reply.done, Done::NoContent);
    }

    fn list(&self, endpoint: &str, params: ListParams) -> Result<Value, ScimError> {
        let rt = self.kind(endpoint);
        answer(self.service.list(&self.caller, Over::Type(&rt), &params).now_or_never().unwrap())
    }

    fn bulk(&self, body: Value) -> Result<Value, ScimError> {
        let body = body.to_string();
        answer(self.service.bulk(&self.caller, body.as_bytes()).now_or_never().unwrap())
    }
}

fn answer(reply: Result<Reply, ScimError>) -> Result<Value, ScimError> {
    reply.map(|reply| serde_json::from_slice(&reply.body).expect("the body is JSON"))
}

fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap().to_owned()
}

fn desk() -> Desk {
    Desk::new(TenantSettings::default())
}

#[test]
fn a_resource_is_shown_whole_with_its_links_and_its_meta() {
    let desk = desk();
    let boss = desk.user("boss");
    let user = desk
        .create(
            "Users",
            json!({
                "schemas": [USER], "userName": "bjensen", "password": "t0p-Secret",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                    "department": "R", "manager": { "value": boss },
                },
            }),
        )
        .unwrap();
    let group = desk.group("Tour", &[&id(&user)]);
    let shown = desk.read("Users", &id(&user)).unwrap();
    let enterprise = &shown["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"];
    assert_eq!(enterprise["department"], "R");
    assert_eq!(enterprise["manager"]["value"], boss.as_str());
    assert_eq!(enterprise["manager"]["displayName"], "boss");
    assert_eq!(enterprise["manager"]["$ref"], format!("http://h/scim/v2/Users/{boss}"));
    assert_eq!(shown["groups"][0]["value"], group.as_str());
    assert_eq!(shown["groups"][0]["type"], "direct");
    assert_eq!(shown["groups"][0]["display"], "Tour");
    assert_eq!(shown["meta"]["location"], format!("http://h/scim/v2/Users/{}", id(&user)));
    assert_eq!(shown["active"], true);
    assert!(!shown.to_string().contains("t0p-Secret"));
    assert!(shown["meta"]["version"].as_str().unwrap().starts_with("W/\"1-"), "{}", shown["meta"]);
}

#[test]
fn groups_are_shown_through_nested_groups_and_cycles_end() {
    let desk = desk();
    let user = desk.user("u");
    let inner = desk.group("inner", &[&user]);
    let outer = desk.group("outer", &[&inner]);
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": outer }] }]);
    assert_eq!(desk.patch("Groups", &inner, add).unwrap().done, Done::NoContent);
    let groups = desk.read("Users", &user).unwrap()["groups"].clone();
    let mut seen: Vec<_> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["display"].as_str().unwrap(), group["type"].as_str().unwrap()))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [("inner", "direct"), ("outer", "indirect")]);
}

#[test]
fn deleting_a_user_takes_its_memberships_along_and_moves_the_groups() {
    let desk = desk();
    let (one, two) = (desk.user("one"), desk.user("two"));
    let group = desk.group("g", &[&one, &two]);
    let before = desk.read("Groups", &group).unwrap();
    desk.delete("Users", &one);
    let after = desk.read("Groups", &group).unwrap();
    assert_eq!(after["members"].as_array().unwrap().len(), 1);
    assert_ne!(before["meta"]["version"], after["meta"]["version"]);
    assert_eq!(desk.read("Users", &one).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn walks_by_index_and_by_cursor_lose_nobody_while_others_are_deleted() {
    for by_cursor in [false, true] {
        let desk = desk();
        let all: Vec<String> = (0..50).map(|n| desk.user(&format!("u{n:02}"))).collect();
        let (mut seen, mut cursor, mut start) = (Vec::new(), String::new(), 1);
        loop {
            let mut params = ListParams { count: Some("7".into()), ..ListParams::default() };
            if by_cursor {
                params.cursor = Some(cursor.clone());
            } else {
                params.start_index = Some(start.to_string());
            }
            let page = desk.list("Users", params).unwrap();
            let resources = page["Resources"].as_array().unwrap();
            seen.extend(resources.iter().map(id));
            start += resources.len();
            // Somebody already seen goes.
            if let Some(gone) = seen.len().checked_sub(3).and_then(|n| seen.get(n)) {
                desk.delete("Users", gone);
            }
            if by_cursor {
                match page.get("nextCursor") {
                    Some(next) => cursor = next.as_str().unwrap().to_owned(),
                    None => break,
                }
            } else if start as u64 > page["totalResults"].as_u64().unwrap() {
                break;
            }
        }
        assert_eq!(seen, all, "by cursor: {by_cursor}");
    }
}

#[test]
fn cursors_go_back_and_refuse_other_queries() {
    let desk = desk();
    for n in 0..5 {
        desk.user(&format!("u{n}"));
    }
    let page = |cursor: &str, count: &str, filter: Option<&str>| {
        let filter = filter.map(str::to_owned);
        let (cursor, count) = (Some(cursor.to_owned()), Some(count.to_owned()));
        desk.list("Users", ListParams { cursor, count, filter, ..ListParams::default() })
    };
    let text = |page: &Value, name: &str| page[name].as_str().unwrap_or_default().to_owned();
    let first = page("", "2", None).unwrap();
    assert_eq!((first.get("startIndex"), first.get("previousCursor")), (None, None));
    let second = page(&text(&first, "nextCursor"), "2", None).unwrap();
    let back = page(&text(&second, "previousCursor"), "2", None).unwrap();
    assert_eq!(back["Resources"], first["Resources"]);
    assert_eq!(back.get("previousCursor"), None);
    let next = text(&first, "nextCursor");
    assert_eq!(page(&next, "3", None).unwrap_err().kind, ErrorKind::InvalidCount);
    assert_eq!(page(&next, "2", Some("userName pr")).unwrap_err().kind, ErrorKind::InvalidCursor);
    assert_eq!(page("abc", "2", None).unwrap_err().kind, ErrorKind::InvalidCursor);
}

fn bulk(operations: &[Value]) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations })
}

fn post(path: &str, bulk_id: &str, data: Value) -> Value {
    json!({ "method": "POST", "path": path, "bulkId": bulk_id, "data": data })
}

fn group_of(name: &str, member: &str) -> Value {
    json!({ "schemas": [GROUP], "displayName": name, "members": [{ "value": member }] })
}

fn statuses(answer: &Value) -> Vec<&str> {
    answer["Operations"].as_array().unwrap().iter().map(|entry| entry["status"].as_str().unwrap()).collect()
}

#[test]
fn bulk_resolves_references_forward_and_in_circles() {
    let desk = desk();
    let answer = desk
        .bulk(bulk(&[
            post("/Groups", "a", group_of("A", "bulkId:b")),
            post("/Groups", "b", group_of("B", "bulkId:a")),
            post("/Groups", "c", group_of("C", "bulkId:u")),
            post("/Users", "u", json!({ "schemas": [USER], "userName": "u" })),
            json!({ "method": "PATCH", "path": "/Users/bulkId:u", "data": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{ "op": "add", "path": "title", "value": "bulkId:u" }],
            } }),
        ]))
        .unwrap();
    assert_eq!(statuses(&answer), ["201", "201", "201", "201", "200"], "{answer}");
    let named: Vec<_> = answer["Operations"].as_array().unwrap().iter().map(|entry| &entry["bulkId"]).collect();
    assert_eq!(named[..4], ["a", "b", "c", "u"]);
    let id_at = |n: usize| answer["Operations"][n]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    for (group, member) in [(0, 1), (1, 0), (2, 3)] {
        assert_eq!(desk.read("Groups", &id_at(group)).unwrap()["members"][0]["value"], id_at(member).as_str());
    }
    assert_eq!(desk.read("Users", &id_at(3)).unwrap()["title"], "bulkId:u", "an ordinary string stays as it is");
}

#[test]
fn bulk_tells_failures_apart() {
    let desk = desk();
    desk.user("taken");
    let taken = json!({ "schemas": [USER], "userName": "taken" });
    let answer = desk
        .bulk(bulk(&[
            post("/Users", "u", taken.clone()),
            post("/Groups", "g", group_of("G", "bulkId:u")),
            post("/Groups", "own", group_of("Own", "bulkId:own")),
            post("/Groups", "none", group_of("None", "bulkId:nobody")),
            json!({ "method": "GET", "path": "/Users/x" }),
            json!({ "method": "DELETE", "path": "/Users/x" }),
        ]))
        .unwrap();
    assert_eq!(statuses(&answer), ["409", "409", "400", "400", "400", "404"], "{answer}");
    let mut stopping = bulk(&[post("/Users", "1", taken.clone()), post("/Users", "2", taken)]);
    stopping["failOnErrors"] = 1.into();
    assert_eq!(statuses(&desk.bulk(stopping).unwrap()), ["409"]);
}

#[test]
fn members_that_do_not_exist_are_refused_or_left_out_as_the_tenant_says() {
    use scim_core::store::control::OnMissing;
    let refusing = desk();
    let error = refusing.create("Groups", group_of("g", "nobody")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidValue);
    assert!(error.detail.contains("nobody"), "{error}");
    let ignoring =
        Desk::new(TenantSettings { on_missing_member: Some(OnMissing::Ignore), ..TenantSettings::default() });
    assert_eq!(ignoring.create("Groups", group_of("g", "nobody")).unwrap().get("members"), None);
}

#[test]
fn tenants_may_be_held_to_domains_and_quotas() {
    let settings =
        TenantSettings { domains: vec!["example.com".into()], resources_max: Some(1), ..TenantSettings::default() };
    let desk = Desk::new(settings);
    let user = |name: &str| desk.create("Users", json!({ "schemas": [USER], "userName": name }));
    // An at sign in another width is one in the key of the name, by which it is found and taken (threat C10).
    for name in
        ["a@evil.example", "a\u{ff20}evil.example", "a\u{fe6b}evil.example", "a@example.com\u{ff20}evil.example"]
    {
        assert_eq!(user(name).unwrap_err().kind, ErrorKind::InvalidValue, "{name}");
    }
    let body = json!({ "schemas": [USER], "userName": "m", "emails": [{ "value": "m\u{ff20}evil.example" }] });
    assert_eq!(desk.create("Users", body).unwrap_err().kind, ErrorKind::InvalidValue);
    let id = id(&user("a@Example.com").unwrap());
    let rename = json!([{ "op": "replace", "path": "userName", "value": "a@evil.example" }]);
    assert_eq!(desk.patch("Users", &id, rename).unwrap_err().kind, ErrorKind::InvalidValue);
    assert_eq!(user("b@example.com").unwrap_err().kind, ErrorKind::Forbidden);
}

#[test]
fn passwords_are_verified_and_never_shown() {
    let desk = desk();
    let body = json!({ "schemas": [USER], "userName": "bj", "password": "pa\u{df}wort" });
    desk.create("Users", body).unwrap();
    let scope = scim_core::store::Scope {
        tenant: desk.caller.tenant.id.clone(),
        actor: "app".into(),
        request: "r".into(),
        now: Timestamp::default(),
        deadline: None,
    };
    for (name, candidate, right) in [
        ("BJ", "pa\u{df}wort", true),
        ("bj", "pa\u{df}Wort", false),
        ("bj", "", false),
        ("nobody", "pa\u{df}wort", false),
    ] {
        let verified = desk.service.verify_password(&scope, &desk.caller.tenant, name, candidate.to_owned().into());
        assert_eq!(verified.now_or_never().unwrap().unwrap(), right, "{name} {candidate}");
    }
}

#[test]
fn ids_rise_also_within_a_millisecond() {
    let desk = desk();
    let bodies: Vec<_> =
        (0..100).map(|n| (desk.kind("Users"), json!({ "schemas": [USER], "userName": format!("u{n}") }))).collect();
    let made = desk.service.import(&desk.caller, &bodies).now_or_never().unwrap();
    let ids: Vec<_> = made.into_iter().map(Result::unwrap).collect();
    assert!(ids.is_sorted(), "{ids:?}");
}

#[test]
fn a_long_bulk_lets_others_come_between() {
    let desk = desk();
    let post = |n: u32| post("/Users", &n.to_string(), json!({ "schemas": [USER], "userName": n.to_string() }));
    let body = bulk(&(0..100).map(post).collect::<Vec<_>>()).to_string();
    let mut others = 0;
    let mut run = std::pin::pin!(desk.service.bulk(&desk.caller, body.as_bytes()));
    let answer = loop {
        match run.as_mut().now_or_never() {
            Some(reply) => break answer(reply).unwrap(),
            None => others += 1,
        }
    };
    assert_eq!(statuses(&answer), ["201"; 100]);
    assert!(others >= 20, "others came between {others} times");
}
