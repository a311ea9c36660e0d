//! What a request has read of entries already: their names, so that who refers to them is found without asking for the names again.
//! It holds for the request that read it, for a moment, and until something is written.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::HashMap;
use scim_core::store::ResourceId;

use crate::directory::Call;
use crate::ldap::Dn;

/// A request whose next step takes longer asks anew.
const MOMENT: Duration = Duration::from_secs(1);
/// Requests under way at a time that are remembered.
const REQUESTS: usize = 64;
/// Entries, and groups of them, that are remembered of one request.
const MOST: usize = 4_096;

/// What was seen of an entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// Its name.
    pub(super) dn: Dn,
    /// Its user name, where others refer to it by that.
    pub(super) user_name: Option<String>,
    /// The groups that it says it is in; None where it says only a part of them.
    pub(super) groups: Option<Vec<Dn>>,
    /// What its primary group is known by, where it has one.
    pub(super) primary: Option<Bytes>,
}

#[derive(Debug)]
struct Noted {
    who: Option<Arc<str>>,
    request: Arc<str>,
    at: Instant,
    size: usize,
    seen: HashMap<ResourceId, Seen>,
}

impl Noted {
    /// All steps of a request have the same name of it, in the same place, which is not given to another while it stands here.
    fn is_of(&self, request: &Arc<str>, call: &Call) -> bool {
        Arc::ptr_eq(&self.request, request) && self.who == call.who
    }
}

/// What requests under way have seen.
#[derive(Debug, Default)]
pub(super) struct Recent {
    noted: Mutex<VecDeque<Noted>>,
}

impl Recent {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what this call saw.
    pub(super) fn note(&self, call: &Call, now: Instant, seen: impl IntoIterator<Item = (ResourceId, Seen)>) {
        let Some(request) = call.request.clone() else { return };
        let mut noted = self.lock();
        // They stand in the order in which they came: whoever asks is among the last, whoever is old among the first.
        let is_old = |one: &Noted| now.duration_since(one.at) >= MOMENT;
        let mut at = noted.iter().rposition(|one| one.is_of(&request, call));
        at = at.filter(|at| !noted.get(*at).is_some_and(is_old));
        if at.is_none() {
            while noted.len() >= REQUESTS || noted.front().is_some_and(is_old) {
                noted.pop_front();
            }
            at = Some(noted.len());
            noted.push_back(Noted { who: call.who.clone(), request, at: now, size: 0, seen: HashMap::default() });
        }
        let Some(own) = at.and_then(|at| noted.get_mut(at)) else { return };
        for (id, seen) in seen {
            own.size += 1 + seen.groups.as_ref().map_or(0, Vec::len);
            if own.size > MOST {
                return;
            }
            own.seen.insert(id, seen);
        }
    }

    /// What this call saw of these entries; None where it did not see them all.
    pub(super) fn of(&self, call: &Call, now: Instant, ids: &[ResourceId]) -> Option<Vec<(ResourceId, Seen)>> {
        let request = call.request.as_ref()?;
        let noted = self.lock();
        let own = noted.iter().rev().find(|one| one.is_of(request, call))?;
        if now.duration_since(own.at) >= MOMENT {
            return None;
        }
        ids.iter().map(|id| Some((id.clone(), own.seen.get(id)?.clone()))).collect()
    }

    /// Something is about to be written: names may move.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_remembers_what_it_saw_itself_and_no_more() {
        let call = |who: &str, request: &Arc<str>| Call {
            who: Some(who.into()),
            request: Some(request.clone()),
            ..Call::default()
        };
        let [one, two, three] = ["1", "2", "3"].map(Arc::<str>::from);
        let seen = |n: usize| Seen {
            dn: Dn::parse(&format!("uid=u{n},dc=x")).unwrap(),
            user_name: None,
            groups: Some(Vec::new()),
            primary: None,
        };
        let id = |n: usize| ResourceId::new(&n.to_string());
        let (recent, now) = (Recent::default(), Instant::now());
        recent.note(&call("acme/a", &one), now, (0..3).map(|n| (id(n), seen(n))));
        assert_eq!(
            recent.of(&call("acme/a", &one), now, &[id(2), id(0)]),
            Some(vec![(id(2), seen(2)), (id(0), seen(0))])
        );
        assert_eq!(recent.of(&call("acme/a", &one), now, &[id(2), id(3)]), None, "not all of them");
        assert_eq!(recent.of(&call("acme/a", &two), now, &[id(2)]), None, "another request");
        assert_eq!(recent.of(&call("acme/b", &one), now, &[id(2)]), None, "another's");
        assert_eq!(recent.of(&Call::default(), now, &[id(2)]), None);
        assert_eq!(recent.of(&call("acme/a", &one), now + MOMENT, &[id(2)]), None, "a moment later");
        let later = now + MOMENT;
        recent.note(&call("acme/a", &one), later, [(id(2), seen(2))]);
        assert_eq!(recent.of(&call("acme/a", &one), later, &[id(2)]), Some(vec![(id(2), seen(2))]), "seen again");
        assert_eq!(recent.of(&call("acme/a", &one), later, &[id(0)]), None, "that was a moment ago");
        recent.note(&call("acme/a", &three), now, (0..2 * MOST).map(|n| (id(n), seen(n))));
        assert_eq!(recent.of(&call("acme/a", &three), now, &[id(2 * MOST - 1)]), None, "no more than so many");
        recent.forget();
        assert_eq!(recent.of(&call("acme/a", &one), now, &[id(2)]), None, "something was written");
    }
}
