//! What reading a body strictly costs, beside reading it at all.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scim_core::document::json;
use scim_core::limits::Limits;
use serde_json::Value;

const USER: &str = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"00u1ab2cd3","userName":"BJensen","name":{"familyName":"Jensen","givenName":"Barbara"},"displayName":"Babs","title":"Tour Guide","userType":"Employee","active":true,"emails":[{"value":"bjensen@example.com","type":"work","primary":true},{"value":"babs@jensen.org","type":"home"}]}"#;

/// A group of a thousand members.
fn group() -> String {
    let mut text = String::from(r#"{"displayName":"All","members":["#);
    for n in 0..1_000 {
        let comma = if n == 0 { "" } else { "," };
        let _ = write!(text, r#"{comma}{{"value":"01933c7e-6c5e-7c4b-9d5c-{n:012}","type":"User"}}"#);
    }
    text.push_str("]}");
    text
}

fn reading(c: &mut Criterion) {
    let limits = Limits::default();
    let mut bench = c.benchmark_group("json");
    for (name, text) in [("user", USER.to_owned()), ("group", group())] {
        bench.throughput(Throughput::Bytes(text.len() as u64));
        bench.bench_with_input(BenchmarkId::new("strict", name), text.as_bytes(), |b, text| {
            b.iter(|| json::parse(black_box(text), &limits));
        });
        bench.bench_with_input(BenchmarkId::new("serde_json", name), text.as_bytes(), |b, text| {
            b.iter(|| serde_json::from_slice::<Value>(black_box(text)));
        });
    }
    bench.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
