//! TLS to the database: who vouches for it, and for which name.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::path::{Path, PathBuf};

use backend_postgres::{Options, PostgresStore};
use conformance_tests::servers::postgres::{Care, Postgres};
use scim_core::store::Store;

fn options(server: &Postgres, mode: &str, ca: Option<&Path>) -> Options {
    let url = format!("{}{mode}", server.url());
    Options { ca: ca.map(PathBuf::from), allow_unsafe: true, ..Options::new(url) }
}

/// It opens and answers.
async fn opens(server: &Postgres, mode: &str, ca: Option<&Path>) {
    let store = PostgresStore::open(options(server, mode, ca)).await.unwrap();
    store.health().await.unwrap();
}

/// It does not open, and the sentence says these words.
async fn refuses(server: &Postgres, mode: &str, ca: Option<&Path>, words: &[&str]) {
    let error = PostgresStore::open(options(server, mode, ca)).await.unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in {error:?}");
    }
}

fn file(folder: &Path, name: &str, pem: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, pem).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_is_vouched_for_under_its_name_is_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    let (server, own) = Postgres::start_with_tls(Care::Fast, &["localhost", "127.0.0.1"]).unwrap();
    let (elsewhere, other) = Postgres::start_with_tls(Care::Fast, &["db.example.com"]).unwrap();
    let (own, other) =
        (file(folder.path(), "own.pem", &own.authority_pem), file(folder.path(), "other.pem", &other.authority_pem));
    for mode in ["?sslmode=require", "?sslmode=verify-full", "?sslmode=verify-ca"] {
        opens(&server, mode, Some(&own)).await;
        refuses(&server, mode, Some(&other), &["not trusted", "store.postgres.ca"]).await;
        refuses(&server, mode, None, &["not trusted", "store.postgres.ca"]).await;
        refuses(&elsewhere, mode, Some(&other), &["another name", "store.postgres.url"]).await;
    }
    // Named, an authority means that the server is to be verified by it, wherever it is; in clear only where that is said.
    opens(&server, "?sslmode=disable", Some(&other)).await;
    opens(&server, "", None).await;
    let plain = Postgres::shared().unwrap();
    refuses(plain, "?sslmode=require", Some(&own), &["store.postgres.url"]).await;
}
