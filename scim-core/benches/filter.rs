//! What a filter costs on its way: read, bound to a type, asked of a record.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use scim_core::access::Profile;
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::filter::{bind, eval, parse};
use scim_core::limits::Limits;
use scim_core::schema::{Kind, Registry};
use scim_core::store::{Key, Record, ResourceId, Version};

const FILTERS: &[(&str, &str)] = &[
    ("key", r#"userName eq "bjensen""#),
    ("provisioning", r#"emails[type eq "work" and value eq "bjensen@example.com"] or externalId eq "00u1ab2cd3""#),
    (
        "long",
        r#"userType eq "Employee" and not (title co "intern" or emails co "example.org") and meta.lastModified gt "2011-05-13T04:42:34Z" and (name.familyName sw "J" or name.givenName pr)"#,
    ),
];

const DOCUMENT: &str = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"00u1ab2cd3","userName":"BJensen","name":{"familyName":"Jensen","givenName":"Barbara"},"displayName":"Babs","title":"Tour Guide","userType":"Employee","active":true,"emails":[{"value":"bjensen@example.com","type":"work","primary":true},{"value":"babs@jensen.org","type":"home"}]}"#;

fn filters(c: &mut Criterion) {
    let (limits, rules, registry) = (Limits::default(), Profile::Compatible.rules(), Registry::standard());
    let user = registry.kind(&Kind::new("User")).unwrap();
    let record = Record {
        key: Key { kind: user.kind.clone(), id: ResourceId::new("2819c223") },
        version: Version::new("7"),
        created: Timestamp::from_millis(0),
        modified: Timestamp::from_millis(1_700_000_000_000),
        document: Document::from_stored(DOCUMENT),
        links: Vec::new(),
    };
    let document = record.document.parse();
    for (name, text) in FILTERS {
        let filter = parse(text, &limits).unwrap();
        let bound = bind::bind(&filter, user, &rules).unwrap();
        c.bench_function(&format!("parse/{name}"), |b| b.iter(|| parse(black_box(text), &limits)));
        c.bench_function(&format!("bind/{name}"), |b| b.iter(|| bind::bind(black_box(&filter), user, &rules)));
        c.bench_function(&format!("eval/{name}"), |b| {
            b.iter(|| eval::matches_parsed(black_box(&bound), &record, &document))
        });
        c.bench_function(&format!("eval_text/{name}"), |b| b.iter(|| eval::matches(black_box(&bound), &record)));
    }
}

criterion_group!(benches, filters);
criterion_main!(benches);
