//! What CONTRIBUTING.md promises of the minimal store.

const GUIDE: &str = include_str!("../../CONTRIBUTING.md");
const MINIMAL: &str = include_str!("minimal_store.rs");

#[test]
fn the_minimal_store_is_short_and_the_guide_leads_to_it() {
    assert!(GUIDE.contains("conformance-tests/tests/minimal_store.rs"));
    assert!(MINIMAL.lines().count() < 250, "{} lines", MINIMAL.lines().count());
}

#[test]
fn the_minimal_store_implements_the_required_methods_only() {
    let provided = ["fn prepare", "fn pushdown", "fn query", "fn holders", "fn secret", "fn health", "fn change_log"];
    assert!(provided.iter().all(|method| !MINIMAL.contains(method)));
    assert!(["fn capabilities", "fn read", "fn scan", "fn commit"].iter().all(|method| MINIMAL.contains(method)));
}
