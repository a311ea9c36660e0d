//! A server from its settings to its end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use scim_core::clock::Clock;
use scim_core::store::Store;
use scim_core::store::control::ControlStore;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::auth::failures::Failures;
use crate::backends::{Factory, Purpose};
use crate::config::server::loopback;
use crate::config::{Settings, Sources, show};
use crate::edge::{self, SystemClock};
use crate::first_start::{self, First};
use crate::http::tls::Certificate;
use crate::http::watch::{self, Watch};
use crate::http::{App, listen, tls};
use crate::stores::Stores;
use crate::telemetry::{self, RequestIds};
use crate::tenancy::Tenants;
use crate::{auth, schemas};

/// How often uses of credentials are written.
const FLUSH: Duration = Duration::from_secs(20);
/// How often a store does what it has to do by itself.
const TENDED: Duration = Duration::from_secs(60);
/// How often ends of tokens are looked at.
const DAILY: Duration = Duration::from_secs(86_400);

/// A server with open stores and sockets.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    settings: Settings,
    sources: Sources,
    backends: Vec<Factory>,
    listeners: Vec<TcpListener>,
    metrics: Vec<TcpListener>,
    certificate: Option<Arc<Certificate>>,
    first: Option<First>,
    stopper: Stopper,
}

/// Ends a server from elsewhere in the process.
#[derive(Debug, Clone, Default)]
pub struct Stopper(Arc<Notify>);

impl Stopper {
    /// Finishes what was accepted, then ends [`Server::run`].
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// Clients say of a certificate that is no longer good only that they cannot connect.
fn complain(certificate: &Certificate) {
    if let Some(complaint) = certificate.complaint(SystemClock.now()) {
        tracing::warn!("{complaint}");
    }
}

impl Server {
    pub(crate) async fn open(settings: Settings, sources: Sources, backends: &[Factory]) -> Result<Server> {
        schemas::checked(&settings)?;
        let given = first_start::given_token(&sources)?;
        let certificate = match settings.server.secure() {
            true => Some(Arc::new(Certificate::load(&settings.server.tls)?)),
            false => None,
        };
        let _told = certificate.as_deref().inspect(|certificate| complain(certificate));
        let stores = Stores::open(&settings, backends, Purpose::Serve).await?;
        let control = stores.control.clone();
        let store = stores.opened.store.clone();
        let registries = schemas::load(&settings.schemas, control.as_ref()).await?;
        let rows = control.tenants().await?;
        let service = stores.service(&settings).await?;
        if schemas::changed(control.as_ref(), &registries).await? {
            for misfits in schemas::misfits(&service, &rows, &registries).await? {
                tracing::warn!("{misfits}");
            }
        }
        schemas::note(control.as_ref(), &registries).await?;

        let listeners = listen::bind("server.listen", &settings.server.addresses()?)?;
        let metrics = match &settings.server.metrics_listen {
            Some(text) => listen::bind("server.metrics_listen", &crate::config::server::metrics_addresses(text)?)?,
            None => Vec::new(),
        };
        let bound = listeners.first().map(TcpListener::local_addr).transpose()?;
        let public_url = settings.server.public_url(bound);
        let limits = Arc::new(settings.limits.clone());
        let tenants = Tenants::new(store.clone(), registries, public_url.clone(), limits.clone());
        for row in &rows {
            let ready = tenants.get(row).await;
            ready.with_context(|| format!("the tenant {} cannot be served with these settings", row.id))?;
        }
        let first = first_start::prepare(control.as_ref(), given).await?;
        let app = App {
            service,
            store,
            control,
            tenants,
            failures: Failures::new(limits.auth_failures),
            usage: auth::usage::Usage::default(),
            metrics: Arc::default(),
            watch: Watch::new(&limits),
            ids: RequestIds::new(&edge::random()),
            base: format!("{public_url}/scim/v2").into(),
            trusted: settings.server.trusted()?,
            open_discovery: settings.server.open_discovery,
            local_metrics: metrics.is_empty() && bound.is_some_and(|address| loopback(address.ip())),
            secure: settings.server.secure(),
            draining: AtomicBool::new(false),
            limits,
        };
        Ok(Server {
            app: Arc::new(app),
            settings,
            sources,
            backends: backends.to_vec(),
            listeners,
            metrics,
            certificate,
            first,
            stopper: Stopper::default(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listeners.first()?.local_addr().ok()
    }

    /// The SCIM base URL.
    pub fn base(&self) -> &str {
        &self.app.base
    }

    /// What the first start made, if this is one.
    pub fn first(&self) -> Option<&First> {
        self.first.as_ref()
    }

    /// Tenants and credentials, for whoever embeds the server.
    pub fn control(&self) -> &Arc<dyn ControlStore> {
        &self.app.control
    }

    /// The resources, for whoever embeds the server.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.app.store
    }

    /// Ends the server from elsewhere.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Serves until SIGTERM, SIGINT or the [`Stopper`], then finishes what was accepted. SIGHUP reads the configuration
    /// anew. Must run inside `actix_web::rt::System`.
    pub async fn run(mut self) -> Result<()> {
        let config = match &self.certificate {
            Some(certificate) => Some(tls::config(&self.settings.server.tls, certificate.clone())?),
            None => None,
        };
        watch::make_room(&self.settings.limits);
        let listeners = std::mem::take(&mut self.listeners);
        let doors = listen::doors(&listeners)?;
        let scim = listen::scim(&self.app, &self.settings.limits, listeners, config)?;
        let mut handles = vec![scim.handle()];
        let mut metrics = None;
        if !self.metrics.is_empty() {
            let server = listen::metrics(&self.app, std::mem::take(&mut self.metrics))?;
            handles.push(server.handle());
            metrics = Some(actix_web::rt::spawn(server));
        }
        let chores = actix_web::rt::spawn(chores(self.app.clone()));
        let app = self.app.clone();
        let watch = actix_web::rt::spawn(async move { app.watch.run().await });
        tracing::info!(base = %self.app.base, version = env!("CARGO_PKG_VERSION"), "serving");
        let mut running = actix_web::rt::spawn(scim);

        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                () = self.stopper.0.notified() => break,
                _ = hangup.recv() => match self.reload().await {
                    Ok(()) => tracing::info!("the configuration was read anew"),
                    Err(error) => tracing::error!("the configuration stays as it was: {error:#}"),
                },
                ended = &mut running => {
                    ended??;
                    bail!("the server ended by itself");
                }
            }
        }
        listen::stop(&self.app, doors, &handles).await;
        running.await??;
        if let Some(metrics) = metrics {
            metrics.await??;
        }
        watch.abort();
        chores.abort();
        self.app.usage.flush(&self.app.control).await;
        tracing::info!("stopped");
        Ok(())
    }

