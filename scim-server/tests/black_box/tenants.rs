//! Tenants do not see, reach or notice each other (threats A01 to A05, A10, B04, B06, D03).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use conformance_tests::answer::Answer;
use conformance_tests::session::{ENTERPRISE, GROUP, Session, patch_op, unique, user};
use scim_core::access::Profile;
use serde_json::{Value, json};

use crate::ground::{BULK, HEAP};
use crate::support::{PATIENCE, Server, client_error, populate, wait_until};

struct Two {
    server: Server,
    ours: Session,
    theirs: Session,
    user: String,
    group: String,
    before: String,
}

impl Two {
    fn new() -> Two {
        let server = Server::start();
        let (ours, theirs) = (server.tenant(Profile::Compatible), server.tenant(Profile::Compatible));
        let made = theirs.user(json!({"userName": "victim@example.com", "externalId": "42", "emails": [{"value": "victim@example.com"}], "title": "Canary"})).unwrap();
        let user = made.id().unwrap().to_owned();
        let group = theirs.group("Secret crew", &[&user]).unwrap().id().unwrap().to_owned();
        let mut two = Two { server, ours, theirs, user, group, before: String::new() };
        two.before = two.shown();
        two
    }

    fn shown(&self) -> String {
        String::from_utf8(self.theirs.get("/").unwrap().is(200).unwrap().raw).unwrap()
    }

    fn unharmed(&mut self) {
        assert_eq!(self.shown(), self.before);
        self.server.is_well();
    }
}

/// A request without what names the resource, for comparison.
fn told(answer: &Answer) -> (u16, String) {
    (answer.status, String::from_utf8_lossy(&answer.raw).into_owned())
}

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// Threat A01: every route, with the right token for another tenant.
#[test]
fn ids_of_another_tenant_are_as_unknown_as_ids_of_nobody() {
    let mut two = Two::new();
    let mine = two.ours.user(json!({})).unwrap().id().unwrap().to_owned();
    let own_group = two.ours.group("Ours", &[]).unwrap().id().unwrap().to_owned();
    let alike = |send: &dyn Fn(&str) -> Answer, id: &str| {
        let (foreign, unknown) = (send(id), send(NOBODY));
        let (foreign_told, unknown_told) = (told(&foreign), told(&unknown));
        assert_eq!((foreign_told.0, foreign_told.1.replace(id, NOBODY)), unknown_told);
        assert!(!foreign_told.1.contains("Canary") && !foreign_told.1.contains("victim"), "{}", foreign.tell());
        foreign
    };
    let ours = &two.ours;
    for (endpoint, id) in [("/Users", &two.user), ("/Groups", &two.group)] {
        let body = if endpoint == "/Users" {
            user(json!({"userName": "x"}))
        } else {
            json!({"schemas": [GROUP], "displayName": "X"})
        };
        let path = |id: &str| format!("{endpoint}/{id}");
        client_error(alike(&|id| ours.get(&path(id)).unwrap(), id).is(404).unwrap());
        client_error(alike(&|id| ours.get(&format!("{}?attributes=id", path(id))).unwrap(), id).is(404).unwrap());
        client_error(alike(&|id| ours.put(&path(id), &body).unwrap(), id).is(404).unwrap());
        client_error(
            alike(
                &|id| ours.patch(&path(id), json!([{"op": "replace", "path": "displayName", "value": "X"}])).unwrap(),
                id,
            )
            .is(404)
            .unwrap(),
        );
        client_error(alike(&|id| ours.delete(&path(id)).unwrap(), id).is(404).unwrap());
        for etag in ["*", "W/\"1\"", "W/\"2\""] {
            let conditional = |id: &str| ours.request("DELETE", &path(id)).header("If-Match", etag).send().unwrap();
            client_error(alike(&conditional, id));
            alike(&|id| ours.request("GET", &path(id)).header("If-None-Match", etag).send().unwrap(), id);
        }
        for method in ["PUT", "PATCH", "DELETE"] {
            let data = if method == "PATCH" {
                patch_op(json!([{"op": "replace", "path": "displayName", "value": "X"}]))
            } else {
                body.clone()
            };
            let send = |id: &str| {
                let mut operation = json!({"method": method, "path": path(id)});
                if method != "DELETE" {
                    operation["data"] = data.clone();
                }
                ours.bulk(json!([operation])).unwrap()
            };
            alike(&send, id).is(200).unwrap().has("/Operations/0/status", "404").unwrap();
        }
        for filter in [
            "id eq \"ID\"",
            "meta.location co \"ID\"",
            "members.value eq \"ID\"",
            "members[value eq \"ID\"]",
            "groups.value eq \"ID\"",
            &format!("{ENTERPRISE}:manager.value eq \"ID\""),
        ] {
            for endpoint in ["/Users", "/Groups", ""] {
                let found = alike(&|id| ours.filter(endpoint, &filter.replace("ID", id)).unwrap(), id);
                assert!(found.status == 400 || found.at("/totalResults") == 0, "{}", found.tell());
            }
        }
        for value in [
            json!({"value": "ID"}),
            json!({"value": "ID", "$ref": "../Users/ID"}),
            json!({"$ref": "http://x/scim/v2/Users/ID"}),
            json!({"value": "ID", "type": "User"}),
        ] {
            let of = |id: &str| -> Value { serde_json::from_str(&value.to_string().replace("ID", id)).unwrap() };
            client_error(
                alike(
                    &|id| {
                        ours.post("/Groups", &json!({"schemas": [GROUP], "displayName": "G", "members": [of(id)]}))
                            .unwrap()
                    },
                    id,
                )
                .is(400)
                .unwrap(),
            );
            client_error(
                alike(
                    &|id| {
                        ours.patch(
                            &format!("/Groups/{own_group}"),
                            json!([{"op": "add", "path": "members", "value": [of(id)]}]),
                        )
                        .unwrap()
                    },
                    id,
                )
                .is(400)
                .unwrap(),
            );
            client_error(
                alike(
                    &|id| {
                        ours.put(
                            &format!("/Groups/{own_group}"),
                            &json!({"schemas": [GROUP], "displayName": "Ours", "members": [of(id)]}),
                        )
                        .unwrap()
                    },
                    id,
                )
                .is(400)
                .unwrap(),
            );
            client_error(
                alike(
                    &|id| {
                        ours.patch(
                            &format!("/Users/{mine}"),
                            json!([{"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": of(id)}]),
                        )
                        .unwrap()
                    },
                    id,
                )
                .is(400)
                .unwrap(),
            );
        }
    }
    for path in ["/", "/Users", "/Groups", "/Users?sortBy=userName", "/Users?cursor=&count=1"] {
        let list = ours.get(path).unwrap().is(200).unwrap();
        list.hides(&two.user).unwrap().hides(&two.group).unwrap().hides("Canary").unwrap();
    }
    two.unharmed();
}

