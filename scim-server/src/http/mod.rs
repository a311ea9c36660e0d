//! HTTP to [`scim_core::service::Service`] and back.
//!
//! In the order in which a request meets them:
//!
//! - `listen`: sockets, serving, stopping; `tls`; `watch`: ends connections without requests
//! - `linger`: waits awake for the only client
//! - `route`: what a path means; `query`: its parameters; `negotiate`: media types
//! - `admit`: credential, tenant, fair share
//! - `body`: reading one within limits
//! - `scim`: the SCIM endpoints; `probe`: health and metrics
//! - `respond`: answers and their headers; `unsent`: those that are large

pub mod admit;
pub mod body;
pub mod linger;
pub mod listen;
pub mod negotiate;
pub mod probe;
pub mod query;
pub mod respond;
pub mod route;
pub mod scim;
pub mod tls;
pub mod unsent;
pub mod watch;

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use scim_core::limits::Limits;
use scim_core::service::Service;
use scim_core::store::Store;
use scim_core::store::control::ControlStore;
use scim_core::{ErrorKind, ScimError};

use crate::auth::failures::Failures;
use crate::auth::usage::Usage;
use crate::metrics::{Metrics, Route, Verb};
use crate::proxy::{self, Network};
use crate::telemetry::{RequestId, RequestIds};
use crate::tenancy::{Ready, Tenants};

use linger::Linger;
use respond::Answer;

/// Requests that take longer are worth a line.
const SLOW: Duration = Duration::from_secs(1);

/// Everything requests share.
#[derive(Debug)]
pub struct App {
    /// The meaning of SCIM.
    pub service: Service,
    /// The resources, for their health.
    pub store: Arc<dyn Store>,
    /// Tenants and credentials.
    pub control: Arc<dyn ControlStore>,
    /// Tenants that requests have asked for.
    pub tenants: Tenants,
    /// Every limit.
    pub limits: Arc<Limits>,
    /// Counts wrong credentials by address.
    pub failures: Failures,
    /// When credentials were last used.
    pub usage: Usage,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// Ends connections without requests.
    pub watch: watch::Watch,
    /// Gives each request its id.
    pub ids: RequestIds,
    /// The SCIM base URL where the credential names the tenant.
    pub base: Arc<str>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted: Vec<Network>,
    /// `/Schemas` and `/ResourceTypes` need no credential.
    pub open_discovery: bool,
    /// May a direct caller on this machine read `/metrics` here?
    pub local_metrics: bool,
    /// Is TLS on?
    pub secure: bool,
    /// The server is about to stop.
    pub draining: AtomicBool,
}

/// One request as the functions below see it.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The request.
    pub http: &'a HttpRequest,
    /// Its id, as in the log and in `X-Request-Id`.
    pub id: RequestId,
    /// When it came.
    pub at: Instant,
    /// When it must be answered. All that waits for it waits until this instant and no other: so it is the innermost that
    /// says what was waited for.
    pub until: Instant,
}

impl Asked<'_> {
    /// Does the method only look?
    pub fn is_get(&self) -> bool {
        matches!(*self.http.method(), Method::GET | Method::HEAD)
    }

    /// All lines of a header, joined as RFC 9110 section 5.3 allows.
    pub fn lines(&self, name: HeaderName) -> Option<String> {
        let mut all = self.http.headers().get_all(name).filter_map(|value| value.to_str().ok());
        let first = all.next()?.to_owned();
        Some(all.fold(first, |joined, line| joined + ", " + line))
    }

    /// The address of the caller.
    pub fn client(&self, trusted: &[Network]) -> IpAddr {
        let peer = self.http.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        proxy::client(peer, self.http.headers(), trusted)
    }
}

/// What became known of a request on its way, for the log.
#[derive(Debug)]
pub struct Trace {
    /// The pattern of its path.
    pub route: Route,
    /// Whose data it asked for, and by which credential.
    pub caller: Option<scim_core::service::Caller>,
    /// The tenant of both.
    pub tenant: Option<Arc<Ready>>,
}

