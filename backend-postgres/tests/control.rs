//! Tenants, credentials and notes, through one store and through several on one database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_postgres::{Options, PostgresStore};
use conformance_tests::contract::external::external_ids;
use conformance_tests::servers::postgres::{Database, Postgres};
use scim_core::access::Profile;
use scim_core::clock::Timestamp;
use scim_core::store::control::{ControlStore, CredentialRow, Grant, TenantRow, TenantSettings, TokenDigest};
use scim_core::store::{ResourceId, StoreErrorKind, TenantId};

/// How long something may take to become so before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

fn database() -> Database {
    Postgres::shared().unwrap().database().unwrap()
}

async fn open(database: &Database) -> PostgresStore {
    let options = Options { allow_unsafe: true, connections: 4, ..Options::new(database.url()) };
    PostgresStore::open(options).await.unwrap()
}

fn tenant() -> TenantId {
    TenantId::new("acme")
}

fn tenant_row(name: &str) -> TenantRow {
    let settings =
        TenantSettings { require_if_match: Some(true), domains: vec!["example.com".into()], ..Default::default() };
    TenantRow { id: TenantId::new(name), disabled: false, created: Timestamp::from_millis(5), settings }
}

fn credential(name: &str, digest: u8, created: i64) -> CredentialRow {
    CredentialRow {
        tenant: tenant(),
        name: name.into(),
        digest: TokenDigest([digest; 32]),
        rights: vec!["read".parse().unwrap(), "groups:write".parse().unwrap()],
        profile: Some("entra".parse::<Profile>().unwrap()),
        subject: Some(ResourceId::new("u1")),
        created: Timestamp::from_millis(created),
        expires: None,
        last_used: None,
    }
}

/// The tables with a column that names a tenant.
const OWNED: &str = "SELECT table_name::text, column_name::text FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name IN ('tenant', 'owner')";

