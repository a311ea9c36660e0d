//! Numbers for whoever watches over the gateway: what the directory was asked, and how answers were come by.

use std::sync::atomic::{AtomicU64, Ordering};

use scim_core::store::{Labels, Metric};

use super::Inner;

/// How the ids of a list were come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListFrom {
    /// They were kept from a page before.
    Kept,
    /// Somebody else walked just then.
    Shared,
    /// The directory was walked.
    Walked,
}

/// How references were made into resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MembersBy {
    /// The directory resolved them as it sent them.
    Deref,
    /// By `entryDN`, a hundred at a time.
    EntryDn,
    /// Each by a read of its own.
    Reads,
    /// They stand there by user name.
    UserName,
    /// They do not stand there: it is their primary group.
    PrimaryGroup,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    lists: [AtomicU64; 3],
    members: [AtomicU64; 5],
    candidates: AtomicU64,
    results: AtomicU64,
}

fn add(counter: Option<&AtomicU64>, count: usize) {
    if let Some(counter) = counter {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Counts {
    pub(super) fn list(&self, from: ListFrom) {
        add(self.lists.get(from as usize), 1);
    }

    pub(super) fn members(&self, by: MembersBy, count: usize) {
        add(self.members.get(by as usize), count);
    }

    /// A filter found so many entries, of which so many were meant.
    pub(super) fn looked_up(&self, candidates: usize, results: usize) {
        add(Some(&self.candidates), candidates);
        add(Some(&self.results), results);
    }
}

impl Inner {
    /// All numbers.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let one = |value: f64| vec![(Labels::new(), value)];
        let by = |label: &'static str, names: &[&str], counters: &[AtomicU64]| {
            let all = names.iter().zip(counters);
            all.map(|(name, counter)| (vec![(label, (*name).to_owned())], get(counter))).collect::<Vec<_>>()
        };
        let (numbers, counts) = (self.directory.numbers(), &self.counts);
        let operations = numbers.operations().into_iter().map(|((name, ended), count)| {
            (vec![("operation", name.to_owned()), ("result", ended.to_owned())], count as f64)
        });
        let (waits, waited) = numbers.waits();
        let states = self.directory.states();
        let of_server = |value: fn(&(crate::directory::Address, bool, usize)) -> f64| {
            states.iter().map(|state| (vec![("server", state.0.to_string())], value(state))).collect::<Vec<_>>()
        };
        let lists = by("from", &["kept", "shared", "walked"], &counts.lists);
        let members = by("by", &["deref", "entry_dn", "reads", "user_name", "primary_group"], &counts.members);
        vec![
            Metric::counter("scim_ldap_operations_total", "Operations that ended.", operations.collect()),
            Metric::counter("scim_ldap_connection_waits_total", "Connections asked for.", one(waits as f64)),
            Metric::counter(
                "scim_ldap_connection_wait_seconds_total",
                "Time until they were had.",
                one(waited.as_secs_f64()),
            ),
            Metric::gauge(
                "scim_ldap_server_up",
                "Is the server asked?",
                of_server(|(_, up, _)| f64::from(u8::from(*up))),
            ),
            Metric::gauge(
                "scim_ldap_leases",
                "Connections lent to walks and transactions.",
                of_server(|(.., lent)| *lent as f64),
            ),
            Metric::counter(
                "scim_ldap_server_losses_total",
                "Connections and servers lost.",
                one(self.directory.losses() as f64),
            ),
            Metric::counter("scim_ldap_pages_total", "Pages of walks.", one(numbers.pages() as f64)),
            Metric::counter("scim_ldap_lists_total", "Lists, by where their ids came from.", lists),
            Metric::counter(
                "scim_ldap_lookup_candidates_total",
                "Entries that a narrow filter found.",
                one(get(&counts.candidates)),
            ),
            Metric::counter(
                "scim_ldap_lookup_results_total",
                "Those of them that were meant.",
                one(get(&counts.results)),
            ),
            Metric::counter("scim_ldap_members_total", "References made into resources, by how.", members),
            Metric::gauge(
                "scim_ldap_paused_tenants",
                "Tenants whose writes a brake has paused.",
                one(self.brakes.paused() as f64),
            ),
        ]
    }
}