/// A cursor of one tenant opens nothing in another (RFC 9865 section 2).
#[test]
fn cursors_and_etags_of_another_tenant_open_nothing() {
    let mut two = Two::new();
    populate(&two.theirs, 5, |n| format!("theirs-{n}"));
    two.before = two.shown();
    let cursor = two.theirs.get("/Users?cursor=&count=1").unwrap().is(200).unwrap().text("/nextCursor").to_owned();
    assert!(!cursor.is_empty());
    two.ours.get(&format!("/Users?count=1&cursor={cursor}")).unwrap().fails(400, "invalidCursor").unwrap();
    two.unharmed();
}

/// Threat A02.
#[test]
fn a_tenant_in_the_path_must_be_that_of_the_credential() {
    let mut two = Two::new();
    let foreign = two.ours.with_base(&two.theirs.site.named());
    let nobody = two.ours.with_base(&two.theirs.site.named().replace(&two.theirs.site.tenant, "no-such-tenant"));
    let body = user(json!({}));
    let paths = [
        "/",
        "/Users",
        &format!("/Users/{}", two.user),
        "/Groups",
        "/Me",
        "/Schemas",
        "/ResourceTypes",
        "/Bulk",
        "/.search",
        "/Users/.search",
        "/x",
    ];
    for path in paths {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let send = |session: &Session| {
                let request = session.request(method, path);
                told(
                    &if matches!(method, "POST" | "PUT" | "PATCH") { request.json(&body) } else { request }
                        .send()
                        .unwrap(),
                )
            };
            let refused = send(&foreign);
            assert_eq!(refused.0, 404, "{method} {path}: {refused:?}");
            assert_eq!(refused, send(&nobody), "{method} {path}");
        }
    }
    two.ours.with_base(&two.ours.site.named()).get("/Users").unwrap().is(200).unwrap();
    for trick in [
        "/t/%2e%2e/scim/v2",
        "/t//scim/v2",
        &format!("/t/{}%2f..%2f{}/scim/v2", two.ours.site.tenant, two.theirs.site.tenant),
        &format!("/t/{};x={}/scim/v2", two.theirs.site.tenant, two.ours.site.tenant),
    ] {
        let base = format!("{}{trick}", two.ours.site.origin());
        client_error(two.ours.with_base(&base).get("/Users").unwrap().is(404).unwrap());
    }
    two.unharmed();
}

