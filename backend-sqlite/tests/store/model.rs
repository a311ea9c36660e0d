//! Random histories and random lists: the store and the reference store are not to be told apart.

use conformance_tests::alike;

use crate::common::Home;

async fn history(seed: u64, indexed: &[&str], search_from: u32, steps: usize) {
    let home = Home::with(|options| {
        options.indexed = indexed.iter().map(ToString::to_string).collect();
        options.substring = vec!["title".into()];
        options.search_from = search_from;
    })
    .await;
    alike::history(seed, steps, &[&home.store]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_leave_the_same_as_in_the_reference_store() {
    for seed in 1..=6 {
        history(seed * 7_919, &["title", "active", "userType", "department"], 20, 400).await;
    }
    history(42, &[], 1_000, 400).await;
}
