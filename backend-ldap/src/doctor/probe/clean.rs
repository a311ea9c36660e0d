//! What a probe leaves behind: nothing, or a list.

use std::time::Duration;

use crate::directory::{Call, Directory};
use crate::ldap::{Code, Filter, LdapError, Operation, Reach, Search};
use crate::mapping::Mapping;

use super::super::report::Finding;
use super::hand::{Hand, Taken};
use super::made::PREFIX;

/// A directory that was lost may come back: so often is it asked again for all of them, and after so long.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);
/// So many are named.
const NAMED: u32 = 20;

impl Hand<'_> {
    /// Removes everything that stands under a name that was taken: the group first, so that nobody has to see to its members.
    pub(super) async fn clean(&mut self) -> Option<Finding> {
        if self.taken.is_empty() {
            return None;
        }
        let (mut left, mut tries) = (Vec::new(), TRIES);
        while let Some(one) = self.taken.pop() {
            if let Err(error) = self.remove(&one, &mut tries).await {
                left.push(format!("{} ({error})", one.dn));
            }
        }
        if left.is_empty() {
            return Some(Finding::good("probe: nothing of it is left in the directory"));
        }
        Some(Finding::problem(
            format!(
                "probe: these entries may be left in the directory, as they could not be removed: {}",
                left.join("; ")
            ),
            "remove them by hand, as an account that may: ldapdelete, or the directory's own tools",
        ))
    }

    async fn remove(&self, Taken { dn, open }: &Taken, tries: &mut u32) -> Result<(), LdapError> {
        loop {
            let removed = match self.is_there(dn).await {
                Ok(false) if !open => return Ok(()),
                Ok(_) => self.directory.perform(&self.call(), &Operation::Delete { target: dn.into() }.into()).await,
                Err(error) => Err(error),
            };
            match removed {
                Ok(_) => return Ok(()),
                Err(error) if error.code() == Some(Code::NO_SUCH_OBJECT) => return Ok(()),
                Err(error) if *tries > 0 && (error.is_lost() || matches!(error, LdapError::Uncertain(_))) => {
                    *tries -= 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What stands below the base of a type from earlier probes.
///
/// # Errors
/// The directory cannot be reached.
pub(super) async fn left_over(
    directory: &Directory,
    call: &Call,
    mapping: &Mapping,
) -> Result<Option<Finding>, LdapError> {
    let place = &mapping.place;
    let search = Search::new(&place.base, Reach::Tree, Filter::starts(place.rdn.clone(), PREFIX), Vec::new());
    let found = match directory.walk(call, search, NAMED).next().await {
        Ok(found) => found.unwrap_or_default(),
        // What cannot be looked for that way tells nothing.
        Err(LdapError::Refused(result)) if !result.code.is_down() => Vec::new(),
        Err(error) => return Err(error),
    };
    let names = found.iter().map(|entry| entry.dn.to_string()).collect::<Vec<_>>().join("; ");
    Ok((!found.is_empty()).then(|| {
        Finding::warning(
            format!("probe: left over from an earlier probe: {names}"),
            "remove them by hand, unless another probe runs now",
        )
    }))
}
