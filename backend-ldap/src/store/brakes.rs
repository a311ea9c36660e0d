//! What stops a client that has gone wrong before it has emptied a directory: so much may be lost in a window of time, and
//! then nothing more is lost until the window is over.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use scim_core::error::ScimError;
use scim_core::store::{Result, TenantId};

use crate::settings::Brakes as Settings;

use super::result::rejected;

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Loss {
    Deletes,
    Deactivations,
    Removals,
}

/// What was lost when, and how much of it.
type Lost = VecDeque<(Instant, usize)>;

/// What each tenant has lost of late.
#[derive(Debug)]
pub(super) struct Brakes {
    settings: Settings,
    lost: Mutex<HashMap<(TenantId, Loss), Lost>>,
}

impl Brakes {
    pub(super) fn new(settings: Settings) -> Self {
        Brakes { settings, lost: Mutex::default() }
    }

    /// Lets so much pass, or says that it was enough.
    pub(super) fn pass(&self, tenant: &TenantId, loss: Loss, count: usize) -> Result<()> {
        self.pass_at(tenant, loss, count, Instant::now())
    }

    fn pass_at(&self, tenant: &TenantId, loss: Loss, count: usize, now: Instant) -> Result<()> {
        let (most, name) = match loss {
            Loss::Deletes => (self.settings.deletes, "deletes"),
            Loss::Deactivations => (self.settings.deactivations, "deactivations"),
            Loss::Removals => (self.settings.removals, "removals"),
        };
        let mut all = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = all.entry((tenant.clone(), loss)).or_default();
        while lost.front().is_some_and(|(at, _)| now.duration_since(*at) >= self.settings.window) {
            lost.pop_front();
        }
        let sum: usize = lost.iter().map(|(_, count)| count).sum();
        if sum.saturating_add(count) > most as usize {
            let wait = lost
                .front()
                .map_or(self.settings.window, |(at, _)| self.settings.window.saturating_sub(now.duration_since(*at)));
            tracing::error!(%tenant, "the brake store.ldap.brakes.{name} = {most} has stopped a write");
            return Err(rejected(ScimError::unavailable(
                format!(
                    "the brake on {name} has stopped this: {most} in {} s are allowed",
                    self.settings.window.as_secs()
                ),
                wait,
            )));
        }
        lost.push_back((now, count));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_much_may_be_lost_in_a_window_and_no_more() {
        let window = Duration::from_secs(60);
        let brakes = Brakes::new(Settings { window, deletes: 2, deactivations: 1, removals: 10 });
        let (acme, other) = (TenantId::new("acme"), TenantId::new("other"));
        let start = Instant::now();
        let pass = |tenant: &TenantId, loss, count, after: u64| {
            brakes.pass_at(tenant, loss, count, start + Duration::from_secs(after)).is_ok()
        };
        assert!(pass(&acme, Loss::Deletes, 1, 0) && pass(&acme, Loss::Deletes, 1, 30));
        assert!(!pass(&acme, Loss::Deletes, 1, 59));
        assert!(pass(&other, Loss::Deletes, 1, 59) && pass(&acme, Loss::Deactivations, 1, 59));
        assert!(pass(&acme, Loss::Deletes, 1, 60), "the first is forgotten");
        assert!(!pass(&acme, Loss::Removals, 11, 0));
    }
}
