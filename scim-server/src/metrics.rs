//! Numbers for Prometheus. Every label is known in advance, so counting is one addition and nothing a client sends can
//! make the numbers grow (threats B07, D11).

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
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
/// Threads that count by themselves; beyond these some share a place.
const MOST_PLACES: usize = 16;
/// Upper ends of the buckets, in microseconds.
const BUCKETS: &[u64] =
    &[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Times of one route and method.
#[derive(Debug, Default)]
struct Times {
    /// The last one is for what takes longer than all [`BUCKETS`].
    buckets: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

/// All numbers.
#[derive(Debug)]
pub struct Metrics {
    counts: Vec<Counts>,
    wrong_credentials: AtomicU64,
    panics: AtomicU64,
}

/// What the requests of one thread, or of a few, come to. Threads that count in one place take it from each other with each
/// request, which takes longer than the counting: so there is a place for each, in memory of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Counts {
    requests: Vec<AtomicU64>,
    times: Vec<Times>,
    in_flight: AtomicI64,
}

impl Default for Counts {
    fn default() -> Self {
        let pairs = Route::ALL.len() * Verb::ALL.len();
        Counts {
            requests: (0..pairs * STATUSES.len()).map(|_| AtomicU64::new(0)).collect(),
            times: (0..pairs).map(|_| Times::default()).collect(),
            in_flight: AtomicI64::new(0),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let places = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MOST_PLACES);
        Metrics {
            counts: (0..places).map(|_| Counts::default()).collect(),
            wrong_credentials: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }
}

/// The number of the thread that asks, from 0.
fn own_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! { static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) }
    OWN.with(|own| *own)
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
    /// Where the thread that asks counts.
    fn own(&self) -> Option<&Counts> {
        self.counts.get(own_number() % self.counts.len().max(1))
    }

    /// The sum over all threads.
    fn sum(&self, one: impl Fn(&Counts) -> Option<&AtomicU64>) -> u64 {
        self.counts.iter().filter_map(one).map(|counter| counter.load(Ordering::Relaxed)).sum()
    }

    /// A request has begun.
    pub fn begin(&self) -> Option<InFlight<'_>> {
        let in_flight = &self.own()?.in_flight;
        in_flight.fetch_add(1, Ordering::Relaxed);
        Some(InFlight(in_flight))
    }

    /// A request was answered.
    pub fn count(&self, route: Route, verb: Verb, status: u16, took: Duration) {
        let Some(own) = self.own() else { return };
        let pair = route as usize * Verb::ALL.len() + verb as usize;
        let status = STATUSES.iter().position(|one| *one == status).unwrap_or(0);
        if let Some(counter) = own.requests.get(pair * STATUSES.len() + status) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(times) = own.times.get(pair) {
            let bucket = BUCKETS.iter().position(|end| micros <= *end).unwrap_or(BUCKETS.len());
            if let Some(bucket) = times.buckets.get(bucket) {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
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
        let pairs = || {
            let pairs = Route::ALL.iter().flat_map(|route| Verb::ALL.iter().map(move |verb| (route, verb)));
            pairs.map(|(route, verb)| (route.as_str(), verb.as_str())).enumerate()
        };
        writeln!(out, "# HELP scim_http_requests_total Requests answered.\n# TYPE scim_http_requests_total counter")?;
        for (pair, (route, verb)) in pairs() {
            for (number, status) in STATUSES.iter().enumerate() {
                let count = self.sum(|counts| counts.requests.get(pair * STATUSES.len() + number));
                if count > 0 {
                    writeln!(
                        out,
                        "scim_http_requests_total{{route=\"{route}\",method=\"{verb}\",status=\"{status}\"}} {count}"
                    )?;
                }
            }
        }
        let name = "scim_http_request_duration_seconds";
        writeln!(out, "# HELP {name} Time from the head of a request to its answer.\n# TYPE {name} histogram")?;
        for (pair, (route, verb)) in pairs() {
            let within = |bucket: usize| self.sum(|counts| counts.times.get(pair)?.buckets.get(bucket));
            let buckets: Vec<u64> = (0..=BUCKETS.len()).map(within).collect();
            let count: u64 = buckets.iter().sum();
            if count == 0 {
                continue;
            }
            let labels = format!("route=\"{route}\",method=\"{verb}\"");
            let mut below = 0;
            for (end, bucket) in BUCKETS.iter().zip(&buckets) {
                below += bucket;
                writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {below}", *end as f64 / 1e6)?;
            }
            let micros = self.sum(|counts| counts.times.get(pair).map(|times| &times.micros));
            writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
            writeln!(out, "{name}_sum{{{labels}}} {}", micros as f64 / 1e6)?;
            writeln!(out, "{name}_count{{{labels}}} {count}")?;
        }
        let in_flight: i64 = self.counts.iter().map(|counts| counts.in_flight.load(Ordering::Relaxed)).sum();
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
