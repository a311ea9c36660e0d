//! The tight limits under which some cases run: small enough that reaching them is quick.

use scim_core::limits::Limits;

/// What a harness with [`Ability::Tight`](crate::Ability::Tight) starts its second server with.
pub fn tight() -> Limits {
    Limits {
        body: 16_000,
        page: 2,
        page_max: 3,
        scan_max: 8,
        cursor_time: 5,
        bulk_operations: 3,
        bulk_body: 4_000,
        patch_members: 4,
        inline_links: 3,
        json_depth: 8,
        filter: 400,
        filter_depth: 4,
        filter_terms: 6,
        ..Limits::default()
    }
}