/// Gives a tenant rows in every table that names tenants: more than one statement deletes.
fn fill(database: &Database, tenant: &str) {
    database
        .run(&format!(
            "DO $$ DECLARE t record; c text; v text; BEGIN
               FOR t IN SELECT DISTINCT table_name FROM ({OWNED}) o LOOP
                 SELECT string_agg(quote_ident(column_name), ', '),
                        string_agg(CASE WHEN column_name IN ('tenant', 'owner') THEN quote_literal('{tenant}')
                                        WHEN data_type = 'bytea' THEN 'convert_to(''{tenant}'' || n, ''UTF8'')'
                                        WHEN data_type = 'boolean' THEN 'true'
                                        WHEN data_type = 'text' THEN '''x'' || n' ELSE 'n' END, ', ')
                   INTO c, v FROM information_schema.columns
                   WHERE table_schema = 'public' AND table_name = t.table_name AND is_generated = 'NEVER';
                 EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM generate_series(1, 5001) n', t.table_name, c, v);
               END LOOP; END $$"
        ))
        .unwrap();
}

/// How many rows name this tenant.
fn rows_of(database: &Database, tenant: &str) -> i64 {
    database
        .number(&format!(
            "SELECT sum((xpath('/row/n/text()', query_to_xml(format(
               'SELECT count(*) AS n FROM %I WHERE %I = {tenant:?}', table_name, column_name), false, true, '')))[1]::text::bigint)::bigint
             FROM ({OWNED}) o",
        ).replace('"', "''"))
        .unwrap()
}

#[tokio::test]
async fn tenants_are_made_changed_and_deleted_with_all_that_is_theirs() {
    let database = database();
    let store = open(&database).await;
    let mut row = tenant_row("acme");
    assert!(store.create_tenant(&row).await.unwrap());
    assert!(!store.create_tenant(&row).await.unwrap());
    row.disabled = true;
    assert!(store.update_tenant(&row).await.unwrap());
    assert!(!store.update_tenant(&tenant_row("nobody")).await.unwrap());
    assert_eq!(store.tenant(&tenant()).await.unwrap(), Some(row.clone()));
    assert!(store.create_tenant(&tenant_row("zeta")).await.unwrap());
    assert_eq!(store.tenants().await.unwrap(), [row, tenant_row("zeta")]);

    fill(&database, "acme");
    fill(&database, "zeta");
    let each = rows_of(&database, "zeta");
    assert!(each > 50_000 && rows_of(&database, "acme") == each, "{each} rows in all tables");
    assert!(store.delete_tenant(&tenant()).await.unwrap());
    assert!(!store.delete_tenant(&tenant()).await.unwrap());
    assert_eq!((rows_of(&database, "acme"), rows_of(&database, "zeta")), (0, each));
    assert_eq!(store.tenants().await.unwrap(), [tenant_row("zeta")]);
}

#[tokio::test]
async fn credentials_are_found_by_digest_rotated_and_revoked() {
    let database = database();
    let store = open(&database).await;
    let error = store.create_credential(&credential("ci", 1, 10)).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::NotFound), "{error}");
    store.create_tenant(&tenant_row("acme")).await.unwrap();
    for row in [credential("ci", 1, 10), credential("ci", 2, 20), credential("hr", 3, 15)] {
        store.create_credential(&row).await.unwrap();
    }
    for _ in 0..3 {
        let found = store.credential(&TokenDigest([2; 32])).await.unwrap().unwrap();
        assert_eq!(*found, Grant { credential: credential("ci", 2, 20), tenant: tenant_row("acme") });
    }
    assert!(store.credential(&TokenDigest([9; 32])).await.unwrap().is_none());

    let end = Timestamp::from_millis(99);
    assert_eq!(store.expire(&tenant(), "ci", end).await.unwrap(), 2);
    assert_eq!(store.expire(&tenant(), "ci", Timestamp::from_millis(120)).await.unwrap(), 0, "those end earlier");
    let at = |digest: u8, millis: i64| (TokenDigest([digest; 32]), Timestamp::from_millis(millis));
    store.touch(&[at(1, 50), at(9, 60), at(1, 45)]).await.unwrap();
    store.touch(&[at(1, 40)]).await.unwrap();
    store.touch(&[]).await.unwrap();
    let all = store.credentials(None).await.unwrap();
    assert_eq!(all.iter().map(|row| row.digest.0[0]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((all[0].last_used, all[0].expires), (Some(Timestamp::from_millis(50)), Some(end)));

    assert_eq!(store.revoke(&tenant(), "ci", true).await.unwrap(), 1);
    assert!(store.credential(&TokenDigest([1; 32])).await.unwrap().is_none());
    assert_eq!(store.revoke(&tenant(), "ci", false).await.unwrap(), 1);
    assert_eq!(store.credentials(Some(&tenant())).await.unwrap(), [credential("hr", 3, 15)]);
    assert!(store.credentials(Some(&TenantId::new("zeta"))).await.unwrap().is_empty());
}

#[tokio::test]
async fn notes_are_kept_and_two_that_set_one_agree() {
    let database = database();
    let (store, other) = (open(&database).await, open(&database).await);
    assert_eq!(store.note("key").await.unwrap(), None);
    let (one, two) = tokio::join!(store.set_note("key", b"one", true), other.set_note("key", b"two", true));
    let kept = one.unwrap();
    assert_eq!(kept, two.unwrap(), "whoever was first");
    assert_eq!(store.set_note("key", b"three", true).await.unwrap(), kept);
    assert_eq!(store.set_note("key", b"three", false).await.unwrap(), b"three");
    assert_eq!(other.note("key").await.unwrap(), Some(b"three".to_vec()));
}

/// Waits until the other store finds (or does not find) the credential.
async fn comes_to(store: &PostgresStore, found: bool) -> Duration {
    let begun = Instant::now();
    while store.credential(&TokenDigest([1; 32])).await.unwrap().is_some() != found {
        assert!(begun.elapsed() < PATIENCE, "not noticed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn a_change_through_one_store_is_seen_by_the_other() {
    let database = database();
    let (store, other) = (open(&database).await, open(&database).await);
    store.create_tenant(&tenant_row("acme")).await.unwrap();
    for listening in [true, true, true, false] {
        store.create_credential(&credential("ci", 1, 10)).await.unwrap();
        comes_to(&other, true).await;
        // From here on it is known without a question.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(other.credential(&TokenDigest([1; 32])).await.unwrap().is_some());
        if !listening {
            // Whoever lost its session asks anew, and believes nothing meanwhile.
            database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%generation%' AND pid <> pg_backend_pid()").unwrap();
        }
        store.revoke(&tenant(), "ci", false).await.unwrap();
        assert!(store.credential(&TokenDigest([1; 32])).await.unwrap().is_none(), "at once where it was done");
        comes_to(&other, false).await;
    }
    // Settings too.
    store.create_credential(&credential("ci", 1, 10)).await.unwrap();
    comes_to(&other, true).await;
    store.update_tenant(&TenantRow { disabled: true, ..tenant_row("acme") }).await.unwrap();
    let begun = Instant::now();
    while !other.credential(&TokenDigest([1; 32])).await.unwrap().unwrap().tenant.disabled {
        assert!(begun.elapsed() < PATIENCE, "not noticed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_use_of_a_token_is_no_change() {
    let database = database();
    let store = open(&database).await;
    store.create_tenant(&tenant_row("acme")).await.unwrap();
    store.create_credential(&credential("ci", 1, 10)).await.unwrap();
    let moves = || database.number("SELECT n FROM generation").unwrap();
    let before = moves();
    store.touch(&[(TokenDigest([1; 32]), Timestamp::from_millis(50))]).await.unwrap();
    assert_eq!(moves(), before);
    store.expire(&tenant(), "ci", Timestamp::from_millis(99)).await.unwrap();
    assert_eq!(moves(), before + 1);
}

#[tokio::test]
async fn stores_that_are_opened_at_once_on_an_empty_database_lay_it_out_once() {
    let database = database();
    let stores = futures_util::future::join_all((0..10).map(|_| open(&database))).await;
    assert_eq!(stores.len(), 10);
    assert_eq!(database.number("SELECT count(*) FROM layout").unwrap(), 1);
    assert_eq!(database.number("SELECT count(*) FROM generation").unwrap(), 1);
}

#[tokio::test]
async fn what_clients_call_resources_is_kept_for_each_of_them() {
    let database = database();
    let kept = Arc::new(open(&database).await).external_ids().unwrap();
    external_ids(&*kept).await.unwrap();
}