/// Threats A03, A05, B04: what another tenant has hinders nobody, and nothing is taken over.
#[test]
fn one_name_in_two_tenants_is_two_people() {
    let mut two = Two::new();
    let same =
        json!({"userName": "victim@example.com", "externalId": "42", "emails": [{"value": "victim@example.com"}]});
    let made = two.ours.user(same.clone()).unwrap();
    assert_ne!(made.id().unwrap(), two.user);
    made.lacks("/title").unwrap();
    two.ours.post("/Users", &user(same)).unwrap().fails(409, "uniqueness").unwrap();
    // The same address or external id is no reason to take one for another.
    let other = two.ours.user(json!({"externalId": "42", "emails": [{"value": "victim@example.com"}]})).unwrap();
    assert_ne!(other.id().unwrap(), made.id().unwrap());
    two.ours.group("Secret crew", &[]).unwrap();
    two.unharmed();
}

/// Threat A04: an external id is text of the client's, never a key.
#[test]
fn external_ids_open_nothing() {
    let mut two = Two::new();
    let victim = two.ours.user(json!({"userName": "admin"})).unwrap().id().unwrap().to_owned();
    for external in ["1", "admin", &victim, &two.user, "victim@example.com", "../Users", "*"] {
        let made = two.ours.user(json!({"externalId": external})).unwrap();
        assert_ne!(made.id().unwrap(), victim);
        let found = two.ours.filter("/Users", &format!("externalId eq \"{external}\"")).unwrap().is(200).unwrap();
        found.finds(&[made.id().unwrap()]).unwrap();
        if external != victim {
            let answer = two.ours.get(&format!("/Users/{external}")).unwrap();
            assert_eq!(answer.status, 404, "{}", answer.tell());
        }
        two.ours.get(&format!("/Users/{victim}")).unwrap().is(200).unwrap().has("/userName", "admin").unwrap();
    }
    two.unharmed();
}

/// Threat A10.
#[test]
fn who_is_made_again_has_nothing_of_who_was_deleted() {
    let server = Server::start();
    let session = server.session();
    let first = session.user(json!({"userName": "phoenix"})).unwrap().id().unwrap().to_owned();
    let report = session.user(json!({ENTERPRISE: {"manager": {"value": first}}})).unwrap().id().unwrap().to_owned();
    let group = session.group("Firebirds", &[&first]).unwrap().id().unwrap().to_owned();
    session.delete(&format!("/Users/{first}")).unwrap().is(204).unwrap();
    let second = session.user(json!({"userName": "phoenix"})).unwrap();
    assert_ne!(second.id().unwrap(), first);
    second.lacks("/groups").unwrap();
    session.get(&format!("/Users/{first}")).unwrap().fails(404, "").unwrap();
    session.get(&format!("/Groups/{group}")).unwrap().is(200).unwrap().lacks("/members").unwrap();
    session
        .get(&format!("/Users/{report}"))
        .unwrap()
        .is(200)
        .unwrap()
        .lacks(&format!("/{ENTERPRISE}/manager"))
        .unwrap();
}