    /// Reads what can change while running: log level, schemas, certificate. Other schemas come into force only where
    /// every tenant can be served with them.
    async fn reload(&self) -> Result<()> {
        let settings = Settings::load(&self.sources, &self.backends)?;
        let registries = schemas::checked(&settings)?;
        let changed = registries.plain.fingerprint() != self.app.tenants.registries().plain.fingerprint();
        if changed {
            let rows = self.app.control.tenants().await?;
            for row in &rows {
                let prepared = self.app.store.prepare(&row.id, registries.of(&row.settings).types()).await;
                prepared.with_context(|| format!("the tenant {} cannot be served with these schemas", row.id))?;
            }
            for misfits in schemas::misfits(&self.app.service, &rows, &registries).await? {
                tracing::warn!("{misfits}");
            }
        }
        // What can fail comes first: then all is in force, or nothing.
        if let Some(certificate) = &self.certificate
            && settings.server.secure()
        {
            certificate.reload(&settings.server.tls)?;
            complain(certificate);
        }
        if changed {
            schemas::note(self.app.control.as_ref(), &registries).await?;
            self.app.tenants.replace(registries);
        }
        telemetry::level(&settings.log)?;
        let texts = [&self.settings, &settings].map(|settings| show::toml(settings, &self.backends));
        let [before, now] = texts.each_ref().map(String::as_str);
        let renewed = self.certificate.is_some() && settings.server.secure();
        let mut later = show::differing(before, now);
        later.retain(|key| match key.as_str() {
            "log.level" => false,
            "server.tls.cert" | "server.tls.key" => !renewed,
            other => !other.starts_with("schemas."),
        });
        if !later.is_empty() {
            tracing::warn!(settings = later.join(", "), "changed, and in force only when the server is started anew");
        }
        Ok(())
    }
}

/// What is done now and then.
async fn chores(app: Arc<App>) {
    let mut flush = tokio::time::interval(FLUSH);
    let mut tended = tokio::time::interval(TENDED);
    let mut daily = tokio::time::interval_at(tokio::time::Instant::now() + DAILY, DAILY);
    loop {
        tokio::select! {
            _ = flush.tick() => app.usage.flush(&app.control).await,
            _ = tended.tick() => {
                if let Err(error) = app.store.tend(SystemClock.now()).await {
                    tracing::warn!(%error, "the store could not bring to its end what was cut short; it is tried again");
                }
            }
            _ = daily.tick() => {
                if let Ok(credentials) = app.control.credentials(None).await {
                    first_start::warn_of_ends(&credentials, SystemClock.now());
                }
                if let Ok(rows) = app.control.tenants().await {
                    app.tenants.retain(&rows);
                }
            }
        }
    }
}
