//! `/healthz`, `/readyz`, `/metrics`: up or down, and numbers for who may see them (threat F11).

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode, header};
use scim_core::store::Health;
use scim_core::{ErrorKind, ScimError};

use crate::config::server::loopback;

use super::respond::Answer;
use super::route::Probe;
use super::{App, Asked};

const PLAIN: &str = "text/plain; charset=utf-8";
/// The format of Prometheus.
const NUMBERS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers a probe.
pub async fn answer(app: &App, asked: &Asked<'_>, probe: Probe) -> Result<Answer, ScimError> {
    if !asked.is_get() {
        let refused = *asked.http.method() != Method::OPTIONS;
        return Ok(Answer::Methods { allow: "GET, HEAD, OPTIONS", refused });
    }
    match probe {
        Probe::Alive => Ok(Answer::Text(StatusCode::OK, PLAIN, "up\n".into())),
        Probe::Ready if ready(app).await => Ok(Answer::Text(StatusCode::OK, PLAIN, "up\n".into())),
        Probe::Ready => Ok(Answer::Text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, "down\n".into())),
        Probe::Metrics if direct(app, asked) => {
            Ok(Answer::Text(StatusCode::OK, NUMBERS, app.metrics.render(&app.store.metrics())))
        }
        Probe::Metrics => {
            let detail =
                "metrics are open to callers on this machine only; server.metrics_listen serves them elsewhere";
            Err(ScimError::new(ErrorKind::Unauthorized, detail))
        }
    }
}

/// The numbers, for `server.metrics_listen`.
pub async fn metrics(app: Arc<App>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, NUMBERS))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(app.metrics.render(&app.store.metrics()))
}

/// Is the store reachable, and does the server mean to stay?
async fn ready(app: &App) -> bool {
    if app.is_draining() {
        return false;
    }
    answers(app.store.health(), Duration::from_secs(app.limits.health_time)).await
}

/// Does the store say within this time that it is well? One that hangs is as good as away.
async fn answers(health: impl Future<Output = scim_core::store::Result<Health>>, within: Duration) -> bool {
    match tokio::time::timeout(within, health).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            false
        }
        Err(_) => {
            tracing::warn!(seconds = within.as_secs(), "not ready: the store does not answer");
            false
        }
    }
}

/// Does the request come from this machine, through nobody? A proxy here would make all the world look local.
fn direct(app: &App, asked: &Asked<'_>) -> bool {
    let headers = asked.http.headers();
    let through = [header::FORWARDED, header::VIA].iter().any(|name| headers.contains_key(name))
        || headers.keys().any(|name| name.as_str().starts_with("x-forwarded-"));
    app.local_metrics && !through && asked.http.peer_addr().is_some_and(|peer| loopback(peer.ip()))
}

#[cfg(test)]
mod tests {
    use scim_core::store::{StoreError, StoreErrorKind};

    use super::*;

    #[tokio::test]
    async fn a_store_that_hangs_is_not_ready() {
        const LONG: Duration = Duration::from_secs(600);
        assert!(answers(async { Ok(Health { note: None }) }, LONG).await);
        assert!(!answers(async { Err(StoreError::new(StoreErrorKind::Unavailable)) }, LONG).await);
        assert!(!answers(std::future::pending(), Duration::from_millis(1)).await);
    }
}
