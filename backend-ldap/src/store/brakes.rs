//! What stops a client that has gone wrong before it has emptied a directory: so much may be lost in a window of time, and then
//! nothing is written any more until an operator lets writes go on.
//!
//! That a tenant is paused stands in the control store: other nodes see it, a server that starts anew too, and a command beside
//! the server ends it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use scim_core::error::ScimError;
use scim_core::store::control::{ControlStore, pause_note};
use scim_core::store::{ResourceId, Result, TenantId};

use crate::settings::Brakes as Settings;

use super::result::rejected;

/// What others have paused is seen no later than this.
const LOOK: Duration = Duration::from_secs(1);
/// When a client that was stopped may ask again.
const COME_BACK: Duration = Duration::from_secs(60);

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Loss {
    Deletes,
    Deactivations,
    Removals,
}

/// What was lost when, and how much of it.
type Lost = VecDeque<(Instant, usize)>;

/// Members that may leave a group before it matters how many it has: small groups change as a whole, and to count is to read them.
const FREE: usize = 10;

/// The members that one group has lost.
#[derive(Debug, Default)]
struct Shrinking {
    lost: Lost,
    /// How many it had, since when that counts.
    size: Option<(Instant, usize)>,
}

/// Drops what was lost before the window, and says how much that leaves.
fn recent(lost: &mut Lost, window: Duration, now: Instant) -> usize {
    while lost.front().is_some_and(|(at, _)| now.duration_since(*at) >= window) {
        lost.pop_front();
    }
    lost.iter().map(|(_, count)| count).sum()
}

/// What is known of one tenant.
#[derive(Debug, Default)]
struct State {
    lost: HashMap<Loss, Lost>,
    groups: HashMap<ResourceId, Shrinking>,
    /// Why its writes are paused, while they are.
    paused: Option<String>,
    /// The pause could not be written down yet.
    unsaved: bool,
    /// When the control store was last asked.
    looked: Option<Instant>,
    /// How often writes were paused here.
    pauses: u64,
}

impl State {
    /// Takes what the control store says, which was asked when writes had been paused so often: have they been let go on?
    ///
    /// # Errors
    /// They are paused: why.
    fn look(&mut self, noted: Option<String>, pauses: u64) -> std::result::Result<bool, String> {
        match (noted, &self.paused) {
            (Some(why), _) => {
                self.paused = Some(why.clone());
                Err(why)
            }
            // This pause came while it was asked, and is not what was let go on.
            (None, Some(why)) if self.unsaved || self.pauses != pauses => Err(why.clone()),
            (None, Some(_)) => {
                *self = State { looked: self.looked, pauses, ..State::default() };
                Ok(true)
            }
            (None, None) => Ok(false),
        }
    }
}

/// What each tenant has lost of late, and whose writes are paused.
#[derive(Debug)]
pub(super) struct Brakes {
    settings: Settings,
    control: OnceLock<Arc<dyn ControlStore>>,
    tenants: Mutex<HashMap<TenantId, State>>,
}

impl Brakes {
    pub(super) fn new(settings: Settings) -> Self {
        Brakes { settings, control: OnceLock::new(), tenants: Mutex::default() }
    }

    /// Where it is written down who is paused. Said once.
    pub(super) fn keep_in(&self, control: Arc<dyn ControlStore>) {
        let _ = self.control.set(control);
    }

    /// What part of the resources of a type may be lost in a window, in percent; None: any.
    pub(super) fn share(&self) -> Option<u32> {
        (self.settings.share > 0).then_some(self.settings.share)
    }

