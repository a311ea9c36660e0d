//! Every bound there is, with its default. The names are those of the `[limits]` section of the configuration.

use serde::{Deserialize, Serialize};

/// Bounds on what one request may ask for. Sizes are in bytes, times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request body.
    pub body: usize,
    /// Bytes of one resource as it is kept, without its links (members).
    pub resource: usize,
    /// Bytes of a request target: path and query.
    pub url: usize,
    /// Bytes of all header lines.
    pub header: usize,
    /// Seconds in which the head of a request must arrive.
    pub header_time: u64,
    /// Seconds for a whole request.
    pub request_time: u64,
    /// Seconds that a connection stays open without a request.
    pub keep_alive: u64,
    /// Seconds in which the store must say how it is, or the server is not ready.
    pub health_time: u64,
    /// Seconds that requests in work have when the server stops; then they are cut off.
    pub stop_time: u64,
    /// Nesting of a JSON body.
    pub json_depth: usize,
    /// Keys in one JSON object.
    pub json_keys: usize,
    /// Bytes of one JSON string.
    pub json_string: usize,
    /// Bytes of a filter.
    pub filter: usize,
    /// Nesting of a filter.
    pub filter_depth: usize,
    /// Comparisons in a filter.
    pub filter_terms: usize,
    /// Bytes of a PATCH path.
    pub path: usize,
    /// Operations of a PATCH.
    pub patch_operations: usize,
    /// Link values (members) that one request may name.
    pub patch_members: usize,
    /// Operations of a bulk request.
    pub bulk_operations: usize,
    /// Bytes of a bulk request.
    pub bulk_body: usize,
    /// Resources on a page that named no `count`.
    pub page: u32,
    /// The most resources on a page.
    pub page_max: u32,
    /// Bytes of the resources of a page, their links included. A page of several that takes more is shorter than was asked for.
    pub page_bytes: usize,
    /// Resources that one query may look at where no index answers it.
    pub scan_max: u64,
    /// Link values (members) that the answer to a PATCH shows before it becomes 204.
    pub inline_links: u32,
    /// How often a change that lost a race is resolved again.
    pub retry_max: u32,
    /// Seconds for which a cursor is good.
    pub cursor_time: u64,
    /// Paging walks remembered, so that their next page needs no offset.
    pub walks: usize,
    /// Seconds for which a walk is remembered.
    pub walk_time: u64,
    /// Bytes of a password.
    pub password: usize,
    /// Open connections.
    pub connections: usize,
    /// Requests of one tenant in work at once.
    pub in_work: usize,
    /// Requests of one tenant waiting for their turn.
    pub waiting: usize,
    /// Bytes of large answers that clients of one tenant have not read yet.
    pub unsent: usize,
    /// Requests a second that one tenant may send; 0 for no limit.
    pub rate: u32,
    /// Requests a minute with a wrong credential that one address may send.
    pub auth_failures: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body: 1 << 20,
            resource: 1 << 20,
            url: 8 << 10,
            header: 16 << 10,
            header_time: 5,
            request_time: 30,
            keep_alive: 75,
            health_time: 4,
            stop_time: 20,
            json_depth: 32,
            json_keys: 1_000,
            json_string: 64 << 10,
            filter: 8 << 10,
            filter_depth: 64,
            filter_terms: 256,
            path: 1 << 10,
            patch_operations: 1_000,
            patch_members: 10_000,
            bulk_operations: 1_000,
            bulk_body: 1 << 20,
            page: 100,
            page_max: 1_000,
            page_bytes: 32 << 20,
            scan_max: 1_000_000,
            inline_links: 1_000,
            retry_max: 10,
            cursor_time: 3_600,
            walks: 10_000,
            walk_time: 600,
            password: 1_024,
            connections: 10_000,
            in_work: 64,
            waiting: 2_000,
            unsent: 128 << 20,
            rate: 0,
            auth_failures: 100,
        }
    }
}
