//! Numbers for Prometheus. Every label is known in advance, so counting is one addition and nothing a client sends can
//! make the numbers grow (threats B07, D11).

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use actix_web::http::Method;
use scim_core::store::Metric;

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// As it stands in logs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

labels! {
    /// The pattern of a path, never the path itself.
    Route {
        /// Not SCIM at all.
        Other => "other",
        /// `/healthz`, `/readyz` and `/metrics`.
        Probe => "probe",
        /// The base URL itself.
        Root => "/",
        /// `/.search`, at the root or a type.
        Search => "/.search",
        /// `/ServiceProviderConfig`.
        ProviderConfig => "/ServiceProviderConfig",
        /// `/Schemas` and below.
        Schemas => "/Schemas",
        /// `/ResourceTypes` and below.
        ResourceTypes => "/ResourceTypes",
        /// `/Bulk`.
        Bulk => "/Bulk",
        /// `/Me`.
        Me => "/Me",
        /// A type, such as `/Users`.
        Collection => "/{type}",
        /// A resource.
        Resource => "/{type}/{id}",
    }
}

labels! {
    /// The method of a request.
    Verb {
        /// Any that is not below.
        Other => "other",
        /// GET.
        Get => "GET",
        /// HEAD.
        Head => "HEAD",
        /// POST.
        Post => "POST",
        /// PUT.
        Put => "PUT",
        /// PATCH.
        Patch => "PATCH",
        /// DELETE.
        Delete => "DELETE",
        /// OPTIONS.
        Options => "OPTIONS",
    }
}

impl From<&Method> for Verb {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET => Verb::Get,
            Method::HEAD => Verb::Head,
            Method::POST => Verb::Post,
            Method::PUT => Verb::Put,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            Method::OPTIONS => Verb::Options,
            _ => Verb::Other,
        }
    }
}