/// Answers one request. Whatever happens inside, the answer is a SCIM message, and only this request fails.
#[expect(
    clippy::redundant_allocation,
    reason = "each thread counts its own requests: one counter would go from processor to processor"
)]
pub async fn handle(app: Rc<Arc<App>>, linger: Rc<Linger>, http: HttpRequest, payload: web::Payload) -> HttpResponse {
    let at = Instant::now();
    linger.arrived(at);
    let until = at + Duration::from_secs(app.limits.request_time);
    let asked = Asked { http: &http, id: app.ids.next(), at, until };
    let _in_flight = app.metrics.begin();
    let _working = app.watch.begin(&http);
    let mut trace = Trace { route: Route::Other, caller: None, tenant: None };
    let outcome = {
        let work = AssertUnwindSafe(answer(&app, &asked, payload, &mut trace)).catch_unwind();
        match tokio::time::timeout_at(until.into(), work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => {
                app.metrics.panicked();
                Err(ScimError::internal("the server failed; its log says more"))
            }
            Err(_) => {
                let detail = "the request took longer than the server allows; it may or may not have been carried out";
                Err(ScimError::unavailable(detail, Duration::from_secs(5)))
            }
        }
    };
    let mut response = match outcome {
        Ok(answer) => unsent::counted(respond::answer(answer, &asked), &trace, &asked),
        Err(error) => respond::error(&error, &asked),
    };
    respond::finish(&app, &asked, &mut response);
    let took = asked.at.elapsed();
    let status = response.status().as_u16();
    app.metrics.count(trace.route, Verb::from(http.method()), status, took);
    log(&asked, &trace, status, took);
    linger.answered(at + took, || app.watch.is_alone());
    response
}

async fn answer(app: &App, asked: &Asked<'_>, payload: web::Payload, trace: &mut Trace) -> Result<Answer, ScimError> {
    check_head(asked, &app.limits)?;
    match route::parse(asked.http.path()) {
        route::Path::Scim(path) => scim::answer(app, asked, payload, &path, trace).await,
        route::Path::Probe(probe) => {
            trace.route = Route::Probe;
            Box::pin(probe::answer(app, asked, probe)).await
        }
        route::Path::Unknown => Err(route::unknown()),
    }
}

/// Lengths of the request target and of the header (threat C06).
fn check_head(asked: &Asked<'_>, limits: &Limits) -> Result<(), ScimError> {
    let uri = asked.http.uri();
    if uri.path().len() + uri.query().map_or(0, str::len) > limits.url {
        let detail = format!("the URL is longer than {} bytes; send long filters by POST to /.search", limits.url);
        return Err(ScimError::new(ErrorKind::UriTooLong, detail));
    }
    let lines = asked.http.headers().iter();
    if lines.map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() > limits.header {
        let detail = format!("the header is longer than {} bytes", limits.header);
        return Err(ScimError::new(ErrorKind::HeadersTooLarge, detail));
    }
    Ok(())
}

/// A line for what an operator may want to know; all the rest at level debug.
fn log(asked: &Asked<'_>, trace: &Trace, status: u16, took: Duration) {
    let route = trace.route.as_str();
    let method = Verb::from(asked.http.method()).as_str();
    let (tenant, credential) = match &trace.caller {
        Some(caller) => (caller.tenant.id.as_str(), &*caller.principal.name),
        None => ("", ""),
    };
    let millis = u64::try_from(took.as_micros()).unwrap_or(u64::MAX) as f64 / 1_000.0;
    let request = asked.id;
    match status {
        500 => tracing::error!(%request, method, route, status, tenant, credential, millis, "failed"),
        501.. => tracing::warn!(%request, method, route, status, tenant, credential, millis, "refused"),
        403 | 408 | 413 | 429 => {
            tracing::info!(%request, method, route, status, tenant, credential, millis, "refused");
        }
        _ if took > SLOW => tracing::info!(%request, method, route, status, tenant, credential, millis, "slow"),
        _ => tracing::debug!(%request, method, route, status, tenant, credential, millis, "answered"),
    }
}

impl App {
    /// Is the server about to stop?
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
