//! What a change costs on its way: a PATCH read and planned, a plan or a PUT worked out against a record.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scim_core::access::Profile;
use scim_core::change::{Change, Making, Verb};
use scim_core::clock::Timestamp;
use scim_core::document::{Document, check};
use scim_core::limits::Limits;
use scim_core::patch::{self, PatchRequest, Plan};
use scim_core::schema::{Kind, Registry, ResourceType};
use scim_core::store::{Key, Record, ResourceId, Version};
use serde_json::{Value, json};

const DOCUMENT: &str = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"00u1ab2cd3","userName":"BJensen","name":{"familyName":"Jensen","givenName":"Barbara"},"displayName":"Babs","title":"Tour Guide","userType":"Employee","active":true,"emails":[{"value":"bjensen@example.com","type":"work","primary":true},{"value":"babs@jensen.org","type":"home"}]}"#;

fn making() -> Making {
    Making {
        id: "c1".into(),
        at: Timestamp::from_millis(0),
        actor: "bench".into(),
        request: "r1".into(),
        verb: Verb::Patch,
        unique_group_names: true,
        document_max: usize::MAX,
        secrets: Vec::new(),
        without: Arc::default(),
    }
}

fn record(kind: &Kind, document: &str) -> Record {
    Record {
        key: Key { kind: kind.clone(), id: ResourceId::new("2819c223") },
        version: Version::new("7"),
        created: Timestamp::from_millis(0),
        modified: Timestamp::from_millis(0),
        document: Document::from_stored(document),
        links: Vec::new(),
    }
}

fn message(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// From the message to the change set.
fn run(message: &Value, resource_type: &Arc<ResourceType>, now: &Record) -> usize {
    let (limits, rules) = (Limits::default(), Profile::Compatible.rules());
    let request = PatchRequest::parse(message, &rules, &limits).unwrap();
    let plan = Arc::new(Plan::compile(&request, resource_type, &now.key.id, &rules, &limits).unwrap());
    match plan.into_change(making()) {
        Change::Known(change) => change.links.len(),
        Change::Of(resolve) => resolve.resolve(now).unwrap().map_or(0, |change| change.record.attributes.len()),
    }
}

fn patches(c: &mut Criterion) {
    let registry = Registry::standard();
    let user = registry.kind(&Kind::new("User")).unwrap();
    let group = registry.kind(&Kind::new("Group")).unwrap();
    let (ann, tour) = (record(&user.kind, DOCUMENT), record(&group.kind, "{}"));

    let update = message(&json!([
        {"op": "Replace", "path": "displayName", "value": "Kit Varga"},
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "kit.varga@orchard.example"},
        {"op": "Replace", "path": "name.givenName", "value": "Kit"},
        {"op": "Replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "value": "40177"},
    ]));
    c.bench_function("patch/update of a user", |b| b.iter(|| run(black_box(&update), user, &ann)));

    let body: Value = serde_json::from_str(&DOCUMENT.replace("Tour Guide", "Guide")).unwrap();
    c.bench_function("put/a user", |b| {
        let (limits, rules) = (Limits::default(), Profile::Compatible.rules());
        b.iter(|| {
            let draft = check::resource(black_box(&body), user, &rules, &limits).unwrap();
            let Change::Of(resolve) = patch::replace(draft, user, &rules, making()) else { return None };
            resolve.resolve(&ann).unwrap()
        });
    });

    // Four times the operations must take about four times as long.
    let mut many = c.benchmark_group("patch/operations");
    for count in [250_u64, 1_000] {
        many.throughput(Throughput::Elements(count));
        let members = |n: u64| json!({"op": "add", "path": "members", "value": [{"value": format!("u{n}")}]});
        let members = message(&(0..count).map(members).collect());
        many.bench_with_input(BenchmarkId::new("one member each", count), &members, |b, members| {
            b.iter(|| run(members, group, &tour));
        });
        let emails = |n: u64| json!({"op": "add", "path": "emails", "value": {"value": format!("{n}@x.org")}});
        let emails = message(&(0..count).map(emails).collect());
        many.bench_with_input(BenchmarkId::new("one e-mail each", count), &emails, |b, emails| {
            b.iter(|| run(emails, user, &ann));
        });
    }
    many.finish();

    let members = (0..10_000).map(|n| json!({"value": format!("u{n}")})).collect::<Vec<_>>();
    let members = message(&json!([{"op": "add", "path": "members", "value": members}]));
    c.bench_function("patch/10,000 members in one", |b| b.iter(|| run(black_box(&members), group, &tour)));
}

criterion_group!(benches, patches);
criterion_main!(benches);
