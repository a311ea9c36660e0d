//! Another binary's backend, without a fork: `Server::builder().backend(…)`. The store here misbehaves on request, which
//! shows what the server makes of that; it keeps no credentials, so they stand in the configuration.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scim_core::change::{Mutation, Outcome};
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::memory::MemoryStore;
use scim_core::store::{BoxStream, Capabilities, Record, ResourceId, Result, Scan, Scope, Store, StoreErrorKind};
use scim_server::{Factory, Opened, Server};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{Running, USER};

/// The reference store, but for some ids.
#[derive(Debug, Default)]
struct Moody(MemoryStore);

/// Who asks for `dozes` waits until there is a place here.
static AWAKE: Semaphore = Semaphore::const_new(0);

#[async_trait]
impl Store for Moody {
    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }

    async fn read(&self, scope: &Scope, kind: &Kind, ids: &[ResourceId], select: &Select) -> Result<Vec<Record>> {
        match ids.first().map_or("", ResourceId::as_str) {
            "panics" => panic!("a defect of the store, with personal data in its text"),
            "fails" => Err(StoreErrorKind::Corrupt.into()),
            "is-away" => Err(StoreErrorKind::Unavailable.into()),
            "sleeps" => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(Vec::new())
            }
            "dozes" => {
                let _place = AWAKE.acquire().await;
                Ok(Vec::new())
            }
            _ => self.0.read(scope, kind, ids, select).await,
        }
    }

    fn scan<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        self.0.scan(scope, scan)
    }

    async fn commit(&self, scope: &Scope, batch: Vec<Mutation>) -> Vec<Result<Outcome>> {
        self.0.commit(scope, batch).await
    }
}

const MOODY: Factory = Factory {
    name: "moody",
    keys: || json!({ "temper": "short" }),
    keeps_control: false,
    begun: |_| Ok(false),
    open: |_, _, _| Box::pin(async { Ok(Opened { store: Arc::new(Moody::default()), control: None, upkeep: None }) }),
    restore: None,
};

const TOKEN: &str = "a-token-of-the-operators-own-making-0";

fn moody(more: &str) -> Running {
    let settings = format!(
        "[store]\nbackend = \"moody\"\n{more}\n[[tokens]]\nname = \"n\"\ntenant = \"acme\"\ntoken = \"{TOKEN}\"\n\
         [[tokens]]\nname = \"reader\"\ntenant = \"acme\"\ntoken = \"another-{TOKEN}\"\nscope = [\"read\"]\n"
    );
    let mut server = Running::built(Server::builder().backend(MOODY), &settings, |_| {});
    server.token = TOKEN.to_owned();
    server
}

#[test]
fn a_backend_from_elsewhere_serves_with_tokens_from_the_configuration() {
    let server = moody("");
    let id = server.user("anna");
    assert_eq!(server.get(&format!("/t/acme/scim/v2/Users/{id}")).status, 200);
    let reader = |method: &str| {
        let request =
            server.anonymous(method, "/scim/v2/Users").header("Authorization", &format!("Bearer another-{TOKEN}"));
        request.json(&json!({"schemas": [USER], "userName": "ben"})).send().status
    };
    assert_eq!((reader("GET"), reader("POST")), (200, 403));
}

/// A defect costs the request that met it, and its text goes nowhere (F12, 7644-3.12-14).
#[test]
fn a_panic_is_one_answer_of_500() {
    let server = moody("");
    for _ in 0..3 {
        let answer = server.get("/scim/v2/Users/panics");
        answer.is_error(500, None);
        assert!(!String::from_utf8_lossy(&answer.body).contains("personal"), "{answer:?}");
        assert_eq!(server.get("/scim/v2/Users").status, 200, "the next request is served");
    }
    let metrics = String::from_utf8(server.anonymous("GET", "/metrics").send().body).unwrap();
    assert!(metrics.contains("scim_panics_total 3"), "{metrics}");
}

#[test]
fn a_store_that_fails_is_told_apart_from_one_that_is_away() {
    let server = moody("");
    server.get("/scim/v2/Users/fails").is_error(500, None);
    let away = server.get("/scim/v2/Users/is-away");
    away.is_error(503, None);
    assert!(away.header("retry-after").is_some());
}

#[test]
fn a_request_that_takes_too_long_is_ended() {
    let server = moody("[limits]\nrequest_time = 1");
    server.get("/scim/v2/Users/sleeps").is_error(503, None);
}

/// D03: a tenant has so many requests in work, so many waiting, and then is told to come back.
#[test]
fn beyond_the_queue_of_a_tenant_it_is_503() {
    let server = moody("[limits]\nin_work = 1\nwaiting = 1");
    let (answers, answered) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let (answers, server) = (answers.clone(), &server);
            scope.spawn(move || {
                let answer = server.get("/scim/v2/Users/dozes");
                answers.send((answer.status, answer.header("retry-after").map(str::to_owned))).unwrap();
            });
        }
        let next = |count: usize| answered.iter().take(count).collect::<Vec<_>>();
        // One works, one waits, and neither gets on before the others have been refused.
        let refused = next(4);
        AWAKE.add_permits(1);
        assert!(refused.iter().all(|(status, wait)| *status == 503 && wait.is_some()), "{refused:?}");
        let served = next(2);
        assert!(served.iter().all(|(status, _)| *status == 404), "{served:?}");
    });
    assert_eq!(server.anonymous("GET", "/readyz").send().status, 200);
}

/// A wrong key of a backend's own table is told like any other.
#[test]
fn a_backends_own_keys_are_known() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.toml");
    std::fs::write(&file, "[store]\nbackend = \"moody\"\n[store.moody]\ntempre = \"long\"\n").unwrap();
    let sources = scim_server::Sources { file: Some(file), environment: Some(Default::default()) };
    let error = scim_server::Settings::load(&sources, Server::builder().backend(MOODY).backends()).unwrap_err();
    assert!(error.to_string().contains("did you mean store.moody.temper?"), "{error}");
}