    /// How many tenants are paused, as far as it is known here.
    pub(super) fn paused(&self) -> usize {
        self.lock().values().filter(|state| state.paused.is_some()).count()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, State>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May this tenant write at all? Asked before every write.
    ///
    /// # Errors
    /// Its writes are paused.
    pub(super) async fn check(&self, tenant: &TenantId) -> Result<()> {
        let now = Instant::now();
        let (paused, unsaved, due, pauses) = {
            let all = self.lock();
            let state = all.get(tenant);
            let fresh = |state: &State| state.looked.is_some_and(|at| now.duration_since(at) < LOOK);
            (
                state.and_then(|state| state.paused.clone()),
                state.is_some_and(|state| state.unsaved),
                !state.is_some_and(fresh),
                state.map_or(0, |state| state.pauses),
            )
        };
        match (paused, self.control.get()) {
            (None, _) if !due => Ok(()),
            (None, None) => Ok(()),
            (Some(why), None) => Err(refused(&why)),
            (Some(why), Some(control)) if unsaved => {
                self.save(tenant, control, &why).await;
                Err(refused(&why))
            }
            (paused, Some(control)) => {
                let noted = control.note(&pause_note(tenant)).await;
                let noted = noted.map(|note| note.filter(|note| !note.is_empty()));
                let mut all = self.lock();
                let state = all.entry(tenant.clone()).or_default();
                state.looked = Some(now);
                match (noted, paused) {
                    (Ok(noted), _) => {
                        let noted = noted.map(|why| String::from_utf8_lossy(&why).into_owned());
                        if state.look(noted, pauses).map_err(|why| refused(&why))? {
                            tracing::info!(%tenant, "an operator lets writes go on");
                        }
                        Ok(())
                    }
                    (Err(error), Some(why)) => {
                        tracing::warn!(%tenant, %error, "whether writes may go on could not be read");
                        Err(refused(&why))
                    }
                    // Who is nobody's credential got no further than this store anyway.
                    (Err(error), None) => Err(error),
                }
            }
        }
    }

    /// Lets so much pass, or pauses the tenant. `size`: how many resources of the type there are, where a share of them counts.
    ///
    /// # Errors
    /// It was enough.
    pub(super) async fn pass(&self, tenant: &TenantId, loss: Loss, count: usize, size: Option<usize>) -> Result<()> {
        match self.pass_at(tenant, loss, count, size, Instant::now()) {
            Ok(()) => Ok(()),
            Err(why) => self.stop(tenant, why).await,
        }
    }

    /// Must it be known how many members this group has, before so many more leave it?
    pub(super) fn wants_size(&self, tenant: &TenantId, group: &ResourceId, count: usize) -> bool {
        self.settings.removals_share > 0 && self.is_open(tenant, group, count, Instant::now())
    }

    fn is_open(&self, tenant: &TenantId, group: &ResourceId, count: usize, now: Instant) -> bool {
        let (mut all, window) = (self.lock(), self.settings.window);
        let own = all.get_mut(tenant).and_then(|state| state.groups.get_mut(group));
        let counted = |own: &mut Shrinking| {
            let known = own.size.is_some_and(|(at, _)| now.duration_since(at) < window);
            (recent(&mut own.lost, window, now), known)
        };
        let (lost, known) = own.map_or((0, false), counted);
        !known && lost.saturating_add(count) > FREE
    }

    /// Lets so many members leave a group, or pauses the tenant. `size`: how many it has, where that was wanted.
    ///
    /// # Errors
    /// It was enough.
    pub(super) async fn pass_members(
        &self,
        tenant: &TenantId,
        group: &ResourceId,
        count: usize,
        size: Option<usize>,
    ) -> Result<()> {
        if self.settings.removals_share == 0 {
            return Ok(());
        }
        match self.pass_members_at(tenant, group, count, size, Instant::now()) {
            Ok(()) => Ok(()),
            Err(why) => self.stop(tenant, why).await,
        }
    }

    fn pass_members_at(
        &self,
        tenant: &TenantId,
        group: &ResourceId,
        count: usize,
        size: Option<usize>,
        now: Instant,
    ) -> std::result::Result<(), String> {
        let Settings { window, removals_share: share, .. } = self.settings;
        let mut all = self.lock();
        let state = all.entry(tenant.clone()).or_default();
        // No more groups are remembered than lost somebody of late.
        state.groups.retain(|_, own| recent(&mut own.lost, window, now) > 0);
        let own = state.groups.entry(group.clone()).or_default();
        let lost = recent(&mut own.lost, window, now);
        own.size = own.size.filter(|(at, _)| now.duration_since(*at) < window);
        // Those who left already were members, too.
        own.size = size.map(|size| (now, size.saturating_add(lost))).or(own.size);
        let had = own.size.map_or(usize::MAX, |(_, had)| had);
        let most = (had.saturating_mul(share as usize) / 100).max(FREE);
        if lost.saturating_add(count) > most {
            let why = format!(
                "the brake on removals: {most} of the {had} members of a group in {} s are allowed",
                window.as_secs()
            );
            return Err(self.pause(state, why));
        }
        own.lost.push_back((now, count));
        Ok(())
    }

    /// Notes that a tenant is paused, and gives back why.
    fn pause(&self, state: &mut State, why: String) -> String {
        state.paused = Some(why.clone());
        state.pauses += 1;
        state.unsaved = self.control.get().is_some();
        why
    }

    /// Tells everybody that a tenant is paused.
    async fn stop(&self, tenant: &TenantId, why: String) -> Result<()> {
        tracing::error!(%tenant, %why, "a brake of store.ldap.brakes has paused all writes; `scim-server tenant release` lets them go on");
        if let Some(control) = self.control.get() {
            self.save(tenant, control, &why).await;
        }
        Err(refused(&why))
    }

    /// Writes a pause down.
    async fn save(&self, tenant: &TenantId, control: &Arc<dyn ControlStore>, why: &str) {
        let saved = control.set_note(&pause_note(tenant), why.as_bytes(), false).await;
        if let Err(error) = &saved {
            tracing::error!(%tenant, %error, "that writes are paused could not be written down: other nodes do not see it");
        }
        self.lock().entry(tenant.clone()).or_default().unsaved = saved.is_err();
    }

    fn pass_at(
        &self,
        tenant: &TenantId,
        loss: Loss,
        count: usize,
        size: Option<usize>,
        now: Instant,
    ) -> std::result::Result<(), String> {
        let (most, name) = match loss {
            Loss::Deletes => (self.settings.deletes, "deletes"),
            Loss::Deactivations => (self.settings.deactivations, "deactivations"),
            Loss::Removals => (self.settings.removals, "removals"),
        };
        let shared = size.zip(self.share()).map(|(size, share)| (size * share as usize / 100).max(1));
        let most = shared.unwrap_or(usize::MAX).min(most as usize);
        let mut all = self.lock();
        let state = all.entry(tenant.clone()).or_default();
        let lost = state.lost.entry(loss).or_default();
        let sum = recent(lost, self.settings.window, now);
        if sum.saturating_add(count) > most {
            let why = format!("the brake on {name}: {most} in {} s are allowed", self.settings.window.as_secs());
            return Err(self.pause(state, why));
        }
        lost.push_back((now, count));
        Ok(())
    }
}

fn refused(why: &str) -> scim_core::store::StoreError {
    let told = format!("writing is paused by {why}; an operator has to let it go on");
    rejected(ScimError::unavailable(told, COME_BACK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_comes_while_another_is_let_go_stays() {
        let brakes = Brakes::new(Settings { deletes: 0, ..Settings::default() });
        let acme = TenantId::new("acme");
        let pause = || assert!(brakes.pass_at(&acme, Loss::Deletes, 1, None, Instant::now()).is_err());
        let pauses = || brakes.lock().get(&acme).map_or(0, |state| state.pauses);
        let look =
            |noted: Option<&str>, pauses| brakes.lock().get_mut(&acme).unwrap().look(noted.map(str::to_owned), pauses);
        pause();
        let before = pauses();
        pause();
        assert!(look(None, before).is_err(), "the second was not there when it was asked");
        assert_eq!(look(None, pauses()), Ok(true));
        assert_eq!((look(None, pauses()), brakes.paused()), (Ok(false), 0));
        assert_eq!(look(Some("of another node"), pauses()), Err("of another node".to_owned()));
        assert_eq!(brakes.paused(), 1);
    }

    #[tokio::test]
    async fn so_much_may_be_lost_in_a_window_and_then_nothing_is_written() {
        let window = Duration::from_secs(60);
        let settings = Settings { window, deletes: 2, deactivations: 1, removals: 10, ..Settings::default() };
        let brakes = Brakes::new(settings.clone());
        let (acme, other) = (TenantId::new("acme"), TenantId::new("other"));
        let start = Instant::now();
        let pass = |tenant: &TenantId, loss, count, after: u64| {
            brakes.pass_at(tenant, loss, count, None, start + Duration::from_secs(after)).is_ok()
        };
        assert!(pass(&acme, Loss::Deletes, 1, 0) && pass(&acme, Loss::Deletes, 1, 30));
        assert!(pass(&acme, Loss::Deletes, 1, 60), "the first is forgotten");
        assert!(brakes.check(&acme).await.is_ok());
        assert!(!pass(&acme, Loss::Deletes, 1, 61));
        assert!(brakes.check(&acme).await.is_err(), "and nothing else is written either");
        assert!(pass(&other, Loss::Deletes, 1, 61) && brakes.check(&other).await.is_ok());
        assert!(!pass(&other, Loss::Removals, 11, 0));

        let brakes = Brakes::new(Settings { share: 5, deletes: 100, ..settings });
        let pass = |size: usize| brakes.pass_at(&acme, Loss::Deletes, 1, Some(size), start).is_ok();
        assert!(pass(40) && pass(40) && !pass(40), "two of forty");
    }

    #[test]
    fn a_share_of_a_group_may_leave_it_in_a_window() {
        let window = Duration::from_secs(60);
        let settings = Settings { window, removals_share: 20, ..Settings::default() };
        let (brakes, acme, start) = (Brakes::new(settings.clone()), TenantId::new("acme"), Instant::now());
        let (large, small) = (ResourceId::new("large"), ResourceId::new("small"));
        let open = |group, count, after| brakes.is_open(&acme, group, count, start + Duration::from_secs(after));
        let pass = |group, count, size, after| {
            brakes.pass_members_at(&acme, group, count, size, start + Duration::from_secs(after)).is_ok()
        };
        assert!(!open(&large, 10, 0) && pass(&large, 10, None, 0), "nobody counts yet");
        assert!(open(&large, 1, 1), "ten have left");
        assert!(pass(&large, 5, Some(90), 1) && !open(&large, 1, 2), "of a hundred, it is known");
        assert!(pass(&large, 5, None, 2) && !pass(&large, 1, None, 3), "twenty of a hundred");
        assert!(pass(&small, 10, Some(11), 3) && !pass(&small, 1, Some(1), 4), "of few, ten");
        assert!(pass(&large, 10, None, 60), "ten of them left a window ago");
        assert!(open(&large, 10, 61), "and how many there are is to be counted again");
        assert!(pass(&large, 5, Some(70), 62) && brakes.lock()[&acme].groups.contains_key(&small));
        assert!(pass(&large, 1, None, 122) && !brakes.lock()[&acme].groups.contains_key(&small), "it is forgotten");
    }
}