/// Statuses counted by themselves; 0 stands for any other.
const STATUSES: &[u16] = &[
    0, 200, 201, 204, 304, 308, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 414, 415, 428, 429, 431, 500, 501,
    503,
];
/// Upper ends of the buckets, in microseconds.
const BUCKETS: &[u64] =
    &[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Times of one route and method.
#[derive(Debug, Default)]
struct Times {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

/// All numbers.
#[derive(Debug)]
pub struct Metrics {
    requests: Vec<AtomicU64>,
    times: Vec<Times>,
    in_flight: AtomicI64,
    wrong_credentials: AtomicU64,
    panics: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let pairs = Route::ALL.len() * Verb::ALL.len();
        Metrics {
            requests: (0..pairs * STATUSES.len()).map(|_| AtomicU64::new(0)).collect(),
            times: (0..pairs).map(|_| Times::default()).collect(),
            in_flight: AtomicI64::new(0),
            wrong_credentials: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }
}

/// A request in work; it counts until it is dropped.
#[derive(Debug)]
pub struct InFlight<'a>(&'a AtomicI64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A request has begun.
    pub fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    /// A request was answered.
    pub fn count(&self, route: Route, verb: Verb, status: u16, took: Duration) {
        let pair = route as usize * Verb::ALL.len() + verb as usize;
        let status = STATUSES.iter().position(|one| *one == status).unwrap_or(0);
        if let Some(counter) = self.requests.get(pair * STATUSES.len() + status) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(times) = self.times.get(pair) {
            if let Some(bucket) = BUCKETS.iter().position(|end| micros <= *end).and_then(|at| times.buckets.get(at)) {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
            times.count.fetch_add(1, Ordering::Relaxed);
            times.micros.fetch_add(micros, Ordering::Relaxed);
        }
    }

    /// A wrong credential was sent.
    pub fn wrong_credential(&self) {
        self.wrong_credentials.fetch_add(1, Ordering::Relaxed);
    }

    /// A handler panicked.
    pub fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// The Prometheus text format, version 0.0.4; behind our own numbers those of the store.
    pub fn render(&self, store: &[Metric]) -> String {
        let mut out = String::with_capacity(8 << 10);
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        let _ = store.iter().try_for_each(|metric| write_metric(metric, &mut out));
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let pairs =
            || Route::ALL.iter().flat_map(|route| Verb::ALL.iter().map(move |verb| (route.as_str(), verb.as_str())));
        writeln!(out, "# HELP scim_http_requests_total Requests answered.\n# TYPE scim_http_requests_total counter")?;
        for ((route, verb), counters) in pairs().zip(self.requests.chunks(STATUSES.len())) {
            for (status, count) in STATUSES.iter().zip(counters).filter(|(_, count)| get(count) > 0) {
                let count = get(count);
                writeln!(
                    out,
                    "scim_http_requests_total{{route=\"{route}\",method=\"{verb}\",status=\"{status}\"}} {count}"
                )?;
            }
        }
        let name = "scim_http_request_duration_seconds";
        writeln!(out, "# HELP {name} Time from the head of a request to its answer.\n# TYPE {name} histogram")?;
        for ((route, verb), times) in pairs().zip(&self.times).filter(|(_, times)| get(&times.count) > 0) {
            let labels = format!("route=\"{route}\",method=\"{verb}\"");
            let mut below = 0;
            for (end, bucket) in BUCKETS.iter().zip(&times.buckets) {
                below += get(bucket);
                writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {below}", *end as f64 / 1e6)?;
            }
            let count = get(&times.count).max(below);
            writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
            writeln!(out, "{name}_sum{{{labels}}} {}", get(&times.micros) as f64 / 1e6)?;
            writeln!(out, "{name}_count{{{labels}}} {count}")?;
        }
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        writeln!(out, "# HELP scim_http_in_flight Requests in work.\n# TYPE scim_http_in_flight gauge")?;
        writeln!(out, "scim_http_in_flight {in_flight}")?;
        for (name, help, value) in [
            ("scim_auth_failures_total", "Requests with a wrong credential.", get(&self.wrong_credentials)),
            ("scim_panics_total", "Requests that met a defect of the server.", get(&self.panics)),
        ] {
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}")?;
        }
        writeln!(out, "# HELP scim_build_info The build.\n# TYPE scim_build_info gauge")?;
        writeln!(out, "scim_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))
    }
}

fn write_metric(metric: &Metric, out: &mut String) -> std::fmt::Result {
    let Metric { name, help, grows, values } = metric;
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {}", if *grows { "counter" } else { "gauge" })?;
    for (labels, value) in values {
        let label = |(name, value): &(&str, String)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        };
        let labels = labels.iter().map(label).collect::<Vec<_>>().join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        writeln!(out, "{name}{labels} {value}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_rendered() {
        let metrics = Metrics::default();
        metrics.count(Route::Resource, Verb::Get, 200, Duration::from_micros(300));
        metrics.count(Route::Resource, Verb::Get, 418, Duration::from_secs(60));
        metrics.wrong_credential();
        let labels = vec![("server", "a\"b\\c".to_owned())];
        let store = [
            Metric::gauge("scim_store_up", "Up?", vec![(labels, 1.0)]),
            Metric::counter("scim_store_total", "All.", vec![(Vec::new(), 2.5)]),
        ];
        let text = metrics.render(&store);
        for line in [
            "scim_http_requests_total{route=\"/{type}/{id}\",method=\"GET\",status=\"200\"} 1",
            "scim_http_requests_total{route=\"/{type}/{id}\",method=\"GET\",status=\"0\"} 1",
            "scim_http_request_duration_seconds_bucket{route=\"/{type}/{id}\",method=\"GET\",le=\"0.0005\"} 1",
            "scim_http_request_duration_seconds_bucket{route=\"/{type}/{id}\",method=\"GET\",le=\"+Inf\"} 2",
            "scim_http_request_duration_seconds_count{route=\"/{type}/{id}\",method=\"GET\"} 2",
            "scim_auth_failures_total 1",
            r#"scim_store_up{server="a\"b\\c"} 1"#,
            "scim_store_total 2.5",
            "# TYPE scim_store_total counter",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
        }
    }
}
