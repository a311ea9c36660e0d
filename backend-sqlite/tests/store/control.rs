//! Tenants, credentials and notes.

use std::sync::Arc;

use conformance_tests::contract::external::external_ids;
use scim_core::access::Profile;
use scim_core::clock::Timestamp;
use scim_core::store::control::{ControlStore, CredentialRow, Grant, TenantRow, TenantSettings, TokenDigest};
use scim_core::store::{ResourceId, Store, StoreErrorKind, TenantId};

use crate::common::*;

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

#[tokio::test]
async fn tenants_are_made_changed_and_deleted_with_all_that_is_theirs() {
    let home = Home::new().await;
    let store = &home.store;
    let mut row = tenant_row("acme");
    assert!(store.create_tenant(&row).await.unwrap());
    assert!(!store.create_tenant(&row).await.unwrap());
    row.disabled = true;
    assert!(store.update_tenant(&row).await.unwrap());
    assert!(!store.update_tenant(&tenant_row("nobody")).await.unwrap());
    assert_eq!(store.tenant(&tenant()).await.unwrap(), Some(row.clone()));
    assert!(store.create_tenant(&tenant_row("zeta")).await.unwrap());
    assert_eq!(store.tenants().await.unwrap(), [row, tenant_row("zeta")]);

    let batch = (0..1_200).map(|n| create("User", &format!("u{n}"), &user(&format!("n{n}")))).collect();
    for outcome in store.commit(&scope(), batch).await {
        outcome.unwrap();
    }
    commit(store, create("Group", "g1", &group("all"))).await.unwrap();
    commit(store, members("add", "g1", &["u1", "u2"])).await.unwrap();
    store.create_credential(&credential("ci", 1, 10)).await.unwrap();
    let db = rusqlite::Connection::open(home.dir.path().join("scim.db")).unwrap();
    // Unique in the whole server: of this tenant, and of another.
    db.execute_batch(
        "INSERT INTO shelf (tenant, kind, attr) VALUES ('', '', 'seat');
         INSERT INTO claim SELECT max(number), '1A', (SELECT max(seq) FROM resource) FROM shelf;
         INSERT INTO claim SELECT max(number), '1B', -1 FROM shelf;",
    )
    .unwrap();
    assert!(store.delete_tenant(&tenant()).await.unwrap());
    assert!(!store.delete_tenant(&tenant()).await.unwrap());
    assert!(store.credential(&TokenDigest([1; 32])).await.unwrap().is_none());
    assert_eq!(db.execute("DELETE FROM claim WHERE token = '1B' AND seq = -1", []).unwrap(), 1);
    assert_eq!(db.execute("DELETE FROM shelf WHERE tenant = ''", []).unwrap(), 1);
    for table in
        ["resource", "bundle", "link", "term", "claim", "secret", "change", "indexed", "shelf", "search", "credential"]
    {
        let left: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    // One of the same name begins with nothing.
    assert!(store.create_tenant(&tenant_row("acme")).await.unwrap());
    store.prepare(&tenant(), registry().types()).await.unwrap();
    commit(store, create("User", "u1", &user("n1"))).await.unwrap();
    let page = store.query(&scope(), &query("User", Some("userName eq \"n1\""))).await.unwrap().unwrap();
    assert_eq!(ids(&page), ["u1"]);
}

#[tokio::test]
async fn credentials_are_found_by_digest_rotated_and_revoked() {
    let home = Home::new().await;
    let store = &home.store;
    let error = store.create_credential(&credential("ci", 1, 10)).await.unwrap_err();
    assert!(matches!(error.kind, StoreErrorKind::NotFound), "{error}");
    store.create_tenant(&tenant_row("acme")).await.unwrap();
    for row in [credential("ci", 1, 10), credential("ci", 2, 20), credential("hr", 3, 15)] {
        store.create_credential(&row).await.unwrap();
    }
    let found = store.credential(&TokenDigest([2; 32])).await.unwrap().unwrap();
    assert_eq!(*found, Grant { credential: credential("ci", 2, 20), tenant: tenant_row("acme") });
    assert!(store.credential(&TokenDigest([9; 32])).await.unwrap().is_none());

    let end = Timestamp::from_millis(99);
    assert_eq!(store.expire(&tenant(), "ci", end).await.unwrap(), 2);
    assert_eq!(store.expire(&tenant(), "ci", Timestamp::from_millis(120)).await.unwrap(), 0, "those end earlier");
    store.touch(&[(TokenDigest([1; 32]), Timestamp::from_millis(50))]).await.unwrap();
    store.touch(&[(TokenDigest([1; 32]), Timestamp::from_millis(40))]).await.unwrap();
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
async fn notes_are_kept() {
    let home = Home::new().await;
    let store = &home.store;
    assert_eq!(store.note("key").await.unwrap(), None);
    assert_eq!(store.set_note("key", b"one", true).await.unwrap(), b"one");
    assert_eq!(store.set_note("key", b"two", true).await.unwrap(), b"one");
    assert_eq!(store.set_note("key", b"two", false).await.unwrap(), b"two");
    assert_eq!(store.note("key").await.unwrap(), Some(b"two".to_vec()));
}

#[tokio::test]
async fn what_clients_call_resources_is_kept_for_each_of_them() {
    let home = Home::new().await;
    let Home { store, dir: _dir } = home;
    let kept = Arc::new(store).external_ids().unwrap();
    external_ids(&*kept).await.unwrap();
}