/// Threat B06: ids and versions tell nothing of what others do.
#[test]
fn ids_and_versions_count_nothing() {
    let server = Server::start();
    let (one, two) = (server.tenant(Profile::Compatible), server.tenant(Profile::Compatible));
    let quiet = one.user(json!({})).unwrap();
    populate(&two, 200, |n| format!("busy-{n}"));
    let later = one.user(json!({})).unwrap();
    assert_eq!(quiet.header("etag"), later.header("etag"), "both are of the first version, whatever happened between");
    // What follows the time in an id is chance.
    let tail = |answer: &Answer| answer.id().unwrap().rsplit('-').next().unwrap().to_owned();
    assert_ne!(tail(&quiet), tail(&later));
}

/// Clients that all send one thing over and over, and how many answers they have had.
pub struct Crowd {
    clients: usize,
    answers: AtomicUsize,
}

impl Crowd {
    /// So many clients send this while `meanwhile` runs.
    pub fn of(clients: usize, send: impl Fn() -> Answer + Sync, meanwhile: impl FnOnce(&Crowd)) {
        let (crowd, done) = (Crowd { clients, answers: AtomicUsize::new(0) }, AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let answer = send();
                        assert!(matches!(answer.status, 200 | 503), "{}", answer.tell());
                        crowd.answers.fetch_add(usize::from(answer.status == 200), Ordering::Relaxed);
                    }
                });
            }
            // Until the queue stands.
            wait_until(PATIENCE, "the crowd is served", || crowd.answers.load(Ordering::Relaxed) > clients);
            let _ends = Ends(&done);
            meanwhile(&crowd);
        });
    }

    /// Sends this until fewer than half of the crowd are answered before it. Who stands in one queue with them waits for
    /// each of them once, every time; on a busy machine others pass now and then because their turn on a processor came.
    pub fn passes(&self, what: &str, send: impl Fn() -> Answer) {
        let ahead = || {
            let before = self.answers.load(Ordering::Relaxed);
            send().is(200).unwrap();
            self.answers.load(Ordering::Relaxed) - before
        };
        let mut seen = Vec::new();
        while seen.last().is_none_or(|ahead| ahead * 2 >= self.clients) {
            assert!(seen.len() < 50, "{what}: of {} clients, so many were answered first: {seen:?}", self.clients);
            seen.push(ahead());
        }
        println!("{what}: answered first, of {} clients: {seen:?}", self.clients);
    }
}

/// Ends the crowd, also when a check fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Threat D03: a tenant that heaps up the most expensive things waits for them itself. Whoever asks for the same beside
/// it waits for a place among tenants, not among requests.
#[test]
fn a_tenant_that_heaps_up_scans_makes_its_own_wait() {
    let mut server = Server::start();
    let (loud, quiet) = (server.tenant(Profile::Compatible), server.tenant(Profile::Compatible));
    for tenant in [&loud, &quiet] {
        populate(tenant, HEAP, |n| format!("user-{n}"));
    }
    let path = format!("/Users/{}", quiet.user(json!({})).unwrap().id().unwrap());
    let rename = || quiet.patch(&path, json!([{"op": "replace", "path": "title", "value": unique("t")}])).unwrap();
    let read = || quiet.get(&path).unwrap();
    let scan =
        |tenant: &Session| tenant.filter("/Users", "not (name.familyName co \"a\") and title co \"zz\"").unwrap();
    Crowd::of(
        50,
        || scan(&loud),
        |crowd| {
            crowd.passes("read", read);
            crowd.passes("write", rename);
            crowd.passes("scan", || scan(&quiet));
        },
    );
    server.is_well();
}

/// Threat D03: the same of writes, whatever it is at which tenants take turns: the one writer of a file, connections.
#[test]
fn a_tenant_that_heaps_up_writes_makes_its_own_wait() {
    let mut server = Server::start();
    let (loud, quiet) = (server.tenant(Profile::Compatible), server.tenant(Profile::Compatible));
    let path = format!("/Users/{}", quiet.user(json!({})).unwrap().id().unwrap());
    let rename = || quiet.patch(&path, json!([{"op": "replace", "path": "title", "value": unique("t")}])).unwrap();
    let bulk = || {
        let operation = |_| json!({"method": "POST", "path": "/Users", "bulkId": unique("b"), "data": user(json!({}))});
        loud.bulk((0..BULK).map(operation).collect()).unwrap()
    };
    Crowd::of(40, bulk, |crowd| {
        crowd.passes("read", || quiet.get(&path).unwrap());
        crowd.passes("write", rename);
    });
    server.is_well();
}
